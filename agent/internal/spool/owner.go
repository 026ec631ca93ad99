package spool

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"illumi/protocol"
)

// beforeDir holds the answers that an earlier box of this card never sent.
const beforeDir = "outbox-before"

// ownerKey says in the journal whose the rest of the directory is.
const ownerKey = "owner"

type owner struct {
	Device string `json:"device"`
}

// Begun is what became of an earlier box's things.
type Begun struct {
	Anew  bool // there was an earlier one
	Aside int  // its answers that were never sent, kept in outbox-before
}

// Own makes the directory the one of a device, by its id. Where it was another
// one's, this is a new box in a new home: nothing of the old one may be seen or
// heard there, nor end or pause it. Everything is erased but the answers that a
// citizen was thanked for and no server has; those are set aside, because this
// device cannot send them. A directory of nobody's is the device's as it is.
// Folders of others in the directory that are to go with it are named in also.
// After a cut it is done again from where it was. Call it before anything else.
func (s *Spool) Own(device string, also ...string) (Begun, error) {
	var is owner
	_, err := s.Load(ownerKey, &is)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return Begun{}, err
	}
	if is.Device == device {
		return Begun{}, nil
	}
	b := Begun{Anew: is.Device != ""}
	if b.Anew {
		if b.Aside, err = s.beginAnew(also); err != nil {
			return b, tell("begin anew", err)
		}
	}
	return b, s.Save(ownerKey, owner{device})
}

func (s *Spool) beginAnew(also []string) (aside int, err error) {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	for _, dir := range []string{"inbox", "takes", asideDir, "sent", "progress", "journal"} {
		names, err := s.disk.names(dir)
		if err != nil {
			return aside, err
		}
		for _, name := range names {
			if dir == "journal" && name == ownerKey+".json" {
				continue // the last thing that changes
			}
			if err := s.disk.vanish(path.Join(dir, name)); err != nil {
				return aside, err
			}
		}
	}
	for _, name := range also {
		if err := s.disk.vanish(name); err != nil {
			return aside, err
		}
	}
	// Behind the erasing, which makes room on a full card.
	for _, from := range []string{"outbox", "outbox-damaged"} {
		n, err := s.setUnsentAside(from)
		if err != nil {
			return aside, err
		}
		aside += n
	}
	clear(s.suspect)
	clear(s.returned)
	clear(s.repeated)
	return aside, nil
}

func (s *Spool) setUnsentAside(from string) (n int, err error) {
	names, err := s.disk.names(from)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	if err := s.disk.mkdirSynced(beforeDir); err != nil {
		return 0, err
	}
	for _, name := range names {
		to := path.Join(beforeDir, name)
		if s.disk.exists(to) {
			to = path.Join(beforeDir, newID())
		}
		if err := s.disk.rename(path.Join(from, name), to); err != nil {
			return n, err
		}
		n++
	}
	return n, errors.Join(s.disk.syncDir(beforeDir), s.disk.syncDir(from))
}

// Unsent counts the sealed answers in a state directory that another process may
// own, and where they go if another device takes it.
func Unsent(dir string) (n int, before string, err error) {
	before = filepath.Join(dir, beforeDir)
	list, err := os.ReadDir(filepath.Join(dir, "outbox"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, before, nil
	}
	for _, e := range list {
		if protocol.ValidID(e.Name()) {
			n++
		}
	}
	return n, before, tell("look for answers", err)
}
