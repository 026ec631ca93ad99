package protocol

import (
	"encoding/json"
	"slices"
	"time"
)

// Message is one websocket text frame. A message is a hint: losing one costs a
// retry, never a whisper.
type Message struct {
	Type MessageType `json:"type"`
	// ID is the sender's; an ack repeats it. 1 to 64 printable ASCII characters.
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body,omitempty"`
}

// MessageType says what a message's body is. Spelled out, never renumbered.
type MessageType string

// Messages from the server.
const (
	TypeWelcome  MessageType = "welcome"
	TypeOffers   MessageType = "offers" // look now; no body
	TypeRecall   MessageType = "recall"
	TypeRemind   MessageType = "remind"
	TypePause    MessageType = "pause"
	TypeResume   MessageType = "resume"
	TypeSettings MessageType = "settings"
	TypeNotice   MessageType = "notice"
	TypeAck      MessageType = "ack" // both ways
)

// Messages from the box. The server acknowledges delivered, heard, recording
// and saved after its commit; the box repeats them until then.
const (
	TypeHello     MessageType = "hello"
	TypeDelivered MessageType = "delivered"
	TypeHeard     MessageType = "heard"
	TypeRecording MessageType = "recording"
	TypeSaved     MessageType = "saved"
	TypeStatus    MessageType = "status"
)

// Heartbeat, both ways.
const (
	TypePing MessageType = "ping"
	TypePong MessageType = "pong"
)

// Hello is the first message of a box.
type Hello struct {
	Version      int          `json:"version"`
	Agent        string       `json:"agent"`   // program version
	BootID       string       `json:"boot_id"` // changes with every start of the machine
	Capabilities Capabilities `json:"capabilities"`
}

// Capabilities says what a box can do now.
type Capabilities struct {
	Buttons    int    `json:"buttons"` // 1 to 3
	Microphone bool   `json:"microphone"`
	Speaker    bool   `json:"speaker"`
	Camera     bool   `json:"camera"`
	Screen     bool   `json:"screen"`
	Printer    bool   `json:"printer,omitempty"`
	Simulated  bool   `json:"simulated,omitempty"`
	Audio      string `json:"audio,omitempty"` // type of its recordings
}

// Welcome answers a hello.
type Welcome struct {
	Version    int       `json:"version"`
	ServerTime time.Time `json:"server_time"`
	Server     string    `json:"server"`    // name for people
	ServerID   string    `json:"server_id"` // changes when the server's database is another one
	Device     string    `json:"device"`
	Name       string    `json:"name"`
	Settings   Settings  `json:"settings"`
	Paused     bool      `json:"paused,omitempty"`
	// Features names what this server takes beyond the first build of its
	// version; a box passes over those that it does not know.
	Features []string `json:"features,omitempty"`
}

// Has reports whether the server takes a feature.
func (w Welcome) Has(feature string) bool { return slices.Contains(w.Features, feature) }

// Settings of a box, as the server wants them.
type Settings struct {
	Version      int64  `json:"version"`
	SendMode     string `json:"send_mode"`     // SendGrace or SendConfirm; an offer's own mode wins
	PhotoAllowed bool   `json:"photo_allowed"` //
	Announce     bool   `json:"announce"`      // say aloud that a whisper came
	TimeZone     string `json:"time_zone"`     // IANA name
	QuietFrom    string `json:"quiet_from"`    // "21:00" local, empty: never quiet
	QuietUntil   string `json:"quiet_until"`   // "08:00"
	Volume       int    `json:"volume"`        // step 1 to 4
	Language     string `json:"language"`      // BCP 47
	// Buttons is how many of its buttons the box shall use, 1 to 3; 0: all.
	Buttons int `json:"buttons,omitempty"`
	// Clips is the name of the box's list of clips, which it asks for where it
	// has another one; empty: it speaks as it was delivered.
	Clips string `json:"clips,omitempty"`
}

// Ways a reply is sent from a box (people.md 2.2).
const (
	SendGrace   = "grace"   // no press sends
	SendConfirm = "confirm" // only a press sends
)

// HopRef names a hop in recall and remind.
type HopRef struct {
	Hop   string `json:"hop"`
	Epoch int    `json:"epoch"`
}

// Progress is the body of delivered, heard, recording and saved.
type Progress struct {
	Hop   string    `json:"hop"`
	Epoch int       `json:"epoch"`
	At    time.Time `json:"at"`             // the box's clock, for the record only
	Take  int       `json:"take,omitempty"` // recording, saved
}

// Ack says that the message with this id is durably recorded, or, with a code,
// why it never will be.
type Ack struct {
	ID   string `json:"id"`
	Code Code   `json:"code,omitempty"`
}

// NoticeText is something to tell the citizen or the installer.
type NoticeText struct {
	Text string `json:"text"`
}

// Status is a box's health.
type Status struct {
	State string `json:"state"` // interaction state
	// Practice says that it is a practice whisper which is heard and answered: the
	// box's own, and not one of those that wait.
	Practice  bool  `json:"practice,omitempty"`
	Waiting   int   `json:"waiting"` // whispers on the box, not yet answered
	Unsent    int   `json:"unsent"`  // replies saved and not yet acknowledged
	DiskFree  int64 `json:"disk_free"`
	Uptime    int64 `json:"uptime"` // seconds
	Settings  int64 `json:"settings"`
	ClockSync bool  `json:"clock_sync"`
	// InForce is what the box lives by now, its true number of buttons included:
	// nil from a box that does not tell.
	InForce *Settings `json:"in_force,omitempty"`
	Health  *Health   `json:"health,omitempty"`
}
