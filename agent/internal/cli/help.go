package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageOf is cobra's own text, but for flags that are fitted into the width, and
// those of every command named in one line. It is no template: with templates in
// it the program could not be rid of anything that one might name, a tenth of its
// memory.
func usageOf(c *cobra.Command, width int) string {
	var b strings.Builder
	b.WriteString("Usage:")
	if c.Runnable() {
		b.WriteString("\n  " + c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n  " + c.CommandPath() + " [command]")
	}
	if c.HasExample() {
		b.WriteString("\n\nExamples:\n" + c.Example)
	}
	if c.HasAvailableSubCommands() {
		for _, g := range c.Groups() {
			b.WriteString("\n\n" + g.Title + listOf(c, g.ID))
		}
		b.WriteString("\n\nAdditional Commands:" + listOf(c, ""))
	}
	if c.HasAvailableLocalFlags() {
		b.WriteString("\n\nFlags:\n" + strings.TrimRight(c.LocalFlags().FlagUsagesWrapped(width), " \n"))
	}
	if c.HasAvailableInheritedFlags() {
		b.WriteString("\n\nGlobal Flags:\n" + strings.TrimRight(c.InheritedFlags().FlagUsagesWrapped(width), " \n"))
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\n\nUse \"" + c.CommandPath() + " [command] --help\" for more about a command.")
	}
	return b.String() + "\n"
}

// listOf are the commands of a group.
func listOf(c *cobra.Command, group string) string {
	var b strings.Builder
	for _, below := range c.Commands() {
		if below.GroupID == group && (below.IsAvailableCommand() || group == "" && below.Name() == "help") {
			fmt.Fprintf(&b, "\n  %-*s %s", below.NamePadding(), below.Name(), below.Short)
		}
	}
	return b.String()
}

// fitHelp makes the help of a command and of all below it as wide as it may be.
func fitHelp(root *cobra.Command, width int) {
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), usageOf(c, width))
		return err
	})
	var fit func(c *cobra.Command)
	fit = func(c *cobra.Command) {
		c.Long = paragraphs(strings.TrimSpace(c.Long), width)
		for _, below := range c.Commands() {
			fit(below)
		}
	}
	fit(root)
}
