package flow

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
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
	conf Config
	s    State
	now  time.Duration
	todo []due // by time
	log  []Event

	lost float64 // how often an answer never comes
	fail float64 // how often it is a failure

	mic, camera bool
	soundEnds   time.Duration
	takes       map[string]map[int]*recorded // on disk: hop, take
	inbox       map[string]Turn              // on disk, complete
	journal     State                        // as of the step before, or of the last one
	sealed      map[string]string            // hop/take: reply
	acked       map[string]bool
	online      bool
	stoppedAt   time.Duration // last press that stopped a recording
	sealCount   int
	answers     []Event // given before anything else happens
}

// recorded is a take on disk.
type recorded struct {
	opened, length time.Duration
	kept, photo    bool
}

type due struct {
	at    time.Duration
	e     Event
	class string // what a Stop, StopTimer or Close takes away
	run   func() // what happens to disk or server just before
}

func newWorld(t *testing.T, rnd *rand.Rand, buttons int) *world {
	t.Helper()
	c := DefaultConfig()
	c.Buttons = buttons
	w := &world{t: t, rnd: rnd, conf: c, takes: map[string]map[int]*recorded{}, inbox: map[string]Turn{}, sealed: map[string]string{}, acked: map[string]bool{}, online: true, stoppedAt: -time.Hour}
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
	e.At = w.now
	w.log = append(w.log, e)
	prev := w.s
	s, fx := Step(prev, e)
	w.s = s
	w.journal = prev
	if w.rnd.IntN(2) == 0 {
		w.journal = s
	}
	if e.Kind == KindMSG {
		w.inbox[e.Turn.Hop] = *e.Turn
	}
	if err := check(prev, s, e, fx); err != nil {
		w.fail1("%v", err)
	}
	if e.Kind == KindPress && prev.Phase == Recording && s.Phase != Recording {
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
	for n, k := range w.takes[w.s.Turn.Hop] {
		if k.kept && w.s.Reply == "" && n != w.s.Take.N && n != w.s.Old.N {
			w.fail1("take %d is on disk and nobody knows it", n)
		}
	}
	for _, k := range []Take{w.s.Take, w.s.Old} {
		if k.N != 0 && w.takes[w.s.Turn.Hop][k.N] == nil {
			w.fail1("take %d of %s is not on disk", k.N, w.s.Turn.Hop)
		}
	}
	for len(w.answers) > 0 {
		next := w.answers[0]
		w.answers = w.answers[1:]
		w.happen(next)
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
	for _, f := range fx {
		key := fmt.Sprintf("%s/%d", f.Hop, f.Take)
		switch f.Do {
		case Say, Sound, PlayWhisper, PlayTake, PlayReply:
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
				w.takes[f.Hop] = map[int]*recorded{}
			}
			if w.takes[f.Hop][f.Take] != nil {
				w.fail1("take %s is recorded over", key)
			}
			w.takes[f.Hop][f.Take] = &recorded{opened: w.now}
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
			if k := w.takes[f.Hop][f.Take]; k != nil {
				k.length = w.now - k.opened
			}
		case KeepTake:
			k := w.takes[f.Hop][f.Take]
			if k == nil {
				w.fail1("take %s is kept and not on disk", key)
			}
			k.kept, k.photo = true, f.Photo == PhotoTaken
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
		case EraseTakes:
			delete(w.takes, f.Hop)
		case Forget, Refetch:
			delete(w.takes, f.Hop)
			delete(w.inbox, f.Hop)
		case Seal:
			w.sealIt(f, key)
		case Unsend:
			w.unsend(f)
		case SelfTest:
			w.later(2*time.Minute, "test", Event{Kind: KindSelfTested, Seq: f.Seq})
		case StopSelfTest:
			w.cancel("test")
		case TakeBack:
			w.later(5*time.Second, "", []Event{{Kind: KindTakenBack, Seq: f.Seq, Reply: f.Reply}, {Kind: KindNotBack, Seq: f.Seq}}[w.rnd.IntN(2)])
		case Report:
			w.later(2*time.Second, "", Event{Kind: KindReported, Seq: f.Seq})
		case Wipe:
			w.takes = map[string]map[int]*recorded{}
			w.inbox = map[string]Turn{}
			w.sealed = map[string]string{}
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
	case PlayWhisper, PlayTake, PlayReply:
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
	if !known && w.takes[f.Hop][f.Take] == nil {
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
		w.at(w.now+time.Minute, "upload "+reply, Event{}, func() { w.upload(hop, reply) })
		return
	}
	w.at(w.now+after, "upload "+reply, Event{Kind: KindACK, Reply: reply, Hop: hop}, func() {
		w.acked[reply] = true
	})
}

// unsend takes a reply out of the outbox, unless the server has been told of it.
// It is answered before anything else happens.
func (w *world) unsend(f Effect) {
	w.t.Helper()
	for key, reply := range w.sealed {
		if reply != f.Reply || w.acked[reply] || w.failed() {
			continue
		}
		hop, n, _ := strings.Cut(key, "/")
		take, err := strconv.Atoi(n)
		if err != nil || hop != f.Hop {
			w.fail1("%s of %s is to be unsent, and is of %s", f.Reply, f.Hop, key)
		}
		w.cancel("upload " + reply)
		delete(w.sealed, key)
		if w.takes[hop] == nil {
			w.takes[hop] = map[int]*recorded{}
		}
		w.takes[hop][take] = &recorded{opened: w.now, length: time.Minute, kept: true}
		turn := w.inbox[hop]
		turn.Takes = take
		w.answers = append(w.answers, Event{Kind: KindUnsent, Seq: f.Seq, Reply: reply, Turn: &turn, Take: Take{N: take, Photo: PhotoNone}})
		return
	}
	w.answers = append(w.answers, Event{Kind: KindNotUnsent, Seq: f.Seq, Reply: f.Reply})
}

// run lets time pass until then, answering all that is due.
func (w *world) run(until time.Duration) {
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

func (w *world) wait(d time.Duration) { w.run(w.now + d) }

func (w *world) press(b Button)   { w.happen(Event{Kind: KindPress, Button: b}) }
func (w *world) release(b Button) { w.happen(Event{Kind: KindRelease, Button: b}) }

// button is any that the box has.
func (w *world) button() Button { return Button(1 + w.rnd.IntN(w.conf.Buttons)) }

// tap presses and lets go.
func (w *world) tap(b Button, down time.Duration) {
	w.press(b)
	w.wait(down)
	w.release(b)
}

// powerCut ends everything at once and starts again from what is on disk. The
// journal may be one step behind.
func (w *world) powerCut() {
	w.t.Helper()
	saved := State{}
	if err := json.Unmarshal([]byte(asJSON(w.t, w.journal)), &saved); err != nil {
		w.t.Fatal(err)
	}
	f := &Facts{Saved: &saved, Unclean: true, Online: w.online, Camera: true, NoSpeaker: w.s.NoSpeaker, Quiet: w.s.Quiet}
	if w.rnd.IntN(20) == 0 {
		f.Saved = nil
	}
	answered := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.sealed)) {
		hop, _, _ := strings.Cut(key, "/")
		answered[hop] = true
		if reply := w.sealed[key]; !w.acked[reply] {
			f.Unsent = append(f.Unsent, Unsent{Reply: reply, Hop: hop, Epoch: 1})
		}
	}
	for _, hop := range slices.Sorted(maps.Keys(w.inbox)) {
		if !answered[hop] {
			f.Turns = append(f.Turns, w.inbox[hop])
		}
	}
	kept := map[string]bool{}
	for _, hop := range slices.Sorted(maps.Keys(w.takes)) {
		for _, n := range slices.Sorted(maps.Keys(w.takes[hop])) {
			k := w.takes[hop][n]
			if k.length == 0 {
				k.length = w.now - k.opened
			}
			kept[hop] = kept[hop] || k.kept
			f.Takes = append(f.Takes, TakeFile{Hop: hop, N: n, Partial: !k.kept, Photo: k.photo, Duration: k.length, Age: 0})
		}
	}
	w.mic, w.camera, w.soundEnds = false, false, 0
	before := w.now
	uploads := []string{}
	for _, key := range slices.Sorted(maps.Keys(w.sealed)) {
		if !w.acked[w.sealed[key]] {
			uploads = append(uploads, key)
		}
	}
	w.todo, w.now, w.stoppedAt, w.answers = nil, 0, -time.Hour, nil
	for _, hop := range w.takes { // time starts again
		for _, k := range hop {
			k.opened -= before
		}
	}
	w.log = nil
	s, fx, err := Start(w.conf)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
	w.carryOut(fx)
	w.wait(time.Second)
	w.happen(Event{Kind: KindBoot, Boot: f})
	if !slices.Contains(safe, w.s.Phase) {
		w.fail1("after a power cut the box is busy")
	}
	for _, u := range f.Unsent {
		if !slices.Contains(w.s.Unsent, u) {
			w.fail1("after a power cut %v is forgotten", u)
		}
	}
	for _, t := range f.Turns {
		if cancelled := saved.Turn.Hop == t.Hop && saved.Turn.Late; !cancelled && !w.s.holds(t.Hop) {
			w.fail1("after a power cut hop %s is forgotten", t.Hop)
		}
		if kept[t.Hop] && w.s.Turn.Hop == t.Hop && w.s.Take.N == 0 {
			w.fail1("after a power cut the take of %s is gone", t.Hop)
		}
	}
	for _, key := range uploads {
		hop, _, _ := strings.Cut(key, "/")
		w.upload(hop, w.sealed[key])
	}
}
