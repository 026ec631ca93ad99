package e2e_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// The client in docs/, as an integrator would run it: Python's standard library,
// a token made on the page, boxes that answer by themselves.
func TestAPI_PythonClient(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 on this machine")
	}
	s := set(t, world.Options{}, 0)
	for _, name := range []string{"conandoyle", "janeeyre"} {
		a, err := s.NewAgent(t.Context(), name)
		must(t, err)
		a.Speed = 10
		must(t, a.Start())
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		boxes, err := s.Devices(t.Context())
		must(t, err)
		if len(boxes) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d boxes enrolled", len(boxes))
		}
	}
	token, err := s.r.Token(t.Context(), "script", "read", "write")
	must(t, err)
	picture := filepath.Join(s.Dir(), "seed.jpg")
	must(t, os.WriteFile(picture, phonePhoto(t, 300, 400), 0o600))

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, python, filepath.Join("..", "..", "docs", "start_and_wait.py"), s.URL(), token, s.project, s.audio, picture)
	var said, wrong bytes.Buffer
	client.Stdout, client.Stderr = &said, &wrong
	if err := client.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, said.String(), wrong.String())
	}
	lines := strings.Fields(strings.TrimSpace(said.String()))
	if got := strings.Count(said.String(), "received"); got != 2 || lines[len(lines)-1] != "complete" {
		t.Errorf("the client saw:\n%s", said.String())
	}
}

// docs/api.md shows the client as it is.
func TestAPI_DocumentedClient(t *testing.T) {
	client, err := os.ReadFile(filepath.Join("..", "..", "docs", "start_and_wait.py"))
	must(t, err)
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	must(t, err)
	if !bytes.Contains(doc, bytes.TrimSpace(client)) {
		t.Error("docs/api.md shows another client than docs/start_and_wait.py")
	}
}
