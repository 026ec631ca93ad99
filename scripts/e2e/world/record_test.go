package world

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The same golden orders as the server's, from code of its own.
func TestArrange(t *testing.T) {
	for _, c := range []struct{ seed, names, want string }{
		{strings.Repeat("00", 32), "e d c b a", "c b a e d"},
		{strings.Repeat("01", 32), "a b c d e", "c a e b d"},
		{strings.Repeat("ff", 32), "beargrylls conandoyle janeeyre", "conandoyle beargrylls janeeyre"},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "é ö a Z 1", "ö 1 a é Z"},
	} {
		got, err := Arrange("illumi-shuffle-1", c.seed, strings.Fields(c.names))
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("seed %.8s…: %q, %v, want %q", c.seed, got, err, c.want)
		}
	}
	for _, seed := range []string{"", "00", strings.Repeat("zz", 32)} {
		if _, err := Arrange("illumi-shuffle-1", seed, nil); err == nil {
			t.Errorf("the seed %q was taken", seed)
		}
	}
	if _, err := Arrange("another", strings.Repeat("00", 32), nil); err == nil {
		t.Error("an unknown algorithm was taken")
	}
}

// whole is a record with nothing wrong.
func whole() Whisper {
	at := func(s int) *time.Time {
		t := time.Date(2026, 11, 20, 9, 0, s, 0, time.UTC)
		return &t
	}
	files := []File{{Role: "audio", Variant: "original"}, {Role: "audio", Variant: "shared"}}
	w := Whisper{State: "complete", Seed: strings.Repeat("ff", 32), OrderAlgorithm: "illumi-shuffle-1", StartedAt: at(0), CompletedAt: at(9)}
	w.Origin.Files = files
	for i, name := range []string{"conandoyle", "beargrylls", "janeeyre"} {
		w.Hops = append(w.Hops, Hop{
			Position: i + 1, Device: name, State: "approved", Files: files,
			OfferedAt: at(3 * i), DeliveredAt: at(3*i + 1), HeardAt: at(3*i + 2), ReceivedAt: at(3*i + 3),
		})
	}
	return w
}

func TestWhisper_Check(t *testing.T) {
	if err := whole().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Whisper){
		"not complete":     func(w *Whisper) { w.State = "travelling" },
		"never completed":  func(w *Whisper) { w.CompletedAt = nil },
		"no origin":        func(w *Whisper) { w.Origin.Files = nil },
		"other order":      func(w *Whisper) { w.Hops[0].Device, w.Hops[1].Device = w.Hops[1].Device, w.Hops[0].Device },
		"other seed":       func(w *Whisper) { w.Seed = strings.Repeat("00", 32) },
		"unanswered":       func(w *Whisper) { w.Hops[1].State = "heard" },
		"skipped":          func(w *Whisper) { w.Hops[2].State = "skipped" },
		"never heard":      func(w *Whisper) { w.Hops[1].HeardAt = nil },
		"heard too early":  func(w *Whisper) { w.Hops[1].HeardAt = w.StartedAt },
		"two at once":      func(w *Whisper) { w.Hops[1].OfferedAt = w.StartedAt },
		"no shared copy":   func(w *Whisper) { w.Hops[1].Files = w.Hops[1].Files[:1] },
		"a hop left out":   func(w *Whisper) { w.Hops = slices.Delete(w.Hops, 0, 1) },
		"a hop twice over": func(w *Whisper) { w.Hops = append(w.Hops, w.Hops[2]) },
	} {
		w := whole()
		w.Hops = slices.Clone(w.Hops)
		spoil(&w)
		if w.Check() == nil {
			t.Errorf("%s: nothing was noticed", name)
		}
	}
}

func TestWhisper_CheckFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "00_audio_original.wav")
	if err := WriteWAV(path, 1, 8000, []int16{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	sum, size, err := Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	f := File{Role: "audio", Variant: "original", Name: "00_audio_original.wav", SHA256: sum, Size: size}
	check := func(files ...File) error {
		var w Whisper
		w.Origin.Files = files
		return w.CheckFiles(dir)
	}
	if err := check(f); err != nil {
		t.Error(err)
	}
	longer, other, gone, outside := f, f, f, f
	longer.Size++
	other.SHA256 = strings.Repeat("0", 64)
	gone.Name = "01_audio_original.wav"
	outside.Name = "../" + filepath.Base(dir) + "/" + f.Name
	for name, files := range map[string][]File{
		"another size": {longer}, "another digest": {other}, "missing": {f, gone}, "outside": {outside}, "twice": {f, f}, "in no record": {},
	} {
		if check(files...) == nil {
			t.Errorf("%s: nothing was noticed", name)
		}
	}
}

func TestBaggage(t *testing.T) {
	var jpg, pic bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	if err := jpeg.Encode(&jpg, img, nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&pic, img); err != nil {
		t.Fatal(err)
	}
	segment := func(marker byte, body string) []byte {
		s := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2))
		return slices.Concat(jpg.Bytes()[:2], append(s, body...), jpg.Bytes()[2:])
	}
	text := slices.Concat(pic.Bytes()[:33], []byte("\x00\x00\x00\x03tEXta\x00b????"), pic.Bytes()[33:])
	wav := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00..data\x02\x00\x00\x00..")
	for name, c := range map[string]struct {
		data []byte
		want string // part of the answer; "!" for an error
	}{
		"JPEG":              {jpg.Bytes(), ""},
		"JPEG with EXIF":    {segment(0xe1, "Exif\x00\x00MM"), "EXIF"},
		"JPEG with XMP":     {segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"), "0xe1"},
		"JPEG with comment": {segment(0xfe, "hello"), "0xfe"},
		"torn JPEG":         {jpg.Bytes()[:30], "!"},
		"PNG":               {pic.Bytes(), ""},
		"PNG with text":     {text, "tEXt"},
		"WAV":               {wav, ""},
		"WAV with list":     {append(slices.Clone(wav), "LIST\x02\x00\x00\x00.."...), "LIST"},
		"MP3 with tags":     {[]byte("ID3\x03........"), "ID3"},
		"text":              {[]byte("hello"), "!"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Baggage(path)
		switch {
		case c.want == "!":
			if err == nil {
				t.Errorf("%s: %q, want an error", name, got)
			}
		case err != nil, c.want == "" && got != "", !strings.Contains(got, c.want):
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}
