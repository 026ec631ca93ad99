package relay_test

import (
	"testing"

	"illumi/server/internal/model"
)

// A database that was set back to a backup numbers its offers lower than what a
// box has seen. Such a box must learn of what waits for it, and of what comes.
func TestOffers_CursorFromTheFuture(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("a")
		r.start(r.project(model.ForwardStraight), boxes, 1)
		page, err := r.s.Offers(r.ctx, boxes[0], "4000")
		r.must(err)
		if len(page.Offers) != 1 {
			t.Fatalf("%d offers, want the one that waits", len(page.Offers))
		}
		r.reply(boxes[0], page.Offers[0], "first")
		r.start(r.project(model.ForwardStraight), boxes, 2)
		page, err = r.s.Offers(r.ctx, boxes[0], page.Cursor)
		r.must(err)
		if len(page.Offers) == 0 {
			t.Error("the next offer is not told")
		}
	})
}
