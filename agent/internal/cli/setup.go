package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"illumi/agent/internal/config"
	"illumi/agent/internal/retry"
	"illumi/agent/internal/wifi"
	"illumi/protocol"
)

func (p *program) setupCommand() *cobra.Command {
	var apply bool
	var name string
	c := &cobra.Command{
		Use:   "setup --apply",
		Short: "Set the box up from the file illumi.yaml on its card",
		Long: `setup reads illumi.yaml from the partition of the card that every laptop can open: Wi-Fi,
country, server and code. It joins the Wi-Fi and enrols the box. The file is used once: as
soon as all is done it is overwritten and erased, since it holds passwords. Until then it
stays, and is tried again with the next start. What became of it stands beside it in
illumi-result.txt. Where a cable leads to the server, a Wi-Fi that cannot be seen from
here is kept for where it can.

The service illumi-agent-setup runs this at each start of the machine. An example:

  country: GB
  wifi:
    name: Thornfield Hall
    password: mr rochester
  server: https://whispers.example.org
  code: ABCDE-23456

` + exitCodes,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !apply {
				return usage("Add --apply: it reads the file and changes this machine.")
			}
			return p.setup(cmd.Context(), name)
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "do it")
	c.Flags().StringVar(&name, "file", "", "another `FILE` than illumi.yaml of the boot partition")
	return c
}

func (p *program) setup(ctx context.Context, name string) error {
	names := config.BootFiles(p.root)
	if name != "" {
		names = []string{name}
	}
	for _, name := range names {
		b, err := config.LoadBootFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, config.ErrErased) {
			return os.Remove(name)
		}
		var note string
		if err == nil {
			note, err = p.applyBoot(ctx, b)
		}
		if err == nil {
			err = config.EraseBootFile(name)
		}
		if c, _, lerr := p.load(installed); err == nil && lerr == nil && c.Enrolled() == nil {
			note = strings.TrimPrefix(note+"\r\n", "\r\n") + "This is the box " + c.Name + " of " + c.Server + "."
		}
		return errors.Join(err, p.bootResult(name, note, err))
	}
	return p.say("There is no illumi.yaml; nothing was changed.")
}

// bootResult leaves word for who reads the card on a laptop.
func (p *program) bootResult(name, note string, err error) error {
	lines := []string{p.now().UTC().Format("2006-01-02 15:04 UTC"), "Done. The passwords were erased from this card."}
	if note != "" {
		lines = append(lines, note)
	}
	if err != nil {
		lines = append(lines[:1], explain(explainServer(err)).Error(), "illumi.yaml is still on this card. The box tries again at its next start.")
	}
	text := strings.Join(lines, "\r\n") + "\r\n" // for Notepad
	// FAT knows no owners; elsewhere it is as readable as the file beside it.
	return os.WriteFile(filepath.Join(filepath.Dir(name), "illumi-result.txt"), []byte(text), 0o644) //nolint:gosec // for people to read
}

// applyBoot does what the file asks for, in the order in which one step needs
// the other. note is what is worth knowing although all went well.
func (p *program) applyBoot(ctx context.Context, b config.BootFile) (note string, err error) {
	cfg, file, err := p.load(installed)
	if err == nil {
		err = p.answersFirst(ctx, cfg, b)
	}
	if err != nil {
		return "", err
	}
	if b.Hardware != nil {
		wired := func(h config.Hardware) error {
			_, err := wiringOf(h)
			if f, ok := errors.AsType[*failure](err); ok {
				f.next = "Mend the part hardware of illumi.yaml."
			}
			return err
		}
		if err := config.SaveHardware(config.HardwareFile(file), b.Hardware, wired); err != nil {
			return "", err
		}
		if err := p.fact("Parts", "written to %s", config.HardwareFile(file)); err != nil {
			return "", err
		}
	}
	if b.Country != "" {
		if err := p.setCountry(b.Country); err != nil {
			return "", err
		}
	}
	offline := p.joinFirst(ctx, b.WiFi)
	if b.Code == "" {
		return "", offline
	}
	patience := bootPatience
	if offline != nil {
		patience = 0 // a cable leads to the server at once, or there is none
	}
	err = p.enrolFromFile(ctx, b, patience)
	switch {
	case offline == nil:
		return "", err
	case err != nil && outOfReach(err):
		return "", offline // which is the reason
	case err != nil:
		return "", err
	case !notSeen(offline):
		return "", offline
	}
	// A card is prepared here for a home elsewhere.
	return "The Wi-Fi cannot be seen from here. The box joins it where it can.", p.keepAll(ctx, b.WiFi)
}

// answersFirst refuses while answers wait on a box that the file makes another
// one, before anything is changed that they need on their way: the box runs, and
// this comes again every minute. Where its server is out of reach, the file's
// Wi-Fi may be that way.
func (p *program) answersFirst(ctx context.Context, cfg config.Config, b config.BootFile) error {
	if b.Code == "" || cfg.Enrolled() != nil || p.sameBox(cfg, "", []string{b.Server, b.Code}) == nil {
		return nil
	}
	err := p.mayAgain(cfg, b.Again, b.SetAside, "")
	if !errors.Is(err, errUnsent) {
		return nil // said where it is asked for
	}
	if p.probe(ctx, cfg.Server, cfg.Plain) != nil {
		err = errors.Join(err, p.joinFirst(ctx, b.WiFi))
	}
	return err
}

// setCountry lets the radio send, from the next start on: the kernel reads the
// file when it loads the module, and takes no word of it later.
func (p *program) setCountry(country string) error {
	name := filepath.Join(p.root, "etc/modprobe.d/illumi-wifi.conf")
	text := "# Written by illumi-agent setup: where this box stands.\noptions cfg80211 ieee80211_regdom=" + country + "\n"
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // read by everybody who loads modules
		return fmt.Errorf("set the Wi-Fi's country: %w", err)
	}
	return p.fact("Country", "%s", country)
}

// joinFirst joins the first of the networks that can be joined.
func (p *program) joinFirst(ctx context.Context, list []config.BootWiFi) error {
	if len(list) == 0 {
		return nil
	}
	m, err := wifi.Open(ctx)
	if err != nil {
		return inWiFi(err)
	}
	var why error // what somebody can mend rather than what is elsewhere
	for _, n := range list {
		err := p.join(ctx, m, network(n))
		if err == nil {
			return m.Close()
		}
		if why == nil || notSeen(why) {
			why = err
		}
		if err := p.fact("Wi-Fi", "%s: %s", n.Name, explain(err).text); err != nil {
			return errors.Join(err, m.Close())
		}
	}
	return errors.Join(why, m.Close())
}

func network(n config.BootWiFi) wifi.Network {
	return wifi.Network{Name: n.Name, Password: n.Password, Hidden: n.Hidden}
}

func notSeen(err error) bool {
	pr, ok := errors.AsType[*wifi.Problem](err)
	return ok && pr.Outcome == wifi.NotSeen
}

// keepAll notes networks for where they can be seen.
func (p *program) keepAll(ctx context.Context, list []config.BootWiFi) error {
	m, err := wifi.Open(ctx)
	if err != nil {
		return inWiFi(err)
	}
	var errs []error
	for _, n := range list {
		errs = append(errs, inWiFi(m.Keep(ctx, network(n))))
	}
	return errors.Join(append(errs, m.Close())...)
}

// bootPatience is how long a network may take until it leads somewhere.
const bootPatience = 2 * time.Minute

// enrolFromFile enrols, and waits for a network that has only just come up. A box
// that was enrolled with this very code is one whose power was cut before the
// file was erased.
func (p *program) enrolFromFile(ctx context.Context, b config.BootFile, patience time.Duration) error {
	cfg, file, err := p.load(installed)
	if err != nil {
		return err
	}
	if cfg.Enrolled() == nil {
		if p.sameBox(cfg, "", []string{b.Server, b.Code}) == nil {
			return p.fact("Code", "this box was enrolled with it already")
		}
		if err := p.mayAgain(cfg, b.Again, b.SetAside, "write again: yes into illumi.yaml"); err != nil {
			return err
		}
	}
	board := p.realBoard()
	if board.serial == "" {
		return &failure{code: exitHardware, text: "This machine has neither a serial number nor a machine id.", next: "Run: systemd-machine-id-setup"}
	}
	e := enrolment{typed: b.Server, code: strings.TrimSpace(b.Code), name: b.Name, plain: cfg.Plain, setAside: b.SetAside, state: cfg.StateDir, file: file, board: board, caps: p.bareCapabilities(file)}
	pause := retry.Backoff{Min: 2 * time.Second, Max: 15 * time.Second}
	until := time.Now().Add(patience)
	for {
		err := p.enroll(ctx, e)
		if err == nil {
			return p.setMixers(ctx, file, cfg.StateDir)
		}
		if !outOfReach(err) || time.Now().After(until) {
			return err
		}
		if pause.Wait(ctx) != nil {
			return err
		}
	}
}

// outOfReach says that the server was not there to be asked.
func outOfReach(err error) bool {
	return !errors.Is(err, errUnsent) && explain(explainServer(err)).code == exitUnreachable
}

// bareCapabilities is what a box says of itself before its parts are opened; the
// first connection says more.
func (p *program) bareCapabilities(file string) protocol.Capabilities {
	c := protocol.Capabilities{Buttons: 1, Microphone: true, Speaker: true, Audio: "audio/wav"}
	if h, err := hardwareBeside(file); err == nil {
		if w, err := wiringOf(h); err == nil {
			c.Buttons = len(w.Buttons)
		}
	}
	return c
}
