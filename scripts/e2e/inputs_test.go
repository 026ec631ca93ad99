package e2e_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// tone is a second and a half of a tone, in 16-bit samples for one channel, or
// three quarters for two.
func tone(rate int, hz float64) []int16 {
	samples := make([]int16, rate*3/2)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return samples
}

// phonePhoto is a JPEG as a phone stores it that was held upright: lying on
// its side, with an orientation and a place in its EXIF. Upright it is w wide
// and h high, and its top half is red.
func phonePhoto(t *testing.T, w, h int) []byte {
	t.Helper()
	// Orientation 6: turned right by 90 degrees it is upright, so its left is the top.
	img := image.NewRGBA(image.Rect(0, 0, h, w))
	for y := range w {
		for x := range h {
			c := color.RGBA{200, 30, 30, 255}
			if x >= h/2 {
				c = color.RGBA{30, 30, 200, 255}
			}
			img.Set(x, y, c)
		}
	}
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, img, nil); err != nil {
		t.Fatal(err)
	}
	body := append([]byte("Exif\x00\x00"), exif(6)...)
	var out bytes.Buffer
	out.Write(plain.Bytes()[:2])
	out.Write([]byte{0xff, 0xe1})
	out.Write(binary.BigEndian.AppendUint16(nil, uint16(len(body)+2)))
	out.Write(body)
	out.Write(plain.Bytes()[2:])
	return out.Bytes()
}

// exif is a TIFF structure with an orientation, a camera's name and a place.
func exif(orientation uint16) []byte {
	var b []byte
	u16 := func(v uint16) { b = binary.BigEndian.AppendUint16(b, v) }
	u32 := func(v uint32) { b = binary.BigEndian.AppendUint32(b, v) }
	entry := func(tag, kind uint16, count, value uint32) { u16(tag); u16(kind); u32(count); u32(value) }
	b = append(b, "MM\x00\x2a"...)
	u32(8)
	const camera, gps, place = 8 + 2 + 3*12 + 4, 66, 66 + 2 + 4*12 + 4
	u16(3)
	entry(0x010f, 2, 12, camera) // Make
	entry(0x0112, 3, 1, uint32(orientation)<<16)
	entry(0x8825, 4, 1, gps)
	u32(0)
	b = append(b, "PrivateCam \x00"...)
	for len(b) < gps {
		b = append(b, 0)
	}
	u16(4)
	entry(0x0001, 2, 2, uint32('N')<<24)
	entry(0x0002, 5, 3, place)
	entry(0x0003, 2, 2, uint32('E')<<24)
	entry(0x0004, 5, 3, place+24)
	u32(0)
	for _, v := range []uint32{48, 12, 30, 16, 22, 12} {
		u32(v)
		u32(1)
	}
	return b
}

// bombPNG claims a size in pixels that its few bytes could never fill.
func bombPNG(w, h uint32) []byte {
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name string, data []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		body := append([]byte(name), data...)
		out = append(out, body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	}
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	chunk("IHDR", append(head, 8, 6, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 0x63, 0x60, 0x60, 0x60, 0, 0, 0, 4, 0, 1})
	chunk("IEND", nil)
	return out
}

// bombGIF is the 34 bytes of a picture that claims to be 32767 pixels square.
func bombGIF() []byte {
	return []byte("GIF89a\xff\x7f\xff\x7f\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\xff\x7f\xff\x7f\x00\x02\x01D\x00;")
}

// stored counts the files below a folder.
func stored(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
