package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/protocol"
)

func TestInspect_Pictures(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want Info
	}{
		{"jpeg", jpegOf(t, quadrants(60, 40)), Info{Type: "image/jpeg", Ext: ".jpg", Width: 60, Height: 40, Orientation: 1}},
		{"jpeg turned", withExif(jpegOf(t, quadrants(60, 40)), exif(6)), Info{Type: "image/jpeg", Ext: ".jpg", Width: 40, Height: 60, Orientation: 6}},
		{"png", pngOf(t, quadrants(7, 5)), Info{Type: "image/png", Ext: ".png", Width: 7, Height: 5, Orientation: 1}},
		{"webp", vector(t, "lossy.webp"), Info{Type: "image/webp", Ext: ".webp", Width: 64, Height: 48, Orientation: 1}},
		{"webp lossless", vector(t, "clear.webp"), Info{Type: "image/webp", Ext: ".webp", Width: 40, Height: 30, Orientation: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := inspectBytes(t, tt.data, Image)
			must(t, err)
			tt.want.Kind, tt.want.Size = Image, int64(len(tt.data))
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestInspect_Recordings(t *testing.T) {
	second := tone(44100, 1, 0.5)
	wav := func(f func([]byte)) []byte {
		b := wavOf(wavPCM, 16, 44100, second)
		f(b)
		return b
	}
	le := binary.LittleEndian
	tests := []struct {
		name       string
		data       []byte
		typ        string
		rate, ch   int
		seconds    float64
		incomplete bool
	}{
		{"wav", wavOf(wavPCM, 16, 44100, second, second), "audio/wav", 44100, 2, 1, false},
		{"wav 24 bit", wavOf(wavPCM, 24, 96000, tone(96000, 0.5, 0.5)), "audio/wav", 96000, 1, 0.5, false},
		{"wav claims 4 GB", wav(func(b []byte) { le.PutUint32(b[40:], 0xffffffff) }), "audio/wav", 44100, 1, 1, false},
		{"wav claims 2 GB", wav(func(b []byte) { le.PutUint32(b[40:], 0x80000000) }), "audio/wav", 44100, 1, 1, false},
		{"wav claims nothing", wav(func(b []byte) { le.PutUint32(b[40:], 0) }), "audio/wav", 44100, 1, 1, false},
		{"wav claims twice its sound", wav(func(b []byte) { le.PutUint32(b[40:], 2*2*44100) }), "audio/wav", 44100, 1, 1, true},
		{"wav claims half its sound", wav(func(b []byte) { le.PutUint32(b[40:], 44100) }), "audio/wav", 44100, 1, 0.5, false},
		{"wav cut within a sample", wav(func([]byte) {})[:44+2*22050+1], "audio/wav", 44100, 1, 0.5, true},
		{"flac", flacOf(t, 44100, true, second, second), "audio/flac", 44100, 2, 1, false},
		{"flac of unknown length", flacOf(t, 16000, false, tone(16000, 1, 0.5)), "audio/flac", 16000, 1, 1, false},
		{"mp3 with tag and cover", vector(t, "tone.mp3"), "audio/mpeg", 44100, 1, 1.045, false},
		{"mp3 without tag", vector(t, "tone.mp3")[id3Len(vector(t, "tone.mp3")):], "audio/mpeg", 44100, 1, 1.045, false},
		{"mp3 with a tag behind", append(vector(t, "tone.mp3"), "TAG\xff\xfb\xff\xfb and text"...), "audio/mpeg", 44100, 1, 1.045, false},
		{"ogg vorbis", vector(t, "tone-vorbis.ogg"), "audio/ogg", 44100, 2, 1, false},
		{"ogg opus", vector(t, "tone-opus.ogg"), "audio/ogg", 48000, 1, 1, false},
		{"m4a", vector(t, "tone.m4a"), "audio/mp4", 44100, 2, 1.02, false},
		{"m4a in milliseconds", inMilliseconds(vector(t, "tone.m4a")), "audio/mp4", 44100, 2, 1.02, false},
		{"m4a in fragments", vector(t, "tone-fragments.m4a"), "audio/mp4", 44100, 2, 1.02, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := inspectBytes(t, tt.data, Audio)
			must(t, err)
			if got.Kind != Audio || got.Type != tt.typ || got.Ext != extensions[tt.typ] || got.SampleRate != tt.rate ||
				got.Channels != tt.ch || got.Incomplete != tt.incomplete || got.Size != int64(len(tt.data)) {
				t.Errorf("got %+v", got)
			}
			if d := got.Duration.Seconds() - tt.seconds; d < -0.03 || d > 0.03 {
				t.Errorf("duration %v, want %v s", got.Duration, tt.seconds)
			}
		})
	}
}

// inMilliseconds changes the time unit of an M4A's sound.
func inMilliseconds(b []byte) []byte {
	be := binary.BigEndian
	mdhd := b[bytes.Index(b, []byte("mdhd"))+4:] // version and flags, two dates, unit, duration
	seconds := float64(be.Uint32(mdhd[16:])) / float64(be.Uint32(mdhd[12:]))
	be.PutUint32(mdhd[12:], 1000)
	be.PutUint32(mdhd[16:], uint32(seconds*1000))
	return b
}

func id3Len(b []byte) int {
	return 10 + int(b[6])<<21 + int(b[7])<<14 + int(b[8])<<7 + int(b[9])
}

func TestInspect_Refuses(t *testing.T) {
	svg := `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
	html := "<!DOCTYPE html><script>alert(1)</script>"
	heic := "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
	avif := "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf"
	short := wavOf(wavPCM, 16, 8000, tone(8000, 0.05, 0.5))
	long := wavOf(wavPCM, 8, 8000, make([]float64, 8000*(protocol.MaxAudioSeconds+2)))
	adpcm := wavOf(wavPCM, 16, 8000, tone(8000, 1, 0.5))
	adpcm[20] = 2
	tests := []struct {
		name string
		data []byte
		kind Kind
		want Code
	}{
		{"empty picture", nil, Image, EmptyFile},
		{"empty recording", nil, Audio, EmptyFile},
		{"text", []byte("dear diary, this is no picture"), Image, NotAnImage},
		{"text as recording", []byte("dear diary, this is no sound"), Audio, NotARecording},
		{"one byte", []byte{0}, Image, NotAnImage},
		{"one byte as recording", []byte{0}, Audio, NotARecording},
		{"gif bomb", gifBomb(), Image, GIFNotSupported},
		{"gif and script", []byte("GIF89a/*" + html + "*/"), Image, GIFNotSupported},
		{"svg", []byte(svg), Image, SVGNotSupported},
		{"svg without prologue", []byte(svg[21:]), Image, SVGNotSupported},
		{"html", []byte(html), Image, NotAnImage},
		{"html that begins as jpeg", []byte("\xff\xd8\xff\xe0" + html), Image, DamagedFile},
		{"heic", []byte(heic), Image, HEICNotSupported},
		{"heic of ten bits", []byte(strings.ReplaceAll(heic, "heic", "heix")), Image, HEICNotSupported},
		{"heif", []byte(strings.Replace(heic, "heic", "mif1", 1)), Image, HEICNotSupported},
		{"heif burst", []byte(strings.Replace(heic, "heic", "msf1", 1)), Image, HEICNotSupported},
		{"live photo", []byte(strings.Replace(heic, "heic", "hevc", 1)), Image, HEICNotSupported},
		{"avif", []byte(avif), Image, HEICNotSupported},
		{"png of 40000 x 40000", pngHeader(40000, 40000), Image, TooManyPixels},
		{"png of 2^31-1 squared", pngHeader(1<<31-1, 1<<31-1), Image, DamagedFile},
		{"png 1 pixel high", pngHeader(1_000_000, 1), Image, TooManyPixels},
		{"png without pixels", pngHeader(0, 10), Image, DamagedFile},
		{"jpeg of 65535 x 65535", jpegHeader(false, 65535, 65535, 0x22), Image, TooManyPixels},
		{"progressive jpeg of 60 MP in full colour", jpegHeader(true, 10000, 6000, 0x11), Image, PictureTooHeavy},
		{"a recording as picture", wavOf(wavPCM, 16, 8000, tone(8000, 1, 0.5)), Image, NotAnImage},
		{"a picture as recording", jpegOf(t, quadrants(8, 8)), Audio, NotARecording},
		{"jpeg marker alone", []byte{0xff, 0xd8, 0xff}, Image, DamagedFile},
		{"short wav", short, Audio, TooShort},
		{"wav without sound", short[:44], Audio, TooShort},
		{"wav header alone", short[:20], Audio, DamagedFile},
		{"wav of 10 minutes and 2 seconds", long, Audio, TooLong},
		{"adpcm", adpcm, Audio, UnknownEncoding},
		{"id3 tag alone", []byte("ID3\x03\x00\x00\x7f\x7f\x7f\x7f" + strings.Repeat("x", 100)), Audio, NotARecording},
		{"mp3 of MPEG-2.5", vector(t, "tone-mpeg25.mp3"), Audio, UnknownEncoding},
		{"video", vector(t, "video.mp4"), Audio, VideoNotSupported},
		{"webm", []byte("\x1a\x45\xdf\xa3\x93\x42\x82\x88webm\x42\x87"), Audio, WebMNotSupported},
		{"matroska", []byte("\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x42\x87"), Audio, WebMNotSupported},
		{"webm as picture", []byte("\x1a\x45\xdf\xa3\x93\x42\x82\x88webm\x42\x87"), Image, NotAnImage},
		{"heic as recording", []byte(heic), Audio, NotARecording},
		{"m4a cut short", vector(t, "tone.m4a")[:3000], Audio, DamagedFile},
		{"ogg header cut", vector(t, "tone-opus.ogg")[:40], Audio, DamagedFile},
		{"flac header alone", []byte("fLaC"), Audio, DamagedFile},
		{"flac that begins with a picture", []byte("fLaC\x06\xff\xff\xff" + strings.Repeat("\xff", 64)), Audio, DamagedFile},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			info, err := inspectBytes(t, tt.data, tt.kind)
			wantCode(t, err, tt.want)
			if info != (Info{}) {
				t.Errorf("info with an error: %+v", info)
			}
		})
	}
}

func TestInspect_SizeLimits(t *testing.T) {
	// The reader is never touched: it would panic.
	for _, tt := range []struct {
		kind Kind
		size int64
	}{{Image, protocol.MaxImageBytes + 1}, {Audio, protocol.MaxAudioBytes + 1}, {Audio, -1}} {
		_, err := Inspect(t.Context(), nil, tt.size, tt.kind)
		wantCode(t, err, FileTooLarge)
	}
}

type failing struct {
	err   error
	after int64
	r     io.ReaderAt
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.after {
		return 0, f.err
	}
	return f.r.ReadAt(p, off)
}

// A broken disk or an ended request is not the fault of the file.
func TestErrors_OfDiskAndContextAreNotDamage(t *testing.T) {
	pic := jpegOf(t, quadrants(400, 300))
	info, err := inspectBytes(t, pic, Image)
	must(t, err)
	var e *Error

	_, err = SharedImage(t.Context(), failing{syscall.EIO, 4096, bytes.NewReader(pic)}, info, io.Discard)
	if !errors.Is(err, syscall.EIO) || errors.As(err, &e) {
		t.Errorf("disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = SharedImage(ctx, bytes.NewReader(pic), info, io.Discard)
	if !errors.Is(err, context.Canceled) || errors.As(err, &e) {
		t.Errorf("context: %v", err)
	}
	_, err = SharedImage(t.Context(), bytes.NewReader(pic), info, full{})
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &e) {
		t.Errorf("writer: %v", err)
	}
	wav := wavOf(wavPCM, 16, 8000, tone(8000, 1, 0.5))
	// Tools that read to "the end" must not make a shorter copy of it.
	sound := vector(t, "tone.mp3")
	_, err = SharedAudio(t.Context(), failing{syscall.EIO, int64(len(sound)) - 1000, bytes.NewReader(sound)},
		Info{Size: int64(len(sound))}, io.Discard, Converter{})
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("disk under a recording: %v", err)
	}
	_, err = SharedAudio(t.Context(), bytes.NewReader(wav), Info{Size: int64(len(wav))}, full{}, Converter{})
	if !errors.Is(err, syscall.ENOSPC) || errors.As(err, &e) {
		t.Errorf("writer: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestWork_PanicIsDamageAndTimeIsBounded(t *testing.T) {
	err := work(t.Context(), nil, 0, func(*file) error { panic("index out of range") })
	wantCode(t, err, DamagedFile)
	ctx, cancel := context.WithDeadlineCause(t.Context(), time.Now().Add(-1), errWorkTime)
	defer cancel()
	err = work(ctx, nil, 0, func(f *file) error { return f.ctx.Err() })
	wantCode(t, err, TookTooLong)
}

// With one picture decoding, another waits, and stops waiting when told.
func TestSharedImage_OneAtATime(t *testing.T) {
	decoding <- struct{}{}
	defer func() { <-decoding }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := SharedImage(ctx, bytes.NewReader(nil), Info{Size: 1}, io.Discard)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestOrientation_OddLabelsAreIgnored(t *testing.T) {
	plain := jpegOf(t, quadrants(60, 40))
	loop := exif(6)
	binary.BigEndian.PutUint32(loop[34:], 8) // the next directory is this one
	for name, tiff := range map[string][]byte{
		"zero": exif(0), "nine": exif(9), "cut": exif(6)[:12], "empty": nil, "noise": bytes.Repeat([]byte{0xff}, 500),
	} {
		info, err := inspectBytes(t, withExif(plain, tiff), Image)
		if err != nil || info.Orientation != 1 || info.Width != 60 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	if info, err := inspectBytes(t, withExif(plain, loop), Image); err != nil || info.Orientation != 6 {
		t.Errorf("loop: %+v, %v", info, err)
	}
}

func near(a, b color.Color, by int) bool {
	ar, ag, ab, _ := a.RGBA()
	br, bg, bb, _ := b.RGBA()
	d := func(x, y uint32) int { return max(int(x>>8)-int(y>>8), int(y>>8)-int(x>>8)) }
	return d(ar, br) <= by && d(ag, bg) <= by && d(ab, bb) <= by
}

// corners returns the colours a tenth away from the four corners, row by row.
func corners(m image.Image) [4]color.Color {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	return [4]color.Color{
		m.At(w/10, h/10), m.At(w-1-w/10, h/10), m.At(w/10, h-1-h/10), m.At(w-1-w/10, h-1-h/10),
	}
}
