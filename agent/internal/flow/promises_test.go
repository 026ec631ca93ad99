package flow

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestA4_OneLight: at any moment each box shows one pattern, and it follows from
// the state alone. A button is lit only where a press on it does something.
func TestA4_OneLight(t *testing.T) {
	for buttons := 1; buttons <= 3; buttons++ {
		seen, lit := map[Pattern]bool{}, 0
		for seed := range 60 {
			w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 4)), buttons)
			for i := range 80 {
				if i%12 == 0 {
					w.happen(Event{Kind: KindMSG, Turn: &Turn{Hop: fmt.Sprintf("h%d", i), Epoch: 1, PhotoAllowed: true, RecallSeconds: 600}})
				}
				w.tap(w.button(), ms(100))
				w.wait(ms(w.rnd.IntN(20_000)))
				if w.rnd.IntN(20) == 0 {
					w.disturb(1)
				}
				l := Show(w.s)
				seen[l.Main] = true
				if !slices.Contains(patterns, l.Main) {
					w.fail1("the light shows %q", l.Main)
				}
				if l != Show(throughJSON(t, w.s)) {
					w.fail1("the light knows more than the state")
				}
				lit += litDoes(w, l)
			}
		}
		for _, p := range patterns {
			if !seen[p] {
				t.Errorf("%d buttons: the light never showed %q", buttons, p)
			}
		}
		if lit < 1000 {
			t.Errorf("%d buttons: only %d lit buttons were pressed", buttons, lit)
		}
	}
}

// litDoes tries each lit button once all guards are over.
func litDoes(w *world, l Lamps) (tried int) {
	w.t.Helper()
	for i, on := range l.Lit {
		if !on {
			continue
		}
		if i >= w.conf.Buttons {
			w.fail1("button %d is lit and there is none", i+1)
		}
		tried++
		free := w.s.clone()
		free.Keys, free.GuardSaid = [3]Key{}, 0
		s, fx := Step(free, Event{At: w.now + time.Minute, Kind: KindPress, Button: Button(i + 1)})
		if s.Phase == free.Phase && doing(fx) == "" {
			w.fail1("button %d is lit and does nothing", i+1)
		}
		if said := doing(fx); said == "sound tick, say lit" || said == "stop, sound tick, say lit" {
			w.fail1("button %d is lit and says that another is", i+1)
		}
	}
	return tried
}

func throughJSON(t *testing.T, s State) (back State) {
	t.Helper()
	if err := json.Unmarshal([]byte(asJSON(t, s)), &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// TestA5_QuietHours: while they last nobody hears anything who has not pressed,
// whatever happens, and the light is dim. In the morning the box may sound again.
func TestA5_QuietHours(t *testing.T) {
	ways := []string{toIdle, toNewHop, toWaiting, toQueue, toDrafted, "boot; pause", "boot noclock", toTestedOnce}
	happens := []string{"msg h1", "msg h2", "msg h3 again", "remind h1", "remind h2", "recalled h2", "net-down", "net-up", "ack", "pause", "resume",
		"disk-low", "disk-ok", "speaker-lost", "speaker-back", "camera-lost", "mic-back", "media-bad h3", "clock-unknown", "clock-known",
		"reply-damaged whisper", "reply-refused", "quiet-on", "self-test", "config announce", "reported disk", "end", "wiped"}
	for buttons := 1; buttons <= 3; buttons++ {
		for seed := range 250 {
			rnd := rand.New(rand.NewPCG(uint64(seed), 5))
			h := newHand(t).do(ways[seed%len(ways)], fmt.Sprintf("config buttons=%d", buttons))
			if h.s.Voice != 0 {
				h.do("ended")
			}
			h.do("wait 2s; quiet-on")
			for range 40 {
				h.wait(time.Duration(rnd.IntN(300)) * time.Second)
				h.do(happens[rnd.IntN(len(happens)-rnd.IntN(3))])
				silent(t, h)
				for _, name := range slices.Sorted(maps.Keys(h.due)) { // and what comes due by itself
					if h.timer(name) && h.due[name] <= h.now {
						h.do("timer " + string(name))
						silent(t, h)
					}
				}
			}
		}
	}
}

const toTestedOnce = toTesting + "; self-tested"

// silent: nothing that the last event did can be heard, and the light is dim.
func silent(t *testing.T, h *hand) {
	t.Helper()
	for _, f := range h.last {
		switch f.Do {
		case Say, Sound, PlayWhisper, PlayTake, PlayReply, SelfTest:
			t.Fatalf("in quiet hours, in %s, nobody pressed and it does %s", h.s.Phase, wording(f))
		}
	}
	if !Show(h.s).Dim && h.s.Hushed() || !h.s.Hushed() {
		t.Fatalf("in quiet hours the light is bright: %+v", Show(h.s))
	}
}

// TestA5_Pressed: a press in quiet hours is answered, more softly.
func TestA5_Pressed(t *testing.T) {
	for buttons := 1; buttons <= 3; buttons++ {
		h := newHand(t).do(fmt.Sprintf("config buttons=%d; boot; quiet-on", buttons))
		if got := doing(h.last); got != "volume quiet" {
			t.Errorf("%d buttons: quiet hours do %q", buttons, got)
		}
		h.do("press")
		if got := doing(h.last); got != "say idle_ok" {
			t.Errorf("%d buttons: a press does %q", buttons, got)
		}
	}
}
