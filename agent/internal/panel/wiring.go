package panel

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"illumi/agent/internal/flow"
)

// lastPin is the highest GPIO of the 40-pin header, on every board since 2014.
const lastPin = 27

// Wiring says where a box's buttons and lamps are connected. GPIO numbers are
// the processor's (BCM), not the header's.
type Wiring struct {
	// Profile is what it began from.
	Profile string `json:"profile,omitempty"`
	// Buttons in their order: main, second, third.
	Buttons []Switch `json:"buttons,omitempty"`
	// Light is the main light, L1.
	Light *Light `json:"light,omitempty"`
	// Red is the recording light, L2.
	Red *Lamp `json:"red,omitempty"`
	// Lamps are inside the buttons, in their order; null is none.
	Lamps []*Lamp `json:"lamps,omitempty"`
	// Cover is a switch that closes when the lens is covered.
	Cover *Switch `json:"cover,omitempty"`

	reserved map[int]string // what a HAT uses
}

// Switch is one button: on a GPIO, or a key of an input device.
type Switch struct {
	GPIO *int `json:"gpio,omitempty"`
	// Pull is "up" (the switch leads to ground; the default), "down" (it leads
	// to 3.3 V) or "none" (the board has its own resistor, to 3.3 V).
	Pull string `json:"pull,omitempty"`
	// Invert is for a switch that is normally closed.
	Invert bool `json:"invert,omitempty"`

	// Keys are names (KEY_SPACE) or numbers of keys, each of which presses the
	// button.
	Keys []Key `json:"keys,omitempty"`
	// Device is a part of an input device's name or path; "" is any that has
	// one of the keys.
	Device string `json:"device,omitempty"`
	// Grab keeps the device's keys from everybody else, such as a console.
	Grab bool `json:"grab,omitempty"`
}

// Key is a key's name, or its number as text.
type Key string

// UnmarshalJSON takes numbers as well: YAML reads 288 as one.
func (k *Key) UnmarshalJSON(b []byte) error {
	var n int
	if err := json.Unmarshal(b, &n); err == nil {
		*k = Key(strconv.Itoa(n))
		return nil
	}
	return json.Unmarshal(b, (*string)(k))
}

// Lamp is a lamp that is on or off.
type Lamp struct {
	GPIO *int `json:"gpio,omitempty"`
	// Invert is for a lamp that shines when its line is low.
	Invert bool `json:"invert,omitempty"`
}

// Light is the main light: one pin, three pins for red, green and blue, or a
// number of APA102 lights on SPI.
type Light struct {
	GPIO   *int  `json:"gpio,omitempty"`
	RGB    []int `json:"rgb,omitempty"`
	Invert bool  `json:"invert,omitempty"`
	// PWM is "auto" (dims where an overlay gives the pin a PWM channel; the
	// default), "yes" (trust that the pin's own channel leads to it) or "no".
	PWM string `json:"pwm,omitempty"`
	// LEDs is how many APA102 lights there are, SPI their device.
	LEDs int    `json:"leds,omitempty"`
	SPI  string `json:"spi,omitempty"`
}

// HasGPIO says that a GPIO panel has something to do.
func (w Wiring) HasGPIO() bool {
	for _, b := range w.Buttons {
		if b.GPIO != nil {
			return true
		}
	}
	return w.Light != nil || w.Red != nil || w.Cover != nil || len(w.Lamps) > 0
}

// HasKeys says that an evdev panel has something to do.
func (w Wiring) HasKeys() bool {
	for _, b := range w.Buttons {
		if len(b.Keys) > 0 {
			return true
		}
	}
	return false
}

// First gives the wiring of a box with that many buttons.
func (w Wiring) First(buttons int) Wiring {
	w.Buttons = w.Buttons[:min(max(buttons, 0), len(w.Buttons))]
	w.Lamps = w.Lamps[:min(max(buttons, 0), len(w.Lamps))]
	return w
}

// Check finds what cannot be right, and names all of it in words. It needs no
// board.
func (w Wiring) Check() error {
	c := checker{used: map[int]string{}, reserved: w.reserved}
	if n := len(w.Buttons); n < 1 || n > 3 {
		c.add("A box has one to three buttons, not %d.", n)
	}
	for i, b := range w.Buttons {
		c.button(fmt.Sprintf("button %d", i+1), b)
	}
	if w.Cover != nil {
		c.button("the lens cover's switch", *w.Cover)
		if len(w.Cover.Keys) > 0 {
			c.add("The lens cover's switch must be on a GPIO.")
		}
	}
	if w.Light != nil {
		c.light(*w.Light)
	}
	if w.Red != nil {
		c.lamp("the red light", *w.Red)
	}
	if len(w.Lamps) > len(w.Buttons) {
		c.add("There are %d lamps for %d buttons.", len(w.Lamps), len(w.Buttons))
	}
	for i, l := range w.Lamps {
		if l != nil {
			c.lamp(fmt.Sprintf("the lamp of button %d", i+1), *l)
		}
	}
	return errors.Join(c.errs...)
}

// checker collects what is wrong.
type checker struct {
	used     map[int]string
	reserved map[int]string
	errs     []error
}

func (c *checker) add(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *checker) pin(who string, pin int) {
	switch other, taken := c.used[pin]; {
	case pin < 0 || pin > lastPin:
		c.add("GPIO %d does not exist on this board; use 0 to %d.", pin, lastPin)
		return
	case pin < 2:
		c.add("GPIO %d finds HATs when the board starts; put %s on another one.", pin, who)
	case taken:
		c.add("GPIO %d is both %s and %s; put one of them on another one.", pin, other, who)
	case c.reserved[pin] != "":
		c.add("GPIO %d belongs to %s; put %s on another one.", pin, c.reserved[pin], who)
	}
	c.used[pin] = who
}

func (c *checker) button(who string, s Switch) {
	if s.GPIO == nil && len(s.Keys) == 0 {
		c.add("Nothing is connected to %s; give it a gpio or keys.", who)
	}
	if s.GPIO != nil {
		c.pin(who, *s.GPIO)
	}
	switch s.Pull {
	case "", "up", "down", "none":
	default:
		c.add("The pull of %s is %.20q; use up, down or none.", who, s.Pull)
	}
	for _, k := range s.Keys {
		if _, err := keyCode(string(k)); err != nil {
			c.errs = append(c.errs, err)
		}
	}
}

func (c *checker) lamp(who string, l Lamp) {
	if l.GPIO == nil {
		c.add("Nothing is connected to %s; give it a gpio.", who)
		return
	}
	c.pin(who, *l.GPIO)
}

func (c *checker) light(l Light) {
	kinds := 0
	if l.GPIO != nil {
		kinds++
		c.pin("the light", *l.GPIO)
	}
	if len(l.RGB) > 0 {
		kinds++
		if len(l.RGB) != 3 {
			c.add("A light with colours has three GPIOs, for red, green and blue, not %d.", len(l.RGB))
		}
		for i, pin := range l.RGB {
			c.pin("the light's "+[]string{"red", "green", "blue"}[min(i, 2)], pin)
		}
	}
	if l.LEDs != 0 || l.SPI != "" {
		kinds++
		if l.LEDs < 1 || l.LEDs > 64 {
			c.add("A light on SPI has 1 to 64 leds, not %d.", l.LEDs)
		}
		if !strings.HasPrefix(l.SPI, "/dev/spidev") {
			c.add("A light on SPI needs its device, such as spi: /dev/spidev0.0.")
		}
	}
	if kinds != 1 {
		c.add("The light is one of gpio, rgb, or leds on spi.")
	}
	switch l.PWM {
	case "", "auto", "yes", "no":
	default:
		c.add("The light's pwm is %.20q; use auto, yes or no.", l.PWM)
	}
}

// buttons gives the buttons that are on GPIOs, and the cover.
func (w Wiring) gpioSwitches() (all []gpioSwitch) {
	for i, b := range w.Buttons {
		if b.GPIO != nil {
			all = append(all, gpioSwitch{Switch: b, pin: *b.GPIO, button: flow.Main + flow.Button(i)})
		}
	}
	if w.Cover != nil && w.Cover.GPIO != nil {
		all = append(all, gpioSwitch{Switch: *w.Cover, pin: *w.Cover.GPIO, button: coverSwitch})
	}
	return all
}

// gpioSwitch is a switch on a GPIO, with what it is for.
type gpioSwitch struct {
	Switch
	pin    int
	button flow.Button
}

// pressed turns a line's level into whether the switch is pressed.
func (s gpioSwitch) pressed(high bool) bool {
	low := !high
	if s.Pull == "down" {
		low = !low // it leads to 3.3 V instead
	}
	return low != s.Invert
}
