package flow

import "slices"

// This file has what befalls a box in any phase: people.md 2.5, quiet hours,
// pause and end.

func (m *move) circumstance() {
	s := &m.s
	switch m.e.Kind {
	case KindReported:
		m.reported()
	case KindMediaBad:
		m.mediaBad(m.e.Hop)
	case KindReplyDamaged:
		m.replyDamaged()
	case KindReplyRefused:
		m.replyRefused()
	case KindNetUp:
		s.Online = true
	case KindNetDown:
		m.offline()
	case KindSpeakerLost:
		m.speakerLost()
	case KindSpeakerBack:
		s.NoSpeaker = false
	case KindCameraLost:
		s.HasCamera = false
	case KindCameraBack:
		s.HasCamera = true
	case KindDiskLow:
		if !s.DiskLow {
			s.DiskLow = true
			m.do(Effect{Do: MakeRoom})
			m.reportDisk()
		}
	case KindDiskOK:
		s.DiskLow, s.DiskTold, s.DiskAlert = false, false, 0
	case KindClockUnknown:
		m.hushChanges(s.Quiet, true)
	case KindClockKnown:
		m.hushChanges(s.Quiet, false)
	case KindQuietOn:
		m.hushChanges(true, s.ClockUnknown)
	case KindQuietOff:
		m.hushChanges(false, s.ClockUnknown)
	case KindSettings:
		if m.e.Config != nil && m.e.Config.Validate() == nil {
			s.Config = *m.e.Config
			m.unkey()
		}
	case KindSelfTest:
		m.askedForTest()
	case KindSelfTested:
		m.selfTested()
	case KindPause:
		s.Pausing = s.Phase != Paused && s.Phase != Ended
	case KindResume:
		m.resume()
	case KindEnd:
		m.end()
	case KindWiped:
		m.wiped()
	}
}

// offline is E_OFFLINE and E_AUTH: nothing is shown; replies are saved.
func (m *move) offline() {
	s := &m.s
	if m.e.Code == CodeAuth && s.Online {
		m.do(Effect{Do: Report, Code: CodeAuth, Seq: m.seq()})
	}
	s.Online = false
	if s.Phase == Sending && s.Reply != "" {
		m.toQueued()
	}
}

// mediaBad is E_MEDIA: what cannot be played was never there for the citizen.
// Once it has been heard to the end it is no trouble any more.
func (m *move) mediaBad(hop string) {
	s := &m.s
	report := func() {
		m.do(Effect{Do: Refetch, Hop: hop})
		m.do(Effect{Do: Report, Code: CodeMedia, Hop: hop, Seq: m.seq()})
	}
	if i := slices.IndexFunc(s.Queue, func(q Turn) bool { return q.Hop == hop }); i >= 0 {
		s.Queue = remove(s.Queue, i)
		report()
		return
	}
	if hop == "" || hop != s.Turn.Hop {
		return
	}
	playing := s.Phase == Playing
	if !playing && s.Phase != New && s.Phase != NewQuiet {
		return
	}
	m.hush()
	report()
	m.letGo()
	if playing { // they pressed, so they get an answer: the one that asks nothing of them
		m.say(SayIdleOffline)
	}
	m.rest()
}

// speakerLost is E_SPK: no question can be heard, so none is asked and no
// microphone opened. Somebody who is just speaking is not interrupted.
func (m *move) speakerLost() {
	s := &m.s
	if s.NoSpeaker {
		return
	}
	s.NoSpeaker = true
	m.closeCamera()
	if s.Phase != Recording {
		m.closeMic()
		m.hush()
	}
	m.do(Effect{Do: Report, Code: CodeSpeaker, Seq: m.seq()})
	switch s.Phase {
	case RecReady:
		m.notReady()
	case Playing, Invite, Empty, PhotoAsk, PhotoCount, Review:
		m.back()
	case Draft:
		s.Listening = false
	case Sent:
		m.sentSaid() // the thanks were cut off; the wait behind them is not
	case Queued:
		s.Listening = false
		if len(s.Queue) > 0 {
			m.rest()
		}
	}
}

// hushChanges is QUIET_ON, QUIET_OFF and E_CLOCK, which counts as quiet.
func (m *move) hushChanges(quiet, clockUnknown bool) {
	s := &m.s
	before := s.Hushed()
	if clockUnknown && !s.ClockUnknown {
		m.do(Effect{Do: Report, Code: CodeClock, Seq: m.seq()})
	}
	s.Quiet, s.ClockUnknown = quiet, clockUnknown
	if s.Hushed() == before {
		return
	}
	m.do(Effect{Do: Volume, Quiet: s.Hushed()})
	switch s.Phase {
	case New:
		m.hush()
		m.toNew()
	case NewQuiet:
		m.toNew()
	}
}

// recalled is RECALLED: the server cancelled a turn. Before the citizen answers
// it just goes; while they answer they carry on, and the reply is late.
func (m *move) recalled() {
	s := &m.s
	hop := m.e.Hop
	if i := slices.IndexFunc(s.Queue, func(q Turn) bool { return q.Hop == hop }); i >= 0 {
		if m.e.Epoch != 0 && m.e.Epoch < s.Queue[i].Epoch {
			return // an offer from before the one that waits
		}
		s.Queue = remove(s.Queue, i)
		if hop != s.Turn.Hop {
			m.do(Effect{Do: Forget, Hop: hop})
		}
		return
	}
	if hop == "" || hop != s.Turn.Hop || m.e.Epoch != 0 && m.e.Epoch < s.Turn.Epoch {
		return
	}
	switch s.Phase {
	case New, NewQuiet, Invite, Heard, Empty, Draft:
		m.hush()
		m.finish()
	case Paused:
		m.forget(hop)
		m.letGo()
	case Playing, RecReady, Recording, Check, PhotoAsk, PhotoCount, Review, Sending, MicFault:
		s.Turn.Late = true
	case Boot, Idle, Sent, Queued, Recall, SelfTesting, Ended:
		// No turn in hand, or one that is answered: the reply stands.
	}
}

// pauseIfDone pauses once the citizen is not in the middle of something: a
// person is not cut short because a project rests.
func (m *move) pauseIfDone() {
	if !m.s.Pausing {
		return
	}
	switch m.s.Phase {
	case Sent:
		if !m.s.Linger || m.s.Asking || m.s.Listening {
			return // the chance to take back comes first
		}
		m.finish()
	case Idle, New, NewQuiet, Heard:
	case Draft, Queued:
		if m.s.Listening {
			return
		}
	default:
		return
	}
	m.blank()
	m.enter(Paused)
	m.s.Pausing = false
}

// resume goes back to the state before the pause, without a sound that was
// already made.
func (m *move) resume() {
	m.s.Pausing = false
	if m.s.Phase == Paused {
		m.back()
	}
}

// end is END: devices closed, everything erased, the server told. It may come
// again until the server knows.
func (m *move) end() {
	s := &m.s
	if s.Phase == Ended && s.Wiped {
		m.do(Effect{Do: Report, Code: CodeWiped, Seq: m.seq()})
		return
	}
	m.closeMic()
	m.closeCamera()
	m.hush()
	m.letGo()
	m.stopTest()
	m.enter(Ended)
	s.Queue, s.Unsent = nil, nil
	s.SentLater, s.Pausing = false, false
	s.Waiting = m.seq()
	m.do(Effect{Do: Wipe, Seq: s.Waiting})
}

func (m *move) wiped() {
	s := &m.s
	if s.Phase != Ended || s.Wiped || m.e.Seq != s.Waiting {
		return
	}
	s.Waiting, s.Wiped = 0, true
	m.do(Effect{Do: Report, Code: CodeWiped, Seq: m.seq()})
}
