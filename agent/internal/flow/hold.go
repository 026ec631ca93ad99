package flow

// This file has the way into the self-test (people.md 5, I6): by 10 s hold from
// IDLE, the voice warns, and it acts on release; or because the team asks.

// holdForTest notes which button may be held from here on.
func (m *move) holdForTest() {
	m.s.TestBy, m.s.TestSaid = m.e.Button, false
	m.arm(TimerHold, testHold)
}

// testOffered warns. Who did not mean it keeps holding: T_STUCK ends the offer.
func (m *move) testOffered() {
	s := &m.s
	if s.Phase != Idle || s.TestBy == 0 || !s.Keys[s.TestBy-1].Down || s.NoSpeaker {
		return
	}
	s.TestSaid = true
	m.answer(SayTestHold)
}

// letGoOfTest is the release of the button that was held in IDLE.
func (m *move) letGoOfTest(stuck bool) {
	said := m.s.TestSaid
	m.s.TestBy, m.s.TestSaid = 0, false
	m.disarm(TimerHold)
	if said && !stuck {
		m.toSelfTest()
	}
}

// askedForTest is the team's wish. Nobody's evening is disturbed for it, and
// nothing that the citizen is doing.
func (m *move) askedForTest() {
	if m.s.Phase == Idle && !m.s.Hushed() && !m.s.Pausing {
		m.toSelfTest()
	}
}

func (m *move) toSelfTest() {
	m.hush()
	m.enter(SelfTesting)
	m.s.Waiting = m.seq()
	m.do(Effect{Do: SelfTest, Seq: m.s.Waiting})
	m.arm(TimerPhase, testMax)
}

func (m *move) selfTested() {
	if m.s.Phase == SelfTesting && m.e.Seq == m.s.Waiting {
		m.rest()
	}
}

// stopTest takes the box back from a self-test under way.
func (m *move) stopTest() {
	if m.s.Phase == SelfTesting {
		m.do(Effect{Do: StopSelfTest})
	}
}
