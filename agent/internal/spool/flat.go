package spool

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// A take's recording may lie beside it once more, compressed without loss. It
// is never older than the recording, goes with it, and is only ever used whole.

func flatName(name string) string { return strings.TrimSuffix(name, takeExt) + flatExt }

// CreateFlat opens a new file for the compressed recording of a kept take.
func (s *Spool) CreateFlat(hop string, take int) (*os.File, error) {
	return s.createTake(hop, take, flatExt)
}

// KeepFlat gives a compressed recording, which its maker has synced and
// compared, its name. Where the take was erased meanwhile it is erased as well,
// with ErrUnknown.
func (s *Spool) KeepFlat(hop string, take int) error {
	name, err := takeName(hop, take, flatExt)
	if err != nil {
		return err
	}
	wav, err := takeName(hop, take, takeExt)
	if err != nil {
		return err
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	part := name + partExt
	whole := s.disk.exists(wav)
	if whole && !s.disk.exists(part) && s.disk.exists(name) {
		return tell("keep a compressed take", s.disk.syncDir(path.Dir(name))) // it was kept already
	}
	if !whole || !s.disk.exists(part) {
		if err := s.disk.remove(part); err != nil {
			return tell("keep a compressed take", err)
		}
		return unknown("take", fmt.Sprint(take))
	}
	if err := s.settle(part, name); err != nil {
		return tell("keep a compressed take", err)
	}
	return tell("keep a compressed take", s.disk.syncDir(path.Dir(name)))
}
