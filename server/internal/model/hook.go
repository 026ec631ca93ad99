package model

import (
	"net/url"
	"slices"
	"time"

	"illumi/protocol"
)

// Hook is an address that is told of a project's events.
type Hook struct {
	ID         string
	ProjectID  string
	URL        string
	Kinds      []string // of events; none: all
	CreatedBy  string
	CreatedAt  time.Time
	DisabledAt time.Time
}

// Wants reports whether the hook is told of events of a kind.
func (h Hook) Wants(kind string) bool {
	return h.DisabledAt.IsZero() && (len(h.Kinds) == 0 || slices.Contains(h.Kinds, kind))
}

// HookTest is the type of a message that only tries an address.
const HookTest = "test"

// MaxHooks bounds the hooks of one project.
const MaxHooks = 10

// CheckHook checks an address and the kinds of events to tell it. Whether the
// address may be reached shows when it is: names can come to mean anything.
func CheckHook(address string, kinds []string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || len(address) > 1000 {
		return RefuseField("url", "This is not a web address.", "Write it like https://example.org/illumi.")
	}
	if u.User != nil || u.Fragment != "" {
		return RefuseField("url", "This address carries a password or a fragment.", "Leave out what stands before @ and after #.")
	}
	for _, k := range kinds {
		if !slices.ContainsFunc(eventKinds, func(known EventKind) bool { return known.Name == k }) {
			return RefuseField("types", "There is no such type of events.", "Choose types of the list, or none for all.")
		}
	}
	return nil
}

// DeliveryState is where a message to a hook stands.
type DeliveryState string

// States of a delivery.
const (
	DeliveryQueued DeliveryState = "queued"
	DeliveryDone   DeliveryState = "delivered"
	DeliveryFailed DeliveryState = "failed" // given up
)

// Delivery is one message to a hook: of one event, once, and once more for each
// time that somebody sends it again.
type Delivery struct {
	ID        string
	HookID    string
	ProjectID string
	EventID   string
	ReplayOf  string
	Body      string
	State     DeliveryState
	Attempts  int
	Status    int // the last answer's; 0: there was none
	LastError string
	CreatedAt time.Time
	DoneAt    time.Time
	DueAt     time.Time
}

// How long a hook is tried: 10 s after the first failure, then twice as long
// each time up to 6 h, until the message is 3 days old.
const (
	hookFirst   = 10 * time.Second
	hookLongest = 6 * time.Hour
	hookGiveUp  = 3 * 24 * time.Hour
)

// NextTry says when a message that failed is tried again; false: it is given up.
func (d Delivery) NextTry(now time.Time) (time.Time, bool) {
	wait := hookLongest
	if d.Attempts < 12 {
		wait = min(hookFirst<<max(d.Attempts-1, 0), hookLongest)
	}
	return now.Add(wait), now.Add(wait).Before(d.CreatedAt.Add(hookGiveUp))
}

// NoHook is the answer for a hook that is not there.
func NoHook() *Error { return NotFound("hook") }

// TooManyHooks refuses one more.
func TooManyHooks() *Error {
	return Refuse(protocol.CodeConflict, "This project has ten hooks already.", "Remove one first.")
}
