package media

import "time"

// Thresholds of the speech check (people.md 2.1). They are starting values.
const (
	MinLength = 1500 * time.Millisecond
	MinVoiced = 700 * time.Millisecond
	MinPeak   = -45.0 // dBFS
)

// Speech says what the speech check found.
type Speech string

// Outcomes of the speech check; all but SpeechHeard mean NO_SPEECH.
const (
	SpeechHeard  Speech = "speech"
	SpeechShort  Speech = "too short"
	SpeechFaint  Speech = "too faint"
	SpeechAbsent Speech = "no voice"
)

// CheckSpeech judges a take by its length after the tone, the time that holds
// a voice, and its loudest moment in dBFS.
func CheckSpeech(length, voiced time.Duration, peak float64) Speech {
	switch {
	case length < MinLength:
		return SpeechShort
	case peak < MinPeak:
		return SpeechFaint
	case voiced < MinVoiced:
		return SpeechAbsent
	}
	return SpeechHeard
}

// Take describes a finished recording.
type Take struct {
	// Duration of the whole file, tone included.
	Duration time.Duration
	// ToneEnd is where the ready tone ended; listeners may start there.
	ToneEnd time.Duration
	// Voiced time and Peak (dBFS) count from ToneEnd.
	Voiced time.Duration
	Peak   float64
	// Clipped counts samples at full scale: far too loud.
	Clipped int
	// Dead says that the microphone gave nothing but zeros for over a second.
	Dead bool
	// Lost says that the microphone went away; what came before is kept.
	Lost bool
}

// Speech is the speech check of this take.
func (t Take) Speech() Speech { return CheckSpeech(t.Duration-t.ToneEnd, t.Voiced, t.Peak) }
