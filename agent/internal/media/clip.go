package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

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

// Opener is a microphone that can be opened.
type Opener interface {
	Open(ctx context.Context, to *os.File, listen Listener) (*Recording, error)
}

// RecordClip lets somebody read a sentence aloud, from the ready tone until
// ended is closed or half a minute is over, and gives what they said as a clip.
// work is a file that may be written over; the caller erases it. The microphone
// is closed when RecordClip returns. A microphone that hears nothing, and
// somebody who says nothing, are a Fault.
func RecordClip(ctx context.Context, mic Opener, p Player, gainDB float64, work *os.File, ended <-chan struct{}) (Clip, error) {
	r, err := mic.Open(ctx, work, nil)
	if err != nil {
		return Clip{}, err
	}
	err = p.Tone(ctx, "ready", gainDB)
	if err == nil {
		r.ToneEnded()
		limit := time.NewTimer(longestClip)
		select {
		case <-ended:
		case <-limit.C:
		case <-r.Said():
		case <-r.Done():
		case <-ctx.Done():
		}
		limit.Stop()
	}
	take, rerr := r.Stop()
	if err = errors.Join(err, rerr, ctx.Err()); err != nil {
		return Clip{}, err
	}
	if take.Dead || take.Lost {
		return Clip{}, &Fault{Code: CodeMicrophone, Text: "The microphone gives no sound.", Next: "Check its plug, then record the sentence again.", Err: r.Lost()}
	}
	s, err := OpenWAV(work.Name())
	if err != nil {
		return Clip{}, err
	}
	if err := skip(s, take.ToneEnd); err != nil {
		return Clip{}, errors.Join(err, s.Close())
	}
	return FinishClip(s)
}

// skip reads past the beginning of a sound.
func skip(s Sound, d time.Duration) error {
	buf := make([]int16, 4096)
	for left := samplesIn(d, s.Rate()); left > 0; {
		n, err := s.Read(buf[:min(left, len(buf))])
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

// EraseClip removes a clip from a folder; one that is not there is erased.
func EraseClip(dir, key string) error {
	if !isKey(key) {
		return fmt.Errorf("prompt %q is not a key", key)
	}
	if err := os.Remove(filepath.Join(dir, key+clipExt)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("erase a clip: %w", err)
	}
	return nil
}
