package flow

import (
	"cmp"
	"slices"
)

// This file has the rows SENDING, SENT, QUEUED and RECALL. "Saved" is said
// after the seal, "sent" after the server's receipt, and never before.

func (m *move) toSending(by string) {
	m.hush()
	if m.s.Turn.Practice {
		m.practised()
		return
	}
	m.enter(Sending)
	m.s.SentBy = by
	m.seal()
	m.arm(TimerAgain, sendingSay)
}

// sendNow is the button that sends. Where no word could be heard nothing is
// sent: the draft waits.
func (m *move) sendNow() {
	if !m.s.NoSpeaker {
		m.toSending(SentByPress)
	}
}

// practised ends a practice turn. Nothing is sealed, so nothing can leave the box.
func (m *move) practised() {
	s := &m.s
	m.do(Effect{Do: EraseTakes, Hop: s.Turn.Hop})
	s.Take, s.Old = Take{}, Take{}
	m.disarm(TimerKeep)
	m.blank()
	m.enter(Sent)
	m.sound(ToneOK)
	m.say(SayPracticeDone)
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
		if code == CodeDisk {
			m.reportDisk()
		} else {
			m.do(Effect{Do: Report, Code: code, Hop: s.Turn.Hop, Seq: m.seq()})
		}
		m.do(Effect{Do: MakeRoom})
		m.hush()
		m.say(s.full())
		m.reclaim()
		m.toDraft()
	case m.e.Kind == KindTakenBack && (mine && s.Phase == Recall || m.lateTakenBack()):
		m.takenBack()
	case m.e.Kind == KindNotBack && mine && s.Phase == Recall:
		m.notTakenBack()
	case m.e.Kind == KindUnsent && mine && s.Phase == Queued:
		m.unqueued()
	case m.e.Kind == KindNotUnsent && mine && s.Phase == Queued:
		s.Waiting = 0
		m.queuedStatus() // it is on its way
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
	m.progress(Effect{Stage: StageSaved, Reply: s.Reply})
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
	m.s.Listening = false
	m.sentLater()
	m.say(SayQueuedStatus)
}

// unsend asks the outbox for the last reply again, as long as no byte of it can
// have been taken for an answer.
func (m *move) unsend() {
	s := &m.s
	if s.NoSpeaker || len(s.Unsent) == 0 {
		return
	}
	u := s.Unsent[len(s.Unsent)-1]
	s.Waiting = m.seq()
	m.do(Effect{Do: Unsend, Seq: s.Waiting, Reply: u.Reply, Hop: u.Hop, Epoch: u.Epoch})
}

// unqueued: the reply is a take again, and its turn the one in hand. It never
// left the box.
func (m *move) unqueued() {
	s := &m.s
	s.Waiting = 0
	i := slices.IndexFunc(s.Unsent, func(u Unsent) bool { return u.Reply == m.e.Reply })
	if i < 0 {
		return
	}
	u := s.Unsent[i]
	s.Unsent = remove(s.Unsent, i)
	s.Turn = Turn{Hop: u.Hop, Epoch: u.Epoch}
	if t := m.e.Turn; t != nil && t.Hop == u.Hop {
		s.Turn = *t
	}
	s.Turn.Arrived, s.Turn.Asked = true, true
	s.Turn.Plays, s.Turn.Takes = max(1, s.Turn.Plays), max(s.Turn.Takes, m.e.Take.N)
	m.reclaim()
	m.hush()
	s.Take = m.e.Take
	if s.Take.N <= 0 {
		s.Take = Take{}
		m.back()
		return
	}
	s.Take.Replaced = true // asked about again, whatever the box is set to
	m.arm(TimerKeep, s.Config.Timers.DraftKeep)
	if s.Config.Buttons == 3 {
		m.record()
		return
	}
	m.toReview()
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
	if p := m.thanks(); p == Say2Sent {
		m.ask(p) // the next press on BACK undoes it
	} else {
		m.say(p)
	}
	if s.recallFor() > 0 {
		m.arm(TimerPhase, s.recallFor())
	}
}

func (m *move) thanks() Prompt {
	switch {
	case m.s.Turn.Practice:
		return SayPracticeDone
	case m.s.Turn.Late:
		return SayLate
	case m.s.Config.Buttons == 2 && m.s.recallFor() > 0:
		return Say2Sent
	}
	return SaySent
}

// thankAgain reassures: it was sent.
func (m *move) thankAgain() {
	if m.s.NoSpeaker {
		return
	}
	m.hush()
	m.s.Listening, m.s.Asking = false, false
	m.disarm(TimerAgain)
	p := m.thanks()
	if p == Say2Sent {
		p = SaySent
	}
	m.say(p)
}

// recallAtOnce is BACK: one press takes back what can be taken back.
func (m *move) recallAtOnce() {
	switch {
	case m.s.NoSpeaker:
	case m.s.recallFor() == 0:
		m.thankAgain()
	default:
		m.hush()
		m.toRecall()
	}
}

// askRecall asks at the first press and takes back at the second.
func (m *move) askRecall() {
	s := &m.s
	if s.NoSpeaker {
		return // the question could not be heard
	}
	m.hush()
	s.Listening = false
	switch {
	case s.recallFor() == 0:
		m.disarm(TimerAgain)
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
	m.s.Listening = false
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
	if m.s.Asking || m.s.Listening {
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
