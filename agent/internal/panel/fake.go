package panel

import (
	"sync"
	"time"

	"illumi/agent/internal/flow"
)

// Fake is a panel without a box: a script presses, and everything shown is
// kept.
type Fake struct {
	in inputs

	mu        sync.Mutex
	lamps     []flow.Lamps
	recording bool
	closed    bool
}

// NewFake gives a dark panel.
func NewFake() *Fake { return &Fake{in: newInputs()} }

// Inputs gives what Press and Release were called with.
func (f *Fake) Inputs() <-chan Input { return f.in.c }

// Press and Release report whether the press was taken.
func (f *Fake) Press(b flow.Button) bool { return f.put(b, true) }

// Release lets the button go.
func (f *Fake) Release(b flow.Button) bool { return f.put(b, false) }

func (f *Fake) put(b flow.Button, down bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.in.put(Input{Button: b, Down: down, At: time.Now()})
}

// Show keeps the lamps where they differ from the last.
func (f *Fake) Show(l flow.Lamps, _ float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.lamps); n == 0 || f.lamps[n-1] != l {
		f.lamps = append(f.lamps, l)
	}
}

// Recording keeps the red light.
func (f *Fake) Recording(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recording = on
}

// Lamps gives all that was shown, in order, and the red light as it is.
func (f *Fake) Lamps() (shown []flow.Lamps, recording bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append(shown, f.lamps...), f.recording
}

// Close ends Inputs. It may be repeated.
func (f *Fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	close(f.in.done)
	close(f.in.c)
	return nil
}
