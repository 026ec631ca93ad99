package spool

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

// Answers goes once through every lock and to the file system, as all work here
// does: whoever waits for it knows that the spool does not hang. It is asked
// up to three times a minute, all day, so it neither writes nor reads more than it must.
// ErrGone and ErrNotOurs say that this process can do no more work here.
func (s *Spool) Answers() error {
	if err := s.there(); err != nil {
		return err
	}
	for _, part := range []struct {
		mu  *sync.Mutex
		dir string
	}{{&s.inboxMu, "inbox"}, {&s.progressMu, "progress"}, {&s.boxMu, "outbox"}} {
		part.mu.Lock()
		_, err := s.disk.root.Lstat(part.dir)
		part.mu.Unlock()
		if err != nil {
			return tell("look into "+part.dir, err)
		}
	}
	return nil
}

// there makes sure that the open directory is still the one of that name. Else
// everything here would go on as if nothing had happened, and be lost.
func (s *Spool) there() error {
	named, err := os.Stat(s.o.Dir)
	if err == nil {
		var ours os.FileInfo
		if ours, err = s.disk.root.Stat("."); err == nil && !os.SameFile(named, ours) {
			return ErrGone
		}
	}
	for _, name := range folders {
		if err == nil && name != asideDir { // that is made when it is needed
			_, err = s.disk.root.Stat(name)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return ErrGone
	}
	return tell("look for the state directory", err)
}

// ReadOnly reports that the file system says so of itself, as after errors.
func (s *Spool) ReadOnly() (bool, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.o.Dir, &st); err != nil {
		return false, tell("look at the file system", err)
	}
	const readOnly = 1 // ST_RDONLY of statvfs(3)
	return int64(st.Flags)&readOnly != 0, nil
}
