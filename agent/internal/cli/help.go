package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageTemplate is cobra's own, but for flags that are fitted into the width,
// and those of every command named in one line.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}

Additional Commands:{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped %[1]d | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global Flags:
{{.InheritedFlags.FlagUsagesWrapped %[1]d | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

Use "{{.CommandPath}} [command] --help" for more about a command.{{end}}
`

// fitHelp makes the help of a command and of all below it as wide as it may be.
func fitHelp(root *cobra.Command, width int) {
	root.SetUsageTemplate(fmt.Sprintf(usageTemplate, width))
	var fit func(c *cobra.Command)
	fit = func(c *cobra.Command) {
		c.Long = paragraphs(strings.TrimSpace(c.Long), width)
		for _, below := range c.Commands() {
			fit(below)
		}
	}
	fit(root)
}
