package selftest

import (
	"maps"
	"slices"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// Start begins with the greeting.
func Start(p Plan, at time.Duration) (State, []Effect) {
	m := move{s: State{Plan: p}, e: Event{At: at}}
	m.begin(Hello)
	return m.s, m.out
}

// Step is the whole self-test. It is total: what means nothing changes nothing.
func Step(s State, e Event) (State, []Effect) {
	s.Items = slices.Clone(s.Items)
	s.Timers = maps.Clone(s.Timers)
	m := move{s: s, e: e}
	if s.Test == Over {
		return s, nil
	}
	switch e.Kind {
	case KindStop:
		m.stop()
	case KindPress:
		m.press()
	case KindEnded:
		if s.Voice != 0 && e.Seq == s.Voice {
			m.disarm(TimerVoice)
			m.heard(e.Failed)
		}
	case KindTimer:
		m.timer()
	case KindMicLost:
		if s.Mic {
			m.micFailed("The microphone went while it was open.")
		}
	default:
		if s.Waiting != 0 && e.Seq == s.Waiting {
			m.answered()
		}
	}
	return m.s, m.out
}

// move is one step under way.
type move struct {
	s   State
	e   Event
	out []Effect
}

func (m *move) do(f Effect) { m.out = append(m.out, f) }

func (m *move) seq() int64 {
	m.s.Seq++
	return m.s.Seq
}

// await gives an effect its number and waits for the answer, for so long.
func (m *move) await(w Wait, f Effect, longest time.Duration) {
	m.s.Wait, m.s.Waiting = w, m.seq()
	f.Seq = m.s.Waiting
	m.do(f)
	m.arm(TimerDevice, longest)
}

func (m *move) arm(t Timer, after time.Duration) {
	if m.s.Timers == nil {
		m.s.Timers = map[Timer]int64{}
	}
	m.s.Timers[t] = m.seq()
	m.do(Effect{Do: SetTimer, Timer: t, Seq: m.s.Timers[t], After: after})
}

func (m *move) disarm(names ...Timer) {
	for _, t := range names {
		if _, runs := m.s.Timers[t]; runs {
			delete(m.s.Timers, t)
			m.do(Effect{Do: StopTimer, Timer: t})
		}
	}
}

func (m *move) say(list ...flow.Prompt) {
	for _, p := range list {
		m.hear(Effect{Do: Say, Prompt: p})
	}
}

func (m *move) hear(f Effect) {
	m.s.VoiceBy = max(m.s.VoiceBy, m.e.At) + voiceMax
	m.s.Voice = m.seq()
	f.Seq = m.s.Voice
	m.do(f)
	m.arm(TimerVoice, m.s.VoiceBy-m.e.At)
}

func (m *move) hush() {
	if m.s.Voice != 0 {
		m.s.Voice, m.s.VoiceBy = 0, 0
		m.do(Effect{Do: Stop})
		m.disarm(TimerVoice)
	}
}

// closeAll closes what is open, before anything else is done.
func (m *move) closeAll() {
	if m.s.Mic {
		m.s.Mic = false
		m.do(Effect{Do: CloseMic})
	}
	if m.s.Camera {
		m.s.Camera = false
		m.do(Effect{Do: CloseCamera})
	}
}

// timer answers a timer that is due.
func (m *move) timer() {
	if seq, runs := m.s.Timers[m.e.Timer]; !runs || seq != m.e.Seq {
		return
	}
	delete(m.s.Timers, m.e.Timer)
	switch m.e.Timer {
	case TimerPress:
		m.notPressed()
	case TimerAgain:
		m.again()
	case TimerVoice:
		m.do(Effect{Do: Stop})
		m.heard(true)
	case TimerDevice:
		m.overdue()
	case TimerRecord:
		m.recorded()
	}
}

// conclude gives a test its verdicts and goes on: with a tone where all is well,
// with a sentence where that has something to say.
func (m *move) conclude(say flow.Prompt, items ...protocol.CheckItem) {
	m.closeAll()
	m.hush()
	m.disarm(TimerPress, TimerAgain, TimerDevice, TimerRecord)
	m.s.Waiting, m.s.Wait = 0, forVoice
	good, bad := false, false
	for _, i := range items {
		m.note(i)
		good = good || i.Verdict == protocol.VerdictOK
		bad = bad || i.Verdict == protocol.VerdictFailed
	}
	if bad {
		m.s.Bad++
	}
	switch {
	case say != "":
		m.say(say)
	case good:
		m.hear(Effect{Do: Chime, Tone: flow.ToneOK})
	default:
		m.begin(m.s.Test + 1)
	}
}

// note adds a verdict to the report.
func (m *move) note(i protocol.CheckItem) {
	m.s.Items = append(m.s.Items, i)
	m.do(Effect{Do: Found, Item: i})
}

func ok(part, text string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictOK, Text: text}
}

func skipped(part, text string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictSkipped, Text: text}
}

// failed prefers the part's own words.
func (m *move) failed(part, text, next string) protocol.CheckItem {
	i := protocol.CheckItem{Part: part, Verdict: protocol.VerdictFailed, Text: text, Next: next}
	if m.e.Text != "" {
		i.Text = m.e.Text
	}
	if m.e.Next != "" {
		i.Next = m.e.Next
	}
	return i
}

// stop ends the self-test at once; what was not tried is not a failure.
func (m *move) stop() {
	m.closeAll()
	m.hush()
	m.disarm(TimerPress, TimerAgain, TimerDevice, TimerRecord)
	for t := max(m.s.Test, Light); t < End; t++ {
		for _, part := range partsOf[t] {
			if !slices.ContainsFunc(m.s.Items, func(i protocol.CheckItem) bool { return i.Part == part }) {
				m.note(skipped(part, "The self-test was ended before this was tried."))
			}
		}
	}
	m.finish()
}

func (m *move) finish() {
	m.s.Test, m.s.Wait, m.s.Waiting = Over, "", 0
	m.do(Effect{Do: Erase})
	m.do(Effect{Do: Volume, Level: m.s.Plan.Volume})
	m.do(Effect{Do: Finish})
}

var partsOf = map[Test][]string{
	Light: {PartLight}, Sound: {PartSound}, Microphone: {PartMicrophone}, RedLight: {PartRedLight}, Camera: {PartCamera},
	Network: {PartNetwork}, Server: {PartServer, PartClock, PartDisk},
}
