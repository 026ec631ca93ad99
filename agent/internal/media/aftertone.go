package media

import (
	"errors"
	"io"
	"math"
	"time"
)

// A recording begins before its ready tone ends, so that no first word is cut
// off (people.md P18). Whoever listens is spared the tone, and the click of a
// microphone before it; the recording itself stays whole.
const (
	toneWithin = 2 * time.Second        // of the start
	toneLeast  = 300 * time.Millisecond // of it must be heard
	tonePure   = 0.7                    // of a frame's power is the tone's
	toneEcho   = 40 * time.Millisecond  // dies away in the room
)

// AfterTone gives s from where the box's own ready tone ends, or all of s where
// there is none at its start. It closes s when it is closed.
func AfterTone(s Sound) (Sound, error) {
	head := make([]int16, samplesIn(toneWithin, s.Rate()))
	n, err := readFull(s, head)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, s.Close())
	}
	head = head[:n]
	return &headed{Sound: s, head: head[min(n, toneEnd(head, s.Rate())):]}, nil
}

// headed is a sound whose beginning was read already.
type headed struct {
	Sound
	head []int16
}

func (h *headed) Duration() time.Duration {
	return h.Sound.Duration() + lasting(int64(len(h.head)), h.Rate())
}

func (h *headed) Read(p []int16) (int, error) {
	if len(h.head) > 0 {
		n := copy(p, h.head)
		h.head = h.head[n:]
		return n, nil
	}
	return h.Sound.Read(p)
}

// toneEnd is the sample at which the ready tone has died away; 0 without one.
func toneEnd(p []int16, rate int) int {
	size := samplesIn(levelFrame, rate) // whole waves of the tone
	run, end := 0, 0
	for i := 0; i+size <= len(p); i += size {
		if !isTone(p[i:i+size], rate) {
			if end > 0 {
				break
			}
			run = 0
			continue
		}
		run++
		if time.Duration(run)*levelFrame >= toneLeast {
			end = i + size
		}
	}
	if end == 0 {
		return 0
	}
	return end + samplesIn(toneEcho, rate)
}

// isTone says whether a frame holds the ready tone and little else.
func isTone(p []int16, rate int) bool {
	var all float64
	for _, v := range p {
		all += float64(v) * float64(v)
	}
	if all/float64(len(p)) < asPower(levelSilence)*32768*32768 {
		return false
	}
	hz := tones["ready"][0].hz
	return powerAt(p, hz, rate)+powerAt(p, 2*hz, rate) > tonePure*all
}

// powerAt is how much of a frame's power is at one frequency (Goertzel).
func powerAt(p []int16, hz float64, rate int) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var a, b float64
	for _, v := range p {
		a, b = float64(v)+k*a-b, a
	}
	return 2 * (a*a + b*b - k*a*b) / float64(len(p))
}
