package daemon

import (
	"context"
	"errors"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// lent has the hands of a box for as long as a test wants.
type lent struct {
	Hands
	ctx  context.Context
	back chan struct{} // closed by the test
	done chan error
}

func (b *box) lend(ctx context.Context) *lent {
	b.Helper()
	l := &lent{back: make(chan struct{}), done: make(chan error, 1)}
	got := make(chan struct{})
	go func() {
		l.done <- b.d.Lend(ctx, func(ctx context.Context, h Hands) {
			l.Hands, l.ctx = h, ctx
			close(got)
			<-l.back
		})
	}()
	select {
	case <-got:
	case err := <-l.done:
		b.Fatalf("the box was not lent: %v", err)
	case <-time.After(patience):
		b.Fatal("the box was not lent")
	}
	return l
}

func (b *box) giveBack(l *lent) error {
	b.Helper()
	close(l.back)
	select {
	case err := <-l.done:
		b.looped()
		return err
	case <-time.After(patience):
		b.Fatal("the box was not given back")
		return nil
	}
}

// looped returns once the loop has done all that it was given so far.
func (b *box) looped() {
	b.Helper()
	done := make(chan struct{})
	b.d.post(b.d.ctx, func() { close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		b.Fatal("the loop stands still")
	}
}

// edge is one press or release.
func (b *box) edge(button flow.Button, down bool) {
	b.Helper()
	select {
	case b.face.in <- panel.Input{Button: button, Down: down, At: time.Now()}:
	case <-time.After(patience):
		b.Fatal("the box takes no press")
	}
	b.looped()
}

// ready is a box in its first state.
func ready(t *testing.T, dir string, s *server, change func(*Options)) *box {
	t.Helper()
	b := start(t, dir, s, change)
	b.until("the first state", func(s flow.State) bool { return s.Restored })
	return b
}

// Whoever has the hands has the presses; what else happens meanwhile happens
// to the interaction afterwards, in order.
func TestLend_WhatHappensMeanwhileWaits(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := ready(t, t.TempDir(), s, nil)
	b.online()
	l := b.lend(t.Context())
	b.edge(flow.Main, true)
	b.edge(flow.Main, false)
	s.offer(hopID(1), nil, whisper())
	b.pull()
	b.tell(link.Hint{Kind: link.Pause})
	b.tell(link.Hint{Kind: link.Resume})
	b.eventually("the whisper on the disk", func() bool { return len(b.files("progress/*")) == 1 })
	b.looped()
	if b.kinds(flow.KindPress) != nil || b.kinds(flow.KindMSG) != nil || b.kinds(flow.KindPause) != nil {
		t.Error("the interaction was moved while its box was lent")
	}
	for _, down := range []bool{true, false} {
		select {
		case in := <-l.Inputs:
			if in.Down != down || in.Button != flow.Main {
				t.Errorf("%+v", in)
			}
		default:
			t.Error("a press did not come to who has the hands")
		}
	}
	must(t, b.giveBack(l))
	b.phase(flow.New)
	if b.kinds(flow.KindPress) != nil {
		t.Error("a press that was somebody else's came to the interaction")
	}
	var order []flow.Kind
	b.mu.Lock()
	for _, e := range b.events {
		switch e.Kind {
		case flow.KindMSG, flow.KindPause, flow.KindResume:
			order = append(order, e.Kind)
		}
	}
	b.mu.Unlock()
	if len(order) != 3 {
		t.Errorf("%v", order)
	}
}

// A button that is let go while somebody else has the hands is not held for ever.
func TestLend_KnowsWhenAButtonIsLetGo(t *testing.T) {
	t.Parallel()
	b := ready(t, t.TempDir(), newServer(t), nil)
	b.edge(flow.Main, true)
	if s := b.until("a press", func(s flow.State) bool { return s.Keys[0].Down }); s.Phase != flow.Idle {
		t.Fatalf("in %s", s.Phase)
	}
	l := b.lend(t.Context())
	b.edge(flow.Main, false)
	must(t, b.giveBack(l))
	b.until("the release", func(s flow.State) bool { return !s.Keys[0].Down })
}

// While somebody answers a whisper nobody else gets the box, and nobody gets
// what another has.
func TestLend_RefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
	b := start(t, t.TempDir(), s, nil)
	b.online()
	refused := func(where string) {
		t.Helper()
		err := b.d.Lend(t.Context(), func(context.Context, Hands) { t.Errorf("lent %s", where) })
		if !errors.Is(err, ErrInUse) {
			t.Errorf("%s: %v", where, err)
		}
	}
	b.phase(flow.New)
	l := b.lend(t.Context())
	refused("twice")
	must(t, b.giveBack(l))
	b.press(flow.New)
	refused("while a whisper plays")
	b.press(flow.Invite)
	b.speak()
	refused("while somebody speaks")
	b.press(flow.Recording)
	b.press(flow.Review)
	b.phase(flow.Idle)
	must(t, b.giveBack(b.lend(t.Context())))
}

// Whoever gives up before the box was lent leaves it free, and so does whoever
// gives up in the middle.
func TestLend_GivenUp(t *testing.T) {
	t.Parallel()
	b := ready(t, t.TempDir(), newServer(t), nil)
	stand := make(chan struct{})
	b.d.post(t.Context(), func() { <-stand }) // the loop is busy
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.d.Lend(ctx, func(context.Context, Hands) { t.Error("lent to nobody") })
	}()
	b.eventually("the question", func() bool { return len(b.d.calls) > 0 })
	cancel()
	b.eventually("the withdrawal", func() bool { return len(b.d.calls) > 1 || len(ended) > 0 })
	close(stand)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.looped()

	ctx, cancel = context.WithCancel(t.Context())
	l := b.lend(ctx)
	cancel()
	<-l.ctx.Done()
	if err := b.giveBack(l); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, b.giveBack(b.lend(t.Context())))
}

// What was loud enough at the box counts until the server changes its settings:
// repeating them, as it does with every connection, is no change.
func TestLend_KeepsTheVolume(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := ready(t, t.TempDir(), s, nil)
	set := Workshop()
	set.Version, set.Volume = 3, 2
	b.tell(link.Hint{Kind: link.Settings, Settings: &set})
	l := b.lend(t.Context())
	if l.Volume != 2 || l.Gain != Gain(2) || l.Language != "en" || !l.Photo || !l.Clock || l.Quiet {
		t.Errorf("hands %+v", l.Hands)
	}
	l.KeepVolume(4)
	must(t, b.giveBack(l))
	volume := func(want int) {
		t.Helper()
		l := b.lend(t.Context())
		if l.Volume != want {
			t.Errorf("the volume is %d, want %d", l.Volume, want)
		}
		must(t, b.giveBack(l))
	}
	volume(4)
	b.tell(link.Hint{Kind: link.Settings, Settings: &set})
	volume(4)
	b.stop()
	b = ready(t, b.dir, s, nil)
	volume(4)
	b.tell(link.Hint{Kind: link.Settings, Settings: &set})
	volume(4)
	set.Version, set.Volume = 4, 1
	b.tell(link.Hint{Kind: link.Settings, Settings: &set})
	volume(1)
}

// A stop gives the box back before anything else, however long its user stays.
func TestLend_StopWhileLent(t *testing.T) {
	t.Parallel()
	b := ready(t, t.TempDir(), newServer(t), nil)
	l := b.lend(t.Context())
	b.edge(flow.Main, true)
	b.stop()
	if err := b.giveBackAfterTheEnd(l); err != nil {
		t.Error(err)
	}
}

func (b *box) giveBackAfterTheEnd(l *lent) error {
	close(l.back)
	return <-l.done
}
