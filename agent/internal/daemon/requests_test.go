package daemon

import (
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/link"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// A server that asks again and again gets one check and one practice turn, and
// takes no more than a few lines of memory.
func TestRequest_AFloodIsOneCheckAndOnePractice(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := doctor{wait: make(chan struct{})}
	b := ready(t, t.TempDir(), s, func(o *Options) { o.Checks = d.checks() })
	b.online()
	b.tell(asked(link.Practice, 5000))
	b.until("the practice", func(s flow.State) bool { return s.Turn.Practice })
	const many = 3 * maxSeen
	for n := range many {
		b.tell(asked(link.Check, n))
		b.tell(asked(link.Practice, 1000+n))
	}
	b.eventually("the check", func() bool { return d.ran.Load() == 1 })
	b.d.post(b.d.ctx, func() {
		if n := len(b.d.asking.seen) + len(b.d.asking.alike); n > maxSeen+2*maxAlike {
			t.Errorf("%d requests are kept in mind", n)
		}
		if n := len(b.d.state.Queue); n != 0 {
			t.Errorf("%d more practice turns wait", n)
		}
		b.d.hint(asked(link.Check, 0)) // once more the one under way
	})
	b.looped()
	close(d.wait)
	got := b.handedIn(1 + maxAlike)
	var answered []string
	for _, c := range got {
		answered = append(answered, c.Request)
		if len(c.Items) != 1 || c.At.IsZero() {
			t.Errorf("%+v", c)
		}
	}
	for _, n := range []int{0, many - 1} { // the one that ran, and the newest
		if !slices.Contains(answered, hopID(700+n)) {
			t.Errorf("request %d has no answer: %v", n, answered)
		}
	}
	if d.ran.Load() != 1 {
		t.Errorf("%d checks", d.ran.Load())
	}
	b.tell(asked(link.Check, 9000))
	if got := b.handedIn(2 + maxAlike); got[len(got)-1].Request != hopID(9700) {
		t.Errorf("the next request is not carried out: %+v", got[len(got)-1])
	}
}

// A check that could not be made is asked for again, and so are those that
// waited for it.
func TestRequest_CheckThatFailedIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := ready(t, t.TempDir(), s, nil) // it cannot look itself through
	b.online()
	for range 2 {
		b.tell(asked(link.Check, 1))
		b.eventually("an end", func() bool {
			free := make(chan bool, 1)
			b.d.post(b.d.ctx, func() { free <- b.d.asking.check == protocol.Request{} && len(b.d.asking.seen) == 0 })
			return <-free
		})
	}
}

// An answer that waits when the study ends counts as unsent and goes out, and
// only then the server is told that nothing is left: whoever reads that takes
// the box away. So also across a restart, where the card fails once, and where
// the answer turns out to be damaged, which is kept.
func TestRequest_EndWithAnAnswerUnsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trouble  func(t *testing.T, b *box, bad *atomic.Bool)
		accepted int
	}{
		"sent":              {func(*testing.T, *box, *atomic.Bool) {}, 1},
		"the card fails":    {func(_ *testing.T, _ *box, bad *atomic.Bool) { bad.Store(true) }, 1},
		"it is now damaged": {func(t *testing.T, b *box, _ *atomic.Bool) { spoil(t, b.files("outbox/*/*.wav")) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bad atomic.Bool // until it has failed a receipt's erasing
			dir, s := t.TempDir(), newServer(t)
			fit := func(o *Options) {
				must(t, o.Spool.Close())
				var err error
				o.Spool, err = spool.Open(spool.Options{Dir: dir, Rescan: 200 * time.Millisecond, Fault: func(op spool.Op, name string) error {
					if op == spool.OpRemove && strings.HasPrefix(name, "sent/") && bad.CompareAndSwap(true, false) {
						return syscall.EIO
					}
					return nil
				}})
				must(t, err)
			}
			s.offer(hopID(1), nil, whisper(), picture(t))
			b := start(t, dir, s, fit)
			b.spool = b.d.spool
			b.online()
			b.phase(flow.New)
			s.do(func() { s.down = true })
			b.record()
			b.reply()
			b.until("the seal", func(s flow.State) bool { return len(s.Unsent) == 1 })
			b.tell(asked(link.End, 1))
			waits := func() {
				t.Helper()
				b.phase(flow.Ended)
				now, err := b.d.sayNow(t.Context())
				if err != nil || now.Unsent != 1 || b.now().Wiped || b.reported(protocol.ReportWiped) != 0 {
					t.Errorf("%d unsent, wiped %v, %d reports, %v", now.Unsent, b.now().Wiped, b.reported(protocol.ReportWiped), err)
				}
			}
			waits()
			b.stop()
			b = start(t, dir, s, fit)
			b.spool = b.d.spool
			waits()
			c.trouble(t, b, &bad)
			s.do(func() { s.down = false })
			b.online()
			b.eventually("the wiping", func() bool {
				b.d.post(b.d.ctx, b.d.minutely)
				return b.now().Wiped
			})
			b.eventually("the report", func() bool { return b.reported(protocol.ReportWiped) == 1 })
			if n := s.snapshot().accepted(hopID(1)); n != c.accepted {
				t.Errorf("%d answers arrived", n)
			}
			if left := slices.Concat(b.files("inbox/*/*"), b.files("takes/*"), b.files("sent/*"), b.files("outbox/*")); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
			if n := len(b.files("outbox-damaged/*/*.wav")); n != 1-c.accepted {
				t.Errorf("%d damaged answers are kept", n)
			}
		})
	}
}
