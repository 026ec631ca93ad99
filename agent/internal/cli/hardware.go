package cli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"illumi/agent/internal/checkup"
	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/health"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/screen"
	"illumi/protocol"
)

// promptsDir is where the package puts the language packs.
const promptsDir = "usr/share/illumi-agent/prompts"

// hardware is a real box's parts, found and opened.
type hardware struct {
	wiring  panel.Wiring
	gpio    *panel.GPIO  // nil: no pins are wired
	evdev   *panel.Evdev // nil: no keys are wired
	panel   *panel.Joined
	live    *media.Live
	mic     *media.ALSAMicrophone
	speaker *media.ALSASpeaker
	camera  media.Camera
	camName string
	screen  *screen.Screen
	display *frame

	root   string
	config config.Hardware
	mixers mixers
	log    *slog.Logger
	mu     sync.Mutex // of machine, which is not safe for concurrent use
	reader *health.Reader
	told   protocol.Health
	toldAt time.Time // when that was measured
	parts  plugged
	listed time.Time // when parts were looked for; zero: they have changed since
}

// plugged are the names of what is plugged in; "" where there is none.
type plugged struct{ microphone, speaker, camera string }

// partsKept is for how long the names of the parts are believed while no part
// comes or goes: to list them is most of what an idle box has to do.
const partsKept = 10 * time.Minute

// wiringOf is how the box is wired: its board's profile, and what box.yaml says
// otherwise. A box has one button unless somebody says so.
func wiringOf(h config.Hardware) (panel.Wiring, error) {
	settings := maps.Clone(h.Wiring)
	if settings == nil {
		settings = map[string]any{}
	}
	if h.Board != "" {
		settings["profile"] = h.Board
	}
	w, err := panel.WiringFrom(settings)
	if err != nil {
		return w, &failure{code: exitUsage, text: sentence(err.Error()), next: "Mend box.yaml.", err: err}
	}
	n := h.Buttons
	if _, listed := h.Wiring["buttons"]; n == 0 && !listed {
		n = 1
	}
	if n == 0 {
		return w, nil
	}
	if n > len(w.Buttons) {
		return w, &failure{code: exitUsage, text: "box.yaml wants more buttons than are wired.", next: "Wire them in box.yaml, or choose another board."}
	}
	return w.First(n), nil
}

// openPins opens buttons and lights alone.
func (p *program) openPins(h config.Hardware, log *slog.Logger) (*hardware, error) {
	w, err := wiringOf(h)
	if err != nil {
		return nil, err
	}
	hw := &hardware{wiring: w, config: h, root: p.root, log: log}
	var panels []panel.Panel
	if w.HasGPIO() {
		if hw.gpio, err = panel.OpenGPIO(panel.GPIOOptions{Wiring: w, Log: log, Root: p.root}); err != nil {
			return nil, err
		}
		panels = append(panels, hw.gpio)
	}
	if w.HasKeys() {
		if hw.evdev, err = panel.OpenEvdev(panel.EvdevOptions{Wiring: w, Log: log, Root: p.root}); err != nil {
			return nil, errors.Join(err, hw.closePins())
		}
		panels = append(panels, hw.evdev)
	}
	hw.panel = panel.Join(panels...)
	hw.live = media.NewLive(media.Pace{}, func(on bool) { hw.panel.Recording(on) })
	return hw, nil
}

// openHardware opens all parts of a real box. A part that is not there is no
// error: it may be plugged in later, and doctor names it.
func (p *program) openHardware(ctx context.Context, h config.Hardware, state string, also []panel.Panel, log *slog.Logger) (hw *hardware, err error) {
	if hw, err = p.openPins(h, log); err != nil {
		return nil, err
	}
	if len(also) > 0 {
		hw.panel = panel.Join(append(also, hw.panel)...)
	}
	hw.mic = &media.ALSAMicrophone{Card: h.Microphone, Root: p.root, Live: hw.live}
	hw.speaker = p.alsaSpeaker(h)
	if hw.camera, hw.camName, err = media.PickCamera(ctx, media.CameraOptions{Live: hw.live, Root: p.root, Want: h.Camera}); err != nil {
		if hw.camera == nil {
			return nil, errors.Join(err, hw.close())
		}
		log.Info("there is no camera now", "why", err)
	}
	if hw.screen, err = screen.Open(screen.Options{Root: p.root, Backend: h.Screen, Rotate: h.Rotate, Logger: log}); err != nil {
		return nil, errors.Join(usage("box.yaml: %s.", err), hw.close())
	}
	if hw.display, err = openFrame(hw.screen, h.Printer, log); err != nil {
		return nil, errors.Join(err, hw.close())
	}
	hw.reader = &health.Reader{Root: p.root, State: state}
	hw.mixers = newMixers(state)
	return hw, nil
}

func (p *program) alsaSpeaker(h config.Hardware) *media.ALSASpeaker {
	return &media.ALSASpeaker{Card: h.Speaker, Root: p.root}
}

// pack is what the box says its sentences with.
func (p *program) pack(h config.Hardware, state, language string) media.Pack {
	share := h.Prompts
	if share == "" {
		share = filepath.Join(p.root, promptsDir)
	}
	return media.BoxPack(clipsDir(state), share, language)
}

func clipsDir(state string) string { return filepath.Join(state, "clips") }

func (h *hardware) closePins() error {
	var errs []error
	if h.gpio != nil {
		errs = append(errs, h.gpio.Close())
	}
	if h.evdev != nil {
		errs = append(errs, h.evdev.Close())
	}
	return errors.Join(errs...)
}

// close gives every part back, lights out.
func (h *hardware) close() error {
	errs := []error{h.panel.Close()}
	if h.display != nil {
		errs = append(errs, h.display.Close())
	} else if h.screen != nil {
		errs = append(errs, h.screen.Close())
	}
	return errors.Join(errs...)
}

// capabilities is what the server is told that the box can do.
func (h *hardware) capabilities() protocol.Capabilities {
	c := protocol.Capabilities{Buttons: len(h.wiring.Buttons), Microphone: true, Speaker: true, Camera: h.camera != nil,
		Screen: h.screen.Present(), Printer: h.config.Printer != "", Audio: "audio/wav"}
	if h.config.FLAC != "off" {
		c.Audio = "audio/flac"
	}
	return c
}

// watch tells of cards and cameras that come and go.
func (h *hardware) watch(ctx context.Context, changed func(daemon.Part, bool)) error {
	watched := make(chan error, 1)
	go func() { watched <- h.watchCamera(ctx, changed) }()
	return errors.Join(h.watchCards(ctx, changed), <-watched)
}

// watchCamera tells at once of a camera that is not there: the box counts on the
// one of its settings, and nobody shall smile at nothing. A Pi camera that was not
// found is tried all the same, as that alone finds it.
func (h *hardware) watchCamera(ctx context.Context, changed func(daemon.Part, bool)) error {
	if h.camera == nil {
		return nil
	}
	_, pi := h.camera.(*media.PiCamera)
	was := !pi || h.camera.Present()
	return media.WatchPresence(ctx, h.root, h.camera, was, func(there bool) {
		h.replugged()
		changed(daemon.PartCamera, there)
	})
}

func (h *hardware) watchCards(ctx context.Context, changed func(daemon.Part, bool)) error {
	var mic, speaker bool
	first := true
	return media.WatchCards(ctx, h.root, func(cards []media.Card) {
		h.replugged()
		h.meet(ctx, cards)
		_, _, merr := media.PickMicrophone(cards, h.config.Microphone)
		_, _, serr := media.PickSpeaker(cards, h.config.Speaker)
		if m := merr == nil; m != mic || first {
			mic = m
			changed(daemon.PartMicrophone, m)
		}
		if s := serr == nil; s != speaker || first {
			speaker = s
			changed(daemon.PartSpeaker, s)
		}
		first = false
	})
}

// meet sets the regulators of cards that are new to the box, before anybody is
// told that they are there.
func (h *hardware) meet(ctx context.Context, cards []media.Card) {
	done, err := h.mixers.meet(ctx, cards, h.config)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		h.log.Warn("a sound card's regulators could not be set", "error", err)
	case len(done) > 0:
		h.log.Info("the regulators of a new sound card are set", "set", done)
	}
}

// health measures the machine and names the parts that are there. Who asks twice at one moment is
// told the same.
func (h *hardware) health() protocol.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.toldAt) > time.Second {
		h.told, h.toldAt = h.measure(), time.Now()
	}
	return h.told
}

// replugged has the parts be listed anew.
func (h *hardware) replugged() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listed, h.toldAt = time.Time{}, time.Time{}
}

func (h *hardware) list() (p plugged) {
	if cards, err := media.Cards(h.root); err == nil {
		if c, _, err := media.PickMicrophone(cards, h.config.Microphone); err == nil {
			p.microphone = c.Name
		}
		if c, _, err := media.PickSpeaker(cards, h.config.Speaker); err == nil {
			p.speaker = c.Name
		}
	}
	if h.camera != nil && h.camera.Present() {
		p.camera = cmp.Or(h.camName, "a camera")
	}
	return p
}

func (h *hardware) measure() protocol.Health {
	v := h.reader.Read().Health()
	if h.listed.IsZero() || time.Since(h.listed) > partsKept {
		h.parts, h.listed = h.list(), time.Now()
	}
	v.Microphone, v.Speaker, v.Camera = h.parts.microphone, h.parts.speaker, h.parts.camera
	v.Screen, v.Printer = h.screen.Name(), h.config.Printer
	for _, c := range h.contacts() {
		if c.Worn() {
			v.Bounces = max(v.Bounces, int(c.Bounces))
		}
	}
	return v
}

// contacts are all switches of the box.
func (h *hardware) contacts() []panel.Contact {
	var list []panel.Contact
	if h.gpio != nil {
		list = append(list, h.gpio.Levels()...)
	}
	if h.evdev != nil {
		list = append(list, h.evdev.Levels()...)
	}
	return list
}

// Buttons tells checkup how the buttons stand.
func (h *hardware) Buttons() ([]checkup.Button, error) {
	if h.gpio != nil {
		for _, f := range h.gpio.Status().Faults {
			if f.Part == "chip" || f.Part == "buttons" {
				return nil, f.Err
			}
		}
	}
	var list []checkup.Button
	for _, c := range h.contacts() {
		if c.Button == 0 {
			continue // the lens cover
		}
		list = append(list, checkup.Button{Name: buttonName(c), Down: c.Down, Since: time.Since(c.Since)})
	}
	return list, nil
}

func buttonName(c panel.Contact) string {
	return "button " + string('0'+rune(c.Button)) + " (" + c.Source + ")"
}

// Lights tells checkup what shines.
func (h *hardware) Lights() ([]string, error) {
	if h.gpio == nil {
		return nil, nil
	}
	s := h.gpio.Status()
	for _, f := range s.Faults {
		if f.Part != "buttons" {
			return nil, f.Err
		}
	}
	var list []string
	if h.wiring.Light != nil {
		list = append(list, s.Light)
	}
	if h.wiring.Red != nil {
		list = append(list, "the red light is driven")
	}
	return list, nil
}

// missingSentences names what the pack cannot say.
func missingSentences(pack media.Pack) []string {
	var keys []string
	for k := range flow.Prompts {
		keys = append(keys, string(k))
	}
	slices.Sort(keys)
	return pack.Check(keys)
}
