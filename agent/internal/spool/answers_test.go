package spool

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Whoever asks learns that the directory in which all is kept is no longer the
// one of that name.
func TestAnswers_StateTakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		take func(t *testing.T, dir string)
		want error
	}{
		"there":              {func(*testing.T, string) {}, nil},
		"erased":             {func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, ErrGone},
		"moved":              {func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+"-old")) }, ErrGone},
		"without its takes":  {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "takes"))) }, ErrGone},
		"without its outbox": {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "outbox"))) }, ErrGone},
		"another in its place": {func(t *testing.T, dir string) {
			must(t, os.Rename(dir, dir+"-old"))
			open(t, Options{Dir: dir})
		}, ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			s := open(t, Options{Dir: dir})
			must(t, s.Answers())
			c.take(t, dir)
			if err := s.Answers(); !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}

// On a card that takes nothing any more the spool opens all the same, and says
// so of each change: what waits there can still be played and sent.
func TestOpen_ReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	record(t, s, 1, 1, sound(1, 100), nil)
	it, err := s.Seal(draft(s, 1, 1, false))
	must(t, err)
	must(t, s.Close())
	must(t, os.Remove(filepath.Join(dir, "takes-damaged"))) // as an earlier version left it
	must(t, os.WriteFile(filepath.Join(dir, "outbox", tempPrefix+"x"), nil, 0o600))

	s = open(t, Options{Dir: dir, Fault: func(Op, string) error { return syscall.EROFS }})
	list, _, err := s.Items()
	if err != nil || len(list) != 1 || s.Verify(list[0]) != nil || list[0].ID != it.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Save("flow", 1); !errors.Is(err, ErrReadOnly) {
		t.Errorf("saved with %v", err)
	}
	if _, err := s.CreateTake(id(2), 1); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a take is made with %v", err)
	}
}

// An owner that is just ending is waited for; one that stays is not.
func TestOpen_WaitsForAnOwnerThatEnds(t *testing.T) {
	dir := t.TempDir()
	must(t, open(t, Options{Dir: dir}).Close())
	f, err := os.Open(filepath.Join(dir, "lock"))
	must(t, err)
	must(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("beside another owner: %v", err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := Open(Options{Dir: dir})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	must(t, f.Close())
	must(t, <-opened)
}
