package panel

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// DefaultProfile is what a box is without any settings.
const DefaultProfile = "generic"

// Profile is how a kind of box is wired.
type Profile struct {
	Name  string
	About string // a sentence or two
	// Wiring is a copy; changing it changes no profile.
	Wiring Wiring

	hats []string // parts of the product names by which a HAT is known, small letters
}

//go:embed profiles.json
var profilesJSON []byte

var profiles = sync.OnceValues(func() ([]Profile, error) {
	var read []struct {
		Name, About string
		HATs        []string
		Reserved    map[int]string
		Wiring      Wiring
	}
	if err := strict(profilesJSON, &read); err != nil {
		return nil, fmt.Errorf("read the profiles: %w", err)
	}
	all := make([]Profile, len(read))
	for i, r := range read {
		r.Wiring.Profile, r.Wiring.reserved = r.Name, r.Reserved
		all[i] = Profile{Name: r.Name, About: r.About, Wiring: r.Wiring, hats: r.HATs}
	}
	return all, nil
})

// Profiles gives all profiles, the default first.
func Profiles() []Profile {
	all, err := profiles()
	if err != nil {
		panic(err) // the file is a part of the program, and read by a test
	}
	return slices.Clone(all)
}

// ProfileNamed gives a profile, or an error that says which there are.
func ProfileNamed(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("there is no wiring profile %.40q; use %s", name, list(names, "or"))
}

// WiringFrom turns the part of a configuration that is about the panel into a
// wiring: "profile" names where to begin (DefaultProfile without it), and every
// other part that is named replaces the profile's. It is checked. Numbers and
// lists are as a YAML or JSON reader gives them.
func WiringFrom(settings map[string]any) (Wiring, error) {
	name := DefaultProfile
	switch given := settings["profile"].(type) {
	case nil:
	case string:
		name = given
	default:
		return Wiring{}, errors.New("the panel's profile must be a name")
	}
	p, err := ProfileNamed(name)
	if err != nil {
		return Wiring{}, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return Wiring{}, fmt.Errorf("read the panel's wiring: %w", err)
	}
	var over Wiring
	if err := strict(text, &over); err != nil {
		return Wiring{}, fmt.Errorf("the panel's wiring is wrong: %w", err)
	}
	w := p.Wiring
	for key := range settings {
		switch key {
		case "buttons":
			w.Buttons = over.Buttons
		case "light":
			w.Light = over.Light
		case "red":
			w.Red = over.Red
		case "lamps":
			w.Lamps = over.Lamps
		case "cover":
			w.Cover = over.Cover
		}
	}
	return w, w.Check()
}

// strict reads JSON and refuses what it does not know, so that a misspelt
// setting is not a silent one.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) {
		kinds := map[reflect.Kind]string{reflect.Int: "a whole number", reflect.Bool: "true or false", reflect.String: "a word",
			reflect.Slice: "a list", reflect.Struct: "parts with names"}
		given := map[string]string{"object": "parts with names", "array": "a list", "string": "a word", "bool": "true or false", "number": "a number"}
		name, _, _ := strings.Cut(e.Value, " ") // "number 1.5"
		return fmt.Errorf("%s must be %s, not %s", e.Field, kinds[e.Type.Kind()], given[name])
	}
	return err
}

// DetectHAT reads which HAT says to be on the board, under root ("" is the
// machine's own). product is "" where there is none; profile is "" where no
// profile is for it. It only proposes: nobody's wiring changes by itself.
func DetectHAT(root string) (product, profile string, err error) {
	b, err := os.ReadFile(filepath.Join("/", root, "proc/device-tree/hat/product"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("ask which HAT is on the board: %w", err)
	}
	product = strings.TrimSpace(strings.TrimRight(string(b), "\x00"))
	for _, p := range Profiles() {
		for _, part := range p.hats {
			if strings.Contains(strings.ToLower(product), part) {
				return product, p.Name, nil
			}
		}
	}
	return product, "", nil
}

// list joins words as a sentence does.
func list(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
