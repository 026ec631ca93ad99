package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Pins of the plain wiring (docs/wiring.md).
const (
	pinButton = "5"
	pinLight  = "12"
	pinRed    = "13"
)

// vm is the emulated Pi, driven by the pi-vm command.
type vm struct {
	tool string
	name string
	log  *os.File // all that the tool says
}

// do runs one command of pi-vm and returns what it prints.
func (v *vm) do(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, v.tool, args...)
	cmd.Env = append(os.Environ(), "PI_VM_NAME="+v.name)
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	fmt.Fprintf(v.log, "%s pi-vm %.300s\n%s%s", time.Now().Format("15:04:05.000"), strings.Join(args, " "), out.String(), errs.String())
	if err != nil {
		return out.String(), fmt.Errorf("pi-vm %.80s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(tail(errs.String(), 300)))
	}
	return out.String(), nil
}

// run runs a shell line in the guest, as root.
func (v *vm) run(ctx context.Context, line string) (string, error) { return v.do(ctx, "run", line) }

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// press presses the button as a finger would.
func (v *vm) press(ctx context.Context) error {
	_, err := v.do(ctx, "press", pinButton, "150")
	return err
}

// lit reads a lamp's line.
func (v *vm) lit(ctx context.Context, pin string) (bool, error) {
	out, err := v.do(ctx, "led", pin)
	return strings.TrimSpace(out) == "1", err
}

// status is what the box tells of itself.
type status struct {
	Running bool   `json:"running"`
	Phase   string `json:"phase"`
	Online  bool   `json:"online"`
	Waiting int    `json:"waiting"`
	Unsent  int    `json:"unsent"`
}

const stateDir = "/var/lib/illumi-agent"

// status reads the box's own file: no program has to be started for it.
func (v *vm) status(ctx context.Context) (s status, err error) {
	out, err := v.run(ctx, "cat "+stateDir+"/status.json")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(out), &s)
}

// until waits for a phase, looking in the guest so that little is missed.
func (v *vm) until(ctx context.Context, patience time.Duration, phases ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience+30*time.Second)
	defer cancel()
	line := fmt.Sprintf(`end=$(($(date +%%s)+%d)); while [ "$(date +%%s)" -lt "$end" ]; do
		p=$(sed -n 's/.*"phase":"\([A-Z_0-9]*\)".*/\1/p' %s/status.json 2>/dev/null)
		case " %s " in *" $p "*) echo "$p"; exit 0;; esac; sleep 0.1; done; echo "$p"; exit 9`,
		int(patience.Seconds()), stateDir, strings.Join(phases, " "))
	out, err := v.run(ctx, line)
	if phase := strings.TrimSpace(out); err != nil {
		return phase, fmt.Errorf("the box is in %s, not in %s, after %v", phase, strings.Join(phases, " or "), patience)
	}
	return strings.TrimSpace(out), nil
}

// up starts the machine.
func (v *vm) up(ctx context.Context, fresh bool) error {
	args := []string{"up"}
	if fresh {
		args = append(args, "--fresh")
	}
	_, err := v.do(ctx, args...)
	return err
}

// cut takes the power away and gives it back.
func (v *vm) cut(ctx context.Context) error {
	if _, err := v.do(ctx, "cut"); err != nil {
		return err
	}
	return v.up(ctx, false)
}

// find looks for the tool: named by the caller, beside the project, or in PATH.
func find(named, beside string) (string, error) {
	for _, name := range []string{named, beside, "pi-vm"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("pi-vm was not found; name it in ILLUMI_PI_VM. It emulates the Pi that this test needs")
}
