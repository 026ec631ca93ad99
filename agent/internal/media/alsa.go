package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// hung is how long arecord may give nothing before it is killed
	// (hardware.md 2.3); first data took up to 0.53 s where it was measured.
	hung = 2 * time.Second
	// wake lets an amplifier wake up before the first sound (hardware.md 2.3).
	wake = 150 * time.Millisecond
)

// ALSAMicrophone records by arecord, from a card that is named, never numbered
// (plughw:CARD=Device,DEV=0): numbers change between boots.
type ALSAMicrophone struct {
	Device  string // empty is ALSA's default
	Live    *Live
	Program Program // arecord

	hung time.Duration // shorter in tests
}

// Open starts arecord and returns once the first sound has come; see
// Recording. A card that is absent, busy or silent for 2 s is a Fault.
func (m *ALSAMicrophone) Open(ctx context.Context, to *os.File, listen Listener) (*Recording, error) {
	return record(ctx, m.Live, to, Rate, listen, func() (source, error) { return m.open(ctx) })
}

func (m *ALSAMicrophone) open(ctx context.Context) (source, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open microphone: %w", err)
	}
	args := []string{"-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", strconv.Itoa(Rate)}
	if m.Device != "" {
		args = append(args, "-D", m.Device)
	}
	c, err := startChild(m.Program, "arecord", nil, w, args...)
	w.Close() // the child has its own
	if err != nil {
		return nil, m.fault(errors.Join(err, r.Close()))
	}
	a := &arecord{child: c, pipe: r, hung: m.hung}
	if a.hung == 0 {
		a.hung = hung
	}
	// The first sound proves that the card is really there.
	defer context.AfterFunc(ctx, a.Stop)()
	first := make([]int16, Rate/50)
	n, err := a.Read(first)
	a.first = first[:n]
	if n == 0 {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, m.fault(errors.Join(err, a.Close()))
	}
	return a, nil
}

func (m *ALSAMicrophone) fault(err error) error {
	if err != nil && strings.Contains(err.Error(), "busy") {
		return &Fault{Code: CodeMicrophone, Text: "Another program is using the microphone.",
			Next: "Stop that program; a desktop's sound server is the usual one.", Err: err}
	}
	return &Fault{Code: CodeMicrophone, Text: "The microphone gives no sound.",
		Next: "Check that it is plugged in and that its card's name is right.", Err: err}
}

// arecord is a running recorder. It has ended when its pipe has.
type arecord struct {
	*child
	pipe  *os.File
	hung  time.Duration
	first []int16 // read while opening
	odd   []byte  // half a sample

	stops   sync.Once
	stopped atomic.Bool
}

// Stop interrupts arecord, which then writes what it still has. One that does
// not end is killed by Read's deadline.
func (a *arecord) Stop() {
	a.stops.Do(func() {
		a.stopped.Store(true)
		if err := a.signal(syscall.SIGINT); err != nil {
			// It cannot be interrupted, so it must not go on listening.
			a.pipe.Close()
		}
	})
}

func (a *arecord) Read(p []int16) (int, error) {
	if len(a.first) > 0 {
		n := copy(p, a.first)
		a.first = a.first[n:]
		return n, nil
	}
	if err := a.pipe.SetReadDeadline(time.Now().Add(a.hung)); err != nil {
		return 0, fmt.Errorf("read microphone: %w", err)
	}
	b := make([]byte, 2*len(p))
	at := copy(b, a.odd)
	n, err := a.pipe.Read(b[at:])
	n += at
	a.odd = append(a.odd[:0], b[n&^1:n]...)
	for i := range n / 2 {
		p[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.Join(fmt.Errorf("arecord gave no sound for %v", a.hung), a.kill())
	}
	// arecord answers our own signal with exit code 1, which is success.
	if errors.Is(err, io.EOF) && !a.stopped.Load() {
		err = errors.Join(errLost, a.kill(), a.failure())
	}
	return n / 2, err
}

// Close makes sure that the program is gone, and with it the open device.
func (a *arecord) Close() error {
	return errors.Join(a.kill(), a.pipe.Close())
}

// ALSASpeaker plays by aplay, on a card that is named.
type ALSASpeaker struct {
	Device  string // empty is ALSA's default
	Program Program
}

// Play plays s to its end and closes it. When ctx ends, the sound stops within
// 100 ms and ctx's error is returned. A card that does not play is a Fault
// with CodeSpeaker.
func (m *ALSASpeaker) Play(ctx context.Context, _ string, s Sound, gainDB float64) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	args := []string{"-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", strconv.Itoa(s.Rate()), "--buffer-time=200000"}
	if m.Device != "" {
		args = append(args, "-D", m.Device)
	}
	c, err := startChild(m.Program, "aplay", r, nil, args...)
	r.Close() // the child has its own
	if err != nil {
		return m.fault(errors.Join(err, w.Close()))
	}
	limit, cancel := context.WithTimeoutCause(ctx, s.Duration()*11/10+10*time.Second, errStuck)
	defer cancel()
	// Whatever ends first, the other end of the pipe lets go.
	defer context.AfterFunc(limit, func() { w.Close() })()
	ferr := feed(w, s, gainDB)
	w.Close() // twice is harmless: aplay plays out what it has, then ends
	werr := c.wait(limit)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limit.Err() != nil:
		return m.fault(errStuck)
	case werr != nil:
		return m.fault(werr)
	}
	return ferr
}

var errStuck = errors.New("aplay did not come to an end")

func (m *ALSASpeaker) fault(err error) error {
	return &Fault{Code: CodeSpeaker, Text: "The loudspeaker does not play.",
		Next: "Check that it is plugged in and that its card's name is right.", Err: err}
}

// feed writes s as raw samples, after a moment of silence for the amplifier
// and with a soft start.
func feed(w io.Writer, s Sound, gainDB float64) error {
	if _, err := w.Write(make([]byte, 2*samplesIn(wake, s.Rate()))); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	var b []byte
	return eachStretch(s, gainDB, func(p []int16) error {
		b = b[:0]
		for _, v := range p {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("play: %w", err)
		}
		return nil
	})
}
