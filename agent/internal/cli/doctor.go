package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"illumi/agent/internal/checkup"
	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/protocol"
)

func (p *program) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at every part, and say what to do where one is not well",
		Long: `doctor looks at buttons, lights, loudspeaker, microphone, camera, screen, printer and the
spoken sentences. Then come disk, memory card, power, temperature, Wi-Fi, clock, server and
line.
The red light is on while it listens for a moment and takes a picture; both are erased at
once. In quiet hours it makes no sound.

While the box runs, it looks itself through, unless somebody is using it; the result goes
to the server and stands on the box's page. Exit code 6 says that a part has failed.

` + exitCodes,
		Example: "  sudo illumi-agent doctor\n  sudo illumi-agent doctor --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.doctor(cmd.Context(), asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs: the whole result, at the end")
	return c
}

func (p *program) doctor(ctx context.Context, asJSON bool) error {
	c, file, err := p.load(installed)
	if err != nil {
		return err
	}
	shown := func(i protocol.CheckItem) {
		p.showItem(i)
		p.lookingAt(checkup.After(i.Part))
	}
	if asJSON {
		shown = func(protocol.CheckItem) {}
	} else {
		p.lookingAt(checkup.After(""))
	}
	check, running, err := p.askRunning(ctx, c, daemon.Ask{Do: string(protocol.CheckDoctor)}, shown)
	if err != nil {
		return err
	}
	if !running {
		if check, err = p.doctorHere(ctx, c, file, shown); err != nil {
			return err
		}
	}
	p.settle()
	if asJSON {
		e := json.NewEncoder(p.stdio.Out)
		e.SetIndent("", "  ")
		if err := e.Encode(check); err != nil {
			return err
		}
	}
	return verdict(check)
}

// doctorHere looks at the parts from this process, since no box runs.
func (p *program) doctorHere(ctx context.Context, c config.Config, file string, shown func(protocol.CheckItem)) (protocol.Check, error) {
	h, err := hardwareBeside(file)
	if err != nil {
		return protocol.Check{}, err
	}
	hw, err := p.openHardware(ctx, h, c.StateDir, nil, p.logger(p.calm(c.Log)))
	if err != nil {
		return protocol.Check{}, err
	}
	box, done := p.checkupBox(hw, c, parts{board: p.realBoard()}, daemon.Hands{Photo: true})
	items := box.Doctor(ctx, shown)
	done()
	if err := hw.close(); err != nil {
		return protocol.Check{}, err
	}
	return checkup.Report(protocol.CheckDoctor, uuid.Must(uuid.NewV7()).String(), p.now(), items), ctx.Err()
}

// lookingAt shows which part takes its time.
func (p *program) lookingAt(part string) {
	if part != "" {
		p.doing(fmt.Sprintf("%-7s %s", "", part))
	}
}

// calm is how much a command logs that says itself what it finds.
func (p *program) calm(level slog.Level) slog.Level {
	if p.logLevel == "" {
		return slog.LevelError + 1
	}
	return level
}

// showItem shows one part. That it could not be shown is not worth an end: the
// verdict counts, and is in the exit code.
func (p *program) showItem(i protocol.CheckItem) { _ = p.say("%s", itemText(i, columns(p.stdio.Out))) }

var marks = map[protocol.Verdict]string{
	protocol.VerdictOK: "ok", protocol.VerdictWarn: "look", protocol.VerdictFailed: "FAILED", protocol.VerdictSkipped: "-",
}

// itemText is one part, and below it what is to be done. A width of 0 breaks no
// line; where there is little room the texts stand below the part.
func itemText(i protocol.CheckItem, width int) string {
	const margin = 24
	if i.Verdict == "" { // what the box asks for, or tells
		return wrap(strings.Repeat(" ", narrowMargin)+i.Text, width, narrowMargin)
	}
	head, indent := fmt.Sprintf("%-7s %-15s ", marks[i.Verdict], i.Part), margin
	s := wrap(head+i.Text, width, margin)
	if width > 0 && width < narrow {
		indent = narrowMargin
		s = strings.TrimSpace(head) + "\n" + wrap(strings.Repeat(" ", indent)+i.Text, width, indent)
	}
	if i.Next != "" && i.Verdict != protocol.VerdictOK {
		s += "\n" + wrap(strings.Repeat(" ", indent)+"→ "+i.Next, width, indent+2)
	}
	return s
}

// verdict is the exit code of a check.
func verdict(c protocol.Check) error {
	var bad []string
	for _, i := range c.Items {
		if i.Verdict == protocol.VerdictFailed {
			bad = append(bad, i.Part)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &failure{code: exitHardware, text: "Not well: " + strings.Join(bad, ", ") + ".", next: "What to do stands beside each."}
}
