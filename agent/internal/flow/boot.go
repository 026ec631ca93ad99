package flow

import (
	"cmp"
	"slices"
)

// boot is E_POWER and every other start: the disk says what is there, the
// journal what was going on. The box goes to where it was if that is a state
// that waits, else to the one that waits with the same things in hand. Nothing
// is played, nothing is sent unasked and no take is lost.
func (m *move) boot() {
	f := m.e.Boot
	if f == nil || m.s.Restored || m.s.Phase != Boot && m.s.Phase != Idle {
		return
	}
	s := &m.s
	saved := State{}
	if f.Saved != nil {
		saved = f.Saved.clone()
	}
	s.Restored = true
	s.Seq = max(s.Seq, saved.Seq) // no answer from before can be taken for a new one
	s.Online, s.Quiet, s.ClockUnknown = f.Online, f.Quiet, f.ClockUnknown
	s.DiskLow, s.NoSpeaker, s.HasCamera = f.DiskLow, f.NoSpeaker, f.Camera
	s.Unsent = slices.Clone(f.Unsent)
	if len(s.Unsent) == 0 {
		s.Unsent = nil
	}
	s.SentLater = saved.SentLater
	m.do(Effect{Do: Volume, Quiet: s.Hushed()})
	if f.Unclean {
		m.do(Effect{Do: Report, Code: CodePower, Seq: m.seq()})
	}
	if s.DiskLow {
		m.reportDisk()
	}
	if s.ClockUnknown {
		m.do(Effect{Do: Report, Code: CodeClock, Seq: m.seq()})
	}
	if saved.Phase == Ended {
		m.end()
		return
	}
	paused := s.Pausing || saved.Phase == Paused || saved.Pausing
	m.restoreTurns(f, saved)
	m.restoreTakes(f, saved)
	s.Pausing = paused
	m.back()
}

// restoreTurns brings back the turn in hand and the queue, as far as their media
// is there and they are not answered.
func (m *move) restoreTurns(f *Facts, saved State) {
	s := &m.s
	early := s.Queue // arrived before the boot event
	s.Queue = nil
	known := append([]Turn{saved.Turn}, saved.Queue...)
	known = append(known, early...)
	for _, t := range append(slices.Clone(f.Turns), early...) {
		if t.Hop == "" || s.holds(t.Hop) || s.answered(t) {
			continue
		}
		again := t.Again
		if i := slices.IndexFunc(known, func(k Turn) bool { return k.Hop == t.Hop }); i >= 0 {
			t = resumed(known[i], t)
		}
		if t.Hop == saved.Turn.Hop && saved.Reply == "" {
			s.Turn = t
			continue
		}
		if t.Hop == saved.Turn.Hop && t.Epoch <= saved.Turn.Epoch && !again {
			m.do(Effect{Do: Forget, Hop: t.Hop}) // its reply has a receipt; only taking back had ended
			continue
		}
		s.Queue = append(s.Queue, t)
	}
	slices.SortStableFunc(s.Queue, func(a, b Turn) int { return cmp.Compare(order(known, a), order(known, b)) })
	if s.Turn.Hop != "" {
		return
	}
	// The journal knows of no turn in hand. If there are takes, they belong to it.
	i := slices.IndexFunc(s.Queue, func(t Turn) bool {
		return slices.ContainsFunc(f.Takes, func(k TakeFile) bool { return k.Hop == t.Hop })
	})
	if i >= 0 {
		s.Turn = s.Queue[i]
		s.Queue = remove(s.Queue, i)
	}
}

// order is the place in the journal; what it does not know comes last.
func order(known []Turn, t Turn) int {
	if i := slices.IndexFunc(known, func(k Turn) bool { return k.Hop == t.Hop }); i >= 0 {
		return i
	}
	return len(known)
}

// resumed is what the disk says about a turn, and the journal about the citizen.
func resumed(journal, disk Turn) Turn {
	if disk.Epoch > journal.Epoch {
		return renewed(journal, disk)
	}
	plays := max(disk.Plays, journal.Plays)
	if disk.Again && !journal.Again { // its reply was damaged meanwhile
		disk = askedAgain(disk, journal)
	} else {
		disk = journal
	}
	disk.Plays = plays
	return disk
}

func (s State) holds(hop string) bool {
	return s.Turn.Hop == hop || slices.ContainsFunc(s.Queue, func(q Turn) bool { return q.Hop == hop })
}

func (s State) answered(t Turn) bool {
	return slices.ContainsFunc(s.Unsent, func(u Unsent) bool { return u.Hop == t.Hop && u.Epoch >= t.Epoch })
}

// restoreTakes brings back the takes of the turn in hand: the last one that is
// long enough is the one to be sent, never unasked.
func (m *move) restoreTakes(f *Facts, saved State) {
	s := &m.s
	s.Take, s.Old = Take{}, Take{}
	takes := slices.Clone(f.Takes)
	slices.SortStableFunc(takes, func(a, b TakeFile) int { return cmp.Compare(b.N, a.N) }) // newest first
	var strange []string
	for _, t := range takes {
		if t.Hop != s.Turn.Hop { // of a turn that is over: one is answered at a time
			if !slices.Contains(strange, t.Hop) {
				strange = append(strange, t.Hop)
				m.do(Effect{Do: EraseTakes, Hop: t.Hop})
			}
			continue
		}
		s.Turn.Takes = max(s.Turn.Takes, t.N)
		switch {
		case t.Partial && t.Duration < recMin || s.Old.N != 0:
			m.do(Effect{Do: EraseTake, Hop: t.Hop, Take: t.N})
		case s.Take.N == 0:
			s.Take = restored(t, saved)
			m.arm(TimerKeep, max(0, s.Config.Timers.DraftKeep-max(0, t.Age)))
		default:
			s.Old = restored(t, saved)
			s.Old.Replaced = true
		}
	}
}

// restored is a take with what the journal knows of it.
func restored(t TakeFile, saved State) Take {
	for _, k := range []Take{saved.Take, saved.Old} {
		if k.N == t.N && saved.Turn.Hop == t.Hop {
			return k
		}
	}
	k := Take{N: t.N, Partial: t.Partial, Photo: PhotoNone}
	if t.Photo {
		k.Photo = PhotoTaken
	}
	if saved.Turn.Hop == t.Hop && saved.Rec == t.N {
		k.ToneEnd = saved.ToneEnd
	}
	return k
}
