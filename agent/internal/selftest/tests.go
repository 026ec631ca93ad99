package selftest

import (
	"fmt"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// This file has the steps of people.md 5, one after the other.

// Asks reports whether a sentence wants something of who stands at the box, if
// only patience.
func Asks(p flow.Prompt) bool {
	switch p {
	case flow.SayTestLight, flow.SayTestSound, flow.SayTestMic, flow.SayTestMicHeard, flow.SayTestRed, flow.SayTestCamera, flow.SayTestWait:
		return true
	}
	return false
}

// begin enters a test.
func (m *move) begin(t Test) {
	s := &m.s
	s.Test, s.Round, s.Wait, s.Since, s.Unheard = t, 1, forVoice, m.e.At, false
	switch t {
	case Hello:
		m.hello()
	case Light:
		m.ask(flow.SayTestLight)
	case Sound:
		s.Level = 1
		m.do(Effect{Do: Volume, Level: s.Level})
		m.ask(flow.SayTestSound)
	case Microphone:
		m.say(flow.SayTestMic)
	case RedLight:
		if !s.Lit {
			m.conclude("", skipped(PartRedLight, "The microphone could not be opened, so the red light had no reason to shine."))
			return
		}
		m.ask(flow.SayTestRed)
	case Camera:
		m.camera()
	case Network:
		m.await(forAnswer, Effect{Do: ProbeNetwork}, netWait)
		m.say(flow.SayTestWait)
	case Server:
		m.await(forAnswer, Effect{Do: ProbeServer}, farWait)
	case End:
		m.end()
	case Over:
	}
}

// hello is step 0: who it is, so that the installer knows it is this box.
func (m *move) hello() {
	m.say(flow.SayTestHello)
	if box := flow.Digits(m.s.Plan.Box); len(box) > 0 {
		m.say(flow.SayTestBox)
		m.say(box...)
	}
	if code := flow.Digits(m.s.Plan.Code); len(code) > 0 {
		m.say(flow.SayTestCode)
		m.say(code...)
	}
}

// ask says what a press will mean. The time for it starts when it was heard.
func (m *move) ask(p flow.Prompt) {
	m.s.Wait = forPress
	m.say(p)
}

// heard goes on after the last thing to be heard.
func (m *move) heard(failed bool) {
	s := &m.s
	s.Voice, s.VoiceBy = 0, 0
	s.Unheard = failed
	switch {
	case s.Test == End:
		m.finish()
	case s.Wait == forPress:
		m.asked(failed)
	case s.Test == Microphone && s.Wait == forVoice && !m.has(PartMicrophone):
		s.Mic = true
		m.await(forMic, Effect{Do: OpenMic}, deviceWait)
	case s.Wait == forTone:
		s.Wait = forSpeech
		m.arm(TimerRecord, recordFor)
	case s.Wait == forOwn:
		m.ask(flow.SayTestMicHeard)
	case s.Wait == forPhoto && failed: // nobody is photographed who was not warned
		m.conclude("", skipped(PartCamera, "The countdown could not be heard, so no photo was taken."))
	case s.Wait == forPhoto:
		m.do(Effect{Do: TakePhoto, Seq: s.Waiting})
	case s.Wait == forVoice:
		m.begin(s.Test + 1)
	}
}

// has reports whether a part has its verdict.
func (m *move) has(part string) bool {
	for _, i := range m.s.Items {
		if i.Part == part {
			return true
		}
	}
	return false
}

// asked: the question was said, louder and louder in the sound test.
func (m *move) asked(failed bool) {
	s := &m.s
	if s.Test == Sound && s.Level < loudest {
		m.arm(TimerAgain, louder)
		return
	}
	if _, runs := s.Timers[TimerPress]; runs {
		return // it was said once more
	}
	if s.Test == Sound && failed {
		m.conclude("", m.failed(PartSound, "No sound could be played.", "Check that the loudspeaker is plugged in."))
		return
	}
	m.arm(TimerPress, pressFor)
	m.arm(TimerAgain, againAfter)
}

// again says a question once more.
func (m *move) again() {
	s := &m.s
	switch {
	case s.Wait != forPress:
	case s.Test == Sound && s.Level < loudest:
		s.Level++
		m.do(Effect{Do: Volume, Level: s.Level})
		m.say(flow.SayTestSound)
	case s.Test == RedLight: // whoever looked away gets another look
		s.Mic = true
		m.await(forLook, Effect{Do: OpenMic}, deviceWait)
	default:
		m.say(m.question())
	}
}

func (m *move) question() flow.Prompt {
	return map[Test]flow.Prompt{Light: flow.SayTestLight, Sound: flow.SayTestSound, Microphone: flow.SayTestMicHeard,
		RedLight: flow.SayTestRed}[m.s.Test]
}

// press is a yes, where one is asked for.
func (m *move) press() {
	s := &m.s
	if s.Wait != forPress && s.Wait != forLook || m.e.At < s.Since+guard {
		return
	}
	switch s.Test {
	case Light:
		m.conclude("", ok(PartLight, "The light was seen, and the button works."))
	case Sound:
		m.do(Effect{Do: KeepVolume, Level: s.Level})
		s.Plan.Volume = s.Level
		m.conclude("", ok(PartSound, fmt.Sprintf("It was loud enough at step %d of %d.", s.Level, loudest)))
	case Microphone:
		m.conclude("", ok(PartMicrophone, "They heard themselves."))
	case RedLight:
		m.conclude("", ok(PartRedLight, "The red light was on while the microphone was open."))
	}
}

// notPressed is a no.
func (m *move) notPressed() {
	const none = "Nobody pressed within a minute. "
	switch m.s.Test {
	case Light:
		m.conclude(flow.SayTestLightBad, m.failed(PartLight, none+"The light was not seen, or the button does not work.", "Check the button cable."))
	case Sound:
		m.do(Effect{Do: Volume, Level: m.s.Plan.Volume})
		m.conclude(flow.SayTestSoundBad, m.failed(PartSound, none+"It was not loud enough.", "Check the speaker."))
	case Microphone:
		m.conclude(flow.SayTestMicBad, m.failed(PartMicrophone, none+"They did not hear themselves.", "Check the microphone plug."))
	case RedLight:
		m.conclude(flow.SayTestRedBad, m.failed(PartRedLight, none+"The red light was not seen.", "Do not use this box. Bring another one."))
	}
}

// answered is what a device, the network or the server says.
func (m *move) answered() {
	s := &m.s
	switch {
	case m.e.Kind == KindMicOpened && s.Wait == forMic:
		m.opened()
		s.Wait = forTone
		m.hear(Effect{Do: Chime, Tone: flow.ToneReady})
	case m.e.Kind == KindMicOpened && s.Wait == forLook:
		m.opened()
		m.arm(TimerRecord, lookFor)
	case m.e.Kind == KindMicFailed && (s.Wait == forMic || s.Wait == forLook):
		m.micFailed("The microphone could not be opened.")
	case m.e.Kind == KindSpeech && s.Wait == forCheck:
		m.answeredBy(forOwn)
		m.hear(Effect{Do: PlayBack})
	case m.e.Kind == KindNoSpeech && s.Wait == forCheck:
		m.nobodySpoke()
	case s.Wait == forPhoto:
		m.photographed()
	case m.e.Kind == KindNetwork && s.Test == Network:
		m.network()
	case m.e.Kind == KindServer && s.Test == Server:
		m.server()
	}
}

func (m *move) answeredBy(next Wait) {
	m.s.Waiting, m.s.Wait = 0, next
	m.disarm(TimerDevice)
}

func (m *move) opened() {
	m.answeredBy(m.s.Wait)
	m.s.Lit = true
}

// micFailed ends the test that needs the microphone.
func (m *move) micFailed(text string) {
	if m.s.Test == RedLight {
		m.closeAll()
		m.answeredBy(forPress)
		m.disarm(TimerRecord)
		return // the question still stands
	}
	m.conclude(flow.SayTestMicBad, m.failed(PartMicrophone, text, "Check the microphone plug."))
}

// recorded: enough, or seen for long enough.
func (m *move) recorded() {
	s := &m.s
	m.closeAll()
	if s.Wait == forLook {
		m.ask(flow.SayTestRed)
		return
	}
	m.await(forCheck, Effect{Do: CheckSpeech}, deviceWait)
}

// nobodySpoke asks once more before it is a failure.
func (m *move) nobodySpoke() {
	if m.s.Round == 1 {
		m.answeredBy(forVoice)
		m.s.Round = 2
		m.say(flow.SayTestMic)
		return
	}
	m.conclude(flow.SayTestMicBad, m.failed(PartMicrophone, "Nothing was heard, twice.", "Check the microphone plug, and speak from where you would sit."))
}

// camera is step 5. The red light is on for the whole countdown.
func (m *move) camera() {
	switch {
	case !m.s.Plan.Photo:
		m.conclude("", skipped(PartCamera, "Photos are not allowed at this box."))
	case !m.s.Plan.Camera:
		m.conclude("", skipped(PartCamera, "The box has no camera."))
	default:
		m.s.Camera = true
		m.await(forPhoto, Effect{Do: OpenCamera}, photoWait)
		m.say(flow.SayTestCamera)
		for range 3 {
			m.hear(Effect{Do: Chime, Tone: flow.ToneTick})
		}
	}
}

func (m *move) photographed() {
	switch m.e.Kind {
	case KindPhotoOK:
		m.conclude(flow.SayTestCameraOK, ok(PartCamera, "The camera took a picture."))
	case KindPhotoDark:
		m.conclude(flow.SayTestCameraBad, m.failed(PartCamera, "The picture is dark.", "Open the camera cover."))
	case KindPhotoFailed:
		m.conclude(flow.SayTestCameraBad, m.failed(PartCamera, "The camera gave no picture.", "Check the camera's cable."))
	}
}

// network is step 6.
func (m *move) network() {
	n := m.e.Net
	switch {
	case n.Cable:
		m.conclude(flow.SayTestCable, ok(PartNetwork, "The network comes by cable."))
	case n.Joined && n.Signal > goodSignal:
		m.conclude(flow.SayTestWifiOK, ok(PartNetwork, fmt.Sprintf("The Wi-Fi stayed at %d dBm or better for a minute.", n.Signal)))
	case n.Joined:
		m.conclude(flow.SayTestWifiWeak, m.failed(PartNetwork, fmt.Sprintf("The Wi-Fi went down to %d dBm.", n.Signal), "Move the box closer to the router."))
	case n.Password:
		m.conclude(flow.SayTestPassword, m.failed(PartNetwork, "The Wi-Fi refused the password.", "Type the password again."))
	default:
		m.conclude(flow.SayTestWifiGone, m.failed(PartNetwork, "The box is in no network.", "Check the name of the Wi-Fi, and that the router is on."))
	}
}

// server is step 7: the way to the team, the clock and the disk. The first that
// is wrong is said; the page has all of them.
func (m *move) server() {
	f := m.e.Far
	server, clock, disk := ok(PartServer, "The team's server answers."), ok(PartClock, "The clock is right."),
		ok(PartDisk, fmt.Sprintf("There are %.1f GB of room.", float64(f.Free)/1e9))
	say := flow.SayTestServerOK
	if f.Free < roomNeeded {
		disk = protocol.CheckItem{Part: PartDisk, Verdict: protocol.VerdictFailed, Text: disk.Text, Next: "Take a larger memory card."}
		say = flow.SayTestDiskBad
	}
	if !f.Clock {
		clock = protocol.CheckItem{Part: PartClock, Verdict: protocol.VerdictFailed, Text: "The clock is not set.", Next: "Wait a few minutes with the network on, then test again."}
		say = flow.SayTestClockBad
	}
	if !f.Reached {
		server = m.failed(PartServer, "The team's server does not answer.", "Check the network, then test again.")
		say = flow.SayTestServerBad
	}
	m.conclude(say, server, clock, disk)
}

// overdue is an answer that never came.
func (m *move) overdue() {
	m.s.Waiting = 0
	switch m.s.Wait {
	case forMic, forLook:
		m.micFailed("The microphone did not open within ten seconds.")
	case forCheck:
		m.nobodySpoke()
	case forPhoto:
		m.conclude(flow.SayTestCameraBad, m.failed(PartCamera, "The camera gave no picture in time.", "Check the camera's cable."))
	case forAnswer:
		if m.s.Test == Network {
			m.conclude(flow.SayTestWifiGone, m.failed(PartNetwork, "The network did not tell how it is.", "Check the Wi-Fi, then test again."))
			return
		}
		const unknown = "This was not found out."
		m.conclude(flow.SayTestServerBad, m.failed(PartServer, "The team's server did not answer in time.", "Check the network, then test again."),
			skipped(PartClock, unknown), skipped(PartDisk, unknown))
	}
}

// end says how many tests failed, and leaves the rest to the page.
func (m *move) end() {
	switch n := m.s.Bad; n {
	case 0:
		m.say(flow.SayTestAllOK)
	case 1:
		m.say(flow.SayTestFailedOne)
	default:
		m.say(flow.Digits(fmt.Sprint(n))...)
		m.say(flow.SayTestFailedMore)
	}
}
