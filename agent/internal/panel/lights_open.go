package panel

import (
	"errors"
	"fmt"
)

// attach opens the lamps of a wiring, those of the board only where b is not
// nil. What cannot be opened is told to fail, by the name of its part, and the
// rest works. It says how the main light and the red one are driven.
func (l *lights) attach(o GPIOOptions, b board, fail func(part string, err error)) (light, redLight string) {
	w := o.Wiring
	var (
		main  emitter
		red   output
		lamps [3]output
		err   error
	)
	// The red light comes first: nothing may be recorded without it.
	if w.Red != nil && b != nil {
		if red, err = b.output(*w.Red.GPIO, w.Red.Invert); err != nil {
			fail("red", fmt.Errorf("the red light cannot be used: %w", err))
			red = nil
		} else {
			redLight = fmt.Sprintf("GPIO %d", *w.Red.GPIO)
		}
	}
	if w.Light != nil {
		main, err = openLight(*w.Light, o, b)
		if err != nil {
			fail("light", fmt.Errorf("the light cannot be used: %w", err))
			main = nil
		}
	}
	for i, lamp := range w.Lamps {
		if lamp == nil || b == nil {
			continue
		}
		out, err := b.output(*lamp.GPIO, lamp.Invert)
		if err != nil {
			fail("lamps", fmt.Errorf("the lamp of button %d cannot be used: %w", i+1, err))
			continue
		}
		lamps[i] = out
	}
	l.put(main, red, lamps)
	if main != nil {
		light = main.words()
	}
	return light, redLight
}

// errNoBoard stands for a chip that is missing and was reported already.
var errNoBoard = errors.New("there are no GPIO pins")

// openLight opens a main light of any kind.
func openLight(w Light, o GPIOOptions, b board) (emitter, error) {
	if w.LEDs > 0 {
		return openAPA102(w, o.spi)
	}
	if b == nil {
		return nil, errNoBoard
	}
	if w.GPIO != nil {
		return openPin(*w.GPIO, w, o.Root, b)
	}
	var one [3]emitter
	for i, pin := range w.RGB {
		e, err := openPin(pin, w, o.Root, b)
		if err != nil {
			for _, opened := range one[:i] {
				err = errors.Join(err, opened.Close())
			}
			return nil, err
		}
		one[i] = e
	}
	return &rgbLED{one}, nil
}

// openPin opens one pin: dimmed by PWM where it can be, else on and off.
func openPin(pin int, w Light, root string, b board) (emitter, error) {
	if w.PWM != "no" {
		p, err := openPWM(root, pin, w.Invert, w.PWM == "yes")
		switch {
		case err == nil:
			return p, nil
		case w.PWM == "yes" || !errors.Is(err, errNoPWM):
			return nil, err
		}
	}
	out, err := b.output(pin, w.Invert)
	if err != nil {
		return nil, err
	}
	return &pinLED{out: out, pin: pin}, nil
}
