package media

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Speaker is anything that plays. Play closes s, returns when the sound has
// ended, and with ctx's error within 100 ms after ctx has.
type Speaker interface {
	Play(ctx context.Context, title string, s Sound, gainDB float64) error
}

// Player plays the three kinds of sound of a box on one speaker.
type Player struct {
	Speaker Speaker
	Pack    Pack
}

// Tone plays a tone of people.md 2.1 by its name.
func (p *Player) Tone(ctx context.Context, name string, gainDB float64) error {
	c, err := Tone(name)
	if err != nil {
		return err
	}
	return p.Speaker.Play(ctx, "tone: "+name, c.Sound(), gainDB)
}

// Say plays a prompt by its key, as loud as everything else; text is what it says, and the title under
// which a page or a log knows it.
func (p *Player) Say(ctx context.Context, key, text string, gainDB float64) error {
	s, err := levelled(func() (Sound, error) { return p.Pack.Prompt(key, text) })
	if err != nil {
		return err
	}
	return p.Speaker.Play(ctx, "“"+text+"”", s, gainDB)
}

// File plays a WAV or FLAC file, brought to the loudness of all others; gainDB
// comes on top. A ready tone at its start is left out. A file that is neither is
// a Fault with CodeMedia.
func (p *Player) File(ctx context.Context, title, path string, gainDB float64) error {
	s, err := levelled(func() (Sound, error) {
		s, err := OpenSound(path)
		if err != nil {
			return nil, err
		}
		return AfterTone(s)
	})
	if err != nil {
		return err
	}
	return p.Speaker.Play(ctx, title, s, gainDB)
}

// levelled opens a sound twice: to measure it, and to play it.
func levelled(open func() (Sound, error)) (Sound, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	gain, err := LevelGain(s)
	if err != nil {
		return nil, err
	}
	if s, err = open(); err != nil {
		return nil, err
	}
	return Amplified(s, gain), nil
}

type note struct {
	hz  float64
	d   time.Duration
	gap time.Duration // silence after it
}

const ms = time.Millisecond

// tones is the table of people.md 2.1. Fundamentals are 500 to 1000 Hz, where
// old ears are best; gaps make them pulse (P11). The table gives ok no
// lengths: three short notes that rise.
var tones = map[string][]note{
	"arrive": {{660, 400 * ms, 80 * ms}, {880, 400 * ms, 0}},
	"ready":  {{800, 500 * ms, 0}},
	"stop":   {{880, 250 * ms, 40 * ms}, {660, 250 * ms, 0}},
	"ok":     {{660, 180 * ms, 30 * ms}, {880, 180 * ms, 30 * ms}, {990, 300 * ms, 0}},
	"low":    {{500, 300 * ms, 100 * ms}, {500, 300 * ms, 0}},
	"tick":   {{600, 60 * ms, 0}},
}

// toneLoudness makes a tone 4 dB louder than the speech beside it: heard
// through a room, and nobody is startled.
const toneLoudness = 0.28

// Tone makes a tone by its name: a fundamental and one harmonic below 2 kHz,
// with soft edges.
func Tone(name string) (Clip, error) {
	notes, ok := tones[name]
	if !ok {
		return Clip{}, fmt.Errorf("there is no tone %q", name)
	}
	c := Clip{Rate: Rate}
	for _, n := range notes {
		p := make([]int16, samplesIn(n.d, Rate))
		for i := range p {
			t := 2 * math.Pi * n.hz * float64(i) / Rate
			p[i] = saturate(32767 * toneLoudness * (0.75*math.Sin(t) + 0.25*math.Sin(2*t)))
		}
		softEdges(p, Rate, 12*ms)
		c.Samples = append(append(c.Samples, p...), make([]int16, samplesIn(n.gap, Rate))...)
	}
	return c, nil
}
