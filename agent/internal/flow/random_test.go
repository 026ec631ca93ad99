package flow

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"illumi/protocol"
)

// safe are the phases in which a box may be left alone for ever.
var safe = []Phase{Idle, New, NewQuiet, Heard, Draft, Queued, Paused, Ended}

// TestA1_RandomPresses is people.md A1 for each box: bounces of 5 to 90 ms,
// double presses, holds, and all that can go wrong around them. check and world
// hold every step against the promises.
func TestA1_RandomPresses(t *testing.T) {
	for buttons := 1; buttons <= 3; buttons++ {
		for _, c := range []life{
			{"grace", 200, 0, 0, 0, protocol.SendGrace},
			{"confirm", 150, 0, 0, 0, protocol.SendConfirm},
			{"answers get lost", 150, 0.1, 0, 0, protocol.SendGrace},
			{"things fail", 150, 0, 0.15, 0, protocol.SendGrace},
			{"power cuts", 200, 0, 0, 0.1, protocol.SendGrace},
			{"all of it", 150, 0.1, 0.15, 0.05, protocol.SendConfirm},
		} {
			t.Run(fmt.Sprintf("%d %s", buttons, c.name), func(t *testing.T) { c.test(t, buttons) })
		}
	}
}

// life is what a box has to live with.
type life struct {
	name       string
	runs       int
	lost, fail float64
	power      float64 // how often it is cut
	mode       string
}

func (c life) test(t *testing.T, buttons int) {
	seen := map[Phase]int{}
	for seed := range c.runs {
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), uint64(buttons))), buttons)
		w.lost, w.fail = c.lost, c.fail
		live(w, c.mode, c.power, seen)
		leaveAlone(w)
		replay(w)
	}
	rare := []Phase{Boot, Ended, MicFault, PhotoCount, SelfTesting, Recall}
	for _, p := range phases {
		if seen[p] == 0 && !slices.Contains(rare, p) {
			t.Errorf("the presses never came to %s: %v", p, seen)
		}
	}
}

// live is an hour of somebody's life with the box.
func live(w *world, mode string, power float64, seen map[Phase]int) {
	hops := 0
	for range 60 {
		seen[w.s.Phase]++
		if w.rnd.Float64() < power {
			w.powerCut()
		}
		switch n := w.rnd.IntN(100); {
		case n < 12 && hops < 6:
			hops++
			w.happen(Event{Kind: KindMSG, Turn: &Turn{Hop: fmt.Sprintf("h%d", hops), Epoch: 1, SendMode: mode,
				PhotoAllowed: w.rnd.IntN(2) == 0, RecallSeconds: 300 * w.rnd.IntN(2), Picture: true}})
		case n < 16:
			w.disturb(hops)
		case n < 30: // a bouncing contact
			b := w.button()
			for range 1 + w.rnd.IntN(6) {
				w.tap(b, ms(5+w.rnd.IntN(86)))
				w.wait(ms(5 + w.rnd.IntN(86)))
			}
		case n < 45: // pressed twice, or two of them
			w.tap(w.button(), ms(80))
			w.wait(ms(120))
			w.tap(w.button(), ms(80))
		case n < 52: // held
			w.tap(w.button(), ms(5000))
		case n < 55: // held for long
			w.tap(w.button(), ms(12_000))
		case n < 57: // sat upon
			w.tap(w.button(), 40*time.Second)
		default:
			w.tap(w.button(), ms(120))
		}
		w.wait(ms(w.rnd.IntN([]int{300, 3000, 30_000, 120_000}[w.rnd.IntN(4)])))
		if w.rnd.IntN(3) == 0 && w.s.Phase == Recording {
			w.happen(Event{Kind: KindVoice})
		}
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// disturb is something that comes from outside.
func (w *world) disturb(hops int) {
	hop := fmt.Sprintf("h%d", 1+w.rnd.IntN(max(1, hops)))
	kinds := []Kind{KindNetDown, KindNetUp, KindNetUp, KindRemind, KindRecalled, KindQuietOn, KindQuietOff, KindPause, KindResume,
		KindResume, KindDiskLow, KindDiskOK, KindSpeakerLost, KindSpeakerBack, KindSpeakerBack, KindCameraLost, KindCameraBack,
		KindMicLost, KindMicBack, KindClockUnknown, KindClockKnown, KindMediaBad}
	k := kinds[w.rnd.IntN(len(kinds))]
	if k == KindMicLost && !w.mic {
		return
	}
	w.online = k != KindNetDown && (w.online || k == KindNetUp)
	if k == KindMediaBad && hop == w.s.Turn.Hop && w.s.Phase != New {
		return
	}
	w.happen(Event{Kind: k, Hop: hop})
}

// leaveAlone: waiting is always safe. Nobody presses any more; devices close,
// the box comes to rest, unsent takes are gone after a day and no reply is lost.
func leaveAlone(w *world) {
	w.t.Helper()
	w.online = true
	for b := Main; b <= Third; b++ {
		w.release(b)
	}
	w.happen(Event{Kind: KindNetUp})
	w.wait(time.Hour)
	if !slices.Contains(safe, w.s.Phase) {
		w.fail1("an hour later the box is still busy")
	}
	if w.mic || w.camera {
		w.fail1("an hour later a device is open")
	}
	w.wait(25 * time.Hour)
	if w.s.Take.N != 0 || w.s.Old.N != 0 {
		w.fail1("a take is kept for longer than a day")
	}
	if len(w.s.Unsent) != 0 {
		w.fail1("replies wait that the server has: %v", w.s.Unsent)
	}
	for key, reply := range w.sealed {
		if !w.acked[reply] {
			w.fail1("reply %s of %s never arrived", reply, key)
		}
	}
}

// replay: the same log, the same states.
func replay(w *world) {
	w.t.Helper()
	s, _, err := Start(w.conf)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range w.log {
		s, _ = Step(s, e)
	}
	if !reflect.DeepEqual(s, w.s) {
		w.fail1("the same events lead to another state:\n%+v\n%+v", s, w.s)
	}
}

// TestSafeFromEverywhere leaves each box alone in every phase, with answers that
// come and with answers that never come.
func TestSafeFromEverywhere(t *testing.T) {
	for i := range 6 {
		buttons, lost := 1+i/2, float64(i%2)
		found := map[Phase]bool{}
		for seed := range 150 {
			rnd := rand.New(rand.NewPCG(uint64(seed), 7))
			w := newWorld(t, rnd, buttons)
			w.happen(Event{Kind: KindMSG, Turn: &Turn{Hop: "h1", Epoch: 1, PhotoAllowed: true, RecallSeconds: 600}})
			for range seed % 60 {
				w.wait(ms(200 + rnd.IntN(12_000)))
				w.tap(w.button(), ms(100))
			}
			found[w.s.Phase] = true
			w.lost = lost
			if lost == 1 {
				w.cancel("sound")
				w.cancel("mic")
				w.cancel("camera")
			}
			w.wait(time.Hour)
			if !slices.Contains(safe, w.s.Phase) || w.s.Live() {
				w.fail1("left alone, the box does not come to rest")
			}
		}
		if len(found) < 12 {
			t.Errorf("with %d buttons only %d phases were left alone: %v", buttons, len(found), found)
		}
	}
}

// TestA1_DoublePressAtStop is the last line of A1 at every distance, for every
// button that stops and every one that is pressed next.
func TestA1_DoublePressAtStop(t *testing.T) {
	for _, c := range []struct {
		config string
		stops  []int
	}{{"config buttons=1", []int{1}}, {"config buttons=2", []int{1, 2}}, {"config buttons=3", []int{2, 3}}} {
		for _, stop := range c.stops {
			for second := 1; second <= 3; second++ {
				for gap := ms(110); gap < ms(1000); gap += ms(30) {
					doublePress(t, c.config, stop, second, gap)
				}
			}
		}
	}
}

func doublePress(t *testing.T, config string, stop, second int, gap time.Duration) {
	t.Helper()
	h := newHand(t)
	h.do(config, "boot; msg h1 photo; ended; press; wait 4s; ended; ended")
	if h.conf.Buttons == 3 {
		h.do("press 2")
	} else {
		h.do("press")
	}
	h.do("ended; mic-opened; wait 500ms; ended; wait 8s", fmt.Sprintf("press now %d", stop))
	if h.s.Phase != Check && h.s.Phase != RecReady {
		t.Fatalf("%s: the first press leads to %s", config, h.s.Phase)
	}
	if h.s.Phase == Check {
		h.do("speech")
	}
	h.wait(gap - ms(100))
	from := h.s.Phase
	h.do(fmt.Sprintf("press now %d", second))
	if h.s.Phase != from || doing(h.last) != "" {
		t.Errorf("%s: %v after stop a press on %d does %q", config, gap, second, doing(h.last))
	}
}
