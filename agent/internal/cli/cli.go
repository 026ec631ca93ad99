// Package cli is the command line of illumi-agent. Every command says in plain
// words what it did, and ends an error with what to type next.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"illumi/agent/internal/config"
	"illumi/agent/internal/logs"
	"illumi/agent/internal/media"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// Exit codes, a contract with the unit file and with scripts (docs/agent.md).
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotEnrolled = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitHardware    = 6
)

const exitCodes = `Exit codes:
  0  done
  1  failed
  2  the command was typed wrongly
  3  this box is not enrolled
  4  the server refused
  5  the server could not be reached, or answers to it still wait
  6  hardware is missing`

// Stdio is where the program reads and writes.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// failure is an error with its exit code, in words.
type failure struct {
	code int
	text string // a sentence
	next string // what to do
	err  error  // the cause, for --log debug; may be nil
	// stopped says that these are the words for somebody who ended it; typed that
	// the help knows better.
	stopped, typed bool
}

func (f *failure) Error() string { return strings.TrimSpace(f.text + " " + f.next) }
func (f *failure) Unwrap() error { return f.err }

func usage(format string, args ...any) error {
	return &failure{code: exitUsage, text: fmt.Sprintf(format, args...), typed: true}
}

type program struct {
	stdio Stdio
	env   []string
	root  string // of the file system, "/" but in tests

	config, state string // flags
	logLevel      string
	plain         bool

	service   func(context.Context) error // starts it; systemd's but in tests
	stopper   func(context.Context) error // stops it likewise
	transient bool                        // a line of doing stands on the terminal
}

// Run runs the program and returns its exit code.
func Run(ctx context.Context, args []string, stdio Stdio, env []string) int {
	p := &program{stdio: stdio, env: env, root: "/", service: startService, stopper: stopService}
	return p.run(ctx, args)
}

func (p *program) run(ctx context.Context, args []string) int {
	cmd := p.command()
	cmd.SetArgs(args)
	cmd.SetIn(p.stdio.In)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	p.settle()
	f := explain(err)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil && !f.stopped {
		f = &failure{code: exitFailed, text: "Stopped before the end.", next: "Type the same command again to begin anew.", err: err}
	}
	_, _ = fmt.Fprintln(p.stdio.Err, complaint(f, columns(p.stdio.Err))) // nowhere else to tell
	return f.code
}

// complaint is an error as it is read: on a terminal what to do has its own
// lines, in a log it is one.
func complaint(f *failure, width int) string {
	lines := []string{"illumi-agent: " + f.Error()}
	if width > 0 {
		lines = []string{"illumi-agent: " + f.text, f.next}
	}
	if f.typed {
		lines = append(lines, "See illumi-agent --help.")
	}
	var out []string
	for _, l := range lines {
		if l != "" {
			out = append(out, wrap(l, width, 0))
		}
	}
	return strings.Join(out, "\n")
}

// explain gives an error its exit code and its words.
func explain(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if f, ok := errors.AsType[*media.Fault](err); ok {
		return &failure{code: exitFailed, text: f.Text, next: f.Next, err: err}
	}
	switch {
	case errors.Is(err, config.ErrNotEnrolled):
		return &failure{code: exitNotEnrolled, text: "This box is not enrolled yet.", next: "Run: illumi-agent enroll https://SERVER CODE", err: err}
	case errors.Is(err, config.ErrAddress):
		return &failure{code: exitUsage, text: sentence(err.Error()), err: err, typed: true}
	case errors.Is(err, fs.ErrPermission):
		what := "a file that is needed"
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			what = filepath.Dir(pe.Path)
			if fi, serr := os.Stat(pe.Path); serr == nil && !fi.IsDir() {
				what = pe.Path
			}
		}
		return &failure{code: exitFailed, text: "This user may not use " + what + ".",
			next: "Put sudo in front of the command, or name a folder of your own with --state DIR.", err: err}
	case errors.Is(err, spool.ErrInUse):
		return &failure{code: exitFailed, text: "Another illumi-agent is running with this state directory.",
			next: "Stop it, or name another directory with --state.", err: err}
	}
	return &failure{code: exitFailed, text: sentence(strings.TrimPrefix(err.Error(), "config: ")), err: err}
}

// sentence makes an error's text one.
func sentence(s string) string {
	if s == "" {
		return s
	}
	// Who looks for a file named Illumi.yaml finds none.
	if first, _, _ := strings.Cut(s, " "); !strings.Contains(first, ".yaml") {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?)") {
		s += "."
	}
	return s
}

func (p *program) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "illumi-agent",
		Short: "Runs a box that receives whispers and sends answers",
		Long: `illumi-agent runs a box: a light, a button, a microphone, a loudspeaker and a camera.
Whispers come to the box from its server; the citizen hears one, answers it, and the
answer goes on to the next box.

A new box is enrolled once with a code from the server's pages, then runs:

  illumi-agent enroll https://whispers.example.org ABCDE-23456
  illumi-agent run

To try a box without any hardware, in this terminal and on a page of this machine:

  illumi-agent simulate http://127.0.0.1:8080 ABCDE-23456 --listen 127.0.0.1:8090

Every setting can be given as a flag, in the environment (ILLUMI_AGENT_STATE_DIR) or in
the configuration file (state_dir: …). A flag wins over the environment, that over the file.

` + exitCodes,
		Version:       protocol.Build,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%s", sentence(err.Error())) })
	f := root.PersistentFlags()
	f.StringVar(&p.config, "config", "", "configuration `FILE` (default agent.yaml in --state, else /etc/illumi/agent.yaml)")
	f.StringVar(&p.state, "state", "", "`DIR` in which the box keeps its whispers (default /var/lib/illumi-agent)")
	f.StringVar(&p.logLevel, "log", "", "`LEVEL` from which on it logs: debug, info, warn or error")
	f.BoolVar(&p.plain, "plain", false, "allow http:// to another machine, where recordings could be overheard; for trying out only")
	root.AddGroup(&cobra.Group{ID: "box", Title: "The box:"}, &cobra.Group{ID: "try", Title: "Trying out:"})
	for _, c := range []*cobra.Command{p.enrollCommand(), p.runCommand(), p.statusCommand(), p.doctorCommand(),
		p.selfTestCommand(), p.practiceCommand(), p.recordCommand(), p.wifiCommand(), p.setupCommand(), p.unitCommand(), p.darkCommand()} {
		c.GroupID = "box"
		root.AddCommand(c)
	}
	simulate := p.simulateCommand()
	simulate.GroupID = "try"
	root.AddCommand(simulate, p.versionCommand())
	// What completion writes to is settled as the command is made.
	root.SetOut(p.stdio.Out)
	root.SetErr(p.stdio.Err)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	fitHelp(root, cmp.Or(columns(p.stdio.Out), pageWidth))
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		return usage("There is no command %.40q.", args[0])
	}
	return usage("%s takes nothing more, but %.40q was given.", cmd.CommandPath(), args[0])
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.say("illumi-agent %s (wire version %d)", protocol.Build, protocol.Version)
		},
	}
}

// say writes a line for the person at the terminal.
func (p *program) say(format string, args ...any) error {
	p.settle()
	_, err := fmt.Fprintf(p.stdio.Out, format+"\n", args...)
	return err
}

// defaults are where a box keeps things.
type defaults struct{ config, state string }

var installed = defaults{config: "/etc/illumi/agent.yaml", state: "/var/lib/illumi-agent"}

// rooted is a full path of this machine; others are below the folder we are in.
func (p *program) rooted(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Join(p.root, name)
	}
	return name
}

// load reads the settings and says in which file they are.
func (p *program) load(def defaults) (config.Config, string, error) {
	file := p.config
	switch {
	case file != "":
	case p.state != "":
		file = filepath.Join(p.state, "agent.yaml")
	default:
		file = p.rooted(def.config)
	}
	flags := map[string]string{}
	if p.state != "" {
		flags["state_dir"] = p.state
	}
	if p.logLevel != "" {
		flags["log"] = p.logLevel
	}
	if p.plain {
		flags["plain"] = "true"
	}
	c, err := config.Load(config.Options{File: file, Env: p.env, Flags: flags, StateDir: p.rooted(def.state)})
	return c, file, inSettings(err)
}

// hardwareBeside reads box.yaml beside the settings.
func hardwareBeside(file string) (config.Hardware, error) {
	h, err := config.LoadHardware(config.HardwareFile(file))
	return h, inSettings(err)
}

// inSettings: what is written wrongly does not get better by trying again. What
// cannot be read may.
func inSettings(err error) error {
	if _, io := errors.AsType[*fs.PathError](err); err == nil || io || errors.Is(err, config.ErrAddress) {
		return err
	}
	return &failure{code: exitUsage, text: explain(err).text, next: "Mend the setting and try again.", err: err}
}

// logger writes to standard error, which under systemd is its journal.
func (p *program) logger(level slog.Leveler) *slog.Logger {
	return logs.New(p.stdio.Err, level, p.getenv("JOURNAL_STREAM"))
}

// getenv reads the environment that Run was given.
func (p *program) getenv(name string) string {
	for _, pair := range p.env {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			return v
		}
	}
	return ""
}

// now is the machine's clock.
func (p *program) now() time.Time { return time.Now() }

// readLine reads a small file of the machine, without what ends it.
func (p *program) readLine(name string) string {
	data, err := os.ReadFile(filepath.Join(p.root, name))
	if err != nil {
		return "" // not every machine has it
	}
	return strings.TrimSpace(strings.TrimRight(string(data), "\x00"))
}
