// Package media is the box's ears, mouth, eye and picture frame: it records,
// plays, photographs and shows. It is the only package that starts other
// programs. Whatever opens a microphone or a camera does so through Live, so
// that the red light and the device cannot disagree.
package media

import (
	"context"
	"time"
)

// Codes of what can fail at the edge (people.md 2.5).
const (
	CodeMicrophone = "E_MIC"
	CodeSpeaker    = "E_SPK"
	CodeCamera     = "E_CAM"
	CodeMedia      = "E_MEDIA"
)

// Fault is a failure of a part or a file, in words for the person who can
// mend it.
type Fault struct {
	Code string // stable, one of the Code constants
	Text string // one plain sentence
	Next string // what to do
	Err  error  // the cause, for the log; may be nil
}

func (f *Fault) Error() string {
	s := f.Text
	if f.Next != "" {
		s += " " + f.Next
	}
	if f.Err != nil {
		s += " (" + f.Code + ": " + f.Err.Error() + ")"
		return s
	}
	return s + " (" + f.Code + ")"
}

func (f *Fault) Unwrap() error { return f.Err }

// Pace is how fast the world of simulated parts goes. The zero value is real
// time; Speed 50 plays, speaks and waits fifty times as fast.
type Pace struct{ Speed float64 }

func (p Pace) speed() float64 {
	if p.Speed <= 0 {
		return 1
	}
	return p.Speed
}

// Real gives how long d of the simulated world lasts on the wall.
func (p Pace) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / p.speed())
}

// Since gives how much of the simulated world has passed since t.
func (p Pace) Since(t time.Time) time.Duration {
	return time.Duration(float64(time.Since(t)) * p.speed())
}

// Sleep waits for d of the simulated world, or until ctx ends and then gives
// its error.
func (p Pace) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(p.Real(d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
