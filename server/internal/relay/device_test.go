package relay_test

import (
	"strings"
	"testing"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func TestReply_lateOnesAreBounded(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		const kept = 50
		ann := r.enrol("ann")[0]
		w := r.start(r.project(model.ForwardStraight), []string{ann}, 1)
		o := r.offer(ann)
		r.reply(ann, o, "in time")
		var last protocol.Reply
		for range kept {
			last = r.answer(ann, o, "late")
			receipt, err := r.s.Reply(r.ctx, ann, o.Hop, last)
			if err != nil || receipt.State != protocol.ReplyLate {
				t.Fatalf("%+v, %v", receipt, err)
			}
		}
		for range 2 {
			_, err := r.s.Reply(r.ctx, ann, o.Hop, r.answer(ann, o, "one too many"))
			if e, ok := model.AsError(err); !ok || e.Code != protocol.CodeConflict || e.State != string(model.HopApproved) {
				t.Errorf("one more late answer: %v", err)
			}
		}
		if _, err := r.s.Reply(r.ctx, ann, o.Hop, last); err != nil {
			t.Errorf("the last one again: %v", err)
		}
		v := r.view(w.ID)
		told := 0
		for _, e := range v.Events {
			if e.Kind == model.EventLateFull && e.DeviceID == ann {
				told++
			}
		}
		if len(v.Replies) != 1+kept || told != 1 {
			t.Errorf("%d replies are stored, and it is told %d times", len(v.Replies), told)
		}
	})
}

func TestTakeBack_ofALateAnswer(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ann := r.enrol("ann")[0]
		w := r.start(r.project(model.ForwardPause), []string{ann}, 1)
		o := r.offer(ann)
		r.reply(ann, o, "in time")
		late := r.reply(ann, o, "late")
		_, err := r.s.TakeBack(r.ctx, ann, o.Hop, late.Reply)
		e, ok := model.AsError(err)
		if !ok || e.Code != protocol.CodeReplyForwarded || e.State != "late" || strings.Contains(e.Sentence, "gone on") {
			t.Errorf("taking a late answer back: %v", err)
		}
		if got := r.view(w.ID).Whisper.Hops[0].State; got != model.HopHeld {
			t.Errorf("the turn is %s", got)
		}
	})
}
