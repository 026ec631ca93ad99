package flow

import (
	"fmt"
	"slices"
	"time"

	"illumi/protocol"
)

// State is all that the interaction knows. It is plain data to be copied,
// compared with reflect.DeepEqual and kept as JSON: the journal that a box
// resumes from after a power cut. Step never changes the State it is given.
type State struct {
	Phase  Phase  `json:"phase"`
	Config Config `json:"config"`

	// Turn is the one in hand; its Hop is empty in IDLE.
	Turn  Turn   `json:"turn"`
	Queue []Turn `json:"queue,omitempty"` // waiting, oldest first

	Take   Take     `json:"take"`             // what would be sent; N 0: nothing
	Old    Take     `json:"old"`              // kept until the new one passes its check
	Rec    int      `json:"rec,omitempty"`    // number of the take that is being recorded or checked
	Reply  string   `json:"reply,omitempty"`  // the sealed reply of this turn
	Unsent []Unsent `json:"unsent,omitempty"` // sealed, no receipt yet

	// Devices, by the machine's own orders.
	Mic    bool `json:"mic,omitempty"`
	Camera bool `json:"camera,omitempty"`
	// Voice is the Seq of the last thing to be heard, 0 in silence.
	Voice   int64         `json:"voice,omitempty"`
	VoiceBy time.Duration `json:"voice_by,omitempty"` // silence at the latest
	Picture bool          `json:"picture,omitempty"`  // one is shown

	Within

	// Across phases.
	Opened    time.Duration `json:"opened,omitempty"`     // capture of Rec runs since
	ToneEnd   time.Duration `json:"tone_end,omitempty"`   // where the ready tone ends in Rec
	SentLater bool          `json:"sent_later,omitempty"` // to be said at the next press
	Pausing   bool          `json:"pausing,omitempty"`    // pause once the citizen has finished
	Wiped     bool          `json:"wiped,omitempty"`      // ENDED: nothing is left

	// Facts about box and world.
	Restored     bool `json:"restored,omitempty"` // Boot has been seen
	Online       bool `json:"online,omitempty"`
	Quiet        bool `json:"quiet,omitempty"`
	ClockUnknown bool `json:"clock_unknown,omitempty"` // counts as quiet hours
	DiskLow      bool `json:"disk_low,omitempty"`
	DiskTold     bool `json:"disk_told,omitempty"` // the team knows
	NoSpeaker    bool `json:"no_speaker,omitempty"`
	HasCamera    bool `json:"has_camera,omitempty"`

	// DiskAlert is the Seq of the last report of E_DISK, until the server has it.
	DiskAlert int64 `json:"disk_alert,omitempty"`

	Keys   [3]Key  `json:"keys"`
	Timers []Alarm `json:"timers,omitempty"` // running
	Seq    int64   `json:"seq"`              // last one given out
}

// Within is what a phase remembers of itself; the next phase starts afresh.
type Within struct {
	Since     time.Duration `json:"since,omitempty"`      // when it began, or the playing in it
	Guard     time.Duration `json:"guard,omitempty"`      // presses count from here
	GuardSaid int64         `json:"guard_said,omitempty"` // and not before this has been said
	Told      bool          `json:"told,omitempty"`       // its prompt has been heard; E_MIC: the team has been told
	Waiting   int64         `json:"waiting,omitempty"`    // Seq of the device, disk or server work awaited
	Alert     int64         `json:"alert,omitempty"`      // E_MIC: Seq of the report that decides what is said
	Holding   bool          `json:"holding,omitempty"`    // RECORDING: the button was down when it began
	Warned    bool          `json:"warned,omitempty"`     // RECORDING: the last seconds
	Confirm   bool          `json:"confirm,omitempty"`    // REVIEW: only a press sends
	Listening bool          `json:"listening,omitempty"`  // DRAFT, REVIEW, SENT, QUEUED: plays the citizen's own take
	SentBy    string        `json:"sent_by,omitempty"`    // SENDING
	Said      int           `json:"said,omitempty"`       // SENDING: how often it has said so
	Early     ACK           `json:"early,omitzero"`       // SENDING: a receipt before the seal's answer
	Judging   int64         `json:"judging,omitempty"`    // REC_READY: Seq of the check of the take begun anew
	TestBy    Button        `json:"test_by,omitempty"`    // IDLE: pressed since, and so perhaps held
	TestSaid  bool          `json:"test_said,omitempty"`  // IDLE: letting go starts the self-test
	Asking    bool          `json:"asking,omitempty"`     // SENT: recall_ask was said
	Linger    bool          `json:"linger,omitempty"`     // SENT: there was a fair chance to take back
	Celebrate bool          `json:"celebrate,omitempty"`  // IDLE, QUEUED: P5 once, an earlier reply has arrived
}

// Turn is a hop whose media lies verified on the box.
type Turn struct {
	Hop           string `json:"hop"`
	Epoch         int    `json:"epoch"`
	SendMode      string `json:"send_mode,omitempty"` // empty: the box's own
	PhotoAllowed  bool   `json:"photo_allowed,omitempty"`
	RecallSeconds int    `json:"recall_seconds,omitempty"` // 0: a reply cannot be taken back
	Again         bool   `json:"again,omitempty"`          // the team asked for another answer
	Picture       bool   `json:"picture,omitempty"`        // there is one to show
	Practice      bool   `json:"practice,omitempty"`       // made on the box, and nothing of it leaves it

	Arrived bool `json:"arrived,omitempty"` // its arrival was sounded
	Asked   bool `json:"asked,omitempty"`   // "again" was said
	Plays   int  `json:"plays,omitempty"`   // how often it was begun to be played
	Takes   int  `json:"takes,omitempty"`   // how many were begun; numbers are never reused
	Empties int  `json:"empties,omitempty"` // takes without speech in a row
	Late    bool `json:"late,omitempty"`    // cancelled while the citizen was answering
	Final   bool `json:"final,omitempty"`   // its reply cannot be taken back any more
}

// Take is one attempt at a reply.
type Take struct {
	N       int           `json:"n,omitempty"`
	ToneEnd time.Duration `json:"tone_end,omitempty"` // where the ready tone ends in it
	Photo   string        `json:"photo,omitempty"`    // protocol.Facts; empty: not yet asked
	// Replaced: the citizen chose to do it again. It is never sent unasked.
	Replaced bool `json:"replaced,omitempty"`
	Partial  bool `json:"partial,omitempty"` // it was cut off by a fault
}

// Unsent is a reply in the outbox.
type Unsent struct {
	Reply string `json:"reply"`
	Hop   string `json:"hop"`
	Epoch int    `json:"epoch"`
}

// ACK is a receipt as far as the citizen is concerned.
type ACK struct {
	Reply string `json:"reply"`
	Late  bool   `json:"late,omitempty"`
}

// Key is one button under lock-out.
type Key struct {
	Down  bool          `json:"down,omitempty"`
	Up    time.Duration `json:"up,omitempty"`    // when it was let go
	Lock  time.Duration `json:"lock,omitempty"`  // presses of any button count from here
	Stuck bool          `json:"stuck,omitempty"` // E_BTN
}

// Alarm is a running timer.
type Alarm struct {
	Name TimerName `json:"name"`
	Seq  int64     `json:"seq"`
}

// Start is a box that has just been switched on: BOOT, until the Boot event.
func Start(c Config) (State, []Effect, error) {
	if err := c.Validate(); err != nil {
		return State{}, nil, fmt.Errorf("flow: starting: %w", err)
	}
	m := move{s: State{Phase: Boot, Config: c}}
	m.arm(TimerPhase, bootWait)
	return m.s, m.out, nil
}

// clone shares nothing with s.
func (s State) clone() State {
	s.Queue = slices.Clone(s.Queue)
	s.Unsent = slices.Clone(s.Unsent)
	s.Timers = slices.Clone(s.Timers)
	return s
}

// Hushed reports whether the box must keep still unless it is pressed: quiet
// hours, or no idea what time it is (E_CLOCK).
func (s State) Hushed() bool { return s.Quiet || s.ClockUnknown }

// Live reports whether microphone or camera is open by the machine's orders,
// and so whether the red light must be on.
func (s State) Live() bool { return s.Mic || s.Camera }

// mode is how a reply to the turn in hand is sent.
func (s State) mode() string {
	if s.Turn.SendMode != "" {
		return s.Turn.SendMode
	}
	return s.Config.SendMode
}

// recallFor is how long the reply in hand can be taken back.
func (s State) recallFor() time.Duration {
	if s.Turn.Final || s.Turn.Late || s.Turn.Practice {
		return 0
	}
	return min(s.Config.Timers.Recall, time.Duration(s.Turn.RecallSeconds)*time.Second)
}

// reviewConfirms reports whether the take in hand may be sent only by a press:
// where the project says so, and always for a take that someone chose to
// replace, and on a box with a button to send. An unknown mode is the one that
// sends nothing unasked.
func (s State) reviewConfirms() bool {
	return s.Config.Buttons > 1 || s.Take.Replaced || s.mode() != protocol.SendGrace
}
