// Package selftest is the spoken self-test of a box (people.md 5, steps 0 to 7)
// as a pure machine: Step(State, Event) gives the next State and the effects to
// carry out. It knows no clock, disk, network or device; time comes in the event.
//
// The box says what to press and when, one person listens, and each part gets a
// verdict. No question waits for longer than a minute, no device is open for
// longer than its step, and nothing that was recorded is kept.
//
// Contract for who carries the effects out:
//   - Say, Sound and PlayBack join one queue and sound one after the other; each
//     answers Ended with its Seq, with Failed where it was not heard. Stop ends
//     the one that sounds and empties the queue; what was stopped need not answer.
//   - SetTimer answers KindTimer with Timer and Seq after After. A timer set again
//     or stopped is ignored should it come.
//   - The code that opens microphone and camera drives the red light, as ever:
//     State.Live says when it must be on.
//   - CloseMic and CloseCamera also end an opening under way; when they return the
//     device is closed.
//   - Each answer repeats the Seq of its effect. One that never comes is not
//     waited for: every wait has a timer.
//   - Found tells one verdict as soon as it is known. Finish is the last effect of
//     all; State.Items are then complete.
package selftest

import (
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// Plan is what the box knows of itself before.
type Plan struct {
	Box    string // its number, spoken digit by digit; empty: not spoken
	Code   string // the code on its page; empty: not spoken
	Photo  bool   // the camera may be used
	Camera bool   // there is one
	Volume int    // how loud the box is set, 1 to 4
}

// Test is a step of the table in people.md 5.
type Test int

// Tests.
const (
	Hello Test = iota
	Light
	Sound
	Microphone
	RedLight
	Camera
	Network
	Server
	End
	Over // Finish has been said
)

// Parts, as the report names them.
const (
	PartLight      = "lights"
	PartSound      = "loudspeaker"
	PartMicrophone = "microphone"
	PartRedLight   = "recording light"
	PartCamera     = "camera"
	PartNetwork    = "Wi-Fi"
	PartServer     = "server"
	PartClock      = "clock"
	PartDisk       = "disk"
)

// Effect is something to do. Effects are begun in the order they come.
type Effect struct {
	Do     Do
	Seq    int64 // not 0 where an answer is expected, which repeats it
	Prompt flow.Prompt
	Tone   flow.Tone
	Timer  Timer
	After  time.Duration
	Level  int                // Volume, KeepVolume: 1 to 4
	Item   protocol.CheckItem // Found
}

// Do says what to do.
type Do string

// What can be asked for.
const (
	Say      Do = "say"       // Prompt
	Chime    Do = "chime"     // Tone
	PlayBack Do = "play-back" // what was just recorded
	Stop     Do = "stop"      // silence

	Volume     Do = "volume"      // Level, from now on
	KeepVolume Do = "keep-volume" // Level is to be the box's own

	OpenMic     Do = "open-mic"     // records into a scratch file; answers MicOpened or MicFailed
	CloseMic    Do = "close-mic"    //
	CheckSpeech Do = "check-speech" // of the scratch file; answers Speech or NoSpeech
	Erase       Do = "erase"        // the scratch file
	OpenCamera  Do = "open-camera"  // warm up; answers only PhotoFailed
	TakePhoto   Do = "take-photo"   // with OpenCamera's Seq; answers PhotoOK, PhotoDark or PhotoFailed; the photo is not kept
	CloseCamera Do = "close-camera" //

	ProbeNetwork Do = "probe-network" // look at the Wi-Fi for SteadyFor; answers KindNetwork
	ProbeServer  Do = "probe-server"  // there and back, clock and room; answers KindServer

	SetTimer  Do = "set-timer"  // Timer, Seq, After
	StopTimer Do = "stop-timer" // Timer

	Found  Do = "found"  // Item
	Finish Do = "finish" //
)

// Timer names a timer. Setting one replaces the one of that name.
type Timer string

// Timers.
const (
	TimerPress  Timer = "press"  // nobody pressed
	TimerAgain  Timer = "again"  // say it once more, or louder
	TimerVoice  Timer = "voice"  // what sounds should have ended
	TimerDevice Timer = "device" // an answer should have come
	TimerRecord Timer = "record" // enough was recorded
)

// Event is something that happened.
type Event struct {
	At     time.Duration // monotonic
	Kind   Kind
	Seq    int64
	Timer  Timer
	Failed bool // Ended: it was not heard
	// Text and Next are the part's own words for what is wrong with it, if any.
	Text, Next string
	Net        Net
	Far        Far
}

// Kind says what happened.
type Kind string

// Events.
const (
	KindPress       Kind = "press" // any button went down; debounced
	KindEnded       Kind = "ended"
	KindMicOpened   Kind = "mic-opened"
	KindMicFailed   Kind = "mic-failed"
	KindMicLost     Kind = "mic-lost" // it went while it was open
	KindSpeech      Kind = "speech"
	KindNoSpeech    Kind = "no-speech"
	KindPhotoOK     Kind = "photo-ok"
	KindPhotoDark   Kind = "photo-dark"
	KindPhotoFailed Kind = "photo-failed"
	KindNetwork     Kind = "network"
	KindServer      Kind = "server"
	KindTimer       Kind = "timer"
	KindStop        Kind = "stop" // end it now
)

// Net is the network as the box has it.
type Net struct {
	Cable    bool // by cable, and it works
	Joined   bool // the Wi-Fi
	Password bool // it was refused for its password
	Signal   int  // dBm, the weakest within SteadyFor
}

// Far is the way to the team.
type Far struct {
	Reached bool
	Clock   bool  // the time is right
	Free    int64 // bytes of room
}

// Waits.
const (
	SteadyFor  = 60 * time.Second // people.md 5, step 6
	pressFor   = 60 * time.Second // a press, from the end of the question
	againAfter = 20 * time.Second // the question once more (P8)
	louder     = 3 * time.Second  // from one loudness to the next
	guard      = time.Second      // a press so soon is the echo of the last
	recordFor  = 5 * time.Second
	lookFor    = 3 * time.Second // the red light once more
	deviceWait = 10 * time.Second
	photoWait  = 40 * time.Second // with its countdown
	netWait    = SteadyFor + 30*time.Second
	farWait    = 60 * time.Second
	voiceMax   = 20 * time.Second
)

// Where a number is good enough (people.md 5).
const (
	goodSignal = -70           // dBm; above is good
	roomNeeded = 1_000_000_000 // bytes
	loudest    = 4
)

// State is all that the self-test knows. It is plain data; Step never changes
// the one it is given.
type State struct {
	Plan  Plan
	Test  Test
	Items []protocol.CheckItem // so far, in order

	// Within the test.
	Wait    Wait
	Since   time.Duration
	Round   int   // of the recording, from 1
	Waiting int64 // Seq of the answer awaited

	Level   int  // of loudness, while it rises
	Unheard bool // what was said last was not heard
	Lit     bool // the microphone was open, so the red light was on
	Bad     int  // tests that failed

	Mic, Camera bool  // open, by the machine's own orders
	Voice       int64 // Seq of the last thing to be heard, 0 in silence
	VoiceBy     time.Duration
	Timers      map[Timer]int64
	Seq         int64
}

// Wait is what a test waits for.
type Wait string

// Waits.
const (
	forVoice  Wait = "voice"  // the end of what is said, then the next test
	forPress  Wait = "press"  //
	forMic    Wait = "mic"    // it is being opened
	forTone   Wait = "tone"   //
	forSpeech Wait = "speech" // it is being recorded
	forCheck  Wait = "check"  //
	forOwn    Wait = "own"    // their own voice plays
	forLook   Wait = "look"   // the red light shines once more
	forPhoto  Wait = "photo"  //
	forAnswer Wait = "answer" // of network or server
)

// Live reports whether microphone or camera is open, and so whether the red
// light must be on.
func (s State) Live() bool { return s.Mic || s.Camera }

// Show is the light of the box, from the state alone.
func Show(s State) flow.Lamps {
	l := flow.Lamps{Main: flow.LightHalf}
	switch {
	case s.Test == Over:
		l.Main = flow.LightOff
	case s.Test == End && s.Bad > 0:
		l.Main = flow.LightHelp
	case s.Test == End:
		l.Main = flow.LightDone
	case s.Wait == forPress:
		l.Main, l.Lit = flow.LightFull, [3]bool{true, true, true}
	case s.Wait == forSpeech:
		l.Main = flow.LightVoice
	case s.Wait == forPhoto:
		l.Main = flow.LightDone
	case s.Wait == forAnswer, s.Wait == forCheck:
		l.Main = flow.LightBusy
	case s.Test == Hello && s.Unheard:
		l.Main = flow.LightHelp // nobody can have heard it
	}
	return l
}
