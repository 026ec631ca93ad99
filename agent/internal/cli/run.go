package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Be the box, until it is stopped",
		Long: `run is the box: it receives whispers, plays them, records answers and sends them,
until it is stopped. The server may be away for as long as it likes, and parts may be
pulled out and put back.

Which parts the box has is found out, or said in box.yaml beside the configuration. In a
terminal its light is drawn and its button is a key, besides the real ones. The service
illumi-agent runs this command; doctor says what is wrong with a part.

` + exitCodes,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.realBox(cmd.Context()) },
	}
}

func (p *program) realBox(ctx context.Context) (err error) {
	frugal()
	c, file, err := p.load(installed)
	if err != nil {
		return err
	}
	if err := c.Enrolled(); err != nil {
		return err
	}
	h, err := hardwareBeside(file)
	if err != nil {
		return err
	}
	if !p.installed("arecord") || !p.installed("aplay") {
		return &failure{code: exitHardware, text: "This machine has neither arecord nor aplay.",
			next: "Run: sudo apt install alsa-utils. To try a box without hardware, run: illumi-agent simulate"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var also []panel.Panel
	level := slog.Leveler(c.Log)
	if p.onTerminal() {
		t, terr := p.terminal(c.Name)
		if terr != nil {
			return terr
		}
		also = append(also, t)
		if p.logLevel == "" {
			level = slog.LevelError // lines would tear the drawing
		}
		go func() {
			select {
			case <-t.Quit():
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	log := p.logger(level)
	hw, err := p.openHardware(ctx, h, c.StateDir, also, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hw.close()) }()
	b := parts{
		board: p.realBoard(), caps: hw.capabilities(), panel: hw.panel, microphone: hw.mic, speaker: hw.speaker,
		display: hw.display, clockKnown: clockSynced, watch: hw.watch, health: hw.health, gone: hw.gone(), flac: h.FLAC != "off",
		packs:   func(language string) media.Pack { return p.pack(h, c.StateDir, language) },
		control: controlSocket(c.StateDir), clips: clipsDir(c.StateDir),
	}
	if hw.camera != nil {
		b.camera = hw.camera
	}
	b.checks = p.checks(hw, c, b)
	return p.box(ctx, c, b, log)
}

// controlSocket is where the commands of this machine reach the running box.
func controlSocket(state string) string { return filepath.Join(state, "control") }

// installed looks for a program without starting it.
func (p *program) installed(name string) bool {
	for _, dir := range filepath.SplitList(p.getenv("PATH")) {
		if fi, err := os.Stat(filepath.Join(dir, name)); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// clockSynced asks the kernel whether something keeps the clock right.
func clockSynced() bool {
	const unsynchronised = 5 // TIME_ERROR of adjtimex(2)
	state, err := syscall.Adjtimex(&syscall.Timex{})
	return err == nil && state != unsynchronised
}

// checks lets the running box look itself through with its own parts.
func (p *program) checks(hw *hardware, c config.Config, b parts) *daemon.Checks {
	return &daemon.Checks{
		Doctor: func(ctx context.Context, h daemon.Hands, shown func(protocol.CheckItem)) []protocol.CheckItem {
			box, done := p.checkupBox(hw, c, b, h)
			defer done()
			return box.Doctor(ctx, shown)
		},
		SelfTest: func(ctx context.Context, h daemon.Hands, shown func(protocol.CheckItem)) []protocol.CheckItem {
			box, done := p.checkupBox(hw, c, b, h)
			defer done()
			return p.selfTest(ctx, box, c, h, b.packs(h.Language), shown)
		},
		Record: reader{mic: hw.mic, speaker: hw.speaker, clips: clipsDir(c.StateDir), pack: b.packs}.read,
	}
}
