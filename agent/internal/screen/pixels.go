package screen

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
)

func black(n image.Point) *image.RGBA {
	img := image.NewRGBA(image.Rectangle{Max: n})
	draw.Draw(img, img.Bounds(), image.NewUniform(color.Black), image.Point{}, draw.Src)
	return img
}

// rotate turns a picture clockwise by a multiple of 90 degrees.
func rotate(in *image.RGBA, degrees int) *image.RGBA {
	w, h := in.Bounds().Dx(), in.Bounds().Dy()
	n := image.Pt(w, h)
	if degrees%180 != 0 {
		n = image.Pt(h, w)
	}
	if degrees == 0 {
		return in
	}
	out := image.NewRGBA(image.Rectangle{Max: n})
	for y := range n.Y {
		for x := range n.X {
			sx, sy := x, y
			switch degrees {
			case 90:
				sx, sy = y, h-1-x
			case 180:
				sx, sy = w-1-x, h-1-y
			case 270:
				sx, sy = w-1-y, x
			}
			copy(out.Pix[out.PixOffset(x, y):][:4], in.Pix[in.PixOffset(sx, sy):][:4])
		}
	}
	return out
}

// channel is where a colour is in a pixel: its lowest bit and how many.
type channel struct{ offset, length uint32 }

// pixels is how a frame buffer writes colours.
type pixels struct {
	bits             uint32 // of a pixel: 16, 24 or 32
	red, green, blue channel
}

var xrgb8888 = pixels{32, channel{16, 8}, channel{8, 8}, channel{0, 8}}

// pack writes one line of a picture into the bytes of a frame buffer's line.
func (p pixels) pack(line []byte, img *image.RGBA, y int) {
	size := int(p.bits / 8)
	src := img.Pix[img.PixOffset(img.Rect.Min.X, y):]
	for x := range img.Rect.Dx() {
		v := p.red.of(src[4*x]) | p.green.of(src[4*x+1]) | p.blue.of(src[4*x+2])
		switch size {
		case 2:
			binary.LittleEndian.PutUint16(line[2*x:], uint16(v))
		case 3:
			line[3*x], line[3*x+1], line[3*x+2] = byte(v), byte(v>>8), byte(v>>16)
		default:
			binary.LittleEndian.PutUint32(line[4*x:], v)
		}
	}
}

func (c channel) of(v byte) uint32 {
	if c.length >= 8 {
		return uint32(v) << (c.offset + c.length - 8)
	}
	return uint32(v) >> (8 - c.length) << c.offset
}
