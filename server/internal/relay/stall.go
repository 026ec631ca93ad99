package relay

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

// Do is what is decided about a turn.
type Do = route.Decision

// EndAll is the decision to end the whole whisper; the others are route's.
const EndAll Do = "end"

// WhyNoAnswer is why the clock passes a turn over, and WhyRemoved why a turn
// stalls whose box was removed.
const (
	WhyNoAnswer = route.WhyNoAnswer
	WhyRemoved  = "box removed"
)

// maxReason bounds what people write about a decision, in characters.
const maxReason = 200

// Decision is what a person decides about one turn. Epoch and Decisions are
// those that the page showed of it.
type Decision struct {
	Hop       string
	Epoch     int
	Decisions int
	Do        Do
	Why       string
	Device    string // for route.Replace
}

// Decide changes the plan of a whisper at one turn, now and before a deadline
// alike. A page that shows an older state of the turn is refused with
// CodeConflict and changes nothing, so a second click is harmless.
func (s *Service) Decide(ctx context.Context, actor model.Actor, whisper string, d Decision) (model.Whisper, error) {
	var out model.Whisper
	why, err := cleanReason(d.Why)
	if err != nil {
		return out, err
	}
	err = s.do(ctx, func(w *work) error {
		wh, _, err := s.whisperOf(ctx, w.Tx, actor, whisper, model.Steer)
		if err != nil {
			return err
		}
		if d.Do == EndAll {
			out, err = s.endByHand(ctx, w, wh, d, actor.UserID, why)
			return err
		}
		if d.Do == route.Replace {
			if err := spare(ctx, w, d.Device); err != nil {
				return err
			}
		}
		c, err := s.clockOf(ctx, w.Tx, wh)
		if err != nil {
			return err
		}
		out, err = s.step(ctx, w, wh, route.Decide{
			Hop: d.Hop, Epoch: d.Epoch, Decisions: d.Decisions, Do: d.Do, By: actor.UserID, Why: why,
			Clock: c, NewHop: store.NewID(), Device: d.Device,
		}, nil)
		return err
	})
	return out, err
}

func (s *Service) endByHand(ctx context.Context, w *work, wh model.Whisper, d Decision, by, why string) (model.Whisper, error) {
	h, ok := wh.HopByID(d.Hop)
	if !ok || h.Epoch != d.Epoch || h.Course.Decisions != d.Decisions {
		return wh, &model.Error{
			Code: protocol.CodeConflict, State: string(wh.State),
			Sentence: "This turn has changed since the page was loaded. Nothing was changed now.", Next: "Look at the whisper's page to see where it stands.",
		}
	}
	w.by = by
	next, err := s.step(ctx, w, wh, route.End{}, nil)
	if err == nil && wh.State != next.State {
		s.decided(w, next, route.Decided{Position: h.Position, Kind: model.EventEndDecided, By: by, Why: why})
	}
	return next, err
}

// decided adds a line to the history that says who, and why.
func (s *Service) decided(w *work, wh model.Whisper, d route.Decided) {
	e := model.Event{
		ID: store.NewID(), ProjectID: wh.ProjectID, WhisperID: wh.ID, UserID: d.By, Kind: d.Kind, Detail: d.Why, At: w.now,
	}
	if h, ok := wh.Hop(d.Position); ok {
		e.HopID, e.DeviceID = h.ID, h.DeviceID
	}
	w.events = append(w.events, e)
}

// spare checks that a box can take part.
func spare(ctx context.Context, w *work, device string) error {
	d, err := w.Device(ctx, device)
	if errors.Is(err, store.ErrNotFound) || err == nil && !d.RevokedAt.IsZero() {
		return model.RefuseField("device", "This box does not exist any more.", "Choose another box.")
	}
	return err
}

func cleanReason(s string) (string, error) {
	s = oneLine(s)
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxReason {
		return "", model.RefuseField("why", "This reason is too long.", "Write at most 200 letters, or nothing.")
	}
	return s, nil
}

// oneLine is a text without line breaks and the like.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// clockOf is the clock of the place whose turn it is; where nobody has the
// whisper, the project's.
func (s *Service) clockOf(ctx context.Context, tx *store.Tx, wh model.Whisper) (route.Clock, error) {
	for _, h := range wh.Hops {
		if h.State.AtBox() || h.State == model.HopHeld {
			d, err := tx.Device(ctx, h.DeviceID)
			return s.clockAt(wh, d), err
		}
	}
	return s.clockAt(wh, model.Device{}), nil
}

// clockAt is the clock of a box's place; what the place leaves open is the project's.
func (s *Service) clockAt(wh model.Whisper, d model.Device) route.Clock {
	c, err := route.ClockOf(HoursOf(wh.Policy.Hours, d.Site.Hours))
	if err != nil { // forms check hours, so a row was written by hand
		s.log.Warn("a box's waking hours cannot be read; the usual ones count", "device", d.ID)
		c, _ = route.ClockOf(model.DefaultHours()) // a constant, and tested
	}
	return c
}

// HoursOf are the hours of a place; what it leaves open is as the project says.
func HoursOf(project, place model.Hours) model.Hours {
	if place.Zone != "" {
		project.Zone = place.Zone
	}
	if place.Wake != "" && place.Bed != "" {
		project.Wake, project.Bed = place.Wake, place.Bed
	}
	return project
}

// ask tells people that somebody does not answer: once for each time that the
// clocks were set.
func (s *Service) ask(ctx context.Context, w *work, wh model.Whisper, a route.Ask) error {
	h, _ := wh.Hop(a.Position)
	p, err := w.Project(ctx, wh.ProjectID)
	if err != nil {
		return err
	}
	d, err := w.Device(ctx, h.DeviceID)
	if err != nil {
		return err
	}
	kind := MailNoAnswer
	if a.Last {
		kind = MailDecide
	}
	once := kind + ":" + h.ID + ":" + strconv.FormatInt(h.Course.ClockAt.UnixMicro(), 10)
	since := h.DeliveredAt
	if since.IsZero() {
		since = h.OfferedAt
	}
	return s.tellProject(ctx, w, kind, once, News{
		Project: p, Whisper: wh, Hop: *h, Box: d, Since: since, Link: "/whispers/" + wh.ID + "/decide",
	})
}

const week = 7 * 24 * time.Hour

// notYet puts a turn off where its box was asked often enough of late
// (people.md R11). It says whether it did.
func (s *Service) notYet(ctx context.Context, w *work, wh *model.Whisper, hop *model.Hop) (bool, error) {
	n := wh.Policy.TurnsPerWeek
	if n <= 0 {
		return false, nil
	}
	at, err := w.EarlierOffer(ctx, hop.DeviceID, n)
	if err != nil || at.IsZero() || !at.Add(week).After(w.now) || at.After(w.now.Add(time.Hour)) {
		return false, err // long ago; or by a clock that was wrong, which says nothing
	}
	hop.Course.NotBefore = at.Add(week)
	id := wh.ID
	w.after(func(t Teller) { t.Changed(id) })
	return true, w.SaveWhisper(ctx, wh)
}

// markRemoved asks people to decide about each turn of a box that is no more.
func (s *Service) markRemoved(ctx context.Context, w *work, d model.Device) error {
	ids, err := w.WhispersWaitingFor(ctx, d.ID, store.MaxPage)
	if err != nil {
		return err
	}
	planned, err := w.PlannedAt(ctx, d.ID, store.MaxPage)
	if err != nil {
		return err
	}
	ids = append(ids, planned...)
	slices.Sort(ids) // one order of locks
	for _, id := range slices.Compact(ids) {
		wh, err := w.Whisper(ctx, id)
		if err != nil {
			return err
		}
		changed := false
		for i := range wh.Hops {
			h := &wh.Hops[i]
			open := h.State.AtBox() || h.State == model.HopPlanned
			if h.DeviceID != d.ID || !open || !h.Course.NeedsAt.IsZero() {
				continue
			}
			h.Course.NeedsAt, h.Course.Why = w.now, WhyRemoved
			changed = true
			s.decided(w, wh, route.Decided{Position: h.Position, Kind: model.EventBoxRemoved})
		}
		if !changed {
			continue
		}
		if err := w.SaveWhisper(ctx, &wh); err != nil {
			return err
		}
		w.after(func(t Teller) { t.Changed(id) })
	}
	return nil
}

// stalledByRemoval tells that a box which is no more has turns.
func (s *Service) stalledByRemoval(ctx context.Context, w *work, d model.Device) error {
	if err := s.markRemoved(ctx, w, d); err != nil {
		return err
	}
	return s.tellRemoved(ctx, w, d)
}
