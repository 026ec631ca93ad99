package web

import (
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// state is how something stands, for people: a word, an icon of the sprite and
// a tone of the style sheet. No state is told by colour alone.
type state struct {
	Word string
	Icon string
	Tone string // quiet, live, hold, good, bad
}

var whisperStates = map[model.WhisperState]state{
	model.WhisperDraft:      {"not started", "draft", "quiet"},
	model.WhisperTravelling: {"travelling", "travelling", "live"},
	model.WhisperPaused:     {"paused", "pause", "hold"},
	model.WhisperComplete:   {"complete", "complete", "good"},
	model.WhisperEnded:      {"ended early", "ended", "quiet"},
}

var hopStates = map[model.HopState]state{
	model.HopPlanned:   {"not yet its turn", "planned", "quiet"},
	model.HopOffered:   {"on its way to the box", "offered", "live"},
	model.HopDelivered: {"at the box, not heard yet", "delivered", "live"},
	model.HopHeard:     {"heard, no answer yet", "heard", "live"},
	model.HopReceived:  {"answered", "complete", "good"},
	model.HopHeld:      {"answered, goes on after the pause", "held", "hold"},
	model.HopApproved:  {"answered", "complete", "good"},
	model.HopSkipped:   {"passed over", "skipped", "quiet"},
	model.HopRejected:  {"not passed on", "ended", "quiet"},
	model.HopWithdrawn: {"not answered", "ended", "quiet"},
}

// hopState says how a hop stands. Steps that the box told of on its way to an
// answer are finer than the hop's state.
func hopState(h model.Hop, whisper model.WhisperState, box presence) state {
	s := hopStates[h.State]
	switch {
	case box.Kind == model.PresenceRevoked && (h.State.AtBox() || h.State == model.HopPlanned && !h.ReadyAt.IsZero()):
		return state{"waits for a box that was revoked", "warning", "bad"}
	case box.Kind == model.PresenceRevoked && h.State == model.HopPlanned:
		return state{"not yet its turn, and its box was revoked", "warning", "bad"}
	case h.State == model.HopOffered && !box.Alive():
		return state{"waits until the box is online", "held", "hold"}
	case h.State == model.HopPlanned && !h.ReadyAt.IsZero():
		return state{"its turn, but its box has another whisper first", "queued", "hold"}
	case h.State == model.HopHeard && !h.SavedAt.IsZero():
		return state{"answered, the answer is on its way here", "sending", "live"}
	case h.State == model.HopHeard && !h.RecordingAt.IsZero():
		return state{"speaking an answer", "microphone", "live"}
	case h.State == model.HopHeld && whisper == model.WhisperPaused:
		return state{"answered, waits until the whisper goes on", "held", "hold"}
	}
	return s
}

// hopSince is when a hop came to its present state; zero while it is planned.
func hopSince(h model.Hop) time.Time {
	for _, t := range []time.Time{h.EndedAt, h.ReceivedAt, h.SavedAt, h.RecordingAt, h.HeardAt, h.DeliveredAt, h.OfferedAt, h.ReadyAt} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// waits reports whether a turn stands still until its box, or somebody at it, goes on.
func waits(h model.Hop) bool {
	switch h.State {
	case model.HopPlanned, model.HopOffered, model.HopDelivered:
		return true
	case model.HopHeard:
		return h.RecordingAt.IsZero() && h.SavedAt.IsZero()
	}
	return false
}

// times says how often, as people do.
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return plural(n, "time", "times")
}

// presence is how a box is, and when it was heard of last.
type presence struct {
	state
	Seen time.Time
	Kind model.Presence
}

var presences = map[model.Presence]state{
	model.PresenceNever:   {"not online yet", "never", "quiet"},
	model.PresenceOnline:  {"online", "online", "good"},
	model.PresenceAway:    {"away", "away", "hold"},
	model.PresenceDark:    {"dark", "dark", "bad"},
	model.PresenceRevoked: {"revoked", "revoked", "quiet"},
}

func (w *Web) presence(d model.Device) presence {
	p := d.Presence(w.Now())
	return presence{presences[p], d.LastSeenAt, p}
}

// Alive reports whether the box would take a whisper now.
func (p presence) Alive() bool { return p.Kind == model.PresenceOnline }

// New reports whether the box has not been online yet.
func (p presence) New() bool { return p.Kind == model.PresenceNever }

// Lost reports whether somebody should look after the box.
func (p presence) Lost() bool {
	return p.Kind == model.PresenceDark || p.Kind == model.PresenceRevoked
}

var codeStates = map[model.CodeState]state{
	model.CodeOpen:    {"open", "key", "live"},
	model.CodeUsed:    {"used", "complete", "good"},
	model.CodeExpired: {"expired", "away", "quiet"},
	model.CodeRevoked: {"revoked", "revoked", "quiet"},
}

var mailStates = map[model.MailState]state{
	model.MailQueued: {"e-mail waits to be sent", "mail", "hold"},
	model.MailSent:   {"e-mail sent", "sent", "good"},
	model.MailFailed: {"e-mail could not be sent", "warning", "bad"},
}

func mailState(m model.Mail) state {
	s := mailStates[m.State]
	if m.State == model.MailQueued && m.Attempts > 0 {
		s.Word = "e-mail not sent yet, will be tried again"
	}
	return s
}

// eventWords tell a line of the history; %s is the box.
var eventWords = map[string]string{
	"started":                      "The whisper set out.",
	"offered":                      "The turn of %s began.",
	string(protocol.TypeDelivered): "The whisper arrived at %s.",
	string(protocol.TypeHeard):     "%s heard it.",
	string(protocol.TypeRecording): "%s began to speak.",
	string(protocol.TypeSaved):     "%s finished an answer.",
	"received":                     "The answer of %s arrived here.",
	"approved":                     "The pause was over, and the answer of %s went on.",
	"taken back":                   "%s took the answer back.",
	"late":                         "An answer of %s came after its turn.",
	model.EventLateFull:            "So many late answers of %s are kept that more of this turn are refused. Look after the box.",
	"paused":                       "The whisper was paused.",
	"resumed":                      "The whisper went on.",
	"ended":                        "The whisper was ended.",
	"complete":                     "The whisper was complete.",
	"reminded":                     "%s was asked to say once more that a whisper is there.",
	"no answer":                    "No answer came from %s for long, and people were asked.",
	"decision needed":              "No answer came from %s in time. A person has to decide.",
	"box removed":                  "%s was removed. A person has to decide about its turn.",
	"waited":                       "Somebody decided to wait longer for %s.",
	"skipped":                      "The turn of %s was passed over.",
	"replaced":                     "The turn of %s was given to another box.",
	"postponed":                    "The turn of %s was put off.",
	"end decided":                  "Somebody decided to end the whisper at the turn of %s.",
	"shared":                       "A link to this whisper was made.",
}

// byWords are the lines that begin with the name of a person, where one did it.
var byWords = map[string]string{
	"started":     " started the whisper.",
	"paused":      " paused the whisper.",
	"resumed":     " let the whisper go on.",
	"ended":       " ended the whisper.",
	"waited":      " decided to wait longer for %s.",
	"skipped":     " passed over the turn of %s.",
	"replaced":    " gave the turn of %s to another box.",
	"postponed":   " put off the turn of %s.",
	"end decided": " decided to end the whisper at the turn of %s.",
	"shared":      " made a link to this whisper.",
}

// decisionKinds are lines that may give a reason.
var decisionKinds = map[string]bool{"waited": true, "skipped": true, "replaced": true, "postponed": true, "end decided": true}

// hopNews is what the summary says of the turn that the whisper waits for.
func hopNews(h hopView) string {
	if h.Presence.Kind == model.PresenceRevoked && (h.Hop.State.AtBox() || h.Hop.State == model.HopPlanned) {
		return "waits for"
	}
	switch h.Hop.State {
	case model.HopPlanned:
		return "waits for a turn at"
	case model.HopOffered:
		if !h.Presence.Alive() {
			return "waits for"
		}
		return "is on its way to"
	case model.HopHeld:
		return "is held for a pause after the answer of"
	}
	switch {
	case !h.SavedAt.IsZero():
		return "is about to get the answer of"
	case !h.RecordingAt.IsZero():
		return "is being answered at"
	case h.Hop.State == model.HopHeard:
		return "was heard and waits for an answer at"
	}
	return "waits to be heard at"
}
