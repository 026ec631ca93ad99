// Command manual writes the manual pages and shell completions of both programs,
// laid out as a package installs them: OUT/illumi-agent/usr/share/... Both come
// from the programs themselves, so a new command is never missing from its manual.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"illumi/agent"
	"illumi/server"
)

// program is one of ours, and what its help does not say.
type program struct {
	name  string
	run   func(ctx context.Context, args []string, out, err *bytes.Buffer) int
	files []option
	also  string
}

var programs = []program{
	{
		name: "illumi-agent",
		run: func(ctx context.Context, args []string, out, err *bytes.Buffer) int {
			return agent.Run(ctx, args, agent.Stdio{In: new(bytes.Buffer), Out: out, Err: err}, nil)
		},
		files: []option{
			{"/etc/illumi/agent.yaml", "Who the box is, and its settings. Written by enroll; its owner alone may read it."},
			{"/etc/illumi/box.yaml", "What the box is built of: pins, sound cards, camera, screen, printer. It may be missing."},
			{"/var/lib/illumi-agent", "Whispers, answers that are not sent yet, and the journal of the box."},
			{"/boot/firmware/illumi.yaml", "Sets a new box up at its next start, and is erased."},
		},
		also: ".BR illumi\\-server (1),\n.BR systemctl (1),\n.BR journalctl (1)",
	},
	{
		name: "illumi-server",
		run: func(ctx context.Context, args []string, out, err *bytes.Buffer) int {
			return server.Run(ctx, args, server.Stdio{In: new(bytes.Buffer), Out: out, Err: err}, nil)
		},
		files: []option{
			{"/etc/illumi/server.yaml", "Settings of the server."},
			{"/var/lib/illumi", "Database and recordings."},
		},
		also: ".BR illumi\\-agent (1),\n.BR systemctl (1),\n.BR journalctl (1)",
	},
}

// Where Debian's shells look.
var completions = []struct{ shell, file string }{
	{"bash", "usr/share/bash-completion/completions/%s"},
	{"zsh", "usr/share/zsh/vendor-completions/_%s"},
	{"fish", "usr/share/fish/vendor_completions.d/%s.fish"},
}

func main() {
	if err := write(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: go run ./scripts/manual OUT VERSION SECONDS-SINCE-1970")
	}
	seconds, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("the date: %w", err)
	}
	for _, p := range programs {
		pages, err := p.pages(ctx, nil)
		if err != nil {
			return err
		}
		text := roff(pages, args[1], time.Unix(seconds, 0), p.files, p.also)
		if err := save(filepath.Join(args[0], p.name, "usr/share/man/man1", p.name+".1"), text); err != nil {
			return err
		}
		for _, c := range completions {
			text, err := p.say(ctx, "completion", c.shell)
			if err != nil {
				return err
			}
			if text == "" {
				return fmt.Errorf("%s has no completion for %s", p.name, c.shell)
			}
			if err := save(filepath.Join(args[0], p.name, fmt.Sprintf(c.file, p.name)), text); err != nil {
				return err
			}
		}
	}
	return nil
}

func save(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644) //nolint:gosec // manuals are for everybody
}

// say runs the program and returns what it prints.
func (p program) say(ctx context.Context, args ...string) (string, error) {
	var out, err bytes.Buffer
	if code := p.run(ctx, args, &out, &err); code != 0 {
		return "", fmt.Errorf("%s %q ends with %d: %s", p.name, args, code, err.String())
	}
	return out.String(), nil
}

// pages are the help of a command and of all that are below it, in their order.
func (p program) pages(ctx context.Context, command []string) ([]page, error) {
	help, err := p.say(ctx, append(command[:len(command):len(command)], "--help")...)
	if err != nil {
		return nil, err
	}
	name := p.name
	for _, word := range command {
		name += " " + word
	}
	top := parseHelp(name, help)
	list := []page{top}
	for _, below := range top.commands {
		more, err := p.pages(ctx, append(command[:len(command):len(command)], below))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}
