package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
)

func TestPhrases_EveryPromptToItsLastWord(t *testing.T) {
	var b bytes.Buffer
	if err := run([]string{"phrases"}, &b); err != nil {
		t.Fatal(err)
	}
	said := map[string][]string{}
	for line := range strings.Lines(b.String()) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 {
			t.Fatalf("%q", line)
		}
		said[f[0]] = append(said[f[0]], f[2])
	}
	for key, text := range flow.Prompts {
		if got := strings.Join(said[string(key)], " "); got != text {
			t.Errorf("%s: %q, want %q", key, got, text)
		}
	}
	if got := phrases("Look. Three. Two"); !slices.Equal(got, []string{"Look.", "Three.", "Two"}) {
		t.Errorf("%q", got)
	}
}

func TestTexts_OfAnotherLanguageAreWhole(t *testing.T) {
	var b bytes.Buffer
	if err := run([]string{"texts"}, &b); err != nil {
		t.Fatal(err)
	}
	english := b.String()
	for name, c := range map[string]struct{ texts, want string }{
		"one is missing": {english[strings.Index(english, "\n")+1:], "is missing"},
		"an unknown one": {english + "fanfare\tTa-ra.\n", `no prompt "fanfare"`},
		"no text":        {english + "new\n", "is not KEY<TAB>TEXT"},
	} {
		file := filepath.Join(t.TempDir(), "texts")
		if err := os.WriteFile(file, []byte(c.texts), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{"phrases", file}, &b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := run([]string{"pack"}, &b); err == nil {
		t.Error("a pack was made of nothing")
	}
}

// The engine is a voice of ours here; what it says does not matter.
func TestPack_HoldsEveryPromptOrNone(t *testing.T) {
	spoken, out := t.TempDir(), t.TempDir()
	for key, text := range flow.Prompts {
		for i := range phrases(text) {
			if err := media.KeepClip(spoken, string(key)+"_", media.Babble("anna", 1)); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(spoken, string(key)+"."+string(rune('1'+i))+".wav")
			if err := os.Rename(filepath.Join(spoken, string(key)+"_.wav"), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := run([]string{"pack", spoken, out, "../en", "anna"}, nil); err == nil {
		t.Error("a language is no path")
	}
	if err := run([]string{"pack", spoken, out, "en", "anna"}, nil); err != nil {
		t.Fatal(err)
	}
	info, err := media.ReadPackInfo(out)
	if err != nil || info.Source != "anna" || len(info.Texts) != len(flow.Prompts) {
		t.Errorf("%+v, %v", info, err)
	}
	if err := os.Remove(filepath.Join(spoken, "new.2.wav")); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := run([]string{"pack", spoken, other, "en", "anna"}, nil); err == nil {
		t.Error("a phrase was missing and nobody noticed")
	}
	if _, err := media.ReadPackInfo(other); err == nil {
		t.Error("half a pack describes itself")
	}
}

// TestPack_AsBuilt looks at what scripts/prompts has made (A4 of people.md);
// it is skipped where nobody has built a pack.
func TestPack_AsBuilt(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "bin", "prompts", media.English)
	info, err := media.ReadPackInfo(dir)
	if err != nil {
		t.Skip("no pack was built; to make one, run scripts/prompts")
	}
	p := media.Pack{Dirs: []string{dir}}
	var keys []string
	for key, text := range flow.Prompts {
		keys = append(keys, string(key))
		if info.Texts[string(key)] != text {
			t.Skipf("the pack says %q for %s; to renew it, run scripts/prompts", info.Texts[string(key)], key)
		}
		if n := len(strings.Fields(text)); n > 12 {
			t.Errorf("%s has %d words", key, n)
		}
	}
	if missing := p.Check(keys); len(missing) > 0 {
		t.Fatalf("not in the pack: %v", missing)
	}
	for _, key := range slices.Sorted(maps.Keys(flow.Prompts)) {
		s, err := p.Prompt(string(key), "")
		if err != nil {
			t.Fatal(err)
		}
		words, took := len(strings.Fields(flow.Prompts[key])), s.Duration()
		gain, err := media.LevelGain(s)
		if err != nil || gain < -1.5 || gain > 1.5 {
			t.Errorf("%s is %.1f dB from the others, %v", key, gain, err)
		}
		// 150 words a minute, and the breaths between.
		if perWord := took / time.Duration(words); perWord < 200*time.Millisecond || perWord > 1100*time.Millisecond {
			t.Errorf("%s: %d words in %v", key, words, took)
		}
	}
}
