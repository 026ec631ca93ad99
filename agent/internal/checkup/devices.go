package checkup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// stuckAfter is how long a button may be down before it is thought to be stuck,
// or to be one that is closed at rest.
const stuckAfter = 30 * time.Second

// listenFor is how long the microphone is listened to.
const listenFor = 1500 * time.Millisecond

// deviceLimit bounds the trial of one device.
const deviceLimit = 40 * time.Second

// board is told only where something on top of the Pi says its name.
func (b *Box) board(context.Context) []protocol.CheckItem {
	if b.HAT == nil {
		return nil
	}
	product, profile, err := b.HAT()
	switch {
	case err != nil:
		return []protocol.CheckItem{of(PartBoard, err, "Check that the board on top is plugged in straight.")}
	case product == "":
		return nil
	case profile != "":
		return []protocol.CheckItem{warn(PartBoard, fmt.Sprintf("The board on top is %s, and box.yaml is for another one.", product),
			"Write into box.yaml: board: "+profile)}
	}
	return []protocol.CheckItem{ok(PartBoard, fmt.Sprintf("The board on top is %s.", product))}
}

func (b *Box) buttons(context.Context) protocol.CheckItem {
	if b.Panel == nil {
		return skipped(PartButtons, "The buttons are this terminal's keys.")
	}
	list, err := b.Panel.Buttons()
	if err != nil {
		return of(PartButtons, err, onPins(err))
	}
	if len(list) == 0 {
		return failed(PartButtons, "The box has no button.", "Name its board, or its pins, in box.yaml.")
	}
	var names []string
	for _, k := range list {
		if k.Down && k.Since >= stuckAfter {
			return warn(PartButtons, fmt.Sprintf("%s has been down for %s.", upper(k.Name), protocol.Spell(k.Since)),
				"Let go of it and check its cable. A switch that is closed at rest needs invert in box.yaml.")
		}
		state := "up"
		if k.Down {
			state = "down"
		}
		names = append(names, k.Name+" is "+state)
	}
	return ok(PartButtons, upper(strings.Join(names, ", "))+".")
}

// onPins is what to do about pins that cannot be used.
func onPins(err error) string {
	if errors.Is(err, panel.ErrNoHeader) {
		return "Use a Raspberry Pi. For buttons on USB write into box.yaml: board: usb-only"
	}
	return "Check the plug on the pins, and the board named in box.yaml."
}

func (b *Box) lights(context.Context) protocol.CheckItem {
	if b.Panel == nil {
		return skipped(PartLights, "The lights are drawn in this terminal.")
	}
	list, err := b.Panel.Lights()
	if err != nil {
		return of(PartLights, err, onPins(err))
	}
	if len(list) == 0 {
		return warn(PartLights, "The box has no light.", "Nobody sees that a whisper came. Wire a light, and the red one for recording.")
	}
	return ok(PartLights, upper(strings.Join(list, ", "))+".")
}

func (b *Box) speaker(ctx context.Context) protocol.CheckItem {
	if b.Speaker == nil {
		return failed(PartSpeaker, "There is no loudspeaker.", "Plug one in; the box cannot speak without it.")
	}
	ctx, cancel := context.WithTimeout(ctx, deviceLimit)
	defer cancel()
	clip := media.Clip{Rate: media.Rate, Samples: make([]int16, media.Rate/4)}
	text := "The loudspeaker takes sound. It was not heard, since the box is quiet now."
	if !b.Quiet {
		tone, err := media.Tone("ok")
		if err != nil {
			return of(PartSpeaker, err, "Install the program again.")
		}
		clip, text = tone, "The loudspeaker played three tones."
	}
	if err := b.Speaker.Play(ctx, "a trial", clip.Sound(), b.Gain); err != nil {
		return of(PartSpeaker, err, "Check that it is plugged in.")
	}
	return doubted(PartSpeaker, text, b.Speaker)
}

// doubted is a part that works. Some know of themselves what may soon go wrong.
func doubted(part, text string, device any) protocol.CheckItem {
	d, does := device.(interface{ Warning() string })
	if !does || d.Warning() == "" {
		return ok(part, text)
	}
	return warn(part, text, d.Warning())
}

// level follows how loud the room is.
type level struct {
	loudest float64
	dead    bool
}

func (b *Box) microphone(ctx context.Context) protocol.CheckItem {
	if b.Microphone == nil {
		return failed(PartMicrophone, "There is no microphone.", "Plug one in; the box cannot hear without it.")
	}
	var heard level
	heard.loudest = media.Silence
	take, err := b.record(ctx, listenFor, func(l media.Level) {
		heard.loudest = max(heard.loudest, l.RMS)
		heard.dead = l.Dead
	})
	switch {
	case err != nil:
		return of(PartMicrophone, err, "Check that it is plugged in.")
	case heard.dead || take.Dead || heard.loudest <= media.Silence:
		return failed(PartMicrophone, "The microphone gives no sound at all, not even the noise of a room.",
			"Check that it is not muted, then plug it out and in again.")
	case take.Clipped > media.Rate/100:
		return warn(PartMicrophone, "The microphone is overdriven.", "Turn its gain down.")
	}
	return doubted(PartMicrophone, fmt.Sprintf("The microphone hears the room at %.0f dBFS.", heard.loudest), b.Microphone)
}

// record records for a while and erases it; nobody is to be kept who did not know.
func (b *Box) record(ctx context.Context, length time.Duration, listen media.Listener) (t media.Take, err error) {
	ctx, cancel := context.WithTimeout(ctx, deviceLimit)
	defer cancel()
	f, err := os.CreateTemp(b.Dir, "trial-*.wav")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	r, err := b.Microphone.Open(ctx, f, listen)
	if err != nil {
		return t, err
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Done():
	case <-ctx.Done():
	}
	t, err = r.Stop()
	return t, errors.Join(err, r.Lost())
}

func (b *Box) camera(ctx context.Context) protocol.CheckItem {
	switch {
	case b.Blind:
		return skipped(PartCamera, "The box has no camera.")
	case b.Camera == nil:
		i := skipped(PartCamera, "No camera was found; answers come without a photo.")
		i.Next = "If the box shall have one, check its cable and start the box again."
		return i
	case !b.Allowed:
		return skipped(PartCamera, "Photos are not allowed at this box.")
	}
	p, err := b.expose(ctx, nil)
	switch {
	case err != nil:
		return of(PartCamera, err, "Check its cable.")
	case p.Dark:
		return warn(PartCamera, "The camera sees nothing but dark.", "Open its cover, or put on the light.")
	}
	return ok(PartCamera, fmt.Sprintf("The camera took a picture of %d × %d.", p.Width, p.Height))
}

// expose takes a picture once shoot is closed (nil: at once) and erases it.
func (b *Box) expose(ctx context.Context, shoot <-chan struct{}) (p media.Photo, err error) {
	ctx, cancel := context.WithTimeout(ctx, deviceLimit)
	defer cancel()
	f, err := os.CreateTemp(b.Dir, "trial-*.jpg")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	return b.Camera.Photograph(ctx, f, shoot)
}

func (b *Box) screen(context.Context) protocol.CheckItem {
	return named(PartScreen, b.Screen, "The box has no screen; pictures are described aloud.", "Check its cable and its power.")
}

func (b *Box) printer(context.Context) protocol.CheckItem {
	return named(PartPrinter, b.Printer, "The box has no printer.", "Check its cable, its power and its paper.")
}

func named(part string, name func() (string, error), none, next string) protocol.CheckItem {
	if name == nil {
		return skipped(part, none)
	}
	text, err := name()
	if err != nil {
		return of(part, err, next)
	}
	return ok(part, sentence(text))
}

func (b *Box) sentences(context.Context) protocol.CheckItem {
	if b.Missing == nil {
		return skipped(PartSentences, "The box shows its sentences instead of speaking them.")
	}
	list, err := b.Missing()
	if err != nil {
		return of(PartSentences, err, "Install the language pack again.")
	}
	if n := len(list); n > 0 {
		more := ""
		if n > 5 {
			list, more = list[:5], fmt.Sprintf(" and %d more", n-5)
		}
		return failed(PartSentences, "The language pack lacks "+strings.Join(list, ", ")+more+".", "Install the language pack again.")
	}
	return ok(PartSentences, "Every sentence can be spoken.")
}

// of gives an error its words: those of the part itself where it has some.
func of(part string, err error, next string) protocol.CheckItem {
	if f, is := errors.AsType[*media.Fault](err); is {
		return failed(part, f.Text, f.Next)
	}
	if pe, is := errors.AsType[*os.PathError](err); is && errors.Is(err, os.ErrPermission) {
		return failed(part, "This user may not use "+filepath.Base(pe.Path)+".", "Put sudo in front of the command, or let the service do it.")
	}
	return failed(part, sentence(err.Error()), next)
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func sentence(s string) string {
	s = upper(strings.TrimSpace(s))
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?)") {
		return s
	}
	return s + "."
}
