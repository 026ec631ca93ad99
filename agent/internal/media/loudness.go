package media

import (
	"errors"
	"io"
	"math"
	"slices"
	"time"
)

// Every message is brought to the same loudness before it is played (people.md
// P12), by the rule of the server's shared copies, which therefore pass
// unchanged: frames of 20 ms, without silence, pauses and knocks, are brought
// to a mean of −20 dBFS, and what would pass −1 dBFS is held back for a moment.
const (
	levelTarget   = -20.0 // dBFS
	levelCeiling  = -1.0  // dBFS
	levelSilence  = -60.0 // dBFS
	levelGate     = 10.0  // dB below the mean are pauses
	levelKnock    = 10.0  // dB above what is reached for a quarter of a second
	levelMostLift = 30.0  // dB, so that an empty room is not made to roar
	levelFrame    = 20 * time.Millisecond
	knockFrames   = 12
	// levelNear is what nobody hears; such sounds are left alone.
	levelNear = 0.5 // dB
	// levelFirst bounds the measuring, which an ear waits for: even on the
	// slowest board a minute is read in well under half a second.
	levelFirst = time.Minute
)

// leveller collects the mean square of each frame, on the scale 0 to 1.
type leveller struct {
	size, n    int
	sum, total int64
	frames     []float64
}

func newLeveller(rate int) *leveller { return &leveller{size: max(1, samplesIn(levelFrame, rate))} }

func (l *leveller) add(p []int16) {
	for _, v := range p {
		l.sum += int64(v)
		l.total += int64(v) * int64(v)
		if l.n++; l.n == l.size {
			// An offset, as cheap microphones have it, is no sound.
			mean := float64(l.sum) / float64(l.n)
			l.frames = append(l.frames, max(0, float64(l.total)/float64(l.n)-mean*mean)/(32768*32768))
			l.sum, l.total, l.n = 0, 0, 0
		}
	}
}

// gain is how many dB bring the sound to the target; 0 where nothing but
// silence was heard.
func (l *leveller) gain() float64 {
	if len(l.frames) == 0 {
		return 0
	}
	loud := slices.Sorted(slices.Values(l.frames))
	top := loud[len(loud)-1-min(knockFrames, len(loud)/20)] * asPower(levelKnock)
	mean, ok := meanBetween(l.frames, asPower(levelSilence), top)
	if !ok {
		return 0
	}
	// Some frame reaches the mean, so there is a second one too.
	mean, _ = meanBetween(l.frames, max(mean*asPower(-levelGate), asPower(levelSilence)), top)
	return min(levelMostLift, levelTarget-10*math.Log10(mean))
}

func meanBetween(frames []float64, least, most float64) (mean float64, ok bool) {
	n := 0
	for _, f := range frames {
		if f >= least && f <= most {
			mean += f
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return mean / float64(n), true
}

func asPower(db float64) float64  { return math.Pow(10, db/10) }
func asFactor(db float64) float64 { return math.Pow(10, db/20) }

// LevelGain measures the first minute of a sound and closes it: by how many dB
// it is to be louder (or, below zero, softer) to be as loud as all others.
func LevelGain(s Sound) (db float64, err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	l, left := newLeveller(s.Rate()), samplesIn(levelFirst, s.Rate())
	buf := make([]int16, 8192)
	for left > 0 {
		n, err := s.Read(buf[:min(len(buf), left)])
		l.add(buf[:n])
		left -= n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	return l.gain(), nil
}

// Amplified gives s with gain and without an offset; what would pass the ceiling is held back, so
// that neither a knock cracks nor one click keeps a whole voice quiet. It
// closes s when it is closed.
func Amplified(s Sound, gainDB float64) Sound {
	if math.Abs(gainDB) < levelNear {
		return s
	}
	n := max(1, s.Rate()/200) // 5 ms of foresight
	return &amplified{Sound: s, factor: asFactor(gainDB), size: n, in: make([]int16, n),
		leak: 1 - 2*math.Pi*lowest/float64(s.Rate()),
		rise: math.Pow(10, 1.0/20/8)} // 1 dB in 40 ms
}

// lowest is the frequency, in Hz, below which there is no voice.
const lowest = 20

// amplified works in blocks. Each has the greatest factor that keeps it below
// the ceiling; between blocks the factor moves in a straight line to the lower
// of both sides, so that it is never above what any block allows.
type amplified struct {
	Sound
	factor float64
	size   int
	rise   float64
	leak   float64 // of the high-pass that takes an offset off
	x, y   float64 // its last input and output

	now, next  []float64
	may        float64 // what now allows
	held       float64 // the factor reached at the start of now
	in         []int16
	out, ready []int16
	begun, end bool
}

func (a *amplified) Duration() time.Duration {
	return a.Sound.Duration() + lasting(int64(len(a.now)+len(a.ready)), a.Rate())
}

func (a *amplified) Read(p []int16) (int, error) {
	for len(a.ready) == 0 {
		if !a.begun {
			a.begun = true
			var err error
			if a.now, a.may, err = a.block(a.now); err != nil {
				return 0, err
			}
			a.held = a.may
		}
		if len(a.now) == 0 {
			return 0, io.EOF
		}
		next, may, err := a.block(a.next)
		if err != nil {
			return 0, err
		}
		a.give(min(a.may, may, a.held*a.rise))
		a.now, a.next, a.may = next, a.now, may
	}
	n := copy(p, a.ready)
	a.ready = a.ready[n:]
	return n, nil
}

// give puts the current block out, ending at the factor to.
func (a *amplified) give(to float64) {
	a.out = a.out[:0]
	step := (to - a.held) / float64(len(a.now))
	for i, v := range a.now {
		a.out = append(a.out, saturate(v*(a.held+step*float64(i+1))))
	}
	a.held, a.ready = to, a.out
}

// block reads the next block into the given memory, louder, and gives the
// factor that it allows. After the end it is empty.
func (a *amplified) block(into []float64) ([]float64, float64, error) {
	into = into[:0]
	for len(into) < a.size && !a.end {
		n, err := a.Sound.Read(a.in[:a.size-len(into)])
		for _, v := range a.in[:n] {
			x := float64(v) * a.factor
			a.x, a.y = x, x-a.x+a.leak*a.y
			into = append(into, a.y)
		}
		if errors.Is(err, io.EOF) {
			a.end = true
		} else if err != nil {
			return nil, 0, err
		}
	}
	peak, ceiling := 0.0, 32768*asFactor(levelCeiling)
	for _, v := range into {
		peak = max(peak, math.Abs(v))
	}
	if peak <= ceiling {
		return into, 1, nil
	}
	return into, ceiling / peak, nil
}
