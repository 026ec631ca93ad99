package media

import (
	"cmp"
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

// ALSAMicrophone records by arecord, from a card that is named, never numbered:
// numbers change between boots, and each time that a card is pulled out.
type ALSAMicrophone struct {
	// Device is ALSA's own name for it, taken as it is; empty lets Card decide.
	Device string
	// Card is what PickMicrophone looks for at every opening, so that a card
	// that was pulled out and came back is found again.
	Card string
	// Root is where proc and sys are, "/" on a box. Empty, and without a
	// Device, is ALSA's own default.
	Root    string
	Live    *Live
	Program Program // arecord

	hung, gap time.Duration // shorter in tests
	drops     drops
}

// Warning says, in a sentence or two, what is doubtful about the microphone
// although it works: which card was chosen, or that its plug is loose. It is ""
// where all is well.
func (m *ALSAMicrophone) Warning() string {
	return doubts(m.Root, m.Device, m.Card, PickMicrophone, m.drops.often(time.Now()))
}

// doubts joins what picking a card warns of with what was seen of it.
func doubts(root, device, card string, pick func([]Card, string) (Card, string, error), seen string) string {
	if device != "" || root == "" {
		return seen
	}
	cards, err := Cards(root)
	if err != nil {
		return seen // opening says it
	}
	_, warning, err := pick(cards, card)
	if err != nil {
		return seen
	}
	return strings.TrimSpace(warning + " " + seen)
}

// drops counts how often a device went away by itself.
type drops struct {
	mu sync.Mutex
	at []time.Time
}

// A port that gives too little power loses its device again and again
// (hardware.md 11, row 5).
const (
	manyDrops   = 3
	dropsWithin = 10 * time.Minute
)

func (d *drops) add(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = append(d.at, at)
	d.at = d.at[max(0, len(d.at)-manyDrops):]
}

// often is the advice for somebody whose device was lost often of late.
func (d *drops) often(now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.at) < manyDrops || d.at[len(d.at)-1].Sub(d.at[0]) > dropsWithin || now.Sub(d.at[0]) > 24*time.Hour {
		return ""
	}
	return "The microphone went away three times in ten minutes. Use a USB hub with its own power supply."
}

// Open starts arecord and returns once the first sound has come; see
// Recording. A card that is absent, busy or silent for 2 s is a Fault.
func (m *ALSAMicrophone) Open(ctx context.Context, to *os.File, listen Listener) (*Recording, error) {
	return record(ctx, m.Live, to, Rate, listen, func() (source, error) { return m.open(ctx) })
}

// open tries again where that helps: a card may be busy for a moment, and one
// that hangs often works the second time.
func (m *ALSAMicrophone) open(ctx context.Context) (source, error) {
	hangs := 0
	for try := 1; ; try++ {
		device, card, err := m.device()
		if err != nil {
			return nil, err
		}
		a, err := m.start(ctx, device)
		switch {
		case err == nil:
			return a, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, errHung):
			hangs++
		case !isBusy(err):
			return nil, m.fault(err, "")
		}
		if try == tries || hangs > 1 {
			return nil, m.fault(err, card.holder(m.Root, true))
		}
		if err := pause(ctx, m.gap); err != nil {
			return nil, err
		}
	}
}

func (m *ALSAMicrophone) device() (string, Card, error) {
	if m.Device != "" || m.Root == "" {
		return m.Device, Card{}, nil
	}
	cards, err := Cards(m.Root)
	if err != nil {
		return "", Card{}, m.fault(err, "")
	}
	c, _, err := PickMicrophone(cards, m.Card)
	return c.CaptureDevice(), c, err
}

func (m *ALSAMicrophone) start(ctx context.Context, device string) (source, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open microphone: %w", err)
	}
	args := []string{"-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", strconv.Itoa(Rate)}
	if device != "" {
		args = append(args, "-D", device)
	}
	c, err := startChild(m.Program, "arecord", nil, w, args...)
	w.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	a := &arecord{child: c, pipe: r, hung: cmp.Or(m.hung, hung), opening: true, lost: func() { m.drops.add(time.Now()) }}
	// The first sound proves that the card is really there.
	defer context.AfterFunc(ctx, a.Stop)()
	first := make([]int16, Rate/50)
	n, err := a.Read(first)
	a.first, a.opening = first[:n], false
	if n == 0 {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (m *ALSAMicrophone) fault(err error, holder string) error {
	if isBusy(err) {
		return busyFault(CodeMicrophone, "microphone", holder, err)
	}
	return &Fault{Code: CodeMicrophone, Text: "The microphone gives no sound.",
		Next: "Check that it is plugged in and that its card's name is right.", Err: err}
}

// tries is how often a card that is busy is asked for (hardware.md 2.2), and
// between how long to wait.
const (
	tries  = 3
	tryGap = 400 * time.Millisecond
)

func isBusy(err error) bool { return err != nil && strings.Contains(err.Error(), "busy") }

// busyFault names whoever has the card, where that can be seen.
func busyFault(code, part, holder string, err error) error {
	who := "Another program"
	if holder != "" {
		who = "The program " + holder
	}
	return &Fault{Code: code, Text: who + " is using the " + part + ".",
		Next: "Stop that program; a desktop's sound server is the usual one.", Err: err}
}

func pause(ctx context.Context, d time.Duration) error {
	return Pace{}.Sleep(ctx, cmp.Or(d, tryGap))
}

// arecord is a running recorder. It has ended when its pipe has.
type arecord struct {
	*child
	pipe  *os.File
	hung  time.Duration
	first []int16 // read while opening
	odd   []byte  // half a sample
	lost  func()  // tells that it went away by itself

	opening bool
	stops   sync.Once
	stopped atomic.Bool
}

// Stop interrupts arecord, which then writes what it still has. One that gives
// no more is killed by Read's deadline, and one that just goes on is killed as
// well: somebody who has stopped must not be listened to.
func (a *arecord) Stop() {
	a.stops.Do(func() {
		a.stopped.Store(true)
		time.AfterFunc(a.hung, func() {
			if a.signal(syscall.SIGKILL) != nil {
				a.pipe.Close() // Read ends by it
			}
		})
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
		err = errors.Join(errHung, a.kill())
	}
	// arecord answers our own signal with exit code 1, which is success.
	if errors.Is(err, io.EOF) && !a.stopped.Load() {
		if !a.opening {
			a.lost()
		}
		err = errors.Join(errLost, a.kill(), a.failure())
	}
	return n / 2, err
}

var errHung = errors.New("arecord gave no sound for too long")

// Close makes sure that the program is gone, and with it the open device.
func (a *arecord) Close() error {
	return errors.Join(a.kill(), a.pipe.Close())
}
