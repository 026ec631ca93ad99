package daemon

import (
	"sync/atomic"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// A box without a battery wakes in 1970. What was said to it then is not days
// old once somebody tells it the time.
func TestDaemon_TakeAgeByCertainTime(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	then := time.Date(1970, 1, 1, 0, 5, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		made, now           time.Time
		madeKnown, nowKnown bool
		kept                bool
	}{
		"made in 1970, the time is known now":           {then, noon, false, true, true},
		"made in 1970 and nobody knows the time":        {then, then, false, false, true},
		"made today, and in 1970 now":                   {noon, then, true, false, true},
		"made today, an hour ago":                       {noon, noon.Add(time.Hour), true, true, true},
		"made two days ago":                             {noon, noon.Add(48 * time.Hour), true, true, false},
		"made two days ago, when no time was known":     {noon, noon.Add(48 * time.Hour), false, true, true},
		"made two days ago, and no time is known today": {noon, noon.Add(48 * time.Hour), true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.offer(hopID(1), func(o *protocol.Offer) { o.PhotoAllowed = false }, whisper())
			var known atomic.Bool
			known.Store(c.madeKnown)
			clock := func(now time.Time) func(o *Options) {
				return func(o *Options) {
					o.Now = func() time.Time { return now }
					o.ClockKnown = known.Load
				}
			}
			b := start(t, t.TempDir(), s, clock(c.made))
			b.d.puller.Wake()
			b.record()
			b.phase(flow.Review)
			b.stop()
			known.Store(c.nowKnown)
			b = start(t, b.dir, s, clock(c.now))
			b.until("the start", func(s flow.State) bool { return s.Restored })
			if b.first.Take.N != 1 {
				t.Fatalf("the box starts in %s without the take", b.first.Phase)
			}
			if !c.kept {
				b.until("the end of the take", func(s flow.State) bool { return s.Take.N == 0 })
				return
			}
			b.pull() // whatever is due has been done by then
			b.mu.Lock()
			left := b.state.Take.N
			b.mu.Unlock()
			if left != 1 {
				t.Error("it was erased")
			}
			for _, a := range b.first.Timers {
				if a.Name == flow.TimerKeep {
					return
				}
			}
			t.Error("nothing will erase it")
		})
	}
}
