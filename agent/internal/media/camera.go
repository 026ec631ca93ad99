package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // pictures may be PNG
	"io"
	"math"
	"os"
	"time"

	"github.com/bep/imagemeta"

	"illumi/agent/internal/sheet"
)

const (
	// photoSide is the longest side of a photo in pixels (hardware.md 3).
	photoSide    = 1600
	photoQuality = 85
	// Most of what a picture file may be before it is decoded (design 4.4).
	maxPictureBytes  = 25 << 20
	maxPicturePixels = 60_000_000
	// darkBelow is the mean brightness (of 255) under which a lens is taken to
	// be covered. A judgement, to be tuned with real cameras in real rooms.
	darkBelow = 14.0
)

// Photo describes a photo that was written.
type Photo struct {
	Width, Height int
	// Brightness is the mean luma, 0 to 255.
	Brightness float64
	// Dark says that the lens is probably covered.
	Dark bool
}

// shutter is an open camera: Close frees it. A camera that is open only while
// it takes the picture needs no close.
type shutter struct {
	take  func(context.Context) (image.Image, error)
	close func() error
}

func (s shutter) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// photograph opens a camera under the red light, takes one picture once shoot
// is closed (nil: at once), and writes it as an upright JPEG of at most 1600
// pixels a side that holds nothing but the picture. The file is synced and
// stays the caller's to close.
func photograph(ctx context.Context, live *Live, to *os.File, shoot <-chan struct{}, take func(context.Context) (image.Image, error)) (Photo, error) {
	return photographBy(ctx, live, to, shoot, func() (shutter, error) { return shutter{take: take}, nil })
}

// photographBy does so with a camera that is opened before the countdown.
func photographBy(ctx context.Context, live *Live, to *os.File, shoot <-chan struct{}, open func() (shutter, error)) (Photo, error) {
	if err := ctx.Err(); err != nil {
		return Photo{}, err
	}
	h, err := hold(live, open)
	if err != nil {
		return Photo{}, err
	}
	img, err := func() (_ image.Image, err error) {
		defer func() { err = errors.Join(err, h.Close()) }()
		if shoot != nil {
			select {
			case <-shoot:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return h.device.take(ctx)
	}()
	if err != nil {
		return Photo{}, err
	}
	return writePhoto(to, img)
}

func writePhoto(to *os.File, picture image.Image) (Photo, error) {
	img := shrink(picture, photoSide)
	p := Photo{Width: img.Bounds().Dx(), Height: img.Bounds().Dy(), Brightness: brightness(img)}
	p.Dark = p.Brightness < darkBelow
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: photoQuality}); err != nil {
		return Photo{}, fmt.Errorf("encode photo: %w", err)
	}
	if _, err := to.WriteAt(b.Bytes(), 0); err != nil {
		return Photo{}, fmt.Errorf("write photo: %w", err)
	}
	if err := to.Truncate(int64(b.Len())); err != nil {
		return Photo{}, fmt.Errorf("write photo: %w", err)
	}
	if err := to.Sync(); err != nil {
		return Photo{}, fmt.Errorf("write photo: %w", err)
	}
	return p, nil
}

// shrink gives img with no side longer than side, on a canvas of its own.
func shrink(img image.Image, side int) *image.RGBA {
	b := img.Bounds()
	f := math.Min(1, float64(side)/float64(max(b.Dx(), b.Dy(), 1)))
	w, h := max(1, int(math.Round(float64(b.Dx())*f))), max(1, int(math.Round(float64(b.Dy())*f)))
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	sheet.Scale(out, out.Bounds(), img)
	return out
}

// brightness is the mean luma of every fourth pixel of every fourth row.
func brightness(img *image.RGBA) float64 {
	var sum, n float64
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 4 {
		for x := b.Min.X; x < b.Max.X; x += 4 {
			c := img.RGBAAt(x, y)
			l, _, _ := color.RGBToYCbCr(c.R, c.G, c.B)
			sum += float64(l)
			n++
		}
	}
	return sum / n
}

func noPicture(text string, err error) error {
	return &Fault{Code: CodeCamera, Text: text, Next: "Send a JPEG or PNG picture.", Err: err}
}

// decodePicture reads a JPEG or PNG, bounded before it is decoded, and turns
// it upright.
func decodePicture(r io.Reader) (image.Image, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxPictureBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	if len(b) > maxPictureBytes {
		return nil, noPicture("The picture is larger than 25 MB.", nil)
	}
	c, kind, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, noPicture("The file is not a picture that the box knows.", err)
	}
	if c.Width < 1 || c.Height < 1 || int64(c.Width)*int64(c.Height) > maxPicturePixels {
		return nil, noPicture("The picture has more than 60 million pixels.", nil)
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, noPicture("The picture is damaged.", err)
	}
	turn := 1
	if kind == "jpeg" {
		turn = orientation(b)
	}
	if turn == 1 {
		return img, nil
	}
	return upright(shrink(img, photoSide), turn), nil
}

// orientation gives EXIF's way of holding the camera, 1 to 8. What cannot be
// read is taken for upright: the picture itself is whole.
func orientation(jpg []byte) int {
	turn := 1
	_, err := imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(jpg), ImageFormat: imagemeta.JPEG, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return t.Tag == "Orientation" },
		HandleTag: func(t imagemeta.TagInfo) error {
			if n, ok := t.Value.(uint16); ok && t.Namespace == "IFD0" && n >= 1 && n <= 8 {
				turn = int(n)
			}
			return nil
		},
		Timeout: 2 * time.Second,
	})
	if err != nil {
		return 1
	}
	return turn
}

// upright undoes EXIF's orientation.
func upright(in *image.RGBA, turn int) *image.RGBA {
	w, h := in.Bounds().Dx(), in.Bounds().Dy()
	ow, oh := w, h
	if turn >= 5 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range oh {
		for x := range ow {
			sx, sy := x, y
			switch turn {
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
			out.SetRGBA(x, y, in.RGBAAt(sx, sy))
		}
	}
	return out
}

// StillCamera takes the same photo every time: the picture file at Path.
type StillCamera struct {
	Path string
	Live *Live
}

// Photograph writes the photo into the file to once shoot is closed (nil: at
// once), and not at all when ctx ends before. A file that is no picture is a
// Fault with CodeCamera.
func (c *StillCamera) Photograph(ctx context.Context, to *os.File, shoot <-chan struct{}) (Photo, error) {
	return photograph(ctx, c.Live, to, shoot, func(context.Context) (image.Image, error) {
		f, err := os.Open(c.Path)
		if err != nil {
			return nil, noPicture("The picture file cannot be opened.", err)
		}
		img, err := decodePicture(f)
		return img, errors.Join(err, f.Close())
	})
}
