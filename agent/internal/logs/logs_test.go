package logs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// stream is a file as systemd would name it.
func stream(t *testing.T, f *os.File) string {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

func create(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestNew_ForTheJournal(t *testing.T) {
	f := create(t)
	log := New(f, slog.LevelDebug, stream(t, f))
	log.Debug("a step", "phase", "IDLE")
	log.With("part", "link").WithGroup("g").Info("two\nlines", "n", 1, "time", "kept")
	log.Warn("careful")
	log.Error("it failed", "error", errors.New("no \"disk\""))
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := `<7>msg="a step" phase=IDLE
<6>msg="two\nlines" part=link g.n=1 g.time=kept
<4>msg=careful
<3>msg="it failed" error="no \"disk\""
`
	if string(data) != want {
		t.Errorf("%s\nwant\n%s", data, want)
	}
}

func TestNew_ForPeople(t *testing.T) {
	f := create(t)
	other := create(t)
	for name, s := range map[string]string{"no systemd": "", "its parent's journal": stream(t, other), "nonsense": "journal"} {
		if leadsTo(f, s) {
			t.Errorf("%s: %q", name, s)
		}
	}
	var b bytes.Buffer
	log := New(&b, slog.LevelInfo, stream(t, f))
	log.Debug("not this")
	log.Info("ready")
	if s := b.String(); !strings.HasPrefix(s, "time=") || !strings.HasSuffix(s, "level=INFO msg=ready\n") || strings.Count(s, "\n") != 1 {
		t.Error(s)
	}
}

func TestNew_LinesStayWhole(t *testing.T) {
	f := create(t)
	log := New(f, slog.LevelInfo, stream(t, f))
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for range 50 {
				log.With("n", n).Info("a line of some length", "more", "fields")
			}
		})
	}
	wait.Wait()
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) != 400 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if !strings.HasPrefix(l, `<6>msg="a line of some length" n=`) || !strings.HasSuffix(l, " more=fields") {
			t.Errorf("%q", l)
		}
	}
}
