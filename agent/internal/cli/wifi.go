package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/flow"
	"illumi/agent/internal/media"
	"illumi/agent/internal/wifi"
)

func (p *program) wifiCommand() *cobra.Command {
	var hidden, scan, list bool
	c := &cobra.Command{
		Use:   "wifi [NAME]",
		Short: "Join a Wi-Fi, and say aloud how it went",
		Long: `wifi joins a Wi-Fi through NetworkManager. The network that the box knew before is kept
and is used again wherever the new one cannot be. The password is asked for, or read
from a pipe; it is never part of the command, where others could see it.

With --scan the box's camera looks for a Wi-Fi code, as a router's label or a telephone
shows it. The red light is on while it looks, for at most a minute. A box that runs is
stopped for that, and started again.

The outcome is printed and, where the box has a loudspeaker, said aloud.

` + exitCodes,
		Example: `  sudo illumi-agent wifi "Thornfield Hall"
  sudo illumi-agent wifi --scan
  sudo illumi-agent wifi --list`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usage("Put a name with blanks between quotes: illumi-agent wifi \"%s\".", strings.Join(args, " "))
			case len(args) == 0 && !scan && !list:
				return usage("Type the network's name, or use --scan or --list.")
			case len(args) == 1 && (scan || list):
				return usage("--scan and --list take no name.")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			m, err := wifi.Open(ctx)
			if err != nil {
				return inWiFi(err)
			}
			err = func() error {
				switch {
				case list:
					return p.listNetworks(ctx, m)
				case scan:
					return p.scanAndJoin(ctx, m)
				}
				n := wifi.Network{Name: args[0], Hidden: hidden}
				if n.Password, err = p.askPassword(ctx, "Password of "+n.Name+" (empty for an open network): "); err != nil {
					return err
				}
				return p.join(ctx, m, n)
			}()
			return errors.Join(err, m.Close())
		},
	}
	c.Flags().BoolVar(&hidden, "hidden", false, "the network does not show its name")
	c.Flags().BoolVar(&scan, "scan", false, "let the box's camera look for a Wi-Fi code")
	c.Flags().BoolVar(&list, "list", false, "show the networks that can be seen")
	return c
}

// inWiFi gives a problem with the Wi-Fi its exit code.
func inWiFi(err error) error {
	p, ok := errors.AsType[*wifi.Problem](err)
	if !ok {
		return err
	}
	code := exitUnreachable
	if p.Outcome == wifi.NoRadio {
		code = exitHardware
	}
	return &failure{code: code, text: p.Text, next: p.Next, err: err}
}

func (p *program) listNetworks(ctx context.Context, m *wifi.Manager) error {
	seen, err := m.Scan(ctx)
	if err != nil {
		return inWiFi(err)
	}
	if len(seen) == 0 {
		return p.say("No Wi-Fi can be seen from here.")
	}
	for _, s := range seen {
		if err := p.say("%3d %%  %s", s.Signal, s.Name); err != nil {
			return err
		}
	}
	return nil
}

// join joins and says how it went, on the terminal and aloud.
func (p *program) join(ctx context.Context, m *wifi.Manager, n wifi.Network) error {
	if err := p.say("Joining %s; this takes up to a minute.", n.Name); err != nil {
		return err
	}
	p.doing("Joining")
	r, err := m.Join(ctx, n)
	p.sayAloud(ctx, wifiSentence(err))
	if err != nil {
		return inWiFi(err)
	}
	if r.Signal > 0 {
		return p.say("Joined %s; its signal has %d %%.", r.Name, r.Signal)
	}
	return p.say("Joined %s.", r.Name)
}

// wifiSentence is what the box says of an attempt.
func wifiSentence(err error) flow.Prompt {
	pr, ok := errors.AsType[*wifi.Problem](err)
	switch {
	case err == nil:
		return flow.SayTestWifiOK
	case ok && pr.Outcome == wifi.WrongPassword:
		return flow.SayTestPassword
	}
	return flow.SayTestWifiGone
}

// sayAloud is a help for who stands in the hallway; a box without a voice has
// said the same on the terminal.
func (p *program) sayAloud(ctx context.Context, s flow.Prompt) {
	c, file, err := p.load(installed)
	if err != nil {
		return
	}
	hw, err := hardwareBeside(file)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	player := media.Player{Speaker: p.alsaSpeaker(hw), Pack: p.pack(hw, c.StateDir, p.language(ctx, c.StateDir))}
	_ = player.Say(ctx, string(s), flow.Prompts[s], 0) // see above
}

// language is the one that the box of a state directory speaks, or spoke last:
// English until its server has said another.
func (p *program) language(ctx context.Context, state string) string {
	if now := askNow(ctx, controlSocket(state)); now != nil && now.InForce != nil {
		return now.InForce.Language
	}
	if s, found, err := daemon.Kept(state); err == nil && found {
		return s.Language
	}
	return media.English
}

// scanFor bounds how long the camera looks for a code.
const scanFor = time.Minute

// scanAndJoin looks for a Wi-Fi code through the box's camera.
func (p *program) scanAndJoin(ctx context.Context, m *wifi.Manager) error {
	c, file, err := p.load(installed)
	if err != nil {
		return err
	}
	return p.whileStopped(ctx, c.StateDir, func() error {
		n, err := p.scanCode(ctx, c, file)
		if err != nil {
			return err
		}
		return p.join(ctx, m, n)
	})
}

func (p *program) scanCode(ctx context.Context, c config.Config, file string) (n wifi.Network, err error) {
	hw, err := hardwareBeside(file)
	if err != nil {
		return n, err
	}
	pins, err := p.openPins(hw, p.logger(p.calm(c.Log)))
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, pins.panel.Close()) }()
	camera, _, err := media.PickCamera(ctx, media.CameraOptions{Live: pins.live, Root: p.root, Want: hw.Camera})
	if err != nil {
		return n, err
	}
	if camera == nil {
		return n, &failure{code: exitHardware, text: "This box has no camera.", next: "Type the network's name: illumi-agent wifi NAME"}
	}
	if err := p.say("Hold the Wi-Fi code before the camera, a hand's width away."); err != nil {
		return n, err
	}
	p.doing("Looking")
	ctx, cancel := context.WithTimeout(ctx, scanFor)
	defer cancel()
	return lookForCode(ctx, camera)
}

// lookForCode takes pictures until one shows a code. They are erased at once.
func lookForCode(ctx context.Context, camera media.Camera) (n wifi.Network, err error) {
	f, err := os.CreateTemp("", "illumi-code-*.jpg")
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	for {
		if _, err := camera.Photograph(ctx, f, nil); err != nil {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return n, &failure{code: exitFailed, text: "No Wi-Fi code was seen within a minute.", next: "Hold it still and straight, in good light, and try again."}
			}
			return n, err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return n, err
		}
		picture, err := media.DecodePicture(f)
		if err != nil {
			return n, err
		}
		if n, err = wifi.ReadCode(picture); err == nil || !errors.Is(err, wifi.ErrNoCode) {
			return n, inWiFi(err)
		}
	}
}

// askPassword reads a line that nobody sees; from a pipe it reads the first.
func (p *program) askPassword(ctx context.Context, question string) (string, error) {
	in, ok := p.stdio.In.(*os.File)
	if ok && term.IsTerminal(int(in.Fd())) {
		if _, err := fmt.Fprint(p.stdio.Err, question); err != nil {
			return "", err
		}
		line, err := readHidden(ctx, int(in.Fd()))
		_, werr := fmt.Fprintln(p.stdio.Err)
		return line, errors.Join(err, werr)
	}
	data, err := io.ReadAll(io.LimitReader(p.stdio.In, 4096))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimRight(line, "\r"), nil
}

// readHidden reads a line of a terminal. Where ctx ends first, as by Ctrl-C, the
// terminal shows again what is typed.
func readHidden(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() { // a read that nobody waits for ends with the program
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return string(l.text), l.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
