package transfer

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/agent/internal/retry"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// quick is a backoff that a test can wait out.
func quick() *retry.Backoff { return &retry.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond} }

// run starts a loop and stops it at the test's end.
func run(t *testing.T, loop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(deadline(t))
	ended := make(chan error, 1)
	go func() { ended <- loop(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the loop ended with %v", err)
		}
	})
}

func next[T any](ctx context.Context, t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-ctx.Done():
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestPusher_OneBadItemStopsNoOther(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	bad := seal(t, s, 1, sound(1, 3000), nil)
	good := seal(t, s, 2, sound(2, 3000), nil)
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, tid(1)) {
			problem(w, 500, protocol.CodeInternal)
			return true
		}
		return false
	})
	acked, failed := make(chan string, 10), make(chan string, 10000)
	p := NewPusher(PusherOptions{Client: client(t, f, nil), Spool: s, Backoff: quick,
		Acked: func(it spool.Item, r protocol.Receipt) {
			if r.Reply != it.ID {
				t.Error("another reply's receipt")
			}
			acked <- it.ID
		},
		Failed: func(it spool.Item, _ error) { failed <- it.ID }})
	run(t, p.Run)
	if got := next(ctx, t, acked); got != good.ID {
		t.Fatalf("first acknowledged %s", got)
	}
	if got := next(ctx, t, failed); got != bad.ID {
		t.Fatalf("failed %s: the oldest goes first", got)
	}
	f.set(nil)
	if got := next(ctx, t, acked); got != bad.ID {
		t.Fatalf("then acknowledged %s", got)
	}
	late := seal(t, s, 3, sound(3, 3000), nil)
	if got := next(ctx, t, acked); got != late.ID {
		t.Fatalf("the newly sealed one: %s", got)
	}
	if n := len(mustItems(t, s)); n != 0 {
		t.Errorf("%d left in the outbox", n)
	}
}

func TestPusher_RefusedWaitsForTheHourOrAWake(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	it := seal(t, s, 1, sound(1, 3000), nil)
	f.set(func(w http.ResponseWriter, _ *http.Request) bool {
		problem(w, 401, protocol.CodeDeviceHeld)
		return true
	})
	acked, failed := make(chan string, 10), make(chan error, 10)
	p := NewPusher(PusherOptions{Client: client(t, f, nil), Spool: s, Backoff: quick,
		Acked:  func(it spool.Item, _ protocol.Receipt) { acked <- it.ID },
		Failed: func(_ spool.Item, err error) { failed <- err }})
	run(t, p.Run)
	if err := next(ctx, t, failed); !IsAuth(err) {
		t.Errorf("failed with %v", err)
	}
	f.set(nil)
	p.Wake()
	if got := next(ctx, t, acked); got != it.ID {
		t.Errorf("acknowledged %s", got)
	}
	if len(failed) != 0 {
		t.Error("knocked again without being woken")
	}
}

func TestPusher_DamagedIsSetAside(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	s, err := spool.Open(spool.Options{Dir: dir})
	must(t, err)
	defer s.Close() //nolint:errcheck // a test's end
	ctx := deadline(t)
	bad := seal(t, s, 1, sound(1, 3000), nil)
	good := seal(t, s, 2, sound(2, 3000), nil)
	spoil(t, dir+"/outbox/"+bad.ID+"/audio.wav")
	acked, damaged := make(chan string, 10), make(chan spool.Damaged, 10)
	p := NewPusher(PusherOptions{Client: client(t, f, nil), Spool: s, Backoff: quick,
		Acked:   func(it spool.Item, _ protocol.Receipt) { acked <- it.ID },
		Damaged: func(d spool.Damaged) { damaged <- d }})
	run(t, p.Run)
	if d := next(ctx, t, damaged); d.ID != bad.ID || d.Hop != tid(1) || d.Reason == "" {
		t.Errorf("damaged %+v", d)
	}
	if got := next(ctx, t, acked); got != good.ID {
		t.Errorf("acknowledged %s", got)
	}
	if list, err := s.DamagedItems(); err != nil || len(list) != 1 {
		t.Errorf("set aside %v %v", list, err)
	}
}

func TestPusher_TakenBackMeanwhileIsDone(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	first := seal(t, s, 1, sound(1, 3000), nil)
	back := make(chan struct{}, 10)
	f.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && r.Header.Get("Upload-Offset") == "0" {
			if err := s.Unseal(first.ID); err != nil && !errors.Is(err, spool.ErrUnknown) {
				t.Error(err)
			}
			back <- struct{}{}
		}
		return false
	})
	acked := make(chan string, 10)
	p := NewPusher(PusherOptions{Client: client(t, f, nil), Spool: s, Backoff: quick,
		Acked: func(it spool.Item, _ protocol.Receipt) { acked <- it.Hop }, Failed: func(_ spool.Item, err error) { t.Error(err) }})
	run(t, p.Run)
	next(ctx, t, back)
	f.set(nil)
	other := seal(t, s, 2, sound(2, 3000), nil)
	if got := next(ctx, t, acked); got != other.Hop {
		t.Errorf("acknowledged the hop %s", got)
	}
}

// pull collects what a puller tells.
type pull struct {
	*Puller
	arrived chan spool.Entry
	closed  chan protocol.Offer
	failed  chan string
}

func newPull(t *testing.T, f *fake, s *spool.Spool, change func(*PullerOptions)) *pull {
	t.Helper()
	p := &pull{arrived: make(chan spool.Entry, 100), closed: make(chan protocol.Offer, 100), failed: make(chan string, 10000)}
	o := PullerOptions{Client: client(t, f, nil), Spool: s, Poll: time.Hour, Backoff: quick,
		ServerID: func() string { return "server-a" },
		Arrived:  func(e spool.Entry) { p.arrived <- e }, Closed: func(o protocol.Offer) { p.closed <- o },
		Failed: func(hop string, _ int, _ error) { p.failed <- hop }}
	if change != nil {
		change(&o)
	}
	p.Puller = NewPuller(o)
	return p
}

func TestPuller_BringsEveryOfferOnce(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	for n := 1; n <= 5; n++ {
		f.offer(f.whisper(n, 1, sound(n, 2000), sound(n+100, 1000)))
	}
	p := newPull(t, f, s, nil)
	run(t, p.Run)
	for n := 1; n <= 5; n++ {
		if e := next(ctx, t, p.arrived); e.Offer.Hop != tid(n) || !e.Ready {
			t.Errorf("place %d: %s", n, e.Offer.Hop)
		}
	}
	f.offer(f.whisper(6, 1, sound(6, 2000)))
	p.Wake()
	if e := next(ctx, t, p.arrived); e.Offer.Hop != tid(6) {
		t.Errorf("woken, came %s", e.Offer.Hop)
	}
	if c, err := s.Cursor("server-a"); err != nil || c != "6" {
		t.Errorf("cursor %q %v", c, err)
	}
	// Everything again, as after another server's welcome: nothing new.
	f.mu.Lock()
	f.changes = append(f.changes, f.changes...)
	f.mu.Unlock()
	f.offer(f.whisper(7, 1, sound(7, 2000)))
	p.Wake()
	if e := next(ctx, t, p.arrived); e.Offer.Hop != tid(7) {
		t.Errorf("repeated offers arrived anew: %s", e.Offer.Hop)
	}
}

// A box asks all day and nearly always hears of nothing: no reason to write.
func TestPuller_KeepsACursorOnce(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	s, err := spool.Open(spool.Options{Dir: dir, Reserve: 1})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	f.offer(f.whisper(1, 1, sound(1, 2000)))
	p := newPull(t, f, s, nil)
	once := func() os.FileInfo {
		t.Helper()
		_, err := p.runOnce(deadline(t))
		must(t, err)
		info, err := os.Stat(filepath.Join(dir, "inbox", "cursor.json"))
		must(t, err)
		return info
	}
	first := once()
	if again := once(); !os.SameFile(first, again) {
		t.Error("the same cursor was written again")
	}
	f.offer(f.whisper(2, 1, sound(2, 2000)))
	if later := once(); os.SameFile(first, later) {
		t.Error("a new cursor was not written")
	}
}

func TestPuller_ABadOneHidesNoOther(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	f.page = 100
	senseless := f.whisper(1, 1, sound(1, 2000))
	senseless.SendMode = "shout"
	gone := f.whisper(2, 1, sound(2, 2000))
	delete(f.media, gone.Files[0].SHA256)
	f.offer(senseless)
	f.offer(gone)
	f.offer(f.whisper(3, 1, sound(3, 2000)))
	p := newPull(t, f, s, nil)
	run(t, p.Run)
	if e := next(ctx, t, p.arrived); e.Offer.Hop != tid(3) {
		t.Fatalf("came %s", e.Offer.Hop)
	}
	told := []string{next(ctx, t, p.failed), next(ctx, t, p.failed)}
	if !slices.Contains(told, tid(1)) || !slices.Contains(told, tid(2)) {
		t.Errorf("told of %v", told)
	}
	f.mu.Lock()
	f.media[gone.Files[0].SHA256] = sound(2, 2000)
	f.mu.Unlock()
	if e := next(ctx, t, p.arrived); e.Offer.Hop != tid(2) {
		t.Errorf("then came %s", e.Offer.Hop)
	}
}

func TestPuller_WithdrawnAndOfferedAnew(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	one := f.whisper(1, 1, sound(1, 2000))
	f.offer(one)
	p := newPull(t, f, s, nil)
	run(t, p.Run)
	next(ctx, t, p.arrived)
	one.State = protocol.OfferWithdrawn
	f.offer(one)
	p.Wake()
	if o := next(ctx, t, p.closed); o.Hop != tid(1) || o.State != protocol.OfferWithdrawn {
		t.Errorf("closed %+v", o)
	}
	if e, err := s.Entry(tid(1)); err != nil || e.Offer.State != protocol.OfferWithdrawn {
		t.Errorf("the news are not kept: %+v %v", e, err)
	}
	f.offer(f.whisper(1, 2, sound(9, 2000)))
	p.Wake()
	if e := next(ctx, t, p.arrived); e.Offer.Epoch != 2 {
		t.Errorf("came epoch %d", e.Offer.Epoch)
	}
}

func TestPuller_RecallStopsADownload(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	one := f.whisper(1, 1, sound(1, 50_000))
	f.offer(one)
	began, release := make(chan struct{}, 10), make(chan struct{})
	t.Cleanup(func() { close(release) })
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, protocol.PathMedia) {
			return hang(began, release)(w, r)
		}
		return false
	})
	p := newPull(t, f, s, nil)
	run(t, p.Run)
	<-began
	one.State = protocol.OfferWithdrawn
	f.offer(one)
	f.offer(f.whisper(2, 1, sound(2, 2000)))
	f.set(nil)
	p.Recall(tid(1))
	if e := next(ctx, t, p.arrived); e.Offer.Hop != tid(2) {
		t.Errorf("came %s", e.Offer.Hop)
	}
	if _, err := s.Entry(tid(1)); !errors.Is(err, spool.ErrUnknown) {
		t.Errorf("the withdrawn whisper is still here: %v", err)
	}
}

func TestPuller_AfterARestart(t *testing.T) {
	f := newFake(t)
	dir := t.TempDir()
	s, err := spool.Open(spool.Options{Dir: dir})
	must(t, err)
	o := f.whisper(1, 1, sound(1, 20_000))
	f.offer(o)
	// Reserved and half fetched, then the power went.
	p := newPull(t, f, s, nil)
	data := f.media[o.Files[0].SHA256]
	delete(f.media, o.Files[0].SHA256)
	if _, err := p.runOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, s.Close())
	f.media[o.Files[0].SHA256] = data
	s, err = spool.Open(spool.Options{Dir: dir})
	must(t, err)
	defer s.Close() //nolint:errcheck // a test's end
	// The cursor has passed it, and the server cannot be asked: still it comes.
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == protocol.PathOffers {
			http.Error(w, "oh", http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	p = newPull(t, f, s, nil)
	if _, err := p.runOnce(t.Context()); err == nil {
		t.Error("a server error went unseen")
	}
	if len(p.arrived) != 1 {
		t.Error("what was reserved did not come")
	}
}

func TestPuller_ForgottenCursor(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	must(t, s.SaveCursor("server-a", "999"))
	f.offer(f.whisper(1, 1, sound(1, 2000)))
	p := newPull(t, f, s, nil)
	_, err := p.runOnce(t.Context())
	must(t, err)
	if len(p.arrived) != 1 {
		t.Error("a cursor that the server does not know hides its offers")
	}
}
