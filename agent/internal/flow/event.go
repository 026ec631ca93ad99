package flow

import "time"

// Event is something that happened. It is plain data: a log of events, given
// to Step in order, always leads to the same state.
type Event struct {
	// At is monotonic time since the program started; it never goes back.
	At   time.Duration `json:"at"`
	Kind Kind          `json:"kind"`
	// Seq repeats the Seq of the effect that is completed, or of the timer that
	// is due. A completion nobody waits for any more is ignored.
	Seq    int64     `json:"seq,omitempty"`
	Button Button    `json:"button,omitempty"`
	Timer  TimerName `json:"timer,omitempty"`
	Hop    string    `json:"hop,omitempty"`
	Epoch  int       `json:"epoch,omitempty"` // of a recalled hop; 0: any
	Reply  string    `json:"reply,omitempty"`
	Take   Take      `json:"take,omitzero"`  // Unsent: what the reply was made of
	Late   bool      `json:"late,omitempty"` // the server keeps the reply beside the chain
	Code   Code      `json:"code,omitempty"` // why it failed; empty is success
	Turn   *Turn     `json:"turn,omitempty"`
	Config *Config   `json:"config,omitempty"`
	Boot   *Facts    `json:"boot,omitempty"`
}

// Kind says what happened.
type Kind string

// Events from the citizen. Edges are debounced; lock-out is done here.
const (
	KindPress   Kind = "press"   // Button went down
	KindRelease Kind = "release" // Button went up
)

// Completions. Each repeats the Seq of its effect.
const (
	KindEnded       Kind = "ended"        // what was to be heard has ended; with a Code it was not heard
	KindMicOpened   Kind = "mic-opened"   // capture runs
	KindMicFailed   Kind = "mic-failed"   // it could not be opened
	KindSpeech      Kind = "speech"       // CheckSpeech: somebody speaks in the take
	KindNoSpeech    Kind = "no-speech"    // CheckSpeech: nobody does; with CodeMic: all samples are zero
	KindPhotoOK     Kind = "photo-ok"     // the picture is on disk
	KindPhotoDark   Kind = "photo-dark"   // the lens is covered
	KindPhotoFailed Kind = "photo-failed" //
	KindSealed      Kind = "sealed"       // Seal: Reply is durable in the outbox
	KindSealFailed  Kind = "seal-failed"  // Seal: it is not; Code says why, CodeDisk unless given
	KindTakenBack   Kind = "taken-back"   // TakeBack: the server confirms
	KindNotBack     Kind = "not-back"     // TakeBack: the server refuses
	KindUnsent      Kind = "unsent"       // Unsend: Reply is a take again; Turn and Take say which
	KindNotUnsent   Kind = "not-unsent"   // Unsend: it may have left the box
	KindReported    Kind = "reported"     // Report: the server has acknowledged it
	KindWiped       Kind = "wiped"        // Wipe: nothing of the study is left on the box
	KindSelfTested  Kind = "self-tested"  // SelfTest: it is over, all devices are closed
	KindTimer       Kind = "timer"        // Timer is due
)

// Events while the microphone is open.
const (
	KindVoice   Kind = "voice"    // somebody speaks; say so at least every five seconds
	KindMicLost Kind = "mic-lost" // the card went, or with CodeDisk nothing more can be written
)

// Events from disk, network, server and machine.
const (
	KindBoot         Kind = "boot"          // Boot has what the disk knows; the first event
	KindMSG          Kind = "msg"           // Turn and all of its media are verified on disk
	KindMediaBad     Kind = "media-bad"     // the media of Hop cannot be used
	KindACK          Kind = "ack"           // the server's receipt for Reply is on disk
	KindReplyDamaged Kind = "reply-damaged" // Reply is no longer what was sealed; Turn is to be answered again, nil where it comes with MSG
	KindReplyRefused Kind = "reply-refused" // the server will not take Reply; it is kept, and nobody waits for it
	KindNetUp        Kind = "net-up"        //
	KindNetDown      Kind = "net-down"      // Code may be CodeAuth: the server refuses the box
	KindMicBack      Kind = "mic-back"      // a microphone is there again
	KindSpeakerLost  Kind = "speaker-lost"  //
	KindSpeakerBack  Kind = "speaker-back"  //
	KindCameraLost   Kind = "camera-lost"   //
	KindCameraBack   Kind = "camera-back"   //
	KindDiskLow      Kind = "disk-low"      //
	KindDiskOK       Kind = "disk-ok"       //
	KindClockUnknown Kind = "clock-unknown" //
	KindClockKnown   Kind = "clock-known"   //
	KindQuietOn      Kind = "quiet-on"      // by the box's own schedule
	KindQuietOff     Kind = "quiet-off"     //
	KindSettings     Kind = "settings"      // Config, validated by its reader, replaces the one in use
	KindRemind       Kind = "remind"        // of Hop
	KindRecalled     Kind = "recalled"      // the server cancelled Hop
	KindSelfTest     Kind = "self-test"     // the team asks for a spoken self-test
	KindPause        Kind = "pause"         //
	KindResume       Kind = "resume"        //
	KindEnd          Kind = "end"           // the study is over: wipe
)

// Facts are what disk and machine know at start; they win over the journal.
type Facts struct {
	// Saved is the journaled state, nil where there is none.
	Saved *State `json:"saved,omitempty"`
	// Turns on disk, complete and without a reply in the outbox or at the server,
	// oldest first.
	Turns []Turn `json:"turns,omitempty"`
	// Takes on disk that were not sealed, in the order they were made.
	Takes []TakeFile `json:"takes,omitempty"`
	// Unsent replies in the outbox.
	Unsent       []Unsent `json:"unsent,omitempty"`
	Unclean      bool     `json:"unclean,omitempty"` // the program did not end by itself
	Online       bool     `json:"online,omitempty"`
	Quiet        bool     `json:"quiet,omitempty"`
	ClockUnknown bool     `json:"clock_unknown,omitempty"`
	DiskLow      bool     `json:"disk_low,omitempty"`
	NoSpeaker    bool     `json:"no_speaker,omitempty"`
	Camera       bool     `json:"camera,omitempty"` // there is one
}

// TakeFile is a take as the disk knows it.
type TakeFile struct {
	Hop      string        `json:"hop"`
	N        int           `json:"n"`
	Photo    bool          `json:"photo,omitempty"`
	Partial  bool          `json:"partial,omitempty"` // there was no KeepTake for it
	Duration time.Duration `json:"duration"`
	// Age is for how long it has been there; 0 where the clock cannot tell.
	Age time.Duration `json:"age,omitempty"`
}
