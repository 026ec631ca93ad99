package spool

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"illumi/protocol"
)

// anewPrefix begins the name, beside the folders, of what an enrolment leaves
// for the next start. The device is in the name, so that no bytes of a bad card
// need be believed.
const anewPrefix = "anew-"

// beforeDir holds the answers that an earlier box of this card never sent.
const beforeDir = "outbox-before"

// MarkAnew notes, durably, that a device's first start in a state directory
// begins anew. Another process may own the directory. Call it before the device
// is written down as the box's identity: a mark for another one does nothing.
func MarkAnew(dir, device string) error {
	if !protocol.ValidID(device) {
		return unknown("device", device)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return tell("mark a new box", err)
	}
	d := disk{root: root}
	return tell("mark a new box", errors.Join(d.writeFile(anewPrefix+device, nil), root.Close()))
}

// BeginAnew clears the directory for a device that was enrolled since the last
// start. It is a new box in a new home: nothing of an old one may be seen or
// heard there, nor end or pause it. Everything is erased but the answers that a
// citizen was thanked for and no server has; those are set aside, because this
// device cannot send them. Names in the directory that others wrote and that go
// with it are in also. After a cut it is done again. Call it before anything
// else. begun is false where there was nothing to do, and aside what was ever
// set aside.
func (s *Spool) BeginAnew(device string, also ...string) (begun bool, aside int, err error) {
	mark := anewPrefix + device
	if !protocol.ValidID(device) || !s.disk.exists(mark) {
		return false, 0, nil
	}
	if err := s.beginAnew(also); err != nil {
		return true, 0, tell("begin anew", err)
	}
	kept, err := s.disk.names(beforeDir)
	if err == nil {
		err = s.disk.remove(mark)
	}
	if err == nil {
		err = s.disk.syncDir(".")
	}
	return true, len(kept), tell("begin anew", err)
}

func (s *Spool) beginAnew(also []string) error {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	if err := s.finishAgain(); err != nil { // a reply that the server lost is unsent again
		return err
	}
	var gone []string
	for _, dir := range []string{"inbox", "takes", asideDir, "sent", "progress", "journal"} {
		names, err := s.disk.names(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			gone = append(gone, path.Join(dir, name))
		}
	}
	for _, name := range append(gone, also...) {
		err := s.disk.vanish(name)
		if unreadable(err) && !s.disk.exists(name) {
			// It has no name any more: one bad block must not keep the box from starting.
			s.o.Logger.Warn("what was erased keeps its place on the card", "error", err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	// Behind the erasing, which makes room on a full card.
	for _, from := range []string{"outbox", "outbox-damaged"} {
		if err := s.setUnsentAside(from); err != nil {
			return err
		}
	}
	clear(s.suspect)
	clear(s.returned)
	clear(s.repeated)
	return nil
}

func (s *Spool) setUnsentAside(from string) error {
	names, err := s.disk.names(from)
	if err != nil || len(names) == 0 {
		return err
	}
	if err := s.disk.mkdirSynced(beforeDir); err != nil {
		return err
	}
	for _, name := range names {
		to := path.Join(beforeDir, name)
		if s.disk.exists(to) {
			to = path.Join(beforeDir, newID())
		}
		if err := s.disk.rename(path.Join(from, name), to); err != nil {
			return err
		}
	}
	return errors.Join(s.disk.syncDir(beforeDir), s.disk.syncDir(from))
}

// Unsent counts the sealed answers in a state directory that another process may
// own, and says where BeginAnew would set them aside.
func Unsent(dir string) (n int, before string, err error) {
	before = filepath.Join(dir, beforeDir)
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, before, nil
	}
	if err != nil {
		return 0, before, tell("look for answers", err)
	}
	s := &Spool{disk: &disk{root: root}}
	for _, folder := range []string{"outbox", "sent"} {
		list, lerr := fs.ReadDir(root.FS(), folder)
		if lerr != nil && !errors.Is(lerr, fs.ErrNotExist) {
			err = errors.Join(err, lerr)
		}
		for _, e := range list {
			if protocol.ValidID(e.Name()) && (folder == "outbox" || s.leaving(e.Name())) {
				n++
			}
		}
	}
	return n, before, tell("look for answers", errors.Join(err, root.Close()))
}
