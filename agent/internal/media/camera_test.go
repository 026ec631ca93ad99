package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func dark() *Live { return NewLive(Pace{1000}, func(bool) {}) }

// corner is a picture whose top left quarter is red and whose rest is blue.
func corner(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{0, 0, 0xff, 0xff}
			if x < w/2 && y < h/2 {
				c = color.RGBA{0xff, 0, 0, 0xff}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// turned gives a JPEG with an EXIF orientation and a maker that must not be
// passed on.
func turned(t *testing.T, m image.Image, orientation uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	be := binary.BigEndian
	tiff := append([]byte("MM\x00\x2a"), 0, 0, 0, 8, 0, 2)
	tiff = be.AppendUint16(be.AppendUint32(be.AppendUint16(be.AppendUint16(tiff, 0x010f), 2), 7), 0)
	tiff = be.AppendUint16(tiff, 38)
	tiff = be.AppendUint32(be.AppendUint16(be.AppendUint16(tiff, 0x0112), 3), 1)
	tiff = be.AppendUint16(be.AppendUint16(tiff, orientation), 0)
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = append(tiff, "SECRET\x00\x00"...)
	app := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, byte((len(app)+2)>>8), byte(len(app)+2))
	return append(append(out, app...), b.Bytes()[2:]...)
}

func TestStillCamera_UprightSmallAndBare(t *testing.T) {
	// Where the red corner belongs after turning: left or right, top or bottom.
	want := map[uint16][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}}
	for o, at := range want {
		side := 400
		if o == 6 { // a phone's upright photo, too large
			side = 1800
		}
		cam := &StillCamera{Path: write(t, "fotó é.jpg", turned(t, corner(side, side/2), o)), Live: dark()}
		to := tempFile(t, "p.jpg")
		p, err := cam.Photograph(t.Context(), to, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(to.Name())
		if err != nil {
			t.Fatal(err)
		}
		m, kind, err := image.Decode(bytes.NewReader(b))
		if err != nil || kind != "jpeg" {
			t.Fatal(kind, err)
		}
		w, h := m.Bounds().Dx(), m.Bounds().Dy()
		if max(w, h) != min(side, photoSide) || (o >= 5) != (h > w) || p.Width != w || p.Height != h || p.Dark {
			t.Errorf("orientation %d: %d×%d, %+v", o, w, h, p)
		}
		r, _, bl, _ := m.At(w/4+at[0]*w/2, h/4+at[1]*h/2).RGBA()
		if r < 0xc000 || bl > 0x4000 {
			t.Errorf("orientation %d: the red corner is not at %v", o, at)
		}
		if bytes.Contains(b, []byte("SECRET")) || bytes.Contains(b, []byte("Exif")) {
			t.Errorf("orientation %d: EXIF went along", o)
		}
	}
}

func TestStillCamera_RefusesInWords(t *testing.T) {
	var p bytes.Buffer
	if err := png.Encode(&p, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(p.Bytes())
	binary.BigEndian.PutUint32(huge[16:], 40000)
	binary.BigEndian.PutUint32(huge[20:], 40000)
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut": p.Bytes()[:50], "40000×40000": huge,
		"svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "gif": []byte("GIF89a\xff\x7f\xff\x7f\x00\x00\x00")} {
		_, err := (&StillCamera{Path: write(t, "p", b), Live: dark()}).Photograph(t.Context(), tempFile(t, "o"), nil)
		var f *Fault
		if !errors.As(err, &f) || f.Code != CodeCamera || f.Next == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPhoto_CoveredLens(t *testing.T) {
	for level, want := range map[uint8]bool{0: true, 8: true, 40: false, 200: false} {
		m := image.NewGray(image.Rect(0, 0, 64, 48))
		for i := range m.Pix {
			m.Pix[i] = level + uint8(i%5)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		p, err := (&StillCamera{Path: write(t, "p.png", b.Bytes()), Live: dark()}).Photograph(t.Context(), tempFile(t, "o"), nil)
		if err != nil || p.Dark != want {
			t.Errorf("grey %d: %+v, %v", level, p, err)
		}
	}
}

func TestDraw_SameForSameDifferentForOther(t *testing.T) {
	shot := func(name string, pos int) []byte {
		to := tempFile(t, "p.jpg")
		p, err := (&DrawnCamera{Name: name, Position: func() int { return pos }, Live: dark()}).Photograph(t.Context(), to, nil)
		if err != nil || p.Dark || p.Width != 1200 || p.Height != 900 {
			t.Fatalf("%+v, %v", p, err)
		}
		b, err := os.ReadFile(to.Name())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a := shot("Renée Müller", 2)
	if !bytes.Equal(a, shot("Renée Müller", 2)) {
		t.Error("the same drawing differs")
	}
	if bytes.Equal(a, shot("Renée Müller", 3)) || bytes.Equal(a, shot("janeeyre", 2)) {
		t.Error("different drawings are the same")
	}
	shot("a name that is far too long to be written in letters of this size on one line", 11)
}

func TestPushedCamera_PageOrDrawing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan Want, 9)
		cam := &PushedCamera{Live: dark(), Otherwise: &DrawnCamera{Name: "a"}, Ask: func(w Want) { asked <- w }}
		pic := turned(t, corner(400, 200), 6)
		if err := cam.Push(bytes.NewReader(pic)); !errors.Is(err, ErrNotListening) {
			t.Errorf("push into a closed camera: %v", err)
		}
		if p, err := cam.Photograph(t.Context(), tempFile(t, "o"), nil); err != nil || p.Width != 1200 {
			t.Errorf("without a page: %+v, %v", p, err)
		}
		cam.Use(true)
		go func() {
			if w := <-asked; w != WantPicture {
				t.Errorf("asked %q", w)
			}
			if err := cam.Push(bytes.NewReader([]byte("no picture"))); err == nil {
				t.Error("a text was taken for a picture")
			}
			if err := cam.Push(bytes.NewReader(pic)); err != nil {
				t.Error(err)
			}
		}()
		p, err := cam.Photograph(t.Context(), tempFile(t, "o"), nil)
		if err != nil || p.Width != 200 || p.Height != 400 {
			t.Errorf("%+v, %v", p, err)
		}
		if w := <-asked; w != WantNothing {
			t.Errorf("asked %q at the end", w)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		if _, err := cam.Photograph(ctx, tempFile(t, "o"), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody sent a picture: %v", err)
		}
	})
}

// The countdown is spoken under the red light; the picture is taken at its end.
func TestPhotograph_WaitsForItsMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lamp{}
		live := NewLive(Pace{Speed: 1}, l.set)
		shoot := make(chan struct{})
		took := make(chan struct{})
		done := make(chan error, 1)
		to := tempFile(t, "o")
		go func() {
			_, err := photograph(t.Context(), live, to, shoot, func(context.Context) (image.Image, error) {
				close(took)
				return image.NewRGBA(image.Rect(0, 0, 4, 4)), nil
			})
			done <- err
		}()
		synctest.Wait()
		select {
		case <-took:
			t.Fatal("the picture was taken before its moment")
		default:
		}
		if !slices.Equal(l.log, []string{"on"}) {
			t.Errorf("while the countdown runs the light went %v", l.log)
		}
		close(shoot)
		if err := <-done; err != nil {
			t.Fatal(err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := (&DrawnCamera{Name: "a", Live: live}).Photograph(ctx, to, make(chan struct{})); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled photo: %v", err)
		}
	})
}
