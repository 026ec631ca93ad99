package cli

import (
	"context"

	"github.com/spf13/cobra"

	"illumi/agent/internal/daemon"
	"illumi/protocol"
)

func (p *program) practiceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "practice",
		Short: "Let somebody try a whisper that never leaves the box",
		Long: `practice puts a whisper of the box's own before whoever stands there: its light breathes.
It is heard and answered as any other. What was said and photographed is erased at the
end. The running box does this. The team is told that somebody practised, and nothing else.

` + exitCodes,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.askFor(cmd.Context(), daemon.Ask{Do: string(protocol.CheckPractice)}); err != nil {
				return err
			}
			return p.say("The box has a practice whisper now: its light breathes. Press its button.")
		},
	}
}

func (p *program) selfTestCommand() *cobra.Command {
	var installer string
	c := &cobra.Command{
		Use:   "selftest",
		Short: "Test the box by voice, step by step, with somebody at its button",
		Long: `selftest lets the running box test itself aloud: light and button, loudspeaker and its
volume, microphone, red light, camera, Wi-Fi, server, clock and disk. It asks for a press
where a person has to see or hear. The same test begins when the button is held for ten
seconds while nothing waits. Its result goes to the server.

` + exitCodes,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.askFor(cmd.Context(), daemon.Ask{Do: string(protocol.CheckSelfTest), Installer: installer})
		},
	}
	c.Flags().StringVar(&installer, "installer", "", "`NAME` of who stands at the box, for the record")
	return c
}

// askFor lets the running box do something, and shows each step.
func (p *program) askFor(ctx context.Context, a daemon.Ask) error {
	c, _, err := p.load(installed)
	if err != nil {
		return err
	}
	if err := c.Enrolled(); err != nil {
		return err
	}
	check, running, err := p.askRunning(ctx, c, a, p.showItem)
	switch {
	case err != nil:
		return err
	case !running:
		return &failure{code: exitFailed, text: "The box does not run.", next: "Run: sudo systemctl start illumi-agent"}
	}
	return verdict(check)
}
