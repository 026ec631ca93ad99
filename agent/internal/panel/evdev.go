package panel

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"illumi/agent/internal/flow"
)

// rescan is how often input devices are looked for: one that is plugged in is
// used that soon.
const rescan = 5 * time.Second

// EvdevOptions say which keys are a box's buttons.
type EvdevOptions struct {
	Wiring Wiring
	Log    *slog.Logger // nil is silence
	// Root is where /dev/input and /sys/class/input are looked for; "" is the
	// machine's own.
	Root string
}

// Evdev is a box whose buttons are keys of input devices: a USB button, arcade
// encoder, foot pedal or keyboard, or a gpio-key overlay. It has no lights.
// Devices may come and go.
type Evdev struct {
	in   inputs
	o    EvdevOptions
	keys []boundKey
	wait sync.WaitGroup
	from chan keyNews

	mu      sync.Mutex
	bank    *bank
	devices map[string]*inputDevice // by path
	denied  error
	closed  bool
}

// boundKey is one key of one button.
type boundKey struct {
	code   uint16
	device string
	grab   bool
	i      int // of the button's contact
}

// keyNews is what a device's reader found.
type keyNews struct {
	device *inputDevice
	code   uint16
	down   bool
	resync bool  // events were lost: what is down must be asked
	err    error // the device is gone
}

// OpenEvdev connects the wiring's keys. An error is about the wiring; that no
// device is plugged in is none.
func OpenEvdev(o EvdevOptions) (*Evdev, error) {
	if err := o.Wiring.Check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e := &Evdev{in: newInputs(), o: o, from: make(chan keyNews), devices: map[string]*inputDevice{}}
	e.bank = newBank(e.in.put)
	now := time.Now()
	for n, b := range o.Wiring.Buttons {
		if len(b.Keys) == 0 {
			continue
		}
		var names []string
		i := e.bank.add(flow.Main+flow.Button(n), "", now)
		for _, k := range b.Keys {
			code, err := keyCode(string(k))
			if err != nil {
				return nil, err
			}
			names = append(names, string(k))
			e.keys = append(e.keys, boundKey{code: code, device: b.Device, grab: b.Grab, i: i})
		}
		e.bank.contacts[i].Source = list(names, "or")
	}
	e.bank.begin(make([]bool, len(e.bank.contacts)), now)
	e.look()
	e.wait.Go(e.run)
	return e, nil
}

// Inputs gives debounced presses and releases.
func (e *Evdev) Inputs() <-chan Input { return e.in.c }

// Show does nothing: there are no lights.
func (e *Evdev) Show(flow.Lamps, float64) {}

// Recording does nothing: there is no red light.
func (e *Evdev) Recording(bool) {}

// Levels tells how every button stands now.
func (e *Evdev) Levels() []Contact {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bank.state()
}

// Devices names the devices in use, in words; none is a reason to look at the
// plug. The error says why one that is there cannot be read.
func (e *Evdev) Devices() ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for _, d := range e.devices {
		names = append(names, d.name)
	}
	slices.Sort(names)
	return names, e.denied
}

// look opens devices that have one of the keys and are not open yet.
func (e *Evdev) look() {
	found, err := inputDevices(e.o.Root)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.denied = err
	for _, f := range found {
		keys := e.wanted(f)
		if len(keys) == 0 || e.devices[f.path] != nil || e.closed {
			continue
		}
		if err := f.open(slices.ContainsFunc(keys, func(k boundKey) bool { return k.grab })); err != nil {
			e.denied = errors.Join(e.denied, fmt.Errorf("%s cannot be read; add the user to the group input: %w", f.name, err))
			continue
		}
		f.keys = keys
		e.devices[f.path] = f
		e.o.Log.Info("button connected", "device", f.name)
		e.wait.Go(func() { f.read(e.from, e.in.done) })
	}
}

// wanted are the keys of ours that a device has.
func (e *Evdev) wanted(f *inputDevice) (keys []boundKey) {
	for _, k := range e.keys {
		if f.has(k.code) && f.called(k.device) {
			keys = append(keys, k)
		}
	}
	return keys
}

// run debounces, and looks for devices now and then.
func (e *Evdev) run() {
	tick := time.NewTicker(rescan)
	defer tick.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		e.mu.Lock()
		if at, ok := e.bank.due(); ok {
			timer.Reset(max(time.Until(at), time.Millisecond))
		}
		e.mu.Unlock()
		select {
		case <-e.in.done:
			return
		case n := <-e.from:
			e.take(n)
		case <-timer.C:
		case <-tick.C:
			e.look()
		}
		e.mu.Lock()
		e.bank.settle(time.Now())
		e.mu.Unlock()
	}
}

// take takes what a device's reader found.
func (e *Evdev) take(n keyNews) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case n.err != nil:
		delete(e.devices, n.device.path)
		n.device.down = map[uint16]bool{}
		e.o.Log.Warn("button lost", "device", n.device.name, "error", errors.Join(n.err, n.device.file.Close()))
	case n.resync:
		n.device.down = n.device.pressed()
	default:
		n.device.down[n.code] = n.down
	}
	now := time.Now()
	down := e.downLocked()
	for i, c := range e.bank.contacts {
		if c.raw != down[i] {
			e.bank.edge(i, down[i], now)
		}
	}
}

// downLocked tells which buttons have a key that is down on any device.
func (e *Evdev) downLocked() []bool {
	down := make([]bool, len(e.bank.contacts))
	for d := range maps.Values(e.devices) {
		for _, k := range d.keys {
			if d.down[k.code] {
				down[k.i] = true
			}
		}
	}
	return down
}

// Close lets all devices go and waits for what runs.
func (e *Evdev) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	close(e.in.done)
	var errs []error
	for _, d := range e.devices {
		errs = append(errs, d.file.Close()) // ends a read that waits
	}
	e.mu.Unlock()
	e.wait.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.in.c)
	return errors.Join(errs...)
}
