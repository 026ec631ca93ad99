package sheet

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for in, want := range map[string]string{"": "", "  one\n two ": "one two", "a b c d e f g h": "a b c d e f"} {
		if got := Words(in); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
}

func page(w, h int, dpi float64) Page {
	return Page{Width: w, Height: h, DPI: dpi, Ink: color.White, Paper: color.Black}
}

var picture = image.NewYCbCr(image.Rect(0, 0, 1600, 1200), image.YCbCrSubsampleRatio420)

// What people.md P23 asks for, whatever the screen.
func TestLay(t *testing.T) {
	for _, c := range []struct {
		name  string
		page  Page
		pic   image.Image
		words string
		lines int
	}{
		{"800x480, beside", page(800, 480, 0), picture, "The picture of this whisper", 4},
		{"800x480 of 7 inches", page(800, 480, 133), picture, "The picture of this whisper", 4},
		{"upright screen, below", page(480, 800, 0), picture, "The picture of this whisper", 2},
		{"320x240, few words", page(320, 240, 0), picture, "Anna", 1},
		{"320x240, no room for so many", page(320, 240, 0), picture, "The picture of this whisper", 0},
		{"320x240, words alone", page(320, 240, 0), nil, "The picture of this whisper", 2},
		{"1920x1080", page(1920, 1080, 0), picture, "a b c d e f g h", 1},
		{"tall picture, wide screen", page(800, 480, 0), image.NewGray(image.Rect(0, 0, 900, 1600)), "Grandmother's garden in Salamanca", 3},
		{"no words", page(800, 480, 0), picture, "", 0},
		{"a word that is too long", page(320, 240, 0), nil, "Donaudampfschifffahrtsgesellschaft", 1},
		{"nothing", page(320, 240, 0), nil, "", 0},
	} {
		l, err := c.page.lay(c.pic, Words(c.words))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(l.lines) != c.lines {
			t.Errorf("%s: %d lines, not %d: %+v", c.name, len(l.lines), c.lines, l)
		}
		whole := image.Rect(0, 0, c.page.Width, c.page.Height)
		if !l.picture.In(whole) || !l.text.In(whole) || !l.picture.Intersect(l.text).Empty() {
			t.Errorf("%s: %+v", c.name, l)
		}
		if c.pic != nil {
			b := c.pic.Bounds()
			if was, is := float64(b.Dx())/float64(b.Dy()), float64(l.picture.Dx())/float64(l.picture.Dy()); math.Abs(was-is)/was > 0.02 {
				t.Errorf("%s: a picture of %.2f became %.2f", c.name, was, is)
			}
		}
		if c.pic != nil && len(l.lines) > 0 && l.size < LeastPoints*c.page.dpi()/72 {
			t.Errorf("%s: letters of %.0f pixels are smaller than 22 pt", c.name, l.size)
		}
		if c.pic == nil && c.words != "" && strings.Join(l.lines, " ") != Words(c.words) {
			t.Errorf("%s: %q is said as %q", c.name, c.words, l.lines)
		}
		if _, wide, err := wrap(strings.Join(l.lines, " "), l.size, l.text.Dx()); len(l.lines) > 0 && (err != nil || wide > l.text.Dx()) {
			t.Errorf("%s: a line of %d in a place of %d", c.name, wide, l.text.Dx())
		}
	}
}

// Everything that is inked lies where the layout says.
func TestDraw_StaysInPlace(t *testing.T) {
	for _, p := range []Page{page(800, 480, 0), page(320, 240, 0), page(480, 320, 0), page(240, 320, 0)} {
		img, err := p.Draw(nil, "Übergröße: jgpqy Ångström ½ six")
		if err != nil {
			t.Fatal(err)
		}
		inked := image.Rectangle{}
		for y := range p.Height {
			for x := range p.Width {
				if img.RGBAAt(x, y).R > 128 {
					inked = inked.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		room := img.Bounds().Inset(2)
		if inked.Empty() || !inked.In(room) {
			t.Errorf("%dx%d: ink at %v", p.Width, p.Height, inked)
		}
		left, right, top, bottom := inked.Min.X, p.Width-inked.Max.X, inked.Min.Y, p.Height-inked.Max.Y
		if abs(left-right) > p.Width/40 || abs(top-bottom) > p.Height/8 {
			t.Errorf("%dx%d: off the middle: %v", p.Width, p.Height, inked)
		}
	}
}

func abs(n int) int { return max(n, -n) }

func TestContrast(t *testing.T) {
	if c := Contrast(color.White, color.Black); math.Abs(c-21) > 0.01 {
		t.Errorf("white on black is %v", c)
	}
	if c := Contrast(color.Gray{0x77}, color.White); math.Abs(c-4.48) > 0.02 {
		t.Errorf("grey on white is %v", c)
	}
}
