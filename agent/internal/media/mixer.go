package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// How far the hardware's own regulators are opened, once, when a box is set up
// (hardware.md 2.3). From then on loudness is a matter of samples alone, so that
// the same step sounds the same every day.
const (
	mixerSpeaker    = "90%"
	mixerMicrophone = "75%"
	mixerLimit      = 5 * time.Second // for one program
)

// Mixer sets the regulators of sound cards by amixer, and lets alsactl keep
// them over a restart.
type Mixer struct {
	Amixer, Alsactl Program
}

// Set opens the regulators of the card to play on and of the one to record from,
// switches off what mutes them, and silences a microphone's way straight to the
// loudspeaker. It gives what it has set, in words; a card without regulators is
// no error. To keep them over a restart needs root: kept says whether that went.
func (m Mixer) Set(ctx context.Context, microphone, speaker Card) (done []string, kept bool, err error) {
	cards := []Card{speaker}
	if microphone.ID != speaker.ID {
		cards = append(cards, microphone)
	}
	for _, c := range cards {
		if c.ID == "" {
			continue
		}
		out, err := m.run(ctx, m.Amixer, "amixer", "-c", c.ID, "scontents")
		if err != nil {
			return done, false, fmt.Errorf("set the mixer of %s: %w", c.ID, err)
		}
		for _, r := range regulators(out) {
			for _, set := range r.settings(c.ID == microphone.ID, c.ID == speaker.ID) {
				args := append([]string{"-q", "-M", "-c", c.ID, "sset", r.name}, set...)
				if _, err := m.run(ctx, m.Amixer, "amixer", args...); err != nil {
					return done, false, fmt.Errorf("set %s of %s: %w", r.name, c.ID, err)
				}
				done = append(done, fmt.Sprintf("%s: %s %s", c.ID, r.name, strings.Join(set, " ")))
			}
		}
	}
	_, serr := m.run(ctx, m.Alsactl, "alsactl", "store")
	return done, serr == nil, ctx.Err()
}

// run gives what a program says, within its limit.
func (m Mixer) run(ctx context.Context, p Program, usual string, args ...string) (string, error) {
	var out bytes.Buffer
	c, err := startChild(p, usual, nil, &out, args...)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is missing; install alsa-utils: %w", usual, err)
	}
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, mixerLimit)
	defer cancel()
	err = c.wait(ctx)
	return out.String(), err
}

// regulator is a simple mixer control.
type regulator struct {
	name string // with its index, as amixer takes it: 'Mic',0
	can  []string
}

var regulatorLine = regexp.MustCompile(`^Simple mixer control ('.*',\d+)$`)

func regulators(scontents string) (list []regulator) {
	for line := range strings.Lines(scontents) {
		line = strings.TrimRight(line, "\r\n")
		if m := regulatorLine.FindStringSubmatch(line); m != nil {
			list = append(list, regulator{name: m[1]})
		} else if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "Capabilities:"); ok && len(list) > 0 {
			list[len(list)-1].can = strings.Fields(rest)
		}
	}
	return list
}

// able says whether the regulator can do this, alone or for all channels.
func (r regulator) able(what ...string) bool {
	return slices.ContainsFunc(what, func(w string) bool {
		return slices.Contains(r.can, w) || slices.Contains(r.can, w+"-joined") || slices.Contains(r.can, w+"-exclusive")
	})
}

// settings are what is to be set, in amixer's words.
func (r regulator) settings(records, plays bool) (list [][]string) {
	name := strings.ToLower(r.name)
	hears := strings.Contains(name, "mic") || strings.Contains(name, "capture") || r.able("cvolume", "cswitch")
	switch {
	// What a microphone hears must not come out of the loudspeaker beside it.
	case hears && r.able("pswitch"):
		list = append(list, []string{"playback", "mute"})
	case hears && r.able("pvolume"):
		list = append(list, []string{"playback", "0%"})
	case plays && r.able("pvolume"):
		list = append(list, []string{"playback", mixerSpeaker})
		if r.able("pswitch") {
			list = append(list, []string{"playback", "unmute"})
		}
	case plays && r.able("pswitch") && isOutput(name):
		list = append(list, []string{"playback", "unmute"})
	}
	// A plain "volume" belongs to both directions and is left to the cases above.
	if records && r.able("cvolume") {
		list = append(list, []string{"capture", mixerMicrophone})
	}
	if records && r.able("cswitch") && !strings.Contains(name, "gain") { // not: automatic gain
		list = append(list, []string{"capture", "cap"})
	}
	return list
}

// isOutput tells the switches that let sound out from those for effects.
func isOutput(name string) bool {
	return slices.ContainsFunc([]string{"master", "speaker", "headphone", "pcm", "playback", "digital", "hdmi", "line out"},
		func(s string) bool { return strings.Contains(name, s) })
}
