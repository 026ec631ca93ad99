package e2e_test

import (
	"path/filepath"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// TestWire carries a whisper through three boxes that are nothing but requests.
func TestWire(t *testing.T) {
	s := set(t, world.Options{}, 0)
	boxes := s.enrol(t, "conandoyle", "janeeyre", "beargrylls")
	byName := map[string]*world.Box{}
	for _, b := range boxes {
		byName[b.Name] = b
	}
	id := s.begin(t, world.Start{Boxes: ids(boxes)})
	w, _, err := s.r.Whisper(t.Context(), id)
	must(t, err)
	for _, h := range w.Hops {
		b := byName[h.Device]
		o, err := b.Open(t.Context())
		must(t, err)
		answer := filepath.Join(s.Dir(), h.Device+".wav")
		must(t, world.SpeakSound(answer))
		if _, err := b.Answer(t.Context(), o, answer); err != nil {
			t.Fatalf("hop %d: %v", h.Position, err)
		}
	}
	w = s.until(t, id, 10*time.Second, complete)
	must(t, w.Check())
	media := t.TempDir()
	for _, f := range w.Files() {
		must(t, s.r.Save(t.Context(), id, f, filepath.Join(media, f.Name)))
	}
	must(t, w.CheckFiles(media))
}
