package flow

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the transcripts anew; read the diff")

// TestTranscripts replays whole stories. A block of a file is commands, a line
// of dashes, and all that the box does; a change of behaviour is a diff to be
// understood.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d transcripts, error %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := transcript(t, string(want))
			if got == string(want) {
				return
			}
			if !*update {
				t.Fatalf("%s differs, run with -update and read the diff. Now:\n%s", name, got)
			}
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func transcript(t *testing.T, text string) string {
	t.Helper()
	h := newHand(t)
	var out strings.Builder
	answer := false // within what the box did: written anew
	for line := range strings.Lines(text) {
		word := strings.TrimSpace(line)
		switch {
		case word == "":
			answer = false
			out.WriteString("\n")
		case strings.HasPrefix(word, "#"):
			out.WriteString(line)
		case strings.HasPrefix(line, "  ") || answer && !strings.HasPrefix(word, ">"):
			// the old answer
		default:
			answer = true
			out.WriteString(line)
			h.all = nil
			h.do(strings.TrimPrefix(word, "> "))
			out.WriteString(told(h))
		}
	}
	return out.String()
}

// told is the state after a line of commands, and what it did on the way.
func told(h *hand) string {
	var b strings.Builder
	l := Show(h.s)
	fmt.Fprintf(&b, "  %s, light %s", h.s.Phase, l.Main)
	if l.Dim {
		b.WriteString(" dim")
	}
	if h.s.Live() {
		b.WriteString(", red light")
	}
	b.WriteString("\n")
	for _, f := range h.all {
		w := wording(f)
		switch {
		case f.Do == SetTimer && f.Timer != TimerVoice && f.Timer != TimerStuck1:
			w = fmt.Sprintf("timer %s %v", f.Timer, f.After)
		case f.Do == StopTimer && f.Timer != TimerVoice && f.Timer != TimerStuck1:
			w = fmt.Sprintf("no timer %s", f.Timer)
		}
		if w != "" {
			fmt.Fprintf(&b, "    %s\n", w)
		}
	}
	return b.String()
}
