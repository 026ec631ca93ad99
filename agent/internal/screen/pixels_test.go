package screen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

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
