// Package wifi joins a box to a wireless network through NetworkManager, and
// tells in words why it could not. The network that the box knew before stays
// as it was: it is gone back to where the new one fails, and found again where
// the new one goes.
package wifi

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"maps"
	"slices"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// Network is what somebody must know to join one.
type Network struct {
	Name     string // SSID, 1 to 32 bytes
	Password string // of WPA; empty is an open network
	Hidden   bool   // it does not say its name
}

// Outcome is what is said aloud of an attempt; the words are prompts' keys.
type Outcome string

// Outcomes.
const (
	Joined        Outcome = "joined"
	WrongPassword Outcome = "wrong password"
	NotSeen       Outcome = "not seen"
	NoAddress     Outcome = "no address"
	NoManager     Outcome = "no manager"
	NoRadio       Outcome = "no radio"
	Failed        Outcome = "failed"
)

// Problem is why a network was not joined, for the person who can mend it.
type Problem struct {
	Outcome Outcome
	Text    string // one plain sentence
	Next    string // what to do
	Err     error  // the cause; may be nil
}

func (p *Problem) Error() string { return strings.TrimSpace(p.Text + " " + p.Next) }
func (p *Problem) Unwrap() error { return p.Err }

// Check says what is wrong with a network as somebody typed it.
func (n Network) Check() error {
	switch {
	case n.Name == "":
		return &Problem{Outcome: Failed, Text: "The network has no name.", Next: "Type the name as the router's label shows it."}
	case len(n.Name) > 32:
		return &Problem{Outcome: Failed, Text: "The network's name is longer than 32 characters.", Next: "Type the name as the router's label shows it."}
	case n.Password != "" && (len(n.Password) < 8 || len(n.Password) > 64):
		return &Problem{Outcome: WrongPassword, Text: "A Wi-Fi password has 8 to 63 characters.", Next: "Look at the router's label again."}
	}
	return nil
}

// ErrNoCode says that a picture shows no Wi-Fi code.
var ErrNoCode = errors.New("the picture shows no Wi-Fi code")

// ReadCode finds the Wi-Fi code in a picture, as routers and telephones show it.
func ReadCode(picture image.Image) (Network, error) {
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	if err != nil {
		return Network{}, fmt.Errorf("read a code: %w", err)
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return Network{}, fmt.Errorf("%w (%w)", ErrNoCode, err)
	}
	return ParseCode(found.GetText())
}

// ParseCode reads the text of a Wi-Fi code: WIFI:T:WPA;S:name;P:password;H:true;;
// with ; , : \ and " behind a backslash.
func ParseCode(text string) (Network, error) {
	rest, ok := strings.CutPrefix(text, "WIFI:")
	if !ok {
		return Network{}, fmt.Errorf("%w: it is another kind of code", ErrNoCode)
	}
	var n Network
	var kind string
	for _, field := range fields(rest) {
		key, value, _ := strings.Cut(field, ":")
		value = unescape(value)
		switch key {
		case "T":
			kind = strings.ToUpper(value)
		case "S":
			n.Name = value
		case "P":
			n.Password = value
		case "H":
			n.Hidden = value == "true"
		}
	}
	if kind == "WEP" || strings.Contains(kind, "EAP") {
		return n, &Problem{Outcome: Failed, Text: "This network uses " + kind + ", which a box cannot join.", Next: "Use a network with an ordinary password."}
	}
	return n, n.Check()
}

// fields splits at every ; that has no backslash before it.
func fields(s string) []string {
	var list []string
	begin := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ';':
			list = append(list, s[begin:i])
			begin = i + 1
		}
	}
	return list
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), `"`)
}

// Seen is a network within reach.
type Seen struct {
	Name   string
	Signal int // percent
}

func sorted(by map[string]Seen) []Seen {
	list := slices.Collect(maps.Values(by))
	slices.SortFunc(list, func(a, b Seen) int {
		return cmp.Or(cmp.Compare(b.Signal, a.Signal), cmp.Compare(a.Name, b.Name))
	})
	return list
}
