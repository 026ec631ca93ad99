package selftest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/protocol"
)

// box carries effects out in simulated time, and keeps its own account of the
// devices.
type box struct {
	t    *testing.T
	s    State
	now  time.Duration
	todo []due
	said []string
	mic  bool
	cam  bool
	// answers by what was asked for; an empty one never comes
	answer  map[Do]Event
	presses func(b *box, p flow.Prompt) time.Duration // after how long a question is answered, 0: never
	over    bool
	volume  int
	kept    int
}

type due struct {
	at    time.Duration
	e     Event
	class string
}

var everything = Plan{Box: "07", Code: "4821", Photo: true, Camera: true, Volume: 3}

func newBox(t *testing.T) *box {
	return &box{t: t, answer: map[Do]Event{
		OpenMic: {Kind: KindMicOpened}, CheckSpeech: {Kind: KindSpeech}, TakePhoto: {Kind: KindPhotoOK},
		ProbeNetwork: {Kind: KindNetwork, Net: Net{Joined: true, Signal: -55}},
		ProbeServer:  {Kind: KindServer, Far: Far{Reached: true, Clock: true, Free: 5e9}},
	}, presses: func(*box, flow.Prompt) time.Duration { return 2 * time.Second }}
}

// run goes to the end, at most for an hour.
func (b *box) run(p Plan) *box {
	b.t.Helper()
	s, fx := Start(p, 0)
	b.s = s
	b.carryOut(fx)
	for len(b.todo) > 0 && b.now < time.Hour && !b.over {
		slices.SortStableFunc(b.todo, func(x, y due) int { return int(x.at - y.at) })
		d := b.todo[0]
		b.todo = b.todo[1:]
		b.now = d.at
		b.happen(d.e)
	}
	if !b.over {
		b.t.Fatalf("after %v it is not over: test %d waits for %q", b.now, b.s.Test, b.s.Wait)
	}
	return b
}

func (b *box) happen(e Event) {
	b.t.Helper()
	e.At = b.now
	before := fmt.Sprintf("%+v", b.s)
	prev := b.s
	s, fx := Step(prev, e)
	if after := fmt.Sprintf("%+v", prev); after != before {
		b.t.Fatalf("%s changed the state it was given", e.Kind)
	}
	if again, fxAgain := Step(prev, e); !reflect.DeepEqual(again, s) || !reflect.DeepEqual(fx, fxAgain) {
		b.t.Fatalf("%s: not the same twice", e.Kind)
	}
	b.s = s
	b.carryOut(fx)
	if b.mic != s.Mic || b.cam != s.Camera || s.Live() != (b.mic || b.cam) {
		b.t.Fatalf("devices are open: mic %t camera %t; the red light: %t", b.mic, b.cam, s.Live())
	}
	if !b.over && len(s.Timers) == 0 {
		b.t.Fatalf("nothing ends test %d, which waits for %q", s.Test, s.Wait)
	}
}

func (b *box) at(after time.Duration, class string, e Event) {
	b.todo = append(b.todo, due{b.now + after, e, class})
}

func (b *box) cancel(class string) {
	b.todo = slices.DeleteFunc(b.todo, func(d due) bool { return d.class == class })
}

func (b *box) carryOut(fx []Effect) {
	b.t.Helper()
	for i, f := range fx {
		switch f.Do {
		case Say, Chime, PlayBack:
			b.sound(f)
		case Stop:
			b.cancel("sound")
		case SetTimer:
			b.cancel("timer " + string(f.Timer))
			b.at(f.After, "timer "+string(f.Timer), Event{Kind: KindTimer, Timer: f.Timer, Seq: f.Seq})
		case StopTimer:
			b.cancel("timer " + string(f.Timer))
		case OpenMic:
			b.mic = true
		case CloseMic:
			b.mic = false
		case OpenCamera:
			b.cam = true
		case CloseCamera:
			b.cam = false
		case Volume:
			b.volume = f.Level
		case KeepVolume:
			b.kept = f.Level
		case Finish:
			b.over = i == len(fx)-1
		}
		if e := b.answer[f.Do]; e.Kind != "" && f.Seq != 0 {
			e.Seq = f.Seq
			b.at(time.Second, "answer", e)
		}
	}
}

func (b *box) sound(f Effect) {
	b.t.Helper()
	if b.mic && (f.Do != Chime || f.Tone != flow.ToneReady) {
		b.t.Fatalf("%s %s%s into an open microphone", f.Do, f.Prompt, f.Tone)
	}
	ends := b.now
	for _, d := range b.todo {
		if d.class == "sound" {
			ends = max(ends, d.at)
		}
	}
	b.todo = append(b.todo, due{ends + 2*time.Second, Event{Kind: KindEnded, Seq: f.Seq}, "sound"})
	if f.Do != Say {
		return
	}
	if flow.Prompts[f.Prompt] == "" {
		b.t.Fatalf("%q has no text", f.Prompt)
	}
	b.said = append(b.said, string(f.Prompt))
	if asks := []flow.Prompt{flow.SayTestLight, flow.SayTestSound, flow.SayTestMicHeard, flow.SayTestRed}; slices.Contains(asks, f.Prompt) {
		b.cancel("press")
		if after := b.presses(b, f.Prompt); after > 0 {
			b.at(after, "press", Event{Kind: KindPress})
		}
	}
}

// verdicts is the report in one line.
func (b *box) verdicts() string {
	var list []string
	for _, i := range b.s.Items {
		list = append(list, i.Part+" "+string(i.Verdict))
	}
	return strings.Join(list, ", ")
}

func TestAllWell(t *testing.T) {
	b := newBox(t).run(everything)
	const said = "test_hello test_name_box digit_0 digit_7 test_code digit_4 digit_8 digit_2 digit_1 test_light test_sound test_mic test_mic_heard " +
		"test_red test_camera test_camera_ok test_wait test_wifi_ok test_server_ok test_all_ok"
	if got := strings.Join(b.said, " "); got != said {
		t.Errorf("it says\n%s\nwanted\n%s", got, said)
	}
	const want = "lights ok, loudspeaker ok, microphone ok, recording light ok, camera ok, Wi-Fi ok, server ok, clock ok, disk ok"
	if got := b.verdicts(); got != want {
		t.Errorf("it finds %s", got)
	}
	if b.kept != 1 || b.volume != 1 {
		t.Errorf("the loudness is kept as %d and is %d, wanted 1", b.kept, b.volume)
	}
	if b.now > 10*time.Minute {
		t.Errorf("it takes %v", b.now)
	}
}

// TestFailures has every way in which a step can fail, what is said then, and
// the verdict.
func TestFailures(t *testing.T) {
	never := func(p flow.Prompt) func(*box) {
		return func(b *box) {
			yes := b.presses
			b.presses = func(b *box, q flow.Prompt) time.Duration {
				if p == q {
					return 0
				}
				return yes(b, q)
			}
		}
	}
	answers := func(d Do, e Event) func(*box) { return func(b *box) { b.answer[d] = e } }
	for _, c := range []struct {
		name    string
		change  func(*box)
		plan    Plan
		verdict string
		says    string
		last    string
	}{
		{"light not seen", never(flow.SayTestLight), everything, "lights failed", "test_light_bad", "test_failed_one"},
		{"never loud enough", never(flow.SayTestSound), everything, "loudspeaker failed", "test_sound_bad", "test_failed_one"},
		{"did not hear themselves", never(flow.SayTestMicHeard), everything, "microphone failed", "test_mic_bad", "test_failed_one"},
		{"red light not seen", never(flow.SayTestRed), everything, "recording light failed", "test_red_bad", "test_failed_one"},
		{"microphone missing", answers(OpenMic, Event{Kind: KindMicFailed, Text: "There is no microphone.", Next: "Plug one in."}), everything,
			"recording light skipped", "test_mic_bad", "test_failed_one"},
		{"microphone does not answer", answers(OpenMic, Event{}), everything, "microphone failed", "test_mic_bad", "test_failed_one"},
		{"nobody speaks", answers(CheckSpeech, Event{Kind: KindNoSpeech}), everything, "microphone failed", "test_mic test_mic_bad", "test_failed_one"},
		{"photos not allowed", nil, Plan{Camera: true}, "camera skipped", "", "test_all_ok"},
		{"no camera", nil, Plan{Photo: true}, "camera skipped", "", "test_all_ok"},
		{"cover shut", answers(TakePhoto, Event{Kind: KindPhotoDark}), everything, "camera failed", "test_camera_bad", "test_failed_one"},
		{"camera broken", answers(TakePhoto, Event{Kind: KindPhotoFailed}), everything, "camera failed", "test_camera_bad", "test_failed_one"},
		{"camera does not answer", answers(TakePhoto, Event{}), everything, "camera failed", "test_camera_bad", "test_failed_one"},
		{"cable", answers(ProbeNetwork, Event{Kind: KindNetwork, Net: Net{Cable: true}}), everything, "Wi-Fi ok", "test_wifi_cable", "test_all_ok"},
		{"weak", answers(ProbeNetwork, Event{Kind: KindNetwork, Net: Net{Joined: true, Signal: -70}}), everything, "Wi-Fi failed", "test_wifi_weak", "test_failed_one"},
		{"wrong password", answers(ProbeNetwork, Event{Kind: KindNetwork, Net: Net{Password: true}}), everything, "Wi-Fi failed", "test_wifi_password", "test_failed_one"},
		{"no Wi-Fi", answers(ProbeNetwork, Event{Kind: KindNetwork}), everything, "Wi-Fi failed", "test_wifi_missing", "test_failed_one"},
		{"network does not answer", answers(ProbeNetwork, Event{}), everything, "Wi-Fi failed", "test_wifi_missing", "test_failed_one"},
		{"server away", answers(ProbeServer, Event{Kind: KindServer, Far: Far{Clock: true, Free: 5e9}}), everything, "server failed", "test_server_bad", "test_failed_one"},
		{"clock wrong", answers(ProbeServer, Event{Kind: KindServer, Far: Far{Reached: true, Free: 5e9}}), everything, "clock failed", "test_clock_bad", "test_failed_one"},
		{"card full", answers(ProbeServer, Event{Kind: KindServer, Far: Far{Reached: true, Clock: true, Free: 9e8}}), everything, "disk failed", "test_disk_bad", "test_failed_one"},
		{"all of step seven is one test", answers(ProbeServer, Event{Kind: KindServer}), everything, "server failed, clock failed, disk failed", "test_server_bad", "test_failed_one"},
		{"server does not answer", answers(ProbeServer, Event{}), everything, "server failed, clock skipped, disk skipped", "test_server_bad", "test_failed_one"},
		{"two", func(b *box) {
			never(flow.SayTestLight)(b)
			never(flow.SayTestRed)(b)
		}, everything, "recording light failed", "test_red_bad", "digit_2 test_failed_more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t)
			if c.change != nil {
				c.change(b)
			}
			b.run(c.plan)
			if !strings.Contains(b.verdicts(), c.verdict) {
				t.Errorf("it finds %s, wanted %s", b.verdicts(), c.verdict)
			}
			said := strings.Join(b.said, " ")
			if !strings.Contains(said, c.says) || !strings.HasSuffix(said, c.last) {
				t.Errorf("it says %s; wanted %s, and at the end %s", said, c.says, c.last)
			}
			for _, i := range b.s.Items {
				if err := i.Check(); err != nil || i.Text == "" || (i.Verdict == protocol.VerdictFailed) != (i.Next != "") {
					t.Errorf("%+v: %v", i, err)
				}
			}
		})
	}
}

// TestLouder: each question is louder until somebody presses.
func TestLouder(t *testing.T) {
	b := newBox(t)
	asked := 0
	b.presses = func(_ *box, p flow.Prompt) time.Duration {
		if p == flow.SayTestSound {
			if asked++; asked < 3 {
				return 0
			}
		}
		return 2 * time.Second
	}
	b.run(everything)
	if b.kept != 3 || b.volume != 3 || !strings.Contains(b.s.Items[1].Text, "step 3 of 4") {
		t.Errorf("kept %d, is %d: %s", b.kept, b.volume, b.s.Items[1].Text)
	}
	b = newBox(t)
	b.presses = func(*box, flow.Prompt) time.Duration { return 0 }
	b.run(everything)
	if b.kept != 0 || b.volume != everything.Volume {
		t.Errorf("nobody pressed, and the loudness is %d (kept %d)", b.volume, b.kept)
	}
}

// TestSecondLook: who missed the red light sees it once more.
func TestSecondLook(t *testing.T) {
	b := newBox(t)
	asked := 0
	b.presses = func(_ *box, p flow.Prompt) time.Duration {
		if p == flow.SayTestRed {
			if asked++; asked == 1 {
				return 0
			}
		}
		return 2 * time.Second
	}
	b.run(everything)
	if asked != 2 || !strings.Contains(b.verdicts(), "recording light ok") {
		t.Errorf("asked %d times: %s", asked, b.verdicts())
	}
}

// TestOwnWords: the part's own words are better than ours.
func TestOwnWords(t *testing.T) {
	b := newBox(t)
	b.answer[OpenMic] = Event{Kind: KindMicFailed, Text: "There is no microphone.", Next: "Plug one in."}
	b.run(everything)
	if i := b.s.Items[2]; i.Text != "There is no microphone." || i.Next != "Plug one in." {
		t.Errorf("%+v", i)
	}
}

// TestStopAnywhere ends it after each event: devices closed, every part named.
func TestStopAnywhere(t *testing.T) {
	for n := range 80 {
		b := newBox(t)
		s, fx := Start(everything, 0)
		b.s = s
		b.carryOut(fx)
		for range n {
			if len(b.todo) == 0 || b.over {
				break
			}
			slices.SortStableFunc(b.todo, func(x, y due) int { return int(x.at - y.at) })
			d := b.todo[0]
			b.todo, b.now = b.todo[1:], d.at
			b.happen(d.e)
		}
		if !b.over {
			b.happen(Event{Kind: KindStop})
		}
		if !b.over || b.mic || b.cam || len(b.s.Items) != 9 || Show(b.s).Main != flow.LightOff {
			t.Fatalf("stopped after %d events: over %t, %s", n, b.over, b.verdicts())
		}
	}
}

// TestAnyOrder throws anything at it: it is total, keeps its promises about the
// devices, and left alone it ends with one verdict for each part.
func TestAnyOrder(t *testing.T) {
	kinds := []Kind{KindPress, KindEnded, KindMicOpened, KindMicFailed, KindMicLost, KindSpeech, KindNoSpeech, KindPhotoOK, KindPhotoDark,
		KindPhotoFailed, KindNetwork, KindServer, KindTimer, "no such event"}
	for seed := range 400 {
		rnd := rand.New(rand.NewPCG(uint64(seed), 9))
		b := newBox(t)
		b.presses = func(*box, flow.Prompt) time.Duration { return time.Duration(rnd.IntN(70)) * time.Second }
		for _, d := range []Do{OpenMic, CheckSpeech, TakePhoto, ProbeNetwork, ProbeServer} {
			if rnd.IntN(4) == 0 {
				b.answer[d] = Event{}
			}
		}
		s, fx := Start(everything, 0)
		b.s = s
		b.carryOut(fx)
		for i := 0; !b.over; i++ {
			if i > 3000 || b.now > 20*time.Minute {
				t.Fatalf("seed %d: after %v it is not over", seed, b.now)
			}
			if rnd.IntN(3) == 0 {
				e := Event{Kind: kinds[rnd.IntN(len(kinds))], Seq: b.s.Waiting, Failed: rnd.IntN(5) == 0, Net: Net{Joined: true}, Timer: TimerPress}
				if rnd.IntN(2) == 0 {
					e.Seq = rnd.Int64N(b.s.Seq + 2)
				}
				b.happen(e)
				continue
			}
			slices.SortStableFunc(b.todo, func(x, y due) int { return int(x.at - y.at) })
			d := b.todo[0]
			b.todo, b.now = b.todo[1:], d.at
			b.happen(d.e)
		}
		parts := map[string]bool{}
		for _, i := range b.s.Items {
			if parts[i.Part] {
				t.Fatalf("seed %d: two verdicts about %s", seed, i.Part)
			}
			parts[i.Part] = true
		}
		if len(parts) != 9 || b.mic || b.cam {
			t.Fatalf("seed %d: %s", seed, b.verdicts())
		}
	}
}

// TestLights: what is shown while, and that the help light follows a failure.
func TestLights(t *testing.T) {
	for _, c := range []struct {
		s    State
		want flow.Pattern
	}{
		{State{Test: Light, Wait: forPress}, flow.LightFull}, {State{Test: Microphone, Wait: forSpeech}, flow.LightVoice},
		{State{Test: Network, Wait: forAnswer}, flow.LightBusy}, {State{Test: Camera, Wait: forPhoto}, flow.LightDone},
		{State{Test: End}, flow.LightDone}, {State{Test: End, Bad: 1}, flow.LightHelp}, {State{Test: Hello, Unheard: true}, flow.LightHelp},
		{State{Test: Over, Bad: 1}, flow.LightOff}, {State{Test: Hello}, flow.LightHalf},
	} {
		if got := Show(c.s).Main; got != c.want {
			t.Errorf("%+v shows %s, want %s", c.s, got, c.want)
		}
	}
}
