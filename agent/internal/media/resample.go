package media

import (
	"errors"
	"io"
	"math"
	"time"
)

// Resample gives s at another rate, filtered so that nothing above the lower
// of the two bandwidths folds back. It closes s when it is closed.
func Resample(s Sound, rate int) Sound {
	if s.Rate() == rate {
		return s
	}
	in, out := s.Rate(), rate
	g := gcd(in, out)
	cutoff := 0.95 * math.Min(1, float64(out)/float64(in))
	r := &resampled{from: s, rate: out, num: int64(in / g), den: int64(out / g), half: int(math.Ceil(16 / cutoff))}
	// 1024 phases are exact for all usual rates; for odd ones the error is
	// far below 16-bit speech.
	r.phases = int(min(r.den, 1024))
	r.taps = sincTable(r.phases, r.half, cutoff)
	r.buf = make([]float32, r.half) // silence before the first sample
	r.base = -int64(r.half)
	return r
}

type resampled struct {
	from     Sound
	rate     int
	num, den int64 // input samples per output sample, as a fraction
	half     int
	phases   int
	taps     [][]float32
	buf      []float32 // input samples from index base on
	base     int64
	next     int64 // index of the next output sample
	end      int64 // count of input samples, once known
	ended    bool
	in       [2048]int16
}

func (r *resampled) Rate() int { return r.rate }
func (r *resampled) Duration() time.Duration {
	return r.from.Duration()
}
func (r *resampled) Close() error { return r.from.Close() }

func (r *resampled) Read(p []int16) (int, error) {
	n := 0
	for n < len(p) {
		center := r.next * r.num / r.den
		if r.ended && center >= r.end {
			break
		}
		if last := center + int64(r.half); last >= r.base+int64(len(r.buf)) {
			// What is there is given before waiting for more.
			if n > 0 && !r.ended {
				return n, nil
			}
			if err := r.fill(center); err != nil {
				return n, err
			}
			continue
		}
		rest := r.next*r.num - center*r.den
		phase := int(rest * int64(r.phases) / r.den)
		at := int(center - int64(r.half) + 1 - r.base)
		var sum float32
		for i, t := range r.taps[phase] {
			sum += t * r.buf[at+i]
		}
		p[n] = saturate(float64(sum))
		n++
		r.next++
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// fill drops what lies behind the filter and takes in more, or silence after
// the end.
func (r *resampled) fill(center int64) error {
	if old := int(center - int64(r.half) + 1 - r.base); old > 4096 {
		r.buf = append(r.buf[:0], r.buf[old:]...)
		r.base += int64(old)
	}
	if r.ended {
		r.buf = append(r.buf, make([]float32, 2*r.half)...)
		return nil
	}
	n, err := r.from.Read(r.in[:])
	for _, v := range r.in[:n] {
		r.buf = append(r.buf, float32(v))
	}
	if errors.Is(err, io.EOF) {
		r.ended, r.end = true, r.base+int64(len(r.buf))
		return nil
	}
	return err
}

// sincTable holds one row of filter taps for each position between two input
// samples. Rows sum to one, so a constant stays that constant.
func sincTable(phases, half int, cutoff float64) [][]float32 {
	rows := make([][]float32, phases)
	for p := range rows {
		row := make([]float64, 2*half)
		frac, sum := float64(p)/float64(phases), 0.0
		for i := range row {
			x := float64(i-half+1) - frac
			w := 0.5 + 0.5*math.Cos(math.Pi*x/float64(half))
			if math.Abs(x) >= float64(half) {
				w = 0
			}
			row[i] = sinc(x*cutoff) * w
			sum += row[i]
		}
		rows[p] = make([]float32, len(row))
		for i, v := range row {
			rows[p][i] = float32(v / sum)
		}
	}
	return rows
}

func sinc(x float64) float64 {
	if math.Abs(x) < 1e-9 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
