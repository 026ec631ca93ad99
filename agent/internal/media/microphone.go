package media

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// FileMicrophone speaks a WAV file, of any rate and any number of channels,
// as if somebody said it after the tone. Before and after it the room is
// nearly silent.
type FileMicrophone struct {
	Path string
	Pace Pace
	Live *Live
}

// Open begins to record into the file to; see Recording. A file that cannot be
// played is a Fault.
func (m *FileMicrophone) Open(ctx context.Context, to *os.File, listen Listener) (*Recording, error) {
	return record(ctx, m.Live, to, Rate, listen, func() (source, error) {
		s, err := OpenWAV(m.Path)
		if err != nil {
			return nil, fmt.Errorf("open microphone file: %w", err)
		}
		return newSpoken(Resample(s, Rate), m.Pace), nil
	})
}

// GeneratedMicrophone answers by itself with two to four seconds of something
// that sounds like speech and says nothing. The voice follows from Name; each
// answer differs from the one before.
type GeneratedMicrophone struct {
	Name string
	Pace Pace
	Live *Live

	mu    sync.Mutex
	takes uint64
}

// Open begins to record into the file to; see Recording.
func (m *GeneratedMicrophone) Open(ctx context.Context, to *os.File, listen Listener) (*Recording, error) {
	return record(ctx, m.Live, to, Rate, listen, func() (source, error) { return m.open(), nil })
}

func (m *GeneratedMicrophone) open() source {
	m.mu.Lock()
	m.takes++
	n := m.takes
	m.mu.Unlock()
	return newSpoken(Babble(m.Name, n).Sound(), m.Pace)
}

// spoken turns a sound into a microphone: it flows at its pace, begins after
// the tone, and is followed by the hiss of a quiet room.
type spoken struct {
	sound Sound
	pace  Pace
	began time.Time
	given int64
	hiss  *rand.Rand

	stop  chan struct{}
	stops sync.Once
	tone  chan struct{}
	tones sync.Once
	said  chan struct{}
	ended bool
}

func newSpoken(s Sound, pace Pace) *spoken {
	return &spoken{sound: s, pace: pace, began: time.Now(), hiss: rand.New(rand.NewPCG(1, 2)),
		stop: make(chan struct{}), tone: make(chan struct{}), said: make(chan struct{})}
}

func (s *spoken) Stop()                    { s.stops.Do(func() { close(s.stop) }) }
func (s *spoken) toneEnded()               { s.tones.Do(func() { close(s.tone) }) }
func (s *spoken) saidAll() <-chan struct{} { return s.said }
func (s *spoken) Close() error             { return s.sound.Close() }

func (s *spoken) Read(p []int16) (int, error) {
	for {
		select {
		case <-s.stop:
			return 0, io.EOF
		default:
		}
		due := int64(samplesIn(s.pace.Since(s.began), Rate)) - s.given
		if due >= int64(len(p)) {
			break
		}
		wait := time.NewTimer(s.pace.Real(lasting(int64(len(p))-due, Rate)) + time.Microsecond)
		select {
		case <-wait.C:
		case <-s.stop:
		}
		wait.Stop()
	}
	s.given += int64(len(p))
	n := 0
	select {
	case <-s.tone:
		for n < len(p) && !s.ended {
			k, err := s.sound.Read(p[n:])
			n += k
			if errors.Is(err, io.EOF) {
				s.ended = true
				close(s.said)
			} else if err != nil {
				return n, err
			}
		}
	default:
	}
	for ; n < len(p); n++ {
		p[n] = int16(s.hiss.IntN(5) - 2)
	}
	return n, nil
}

// Babble makes two to four seconds that sound like somebody speaking. The same
// name and turn give the same samples on every machine of one kind.
func Babble(name string, turn uint64) Clip {
	h := fnv.New64a()
	h.Write([]byte(name)) // a hash never fails
	rng := rand.New(rand.NewPCG(h.Sum64(), turn))
	v := voiceOf(rand.New(rand.NewPCG(h.Sum64(), 0)))
	length := 2*time.Second + time.Duration(rng.Int64N(int64(2*time.Second)))
	return utter(v, rng, length)
}
