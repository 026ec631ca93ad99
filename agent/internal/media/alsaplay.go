package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// ALSASpeaker plays by aplay, on a card that is named, never numbered.
type ALSASpeaker struct {
	// Device, Card and Root are those of ALSAMicrophone.
	Device, Card, Root string
	Program            Program // aplay

	gap time.Duration // shorter in tests
}

// Warning says what is doubtful about which card was chosen; "" where nothing is.
func (m *ALSASpeaker) Warning() string { return doubts(m.Root, m.Device, m.Card, PickSpeaker, "") }

// Play plays s to its end and closes it. When ctx ends, the sound stops within
// 100 ms and ctx's error is returned. A card that does not play is a Fault
// with CodeSpeaker; one that is busy is asked for three times.
func (m *ALSASpeaker) Play(ctx context.Context, _ string, s Sound, gainDB float64) (err error) {
	again := &rewind{Sound: s}
	defer func() { err = errors.Join(err, s.Close()) }()
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		device, card, err := m.device()
		if err != nil {
			return err
		}
		err = m.play(ctx, device, again, gainDB)
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case !isBusy(err):
			if _, ok := errors.AsType[*Fault](err); ok {
				return err // of the sound itself
			}
			return m.fault(err)
		case try == tries || !again.back():
			return busyFault(CodeSpeaker, "loudspeaker", card.holder(m.Root, false), err)
		}
		if err := pause(ctx, m.gap); err != nil {
			return err
		}
	}
}

func (m *ALSASpeaker) device() (string, Card, error) {
	if m.Device != "" || m.Root == "" {
		return m.Device, Card{}, nil
	}
	cards, err := Cards(m.Root)
	if err != nil {
		return "", Card{}, m.fault(err)
	}
	c, _, err := PickSpeaker(cards, m.Card)
	return c.PlaybackDevice(), c, err
}

// play plays what is left of s once.
func (m *ALSASpeaker) play(ctx context.Context, device string, s Sound, gainDB float64) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("play: %w", err)
	}
	args := []string{"-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", strconv.Itoa(s.Rate()), "--buffer-time=200000"}
	if device != "" {
		args = append(args, "-D", device)
	}
	c, err := startChild(m.Program, "aplay", r, nil, args...)
	r.Close() // the child has its own
	if err != nil {
		return errors.Join(err, w.Close())
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
		return errStuck
	case werr != nil:
		return werr
	}
	return ferr
}

var errStuck = errors.New("aplay did not come to an end")

func (m *ALSASpeaker) fault(err error) error {
	return &Fault{Code: CodeSpeaker, Text: "The loudspeaker does not play.",
		Next: "Check that it is plugged in and that its card's name is right.", Err: err}
}

// mostRewound is more than a pipe holds, hence more than is read of a sound
// before its card is open; longer sounds are not kept.
const mostRewound = 1 << 18

// rewind lets a sound begin once more, as long as little of it was read.
type rewind struct {
	Sound
	kept []int16
	at   int
	gone bool // more was read than is kept
}

func (r *rewind) back() bool {
	r.at = 0
	return !r.gone
}

func (r *rewind) Duration() time.Duration {
	return r.Sound.Duration() + lasting(int64(len(r.kept)-r.at), r.Rate())
}

func (r *rewind) Read(p []int16) (int, error) {
	if r.at < len(r.kept) {
		n := copy(p, r.kept[r.at:])
		r.at += n
		return n, nil
	}
	n, err := r.Sound.Read(p)
	switch {
	case r.gone:
	case len(r.kept)+n > mostRewound:
		r.kept, r.at, r.gone = nil, 0, true
	default:
		r.kept = append(r.kept, p[:n]...)
		r.at = len(r.kept)
	}
	return n, err
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
