package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/draw"

	"illumi/protocol"
)

func sharedImage(t testing.TB, data []byte) (image.Image, Info, []byte) {
	t.Helper()
	info, err := inspectBytes(t, data, Image)
	must(t, err)
	var out bytes.Buffer
	got, err := SharedImage(t.Context(), bytes.NewReader(data), info, &out)
	must(t, err)
	m, err := jpeg.Decode(bytes.NewReader(out.Bytes()))
	must(t, err)
	want := Info{Kind: Image, Type: "image/jpeg", Ext: ".jpg", Size: int64(out.Len()), Orientation: 1,
		Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	again, err := inspectBytes(t, out.Bytes(), Image)
	must(t, err)
	if again != want {
		t.Errorf("the copy is %+v, want %+v", again, want)
	}
	return m, got, out.Bytes()
}

var (
	red   = color.RGBA{255, 0, 0, 255}
	green = color.RGBA{0, 255, 0, 255}
	blue  = color.RGBA{0, 0, 255, 255}
	white = color.RGBA{255, 255, 255, 255}
)

func TestSharedImage_Upright(t *testing.T) {
	// What is seen upright when a picture stored as red, green / blue, white
	// carries each orientation (EXIF 2.32, 4.6.4).
	want := map[uint16][4]color.RGBA{
		1: {red, green, blue, white}, 2: {green, red, white, blue},
		3: {white, blue, green, red}, 4: {blue, white, red, green},
		5: {red, blue, green, white}, 6: {blue, red, white, green},
		7: {white, green, blue, red}, 8: {green, white, red, blue},
	}
	for _, size := range [][2]int{{60, 40}, {61, 41}, {2100, 31}} {
		plain := jpegOf(t, quadrants(size[0], size[1]))
		for o, colors := range want {
			t.Run(fmt.Sprintf("%dx%d orientation %d", size[0], size[1], o), func(t *testing.T) {
				m, info, _ := sharedImage(t, withExif(plain, exif(o)))
				for i, got := range corners(m) {
					if !near(got, colors[i], 24) {
						t.Errorf("corner %d is %v, want %v", i, got, colors[i])
					}
				}
				if wide := info.Width > info.Height; wide != (o < 5) {
					t.Errorf("%d x %d", info.Width, info.Height)
				}
			})
		}
	}
}

func TestSharedImage_SizesAreKeptOrReduced(t *testing.T) {
	const limit = protocol.MaxSharedSide
	for _, tt := range [][4]int{
		{1, 1, 1, 1}, {3, 2, 3, 2}, {limit, limit / 2, limit, limit / 2}, {limit + 1, limit, limit, limit - 1},
		{3 * limit, 600, limit, 200}, {600, 3 * limit, 200, limit}, {5000, 1, limit, 1}, {1, 5000, 1, limit},
	} {
		m, _, _ := sharedImage(t, jpegOf(t, quadrants(tt[0], tt[1])))
		if b := m.Bounds(); b.Dx() != tt[2] || b.Dy() != tt[3] {
			t.Errorf("%dx%d became %v, want %dx%d", tt[0], tt[1], b, tt[2], tt[3])
		}
	}
}

func TestSharedImage_TransparentIsWhite(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 20, 20)) // transparent black
	half := image.NewNRGBA(image.Rect(0, 0, 20, 20))
	for i := range half.Pix {
		half.Pix[i] = []uint8{0, 0, 0, 128}[i%4]
	}
	palette := image.NewPaletted(image.Rect(0, 0, 20, 20), color.Palette{color.Transparent, red})
	deep := image.NewNRGBA64(image.Rect(0, 0, 20, 20))
	tests := []struct {
		name string
		data []byte
		want color.Color
	}{
		{"png", pngOf(t, clear), white},
		{"png half", pngOf(t, half), color.RGBA{127, 127, 127, 255}},
		{"png palette", pngOf(t, palette), white},
		{"png 16 bit", pngOf(t, deep), white},
		{"webp lossless", vector(t, "clear.webp"), white},
		{"webp lossy", vector(t, "lossy-clear.webp"), white},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _, _ := sharedImage(t, tt.data)
			for _, c := range corners(m) {
				if !near(c, tt.want, 2) {
					t.Errorf("got %v, want %v", c, tt.want)
				}
			}
		})
	}
}

func TestSharedImage_ColoursOfEveryKind(t *testing.T) {
	src := quadrants(50, 30)
	gray := image.NewGray(src.Rect)
	draw.Draw(gray, gray.Rect, src, image.Point{}, draw.Src)
	deep := image.NewRGBA64(src.Rect)
	draw.Draw(deep, deep.Rect, src, image.Point{}, draw.Src)
	palette := image.NewPaletted(src.Rect, color.Palette{red, green, blue, white})
	draw.Draw(palette, palette.Rect, src, image.Point{}, draw.Src)
	for name, data := range map[string][]byte{
		"jpeg": jpegOf(t, src), "png": pngOf(t, src), "png 16 bit": pngOf(t, deep), "png palette": pngOf(t, palette),
	} {
		m, _, _ := sharedImage(t, data)
		for i, c := range corners(m) {
			if want := [4]color.Color{red, green, blue, white}[i]; !near(c, want, 6) {
				t.Errorf("%s: corner %d is %v, want %v", name, i, c, want)
			}
		}
	}
	for name, data := range map[string][]byte{"jpeg gray": jpegOf(t, gray), "png gray": pngOf(t, gray)} {
		m, _, _ := sharedImage(t, data)
		if _, ok := m.(*image.Gray); !ok {
			t.Errorf("%s became %T", name, m)
		}
		for i, c := range corners(m) {
			if want := [4]uint8{76, 150, 29, 255}[i]; !near(c, color.Gray{want}, 3) {
				t.Errorf("%s: corner %d is %v, want %d", name, i, c, want)
			}
		}
	}
}

func TestSharedImage_NothingOfTheOriginalsLabelsIsLeft(t *testing.T) {
	data := withExif(jpegOf(t, quadrants(300, 200)), exif(6))
	data = append(data, "<script>behind the end</script>"...)
	_, _, out := sharedImage(t, data)
	for _, secret := range []string{"SECRETPLACE", "Exif", "script", "GPS"} {
		if !bytes.Contains(data, []byte(secret)) && secret != "GPS" {
			t.Fatalf("the input lacks %q: the test proves nothing", secret)
		}
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("%q is left", secret)
		}
	}
	// Only the segments that pixels need.
	for at := 2; at+4 < len(out); {
		if out[at] != 0xff {
			t.Fatalf("no marker at %d", at)
		}
		if m := out[at+1]; m != 0xdb && m != 0xc0 && m != 0xc4 && m != 0xda {
			t.Errorf("segment %#x", m)
		}
		if out[at+1] == 0xda {
			break
		}
		at += 2 + int(out[at+2])<<8 + int(out[at+3])
	}
	tool, err := exec.LookPath("exiftool")
	if err != nil {
		t.Skip("exiftool is not installed; the segments were checked above")
	}
	name := filepath.Join(t.TempDir(), "shared.jpg")
	must(t, os.WriteFile(name, out, 0o600))
	tags, err := exec.CommandContext(t.Context(), tool, "-G1", "-s", "-a", "-u", name).Output()
	must(t, err)
	for line := range strings.Lines(string(tags)) {
		switch group, _, _ := strings.Cut(strings.TrimPrefix(line, "["), "]"); group {
		case "ExifTool", "System", "File", "Composite":
		default:
			t.Errorf("left: %s", line)
		}
	}
}

func TestSharedImage_SameBytesAgain(t *testing.T) {
	data := withExif(jpegOf(t, quadrants(2500, 700)), exif(8))
	_, _, a := sharedImage(t, data)
	_, _, b := sharedImage(t, data)
	if !bytes.Equal(a, b) {
		t.Error("two runs differ")
	}
}

func TestSharedImage_Damaged(t *testing.T) {
	whole := jpegOf(t, quadrants(640, 480))
	bad := bytes.Clone(pngOf(t, quadrants(64, 64)))
	bad[len(bad)-30] ^= 0xff
	for name, data := range map[string][]byte{
		"jpeg cut": whole[:len(whole)*2/3], "png cut": pngOf(t, quadrants(64, 64))[:60], "png flipped": bad,
		"webp cut": vector(t, "lossy.webp")[:400], "jpeg header alone": jpegHeader(false, 4000, 3000, 0x22),
	} {
		t.Run(name, func(t *testing.T) {
			info, err := inspectBytes(t, data, Image)
			if err == nil {
				_, err = SharedImage(t.Context(), bytes.NewReader(data), info, &bytes.Buffer{})
			}
			wantCode(t, err, DamagedFile)
		})
	}
}

// The scaler against x/image/draw, which it replaces to save memory.
func TestScale_AgreesWithReference(t *testing.T) {
	src := image.NewGray(image.Rect(0, 0, 157, 91))
	for i := range src.Pix {
		src.Pix[i] = uint8(i*i>>3 ^ i*7)
	}
	for _, size := range [][2]int{{157, 91}, {100, 58}, {40, 23}, {3, 2}, {1, 1}} {
		want := image.NewGray(image.Rect(0, 0, size[0], size[1]))
		draw.CatmullRom.Scale(want, want.Rect, src, src.Rect, draw.Src, nil)
		got := scale(raster{157, 91, 1, func(y int) []uint8 { return src.Pix[y*src.Stride:][:157] }},
			size[0], size[1], 157/float64(size[0]), 91/float64(size[1]))
		for i := range got {
			if d := int(got[i]) - int(want.Pix[i]); d < -2 || d > 2 {
				t.Fatalf("%v: sample %d is %d, want %d", size, i, got[i], want.Pix[i])
			}
		}
	}
}

// What the headers let us expect decides before anything is decoded; figures
// in bytes a pixel.
func TestDecodedBytes(t *testing.T) {
	jfif := func(b []byte) []byte {
		return append(append([]byte{}, b[:2]...), append([]byte("\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"), b[2:]...)...)
	}
	deep, laced := pngHeader(100, 100), pngHeader(100, 100)
	deep[24], laced[28] = 16, 1
	tests := []struct {
		name, typ string
		data      []byte
		want      float64
	}{
		{"camera", "image/jpeg", jpegHeader(false, 100, 100, 0x22), 1.5},
		{"camera, progressive", "image/jpeg", jpegHeader(true, 100, 100, 0x22), 7.5},
		{"full colour", "image/jpeg", jfif(jpegHeader(false, 100, 100, 0x11)), 3},
		{"full colour, perhaps RGB", "image/jpeg", jpegHeader(false, 100, 100, 0x11), 7},
		{"png", "image/png", pngHeader(100, 100), 4},
		{"png 16 bit", "image/png", deep, 8},
		{"png interlaced", "image/png", laced, 8},
		{"webp", "image/webp", vector(t, "lossy.webp"), 2},
		{"webp lossless", "image/webp", vector(t, "clear.webp"), 8},
	}
	for _, tt := range tests {
		f := &file{ctx: t.Context(), r: bytes.NewReader(tt.data), size: int64(len(tt.data))}
		got, err := decodedBytes(f, tt.typ, image.Config{Width: 100, Height: 100})
		if err != nil || float64(got)/10_000 != tt.want {
			t.Errorf("%s: %.1f bytes a pixel, %v; want %.1f", tt.name, float64(got)/10_000, err, tt.want)
		}
	}
}
