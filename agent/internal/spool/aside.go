package spool

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"illumi/protocol"
)

// DamagedTake is a recording that was never sent and could not be read when the
// box started. Somebody may still get words out of its bytes.
type DamagedTake struct {
	ID     string    `json:"id"`
	Hop    string    `json:"hop"`
	Take   int       `json:"take"`
	Reason string    `json:"reason"`
	Made   time.Time `json:"made,omitzero"` // as DateTake kept it
}

const asideDir = "takes-damaged"

// SetTakeAside moves a take out of the way of the next one, byte for byte. Where
// its compressed copy is whole, only the recording goes and the take stays.
func (s *Spool) SetTakeAside(t Take, reason string, copyWhole bool) (DamagedTake, error) {
	d := DamagedTake{ID: newID(), Hop: t.Hop, Take: t.Take, Reason: reason, Made: t.Made}
	if !protocol.ValidID(t.Hop) {
		return d, unknown("take", t.Hop)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	to, from := path.Join(asideDir, d.ID), path.Join("takes", t.Hop)
	if err := errors.Join(s.disk.mkdirSynced(asideDir), s.disk.mkdirSynced(to)); err != nil {
		return d, tell("set a take aside", err)
	}
	// Where there is no room for the reason, the words matter more.
	unsaid := s.disk.writeJSON(path.Join(to, "reason.json"), d)
	names, err := s.disk.names(from)
	if err != nil {
		return d, tell("set a take aside", errors.Join(unsaid, err))
	}
	for _, name := range names {
		number, ext, _ := strings.Cut(name, ".")
		if number != strconv.Itoa(t.Take) || copyWhole && "."+ext != takeExt {
			continue
		}
		if err := s.disk.rename(path.Join(from, name), path.Join(to, name)); err != nil {
			return d, tell("set a take aside", errors.Join(unsaid, err))
		}
	}
	return d, tell("set a take aside", errors.Join(unsaid, s.disk.syncDir(to), s.disk.syncDir(from)))
}

// DamagedTakes lists what was set aside and not yet erased.
func (s *Spool) DamagedTakes() ([]DamagedTake, error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	names, err := s.disk.names(asideDir)
	if err != nil {
		return nil, tell("list damaged takes", err)
	}
	var list []DamagedTake
	for _, id := range names {
		if !protocol.ValidID(id) {
			continue
		}
		d := DamagedTake{Reason: "unknown"}
		err := s.disk.readJSON(path.Join(asideDir, id, "reason.json"), &d)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged) {
			return nil, tell("list damaged takes", err)
		}
		d.ID = id
		list = append(list, d)
	}
	return list, nil
}

// EraseDamagedTake takes one away for good.
func (s *Spool) EraseDamagedTake(id string) error {
	if !protocol.ValidID(id) {
		return unknown("take", id)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	return tell("erase a damaged take", s.disk.vanish(path.Join(asideDir, id)))
}
