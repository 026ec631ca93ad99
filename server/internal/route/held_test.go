package route_test

import (
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/route"
)

// An answer that a wrong clock holds for a year goes on after its pause when
// somebody lets the whisper pause and resume.
func TestResume_AnswerHeldByAWrongClock(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	hold := 10 * time.Minute
	for name, c := range map[string]struct{ until, want time.Time }{
		"a year ahead": {now.Add(365 * 24 * time.Hour), now.Add(hold)},
		"as usual":     {now.Add(3 * time.Minute), now.Add(3 * time.Minute)},
		"over":         {now.Add(-time.Minute), now.Add(-time.Minute)},
	} {
		w := model.Whisper{State: model.WhisperPaused, Forwarding: model.ForwardPause, Hold: hold, Hops: []model.Hop{
			{ID: "h", Position: 1, State: model.HopHeld, HoldUntil: c.until}, {ID: "n", Position: 2, State: model.HopPlanned},
		}}
		next, _, err := route.Next(w, route.Resume{}, now)
		if err != nil || !next.Hops[0].HoldUntil.Equal(c.want) {
			t.Errorf("%s: held until %s, want %s (%v)", name, next.Hops[0].HoldUntil, c.want, err)
		}
		if !w.Hops[0].HoldUntil.Equal(c.until) {
			t.Errorf("%s: the given whisper was changed", name)
		}
	}
}
