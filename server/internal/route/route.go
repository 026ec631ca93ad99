// Package route decides the way of a whisper. Next is a pure function: what
// happened and when go in, the whisper's next state and what to do about it
// come out. It has never heard of a request, a row or a connection.
//
//	Start ─▶ hop 1 Ready ─(box free)─▶ Offered ─▶ Delivered ─▶ Heard ─▶ Replied
//	                                      ▲                               │ straight
//	        hop n+1 Ready ◀── approved ◀──┼──── Tick ◀──── held ◀─────────┤ after a pause
//	             │                        └────────────── TakenBack ◀─────┘
//	             └─ no hop left: complete, and the researcher is told
//
// A box that does not answer is reminded, then people are asked, by Tick; a
// Decide passes a turn over, gives it to another box or puts it off.
package route

import (
	"fmt"
	"slices"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// Event is something that happened to a whisper.
type Event interface{ event() }

// The events. Hops are named by position.
type (
	// Start sends a draft on its way.
	Start struct{}
	// Offered says that the box of a ready hop was free and now has its turn.
	Offered struct {
		Position int
		Seq      int64 // of the device's offers
		Clock    Clock // of the box's place
	}
	// Progressed is what a box tells on its way to a reply.
	Progressed struct {
		Position int
		Epoch    int
		Step     protocol.MessageType // delivered, heard, recording, saved
		Clock    Clock
	}
	// Replied says that an answer is stored.
	Replied struct {
		Position int
		Epoch    int
		Reply    string
	}
	// Tick says that time passed: every hold that is over ends, and what a
	// deadline asks for is done. Clock is that of the box whose turn it is.
	Tick struct{ Clock Clock }
	// TakenBack is a citizen's wish to have an answer back.
	TakenBack struct {
		Position int
		Reply    string
		Seq      int64
		Clock    Clock
	}
	// Pause stops forwarding. The box whose turn it is may still answer.
	Pause struct{}
	// Resume goes on where Pause stopped; so do the clocks. Clock is that of
	// the box whose turn it is.
	Resume struct{ Clock Clock }
	// End stops for good. What is at a box is withdrawn; an answer that comes
	// all the same is kept beside the chain.
	End struct{}
)

func (Start) event()      {}
func (Offered) event()    {}
func (Progressed) event() {}
func (Replied) event()    {}
func (Tick) event()       {}
func (TakenBack) event()  {}
func (Pause) event()      {}
func (Resume) event()     {}
func (End) event()        {}

// Action is something to do about an event, in the same transaction.
type Action interface{ action() }

// The actions.
type (
	// Ready asks for a turn at a box; it answers with Offered when it is free.
	Ready struct {
		Position int
		Device   string
	}
	// Free says that a box has done its turn.
	Free struct {
		Position int
		Device   string
	}
	// Withdraw tells a box to forget a hop.
	Withdraw struct {
		Position int
		Device   string
	}
	// Accept makes a reply the hop's one answer.
	Accept struct{ Position int }
	// KeepLate keeps a reply beside the chain: its turn had passed.
	KeepLate struct{ Position int }
	// GiveBack marks a reply as taken back.
	GiveBack struct{ Position int }
	// Wake asks for a Tick at a time.
	Wake struct{ At time.Time }
	// Complete tells the researcher: every hop was answered or passed over.
	Complete struct{}
	// Note is a line of the whisper's history.
	Note struct {
		Position int // 0: about the whisper
		Kind     string
	}
)

func (Ready) action()    {}
func (Free) action()     {}
func (Withdraw) action() {}
func (Accept) action()   {}
func (KeepLate) action() {}
func (GiveBack) action() {}
func (Wake) action()     {}
func (Complete) action() {}
func (Note) action()     {}

// Next gives the whisper after an event, and what to do. The given whisper is
// not changed. A *model.Error says why an event is refused; then nothing changes.
// An event that tells nothing new gives the same whisper and no action.
func Next(w model.Whisper, e Event, now time.Time) (model.Whisper, []Action, error) {
	w.Hops = slices.Clone(w.Hops)
	switch e := e.(type) {
	case Start:
		return start(w, now)
	case Offered:
		return offered(w, e, now)
	case Progressed:
		return progressed(w, e, now)
	case Replied:
		return replied(w, e, now)
	case Tick:
		return tick(w, e, now)
	case Decide:
		return decide(w, e, now)
	case TakenBack:
		return takenBack(w, e, now)
	case Pause:
		return pause(w, now)
	case Resume:
		return resume(w, e, now)
	case End:
		return end(w, now)
	}
	return w, nil, fmt.Errorf("route: unknown event %T", e)
}

func start(w model.Whisper, now time.Time) (model.Whisper, []Action, error) {
	if w.State != model.WhisperDraft {
		return w, nil, refuseState(w, "This whisper has been started already.")
	}
	if len(w.Hops) == 0 {
		return w, nil, model.RefuseField("boxes", "This whisper has no box to travel to.", "Choose at least one box.")
	}
	w.State = model.WhisperTravelling
	w.StartedAt = now
	w, actions := advance(w, now)
	return w, append([]Action{Note{Kind: model.EventStarted}}, actions...), nil
}

// advance gives the turn to the first hop that is not over, or completes the
// whisper where there is none. It does nothing while the whisper does not travel.
func advance(w model.Whisper, now time.Time) (model.Whisper, []Action) {
	if w.State != model.WhisperTravelling {
		return w, nil
	}
	for i := range w.Hops {
		h := &w.Hops[i]
		if h.State.Over() {
			continue
		}
		if h.State != model.HopPlanned {
			return w, nil // at a box, or held
		}
		if h.ReadyAt.IsZero() {
			h.ReadyAt = now
		}
		return w, []Action{Ready{h.Position, h.DeviceID}}
	}
	w.State = model.WhisperComplete
	w.CompletedAt = now
	return w, []Action{Note{Kind: model.EventComplete}, Complete{}}
}

func offered(w model.Whisper, e Offered, now time.Time) (model.Whisper, []Action, error) {
	h, err := hopAt(&w, e.Position)
	if err != nil {
		return w, nil, err
	}
	if w.State != model.WhisperTravelling || h.State != model.HopPlanned || h.ReadyAt.IsZero() {
		return w, nil, refuseState(w, "This hop does not wait for its box.")
	}
	h.State = model.HopOffered
	h.Epoch++
	h.Seq = e.Seq
	h.OfferedAt = now
	return w, append([]Action{Note{h.Position, model.EventOffered}}, startClocks(w, h, e.Clock, now)...), nil
}

func progressed(w model.Whisper, e Progressed, now time.Time) (model.Whisper, []Action, error) {
	h, err := hopAt(&w, e.Position)
	if err != nil {
		return w, nil, err
	}
	if !h.State.AtBox() || h.Epoch != e.Epoch {
		return w, nil, nil // news of a turn that is over
	}
	var first bool
	arrives := h.DeliveredAt.IsZero()
	switch e.Step {
	case protocol.TypeDelivered:
		first = setOnce(&h.DeliveredAt, now)
		if h.State == model.HopOffered {
			h.State = model.HopDelivered
		}
	case protocol.TypeHeard:
		setOnce(&h.DeliveredAt, now)
		first = setOnce(&h.HeardAt, now)
		h.State = model.HopHeard
	case protocol.TypeRecording:
		first = setOnce(&h.RecordingAt, now)
	case protocol.TypeSaved:
		first = setOnce(&h.SavedAt, now)
	default:
		return w, nil, model.Refuse(protocol.CodeInvalid, "This step is unknown.", "Update the box.")
	}
	if !first {
		return w, nil, nil
	}
	actions := []Action{Note{h.Position, string(e.Step)}}
	if arrives && !h.DeliveredAt.IsZero() {
		actions = append(actions, startClocks(w, h, e.Clock, now)...)
	}
	return w, actions, nil
}

func replied(w model.Whisper, e Replied, now time.Time) (model.Whisper, []Action, error) {
	h, err := hopAt(&w, e.Position)
	if err != nil {
		return w, nil, err
	}
	if !h.State.AtBox() || h.Epoch != e.Epoch {
		return w, []Action{KeepLate{h.Position}, Note{h.Position, model.EventLate}}, nil
	}
	// A reply proves that the whisper had arrived and was heard, even where the
	// box's own word of it got lost.
	setOnce(&h.DeliveredAt, now)
	setOnce(&h.HeardAt, now)
	setOnce(&h.SavedAt, now)
	h.ReplyID = e.Reply
	h.ReceivedAt = now
	h.Course.NeedsAt = time.Time{}
	actions := []Action{Accept{h.Position}, Free{h.Position, h.DeviceID}, Note{h.Position, model.EventReceived}}
	if w.Forwarding == model.ForwardPause {
		h.State = model.HopHeld
		h.HoldUntil = now.Add(w.Hold)
		return w, append(actions, Wake{h.HoldUntil}), nil
	}
	h.State = model.HopApproved
	h.ApprovedAt = now
	w, more := advance(w, now)
	return w, append(actions, more...), nil
}

// releaseHolds approves what was held long enough.
func releaseHolds(w *model.Whisper, now time.Time) (actions []Action) {
	for i := range w.Hops {
		h := &w.Hops[i]
		if h.State == model.HopHeld && !now.Before(h.HoldUntil) {
			h.State = model.HopApproved
			h.ApprovedAt = now
			actions = append(actions, Note{h.Position, model.EventApproved})
		}
	}
	return actions
}

// takenBack gives an answer back to its citizen while nobody else has it.
func takenBack(w model.Whisper, e TakenBack, now time.Time) (model.Whisper, []Action, error) {
	h, err := hopAt(&w, e.Position)
	if err != nil {
		return w, nil, err
	}
	mine := h.ReplyID == e.Reply
	endedInTime := w.State == model.WhisperEnded && h.State == model.HopApproved && now.Before(h.HoldUntil)
	switch {
	case mine && h.State == model.HopHeld:
		// Seen before, so the citizen only answers anew.
		h.State = model.HopHeard
		h.Seq = e.Seq
	case mine && endedInTime:
		h.State = model.HopWithdrawn
		h.EndedAt = now
	default:
		return w, nil, &model.Error{
			Code:     protocol.CodeReplyForwarded,
			Sentence: "This answer has gone on already and cannot be taken back.",
			Next:     "Ring the study team.",
			State:    string(h.State),
		}
	}
	h.ReplyID = ""
	h.ReceivedAt, h.HoldUntil, h.SavedAt, h.RecordingAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	actions := []Action{GiveBack{h.Position}, Note{h.Position, model.EventTakenBack}}
	if h.State.AtBox() {
		actions = append(actions, startClocks(w, h, e.Clock, now)...)
	}
	return w, actions, nil
}

func pause(w model.Whisper, now time.Time) (model.Whisper, []Action, error) {
	switch w.State {
	case model.WhisperPaused:
		return w, nil, nil
	case model.WhisperTravelling:
		w.State = model.WhisperPaused
		w.Policy.PausedAt = now
		return w, []Action{Note{Kind: model.EventPaused}}, nil
	}
	return w, nil, refuseState(w, "Only a travelling whisper can pause.")
}

func resume(w model.Whisper, e Resume, now time.Time) (model.Whisper, []Action, error) {
	switch w.State {
	case model.WhisperTravelling:
		return w, nil, nil
	case model.WhisperPaused:
	default:
		return w, nil, refuseState(w, "Only a paused whisper can go on.")
	}
	w.State = model.WhisperTravelling
	actions := append([]Action{Note{Kind: model.EventResumed}}, shiftClocks(&w, e.Clock, now)...)
	for i := range w.Hops {
		h := &w.Hops[i]
		if h.State != model.HopHeld {
			continue
		}
		if most := now.Add(w.Hold); h.HoldUntil.After(most) {
			h.HoldUntil = most // held by a clock that was ahead of this one
		}
		return w, append(actions, Wake{h.HoldUntil}), nil
	}
	w, more := advance(w, now)
	return w, append(actions, more...), nil
}

func end(w model.Whisper, now time.Time) (model.Whisper, []Action, error) {
	switch w.State {
	case model.WhisperEnded:
		return w, nil, nil
	case model.WhisperTravelling, model.WhisperPaused:
	default:
		return w, nil, refuseState(w, "This whisper is not on its way.")
	}
	w.State = model.WhisperEnded
	w.EndedAt = now
	actions := []Action{Note{Kind: model.EventEnded}}
	for i := range w.Hops {
		h := &w.Hops[i]
		switch {
		case h.State.AtBox():
			actions = append(actions, Withdraw{h.Position, h.DeviceID}, Free{h.Position, h.DeviceID})
			h.State, h.EndedAt = model.HopWithdrawn, now
		case h.State == model.HopHeld:
			// Answered, and there is nobody left to pass it on to.
			h.State, h.ApprovedAt = model.HopApproved, now
		case h.State == model.HopPlanned:
			h.State, h.EndedAt = model.HopWithdrawn, now
		}
	}
	return w, actions, nil
}

func hopAt(w *model.Whisper, position int) (*model.Hop, error) {
	h, ok := w.Hop(position)
	if !ok {
		return nil, fmt.Errorf("route: whisper %s has no hop at %d", w.ID, position)
	}
	return h, nil
}

// setOnce keeps the first time that something happened.
func setOnce(t *time.Time, now time.Time) bool {
	if !t.IsZero() {
		return false
	}
	*t = now
	return true
}

func refuseState(w model.Whisper, sentence string) error {
	return &model.Error{
		Code:     protocol.CodeConflict,
		Sentence: sentence,
		Next:     "Look at the whisper's page to see where it stands.",
		State:    string(w.State),
	}
}
