package flow

import (
	"slices"
	"time"
)

// Step is the whole interaction: what follows from an event in a state. It is
// total: an event that means nothing in a state changes nothing and does nothing.
func Step(s State, e Event) (State, []Effect) {
	m := move{s: s.clone(), e: e}
	m.dispatch()
	m.pauseIfDone()
	return m.s, m.out
}

// dispatch is the table's columns. Each function below switches on the phase:
// that is the table's rows.
func (m *move) dispatch() {
	switch m.e.Kind {
	case KindPress:
		m.press()
	case KindRelease:
		m.release()
	case KindTimer:
		m.timer()
	case KindEnded:
		m.ended()
	case KindMSG:
		m.arrived()
	case KindACK:
		m.acknowledged()
	case KindRemind:
		m.reminded()
	case KindRecalled:
		m.recalled()
	case KindMicOpened, KindMicFailed, KindMicLost, KindMicBack, KindVoice, KindSpeech, KindNoSpeech:
		m.microphone()
	case KindPhotoOK, KindPhotoDark, KindPhotoFailed:
		m.photographed()
	case KindSealed, KindSealFailed, KindTakenBack, KindNotBack, KindUnsent, KindNotUnsent:
		m.delivered()
	case KindBoot:
		m.boot()
	default:
		m.circumstance()
	}
}

// timer answers a timer that is due, unless it was stopped or set again since.
func (m *move) timer() {
	i := slices.Index(m.s.Timers, Alarm{Name: m.e.Timer, Seq: m.e.Seq})
	if i < 0 {
		return
	}
	m.s.Timers = remove(m.s.Timers, i)
	switch m.e.Timer {
	case TimerPhase:
		m.timeOut()
	case TimerAgain:
		m.again()
	case TimerWarn:
		m.s.Warned = true
	case TimerSilence:
		m.stopRecording(SayRecQuiet)
	case TimerVoice:
		m.overran()
	case TimerDevice:
		m.micFault(CodeMic)
	case TimerKeep:
		m.keptLongEnough()
	case TimerAlert:
		m.say(SayMicRing)
	case TimerHold:
		m.testOffered()
	case TimerStuck1:
		m.stuck(Main)
	case TimerStuck2:
		m.stuck(Second)
	case TimerStuck3:
		m.stuck(Third)
	}
}

// overran stops what should have ended long ago, and takes it as not heard. A
// device that is open beside it is on the way out as well, and goes first.
func (m *move) overran() {
	m.closeMic()
	m.closeCamera()
	m.do(Effect{Do: Stop})
	m.said(CodeSpeaker)
}

// timeOut is the table's column "Time-out".
func (m *move) timeOut() {
	switch m.s.Phase {
	case Boot:
		m.rest()
	case Invite, Empty:
		m.toHeard()
	case Recording:
		m.stopRecording(SayRecFull)
	case Check:
		m.passed()
	case PhotoAsk:
		m.noPhoto(PhotoDeclined)
	case PhotoCount:
		m.photoFailed(PhotoFailed, SayCamNone)
	case Review:
		if m.s.Confirm {
			m.toDraft()
		} else {
			m.toSending(SentByGrace)
		}
	case Sending:
		m.sendTried()
	case Sent:
		m.recallOver()
	case Recall:
		m.do(Effect{Do: Report, Code: CodeNoRecall, Hop: m.s.Turn.Hop, Seq: m.seq()})
		m.notTakenBack()
	case MicFault:
		m.back()
	case SelfTesting:
		m.stopTest()
		m.rest()
	}
}

// again says a prompt once more, or ends a short window.
func (m *move) again() {
	switch m.s.Phase {
	case Invite:
		m.say(m.s.words(SayInvite, Say2Invite, Say3Invite))
	case Review:
		m.say(m.reviewPrompt())
	case Sending:
		m.stillSending()
	case Sent:
		m.recallUnused()
	}
}

// ended answers the end of what was heard.
func (m *move) ended() {
	s := &m.s
	if s.GuardSaid <= m.e.Seq && m.e.Seq <= s.Voice {
		m.liftGuard()
	}
	if s.Voice == 0 || m.e.Seq != s.Voice {
		return // something of the queue before the last, or stopped long ago
	}
	m.disarm(TimerVoice)
	m.said(m.e.Code)
}

// said goes on after the last thing to be heard; code says why it was not.
func (m *move) said(code Code) {
	s := &m.s
	s.Voice, s.VoiceBy = 0, 0
	m.liftGuard()
	first := !s.Told
	switch s.Phase {
	case Playing:
		switch code {
		case "":
			m.played()
		case CodeMedia:
			m.mediaBad(s.Turn.Hop)
		default:
			m.back() // not heard: it waits
		}
		return
	case Invite:
		if first {
			m.arm(TimerAgain, inviteAgain)
			m.arm(TimerPhase, s.Config.Timers.Invite)
		}
	case RecReady:
		switch {
		case code != "":
			m.notReady()
		case s.Mic:
			m.toRecording()
		default:
			m.judged(true)
			m.openMic()
		}
		return
	case Empty:
		if first {
			m.arm(TimerPhase, emptyWait)
		}
	case PhotoAsk:
		if code != "" {
			m.noPhoto(PhotoNone)
			return
		}
		if first {
			m.arm(TimerPhase, s.Config.Timers.PhotoWait)
		}
	case PhotoCount:
		if code != "" {
			m.cancelPhoto() // nobody is photographed who was not warned
			return
		}
		if first {
			m.do(Effect{Do: TakePhoto, Seq: s.Waiting, Hop: s.Turn.Hop, Take: s.Take.N})
		}
	case Review:
		if s.Listening {
			m.toReview()
			return
		}
		if code != "" {
			m.toDraft() // nothing is sent by itself that nobody was told of
			return
		}
		if first {
			m.reviewAsked()
		}
	case Draft:
		if s.Listening {
			m.toReview()
			return
		}
	case Sent:
		m.sentSaid()
		return
	case Queued:
		s.Listening = false
		if len(s.Queue) > 0 {
			m.rest()
			return
		}
	}
	if s.Phase != MicFault {
		s.Told = true
	}
}

// move is one step under way: the state it has come to, and what is to be done.
type move struct {
	s   State
	e   Event
	out []Effect
}

func (m *move) do(f Effect) {
	if f.Do == Report && m.s.Turn.Practice && f.Hop == m.s.Turn.Hop {
		f.Hop = "" // the server knows of no such hop
	}
	m.out = append(m.out, f)
}

// seq gives an effect its number.
func (m *move) seq() int64 {
	m.s.Seq++
	return m.s.Seq
}

// enter begins a phase. No device stays open that does not belong there: that
// comes before anything else. The timers of the phase before are over, and
// presses are ignored for T_GUARD.
func (m *move) enter(p Phase) {
	if p != Recording && p != RecReady {
		m.closeMic()
	}
	if p != PhotoCount {
		m.closeCamera()
	}
	m.disarm(TimerPhase, TimerAgain, TimerWarn, TimerSilence, TimerDevice, TimerAlert, TimerHold)
	m.s.Phase = p
	m.s.Within = Within{Since: m.e.At, Guard: m.e.At + guard}
}

func (m *move) closeMic() {
	if m.s.Mic {
		m.s.Mic = false
		m.do(Effect{Do: CloseMic, Hop: m.s.Turn.Hop, Take: m.s.Rec})
	}
}

func (m *move) closeCamera() {
	if m.s.Camera {
		m.s.Camera = false
		m.do(Effect{Do: CloseCamera, Hop: m.s.Turn.Hop, Take: m.s.Take.N})
	}
}

// say speaks after whatever is being heard.
func (m *move) say(p Prompt) { m.hear(Effect{Do: Say, Prompt: p}, promptMax) }

// ask says what a press will do. As that cannot be undone, no press counts
// before it was said (people.md P7).
func (m *move) ask(p Prompt) {
	m.say(p)
	m.s.GuardSaid = m.s.Voice
}

func (m *move) sound(t Tone) { m.hear(Effect{Do: Sound, Tone: t}, toneMax) }

// hear adds to what is to be heard, and to the time by which all of it must
// have ended.
func (m *move) hear(f Effect, longest time.Duration) {
	s := &m.s
	s.VoiceBy = max(s.VoiceBy, m.e.At) + longest
	s.Voice = m.seq()
	f.Seq = s.Voice
	m.do(f)
	m.arm(TimerVoice, s.VoiceBy-m.e.At)
}

// hush stops what is being heard.
func (m *move) hush() {
	if m.s.Voice == 0 {
		return
	}
	m.s.Voice, m.s.VoiceBy = 0, 0
	m.do(Effect{Do: Stop})
	m.disarm(TimerVoice)
	m.liftGuard()
}

// liftGuard lets presses count again soon after a question.
func (m *move) liftGuard() {
	if m.s.GuardSaid != 0 {
		m.s.GuardSaid = 0
		m.s.Guard = m.e.At + guardSpoken
	}
}

func (m *move) blank() {
	if m.s.Picture {
		m.s.Picture = false
		m.do(Effect{Do: Blank})
	}
}

// arm starts a timer, in place of the one of that name.
func (m *move) arm(name TimerName, after time.Duration) {
	m.forgetTimer(name)
	seq := m.seq()
	m.s.Timers = append(m.s.Timers, Alarm{Name: name, Seq: seq})
	m.do(Effect{Do: SetTimer, Timer: name, Seq: seq, After: after})
}

func (m *move) disarm(names ...TimerName) {
	for _, name := range names {
		if m.forgetTimer(name) {
			m.do(Effect{Do: StopTimer, Timer: name})
		}
	}
}

// forgetTimer takes a timer off the list and reports whether it ran.
func (m *move) forgetTimer(name TimerName) bool {
	i := slices.IndexFunc(m.s.Timers, func(a Alarm) bool { return a.Name == name })
	if i < 0 {
		return false
	}
	m.s.Timers = remove(m.s.Timers, i)
	return true
}

func (m *move) running(name TimerName) bool {
	return slices.ContainsFunc(m.s.Timers, func(a Alarm) bool { return a.Name == name })
}

// remove gives the list without one; what is empty is nil, so that JSON gives
// the same state back.
func remove[T any](list []T, i int) []T {
	if len(list) == 1 {
		return nil
	}
	return slices.Delete(slices.Clone(list), i, i+1)
}
