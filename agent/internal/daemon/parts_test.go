package daemon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

func TestQuiet(t *testing.T) {
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		must(t, err)
		return z
	}
	berlin, utc := zone("Europe/Berlin"), time.UTC
	for _, c := range []struct {
		name        string
		now         string // RFC 3339
		from, until string
		zone        *time.Location
		on          bool
		next        string
	}{
		{"noon", "2026-11-20T12:00:00Z", "21:00", "08:00", utc, false, "2026-11-20T21:00:00Z"},
		{"evening", "2026-11-20T21:00:00Z", "21:00", "08:00", utc, true, "2026-11-21T08:00:00Z"},
		{"after midnight", "2026-11-20T03:00:00Z", "21:00", "08:00", utc, true, "2026-11-20T08:00:00Z"},
		{"morning", "2026-11-20T08:00:00Z", "21:00", "08:00", utc, false, "2026-11-20T21:00:00Z"},
		{"a nap", "2026-11-20T13:30:00Z", "13:00", "15:00", utc, true, "2026-11-20T15:00:00Z"},
		{"before a nap", "2026-11-20T12:59:59Z", "13:00", "15:00", utc, false, "2026-11-20T13:00:00Z"},
		{"never", "2026-11-20T03:00:00Z", "", "", utc, false, ""},
		{"no time at all", "2026-11-20T03:00:00Z", "08:00", "08:00", utc, false, ""},
		{"elsewhere", "2026-11-20T20:30:00Z", "21:00", "08:00", berlin, true, "2026-11-21T07:00:00Z"},
		{"the night that is an hour short", "2026-03-28T22:00:00Z", "21:00", "08:00", berlin, true, "2026-03-29T06:00:00Z"},
		{"the night that is an hour long", "2026-10-24T22:00:00Z", "21:00", "08:00", berlin, true, "2026-10-25T07:00:00Z"},
		{"an end that does not exist", "2026-03-29T00:30:00Z", "21:00", "02:30", berlin, true, "2026-03-29T01:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.now)
			must(t, err)
			on, next := quiet(now, protocol.Settings{QuietFrom: c.from, QuietUntil: c.until}, c.zone)
			got := ""
			if !next.IsZero() {
				got = next.UTC().Format(time.RFC3339)
			}
			if on != c.on || got != c.next {
				t.Errorf("quiet %t until %s, want %t until %s", on, got, c.on, c.next)
			}
		})
	}
}

// Whatever the hour and the zone: now is as quiet as just before the next
// change, and the change is a change.
func TestQuiet_ChangesAtTheNextChange(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca"} {
		zone, err := time.LoadLocation(name)
		must(t, err)
		s := protocol.Settings{QuietFrom: "21:00", QuietUntil: "08:00"}
		now := time.Date(2026, 1, 1, 0, 17, 0, 0, time.UTC)
		for range 2 * 365 {
			on, next := quiet(now, s, zone)
			before, _ := quiet(next.Add(-time.Second), s, zone)
			after, _ := quiet(next, s, zone)
			if !next.After(now) || next.Sub(now) > 25*time.Hour || before != on || after == on {
				t.Fatalf("%s in %s: quiet %t until %s, then %t", now, name, on, next, after)
			}
			now = next.Add(7 * time.Minute)
		}
	}
}

func TestPlayer_OneAfterTheOtherAndStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var begun, ended []int64
		p := newPlayer(
			func(ctx context.Context, s sound) error {
				select {
				case <-time.After(time.Second):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
			func(s sound) { begun = append(begun, s.Seq) },
			func(s sound, err error) {
				if err != nil {
					t.Errorf("%d: %v", s.Seq, err)
				}
				ended = append(ended, s.Seq)
			})
		done := make(chan struct{})
		go func() { defer close(done); p.run(ctx) }()
		for seq := range int64(3) {
			p.add(sound{Effect: flow.Effect{Seq: seq + 1}})
		}
		time.Sleep(1500 * time.Millisecond)
		p.stop() // cuts the second off and drops the third
		p.add(sound{Effect: flow.Effect{Seq: 4}})
		time.Sleep(3 * time.Second)
		synctest.Wait()
		cancel()
		<-done
		if want := []int64{1, 2, 4}; !equal(begun, want) {
			t.Errorf("begun %v, want %v", begun, want)
		}
		if want := []int64{1, 4}; !equal(ended, want) {
			t.Errorf("ended %v, want %v", ended, want)
		}
	})
}

func equal(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestVoice_IsToldOnceASecond(t *testing.T) {
	v := newVoice()
	var told int
	for i := range 100 { // five seconds
		v.listen(mediaLevel(time.Duration(i+1)*50*time.Millisecond, -20))
		if _, spoke := v.take(); spoke {
			told++
		}
	}
	if told != 5 {
		t.Errorf("told %d times", told)
	}
	v.reset()
	v.listen(mediaLevel(50*time.Millisecond, -60))
	if _, spoke := v.take(); spoke {
		t.Error("took a murmur for a voice")
	}
}

func TestEssence_LeavesOutWhatPasses(t *testing.T) {
	s, _, err := flow.Start(flow.DefaultConfig())
	must(t, err)
	a := essence(s)
	s.Seq, s.Voice, s.Online, s.Quiet = 9, 9, true, true
	s.Timers, s.Since = nil, time.Hour
	s.Phase = flow.Playing
	if b := essence(s); !same(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
	s.Turn.Plays++
	if same(a, essence(s)) {
		t.Error("a play would be forgotten")
	}
}

func TestWorkshop_IsWhatTheWireAllows(t *testing.T) { must(t, Workshop().Check()) }

func TestNew_NamesWhatIsMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
