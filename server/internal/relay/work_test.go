package relay_test

import (
	"context"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// A whisper that cannot go on does not keep the others from it.
func TestWork_OneBadWhisperKeepsNobody(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("a", "b")
		project := r.project(model.ForwardPause)
		bad, err := r.s.Start(r.ctx, r.owner, relay.StartRequest{
			ProjectID: project.ID, Title: unwritable, Boxes: boxes[:1],
			Audio: r.upload(r.owner.UserID, protocol.RoleAudio, "seed"),
		})
		r.must(err)
		good := r.start(project, boxes[1:], 1)
		r.reply(boxes[0], r.offer(boxes[0]), "first") // is due first
		r.reply(boxes[1], r.offer(boxes[1]), "second")
		r.pass(model.DefaultHold + time.Second)
		ctx, cancel := context.WithCancel(r.ctx)
		worked := make(chan error, 1)
		go func() { worked <- r.s.Work(ctx) }()
		wait(t, func() bool { return r.view(good.ID).Whisper.State == model.WhisperComplete })
		if s := r.view(bad[0].ID).Whisper.State; s != model.WhisperTravelling {
			t.Errorf("the bad whisper is %s; it was to be refused as a whole", s)
		}
		cancel()
		r.must(<-worked)
	})
}
