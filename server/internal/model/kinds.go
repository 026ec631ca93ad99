package model

import "slices"

// Kinds of events. A kind never changes its name: programs and exports know it.
const (
	EventStarted        = "started"
	EventOffered        = "offered"
	EventDelivered      = "delivered"
	EventHeard          = "heard"
	EventRecording      = "recording"
	EventSaved          = "saved"
	EventReceived       = "received"
	EventApproved       = "approved"
	EventTakenBack      = "taken back"
	EventLate           = "late"
	EventLateFull       = "late full"
	EventReminded       = "reminded"
	EventNoAnswer       = "no answer"
	EventDecisionNeeded = "decision needed"
	EventBoxRemoved     = "box removed"
	EventWaited         = "waited"
	EventSkipped        = "skipped"
	EventReplaced       = "replaced"
	EventPostponed      = "postponed"
	EventEndDecided     = "end decided"
	EventPaused         = "paused"
	EventResumed        = "resumed"
	EventEnded          = "ended"
	EventComplete       = "complete"
	EventShared         = "shared"
	EventExported       = "exported"
	EventJoined         = "joined"
	EventRoleChanged    = "role changed"
	EventLeft           = "left"
	EventSettings       = "settings changed"
)

// EventKind is a kind of event with what it means, for people.
type EventKind struct{ Name, Means string }

var eventKinds = []EventKind{
	{EventStarted, "a whisper set out"},
	{EventOffered, "a box was told that it has its turn"},
	{EventDelivered, "the whisper lies on the box"},
	{EventHeard, "it was played there"},
	{EventRecording, "somebody began to speak"},
	{EventSaved, "an answer lies on the box, whole"},
	{EventReceived, "the answer is stored here"},
	{EventApproved, "its pause is over, and it went on"},
	{EventTakenBack, "the citizen took the answer back"},
	{EventLate, "an answer came after its turn, and is kept beside the chain"},
	{EventLateFull, "so many late answers are kept that more of this turn are refused"},
	{EventReminded, "the box was asked to say once more that a whisper is there"},
	{EventNoAnswer, "nobody answered for long, and people were asked"},
	{EventDecisionNeeded, "the last deadline is over: a person has to decide"},
	{EventBoxRemoved, "the turn's box was removed: a person has to decide"},
	{EventWaited, "somebody decided to wait longer"},
	{EventSkipped, "the turn was passed over, by a person or by itself"},
	{EventReplaced, "the turn was given to another box"},
	{EventPostponed, "the turn was put off"},
	{EventEndDecided, "somebody decided at this turn to end the whisper"},
	{EventPaused, "the whisper was paused"},
	{EventResumed, "the whisper went on"},
	{EventEnded, "the whisper was ended before its end"},
	{EventComplete, "the whisper has come to its end"},
	{EventShared, "a link to the whisper was made"},
	{EventExported, "data was taken away"},
	{EventJoined, "somebody works on the project from now on"},
	{EventRoleChanged, "somebody's part in the project changed"},
	{EventLeft, "somebody's part in the project ended"},
	{EventSettings, "the project's settings were changed"},
}

// EventKinds lists every kind that there is, as a whisper meets them. The page
// of a webhook, the API and its documents are made of it.
func EventKinds() []EventKind { return slices.Clone(eventKinds) }

// EventNames lists the names alone.
func EventNames() []string {
	names := make([]string, len(eventKinds))
	for i, k := range eventKinds {
		names[i] = k.Name
	}
	return names
}
