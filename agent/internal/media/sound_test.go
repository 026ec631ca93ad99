package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"
	"time"
)

// riff makes a WAV file of any kind, with a chunk before the data that must be
// skipped.
func riff(kind, channels uint16, rate uint32, bits uint16, extensible bool, data []byte) []byte {
	le := binary.LittleEndian
	f := le.AppendUint16(nil, kind)
	if extensible {
		f = le.AppendUint16(nil, 0xFFFE)
	}
	f = le.AppendUint16(f, channels)
	f = le.AppendUint32(f, rate)
	f = le.AppendUint32(f, rate*uint32(channels)*uint32(bits/8))
	f = le.AppendUint16(f, channels*bits/8)
	f = le.AppendUint16(f, bits)
	if extensible {
		f = le.AppendUint16(f, 22)
		f = le.AppendUint16(f, bits)
		f = le.AppendUint32(f, 0)
		f = le.AppendUint16(f, kind)
		f = append(f, make([]byte, 14)...)
	}
	chunk := func(b []byte, id string, body []byte) []byte {
		b = le.AppendUint32(append(b, id...), uint32(len(body)))
		b = append(b, body...)
		if len(body)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	body := chunk(chunk(chunk([]byte("WAVE"), "fmt ", f), "LIST", []byte("odd")), "data", data)
	return append(le.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func TestOpenWAV_EveryKind(t *testing.T) {
	le := binary.LittleEndian
	cases := []struct {
		name string
		file []byte
		want int16
	}{
		{"16 bit", riff(1, 1, 16000, 16, false, le.AppendUint16(nil, 1000)), 1000},
		{"16 bit stereo is averaged", riff(1, 2, 44100, 16, false, le.AppendUint16(le.AppendUint16(nil, 1000), 3000)), 2000},
		{"8 bit", riff(1, 1, 8000, 8, false, []byte{192, 0}), 64 * 256},
		{"24 bit", riff(1, 1, 48000, 24, true, []byte{0, 0xE8, 0x03, 0}), 1000},
		{"24 bit below zero", riff(1, 1, 48000, 24, false, []byte{0, 0x18, 0xFC, 0}), -1000},
		{"32 bit", riff(1, 1, 48000, 32, false, le.AppendUint32(nil, 1000<<16)), 1000},
		{"float", riff(3, 1, 48000, 32, true, le.AppendUint32(nil, math.Float32bits(0.5))), 16384},
		{"float too loud", riff(3, 1, 48000, 32, false, le.AppendUint32(nil, math.Float32bits(7))), 32767},
		{"float that is no number", riff(3, 1, 48000, 64, false, le.AppendUint64(nil, math.Float64bits(math.NaN()))), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := readAll(t, write(t, "ä b.wav", c.file))
			if len(got.Samples) < 1 || got.Samples[0] != c.want {
				t.Errorf("samples %v, want %d first", got.Samples, c.want)
			}
		})
	}
}

func TestOpenWAV_RefusesInWords(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("this is not a sound at all, is it?"),
		"ends early":  riff(1, 1, 16000, 16, false, nil)[:30],
		"a-law":       riff(6, 1, 8000, 8, false, []byte{1, 2}),
		"no channels": riff(1, 0, 16000, 16, false, []byte{1, 2}),
		"odd rate":    riff(1, 1, 4_000_000, 16, false, []byte{1, 2}),
		"mp3":         append([]byte("ID3\x04"), make([]byte, 100)...),
		"huge chunk":  append([]byte("RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\xff"), make([]byte, 50)...),
		"no format":   []byte("RIFF\x20\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"),
	} {
		_, err := OpenWAV(write(t, "x.wav", b))
		var f *Fault
		if !errors.As(err, &f) || f.Code != CodeMedia || f.Text == "" || f.Next == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenWAV("nowhere/at all.wav"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestRepairWAV_LengthFromSize(t *testing.T) {
	c := sine(440, Rate, time.Second, -10)
	whole := EncodeWAV(c)
	cut := append(header(Rate, 0), whole[headerSize:headerSize+20001]...)
	path := write(t, "cut.wav", cut)
	for range 2 { // repeating changes nothing
		d, err := RepairWAV(path)
		if err != nil || d != lasting(10000, Rate) {
			t.Fatalf("%v, %v", d, err)
		}
		got, err := os.ReadFile(path)
		want := EncodeWAV(Clip{Rate: Rate, Samples: c.Samples[:10000]})
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("repaired file differs (%d and %d bytes, %v)", len(got), len(want), err)
		}
	}
	for name, b := range map[string][]byte{"short": cut[:20], "foreign": riff(1, 2, 44100, 16, false, make([]byte, 40))} {
		path := write(t, "x.wav", b)
		if _, err := RepairWAV(path); err == nil {
			t.Errorf("%s: repaired", name)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, b) {
			t.Errorf("%s: touched", name)
		}
	}
}

func TestResample_KeepsToneAndLength(t *testing.T) {
	for _, in := range []int{8000, 11025, 22050, 44100, 48000, 44101, 96000} {
		c, err := ReadClip(Resample(sine(1000, in, time.Second, -6).Sound(), Rate), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(c.Samples); n < Rate-2 || n > Rate+2 {
			t.Errorf("%d Hz: %d samples from one second", in, n)
		}
		if p := power(c, 1000); p < -6.5 || p > -5.5 {
			t.Errorf("%d Hz: 1 kHz came out at %.1f dBFS, went in at -6", in, p)
		}
	}
	// 11 kHz cannot exist at 16 kHz and must not come back as 5 kHz.
	c, err := ReadClip(Resample(sine(11000, 44100, time.Second, -6).Sound(), Rate), time.Minute)
	if err != nil || power(c, 5000) > -60 {
		t.Errorf("11 kHz folded to 5 kHz at %.1f dBFS, %v", power(c, 5000), err)
	}
}

func TestTones_LengthAndPitch(t *testing.T) {
	for name, want := range map[string]struct {
		hz  float64
		min time.Duration
	}{
		"arrive": {660, 800 * ms}, "ready": {800, 500 * ms}, "stop": {880, 500 * ms},
		"ok": {990, 500 * ms}, "low": {500, 600 * ms}, "tick": {600, 60 * ms},
	} {
		c, err := Tone(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := c.Duration(); d < want.min || d > want.min+300*ms {
			t.Errorf("%s lasts %v", name, d)
		}
		if p := power(c, want.hz); p < -25 {
			t.Errorf("%s has %.1f dBFS at %v Hz", name, p, want.hz)
		}
		for _, hz := range []float64{3000, 5000} { // P11: nothing above 2 kHz
			if p := power(c, hz); p > -45 {
				t.Errorf("%s has %.1f dBFS at %v Hz", name, p, hz)
			}
		}
		if c.Samples[0] != 0 || c.Samples[len(c.Samples)-1] != 0 {
			t.Errorf("%s clicks", name)
		}
	}
	if _, err := Tone("fanfare"); err == nil {
		t.Error("an unknown tone played")
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(EncodeWAV(sine(440, Rate, 10*ms, -6)))
	f.Add(riff(3, 2, 48000, 32, true, make([]byte, 64)))
	f.Add(riff(1, 1, 8000, 24, false, make([]byte, 7)))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWAV(bufio.NewReader(bytes.NewReader(b)), int64(len(b)))
		if err != nil {
			return
		}
		if w.Duration() < 0 || w.frames > int64(len(b)) {
			t.Fatalf("%d frames from %d bytes", w.frames, len(b))
		}
		// Whatever follows, reading ends, with an error or without.
		c, _ := ReadClip(Resample(w, Rate), time.Second)
		if len(c.Samples) > Rate {
			t.Fatalf("%d samples", len(c.Samples))
		}
	})
}
