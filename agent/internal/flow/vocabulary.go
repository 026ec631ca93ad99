// Package flow is the box's interaction with its citizen as a pure machine:
// Step(State, Event) gives the next State and the effects to carry out. It
// knows no clock, disk, network, device or log; time comes in the event.
//
// It is the tables of people.md 2.2 and 2.5. Read step.go first (the columns),
// then the rows: listen.go, record.go, review.go, send.go; what can befall a box
// in any row is in faults.go and boot.go; buttons.go says what a press does, by
// the number of buttons. Where the tables are silent the machine chooses what a
// citizen can leave alone, and a comment says so.
package flow

// Button is one of up to three buttons. On a one-button box only Main exists.
type Button int

// Buttons, numbered as on the box.
const (
	Main   Button = 1 // one: the button; two: GO; three: LISTEN
	Second Button = 2 // two: BACK; three: SPEAK
	Third  Button = 3 // three: SEND
)

// Pattern is what the main light does (people.md 2.1): rhythm first, colour second.
type Pattern string

// Patterns of the main light L1.
const (
	LightOff      Pattern = "off"       // P0
	LightBreathe  Pattern = "breathe"   // P1: 4 s cycle, 10–100 %: a new whisper
	LightBreatheS Pattern = "breathe-s" // P1s: 8 s cycle, to 40 %: heard, or a draft waits
	LightHalf     Pattern = "half"      // P2: steady 50 %: the box is speaking
	LightFull     Pattern = "full"      // P3: steady: your turn, press
	LightBusy     Pattern = "busy"      // P4: 1 s on, 1 s off
	LightDone     Pattern = "done"      // P5: 3 × (0.6 on, 0.4 off), then off
	LightHelp     Pattern = "help"      // P6: 0.15 on, 0.15 off, 0.15 on, 2.5 off, amber
	LightSaved    Pattern = "saved"     // P7: breathe 8 s, 5–20 %, amber: saved, goes later
	LightVoice    Pattern = "voice"     // PV: 40–100 % follows the voice level
)

// Lamps is all light of a box at one moment.
type Lamps struct {
	Main Pattern
	// Dim is quiet hours: at most 3 %.
	Dim bool
	// Lit says which buttons offer an action (index 0 is Main).
	Lit [3]bool
}

// Tone is a short sound (people.md 2.1).
type Tone string

// Tones.
const (
	ToneArrive Tone = "arrive" // 660→880 Hz, 2×400 ms
	ToneReady  Tone = "ready"  // 800 Hz, 500 ms
	ToneStop   Tone = "stop"   // 880→660 Hz, 2×250 ms
	ToneOK     Tone = "ok"     // 660→880→990 Hz
	ToneLow    Tone = "low"    // 2×500 Hz, 300 ms
	ToneTick   Tone = "tick"   // 600 Hz, 60 ms
)

// Prompt is the key of a spoken sentence; Prompts has their English texts.
type Prompt string

// Phase is the state's name in people.md 2.2 and 2.5.
type Phase string

// Phases of a box.
const (
	Boot       Phase = "BOOT"
	Idle       Phase = "IDLE"
	New        Phase = "NEW"
	NewQuiet   Phase = "NEW_QUIET"
	Playing    Phase = "PLAYING"
	Invite     Phase = "INVITE"
	Heard      Phase = "HEARD"
	RecReady   Phase = "REC_READY"
	Recording  Phase = "RECORDING"
	Check      Phase = "CHECK"
	Empty      Phase = "EMPTY"
	PhotoAsk   Phase = "PHOTO_ASK"
	PhotoCount Phase = "PHOTO_COUNT"
	Review     Phase = "REVIEW"
	Draft      Phase = "DRAFT"
	Sending    Phase = "SENDING"
	Sent       Phase = "SENT"
	Queued     Phase = "QUEUED"
	Recall     Phase = "RECALL"
	Paused     Phase = "PAUSED"
	Ended      Phase = "ENDED"
	MicFault   Phase = "E_MIC"
	// SelfTesting is people.md 5: the box belongs to its self-test.
	SelfTesting Phase = "SELF_TEST"
)

// Code names what went wrong, for the researcher and the log (people.md 2.5).
type Code string

// Codes of Report effects and of failed completions.
const (
	CodeOffline  Code = "E_OFFLINE"
	CodeAuth     Code = "E_AUTH"
	CodeMedia    Code = "E_MEDIA"
	CodeMic      Code = "E_MIC"
	CodeSpeaker  Code = "E_SPK"
	CodeCamera   Code = "E_CAM"
	CodeDisk     Code = "E_DISK"
	CodePower    Code = "E_POWER"
	CodeButton   Code = "E_BTN"
	CodeClock    Code = "E_CLOCK"
	CodeReply    Code = "E_REPLY"   // a saved reply is damaged, or the server refuses it
	CodeNoSpeech Code = "NO_SPEECH" // twice nothing was heard
	CodeNoRecall Code = "NO_RECALL" // a take-back was not answered
	CodeWiped    Code = "WIPED"     // the study ended and the box is empty: the answer to END
)

// TimerName names a timer. Setting one replaces the one of that name.
type TimerName string

// Timers that the machine asks for.
const (
	TimerPhase   TimerName = "phase"   // the phase's own time-out
	TimerAgain   TimerName = "again"   // say it once more; the end of a short window
	TimerWarn    TimerName = "warn"    // recording: the last seconds begin
	TimerSilence TimerName = "silence" // recording: nobody speaks any more
	TimerVoice   TimerName = "voice"   // what plays should have ended by now
	TimerDevice  TimerName = "device"  // the microphone should have opened by now
	TimerKeep    TimerName = "keep"    // an unsent take is erased
	TimerAlert   TimerName = "alert"   // the server should have acknowledged a report
	TimerHold    TimerName = "hold"    // IDLE: held long enough for the self-test
	TimerStuck1  TimerName = "stuck1"
	TimerStuck2  TimerName = "stuck2"
	TimerStuck3  TimerName = "stuck3"
)

// Stage is how far a citizen is with a hop; the server is told.
type Stage string

// Stages. "delivered" is told by whoever stores the media.
const (
	StageHeard     Stage = "heard"
	StageRecording Stage = "recording"
	StageSaved     Stage = "saved"
)

// What became of the photo of a take (protocol.Facts).
const (
	PhotoTaken    = "taken"
	PhotoDeclined = "declined"
	PhotoNone     = "none" // not allowed, or no camera
	PhotoDark     = "dark"
	PhotoFailed   = "failed"
)

// Who sent a reply (protocol.Facts).
const (
	SentByPress = "press"
	SentByGrace = "grace"
)
