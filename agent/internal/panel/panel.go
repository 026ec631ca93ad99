// Package panel is the box's face: buttons in, lights out. What a light does
// follows from a pattern and the time, and whether a press was one follows
// from levels and times, both as pure code; the rest are places to show it: a
// terminal, a page in a browser, a script in a test.
package panel

import (
	"time"

	"illumi/agent/internal/flow"
)

// Input is one accepted change of a button: debounced, but not locked out;
// lock-outs are the interaction's.
type Input struct {
	Button flow.Button
	Down   bool
	At     time.Time
}

// Panel is what the daemon needs of a box's face.
type Panel interface {
	// Inputs gives presses and releases, in order. It is closed when the panel
	// is. A press that nobody takes within moments is dropped: it was meant
	// for what the box did then.
	Inputs() <-chan Input
	// Show sets the lights; voice (0..1) is how loud somebody speaks, for the
	// pattern that follows it. It is quick and may be called at any time.
	Show(lamps flow.Lamps, voice float64)
	// Recording turns the red light on or off. It returns only once the light
	// has changed, as the device is opened after it.
	Recording(on bool)
	// Close puts the lights out, ends what runs, and waits for it.
	Close() error
}

// View is what a screen panel tells besides the lights.
type View struct {
	// State is the interaction's state, as a word.
	State string
	// Prompt is the sentence that was spoken last.
	Prompt string
	// Picture is the file that the box's screen shows; empty is a dark screen.
	Picture string
	// Words stand beside the picture.
	Words string
	// Online and Waiting say how the box stands with its server: connected, and
	// how many replies are saved here but not yet sent.
	Online  bool
	Waiting int
	// Refusal is why the server does not let the box in; empty where it does.
	Refusal string
}

// inputs is the channel that every panel hands out, safe to be closed while
// others still press.
type inputs struct {
	c    chan Input
	done chan struct{}
}

// depth holds a few presses while the daemon is busy; more are an accident.
const depth = 16

func newInputs() inputs {
	return inputs{c: make(chan Input, depth), done: make(chan struct{})}
}

// put gives in to the daemon, or drops it where nobody listens. It reports
// whether it was taken.
func (i inputs) put(in Input) bool {
	select {
	case <-i.done:
		return false
	default:
	}
	select {
	case i.c <- in:
		return true
	default:
		return false
	}
}
