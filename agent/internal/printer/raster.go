package printer

import (
	"image"
	"image/color"
	"math"
)

// gamma lightens what is between black and white: heat spreads, and dots on
// thermal paper come out larger than drawn. A starting value.
const gamma = 1.3

// bitmap is a picture in black dots, eight to a byte, the leftmost on top.
type bitmap struct {
	width, height int
	rows          [][]byte
}

// dither makes dots of a picture after Floyd and Steinberg.
func dither(img *image.RGBA) bitmap {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := bitmap{width: w, height: h, rows: make([][]byte, h)}
	var tone [256]float32
	for i := range tone {
		tone[i] = float32(255 * math.Pow(float64(i)/255, 1/gamma))
	}
	// Errors of this row and the next, with a column to spare on each side.
	here, next := make([]float32, w+2), make([]float32, w+2)
	for y := range h {
		row := make([]byte, (w+7)/8)
		for x := range w {
			c := img.RGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			l, _, _ := color.RGBToYCbCr(c.R, c.G, c.B)
			v := tone[l] + here[x+1]
			off := v // from white
			if v < 128 {
				row[x/8] |= 0x80 >> (x % 8)
			} else {
				off = v - 255
			}
			here[x+2] += off * 7 / 16
			next[x] += off * 3 / 16
			next[x+1] += off * 5 / 16
			next[x+2] += off / 16
		}
		out.rows[y] = row
		here, next = next, here
		clear(next)
	}
	return out
}

// black reports a dot. Below the picture the paper is white.
func (b bitmap) black(x, y int) bool {
	return y < b.height && b.rows[y][x/8]&(0x80>>(x%8)) != 0
}

const (
	esc = 0x1b
	gs  = 0x1d
	// bandRows is how much a printer's memory surely takes at once; more comes
	// out as garbage (hardware.md 5).
	bandRows   = 128
	columnRows = 24
	feedLines  = 4
)

// encode gives what to send, in pieces after each of which the printer needs
// a moment. columns uses ESC *, which also the oldest printers know.
func (b bitmap) encode(columns, cut bool) [][]byte {
	pieces := [][]byte{{esc, '@'}}
	if columns {
		pieces = append(pieces, b.columns()...)
	} else {
		pieces = append(pieces, b.bands()...)
	}
	end := []byte{esc, 'd', feedLines}
	if cut {
		end = append(end, gs, 'V', 66, 0)
	}
	return append(pieces, end)
}

// bands uses GS v 0.
func (b bitmap) bands() (out [][]byte) {
	wide := (b.width + 7) / 8
	for y := 0; y < b.height; y += bandRows {
		n := min(bandRows, b.height-y)
		p := []byte{gs, 'v', '0', 0, byte(wide), byte(wide >> 8), byte(n), byte(n >> 8)}
		for _, row := range b.rows[y : y+n] {
			p = append(p, row...)
		}
		out = append(out, p)
	}
	return out
}

// columns uses ESC * in its 24-dot mode, line by line without a gap.
func (b bitmap) columns() [][]byte {
	out := [][]byte{{esc, '3', columnRows}}
	for y := 0; y < b.height; y += columnRows {
		p := []byte{esc, '*', 33, byte(b.width), byte(b.width >> 8)}
		for x := range b.width {
			for part := range 3 {
				var v byte
				for bit := range 8 {
					if b.black(x, y+8*part+bit) {
						v |= 0x80 >> bit
					}
				}
				p = append(p, v)
			}
		}
		out = append(out, append(p, '\n'))
	}
	return append(out, []byte{esc, '2'})
}
