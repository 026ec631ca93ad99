package sheet

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/draw"
)

const (
	// paperPoints is the size of letters on paper, which is held in the hand.
	paperPoints = 14
	// A picture is at most so many times as long as the paper is wide.
	longest = 2
)

// Strip gives a strip of paper as wide as asked and as long as needed: the
// picture over its full width, and at most six words below it in black.
func Strip(width int, dpi float64, picture image.Image, words string) (*image.RGBA, error) {
	size, margin := paperPoints*dpi/72, width/24
	words = Words(words)
	var lines []string
	if words != "" {
		wide := 0
		for {
			var err error
			if lines, wide, err = wrap(words, size, width-2*margin); err != nil {
				return nil, err
			}
			if wide <= width-2*margin || size < 8 {
				break
			}
			size *= 0.9
		}
	}
	var at image.Rectangle
	if picture != nil {
		at = fit(picture.Bounds(), image.Rect(0, 0, width, longest*width))
		at = at.Sub(image.Pt(0, at.Min.Y))
	}
	high := 0
	if len(lines) > 0 {
		high = int(math.Ceil(float64(len(lines))*size*leading)) + margin
	}
	p := Page{Width: width, Height: max(1, at.Max.Y+high), Ink: color.Black, Paper: color.White}
	out := image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	if picture != nil {
		Scale(out, at, picture)
	}
	return out, p.write(out, layout{text: image.Rect(margin, p.Height-high+margin, width-margin, p.Height), size: size, lines: lines})
}
