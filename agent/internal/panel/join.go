package panel

import (
	"errors"
	"sync"

	"illumi/agent/internal/flow"
)

// Joined is several panels that act as one: each shows everything, and a press
// on any of them counts.
type Joined struct {
	panels []Panel
	in     chan Input
	wait   sync.WaitGroup
	done   chan struct{}
	once   sync.Once
	err    error
}

// Join makes one panel of several, and closes them with itself.
func Join(panels ...Panel) *Joined {
	j := &Joined{panels: panels, in: make(chan Input), done: make(chan struct{})}
	for _, p := range panels {
		j.wait.Go(func() {
			for in := range p.Inputs() {
				select {
				case j.in <- in:
				case <-j.done:
					return
				}
			}
		})
	}
	return j
}

// Inputs gives the presses of all panels.
func (j *Joined) Inputs() <-chan Input { return j.in }

// Show sets the lights on all panels.
func (j *Joined) Show(l flow.Lamps, voice float64) {
	for _, p := range j.panels {
		p.Show(l, voice)
	}
}

// Recording sets the red light on all panels.
func (j *Joined) Recording(on bool) {
	for _, p := range j.panels {
		p.Recording(on)
	}
}

// Update goes to those panels that have a screen.
func (j *Joined) Update(v View) {
	for _, p := range j.panels {
		if s, ok := p.(interface{ Update(View) }); ok {
			s.Update(v)
		}
	}
}

// Close closes all panels and waits for them.
func (j *Joined) Close() error {
	j.once.Do(func() {
		close(j.done)
		var errs []error
		for _, p := range j.panels {
			errs = append(errs, p.Close())
		}
		j.wait.Wait()
		close(j.in)
		j.err = errors.Join(errs...)
	})
	return j.err
}
