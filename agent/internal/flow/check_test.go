package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

func jsonOf(v any) ([]byte, error) { return json.Marshal(v) }

var phases = []Phase{Boot, Idle, New, NewQuiet, Playing, Invite, Heard, RecReady, Recording, Check, Empty,
	PhotoAsk, PhotoCount, Review, Draft, Sending, Sent, Queued, Recall, Paused, Ended, MicFault, SelfTesting}

var patterns = []Pattern{LightOff, LightBreathe, LightBreatheS, LightHalf, LightFull, LightBusy, LightDone,
	LightHelp, LightSaved, LightVoice}

// check says what must hold after every single step, whatever happened.
func check(prev, s State, e Event, fx []Effect) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if !slices.Contains(phases, s.Phase) {
		bad("unknown phase %q", s.Phase)
	}
	if s.Mic && s.Phase != RecReady && s.Phase != Recording {
		bad("the microphone is open in %s", s.Phase)
	}
	if s.Camera && s.Phase != PhotoCount {
		bad("the camera is open in %s", s.Phase)
	}
	runs := func(names ...TimerName) bool {
		return slices.ContainsFunc(s.Timers, func(a Alarm) bool { return slices.Contains(names, a.Name) })
	}
	switch {
	case s.Mic && s.Phase == RecReady && !runs(TimerDevice, TimerVoice),
		s.Mic && s.Phase == Recording && !runs(TimerPhase):
		bad("no timer ends the microphone")
	}
	if s.Camera && !runs(TimerPhase) {
		bad("no timer ends the camera")
	}
	if (s.Voice != 0) != runs(TimerVoice) {
		bad("what is heard (%d) and its timer disagree", s.Voice)
	}
	if s.Phase == Sending && !runs(TimerPhase) || s.Phase == Check && !runs(TimerPhase) || s.Phase == Recall && !runs(TimerPhase) {
		bad("nothing ends %s", s.Phase)
	}
	if asks := []Phase{Invite, Empty, PhotoAsk, PhotoCount, Review, Sent, MicFault, Playing, RecReady, SelfTesting}; slices.Contains(asks, s.Phase) &&
		!runs(TimerPhase, TimerVoice, TimerAgain, TimerDevice) {
		bad("nothing ends %s", s.Phase)
	}
	for _, t := range []Take{s.Take, s.Old} {
		if t.N != 0 && !runs(TimerKeep) {
			bad("nothing erases take %d", t.N)
		}
	}
	for i, a := range s.Timers {
		if slices.ContainsFunc(s.Timers[:i], func(b Alarm) bool { return a.Name == b.Name }) {
			bad("timer %s runs twice", a.Name)
		}
	}
	if !slices.Contains(patterns, Show(s).Main) {
		bad("no light in %s", s.Phase)
	}
	if s.Hushed() != Show(s).Dim {
		bad("quiet hours and light disagree")
	}
	if (s.Turn.Hop == "") != slices.Contains([]Phase{Boot, Idle, Queued, Ended, SelfTesting}, s.Phase) && s.Phase != Paused {
		bad("hop %q in hand in %s", s.Turn.Hop, s.Phase)
	}
	if s.Phase == Idle && (len(s.Queue) > 0 || len(s.Unsent) > 0) {
		bad("IDLE with something to do")
	}
	if slices.ContainsFunc(s.Queue, func(q Turn) bool { return q.Hop == s.Turn.Hop }) && s.Reply == "" && s.Phase != Sending {
		bad("hop %s is in hand and waits", s.Turn.Hop)
	}
	errs = append(errs, checkEffects(prev, s, e, fx))
	return errors.Join(errs...)
}

// checkEffects follows the effects one by one, as a box carries them out.
func checkEffects(prev, s State, e Event, fx []Effect) error {
	mic, camera := prev.Mic, prev.Camera
	begun := false // something other than a timer
	for _, f := range fx {
		switch f.Do {
		case OpenMic:
			if mic || camera || e.Kind != KindEnded || e.Seq != prev.Voice {
				return fmt.Errorf("the microphone opens while something is open or said")
			}
			mic = true
		case OpenCamera:
			if mic || camera || e.Kind != KindPress {
				return fmt.Errorf("the camera opens without a press, or beside another device")
			}
			camera = true
		case CloseMic, CloseCamera:
			if begun {
				return fmt.Errorf("%s comes after something else", f.Do)
			}
			if f.Do == CloseMic && !mic || f.Do == CloseCamera && !camera {
				return fmt.Errorf("%s of what is closed", f.Do)
			}
			mic, camera = mic && f.Do != CloseMic, camera && f.Do != CloseCamera
		case TakePhoto:
			if !camera || f.Seq != prev.Waiting {
				return fmt.Errorf("a photo without a camera")
			}
		case Say:
			if Prompts[f.Prompt] == "" {
				return fmt.Errorf("prompt %q has no text", f.Prompt)
			}
			if mic {
				return fmt.Errorf("%q is said into an open recording", f.Prompt)
			}
			if err := honest(prev, e, f.Prompt); err != nil {
				return err
			}
		case PlayWhisper, PlayTake, PlayReply:
			if mic {
				return fmt.Errorf("%s into an open recording", f.Do)
			}
		case Sound:
			if mic && f.Tone != ToneReady {
				return fmt.Errorf("tone %s into an open recording", f.Tone)
			}
		case Report, Progress, TakeBack, Unsend:
			if prev.Turn.Practice && f.Hop != "" && f.Hop == prev.Turn.Hop {
				return fmt.Errorf("%s tells the server of practice", f.Do)
			}
		case Seal:
			if prev.Turn.Practice {
				return fmt.Errorf("practice leaves the box")
			}
			if f.Take == 0 || f.Hop == "" || f.Take != s.Take.N && s.Phase == Sending {
				return fmt.Errorf("nothing is sealed")
			}
			if f.SentBy == SentByGrace && prev.Take.Replaced {
				return fmt.Errorf("a take that was to be replaced is sent unasked")
			}
		}
		if f.Do != SetTimer && f.Do != StopTimer && f.Do != CloseMic && f.Do != CloseCamera {
			begun = true
		}
		if prev.Hushed() && s.Hushed() && (f.Do == Sound || f.Do == Say || f.Do == PlayWhisper || f.Do == PlayTake || f.Do == PlayReply) &&
			slices.Contains([]Kind{KindMSG, KindRemind, KindBoot, KindResume, KindQuietOn, KindClockUnknown}, e.Kind) {
			return fmt.Errorf("%s in quiet hours, unasked", wording(f))
		}
	}
	if mic != s.Mic || camera != s.Camera {
		return fmt.Errorf("devices by effects: mic %t camera %t, by state: %t %t", mic, camera, s.Mic, s.Camera)
	}
	return checkTakes(prev, s, e, fx)
}

// honest: "sent" only with the receipt, "saved" only with the seal.
func honest(prev State, e Event, p Prompt) error {
	switch p {
	case SaySent, Say2Sent, SayLate:
		if prev.Turn.Practice {
			break
		}
		if e.Kind == KindACK || e.Kind == KindSealed && prev.Early.Reply == e.Reply || prev.Phase == Sent {
			return nil
		}
	case SaySentLater:
		if prev.SentLater {
			return nil
		}
	case SayQueued:
		if prev.Phase == Sending && (prev.Reply != "" || e.Kind == KindSealed) {
			return nil
		}
	case SayPracticeDone:
		if prev.Turn.Practice {
			return nil
		}
	case SayFullTold:
		if prev.DiskTold {
			return nil
		}
	case SayRecalled:
		if e.Kind == KindTakenBack {
			return nil
		}
	case SayMicTold:
		if e.Kind == KindReported || prev.Told {
			return nil
		}
	default:
		return nil
	}
	return fmt.Errorf("%q is not true after %s in %s", p, e.Kind, prev.Phase)
}

// checkTakes: who has a take has one until it is sealed, the turn is over, the
// study ends or its time is up.
func checkTakes(prev, s State, e Event, fx []Effect) error {
	if had := prev.Take.N != 0 || prev.Old.N != 0; had && s.Take.N == 0 && s.Old.N == 0 {
		ok := e.Kind == KindSealed || e.Kind == KindEnd ||
			e.Kind == KindRecalled && (prev.Phase == Draft || prev.Phase == Paused) ||
			e.Kind == KindTimer && e.Timer == TimerKeep || prev.Turn.Practice && s.Phase == Sent
		if !ok {
			return fmt.Errorf("%s in %s lost a take", e.Kind, prev.Phase)
		}
	}
	for _, f := range fx {
		if f.Do == EraseTake && (f.Take == s.Take.N || f.Take == s.Old.N) && f.Hop == s.Turn.Hop {
			return fmt.Errorf("take %d is erased and still in hand", f.Take)
		}
		if f.Do == Forget && f.Hop == s.Turn.Hop {
			return fmt.Errorf("hop %s is forgotten and still in hand", f.Hop)
		}
	}
	return nil
}
