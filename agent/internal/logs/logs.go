// Package logs writes a program's log lines as whoever reads them needs them:
// with time and level for a person at a terminal or in a file, with a priority
// and without the time for systemd's journal, which has its own.
package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
)

// New logs to w from a level on. stream is JOURNAL_STREAM of the environment,
// by which systemd tells which file leads into its journal: "DEVICE:INODE".
func New(w io.Writer, level slog.Leveler, stream string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if !leadsTo(w, stream) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	o.ReplaceAttr = withoutOwn
	out := &line{to: w}
	return slog.New(journal{slog.NewTextHandler(&out.text, o), out})
}

// leadsTo reports whether w is the file that a stream names. A program started
// by one that systemd started has the variable, too, and its output elsewhere.
func leadsTo(w io.Writer, stream string) bool {
	f, ok := w.(*os.File)
	if !ok || stream == "" {
		return false
	}
	fi, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && fmt.Sprintf("%d:%d", st.Dev, st.Ino) == stream
}

// withoutOwn leaves out what the journal keeps by itself.
func withoutOwn(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// line is one line on its way; all handlers of a logger share it.
type line struct {
	mu   sync.Mutex
	text bytes.Buffer
	to   io.Writer
}

// journal puts the priority of sd-daemon(3) before each line of a text handler.
type journal struct {
	slog.Handler
	out *line
}

// Handle writes a record as one line.
func (j journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.text.Reset()
	fmt.Fprintf(&j.out.text, "<%d>", priority(r.Level))
	if err := j.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.out.to.Write(j.out.text.Bytes())
	return err
}

// WithAttrs gives a handler whose lines have these fields as well.
func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journal{j.Handler.WithAttrs(attrs), j.out}
}

// WithGroup gives a handler whose fields are of a group.
func (j journal) WithGroup(name string) slog.Handler {
	return journal{j.Handler.WithGroup(name), j.out}
}

// priority is a level as syslog numbers it.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
