package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// ErrNotListening answers a push while the box is not recording: what was sent
// is thrown away unread.
var ErrNotListening = errors.New("the box is not listening now")

// lastWords is how long a stopped recording waits for sound that is still on
// its way from the page.
const lastWords = 700 * time.Millisecond

// Want is what the box wants of the page.
type Want string

// What the page is asked for.
const (
	WantNothing Want = ""
	WantListen  Want = "listen"  // open the microphone: the tone is about to sound
	WantSpeak   Want = "speak"   // the tone is over: a file may be sent now
	WantPicture Want = "picture" // take a photo
)

// PushedMicrophone records what somebody pushes, piece by piece: the browser's
// microphone, or a file that the page decoded. Until Use(true) it lets
// Otherwise speak, so that a page that nobody looks at does not stall the box.
type PushedMicrophone struct {
	Live *Live
	// Otherwise gives the sound where the page is not in use.
	Otherwise *GeneratedMicrophone
	// Ask tells the page what is wanted of it now. It must be quick.
	Ask func(Want)

	mu   sync.Mutex
	use  bool
	open *pushed
}

// Use says whether answers come from the page, from the next recording on.
func (m *PushedMicrophone) Use(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.use = on
}

// Open begins to record into the file to; see Recording.
func (m *PushedMicrophone) Open(ctx context.Context, to *os.File, listen Listener) (*Recording, error) {
	return record(ctx, m.Live, to, Rate, listen, func() (source, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.use && m.Otherwise != nil {
			return m.Otherwise.open(), nil
		}
		p := newPushed(m.forget, m.Ask)
		m.open = p
		m.Ask(WantListen)
		return p, nil
	})
}

func (m *PushedMicrophone) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = nil
}

// Push takes the next piece of sound, as 16-bit little-endian mono at the
// given rate, which must stay the same within a recording. last ends it. It
// waits while the recording is behind.
func (m *PushedMicrophone) Push(ctx context.Context, rate int, pcm []byte, last bool) error {
	m.mu.Lock()
	p := m.open
	m.mu.Unlock()
	if p == nil {
		return ErrNotListening
	}
	if rate < minRate || rate > maxRate || len(pcm)%2 != 0 {
		return &Fault{Code: CodeMicrophone, Text: "The page sent sound in a form that the box does not know."}
	}
	samples := make([]int16, len(pcm)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(pcm[2*i:]))
	}
	select {
	case p.pieces <- piece{rate, samples, last}:
		return nil
	case <-p.closed:
		return ErrNotListening
	case <-ctx.Done():
		return ctx.Err()
	}
}

type piece struct {
	rate    int
	samples []int16
	last    bool
}

// pushed is one recording of a PushedMicrophone.
type pushed struct {
	pieces chan piece
	stop   chan struct{}
	stops  sync.Once
	closed chan struct{}
	said   chan struct{}
	forget func()
	ask    func(Want)

	in   *pushedSound
	out  Sound // in at the recording's rate, once the first piece told its own
	late <-chan time.Time
}

func newPushed(forget func(), ask func(Want)) *pushed {
	p := &pushed{pieces: make(chan piece, 16), stop: make(chan struct{}), closed: make(chan struct{}),
		said: make(chan struct{}), forget: forget, ask: ask}
	p.in = &pushedSound{p: p}
	return p
}

func (p *pushed) Stop() {
	p.stops.Do(func() {
		close(p.stop)
		p.ask(WantNothing)
	})
}
func (p *pushed) toneEnded()               { p.ask(WantSpeak) }
func (p *pushed) saidAll() <-chan struct{} { return p.said }
func (p *pushed) Close() error {
	close(p.closed)
	p.forget()
	return nil
}

func (p *pushed) Read(b []int16) (int, error) {
	if p.out == nil {
		if err := p.in.next(); err != nil {
			return 0, err
		}
		p.out = Resample(p.in, Rate)
	}
	n, err := p.out.Read(b)
	if errors.Is(err, io.EOF) {
		// The page said all; the recording goes on until it is stopped.
		<-p.stop
	}
	return n, err
}

type pushedSound struct {
	p    *pushed
	rate int
	rest []int16
	last bool
}

func (s *pushedSound) Rate() int               { return s.rate }
func (s *pushedSound) Duration() time.Duration { return 0 }
func (s *pushedSound) Close() error            { return nil }

func (s *pushedSound) Read(b []int16) (int, error) {
	for len(s.rest) == 0 {
		if s.last {
			return 0, io.EOF
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next waits for a piece. Once stopped it waits only as long as a piece may be
// on its way; where nothing ever came, nothing is on its way.
func (s *pushedSound) next() error {
	stop := s.p.stop
	for {
		select {
		case c := <-s.p.pieces:
			if s.rate != 0 && c.rate != s.rate {
				return fmt.Errorf("pushed sound changed its rate from %d to %d", s.rate, c.rate)
			}
			s.rate, s.rest, s.last = c.rate, c.samples, c.last
			if s.last {
				close(s.p.said)
			}
			return nil
		case <-stop:
			stop = nil
			s.p.late = time.After(lastWords)
		case <-s.p.late:
			return io.EOF
		}
	}
}
