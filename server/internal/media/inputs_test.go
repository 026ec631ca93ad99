package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// The inputs of these tests are made here; those that Go cannot encode lie in
// testdata, made by testdata/make.sh.

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func inspectBytes(t testing.TB, b []byte, want Kind) (Info, error) {
	t.Helper()
	return Inspect(t.Context(), bytes.NewReader(b), int64(len(b)), want)
}

func wantCode(t testing.TB, err error, code Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("err = %v, want %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("code = %s (%v), want %s", e.Code, e.Err, code)
	}
	if len(e.Sentence) < 40 || bytes.ContainsRune([]byte(e.Sentence), '%') {
		t.Errorf("sentence %q", e.Sentence)
	}
}

// quadrants is a picture whose corners are red, green (right), blue (below), white.
func quadrants(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	colors := [2][2]color.RGBA{
		{{255, 0, 0, 255}, {0, 255, 0, 255}}, {{0, 0, 255, 255}, {255, 255, 255, 255}},
	}
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, colors[2*y/h][2*x/w])
		}
	}
	return m
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}))
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, png.Encode(&b, m))
	return b.Bytes()
}

// exif makes a TIFF block with an orientation, a comment and a place (GPS).
func exif(orientation uint16) []byte {
	be := binary.BigEndian
	b := []byte("MM\x00\x2a\x00\x00\x00\x08")
	entry := func(tag, typ uint16, count uint32, value ...byte) {
		b = be.AppendUint16(b, tag)
		b = be.AppendUint16(b, typ)
		b = be.AppendUint32(b, count)
		b = append(b, value...)
	}
	b = be.AppendUint16(b, 2)
	entry(0x0112, 3, 1, byte(orientation>>8), byte(orientation), 0, 0)
	entry(0x8825, 4, 1, 0, 0, 0, 38) // GPS directory at 8+2+2*12+4
	b = be.AppendUint32(b, 0)
	b = be.AppendUint16(b, 2)
	entry(0x0001, 2, 2, 'N', 0, 0, 0)
	entry(0x0002, 5, 3, 0, 0, 0, 68)
	b = be.AppendUint32(b, 0)
	for _, v := range []uint32{48, 1, 12, 1, 30, 1} {
		b = be.AppendUint32(b, v)
	}
	return append(b, "SECRETPLACE"...)
}

// withExif puts an EXIF segment and a comment behind the start of a JPEG.
func withExif(b []byte, tiff []byte) []byte {
	segment := func(out []byte, marker byte, body []byte) []byte {
		out = append(out, 0xff, marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
		return append(out, body...)
	}
	out := append([]byte{}, b[:2]...)
	out = segment(out, 0xe1, append([]byte("Exif\x00\x00"), tiff...))
	out = segment(out, 0xfe, []byte("<script>alert(1)</script>"))
	return append(out, b[2:]...)
}

func pngHeader(w, h uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, body []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
		start := len(b)
		b = append(append(b, kind...), body...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
	}
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	chunk("IHDR", append(head, 8, 6, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 1, 0, 0, 0xff, 0xff})
	return b
}

// jpegHeader is a frame header that claims a size, and nothing behind it.
func jpegHeader(progressive bool, w, h uint16, sampling byte) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xc0, 0, 17, 8}
	if progressive {
		b[3] = 0xc2
	}
	b = binary.BigEndian.AppendUint16(b, h)
	b = binary.BigEndian.AppendUint16(b, w)
	b = append(b, 3, 1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0)
	return append(b, 0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0, 0xff, 0xd9)
}

// gifBomb is the 34-byte GIF that claims 32767 x 32767 pixels.
func gifBomb() []byte {
	b := []byte("GIF89a\xff\x7f\xff\x7f\x80\x00\x00\x00\x00\x00\xff\xff\xff")
	b = append(b, ",\x00\x00\x00\x00\xff\x7f\xff\x7f\x00\x02\x02D\x01\x00;"...)
	return b[:34]
}

// tone is a sine of 440 Hz.
func tone(rate int, seconds, amplitude float64) []float64 {
	out := make([]float64, int(float64(rate)*seconds))
	for i := range out {
		out[i] = amplitude * math.Sin(2*math.Pi*440*float64(i)/float64(rate))
	}
	return out
}

// wavOf makes a WAV of the given sample encoding out of channels of equal length.
func wavOf(tag uint16, bits, rate int, channels ...[]float64) []byte {
	le := binary.LittleEndian
	var data []byte
	for i := range channels[0] {
		for _, c := range channels {
			v := c[i]
			switch {
			case tag == wavFloat && bits == 32:
				data = le.AppendUint32(data, math.Float32bits(float32(v)))
			case tag == wavFloat:
				data = le.AppendUint64(data, math.Float64bits(v))
			case bits == 8:
				data = append(data, byte(128+math.Round(v*127)))
			case bits == 16:
				data = le.AppendUint16(data, uint16(int16(math.Round(v*32767))))
			case bits == 24:
				s := int32(math.Round(v * (1<<23 - 1)))
				data = append(data, byte(s), byte(s>>8), byte(s>>16))
			default:
				data = le.AppendUint32(data, uint32(int32(math.Round(v*(1<<31-1)))))
			}
		}
	}
	block := len(channels) * bits / 8
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	le.PutUint32(b[4:], uint32(36+len(data)))
	b = append(b, "WAVEfmt \x10\x00\x00\x00"...)
	b = le.AppendUint16(b, tag)
	b = le.AppendUint16(b, uint16(len(channels)))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*block))
	b = le.AppendUint16(b, uint16(block))
	b = le.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func flacOf(t testing.TB, rate int, known bool, channels ...[]float64) []byte {
	t.Helper()
	const block = 4096
	var b bytes.Buffer
	info := &meta.StreamInfo{
		BlockSizeMin: block, BlockSizeMax: block, SampleRate: uint32(rate),
		NChannels: uint8(len(channels)), BitsPerSample: 16,
	}
	if known {
		info.NSamples = uint64(len(channels[0]))
	}
	enc, err := flac.NewEncoder(&b, info)
	must(t, err)
	for at := 0; at < len(channels[0]); at += block {
		end := min(at+block, len(channels[0]))
		f := &frame.Frame{Header: frame.Header{
			HasFixedBlockSize: true, BlockSize: uint16(end - at), SampleRate: uint32(rate), BitsPerSample: 16,
			Channels: frame.Channels(len(channels) - 1),
		}}
		for _, c := range channels {
			sub := &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: end - at}
			for _, v := range c[at:end] {
				sub.Samples = append(sub.Samples, int32(math.Round(v*32767)))
			}
			f.Subframes = append(f.Subframes, sub)
		}
		must(t, enc.WriteFrame(f))
	}
	must(t, enc.Close())
	return b.Bytes()
}

// page makes one Ogg page of whole packets.
func page(flags byte, granule int64, serial, seq uint32, packets ...[]byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("OggS\x00"), flags)
	b = le.AppendUint64(b, uint64(granule))
	b = le.AppendUint32(b, serial)
	b = le.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0)
	var table, body []byte
	for _, p := range packets {
		for range len(p) / 255 {
			table = append(table, 255)
		}
		table = append(table, byte(len(p)%255))
		body = append(body, p...)
	}
	b = append(append(append(b, byte(len(table))), table...), body...)
	le.PutUint32(b[22:], oggCRC(b))
	return b
}
