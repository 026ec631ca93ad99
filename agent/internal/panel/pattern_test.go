package panel

import (
	"fmt"
	"math"
	"testing"
	"time"

	"illumi/agent/internal/flow"
)

var patterns = []flow.Pattern{flow.LightOff, flow.LightBreathe, flow.LightBreatheS, flow.LightHalf, flow.LightFull,
	flow.LightBusy, flow.LightDone, flow.LightHelp, flow.LightSaved, flow.LightVoice}

const ms = time.Millisecond

func TestLevel_Table(t *testing.T) {
	for _, c := range []struct {
		p    flow.Pattern
		at   time.Duration
		want float64
	}{
		{flow.LightOff, 0, 0}, {flow.LightOff, time.Hour, 0}, {"nonsense", time.Second, 0},
		{flow.LightBreathe, 0, 0.10}, {flow.LightBreathe, 2 * time.Second, 1}, {flow.LightBreathe, 4 * time.Second, 0.10},
		{flow.LightBreatheS, 4 * time.Second, 0.40}, {flow.LightBreatheS, 12 * time.Second, 0.40},
		{flow.LightHalf, 7 * time.Second, 0.5}, {flow.LightFull, time.Hour, 1},
		{flow.LightBusy, 999 * ms, 1}, {flow.LightBusy, 1001 * ms, 0}, {flow.LightBusy, 2000 * ms, 1},
		{flow.LightDone, 0, 1}, {flow.LightDone, 599 * ms, 1}, {flow.LightDone, 601 * ms, 0}, {flow.LightDone, 2100 * ms, 1},
		{flow.LightDone, 2700 * ms, 0}, {flow.LightDone, 3100 * ms, 0}, {flow.LightDone, time.Hour, 0},
		{flow.LightHelp, 149 * ms, 1}, {flow.LightHelp, 151 * ms, 0}, {flow.LightHelp, 301 * ms, 1}, {flow.LightHelp, 451 * ms, 0},
		{flow.LightHelp, 2949 * ms, 0}, {flow.LightHelp, 2951 * ms, 1},
		{flow.LightSaved, 0, 0.05}, {flow.LightSaved, 4 * time.Second, 0.20},
		{flow.LightVoice, 0, 0.64}, {flow.LightBreathe, -time.Second, 0.10},
	} {
		if got := Level(c.p, false, c.at, 0.4); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s at %v: %v, want %v", c.p, c.at, got, c.want)
		}
	}
	if lo, hi := Level(flow.LightVoice, false, 0, -3), Level(flow.LightVoice, false, 0, 9); lo != 0.4 || hi != 1 {
		t.Errorf("voice light goes from %v to %v", lo, hi)
	}
}

// flashes counts, in the worst second, how often the light rises by a tenth or
// more and falls again (WCAG's pair of opposing changes).
func flashes(at func(time.Duration) float64) int {
	var ends []time.Duration
	rising, low, high := false, at(0), at(0)
	if low > 0 { // switched on from the dark
		rising, low = true, 0
	}
	for t := time.Duration(0); t < 40*time.Second; t += 5 * ms {
		v := at(t)
		if rising {
			high = max(high, v)
			if high-v >= 0.1 {
				rising, low = false, v
				ends = append(ends, t)
			}
		} else {
			low = min(low, v)
			if v-low >= 0.1 {
				rising, high = true, v
			}
		}
	}
	worst := 0
	for i := range ends {
		n := 0
		for _, e := range ends[i:] {
			if e-ends[i] < time.Second {
				n++
			}
		}
		worst = max(worst, n)
	}
	return worst
}

// A4: no pattern exceeds two flashes in any second.
func TestLevel_NeverMoreThanTwoFlashesASecond(t *testing.T) {
	for _, p := range patterns {
		if n := flashes(func(at time.Duration) float64 { return Level(p, false, at, 0) }); n > 2 {
			t.Errorf("%s flashes %d times a second", p, n)
		}
	}
	if n := flashes(func(at time.Duration) float64 { return lit(at%(250*ms) < 125*ms) }); n < 3 {
		t.Errorf("the count itself sees %d flashes at 4 Hz", n)
	}
	// A voice that jumps between silence and shouting, at any speed.
	for period := 20 * ms; period < time.Second; period += 20 * ms {
		var s Smoother
		start := time.Unix(0, 0)
		n := flashes(func(at time.Duration) float64 {
			return Level(flow.LightVoice, false, at, s.Next(lit(at%period < period/2), start.Add(at)))
		})
		if n > 2 {
			t.Errorf("a voice that jumps every %v flashes %d times a second", period, n)
		}
	}
}

func TestLevel_DimIsAtMostThreePercent(t *testing.T) {
	for _, p := range patterns {
		for at := time.Duration(0); at < 16*time.Second; at += 10 * ms {
			if l := Level(p, true, at, 1); l > 0.03 || l < 0 {
				t.Fatalf("%s at %v: %v", p, at, l)
			}
			if l := Level(p, false, at, 1); l > 1 || l < 0 {
				t.Fatalf("%s at %v: %v", p, at, l)
			}
		}
	}
}

func ExampleLevel() {
	for s := range 5 {
		fmt.Printf("%.2f ", Level(flow.LightBreathe, false, time.Duration(s)*time.Second, 0))
	}
	// Output: 0.10 0.55 1.00 0.55 0.10
}
