package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"illumi/agent/internal/config"
	"illumi/agent/internal/media"
)

// mixers sets the regulators of a sound card when the box first meets it, and
// never again: somebody may have turned them since.
type mixers struct {
	mixer media.Mixer
	file  string // names the cards that were set
}

func newMixers(state string) mixers { return mixers{file: filepath.Join(state, "mixers")} }

// meet gives what it has set, in words; nothing where the cards are known.
func (m mixers) meet(ctx context.Context, cards []media.Card, h config.Hardware) ([]string, error) {
	known, err := m.known()
	if err != nil {
		return nil, err
	}
	// A part that is missing has no regulators.
	mic, _, merr := media.PickMicrophone(cards, h.Microphone)
	speaker, _, serr := media.PickSpeaker(cards, h.Speaker)
	if merr != nil || slices.Contains(known, "hears "+mic.Key()) {
		mic = media.Card{}
	}
	if serr != nil || slices.Contains(known, "speaks "+speaker.Key()) {
		speaker = media.Card{}
	}
	if mic.ID == "" && speaker.ID == "" {
		return nil, nil
	}
	done, _, err := m.mixer.Set(ctx, mic, speaker)
	if err != nil {
		return done, err
	}
	if mic.ID != "" {
		known = append(known, "hears "+mic.Key())
	}
	if speaker.ID != "" {
		known = append(known, "speaks "+speaker.Key())
	}
	data, err := json.Marshal(known)
	if err != nil {
		return done, err
	}
	return done, writeKept(m.file, data)
}

// known reads which cards were met; a file that makes no sense names none.
func (m mixers) known() (list []string, err error) {
	data, err := os.ReadFile(m.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && json.Unmarshal(data, &list) != nil {
		list = nil
	}
	return list, err
}

// setMixers does so for who stands at the box. Regulators that cannot be set are
// no reason to stop: the self-test hears whether they have to be.
func (p *program) setMixers(ctx context.Context, file, state string) error {
	h, err := hardwareBeside(file)
	if err != nil {
		return err
	}
	cards, err := media.Cards(p.root)
	if err == nil {
		var done []string
		if done, err = newMixers(state).meet(ctx, cards, h); err == nil && len(done) == 0 {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return p.fact("Sound", "its regulators could not be set: %s", err)
	}
	return p.fact("Sound", "microphone and loudspeaker are turned up")
}
