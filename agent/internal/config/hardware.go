package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Hardware is what the box is built of, from box.yaml beside the identity. An
// empty part is looked for; "none" is a part that the box does not have.
type Hardware struct {
	// Board names a profile of panel.Profiles; empty is the plain wiring.
	Board string
	// Buttons is how many the citizen has, 1 to 3; 0: as many as are wired.
	Buttons int
	// Microphone and Speaker are the names of sound cards, never numbers.
	Microphone, Speaker string
	// Camera is "auto", "pi", "usb", "none" or a path of a video device.
	Camera string
	// Screen is "auto", "drm", "fb", "none" or "file:PATH".
	Screen string
	// Rotate turns the screen's picture by 0, 90, 180 or 270 degrees.
	Rotate int
	// Printer is a device file or "tcp:HOST:PORT" of an ESC/POS printer; empty is none.
	Printer string
	// FLAC is "auto", "on" or "off": whether answers are compressed without loss.
	FLAC string
	// Prompts is a folder of language packs, instead of the installed ones.
	Prompts string
	// Wiring overrides pins and keys of the board's profile, as panel.ParseWiring
	// reads it; nil where the file says nothing.
	Wiring map[string]any
}

// Keys of box.yaml.
const (
	keyBoard      = "board"
	keyButtons    = "buttons"
	keyMicrophone = "microphone"
	keySpeaker    = "speaker"
	keyCamera     = "camera"
	keyScreen     = "screen"
	keyRotate     = "rotate"
	keyPrinter    = "printer"
	keyFLAC       = "flac"
	keyPrompts    = "prompts"
	keyWiring     = "wiring"
)

var hardwareKeys = []string{keyBoard, keyButtons, keyMicrophone, keySpeaker, keyCamera, keyScreen, keyRotate, keyPrinter, keyFLAC, keyPrompts, keyWiring}

// HardwareFile is where the hardware of a box is described whose identity is
// in name. It holds no secret, and enrolling never touches it.
func HardwareFile(name string) string { return filepath.Join(filepath.Dir(name), "box.yaml") }

// LoadHardware reads box.yaml; one that is not there is a box that finds its
// parts by itself.
func LoadHardware(name string) (Hardware, error) { return loadHardware(name, name) }

// loadHardware calls the file by another name where it complains.
func loadHardware(path, name string) (Hardware, error) {
	k := koanf.New(".")
	err := k.Load(file.Provider(path), yaml.Parser())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, os.ErrPermission):
		return Hardware{}, fmt.Errorf("config: %w", err)
	case err != nil:
		return Hardware{}, fmt.Errorf("config: %s is not YAML: %w", name, err)
	}
	for key := range k.Raw() {
		if !slices.Contains(hardwareKeys, key) {
			return Hardware{}, fmt.Errorf("config: %s has no setting %.40q; its settings are %s", name, key, strings.Join(hardwareKeys, ", "))
		}
	}
	h := Hardware{
		Board: k.String(keyBoard), Microphone: k.String(keyMicrophone), Speaker: k.String(keySpeaker), Camera: k.String(keyCamera),
		Screen: k.String(keyScreen), Printer: k.String(keyPrinter), FLAC: k.String(keyFLAC), Prompts: k.String(keyPrompts),
	}
	if w := k.Get(keyWiring); w != nil {
		var ok bool
		if h.Wiring, ok = w.(map[string]any); !ok {
			return h, fmt.Errorf("config: %s: wiring is a list of parts and their pins", name)
		}
	}
	if h.Buttons, err = number(k, keyButtons, 0, 1, 2, 3); err != nil {
		return h, fmt.Errorf("config: %s: %w", name, err)
	}
	if h.Rotate, err = number(k, keyRotate, 0, 90, 180, 270); err != nil {
		return h, fmt.Errorf("config: %s: %w", name, err)
	}
	return h, h.check(name)
}

func number(k *koanf.Koanf, key string, allowed ...int) (int, error) {
	if !k.Exists(key) {
		return 0, nil
	}
	text := fmt.Sprint(k.Get(key))
	n, err := strconv.Atoi(text)
	if err != nil || !slices.Contains(allowed, n) {
		return 0, fmt.Errorf("%s is %.20q; say one of %s", key, text, strings.Trim(fmt.Sprint(allowed), "[]"))
	}
	return n, nil
}

func (h Hardware) check(name string) error {
	for _, c := range []struct {
		key, value string
		allowed    []string
	}{{keyFLAC, h.FLAC, []string{"", "auto", "on", "off"}}} {
		if !slices.Contains(c.allowed, c.value) {
			return fmt.Errorf("config: %s: %s is %.20q; say %s", name, c.key, c.value, strings.Join(c.allowed[1:], ", "))
		}
	}
	return nil
}
