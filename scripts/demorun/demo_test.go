package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	s, err := parse([]string{"--once", "--boxes", "5", "--seed", "FF", "--image", "a b é.jpg"})
	if err != nil || !s.once || s.boxes != 5 || s.image != "a b é.jpg" || s.seed != strings.Repeat("0", 62)+"ff" || s.speed != 50 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := parse([]string{"--me", "janeeyre"}); err != nil || s.speed != 1 || s.boxes != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, args := range []string{
		"--boxes 0", "--boxes 51", "--boxes five", "--seed xyz", "--seed " + strings.Repeat("0", 65), "--out x", "--once --me janeeyre",
		"--me nobody", "--speed 201", "--speed 0", "something", "--frobnicate",
	} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%s was taken", args)
		}
	}
}

func TestNames(t *testing.T) {
	if got := names(3); !slices.Equal(got, []string{"conandoyle", "janeeyre", "beargrylls"}) {
		t.Errorf("%q", got)
	}
	all := names(50)
	if slices.Sort(all); len(slices.Compact(all)) != 50 {
		t.Error("two boxes have the same name")
	}
}

// put makes a result as a run does, and keeps it.
func put(t *testing.T, out, title string) error {
	t.Helper()
	r, err := newResult(out, t.TempDir())
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"whisper.json": `{"title":"` + title + `","origin":{"files":[{"name":"a.wav"}]}}`, "mail.eml": title, "media/a.wav": title} {
		if err := os.WriteFile(filepath.Join(r.stage, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.keep(); err != nil {
		t.Fatal(err)
	}
	if err := r.drop(); err != nil {
		t.Fatal(err)
	}
	return nil
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestResult(t *testing.T) {
	parent := t.TempDir()
	want := []string{"mail.eml", "media", "whisper.json"}
	out := filepath.Join(parent, "new", "Ergebnis é")
	for _, title := range []string{"first", "second"} { // the second replaces it
		if err := put(t, out, title); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(filepath.Join(out, "media", "a.wav")); err != nil || string(data) != title {
			t.Errorf("%q, %v, want %q", data, err, title)
		}
	}
	if got := files(t, out); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := files(t, filepath.Dir(out)); !slices.Equal(got, []string{"Ergebnis é"}) {
		t.Errorf("beside the result: %q", got)
	}

	// A run that fails leaves no result of an earlier one, nor half of its own.
	r, err := newResult(out, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.drop(); err != nil {
		t.Fatal(err)
	}
	if got := files(t, out); len(got) != 0 {
		t.Errorf("after a failure: %q", got)
	}

	if got := files(t, filepath.Dir(out)); !slices.Equal(got, []string{"Ergebnis é"}) {
		t.Errorf("beside the failure: %q", got)
	}

	// A folder that is there already keeps what else is in it.
	used := filepath.Join(parent, "used")
	if err := os.Mkdir(used, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(used, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := put(t, used, "third"); err != nil {
		t.Fatal(err)
	}
	if got := files(t, used); !slices.Equal(got, []string{"mail.eml", "media", "notes.txt", "whisper.json"}) {
		t.Errorf("%q", got)
	}
}

// What lies in media/ beside an earlier result is somebody's.
func TestResult_LeavesForeignFiles(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	if err := put(t, out, "first"); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(out, "media", "my notes.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := put(t, out, "second"); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(mine); err != nil || string(data) != "mine" {
		t.Errorf("%q, %v", data, err)
	}
	if got := files(t, filepath.Join(out, "media")); !slices.Equal(got, []string{"a.wav", "my notes.txt"}) {
		t.Errorf("%q", got)
	}

	// One that bears a name of the new result is not written over.
	if err := os.WriteFile(filepath.Join(out, "whisper.json"), []byte(`{"title":"second"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := newResult(out, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"whisper.json", "mail.eml", "media/a.wav"} {
		if err := os.WriteFile(filepath.Join(r.stage, name), []byte("third"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.keep(); err == nil || !strings.Contains(err.Error(), "a.wav") {
		t.Errorf("a foreign a.wav: %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(out, "media", "a.wav")); err != nil || string(data) != "second" {
		t.Errorf("%q, %v", data, err)
	}

	// A record that points elsewhere removes nothing there.
	if err := os.WriteFile(filepath.Join(out, "whisper.json"), []byte(`{"origin":{"files":[{"name":"../../x"}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := newResult(out, t.TempDir()); err == nil {
		t.Errorf("taken: %+v", r)
	}
}

func TestResult_Foreign(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	photos := filepath.Join(dir, "photos")
	other := filepath.Join(dir, "other")
	for _, err := range []error{
		os.WriteFile(file, nil, 0o600),
		os.MkdirAll(filepath.Join(photos, "media", "family"), 0o700),
		os.Mkdir(other, 0o700),
		os.WriteFile(filepath.Join(other, "whisper.json"), []byte(`["mine"]`), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, out := range []string{file, photos, other, filepath.Join(file, "below")} {
		if r, err := newResult(out, t.TempDir()); err == nil {
			t.Errorf("%s was taken: %+v", out, r)
		}
	}
	if got := files(t, filepath.Join(photos, "media")); !slices.Equal(got, []string{"family"}) {
		t.Errorf("somebody's folder holds %q", got)
	}
}

// What was typed wrongly is refused in the same words by the script, before
// anything is built, and by the program.
func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args  string
		code  int
		words string
	}{
		{"--speed 0", 2, "--speed 0 is not a number from 1 to 200."},
		{"--once --speed 201", 2, "--speed 201 is not a number from 1 to 200."},
		{"--speed fast", 2, "--speed fast is not a number."},
		{"--boxes 51", 2, "--boxes 51 is not a number from 1 to 50."},
		{"--boxes -3", 2, "--boxes -3 is not a number from 1 to 50."},
		{"--boxes", 2, "--boxes needs a value behind it."},
		{"--frobnicate", 2, "There is no option --frobnicate."},
		{"--frobnicate=yes", 2, "There is no option --frobnicate."},
		{"now", 2, `"now" is not expected here.`},
		{"--seed xyz", 2, "--seed takes up to 64 hexadecimal digits"},
		{"--out x", 2, "--out is for --once"},
		{"--once --me janeeyre", 2, "--me is for the demo that stays up"},
		{"--me nobody", 2, "--me nobody is none of the boxes conandoyle, janeeyre, beargrylls."},
		{"--me heidi --boxes 8", 2, "--me heidi is none of the boxes conandoyle,"},
		{"--image " + dir + "/none.jpg", 1, "there is no picture " + dir + "/none.jpg."},
		{"--audio=" + dir, 1, "the recording " + dir + " is not a file."},
	} {
		args := strings.Fields(c.args)
		cmd := exec.CommandContext(t.Context(), "bash", append([]string{"../demo"}, args...)...)
		said, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		var own bytes.Buffer
		code := run(t.Context(), args, io.Discard, &own)
		for who, text := range map[string]string{"the script": string(said), "the program": own.String()} {
			if strings.Count(text, c.words) != 1 || strings.Contains(text, "built") || strings.Count(text, "\n") != 1 {
				t.Errorf("%s: %s says %q", c.args, who, text)
			}
		}
		if script := cmd.ProcessState.ExitCode(); code != c.code || script != c.code {
			t.Errorf("%s: exit code %d of the script, %d of the program, not %d", c.args, script, code, c.code)
		}
	}
}
