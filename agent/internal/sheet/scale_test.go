package sheet

import (
	"image"
	"image/color"
	"math"
	"testing"
)

// Any picture keeps its corners and its mean, whatever it is scaled by.
func TestScale(t *testing.T) {
	for _, c := range []struct{ w, h, dw, dh int }{{1640, 1232, 1600, 1202}, {2048, 1536, 640, 480}, {2049, 1537, 100, 75}, {64, 48, 800, 600}, {300, 300, 150, 150}, {5, 5, 1, 1}, {1, 400, 1, 100}} {
		src := image.NewYCbCr(image.Rect(3, 5, 3+c.w, 5+c.h), image.YCbCrSubsampleRatio444)
		for y := range c.h {
			for x := range c.w {
				src.Y[y*src.YStride+x] = uint8(255 * (x + y) / (c.w + c.h))
				src.Cb[y*src.CStride+x], src.Cr[y*src.CStride+x] = 128, 128
			}
		}
		out := image.NewRGBA(image.Rect(0, 0, c.dw+20, c.dh+20))
		to := image.Rect(10, 10, 10+c.dw, 10+c.dh)
		Scale(out, to, src)
		worst := 0.0
		for y := range c.dh {
			for x := range c.dw {
				want := 255 * ((float64(x)+0.5)/float64(c.dw)*float64(c.w) + (float64(y)+0.5)/float64(c.dh)*float64(c.h) - 1) / float64(c.w+c.h)
				worst = max(worst, math.Abs(float64(out.RGBAAt(10+x, 10+y).G)-want))
			}
		}
		if worst > 4 && c.w > 5 {
			t.Errorf("%+v: off by %.1f", c, worst)
		}
		if out.RGBAAt(9, 9) != (color.RGBA{}) || out.RGBAAt(10+c.dw, 10+c.dh) != (color.RGBA{}) {
			t.Errorf("%+v: drawn beside its place", c)
		}
	}
}

// A stripe pattern too fine to be kept becomes its mean, not other stripes.
func TestScale_NoFalsePatterns(t *testing.T) {
	src := image.NewGray(image.Rect(0, 0, 1600, 1200))
	for i := range src.Pix {
		src.Pix[i] = uint8(i % 2 * 255)
	}
	out := image.NewRGBA(image.Rect(0, 0, 384, 288))
	Scale(out, out.Rect, src)
	for i, v := range out.Pix {
		if i%4 != 3 && (v < 126 || v > 130) {
			t.Fatalf("value %d is %d", i, v)
		}
	}
}

func TestScale_SeeThroughIsWhite(t *testing.T) {
	src := image.NewNRGBA(image.Rect(0, 0, 100, 100))
	for _, n := range []int{100, 70, 20, 200} {
		out := image.NewRGBA(image.Rect(0, 0, n, n))
		Scale(out, out.Rect, src)
		if got := out.RGBAAt(n/2, n/2); got != (color.RGBA{255, 255, 255, 255}) {
			t.Errorf("to %d: %v", n, got)
		}
	}
}

func BenchmarkScale(b *testing.B) {
	src := image.NewYCbCr(image.Rect(0, 0, 1640, 1232), image.YCbCrSubsampleRatio420)
	out := image.NewRGBA(image.Rect(0, 0, 1600, 1202))
	b.ReportAllocs()
	for b.Loop() {
		Scale(out, out.Rect, src)
	}
}
