// Package model holds the server's nouns and what makes them valid. It does no
// I/O and reads no clock; times are given. A zero time means "not yet".
package model

import (
	"time"

	"illumi/protocol"
)

// Forwarding says when an answer may go on to the next home.
type Forwarding string

// Ways to forward. Approval has its place here and comes with moderation.
const (
	ForwardStraight Forwarding = "straight"
	ForwardPause    Forwarding = "after_pause"
)

// DefaultHold is how long `after a pause` holds an answer, so that a citizen
// can take it back (people.md T_RECALL).
const DefaultHold = 10 * time.Minute

// MaxHold is the longest pause that a project can ask for.
const MaxHold = 7 * 24 * time.Hour

// Role is what a person may do on this server.
type Role string

// Roles.
const (
	RoleAdmin      Role = "administrator"
	RoleResearcher Role = "researcher"
	RoleInstaller  Role = "installer" // boxes alone: no project, no media
)

// Roles lists them, the mightiest first.
func Roles() []Role { return []Role{RoleAdmin, RoleResearcher, RoleInstaller} }

// User is a person who signs in.
type User struct {
	ID           string
	Email        string // lower case, trimmed
	Name         string
	PasswordHash string
	Role         Role
	CreatedAt    time.Time
	DisabledAt   time.Time
	ExpiresAt    time.Time // when the account ends by itself; zero: never
	Prefs        Prefs
}

// Prefs is what a person chose for the pages. The zero value is what everybody
// begins with.
type Prefs struct {
	NoShortcuts bool `json:"no_shortcuts,omitempty"` // single keys do nothing (WCAG 2.1.4)
}

// Ended reports whether the account does not work any more at now.
func (u User) Ended(now time.Time) bool {
	return !u.DisabledAt.IsZero() || !u.ExpiresAt.IsZero() && !now.Before(u.ExpiresAt)
}

// Project is a study.
type Project struct {
	ID         string
	Title      string
	OwnerID    string
	Forwarding Forwarding
	Hold       time.Duration
	Settings   ProjectSettings
	CreatedAt  time.Time
	// As is what the asker is in this project; it is not stored here.
	As ProjectRole
}

// Device is an enrolled Pi; people read "box".
type Device struct {
	ID           string
	Name         string
	SecretHash   string
	BoardModel   string
	BoardSerial  string
	Agent        string
	Capabilities protocol.Capabilities
	Status       protocol.Status // the last heard
	Brief        *Brief          // of the status, in lists that have no more of it; see InBrief
	EnrolledBy   string          // user who made the code
	EnrolledAt   time.Time
	FirstSeenAt  time.Time // first hello
	LastSeenAt   time.Time
	ConnectedAt  time.Time // of the last connection
	RevokedAt    time.Time
	// HeldAt is when two boxes were last seen with this device's secret: another
	// board, which is refused, or a copy. The page says so.
	HeldAt time.Time
	// ActiveHop is the one hop that the box serves now.
	ActiveHop string
	// OfferSeq rises with every change to the device's offers; it is their cursor.
	OfferSeq int64
	Version  int64
	Site     Site
	FirstGen FirstGen
	// SilentToldAt is when somebody was told that the box is silent; zero again
	// once it is heard.
	SilentToldAt time.Time
}

// Sighting is what was heard of a device; what is nil stays as it was.
type Sighting struct {
	At        time.Time
	Connected bool // a connection began
	Hello     *protocol.Hello
	Status    *protocol.Status
}

// Presence is what one may truthfully say of a box.
type Presence string

// Presences.
const (
	PresenceNever   Presence = "not online yet"
	PresenceOnline  Presence = "online"
	PresenceAway    Presence = "away"
	PresenceDark    Presence = "dark"
	PresenceRevoked Presence = "revoked"
)

// DarkAfter is the silence after which a box counts as dark, not just away.
const DarkAfter = 24 * time.Hour

// Presence says how the box is at now. Online means heard within DeadAfter, once
// it has held a connection: that it enrolled, and asked whether its key works,
// is not yet being online.
func (d Device) Presence(now time.Time) Presence {
	switch silent := now.Sub(d.LastSeenAt); {
	case !d.RevokedAt.IsZero():
		return PresenceRevoked
	case d.ConnectedAt.IsZero():
		return PresenceNever
	case silent <= protocol.DeadAfter:
		return PresenceOnline
	case silent <= DarkAfter:
		return PresenceAway
	default:
		return PresenceDark
	}
}

// EnrolCode lets one box become a device, once.
type EnrolCode struct {
	ID         string
	Hash       string
	Label      string // the name the box will have
	CreatedBy  string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	UsedAt     time.Time
	UsedDevice string
	RevokedAt  time.Time

	// Replaced is how many open codes for the same name were revoked for this
	// one. Only who makes a code is told; it is not kept.
	Replaced int
}

// CodeState is what an enrolment code is good for.
type CodeState string

// States of an enrolment code.
const (
	CodeOpen    CodeState = "open"
	CodeUsed    CodeState = "used"
	CodeExpired CodeState = "expired"
	CodeRevoked CodeState = "revoked"
)

// CodeLifetime is how long an enrolment code can be used.
const CodeLifetime = 24 * time.Hour

// State says what the code is good for at now.
func (c EnrolCode) State(now time.Time) CodeState {
	switch {
	case !c.UsedAt.IsZero():
		return CodeUsed
	case !c.RevokedAt.IsZero():
		return CodeRevoked
	case !now.Before(c.ExpiresAt):
		return CodeExpired
	default:
		return CodeOpen
	}
}

// Variant says which copy of a file this is.
type Variant string

// Variants: the bytes as they came, and the copy that is shown and forwarded.
const (
	VariantOriginal Variant = "original"
	VariantShared   Variant = "shared"
)

// File is a stored file of a whisper: of its seed (position 0) or of a reply.
type File struct {
	ID        string
	WhisperID string
	HopID     string // empty for the seed
	ReplyID   string // empty for the seed
	Position  int
	Role      protocol.Role
	Variant   Variant
	SHA256    string
	Size      int64
	Type      string
	Width     int
	Height    int
	Duration  time.Duration
	CreatedAt time.Time
	// Peaks is a recording's outline: two hexadecimal digits for the loudest
	// sample of each of equal parts of its time. NoPeaks: it has none; empty:
	// nobody has asked yet.
	Peaks string
	Alt   string // what a picture shows, in words; may be empty
}

// NoPeaks stands where a recording's outline cannot be made.
const NoPeaks = "-"

// Media is a stored file before it belongs to a whisper: an original and its
// shared copy.
type Media struct {
	Role     protocol.Role
	Type     string
	SHA256   string
	Size     int64
	Width    int
	Height   int
	Duration time.Duration

	SharedType   string
	SharedSHA256 string
	SharedSize   int64
	SharedWidth  int
	SharedHeight int
}

// Upload is a finished upload that waits to be named by a reply or a start.
type Upload struct {
	ID         string // tus id
	OwnerID    string // device or user id
	Media      Media
	FinishedAt time.Time
	ExpiresAt  time.Time
}

// Reply is what a citizen sent for a hop.
type Reply struct {
	ID         string
	HopID      string
	WhisperID  string
	DeviceID   string
	Epoch      int
	Take       int
	State      protocol.ReceiptState
	Facts      protocol.Facts
	Files      []protocol.File // as the box sent them
	ReceivedAt time.Time
	RecallTill time.Time
	TakenBack  time.Time
}

// Mail is one queued e-mail.
type Mail struct {
	ID        string
	ProjectID string
	WhisperID string
	Kind      string
	To        string
	// SenderName and ReplyTo are the study's; empty: the server's.
	SenderName string
	ReplyTo    string
	Subject    string
	Text       string
	HTML       string
	MessageID  string
	State      MailState
	Attempts   int
	NextAt     time.Time
	LastError  string
	CreatedAt  time.Time
	SentAt     time.Time
}

// MailState is where a mail stands.
type MailState string

// States of a mail.
const (
	MailQueued MailState = "queued"
	MailSent   MailState = "sent"
	MailFailed MailState = "failed" // given up; shown on the page
)

// Event is a line of a whisper's history.
type Event struct {
	ID        string
	ProjectID string
	WhisperID string
	HopID     string
	DeviceID  string
	UserID    string
	Kind      string
	Detail    string
	At        time.Time
	// Seq rises with every event of a project in the order of the commits.
	Seq int64
}
