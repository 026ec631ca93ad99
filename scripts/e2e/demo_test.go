package e2e_test

import (
	"bytes"
	"context"
	"image"
	_ "image/jpeg" // shared copies are read again
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"illumi/scripts/e2e/world"
)

// demo runs the demo's program as scripts/demo does and returns what it said
// and its exit code.
func demo(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "demorun"), append([]string{"--bin", bin}, args...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+scratch(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// scratch is a folder for temporary files that must be empty in the end.
func scratch(t *testing.T) string {
	dir := t.TempDir()
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range left {
			t.Errorf("the demo left %s behind", e.Name())
		}
	})
	return dir
}

// result reads what the demo left in its folder, and checks all of it again.
func result(t *testing.T, dir string) world.Whisper {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "whisper.json"))
	must(t, err)
	w, err := world.ParseWhisper(data)
	must(t, err)
	must(t, w.Check())
	must(t, w.CheckFiles(filepath.Join(dir, "media")))
	mail, err := os.ReadFile(filepath.Join(dir, "mail.eml"))
	must(t, err)
	for _, want := range []string{"Message-ID: <", "Subject: ", "/whispers/"} {
		if !bytes.Contains(mail, []byte(want)) {
			t.Errorf("the mail has no %q:\n%s", want, mail)
		}
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 3 {
		t.Errorf("the result holds %v", left)
	}
	return w
}

// TestDemo runs the demo on a phone's photo and a stereo recording.
func TestDemo(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "Das Ergebnis, größer")
	photo := write(t, in, "Photo de l’été 1.jpg", phonePhoto(t, 300, 400))
	sound := filepath.Join(in, "Aufnahme für Oma.wav")
	must(t, world.WriteWAV(sound, 2, 44100, tone(44100, 330)))
	said, code := demo(t, "--once", "--image", photo, "--audio", sound, "--boxes", "5", "--out", out)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	w := result(t, out)
	if len(w.Hops) != 5 {
		t.Errorf("%d hops", len(w.Hops))
	}
	for _, h := range w.Hops {
		if !strings.Contains(said, h.Device) {
			t.Errorf("the demo does not speak of %s:\n%s", h.Device, said)
		}
	}
	for role, path := range map[string]string{"image": photo, "audio": sound} {
		sum, size, err := world.Digest(path)
		must(t, err)
		if f, ok := world.Find(w.Origin.Files, role, "original"); !ok || f.SHA256 != sum || f.Size != size {
			t.Errorf("the original %s is %+v, not %s", role, f, sum)
		}
	}
	shared, ok := world.Find(w.Origin.Files, "image", "shared")
	if !ok {
		t.Fatal("the picture has no shared copy")
	}
	upright(t, filepath.Join(out, "media", shared.Name), 300, 400)
	if what, err := world.Baggage(photo); err != nil || what != "EXIF" {
		t.Errorf("the test's own photo carries %q: %v", what, err)
	}
}

// upright checks that a picture stands: as large as wanted, its top half red.
func upright(t *testing.T, path string, w, h int) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	img, _, err := image.Decode(f)
	must(t, err)
	b := img.Bounds()
	if b.Dx() != w || b.Dy() != h {
		t.Errorf("the shared picture is %d×%d, not %d×%d", b.Dx(), b.Dy(), w, h)
	}
	r, _, blue, _ := img.At(b.Dx()/2, b.Dy()/4).RGBA()
	r2, _, blue2, _ := img.At(b.Dx()/2, b.Dy()*3/4).RGBA()
	if r < blue || r2 > blue2 {
		t.Error("the shared picture is not upright")
	}
}

// TestDemo_Order wants the same order from the same seed, another from
// another, with an MP3 as the recording.
func TestDemo_Order(t *testing.T) {
	mp3 := filepath.Join("..", "..", "server", "internal", "media", "testdata", "tone.mp3")
	orders := map[string][]string{}
	for _, run := range []struct{ name, seed string }{
		{"first", strings.Repeat("5a", 32)}, {"again", strings.Repeat("5a", 32)}, {"other", strings.Repeat("c3", 32)},
	} {
		out := filepath.Join(t.TempDir(), "out")
		said, code := demo(t, "--once", "--audio", mp3, "--boxes", "5", "--speed", "200", "--seed", run.seed, "--out", out)
		if code != 0 {
			t.Fatalf("exit code %d:\n%s", code, said)
		}
		w := result(t, out)
		if w.Seed != run.seed {
			t.Errorf("the record has the seed %s", w.Seed)
		}
		orders[run.name] = w.Devices()
	}
	if !slices.Equal(orders["first"], orders["again"]) {
		t.Errorf("the same seed gave %q and %q", orders["first"], orders["again"])
	}
	if slices.Equal(orders["first"], orders["other"]) {
		t.Errorf("another seed gave the same order %q", orders["other"])
	}
}

// TestDemo_Refused gives the demo files that are no media.
func TestDemo_Refused(t *testing.T) {
	in := t.TempDir()
	for _, c := range []struct {
		name, flag, words string
		data              []byte
	}{
		{"text.jpg", "--image", "not a picture", []byte("text\n")},
		{"empty.wav", "--audio", "empty", nil},
		{"small.gif", "--image", "GIF", bombGIF()},
		{"big.png", "--image", "megapixels", bombPNG(40000, 40000)},
	} {
		parent := t.TempDir()
		out := filepath.Join(parent, "out")
		said, code := demo(t, "--once", c.flag, write(t, in, c.name, c.data), "--out", out)
		if code != 1 || !strings.Contains(said, c.words) {
			t.Errorf("%s: exit code %d:\n%s", c.name, code, said)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", c.name, left, err)
		}
	}
	if said, code := demo(t, "--once", "--boxes", "0"); code != 2 {
		t.Errorf("no boxes: exit code %d:\n%s", code, said)
	}
	if said, code := demo(t, "--once", "--audio", filepath.Join(in, "missing.wav")); code != 1 || !strings.Contains(said, "missing.wav") {
		t.Errorf("a missing file: exit code %d:\n%s", code, said)
	}
}
