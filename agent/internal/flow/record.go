package flow

// This file has the rows REC_READY, RECORDING, CHECK, EMPTY and E_MIC.

// record begins an answer, or another one. On a full disk that is said now and
// only now (E_DISK); somebody who wanted to replace a take keeps it as a draft.
func (m *move) record() {
	s := &m.s
	if s.NoSpeaker {
		return // E_SPK: no microphone where no prompt can be heard
	}
	m.hush()
	if s.DiskLow {
		m.do(Effect{Do: MakeRoom})
		m.say(s.full())
		s.Take.Replaced = s.Take.N != 0
		m.back()
		return
	}
	if s.Take.N != 0 {
		// Two takes may be here after a fault: the one just listened to is kept.
		m.eraseOld()
		s.Old, s.Take = s.Take, Take{}
		s.Old.Replaced = true
	}
	m.enter(RecReady)
	m.say(s.words(SayRecReady, Say2Rec, Say3Rec))
}

// redo is BACK while recording: what was said so far becomes the old take, and
// they begin anew. An older take that passed its check stays until it is known
// that there is speech in this one as well.
func (m *move) redo() {
	s := &m.s
	if m.e.At < s.Since+recMin {
		return
	}
	m.closeMic()
	m.keep(Take{N: s.Rec, ToneEnd: s.ToneEnd, Replaced: true})
	if s.DiskLow {
		m.do(Effect{Do: MakeRoom})
		m.say(s.full())
		m.back()
		return
	}
	doubt := s.Old.N != 0
	m.enter(RecReady)
	if doubt {
		s.Judging = m.seq()
		m.do(Effect{Do: CheckSpeech, Seq: s.Judging, Hop: s.Turn.Hop, Take: s.Take.N})
	} else {
		s.Old, s.Take = s.Take, Take{}
	}
	m.sound(ToneStop)
	m.say(Say2Rec)
}

// judged ends the doubt about a take that was begun anew. No answer counts as
// speech, as in CHECK.
func (m *move) judged(spoken bool) {
	s := &m.s
	if s.Judging == 0 {
		return
	}
	s.Judging = 0
	if spoken {
		m.eraseOld()
		s.Old = s.Take
	} else {
		m.do(Effect{Do: EraseTake, Hop: s.Turn.Hop, Take: s.Take.N})
	}
	s.Take = Take{}
}

// openMic opens the microphone once the prompt has ended: no prompt is ever
// recorded (P18).
func (m *move) openMic() {
	s := &m.s
	s.Turn.Takes++
	s.Rec = s.Turn.Takes
	s.Mic = true
	s.Waiting = m.seq()
	m.do(Effect{Do: OpenMic, Seq: s.Waiting, Hop: s.Turn.Hop, Epoch: s.Turn.Epoch, Take: s.Rec})
	m.arm(TimerDevice, openWait)
}

// notReady leaves REC_READY: nobody is recorded who was not told.
func (m *move) notReady() {
	m.closeMic()
	m.dropRec()
	m.back()
}

// microphone answers all that concerns capture and its check.
func (m *move) microphone() {
	s := &m.s
	mine := s.Waiting != 0 && m.e.Seq == s.Waiting
	switch m.e.Kind {
	case KindMicOpened:
		if mine && s.Phase == RecReady {
			m.disarm(TimerDevice)
			s.Waiting, s.Opened = 0, m.e.At
			m.sound(ToneReady) // into the open recording, so that no first word is cut
		}
	case KindMicFailed:
		if mine && s.Phase == RecReady {
			m.micFault(CodeMic)
		}
	case KindMicLost:
		if s.Mic {
			m.micFault(m.e.Code)
		}
	case KindMicBack:
		if s.Phase == MicFault {
			m.hush()
			m.back()
		}
	case KindVoice:
		if s.Phase == Recording && s.Config.Timers.Silence > 0 {
			m.arm(TimerSilence, s.Config.Timers.Silence)
		}
	case KindSpeech, KindNoSpeech:
		m.spoken(mine)
	}
}

// spoken is the answer of a speech check.
func (m *move) spoken(mine bool) {
	s := &m.s
	switch {
	case s.Phase == RecReady && m.e.Seq == s.Judging:
		m.judged(m.e.Kind == KindSpeech)
	case !mine || s.Phase != Check:
	case m.e.Kind == KindSpeech:
		m.passed()
	default:
		m.notHeard(m.e.Code)
	}
}

func (m *move) toRecording() {
	s := &m.s
	m.enter(Recording)
	s.ToneEnd = m.e.At - s.Opened
	s.Holding = s.Keys[s.Config.speaks()-1].Down
	m.progress(Effect{Stage: StageRecording, Take: s.Rec})
	m.arm(TimerPhase, s.Config.Timers.RecMax)
	m.arm(TimerWarn, max(0, s.Config.Timers.RecMax-recWarn))
	if s.Config.Timers.Silence > 0 {
		m.arm(TimerSilence, s.Config.Timers.Silence)
	}
}

// stopByPress stops, not before T_REC_MIN.
func (m *move) stopByPress() {
	if m.e.At >= m.s.Since+recMin {
		m.stopRecording("")
	}
}

// stopRecording closes the microphone, says why unless the citizen did it, and
// checks whether somebody spoke.
func (m *move) stopRecording(why Prompt) {
	s := &m.s
	m.enter(Check)
	s.Waiting = m.seq()
	m.do(Effect{Do: CheckSpeech, Seq: s.Waiting, Hop: s.Turn.Hop, Take: s.Rec})
	m.arm(TimerPhase, checkWait)
	if why == "" {
		m.sound(ToneStop)
	} else {
		m.say(why)
	}
}

// passed makes the new take the one to be sent. Only now the old one goes (P17).
func (m *move) passed() {
	s := &m.s
	m.keep(Take{N: s.Rec, ToneEnd: s.ToneEnd})
	m.eraseOld()
	s.Turn.Empties = 0
	switch {
	case s.NoSpeaker:
		m.toDraft() // no question can be heard; the draft waits
	case !s.Turn.PhotoAllowed || !s.Config.PhotoAllowed:
		s.Take.Photo = PhotoNone
		m.toReview()
	case !s.HasCamera:
		s.Take.Photo = PhotoNone
		m.do(Effect{Do: Report, Code: CodeCamera, Hop: s.Turn.Hop, Seq: m.seq()})
		m.say(SayCamNone)
		m.toReview()
	default:
		m.toPhotoAsk()
	}
}

// keep makes a take durable and starts its 24 hours.
func (m *move) keep(t Take) {
	s := &m.s
	s.Take, s.Rec = t, 0
	m.do(Effect{Do: KeepTake, Hop: s.Turn.Hop, Take: t.N})
	if (t.Partial || t.Replaced) && s.Old.N != 0 && m.running(TimerKeep) {
		return // the older take's day is not made longer
	}
	m.arm(TimerKeep, s.Config.Timers.DraftKeep)
}

func (m *move) eraseOld() {
	if m.s.Old.N != 0 {
		m.do(Effect{Do: EraseTake, Hop: m.s.Turn.Hop, Take: m.s.Old.N})
		m.s.Old = Take{}
	}
}

// dropRec erases the take that came to nothing; the old one counts again.
func (m *move) dropRec() {
	s := &m.s
	if s.Rec != 0 {
		m.do(Effect{Do: EraseTake, Hop: s.Turn.Hop, Take: s.Rec})
		s.Rec = 0
	}
	if s.Old.N != 0 && s.Take.N == 0 {
		s.Take, s.Old = s.Old, Take{}
	}
}

// notHeard is NO_SPEECH. Samples that are all zero are the microphone's fault.
func (m *move) notHeard(code Code) {
	s := &m.s
	if code == CodeMic {
		m.micFault(CodeMic)
		return
	}
	m.dropRec()
	if s.NoSpeaker {
		m.back()
		return
	}
	m.sound(ToneLow)
	if s.Take.N != 0 {
		m.toReview()
		return
	}
	s.Turn.Empties++
	m.enter(Empty)
	if s.Turn.Empties < 2 {
		m.say(SayEmpty1)
		return
	}
	m.do(Effect{Do: Report, Code: CodeNoSpeech, Hop: s.Turn.Hop, Seq: m.seq()})
	m.say(SayEmpty2)
}

// micFault is E_MIC: closed first, then whatever was said so far is kept, then
// the citizen hears the truth about whether the team knows.
func (m *move) micFault(code Code) {
	s := &m.s
	m.closeMic()
	m.hush()
	spoken := m.e.At - s.Since
	if s.Phase == Recording && spoken >= recMin {
		m.keep(Take{N: s.Rec, ToneEnd: s.ToneEnd, Partial: true, Photo: PhotoNone})
	} else {
		m.dropRec()
	}
	if code == CodeDisk { // not the microphone: nothing more could be written
		m.reportDisk()
		m.do(Effect{Do: MakeRoom})
		m.say(s.full())
		m.back()
		return
	}
	m.enter(MicFault)
	s.Alert = m.seq()
	m.do(Effect{Do: Report, Seq: s.Alert, Code: CodeMic, Hop: s.Turn.Hop})
	m.arm(TimerPhase, s.Config.Timers.Invite)
	if s.Online {
		m.arm(TimerAlert, alertWait)
	} else {
		m.say(SayMicRing)
	}
}

// reported says "the team has been told" when, and only when, it has.
func (m *move) reported() {
	s := &m.s
	if s.DiskAlert != 0 && m.e.Seq == s.DiskAlert {
		s.DiskAlert, s.DiskTold = 0, true
		return
	}
	if s.Phase != MicFault || s.Alert == 0 || m.e.Seq != s.Alert {
		return
	}
	s.Alert, s.Told = 0, true
	if m.forgetTimer(TimerAlert) {
		m.do(Effect{Do: StopTimer, Timer: TimerAlert})
		m.say(SayMicTold)
	}
}

// reportDisk is E_DISK for the team.
func (m *move) reportDisk() {
	m.s.DiskAlert = m.seq()
	m.do(Effect{Do: Report, Code: CodeDisk, Hop: m.s.Turn.Hop, Seq: m.s.DiskAlert})
}

// full is what a citizen hears on a full disk: whether the team knows is said
// as it is.
func (s State) full() Prompt {
	if s.DiskTold {
		return SayFullTold
	}
	return SayFullRing
}

// micExcuse answers a press in E_MIC.
func (m *move) micExcuse() {
	switch {
	case m.running(TimerAlert): // about to be said
	case m.s.Told:
		m.answer(SayMicTold)
	default:
		m.answer(SayMicRing)
	}
}

// keptLongEnough is T_DRAFT_KEEP: an unsent take is erased, but not while
// somebody is busy with it.
func (m *move) keptLongEnough() {
	s := &m.s
	if s.Phase != Paused && (s.Phase != Draft || s.Listening) {
		m.arm(TimerKeep, min(keepAgain, s.Config.Timers.DraftKeep))
		return
	}
	m.do(Effect{Do: EraseTakes, Hop: s.Turn.Hop})
	s.Take, s.Old = Take{}, Take{}
	if s.Phase == Draft {
		m.toHeard()
	}
}
