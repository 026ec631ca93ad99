package media

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Pack is what the box can say: folders of WAV files that are named by the
// prompts' keys. What the first folder lacks the next one is asked for.
type Pack struct {
	Dirs []string
	// Murmur lets a missing prompt be murmured, as long as its text would
	// take. It is for the simulator and tests; a real box must speak.
	Murmur bool
}

// English is the language that every installation has.
const English = "en"

// OwnClips is the folder, within that of the clips that the server has for this
// box, for those that were recorded at the box itself.
func OwnClips(clips string) string { return filepath.Join(clips, "own") }

// BoxPack gives the pack of a box: first the clips that the server has for it
// (in clips, "" for none), then those recorded at the box, then the language's
// folder in share, then English.
func BoxPack(clips, share, language string) Pack {
	var p Pack
	if clips != "" {
		p.Dirs = append(p.Dirs, clips, OwnClips(clips))
	}
	if language != English && IsLanguage(language) {
		p.Dirs = append(p.Dirs, filepath.Join(share, language))
	}
	p.Dirs = append(p.Dirs, filepath.Join(share, English))
	return p
}

// IsLanguage says whether s may name a language pack: letters, digits and
// hyphens, as in "de" or "pt-br".
func IsLanguage(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != "" && s[0] != '-'
}

// Prompt opens the recording of a prompt. A clip that is damaged is passed
// over where another folder has one. Where none is left and it may not be
// murmured, that is a Fault with CodeMedia.
func (p Pack) Prompt(key, text string) (Sound, error) {
	if !isKey(key) {
		return nil, fmt.Errorf("prompt %q is not a key", key)
	}
	cause := error(fs.ErrNotExist)
	for _, dir := range p.Dirs {
		s, err := OpenSound(filepath.Join(dir, key+clipExt))
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			cause = err
		}
	}
	if p.Murmur {
		return Murmur(text).Sound(), nil
	}
	return nil, &Fault{Code: CodeMedia, Text: fmt.Sprintf("The language pack has no recording of %q.", key),
		Next: "Install the language pack again.", Err: cause}
}

// Check gives those of keys, sorted, that the pack cannot say.
func (p Pack) Check(keys []string) (missing []string) {
	p.Murmur = false
	for _, key := range keys {
		if !p.speaks(key) {
			missing = append(missing, key)
		}
	}
	slices.Sort(missing)
	return missing
}

// speaks reads the whole clip: one that breaks off, or is silent, says nothing.
func (p Pack) speaks(key string) bool {
	s, err := p.Prompt(key, "")
	if err != nil {
		return false
	}
	c, err := ReadClip(s, longestClip)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.Samples, func(v int16) bool { return v > 300 || v < -300 })
}

func isKey(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return s != ""
}

// PackFile is the name of a pack's description in its folder.
const PackFile = "pack.json"

// PackInfo describes a language pack.
type PackInfo struct {
	Language string `json:"language"`
	Name     string `json:"name"`
	// Source says who speaks: a person, or an engine with its version.
	Source  string `json:"source"`
	Licence string `json:"licence"`
	// Texts are the words of each clip, by key.
	Texts map[string]string `json:"texts"`
}

// ReadPackInfo reads the description of the pack in dir.
func ReadPackInfo(dir string) (i PackInfo, err error) {
	b, err := os.ReadFile(filepath.Join(dir, PackFile))
	if err == nil {
		err = json.Unmarshal(b, &i)
	}
	if err != nil {
		return i, fmt.Errorf("read the language pack: %w", err)
	}
	return i, nil
}

// Keep writes the description into dir.
func (i PackInfo) Keep(dir string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("describe the language pack: %w", err)
	}
	return keepWhole(dir, PackFile, append(b, '\n'))
}

// Packs lists the languages that are installed in share, sorted.
func Packs(share string) ([]PackInfo, error) {
	entries, err := os.ReadDir(share)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list language packs: %w", err)
	}
	var list []PackInfo
	for _, e := range entries {
		if i, err := ReadPackInfo(filepath.Join(share, e.Name())); err == nil && i.Language == e.Name() {
			list = append(list, i)
		}
	}
	return list, nil
}
