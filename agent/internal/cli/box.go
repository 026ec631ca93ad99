package cli

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/link"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// parts are what a box is made of besides its disk and its server.
type parts struct {
	board      board
	caps       protocol.Capabilities
	panel      panel.Panel
	microphone daemon.Microphone
	speaker    media.Speaker
	camera     daemon.Camera
	display    daemon.Display
	pack       media.Pack
	packs      func(language string) media.Pack // instead of pack; may be nil
	pace       media.Pace
	clockKnown func() bool
	quiet      *daemon.Hours        // instead of the server's; may be nil
	started    func(*daemon.Daemon) // before it runs; may be nil
	watch      func(context.Context, func(daemon.Part, bool)) error
	health     func() protocol.Health
	gone       func() string // see daemon.Options
	checks     *daemon.Checks
	flac       bool // answers are compressed without loss before they are sent
	control    string
	clips      string
}

// box runs an enrolled box until ctx ends.
func (p *program) box(ctx context.Context, c config.Config, b parts, log *slog.Logger) (err error) {
	sp, err := spool.Open(spool.Options{Dir: c.StateDir, Logger: log})
	if err != nil {
		return p.stateTrouble(c.StateDir, err)
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	if err := p.beginAnew(sp, c, log); err != nil {
		return err
	}
	client, err := transfer.New(transfer.Options{Server: c.Server, Secret: string(c.Secret), Board: b.board.serial, Plain: c.Plain})
	if err != nil {
		return err
	}
	defer client.Close()
	boot := p.readLine("proc/sys/kernel/random/boot_id")
	l, err := link.New(link.Options{
		Server: c.Server, Secret: string(c.Secret), Board: b.board.serial, Plain: c.Plain, Pending: sp.Pending, Logger: log,
		Hello: func() protocol.Hello {
			return protocol.Hello{Version: protocol.Version, Agent: protocol.Build, BootID: boot, Capabilities: b.caps}
		},
	})
	if err != nil {
		return err
	}
	d, err := daemon.New(daemon.Options{
		AtRest: giveBack,
		Spool:  sp, Client: client, Link: l, Panel: b.panel, Microphone: b.microphone, Speaker: b.speaker, Pack: b.pack, Camera: b.camera,
		Pace: b.pace, Buttons: b.caps.Buttons, ServerID: c.ServerID, BootID: boot, ClockKnown: b.clockKnown, Quiet: b.quiet,
		StatusFile: statusFile(c.StateDir), Logger: log,
		Display: b.display, Packs: b.packs, Watch: b.watch, Health: b.health, Gone: b.gone, Checks: b.checks,
		FLAC: b.flac, Control: b.control, Clips: b.clips,
	})
	if err != nil {
		return err
	}
	if b.started != nil {
		b.started(d)
	}
	return p.stateTrouble(c.StateDir, d.Run(ctx))
}

// beginAnew clears away what an earlier box of this card left, in another home
// or another study, before anything of it is shown.
func (p *program) beginAnew(sp *spool.Spool, c config.Config, log *slog.Logger) error {
	status := filepath.Base(statusFile(c.StateDir))
	clips := filepath.Base(clipsDir(c.StateDir)) // somebody there may have spoken them
	begun, aside, err := sp.BeginAnew(c.Device, clips, status, status+".new")
	if err == nil && begun {
		log.Info("a new box begins; nothing of an earlier one is left", "answers_set_aside", aside)
	}
	return p.stateTrouble(c.StateDir, err)
}

func statusFile(state string) string { return filepath.Join(state, "status.json") }
