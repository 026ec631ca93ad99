package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"illumi/agent/internal/checkup"
	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/agent/internal/spool"
	"illumi/agent/internal/transfer"
	"illumi/protocol"
)

// checkupBox is a real box as a check sees it. The trial recordings lie in the
// state directory, as private as answers, and done erases what is left of them.
func (p *program) checkupBox(hw *hardware, c config.Config, b parts, h daemon.Hands) (box *checkup.Box, done func()) {
	pack := p.pack(hw.config, c.StateDir, media.English)
	if b.packs != nil && h.Language != "" {
		pack = b.packs(h.Language)
	}
	dir, err := os.MkdirTemp(c.StateDir, ".trial-*")
	if err != nil { // a machine that was never a box, or a user who may not
		dir, err = os.MkdirTemp("", "illumi-trial-*")
	}
	if err != nil {
		dir = filepath.Join(c.StateDir, "none") // the trials fail there, and say why
	}
	box = &checkup.Box{
		Panel: hw, Microphone: hw.mic, Speaker: hw.speaker,
		Missing: func() ([]string, error) { return missingSentences(pack), nil },
		Health:  hw.health, Clock: clockSynced, Explain: wordsFor,
		Free:  func() (int64, error) { return spool.FreeIn(existing(c.StateDir)) },
		Keeps: hw.keeps, HAT: hw.otherHAT,
		Dir: dir, Gain: h.Gain, Quiet: h.Quiet, Allowed: h.Photo, Blind: hw.config.Camera == "none", Now: p.now,
	}
	if hw.camera != nil && (hw.camera.Present() || hw.wantsCamera()) {
		box.Camera = hw.camera
	}
	if hw.config.Screen != "none" {
		box.Screen = hw.screenName
	}
	if hw.display != nil && hw.display.printer != nil {
		box.Printer = hw.printerName
	}
	remove := func() {
		_ = os.RemoveAll(dir) // the spool sweeps what a power cut leaves of it
	}
	if c.Enrolled() != nil {
		return box, remove
	}
	client, err := transfer.New(transfer.Options{Server: c.Server, Secret: string(c.Secret), Board: b.board.serial, Plain: c.Plain, Stall: enrollStall})
	if err != nil {
		return box, remove
	}
	box.Server = client
	return box, func() {
		client.Close()
		remove()
	}
}

// wantsCamera says that somebody wrote down which camera the box has.
func (h *hardware) wantsCamera() bool {
	return !slices.Contains([]string{"", "auto", "none"}, h.config.Camera)
}

// otherHAT names the board on top of the Pi, and its profile where that is not
// the one in use.
func (h *hardware) otherHAT() (product, profile string, err error) {
	product, profile, err = panel.DetectHAT(h.root)
	if profile == h.config.Board || len(h.config.Wiring) > 0 {
		profile = "" // what somebody wired by hand is their own affair
	}
	return product, profile, err
}

// keeps says what the state directory is good for.
func (h *hardware) keeps() (lasting, writable bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.reader.Read()
	return !m.Volatile, !m.ReadOnly
}

// existing is the folder itself, or the next one above that is there.
func existing(dir string) string {
	for {
		_, err := os.Stat(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// screenName names the screen, or says what is wrong. A box without one is well.
func (h *hardware) screenName() (string, error) {
	if name := h.screen.Name(); name != "" {
		return "the screen is " + name, nil
	}
	if err := h.screen.Problem(); err != nil && h.config.Screen != "" && h.config.Screen != "auto" {
		return "", err
	}
	return "there is no screen; pictures are described aloud", nil
}

func (h *hardware) printerName() (string, error) {
	if err := h.display.printer.Problem(); err != nil {
		return "", err
	}
	return "the printer is " + h.config.Printer, nil
}

// wordsFor says why the server was not reached.
func wordsFor(err error) (text, next string) {
	f := explain(explainServer(err))
	return f.text, f.next
}

// askRunning asks the running box of this machine; running is false where there
// is none.
func (p *program) askRunning(ctx context.Context, c config.Config, a daemon.Ask, shown func(protocol.CheckItem)) (check protocol.Check, running bool, err error) {
	running, err = p.running(c.StateDir)
	if err != nil || !running {
		return check, running, err
	}
	check, err = daemon.AskBox(ctx, controlSocket(c.StateDir), a, shown)
	if _, serr := os.Stat(boardFile(c.StateDir)); serr == nil && err != nil && errors.Is(err, fs.ErrNotExist) {
		return check, true, &failure{code: exitFailed, text: "This simulated box does not take questions.", next: "Use it in its terminal or on its page.", err: err}
	}
	if errors.Is(err, fs.ErrPermission) {
		return check, true, &failure{code: exitFailed, text: "This user may not ask the running box.", next: "Put sudo in front of the command.", err: err}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return check, true, &failure{code: exitFailed, text: "The running box does not take questions.", next: "Start it anew: sudo systemctl restart illumi-agent", err: err}
	}
	if err != nil && err.Error() == daemon.ErrInUse.Error() { // it came over a socket
		return check, true, &failure{code: exitFailed, text: "Somebody is using the box.", next: "Try again when its light is off or breathes.", err: err}
	}
	return check, true, err
}
