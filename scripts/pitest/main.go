// Command pitest puts the box's Debian package on an emulated Raspberry Pi and
// lets it live: it is installed, enrolled, tested aloud, takes part in whispers
// by simulated presses, voice and picture, loses its parts, its network and its
// power, and is measured. scripts/pi-test builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"illumi/scripts/e2e/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pi-test:", err)
		os.Exit(1)
	}
}

// rig is everything that a test stands on.
type rig struct {
	vm      *vm
	w       *world.World
	r       *world.Researcher
	project string
	name    string   // the emulated box's at the server
	started []string // whispers
	deb     string
	dir     string // of what is kept: sounds, pictures, logs
	cuts    int
	camera  string // a part of its name
	probe   string // the program that measures in the guest
}

// step is one test; each begins with an idle box that may be seen and heard.
type step struct {
	name   string
	what   string
	do     func(context.Context, *rig) error
	begins bool // without it the others need not be tried
	asIs   bool // goes on with what the one before left
}

// run begins at rest: a practice turn that somebody began ends with a restart.
func (s step) run(ctx context.Context, r *rig) error {
	if !s.asIs {
		if err := r.awake(ctx, 1); err != nil { // at whatever hour this runs
			return err
		}
		if _, err := r.vm.run(ctx, "systemctl restart illumi-agent"); err != nil {
			return err
		}
		if err := r.online(ctx); err != nil {
			return err
		}
	}
	return s.do(ctx, r)
}

var steps = []step{
	{"install", "the package is installed on a fresh system", install, true, true},
	{"enroll", "one command enrols, tests aloud and leaves a practice whisper", enrol, true, true},
	{"practice", "the practice whisper is done and leaves nothing", practise, false, true},
	{"whisper", "a whisper is heard and answered; the light line follows the table", whisper, false, false},
	{"doctor", "doctor finds every part well, here and on the box's page", doctor, false, false},
	{"unplug", "parts, screen and network go and come in every state", unplug, false, false},
	{"latency", "a press is seen within 100 ms while an answer is sent", latency, false, false},
	{"idle", "memory, processor time and wake-ups of an idle box", idle, false, false},
	{"power", "power is cut at random moments; nothing is lost and nothing comes twice", power, false, false},
	{"move", "the study ends, and the card becomes another box in another home", move, false, false},
	{"remove", "upgrade keeps the identity, purge takes it", remove, false, false},
}

func run(ctx context.Context) (err error) {
	r := rig{camera: "pi-camera", name: boxName}
	tool := flag.String("pi-vm", "", "the pi-vm command")
	beside := flag.String("beside", "", "where pi-vm is looked for first")
	bin := flag.String("bin", "bin", "folder of the programs for this machine")
	flag.StringVar(&r.deb, "package", "", "the box's package for arm64")
	flag.StringVar(&r.probe, "probe", "", "the program of scripts/pitest/probe for arm64")
	flag.StringVar(&r.dir, "dir", "", "where a folder for logs, sounds and pictures is made; empty: among the temporary ones")
	only := flag.String("only", "", "these steps alone, by commas; install and enroll come with them")
	keep := flag.Bool("keep", false, "go on with the machine as the last run left it, and leave it running")
	flag.IntVar(&r.cuts, "cuts", 30, "how often the power is cut")
	flag.Parse()
	// Each run has a folder of its own there.
	if r.dir != "" {
		if err := os.MkdirAll(r.dir, 0o700); err != nil {
			return err
		}
	}
	if r.dir, err = os.MkdirTemp(r.dir, "illumi-pi-"); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(r.dir, "pi-vm.log"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	path, err := find(*tool, *beside)
	if err != nil {
		return err
	}
	r.vm = &vm{tool: path, name: "illumi-test", log: log}
	if r.w, err = world.New(world.Options{Bin: *bin, Dir: filepath.Join(r.dir, "world")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.w.Close()) }()
	if err := r.begin(ctx, !*keep); err != nil {
		return err
	}
	if !*keep {
		defer func() {
			down, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			_, derr := r.vm.do(down, "down")
			err = errors.Join(err, derr)
		}()
	}
	wanted := strings.Split(*only, ",")
	var failed []string
	for _, s := range steps {
		if *only != "" && !slices.Contains(wanted, s.name) && (*keep || s.name != "install" && s.name != "enroll") {
			continue
		}
		began := time.Now()
		fmt.Printf("… %-9s %s\n", s.name, s.what)
		if err := s.run(ctx, &r); err != nil {
			fmt.Printf("✗ %-9s %v\n", s.name, err)
			r.explain(context.WithoutCancel(ctx))
			failed = append(failed, s.name)
			if s.begins || ctx.Err() != nil {
				break
			}
			continue
		}
		fmt.Printf("✓ %-9s %v\n", s.name, time.Since(began).Round(time.Second))
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s. Logs are in %s", strings.Join(failed, ", "), r.dir)
	}
	return nil
}

// begin starts the machine, the server and a project.
func (r *rig) begin(ctx context.Context, fresh bool) error {
	if err := r.vm.up(ctx, fresh); err != nil {
		return err
	}
	if err := r.w.StartServer(ctx); err != nil {
		return err
	}
	if _, err := r.vm.do(ctx, "forward", "8080", fmt.Sprint(r.w.Port())); err != nil {
		return err
	}
	const email, password = "team@example.org", "a long pass phrase"
	if err := r.w.AddUser(ctx, email, "Team", "administrator", password); err != nil {
		return err
	}
	var err error
	if r.r, err = r.w.Visitor(); err != nil {
		return err
	}
	if err := r.r.SignIn(ctx, email, password); err != nil {
		return err
	}
	r.project, err = r.r.Project(ctx, "On a Pi", 0)
	return err
}

// explain shows what the box last said, for whoever reads a failure.
func (r *rig) explain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := r.vm.run(ctx, "journalctl -u illumi-agent -n 25 --no-pager -o cat; cat "+stateDir+"/status.json")
	fmt.Fprintln(os.Stderr, out, err)
}
