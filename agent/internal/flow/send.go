package flow

import (
	"cmp"
	"slices"
)

// This file has the rows SENDING, SENT, QUEUED and RECALL. "Saved" is said
// after the seal, "sent" after the server's receipt, and never before.

func (m *move) toSending(by string) {
	m.hush()
	m.enter(Sending)
	m.s.SentBy = by
	m.seal()
	m.arm(TimerAgain, sendingSay)
}

// seal puts the take into the outbox. It is repeated until it is answered; the
// outbox knows the same take again.
func (m *move) seal() {
	s := &m.s
	s.Waiting = m.seq()
	m.do(Effect{
		Do: Seal, Seq: s.Waiting, Hop: s.Turn.Hop, Epoch: s.Turn.Epoch,
		Take: s.Take.N, Takes: s.Turn.Takes, Plays: s.Turn.Plays, ToneEnd: s.Take.ToneEnd,
		Photo: cmp.Or(s.Take.Photo, PhotoNone), SentBy: s.SentBy, Late: s.Turn.Late,
	})
	m.arm(TimerPhase, s.Config.Timers.SendTry)
}

// delivered answers what outbox and server were asked to do.
func (m *move) delivered() {
	s := &m.s
	mine := s.Waiting != 0 && m.e.Seq == s.Waiting
	switch {
	case m.e.Kind == KindSealed && mine && s.Phase == Sending:
		m.sealed()
	case m.e.Kind == KindSealFailed && mine && s.Phase == Sending:
		code := m.e.Code
		if code == "" {
			code = CodeDisk
		}
		m.do(Effect{Do: Report, Code: code, Hop: s.Turn.Hop, Seq: m.seq()})
		m.do(Effect{Do: MakeRoom})
		m.hush()
		m.say(SayFullTold)
		m.reclaim()
		m.toDraft()
	case m.e.Kind == KindTakenBack && (mine && s.Phase == Recall || m.lateTakenBack()):
		m.takenBack()
	case m.e.Kind == KindNotBack && mine && s.Phase == Recall:
		m.notTakenBack()
	}
}

// sealed: the reply is safe. Everything else that was recorded for the hop goes.
func (m *move) sealed() {
	s := &m.s
	s.Waiting = 0
	s.Reply = m.e.Reply
	s.Take, s.Old = Take{}, Take{}
	m.disarm(TimerKeep)
	m.do(Effect{Do: EraseTakes, Hop: s.Turn.Hop})
	m.do(Effect{Do: Progress, Stage: StageSaved, Hop: s.Turn.Hop, Epoch: s.Turn.Epoch, Reply: s.Reply})
	s.Unsent = append(s.Unsent, Unsent{Reply: s.Reply, Hop: s.Turn.Hop, Epoch: s.Turn.Epoch})
	switch {
	case s.Early.Reply == s.Reply:
		s.Unsent = remove(s.Unsent, len(s.Unsent)-1)
		m.toSent(s.Early.Late)
	case !s.Online:
		m.toQueued()
	default:
		m.arm(TimerPhase, s.Config.Timers.SendTry)
	}
}

// sendTried is T_SEND_TRY: an answer from the outbox is asked for again, one
// from the server is waited for in the background.
func (m *move) sendTried() {
	if m.s.Reply == "" {
		m.seal()
		return
	}
	m.toQueued()
}

func (m *move) stillSending() {
	m.s.Said++
	if m.s.Said == 1 {
		m.say(SaySending)
		m.arm(TimerAgain, sendingLong)
		return
	}
	m.say(SaySendingLong)
}

// toQueued tells the citizen that nothing needs to be done. The whisper stays
// on the box until the receipt comes.
func (m *move) toQueued() {
	m.letGo()
	m.enter(Queued)
	m.say(SayQueued)
}

func (m *move) queuedStatus() {
	m.hush()
	m.sentLater()
	m.say(SayQueuedStatus)
}

// acknowledged is ACK: the server has the reply, the receipt is on disk.
func (m *move) acknowledged() {
	s := &m.s
	i := slices.IndexFunc(s.Unsent, func(u Unsent) bool { return u.Reply == m.e.Reply })
	if i < 0 {
		if s.Phase == Sending && s.Reply == "" && m.e.Hop == s.Turn.Hop {
			s.Early = ACK{Reply: m.e.Reply, Late: m.e.Late} // faster than the seal's answer
		}
		return
	}
	hop := s.Unsent[i].Hop
	s.Unsent = remove(s.Unsent, i)
	if s.Phase == Sending && s.Reply == m.e.Reply {
		m.toSent(m.e.Late)
		return
	}
	s.SentLater = true
	if hop != s.Turn.Hop {
		m.forget(hop)
	}
	if s.Phase == Queued && len(s.Unsent) == 0 {
		m.rest()
	}
	if s.Phase == Queued || s.Phase == Idle {
		s.Celebrate = true
	}
}

// toSent thanks. A late reply is thanked for as well, and never refused.
func (m *move) toSent(late bool) {
	s := &m.s
	s.Turn.Late = s.Turn.Late || late
	m.hush()
	m.blank()
	m.enter(Sent)
	m.sound(ToneOK)
	m.say(m.thanks())
	if s.recallFor() > 0 {
		m.arm(TimerPhase, s.recallFor())
	}
}

func (m *move) thanks() Prompt {
	if m.s.Turn.Late {
		return SayLate
	}
	return SaySent
}

// askRecall asks at the first press and takes back at the second.
func (m *move) askRecall() {
	s := &m.s
	if s.NoSpeaker {
		return // the question could not be heard
	}
	m.hush()
	switch {
	case s.recallFor() == 0:
		m.say(m.thanks())
	case s.Asking:
		m.toRecall()
	default:
		s.Asking = true
		m.disarm(TimerAgain)
		m.ask(SayRecallAsk)
	}
}

// sentSaid starts a wait when something in SENT has been said: the time for the
// second press, or, before the next whisper may show, for the first.
func (m *move) sentSaid() {
	if m.s.Asking {
		m.arm(TimerAgain, recallAgain)
	} else {
		m.arm(TimerAgain, linger)
	}
}

func (m *move) recallUnused() {
	s := &m.s
	s.Asking, s.Linger = false, true
	if len(s.Queue) > 0 || s.recallFor() == 0 {
		m.finish()
	}
}

// recallOver is T_RECALL; a question that was asked may still be answered.
func (m *move) recallOver() {
	if m.s.Asking {
		m.arm(TimerPhase, recallAgain)
		return
	}
	m.finish()
}

func (m *move) toRecall() {
	s := &m.s
	m.enter(Recall)
	s.Waiting = m.seq()
	m.do(Effect{Do: TakeBack, Seq: s.Waiting, Reply: s.Reply, Hop: s.Turn.Hop, Epoch: s.Turn.Epoch})
	m.arm(TimerPhase, recallWait)
}

// lateTakenBack is a confirmation after the box gave up: the citizen is told
// the truth all the same.
func (m *move) lateTakenBack() bool {
	return m.s.Phase == Sent && m.s.Reply != "" && m.e.Reply == m.s.Reply
}

// takenBack: the turn is the citizen's again, to be answered anew or not.
func (m *move) takenBack() {
	m.hush()
	m.s.Reply = ""
	m.s.Turn.Final = false
	m.reclaim()
	m.toHeard()
	m.say(SayRecalled)
}

// reclaim takes the turn in hand up again. Was it offered anew meanwhile, then
// that is the offer to be answered.
func (m *move) reclaim() {
	s := &m.s
	if i := slices.IndexFunc(s.Queue, func(q Turn) bool { return q.Hop == s.Turn.Hop }); i >= 0 {
		s.Turn = renewed(s.Turn, s.Queue[i])
		s.Queue = remove(s.Queue, i)
	}
}

func (m *move) notTakenBack() {
	m.hush()
	m.s.Turn.Final = true
	m.enter(Sent)
	m.say(SayRecallNo)
}
