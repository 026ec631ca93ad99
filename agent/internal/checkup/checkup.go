// Package checkup looks a box through, part by part, and says of each how it is
// and what to do where it is not well. It touches the parts only through what
// the box itself uses, so that what it finds is what a citizen would meet.
package checkup

import (
	"context"
	"os"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// Parts, as a report names them.
const (
	PartBoard      = "board"
	PartButtons    = "buttons"
	PartLights     = "lights"
	PartMicrophone = "microphone"
	PartSpeaker    = "loudspeaker"
	PartCamera     = "camera"
	PartScreen     = "screen"
	PartPrinter    = "printer"
	PartSentences  = "sentences"
	PartDisk       = "disk"
	PartCard       = "memory card"
	PartPower      = "power"
	PartHeat       = "temperature"
	PartClock      = "clock"
	PartWiFi       = "Wi-Fi"
	PartServer     = "server"
	PartSpeed      = "line"
)

// Microphone records into a file until it is stopped.
type Microphone interface {
	Open(ctx context.Context, to *os.File, listen media.Listener) (*media.Recording, error)
}

// Camera takes one picture under the red light.
type Camera interface {
	Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (media.Photo, error)
}

// Button is one of the box's as it is now.
type Button struct {
	Name string // "button 1 (GPIO5)"
	Down bool
	// Since is for how long it has been so.
	Since time.Duration
}

// Panel is buttons and lights as the wires have them.
type Panel interface {
	// Buttons lists them, or says why they cannot be read.
	Buttons() ([]Button, error)
	// Lights names what shines, or says why it cannot.
	Lights() ([]string, error)
}

// Server is the way there and back.
type Server interface {
	Measure(ctx context.Context) (transfer.Speed, error)
}

// Box is what is looked at. A part that is nil is one that the box does not
// have; microphone and loudspeaker every box must have.
type Box struct {
	Panel      Panel
	Microphone Microphone
	Speaker    media.Speaker
	Camera     Camera
	// HAT names a board that is plugged on top, and the profile of box.yaml that
	// is meant for it where another one is in use; nil or empty: none.
	HAT func() (product, profile string, err error)
	// Screen and Printer name theirs, or say what is wrong with it.
	Screen, Printer func() (string, error)
	// Missing lists the sentences that the language pack lacks.
	Missing func() ([]string, error)
	Health  func() protocol.Health
	// Free is the room for whispers in bytes.
	Free func() (int64, error)
	// Keeps says whether what is written there outlives the power, and whether
	// anything can be written at all; nil where nobody can tell.
	Keeps  func() (lasting, writable bool)
	Server Server
	// Clock reports that the machine's time is kept right.
	Clock func() bool
	// Explain gives words to why the server was not reached.
	Explain func(error) (text, next string)
	// Dir is where the trial recordings lie until they are erased, at once.
	Dir string
	// Gain is how loud the box is, in dB; Quiet lets it make no sound.
	Gain  float64
	Quiet bool
	// Allowed says that the camera may be used at all; Blind that the box is not
	// to have one.
	Allowed, Blind bool
	Now            func() time.Time
}

func ok(part, text string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictOK, Text: text}
}

func skipped(part, text string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictSkipped, Text: text}
}

func warn(part, text, next string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictWarn, Text: text, Next: next}
}

func failed(part, text, next string) protocol.CheckItem {
	return protocol.CheckItem{Part: part, Verdict: protocol.VerdictFailed, Text: text, Next: next}
}

// order is in which the parts are looked at: what is nearest first. The server
// helps to judge the clock, so both come last.
var order = []struct {
	part string
	look func(*Box, context.Context) []protocol.CheckItem
}{
	{PartBoard, (*Box).board},
	{PartButtons, one((*Box).buttons)},
	{PartLights, one((*Box).lights)},
	{PartSpeaker, one((*Box).speaker)},
	{PartMicrophone, one((*Box).microphone)},
	{PartCamera, one((*Box).camera)},
	{PartScreen, one((*Box).screen)},
	{PartPrinter, one((*Box).printer)},
	{PartSentences, one((*Box).sentences)},
	{PartDisk, one((*Box).disk)},
	{PartCard, one((*Box).card)},
	{PartPower, one((*Box).power)},
	{PartHeat, one((*Box).heat)},
	{PartWiFi, one((*Box).wifi)},
	{PartServer, (*Box).server},
}

func one(look func(*Box, context.Context) protocol.CheckItem) func(*Box, context.Context) []protocol.CheckItem {
	return func(b *Box, ctx context.Context) []protocol.CheckItem { return []protocol.CheckItem{look(b, ctx)} }
}

// After says which part doctor looks at after another one, "" being the
// beginning; "" where that was the last.
func After(part string) string {
	if part == "" || part == PartBoard {
		return PartButtons
	}
	for i, o := range order[:len(order)-1] {
		if o.part == part {
			return order[i+1].part
		}
	}
	return ""
}

// Doctor looks at every part and tells each as soon as it is known. It ends
// early where ctx does; what was not looked at is then missing.
func (b *Box) Doctor(ctx context.Context, shown func(protocol.CheckItem)) []protocol.CheckItem {
	var items []protocol.CheckItem
	for _, o := range order {
		if ctx.Err() != nil {
			return items
		}
		for _, i := range o.look(b, ctx) {
			items = append(items, i)
			shown(i)
		}
	}
	return items
}

// Report makes a check of what was found, to be handed in.
func Report(kind protocol.CheckKind, id string, at time.Time, items []protocol.CheckItem) protocol.Check {
	return protocol.Check{ID: id, Kind: kind, At: at.UTC(), Agent: protocol.Build, Items: items}
}
