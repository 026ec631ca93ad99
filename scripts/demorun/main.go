// Demorun shows a whisper's whole way on this machine: it starts a real server
// and real simulated boxes, sends a whisper through them, and says what
// happens. scripts/demo builds it and starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

// Exit codes, as illumi's programs have them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// settings is what the demo was asked for.
type settings struct {
	once         bool
	image, audio string
	boxes        int
	seed         string
	out          string
	me           string
	speed        int
	bin          string
}

func main() {
	// SIGPIPE: where nobody reads any more, as after "| head", it tidies up as after Ctrl-C.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "scripts/demo: %v Type scripts/demo --help.\n", err)
		return exitUsage
	}
	if err := s.readable(); err != nil {
		fmt.Fprintf(stderr, "scripts/demo: %v\n", err)
		return exitFailed
	}
	if err := demo(ctx, s, screen{out: stdout, live: isTerminal(stdout)}); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(stderr, "scripts/demo: stopped before the whisper was complete.")
			return exitInterrupted
		}
		fmt.Fprintf(stderr, "\nscripts/demo: %v\n", err)
		return exitFailed
	}
	return exitDone
}

func parse(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.BoolVar(&s.once, "once", false, "")
	f.StringVar(&s.image, "image", "", "")
	f.StringVar(&s.audio, "audio", "", "")
	f.IntVar(&s.boxes, "boxes", 3, "")
	f.StringVar(&s.seed, "seed", "", "")
	f.StringVar(&s.out, "out", "", "")
	f.StringVar(&s.me, "me", "", "")
	f.IntVar(&s.speed, "speed", 0, "")
	f.StringVar(&s.bin, "bin", "bin", "") // for scripts/demo itself and for tests
	if err := f.Parse(args); err != nil {
		return s, inWords(err)
	}
	given := false
	f.Visit(func(g *flag.Flag) { given = given || g.Name == "speed" })
	if !given {
		s.speed = 1
		if s.once {
			s.speed = 50
		}
	}
	return s, s.check(f.Args())
}

// What package flag says, and how a person would.
var spoken = []struct {
	said  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`^flag provided but not defined: -+(.*)$`), "There is no option --$1."},
	{regexp.MustCompile(`^flag needs an argument: -+(.*)$`), "--$1 needs a value behind it."},
	{regexp.MustCompile(`(?s)^invalid value "(.*)" for flag -+(.*?): .*$`), "--$2 $1 is not a number."},
	{regexp.MustCompile(`^invalid boolean value .* for -+(.*?): .*$`), "--$1 takes no value."},
	{regexp.MustCompile(`^bad flag syntax: (.*)$`), "$1 is not an option."},
	{regexp.MustCompile(`^flag: help requested$`), "scripts/demo --help is the help."},
}

func inWords(err error) error {
	for _, s := range spoken {
		if s.said.MatchString(err.Error()) {
			return errors.New(s.said.ReplaceAllString(err.Error(), s.words))
		}
	}
	return err
}

// readable refuses files that are not there. What they are, the server judges.
func (s *settings) readable() error {
	for _, f := range []struct{ title, path string }{{"picture", s.image}, {"recording", s.audio}} {
		if f.path == "" {
			continue
		}
		st, err := os.Stat(f.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("there is no %s %s. Look at the name again.", f.title, f.path) //nolint:staticcheck,revive // a sentence for people
		case err == nil && !st.Mode().IsRegular():
			return fmt.Errorf("the %s %s is not a file. Name a file.", f.title, f.path) //nolint:staticcheck,revive // as above
		}
		if err == nil {
			var o *os.File
			if o, err = os.Open(f.path); err == nil {
				err = o.Close()
			}
		}
		if err != nil {
			return fmt.Errorf("the %s %s may not be read by this user. Look at its permissions.", f.title, f.path) //nolint:staticcheck,revive // as above
		}
	}
	return nil
}

// check refuses what makes no sense, before anything is started.
func (s *settings) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not expected here.", rest[0]) //nolint:staticcheck,revive // as above
	case s.boxes < 1 || s.boxes > 50:
		return fmt.Errorf("--boxes %d is not a number from 1 to 50.", s.boxes) //nolint:staticcheck,revive // as above
	case s.seed != "" && !isSeed(s.seed):
		return errors.New("--seed takes up to 64 hexadecimal digits; shorter ones are filled with zeros in front.") //nolint:staticcheck,revive // as above
	case s.speed < 1 || s.speed > 200:
		return fmt.Errorf("--speed %d is not a number from 1 to 200.", s.speed) //nolint:staticcheck,revive // as above
	case s.out != "" && !s.once:
		return errors.New("--out is for --once; without it the whisper's page has everything.") //nolint:staticcheck,revive // as above
	case s.me != "" && s.once:
		return errors.New("--me is for the demo that stays up; leave --once away.") //nolint:staticcheck,revive // as above
	}
	if s.seed != "" {
		s.seed = strings.Repeat("0", seedDigits-len(s.seed)) + strings.ToLower(s.seed)
	}
	if s.me == "" {
		return nil
	}
	for _, name := range names(s.boxes) {
		if name == s.me {
			return nil
		}
	}
	return fmt.Errorf("--me %s is none of the boxes %s.", s.me, strings.Join(names(s.boxes), ", ")) //nolint:staticcheck,revive // as above
}

// seedDigits is the length of an ordering seed, in hexadecimal digits.
const seedDigits = 64

func isSeed(s string) bool {
	return len(s) <= seedDigits && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
