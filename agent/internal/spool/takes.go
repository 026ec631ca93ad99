package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"illumi/protocol"
)

// Take is one attempt at a reply. It never leaves the box from here: only a
// sealed one does.
type Take struct {
	Hop   string
	Take  int
	Audio string // full path; "" where only a photo is left
	// Flat is the same recording compressed without loss; "" where there is none.
	Flat  string
	Photo string // full path or ""
	// Partial: the recording was never kept (a power cut, or it runs now).
	Partial bool
	Size    int64 // of the recording, bytes
	// Made is what DateTake kept, zero where no clock was sure of the time.
	Made time.Time
}

const (
	takeExt  = ".wav"
	photoExt = ".jpg"
	flatExt  = ".flac"
	partExt  = ".part"
	madeExt  = ".made.json"
)

// DateTake keeps when a take was made. The file's own time is no proof of it: a
// box without a battery writes 1970 until somebody tells it the time.
func (s *Spool) DateTake(hop string, take int, at time.Time) error {
	name, err := takeName(hop, take, madeExt)
	if err != nil {
		return err
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	if !s.disk.exists(path.Dir(name)) {
		return unknown("take", hop)
	}
	return tell("date a take", s.disk.writeJSON(name, at))
}

// CreateTake opens a new file for a recording. What was there under the same
// number and never kept is replaced; a kept take is not.
func (s *Spool) CreateTake(hop string, take int) (*os.File, error) {
	return s.createTake(hop, take, takeExt)
}

// CreatePhoto opens a new file for the photo of a take; an older one is replaced
// when KeepPhoto is called.
func (s *Spool) CreatePhoto(hop string, take int) (*os.File, error) {
	return s.createTake(hop, take, photoExt)
}

func (s *Spool) createTake(hop string, take int, ext string) (*os.File, error) {
	name, err := takeName(hop, take, ext)
	if err != nil {
		return nil, err
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	if s.over.Load() {
		return nil, ErrOver
	}
	if ext == takeExt && s.disk.exists(name) {
		return nil, fmt.Errorf("spool: take %d exists: %w", take, fs.ErrExist)
	}
	if err := s.disk.mkdirSynced(path.Dir(name)); err != nil {
		return nil, tell("make a take", err)
	}
	if err := s.disk.step(OpCreate, name); err != nil {
		return nil, tell("make a take", err)
	}
	f, err := s.disk.root.OpenFile(name+partExt, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, tell("make a take", err)
	}
	// Its name must survive a cut, so that the half recording can be offered.
	if err := s.disk.syncDir(path.Dir(name)); err != nil {
		return nil, tell("make a take", errors.Join(err, f.Close()))
	}
	return f, nil
}

// KeepTake makes a finished recording a take: synced, then renamed. Returns its path.
func (s *Spool) KeepTake(hop string, take int) (string, error) { return s.keep(hop, take, takeExt) }

// KeepPhoto does the same for the photo of a take.
func (s *Spool) KeepPhoto(hop string, take int) (string, error) { return s.keep(hop, take, photoExt) }

func (s *Spool) keep(hop string, take int, ext string) (string, error) {
	name, err := takeName(hop, take, ext)
	if err != nil {
		return "", err
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	part := name + partExt
	switch {
	case s.disk.exists(part):
	case s.disk.exists(name):
		return s.abs(name), nil
	case ext == takeExt && s.disk.exists(flatName(name)):
		return s.abs(flatName(name)), nil // it came back from the outbox
	default:
		return "", unknown("take", strconv.Itoa(take))
	}
	if s.suspect[part] {
		// A sync of these bytes failed: write them anew before trusting one.
		temp := path.Join(path.Dir(name), tempPrefix+newID())
		if err := s.disk.clone(part, temp, true); err != nil {
			return "", tell("keep a take", errors.Join(err, s.disk.remove(temp)))
		}
		if err := s.disk.rename(temp, part); err != nil {
			return "", tell("keep a take", errors.Join(err, s.disk.remove(temp)))
		}
		delete(s.suspect, part)
	}
	if err := s.settle(part, name); err != nil {
		s.suspect[part] = true
		return "", tell("keep a take", err)
	}
	return s.abs(name), tell("keep a take", s.disk.syncDir(path.Dir(name)))
}

// EraseTake removes one take with its photo, kept or not.
func (s *Spool) EraseTake(hop string, take int) error {
	// The copy first: without the recording it would pass for one.
	return s.erase(hop, take, flatExt, takeExt, photoExt, madeExt)
}

// ErasePhoto removes the photo of a take.
func (s *Spool) ErasePhoto(hop string, take int) error { return s.erase(hop, take, photoExt) }

func (s *Spool) erase(hop string, take int, exts ...string) error {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	var dir string
	for _, ext := range exts {
		name, err := takeName(hop, take, ext)
		if err != nil {
			return err
		}
		dir = path.Dir(name)
		for _, n := range []string{name, name + partExt} {
			if err := s.disk.remove(n); err != nil {
				return tell("erase a take", err)
			}
		}
	}
	if !s.disk.exists(dir) {
		return nil
	}
	return tell("erase a take", s.disk.syncDir(dir))
}

// EraseTakes removes every take of a hop.
func (s *Spool) EraseTakes(hop string) error {
	if !protocol.ValidID(hop) {
		return unknown("hop", hop)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	return tell("erase takes", s.disk.vanish(path.Join("takes", hop)))
}

// Takes lists every take on the box, by hop and number. After a power cut the
// partial ones are what was being recorded.
func (s *Spool) Takes() ([]Take, error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	hops, err := s.disk.names("takes")
	if err != nil {
		return nil, tell("list takes", err)
	}
	var list []Take
	for _, hop := range hops {
		if !protocol.ValidID(hop) {
			continue
		}
		takes, err := s.takesOf(hop)
		if err != nil {
			return nil, tell("list takes", err)
		}
		list = append(list, takes...)
	}
	return list, nil
}

func (s *Spool) takesOf(hop string) ([]Take, error) {
	names, err := s.disk.names(path.Join("takes", hop))
	if unreadable(err) {
		s.o.Logger.Error("takes cannot be read", "hop", hop, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, dated := map[int]*Take{}, map[int]string{}
	for _, file := range names {
		number, ext, _ := strings.Cut(file, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			continue
		}
		name := path.Join("takes", hop, file)
		if ext == "made.json" {
			dated[n] = name
			continue
		}
		fi, err := s.disk.root.Stat(name)
		if unreadable(err) {
			s.o.Logger.Error("a take cannot be read", "hop", hop, "take", n, "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		t := found[n]
		if t == nil {
			t = &Take{Hop: hop, Take: n}
			found[n] = t
		}
		switch ext {
		case "jpg":
			t.Photo = s.abs(name)
		case "flac":
			t.Flat = s.abs(name)
		case "jpg.part", "flac.part": // half of either is nothing
		default:
			t.Audio, t.Size, t.Partial = s.abs(name), fi.Size(), strings.HasSuffix(ext, "part")
		}
	}
	var list []Take
	for n, t := range found {
		if t.Audio == "" {
			t.Audio = t.Flat
		}
		if name, ok := dated[n]; ok {
			// One that cannot be read is as good as none: the take is kept longer.
			if err := s.disk.readJSON(name, &t.Made); err != nil && !errors.Is(err, ErrDamaged) {
				return nil, err
			}
		}
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Take) int { return cmp.Compare(a.Take, b.Take) })
	return list, nil
}

func takeName(hop string, take int, ext string) (string, error) {
	if !protocol.ValidID(hop) || take < 1 {
		return "", unknown("take", hop)
	}
	return path.Join("takes", hop, strconv.Itoa(take)+ext), nil
}
