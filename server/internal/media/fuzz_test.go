package media

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// allowed says that an error is one that a person or the caller can act on.
func allowed(err error) bool {
	var e *Error
	return err == nil || errors.As(err, &e) && sentences[e.Code] != ""
}

func FuzzInspect(f *testing.F) {
	for _, name := range []string{"tone.mp3", "tone-vorbis.ogg", "tone-opus.ogg", "tone.m4a", "tone-fragments.m4a", "lossy.webp", "clear.webp"} {
		f.Add(vector(f, name))
	}
	f.Add(gifBomb())
	f.Add(pngHeader(40000, 40000))
	f.Add(jpegHeader(true, 10000, 6000, 0x11))
	f.Add(wavOf(wavPCM, 16, 8000, tone(8000, 0.11, 0.5)))
	f.Add(flacOf(f, 8000, true, tone(8000, 0.11, 0.5)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []Kind{Image, Audio} {
			info, err := Inspect(t.Context(), bytes.NewReader(data), int64(len(data)), kind)
			if !allowed(err) {
				t.Fatalf("%s: %v", kind, err)
			}
			if err == nil && (extensions[info.Type] != info.Ext || info.Kind != kind || info.Size != int64(len(data))) {
				t.Fatalf("%+v", info)
			}
		}
	})
}

func FuzzOrientation(f *testing.F) {
	plain := jpegOf(f, quadrants(4, 2))
	for o := range uint16(10) {
		f.Add(exif(o))
	}
	f.Fuzz(func(t *testing.T, tiff []byte) {
		if len(tiff) > 60_000 {
			return
		}
		data := withExif(plain, tiff)
		info, err := Inspect(t.Context(), bytes.NewReader(data), int64(len(data)), Image)
		if err != nil || info.Orientation < 1 || info.Orientation > 8 || info.Width*info.Height != 8 {
			t.Fatalf("%+v, %v", info, err)
		}
	})
}

func FuzzSharedImage(f *testing.F) {
	f.Add(withExif(jpegOf(f, quadrants(20, 10)), exif(6)))
	f.Add(pngOf(f, quadrants(20, 10)))
	f.Add(vector(f, "lossy.webp"))
	f.Add(vector(f, "clear.webp"))
	f.Add(vector(f, "lossy-clear.webp"))
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := Inspect(t.Context(), bytes.NewReader(data), int64(len(data)), Image)
		if err != nil || info.Width*info.Height > 1<<20 {
			return // large ones only make this slow
		}
		var out bytes.Buffer
		got, err := SharedImage(t.Context(), bytes.NewReader(data), info, &out)
		if !allowed(err) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		again, err := Inspect(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), Image)
		if err != nil || again != got {
			t.Fatalf("said %+v, is %+v, %v", got, again, err)
		}
	})
}

// fuzzAudio runs data through everything that decodes.
func fuzzAudio(t *testing.T, data []byte) {
	info := Info{Size: int64(len(data))}
	var out bytes.Buffer
	got, err := SharedAudio(t.Context(), bytes.NewReader(data), info, &out, Converter{})
	if !allowed(err) {
		t.Fatal(err)
	}
	if err == nil {
		again, err := Inspect(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), Audio)
		if err != nil || again != got {
			t.Fatalf("said %+v, is %+v, %v", got, again, err)
		}
	}
	if _, err := Peaks(t.Context(), bytes.NewReader(data), info, 20); !allowed(err) {
		t.Fatal(err)
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wavOf(wavPCM, 16, 8000, tone(8000, 0.11, 0.5)))
	f.Add(wavOf(wavFloat, 32, 96000, tone(96000, 0.11, 0.5), tone(96000, 0.11, 0.5)))
	f.Add(wavOf(wavPCM, 8, 8000, tone(8000, 0.11, 0.5)))
	f.Fuzz(fuzzAudio)
}

func FuzzFLAC(f *testing.F) {
	f.Add(flacOf(f, 8000, true, tone(8000, 0.11, 0.5)))
	f.Add(flacOf(f, 16000, false, tone(16000, 0.11, 0.5), tone(16000, 0.11, 0.5)))
	f.Fuzz(fuzzAudio)
}

func FuzzMP3(f *testing.F) {
	b := vector(f, "tone.mp3")
	f.Add(b)
	f.Add(b[id3Len(b):])
	f.Add(vector(f, "tone-22050.mp3")[:1200])
	f.Fuzz(fuzzAudio)
}

func FuzzM4A(f *testing.F) {
	f.Add(vector(f, "tone.m4a"))
	f.Add(vector(f, "tone-fragments.m4a"))
	f.Add(vector(f, "video.mp4"))
	f.Fuzz(fuzzAudio)
}

// The checksums of Ogg hide the codecs from a fuzzer; so it changes packets.
func fuzzOgg(f *testing.F, name string) {
	b := vector(f, name)
	o := newOggReader(&file{ctx: f.Context(), r: bytes.NewReader(b), size: int64(len(b))})
	var packets [][]byte
	for {
		p, _, err := o.next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(f, err)
		packets = append(packets, bytes.Clone(p))
	}
	f.Add(packets[0], packets[1], packets[2], packets[3], bytes.Join(packets[4:6], nil), int64(44100))
	f.Add(packets[0], packets[1], packets[2], packets[4], packets[5], int64(-1))
	f.Fuzz(func(t *testing.T, a, b, c, d, e []byte, end int64) {
		var data []byte
		for i, p := range [][]byte{a, b, c, d, e, packets[6], packets[7]} {
			if len(p) > 60_000 {
				return
			}
			var flags byte
			if i == 0 {
				flags = 2
			}
			data = append(data, page(flags, end, 1, uint32(i), p)...)
		}
		fuzzAudio(t, data)
	})
}

func FuzzOpus(f *testing.F) { fuzzOgg(f, "tone-opus.ogg") }

func FuzzVorbis(f *testing.F) { fuzzOgg(f, "tone-vorbis.ogg") }

func FuzzOggPages(f *testing.F) {
	f.Add(vector(f, "tone-opus.ogg"))
	f.Add(vector(f, "tone-vorbis.ogg"))
	f.Fuzz(fuzzAudio)
}
