package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// whisperView is the whisper's page.
type whisperView struct {
	relay.View
	State    state
	Seed     answer
	Last     *hopView // the latest answered turn
	Hops     []hopView
	Late     []lateView
	Mails    []mailView
	History  []eventView
	Answered int
	Waiting  *hopView // whose turn it is
	Steers   bool     // the reader may decide about turns
	Hears    bool     // and may hear and see the answers
	Exports  bool     // and may take data away
	Shares   bool     // and may make links
	Public   bool     // the reader has a link, and no account
	Self     string   // the page's address
	Pair     pair
	Starter  string // who started it; empty: not known, or not told
}

// Travelling, Steerable: what can be done with the whisper now.
func (v whisperView) Travelling() bool { return v.Whisper.State == model.WhisperTravelling }

// Steerable reports whether the whisper can still be ended.
func (v whisperView) Steerable() bool {
	return v.Whisper.State == model.WhisperTravelling || v.Whisper.State == model.WhisperPaused
}

// answer is what was said and shown at one position; URLs are empty where
// there is nothing.
type answer struct {
	ID               string // of its elements on the page
	Whose            string
	Image, Audio     *model.File // shared copies
	ImageURL         string
	AudioURL         string
	OriginalImageURL string
	OriginalAudioURL string
}

// Pictures reports whether there is any: a whisper of voices alone needs no room for them.
func (v whisperView) Pictures() bool {
	return slices.ContainsFunc(v.Files, func(f model.File) bool { return f.Role == protocol.RoleImage && f.Variant == model.VariantShared })
}

// Length is how long the recording is, in words; empty where nobody knows.
func (a answer) Length() string {
	if a.Audio == nil || a.Audio.Duration <= 0 {
		return ""
	}
	return spoken(a.Audio.Duration)
}

// Wave is the recording's outline as a path; empty where there is none.
func (a answer) Wave() string {
	if a.Audio == nil {
		return ""
	}
	return wavePath(a.Audio.Peaks)
}

// Alt is what the picture shows.
func (a answer) Alt() string {
	if a.Image.Alt != "" {
		return "Picture of " + a.Whose + ": " + a.Image.Alt
	}
	return "Picture of " + a.Whose
}

// On gives the answer another place on the page, where its elements need other ids.
func (a answer) On(place string) answer {
	a.ID = place + "-" + a.ID
	return a
}

type hopView struct {
	model.Hop
	Box      string
	Presence presence
	State    state
	Device   model.Device
	Since    time.Time
	Now      bool // its turn
	Waits    bool // nothing happens until somebody at the box does something
	Lit      bool // answered
	News     string
	Plan     string // how its place came about, or why it waits
	Why      string // why it was passed over or put off
	Steps    []step
	Answer   answer
	Facts    string // what the box tells of how the answer came about
}

// step is one of a turn's times.
type step struct {
	Word string
	At   time.Time
}

type lateView struct {
	Box, State string
	At         time.Time
	Answer     answer
}

type mailView struct {
	model.Mail
	State  state
	About  string
	Reason string
}

type eventView struct {
	Who                string // begins the sentence where it is known
	Before, Box, After string // the sentence around the box's name
	At                 time.Time
}

func (w *Web) compose(v relay.View) whisperView {
	out := whisperView{View: v, State: whisperStates[v.Whisper.State], Seed: answerOf(v, ""), Starter: v.People[v.Whisper.StartedBy]}
	out.Seed.Whose = "the seed"
	for _, h := range v.Whisper.Hops {
		out.Hops = append(out.Hops, w.hopView(v, h))
	}
	for i := range out.Hops {
		h := &out.Hops[i]
		if h.Lit {
			out.Answered++
			out.Last = h
		}
		if !h.Hop.State.Over() && out.Waiting == nil && out.Steerable() {
			out.Waiting, h.Now = h, true
			h.News, h.Waits = hopNews(*h), waits(h.Hop)
		}
	}
	for _, r := range v.Replies {
		if r.State != protocol.ReplyLate {
			continue
		}
		late := lateView{Box: v.Boxes[r.DeviceID].Name, At: r.ReceivedAt}
		if _, ok := v.Whisper.HopByID(r.HopID); ok {
			late.Answer = answerOf(v, r.ID)
			late.Answer.Whose = "the late answer of " + late.Box
		}
		out.Late = append(out.Late, late)
	}
	for _, m := range v.Mails {
		// The rest stands in the list of mails: a whisper that stalls writes many.
		if m.Kind == "" || m.Kind == relay.MailComplete || m.State == model.MailFailed {
			out.Mails = append(out.Mails, mailView{m, mailState(m), mailAbout[m.Kind], reason(m.LastError)})
		}
	}
	for _, e := range v.Events {
		if e.Kind == "started" {
			e.UserID = v.Whisper.StartedBy // lines of old have none
		}
		out.History = append(out.History, historyLine(e, v.Boxes[e.DeviceID].Name, v.People[e.UserID]))
	}
	return out
}

func (w *Web) hopView(v relay.View, h model.Hop) hopView {
	box := v.Boxes[h.DeviceID]
	here := w.presence(box)
	out := hopView{
		Hop: h, Box: box.Name, Device: box, Presence: here,
		State: hopState(h, v.Whisper.State, here), Since: hopSince(h), Lit: h.ReplyID != "",
		Plan: w.planNote(v, h), Why: whyWord(h.Course.Why),
	}
	for _, s := range []step{
		{"turn began", h.OfferedAt}, {"at the box", h.DeliveredAt}, {"heard", h.HeardAt},
		{"answer saved at the box", h.SavedAt}, {"answer here", h.ReceivedAt}, {"passed on", h.ApprovedAt}, {"stopped", h.EndedAt},
	} {
		if !s.At.IsZero() {
			out.Steps = append(out.Steps, s)
		}
	}
	if h.OfferedAt.IsZero() {
		out.Steps = nil // its turn never came; the state says so
	}
	if !out.Lit {
		return out
	}
	out.Answer = answerOf(v, h.ReplyID)
	out.Answer.Whose = fmt.Sprintf("turn %d, %s", h.Position, box.Name)
	if i := slices.IndexFunc(v.Replies, func(r model.Reply) bool { return r.ID == h.ReplyID }); i >= 0 {
		out.Facts = facts(v.Replies[i].Facts)
	}
	return out
}

func facts(f protocol.Facts) string {
	var parts []string
	if f.Plays > 0 {
		parts = append(parts, "listened "+times(f.Plays))
	}
	if f.Takes > 0 {
		parts = append(parts, "spoke "+times(f.Takes))
	}
	switch f.Photo {
	case "declined":
		parts = append(parts, "wanted no photo")
	case "dark":
		parts = append(parts, "the photo was too dark")
	case "failed":
		parts = append(parts, "the photo failed")
	}
	switch f.SentBy {
	case "press":
		parts = append(parts, "sent by a press")
	case "grace":
		parts = append(parts, "sent by itself after the pause")
	}
	return strings.Join(parts, ", ")
}

func historyLine(e model.Event, box, who string) eventView {
	words, ok := eventWords[e.Kind]
	if !ok {
		words = e.Kind
	}
	if by, ok := byWords[e.Kind]; ok && who != "" {
		words = by
	} else {
		who = ""
	}
	if e.Detail != "" && decisionKinds[e.Kind] {
		words += " Reason: " + strings.ReplaceAll(whyWord(e.Detail), "%s", "") + "."
	}
	before, after, named := strings.Cut(words, "%s")
	if !named {
		box = ""
	}
	return eventView{who, before, box, after, e.At}
}

// answerOf gathers the files of one answer; reply is "" for the seed.
func answerOf(v relay.View, reply string) answer {
	a := answer{ID: "seed"}
	if reply != "" {
		a.ID = reply
	}
	files := v.FilesOf(reply)
	for i := range files {
		f := &files[i]
		url := fileURL(*f)
		switch {
		case f.Role == protocol.RoleImage && f.Variant == model.VariantShared:
			a.Image, a.ImageURL = f, url
		case f.Role == protocol.RoleImage:
			a.OriginalImageURL = url
		case f.Variant == model.VariantShared:
			a.Audio, a.AudioURL = f, url
		default:
			a.OriginalAudioURL = url
		}
	}
	return a
}
