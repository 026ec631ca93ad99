package flow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is a box in simulated time: it carries out effects as the real one
// does, answers them late or, where lost is set, sometimes never, and keeps its
// own account of devices, disk and server to hold against the machine's.
type world struct {
	t    *testing.T
	rnd  *rand.Rand
	s    State
	now  time.Duration
	todo []due // by time
	log  []Event

	lost float64 // how often an answer never comes
	fail float64 // how often it is a failure

	mic, camera bool
	soundEnds   time.Duration
	takes       map[string]map[int]bool // on disk, kept or not: hop, take
	sealed      map[string]string       // hop/take: reply
	acked       map[string]bool
	server      []string // replies that came, in order
	online      bool
	stoppedAt   time.Duration // last press that stopped a recording
	sealCount   int
}

type due struct {
	at    time.Duration
	e     Event
	class string // what a Stop, StopTimer or Close takes away
	run   func() // what happens to disk or server just before
}

func newWorld(t *testing.T, rnd *rand.Rand) *world {
	t.Helper()
	w := &world{t: t, rnd: rnd, takes: map[string]map[int]bool{}, sealed: map[string]string{}, acked: map[string]bool{}, online: true, stoppedAt: -time.Hour}
	c := DefaultConfig()
	s, fx, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	w.carryOut(fx)
	w.happen(Event{Kind: KindBoot, Boot: &Facts{Online: true, Camera: true}})
	return w
}

// happen is one event, now.
func (w *world) happen(e Event) {
	w.t.Helper()
	e.At = w.now
	w.log = append(w.log, e)
	prev := w.s
	s, fx := Step(prev, e)
	w.s = s
	if err := check(prev, s, e, fx); err != nil {
		w.fail1("%v", err)
	}
	if e.Kind == KindPress && prev.Phase == Recording && s.Phase == Check {
		w.stoppedAt = w.now
	} else if e.Kind == KindPress && w.now-w.stoppedAt < time.Second {
		for _, f := range fx {
			if f.Do != SetTimer && f.Do != StopTimer {
				w.fail1("the second press at stop does %q", wording(f))
			}
		}
	}
	w.carryOut(fx)
	if w.mic != w.s.Mic || w.camera != w.s.Camera || (w.mic || w.camera) != w.s.Live() {
		w.fail1("devices are open: mic %t camera %t; the red light: %t", w.mic, w.camera, w.s.Live())
	}
	for _, k := range []Take{w.s.Take, w.s.Old} {
		if k.N != 0 && !w.takes[w.s.Turn.Hop][k.N] {
			w.fail1("take %d of %s is not on disk", k.N, w.s.Turn.Hop)
		}
	}
}

func (w *world) fail1(format string, args ...any) {
	w.t.Helper()
	var b strings.Builder
	for _, e := range w.log[max(0, len(w.log)-25):] {
		fmt.Fprintf(&b, "%10v %s %s seq %d %s\n", e.At.Round(time.Millisecond), e.Kind, e.Timer, e.Seq, e.Hop)
	}
	w.t.Fatalf("%s, in %s:\n%s", fmt.Sprintf(format, args...), w.s.Phase, b.String())
}

// later answers an effect after up to d, if it answers at all.
func (w *world) later(d time.Duration, class string, e Event) {
	if w.rnd.Float64() < w.lost && e.Kind != KindSealed && e.Kind != KindSealFailed {
		return
	}
	w.at(w.now+d/4+time.Duration(w.rnd.Int64N(int64(d))), class, e, nil)
}

func (w *world) at(at time.Duration, class string, e Event, run func()) {
	i, _ := slices.BinarySearchFunc(w.todo, at, func(d due, at time.Duration) int {
		if d.at <= at {
			return -1
		}
		return 1
	})
	w.todo = slices.Insert(w.todo, i, due{at: at, e: e, class: class, run: run})
}

func (w *world) cancel(class string) {
	w.todo = slices.DeleteFunc(w.todo, func(d due) bool { return d.class == class })
}

func (w *world) failed() bool { return w.rnd.Float64() < w.fail }

func (w *world) carryOut(fx []Effect) {
	w.t.Helper()
	for _, f := range fx {
		key := fmt.Sprintf("%s/%d", f.Hop, f.Take)
		switch f.Do {
		case Say, Sound, PlayWhisper, PlayTake:
			w.play(f)
		case Stop:
			w.soundEnds = w.now
			w.cancel("sound")
		case SetTimer:
			w.cancel("timer " + string(f.Timer))
			w.at(w.now+f.After, "timer "+string(f.Timer), Event{Kind: KindTimer, Timer: f.Timer, Seq: f.Seq}, nil)
		case StopTimer:
			w.cancel("timer " + string(f.Timer))
		case OpenMic:
			w.mic = true
			if w.takes[f.Hop] == nil {
				w.takes[f.Hop] = map[int]bool{}
			}
			if w.takes[f.Hop][f.Take] {
				w.fail1("take %s is recorded over", key)
			}
			w.takes[f.Hop][f.Take] = true
			if w.failed() {
				w.later(time.Second, "mic", Event{Kind: KindMicFailed, Seq: f.Seq})
			} else {
				w.later(300*time.Millisecond, "mic", Event{Kind: KindMicOpened, Seq: f.Seq})
			}
			if w.failed() {
				w.later(20*time.Second, "mic", Event{Kind: KindMicLost})
			}
		case CloseMic:
			w.mic = false
			w.cancel("mic")
		case CheckSpeech:
			kind := KindSpeech
			if w.rnd.IntN(4) == 0 {
				kind = KindNoSpeech
			}
			w.later(500*time.Millisecond, "", Event{Kind: kind, Seq: f.Seq})
		case OpenCamera:
			w.camera = true
			if w.failed() {
				w.later(time.Second, "camera", Event{Kind: KindPhotoFailed, Seq: f.Seq})
			}
		case TakePhoto:
			kind := []Kind{KindPhotoOK, KindPhotoOK, KindPhotoDark, KindPhotoFailed}[w.rnd.IntN(4)]
			w.later(2*time.Second, "camera", Event{Kind: kind, Seq: f.Seq})
		case CloseCamera:
			w.camera = false
			w.cancel("camera")
		case EraseTake:
			delete(w.takes[f.Hop], f.Take)
		case EraseTakes, Forget:
			delete(w.takes, f.Hop)
		case Seal:
			w.sealIt(f, key)
		case TakeBack:
			w.later(5*time.Second, "", []Event{{Kind: KindTakenBack, Seq: f.Seq, Reply: f.Reply}, {Kind: KindNotBack, Seq: f.Seq}}[w.rnd.IntN(2)])
		case Report:
			w.later(2*time.Second, "", Event{Kind: KindReported, Seq: f.Seq})
		case Wipe:
			w.takes = map[string]map[int]bool{}
			w.later(time.Second, "", Event{Kind: KindWiped, Seq: f.Seq})
		}
	}
}

// play sounds after what is in the queue.
func (w *world) play(f Effect) {
	length := 500 * time.Millisecond
	switch f.Do {
	case Say:
		length = time.Duration(len(strings.Fields(Prompts[f.Prompt]))) * 400 * time.Millisecond
	case PlayWhisper, PlayTake:
		length = time.Duration(5+w.rnd.IntN(60)) * time.Second
	}
	w.soundEnds = max(w.soundEnds, w.now) + length
	if w.rnd.Float64() < w.lost {
		return
	}
	e := Event{Kind: KindEnded, Seq: f.Seq}
	if w.failed() {
		e.Code = []Code{CodeMedia, CodeSpeaker}[w.rnd.IntN(2)]
	}
	w.at(w.soundEnds, "sound", e, nil)
}

// sealIt moves a take into the outbox, where the same take is known again, and
// later to the server.
func (w *world) sealIt(f Effect, key string) {
	w.t.Helper()
	reply, known := w.sealed[key]
	if !known && !w.takes[f.Hop][f.Take] {
		w.fail1("take %s is sealed and not on disk", key)
	}
	if !known && w.failed() {
		w.later(time.Second, "", Event{Kind: KindSealFailed, Seq: f.Seq, Code: CodeDisk})
		return
	}
	if !known {
		w.sealCount++
		reply = fmt.Sprintf("reply-%d", w.sealCount)
		w.sealed[key] = reply
	}
	w.later(time.Second, "", Event{Kind: KindSealed, Seq: f.Seq, Reply: reply})
	if !known {
		w.upload(f.Hop, reply)
	}
}

// upload goes on in the background for ever, until it succeeds.
func (w *world) upload(hop, reply string) {
	after := time.Duration(w.rnd.Int64N(int64(40 * time.Second)))
	if !w.online {
		w.at(w.now+time.Minute, "", Event{}, func() { w.upload(hop, reply) })
		return
	}
	w.at(w.now+after, "", Event{Kind: KindACK, Reply: reply, Hop: hop}, func() {
		w.acked[reply] = true
		w.server = append(w.server, reply)
	})
}

// run lets time pass until then, answering all that is due.
func (w *world) run(until time.Duration) {
	w.t.Helper()
	for len(w.todo) > 0 && w.todo[0].at <= until {
		d := w.todo[0]
		w.todo = w.todo[1:]
		w.now = max(w.now, d.at)
		if d.run != nil {
			d.run()
		}
		if d.e.Kind != "" {
			w.happen(d.e)
		}
	}
	w.now = max(w.now, until)
}

func (w *world) wait(d time.Duration) { w.t.Helper(); w.run(w.now + d) }

func (w *world) press()   { w.happen(Event{Kind: KindPress, Button: Main}) }
func (w *world) release() { w.happen(Event{Kind: KindRelease, Button: Main}) }
