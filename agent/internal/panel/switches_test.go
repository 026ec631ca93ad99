package panel

import (
	"math/rand/v2"
	"testing"
	"time"

	"illumi/agent/internal/flow"
)

// Whatever switches, chips and the daemon do, the daemon hears presses and
// releases in turn, never a press of what was held at the start, and in the
// end that everything is up.
func TestBank_PressesAndReleasesAlternate(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		heard, busy := map[flow.Button]bool{}, false
		b := newBank(func(in Input) bool {
			if busy {
				return false
			}
			if heard[in.Button] == in.Down {
				t.Fatalf("seed %d: button %d is %v twice", seed, in.Button, in.Down)
			}
			if in.Button == coverSwitch {
				t.Fatalf("seed %d: the cover was pressed", seed)
			}
			heard[in.Button] = in.Down
			return true
		})
		now := start
		for _, button := range []flow.Button{flow.Main, flow.Second, coverSwitch} {
			b.add(button, "", now)
		}
		down := make([]bool, 3)
		b.begin(down, now)
		for range 200 {
			now = now.Add(time.Duration(r.IntN(50)) * ms)
			i := r.IntN(3)
			switch r.IntN(8) {
			case 0:
				busy = !busy
			case 1:
				b.release(now)
				down[i] = !down[i]
				b.begin(down, now)
				if down[i] && b.contacts[i].Ready {
					t.Fatalf("seed %d: held at the start, yet ready", seed)
				}
			case 2: // an edge that nobody tells of
				down[i] = !down[i]
				b.levels(down, now)
			default:
				down[i] = !down[i]
				b.edge(i, down[i], now)
				b.levels(down, now)
			}
			if at, ok := b.due(); ok && !at.After(now) || r.IntN(2) == 0 {
				b.settle(now)
			}
		}
		busy = false
		clear(down)
		b.levels(down, now)
		b.settle(now.Add(time.Second))
		for button, is := range heard {
			if is {
				t.Fatalf("seed %d: button %d stays down", seed, button)
			}
		}
		if !b.idle() {
			t.Fatalf("seed %d: not idle", seed)
		}
	}
}
