package media

import (
	"math"
	"slices"
	"time"
)

// Silence is the level of no sound at all, in dBFS.
const Silence = -120.0

// window is the stretch that one level describes.
const window = 50 * time.Millisecond

// deadAfter is how long a microphone may give nothing but zeros: real ones
// always hiss, so that is a dead microphone and not a quiet person.
const deadAfter = time.Second

// Level is the loudness of 50 ms, in dBFS: 0 is full scale, Silence the floor.
type Level struct {
	At   time.Duration // end of the window, from the start of the recording
	RMS  float64
	Peak float64
	// Dead says that all samples of the last second were zero.
	Dead bool
}

// Voice maps the level to 0..1 for a light that follows the voice: a murmur
// is 0, a clear voice at half a metre 1.
func (l Level) Voice() float64 {
	return max(0, min(1, (l.RMS+50)/35))
}

// meter measures what goes by. Its numbers start anew at tone(), so that the
// box's own tone never counts as a voice.
type meter struct {
	rate    int
	size    int
	win     []int16
	total   int64 // samples since the start
	zeros   int64 // since the last sample that was not zero
	peak    float64
	clipped int
	dead    bool
	levels  []float32 // RMS of every window since the tone
}

func newMeter(rate int) *meter {
	n := samplesIn(window, rate)
	return &meter{rate: rate, size: n, win: make([]int16, 0, n), peak: Silence}
}

// add takes samples in and calls out with each finished window.
func (m *meter) add(p []int16, out func(Level)) {
	for _, v := range p {
		m.total++
		if v == 0 {
			m.zeros++
		} else {
			m.zeros = 0
		}
		if v == math.MaxInt16 || v == math.MinInt16 {
			m.clipped++
		}
		m.win = append(m.win, v)
		if len(m.win) == m.size {
			out(m.level())
		}
	}
}

// level closes the window. Its mean is taken off first: cheap microphones
// have an offset that would pass for sound.
func (m *meter) level() Level {
	var mean float64
	for _, v := range m.win {
		mean += float64(v)
	}
	mean /= float64(len(m.win))
	var sum, peak float64
	for _, v := range m.win {
		x := float64(v) - mean
		sum += x * x
		peak = max(peak, math.Abs(x))
	}
	l := Level{
		At:   lasting(m.total, m.rate),
		RMS:  decibels(math.Sqrt(sum/float64(len(m.win))) / 32768),
		Peak: decibels(min(1, peak/32768)),
		Dead: lasting(m.zeros, m.rate) > deadAfter,
	}
	m.dead = m.dead || l.Dead
	m.peak = max(m.peak, l.Peak)
	m.levels = append(m.levels, float32(l.RMS))
	m.win = m.win[:0]
	return l
}

func (m *meter) tone() {
	m.levels, m.peak, m.clipped, m.dead, m.zeros = m.levels[:0], Silence, 0, false, 0
	m.win = m.win[:0]
}

func (m *meter) voiced() time.Duration { return Voiced(m.levels) }

// Voiced adds up the windows of 50 ms (RMS in dBFS) that hold a voice: louder
// than −50 dBFS and 9 dB above the quietest tenth, which is taken for the
// room. A room louder than −41 dBFS counts as −41, or somebody who speaks
// without a pause would be taken for noise.
func Voiced(levels []float32) time.Duration {
	if len(levels) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(levels))
	room := min(float64(sorted[len(sorted)/10]), -41)
	least := max(-50, room+9)
	n := 0
	for _, l := range levels {
		if float64(l) >= least {
			n++
		}
	}
	return time.Duration(n) * window
}
