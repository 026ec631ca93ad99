package route_test

import (
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/route"
)

// deadlines reads "deadlines 24h 48h 72h ask".
func deadlines(t *testing.T, word []string) model.Deadlines {
	t.Helper()
	d := model.Deadlines{Mode: model.SkipMode(word[4])}
	for i, to := range []*time.Duration{&d.Remind, &d.Ask, &d.Skip} {
		var err error
		if *to, err = time.ParseDuration(word[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// atBox is a whisper whose first box has it since begin, 9:00 in UTC.
func atBox(t *testing.T, c route.Clock) model.Whisper {
	t.Helper()
	w := draft(2, model.ForwardStraight)
	w.Policy.Deadlines = model.DefaultDeadlines()
	for _, e := range []route.Event{
		route.Start{}, route.Offered{Position: 1, Clock: c},
		route.Progressed{Position: 1, Epoch: 1, Step: "delivered", Clock: c},
	} {
		var err error
		if w, _, err = route.Next(w, e, begin); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestClocksCountWakingTime(t *testing.T) {
	w := atBox(t, clock(t, "UTC", "08:00", "21:00"))
	k := w.Hops[0].Course
	day := func(n, h int) time.Time { return time.Date(2026, 11, n, h, 0, 0, 0, time.UTC) }
	// 12 hours are left of the first day, 13 of every other; nobody is reminded at 20:00.
	if want := day(22, 10); !k.RemindAt.Equal(want) {
		t.Errorf("remind at %s, want %s", k.RemindAt, want)
	}
	if want := day(23, 18); !k.AskAt.Equal(want) {
		t.Errorf("ask at %s, want %s", k.AskAt, want)
	}
	if want := day(25, 16); !k.SkipAt.Equal(want) {
		t.Errorf("skip at %s, want %s", k.SkipAt, want)
	}
	if due := w.DueAt(&w.Hops[0]); !due.Equal(k.RemindAt) {
		t.Errorf("due at %s, want the reminder", due)
	}
}

// TestPauseStopsClocks: a pause over a night and a day takes no waking time.
func TestPauseStopsClocks(t *testing.T) {
	c := clock(t, "UTC", "08:00", "21:00")
	w := atBox(t, c)
	was := w.Hops[0].Course
	began, ended := begin.Add(3*time.Hour), begin.Add(27*time.Hour)
	w, _, err := route.Next(w, route.Pause{}, began)
	if err != nil {
		t.Fatal(err)
	}
	if due := w.DueAt(&w.Hops[0]); !due.IsZero() {
		t.Errorf("due at %s while paused", due)
	}
	if _, actions, err := route.Next(w, route.Tick{Clock: c}, begin.Add(9000*time.Hour)); err != nil || actions != nil {
		t.Errorf("a paused whisper's clock went on: %v, %v", actions, err)
	}
	if w, _, err = route.Next(w, route.Resume{Clock: c}, ended); err != nil {
		t.Fatal(err)
	}
	k := w.Hops[0].Course
	if before, after := route.Awake(began, was.AskAt, c), route.Awake(ended, k.AskAt, c); before != after {
		t.Errorf("%s were left until somebody is asked, now %s", before, after)
	}
	if before, after := route.Awake(began, was.SkipAt, c), route.Awake(ended, k.SkipAt, c); before != after {
		t.Errorf("%s were left until the last deadline, now %s", before, after)
	}
}

// TestTickEndsWhatIsDue: a worker that looks for what is due ends at some time,
// also where it slept over several deadlines or wakes at night.
func TestTickEndsWhatIsDue(t *testing.T) {
	c := clock(t, "Europe/Berlin", "08:00", "21:00")
	for _, mode := range []model.SkipMode{model.SkipAsk, model.SkipAuto} {
		for h := range 24 * 12 {
			w := atBox(t, c)
			w.Policy.Deadlines.Mode = mode
			now := begin.Add(time.Duration(h) * time.Hour)
			w, _, err := route.Next(w, route.Tick{Clock: c}, now)
			if err != nil {
				t.Fatal(err)
			}
			if due := w.DueAt(&w.Hops[0]); !due.IsZero() && !due.After(now) {
				t.Fatalf("at %s something is due since %s after a tick", now, due)
			}
			if _, again, err := route.Next(w, route.Tick{Clock: c}, now); err != nil || again != nil {
				t.Fatalf("a second tick at %s does %v, %v", now, again, err)
			}
		}
	}
}
