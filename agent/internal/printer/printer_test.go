package printer

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/media"
	"illumi/agent/internal/sheet"
)

func portrait(t *testing.T) (string, image.Image) {
	t.Helper()
	img, err := media.Draw("Anna", "hop 2")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "portrait.jpg")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := media.DecodePicture(&b)
	if err != nil {
		t.Fatal(err)
	}
	return path, back
}

// paper is what a printer would have printed, dot by dot.
type paper struct {
	rows [][]bool
	cut  bool
	fed  int
}

// parse is a printer that knows no more of ESC/POS than its manual says.
func parse(t *testing.T, b []byte) (p paper) {
	t.Helper()
	if !bytes.HasPrefix(b, []byte{0x1b, '@'}) {
		t.Fatal("the printer was not reset")
	}
	spacing := 30
	for b = b[2:]; len(b) > 0; {
		switch {
		case bytes.HasPrefix(b, []byte{0x1d, 'v', '0', 0}):
			wide, high := int(b[4])|int(b[5])<<8, int(b[6])|int(b[7])<<8
			if high > 128 {
				t.Fatalf("a band of %d rows", high)
			}
			b = b[8:]
			for range high {
				var row []bool
				for _, v := range b[:wide] {
					for bit := 7; bit >= 0; bit-- {
						row = append(row, v>>bit&1 == 1)
					}
				}
				p.rows, b = append(p.rows, row), b[wide:]
			}
		case bytes.HasPrefix(b, []byte{0x1b, '3'}):
			spacing, b = int(b[2]), b[3:]
		case bytes.HasPrefix(b, []byte{0x1b, '*', 33}):
			n := int(b[3]) | int(b[4])<<8
			b = b[5:]
			rows := make([][]bool, 24)
			for range n {
				for y := range rows {
					rows[y] = append(rows[y], b[y/8]>>(7-y%8)&1 == 1)
				}
				b = b[3:]
			}
			if b[0] != '\n' || spacing != 24 {
				t.Fatalf("a line ends with %q, %d apart", b[0], spacing)
			}
			p.rows, b = append(p.rows, rows...), b[1:]
		case bytes.HasPrefix(b, []byte{0x1b, '2'}):
			spacing, b = 30, b[2:]
		case bytes.HasPrefix(b, []byte{0x1b, 'd'}):
			p.fed, b = int(b[2]), b[3:]
		case bytes.HasPrefix(b, []byte{0x1d, 'V', 66}):
			p.cut, b = true, b[4:]
		default:
			t.Fatalf("the printer does not know % x", b[:min(8, len(b))])
		}
	}
	return p
}

// Every way to say it prints the very dots that were made.
func TestPrint_ParsesBackToTheSameDots(t *testing.T) {
	path, picture := portrait(t)
	const words = "The picture of this whisper"
	for options, dots := range map[string]int{"": 384, ",58mm,cut": 384, ",80mm": 576, ",columns": 384, ",80mm,columns,cut": 576} {
		out := filepath.Join(t.TempDir(), "paper")
		p, err := Open(Options{Target: "file:" + out + options})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Print(path, words); err != nil {
			t.Fatal(err)
		}
		if err := settle(p); err != nil {
			t.Fatalf("%s: %v", options, err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		got := parse(t, b)
		page, err := sheet.Strip(dots, dotsPerInch, picture, words)
		if err != nil {
			t.Fatal(err)
		}
		want := dither(page)
		if len(got.rows) < want.height || len(got.rows) > want.height+23 || len(got.rows[0]) != dots {
			t.Fatalf("%s: %d×%d dots, not %d×%d", options, len(got.rows[0]), len(got.rows), dots, want.height)
		}
		wrong := 0
		for y, row := range got.rows {
			for x, dot := range row {
				if dot != want.black(x, y) {
					wrong++
				}
			}
		}
		if wrong > 0 || got.fed != feedLines || got.cut != strings.Contains(options, "cut") {
			t.Errorf("%s: %d dots are wrong; fed %d, cut %v", options, wrong, got.fed, got.cut)
		}
	}
}

// settle waits for the printer to have printed all.
func settle(p *Printer) error {
	p.mu.Lock()
	p.closed = true
	close(p.jobs)
	// What waits is dropped only when somebody closes.
	p.closed = false
	p.mu.Unlock()
	<-p.done
	return p.Problem()
}

// As many dots as the picture is dark, and letters stay black on white.
func TestDither(t *testing.T) {
	for level, want := range map[uint8]float64{0: 1, 255: 0, 128: 1 - 0.589} {
		img := image.NewRGBA(image.Rect(0, 0, 384, 200))
		for i := range img.Pix {
			img.Pix[i] = level
		}
		b, n := dither(img), 0
		for y := range b.height {
			for x := range b.width {
				if b.black(x, y) {
					n++
				}
			}
		}
		if got := float64(n) / (384 * 200); got < want-0.01 || got > want+0.01 {
			t.Errorf("grey %d: %.3f of the dots are black, not %.3f", level, got, want)
		}
	}
	img := image.NewRGBA(image.Rect(0, 0, 16, 2))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	img.SetRGBA(0, 0, color.RGBA{0, 0, 0, 255})
	img.SetRGBA(9, 1, color.RGBA{0, 0, 0, 255})
	b := dither(img)
	if !bytes.Equal(b.rows[0], []byte{0x80, 0}) || !bytes.Equal(b.rows[1], []byte{0, 0x40}) {
		t.Errorf("% x", b.rows)
	}
}

func TestPrint_OverTheNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, l)
	got := make(chan []byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			close(got)
			return
		}
		defer shut(t, c)
		b, _ := io.ReadAll(c) // what came is what is looked at
		got <- b
	}()
	p, err := Open(Options{Target: "tcp:" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	p.pause = 0
	if err := errors.Join(p.Print("", "Hello Anna"), settle(p)); err != nil {
		t.Fatal(err)
	}
	if page := parse(t, <-got); len(page.rows) < 40 {
		t.Errorf("%d rows", len(page.rows))
	}
}

// A printer that is out of paper takes some and then nothing.
func TestPrint_OutOfPaper(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "dev/usb"), 0o700), syscall.Mkfifo(filepath.Join(root, "dev/usb/lp0"), 0o600)); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile(filepath.Join(root, "dev/usb/lp0"), os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for { // until it is full
		if err := full.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := full.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	p, err := Open(Options{Root: root, Target: "/dev/usb/lp0"})
	if err != nil {
		t.Fatal(err)
	}
	p.patience = 20 * time.Millisecond
	path, _ := portrait(t)
	if err := p.Print(path, "Anna"); err != nil {
		t.Errorf("a printer without paper was the caller's trouble: %v", err)
	}
	if err := settle(p); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "paper") {
		t.Errorf("%v", err)
	}
}

// The box stops although the printer does not go on.
func TestClose_DoesNotWaitForPaper(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, l)
	p, err := Open(Options{Target: "tcp:" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	p.patience, p.pause, p.parting = time.Hour, time.Hour, 0
	if err := p.Print("", "Anna"); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept() // it prints
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, c)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Print("", "Anna"); err == nil {
		t.Error("a closed printer took a picture")
	}
}

func TestPrint_NotThere(t *testing.T) {
	p, err := Open(Options{Root: t.TempDir(), Target: "/dev/usb/lp0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Problem(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "plugged in") {
		t.Errorf("%v", err)
	}
	if err := p.Print("", "Anna"); err != nil {
		t.Errorf("a printer that is not there was the caller's trouble: %v", err)
	}
	if err := p.Print(filepath.Join(t.TempDir(), "gone"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing picture: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpen_Settings(t *testing.T) {
	for _, target := range []string{"", "lp0", "tcp:printer", "file:paper", "/dev/usb/lp0,wide"} {
		if _, err := Open(Options{Target: target}); err == nil {
			t.Errorf("%q was accepted", target)
		}
	}
}

func shut(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
