package daemon

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
)

// cut is everything at the moment of a power cut.
type cut struct {
	when   string
	dir    string
	server serverState
	state  flow.State // after the last whole step
}

// cutsFor is how many of the moments are tried; ILLUMI_CUTS=all tries each.
const cutsFor = 14

// The power is cut before any write to the disk of a whole turn. The box then
// starts in a state that waits, with the red light dark; no take and no reply
// is lost; and the turn is completed, once.
func TestDaemon_PowerCut(t *testing.T) {
	t.Parallel()
	cuts := cutsOfATurn(t)
	if len(cuts) < 40 {
		t.Fatalf("only %d writes were seen", len(cuts))
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("ILLUMI_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("%d moments; ILLUMI_SEED=%d", len(cuts), seed)
	if os.Getenv("ILLUMI_CUTS") != "all" {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(cuts), func(i, j int) { cuts[i], cuts[j] = cuts[j], cuts[i] })
		cuts = cuts[:cutsFor]
	}
	for _, c := range cuts {
		t.Run(c.when, func(t *testing.T) { c.resume(t) })
	}
}

// cutsOfATurn runs one whole turn and copies everything before each write. Only
// writes of the loop and of the recorder are taken: the loop stands still then,
// so that the copy is one moment.
func cutsOfATurn(t *testing.T) []cut {
	s := newServer(t)
	s.offer(hopID(1), nil, whisper(), picture(t))
	dir, copies := t.TempDir(), t.TempDir()
	var mu sync.Mutex
	var cuts []cut
	var state flow.State
	on := false
	take := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		if !on {
			return
		}
		c := cut{when: fmt.Sprintf("%03d %s %s", len(cuts), state.Phase, what), dir: fmt.Sprintf("%s/%d", copies, len(cuts)), state: state}
		copyTree(t, dir, c.dir)
		c.server = s.snapshot() // after the box: what has a receipt is on the server
		cuts = append(cuts, c)
	}
	b := start(t, dir, s, func(o *Options) {
		must(t, o.Spool.Close())
		var err error
		o.Spool, err = spool.Open(spool.Options{Dir: dir, Rescan: 200 * time.Millisecond, Fault: func(op spool.Op, name string) error {
			top, _, _ := strings.Cut(name, "/")
			if top == "journal" || top == "takes" || strings.Contains(name, ".new-") {
				take(string(op) + " " + top)
			}
			return nil
		}})
		must(t, err)
	})
	b.spool = b.d.spool
	b.mu.Lock()
	b.hook = func(_ flow.Event, now flow.State) {
		mu.Lock()
		state, on = now, true
		mu.Unlock()
		if now.Phase == flow.Playing || now.Phase == flow.Recording {
			take("later") // between writes as well
		}
	}
	b.mu.Unlock()
	b.online()
	b.record()
	b.reply()
	b.phase(flow.Sent)
	b.phase(flow.Idle)
	b.stop()
	return cuts
}

func (c cut) resume(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.s = c.server
	waiting := c.waiting(t)
	b := start(t, c.dir, s, nil)
	b.until("the start", func(s flow.State) bool { return s.Restored })
	first := b.first
	switch first.Phase {
	case flow.Idle, flow.New, flow.NewQuiet, flow.Heard, flow.Draft, flow.Queued:
	default:
		t.Errorf("the box starts in %s", first.Phase)
	}
	if c.state.Take.N != 0 && first.Take.N == 0 && len(first.Unsent) == 0 && c.server.accepted(hopID(1)) == 0 {
		t.Error("the take is gone")
	}
	if waiting != len(first.Unsent) || waiting > 0 != (first.Phase == flow.Queued) {
		t.Errorf("%d replies wait to be sent; the box starts in %s with %d", waiting, first.Phase, len(first.Unsent))
	}
	b.online()
	complete(b)
	b.stop()
	if got := s.snapshot(); got.accepted(hopID(1)) != 1 || len(got.replies) != 1 {
		t.Errorf("%d replies are accepted of %d", got.accepted(hopID(1)), len(got.replies))
	}
}

// waiting counts the replies that are sealed and have no receipt, wherever that
// lies: the pusher may have moved one while the copy was made.
func (c cut) waiting(t *testing.T) int {
	t.Helper()
	sealed, err := filepath.Glob(filepath.Join(c.dir, "outbox", "[^.]*", "manifest.json"))
	must(t, err)
	n := 0
	for _, m := range sealed {
		id := filepath.Base(filepath.Dir(m))
		receipts, err := filepath.Glob(filepath.Join(c.dir, "*", id, "receipt.json"))
		must(t, err)
		if len(receipts) == 0 {
			n++
		}
	}
	return n
}
