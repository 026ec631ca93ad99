package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"illumi/systemd"
)

func (p *program) unitCommand() *cobra.Command {
	var setup bool
	c := &cobra.Command{
		Use:   "unit",
		Short: "Print the systemd unit that runs the box",
		Long: `unit prints illumi-agent.service as the Debian package installs it, each line with its
reason: for machines on which the program was put in place by hand.`,
		Example: "  illumi-agent unit | sudo tee /etc/systemd/system/illumi-agent.service",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			text := systemd.Agent
			if setup {
				text = systemd.AgentSetup
			}
			_, err := fmt.Fprint(p.stdio.Out, text)
			return err
		},
	}
	c.Flags().BoolVar(&setup, "setup", false, "print illumi-agent-setup.service instead")
	return c
}
