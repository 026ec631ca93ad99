package panel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errNoPWM: no PWM channel leads to the pin, or none is known to.
var errNoPWM = errors.New("no PWM channel leads to it; see dtoverlay=pwm in docs/wiring.md")

// pwmPeriod is 1 kHz: faster than an eye, slow enough for any transistor.
const pwmPeriod = 1_000_000 // ns

// channels are the PWM channels by pin, for the processor's PWM (boards up to
// the Pi 4) and RP1's (Pi 5), by the end of the device's address. The Pi 5 has
// a second PWM, 1f0009c000, whose channel 3 is its fan: it is never touched.
var channels = map[string]map[int]int{
	"20c000.pwm":     {12: 0, 13: 1, 18: 0, 19: 1},
	"1f00098000.pwm": {12: 0, 13: 1, 18: 2, 19: 3},
}

// pwmLED is a light on a pin that a PWM channel dims.
type pwmLED struct {
	duty *os.File
	pin  int
	dark int // nanoseconds that are dark: 0, or the period where inverted
}

// findPWM gives the folder of the PWM chip that leads to a pin, and the
// channel. Chips are known by their device, as their numbers move. trust takes
// the pin's own channel without asking whether an overlay connected it.
func findPWM(root string, pin int, trust bool) (chip string, channel int, err error) {
	all, err := filepath.Glob(filepath.Join("/", root, "sys/class/pwm/pwmchip*"))
	if err != nil {
		return "", 0, fmt.Errorf("look for PWM: %w", err)
	}
	for _, c := range all {
		// pwm-gpio and pwm-pio make a chip for each pin, and name it.
		if b, err := os.ReadFile(filepath.Join(c, "device/of_node/gpios")); err == nil && len(b) >= 8 &&
			binary.BigEndian.Uint32(b[4:]) == uint32(pin) {
			return c, 0, nil
		}
		to, err := filepath.EvalSymlinks(filepath.Join(c, "device"))
		if err != nil {
			continue // a chip without a device is none of the board's
		}
		for address, pins := range channels {
			n, ok := pins[pin]
			if ok && strings.HasSuffix(to, address) && (trust || muxed(root, pin)) {
				return c, n, nil
			}
		}
	}
	return "", 0, errNoPWM
}

// muxed says that the overlay pwm or pwm-2chan gave the pin to its PWM. Asking
// for the line as a GPIO would take it away again.
func muxed(root string, pin int) bool {
	for _, pattern := range []string{"proc/device-tree/soc/gpio@*/pwm_pins*/brcm,pins", "proc/device-tree/axi/pcie@*/rp1/gpio@*/pwm_pins*/brcm,pins"} {
		files, err := filepath.Glob(filepath.Join("/", root, pattern))
		if err != nil {
			return false // the pattern is a constant
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			for ; err == nil && len(b) >= 4; b = b[4:] {
				if binary.BigEndian.Uint32(b) == uint32(pin) {
					return true
				}
			}
		}
	}
	return false
}

// openPWM takes over the channel of a pin and makes it dark.
func openPWM(root string, pin int, invert, trust bool) (*pwmLED, error) {
	chip, channel, err := findPWM(root, pin, trust)
	if err != nil {
		return nil, fmt.Errorf("GPIO %d: %w", pin, err)
	}
	dir := filepath.Join(chip, fmt.Sprintf("pwm%d", channel))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := writeFile(filepath.Join(chip, "export"), channel); err != nil {
			return nil, fmt.Errorf("GPIO %d: take over its PWM: %w", pin, err)
		}
	}
	p := &pwmLED{pin: pin}
	if invert {
		p.dark = pwmPeriod
	}
	// udev gives the new files to our group a moment after they appear.
	for tries := 0; ; tries++ {
		err = p.begin(dir)
		if err == nil {
			return p, nil
		}
		if tries == 20 || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("GPIO %d: set its PWM: %w", pin, err)
		}
		time.Sleep(25 * time.Millisecond)
	}
}

func (p *pwmLED) begin(dir string) error {
	// The duty must never be longer than the period, so it goes first, to 0.
	for _, s := range []struct {
		name  string
		value int
	}{{"duty_cycle", 0}, {"period", pwmPeriod}, {"duty_cycle", p.dark}, {"enable", 1}} {
		err := writeFile(filepath.Join(dir, s.name), s.value)
		// A channel that was never used has no period, and refuses any duty.
		if err != nil && (s.name != "duty_cycle" || s.value != 0) {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "duty_cycle"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	p.duty = f
	return nil
}

func writeFile(name string, value int) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(value))
	return errors.Join(err, f.Close())
}

func (p *pwmLED) set(level float64, _ bool) error {
	on := int(level * pwmPeriod)
	if p.dark != 0 {
		on = pwmPeriod - on
	}
	// A line end, as what stays of a longer number before it is not read.
	if _, err := p.duty.WriteAt([]byte(strconv.Itoa(on)+"\n"), 0); err != nil {
		return fmt.Errorf("dim GPIO %d: %w", p.pin, err)
	}
	return nil
}

func (p *pwmLED) smooth() bool  { return true }
func (p *pwmLED) words() string { return fmt.Sprintf("GPIO %d, dimmed by PWM", p.pin) }

// Close leaves the channel on and dark: switched off, an inverted lamp would
// shine.
func (p *pwmLED) Close() error { return errors.Join(p.set(0, false), p.duty.Close()) }
