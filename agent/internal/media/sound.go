package media

import (
	"errors"
	"io"
	"math"
	"time"
)

// Rate is the sample rate of every recording: enough for speech, 1.9 MB a
// minute (hardware.md 2.3).
const Rate = 16000

// Sound is mono 16-bit sound that is read once, stretch by stretch, so that a
// long recording never has to fit into memory.
type Sound interface {
	// Rate is in samples a second.
	Rate() int
	// Duration is what is left to read; for a live source it is 0.
	Duration() time.Duration
	// Read fills p from its start, and ends with io.EOF.
	Read(p []int16) (int, error)
	Close() error
}

// Clip is a short sound that is held in memory.
type Clip struct {
	Rate    int
	Samples []int16
}

// Duration of the whole clip.
func (c Clip) Duration() time.Duration { return lasting(int64(len(c.Samples)), c.Rate) }

// Sound gives the clip to be read from its start; it may be called many times.
func (c Clip) Sound() Sound { return &clipSound{clip: c} }

type clipSound struct {
	clip Clip
	pos  int
}

func (s *clipSound) Rate() int { return s.clip.Rate }
func (s *clipSound) Duration() time.Duration {
	return lasting(int64(len(s.clip.Samples)-s.pos), s.clip.Rate)
}
func (s *clipSound) Close() error { return nil }
func (s *clipSound) Read(p []int16) (int, error) {
	if s.pos >= len(s.clip.Samples) {
		return 0, io.EOF
	}
	n := copy(p, s.clip.Samples[s.pos:])
	s.pos += n
	return n, nil
}

// ReadClip reads all of s into memory, at most limit of it, and closes it.
func ReadClip(s Sound, limit time.Duration) (c Clip, err error) {
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	c.Rate = s.Rate()
	most := samplesIn(limit, c.Rate)
	buf := make([]int16, 4096)
	for len(c.Samples) < most {
		n, err := s.Read(buf[:min(len(buf), most-len(c.Samples))])
		c.Samples = append(c.Samples, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

func lasting(samples int64, rate int) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(samples) * time.Second / time.Duration(rate)
}

func samplesIn(d time.Duration, rate int) int {
	return int(d * time.Duration(rate) / time.Second)
}

// amplify scales p by gain decibels in place. What would overflow is held at
// full scale: a wrapped sample is a loud crack in an old ear.
func amplify(p []int16, gainDB float64) {
	if gainDB == 0 {
		return
	}
	f := math.Pow(10, gainDB/20)
	for i, v := range p {
		p[i] = saturate(float64(v) * f)
	}
}

func saturate(v float64) int16 {
	return int16(math.Round(max(-32768, min(32767, v))))
}

// softEdges fades the first and last d of p in and out, so that nothing clicks.
func softEdges(p []int16, rate int, d time.Duration) {
	n := min(samplesIn(d, rate), len(p)/2)
	for i := range n {
		f := 0.5 - 0.5*math.Cos(math.Pi*float64(i)/float64(n))
		p[i] = int16(float64(p[i]) * f)
		j := len(p) - 1 - i
		p[j] = int16(float64(p[j]) * f)
	}
}

// decibels of an amplitude between 0 and 1; silence is Silence.
func decibels(amplitude float64) float64 {
	if amplitude <= 1e-6 {
		return Silence
	}
	return 20 * math.Log10(amplitude)
}
