package rest

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Me is who a token stands for.
type Me struct {
	User    string        `json:"user" doc:"The person's id"`
	Role    model.Role    `json:"role" doc:"What the person is on this server" enum:"administrator,researcher,installer"`
	Scopes  []model.Scope `json:"scopes" nullable:"false" doc:"What the token was made for"`
	Project string        `json:"project,omitempty" doc:"The only project that the token is for"`
}

// Token is a program's key; what it reads is told once, on the page that makes it.
type Token struct {
	ID         string        `json:"id" doc:"Its id"`
	Name       string        `json:"name" doc:"What its maker called it"`
	Scopes     []model.Scope `json:"scopes" nullable:"false" doc:"What it may do"`
	Project    string        `json:"project,omitempty" doc:"The only project that it is for"`
	Works      bool          `json:"works" doc:"It was not revoked, and its time is not over"`
	CreatedAt  time.Time     `json:"created_at" doc:"When it was made"`
	ExpiresAt  time.Time     `json:"expires_at" doc:"When it stops working"`
	LastUsedAt *time.Time    `json:"last_used_at" doc:"When it was last used, to the minute"`
}

func tokenShape(t model.Token, now time.Time) Token {
	return Token{t.ID, t.Name, append([]model.Scope{}, t.Scopes...), t.ProjectID, !t.Over(now), t.CreatedAt.UTC(), t.ExpiresAt.UTC(), when(t.LastUsedAt)}
}

// Project is a study.
type Project struct {
	ID         string            `json:"id" doc:"Its id"`
	Title      string            `json:"title" doc:"Its name" example:"Harbour stories"`
	Forwarding model.Forwarding  `json:"forwarding" doc:"When an answer goes on to the next home" example:"straight"`
	Hold       int64             `json:"hold_seconds" doc:"How long an answer is held where it goes on after a pause"`
	Role       model.ProjectRole `json:"role,omitempty" doc:"What the asker is in it"`
	CreatedAt  time.Time         `json:"created_at" doc:"When it was made"`
	Whispers   *Counts           `json:"whispers,omitempty" doc:"How many whispers are in each state; in lists"`
}

// Counts says how many whispers are in each state.
type Counts struct {
	Travelling int `json:"travelling" doc:"On their way"`
	Paused     int `json:"paused" doc:"Stopped for now"`
	Complete   int `json:"complete" doc:"At their end"`
	Ended      int `json:"ended" doc:"Stopped for good"`
}

func projectShape(p model.Project) Project {
	return Project{ID: p.ID, Title: p.Title, Forwarding: p.Forwarding, Hold: int64(p.Hold / time.Second), Role: p.As, CreatedAt: p.CreatedAt.UTC()}
}

func projectRow(r relay.ProjectRow) Project {
	p := projectShape(r.Project)
	p.Whispers = &Counts{r.Counts.Travelling, r.Counts.Paused, r.Counts.Complete, r.Counts.Ended}
	return p
}

// WhisperLine is a whisper in a list.
type WhisperLine struct {
	ID          string             `json:"id" doc:"Its id"`
	Project     string             `json:"project" doc:"Its project's id"`
	Title       string             `json:"title" doc:"Its name" example:"Gulls"`
	State       model.WhisperState `json:"state" doc:"Where it stands" enum:"draft,travelling,paused,complete,ended"`
	StartedAt   *time.Time         `json:"started_at" doc:"When it was started"`
	CompletedAt *time.Time         `json:"completed_at" doc:"When its last answer came"`
	EndedAt     *time.Time         `json:"ended_at" doc:"When somebody ended it"`
	Hops        int                `json:"hops" doc:"How many turns it has"`
	Answered    int                `json:"answered" doc:"How many were answered"`
	At          *Where             `json:"at,omitempty" doc:"The turn that it waits for"`
	NeedsAt     *time.Time         `json:"needs_at" doc:"Since when a person has to decide; null: nobody has to"`
}

// Where is the turn that a whisper waits for.
type Where struct {
	Position int            `json:"position" doc:"From 1"`
	Box      string         `json:"box" doc:"The box's id"`
	State    model.HopState `json:"state" doc:"Where the turn stands"`
	Since    *time.Time     `json:"since" doc:"Since when"`
}

func whisperLine(r relay.WhisperRow) WhisperLine {
	l := WhisperLine{
		ID: r.ID, Project: r.ProjectID, Title: r.Title, State: r.State, StartedAt: when(r.StartedAt), CompletedAt: when(r.CompletedAt),
		EndedAt: when(r.EndedAt), Hops: r.Progress.Hops, Answered: r.Progress.Answered, NeedsAt: when(r.NeedsAt),
	}
	if p := r.Progress; p.Position > 0 {
		l.At = &Where{p.Position, p.DeviceID, p.State, when(p.Since)}
	}
	return l
}

// Box is an enrolled box.
type Box struct {
	ID         string         `json:"id" doc:"Its id"`
	Name       string         `json:"name" doc:"Its name" example:"conandoyle"`
	Presence   model.Presence `json:"presence" doc:"How it is now" enum:"not online yet,online,away,dark,revoked"`
	LastSeenAt *time.Time     `json:"last_seen_at" doc:"When it was last heard"`
	EnrolledAt time.Time      `json:"enrolled_at" doc:"When it was enrolled"`
	Agent      string         `json:"agent" doc:"Its software"`
	Board      string         `json:"board" doc:"What it is built on"`
	Busy       bool           `json:"busy" doc:"It has a turn now"`
	Waiting    int            `json:"waiting" doc:"Whispers on it that are not answered yet, as it said last"`
	Networks   []string       `json:"networks,omitempty" doc:"Of a box of the first generation: it has no secret, and is known by where it sends from"`
	Unsent     int            `json:"unsent" doc:"Answers on it that have not arrived here, as it said last"`
}

func boxShape(d model.Device, now time.Time) Box {
	is := d.InBrief()
	return Box{
		ID: d.ID, Name: d.Name, Presence: d.Presence(now), LastSeenAt: when(d.LastSeenAt), EnrolledAt: d.EnrolledAt.UTC(),
		Agent: d.Agent, Board: d.BoardModel, Busy: d.ActiveHop != "", Waiting: is.Waiting, Unsent: is.Unsent, Networks: d.FirstGen.Networks,
	}
}

// Code is an enrolment code; what it reads is told once, when it is made.
type Code struct {
	ID        string          `json:"id" doc:"Its id"`
	Name      string          `json:"name" doc:"The name that the box will have"`
	State     model.CodeState `json:"state" doc:"What it is good for" enum:"open,used,expired,revoked"`
	Code      string          `json:"code,omitempty" doc:"What to type at the box; only in the answer that makes it" example:"ABCDE-FGHJK"`
	CreatedAt time.Time       `json:"created_at" doc:"When it was made"`
	ExpiresAt time.Time       `json:"expires_at" doc:"When it stops working"`
}

func codeShape(c model.EnrolCode, now time.Time) Code {
	return Code{ID: c.ID, Name: c.Label, State: c.State(now), CreatedAt: c.CreatedAt.UTC(), ExpiresAt: c.ExpiresAt.UTC()}
}

// EventType is the kind of an event; model has the one list of them.
type EventType string

// Schema describes it.
func (EventType) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, name := range model.EventNames() {
		s.Enum = append(s.Enum, name)
	}
	return s
}

// Event is a line of a project's history.
type Event struct {
	Seq     int64     `json:"seq" doc:"Rises by one with each event of the project; a stream resumes by it"`
	ID      string    `json:"id" doc:"Its id"`
	Type    EventType `json:"type" doc:"What happened; docs/api.md says what each means" example:"received"`
	Project string    `json:"project" doc:"Where"`
	Whisper string    `json:"whisper,omitempty" doc:"Of which whisper"`
	Hop     string    `json:"hop,omitempty" doc:"Of which turn"`
	Box     string    `json:"box,omitempty" doc:"At which box"`
	By      string    `json:"by,omitempty" doc:"The id of the person who did it"`
	Person  string    `json:"person,omitempty" doc:"The id of the person whom it befell, of joined, role changed and left"`
	Reason  string    `json:"reason,omitempty" doc:"Why, where somebody decided and said so"`
	At      time.Time `json:"at" doc:"When"`
}

func eventShape(e model.Event) Event {
	out := Event{
		Seq: e.Seq, ID: e.ID, Type: EventType(e.Kind), Project: e.ProjectID, Whisper: e.WhisperID, Hop: e.HopID, Box: e.DeviceID, By: e.UserID, At: e.At.UTC(),
	}
	switch e.Kind {
	case model.EventJoined, model.EventRoleChanged, model.EventLeft:
		out.Person = e.Detail
	case model.EventWaited, model.EventSkipped, model.EventReplaced, model.EventPostponed, model.EventEndDecided:
		out.Reason = e.Detail
	}
	return out
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
