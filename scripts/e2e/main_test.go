package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// bin is the folder of the programs under test.
var bin string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// run builds the programs once for all tests, or takes those of ILLUMI_E2E_BIN.
func run(m *testing.M) (code int, err error) {
	if bin = os.Getenv("ILLUMI_E2E_BIN"); bin != "" {
		return m.Run(), nil
	}
	if bin, err = os.MkdirTemp("", "illumi-e2e-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	build := exec.Command("go", "build", "-o", bin+"/", "./agent/cmd/illumi-agent", "./server/cmd/illumi-server", "./scripts/demorun")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// stage is a world with a researcher at work in it.
type stage struct {
	*world.World
	r       *world.Researcher
	project string
	audio   string // a recording to start with and to answer with
}

const (
	adminEmail = "ada@example.org"
	email      = "rosa@example.org"
	password   = "four words will do"
)

// set makes a world with a running server and a researcher whose project
// holds answers back for a while; 0 forwards straight away.
func set(t *testing.T, o world.Options, hold time.Duration) *stage {
	t.Helper()
	o.Bin = bin
	w, err := world.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		var logs string
		if t.Failed() {
			logs = w.Logs(4000)
		}
		if err := w.Close(); err != nil {
			t.Errorf("end the world: %v", err)
		}
		if logs != "" {
			t.Log(logs)
		}
	})
	s := &stage{World: w, audio: filepath.Join(w.Dir(), "seed.wav")}
	ctx := t.Context()
	must(t, w.StartServer(ctx))
	token, err := w.SetupToken()
	must(t, err)
	admin, err := w.Visitor()
	must(t, err)
	must(t, admin.MakeAdministrator(ctx, token, adminEmail, "Ada", password))
	must(t, w.AddUser(ctx, email, "Rosa", "researcher", password))
	s.r, err = w.Visitor()
	must(t, err)
	must(t, s.r.SignIn(ctx, email, password))
	s.project, err = s.r.Project(ctx, "Stories", hold)
	must(t, err)
	must(t, world.SpeakSound(s.audio))
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begin uploads the stage's recording and starts whispers through boxes.
func (s *stage) begin(t *testing.T, o world.Start) string {
	t.Helper()
	if o.Audio == "" {
		address, err := s.r.Upload(t.Context(), world.Upload{Path: s.audio, Role: "audio"})
		must(t, err)
		o.Audio = address
	}
	if o.Title == "" {
		o.Title = "A story"
	}
	id, err := s.r.Start(t.Context(), s.project, o)
	must(t, err)
	return id
}

// until follows a whisper until it is as wanted.
func (s *stage) until(t *testing.T, id string, patience time.Duration, want func(world.Whisper) bool) world.Whisper {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		w, _, err := s.r.Whisper(ctx, id)
		if err == nil && want(w) {
			return w
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the whisper did not come to this within %s: %v: %+v", patience, err, w)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func complete(w world.Whisper) bool { return w.State == "complete" }

// ids of boxes.
func ids(boxes []*world.Box) []string {
	var list []string
	for _, b := range boxes {
		list = append(list, b.ID)
	}
	return list
}

// enrol makes boxes that speak the wire.
func (s *stage) enrol(t *testing.T, names ...string) []*world.Box {
	t.Helper()
	var boxes []*world.Box
	for _, name := range names {
		b, err := s.EnrolBox(t.Context(), name)
		must(t, err)
		t.Cleanup(func() { _ = b.Close() }) // the server may have gone first
		boxes = append(boxes, b)
	}
	return boxes
}
