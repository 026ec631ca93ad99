package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"illumi/agent/internal/media"
	"illumi/protocol"
)

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Be the box, until it is stopped",
		Long: `run is the box: it receives whispers, plays them, records answers and sends them,
until it is stopped. The server may be away for as long as it likes.

This version needs a terminal for its light and button and a sound card that arecord and
aplay can use. To try a box without them, use: illumi-agent simulate

` + exitCodes,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.realBox(cmd.Context()) },
	}
}

func (p *program) realBox(ctx context.Context) error {
	c, _, err := p.load(installed)
	if err != nil {
		return err
	}
	if err := c.Enrolled(); err != nil {
		return err
	}
	if missing := p.missing(); len(missing) > 0 {
		return &failure{code: exitHardware, text: "This machine has " + strings.Join(missing, " and ") + ".",
			next: "To try a box without hardware, run: illumi-agent simulate"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := p.terminal(c.Name)
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-t.Quit():
			cancel()
		case <-ctx.Done():
		}
	}()
	b := parts{
		board: p.realBoard(), caps: protocol.Capabilities{Buttons: 1, Microphone: true, Speaker: true, Audio: "audio/wav"},
		panel: t, microphone: &media.ALSAMicrophone{Live: media.NewLive(media.Pace{}, t.Recording)}, speaker: &media.ALSASpeaker{},
		// The terminal shows the words of what is only murmured.
		pack: media.Pack{Murmur: true}, clockKnown: clockSynced,
	}
	err = p.box(ctx, c, b, p.logger(c.Log))
	if cerr := t.Close(); err == nil {
		err = cerr
	}
	return err
}

// missing lists, in words, what a real box lacks.
func (p *program) missing() []string {
	var list []string
	if !p.onTerminal() {
		list = append(list, "no terminal for the light and the button")
	}
	cards := p.readLine("proc/asound/cards")
	switch {
	case cards == "" || strings.Contains(cards, "no soundcards"):
		list = append(list, "no sound card")
	case !p.installed("arecord") || !p.installed("aplay"):
		list = append(list, "neither arecord nor aplay (package alsa-utils)")
	}
	return list
}

// installed looks for a program without starting it.
func (p *program) installed(name string) bool {
	for _, dir := range filepath.SplitList(p.getenv("PATH")) {
		if fi, err := os.Stat(filepath.Join(dir, name)); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// clockSynced asks the kernel whether something keeps the clock right.
func clockSynced() bool {
	const unsynchronised = 5 // TIME_ERROR of adjtimex(2)
	state, err := syscall.Adjtimex(&syscall.Timex{})
	return err == nil && state != unsynchronised
}
