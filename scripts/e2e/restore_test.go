package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// TestRestore sets the server back to a copy from before any answer, once all
// boxes have answered. They still hold their answers: the whisper completes
// with the same ones, nobody is asked twice, and the next whisper goes on.
func TestRestore(t *testing.T) {
	s := set(t, world.Options{}, 0)
	agents, ids := s.agents(t, func(*world.Agent) {}, "conandoyle", "janeeyre", "beargrylls")
	stopBoxes := func() {
		for _, a := range agents {
			must(t, a.Process().Stop(10*time.Second))
		}
	}
	startBoxes := func() {
		for _, a := range agents {
			must(t, a.Start())
		}
	}
	stopBoxes()
	id := s.begin(t, world.Start{Boxes: ids})
	must(t, s.Server().Stop(20*time.Second))
	backup := filepath.Join(s.Dir(), "backup")
	must(t, os.CopyFS(backup, os.DirFS(s.Data())))
	must(t, s.StartServer(t.Context()))
	startBoxes()
	first := s.until(t, id, time.Minute, complete)

	must(t, s.Server().Stop(20*time.Second))
	must(t, os.RemoveAll(s.Data()))
	must(t, os.CopyFS(s.Data(), os.DirFS(backup)))
	must(t, os.Chmod(filepath.Join(s.Data(), "server.key"), 0o600)) // as it was; a copy forgets it
	must(t, s.StartServer(t.Context()))
	second := s.until(t, id, 2*time.Minute, complete)
	must(t, second.Check())
	if a, b := answers(first), answers(second); len(a) != 3 || !slices.Equal(a, b) {
		t.Errorf("the answers were %v and are %v", a, b)
	}
	next := s.begin(t, world.Start{Boxes: ids})
	must(t, s.until(t, next, time.Minute, complete).Check())
	stopBoxes()
	for _, a := range agents {
		sent, err := filepath.Glob(filepath.Join(a.Dir(), "*", "sent", "*", "receipt.json"))
		must(t, err)
		direct, err := filepath.Glob(filepath.Join(a.Dir(), "sent", "*", "receipt.json"))
		must(t, err)
		if n := len(sent) + len(direct); n != 2 {
			t.Errorf("%s has answered %d times", a.Name, n)
		}
	}
}

// answers are the digests of what the boxes recorded, as they sent it.
func answers(w world.Whisper) []string {
	var list []string
	for _, h := range w.Hops {
		for _, f := range h.Files {
			if f.Role == "audio" && f.Variant == "original" {
				list = append(list, h.Device+" "+f.SHA256)
			}
		}
	}
	return list
}
