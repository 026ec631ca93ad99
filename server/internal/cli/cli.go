// Package cli is the command line of illumi-server: flags, environment and
// file name the same settings, and every command ends with what to do next.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"illumi/protocol"
	"illumi/server/internal/app"
	"illumi/server/internal/model"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Stdio is where the program reads and writes.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// errUsage marks what was typed wrongly.
type errUsage struct{ error }

func (e errUsage) Unwrap() error { return e.error }

type program struct {
	stdio Stdio
	env   []string
}

// Run runs the program and returns its exit code.
func Run(ctx context.Context, args []string, stdio Stdio, env []string) int {
	p := &program{stdio: stdio, env: env}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdio.In)
	root.SetOut(stdio.Out)
	root.SetErr(stdio.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*app.SettingError](err); ok {
		err = errUsage{err}
	}
	p.complain(err)
	if _, ok := errors.AsType[errUsage](err); ok {
		return exitUsage
	}
	return exitFailed
}

// complain writes an error for the person at the terminal.
func (p *program) complain(err error) {
	text := err.Error()
	if e, ok := model.AsError(err); ok {
		text = strings.TrimSpace(e.Sentence + " " + e.Next)
	}
	if _, ok := errors.AsType[errUsage](err); ok {
		text += "\nSee illumi-server --help."
	}
	_, _ = fmt.Fprintln(p.stdio.Err, "illumi-server:", text) // nowhere else to tell
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "illumi-server",
		Short: "Carries research whispers between researchers and boxes in older citizens' homes",
		Long: `illumi-server routes whispers, keeps what was answered and serves the researchers' pages.

With nothing configured, "illumi-server serve" listens on 127.0.0.1:8080, keeps everything
in ./illumi-data and prints a one-time address where the first administrator is made.

Every setting can be given as a flag (--listen), in the environment (ILLUMI_LISTEN) or in a
YAML file (listen: …) named by --config. A flag wins over the environment, that over the file.

Exit codes: 0 done, 1 failed, 2 wrong usage or a setting that cannot be used as it is written.`,
		Version:       protocol.Build,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          help,
	}
	root.SetVersionTemplate("illumi-server {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errUsage{err} })
	settings(root.PersistentFlags())
	root.SetHelpFunc(usedFlags(root.HelpFunc()))
	root.AddGroup(&cobra.Group{ID: "run", Title: "Running:"}, &cobra.Group{ID: "admin", Title: "Administration:"})
	for _, c := range []*cobra.Command{p.serve(), p.migrate()} {
		c.GroupID = "run"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{p.user(), p.device()} {
		c.GroupID = "admin"
		root.AddCommand(c)
	}
	root.AddCommand(p.version())
	return root
}

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Say which version this is",
		Annotations: usesNone,
		Args:        noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.stdio.Out, "illumi-server %s (wire version %d)\n", protocol.Build, protocol.Version)
			return err
		},
	}
}

// Settings that a command uses, where it does not use all of them. They are
// taken by every command all the same: one file and one environment serve all.
const uses = "settings"

var (
	usesNone   = map[string]string{uses: ""}
	usesData   = map[string]string{uses: "config data db log-level"}
	usesPublic = map[string]string{uses: "config data db log-level listen public-url tls-cert tls-key"}
)

// usedFlags shows only the settings that a command uses in its help.
func usedFlags(show func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		for c := cmd; c != nil; c = c.Parent() {
			used, told := c.Annotations[uses]
			if !told {
				continue
			}
			names := strings.Fields(used)
			all := pflag.NewFlagSet("", pflag.ContinueOnError)
			settings(all)
			all.VisitAll(func(f *pflag.Flag) {
				if inherited := cmd.InheritedFlags().Lookup(f.Name); inherited != nil {
					inherited.Hidden = !slices.Contains(names, f.Name)
				}
			})
			break
		}
		show(cmd, args)
	}
}

func (p *program) serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Listen, route whispers and serve the pages until Ctrl-C",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, _, err := p.open(cmd)
			if err != nil {
				return err
			}
			return errors.Join(p.serveWith(cmd.Context(), a), a.Close())
		},
	}
}

// noCommand is for commands that only have others below them.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return errUsage{errors.New(text)}
}

// noArgs and exactly refuse arguments as a usage error.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errUsage{fmt.Errorf("%q is not expected here", args[0])}
	}
	return nil
}

func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return errUsage{fmt.Errorf("%s is missing", names[len(args)])}
		}
		if len(args) > len(names) {
			return errUsage{fmt.Errorf("%q is not expected here", args[len(names)])}
		}
		return nil
	}
}

func (p *program) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.stdio.Err, &slog.HandlerOptions{Level: level}))
}
