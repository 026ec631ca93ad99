package media

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"runtime/debug"

	"github.com/bep/imagemeta"
	"golang.org/x/image/webp"

	"illumi/protocol"
)

const (
	// maxSide is what a JPEG can have at most.
	maxSide = 65535
	// maxDecoded bounds what a decoder may hold, estimated from the headers.
	// 60 megapixels are 90 MB as an ordinary JPEG and 240 MB as PNG: the worst
	// that is accepted. What needs more at its size (progressive JPEG over 34
	// megapixels, 16-bit or interlaced PNG over 33) is refused.
	maxDecoded = 256 << 20
	// heavy is the size in pixels from which memory is given back after decoding.
	heavy = 8_000_000
	// sharedQuality is the JPEG quality of the shared copy.
	sharedQuality = 88
)

// decoding lets one picture at a time be decoded, so that memory stays flat
// however many arrive together.
var decoding = make(chan struct{}, 1)

func inspectImage(f *file, typ string) (Info, error) {
	cfg, err := imageConfig(f, typ)
	if err != nil {
		return Info{}, err
	}
	if cfg.Width <= 0 || cfg.Height <= 0 {
		return Info{}, damagedf("%d x %d pixels", cfg.Width, cfg.Height)
	}
	if cfg.Width > maxSide || cfg.Height > maxSide ||
		int64(cfg.Width)*int64(cfg.Height) > protocol.MaxImagePixels {
		return Info{}, tooManyPixels(cfg.Width, cfg.Height)
	}
	need, err := decodedBytes(f, typ, cfg)
	if err != nil {
		return Info{}, err
	}
	if need > maxDecoded {
		return Info{}, refusef(PictureTooHeavy, "%d x %d pixels take %d MB", cfg.Width, cfg.Height, need>>20)
	}
	info := Info{
		Kind: Image, Type: typ, Ext: extensions[typ], Size: f.size,
		Width: cfg.Width, Height: cfg.Height, Orientation: orientation(f, typ),
	}
	if info.Orientation >= 5 {
		info.Width, info.Height = info.Height, info.Width
	}
	return info, nil
}

func imageConfig(f *file, typ string) (image.Config, error) {
	r := bufio.NewReader(f.from(0))
	switch typ {
	case "image/jpeg":
		return jpeg.DecodeConfig(r)
	case "image/png":
		return png.DecodeConfig(r)
	}
	return webp.DecodeConfig(r)
}

// decodedBytes estimates from the headers what the decoder will hold at most.
func decodedBytes(f *file, typ string, cfg image.Config) (int64, error) {
	px := int64(cfg.Width) * int64(cfg.Height)
	switch typ {
	case "image/jpeg":
		return jpegBytes(f, px)
	case "image/png":
		var head [33]byte // signature and IHDR
		if _, err := f.ReadAt(head[:], 0); err != nil {
			return 0, err
		}
		per := int64(4)
		if head[24] == 16 {
			per = 8
		}
		if head[28] != 0 {
			per *= 2 // interlaced: a pass is decoded beside the whole
		}
		return px * per, nil
	}
	var head [16]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, err
	}
	if string(head[12:]) == "VP8 " {
		return px * 2, nil // lossy, no alpha
	}
	return px * 8, nil // lossless: the pixels and the step before
}

// jpegBytes reads the frame header: sampling, and whether all coefficients are
// kept until the end (progressive).
func jpegBytes(f *file, px int64) (int64, error) {
	r := bufio.NewReader(f.from(0))
	if _, err := r.Discard(2); err != nil {
		return 0, err
	}
	jfif := false // then three components are not RGB
	for {
		marker, n, err := jpegMarker(r)
		if err != nil {
			return 0, err
		}
		body := make([]byte, n) // at most 64 KB
		if _, err := io.ReadFull(r, body); err != nil {
			return 0, err
		}
		jfif = jfif || marker == 0xe0 && bytes.HasPrefix(body, []byte("JFIF\x00"))
		if marker >= 0xc0 && marker <= 0xc2 {
			return frameBytes(marker == 0xc2, jfif, body, px)
		}
	}
}

// jpegMarker returns the next marker that has a body, and the body's length.
func jpegMarker(r *bufio.Reader) (marker byte, n int, err error) {
	for marker == 0 || marker == 0xff || marker == 0x01 || marker >= 0xd0 && marker <= 0xd8 {
		last := marker
		if marker, err = r.ReadByte(); err != nil {
			return 0, 0, err
		}
		if last != 0xff && marker != 0xff {
			marker = 0 // not after a 0xff: stray bytes, which decoders skip
		}
	}
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return 0, 0, err
	}
	n = int(binary.BigEndian.Uint16(size[:])) - 2
	if n < 0 {
		return 0, 0, errors.New("jpeg: segment length under 2")
	}
	return marker, n, nil
}

func frameBytes(progressive, jfif bool, sof []byte, px int64) (int64, error) {
	if len(sof) < 6 || len(sof) < 6+3*int(sof[5]) || sof[5] == 0 {
		return 0, errors.New("jpeg: short frame header")
	}
	n := int(sof[5])
	var sum, hMax, vMax int64 = 0, 1, 1
	for i := range n {
		h, v := int64(sof[7+3*i]>>4), int64(sof[7+3*i]&15)
		sum += h * v
		hMax, vMax = max(hMax, h), max(vMax, v)
	}
	need := px * sum / (hMax * vMax)
	if n == 1 {
		need = px
	}
	if progressive {
		need += 4 * need
	}
	if n == 4 || n == 3 && sum == 3 && !jfif {
		need += 4 * px // put together as CMYK, or perhaps as RGB
	}
	return need, nil
}

// orientation returns the EXIF orientation, 1 where there is none that can be
// read: a picture is not refused because of its labels.
func orientation(f *file, typ string) (o int) {
	o = 1
	format := map[string]imagemeta.ImageFormat{
		"image/jpeg": imagemeta.JPEG, "image/png": imagemeta.PNG, "image/webp": imagemeta.WebP,
	}[typ]
	defer func() {
		if recover() != nil {
			o = 1 // labels that break their reader are no labels
		}
	}()
	// The error is dropped: labels cut short or odd leave the picture as it lies.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R:            f.from(0),
		ImageFormat:  format,
		Sources:      imagemeta.EXIF,
		LimitNumTags: 1000,
		LimitTagSize: 4096,
		Warnf:        func(string, ...any) {},
		ShouldHandleTag: func(t imagemeta.TagInfo) bool {
			return t.Tag == "Orientation" && t.Namespace == "IFD0"
		},
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, ok := t.Value.(uint16); ok && v >= 1 && v <= 8 {
				o = int(v)
			}
			return imagemeta.ErrStopWalking
		},
	})
	return o
}

// SharedImage writes the copy that is shown and forwarded: upright, at most
// protocol.MaxSharedSide pixels a side (never enlarged), transparent parts
// white, encoded anew as JPEG, so that no metadata of the original is left
// (colour profiles neither). info is what Inspect returned; all its limits are
// checked again. One picture at a time is decoded in this process; others wait.
// The same file gives the same bytes. On an error, what was written is no picture.
func SharedImage(ctx context.Context, r io.ReaderAt, info Info, w io.Writer) (Info, error) {
	select {
	case decoding <- struct{}{}:
	case <-ctx.Done():
		return Info{}, fmt.Errorf("media: wait for the picture before: %w", ctx.Err())
	}
	defer func() { <-decoding }()
	info, err := Inspect(ctx, r, info.Size, Image)
	if err != nil {
		return Info{}, err
	}
	if info.Width*info.Height > heavy {
		// Else the collector lets the next picture's memory come on top of this one's.
		defer debug.FreeOSMemory()
	}
	out := Info{Kind: Image, Type: "image/jpeg", Ext: ".jpg", Orientation: 1}
	count := &counter{w: writer{w}}
	err = work(ctx, r, info.Size, func(f *file) error {
		src, err := decodeImage(f, info.Type)
		if err != nil {
			return err
		}
		small := shrink(src, info.Orientation)
		out.Width, out.Height = small.Bounds().Dx(), small.Bounds().Dy()
		return jpeg.Encode(count, small, &jpeg.Options{Quality: sharedQuality})
	})
	if err != nil {
		return Info{}, err
	}
	out.Size = count.n
	return out, nil
}

func decodeImage(f *file, typ string) (image.Image, error) {
	// Small reads, so that a crafted file that makes each byte expensive is
	// stopped soon after its time is over.
	r := bufio.NewReaderSize(f.from(0), 4096)
	switch typ {
	case "image/jpeg":
		return jpeg.Decode(r)
	case "image/png":
		return png.Decode(r)
	}
	return webp.Decode(r)
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// shrink returns src upright and at most protocol.MaxSharedSide a side.
func shrink(src image.Image, o int) image.Image {
	w, h := src.Bounds().Dx(), src.Bounds().Dy()
	ratio := max(float64(max(w, h))/protocol.MaxSharedSide, 1)
	dw, dh := fit(w, ratio), fit(h, ratio)
	stepX, stepY := float64(w)/float64(dw), float64(h)/float64(dh)
	switch m := src.(type) {
	case *image.YCbCr:
		return shrinkYCbCr(m, dw, dh, stepX, stepY, o)
	case *image.Gray:
		pix := scale(raster{w, h, 1, func(y int) []uint8 { return m.Pix[y*m.Stride:][:w] }}, dw, dh, stepX, stepY)
		pix, dw, dh = orient(pix, dw, dh, 1, o)
		return &image.Gray{Pix: pix, Stride: dw, Rect: image.Rect(0, 0, dw, dh)}
	}
	pix := scale(raster{w, h, 3, rowsOnWhite(src)}, dw, dh, stepX, stepY)
	pix, dw, dh = orient(pix, dw, dh, 3, o)
	out := image.NewRGBA(image.Rect(0, 0, dw, dh))
	for i := range dw * dh {
		copy(out.Pix[i*4:], pix[i*3:i*3+3])
		out.Pix[i*4+3] = 0xff
	}
	return out
}

func fit(n int, ratio float64) int {
	return max(int(math.Round(float64(n)/ratio)), 1)
}

// shrinkYCbCr scales the decoder's planes as they are: no conversion to RGB
// and back, and a quarter of its memory.
func shrinkYCbCr(m *image.YCbCr, dw, dh int, stepX, stepY float64, o int) image.Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	subX, subY := subsampling(m.SubsampleRatio)
	cw, ch := (w+subX-1)/subX, (h+subY-1)/subY
	luma := scale(raster{w, h, 1, func(y int) []uint8 { return m.Y[y*m.YStride:][:w] }}, dw, dh, stepX, stepY)
	// The encoder stores chroma at half size whatever it gets; full size here
	// keeps odd sizes exact when the picture is turned.
	chroma := func(p []uint8) []uint8 {
		rows := func(y int) []uint8 { return p[y*m.CStride:][:cw] }
		return scale(raster{cw, ch, 1, rows}, dw, dh, stepX/float64(subX), stepY/float64(subY))
	}
	cb, cr := chroma(m.Cb), chroma(m.Cr)
	luma, ow, oh := orient(luma, dw, dh, 1, o)
	cb, _, _ = orient(cb, dw, dh, 1, o)
	cr, _, _ = orient(cr, dw, dh, 1, o)
	return &image.YCbCr{
		Y: luma, Cb: cb, Cr: cr, YStride: ow, CStride: ow,
		SubsampleRatio: image.YCbCrSubsampleRatio444, Rect: image.Rect(0, 0, ow, oh),
	}
}

func subsampling(r image.YCbCrSubsampleRatio) (x, y int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// rowsOnWhite reads any picture as rows of RGB, laid on white.
func rowsOnWhite(src image.Image) func(y int) []uint8 {
	b := src.Bounds()
	row := make([]uint8, 3*b.Dx())
	switch m := src.(type) {
	case *image.NRGBA:
		return func(y int) []uint8 {
			line := m.Pix[y*m.Stride:]
			for x := range b.Dx() {
				a := uint32(line[4*x+3])
				for c := range 3 {
					row[3*x+c] = uint8((uint32(line[4*x+c])*a + 255*(255-a) + 127) / 255)
				}
			}
			return row
		}
	case *image.Paletted:
		var table [256][3]uint8
		for i, c := range m.Palette {
			table[i] = onWhite(color.RGBA64Model.Convert(c).(color.RGBA64))
		}
		return func(y int) []uint8 {
			for x, i := range m.Pix[y*m.Stride:][:b.Dx()] {
				copy(row[3*x:], table[i][:])
			}
			return row
		}
	case image.RGBA64Image:
		return func(y int) []uint8 {
			for x := range b.Dx() {
				c := onWhite(m.RGBA64At(b.Min.X+x, b.Min.Y+y))
				copy(row[3*x:], c[:])
			}
			return row
		}
	}
	// All decoders used here yield pictures of the kinds above.
	panic(fmt.Sprintf("media: rows of %T", src))
}

func onWhite(c color.RGBA64) [3]uint8 {
	add := 0xffff - uint32(c.A)
	return [3]uint8{
		uint8((uint32(c.R) + add) >> 8), uint8((uint32(c.G) + add) >> 8), uint8((uint32(c.B) + add) >> 8),
	}
}
