package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Loudness. Boxes stand in quiet rooms of people who may hear badly, and every
// participant speaks at another distance: without levelling one has to reach
// for the volume at each hop.
//
//   - Measured is the RMS of 20 ms frames, near to the active speech level of
//     ITU-T P.56: silence (under -60 dBFS), pauses (10 dB under the mean) and
//     knocks do not count. A knock is what stands 10 dB over the level that the
//     loudest quarter of a second reaches; a word is longer than that.
//   - The target is -20 dBFS, which leaves speech 19 dB up to the ceiling, about
//     its natural crest. Quieter takes are lifted by at most 30 dB, so that an
//     empty room is not made to roar.
//   - What would pass the ceiling of -1 dBFS (a knock, the click of the button)
//     is taken back for a moment by a limiter with 5 ms of foresight; else one
//     click would keep the whole voice quiet.
const (
	targetLevel  = -20.0 // dBFS
	ceilingLevel = -1.0  // dBFS
	silenceLevel = -60.0 // dBFS
	gateBelow    = 10.0  // dB
	maxLift      = 30.0  // dB
	knockAbove   = 10.0  // dB
	knockFrames  = 12    // a quarter of a second, in all
	frameSeconds = 0.02
	lookahead    = 0.005 // s
	release      = 0.080 // s
	// sharedRate is the highest rate of the shared copy; higher ones are
	// divided by a whole number.
	sharedRate = 48_000
)

// SharedAudio writes the copy that is played on boxes: mono 16-bit WAV at the
// recording's own rate up to 48 kHz (above, divided by a whole number behind a
// low-pass), levelled as said above, without any metadata. Where mixing would
// cancel the sound (a channel wired in reverse) the loudest channel is taken.
// info is what Inspect returned; all its limits are checked again. The file is
// decoded twice in blocks, so that memory does not grow with it. The same file
// gives the same bytes on the same kind of processor.
//
// M4A goes through c first, for which r has to be an *os.File: its copy has
// 48 kHz, is always mixed to the mean, and its bytes depend on c's version.
// Without a converter it is refused with NeedsConverter.
func SharedAudio(ctx context.Context, r io.ReaderAt, info Info, w io.Writer, c Converter) (Info, error) {
	in, err := Inspect(ctx, r, info.Size, Audio)
	if err != nil {
		return Info{}, err
	}
	var out Info
	err = work(ctx, r, in.Size, func(f *file) error {
		t, err := openTrack(f, in.Type)
		if err == nil && t.open == nil {
			t, err = c.track(f)
		}
		if err != nil {
			return err
		}
		out, err = t.share(f, writer{w})
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return out, nil
}

func (t track) share(f *file, w io.Writer) (Info, error) {
	sound, err := t.measure(f)
	if err != nil {
		return Info{}, err
	}
	if err := checkLength(float64(sound.frames) / float64(t.rate)); err != nil {
		return Info{}, err
	}
	factor := (t.rate + sharedRate - 1) / sharedRate
	rate, n := t.rate/factor, (sound.frames+int64(factor)-1)/int64(factor)
	if _, err := w.Write(wavHeader(rate, n)); err != nil {
		return Info{}, err
	}
	var (
		low     = newLowPass(factor)
		dc      = newHighPass(t.rate)
		peaks   = newLimiter(rate)
		pcm     = &pcmWriter{w: w}
		gain    = float32(ratio(sound.gain))
		mono    []float32
		skipped = peaks.delay
	)
	emit := func(block []float32) error {
		for i, v := range block {
			block[i] = peaks.next(v * gain)
		}
		drop := min(skipped, len(block))
		skipped -= drop
		return pcm.write(block[drop:])
	}
	err = t.each(f, func(block []float32) error {
		mono = sound.mix.mono(mono, block, t.channels)
		dc.apply(mono)
		return emit(low.next(mono))
	})
	if err != nil {
		return Info{}, err
	}
	if err := emit(low.end()); err != nil {
		return Info{}, err
	}
	if err := emit(make([]float32, peaks.delay)); err != nil {
		return Info{}, err
	}
	if pcm.n != n {
		return Info{}, fmt.Errorf("%d samples where %d were measured", pcm.n, n)
	}
	return Info{
		Kind: Audio, Type: "audio/wav", Ext: ".wav", Size: 44 + 2*n, Channels: 1, SampleRate: rate, Silent: sound.silent,
		Duration: time.Duration(float64(n) / float64(rate) * float64(time.Second)),
	}, nil
}

// sound is what measuring found.
type sound struct {
	frames int64
	mix    mix
	gain   float64 // dB
	silent bool
}

// measure decodes once for the mean of the channels, and again where that mean
// turns out to cancel them.
func (t track) measure(f *file) (sound, error) {
	s, energies, err := t.measureMix(f, mean)
	if err != nil || t.channels == 1 {
		return s, err
	}
	loudest := 0
	for c := range t.channels {
		if energies[c] > energies[loudest] {
			loudest = c
		}
	}
	// A twentieth: one speaking channel among 4 silent ones is still mixed.
	if energies[t.channels]*20 >= energies[loudest] {
		return s, nil
	}
	s, _, err = t.measureMix(f, mix(loudest))
	return s, err
}

// measureMix returns the energies of the channels, and of the mix behind them.
func (t track) measureMix(f *file, m mix) (sound, []float64, error) {
	var (
		s        = sound{mix: m}
		energies = make([]float64, t.channels+1)
		dc       = newHighPass(t.rate)
		meter    = newMeter(t.rate)
		mono     []float32
	)
	err := t.each(f, func(block []float32) error {
		s.frames += int64(len(block) / t.channels)
		for i, v := range block {
			energies[i%t.channels] += float64(v) * float64(v)
		}
		mono = m.mono(mono, block, t.channels)
		dc.apply(mono)
		for _, v := range mono {
			energies[t.channels] += float64(v) * float64(v)
			meter.add(v)
		}
		return nil
	})
	var heard bool
	s.gain, heard = meter.gain()
	s.silent = !heard
	return s, energies, err
}

// meter collects the mean squares of frames.
type meter struct {
	size, n int
	sum     float64
	frames  []float64
}

func newMeter(rate int) *meter { return &meter{size: int(frameSeconds * float64(rate))} }

func (m *meter) add(v float32) {
	m.sum += float64(v) * float64(v)
	if m.n++; m.n == m.size {
		m.frames = append(m.frames, m.sum/float64(m.size))
		m.sum, m.n = 0, 0
	}
}

// gain is how many dB bring the sound to the target; 0 for silence, in which
// nothing but knocks was heard.
func (m *meter) gain() (db float64, heard bool) {
	if len(m.frames) == 0 {
		return 0, false
	}
	loud := slices.Clone(m.frames)
	slices.Sort(loud)
	skip := min(knockFrames, len(loud)/20)
	top := loud[len(loud)-1-skip] * power(knockAbove)
	level, ok := gatedMean(m.frames, power(silenceLevel), top)
	if !ok {
		return 0, false
	}
	// Some frame reaches the mean, so there is a second one as well.
	level, _ = gatedMean(m.frames, max(level*power(-gateBelow), power(silenceLevel)), top)
	return min(targetLevel-decibels(math.Sqrt(level)), maxLift), true
}

// gatedMean is the mean of the frames over low and not over top.
func gatedMean(frames []float64, low, top float64) (mean float64, ok bool) {
	sum, n := 0.0, 0
	for _, v := range frames {
		if v > low && v <= top {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

func power(db float64) float64 { return math.Pow(10, db/10) }

// highPass takes the constant offset of cheap microphones away (-3 dB at 20 Hz).
// It starts as if the first sample had always been there.
type highPass struct {
	keep, in, out float64
	begun         bool
}

func newHighPass(rate int) *highPass {
	return &highPass{keep: math.Exp(-2 * math.Pi * 20 / float64(rate))}
}

func (h *highPass) apply(block []float32) {
	if !h.begun && len(block) > 0 {
		h.in, h.begun = float64(block[0]), true
	}
	for i, v := range block {
		h.out = float64(v) - h.in + h.keep*h.out
		h.in = float64(v)
		block[i] = float32(h.out)
	}
}

// lowPass keeps every factor-th sample behind a windowed sinc that ends a
// little under half the new rate. Its output is in time with its input.
type lowPass struct {
	factor int
	taps   []float64
	buf    []float32
	out    []float32
}

func newLowPass(factor int) *lowPass {
	l := &lowPass{factor: factor}
	if factor == 1 {
		return l
	}
	half := 32 * factor
	l.taps = make([]float64, 2*half+1)
	cut, sum := 0.45/float64(factor), 0.0
	for i := range l.taps {
		x := float64(i - half)
		v := 2 * cut
		if x != 0 {
			v = math.Sin(2*math.Pi*cut*x) / (math.Pi * x)
		}
		// Blackman: the side lobes stay under -70 dB.
		p := 2 * math.Pi * float64(i) / float64(2*half)
		l.taps[i] = v * (0.42 - 0.5*math.Cos(p) + 0.08*math.Cos(2*p))
		sum += l.taps[i]
	}
	for i := range l.taps {
		l.taps[i] /= sum
	}
	l.buf = make([]float32, half) // silence before the start
	return l
}

// next returns what block completes, valid until the next call.
func (l *lowPass) next(block []float32) []float32 {
	if l.factor == 1 {
		return block
	}
	l.buf = append(l.buf, block...)
	l.out = l.out[:0]
	at := 0
	for ; at+len(l.taps) <= len(l.buf); at += l.factor {
		sum := 0.0
		for i, t := range l.taps {
			sum += t * float64(l.buf[at+i])
		}
		l.out = append(l.out, float32(sum))
	}
	l.buf = l.buf[:copy(l.buf, l.buf[at:])]
	return l.out
}

// end returns the rest.
func (l *lowPass) end() []float32 {
	if l.factor == 1 {
		return nil
	}
	return l.next(make([]float32, len(l.taps)/2))
}

// limiter keeps samples under the ceiling: each is multiplied by the mean of a
// window in which no factor is greater than the one it needs.
type limiter struct {
	delay   int // samples by which next lags
	ceiling float32
	rise    float64
	line    []float32 // the last delay+1 samples
	need    []float64 // their factors
	used    []float64 // smoothed factors, of which the mean is taken
	sum     float64
	current float64
	n       int
	low     []int // indices of ever greater needs: the first is the least
}

func newLimiter(rate int) *limiter {
	d := int(lookahead * float64(rate))
	l := &limiter{
		delay: d, ceiling: float32(ratio(ceilingLevel)), rise: 1 - math.Exp(-1/(release*float64(rate))),
		line: make([]float32, d+1), need: make([]float64, d+1), used: make([]float64, d+1),
		current: 1, sum: float64(d + 1),
	}
	for i := range l.used {
		l.used[i] = 1
	}
	return l
}

func (l *limiter) next(v float32) float32 {
	size := l.delay + 1
	at := l.n % size
	need := 1.0
	if a := float32(math.Abs(float64(v))); a > l.ceiling {
		need = float64(l.ceiling / a)
	}
	l.line[at], l.need[at] = v, need
	if len(l.low) > 0 && l.low[0] <= l.n-size {
		l.low = l.low[1:]
	}
	for len(l.low) > 0 && l.need[l.low[len(l.low)-1]%size] >= need {
		l.low = l.low[:len(l.low)-1]
	}
	l.low = append(l.low, l.n)
	least := l.need[l.low[0]%size]
	if least <= l.current {
		l.current = least
	} else if l.current += (least - l.current) * l.rise; least-l.current < 1e-9 {
		l.current = least
	}
	l.sum += l.current - l.used[at]
	l.used[at] = l.current
	l.n++
	return l.line[l.n%size] * float32(min(l.sum/float64(size), 1))
}

// pcmWriter writes 16-bit samples.
type pcmWriter struct {
	w   io.Writer
	n   int64
	buf []byte
}

var errNoNumber = errors.New("sample is no number")

func (p *pcmWriter) write(block []float32) error {
	p.buf = p.buf[:0]
	for _, v := range block {
		if v != v {
			return errNoNumber
		}
		s := int16(math.Round(float64(max(min(v, 1), -1)) * 32767))
		p.buf = append(p.buf, byte(s), byte(uint16(s)>>8))
	}
	p.n += int64(len(block))
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.w.Write(p.buf)
	return err
}
