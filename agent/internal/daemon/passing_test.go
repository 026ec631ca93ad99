package daemon

import (
	"sync/atomic"
	"testing"
	"time"

	"illumi/protocol"
)

// later lets what is bad have been so for longer than it passes by itself.
func (b *box) later(code protocol.ReportCode) {
	b.Helper()
	b.d.post(b.d.ctx, func() {
		if _, bad := b.d.badSince[code]; bad {
			b.d.badSince[code] = time.Now().Add(-passing)
		}
	})
	b.looped()
}

// A clock that the network sets soon after the start is nobody's business: only
// one that stays unknown is reported, once, and once more when it is known.
func TestClock_IsReportedOnceItStaysUnknown(t *testing.T) {
	t.Parallel()
	c := &wallClock{at: noon, known: false}
	b := ready(t, t.TempDir(), newServer(t), c.use)
	count := func(want int, when string) {
		t.Helper()
		b.minute()
		if n := b.reported(protocol.ReportClock); n != want {
			t.Fatalf("%s: %d reports, not %d", when, n, want)
		}
	}
	count(0, "just begun")
	c.set(noon, true)
	b.minute()
	b.later(protocol.ReportClock) // it was known by then
	c.set(noon, false)
	count(0, "unknown again")
	b.later(protocol.ReportClock)
	count(1, "for long")
	count(1, "and longer")
	b.online() // the server has the same time
	b.looped()
	if n := b.reported(protocol.ReportClock); n != 2 || !b.reports()[len(b.reports())-1].Over {
		t.Errorf("that it is over is not told: %+v", b.reports())
	}
}

// A screen that should be there and is not is reported, and so is its return.
func TestScreen_IsReportedOnceItStaysAway(t *testing.T) {
	t.Parallel()
	var gone atomic.Value
	gone.Store("")
	b := ready(t, t.TempDir(), newServer(t), func(o *Options) { o.Gone = func() string { return gone.Load().(string) } })
	b.online()
	b.minute()
	b.later(protocol.ReportScreen)
	b.minute()
	gone.Store("screen")
	b.minute()
	if n := len(b.reports()); n != 0 {
		t.Fatalf("too early: %+v", b.reports())
	}
	b.later(protocol.ReportScreen)
	b.minute()
	b.minute()
	gone.Store("")
	b.minute()
	got := b.reports()
	if len(got) != 2 || got[0].Code != protocol.ReportScreen || got[0].Over || got[0].Detail != "screen" || !got[1].Over {
		t.Errorf("%+v", got)
	}
}
