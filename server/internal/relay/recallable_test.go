package relay_test

import (
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// An answer that its citizen can still take back leaves the server in no export
// and by no link; what was only said to the server can be taken back whole.
func TestRecallable_StaysInTheHouse(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p, boxes := r.project(model.ForwardPause), r.enrol("a", "b")
		w := r.start(p, boxes, 1)
		secret, _, err := r.s.Share(r.ctx, r.owner, w.ID, "A friend", 7, false)
		r.must(err)
		out := func(reply string) (exported, shared bool) {
			t.Helper()
			x, err := r.s.Export(r.ctx, r.owner, relay.ExportWish{Project: p.ID, Media: true, Originals: true})
			r.must(err)
			for v, err := range x.Whispers(r.ctx) {
				r.must(err)
				exported = exported || len(v.FilesOf(reply)) > 0
				if len(v.FilesOf("")) == 0 {
					t.Error("the seed is left out")
				}
			}
			v, err := r.s.Shared(r.ctx, secret)
			r.must(err)
			return exported, len(v.FilesOf(reply)) > 0
		}
		want := func(what, reply string, want bool) {
			t.Helper()
			if exported, shared := out(reply); exported != want || shared != want {
				t.Errorf("%s: exported %t, shared %t, want %t", what, exported, shared, want)
			}
		}
		first := w.Hops[0].DeviceID
		offer := r.offer(first)
		held := r.reply(first, offer, "held")
		want("held", held.Reply, false)
		r.must(r.s.Pause(r.ctx, r.owner, w.ID))
		r.pass(model.DefaultHold + time.Minute)
		want("held still, as the whisper is paused", held.Reply, false)
		_, err = r.s.TakeBack(r.ctx, first, offer.Hop, held.Reply)
		r.must(err)
		want("taken back", held.Reply, false)
		r.must(r.s.Resume(r.ctx, r.owner, w.ID))

		again := r.reply(first, r.offer(first), "again")
		r.pass(model.DefaultHold + time.Minute)
		r.work()
		want("gone on", again.Reply, true)

		second := w.Hops[1].DeviceID
		last := r.reply(second, r.offer(second), "last")
		r.must(r.s.End(r.ctx, r.owner, w.ID))
		if h := r.view(w.ID).Whisper.Hops[1]; h.State != model.HopApproved {
			t.Fatalf("the last turn is %s", h.State)
		}
		want("ended within its pause", last.Reply, false)
		r.pass(model.DefaultHold)
		want("ended, and its pause is over", last.Reply, true)
		if last.State != protocol.ReplyAccepted {
			t.Errorf("the last answer is %s", last.State)
		}
	})
}
