package flow

import "slices"

// This file has what befalls a reply after it was saved: E_REPLY. It is rare, and
// the one time that a promise to a citizen could be broken in silence.

// unsent takes a reply off the list of those that wait for their receipt.
func (m *move) unsent(reply string) (u Unsent, ok bool) {
	s := &m.s
	i := slices.IndexFunc(s.Unsent, func(u Unsent) bool { return u.Reply == reply })
	if i < 0 {
		return u, false
	}
	u = s.Unsent[i]
	s.Unsent = remove(s.Unsent, i)
	m.do(Effect{Do: Report, Code: CodeReply, Hop: u.Hop, Seq: m.seq()})
	return u, true
}

// replyDamaged: what was said cannot be sent any more. The team learns of it,
// and the citizen is asked once more.
func (m *move) replyDamaged() {
	s := &m.s
	u, ok := m.unsent(m.e.Reply)
	if !ok {
		return
	}
	t := m.e.Turn
	if t != nil && t.Hop != u.Hop {
		t = nil
	}
	if s.Phase == Sending && s.Reply == u.Reply {
		m.lostWhileSending(t)
		return
	}
	if t != nil && !s.holds(t.Hop) {
		s.Queue = append(s.Queue, askedAgain(*t, Turn{}))
	}
	if s.Phase == Queued {
		m.hush() // it may just be saying that all is safe
	}
	m.unqueue()
}

// lostWhileSending answers somebody who is waiting beside the box.
func (m *move) lostWhileSending(t *Turn) {
	s := &m.s
	m.hush()
	if t == nil { // it has to be fetched first; they get the answer that asks nothing of them
		m.letGo()
		m.say(SayIdleOffline)
		m.rest()
		return
	}
	s.Turn, s.Reply = askedAgain(*t, s.Turn), ""
	s.Turn.Arrived, s.Turn.Asked = true, true
	m.reclaim()
	m.blank()
	if m.enter(New); s.Hushed() {
		m.enter(NewQuiet)
	}
	m.say(SayAgain)
}

// replyRefused: the reply stays on the box and is tried again for ever, which
// is no business of the citizen's. They have done their part.
func (m *move) replyRefused() {
	s := &m.s
	u, ok := m.unsent(m.e.Reply)
	if !ok {
		return
	}
	if s.Phase == Sending && s.Reply == u.Reply {
		m.letGo()
		m.say(SayQueued)
		m.rest()
		return
	}
	m.unqueue()
}

// unqueue leaves QUEUED once there is something to do, or nothing to wait for.
func (m *move) unqueue() {
	s := &m.s
	if s.Phase == Queued && (len(s.Unsent) == 0 || len(s.Queue) > 0 && s.Voice == 0) {
		m.rest()
	}
}

// askedAgain is a turn whose reply was lost on the box. How often the whisper
// was played counts; what became of the lost reply does not.
func askedAgain(t, before Turn) Turn {
	t.Again = true
	t.Plays, t.Takes = max(t.Plays, before.Plays), max(t.Takes, before.Takes)
	t.Arrived, t.Asked, t.Late, t.Final, t.Empties = false, false, false, false, 0
	return t
}
