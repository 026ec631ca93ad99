// Package flow is the box's interaction with its citizen as a pure machine:
// Step(State, Event) gives the next State and the effects to carry out. It
// knows no clock, disk, network, device or log; time comes in the event.
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
