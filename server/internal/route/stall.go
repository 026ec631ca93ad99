package route

import (
	"slices"
	"time"

	"illumi/server/internal/model"
)

// Decision is what a person says about a turn that stalls, or that shall not be.
type Decision string

// The decisions about one turn.
const (
	Wait     Decision = "wait"     // count the time for asking again from now
	Skip     Decision = "skip"     // pass the turn over
	Replace  Decision = "replace"  // give it to a box that is not in the chain
	Postpone Decision = "postpone" // let the next one go first
)

// Decide is a decision. Epoch and Decisions are what its page showed of the
// hop: a second click and an old page change nothing. The hop is named by its
// id, as places change.
type Decide struct {
	Hop       string
	Epoch     int
	Decisions int
	Do        Decision
	By        string // user id
	Why       string
	Clock     Clock // of the box whose turn it is
	// NewHop and Device are the new hop's, for Replace.
	NewHop, Device string
}

func (Decide) event() {}

// The actions about turns that stall.
type (
	// Remind lets a box say once more that a whisper is there.
	Remind struct {
		Position int
		Device   string
	}
	// Ask tells people that somebody does not answer. Last is the last
	// deadline: a person has to decide.
	Ask struct {
		Position int
		Last     bool
	}
	// Decided is a line of the history: who changed the plan, and why.
	Decided struct {
		Position int
		Kind     string
		By, Why  string
	}
)

func (Remind) action()  {}
func (Ask) action()     {}
func (Decided) action() {}

// WhyNoAnswer is why the clock passes a turn over.
const WhyNoAnswer = "no answer"

// defaultWait is what Wait gives where the project asks after no time at all.
const defaultWait = 48 * time.Hour

// startClocks counts the deadlines from now. Before a whisper lies on its box
// nobody can be reminded, but a box that stays away must not stall it silently.
func startClocks(w model.Whisper, h *model.Hop, c Clock, now time.Time) []Action {
	d := w.Policy.Deadlines
	k := &h.Course
	k.ClockAt = now
	k.RemindAt, k.AskAt, k.SkipAt = time.Time{}, time.Time{}, time.Time{}
	k.RemindedAt, k.AskedAt, k.UrgedAt, k.NeedsAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if d.Remind > 0 && !h.DeliveredAt.IsZero() {
		k.RemindAt = Daytime(After(now, d.Remind, c), c)
	}
	if d.Ask > 0 {
		k.AskAt = After(now, d.Ask, c)
	}
	if d.Skip > 0 {
		k.SkipAt = After(now, d.Skip, c)
	}
	return wake(w, h)
}

func wake(w model.Whisper, h *model.Hop) []Action {
	if at := w.DueAt(h); !at.IsZero() {
		return []Action{Wake{at}}
	}
	return nil
}

// shiftClocks lets the clocks of the hop at a box stand still for a pause: what
// waking time was left when it began is left now.
func shiftClocks(w *model.Whisper, c Clock, now time.Time) []Action {
	began := w.Policy.PausedAt
	w.Policy.PausedAt = time.Time{}
	for i := range w.Hops {
		h := &w.Hops[i]
		if !h.State.AtBox() || began.IsZero() {
			continue
		}
		from := began
		if h.Course.ClockAt.After(from) {
			from = h.Course.ClockAt
		}
		for _, at := range []*time.Time{&h.Course.RemindAt, &h.Course.AskAt, &h.Course.SkipAt} {
			if at.After(from) {
				*at = After(now, Awake(from, *at, c), c)
			}
		}
		if !h.Course.RemindAt.IsZero() {
			h.Course.RemindAt = Daytime(h.Course.RemindAt, c)
		}
		return wake(*w, h)
	}
	return nil
}

func tick(w model.Whisper, e Tick, now time.Time) (model.Whisper, []Action, error) {
	if w.State != model.WhisperTravelling {
		return w, nil, nil // a paused whisper's clocks stand still
	}
	actions := releaseHolds(&w, now)
	for i := range w.Hops {
		if w.Hops[i].State.AtBox() {
			actions = append(actions, deadlines(&w, &w.Hops[i], e.Clock, now)...)
		}
	}
	if actions == nil {
		return w, nil, nil
	}
	w, more := advance(w, now)
	return w, append(actions, more...), nil
}

// deadlines does what is due about the hop at a box: the latest only, where a
// server slept over several.
func deadlines(w *model.Whisper, h *model.Hop, c Clock, now time.Time) []Action {
	k := &h.Course
	due := func(at, done time.Time) bool { return !at.IsZero() && done.IsZero() && !now.Before(at) }
	switch {
	case due(k.SkipAt, k.UrgedAt) && w.Policy.Deadlines.Mode == model.SkipAuto:
		return append(passOver(h, "", WhyNoAnswer, now), Decided{h.Position, model.EventSkipped, "", WhyNoAnswer})
	case due(k.SkipAt, k.UrgedAt):
		setOnce(&k.RemindedAt, now)
		setOnce(&k.AskedAt, now)
		setOnce(&k.NeedsAt, now)
		k.UrgedAt = now
		return []Action{Ask{h.Position, true}, Note{h.Position, model.EventDecisionNeeded}}
	case due(k.AskAt, k.AskedAt):
		setOnce(&k.RemindedAt, now)
		setOnce(&k.NeedsAt, now)
		k.AskedAt = now
		return append([]Action{Ask{h.Position, false}, Note{h.Position, model.EventNoAnswer}}, wake(*w, h)...)
	case due(k.RemindAt, k.RemindedAt):
		if at := Daytime(now, c); at.After(now) {
			k.RemindAt = at // the server slept; nobody is rung at night for it
			return wake(*w, h)
		}
		k.RemindedAt = now
		return append([]Action{Remind{h.Position, h.DeviceID}, Note{h.Position, model.EventReminded}}, wake(*w, h)...)
	}
	return nil
}

// passOver makes a hop skipped; a box that has it is told to forget it.
func passOver(h *model.Hop, by, why string, now time.Time) (actions []Action) {
	if h.State.AtBox() {
		actions = []Action{Withdraw{h.Position, h.DeviceID}, Free{h.Position, h.DeviceID}}
	}
	h.State, h.EndedAt = model.HopSkipped, now
	h.Course.Why, h.Course.By = why, by
	h.Course.NeedsAt = time.Time{}
	return actions
}

func decide(w model.Whisper, e Decide, now time.Time) (model.Whisper, []Action, error) {
	h, ok := w.HopByID(e.Hop)
	if !ok || h.Epoch != e.Epoch || h.Course.Decisions != e.Decisions {
		return w, nil, refuseState(w, "This turn has changed since the page was loaded. Nothing was changed now.")
	}
	switch {
	case w.State != model.WhisperTravelling && w.State != model.WhisperPaused:
		return w, nil, refuseState(w, "This whisper is not on its way any more.")
	case h.State.Over():
		return w, nil, refuseState(w, "This turn is over already.")
	case h.State == model.HopHeld:
		return w, nil, refuseState(w, "This turn was answered already.")
	}
	h.Course.Decisions++
	switch e.Do {
	case Wait:
		return wait(w, h, e, now)
	case Skip:
		actions := append(passOver(h, e.By, e.Why, now), Decided{h.Position, model.EventSkipped, e.By, e.Why})
		w, more := advance(w, now)
		return w, append(actions, more...), nil
	case Replace:
		return replace(w, h, e, now)
	case Postpone:
		return postpone(w, h, e, now)
	}
	return w, nil, model.RefuseField("decision", "This choice does not exist.", "Choose one of the buttons.")
}

func wait(w model.Whisper, h *model.Hop, e Decide, now time.Time) (model.Whisper, []Action, error) {
	if !h.State.AtBox() {
		return w, nil, refuseState(w, "This turn has not reached its box yet. It waits anyway.")
	}
	d := w.Policy.Deadlines
	more := d.Ask
	if more == 0 {
		more = defaultWait
	}
	k := &h.Course
	k.NeedsAt, k.AskedAt, k.UrgedAt, k.ClockAt = time.Time{}, time.Time{}, time.Time{}, now
	k.AskAt = After(now, more, e.Clock)
	k.SkipAt = time.Time{}
	if d.Skip > 0 {
		k.SkipAt = After(now, max(d.Skip, more), e.Clock)
	}
	return w, append([]Action{Decided{h.Position, model.EventWaited, e.By, e.Why}}, wake(w, h)...), nil
}

// replace passes a turn over and puts another box's turn right after it.
func replace(w model.Whisper, h *model.Hop, e Decide, now time.Time) (model.Whisper, []Action, error) {
	for _, other := range w.Hops {
		if other.DeviceID == e.Device {
			return w, nil, model.RefuseField("device", "This box is in the chain already.", "Choose a box that is not.")
		}
	}
	if len(w.Hops) >= model.MaxBoxes {
		return w, nil, refuseState(w, "This chain is as long as a chain can be.")
	}
	at := h.Position
	actions := append(passOver(h, e.By, e.Why, now), Decided{at, model.EventReplaced, e.By, e.Why})
	w.Hops = slices.Insert(w.Hops, at, model.Hop{
		ID: e.NewHop, WhisperID: w.ID, DeviceID: e.Device, State: model.HopPlanned,
	})
	number(w.Hops)
	w, more := advance(w, now)
	return w, append(actions, more...), nil
}

// postpone swaps a turn with the next planned one. Its place in the drawn order
// stays in Course.Planned.
func postpone(w model.Whisper, h *model.Hop, e Decide, now time.Time) (model.Whisper, []Action, error) {
	at := h.Position - 1
	next := slices.IndexFunc(w.Hops[at+1:], func(o model.Hop) bool { return o.State == model.HopPlanned })
	if next < 0 {
		return w, nil, refuseState(w, "No turn comes after this one, so it cannot go later.")
	}
	next += at + 1
	had := h.State.AtBox()
	h.State = model.HopPlanned
	h.ReadyAt, h.OfferedAt, h.DeliveredAt, h.HeardAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	h.RecordingAt, h.SavedAt = time.Time{}, time.Time{}
	h.Course = model.Course{Planned: h.Course.Planned, Decisions: h.Course.Decisions, Why: e.Why, By: e.By}
	w.Hops[at], w.Hops[next] = w.Hops[next], w.Hops[at]
	number(w.Hops)
	moved := w.Hops[next]
	var actions []Action
	if had {
		actions = []Action{Withdraw{moved.Position, moved.DeviceID}, Free{moved.Position, moved.DeviceID}}
	}
	actions = append(actions, Decided{moved.Position, model.EventPostponed, e.By, e.Why})
	w, more := advance(w, now)
	return w, append(actions, more...), nil
}

func number(hops []model.Hop) {
	for i := range hops {
		hops[i].Position = i + 1
	}
}
