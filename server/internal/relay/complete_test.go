package relay_test

import (
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

// That a whisper is complete is told to who started it; where that person works
// on the project no more, to those who do, and to nobody else.
func TestComplete_WhoIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(r *rig, p model.Project, starter model.Actor) error
		told  []string
	}{
		"still here": {nil, []string{"complete starter@example.org"}},
		"removed": {func(r *rig, p model.Project, starter model.Actor) error {
			return r.s.RemoveMember(r.ctx, r.owner, p.ID, starter.UserID)
		}, []string{"complete owner@example.org"}},
		"disabled": {func(r *rig, _ model.Project, starter model.Actor) error {
			return r.db.Tx(r.ctx, func(tx *store.Tx) error { return tx.SetUserDisabled(r.ctx, starter.UserID, r.clock()) })
		}, []string{"complete owner@example.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *rig) {
				p := r.project(model.ForwardStraight)
				starter := r.join(p, "starter@example.org", model.ProjectResearcher, time.Time{})
				box := r.enrol("a")
				_, err := r.s.Start(r.ctx, starter, relay.StartRequest{
					ProjectID: p.ID, Title: "Gulls", Audio: r.upload(starter.UserID, protocol.RoleAudio, "seed"), Boxes: box,
				})
				r.must(err)
				if c.leave != nil {
					r.must(c.leave(r, p, starter))
				}
				r.reply(box[0], r.offer(box[0]), "x")
				want(t, name, r.mails(relay.MailComplete), c.told...)
			})
		})
	}
}

// An answer is taken although nobody knows any more who started the whisper.
func TestComplete_NobodyStartedIt(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p, box := r.project(model.ForwardStraight), r.enrol("a")
		operator := model.Actor{Role: model.RoleAdmin}
		started, err := r.s.Start(r.ctx, operator, relay.StartRequest{
			ProjectID: p.ID, Title: "Gulls", Audio: r.upload("", protocol.RoleAudio, "seed"), Boxes: box,
		})
		r.must(err)
		if got := r.reply(box[0], r.offer(box[0]), "x"); got.State != protocol.ReplyAccepted {
			t.Errorf("the answer is %s", got.State)
		}
		if s := r.view(started[0].ID).Whisper.State; s != model.WhisperComplete {
			t.Errorf("the whisper is %s", s)
		}
		want(t, "nobody started it", r.mails(relay.MailComplete), "complete owner@example.org")
	})
}
