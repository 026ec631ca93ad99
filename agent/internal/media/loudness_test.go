package media

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// said is somebody who speaks for a while, at a loudness in dBFS against how
// Babble speaks.
func said(gainDB float64) Clip {
	c := Babble("anna", 3)
	c.Samples = slices.Clone(c.Samples)
	amplify(c.Samples, gainDB)
	return c
}

func levelOf(t *testing.T, c Clip) float64 {
	t.Helper()
	g, err := LevelGain(c.Sound())
	if err != nil {
		t.Fatal(err)
	}
	return levelTarget - g
}

func all(t *testing.T, s Sound) Clip {
	t.Helper()
	c, err := ReadClip(s, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLevelGain_EveryMessageIsAsLoud(t *testing.T) {
	knocked := said(-20)
	for i := range 40 { // the click of a button
		knocked.Samples[8000+i] = 32767
	}
	paused := said(-15)
	paused.Samples = append(paused.Samples, hiss(6*time.Second, -58).Samples...)
	offset := said(-20)
	for i := range offset.Samples {
		offset.Samples[i] += 2000
	}
	cases := map[string]Clip{
		"as it is": said(0), "far away": said(-25), "near": said(6), "a click in it": knocked,
		"a long pause after it": paused, "a microphone with an offset": offset,
		"another rate": all(t, Resample(said(-10).Sound(), 44100)),
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, err := LevelGain(c.Sound())
			if err != nil {
				t.Fatal(err)
			}
			got := all(t, Amplified(c.Sound(), g))
			if len(got.Samples) != len(c.Samples) {
				t.Errorf("%d samples of %d", len(got.Samples), len(c.Samples))
			}
			if l := levelOf(t, got); math.Abs(l-levelTarget) > 1 {
				t.Errorf("%.1f dBFS, want %.0f", l, levelTarget)
			}
			if g := Amplified(got.Sound(), levelTarget-levelOf(t, got)); name == "far away" && g.Rate() != c.Rate {
				t.Errorf("rate %d", g.Rate())
			}
		})
	}
	for name, c := range map[string]Clip{"nothing": {Rate: Rate}, "silence": hiss(3*time.Second, -75), "a single knock": {Rate: Rate, Samples: make([]int16, Rate)}} {
		if g, err := LevelGain(c.Sound()); g != 0 || err != nil {
			t.Errorf("%s: %.1f dB, %v", name, g, err)
		}
	}
	if g, err := LevelGain(hiss(3*time.Second, -55).Sound()); g != levelMostLift || err != nil {
		t.Errorf("a quiet room is lifted by %.1f dB, %v", g, err)
	}
}

func TestAmplified_NeverAboveTheCeilingNeverJumps(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	ceiling := 32768 * asFactor(levelCeiling)
	for range 50 {
		c := hiss(time.Duration(1+rng.IntN(900))*ms, -40)
		for range 20 { // knocks anywhere, also at the very ends
			at := rng.IntN(len(c.Samples))
			for i := at; i < min(at+rng.IntN(30), len(c.Samples)); i++ {
				c.Samples[i] = int16(rng.IntN(65536) - 32768)
			}
		}
		got := all(t, Amplified(c.Sound(), 5+20*rng.Float64()))
		if len(got.Samples) != len(c.Samples) {
			t.Fatalf("%d samples of %d", len(got.Samples), len(c.Samples))
		}
		for i, v := range got.Samples {
			if math.Abs(float64(v)) > ceiling+1 {
				t.Fatalf("sample %d of %d is %d", i, len(got.Samples), v)
			}
		}
	}
	// A steady voice beside a knock comes back to its loudness.
	c := sine(400, Rate, 3*time.Second, -40)
	c.Samples[Rate] = 32767
	got := all(t, Amplified(c.Sound(), 20))
	for name, part := range map[string]Clip{"before": {Rate, got.Samples[:Rate/2]}, "after": {Rate, got.Samples[2*Rate+Rate/2:]}} {
		if p := measured(part).peak; math.Abs(p+20) > 0.3 {
			t.Errorf("%s the knock: %.1f dBFS, want -20", name, p)
		}
	}
}

func TestPlayer_LevelsMessagesAndPrompts(t *testing.T) {
	dir := t.TempDir()
	quiet := EncodeWAV(said(-22))
	name := dir + "/new.wav"
	if err := os.WriteFile(name, quiet, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := OpenFileSpeaker(dir+"/out.wav", nil, Pace{1000})
	if err != nil {
		t.Fatal(err)
	}
	p := Player{Speaker: out, Pack: Pack{Dirs: []string{dir}}}
	if err := p.Say(t.Context(), "new", "You have a new whisper.", 0); err != nil {
		t.Fatal(err)
	}
	if err := p.File(t.Context(), "the whisper", name, -6); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	c := readAll(t, dir+"/out.wav")
	half := len(c.Samples) / 2
	for i, want := range []float64{-20, -26} {
		if l := levelOf(t, Clip{Rate, c.Samples[i*half : (i+1)*half]}); math.Abs(l-want) > 1 {
			t.Errorf("sound %d has %.1f dBFS, want %.0f", i, l, want)
		}
	}
}
