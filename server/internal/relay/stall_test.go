package relay_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// work runs the worker until nothing is due, as a server does that was started anew.
func (r *rig) work() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	worked := make(chan error, 1)
	go func() { worked <- r.s.Work(ctx) }()
	wait(r.t, func() bool {
		var due time.Time
		r.must(r.db.View(r.ctx, func(tx *store.Tx) (err error) {
			due, err = tx.NextDue(r.ctx)
			return err
		}))
		return due.IsZero() || due.After(r.clock())
	})
	cancel()
	r.must(<-worked)
}

// patient is a project with the usual deadlines, whose people sleep from 21 to 8 in UTC.
func (r *rig) patient(mode model.SkipMode, turns int) model.Project {
	r.t.Helper()
	settings := model.DefaultProjectSettings()
	settings.Deadlines.Mode, settings.TurnsPerWeek = mode, turns
	p, err := r.s.CreateProject(r.ctx, r.owner, model.Project{Title: "Harbour", Forwarding: model.ForwardStraight, Settings: settings})
	r.must(err)
	return p
}

func (r *rig) progress(device string, o protocol.Offer, step protocol.MessageType) {
	r.t.Helper()
	r.must(r.s.Progress(r.ctx, device, step, protocol.Progress{Hop: o.Hop, Epoch: o.Epoch, At: r.clock()}))
}

func (r *rig) mailKinds(whisper string) (kinds []string) {
	for _, m := range r.view(whisper).Mails {
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

func (r *rig) decide(whisper string, h model.Hop, do route.Decision, device string) error {
	_, err := r.s.Decide(r.ctx, r.owner, whisper, relay.Decision{
		Hop: h.ID, Epoch: h.Epoch, Decisions: h.Course.Decisions, Do: do, Why: "is ill", Device: device,
	})
	return err
}

// Nobody answers: one reminder, one mail, one more, and a person decides. A
// server that starts again tells nothing twice.
func TestStall_RemindsAsksAndWaits(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("a", "b")
		byID := map[string]string{boxes[0]: boxes[1], boxes[1]: boxes[0]}
		w := r.start(r.patient(model.SkipAsk, 0), boxes, 1)
		first := w.Hops[0].DeviceID
		r.progress(first, r.offer(first), protocol.TypeDelivered)
		r.pass(50 * time.Hour) // 9:00 until 11:00, two days on: 28 waking hours
		r.work()
		r.work()
		if !r.told.has("remind " + first + " 1") {
			t.Error("the box was not reminded after a day of waking time")
		}
		if got := r.mailKinds(w.ID); len(got) != 0 {
			t.Errorf("mails %v before two days", got)
		}
		r.pass(48 * time.Hour)
		r.work()
		r.work()
		if got := r.mailKinds(w.ID); !slices.Equal(got, []string{relay.MailNoAnswer}) {
			t.Errorf("mails %v, want one question", got)
		}
		r.pass(48 * time.Hour)
		r.work()
		r.work()
		if got := r.mailKinds(w.ID); !slices.Equal(got, []string{relay.MailNoAnswer, relay.MailDecide}) && !slices.Equal(got, []string{relay.MailDecide, relay.MailNoAnswer}) {
			t.Errorf("mails %v, want a question and a decision", got)
		}
		h := r.view(w.ID).Whisper.Hops[0]
		if h.Course.NeedsAt.IsZero() || !h.State.AtBox() {
			t.Errorf("the turn is %s and needs a person since %s", h.State, h.Course.NeedsAt)
		}
		r.must(r.decide(w.ID, h, route.Wait, ""))
		refused(t, r.decide(w.ID, h, route.Wait, ""), protocol.CodeConflict)
		h = r.view(w.ID).Whisper.Hops[0]
		r.must(r.decide(w.ID, h, route.Skip, ""))
		refused(t, r.decide(w.ID, h, route.Skip, ""), protocol.CodeConflict)
		v := r.view(w.ID)
		if h := v.Whisper.Hops[0]; h.State != model.HopSkipped || h.Course.Why != "is ill" || h.Course.By != r.owner.UserID {
			t.Errorf("the turn is %s, because %q, by %q", h.State, h.Course.Why, h.Course.By)
		}
		if !slices.ContainsFunc(v.Events, func(e model.Event) bool {
			return e.Kind == "skipped" && e.UserID == r.owner.UserID && e.Detail == "is ill"
		}) {
			t.Error("the history does not say who passed the turn over, and why")
		}
		r.offer(byID[first])
	})
}

// The clock passes a turn over; a late answer is kept beside the chain.
func TestStall_SkipsByItself(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("a", "b")
		w := r.start(r.patient(model.SkipAuto, 0), boxes, 1)
		first, second := w.Hops[0].DeviceID, w.Hops[1].DeviceID
		offer := r.offer(first)
		r.pass(10 * 24 * time.Hour)
		r.work()
		v := r.view(w.ID)
		if h := v.Whisper.Hops[0]; h.State != model.HopSkipped || h.Course.Why != route.WhyNoAnswer {
			t.Fatalf("the turn is %s, because %q", h.State, h.Course.Why)
		}
		if !r.told.has("recall " + first + " 1") {
			t.Error("the box keeps the turn")
		}
		if got := r.reply(first, offer, "late"); got.State != protocol.ReplyLate {
			t.Errorf("a late answer is %s", got.State)
		}
		r.reply(second, r.offer(second), "in time")
		if s := r.view(w.ID).Whisper.State; s != model.WhisperComplete {
			t.Errorf("the whisper is %s", s)
		}
	})
}

// A8: postpone, replace, a late answer and two chains that want one box.
func TestStall_PlanChanges(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("a", "b", "c", "reserve")
		reserve := boxes[3]
		p := r.patient(model.SkipAsk, 0)
		w := r.start(p, boxes[:3], 1)
		plan := w.Hops
		other := r.start(p, []string{plan[1].DeviceID}, 2) // has the second box now
		old := r.offer(plan[0].DeviceID)
		r.must(r.decide(w.ID, r.view(w.ID).Whisper.Hops[0], route.Postpone, ""))
		v := r.view(w.ID).Whisper
		if v.Hops[0].ID != plan[1].ID || v.Hops[1].ID != plan[0].ID || v.Hops[1].Course.Planned != 1 {
			t.Fatalf("after postponing: %+v", v.Hops)
		}
		if got := r.reply(plan[0].DeviceID, old, "too late"); got.State != protocol.ReplyLate {
			t.Errorf("the answer to the turn that was put off is %s", got.State)
		}
		if got := r.offer(plan[1].DeviceID); got.Whisper != other.ID {
			t.Error("a box serves two turns")
		}
		refused(t, r.decide(w.ID, v.Hops[0], route.Replace, plan[2].DeviceID), protocol.CodeInvalid)
		r.must(r.decide(w.ID, v.Hops[0], route.Replace, reserve))
		r.reply(reserve, r.offer(reserve), "reserve")
		r.reply(plan[0].DeviceID, r.offer(plan[0].DeviceID), "put off")
		r.reply(plan[2].DeviceID, r.offer(plan[2].DeviceID), "last")
		v = r.view(w.ID).Whisper
		if v.State != model.WhisperComplete {
			t.Errorf("the whisper is %s", v.State)
		}
		var planned []int
		for _, h := range v.Hops {
			planned = append(planned, h.Course.Planned)
		}
		if !slices.Equal(planned, []int{2, 0, 1, 3}) {
			t.Errorf("planned places in the order of the turns: %v", planned)
		}
	})
}

func TestStall_TurnsPerWeek(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		box := r.enrol("a")
		p := r.patient(model.SkipAsk, 2)
		began := r.clock()
		for i := range 2 {
			r.start(p, box, byte(i))
			r.reply(box[0], r.offer(box[0]), string(rune('a'+i)))
		}
		third := r.start(p, box, 3)
		if n := len(r.open(box[0])); n != 0 {
			t.Fatalf("%d turns in the same week, want none more", n)
		}
		at := r.view(third.ID).Whisper.Hops[0].Course.NotBefore
		if at.Before(began.Add(7*24*time.Hour)) || at.After(r.clock().Add(7*24*time.Hour)) {
			t.Errorf("the third turn waits until %s", at)
		}
		r.pass(8 * 24 * time.Hour)
		r.must(r.s.ServeWaiting(r.ctx))
		r.offer(box[0])
	})
}

// A box that is removed stalls every chain that it is in, and people hear of it.
func TestStall_RemovedBox(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("a", "b")
		w := r.start(r.patient(model.SkipAsk, 0), boxes, 1)
		first, last := w.Hops[0].DeviceID, w.Hops[1].DeviceID
		r.must(r.s.RevokeBox(r.ctx, r.admin, last))
		if h := r.view(w.ID).Whisper.Hops[1]; h.Course.NeedsAt.IsZero() || h.Course.Why != relay.WhyRemoved {
			t.Errorf("the turn to come says %q", h.Course.Why)
		}
		if got := r.mailKinds(w.ID); len(got) != 0 {
			t.Errorf("mails %v before it is the box's turn", got)
		}
		r.reply(first, r.offer(first), "x")
		if got := r.mailKinds(w.ID); !slices.Equal(got, []string{relay.MailWithdrawal}) {
			t.Errorf("mails %v, want that the box is gone", got)
		}
		r.must(r.decide(w.ID, r.view(w.ID).Whisper.Hops[1], route.Skip, ""))
		if s := r.view(w.ID).Whisper.State; s != model.WhisperComplete {
			t.Errorf("the whisper is %s", s)
		}
	})
}

func TestStall_WhoMayDecide(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		w := r.start(r.patient(model.SkipAsk, 0), r.enrol("a"), 1)
		h := w.Hops[0]
		stranger := r.user("stranger@example.org", model.RoleResearcher)
		_, err := r.s.Decide(r.ctx, stranger, w.ID, relay.Decision{Hop: h.ID, Epoch: h.Epoch, Do: route.Skip})
		refused(t, err, model.NotFound("whisper").Code)
		r.must(r.decide(w.ID, r.view(w.ID).Whisper.Hops[0], relay.EndAll, ""))
		refused(t, r.decide(w.ID, h, relay.EndAll, ""), protocol.CodeConflict)
		if s := r.view(w.ID).Whisper.State; s != model.WhisperEnded {
			t.Errorf("the whisper is %s", s)
		}
	})
}
