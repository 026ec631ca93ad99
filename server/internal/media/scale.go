package media

import "math"

// Scaling is done here and not by x/image/draw, because that holds the whole
// intermediate picture as float64 RGBA: 196 MB for a 12-megapixel photo. This
// keeps a handful of rows, works on the decoder's own planes, and in integers,
// so that every platform makes the same bytes.

// weightBits is the fixed point of filter weights.
const weightBits = 14

// taps says which source samples make one target sample, and how much of each.
type taps struct {
	first   int
	weights []int32 // sum is 1<<weightBits
}

// catmullRom is the cubic of x/image/draw. The conversions forbid fused
// multiply-adds, which would differ between processors.
func catmullRom(t float64) float64 {
	t = math.Abs(t)
	switch {
	case t >= 2:
		return 0
	case t < 1:
		return float64(float64(float64(1.5*t)-2.5)*t*t) + 1
	}
	return float64(float64(float64(float64(-0.5*t)+2.5)*t)-4)*t + 2
}

// filter computes taps for dst samples out of src, where one target sample
// covers step source samples.
func filter(dst, src int, step float64) []taps {
	width := max(step, 1) // never sharper than the source
	all := make([]taps, dst)
	for i := range all {
		center := float64((float64(i)+0.5)*step) - 0.5
		lo := max(int(math.Ceil(center-2*width)), 0)
		hi := min(int(math.Floor(center+2*width)), src-1)
		// Rounded chroma planes can end half a sample before the last target.
		lo, hi = min(lo, src-1), max(hi, 0)
		hi = max(lo, hi)
		raw := make([]float64, hi-lo+1)
		sum := 0.0
		for j := range raw {
			raw[j] = catmullRom((float64(lo+j) - center) / width)
			sum += raw[j]
		}
		if sum == 0 {
			raw[0], sum = 1, 1
		}
		all[i] = fixed(lo, raw, sum)
	}
	return all
}

// fixed rounds weights so that they sum to one exactly, and drops zero ends.
func fixed(first int, raw []float64, sum float64) taps {
	w := make([]int32, len(raw))
	rest, top := int32(1<<weightBits), 0
	for i, v := range raw {
		w[i] = int32(math.Round(v / sum * (1 << weightBits)))
		rest -= w[i]
		if w[i] > w[top] {
			top = i
		}
	}
	w[top] += rest
	for len(w) > 1 && w[0] == 0 {
		w, first = w[1:], first+1
	}
	for len(w) > 1 && w[len(w)-1] == 0 {
		w = w[:len(w)-1]
	}
	return taps{first, w}
}

// raster is a picture of k interleaved 8-bit samples a pixel, read by rows.
type raster struct {
	w, h, k int
	// row returns w*k samples, valid until the next call.
	row func(y int) []uint8
}

// scale makes a picture of dw by dh out of src by Catmull-Rom; one target pixel
// covers stepX by stepY source pixels. Memory: the result and a few rows.
func scale(src raster, dw, dh int, stepX, stepY float64) []uint8 {
	horizontal, vertical := filter(dw, src.w, stepX), filter(dh, src.h, stepY)
	tall := 0
	for _, t := range vertical {
		tall = max(tall, len(t.weights))
	}
	n := dw * src.k
	ring := make([][]int32, tall)
	for i := range ring {
		ring[i] = make([]int32, n)
	}
	out := make([]uint8, n*dh)
	sums := make([]int64, n)
	done := 0 // source rows that are scaled across, or skipped
	for y, t := range vertical {
		done = max(done, t.first)
		for ; done < t.first+len(t.weights); done++ {
			across(ring[done%tall], src.row(done), horizontal, src.k)
		}
		clear(sums)
		for j, w := range t.weights {
			for x, v := range ring[(t.first+j)%tall] {
				sums[x] += int64(w) * int64(v)
			}
		}
		line := out[y*n : (y+1)*n]
		for x, v := range sums {
			line[x] = clamp8((v + 1<<(weightBits+7)) >> (weightBits + 8))
		}
	}
	return out
}

// across scales one row; its values carry 8 fraction bits.
func across(dst []int32, src []uint8, horizontal []taps, k int) {
	for x, t := range horizontal {
		for c := range k {
			sum, i := int32(0), t.first*k+c
			for _, w := range t.weights {
				sum += w * int32(src[i])
				i += k
			}
			dst[x*k+c] = sum >> (weightBits - 8)
		}
	}
}

func clamp8(v int64) uint8 { return uint8(min(max(v, 0), 255)) }

// orient turns a picture of w by h pixels, k samples each, as EXIF orientation
// o (1 to 8) asks, and returns it with its new size.
func orient(pix []uint8, w, h, k, o int) ([]uint8, int, int) {
	if o < 2 || o > 8 {
		return pix, w, h
	}
	dw, dh := w, h
	if o >= 5 {
		dw, dh = h, w
	}
	out := make([]uint8, len(pix))
	for y := range dh {
		for x := range dw {
			sx, sy := x, y
			switch o {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, h-1-x
			case 7:
				sx, sy = w-1-y, h-1-x
			case 8:
				sx, sy = w-1-y, x
			}
			copy(out[(y*dw+x)*k:], pix[(sy*w+sx)*k:(sy*w+sx+1)*k])
		}
	}
	return out, dw, dh
}
