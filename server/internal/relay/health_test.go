package relay_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/store"
)

func (r *rig) past(box string) relay.BoxPast {
	r.t.Helper()
	p, err := r.s.BoxPast(r.ctx, r.admin, box)
	r.must(err)
	return p
}

func (r *rig) report(box string, code protocol.ReportCode, over bool) {
	r.t.Helper()
	r.must(r.s.Report(r.ctx, box, protocol.Report{ID: store.NewID(), Code: code, At: r.clock(), Over: over}))
}

func check(verdict protocol.Verdict, request string) protocol.Check {
	return protocol.Check{ID: store.NewID(), Kind: protocol.CheckDoctor, At: time.Now(), Request: request,
		Items: []protocol.CheckItem{{Part: "microphone", Verdict: verdict, Text: "It hears.", Next: ""}}}
}

func TestReport_MailsOnceADay(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		p := r.team()
		ann := r.enrol("ann", "ben")[0]
		r.start(p, []string{ann}, 1)
		r.pass(2 * time.Hour) // somebody's membership lapses
		again := protocol.Report{ID: store.NewID(), Code: protocol.ReportMic, At: r.clock(), Detail: "all samples are zero"}
		r.must(r.s.Report(r.ctx, ann, again))
		r.must(r.s.Report(r.ctx, ann, again))
		r.report(ann, protocol.ReportMic, false)
		want := []string{"box_failed admin@example.org", "box_failed owner@example.org", "box_failed researcher@example.org"}
		if got := r.mails(relay.MailBoxFailed); !slices.Equal(got, want) {
			t.Errorf("mails %v, want %v", got, want)
		}
		r.report(ann, protocol.ReportCamera, false) // nobody has to get up for this
		r.report(ann, protocol.ReportMic, true)     // nor for good news
		if got := r.mails(relay.MailBoxFailed); len(got) != 3 {
			t.Errorf("mails %v", got)
		}
		r.pass(25 * time.Hour)
		r.report(ann, protocol.ReportMic, false)
		if got := r.mails(relay.MailBoxFailed); len(got) != 6 {
			t.Errorf("a day later: %v", got)
		}
		if past := r.past(ann); len(past.Reports) != 5 || past.Reports[4].Detail != again.Detail {
			t.Errorf("%d reports are kept", len(past.Reports))
		}
	})
}

func TestReport_Refusals(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ann := r.enrol("ann")[0]
		for name, bad := range map[string]protocol.Report{
			"no id": {Code: protocol.ReportMic}, "no code": {ID: store.NewID()},
			"too long": {ID: store.NewID(), Code: protocol.ReportMic, Detail: strings.Repeat("x", protocol.MaxDetail+1)},
		} {
			t.Run(name, func(t *testing.T) { refused(t, r.s.Report(r.ctx, ann, bad), protocol.CodeInvalid) })
		}
		_, err := r.s.HandIn(r.ctx, ann, protocol.Check{ID: store.NewID(), Kind: protocol.CheckDoctor})
		refused(t, err, protocol.CodeInvalid)
	})
}

// A fault is shown until it is over, until a check finds nothing, or for a day.
func TestPast_Faults(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ann := r.enrol("ann")[0]
		shown := func(want ...protocol.ReportCode) {
			t.Helper()
			var got []protocol.ReportCode
			for _, f := range r.past(ann).Faults {
				got = append(got, f.Code)
			}
			if !slices.Equal(got, want) {
				t.Errorf("faults %v, want %v", got, want)
			}
		}
		r.report(ann, protocol.ReportMic, false)
		r.report(ann, protocol.ReportMic, false)
		r.report(ann, protocol.ReportSpeaker, false)
		shown(protocol.ReportSpeaker, protocol.ReportMic)
		r.report(ann, protocol.ReportMic, true)
		shown(protocol.ReportSpeaker)
		for _, verdict := range []protocol.Verdict{protocol.VerdictFailed, protocol.VerdictOK} {
			_, err := r.s.HandIn(r.ctx, ann, check(verdict, ""))
			r.must(err)
			if verdict == protocol.VerdictFailed {
				shown(protocol.ReportSpeaker)
			}
		}
		shown()
		r.report(ann, protocol.ReportDisk, false)
		shown(protocol.ReportDisk)
		r.pass(24 * time.Hour)
		shown()
	})
}

func TestHandIn_OnceEach(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "ben")
		r.seen(boxes...)
		asked, err := r.s.AskBox(r.ctx, r.admin, boxes[0], protocol.TypeCheck, false)
		r.must(err)
		c := check(protocol.VerdictWarn, asked.ID)
		first, err := r.s.HandIn(r.ctx, boxes[0], c)
		r.must(err)
		again, err := r.s.HandIn(r.ctx, boxes[0], c)
		r.must(err)
		if first != again || first.ID != c.ID || first.ReceivedAt.IsZero() {
			t.Errorf("receipts %+v and %+v", first, again)
		}
		_, err = r.s.HandIn(r.ctx, boxes[1], c) // another box's, by the same id
		r.must(err)
		past := r.past(boxes[0])
		if len(past.Checks) != 1 || past.Checks[0].Items[0].Text != "It hears." || len(past.Open) != 0 {
			t.Errorf("%+v", past)
		}
	})
}

func TestAskBox(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "ben")
		ann, ben := boxes[0], boxes[1]
		r.seen(ann) // at nine in the morning, UTC
		ask := func(box string, kind protocol.MessageType, aloud bool) error {
			_, err := r.s.AskBox(r.ctx, r.admin, box, kind, aloud)
			return err
		}
		r.must(ask(ann, protocol.TypeCheck, false))
		r.must(ask(ann, protocol.TypeCheck, false)) // impatience
		r.must(ask(ann, protocol.TypePractice, false))
		open, err := r.s.Requests(r.ctx, ann)
		if err != nil || len(open) != 2 || open[0].Kind != protocol.TypeCheck || open[1].Kind != protocol.TypePractice {
			t.Errorf("open are %+v, %v", open, err)
		}
		if !r.told.has("ask " + ann + " check false") {
			t.Error("the box was not told")
		}
		r.must(ask(ben, protocol.TypeCheck, false))                               // it is away: when it comes
		refused(t, ask(ben, protocol.TypePractice, false), protocol.CodeConflict) // nobody there now
		refused(t, ask(ann, protocol.TypeEnd, false), protocol.CodeInvalid)
		refused(t, ask("none", protocol.TypeCheck, false), protocol.CodeNotFound)
		_, err = r.s.AskBox(r.ctx, r.owner, ann, protocol.TypeCheck, false)
		refused(t, err, protocol.CodeForbidden)

		r.pass(model.PracticeWaits)
		if open, err = r.s.Requests(r.ctx, ann); err != nil || len(open) != 1 {
			t.Errorf("after its time a practice is still open: %+v, %v", open, err)
		}
		r.pass(13 * time.Hour) // late in the evening
		r.seen(ann)
		refused(t, ask(ann, protocol.TypePractice, false), protocol.CodeInvalid)
		r.must(ask(ann, protocol.TypePractice, true))
		r.must(r.s.SetSite(r.ctx, r.admin, ann, model.Site{Hours: model.Hours{Zone: "America/New_York"}}))
		r.must(ask(ann, protocol.TypeCheck, false)) // there it is day
		if !r.past(ben).Asleep || r.past(ann).Asleep {
			t.Error("the pages do not know where it is night")
		}
	})
}

func TestEndBox(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		ann := r.enrol("Ann")[0]
		w := r.start(r.project(model.ForwardStraight), []string{ann}, 1)
		end := func(typed string) error {
			_, err := r.s.EndBox(r.ctx, r.admin, ann, typed)
			return err
		}
		refused(t, end("ann"), protocol.CodeInvalid)
		refused(t, end("Ann"), protocol.CodeConflict) // a whisper lies there
		r.must(r.s.End(r.ctx, r.owner, w.ID))
		r.must(end("Ann"))
		r.must(end("Ann"))
		r.pass(30 * 24 * time.Hour)
		open, err := r.s.Requests(r.ctx, ann)
		if err != nil || len(open) != 1 || open[0].Kind != protocol.TypeEnd {
			t.Fatalf("open are %+v, %v", open, err)
		}
		r.must(r.s.Report(r.ctx, ann, protocol.Report{ID: store.NewID(), Code: protocol.ReportWiped, At: r.clock(), Request: open[0].ID}))
		if open, err = r.s.Requests(r.ctx, ann); err != nil || len(open) != 0 {
			t.Errorf("the box is still asked: %+v, %v", open, err)
		}
		_, err = r.s.EndBox(r.ctx, r.owner, ann, "Ann")
		refused(t, err, protocol.CodeForbidden)
	})
}

func TestClips(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		boxes := r.enrol("ann", "ben")
		ann := boxes[0]
		set := func(key, says string) error {
			return r.s.SetClip(r.ctx, r.admin, ann, key, r.upload(r.admin.UserID, protocol.RoleAudio, says))
		}
		site := func() model.Site {
			d, err := r.s.OneBox(r.ctx, r.admin, ann)
			r.must(err)
			return d.Site
		}
		r.must(set("new", "one"))
		first := site()
		if first.Clips == "" || first.Version != 1 || relay.SettingsOf(first).Clips != first.Clips {
			t.Errorf("the site is %+v", first)
		}
		r.must(r.s.SetSite(r.ctx, r.admin, ann, model.Site{Label: "Hall"}))
		if site().Clips != first.Clips {
			t.Error("a change of the place lost the sentences")
		}
		r.must(set("sent", "two"))
		r.must(set("new", "three"))
		list, err := r.s.ClipsOf(r.ctx, ann)
		r.must(err)
		if list.Check() != nil || list.Set != site().Clips || len(list.Clips) != 2 || list.Clips[0].SHA256 != digest("shared three") {
			t.Errorf("the box gets %+v", list)
		}
		for says, want := range map[string]bool{"one": false, "two": true, "three": true} {
			if ok, err := r.s.MayHearClip(r.ctx, ann, digest("shared "+says)); ok != want || err != nil {
				t.Errorf("the box may hear %q: %v, %v", says, ok, err)
			}
		}
		if ok, err := r.s.MayHearClip(r.ctx, boxes[1], digest("shared two")); ok || err != nil {
			t.Errorf("another box may hear it: %v", err)
		}
		r.must(r.s.RemoveClip(r.ctx, r.admin, ann, "new"))
		refused(t, r.s.RemoveClip(r.ctx, r.admin, ann, "new"), protocol.CodeNotFound)
		r.must(r.s.RemoveClip(r.ctx, r.admin, ann, "sent"))
		if site().Clips != "" || !r.told.has("settings "+ann+" 6") {
			t.Errorf("without clips the site is %+v", site())
		}

		refused(t, set("shout", "x"), protocol.CodeInvalid)
		theirs := r.upload(r.owner.UserID, protocol.RoleAudio, "theirs")
		refused(t, r.s.SetClip(r.ctx, r.admin, ann, "new", theirs), protocol.CodeInvalid)
		refused(t, r.s.SetClip(r.ctx, r.owner, ann, "new", theirs), protocol.CodeForbidden)
		refused(t, r.s.RemoveClip(r.ctx, r.owner, ann, "new"), protocol.CodeForbidden)
		picture := r.upload(r.admin.UserID, protocol.RoleImage, "picture")
		refused(t, r.s.SetClip(r.ctx, r.admin, ann, "new", picture), protocol.CodeInvalid)
	})
}
