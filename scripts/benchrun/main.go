// Benchrun measures the running programs: a real server in a process of its
// own, and boxes that speak its wire from another. scripts/bench builds it and
// starts it. Each figure is held against a limit that is measured beside it in
// the same run, so that a busy machine slows both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measurement is one of the things that can be measured.
type measurement struct {
	name string
	what string
	// bound is how long it may take at most.
	bound time.Duration
	run   func(ctx context.Context, b *bench) error
}

var measurements = []measurement{
	{"memory", "memory for each idle connected box, beside a bare gorilla server", 30 * time.Minute, memory},
	{"floor", "memory for each idle connection of the least servers there can be in Go", 10 * time.Minute, floor},
	{"reconnect", "2,000 boxes come back after a restart, beside a bare gorilla server", 15 * time.Minute, reconnect},
	{"handoff", "from the last byte of a reply to the offer at the next box, beside fsync and commit", 10 * time.Minute, handOff},
	{"hops", "hops a second with 10 and with 200 boxes", 15 * time.Minute, hops},
	{"download", "a file of 50 MB to a box, beside a plain copy with SHA-256 and fsync", 10 * time.Minute, download},
	{"idle", "what an idle box costs: its line, its memory, its processor, its start", 10 * time.Minute, idle},
}

// bench is one run.
type bench struct {
	out  io.Writer
	bin  string
	db   string // the server's --db; empty: SQLite
	over int    // figures beyond their limit
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	if len(args) == 3 && args[0] == bareName { // the other server of the comparison, started by ourselves
		if err := serveBare(ctx, args[1], args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	b := &bench{out: os.Stdout}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&b.bin, "bin", "bin", "")
	f.StringVar(&b.db, "db", "", "")
	list := f.Bool("list", false, "")
	err := f.Parse(args)
	if err == nil && *list {
		for _, m := range measurements {
			fmt.Fprintf(b.out, "%-12s %s\n", m.name, m.what)
		}
		return 0
	}
	if err == nil {
		err = b.all(ctx, f.Args())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "scripts/bench: %v\n", err)
		return 1
	}
	return 0
}

// all runs the named measurements one after the other, or every one.
func (b *bench) all(ctx context.Context, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(measurements, func(m measurement) bool { return m.name == name }) {
			return fmt.Errorf("there is no measurement %q; there are: %s", name, strings.Join(known(), ", "))
		}
	}
	for _, m := range measurements {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		fmt.Fprintf(b.out, "\n%s: %s\n", m.name, m.what)
		began := time.Now()
		bounded, cancel := context.WithTimeout(ctx, m.bound)
		err := m.run(bounded, b)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(b.out, "  took %s\n", time.Since(began).Round(time.Second))
	}
	if b.over > 0 {
		return fmt.Errorf("%d figures are beyond their limit", b.over)
	}
	return nil
}

func known() []string {
	var names []string
	for _, m := range measurements {
		names = append(names, m.name)
	}
	return names
}

// say prints a line of what was seen.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, "  "+format+"\n", args...) }

// held prints a figure with the limit that it is held to.
func (b *bench) held(figure, limit float64, unit, format string, args ...any) {
	verdict := "held"
	if figure > limit {
		verdict = "BEYOND ITS LIMIT"
		b.over++
	}
	b.say("%s: %.3g %s, limit %.3g %s: %s", fmt.Sprintf(format, args...), figure, unit, limit, unit, verdict)
}

// wait sleeps, unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("it took too long: %w", context.Cause(ctx))
	case <-time.After(d):
		return nil
	}
}

// both returns the errors of work and of ending what it began.
func both(err *error, end func() error) { *err = errors.Join(*err, end()) }
