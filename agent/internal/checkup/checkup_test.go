package checkup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// wires are buttons and lights as a test wants them.
type wires struct {
	buttons []Button
	lights  []string
	err     error
}

func (w wires) Buttons() ([]Button, error) { return w.buttons, w.err }
func (w wires) Lights() ([]string, error)  { return w.lights, w.err }

func num[T any](v T) *T { return &v }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// line is a server that answers as a test wants.
type line struct {
	speed transfer.Speed
	err   error
}

func (l line) Measure(context.Context) (transfer.Speed, error) { return l.speed, l.err }

// well is a box of which every part is well.
func well(t *testing.T) *Box {
	live := media.NewLive(media.Pace{}, func(bool) {})
	voice := filepath.Join(t.TempDir(), "voice.wav")
	if err := os.WriteFile(voice, media.EncodeWAV(media.Babble("anna", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Box{
		Panel:      wires{buttons: []Button{{Name: "button 1 (GPIO 5)"}}, lights: []string{"the light dims", "the red light is driven"}},
		Microphone: &media.FileMicrophone{Path: voice, Live: live},
		Speaker:    &media.NullSpeaker{},
		Camera:     &media.DrawnCamera{Name: "anna", Live: live},
		HAT:        func() (string, string, error) { return "Codec Zero", "", nil },
		Screen:     func() (string, error) { return "the screen is HDMI-A-1", nil },
		Printer:    func() (string, error) { return "the printer is /dev/usb/lp0", nil },
		Missing:    func() ([]string, error) { return nil, nil },
		Health: func() protocol.Health {
			return protocol.Health{Undervoltage: protocol.No, Throttled: protocol.No, Temperature: num(48.0), WiFi: num(-55)}
		},
		Free:    func() (int64, error) { return 20 << 30, nil },
		Server:  line{speed: transfer.Speed{RoundTrip: 40 * time.Millisecond, Down: 2e6, Up: 90e3, Server: noon}},
		Clock:   func() bool { return true },
		Explain: func(error) (string, string) { return "The server does not answer.", "Check the network." },
		Dir:     t.TempDir(), Allowed: true, Now: func() time.Time { return noon },
	}
}

func find(items []protocol.CheckItem, part string) protocol.CheckItem {
	for _, i := range items {
		if i.Part == part {
			return i
		}
	}
	return protocol.CheckItem{}
}

// only looks at one part, and at what is looked at with it.
func (b *Box) only(t *testing.T, part string) protocol.CheckItem {
	for _, o := range order {
		if o.part == part || o.part == PartServer && (part == PartClock || part == PartSpeed) {
			return find(o.look(b, t.Context()), part)
		}
	}
	t.Fatalf("nobody looks at %s", part)
	return protocol.CheckItem{}
}

func TestDoctor_AllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := well(t)
		var shown []protocol.CheckItem
		items := b.Doctor(t.Context(), func(i protocol.CheckItem) { shown = append(shown, i) })
		var parts []string
		for _, i := range items {
			parts = append(parts, i.Part)
			if i.Verdict != protocol.VerdictOK {
				t.Errorf("%+v", i)
			}
			if err := i.Check(); err != nil {
				t.Errorf("%+v: %v", i, err)
			}
		}
		if got, want := strings.Join(parts, ", "), "board, buttons, lights, loudspeaker, microphone, camera, screen, printer, sentences, disk, memory card, power, temperature, Wi-Fi, clock, server, line"; got != want {
			t.Errorf("looked at %s", got)
		}
		if len(shown) != len(items) {
			t.Errorf("%d shown of %d", len(shown), len(items))
		}
		if left, err := filepath.Glob(b.Dir + "/*"); err != nil || len(left) != 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
		if text := find(items, PartSpeed).Text; text != "2.0 MB come down and 90 kB go up a second." {
			t.Error(text)
		}
		c := Report(protocol.CheckDoctor, "01930d5e-7c1a-7000-8000-00000000c001", noon, items)
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	})
}

// Every part that is not well says so in words of its own, and what to do.
func TestDoctor_EachPart(t *testing.T) {
	for _, c := range []struct {
		name    string
		part    string
		change  func(*Box)
		verdict protocol.Verdict
		text    string
		next    string
	}{
		{"another board", PartBoard, func(b *Box) { b.HAT = func() (string, string, error) { return "Codec Zero", "codec-zero", nil } },
			protocol.VerdictWarn, "The board on top is Codec Zero, and box.yaml is for another one.", "board: codec-zero"},
		{"no pins", PartButtons, func(b *Box) { b.Panel = wires{err: fmt.Errorf("open: %w", panel.ErrNoHeader)} },
			protocol.VerdictFailed, "no GPIO pins", "board: usb-only"},
		{"pins in use", PartLights, func(b *Box) { b.Panel = wires{err: errors.New("GPIO 12 is in use by another program")} },
			protocol.VerdictFailed, "GPIO 12 is in use by another program.", "box.yaml"},
		{"no button", PartButtons, func(b *Box) { b.Panel = wires{} }, protocol.VerdictFailed, "The box has no button.", "box.yaml"},
		{"no light", PartLights, func(b *Box) { b.Panel = wires{} }, protocol.VerdictWarn, "The box has no light.", "Wire a light"},
		{"stuck", PartButtons, func(b *Box) {
			b.Panel = wires{buttons: []Button{{Name: "button 1 (GPIO 5)", Down: true, Since: 95 * time.Second}}}
		}, protocol.VerdictWarn, "Button 1 (GPIO 5) has been down for 1 minute.", "invert"},
		{"no loudspeaker", PartSpeaker, func(b *Box) { b.Speaker = nil }, protocol.VerdictFailed, "There is no loudspeaker.", "Plug one in"},
		{"deaf", PartMicrophone, func(b *Box) { b.Microphone = deaf(t) }, protocol.VerdictFailed, "no sound at all", "not muted"},
		{"unplugged", PartMicrophone, func(b *Box) { b.Microphone = unplugged{} }, protocol.VerdictFailed, "The microphone was unplugged.", "Plug it in again."},
		{"no camera", PartCamera, func(b *Box) { b.Camera = nil }, protocol.VerdictSkipped, "No camera was found", "check its cable"},
		{"none wanted", PartCamera, func(b *Box) { b.Camera, b.Blind = nil, true }, protocol.VerdictSkipped, "The box has no camera.", ""},
		{"no photos", PartCamera, func(b *Box) { b.Allowed = false }, protocol.VerdictSkipped, "Photos are not allowed at this box.", ""},
		{"covered", PartCamera, func(b *Box) { b.Camera = dark{} }, protocol.VerdictWarn, "nothing but dark", "Open its cover"},
		{"no screen", PartScreen, func(b *Box) { b.Screen = nil }, protocol.VerdictSkipped, "described aloud", ""},
		{"no paper", PartPrinter, func(b *Box) { b.Printer = func() (string, error) { return "", errors.New("the printer has no paper") } },
			protocol.VerdictFailed, "The printer has no paper.", "its paper"},
		{"not allowed", PartPrinter, func(b *Box) {
			b.Printer = func() (string, error) {
				return "", &fs.PathError{Op: "open", Path: "/dev/usb/lp0", Err: fs.ErrPermission}
			}
		}, protocol.VerdictFailed, "This user may not use lp0.", "sudo"},
		{"speechless", PartSentences, func(b *Box) {
			b.Missing = func() ([]string, error) { return strings.Fields("a b c d e f g"), nil }
		}, protocol.VerdictFailed, "lacks a, b, c, d, e and 2 more.", "Install the language pack again."},
		{"full", PartDisk, func(b *Box) { b.Free = func() (int64, error) { return 100 << 20, nil } }, protocol.VerdictFailed, "Only 100 MB are free", "larger memory card"},
		{"read-only", PartDisk, func(b *Box) { b.Keeps = func() (bool, bool) { return true, false } }, protocol.VerdictFailed, "Nothing can be written", "Replace the memory card"},
		{"an overlay", PartDisk, func(b *Box) { b.Keeps = func() (bool, bool) { return false, true } }, protocol.VerdictWarn, "lost with the power", "overlay"},
		{"nearly full", PartDisk, func(b *Box) { b.Free = func() (int64, error) { return 800 << 20, nil } }, protocol.VerdictWarn, "Only 800 MB are free", "soon"},
		{"worn card", PartCard, healthy(func(h *protocol.Health) { h.CardErrors = 3 }), protocol.VerdictWarn, "counted 3 errors", "Replace the memory card"},
		{"weak supply", PartPower, healthy(func(h *protocol.Health) { h.Undervoltage = protocol.Yes }), protocol.VerdictWarn, "too weak", "adapter"},
		{"a board that cannot tell", PartPower, healthy(func(h *protocol.Health) { h.Undervoltage = protocol.Unknown }), protocol.VerdictSkipped, "cannot tell", ""},
		{"hot", PartHeat, healthy(func(h *protocol.Health) { h.Temperature = num(82.4) }), protocol.VerdictWarn, "82 °C. It slows down.", "sun"},
		{"no thermometer", PartHeat, healthy(func(h *protocol.Health) { h.Temperature = nil }), protocol.VerdictSkipped, "cannot tell", ""},
		{"weak Wi-Fi", PartWiFi, healthy(func(h *protocol.Health) { h.WiFi = num(-74) }), protocol.VerdictWarn, "-74 dBm. That is weak.", "Move the box"},
		{"hardly any Wi-Fi", PartWiFi, healthy(func(h *protocol.Health) { h.WiFi = num(-88) }), protocol.VerdictFailed, "too weak", "network cable"},
		{"cable", PartWiFi, healthy(func(h *protocol.Health) { h.WiFi = nil }), protocol.VerdictSkipped, "not on Wi-Fi", ""},
		{"clock off", PartClock, func(b *Box) { b.Now = func() time.Time { return noon.Add(time.Hour) } }, protocol.VerdictWarn, "differs from the server's by 1 hour.", "Wait"},
		{"clock unset", PartClock, func(b *Box) { b.Server, b.Clock = nil, func() bool { return false } }, protocol.VerdictWarn, "Nothing has set the clock", "internet"},
		{"away", PartServer, func(b *Box) { b.Server = line{err: errors.New("no route")} }, protocol.VerdictFailed, "The server does not answer.", "Check the network."},
		{"not enrolled", PartServer, func(b *Box) { b.Server = nil }, protocol.VerdictSkipped, "not enrolled", ""},
		{"half a line", PartSpeed, func(b *Box) {
			b.Server = line{speed: transfer.Speed{RoundTrip: time.Second, Server: noon}, err: errors.New("too large")}
		}, protocol.VerdictWarn, "The line could not be timed. The server does not answer.", "Check the network."},
		{"slow", PartSpeed, func(b *Box) {
			b.Server = line{speed: transfer.Speed{RoundTrip: time.Second, Down: 12e3, Up: 9e3, Server: noon}}
		}, protocol.VerdictWarn, "12 kB come down and 9 kB go up", "nearer to the router"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := well(t)
				c.change(b)
				i := b.only(t, c.part)
				if i.Verdict != c.verdict || !strings.Contains(i.Text, c.text) || !strings.Contains(i.Next, c.next) || (i.Next == "") != (c.next == "") {
					t.Errorf("%+v", i)
				}
				for _, sentence := range strings.SplitAfter(i.Text+" "+i.Next, ". ") {
					if n := len(strings.Fields(sentence)); n > 20 {
						t.Errorf("%d words: %s", n, sentence)
					}
				}
			})
		})
	}
}

func healthy(change func(*protocol.Health)) func(*Box) {
	return func(b *Box) {
		h := b.Health()
		change(&h)
		b.Health = func() protocol.Health { return h }
	}
}

// deaf is a microphone that gives zeros.
func deaf(t *testing.T) Microphone {
	t.Helper()
	name := filepath.Join(t.TempDir(), "nothing.wav")
	if err := os.WriteFile(name, media.EncodeWAV(media.Clip{Rate: media.Rate, Samples: make([]int16, 3*media.Rate)}), 0o600); err != nil {
		t.Fatal(err)
	}
	return muted{&media.FileMicrophone{Path: name, Live: media.NewLive(media.Pace{}, func(bool) {})}}
}

// muted says of each level that nothing came, as a card does that gives zeros.
type muted struct{ Microphone }

func (m muted) Open(ctx context.Context, to *os.File, listen media.Listener) (*media.Recording, error) {
	return m.Microphone.Open(ctx, to, func(l media.Level) {
		l.Dead = true
		listen(l)
	})
}

type dark struct{}

func (dark) Photograph(context.Context, *os.File, <-chan struct{}) (media.Photo, error) {
	return media.Photo{Dark: true}, nil
}

// In quiet hours nothing is heard; and who ends it early gets what was found.
func TestDoctor_QuietAndEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := well(t)
		b.Quiet = true
		ctx, cancel := context.WithCancel(t.Context())
		items := b.Doctor(ctx, func(i protocol.CheckItem) {
			if i.Part == PartSpeaker {
				cancel()
			}
		})
		if last := items[len(items)-1]; last.Part != PartSpeaker || !strings.Contains(last.Text, "not heard") {
			t.Errorf("%+v", items)
		}
	})
}

func TestAfter(t *testing.T) {
	var all []string
	for part := After(""); part != ""; part = After(part) {
		all = append(all, part)
	}
	if len(all) != len(order)-1 || all[0] != PartButtons || all[len(all)-1] != PartServer || After(PartBoard) != PartButtons || After(PartSpeed) != "" {
		t.Errorf("%q", all)
	}
}
