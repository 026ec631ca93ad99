package model

import (
	"time"

	"illumi/protocol"
)

// BoxReport is something that befell a box, as it told.
type BoxReport struct {
	protocol.Report
	DeviceID   string
	ReceivedAt time.Time
}

// BoxCheck is what was found when a box was looked through.
type BoxCheck struct {
	protocol.Check
	DeviceID   string
	ReceivedAt time.Time
}

// BoxRequest is something that people asked a box for.
type BoxRequest struct {
	ID         string
	DeviceID   string
	Kind       protocol.MessageType // check, practice or end
	Aloud      bool                 // in quiet hours as well
	AskedBy    string
	AskedAt    time.Time
	EndsAt     time.Time // when it is of no use any more; zero: never
	AnsweredAt time.Time
}

// How long a request waits for a box that is away. A check is news whenever it
// comes; a practice begins with a voice, and who asked for it stands there now.
const (
	CheckWaits    = 24 * time.Hour
	PracticeWaits = 10 * time.Minute
)

// Clip is a sentence of a box that somebody else speaks.
type Clip struct {
	protocol.Clip
	DeviceID string
	Duration time.Duration
	SetBy    string
	SetAt    time.Time
}

// MaxClip is how long a clip may be.
const MaxClip = 30 * time.Second
