package screen

import (
	"bytes"
	"errors"
	"flag"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/sheet"
)

var update = flag.Bool("update", false, "rewrite the golden pictures")

// portrait is a picture file as a whisper brings it.
func portrait(t *testing.T) string {
	t.Helper()
	img, err := media.Draw("Anna", "hop 2")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return put(t, "portrait.jpg", b.Bytes())
}

func put(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readPNG(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// Golden pictures, to be looked at when they change: go test -update.
func TestFile_Golden(t *testing.T) {
	for _, c := range []struct {
		name, size, words string
		picture           bool
		rotate            int
	}{
		{"800x480", "800x480", "The picture of this whisper", true, 0},
		{"320x240", "320x240", "The picture of this whisper", true, 0},
		{"320x240-few", "320x240", "From Anna", true, 0},
		{"words", "800x480", "The picture of this whisper", false, 0},
		{"rotated-90", "480x320", "The picture of this whisper", true, 90},
		{"rotated-180", "800x480", "From Anna", true, 180},
	} {
		path := filepath.Join(t.TempDir(), "screen.png")
		synctest.Test(t, func(t *testing.T) {
			s, err := Open(Options{Backend: "file:" + path + "," + c.size, Rotate: c.rotate})
			if err != nil {
				t.Fatal(err)
			}
			picture := ""
			if c.picture {
				picture = portrait(t)
			}
			if err := s.Show(picture, c.words); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			compare(t, filepath.Join("testdata", c.name+".png"), readPNG(t, path))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if !isBlack(readPNG(t, path)) {
				t.Error("the screen was left lit")
			}
		})
	}
}

// compare allows what processors differ in.
func compare(t *testing.T, golden string, got image.Image) {
	t.Helper()
	if *update {
		var b bytes.Buffer
		if err := png.Encode(&b, got); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := readPNG(t, golden)
	if want.Bounds() != got.Bounds() {
		t.Fatalf("%s: %v, not %v", golden, got.Bounds(), want.Bounds())
	}
	differ := 0
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			r, g, b, _ := want.At(x, y).RGBA()
			r2, g2, b2, _ := got.At(x, y).RGBA()
			for _, d := range []int{int(r) - int(r2), int(g) - int(g2), int(b) - int(b2)} {
				if max(d, -d) > 0x0800 {
					differ++
				}
			}
		}
	}
	if differ > 20 {
		t.Errorf("%s: %d values differ", golden, differ)
	}
}

func isBlack(img image.Image) bool {
	if m, ok := img.(*image.RGBA); ok {
		for i, v := range m.Pix {
			if i%4 != 3 && v != 0 {
				return false
			}
		}
		return true
	}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if r, g, b, _ := img.At(x, y).RGBA(); r|g|b != 0 {
				return false
			}
		}
	}
	return true
}

func TestContrast(t *testing.T) {
	if c := sheet.Contrast(ink, paper); c < 7 {
		t.Errorf("words have a contrast of %.1f", c)
	}
}

// panel is a screen that can be pulled.
type panel struct {
	closely int // how often it was looked at so
	mu      sync.Mutex
	there   bool
	broken  error
	opens   int
	closed  int
	last    *image.RGBA
	lights  []light
}

func (p *panel) name() string      { return "panel" }
func (p *panel) size() image.Point { return image.Pt(320, 240) }
func (p *panel) dpi() float64      { return 0 }

func (p *panel) plugged(closely bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if closely {
		p.closely++
	}
	return p.there
}

func (p *panel) paint(i *image.RGBA) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = i
	return p.broken
}

func (p *panel) light(l light) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lights = append(p.lights, l)
	return nil
}

func (p *panel) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	return nil
}

// plug puts the panel in or pulls it, or breaks it.
func (p *panel) plug(in bool, broken error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.there, p.broken = in, broken
}

// now is what the panel shows and by which light.
func (p *panel) now() (shown bool, l light) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		return false, dark
	}
	return !isBlack(p.last), p.lights[len(p.lights)-1]
}

func watched(p *panel, log io.Writer) *Screen {
	s := &Screen{log: slog.New(slog.NewTextHandler(log, nil)), wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	s.open = func() (surface, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.opens++
		if !p.there {
			return nil, errUnplugged
		}
		return p, nil
	}
	go s.run()
	return s
}

func TestScreen_PulledAndPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &panel{}
		s := watched(p, &log)
		picture := portrait(t)
		if err := s.Show(picture, "Anna"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.Present() || !errors.Is(s.Problem(), errUnplugged) {
			t.Errorf("without a screen: %q, %v", s.Name(), s.Problem())
		}
		if n := strings.Count(log.String(), "there is no screen"); n != 1 {
			t.Errorf("said %d times", n)
		}
		p.mu.Lock()
		if p.opens > 8 {
			t.Errorf("looked %d times in a minute", p.opens)
		}
		p.mu.Unlock()
		// The whisper may be gone by the time the screen comes.
		if err := os.Remove(picture); err != nil {
			t.Fatal(err)
		}
		p.plug(true, nil)
		time.Sleep(rescanLit * 3 / 2)
		synctest.Wait()
		if shown, _ := p.now(); !s.Present() || !shown {
			t.Fatal("the picture did not come with the screen")
		}
		p.plug(false, nil)
		time.Sleep(rescanLit * 3 / 2)
		synctest.Wait()
		if s.Present() {
			t.Errorf("pulled: %q", s.Name())
		}
		if err := s.Blank(); err != nil {
			t.Error(err)
		}
		p.plug(true, nil)
		time.Sleep(rescanDark * 3 / 2)
		synctest.Wait()
		if shown, l := p.now(); !s.Present() || shown || l != dark {
			t.Error("the screen came back lit")
		}
		p.plug(true, errors.New("bus error"))
		if err := s.Show("", "Hello"); err != nil {
			t.Errorf("a broken screen was the caller's trouble: %v", err)
		}
		synctest.Wait()
		if s.Present() {
			t.Error("a broken screen is said to be there")
		}
		p.plug(true, nil)
		time.Sleep(rescanLit * 3 / 2)
		synctest.Wait()
		if shown, _ := p.now(); !s.Present() || !shown {
			t.Error("what was wanted is not shown again")
		}
		if err := s.Blank(); err != nil {
			t.Error(err)
		}
		time.Sleep(rescanDark * 3)
		synctest.Wait()
		p.mu.Lock()
		before := p.closely
		p.mu.Unlock()
		if err := s.Show("", "Again"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		p.mu.Lock()
		if p.closely != before+1 {
			t.Errorf("after the dark it was looked at closely %d times, want once", p.closely-before)
		}
		p.mu.Unlock()
		p.plug(false, nil)
		time.Sleep(rescanLit * 3 / 2)
		p.plug(true, nil)
		if err := s.Show("", "Now"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if shown, _ := p.now(); !s.Present() || !shown {
			t.Error("a screen that is back is not looked for when there is something to show")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if shown, _ := p.now(); shown || p.closed != 4 {
			t.Errorf("the screen was left lit, or open: closed %d times", p.closed)
		}
	})
}

func TestScreen_DarkAtNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &panel{there: true}
		s := watched(p, io.Discard)
		picture := portrait(t)
		s.Night(true)
		if err := s.Show(picture, "Anna"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if shown, l := p.now(); shown || l != asleep {
			t.Errorf("lit at night: %v, %v", shown, l)
		}
		s.Night(false)
		synctest.Wait()
		if shown, l := p.now(); !shown || l != lit {
			t.Errorf("dark in the morning: %v, %v", shown, l)
		}
		if err := s.Show(put(t, "bad.jpg", []byte("no picture")), ""); err != nil {
			t.Errorf("a bad picture was the caller's trouble: %v", err)
		}
		synctest.Wait()
		if shown, _ := p.now(); shown || !s.Present() {
			t.Error("a bad picture took the screen away")
		}
		if err := s.Show(filepath.Join(t.TempDir(), "gone"), ""); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a missing picture: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpen_Settings(t *testing.T) {
	for _, o := range []Options{{Backend: "x11"}, {Backend: "none", Rotate: 45}, {Backend: "file:"}, {Backend: "file:a,800"}, {Backend: "file:a,0x0"}} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	s, err := Open(Options{Backend: "none"})
	if err != nil || s.Present() {
		t.Fatal(err)
	}
	if err := errors.Join(s.Show("", "a"), s.Blank(), s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

func TestNoScreen_SaysWhy(t *testing.T) {
	root := t.TempDir()
	if _, err := openAny(root); !errors.Is(err, errNoCard) {
		t.Errorf("a machine without anything: %v", err)
	}
	dir := filepath.Join(root, "sys/class/graphics/fb0")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "name"), []byte("fb_ili9341\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := openFrameBuffer(root, "other", true); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("a name that is not there: %v", err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "dev"), 0o700), os.WriteFile(filepath.Join(root, "dev/fb0"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := openFrameBuffer(root, "fb_ili9341", true); err == nil {
		t.Error("a plain file was taken for a frame buffer")
	}
}

func TestDRM_PluggedByWhatTheKernelNoticed(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sys/class/drm/card1-HDMI-A-1")
	set := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	set("status", "connected\n")
	set("edid", "one screen")
	s := &drmSurface{root: root, card: "card1", output: "HDMI-A-1"}
	s.edid = s.described()
	if !s.plugged(true) || !anyPlugged(root, "card1") {
		t.Error("a screen that is there is not seen")
	}
	set("edid", "another screen")
	if !s.plugged(false) {
		t.Error("what the screen says of itself is read at each look")
	}
	if s.plugged(true) {
		t.Error("another screen is taken for the one before")
	}
	set("edid", "one screen")
	set("status", "disconnected\n")
	if s.plugged(false) || anyPlugged(root, "card1") {
		t.Error("a screen that is gone is still seen")
	}
	if !anyPlugged(root, "card0") {
		t.Error("a card of which nothing is known was not asked")
	}
	s.memory = nil
	if err := s.copyOut(black(image.Pt(4, 4))); err == nil {
		t.Error("memory that is gone was written")
	}
}
