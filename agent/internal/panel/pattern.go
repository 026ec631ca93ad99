package panel

import (
	"math"
	"time"

	"illumi/agent/internal/flow"
)

// dimmest is the most that any light gives in quiet hours (people.md P15).
const dimmest = 0.03

// Cycle is after how long a pattern begins anew; 0 means that it is steady or
// plays once.
func Cycle(p flow.Pattern) time.Duration {
	switch p {
	case flow.LightBreathe:
		return 4 * time.Second
	case flow.LightBreatheS, flow.LightSaved:
		return 8 * time.Second
	case flow.LightBusy:
		return 2 * time.Second
	case flow.LightHelp:
		return 2950 * time.Millisecond
	}
	return 0
}

// Level gives the brightness (0..1) of the main light, t after its pattern
// began; voice (0..1) counts for flow.LightVoice only and should come from a
// Smoother. It is the table of people.md 2.1, for every kind of panel.
// An unknown pattern is dark.
func Level(p flow.Pattern, dim bool, t time.Duration, voice float64) float64 {
	l := level(p, t, voice)
	if dim {
		l *= dimmest
	}
	return l
}

func level(p flow.Pattern, t time.Duration, voice float64) float64 {
	t = max(0, t)
	if c := Cycle(p); c > 0 {
		t %= c
	}
	switch p {
	case flow.LightBreathe:
		return breath(t, 4*time.Second, 0.10, 1)
	case flow.LightBreatheS:
		return breath(t, 8*time.Second, 0.04, 0.40)
	case flow.LightSaved:
		return breath(t, 8*time.Second, 0.05, 0.20)
	case flow.LightHalf:
		return 0.5
	case flow.LightFull:
		return 1
	case flow.LightBusy:
		return lit(t < time.Second)
	case flow.LightDone:
		return lit(t < 3*time.Second && t%time.Second < 600*time.Millisecond)
	case flow.LightHelp:
		return lit(t < 450*time.Millisecond && t%(300*time.Millisecond) < 150*time.Millisecond)
	case flow.LightVoice:
		return 0.4 + 0.6*max(0, min(1, voice))
	}
	return 0
}

// breath begins at its lowest, so that a new pattern never starts with a flash.
func breath(t, cycle time.Duration, low, high float64) float64 {
	x := 0.5 - 0.5*math.Cos(2*math.Pi*t.Seconds()/cycle.Seconds())
	return low + (high-low)*x
}

func lit(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// Amber says that a pattern is amber where the light has colours; all others
// are warm white.
func Amber(p flow.Pattern) bool { return p == flow.LightHelp || p == flow.LightSaved }

// fallPerSecond bounds how fast a Smoother falls: a tenth of the light's range
// then takes half a second, so that no voice makes more than two flashes a
// second, however it stutters. Syllables alone come four times a second.
const fallPerSecond = 0.32

// Smoother follows a voice without flicker: up within 300 ms for two thirds of
// the way (people.md 2.1, PV), down slowly. The zero value is silence.
type Smoother struct {
	value float64
	at    time.Time
}

// Next takes the loudness (0..1) at a time and gives the smoothed one.
func (s *Smoother) Next(voice float64, at time.Time) float64 {
	voice = max(0, min(1, voice))
	if !s.at.IsZero() && at.After(s.at) {
		d := at.Sub(s.at).Seconds()
		s.value = max(s.value+(voice-s.value)*(1-math.Exp(-d/0.3)), s.value-fallPerSecond*d)
	}
	s.at = at
	return s.value
}
