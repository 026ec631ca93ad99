package daemon

import (
	"context"
	"errors"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// ErrInUse says that somebody is using the box, and that a check must wait.
var ErrInUse = errors.New("somebody is using the box; try again when its light is off or breathes")

// Hands are the parts of the box that only one can use: whoever has them sets
// the lights and gets the presses, while the interaction waits.
type Hands struct {
	Panel  panel.Panel
	Inputs <-chan panel.Input
	// Gain is how loud the box is now, in dB; Quiet says that it is not to be
	// heard unasked, and nobody has agreed that it may be.
	Gain  float64
	Quiet bool
	// Volume is the step from 1 to 4 that the box is set to, and KeepVolume
	// changes it until the server sets another one.
	Volume     int
	KeepVolume func(step int)
	// Language is the one that the box speaks.
	Language string
	// Photo says that the camera may be used.
	Photo bool
	// Clock reports whether the box knows the time.
	Clock bool
}

// lending is the time in which somebody else has the box's hands.
type lending struct {
	inputs chan panel.Input
	// held are the events of that time; the interaction gets them after it.
	held []flow.Event
	// yield ends a use that nobody at the box asked for; nil for others.
	yield context.CancelFunc
}

// lendable are the phases in which nobody is in the middle of anything.
var lendable = map[flow.Phase]bool{
	flow.Idle: true, flow.New: true, flow.NewQuiet: true, flow.Heard: true, flow.Queued: true, flow.Draft: true,
	flow.Paused: true, flow.Ended: true, flow.MicFault: true, flow.SelfTesting: true,
}

// Lend gives the box's hands to use and takes them back when it returns. What
// happens meanwhile happens to the interaction afterwards, in order; nothing is
// lost. While somebody answers a whisper it is refused with ErrInUse. Safe from
// any goroutine but the loop's.
func (d *Daemon) Lend(ctx context.Context, use func(context.Context, Hands)) error {
	return d.lend(ctx, protocol.Request{}, use)
}

// lend is Lend for what the server asked, if it did: then a press ends it, since
// whoever presses did not ask, and the box is theirs.
func (d *Daemon) lend(ctx context.Context, by protocol.Request, use func(context.Context, Hands)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	got := make(chan Hands, 1)
	no := make(chan error, 1)
	d.post(ctx, func() {
		if d.lent != nil || !lendable[d.state.Phase] {
			no <- ErrInUse
			return
		}
		h := d.handOver(by.Aloud)
		if by.ID != "" {
			d.lent.yield = cancel
		}
		got <- h
	})
	select {
	case h := <-got:
		// The box is given back whatever ends the use, and not before.
		defer d.post(d.ctx, d.takeBackHands)
		use(ctx, h)
		return ctx.Err()
	case err := <-no:
		return err
	case <-ctx.Done():
		d.post(d.ctx, func() { // behind the question above, so its answer is there
			select {
			case <-got:
				d.takeBackHands()
			default:
			}
		})
		return ctx.Err()
	}
}

// handOver is done in the loop.
func (d *Daemon) handOver(aloud bool) Hands {
	d.player.stop()
	d.lent = &lending{inputs: make(chan panel.Input, 16)}
	return Hands{Panel: d.o.Panel, Inputs: d.lent.inputs, Gain: Gain(d.settings.Volume), Volume: d.settings.Volume,
		KeepVolume: func(step int) { d.post(d.ctx, func() { d.keepVolume(step) }) },
		Quiet:      d.state.Hushed() && !aloud, Language: d.settings.Language, Photo: d.settings.PhotoAllowed, Clock: d.clockKnown()}
}

// takeBackHands lets the interaction go on where it was.
func (d *Daemon) takeBackHands() {
	held := d.lent.held
	d.lent = nil
	d.show()
	for _, e := range held {
		d.step(e)
	}
	d.writeStatus(true)
	d.rested()
}

// heldBack keeps an event for later while the hands are lent.
func (d *Daemon) heldBack(e flow.Event) bool {
	if d.lent == nil {
		return false
	}
	d.lent.held = append(d.lent.held, e)
	return true
}

// lentInput hands a press to who has the hands. That a button was let go which
// the interaction knows as down is its own business: it would wait for it.
func (d *Daemon) lentInput(in panel.Input) bool {
	if d.lent == nil {
		return false
	}
	if d.lent.yield != nil {
		if in.Down {
			d.lent.yield()
		}
		return false // it counts once the box is given back
	}
	select {
	case d.lent.inputs <- in:
	default: // nobody waits for one
	}
	return in.Down || !d.down(in.Button)
}

// down reports whether the interaction believes that a button is pressed.
func (d *Daemon) down(b flow.Button) bool {
	return b >= flow.Main && int(b) <= len(d.state.Keys) && d.state.Keys[b-1].Down
}
