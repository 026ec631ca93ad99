package screen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

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
	mu     sync.Mutex
	there  bool
	broken error
	opens  int
	closed int
	last   *image.RGBA
	lights []light
}

func (p *panel) name() string      { return "panel" }
func (p *panel) size() image.Point { return image.Pt(320, 240) }
func (p *panel) dpi() float64      { return 0 }

func (p *panel) plugged() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
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
		time.Sleep(rescan)
		synctest.Wait()
		if shown, _ := p.now(); !s.Present() || !shown {
			t.Fatal("the picture did not come with the screen")
		}
		p.plug(false, nil)
		time.Sleep(rescan)
		synctest.Wait()
		if s.Present() {
			t.Errorf("pulled: %q", s.Name())
		}
		if err := s.Blank(); err != nil {
			t.Error(err)
		}
		p.plug(true, nil)
		time.Sleep(rescan)
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
		time.Sleep(rescan)
		synctest.Wait()
		if shown, _ := p.now(); !s.Present() || !shown {
			t.Error("what was wanted is not shown again")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if shown, _ := p.now(); shown || p.closed != 3 {
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

func TestRotate(t *testing.T) {
	in := black(image.Pt(3, 2))
	in.SetRGBA(0, 0, color.RGBA{255, 0, 0, 255})
	for degrees, want := range map[int]image.Point{0: {0, 0}, 90: {1, 0}, 180: {2, 1}, 270: {0, 2}} {
		out := rotate(in, degrees)
		if out.RGBAAt(want.X, want.Y).R != 255 {
			t.Errorf("%d degrees: %v", degrees, out.Pix)
		}
		if back := rotate(out, (360-degrees)%360); !slices.Equal(back.Pix, in.Pix) {
			t.Errorf("%d degrees and back: %v", degrees, back.Pix)
		}
	}
}

func TestPack(t *testing.T) {
	img := black(image.Pt(3, 1))
	for x, c := range []color.RGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0x88, 0x44, 0xff, 255}} {
		img.SetRGBA(x, 0, c)
	}
	for name, c := range map[string]struct {
		p    pixels
		want []byte
	}{
		"RGB565":   {pixels{16, channel{11, 5}, channel{5, 6}, channel{0, 5}}, []byte{0x00, 0xf8, 0xe0, 0x07, 0x3f, 0x8a}},
		"XRGB8888": {xrgb8888, []byte{0, 0, 255, 0, 0, 255, 0, 0, 0xff, 0x44, 0x88, 0}},
		"XBGR8888": {pixels{32, channel{0, 8}, channel{8, 8}, channel{16, 8}}, []byte{255, 0, 0, 0, 0, 255, 0, 0, 0x88, 0x44, 0xff, 0}},
		"RGB888":   {pixels{24, channel{16, 8}, channel{8, 8}, channel{0, 8}}, []byte{0, 0, 255, 0, 255, 0, 0xff, 0x44, 0x88}},
	} {
		line := make([]byte, 3*c.p.bits/8)
		c.p.pack(line, img, 0)
		if !bytes.Equal(line, c.want) {
			t.Errorf("%s: % x, not % x", name, line, c.want)
		}
	}
}

// The sizes that the kernel's headers have, on 32 and 64 bits.
func TestStructures(t *testing.T) {
	fix := uintptr(80)
	if unsafe.Sizeof(uintptr(0)) == 4 {
		fix = 68
	}
	for name, c := range map[string][2]uintptr{
		"resources": {unsafe.Sizeof(kmsResources{}), 64}, "mode": {unsafe.Sizeof(kmsMode{}), 68}, "connector": {unsafe.Sizeof(kmsConnector{}), 80},
		"encoder": {unsafe.Sizeof(kmsEncoder{}), 20}, "crtc": {unsafe.Sizeof(kmsCRTC{}), 104}, "fb": {unsafe.Sizeof(kmsFB{}), 28},
		"create": {unsafe.Sizeof(kmsCreateDumb{}), 32}, "map": {unsafe.Sizeof(kmsMapDumb{}), 16}, "destroy": {unsafe.Sizeof(kmsDestroyDumb{}), 4},
		"dirty": {unsafe.Sizeof(kmsDirty{}), 24}, "var": {unsafe.Sizeof(fbVar{}), 160}, "fix": {unsafe.Sizeof(fbFix{}), fix},
		"line": {unsafe.Offsetof(fbFix{}.line), map[bool]uintptr{true: 48, false: 44}[fix == 80]}, "crtc mode": {unsafe.Offsetof(kmsCRTC{}.mode), 36},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, not %d", name, c[0], c[1])
		}
	}
	if kmsSetCRTC != 0xc06864a2 || kmsGetConnector != 0xc05064a7 || kmsCreate != 0xc02064b2 {
		t.Errorf("requests: %#x %#x %#x", kmsSetCRTC, kmsGetConnector, kmsCreate)
	}
}

func TestBestMode(t *testing.T) {
	m := func(w, h uint16, kind uint32) kmsMode { return kmsMode{width: w, height: h, kind: kind} }
	for _, c := range []struct{ modes, want string }{
		{"1024x768 800x480*", "800x480"},
		{"800x600 1280x720 640x480", "1280x720"},
		{"3840x2160* 1920x1080 1280x720", "1920x1080"},
		{"3840x2160*", "3840x2160"},
	} {
		var modes []kmsMode
		for _, f := range strings.Fields(c.modes) {
			var w, h uint16
			if _, err := fmt.Sscanf(f, "%dx%d", &w, &h); err != nil {
				t.Fatal(err)
			}
			kind := uint32(0)
			if strings.HasSuffix(f, "*") {
				kind = kmsPreferred
			}
			modes = append(modes, m(w, h, kind))
		}
		if got, ok := bestMode(modes); !ok || fmt.Sprintf("%dx%d", got.width, got.height) != c.want {
			t.Errorf("%s: %dx%d", c.modes, got.width, got.height)
		}
	}
	if _, ok := bestMode(nil); ok {
		t.Error("a mode of none")
	}
}

// A plain file stands in for the memory of a frame buffer.
func TestFrameBuffer_LinesAndOffsets(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "fb"))
	if err != nil {
		t.Fatal(err)
	}
	s := &fbSurface{file: f, line: 50, v: fbVar{width: 20, height: 16, x: 2, y: 16, bits: 16, red: fbField{11, 5, 0}, green: fbField{5, 6, 0}, blue: fbField{0, 5, 0}}}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	img := black(s.size())
	img.SetRGBA(19, 15, color.RGBA{255, 255, 255, 255})
	if err := s.paint(img); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	at := (16+15)*50 + (2+19)*2
	if len(b) != at+2 || binary.LittleEndian.Uint16(b[at:]) != 0xffff || bytes.Count(b, []byte{0xff}) != 2 {
		t.Errorf("%d bytes, the last pixel is at %d", len(b), at)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.line = 30
	if s.check() == nil {
		t.Error("lines shorter than the picture were accepted")
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
	if !s.plugged() || !anyPlugged(root, "card1") {
		t.Error("a screen that is there is not seen")
	}
	set("edid", "another screen")
	if s.plugged() {
		t.Error("another screen is taken for the one before")
	}
	set("edid", "one screen")
	set("status", "disconnected\n")
	if s.plugged() || anyPlugged(root, "card1") {
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
