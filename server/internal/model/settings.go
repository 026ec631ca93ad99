package model

import (
	"encoding/json"
	"fmt"
	"time"
)

// SkipMode says what happens when a turn's last deadline passes.
type SkipMode string

// Skip modes: a person is asked, or the turn is passed over by itself.
const (
	SkipAsk  SkipMode = "ask"
	SkipAuto SkipMode = "auto"
)

// Deadlines are counted in the site's waking hours, from the moment that a
// whisper lies on a box. Zero switches one off.
type Deadlines struct {
	Remind, Ask, Skip time.Duration
	Mode              SkipMode
}

// storedDeadlines is how Deadlines are written: in microseconds, as all times of
// the database. Rows of the first versions hold nanoseconds, under names that
// said otherwise; they are read as what they are, and written anew.
type storedDeadlines struct {
	Remind int64    `json:"remind_micros"`
	Ask    int64    `json:"ask_micros"`
	Skip   int64    `json:"skip_micros"`
	Mode   SkipMode `json:"mode"`

	OldRemind time.Duration `json:"remind_us,omitempty"`
	OldAsk    time.Duration `json:"ask_us,omitempty"`
	OldSkip   time.Duration `json:"skip_us,omitempty"`
}

// MarshalJSON writes the deadlines for the database.
func (d Deadlines) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedDeadlines{Remind: d.Remind.Microseconds(), Ask: d.Ask.Microseconds(), Skip: d.Skip.Microseconds(), Mode: d.Mode})
}

// UnmarshalJSON reads deadlines of the database, old ones as well.
func (d *Deadlines) UnmarshalJSON(text []byte) error {
	var s storedDeadlines
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("model: read deadlines: %w", err)
	}
	micros := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	*d = Deadlines{Remind: micros(s.Remind) + s.OldRemind, Ask: micros(s.Ask) + s.OldAsk, Skip: micros(s.Skip) + s.OldSkip, Mode: s.Mode}
	return nil
}

// DefaultDeadlines are those of people.md 3.1.
func DefaultDeadlines() Deadlines {
	return Deadlines{Remind: 24 * time.Hour, Ask: 48 * time.Hour, Skip: 72 * time.Hour, Mode: SkipAsk}
}

// ProjectSettings are what an owner can choose; whispers take the deadlines
// along when they start.
type ProjectSettings struct {
	Deadlines Deadlines `json:"deadlines"`
	// TurnsPerWeek bounds how often one box is asked in seven days, over all
	// projects; 0: as often as there are whispers (people.md R11).
	TurnsPerWeek int `json:"turns_per_week"`
	// Hours are the waking hours of boxes whose place says nothing else.
	Hours Hours `json:"hours"`
	// SenderName and ReplyTo stand in the project's mails (people.md W2).
	SenderName string `json:"sender_name"`
	ReplyTo    string `json:"reply_to"`
	// Digest sends one mail a day with what needs no mail of its own.
	Digest bool `json:"digest"`
}

// DefaultProjectSettings are those of a new project.
func DefaultProjectSettings() ProjectSettings {
	return ProjectSettings{Deadlines: DefaultDeadlines(), TurnsPerWeek: 2, Hours: DefaultHours()}
}

// Hours are when somebody is awake, by the clock of their place: "08:00" to
// "21:00" in an IANA time zone such as "Europe/Berlin".
type Hours struct {
	Zone string `json:"zone"`
	Wake string `json:"wake"`
	Bed  string `json:"bed"`
}

// DefaultHours are those of people.md P15, in UTC.
func DefaultHours() Hours { return Hours{Zone: "UTC", Wake: "08:00", Bed: "21:00"} }

// Site is where a box lives and how it is to behave there. Empty fields leave
// it to the project's or the server's defaults.
type Site struct {
	Label string `json:"label"` // for the team only: never in mails, exports or other homes
	Hours Hours  `json:"hours"`
	// Volume is a step, 1..4.
	Volume   int    `json:"volume"`
	Language string `json:"language"`
	NoPhoto  bool   `json:"no_photo"`
	Quiet    bool   `json:"quiet"` // no tone and no voice when a whisper comes
	// Buttons is how many of its buttons the box uses; 0: all that it has.
	Buttons int `json:"buttons,omitempty"`
	// Clips names the list of sentences that somebody else speaks there.
	Clips string `json:"clips,omitempty"`
	// Version rises with each change.
	Version int64 `json:"version,omitempty"`
}

// Course is what became of a hop's turn beside its states: deadlines and
// changes of the plan.
type Course struct {
	// Planned is the position that the order gave the hop; 0: it was added later.
	Planned int `json:"planned,omitempty"`
	// NotBefore is when the turn may be offered at the earliest.
	NotBefore time.Time `json:"not_before,omitzero"`
	RemindAt  time.Time `json:"remind_at,omitzero"`
	AskAt     time.Time `json:"ask_at,omitzero"`
	SkipAt    time.Time `json:"skip_at,omitzero"`
	// ClockAt is when these were last counted from.
	ClockAt time.Time `json:"clock_at,omitzero"`
	// RemindedAt, AskedAt, UrgedAt (the last deadline): done, once.
	RemindedAt time.Time `json:"reminded_at,omitzero"`
	AskedAt    time.Time `json:"asked_at,omitzero"`
	UrgedAt    time.Time `json:"urged_at,omitzero"`
	// NeedsAt is since when a person has to decide about the turn.
	NeedsAt time.Time `json:"needs_at,omitzero"`
	// Why and By say why a turn was passed over, and which user did it; By is
	// empty where it was the clock.
	Why string `json:"why,omitempty"`
	By  string `json:"by,omitempty"`
	// Decisions counts what people decided about the turn, so that a page that
	// shows an older state can be told.
	Decisions int `json:"decisions,omitempty"`
}

// Policy is what a whisper took along from its project and its start.
type Policy struct {
	Deadlines    Deadlines `json:"deadlines"`
	TurnsPerWeek int       `json:"turns_per_week"`
	Hours        Hours     `json:"hours"`
	// PausedAt is when the whisper was last paused.
	PausedAt time.Time `json:"paused_at,omitzero"`
	// Batch is shared by the whispers of one start, Number counts them from 1.
	Batch  string `json:"batch,omitempty"`
	Number int    `json:"number,omitempty"`
	// Rows is the whole design of the batch where it is a square: box names.
	Rows [][]string `json:"rows,omitempty"`
	// Software is the version that drew the order.
	Software string `json:"software,omitempty"`
}

// TicketKind says what a one-time link is for.
type TicketKind string

// Kinds of one-time links.
const (
	TicketInvite TicketKind = "invite"
	TicketSignUp TicketKind = "sign up"
	TicketReset  TicketKind = "reset"
)

// TicketLifetime is how long a one-time link works.
const TicketLifetime = 24 * time.Hour

// Ticket is a link that works once.
type Ticket struct {
	ID          string
	TokenHash   string
	Kind        TicketKind
	Email       string
	Name        string
	Role        Role
	ProjectID   string // where the invited person is to work, if anywhere
	ProjectRole ProjectRole
	CreatedBy   string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	UsedAt      time.Time
	UsedBy      string
	RevokedAt   time.Time
}

// Token is a program's key; the key itself is shown once and stored as a hash.
type Token struct {
	ID         string
	TokenHash  string
	UserID     string
	Name       string
	Scopes     []Scope
	ProjectID  string // empty: all that its maker may see
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
}

// ShareLink is a read-only link to one whisper.
type ShareLink struct {
	ID         string
	TokenHash  string
	WhisperID  string
	Label      string
	HideFaces  bool // no pictures
	CreatedBy  string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
}

// FirstGen is what a box of the first generation is fenced in with: it has no
// secret, so only its networks tell it apart.
type FirstGen struct {
	Networks []string `json:"networks"` // CIDR
}

// Is reports whether the box is one of the first generation.
func (f FirstGen) Is() bool { return len(f.Networks) > 0 }
