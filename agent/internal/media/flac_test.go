package media

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

func TestEncodeFLAC_GivesBackEverySample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	noise := Clip{Rate: Rate, Samples: make([]int16, 3*flacBlock+17)}
	square := Clip{Rate: Rate, Samples: make([]int16, 20000)}
	for i := range noise.Samples {
		noise.Samples[i] = int16(rng.IntN(65536) - 32768)
	}
	for i := range square.Samples {
		square.Samples[i] = []int16{32767, -32768}[i/37%2]
	}
	cases := map[string]Clip{
		"speech": said(0), "quiet speech": said(-30), "noise": noise, "square": square, "silence": {Rate: Rate, Samples: make([]int16, 9999)},
		"one sample": {Rate: Rate, Samples: []int16{-5}}, "one frame": {Rate: Rate, Samples: hiss(256*ms, -20).Samples[:flacBlock]},
		"another rate": sine(300, 48000, time.Second, -10), "odd rate": sine(300, 22050, time.Second, -10), "a tail of one": {Rate: Rate, Samples: noise.Samples[:flacBlock+1]},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			to := tempFile(t, "a.flac")
			info, err := EncodeFLAC(t.Context(), write(t, "a.wav", EncodeWAV(c)), to)
			if err != nil {
				t.Fatal(err)
			}
			if info.Samples != int64(len(c.Samples)) || info.Duration != c.Duration() || info.WAV != int64(headerSize+2*len(c.Samples)) {
				t.Errorf("%+v", info)
			}
			s, err := OpenSound(to.Name())
			if err != nil {
				t.Fatal(err)
			}
			if d := s.Duration(); d != c.Duration() {
				t.Errorf("it says to last %v, want %v", d, c.Duration())
			}
			if got := all(t, s); got.Rate != c.Rate || !slices.Equal(got.Samples, c.Samples) {
				t.Errorf("%d samples at %d, others than went in", len(got.Samples), got.Rate)
			}
			if name == "speech" && info.FLAC > info.WAV*85/100 {
				t.Errorf("%d bytes of %d", info.FLAC, info.WAV)
			}
		})
	}
}

func TestEncodeFLAC_RefusesInWords(t *testing.T) {
	for name, b := range map[string][]byte{
		"text": []byte("nothing that sounds"), "empty": EncodeWAV(Clip{Rate: Rate}),
		"stereo": riff(1, 2, 16000, 16, false, make([]byte, 400)), "24 bit": riff(1, 1, 16000, 24, false, make([]byte, 300)),
	} {
		_, err := EncodeFLAC(t.Context(), write(t, "a.wav", b), tempFile(t, "a.flac"))
		if f, ok := errors.AsType[*Fault](err); !ok || f.Code != CodeMedia {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := EncodeFLAC(ctx, write(t, "a.wav", EncodeWAV(said(0))), tempFile(t, "a.flac")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What the encoder made is believed only after it was read back.
func TestEncodeFLAC_NoticesOtherSamples(t *testing.T) {
	c := said(0)
	to := tempFile(t, "a.flac")
	info, err := EncodeFLAC(t.Context(), write(t, "a.wav", EncodeWAV(c)), to)
	if err != nil {
		t.Fatal(err)
	}
	shorter, other := c, said(0)
	shorter.Samples = c.Samples[:len(c.Samples)-1]
	other.Samples[len(other.Samples)-1]++
	for name, c := range map[string]Clip{"shorter": shorter, "other": other} {
		if err := sameSamples(t.Context(), write(t, "b.wav", EncodeWAV(c)), to, info.FLAC); !errors.Is(err, errUnequal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b, err := os.ReadFile(to.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range [][]byte{b[:len(b)/2], b[:20], append(slices.Clone(b[:len(b)/2]), make([]byte, 500)...)} {
		s, err := OpenSound(write(t, "c.flac", broken))
		if err == nil {
			_, err = ReadClip(s, time.Hour)
		}
		if f, ok := errors.AsType[*Fault](err); !ok || f.Code != CodeMedia {
			t.Errorf("a broken file of %d bytes: %v", len(broken), err)
		}
	}
}

// A minute of a voice, to be compared with the board it runs on: this is what
// docs/performance.md says of compressing.
func BenchmarkEncodeFLAC(b *testing.B) {
	c := Clip{Rate: Rate}
	for n := uint64(1); len(c.Samples) < 60*Rate; n++ {
		c.Samples = append(append(c.Samples, Babble("anna", n).Samples...), hiss(400*ms, -55).Samples...)
	}
	c.Samples = c.Samples[:60*Rate]
	dir := b.TempDir()
	if err := os.WriteFile(dir+"/a.wav", EncodeWAV(c), 0o600); err != nil {
		b.Fatal(err)
	}
	var info FLACInfo
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Create(dir + "/a.flac")
		if err != nil {
			b.Fatal(err)
		}
		if info, err = EncodeFLAC(b.Context(), dir+"/a.wav", f); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(info.FLAC)/float64(info.WAV), "of-WAV")
}

// BenchmarkLevelGain is the wait before a message begins.
func BenchmarkLevelGain(b *testing.B) {
	name := b.TempDir() + "/a.wav"
	if err := os.WriteFile(name, EncodeWAV(hiss(time.Minute, -30)), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := OpenWAV(name)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := LevelGain(s); err != nil {
			b.Fatal(err)
		}
	}
}
