package panel

import (
	"errors"
	"fmt"
)

// pinLED is a light on one pin that is on or off.
type pinLED struct {
	out output
	pin int
}

func (p *pinLED) set(level float64, _ bool) error { return p.out.set(level > 0) }
func (p *pinLED) smooth() bool                    { return false }
func (p *pinLED) words() string                   { return fmt.Sprintf("GPIO %d, on and off", p.pin) }
func (p *pinLED) Close() error                    { return p.out.Close() }

// The light's two colours, as shares of red, green and blue. Blue is left weak:
// an older eye sees little of it (people.md P14).
var (
	warmWhite = [3]float64{1, 0.63, 0.32}
	amberHue  = [3]float64{1, 0.36, 0}
)

func hue(amber bool) [3]float64 {
	if amber {
		return amberHue
	}
	return warmWhite
}

// rgbLED is a light of three pins. Where they are only on or off white is all
// of them, and amber red with green.
type rgbLED struct {
	one [3]emitter // red, green, blue
}

func (r *rgbLED) smooth() bool {
	return r.one[0].smooth() && r.one[1].smooth() && r.one[2].smooth()
}

func (r *rgbLED) words() string {
	return "red " + r.one[0].words() + "; green " + r.one[1].words() + "; blue " + r.one[2].words()
}

func (r *rgbLED) set(level float64, amber bool) error {
	shares := hue(amber)
	var errs []error
	for i, e := range r.one {
		errs = append(errs, e.set(level*shares[i], amber))
	}
	return errors.Join(errs...)
}

func (r *rgbLED) Close() error {
	var errs []error
	for _, e := range r.one {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}
