package transfer

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// asks counts the questions for offers by where they begin.
func asks(f *fake, from map[string]int) {
	f.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == protocol.PathOffers {
			f.mu.Lock()
			defer f.mu.Unlock()
			from[r.URL.Query().Get("since")]++
		}
		return false
	})
}

// The server's counter is behind, or has overtaken, the cursor of its former
// life: what waits is found all the same, once with every welcome.
func TestPuller_WelcomeAsksForWhatWaits(t *testing.T) {
	f := newFake(t)
	f.page = 100
	s := newSpool(t)
	ctx := deadline(t)
	f.offer(f.whisper(1, 1, sound(1, 3000)))
	must(t, s.SaveCursor("", "1")) // of the future: the offer is behind it
	from := map[string]int{}
	asks(f, from)
	arrived := make(chan string, 10)
	p := NewPuller(PullerOptions{Client: client(t, f, nil), Spool: s, Backoff: quick, Arrived: func(e spool.Entry) { arrived <- e.Offer.Hop }})
	run(t, p.Run)
	if got := next(ctx, t, arrived); got != tid(1) {
		t.Fatalf("arrived %s", got)
	}
	must(t, s.Forget(tid(1)))
	f.offer(f.whisper(2, 1, sound(2, 3000)))
	p.Wake() // a hint asks for changes only
	if got := next(ctx, t, arrived); got != tid(2) {
		t.Fatalf("arrived %s", got)
	}
	p.WakeAll()
	if got := next(ctx, t, arrived); got != tid(1) {
		t.Fatalf("arrived %s", got)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if from[""] != 2 || from["1"] < 2 || from["2"] < 1 {
		t.Errorf("asked %v", from)
	}
}

func TestPuller_AnsweredIsNotFetched(t *testing.T) {
	f := newFake(t)
	f.page = 100
	s := newSpool(t)
	ctx := deadline(t)
	f.offer(f.whisper(1, 1, sound(1, 3000)))
	f.offer(f.whisper(2, 1, sound(2, 3000)))
	began := time.Now()
	arrived := make(chan string, 10)
	p := NewPuller(PullerOptions{Client: client(t, f, nil), Spool: s, Backoff: quick, Arrived: func(e spool.Entry) { arrived <- e.Offer.Hop },
		Answered: func(o protocol.Offer, asked time.Time) (bool, error) {
			if asked.Before(began) || asked.After(time.Now()) {
				t.Errorf("asked at %v", asked)
			}
			return o.Hop == tid(1), nil
		}})
	run(t, p.Run)
	if got := next(ctx, t, arrived); got != tid(2) {
		t.Errorf("arrived %s", got)
	}
	list, err := s.Inbox()
	if must(t, err); len(list) != 1 {
		t.Errorf("%d in the inbox", len(list))
	}
}

// More offers than the box takes are left for later, not lost.
func TestPuller_CrowdedBoxTakesTheRestLater(t *testing.T) {
	f := newFake(t)
	f.page = 100
	s, err := spool.Open(spool.Options{Dir: t.TempDir(), MaxOpen: 2})
	must(t, err)
	defer s.Close() //nolint:errcheck // a test's end
	ctx := deadline(t)
	for i := range 3 {
		f.offer(f.whisper(i+1, 1, sound(i+1, 3000)))
	}
	arrived := make(chan string, 10)
	var done atomic.Bool // with the first
	p := NewPuller(PullerOptions{Client: client(t, f, nil), Spool: s, Backoff: quick, Arrived: func(e spool.Entry) { arrived <- e.Offer.Hop },
		Answered: func(o protocol.Offer, _ time.Time) (bool, error) { return o.Hop == tid(1) && done.Load(), nil }})
	run(t, p.Run)
	got := []string{next(ctx, t, arrived), next(ctx, t, arrived)}
	slices.Sort(got)
	if !slices.Equal(got, []string{tid(1), tid(2)}) {
		t.Fatalf("arrived %v", got)
	}
	done.Store(true)
	must(t, s.Forget(tid(1)))
	p.Wake()
	if got := next(ctx, t, arrived); got != tid(3) {
		t.Errorf("arrived %s", got)
	}
}

// A list without an end is given up for now; what was on it is kept.
func TestPuller_EndlessListIsLeft(t *testing.T) {
	f := newFake(t)
	f.page = 1
	s := newSpool(t)
	ctx := deadline(t)
	for i := range maxPages + 10 {
		f.offer(f.whisper(i+1, 1, sound(1, 100)))
	}
	failed, arrived := make(chan error, 1), make(chan string, 100)
	p := NewPuller(PullerOptions{Client: client(t, f, nil), Spool: s, Backoff: quick, Arrived: func(e spool.Entry) { arrived <- e.Offer.Hop },
		Failed: func(_ string, _ int, err error) {
			select {
			case failed <- err:
			default: // told often enough
			}
		}})
	run(t, p.Run)
	for range maxPages + 10 {
		next(ctx, t, arrived)
	}
	if len(failed) == 0 {
		t.Error("nobody was told")
	}
}
