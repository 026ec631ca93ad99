package daemon

import (
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"testing"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/protocol"
)

// turnsFor is how many turns are taken; ILLUMI_TURNS says another number.
const turnsFor = 20

// A box is on for years: whole turns, one after the other, leave neither a
// goroutine nor an open file behind. Not parallel: both are the whole program's.
func TestDaemon_TurnsLeaveNothingBehind(t *testing.T) {
	turns := turnsFor
	if s := os.Getenv("ILLUMI_TURNS"); s != "" {
		var err error
		turns, err = strconv.Atoi(s)
		must(t, err)
	}
	s := newServer(t)
	b := start(t, t.TempDir(), s, func(o *Options) { o.Logger = slog.New(slog.DiscardHandler) }) // else the heap is the log's
	b.online()
	n := 0
	take := func(turns int) {
		for range turns {
			n++
			b.wholeTurn(n)
			if n%100 == 0 {
				t.Logf("after %d turns: %+v", n, b.held())
			}
		}
	}
	take(5) // as many as the box keeps
	before := b.held()
	take(turns)
	var after held
	b.eventually("the same as before", func() bool {
		after = b.held()
		return after.routines <= before.routines && after.files <= before.files
	})
	// The server of the test keeps its list of offers, which is about 1 kB a turn.
	t.Logf("%d turns: %+v, then %+v", turns, before, after)
	b.d.post(b.d.ctx, b.d.tidy) // as each hour
	b.looped()
	if left := b.files("*/*-*"); len(left) > 5 { // the replies that are kept for a week
		t.Errorf("left in the state directory: %v", left)
	}
}

// wholeTurn is one from the offer to the receipt, after which the server closes it.
func (b *box) wholeTurn(n int) {
	b.Helper()
	o := b.server.offer(hopID(n), func(o *protocol.Offer) { o.PhotoAllowed = n%4 == 1 }, whisper(), picture(b))
	b.pull()
	b.record()
	if o.PhotoAllowed {
		b.press(flow.PhotoAsk)
	}
	b.press(flow.Review)
	b.phase(flow.Sent)
	b.phase(flow.Idle)
	b.server.do(func() {
		o.State = protocol.OfferAnswered
		b.server.s.offers = append(b.server.s.offers, o)
		clear(b.server.s.uploads)
		b.server.s.replies = nil
	})
	b.pull()
	b.wire.mu.Lock()
	told := b.wire.told
	b.wire.told, b.wire.state = nil, nil
	b.wire.mu.Unlock()
	for _, m := range told {
		b.tell(link.Hint{Kind: link.Acked, Ack: protocol.Ack{ID: m.ID}})
	}
	b.face.mu.Lock()
	b.face.says = nil
	b.face.mu.Unlock()
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
}

// held is what the program holds on to.
type held struct {
	routines, files int
	heap            uint64 // bytes after a collection
}

func (b *box) held() (h held) {
	b.Helper()
	b.looped()
	b.d.o.Client.Close() // connections that wait for the next use
	b.server.CloseClientConnections()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	list, err := os.ReadDir("/proc/self/fd")
	must(b, err)
	return held{runtime.NumGoroutine(), len(list), m.HeapAlloc}
}
