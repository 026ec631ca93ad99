// Package sheet lays a picture and a few words on a surface: a screen or a
// strip of paper. Words are set for old eyes, or left out where they would
// crowd the picture (people.md P23).
package sheet

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const (
	// MostWords is how many words are shown at most.
	MostWords = 6
	// LeastPoints is the size of the letters at least, in 1/72 inch.
	LeastPoints = 22
	leading     = 1.2
	// Beside words a picture keeps at least this part of the area that it would
	// have alone. A judgement: the words are spoken too, the picture is not.
	keeps = 0.35
)

// Page is a surface.
type Page struct {
	Width, Height int // in pixels
	// DPI is the pixels of an inch; 0 where nobody knows.
	DPI float64
	// Ink is the colour of the words, Paper of what is behind everything.
	Ink, Paper color.Color
	// Under allows words below the picture only, never beside it.
	Under bool
}

// Words gives the first six words of s.
func Words(s string) string {
	f := strings.Fields(s)
	return strings.Join(f[:min(len(f), MostWords)], " ")
}

// Draw gives the page with a picture, as large as it gets without being cut,
// and words. The picture may be nil and the words empty.
func (p Page) Draw(picture image.Image, words string) (*image.RGBA, error) {
	out := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	draw.Draw(out, out.Bounds(), image.NewUniform(p.Paper), image.Point{}, draw.Src)
	l, err := p.lay(picture, Words(words))
	if err != nil {
		return nil, err
	}
	if picture != nil {
		Scale(out, l.picture, picture)
	}
	return out, p.write(out, l)
}

// layout is where everything goes.
type layout struct {
	picture image.Rectangle
	text    image.Rectangle
	size    float64 // of the letters in pixels
	lines   []string
}

// letters is the size of letters in pixels.
func (p Page) letters() float64 {
	return math.Max(LeastPoints*p.dpi()/72, float64(min(p.Width, p.Height))/14)
}

// dpi gives the pixels of an inch, or guesses them from what screens with so
// many pixels are usually built as.
func (p Page) dpi() float64 {
	if p.DPI > 0 {
		return p.DPI
	}
	diagonal := math.Hypot(float64(p.Width), float64(p.Height))
	inches := 21.5
	for _, s := range []struct{ pixels, inches float64 }{{400, 2.8}, {600, 3.5}, {1000, 5}, {1200, 7}, {1600, 10.1}} {
		if diagonal <= s.pixels {
			inches = s.inches
			break
		}
	}
	return diagonal / inches
}

func (p Page) lay(picture image.Image, words string) (layout, error) {
	whole := image.Rect(0, 0, p.Width, p.Height)
	margin := min(p.Width, p.Height) / 24
	if picture == nil {
		return p.fitted(words, whole.Inset(margin))
	}
	alone := layout{picture: fit(picture.Bounds(), whole)}
	if words == "" {
		return alone, nil
	}
	size := p.letters()
	best := layout{}
	try := func(column int, under bool) error {
		lines, wide, err := wrap(words, size, column)
		if err != nil {
			return err
		}
		high := int(math.Ceil(float64(len(lines)) * size * leading))
		if wide > column || high > p.Height-2*margin {
			return nil
		}
		l := layout{size: size, lines: lines}
		if under {
			room := image.Rect(0, 0, p.Width, p.Height-high-2*margin)
			l.picture, l.text = fit(picture.Bounds(), room), image.Rect(margin, room.Max.Y+margin, p.Width-margin, p.Height-margin)
		} else {
			room := image.Rect(0, 0, p.Width-wide-2*margin, p.Height)
			l.picture, l.text = fit(picture.Bounds(), room), image.Rect(room.Max.X+margin, 0, p.Width-margin, p.Height)
		}
		if area(l.picture) > area(best.picture) {
			best = l
		}
		return nil
	}
	if err := try(p.Width-2*margin, true); err != nil {
		return layout{}, err
	}
	for column := p.Width * 2 / 3; column >= p.Width/8 && !p.Under; column -= max(1, p.Width/32) {
		if err := try(column, false); err != nil {
			return layout{}, err
		}
	}
	if area(best.picture) < keeps*area(alone.picture) {
		return alone, nil
	}
	return best, nil
}

// fitted gives words alone, smaller where they are too many or too long.
func (p Page) fitted(words string, room image.Rectangle) (layout, error) {
	for size := p.letters(); ; size *= 0.9 {
		lines, wide, err := wrap(words, size, room.Dx())
		if err != nil {
			return layout{}, err
		}
		if size < 8 || wide <= room.Dx() && float64(len(lines))*size*leading <= float64(room.Dy()) {
			return layout{text: room, size: size, lines: lines}, nil
		}
	}
}

func area(r image.Rectangle) float64 { return float64(r.Dx()) * float64(r.Dy()) }

// fit gives the largest rectangle of pic's shape in the middle of room.
func fit(pic, room image.Rectangle) image.Rectangle {
	if pic.Empty() || room.Empty() {
		return image.Rectangle{}
	}
	f := math.Min(float64(room.Dx())/float64(pic.Dx()), float64(room.Dy())/float64(pic.Dy()))
	w := min(room.Dx(), max(1, int(math.Round(float64(pic.Dx())*f))))
	h := min(room.Dy(), max(1, int(math.Round(float64(pic.Dy())*f))))
	at := room.Min.Add(image.Pt((room.Dx()-w)/2, (room.Dy()-h)/2))
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}
}

var bold = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

func face(size float64) (font.Face, error) {
	f, err := bold()
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	made, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("size font: %w", err)
	}
	return made, nil
}

// wrap breaks words into lines of at most width pixels, and gives the width of
// the longest line, which is more where one word is.
func wrap(words string, size float64, width int) (lines []string, wide int, err error) {
	f, err := face(size)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	for _, w := range strings.Fields(words) {
		if n := len(lines); n > 0 && font.MeasureString(f, lines[n-1]+" "+w).Ceil() <= width {
			lines[n-1] += " " + w
			continue
		}
		lines = append(lines, w)
	}
	for _, l := range lines {
		wide = max(wide, font.MeasureString(f, l).Ceil())
	}
	return lines, wide, nil
}

// write sets the lines in the middle of their place.
func (p Page) write(out *image.RGBA, l layout) error {
	if len(l.lines) == 0 {
		return nil
	}
	f, err := face(l.size)
	if err != nil {
		return err
	}
	defer f.Close()
	step := l.size * leading
	m := f.Metrics()
	letters := float64((m.Ascent + m.Descent).Ceil())
	y := float64(l.text.Min.Y) + (float64(l.text.Dy())-step*float64(len(l.lines)))/2 + (step-letters)/2 + float64(m.Ascent.Ceil())
	d := font.Drawer{Dst: out, Src: image.NewUniform(p.Ink), Face: f}
	for _, line := range l.lines {
		x := l.text.Min.X + (l.text.Dx()-font.MeasureString(f, line).Ceil())/2
		d.Dot = fixed.P(x, int(math.Round(y)))
		d.DrawString(line)
		y += step
	}
	return nil
}

// Contrast is that of two colours as WCAG 2.2 counts it, 1 to 21.
func Contrast(a, b color.Color) float64 {
	light := func(c color.Color) float64 {
		r, g, b, _ := c.RGBA()
		lin := func(v uint32) float64 {
			x := float64(v) / 0xffff
			if x <= 0.04045 {
				return x / 12.92
			}
			return math.Pow((x+0.055)/1.055, 2.4)
		}
		return 0.2126*lin(r) + 0.7152*lin(g) + 0.0722*lin(b)
	}
	la, lb := light(a), light(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
