package model

import "time"

// WhisperState is where a whisper stands.
type WhisperState string

// States of a whisper (design 4.3).
const (
	WhisperDraft      WhisperState = "draft"
	WhisperTravelling WhisperState = "travelling"
	WhisperPaused     WhisperState = "paused"
	WhisperComplete   WhisperState = "complete"
	WhisperEnded      WhisperState = "ended"
)

// HopState is where one turn stands.
type HopState string

// States of a hop (design 4.3). A planned hop with a ReadyAt has its turn and
// waits for its box, which serves one hop at a time.
const (
	HopPlanned   HopState = "planned"
	HopOffered   HopState = "offered"
	HopDelivered HopState = "delivered"
	HopHeard     HopState = "heard"
	HopReceived  HopState = "received"
	HopHeld      HopState = "held"
	HopApproved  HopState = "approved"
	HopSkipped   HopState = "skipped"
	HopRejected  HopState = "rejected"
	HopWithdrawn HopState = "withdrawn"
)

// AtBox reports whether the hop is its box's present turn.
func (s HopState) AtBox() bool {
	return s == HopOffered || s == HopDelivered || s == HopHeard
}

// Over reports whether the hop will not change any more.
func (s HopState) Over() bool {
	switch s {
	case HopApproved, HopSkipped, HopRejected, HopWithdrawn:
		return true
	}
	return false
}

// Whisper is one chain: a seed, a plan, its hops in order.
type Whisper struct {
	ID         string
	ProjectID  string
	Title      string
	State      WhisperState
	Forwarding Forwarding
	Hold       time.Duration
	Order      Order
	Policy     Policy
	StartedBy  string // user id
	// StartKey is the form's idempotency key; sending it twice starts nothing twice.
	StartKey string
	// StartDigest is of the request that came with the key; empty: nothing to compare.
	StartDigest string
	CreatedAt   time.Time
	StartedAt   time.Time
	CompletedAt time.Time
	EndedAt     time.Time
	Version     int64
	Hops        []Hop // by position, from 1
}

// Order is the stored record that gives the same order on every platform, for
// ever: algorithm, seed and sorted input.
type Order struct {
	Algorithm string   `json:"algorithm"`
	Seed      string   `json:"seed"`  // 64 hex digits
	Input     []string `json:"input"` // device ids, sorted
}

// Hop is one turn of one box.
type Hop struct {
	ID        string
	WhisperID string
	Position  int // 1..n
	DeviceID  string
	State     HopState
	// Epoch rises with every offer of this hop; older epochs are void.
	Epoch int
	// Seq is the device's OfferSeq at the hop's last change that the box must learn of.
	Seq         int64
	ReplyID     string // the accepted one
	ReadyAt     time.Time
	OfferedAt   time.Time
	DeliveredAt time.Time
	HeardAt     time.Time
	RecordingAt time.Time
	SavedAt     time.Time
	ReceivedAt  time.Time
	HoldUntil   time.Time
	ApprovedAt  time.Time
	EndedAt     time.Time // skipped, rejected or withdrawn
	Course      Course
}

// Hop returns the hop at a position, 1..n.
func (w *Whisper) Hop(position int) (*Hop, bool) {
	if position < 1 || position > len(w.Hops) {
		return nil, false
	}
	return &w.Hops[position-1], true
}

// HopByID returns the hop with this id.
func (w *Whisper) HopByID(id string) (*Hop, bool) {
	for i := range w.Hops {
		if w.Hops[i].ID == id {
			return &w.Hops[i], true
		}
	}
	return nil, false
}

// DueAt is when the clock next changes something about a hop: the end of its
// hold, a reminder or a deadline. Zero where nothing is due, and while the
// whisper does not travel.
func (w *Whisper) DueAt(h *Hop) time.Time {
	switch {
	case w.State != WhisperTravelling:
		return time.Time{}
	case h.State == HopHeld:
		return h.HoldUntil
	case !h.State.AtBox():
		return time.Time{}
	}
	var due time.Time
	for _, d := range []struct{ at, done time.Time }{
		{h.Course.RemindAt, h.Course.RemindedAt}, {h.Course.AskAt, h.Course.AskedAt}, {h.Course.SkipAt, h.Course.UrgedAt},
	} {
		if d.done.IsZero() && !d.at.IsZero() && (due.IsZero() || d.at.Before(due)) {
			due = d.at
		}
	}
	return due
}

// QueuedAt is since when, or from when on, a hop waits for its box; zero where
// it does not wait.
func (w *Whisper) QueuedAt(h *Hop) time.Time {
	if w.State != WhisperTravelling || h.State != HopPlanned || h.ReadyAt.IsZero() {
		return time.Time{}
	}
	if h.Course.NotBefore.After(h.ReadyAt) {
		return h.Course.NotBefore
	}
	return h.ReadyAt
}
