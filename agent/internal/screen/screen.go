// Package screen shows a picture and a few words on a small screen without a
// desktop. It draws through the kernel's display driver (DRM), else into the
// frame buffer; a screen that is missing, unplugged or broken is nobody's
// business but the log's: showing never waits and never fails the caller.
package screen

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"illumi/agent/internal/beat"
	"illumi/agent/internal/media"
	"illumi/agent/internal/sheet"
)

// How often a screen is looked for that came or went: while it has something to
// show (hardware.md 4), and while it would be dark. One that is to show something
// after it was dark is looked at closely first.
const (
	rescanLit  = 10 * time.Second
	rescanDark = time.Minute
)

// Ink on paper has a contrast of 17:1; people.md P23 asks for 7:1.
var (
	ink   = color.RGBA{0xf7, 0xf3, 0xe8, 0xff}
	paper = color.RGBA{0x10, 0x10, 0x10, 0xff}
)

// Options say which screen a box has.
type Options struct {
	// Root is put before /dev and /sys, so that a folder can stand in for the
	// machine; "" is the machine.
	Root string
	// Backend is "auto" (or ""): DRM, else the frame buffer; "drm" or "drm:HDMI-A-1",
	// a connector; "fb" or "fb:NAME", the name in /sys/class/graphics; "file:PATH"
	// or "file:PATH,WIDTHxHEIGHT", a PNG that is rewritten; or "none".
	Backend string
	// Rotate turns what is shown clockwise by 0, 90, 180 or 270 degrees.
	Rotate int
	Logger *slog.Logger
}

// surface is a screen that is there. Only one goroutine uses it.
type surface interface {
	name() string
	size() image.Point
	dpi() float64 // 0 where it is not known
	paint(*image.RGBA) error
	light(light) error
	// plugged is quick, and does not ask the screen itself. Closely, it also looks
	// whether it is still the same one.
	plugged(closely bool) bool
	io.Closer
}

// light is how much of it a screen gives.
type light int

const (
	lit    light = iota
	dark         // nothing to show: black, and the lamp behind it off
	asleep       // night: the signal off too
)

// Screen is a box's screen, there or not. Its methods may be called from any
// goroutine.
type Screen struct {
	o    Options
	log  *slog.Logger
	open func() (surface, error)

	mu      sync.Mutex
	want    shown
	night   bool
	found   string // name of the screen that is there, or ""
	trouble error

	wake chan struct{}
	quit chan struct{}
	done chan struct{}
	once sync.Once
}

// shown is what is to be seen. The file stays open, so that it can be shown
// again on a screen that was unplugged, wherever its name has gone.
type shown struct {
	picture *os.File
	words   string
	changed bool
}

// Open begins to look for the screen. That there is none now is no error, see
// Present and Problem; a setting that cannot be meant is.
func Open(o Options) (*Screen, error) {
	switch o.Rotate {
	case 0, 90, 180, 270:
	default:
		return nil, fmt.Errorf("screen: rotate is %d, not 0, 90, 180 or 270", o.Rotate)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Screen{o: o, log: o.Logger, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	kind, which, _ := strings.Cut(o.Backend, ":")
	switch kind {
	case "", "auto":
		s.open = func() (surface, error) { return openAny(o.Root) }
	case "drm":
		s.open = func() (surface, error) { return openDRM(o.Root, which) }
	case "fb":
		s.open = func() (surface, error) { return openFrameBuffer(o.Root, which, true) }
	case "file":
		path, size, err := fileTarget(which)
		if err != nil {
			return nil, err
		}
		s.open = func() (surface, error) { return &fileSurface{path: path, at: size}, nil }
	case "none":
		s.open = func() (surface, error) { return nil, errNone }
	default:
		return nil, fmt.Errorf("screen: %q is no back end; use auto, drm, fb, file:PATH or none", o.Backend)
	}
	go s.run()
	return s, nil
}

var errNone = errors.New("no screen is wanted")

// openAny prefers DRM. Only where that has no screen is the frame buffer
// looked at, and one that DRM emulates only where DRM cannot be used at all.
func openAny(root string) (surface, error) {
	d, err := openDRM(root, "")
	if err == nil {
		return d, nil
	}
	if errors.Is(err, errTaken) {
		return nil, err
	}
	f, ferr := openFrameBuffer(root, "", errors.Is(err, errNoCard))
	if ferr == nil {
		return f, nil
	}
	return nil, errors.Join(err, ferr)
}

// Show puts a picture file and at most six words on the screen. Either may be
// empty. It does not wait; what goes wrong later is logged.
func (s *Screen) Show(path, words string) error {
	var f *os.File
	if path != "" {
		var err error
		if f, err = os.Open(path); err != nil {
			return fmt.Errorf("show picture: %w", err)
		}
	}
	return s.set(f, words)
}

// Blank makes the screen dark.
func (s *Screen) Blank() error { return s.set(nil, "") }

func (s *Screen) set(f *os.File, words string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want.picture != nil {
		err = s.want.picture.Close()
	}
	s.want = shown{picture: f, words: words, changed: true}
	s.rouse()
	return err
}

// Night keeps the screen dark while it is on, whatever is shown.
func (s *Screen) Night(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.night != on {
		s.night, s.want.changed = on, true
		s.rouse()
	}
}

func (s *Screen) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// Present says whether a screen is plugged in and can be drawn on.
func (s *Screen) Present() bool { return s.Name() != "" }

// Name is that of the screen that is there, with its size; "" while none is.
func (s *Screen) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found
}

// Problem says why there is no screen, or what went wrong last; nil while all
// is well.
func (s *Screen) Problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// Close makes the screen dark and gives it back to the console.
func (s *Screen) Close() error {
	s.once.Do(func() { close(s.quit) })
	<-s.done
	return s.set(nil, "")
}

// run owns the surface.
func (s *Screen) run() {
	defer close(s.done)
	var at surface
	pace := s.pace()
	tick := time.NewTimer(beat.Next(pace))
	defer tick.Stop()
	at = s.look(at, true)
	for {
		select {
		case <-s.wake:
			now := s.pace()
			if now == rescanLit && (at == nil || now != pace) {
				at = s.look(at, true)
			}
			at = s.refresh(at, false)
			if now != pace {
				pace = now
				tick.Reset(beat.Next(pace))
			}
		case <-tick.C:
			tick.Reset(beat.Next(pace))
			at = s.look(at, false)
		case <-s.quit:
			s.leave(at)
			return
		}
	}
}

// pace is how often to look now.
func (s *Screen) pace() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.o.Backend == "none":
		return never
	case s.night || s.want.picture == nil && s.want.words == "":
		return rescanDark
	}
	return rescanLit
}

// never is longer than a box runs.
const never = 100 * 365 * 24 * time.Hour

// look finds out whether the screen came or went.
func (s *Screen) look(at surface, closely bool) surface {
	if at != nil && at.plugged(closely) {
		return at
	}
	if at != nil {
		s.drop(at, errors.New("the screen was unplugged"))
	}
	at, err := s.open()
	if err != nil {
		s.say(err)
		return nil
	}
	n := at.size()
	s.note(fmt.Sprintf("%s, %d×%d", at.name(), n.X, n.Y), nil)
	s.log.Info("a screen is used", "screen", at.name(), "width", n.X, "height", n.Y)
	return s.refresh(at, true)
}

// refresh draws what is wanted, if that changed or the screen is new.
func (s *Screen) refresh(at surface, always bool) surface {
	if at == nil {
		return nil
	}
	s.mu.Lock()
	want, night := s.want, s.night
	changed := want.changed || always
	s.want.changed = false
	s.mu.Unlock()
	if !changed {
		return at
	}
	if err := s.draw(at, want, night); err != nil {
		return s.drop(at, err)
	}
	s.note(s.Name(), nil)
	return at
}

func (s *Screen) draw(at surface, want shown, night bool) error {
	if night || want.picture == nil && want.words == "" {
		level := dark
		if night {
			level = asleep
		}
		return errors.Join(at.paint(black(at.size())), at.light(level))
	}
	img, err := s.page(at, want)
	if err != nil {
		// The picture is at fault, not the screen.
		s.log.Warn("the picture could not be drawn", "error", err)
		return errors.Join(at.paint(black(at.size())), at.light(dark))
	}
	return errors.Join(at.paint(img), at.light(lit))
}

func (s *Screen) page(at surface, want shown) (*image.RGBA, error) {
	n := at.size()
	p := sheet.Page{Width: n.X, Height: n.Y, DPI: at.dpi(), Ink: ink, Paper: paper}
	if s.o.Rotate%180 != 0 {
		p.Width, p.Height = n.Y, n.X
	}
	var picture image.Image
	if want.picture != nil {
		var err error
		picture, err = media.DecodePicture(io.NewSectionReader(want.picture, 0, math.MaxInt64))
		if errors.Is(err, os.ErrClosed) { // another picture is wanted by now
			return black(n), nil
		}
		if err != nil {
			return nil, err
		}
	}
	img, err := p.Draw(picture, want.words)
	if err != nil {
		return nil, err
	}
	return rotate(img, s.o.Rotate), nil
}

// drop lets go of a screen that does not work; the next look may find it again.
func (s *Screen) drop(at surface, why error) surface {
	s.log.Info("the screen is given up for now", "screen", at.name(), "error", why)
	s.note("", errors.Join(why, at.Close()))
	return nil
}

func (s *Screen) leave(at surface) {
	if at == nil {
		return
	}
	err := errors.Join(at.paint(black(at.size())), at.light(dark), at.Close())
	s.note("", err)
	if err != nil {
		s.log.Warn("the screen could not be given back", "error", err)
	}
}

func (s *Screen) note(name string, trouble error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found, s.trouble = name, trouble
}

// say logs why there is no screen, once.
func (s *Screen) say(err error) {
	s.mu.Lock()
	told := s.trouble != nil && s.trouble.Error() == err.Error()
	s.found, s.trouble = "", err
	s.mu.Unlock()
	if !told && !errors.Is(err, errNone) {
		s.log.Info("there is no screen", "error", err)
	}
}
