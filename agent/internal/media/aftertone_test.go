package media

import (
	"slices"
	"testing"
	"time"
)

// mixed adds b to a, from a moment on.
func mixed(a, b Clip, at time.Duration) Clip {
	out := Clip{Rate: a.Rate, Samples: slices.Clone(a.Samples)}
	for i, v := range b.Samples {
		if j := samplesIn(at, a.Rate) + i; j < len(out.Samples) {
			out.Samples[j] = saturate(float64(out.Samples[j]) + float64(v))
		}
	}
	return out
}

func TestAfterTone_LeavesOutTheToneAndNothingElse(t *testing.T) {
	ready, err := Tone("ready")
	if err != nil {
		t.Fatal(err)
	}
	arrive, err := Tone("arrive")
	if err != nil {
		t.Fatal(err)
	}
	room := hiss(5*time.Second, -55)
	click := Clip{Rate: Rate, Samples: []int16{20000, -20000, 9000}}
	take := mixed(mixed(mixed(room, ready, 300*ms), said(-5), 900*ms), click, 50*ms)
	at48k := Clip{Rate: 48000, Samples: all(t, Resample(take.Sound(), 48000)).Samples}
	cases := []struct {
		name string
		c    Clip
		from time.Duration // where listening may begin
	}{
		{"the tone, then a voice", take, 800 * ms},
		{"at another rate", at48k, 800 * ms},
		{"a faint tone", mixed(mixed(room, quieter(ready, 25), 300*ms), said(-5), 900*ms), 800 * ms},
		{"a voice that begins in the tone's last moment", mixed(mixed(room, ready, 0), said(-15), 420*ms), 500 * ms},
		{"a voice alone", said(0), 0},
		{"another tone", mixed(room, arrive, 100*ms), 0},
		{"a room", room, 0},
		{"a tone that comes late", mixed(room, ready, 2500*ms), 0},
		{"half a tone", mixed(room, Clip{Rate, ready.Samples[:len(ready.Samples)/2]}, 0), 0},
		{"one sample", Clip{Rate, []int16{7}}, 0},
		{"nothing", Clip{Rate: Rate}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := AfterTone(c.c.Sound())
			if err != nil {
				t.Fatal(err)
			}
			d := s.Duration()
			got := all(t, s)
			if d != got.Duration() {
				t.Errorf("it says to last %v and lasts %v", d, got.Duration())
			}
			skipped := c.c.Duration() - got.Duration()
			if c.from == 0 && skipped != 0 || c.from > 0 && (skipped < c.from-100*ms || skipped > c.from+80*ms) {
				t.Errorf("it begins at %v, want %v", skipped, c.from)
			}
			if !slices.Equal(got.Samples, c.c.Samples[len(c.c.Samples)-len(got.Samples):]) {
				t.Error("what is left is not the end of the recording")
			}
		})
	}
}
