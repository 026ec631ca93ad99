package cli

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"illumi/agent/internal/config"
	"illumi/agent/internal/daemon"
	"illumi/agent/internal/media"
	"illumi/agent/internal/panel"
	"illumi/protocol"
)

// simulation is what simulate was asked for.
type simulation struct {
	name                     string
	listen                   string
	auto                     bool
	answerAudio, answerImage string
	hear                     string
	speed                    float64
	buttons                  int
	quiet                    string
	hours                    *daemon.Hours // what quiet says; nil: as the server says
}

func (p *program) simulateCommand() *cobra.Command {
	var s simulation
	c := &cobra.Command{
		Use:   "simulate [URL CODE]",
		Short: "Run a box without hardware, in this terminal and on a page",
		Long: `simulate runs the same program as on a real box, with a light and a button in this
terminal. Space presses the button (1, 2 and 3 where there are more), q ends. With --listen the box also has a page on this
machine. There its picture is seen and its voice heard. Answers are given by the computer's
own microphone and camera.

A box that is not enrolled needs the server's address and a code; later it is enough to
name its directory, ./illumi-box without --state. The same command may be given again: a
box that is enrolled already just goes on. Each box needs a directory of its own.

A simulated box has no quiet hours, in which a real one dims its light and keeps still:
whoever tries one at night wants to see it. --quiet gives it some.

` + exitCodes,
		Example: `  illumi-agent simulate http://127.0.0.1:8080 ABCDE-23456 --name janeeyre --state ./janeeyre
  illumi-agent simulate --state ./janeeyre --listen 127.0.0.1:8090
  illumi-agent simulate --state ./janeeyre --auto --speed 20
  illumi-agent simulate --state ./janeeyre --auto --answer-audio answer.wav --answer-image answer.jpg`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return twoArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.simulate(cmd.Context(), s, args) },
	}
	f := c.Flags()
	f.StringVar(&s.quiet, "quiet", "off", "quiet `HOURS`, such as 21:00-08:00; server: those that the server says; off: none")
	f.StringVar(&s.name, "name", "", "the box's `NAME` (default: the one the code was made for)")
	f.StringVar(&s.listen, "listen", "", "serve the box's page on this `ADDRESS` of this machine, such as 127.0.0.1:8090")
	f.BoolVar(&s.auto, "auto", false, "answer by itself, like a person would")
	f.StringVar(&s.answerAudio, "answer-audio", "", "answer with this WAV `FILE` instead of made-up speech")
	f.StringVar(&s.answerImage, "answer-image", "", "answer with this JPEG or PNG `FILE` instead of a drawn picture")
	f.StringVar(&s.hear, "hear", "", "write all that the box says and plays to this WAV `FILE`, and a list of it to FILE.txt")
	f.Float64Var(&s.speed, "speed", 1, "how many times faster than life people and sounds are, 1 to 200")
	f.IntVar(&s.buttons, "buttons", 1, "`NUMBER` of buttons, 1 to 3")
	return c
}

func (s *simulation) check() error {
	hours, ok := quietHours(s.quiet)
	s.hours = hours
	switch {
	case !ok:
		return usage("--quiet is %.20q; write it as 21:00-08:00, server or off.", s.quiet)
	case !(s.speed >= 1 && s.speed <= 200):
		return usage("--speed is %v; it must be 1 to 200.", s.speed)
	case s.buttons < 1 || s.buttons > 3:
		return usage("--buttons is %d; a box has 1 to 3.", s.buttons)
	case s.hear != "" && s.listen != "":
		return usage("--hear and --listen cannot be used together: the page plays what the box says.")
	case s.listen != "" && !local(s.listen):
		return usage("--listen is %q; the page is for this machine only, so write it as 127.0.0.1:8090.", s.listen)
	}
	for flag, name := range map[string]string{"--answer-audio": s.answerAudio, "--answer-image": s.answerImage} {
		if name == "" {
			continue
		}
		if fi, err := os.Stat(name); err != nil || !fi.Mode().IsRegular() {
			return usage("%s: there is no file %q.", flag, name)
		}
	}
	if s.answerAudio != "" {
		sound, err := media.OpenWAV(s.answerAudio)
		if err == nil {
			err = sound.Close()
		}
		if err != nil {
			return usage("--answer-audio %s: %s", s.answerAudio, explain(err).text)
		}
	}
	if s.answerImage != "" {
		f, err := os.Open(s.answerImage)
		if err != nil {
			return usage("--answer-image: %q cannot be opened.", s.answerImage)
		}
		defer f.Close()
		if _, _, err := image.DecodeConfig(f); err != nil {
			return usage("--answer-image %s: The file is not a JPEG or PNG picture.", s.answerImage)
		}
	}
	return nil
}

// quietHours reads --quiet; nil hours are the server's.
func quietHours(typed string) (hours *daemon.Hours, ok bool) {
	switch typed {
	case "off", "":
		return &daemon.Hours{}, true
	case "server":
		return nil, true
	}
	from, until, _ := strings.Cut(typed, "-")
	for _, t := range []string{from, until} {
		if _, err := time.Parse("15:04", t); err != nil || len(t) != len("15:04") {
			return nil, false
		}
	}
	return &daemon.Hours{From: from, Until: until}, true
}

// local reports an address and a port of this machine.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip, perr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || perr == nil && ip.IsLoopback())
}

func (p *program) simulate(ctx context.Context, s simulation, args []string) error {
	if err := s.check(); err != nil {
		return err
	}
	def := defaults{state: "illumi-box", config: "illumi-box/agent.yaml"}
	c, file, err := p.load(def)
	if err != nil {
		return err
	}
	if c.Enrolled() != nil && len(args) == 0 {
		return &failure{code: exitNotEnrolled, text: "This box is not enrolled yet.",
			next: "Run: illumi-agent simulate http://SERVER CODE --state " + c.StateDir}
	}
	if c.Enrolled() == nil && len(args) == 2 {
		if err := p.sameBox(c, s.name, args); err != nil {
			return err
		}
	}
	b, err := p.simulatedBoard(c.StateDir, s.name)
	if err != nil {
		return p.stateTrouble(c.StateDir, fmt.Errorf("use the state directory: %w", err))
	}
	caps := protocol.Capabilities{Buttons: s.buttons, Microphone: true, Speaker: true, Camera: true, Screen: true, Simulated: true, Audio: "audio/wav"}
	if c.Enrolled() != nil {
		e := enrolment{typed: args[0], code: args[1], name: s.name, plain: c.Plain, state: c.StateDir, file: file, board: b, caps: caps}
		if err := p.enroll(ctx, e); err != nil {
			return err
		}
		if c, _, err = p.load(def); err != nil {
			return err
		}
	}
	return p.simulated(ctx, s, c, b, caps)
}

// sameBox refuses to run a box that is another than the one that was asked for.
// The command that enrolled it may be given again.
func (p *program) sameBox(c config.Config, name string, args []string) error {
	server, err := config.Server(args[0], c.Plain)
	if err != nil {
		return err
	}
	code, ok := protocol.NormalizeCode(args[1])
	same := ok && server == c.Server
	if name != "" {
		clean, ok := protocol.CleanName(name)
		same = same && ok && clean == c.Name
	}
	if same {
		if same, err = p.used(c, code); err != nil {
			return fmt.Errorf("look up the code of this box: %w", err)
		}
	}
	if same {
		return nil
	}
	return usage("This folder, %s, is already box %s of %s. For another box add --state DIR; to go on with this one leave address and code out.",
		c.StateDir, c.Name, c.Server)
}

// simulated puts the box together and runs it.
func (p *program) simulated(ctx context.Context, s simulation, c config.Config, bd board, caps protocol.Capabilities) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pace := media.Pace{Speed: s.speed}
	w := &stage{pace: pace}
	defer func() { err = errors.Join(err, w.close()) }()
	live := media.NewLive(pace, w.recording)
	drawn := &media.DrawnCamera{Name: c.Name, Live: live, Position: w.position}
	voice := &media.GeneratedMicrophone{Name: c.Name, Pace: pace, Live: live}
	b := parts{board: bd, caps: caps, pace: pace, pack: media.Pack{Murmur: true}, microphone: voice, camera: drawn, speaker: &media.NullSpeaker{Pace: pace}}
	b.started = func(d *daemon.Daemon) { w.daemon.Store(d) }
	b.quiet = s.hours
	// A socket's name has 107 bytes at most; a box deeper down is not asked.
	if socket := controlSocket(c.StateDir); len(socket) <= longestSocket {
		b.control = socket
	}
	if s.listen != "" {
		if err := p.page(s, c.Name, w, live, voice, drawn, &b); err != nil {
			return err
		}
	}
	// The page's address is written before the terminal is drawn over.
	level := slog.Leveler(c.Log)
	t, err := p.terminal(c.Name)
	if err != nil {
		return err
	}
	if t != nil {
		w.add(t)
		go func() {
			select {
			case <-t.Quit():
				cancel()
			case <-ctx.Done():
			}
		}()
		if p.onTerminal() && p.logLevel == "" {
			level = slog.LevelError // lines would tear the drawing
		}
	}
	if s.hear != "" {
		heard, err := openHear(s.hear, pace)
		if err != nil {
			return err
		}
		w.closers = append(w.closers, heard)
		b.speaker = heard
	}
	if s.answerAudio != "" {
		b.microphone = &media.FileMicrophone{Path: s.answerAudio, Pace: pace, Live: live}
	}
	if s.answerImage != "" {
		b.camera = &media.StillCamera{Path: s.answerImage, Live: live}
	}
	if s.auto {
		person := newCitizen(pace, s.buttons)
		w.add(person)
		b.microphone = mouth{b.microphone, person}
	}
	b.panel = w.join()
	return p.box(ctx, c, b, p.logger(level))
}

const longestSocket = 107

// terminal is the box in a terminal, or lines where the output is no terminal;
// none where there is no file to draw on.
func (p *program) terminal(name string) (*panel.Terminal, error) {
	out, ok := p.stdio.Out.(*os.File)
	if !ok {
		return nil, nil
	}
	in, _ := p.stdio.In.(*os.File)
	return panel.NewTerminal(in, out, name)
}

func (p *program) onTerminal() bool {
	in, ok1 := p.stdio.In.(*os.File)
	out, ok2 := p.stdio.Out.(*os.File)
	return ok1 && ok2 && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// page serves the box's page and lets it hear, speak and see.
func (p *program) page(s simulation, name string, w *stage, live *media.Live, voice *media.GeneratedMicrophone, drawn *media.DrawnCamera, b *parts) error {
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return &failure{code: exitFailed, text: "Another program listens on " + s.listen + " already.", next: "Choose another port with --listen.", err: err}
		}
		return fmt.Errorf("listen on %s: %w", s.listen, err)
	}
	var page atomic.Pointer[panel.Browser] // it asks back only once it is there
	ask := func(want media.Want) {
		if b := page.Load(); b != nil {
			b.Ask(string(want))
		}
	}
	mic := &media.PushedMicrophone{Live: live, Otherwise: voice, Ask: ask}
	cam := &media.PushedCamera{Live: live, Otherwise: drawn, Ask: ask}
	browser, err := panel.NewBrowser(l, panel.PageOptions{
		Name: name, Buttons: s.buttons, Choose: func(sound, picture bool) { mic.Use(sound); cam.Use(picture) },
		Own: !s.auto && s.answerAudio == "" && s.answerImage == "",
		Sound: func(ctx context.Context, rate int, pcm []byte, last bool) error {
			return inWords(mic.Push(ctx, rate, pcm, last))
		},
		Picture: func(r io.Reader) error { return inWords(cam.Push(r)) },
	})
	if err != nil {
		return errors.Join(usage("--listen: %s.", err), l.Close())
	}
	page.Store(browser)
	w.add(browser)
	b.microphone, b.camera = mic, cam
	b.speaker = &media.HandedSpeaker{Pace: w.pace, Offer: browser.Offer}
	return p.say("Page         %s", browser.URL())
}

// inWords is an error as the page shows it to a person: without code and cause.
func inWords(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(explain(err).Error())
}

// hearing is a loudspeaker that is a file.
type hearing struct {
	*media.FileSpeaker
	list *os.File
}

func openHear(name string, pace media.Pace) (*hearing, error) {
	list, err := os.OpenFile(name+".txt", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	f, err := media.OpenFileSpeaker(name, list, pace)
	if err != nil {
		return nil, errors.Join(err, list.Close())
	}
	return &hearing{f, list}, nil
}

// Close finishes both files.
func (h *hearing) Close() error { return errors.Join(h.FileSpeaker.Close(), h.list.Close()) }

// stage holds what stands around a simulated box.
type stage struct {
	pace    media.Pace
	panels  []panel.Panel
	joined  *panel.Joined
	closers []io.Closer
	daemon  atomic.Pointer[daemon.Daemon]
}

func (w *stage) add(p panel.Panel) { w.panels = append(w.panels, p) }

func (w *stage) join() panel.Panel {
	w.joined = panel.Join(w.panels...)
	return w.joined
}

func (w *stage) recording(on bool) { w.joined.Recording(on) }

func (w *stage) position() int {
	if d := w.daemon.Load(); d != nil {
		return d.Position()
	}
	return 0
}

func (w *stage) close() error {
	var errs []error
	if w.joined != nil {
		errs = append(errs, w.joined.Close())
	} else {
		for _, p := range w.panels {
			errs = append(errs, p.Close())
		}
	}
	for _, c := range w.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
