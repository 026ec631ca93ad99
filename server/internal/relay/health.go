package relay

import (
	"context"
	"errors"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// Report keeps what befell a box. Repeating it changes nothing. Where the box
// cannot take part any more, people get a mail, once a day for each cause.
func (s *Service) Report(ctx context.Context, device string, r protocol.Report) error {
	if err := r.Check(); err != nil {
		return &model.Error{Code: protocol.CodeInvalid, Sentence: "The report makes no sense.", Next: "Update the box.", Wrapped: err}
	}
	return s.do(ctx, func(w *work) error {
		fresh, err := w.AddReport(ctx, model.BoxReport{Report: r, DeviceID: device, ReceivedAt: w.now})
		if err != nil || !fresh {
			return lookAgain(err)
		}
		w.after(func(t Teller) { t.BoxesChanged() })
		if r.Code == protocol.ReportWiped && r.Request != "" {
			if _, err := w.AnswerRequest(ctx, device, r.Request, w.now); err != nil {
				return err
			}
		}
		if r.Over || !r.Code.Fails() {
			return nil
		}
		return s.tellFailed(ctx, w, device, r.Code)
	})
}

// tellFailed tells the people whose whisper waits for the box, and those who
// look after the server.
func (s *Service) tellFailed(ctx context.Context, w *work, device string, code protocol.ReportCode) error {
	d, err := w.Device(ctx, device)
	if err != nil {
		return err
	}
	so, next := code.Words()
	n := News{Box: d, Since: w.now, Reason: so + " " + next, Link: "/boxes/" + d.ID}
	projects := map[string]model.Project{}
	err = s.waitingFor(ctx, w, d, func(p model.Project, _ model.Whisper, _ model.Hop) error {
		n.Count++
		projects[p.ID] = p
		return nil
	})
	if err != nil {
		return err
	}
	once := "failed:" + d.ID + ":" + string(code) + ":" + w.now.UTC().Format("20060102")
	for _, p := range projects {
		about := n
		about.Project = p
		if err := s.tellProject(ctx, w, MailBoxFailed, once, about); err != nil {
			return err
		}
	}
	return s.tellAdmins(ctx, w, MailBoxFailed, once, n)
}

// HandIn keeps what was found when a box was looked through. Repeating it gives
// the same receipt, for as long as the check is kept.
func (s *Service) HandIn(ctx context.Context, device string, c protocol.Check) (protocol.CheckReceipt, error) {
	receipt := protocol.CheckReceipt{ID: c.ID}
	if err := c.Check(); err != nil {
		return receipt, &model.Error{Code: protocol.CodeInvalid, Sentence: "The check makes no sense.", Next: "Update the box.", Wrapped: err}
	}
	err := s.do(ctx, func(w *work) error {
		earlier, err := w.BoxCheck(ctx, device, c.ID)
		if err == nil {
			receipt.ReceivedAt = earlier.ReceivedAt
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		receipt.ReceivedAt = w.now
		if err := w.AddCheck(ctx, model.BoxCheck{Check: c, DeviceID: device, ReceivedAt: w.now}); err != nil {
			return lookAgain(err)
		}
		w.after(func(t Teller) { t.BoxesChanged() })
		if c.Request == "" {
			return nil
		}
		_, err = w.AnswerRequest(ctx, device, c.Request, w.now)
		return err
	})
	return receipt, err
}

// Requests lists what a box is still asked for: it is told so with every welcome.
func (s *Service) Requests(ctx context.Context, device string) ([]model.BoxRequest, error) {
	var open []model.BoxRequest
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		open, err = tx.OpenRequests(ctx, device, s.now())
		return err
	})
	return open, err
}

// AskBox asks a box to look itself through, or to let somebody practise. Where
// that would be heard while people sleep, they have to have agreed (aloud).
// Asking for what is asked for already changes nothing.
func (s *Service) AskBox(ctx context.Context, actor model.Actor, id string, kind protocol.MessageType, aloud bool) (model.BoxRequest, error) {
	var asked model.BoxRequest
	if err := allow(actor, model.ManageBoxes); err != nil {
		return asked, err
	}
	err := s.do(ctx, func(w *work) error {
		d, err := askable(ctx, w, id)
		if err != nil {
			return err
		}
		asked = model.BoxRequest{ID: store.NewID(), DeviceID: id, Kind: kind, Aloud: aloud, AskedBy: actor.UserID, AskedAt: w.now}
		switch kind {
		case protocol.TypeCheck:
			asked.EndsAt = w.now.Add(model.CheckWaits)
		case protocol.TypePractice:
			asked.EndsAt = w.now.Add(model.PracticeWaits)
			if d.Presence(w.now) != model.PresenceOnline {
				return model.Refuse(protocol.CodeConflict, "The box is not online now, so nobody can practise.", "Try again when this page says that it is online.")
			}
		default:
			return model.Refuse(protocol.CodeInvalid, "A box cannot be asked for this.", "Load the page again.")
		}
		if asleep(d.Site, w.now) && !aloud {
			return model.RefuseField("aloud", "It is quiet time there now, and the box would speak.", "Ask the people there first, then say so with the mark.")
		}
		return ask(ctx, w, &asked)
	})
	return asked, err
}

// EndBox asks a box to erase all of the study, for good. Whoever asks types the
// box's name. A turn that it still has is somebody's to decide about first.
func (s *Service) EndBox(ctx context.Context, actor model.Actor, id, typed string) (model.BoxRequest, error) {
	var asked model.BoxRequest
	if err := allow(actor, model.ManageBoxes); err != nil {
		return asked, err
	}
	err := s.do(ctx, func(w *work) error {
		d, err := askable(ctx, w, id)
		if err != nil {
			return err
		}
		if typed != d.Name {
			return model.RefuseField("typed", "This is not the name of the box.", "Type its name as it stands at the top of the page.")
		}
		waiting, err := w.WhispersWaitingFor(ctx, id, 1)
		if err != nil {
			return err
		}
		planned, err := w.PlannedAt(ctx, id, 1)
		if err != nil {
			return err
		}
		if len(waiting)+len(planned) > 0 {
			return model.Refuse(protocol.CodeConflict, "A whisper still counts on this box.", "Pass its turn over, give it to another box, or end the whisper first.")
		}
		asked = model.BoxRequest{ID: store.NewID(), DeviceID: id, Kind: protocol.TypeEnd, AskedBy: actor.UserID, AskedAt: w.now}
		return ask(ctx, w, &asked)
	})
	return asked, err
}

// askable loads a box that can be asked for something.
func askable(ctx context.Context, w *work, id string) (model.Device, error) {
	d, err := w.Device(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !d.RevokedAt.IsZero():
		return d, model.NotFound("box")
	case err == nil && d.FirstGen.Is():
		return d, model.Refuse(protocol.CodeConflict, "Boxes of the first generation cannot do this.", "Look after the box by hand.")
	}
	return d, err
}

// ask keeps a request and tells the box. One of the same kind that is open
// already stays the only one, unless people agreed meanwhile that it may speak.
func ask(ctx context.Context, w *work, r *model.BoxRequest) error {
	open, err := w.OpenRequests(ctx, r.DeviceID, w.now)
	if err != nil {
		return err
	}
	known := false
	for _, o := range open {
		if o.Kind == r.Kind && (o.Aloud || !r.Aloud) {
			*r, known = o, true
		}
	}
	if !known {
		if err := w.AddRequest(ctx, *r); err != nil {
			return err
		}
	}
	told := *r
	w.after(func(t Teller) {
		t.Ask(told.DeviceID, told.Kind, protocol.Request{ID: told.ID, Aloud: told.Aloud})
		t.BoxesChanged()
	})
	return nil
}

// asleep reports whether a box is to be quiet now, as far as the server knows
// its hours.
func asleep(site model.Site, now time.Time) bool {
	c, err := route.ClockOf(site.Hours)
	if err != nil { // written by hand; better ask
		return true
	}
	return route.Awake(now, now.Add(time.Minute), c) == 0
}

// BoxPast is what a box's page shows beside how it is now.
type BoxPast struct {
	Reports []model.BoxReport // newest first
	Checks  []model.BoxCheck  // newest first
	Open    []model.BoxRequest
	Clips   []model.Clip
	// Faults are reports of the last day that need somebody, one of a kind; what
	// ended, or was fine in a later check, is none.
	Faults []model.BoxReport
	// Asleep says that it is quiet time at the box.
	Asleep bool
}

// How much of the past a page shows.
const (
	pageReports = 50
	pageChecks  = 20
	faultFor    = 24 * time.Hour
)

// BoxPast loads what befell a box, what was found there, and its clips.
func (s *Service) BoxPast(ctx context.Context, actor model.Actor, id string) (BoxPast, error) {
	var p BoxPast
	if err := allow(actor, model.SeeBoxes); err != nil {
		return p, err
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		p = BoxPast{}
		d, err := tx.Device(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("box")
		}
		if err != nil {
			return err
		}
		now := s.now()
		p.Asleep = asleep(d.Site, now)
		if p.Reports, err = tx.Reports(ctx, id, pageReports); err != nil {
			return err
		}
		if p.Checks, err = tx.BoxChecks(ctx, id, pageChecks); err != nil {
			return err
		}
		if p.Open, err = tx.OpenRequests(ctx, id, now); err != nil {
			return err
		}
		p.Faults = faults(p.Reports, p.Checks, now)
		p.Clips, err = tx.Clips(ctx, id)
		return err
	})
	return p, err
}

func faults(reports []model.BoxReport, checks []model.BoxCheck, now time.Time) []model.BoxReport {
	var fine time.Time // the last check that found nothing wrong
	for _, c := range checks {
		if c.Kind != protocol.CheckPractice && c.Verdict() == protocol.VerdictOK && c.ReceivedAt.After(fine) {
			fine = c.ReceivedAt
		}
	}
	var open []model.BoxReport
	seen := map[protocol.ReportCode]bool{}
	for _, r := range reports {
		if seen[r.Code] || !r.Code.Fails() {
			continue
		}
		seen[r.Code] = true
		if !r.Over && r.ReceivedAt.After(fine) && now.Sub(r.ReceivedAt) < faultFor {
			open = append(open, r)
		}
	}
	return open
}
