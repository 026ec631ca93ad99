package sheet

import (
	"image"

	"golang.org/x/image/draw"
)

// Scale draws a picture over the given part of out. What shines through is
// white. It needs no more memory than about the picture itself does, where
// draw.CatmullRom would take 80 MB for a photo: it halves the picture as long
// as that leaves enough, and mixes neighbours for the rest.
func Scale(out *image.RGBA, to image.Rectangle, picture image.Image) {
	if to.Empty() || picture.Bounds().Empty() {
		return
	}
	for b := picture.Bounds(); b.Dx() >= 2*to.Dx() && b.Dy() >= 2*to.Dy(); b = picture.Bounds() {
		picture = halve(picture)
	}
	draw.Draw(out, to, image.White, image.Point{}, draw.Src)
	if picture.Bounds().Size() == to.Size() {
		draw.Draw(out, to, picture, picture.Bounds().Min, draw.Over)
		return
	}
	draw.ApproxBiLinear.Scale(out, to, picture, picture.Bounds(), draw.Over, nil)
}

// strip is how many lines are turned into colours at once.
const strip = 64

// halve makes one pixel of four. An odd last line or column goes.
func halve(picture image.Image) *image.RGBA {
	b := picture.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
	lines := image.NewRGBA(image.Rect(0, 0, b.Dx(), strip))
	for y := 0; y < out.Rect.Dy(); y += strip / 2 {
		draw.Draw(lines, lines.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(lines, lines.Rect, picture, b.Min.Add(image.Pt(0, 2*y)), draw.Over)
		for row := range min(strip/2, out.Rect.Dy()-y) {
			upper, lower := lines.Pix[2*row*lines.Stride:], lines.Pix[(2*row+1)*lines.Stride:]
			to := out.Pix[(y+row)*out.Stride:][:out.Stride]
			for i := range to {
				at := i/4*8 + i%4
				to[i] = uint8((int(upper[at]) + int(upper[at+4]) + int(lower[at]) + int(lower[at+4]) + 2) / 4)
			}
		}
	}
	return out
}
