package protocol

import "time"

// EnrollRequest asks to become a device. Secret is made on the box and stays there.
type EnrollRequest struct {
	Code         string       `json:"code"`
	Name         string       `json:"name,omitempty"` // wish; else the code's label
	Secret       string       `json:"secret"`         // 64 hex digits
	BoardModel   string       `json:"board_model"`
	BoardSerial  string       `json:"board_serial"`
	Agent        string       `json:"agent"`
	Version      int          `json:"version"`
	Capabilities Capabilities `json:"capabilities"`
}

// EnrollResponse is the server's promise that the secret is now a device's.
type EnrollResponse struct {
	Device     string    `json:"device"`
	Name       string    `json:"name"`
	Server     string    `json:"server"`
	ServerID   string    `json:"server_id"`
	ServerTime time.Time `json:"server_time"`
}

// Offer is the server's promise that a hop waits for this device.
type Offer struct {
	Hop      string `json:"hop"`
	Whisper  string `json:"whisper"`
	Position int    `json:"position"` // 1..n
	// Epoch rises each time the hop is offered anew; older ones are void.
	Epoch        int        `json:"epoch"`
	State        OfferState `json:"state"`
	SendMode     string     `json:"send_mode"`
	PhotoAllowed bool       `json:"photo_allowed"`
	// RecallSeconds is how long after the receipt a reply can be taken back.
	RecallSeconds int       `json:"recall_seconds"`
	OfferedAt     time.Time `json:"offered_at"`
	// Files to play and show: a recording, perhaps an image.
	Files []File `json:"files"`
}

// OfferState is what has become of an offer.
type OfferState string

// States of an offer.
const (
	OfferOpen      OfferState = "open"
	OfferWithdrawn OfferState = "withdrawn" // the turn is over; forget it, an answer is kept beside the chain
	OfferAnswered  OfferState = "answered"  // the server holds the reply
)

// OffersPage is every change since a cursor, oldest first. Ask again from
// Cursor while More is true.
type OffersPage struct {
	Offers []Offer `json:"offers"`
	Cursor string  `json:"cursor"`
	More   bool    `json:"more,omitempty"`
}

// Role says what a file is to a whisper.
type Role string

// Roles.
const (
	RoleAudio Role = "audio"
	RoleImage Role = "image"
)

// EncodingPlain is the only encoding of version 1; sealed boxes come as another.
const EncodingPlain = "plain"

// File describes bytes that travel.
type File struct {
	Role     Role   `json:"role"`
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Type     string `json:"type"`
	Encoding string `json:"encoding"`
	// Upload is the id of the finished tus upload that carried it (reply only).
	Upload string `json:"upload,omitempty"`
}

// Reply is PUT once all its files are uploaded. Repeating it gives the same receipt.
type Reply struct {
	ID    string `json:"id"` // made at seal time
	Epoch int    `json:"epoch"`
	Take  int    `json:"take"` // which attempt was sent, from 1
	Files []File `json:"files"`
	Facts Facts  `json:"facts"`
}

// Facts is what the box knows about a reply. Its clock is reported, never trusted.
type Facts struct {
	SavedAt    time.Time  `json:"saved_at"`
	ClockSync  bool       `json:"clock_sync"` // the box's clock was set when it was saved
	BootID     string     `json:"boot_id"`
	DurationMS int64      `json:"duration_ms"`
	ToneEndMS  int64      `json:"tone_end_ms"` // where the ready tone ends in the recording
	Takes      int        `json:"takes"`       // how many were made
	Photo      string     `json:"photo"`       // taken, declined, none, dark, failed
	SentBy     string     `json:"sent_by"`     // press, grace
	Late       bool       `json:"late,omitempty"`
	HeardAt    *time.Time `json:"heard_at,omitempty"` // first press that played it
	Plays      int        `json:"plays"`
}

// ReceiptState says what a stored reply counts as.
type ReceiptState string

// States of a reply on the server.
const (
	ReplyAccepted  ReceiptState = "accepted"
	ReplyLate      ReceiptState = "late" // the turn had passed: kept beside the chain
	ReplyTakenBack ReceiptState = "taken_back"
)

// Receipt proves that the server stored a reply. It never changes except that
// State becomes taken_back.
type Receipt struct {
	Reply      string       `json:"reply"`
	Hop        string       `json:"hop"`
	Whisper    string       `json:"whisper"`
	State      ReceiptState `json:"state"`
	ReceivedAt time.Time    `json:"received_at"`
	// RecallUntil is set while the reply can be taken back.
	RecallUntil *time.Time `json:"recall_until,omitempty"`
	Files       []File     `json:"files"`
}
