package media

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// folder makes one that holds these clips, each a sound of that length.
func folder(t *testing.T, clips map[string]time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	for key, d := range clips {
		if err := KeepClip(dir, key, sine(300, Rate, d, -20)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPack_ThisBoxThenLanguageThenEnglish(t *testing.T) {
	share := t.TempDir()
	clips := folder(t, map[string]time.Duration{"new": 100 * ms})
	for language, keys := range map[string]map[string]time.Duration{
		"de": {"new": 200 * ms, "invite": 200 * ms},
		"en": {"new": 300 * ms, "invite": 300 * ms, "sent": 300 * ms, "late": 300 * ms},
	} {
		if err := os.Rename(folder(t, keys), filepath.Join(share, language)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(share, "de/late.wav"), []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := BoxPack(clips, share, "de")
	for key, want := range map[string]time.Duration{"new": 100 * ms, "invite": 200 * ms, "sent": 300 * ms, "late": 300 * ms} {
		s, err := p.Prompt(key, "")
		if err != nil || s.Duration() != want {
			t.Fatalf("%s: %v, %v", key, s, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := p.Check([]string{"sent", "sending", "new", "held"}); !slices.Equal(got, []string{"held", "sending"}) {
		t.Errorf("missing: %v", got)
	}
	for _, language := range []string{"", "../de", "fr", "EN"} { // English is always there
		if s, err := BoxPack("", share, language).Prompt("new", ""); err != nil || s.Duration() != 300*ms {
			t.Errorf("%q: %v", language, err)
		}
	}
}

func TestPack_MurmurElseRefusal(t *testing.T) {
	p := Pack{Dirs: []string{t.TempDir()}, Murmur: true}
	s, err := p.Prompt("invite", "Press now to answer. Or come back later.")
	if err != nil || s.Duration() < 3*time.Second || s.Duration() > 6*time.Second {
		t.Errorf("murmur of eight words: %v, %v", s.Duration(), err)
	}
	if got := p.Check([]string{"invite"}); len(got) != 1 {
		t.Error("what is only murmured is not in the pack")
	}
	p.Murmur = false
	_, err = p.Prompt("invite", "Press.")
	if f, ok := errors.AsType[*Fault](err); !ok || f.Code != CodeMedia || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing prompt: %v", err)
	}
	for _, key := range []string{"../new", "", "New", "a/b"} {
		if _, err := p.Prompt(key, "x"); err == nil || KeepClip(t.TempDir(), key, Clip{Rate: Rate}) == nil {
			t.Errorf("%q is taken for a key", key)
		}
	}
}

func TestFinishClip_WordsAloneAtOneLoudness(t *testing.T) {
	c := Clip{Rate: 22050, Samples: hiss(12*time.Second, -70).Samples} // a room
	for i, v := range all(t, Resample(said(-22).Sound(), 22050)).Samples {
		c.Samples[2*22050+i] += v
	}
	got, err := FinishClip(c.Sound())
	if err != nil {
		t.Fatal(err)
	}
	if l := levelOf(t, got); l < -21 || l > -19 || got.Rate != Rate {
		t.Errorf("%.1f dBFS at %d", l, got.Rate)
	}
	edge := samplesIn(clipEdge, Rate)
	if n := len(said(0).Samples) + 2*edge; len(got.Samples) > n+Rate/10 || len(got.Samples) < n-Rate {
		t.Errorf("%v long", got.Duration())
	}
	for _, part := range [][]int16{got.Samples[:edge], got.Samples[len(got.Samples)-edge:]} {
		if slices.ContainsFunc(part, func(v int16) bool { return v != 0 }) {
			t.Error("an edge is not silent")
		}
	}
	if _, err := FinishClip(hiss(time.Second, -80).Sound()); !errors.Is(err, errNoWords) {
		t.Errorf("silence: %v", err)
	}
}

func TestRecordClip_WhatWasReadAloud(t *testing.T) {
	room := write(t, "said.wav", EncodeWAV(said(-12)))
	out, err := OpenFileSpeaker(t.TempDir()+"/out.wav", nil, Pace{50})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	red := &lamp{}
	mic := &FileMicrophone{Path: room, Pace: Pace{50}, Live: NewLive(Pace{1000}, red.set)}
	c, err := RecordClip(t.Context(), mic, Player{Speaker: out}, 0, tempFile(t, "work.wav"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Duration() - said(0).Duration(); d < -500*ms || d > 800*ms || math.Abs(levelOf(t, c)+20) > 1.5 || red.lit() {
		t.Errorf("%v too long, %.1f dBFS, light %v", d, levelOf(t, c), red.lit())
	}
	dir := t.TempDir()
	if err := KeepClip(OwnClips(dir), "new", c); err != nil {
		t.Fatal(err)
	}
	if s, err := BoxPack(dir, t.TempDir(), "en").Prompt("new", ""); err != nil || s.Duration() != c.Duration() {
		t.Errorf("%v, %v", s, err)
	}
	for range 2 { // twice is once
		if err := EraseClip(OwnClips(dir), "new"); err != nil {
			t.Error(err)
		}
	}
	if _, err := BoxPack(dir, t.TempDir(), "en").Prompt("new", ""); err == nil || EraseClip(dir, "../new") == nil {
		t.Error("an erased clip is heard")
	}
	// Nothing is said: the room's hiss alone.
	ended := make(chan struct{})
	close(ended)
	if _, err := RecordClip(t.Context(), mic, Player{Speaker: out}, 0, tempFile(t, "work.wav"), ended); !errors.Is(err, errNoWords) {
		t.Errorf("%v", err)
	}
	dead := &ALSAMicrophone{Live: mic.Live, Program: fake("busy"), gap: ms}
	if _, err := RecordClip(t.Context(), dead, Player{Speaker: out}, 0, tempFile(t, "work.wav"), nil); err == nil || red.lit() {
		t.Errorf("%v, light %v", err, red.lit())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := RecordClip(ctx, mic, Player{Speaker: out}, 0, tempFile(t, "work.wav"), nil); !errors.Is(err, context.Canceled) || red.lit() {
		t.Errorf("%v, light %v", err, red.lit())
	}
}

func TestPackInfo_IsKeptAndListed(t *testing.T) {
	share := t.TempDir()
	want := PackInfo{Language: "en", Name: "English", Source: "somebody", Licence: "free", Texts: map[string]string{"new": "You have a new whisper."}}
	if err := want.Keep(share + "/en"); err != nil {
		t.Fatal(err)
	}
	if err := want.Keep(share + "/fr"); err != nil { // it says that it is another language
		t.Fatal(err)
	}
	list, err := Packs(share)
	if err != nil || len(list) != 1 || list[0].Texts["new"] != want.Texts["new"] || list[0].Source != want.Source {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := Packs(share + "/none"); err != nil || list != nil {
		t.Errorf("%v, %v", list, err)
	}
	left, err := filepath.Glob(share + "/en/.new-*")
	if err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}
