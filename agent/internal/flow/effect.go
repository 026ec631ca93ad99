package flow

import "time"

// Effect is something to do. Step returns effects in order and they are begun
// in that order: devices are closed first, then what must be durable, then what
// is seen and heard.
//
// The contract for who carries them out:
//   - Say, Sound, PlayWhisper, PlayTake and PlayReply join one queue and sound one after
//     the other; each answers Ended with its Seq. Stop ends the one that sounds
//     and empties the queue; what was stopped need not answer.
//   - CloseMic and CloseCamera also end an opening under way. When they return
//     the device is closed and the take's bytes are synced.
//   - SetTimer answers Timer with Timer and Seq after After. A timer set again
//     or stopped must not come any more; if it does, it is ignored.
//   - Seal, KeepTake, EraseTake, EraseTakes, Forget, Wipe and TakeBack may be
//     repeated for the same thing and then do nothing new.
//   - The State is journaled after each step that changes it, before or after
//     its effects: a start copes with a journal that is one step behind.
type Effect struct {
	Do Do `json:"do"`
	// Seq is not 0 where a completion is expected, which repeats it.
	Seq     int64         `json:"seq,omitempty"`
	Prompt  Prompt        `json:"prompt,omitempty"`
	Tone    Tone          `json:"tone,omitempty"`
	Hop     string        `json:"hop,omitempty"`
	Epoch   int           `json:"epoch,omitempty"`
	Take    int           `json:"take,omitempty"`  // from 1, within the hop
	Takes   int           `json:"takes,omitempty"` // Seal: how many were made
	Plays   int           `json:"plays,omitempty"` // Seal: how often the whisper was played
	ToneEnd time.Duration `json:"tone_end,omitempty"`
	Photo   string        `json:"photo,omitempty"`
	SentBy  string        `json:"sent_by,omitempty"`
	Late    bool          `json:"late,omitempty"` // Seal: the turn was cancelled meanwhile
	Reply   string        `json:"reply,omitempty"`
	Timer   TimerName     `json:"timer,omitempty"`
	After   time.Duration `json:"after,omitempty"`
	Stage   Stage         `json:"stage,omitempty"`
	Code    Code          `json:"code,omitempty"`
	Quiet   bool          `json:"quiet,omitempty"`
}

// Do says what to do.
type Do string

// Devices. The recording light is driven by the code that opens and closes them.
const (
	OpenMic     Do = "open-mic"     // Hop, Take; answers MicOpened or MicFailed
	CloseMic    Do = "close-mic"    //
	OpenCamera  Do = "open-camera"  // Hop, Take; light on, warm up; answers only PhotoFailed
	TakePhoto   Do = "take-photo"   // with OpenCamera's Seq; answers PhotoOK, PhotoDark or PhotoFailed
	CloseCamera Do = "close-camera" // a picture not yet taken is not taken
)

// Disk. Done, and synced, before the effects behind them are begun.
const (
	CheckSpeech Do = "check-speech" // Hop, Take; answers Speech or NoSpeech
	KeepTake    Do = "keep-take"    // Hop, Take: it may be sent; with Photo: and so may its photo
	EraseTake   Do = "erase-take"   // Hop, Take, with its photo
	ErasePhoto  Do = "erase-photo"  // Hop, Take: the photo only
	EraseTakes  Do = "erase-takes"  // of Hop, all that are not sealed
	Seal        Do = "seal"         // Hop, Epoch, Take … into the outbox; answers Sealed or SealFailed
	Forget      Do = "forget"       // Hop: its whisper, its takes, all but sealed replies
	Refetch     Do = "refetch"      // Hop: its media is bad; forget and load it again
	Unsend      Do = "unsend"       // Reply, Hop: out of the outbox; answers Unsent or NotUnsent before any other event
	MakeRoom    Do = "make-room"    // erase acknowledged media, never unsent replies
	Wipe        Do = "wipe"         // erase every byte of the study; answers Wiped
)

// Server.
const (
	Progress Do = "progress"  // Hop, Epoch, Stage, Take
	Report   Do = "report"    // Code, Hop; answers Reported once the server has it
	TakeBack Do = "take-back" // Reply, Hop; answers TakenBack or NotBack
)

// What is heard and seen. Lights are no effects: see Show.
const (
	Say         Do = "say"          // Prompt
	Sound       Do = "sound"        // Tone
	PlayWhisper Do = "play-whisper" // Hop
	PlayTake    Do = "play-take"    // Hop, Take
	PlayReply   Do = "play-reply"   // Reply: the citizen's own voice in outbox or sent
	Stop        Do = "stop"         // silence
	ShowPicture Do = "show-picture" // Hop: screen or printer
	Blank       Do = "blank"        // the screen shows nothing
	Volume      Do = "volume"       // Quiet: −6 dB from now on
)

// Self-test: package selftest is its course. While it runs the presses are its
// own, and so are lights, microphone and camera; it closes them before it
// answers.
const (
	SelfTest     Do = "self-test"      // answers SelfTested
	StopSelfTest Do = "stop-self-test" // end it now; it need not answer
)

// Time.
const (
	SetTimer  Do = "set-timer"  // Timer, Seq, After
	StopTimer Do = "stop-timer" // Timer
)
