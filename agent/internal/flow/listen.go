package flow

import "slices"

// This file has the rows IDLE, NEW, NEW_QUIET, PLAYING, INVITE and HEARD.

// arrived is MSG. Outside IDLE it waits its turn; in SENT and QUEUED it need
// not wait for longer than what is just being said.
func (m *move) arrived() {
	s := &m.s
	if m.e.Turn == nil || m.e.Turn.Hop == "" {
		return
	}
	t := *m.e.Turn
	if s.Phase == Ended {
		m.do(Effect{Do: Forget, Hop: t.Hop})
		return
	}
	if slices.ContainsFunc(s.Unsent, func(u Unsent) bool { return u.Hop == t.Hop && u.Epoch >= t.Epoch }) {
		return // it is answered already, the receipt is under way
	}
	if s.Turn.Hop == t.Hop && s.Turn.Epoch >= t.Epoch {
		return
	}
	if s.Turn.Hop == t.Hop && s.Reply == "" && s.Phase != Sending {
		s.Turn = renewed(s.Turn, t)
		return
	}
	if i := slices.IndexFunc(s.Queue, func(q Turn) bool { return q.Hop == t.Hop }); i >= 0 {
		s.Queue[i] = renewed(s.Queue[i], t)
		return
	}
	s.Queue = append(s.Queue, t)
	switch {
	case s.Phase == Idle, s.Phase == Queued && s.Voice == 0:
		m.rest()
	case s.Phase == Sent && s.Linger && !s.Asking && !s.Listening:
		m.finish()
	}
}

// renewed is a turn that was offered anew while the box still had it. What the
// citizen has done with it so far counts.
func renewed(old, t Turn) Turn {
	if t.Epoch <= old.Epoch {
		return old
	}
	t.Arrived, t.Plays, t.Takes, t.Empties = old.Arrived, old.Plays, old.Takes, old.Empties
	return t
}

// reassure answers a press with nothing to do (P21).
func (m *move) reassure() {
	m.hush()
	switch {
	case m.sentLater():
	case m.s.Online:
		m.say(SayIdleOK)
	default:
		m.say(SayIdleOffline)
	}
}

// sentLater tells once, at a press, that an earlier reply has arrived.
func (m *move) sentLater() bool {
	if !m.s.SentLater {
		return false
	}
	m.s.SentLater = false
	m.say(SaySentLater)
	return true
}

// toNew shows the turn in hand. Its arrival is sounded once, and not in quiet
// hours: then in the morning.
func (m *move) toNew() {
	s := &m.s
	m.blank()
	if s.Hushed() {
		m.enter(NewQuiet)
		return
	}
	m.enter(New)
	if s.Turn.Arrived || s.Pausing {
		return
	}
	s.Turn.Arrived = true
	m.sound(ToneArrive)
	if s.Turn.Practice {
		m.say(SayPractice)
		return
	}
	if !s.Config.Announce {
		return
	}
	if s.Turn.Again {
		s.Turn.Asked = true
		m.say(SayAgain)
		return
	}
	m.say(SayNew)
}

func (m *move) reminded() {
	s := &m.s
	if m.e.Hop != s.Turn.Hop || s.Hushed() {
		return
	}
	if s.Phase == New || s.Phase == Heard {
		m.sound(ToneArrive)
		m.say(SayRemind)
	}
}

// toPlaying plays the whisper, at a press and never by itself. Without a
// speaker the box stays where it is (E_SPK).
func (m *move) toPlaying() {
	s := &m.s
	if s.NoSpeaker {
		return
	}
	m.hush()
	m.enter(Playing)
	if s.Turn.Plays == 0 {
		m.progress(Effect{Stage: StageHeard})
	}
	s.Turn.Plays++
	if s.Turn.Picture && !s.Picture { // heard again, it is still there: no second print
		s.Picture = true
		m.do(Effect{Do: ShowPicture, Hop: s.Turn.Hop})
	}
	m.sentLater()
	if s.Turn.Again && !s.Turn.Asked { // not announced at arrival: they must know why it is back
		s.Turn.Asked = true
		m.say(SayAgain)
	}
	m.say(SayHereIs)
	m.hear(Effect{Do: PlayWhisper, Hop: s.Turn.Hop}, whisperMax)
}

// stopPlaying stops after T_PLAY_GUARD; before that the press is an echo.
func (m *move) stopPlaying() {
	if m.e.At < m.s.Since+playGuard {
		return
	}
	m.hush()
	m.played()
}

// played asks for an answer, unless the turn was cancelled meanwhile.
func (m *move) played() {
	if m.s.Turn.Late {
		m.finish()
		return
	}
	m.enter(Invite)
	m.say(m.s.words(SayInvite, Say2Invite, Say3Invite))
}

// speakInstead is SPEAK while the whisper plays: not an echo, and not of a turn
// that was cancelled meanwhile.
func (m *move) speakInstead() {
	switch {
	case m.e.At < m.s.Since+playGuard:
	case m.s.Turn.Late:
		m.hush()
		m.finish()
	default:
		m.record()
	}
}

// progress tells the server how far the turn in hand is. Practice is nobody's
// business but the citizen's.
func (m *move) progress(f Effect) {
	if m.s.Turn.Practice {
		return
	}
	f.Do, f.Hop, f.Epoch = Progress, m.s.Turn.Hop, m.s.Turn.Epoch
	m.do(f)
}

// toHeard waits for the citizen to come back. A turn that was cancelled
// meanwhile is over.
func (m *move) toHeard() {
	if m.s.Turn.Late {
		m.finish()
		return
	}
	m.blank()
	m.enter(Heard)
}

// finish puts the turn in hand away and goes on with what waits.
func (m *move) finish() {
	m.forget(m.s.Turn.Hop)
	m.letGo()
	m.rest()
}

// forget erases a hop from the box, but not where it was offered anew and waits.
func (m *move) forget(hop string) {
	if slices.ContainsFunc(m.s.Queue, func(q Turn) bool { return q.Hop == hop }) {
		m.do(Effect{Do: EraseTakes, Hop: hop})
		return
	}
	m.do(Effect{Do: Forget, Hop: hop})
}

// letGo empties the hand.
func (m *move) letGo() {
	s := &m.s
	m.disarm(TimerKeep)
	m.blank()
	s.Turn, s.Take, s.Old, s.Rec, s.Reply = Turn{}, Take{}, Take{}, 0, ""
}

// rest goes on with an empty hand: the next whisper, or QUEUED while a reply
// waits for its receipt, or IDLE.
func (m *move) rest() {
	s := &m.s
	switch {
	case len(s.Queue) > 0:
		s.Turn = s.Queue[0]
		s.Queue = remove(s.Queue, 0)
		m.back()
	case len(s.Unsent) > 0:
		m.enter(Queued)
	default:
		m.enter(Idle)
	}
}

// back goes to where the turn in hand can safely wait, without a word.
func (m *move) back() {
	switch s := &m.s; {
	case s.Turn.Hop == "":
		m.rest()
	case s.Take.N != 0:
		m.toDraft()
	case s.Turn.Plays > 0:
		m.toHeard()
	default:
		m.toNew()
	}
}
