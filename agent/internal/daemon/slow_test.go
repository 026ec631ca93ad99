package daemon

import (
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/protocol"
)

// A card that takes long to make a recording whole must not cost its citizen
// what they said: until it has answered, the take is neither checked, nor kept,
// nor sealed, and then all of that.
func TestDaemon_SlowCardLosesNoWords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false; o.SendMode = protocol.SendConfirm }, whisper())
	hangs, goOn := make(chan time.Time, 1), make(chan struct{})
	b := start(t, t.TempDir(), s, func(o *Options) {
		f := o.Panel.(*face)
		o.Microphone = &media.GeneratedMicrophone{Name: "box", Pace: pace, Live: media.NewLive(pace, func(on bool) {
			f.Recording(on)
			if !on { // the device is closed, the file not yet whole
				hangs <- time.Now()
				<-goOn
			}
		})}
		o.late = func() <-chan time.Time { return hangs }
	})
	b.online()
	b.record()
	b.phase(flow.Review) // the box goes on asking
	b.press(flow.Review)
	b.phase(flow.Draft) // not sealed before it is whole
	if items, _, err := b.spool.Items(); err != nil || len(items) != 0 {
		t.Errorf("sealed: %+v, %v", items, err)
	}
	close(goOn)
	b.press(flow.Draft)
	b.press(flow.Review)
	b.phase(flow.Sent)
	got := s.snapshot()
	if got.accepted(hopID(1)) != 1 || got.replies[0].reply.Facts.DurationMS < 1000 {
		t.Errorf("replies %+v", got.replies)
	}
}

// A check that the server asks for can take minutes where the line is bad. It
// must not make the box deaf to who comes by: the press ends it and counts.
func TestRequest_CheckMakesWayForAPress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.offer(hopID(1), nil, whisper())
	d := doctor{wait: make(chan struct{})}
	b := start(t, t.TempDir(), s, func(o *Options) { o.Checks = d.checks() })
	b.online()
	b.phase(flow.New)
	b.until("a free button", func(s flow.State) bool { return s.GuardSaid == 0 })
	b.tell(asked(link.Check, 1))
	b.eventually("the check", func() bool { return d.ran.Load() > 0 })
	time.Sleep(pace.Real(2 * time.Second)) // past every guard
	b.tap()
	b.phase(flow.Playing)
	if n := len(s.snapshot().checks); n != 0 {
		t.Errorf("%d checks of a box that was not looked through", n)
	}
	var done []string
	if _, err := b.spool.Load(keyRequests, &done); err != nil || len(done) != 0 {
		t.Errorf("the request counts as done: %v, %v", done, err)
	}
}
