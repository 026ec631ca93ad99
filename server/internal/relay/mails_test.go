package relay_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

// mails lists what was written, as "kind address", sorted.
func (r *rig) mails(kind string) []string {
	r.t.Helper()
	var list []string
	_, mails, err := r.s.Mails(r.ctx, r.admin, "", "", 200)
	r.must(err)
	for _, m := range mails {
		if kind == "" || m.Kind == kind {
			list = append(list, m.Kind+" "+m.To)
		}
	}
	slices.Sort(list)
	return list
}

func (r *rig) join(p model.Project, email string, role model.ProjectRole, expires time.Time) model.Actor {
	r.t.Helper()
	a := r.user(email, model.RoleResearcher)
	r.must(r.db.Tx(r.ctx, func(tx *store.Tx) error {
		return tx.AddMember(r.ctx, model.Member{ProjectID: p.ID, UserID: a.UserID, Role: role, AddedBy: r.owner.UserID, AddedAt: r.clock(), ExpiresAt: expires})
	}))
	return a
}

func (r *rig) seen(ids ...string) {
	r.t.Helper()
	seen := map[string]model.Sighting{}
	for _, id := range ids {
		seen[id] = model.Sighting{At: r.clock(), Connected: true}
	}
	r.must(r.s.SeenMany(r.ctx, seen))
}

func (r *rig) team() model.Project {
	p := r.project(model.ForwardStraight)
	r.join(p, "researcher@example.org", model.ProjectResearcher, time.Time{})
	r.join(p, "lapsed@example.org", model.ProjectResearcher, r.clock().Add(time.Hour))
	r.join(p, "moderator@example.org", model.ProjectModerator, time.Time{})
	r.join(p, "viewer@example.org", model.ProjectViewer, time.Time{})
	gone := r.join(p, "gone@example.org", model.ProjectOwner, time.Time{})
	r.must(r.db.Tx(r.ctx, func(tx *store.Tx) error { return tx.SetUserDisabled(r.ctx, gone.UserID, r.clock()) }))
	r.user("stranger@example.org", model.RoleResearcher)
	return p
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: mails %q, want %q", what, got, want)
	}
}

func TestSilentBoxes(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.team()
		boxes := r.enrol("robin", "idle", "never online", "removed")
		r.seen(boxes[0], boxes[1], boxes[3])
		r.must(r.s.RevokeBox(r.ctx, r.admin, boxes[3]))
		r.start(p, boxes[:1], 1)

		// From nine in the morning, awake from eight to nine in the evening: a
		// day's worth is over at eight in the evening of the next day.
		r.pass(34 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		want(t, "before a day's waking time is over", r.mails(relay.MailBoxSilent))
		r.pass(2 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		silent := []string{
			"box_silent admin@example.org", "box_silent admin@example.org", // robin and idle
			"box_silent owner@example.org", "box_silent researcher@example.org",
		}
		want(t, "after a day", r.mails(relay.MailBoxSilent), silent...)
		r.pass(50 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		want(t, "after three days", r.mails(relay.MailBoxSilent), silent...)

		r.seen(boxes[0])
		r.must(r.s.TellSilent(r.ctx))
		r.must(r.s.TellSilent(r.ctx))
		want(t, "robin is back", r.mails(relay.MailBoxBack), "box_back admin@example.org", "box_back owner@example.org", "box_back researcher@example.org")
		r.pass(45 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		if n := len(r.mails(relay.MailBoxSilent)); n != 7 {
			t.Errorf("%d mails after the second silence of robin, want 7", n)
		}
	})
}

// A box whose people are awake at night, or live elsewhere, is missed by their clock.
func TestSilentBoxes_ByTheirOwnHours(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("awake always", "the other side")
		r.seen(boxes...)
		for i, h := range []model.Hours{{Zone: "UTC", Wake: "00:00", Bed: "00:00"}, {Zone: "Pacific/Auckland", Wake: "08:00", Bed: "10:00"}} {
			r.must(r.s.SetSite(r.ctx, r.admin, boxes[i], model.Site{Hours: h}))
		}
		r.pass(24 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		want(t, "after a day", r.mails(relay.MailBoxSilent), "box_silent admin@example.org")
		r.pass(8 * 24 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		want(t, "after nine days of two hours", r.mails(relay.MailBoxSilent), "box_silent admin@example.org")
		r.pass(4 * 24 * time.Hour)
		r.must(r.s.TellSilent(r.ctx))
		want(t, "after thirteen", r.mails(relay.MailBoxSilent), "box_silent admin@example.org", "box_silent admin@example.org")
	})
}

// Where a network fails, administrators get no mail for every home.
func TestSilentBoxes_ManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		var names []string
		for i := range 13 {
			names = append(names, fmt.Sprintf("box %02d", i))
		}
		boxes := r.enrol(names...)
		r.seen(boxes...)
		r.pass(36 * time.Hour)
		for range 2 {
			r.must(r.s.TellSilent(r.ctx))
			if n := len(r.mails(relay.MailBoxSilent)); n != 11 {
				t.Errorf("%d mails about 13 boxes, want 10 and one for the rest", n)
			}
		}
		r.seen(boxes...)
		r.must(r.s.TellSilent(r.ctx))
		if n := len(r.mails(relay.MailBoxBack)); n != 10 {
			t.Errorf("%d mails that boxes are back, want 10", n)
		}
	})
}

func TestRemovedBox(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.team()
		boxes := r.enrol("robin", "idle")
		r.start(p, boxes[:1], 1)
		for range 2 {
			for _, id := range boxes {
				r.must(r.s.RevokeBox(r.ctx, r.admin, id))
			}
		}
		want(t, "removed", r.mails(""), "withdrawal lapsed@example.org", "withdrawal owner@example.org", "withdrawal researcher@example.org")
	})
}

func TestExportMails(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.team()
		viewer := r.join(p, "asker@example.org", model.ProjectViewer, time.Time{})
		for _, state := range []model.PreparedState{model.PreparedReady, model.PreparedFailed} {
			_, err := r.s.PrepareExport(r.ctx, viewer, relay.ExportWish{Project: p.ID})
			r.must(err)
			e, _, ok, err := r.s.NextExport(r.ctx, "worker", time.Minute)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			e.State = state
			for range 2 {
				r.must(r.s.FinishExport(r.ctx, e, "worker"))
			}
		}
		want(t, "one ready, one failed", r.mails(""), "export_ready asker@example.org", "export_ready asker@example.org")
	})
}

func TestDigests(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.team()
		quiet, off := r.project(model.ForwardStraight), r.project(model.ForwardStraight)
		for _, q := range []*model.Project{&p, &quiet} {
			q.Settings = model.DefaultProjectSettings()
			q.Settings.Digest = true
			r.must(r.db.Tx(r.ctx, func(tx *store.Tx) error { return tx.UpdateProject(r.ctx, *q) }))
		}
		boxes := r.enrol("robin", "idle")
		r.start(p, boxes[:1], 1) // 09:00
		r.start(off, boxes[1:], 1)
		r.reply(boxes[0], r.offer(boxes[0]), "words")
		sent := relay.Digested{}
		r.must(r.s.TellDigests(r.ctx, sent)) // the day until 08:00 had nothing
		want(t, "on the same day", r.mails(relay.MailDigest))
		r.pass(22 * time.Hour) // 07:00
		r.must(r.s.TellDigests(r.ctx, sent))
		want(t, "before eight", r.mails(relay.MailDigest))
		r.pass(time.Hour + time.Minute)
		for range 2 { // and by a server that has just started
			r.must(r.s.TellDigests(r.ctx, sent))
			r.must(r.s.TellDigests(r.ctx, relay.Digested{}))
			want(t, "after eight", r.mails(relay.MailDigest), "digest owner@example.org", "digest researcher@example.org")
		}
		r.pass(24 * time.Hour)
		r.must(r.s.TellDigests(r.ctx, sent))
		want(t, "after a quiet day", r.mails(relay.MailDigest), "digest owner@example.org", "digest researcher@example.org")
	})
}

func TestMailLog(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.team()
		other := r.user("other@example.org", model.RoleResearcher)
		viewer := r.join(p, "second viewer@example.org", model.ProjectViewer, time.Time{})
		m, err := r.s.TestMail(r.ctx, r.owner, p.ID)
		r.must(err)
		_, err = r.s.TestMail(r.ctx, r.admin, "")
		r.must(err)
		want(t, "all", r.mails(""), "test admin@example.org", "test owner@example.org")

		_, list, err := r.s.Mails(r.ctx, r.owner, p.ID, "", 10)
		r.must(err)
		if len(list) != 1 || list[0].ID != m.ID || list[0].ProjectID != p.ID {
			t.Errorf("the project has the mails %+v, want its own test", list)
		}
		for name, c := range map[string]struct {
			actor   model.Actor
			project string
			code    protocol.Code
		}{
			"an owner, of the server":   {r.owner, "", protocol.CodeForbidden},
			"a viewer, of the project":  {viewer, p.ID, protocol.CodeForbidden},
			"a stranger, of it":         {other, p.ID, protocol.CodeNotFound},
			"an owner, of no project":   {r.owner, store.NewID(), protocol.CodeNotFound},
			"a program that may read":   {model.Actor{UserID: r.owner.UserID, Role: model.RoleResearcher, Token: "t", Scopes: []model.Scope{model.ScopeRead}}, p.ID, protocol.CodeForbidden},
			"an administrator's reader": {model.Actor{UserID: r.admin.UserID, Role: model.RoleAdmin, Token: "t", Scopes: []model.Scope{model.ScopeRead}}, "", protocol.CodeForbidden},
		} {
			t.Run(name, func(t *testing.T) {
				_, _, err := r.s.Mails(r.ctx, c.actor, c.project, "", 10)
				refused(t, err, c.code)
				_, err = r.s.TestMail(r.ctx, c.actor, c.project)
				refused(t, err, c.code)
				if c.project == p.ID {
					_, err = r.s.Mail(r.ctx, c.actor, m.ID)
					refused(t, err, c.code)
					_, err = r.s.SendAgain(r.ctx, c.actor, m.ID)
					refused(t, err, c.code)
				}
			})
		}

		_, err = r.s.SendAgain(r.ctx, r.owner, m.ID)
		refused(t, err, protocol.CodeConflict)
		r.must(r.db.Tx(r.ctx, func(tx *store.Tx) error { return tx.MailFailed(r.ctx, m.ID, 3, "no such mailbox") }))
		_, err = r.s.SendAgain(r.ctx, r.owner, m.ID)
		r.must(err)
		got, err := r.s.Mail(r.ctx, r.owner, m.ID)
		r.must(err)
		if got.State != model.MailQueued || got.NextAt.IsZero() || !strings.Contains(got.LastError, "mailbox") {
			t.Errorf("sent again: %+v", got)
		}
	})
}
