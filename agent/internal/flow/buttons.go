package flow

import "slices"

// press accepts a press or not (people.md P5, P7): after an accepted one the
// button must have been up for 50 ms and T_LOCK must have passed, and the phase
// must have had time to be noticed.
func (m *move) press() {
	k := m.key()
	if k == nil || k.Down {
		return // a button that the box does not have; or a repetition without a release
	}
	k.Down = true
	m.arm(stuckTimer(m.e.Button), m.s.Config.Timers.Stuck)
	if m.locked() || m.e.At < k.Up+upFor {
		return
	}
	if m.s.GuardSaid != 0 || m.e.At < m.s.Guard {
		return
	}
	k.Lock = m.e.At + m.s.Config.Timers.Lock
	if cells := tables[m.s.Config.Buttons]; cells != nil {
		cells(m, m.e.Button)
	}
}

// locked is T_LOCK, for all buttons alike: a hand that lands on two of them has
// pressed one.
func (m *move) locked() bool {
	return slices.ContainsFunc(m.s.Keys[:], func(k Key) bool { return m.e.At < k.Lock })
}

// release ends hold-to-talk (people.md P4), and what is stuck is free again.
func (m *move) release() {
	k := m.key()
	if k == nil || !k.Down {
		return
	}
	stuck := k.Stuck
	k.Down, k.Stuck, k.Up = false, false, m.e.At
	m.disarm(stuckTimer(m.e.Button))
	if m.s.Phase == Idle && m.s.TestBy == m.e.Button {
		m.letGoOfTest(stuck)
		return
	}
	if m.s.Phase != Recording || !m.s.Holding || m.e.Button != m.s.Config.speaks() {
		return
	}
	if m.e.At < m.s.Since+holdFor {
		m.s.Holding = false // a long press, not a hold: they speak on, and press to stop
		return
	}
	// Letting go before T_REC_MIN stops as well: somebody who let go believes
	// that nobody listens any more. The check then finds the take too short.
	m.stopRecording("")
}

// key is the button of the event, nil where the box has none such.
func (m *move) key() *Key {
	if m.e.Button < Main || int(m.e.Button) > m.s.Config.Buttons || m.e.Button > Third {
		return nil
	}
	return &m.s.Keys[m.e.Button-1]
}

// speaks is the button that begins a recording, and that may be held instead
// (people.md P4).
func (c Config) speaks() Button {
	if c.Buttons == 3 {
		return Second
	}
	return Main
}

// unkey forgets the buttons that the box has no longer: their release would
// never be seen.
func (m *move) unkey() {
	for b := Button(m.s.Config.Buttons) + 1; b <= Third; b++ {
		m.s.Keys[b-1] = Key{}
		m.disarm(stuckTimer(b))
	}
}

func stuckTimer(b Button) TimerName {
	return [...]TimerName{TimerStuck1, TimerStuck2, TimerStuck3}[b-1]
}

// stuck is E_BTN: the button is down for T_STUCK. Recording that is
// hold-to-talk; and into what is recorded, played or counted nothing is said.
func (m *move) stuck(b Button) {
	switch m.s.Phase {
	case RecReady, Recording, Playing, PhotoCount:
		m.arm(stuckTimer(b), m.s.Config.Timers.Stuck)
		return
	}
	m.s.Keys[b-1].Stuck = true // until released no edge can come, so it is ignored by itself
	m.do(Effect{Do: Report, Code: CodeButton, Seq: m.seq()})
	m.say(SayHeld)
}

// answer says something to a press that changes nothing.
func (m *move) answer(p Prompt) {
	m.hush()
	m.say(p)
}
