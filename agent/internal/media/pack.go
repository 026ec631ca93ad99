package media

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
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

// BoxPack gives the pack of a box: first the clips that were made for this box
// (clips, "" for none), then the language's folder in share, then English.
func BoxPack(clips, share, language string) Pack {
	var p Pack
	if clips != "" {
		p.Dirs = append(p.Dirs, clips)
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

const (
	clipExt = ".wav"
	// longestClip is what the wire allows.
	longestClip = 30 * time.Second
	// clipEdge is how much silence a clip keeps before and after its words.
	clipEdge = 100 * time.Millisecond
	// Silence, once a clip is levelled, is what is hardly louder than its
	// quietest tenth, and never outside of these (dBFS).
	clipAbove    = 8.0 // dB
	clipFloorMin = -45.0
	clipFloorMax = -32.0
	// clipMargin keeps the breath before a word, and its end.
	clipMargin = 40 * time.Millisecond
)

// errNoWords: a clip is silence from end to end.
var errNoWords = &Fault{Code: CodeMedia, Text: "Nothing is said in the recording.", Next: "Record it again, nearer to the microphone."}

// FinishClip makes a recording, of at most half a minute, a clip of a language
// pack: Rate, as loud as all others, with a tenth of a second before and after
// the words. It closes s. One without words is a Fault.
func FinishClip(s Sound) (Clip, error) {
	c, err := ReadClip(Resample(s, Rate), longestClip)
	if err != nil {
		return c, err
	}
	gain, err := LevelGain(c.Sound())
	if err != nil {
		return c, err
	}
	if c, err = ReadClip(Amplified(c.Sound(), gain), longestClip); err != nil {
		return c, err
	}
	from, to, ok := words(c)
	if !ok {
		return c, errNoWords
	}
	c.Samples = slices.Clone(c.Samples[from:to])
	softEdges(c.Samples, Rate, 5*ms)
	edge := make([]int16, samplesIn(clipEdge, Rate))
	c.Samples = slices.Concat(edge, c.Samples, edge)
	return c, nil
}

// words finds the first and the last frame of 10 ms that is not silent.
func words(c Clip) (from, to int, ok bool) {
	l := leveller{size: c.Rate / 100}
	l.add(c.Samples)
	if len(l.frames) == 0 {
		return 0, 0, false
	}
	floor := slices.Sorted(slices.Values(l.frames))[len(l.frames)/10] * asPower(clipAbove)
	floor = max(asPower(clipFloorMin), min(asPower(clipFloorMax), floor))
	loud := func(f float64) bool { return f > floor }
	first := slices.IndexFunc(l.frames, loud)
	if first < 0 {
		return 0, 0, false
	}
	last := len(l.frames)
	for !loud(l.frames[last-1]) {
		last--
	}
	margin := samplesIn(clipMargin, c.Rate)
	return max(0, first*l.size-margin), min(last*l.size+margin, len(c.Samples)), true
}

// KeepClip puts a clip under its key into a folder, whole or not at all, also
// where the power is cut; a clip that was there is replaced.
func KeepClip(dir, key string, c Clip) (err error) {
	if !isKey(key) {
		return fmt.Errorf("prompt %q is not a key", key)
	}
	return keepWhole(dir, key+clipExt, EncodeWAV(c))
}

// keepWhole writes a file beside its place, and moves it there once it is on
// the disk.
func keepWhole(dir, name string, b []byte) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("keep %s: %w", name, err), os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, derr := os.Open(dir)
	if derr != nil {
		return fmt.Errorf("keep %s: %w", name, derr)
	}
	return errors.Join(d.Sync(), d.Close())
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
