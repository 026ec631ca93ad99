package panel

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"illumi/agent/internal/beat"
	"illumi/agent/internal/flow"
)

const (
	// quietWait is how long a wait for an edge lasts while nothing happens, and
	// busyWait while a button is down. Edges end it at once; the levels are read
	// again after it, in case an edge was lost.
	quietWait = time.Minute
	busyWait  = 500 * time.Millisecond
	// faultWait is instead of quietWait while a part is missing: the red light may
	// be what waits to be tried again.
	faultWait = 5 * time.Second
	// firstRetry and lastRetry bound the pause before a lost chip is looked for
	// again (hardware.md 1.3).
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// GPIOOptions say what a GPIO panel drives.
type GPIOOptions struct {
	Wiring Wiring
	// Log gets a line when the chip is found, lost, or a part does not work.
	// Nil is silence.
	Log *slog.Logger
	// Root is where /sys, /dev and /proc are looked for; "" is the machine's
	// own. GPIO chips and SPI are always the machine's own.
	Root string

	find func() (board, error)                     // tests have no chip
	spi  func(path string) (io.WriteCloser, error) // and no SPI
}

// Fault is a part that does not work now.
type Fault struct {
	// Part is "chip", "buttons", "light", "red" or "lamps".
	Part string
	Err  error
}

// GPIOStatus is how the hardware stands, for doctor and health.
type GPIOStatus struct {
	// Chip is the label of the chip in use; "" while there is none.
	Chip string
	// Light and Red say how the main and the red light are driven, in words;
	// "" while they are not.
	Light  string
	Red    string
	Faults []Fault
}

// board is a GPIO chip that was found. Pins are numbered as on the header.
type board interface {
	label() string
	// watch takes over the lines of switches.
	watch([]gpioSwitch) (watched, error)
	// output takes over a line and drives it to be dark.
	output(pin int, invert bool) (output, error)
}

// watched is a set of lines with switches, in the order in which they were
// asked for.
type watched interface {
	// wait gives the next edge, or ok=false after d or when it was halted. It
	// must be called by one goroutine only, d must be above 0.
	wait(d time.Duration) (i int, high, ok bool, err error)
	// levels reads all lines.
	levels() ([]bool, error)
	// halt ends a wait that has begun.
	halt()
	io.Closer
}

// output is a line with a lamp; closing it leaves it dark.
type output interface {
	set(on bool) error
	io.Closer
}

// GPIO is a box with buttons and lamps on the board's pins. It lives through
// the loss of the chip: buttons are let go, the chip is looked for again, and
// the lights are as they should be once it is back.
type GPIO struct {
	in     inputs
	o      GPIOOptions
	pins   []gpioSwitch
	lights *lights
	wait   sync.WaitGroup
	kick   chan struct{} // something failed: look again
	again  chan struct{} // tells of a new status

	mu     sync.Mutex
	bank   *bank
	sw     watched
	status GPIOStatus
	told   string // status as logged last
	closed bool
}

// begin checks the options and fills in what was left out.
func (o *GPIOOptions) begin() error {
	if err := o.Wiring.Check(); err != nil {
		return err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.find == nil {
		o.find = findBoard
	}
	if o.spi == nil {
		o.spi = openSPI
	}
	return nil
}

// Dark puts all lamps of a wiring out. It is for whoever cleans up after an
// agent that was killed: a line may keep its level then (hardware.md 9).
func Dark(o GPIOOptions) error {
	if err := o.begin(); err != nil {
		return err
	}
	b, err := o.find()
	if err != nil {
		return err
	}
	var errs []error
	l := newLights(func(_ string, err error) { errs = append(errs, err) })
	l.attach(o, b, func(_ string, err error) { errs = append(errs, err) })
	return errors.Join(errors.Join(errs...), l.close())
}

// OpenGPIO connects buttons and lamps as wired. An error is about the wiring
// (see Wiring.Check). A board without a GPIO header, or a pin that is in use,
// is none: Status tells, and the panel keeps trying.
func OpenGPIO(o GPIOOptions) (*GPIO, error) {
	if err := o.begin(); err != nil {
		return nil, err
	}
	g := &GPIO{in: newInputs(), o: o, pins: o.Wiring.gpioSwitches(), kick: make(chan struct{}, 1), again: make(chan struct{}, 1)}
	g.lights = newLights(g.lost)
	g.bank = newBank(g.in.put)
	now := time.Now()
	for _, p := range g.pins {
		g.bank.add(p.button, fmt.Sprintf("GPIO %d", p.pin), now)
	}
	g.attach()
	g.wait.Go(g.run)
	return g, nil
}

// Inputs gives debounced presses and releases.
func (g *GPIO) Inputs() <-chan Input { return g.in.c }

// Show sets the lights before it returns.
func (g *GPIO) Show(l flow.Lamps, voice float64) { g.lights.show(l, voice) }

// Recording sets the red light before it returns. Where that fails Status has
// a fault of the part "red".
func (g *GPIO) Recording(on bool) { g.lights.recording(on) }

// Status tells how the hardware stands now.
func (g *GPIO) Status() GPIOStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.status
	s.Faults = append([]Fault(nil), s.Faults...)
	return s
}

// Changes tells that Status is another one. It holds one piece of news.
func (g *GPIO) Changes() <-chan struct{} { return g.again }

// Levels tells how every switch stands now.
func (g *GPIO) Levels() []Contact {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bank.state()
}

// CoverShut tells whether the lens is covered; known is false where there is
// no switch on the cover, or no chip.
func (g *GPIO) CoverShut() (shut, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, p := range g.pins {
		if p.button == coverSwitch {
			return g.bank.contacts[i].Down, g.sw != nil
		}
	}
	return false, false
}

// lost is told that a light cannot be driven any more.
func (g *GPIO) lost(part string, err error) {
	g.mu.Lock()
	g.faultLocked(part, err)
	g.haltLocked()
	g.mu.Unlock()
	select {
	case g.kick <- struct{}{}:
	default:
	}
}

func (g *GPIO) haltLocked() {
	if g.sw != nil {
		g.sw.halt()
	}
}

func (g *GPIO) faultLocked(part string, err error) {
	for i, f := range g.status.Faults {
		if f.Part == part {
			g.status.Faults[i].Err = err
			return
		}
	}
	g.status.Faults = append(g.status.Faults, Fault{part, err})
}

// tell logs a status that was not logged yet, and lets the daemon know.
func (g *GPIO) tell() {
	g.mu.Lock()
	s, words := g.status, ""
	s.Faults = slices.Clone(s.Faults) // a light may fail meanwhile
	for _, f := range s.Faults {
		words += f.Part + ": " + f.Err.Error() + "; "
	}
	fresh := g.told != s.Chip+words
	g.told = s.Chip + words
	g.mu.Unlock()
	if !fresh {
		return
	}
	for _, f := range s.Faults {
		g.o.Log.Warn("a part of the panel does not work", "part", f.Part, "error", f.Err)
	}
	if s.Chip != "" {
		g.o.Log.Info("buttons and lights connected", "chip", s.Chip, "light", s.Light, "red", s.Red, "faults", len(s.Faults))
	}
	select {
	case g.again <- struct{}{}:
	default:
	}
}

// attach connects everything that can be connected.
func (g *GPIO) attach() {
	b, err := g.o.find()
	g.mu.Lock()
	g.status = GPIOStatus{}
	if err != nil {
		g.faultLocked("chip", err)
	} else {
		g.status.Chip = b.label()
	}
	g.mu.Unlock()
	fail := func(part string, err error) {
		g.mu.Lock()
		g.faultLocked(part, err)
		g.mu.Unlock()
	}
	if err == nil {
		g.attachSwitches(b, fail)
	}
	light, red := g.lights.attach(g.o, b, fail) // lights on SPI need no chip
	g.mu.Lock()
	g.status.Light, g.status.Red = light, red
	g.mu.Unlock()
	g.tell()
}

func (g *GPIO) attachSwitches(b board, fail func(string, error)) {
	if len(g.pins) == 0 {
		return
	}
	sw, err := b.watch(g.pins)
	if err != nil {
		fail("buttons", err)
		return
	}
	high, err := sw.levels()
	if err != nil {
		fail("buttons", errors.Join(err, sw.Close()))
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sw = sw
	g.bank.begin(g.pressed(high), time.Now())
}

func (g *GPIO) pressed(high []bool) []bool {
	down := make([]bool, len(high))
	for i, h := range high {
		down[i] = g.pins[i].pressed(h)
	}
	return down
}

// detach lets everything go, in the dark.
func (g *GPIO) detach() {
	if err := g.lights.detach(); err != nil {
		g.o.Log.Debug("let the lamps' lines go", "error", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bank.release(time.Now())
	if g.sw == nil {
		return
	}
	if err := g.sw.Close(); err != nil {
		g.o.Log.Debug("let the buttons' lines go", "error", err)
	}
	g.sw = nil
}

// run watches the switches, and looks for what is missing.
func (g *GPIO) run() {
	pause := firstRetry
	for {
		began := time.Now()
		err := g.watch(pause)
		if g.ended() {
			return
		}
		if err != nil {
			g.mu.Lock()
			g.status = GPIOStatus{}
			g.faultLocked("chip", err)
			g.mu.Unlock()
			g.tell()
		}
		if time.Since(began) > lastRetry && err != nil {
			pause = firstRetry // it worked for a while
		} else {
			pause = min(2*pause, lastRetry)
		}
		g.detach()
		if err != nil && !g.rest(pause) {
			return
		}
		g.attach()
	}
}

// watch returns with an error when the switches are lost, and without when it
// is time to try for what is missing.
func (g *GPIO) watch(pause time.Duration) error {
	g.mu.Lock()
	sw := g.sw
	g.mu.Unlock()
	again := time.Now().Add(pause)
	if sw == nil {
		return g.watchNothing(pause)
	}
	for {
		if g.ended() {
			return nil
		}
		i, high, ok, err := sw.wait(g.patience())
		if err != nil {
			return fmt.Errorf("the buttons' chip is gone: %w", err)
		}
		levels, err := sw.levels()
		if err != nil {
			return fmt.Errorf("the buttons cannot be read: %w", err)
		}
		select {
		case <-g.kick: // a lamp failed
			g.tell()
		default:
		}
		now := time.Now()
		g.mu.Lock()
		if ok {
			g.bank.edge(i, g.pins[i].pressed(high), now)
		}
		g.bank.levels(g.pressed(levels), now)
		g.bank.settle(now)
		// Not while somebody presses, nor while the red light must not flicker.
		due := len(g.status.Faults) > 0 && now.After(again) && g.bank.idle() && !g.lights.red()
		g.mu.Unlock()
		if due {
			return nil
		}
	}
}

// watchNothing waits where no switch can be watched.
func (g *GPIO) watchNothing(pause time.Duration) error {
	if len(g.Status().Faults) > 0 {
		g.rest(pause)
		return nil
	}
	select { // all is well, as there are lights alone
	case <-g.kick:
	case <-g.in.done:
	}
	return nil
}

// rest waits; false says that the panel is being closed.
func (g *GPIO) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.in.done:
		return false
	}
}

// patience is how long to wait for an edge.
func (g *GPIO) patience() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.bank.due()
	switch {
	case !ok && g.bank.idle() && len(g.status.Faults) > 0:
		return faultWait
	case !ok && g.bank.idle():
		return beat.Next(quietWait)
	case !ok:
		return busyWait
	}
	return max(time.Until(at), time.Millisecond)
}

func (g *GPIO) ended() bool {
	select {
	case <-g.in.done:
		return true
	default:
		return false
	}
}

// Close puts all lights out, lets the lines go and waits for what runs.
func (g *GPIO) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	close(g.in.done)
	g.mu.Unlock()
	ended := make(chan struct{})
	go func() { g.wait.Wait(); close(ended) }()
	// A halt between two waits is lost (hardware.md 1.2), so it is repeated.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		g.mu.Lock()
		g.haltLocked()
		g.mu.Unlock()
		select {
		case <-ended:
			waiting = false
		case <-tick.C:
		}
	}
	err := g.lights.close()
	g.detach()
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.in.c)
	return err
}
