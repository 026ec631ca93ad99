package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"illumi/agent/internal/panel"
)

// darkCommand is for the unit, which runs it after each stop: the Pi's kernel
// leaves a lamp as a killed program left it (raspberrypi/linux#6117), and a red
// light that nobody drives would say for ever that somebody is recorded.
func (p *program) darkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "dark",
		Short: "Put the box's lights out",
		Long: `dark puts out all lights that are wired to the pins of this machine. The service runs it
after each stop, for the light of a box that was killed would stay on. While the box runs,
its lights are its own, and dark says so.

` + exitCodes,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, file, err := p.load(installed)
			if err != nil {
				return err
			}
			h, err := hardwareBeside(file)
			if err != nil {
				return err
			}
			w, err := wiringOf(h)
			if err != nil || !w.HasGPIO() {
				return err
			}
			err = panel.Dark(panel.GPIOOptions{Wiring: w, Root: p.root})
			if errors.Is(err, panel.ErrNoHeader) {
				return nil // no pins, no lights
			}
			if err != nil {
				return &failure{code: exitHardware, text: sentence(err.Error()), next: "If the box runs, stop it: sudo systemctl stop illumi-agent", err: err}
			}
			return nil
		},
	}
}
