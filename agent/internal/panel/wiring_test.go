package panel

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestProfiles_AreWhole(t *testing.T) {
	var names []string
	for _, p := range Profiles() {
		names = append(names, p.Name)
		if err := p.Wiring.Check(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if p.About == "" || p.Wiring.Profile != p.Name {
			t.Errorf("%+v", p)
		}
		if p.Wiring.HasGPIO() == (p.Name == "usb-only") || p.Wiring.HasKeys() != (p.Name == "usb-only") {
			t.Errorf("%s: pins %v, keys %v", p.Name, p.Wiring.HasGPIO(), p.Wiring.HasKeys())
		}
		if p.Wiring.HasGPIO() && p.Wiring.Red == nil {
			t.Errorf("%s has no red light", p.Name)
		}
	}
	if want := []string{"generic", "usb-only", "respeaker-2mic", "aiy-voice-hat", "codec-zero"}; !slices.Equal(names, want) {
		t.Errorf("profiles %v", names)
	}
	if names[0] != DefaultProfile {
		t.Errorf("the default is not %s", names[0])
	}
}

func TestWiringFrom(t *testing.T) {
	pin := func(n int) map[string]any { return map[string]any{"gpio": n} }
	for _, c := range []struct {
		name     string
		settings map[string]any
		want     string // a part of the error; "" is none
	}{
		{"nothing", nil, ""},
		{"profile", map[string]any{"profile": "codec-zero"}, ""},
		{"own button", map[string]any{"buttons": []any{pin(22)}}, ""},
		{"pin and key", map[string]any{"buttons": []any{map[string]any{"gpio": 22, "keys": []any{"KEY_SPACE", "0x120", 289}}}}, ""},
		{"a word for a pin", map[string]any{"red": map[string]any{"gpio": "five"}}, "red.gpio must be a whole number, not a word"},
		{"half a pin", map[string]any{"red": map[string]any{"gpio": 1.5}}, "red.gpio must be a whole number, not a number"},
		{"one button for a list", map[string]any{"buttons": map[string]any{"gpio": 5}}, "buttons must be a list, not parts with names"},
		{"a number for lamp", map[string]any{"red": 13}, "red must be parts with names, not a number"},
		{"unknown profile", map[string]any{"profile": "genric"}, "no wiring profile \"genric\"; use generic, usb-only, respeaker-2mic, aiy-voice-hat or codec-zero"},
		{"profile is a number", map[string]any{"profile": 3}, "must be a name"},
		{"misspelt", map[string]any{"butons": []any{pin(5)}}, `unknown field "butons"`},
		{"pin too high", map[string]any{"red": pin(99)}, "GPIO 99 does not exist on this board; use 0 to 27."},
		{"pin below zero", map[string]any{"red": pin(-1)}, "GPIO -1 does not exist"},
		{"the header's own", map[string]any{"red": pin(1)}, "GPIO 1 finds HATs"},
		{"twice", map[string]any{"red": pin(5)}, "GPIO 5 is both button 1 and the red light"},
		{"the HAT's", map[string]any{"profile": "aiy-voice-hat", "red": pin(16)}, "GPIO 16 belongs to the Voice HAT's amplifier; put the red light on another one."},
		{"no button", map[string]any{"buttons": []any{}}, "one to three buttons, not 0"},
		{"four buttons", map[string]any{"buttons": []any{pin(5), pin(6), pin(22), pin(23)}}, "not 4"},
		{"empty button", map[string]any{"buttons": []any{map[string]any{}}}, "Nothing is connected to button 1"},
		{"empty red", map[string]any{"red": map[string]any{}}, "Nothing is connected to the red light"},
		{"pull", map[string]any{"buttons": []any{map[string]any{"gpio": 5, "pull": "high"}}}, "use up, down or none"},
		{"key", map[string]any{"buttons": []any{map[string]any{"keys": []any{"SPACE"}}}}, `no key "SPACE"`},
		{"cover by key", map[string]any{"cover": map[string]any{"keys": []any{"KEY_A"}}}, "cover's switch must be on a GPIO"},
		{"two kinds of light", map[string]any{"light": map[string]any{"gpio": 12, "rgb": []any{22, 23, 24}}}, "one of gpio, rgb, or leds"},
		{"two colours", map[string]any{"light": map[string]any{"rgb": []any{22, 23}}}, "three GPIOs"},
		{"leds without spi", map[string]any{"light": map[string]any{"leds": 3}}, "/dev/spidev0.0"},
		{"pwm", map[string]any{"light": map[string]any{"gpio": 12, "pwm": true}}, "light.pwm must be a word, not true or false"},
		{"lamps", map[string]any{"buttons": []any{pin(5)}, "lamps": []any{nil, pin(22)}}, "2 lamps for 1 buttons"},
	} {
		_, err := WiringFrom(c.settings)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What a configuration names replaces the profile's part as a whole, and no
// profile changes with it.
func TestWiringFrom_ReplacesWhole(t *testing.T) {
	w := wired(t, map[string]any{"profile": "respeaker-2mic", "light": map[string]any{"gpio": 12}})
	if w.Light.LEDs != 0 || *w.Light.GPIO != 12 || *w.Buttons[0].GPIO != 17 {
		t.Errorf("%+v", w)
	}
	p, err := ProfileNamed("respeaker-2mic")
	if err != nil || p.Wiring.Light.LEDs != 3 {
		t.Errorf("the profile became %+v, %v", p.Wiring.Light, err)
	}
	if first := wired(t, nil).First(1); len(first.Buttons) != 1 || first.Check() != nil {
		t.Errorf("%+v", first)
	}
}

func TestDetectHAT(t *testing.T) {
	for product, want := range map[string]string{"": "", "Codec Zero\x00": "codec-zero", "Voice Hat\x00": "aiy-voice-hat", "Sense HAT\x00": ""} {
		root := t.TempDir()
		if product != "" {
			put(t, filepath.Join(root, "proc/device-tree/hat/product"), product)
		}
		got, profile, err := DetectHAT(root)
		if got != strings.TrimRight(product, "\x00") || profile != want || err != nil {
			t.Errorf("%q: %q %q %v", product, got, profile, err)
		}
	}
}

func TestKeyCode(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(keyCodes)) {
		if code, err := keyCode(name); err != nil || code == 0 || code > keyMost {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
	for name, want := range map[string]uint16{"57": 57, "0x120": 288, "BTN_TRIGGER": 288, "KEY_SPACE": 57} {
		if code, err := keyCode(name); code != want || err != nil {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
	for _, bad := range []string{"", "0", "space", "99999", "-1"} {
		if _, err := keyCode(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}
