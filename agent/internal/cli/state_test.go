package cli

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"illumi/agent/internal/config"
	"illumi/agent/internal/spool"
)

// What keeps a box from its state directory is said in words, with the
// directory and what to do.
func TestStateTrouble(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	opened := func(errno syscall.Errno) error {
		_, err := spool.Open(spool.Options{Dir: dir, Fault: func(spool.Op, string) error { return errno }})
		return err
	}
	for name, c := range map[string]struct {
		err        error
		env        []string
		text, next string
	}{
		"by hand":                 {opened(syscall.EACCES), nil, "This user may not use the state directory " + dir, "sudo in front"},
		"as a service":            {opened(syscall.EPERM), []string{"NOTIFY_SOCKET=/run/x"}, "This user may not use", "sudo chown -R illumi-agent: " + dir},
		"full":                    {opened(syscall.ENOSPC), nil, "is full", "Make room"},
		"a quota":                 {opened(syscall.EDQUOT), nil, "is full", "Make room"},
		"read-only":               {opened(syscall.EROFS), nil, "its disk is read-only", "replace it"},
		"no place for the serial": {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, nil, "is full", "Make room"},
		"gone":                    {spool.ErrGone, nil, "was taken away", "Put it back"},
	} {
		p := &program{env: c.env}
		f := explain(p.stateTrouble(dir, c.err))
		if f.code != exitFailed || !strings.Contains(f.text, c.text) || !strings.Contains(f.next, c.next) {
			t.Errorf("%s: %d %q %q", name, f.code, f.text, f.next)
		}
	}
	p := &program{}
	if other := errors.New("another"); !errors.Is(p.stateTrouble(dir, other), other) || p.stateTrouble(dir, nil) != nil {
		t.Error("another error is changed")
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		t.Error("nothing was begun, so the errors are others")
	}
}

// What an earlier box said, recorded and was refused is not the next one's, and
// the same box keeps it.
func TestBeginAnew_WhatOthersWrote(t *testing.T) {
	p, state := &program{}, t.TempDir()
	names := []string{filepath.Join(clipsDir(state), "own", "new.wav"), statusFile(state), statusFile(state) + ".new"}
	if err := os.MkdirAll(filepath.Dir(names[0]), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := spool.Open(spool.Options{Dir: state})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // only its lock
	const old, fresh = "01930d5e-7c1a-7000-8000-00000000d001", "01930d5e-7c1a-7000-8000-00000000d002"
	if err := spool.MarkAnew(state, fresh); err != nil {
		t.Fatal(err)
	}
	for n, c := range []struct {
		device string
		there  bool
	}{{old, true}, {fresh, false}, {fresh, false}} {
		id := config.Identity{Device: c.device}
		if err := p.beginAnew(s, config.Config{Identity: id, StateDir: state}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if _, err := os.Stat(name); (err == nil) != c.there {
				t.Errorf("start %d: %v", n, err)
			}
		}
	}
}
