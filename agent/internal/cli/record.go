package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"illumi/agent/internal/checkup"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

func (p *program) recordCommand() *cobra.Command {
	var erase bool
	c := &cobra.Command{
		Use:   "record [SENTENCE]",
		Short: "Let the box say a sentence in the voice of somebody there",
		Long: `record lets somebody at the box read one of its sentences aloud: press the button, read after
the tone, press again. The running box does this, with its own microphone under its red
light, and says the sentence once for comparison. What the server has for the box is said
instead of what was recorded here. Without a name, record lists the sentences.

` + exitCodes,
		Example: "  sudo illumi-agent record new\n  sudo illumi-agent record new --erase",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("Name one sentence only: %s SENTENCE.", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return p.listSentences()
			}
			if _, known := flow.Prompts[flow.Prompt(args[0])]; !known {
				return usage("There is no sentence %.40q. To list them, run: illumi-agent record.", args[0])
			}
			if erase {
				return p.eraseSentence(args[0])
			}
			return p.askFor(cmd.Context(), daemon.Ask{Do: daemon.AskRecord, Key: args[0]})
		},
	}
	c.Flags().BoolVar(&erase, "erase", false, "erase what was recorded, so that the language pack is heard again")
	return c
}

func (p *program) listSentences() error {
	width := columns(p.stdio.Out)
	for _, key := range slices.Sorted(maps.Keys(flow.Prompts)) {
		line := wrap(fmt.Sprintf("%-18s %s", key, flow.Prompts[key]), width, 19)
		if err := p.say("%s", line); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) eraseSentence(key string) error {
	c, _, err := p.load(installed)
	if err != nil {
		return err
	}
	if err := media.EraseClip(media.OwnClips(clipsDir(c.StateDir)), key); err != nil {
		return &failure{code: exitFailed, text: "The recording could not be erased.", next: "Put sudo in front of the command.", err: err}
	}
	return p.say("The box says this sentence in the voice of its language pack again.")
}

// reader lets somebody read sentences aloud with the box's own hands.
type reader struct {
	mic     checkup.Microphone
	speaker media.Speaker
	clips   string // the folder of the server's; ours lie within it
	pack    func(language string) media.Pack
}

// read records one sentence; it is what daemon.Checks calls Record.
func (r reader) read(ctx context.Context, h daemon.Hands, key string, shown func(protocol.CheckItem)) (err error) {
	text, known := flow.Prompts[flow.Prompt(key)]
	if !known {
		return fmt.Errorf("there is no sentence %q", key)
	}
	tell := func(format string, args ...any) {
		shown(protocol.CheckItem{Text: fmt.Sprintf(format, args...)})
	}
	tell("Press the button. After the tone, read aloud: “%s” Then press again.", text)
	h.Panel.Show(flow.Lamps{Main: flow.LightFull}, 0)
	if err := pressed(ctx, h.Inputs); err != nil {
		return err
	}
	work, err := os.CreateTemp(filepath.Dir(r.clips), ".trial-*.wav")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Close(), os.Remove(work.Name())) }()
	player := media.Player{Speaker: r.speaker, Pack: r.pack(h.Language)}
	h.Panel.Show(flow.Lamps{Main: flow.LightHalf}, 0)
	clip, err := media.RecordClip(ctx, r.mic, player, h.Gain, work, again(ctx, h.Inputs))
	if err != nil {
		return err
	}
	if err := media.KeepClip(media.OwnClips(r.clips), key, clip); err != nil {
		return err
	}
	tell("Kept: %.1f seconds. This is how the box says it now.", clip.Duration().Seconds())
	return player.Say(ctx, key, text, h.Gain)
}

// lockOut is for how long a second press is taken for an echo of the first
// (people.md P5).
const lockOut = 500 * time.Millisecond

// again is closed at the next press that is not an echo.
func again(ctx context.Context, inputs <-chan panel.Input) <-chan struct{} {
	done, since := make(chan struct{}), time.Now()
	go func() {
		defer close(done)
		for pressed(ctx, inputs) == nil && time.Since(since) < lockOut {
			continue
		}
	}()
	return done
}

// pressed waits for any button.
func pressed(ctx context.Context, inputs <-chan panel.Input) error {
	for {
		select {
		case in, ok := <-inputs:
			if !ok {
				return errors.New("the buttons are gone")
			}
			if in.Down {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
