package media

import (
	"context"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// DrawnCamera draws a picture instead of taking one: a face on a coloured
// ground with the box's name and its place in the whisper, so that a reader
// sees at once whose answer it is.
type DrawnCamera struct {
	Name string
	// Position gives the hop being answered; nil leaves it out.
	Position func() int
	Live     *Live
}

// Photograph writes the drawing into the file to once shoot is closed; nil: at once.
func (c *DrawnCamera) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error) {
	return photograph(ctx, c.Live, to, shoot, c.take)
}

func (c *DrawnCamera) take(context.Context) (image.Image, error) {
	words := ""
	if c.Position != nil {
		words = fmt.Sprintf("hop %d", c.Position())
	}
	return Draw(c.Name, words)
}

var bold = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// Draw gives the same 1200×900 picture for the same name and words, always.
func Draw(name, words string) (image.Image, error) {
	ttf, err := bold()
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	h := fnv.New32a()
	h.Write([]byte(name)) // a hash never fails
	seed := h.Sum32()
	img := image.NewRGBA(image.Rect(0, 0, 1200, 900))
	ground := hue(float64(seed%360), 0.42, 0.60)
	draw.Draw(img, img.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	// Rings behind the face, a different number of them for each name.
	for i := 5 + int(seed>>9%4); i > 0; i-- {
		disc(img, 600, 330, 200+float64(i)*70, hue(float64(seed%360)+float64(i)*9, 0.40, 0.60+0.03*float64(i%2)))
	}
	skin := hue(float64((seed>>4)%40)+18, 0.45, 0.55+0.3*float64((seed>>12)%10)/10)
	ink := color.RGBA{0x33, 0x22, 0x1a, 0xff}
	disc(img, 600, 330, 230, ink)
	disc(img, 600, 330, 220, skin)
	apart, high := 70+float64(seed>>16%40), 280+float64(seed>>20%30)
	for _, x := range []float64{600 - apart, 600 + apart} {
		disc(img, x, high, 22, ink)
		disc(img, x+6, high-7, 6, color.RGBA{0xff, 0xff, 0xff, 0xff})
	}
	width := 60 + float64(seed>>24%60)
	for t := -1.0; t <= 1; t += 0.01 {
		disc(img, 600+t*width, 440-26*t*t, 9, ink)
	}
	if err := centred(img, ttf, name, 120, 745); err != nil {
		return nil, err
	}
	return img, centred(img, ttf, words, 72, 850)
}

// centred writes one line, smaller where it would not fit.
func centred(img *image.RGBA, ttf *opentype.Font, text string, size float64, base int) (err error) {
	if text == "" {
		return nil
	}
	for ; ; size *= 0.9 {
		face, err := opentype.NewFace(ttf, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
		if err != nil {
			return fmt.Errorf("draw %d characters: %w", len(text), err)
		}
		wide := font.MeasureString(face, text).Ceil()
		if wide > img.Bounds().Dx()-80 && size > 12 {
			face.Close() // only to try another size
			continue
		}
		at := fixed.P((img.Bounds().Dx()-wide)/2, base)
		for _, d := range []font.Drawer{
			{Src: image.NewUniform(color.RGBA{0, 0, 0, 0x80}), Dot: at.Add(fixed.P(3, 3))},
			{Src: image.White, Dot: at},
		} {
			d.Dst, d.Face = img, face
			d.DrawString(text)
		}
		return face.Close()
	}
}

// disc draws a filled circle with a smooth edge.
func disc(img *image.RGBA, cx, cy, r float64, c color.RGBA) {
	area := image.Rect(int(cx-r)-1, int(cy-r)-1, int(cx+r)+2, int(cy+r)+2).Intersect(img.Bounds())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			a := r + 0.5 - math.Hypot(float64(x)-cx, float64(y)-cy)
			if a <= 0 {
				continue
			}
			a = min(1, a)
			o := img.RGBAAt(x, y)
			mix := func(o, n uint8) uint8 { return uint8(float64(o)*(1-a) + float64(n)*a) }
			img.SetRGBA(x, y, color.RGBA{mix(o.R, c.R), mix(o.G, c.G), mix(o.B, c.B), 0xff})
		}
	}
}

// hue gives a colour from degrees, saturation and lightness (0..1).
func hue(deg, s, l float64) color.RGBA {
	f := func(n float64) uint8 {
		k := math.Mod(n+deg/30, 12)
		return uint8(255 * (l - s*min(l, 1-l)*max(-1, min(k-3, 9-k, 1))))
	}
	return color.RGBA{f(0), f(8), f(4), 0xff}
}

// PushedCamera waits for a picture that somebody pushes: the browser's camera
// or a file. Until Use(true) it lets Otherwise draw.
type PushedCamera struct {
	Live      *Live
	Otherwise *DrawnCamera
	// Ask tells the page that a picture is wanted, or no more. It must be quick.
	Ask func(Want)

	mu   sync.Mutex
	use  bool
	open chan image.Image
}

// Use says whether photos come from the page, from the next one on.
func (c *PushedCamera) Use(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.use = on
}

// Photograph asks for a picture once shoot is closed (nil: at once), waits for
// it for at most as long as ctx allows, and
// writes it into the file to.
func (c *PushedCamera) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error) {
	return photograph(ctx, c.Live, to, shoot, func(ctx context.Context) (image.Image, error) {
		pictures := make(chan image.Image, 1)
		c.mu.Lock()
		if !c.use && c.Otherwise != nil {
			c.mu.Unlock()
			return c.Otherwise.take(ctx)
		}
		c.open = pictures
		c.mu.Unlock()
		c.Ask(WantPicture)
		defer c.Ask(WantNothing)
		defer func() {
			c.mu.Lock()
			c.open = nil
			c.mu.Unlock()
		}()
		select {
		case img := <-pictures:
			return img, nil
		case <-ctx.Done():
			return nil, &Fault{Code: CodeCamera, Text: "The page sent no picture.", Err: ctx.Err()}
		}
	})
}

// Push takes the picture, a JPEG or PNG file, that Photograph waits for.
func (c *PushedCamera) Push(r io.Reader) error {
	c.mu.Lock()
	open := c.open
	c.mu.Unlock()
	if open == nil {
		return ErrNotListening
	}
	img, err := decodePicture(r)
	if err != nil {
		return err
	}
	select {
	case open <- img:
		return nil
	default:
		return ErrNotListening // one is there already
	}
}
