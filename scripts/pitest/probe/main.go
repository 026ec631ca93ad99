// Command probe measures inside the emulated Pi, where no network lies between
// a button and a light. scripts/pi-test puts it there.
//
//	probe latency --go 5 --back 6 --light 12 --status FILE --times 100
//	probe watch --for 60s PID...
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("latency or watch?")
	}
	var found any
	var err error
	switch args[0] {
	case "latency":
		found, err = latency(args[1:])
	case "watch":
		found, err = watch(args[1:])
	default:
		err = fmt.Errorf("%q is neither latency nor watch", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// header is the pins of Linux's simulated chip.
type header struct{ dir string }

func (h header) path(pin, file string) string {
	return filepath.Join(h.dir, "sim_gpio"+pin, file)
}

func (h header) lit(pin string) (bool, error) {
	data, err := os.ReadFile(h.path(pin, "value"))
	return strings.TrimSpace(string(data)) == "1", err
}

// pull is what a switch to ground does to its line: down is pressed.
func (h header) pull(pin string, down bool) error {
	to := "pull-up"
	if down {
		to = "pull-down"
	}
	return os.WriteFile(h.path(pin, "pull"), []byte(to), 0)
}

// press holds a switch for as long as a finger does, and tells when it closed.
func (h header) press(pin string) (time.Time, error) {
	if err := h.pull(pin, true); err != nil {
		return time.Time{}, err
	}
	return time.Now(), nil
}

// Seen is how long it took from the line of the button to that of the light.
type Seen struct {
	Median, P99, Worst time.Duration
	Presses            int
}

func latency(args []string) (s Seen, err error) {
	flags := flag.NewFlagSet("latency", flag.ContinueOnError)
	forward := flags.String("go", "5", "line of the button that goes on")
	back := flags.String("back", "6", "line of the button that plays again")
	light := flags.String("light", "12", "line of the light")
	status := flags.String("status", "", "the box's status file")
	times := flags.Int("times", 100, "how many presses")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	chips, err := filepath.Glob("/sys/devices/platform/gpio-sim.*/gpiochip*")
	if err != nil || len(chips) == 0 {
		return s, errors.Join(err, errors.New("there is no simulated chip"))
	}
	t := trial{header: header{chips[0]}, forward: *forward, back: *back, light: *light, status: *status}
	var took []time.Duration
	for misses := 0; len(took) < *times; {
		d, err := t.once()
		if errors.Is(err, errAgain) && misses < *times/2 {
			misses++
			continue
		}
		if err != nil {
			return s, fmt.Errorf("after %d presses: %w", len(took), err)
		}
		took = append(took, d)
	}
	slices.Sort(took)
	n := len(took)
	rank := (99*n + 99) / 100 // the nearest: as many of a hundred are not slower
	return Seen{Median: took[n/2], P99: took[rank-1], Worst: took[n-1], Presses: n}, nil
}

type trial struct {
	header
	forward, back, light, status string
}

// playGuard is for how long a whisper that has just begun takes no press, T_PLAY_GUARD of
// people.md with something to spare: what is lit then is the light's own rhythm.
const playGuard = 3500 * time.Millisecond

// errAgain: the moment was missed in which a press would have been seen.
var errAgain = errors.New("the whisper ended before the press")

// once plays the whisper, presses in the dark of its rhythm, and waits for the
// steady light of "your turn".
func (t trial) once() (time.Duration, error) {
	if err := t.play(); err != nil {
		return 0, err
	}
	time.Sleep(playGuard)
	if err := t.fall(); err != nil {
		return 0, err
	}
	at, err := t.press(t.forward)
	if err != nil {
		return 0, err
	}
	var took time.Duration
	for took == 0 {
		on, err := t.lit(t.light)
		if err != nil {
			return 0, err
		}
		if since := time.Since(at); on || since > time.Second {
			took = since
		}
		time.Sleep(500 * time.Microsecond)
	}
	time.Sleep(150*time.Millisecond - min(took, 150*time.Millisecond))
	if err := t.pull(t.forward, false); err != nil {
		return 0, err
	}
	// The state is written once it is safe, which a busy card makes wait.
	if err := t.wait(30*time.Second, "INVITE"); err != nil {
		return 0, fmt.Errorf("the press did nothing: %w", err)
	}
	return took, nil
}

// play gets the whisper played, from wherever the turn is.
func (t trial) play() error {
	for range 5 {
		phase, err := t.phase()
		if err != nil {
			return err
		}
		pin := t.back
		switch phase {
		case "PLAYING":
			return nil
		case "NEW", "NEW_QUIET", "HEARD":
			pin = t.forward
		case "INVITE":
		default:
			return fmt.Errorf("the box is in %s", phase)
		}
		time.Sleep(1200 * time.Millisecond) // a press at once is the echo of the one before
		if _, err := t.press(pin); err != nil {
			return err
		}
		time.Sleep(150 * time.Millisecond)
		if err := t.pull(pin, false); err != nil {
			return err
		}
		if err := t.wait(4*time.Second, "PLAYING"); err == nil {
			return nil
		}
	}
	return errors.New("no press gets the whisper played")
}

// fall waits until the light goes out for a moment, as it does while the box speaks.
func (t trial) fall() error {
	was := false
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		on, err := t.lit(t.light)
		if err != nil {
			return err
		}
		if was && !on {
			phase, err := t.phase()
			if err == nil && phase != "PLAYING" {
				err = errAgain
			}
			return err
		}
		was = on
	}
	return errAgain
}

func (t trial) phase() (string, error) {
	data, err := os.ReadFile(t.status)
	if err != nil {
		return "", err
	}
	var s struct {
		Phase string `json:"phase"`
	}
	return s.Phase, json.Unmarshal(data, &s)
}

func (t trial) wait(patience time.Duration, want string) error {
	phase := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if phase, err = t.phase(); err != nil || phase == want {
			return err
		}
	}
	return fmt.Errorf("the box is in %s, not in %s, after %v", phase, want, patience)
}
