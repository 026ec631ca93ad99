package panel

import (
	"time"

	"illumi/agent/internal/flow"
)

// rhythm is a pattern as on and off: for how long it is on, then off, then on
// again. Once through where once, else for ever.
type rhythm struct {
	beats []time.Duration
	once  bool
}

const second = time.Second

// exact are the patterns that are on and off by themselves (people.md 2.1).
var exact = map[flow.Pattern]rhythm{
	flow.LightBusy: {beats: []time.Duration{second, second}},
	flow.LightDone: {beats: []time.Duration{600e6, 400e6, 600e6, 400e6, 600e6, 400e6}, once: true},
	flow.LightHelp: {beats: []time.Duration{150e6, 150e6, 150e6, 2500e6}},
}

// stepped are the others, for a lamp that cannot be dimmed. Each is as long as
// the pattern that it stands for, and no two are alike: what comes by itself is
// mostly dark, the box's speaking is mostly lit, and "your turn" never blinks.
var stepped = map[flow.Pattern]rhythm{
	flow.LightBreathe:  {beats: []time.Duration{1200e6, 2800e6}},
	flow.LightBreatheS: {beats: []time.Duration{1200e6, 6800e6}},
	flow.LightSaved:    {beats: []time.Duration{300e6, 7700e6}},
	flow.LightHalf:     {beats: []time.Duration{2700e6, 300e6}},
}

// at tells whether the rhythm is on, t after it began, and for how long it
// stays so; 0 is for ever.
func (r rhythm) at(t time.Duration) (on bool, rest time.Duration) {
	var all time.Duration
	for _, b := range r.beats {
		all += b
	}
	t = max(0, t)
	if r.once && t >= all {
		return false, 0
	}
	t %= all
	for i, b := range r.beats {
		if t < b {
			return i%2 == 0, b - t
		}
		t -= b
	}
	return false, 0 // t is below the sum
}

// smoothFrame is how often a light that breathes or follows a voice is set.
const smoothFrame = 40 * time.Millisecond

// until is for how long a dimmable light stays as it is, t after its pattern
// began; 0 is for ever.
func until(p flow.Pattern, t time.Duration) time.Duration {
	if r, ok := exact[p]; ok {
		_, rest := r.at(t)
		return rest
	}
	switch p {
	case flow.LightBreathe, flow.LightBreatheS, flow.LightSaved, flow.LightVoice:
		return smoothFrame
	}
	return 0
}

// Stepped tells whether a lamp that is only on or off is on, t after its
// pattern began, and for how long it stays so (0 is for ever). Dimmed is off:
// such a lamp cannot give three per cent. flow.LightVoice is lit here; see wink.
func Stepped(p flow.Pattern, dim bool, t time.Duration) (on bool, rest time.Duration) {
	if dim {
		return false, 0
	}
	for _, known := range []map[flow.Pattern]rhythm{exact, stepped} {
		if r, ok := known[p]; ok {
			return r.at(t)
		}
	}
	return p == flow.LightFull || p == flow.LightVoice, 0
}

// wink follows a voice with a lamp that is only on or off: lit while it is
// quiet, and winking, at most 1.5 times a second, while somebody is heard. The
// zero value is a lamp that was just lit.
type wink struct {
	dark  bool
	since time.Time
}

// How loud a voice must be, and how long a wink's parts last at least.
const (
	heard    = 0.15
	winkLit  = 450 * time.Millisecond
	winkDark = 250 * time.Millisecond
)

// next takes the smoothed voice and gives whether the lamp is on.
func (w *wink) next(voice float64, at time.Time) bool {
	if w.since.IsZero() {
		w.since = at
	}
	switch lasted := at.Sub(w.since); {
	case w.dark && lasted >= winkDark, !w.dark && lasted >= winkLit && voice >= heard:
		w.dark, w.since = !w.dark, at
	}
	return !w.dark
}
