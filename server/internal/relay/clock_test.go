package relay_test

import (
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// A server's clock that is set back loses and stops nothing: who waits for a
// box is served when the box is free, by the order of the turns.
func TestClock_SetBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p, box := r.project(model.ForwardStraight), r.enrol("a")
		one := r.start(p, box, 1)
		two := r.start(p, box, 2) // waits for the box
		first := r.offer(box[0])
		r.pass(-400 * 24 * time.Hour)
		if got := r.reply(box[0], first, "x"); got.State != protocol.ReplyAccepted {
			t.Fatalf("the answer is %s", got.State)
		}
		if s := r.view(one.ID).Whisper.State; s != model.WhisperComplete {
			t.Errorf("the first whisper is %s", s)
		}
		if n := len(r.open(box[0])); n != 1 {
			t.Fatalf("%d turns wait at the free box, want that of the second whisper", n)
		}
		r.reply(box[0], r.offer(box[0]), "y")
		if s := r.view(two.ID).Whisper.State; s != model.WhisperComplete {
			t.Errorf("the second whisper is %s", s)
		}
	})
}

// Turns that a wrong clock gave out do not count against a box for the time that
// the clock was wrong by.
func TestClock_SetBackAndTurnsPerWeek(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p, box := r.patient(model.SkipAsk, 2), r.enrol("a")
		for i := range 2 {
			r.start(p, box, byte(i))
			r.reply(box[0], r.offer(box[0]), string(rune('a'+i)))
		}
		r.pass(-400 * 24 * time.Hour)
		r.start(p, box, 3)
		r.offer(box[0])
	})
}
