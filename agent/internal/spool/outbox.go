package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"illumi/protocol"
)

// Draft is a reply about to be sealed.
type Draft struct {
	Hop, Whisper string
	Epoch, Take  int
	Files        []DraftFile
	Facts        protocol.Facts
}

// DraftFile is a file of a draft. Path is full; a take of this spool is linked,
// anything else is copied.
type DraftFile struct {
	Role protocol.Role
	Type string
	Path string
}

// Item is a sealed reply. Nothing in it changes any more.
type Item struct {
	ID      string         `json:"id"`  // the reply's id, made when it was sealed
	Seq     int64          `json:"seq"` // order of sealing; no clock decides it
	Hop     string         `json:"hop"`
	Whisper string         `json:"whisper"`
	Epoch   int            `json:"epoch"`
	Take    int            `json:"take"`
	Files   []ItemFile     `json:"files"`
	Facts   protocol.Facts `json:"facts"`
	// Quiet: no citizen waits for it, see Quieten and SendAgain. It is kept
	// beside the manifest.
	Quiet bool `json:"-"`
}

// ItemFile is a file of an item.
type ItemFile struct {
	protocol.File
	Name string `json:"name"`
}

// Damaged is a reply that was set aside.
type Damaged struct {
	ID     string `json:"id"`
	Hop    string `json:"hop,omitempty"` // where the manifest still says it
	Reason string `json:"reason"`
}

const manifestName = "manifest.json"

// Seal makes a draft a reply that will be sent: digests from the bytes on the
// disk, everything synced, then one rename. When Seal returns nil the reply is
// saved, and not before. Sealing the same take of the same hop and epoch again
// returns the same item.
func (s *Spool) Seal(d Draft) (Item, error) {
	if !protocol.ValidID(d.Hop) || d.Epoch < 1 || d.Take < 1 || len(d.Files) == 0 {
		return Item{}, errors.New("spool: seal: the draft names no hop, take or file")
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	it, place, last, err := s.findSealed(d.Hop, d.Epoch, d.Take)
	if err != nil {
		return Item{}, tell("seal", err)
	}
	if place != "" {
		// An earlier call may have failed at this very last step.
		return it, tell("seal", s.disk.syncDir(place))
	}
	it = Item{ID: newID(), Seq: last + 1, Hop: d.Hop, Whisper: d.Whisper, Epoch: d.Epoch, Take: d.Take, Facts: d.Facts}
	dir := path.Join("outbox", newPrefix+it.ID)
	if err := s.fill(dir, &it, d.Files); err != nil {
		return Item{}, tell("seal", errors.Join(err, s.disk.remove(dir)))
	}
	if err := s.disk.rename(dir, path.Join("outbox", it.ID)); err != nil {
		return Item{}, tell("seal", errors.Join(err, s.disk.remove(dir)))
	}
	return it, tell("seal", s.disk.syncDir("outbox"))
}

// fill writes a whole item into dir, the manifest last.
func (s *Spool) fill(dir string, it *Item, files []DraftFile) error {
	if err := s.disk.mkdir(dir); err != nil {
		return err
	}
	for _, df := range files {
		f, err := s.take(dir, df)
		if err != nil {
			return err
		}
		it.Files = append(it.Files, f)
	}
	if err := it.check(); err != nil {
		return err
	}
	return s.writeManifest(dir, *it)
}

// take brings one file into dir, synced and with its digest.
func (s *Spool) take(dir string, df DraftFile) (ItemFile, error) {
	ext := strings.ToLower(filepath.Ext(df.Path))
	if len(ext) > 6 || strings.Trim(ext, ".abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		ext = ""
	}
	f := ItemFile{Name: string(df.Role) + ext}
	name := path.Join(dir, f.Name)
	from := ""
	if rel, err := filepath.Rel(s.o.Dir, df.Path); err == nil && filepath.IsLocal(rel) {
		from = filepath.ToSlash(rel)
	}
	if err := s.bring(from, df.Path, name); err != nil {
		return f, err
	}
	file, err := s.disk.root.Open(name)
	if err != nil {
		return f, err
	}
	if err := errors.Join(s.disk.syncFile(file, name), file.Close()); err != nil {
		// The next attempt must write these bytes anew, not sync them again.
		if from != "" {
			s.suspect[from] = true
		}
		return f, err
	}
	sum, size, err := s.digest(name)
	if err != nil {
		return f, err
	}
	f.File = protocol.File{Role: df.Role, SHA256: sum, Size: size, Type: df.Type, Encoding: protocol.EncodingPlain}
	return f, f.Check()
}

func (s *Spool) bring(from, full, to string) error {
	if from != "" {
		return s.disk.clone(from, to, s.suspect[from])
	}
	src, err := os.Open(full)
	if err != nil {
		return err
	}
	return errors.Join(s.disk.copyIn(src, to), src.Close())
}

// findSealed looks for a sealed take and the highest number given so far.
func (s *Spool) findSealed(hop string, epoch, take int) (found Item, place string, last int64, err error) {
	for _, dir := range []string{"outbox", "sent"} {
		names, err := s.disk.names(dir)
		if err != nil {
			return found, "", 0, err
		}
		for _, id := range names {
			if !protocol.ValidID(id) {
				continue
			}
			it, err := s.readManifest(path.Join(dir, id))
			if errors.Is(err, ErrDamaged) {
				continue // Items sets it aside and reports it
			}
			if err != nil {
				return found, "", 0, err
			}
			last = max(last, it.Seq)
			if it.Hop == hop && it.Epoch == epoch && it.Take == take {
				found, place = it, dir
			}
		}
	}
	return found, place, last, nil
}

// Items lists the sealed replies that are not yet acknowledged, in the order in
// which they were sealed. One that cannot be read, or whose files are gone, is
// moved to outbox-damaged and reported; nothing is deleted.
func (s *Spool) Items() (items []Item, damaged []Damaged, err error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	names, err := s.disk.names("outbox")
	if err != nil {
		return nil, nil, tell("list the outbox", err)
	}
	for _, id := range names {
		if !protocol.ValidID(id) {
			continue
		}
		it, err := s.whole(id)
		switch {
		case err == nil:
			items = append(items, it)
		case !errors.Is(err, ErrDamaged):
			return nil, damaged, tell("list the outbox", err)
		case !s.o.Guest:
			d, err := s.setAside(id, it.Hop, err.Error())
			if err != nil {
				return nil, damaged, err
			}
			damaged = append(damaged, d)
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
	return items, damaged, nil
}

// whole reads an item of the outbox and looks whether its files are there.
func (s *Spool) whole(id string) (Item, error) {
	dir := path.Join("outbox", id)
	it, err := s.readManifest(dir)
	if err != nil {
		return it, err
	}
	if it.ID != id {
		return it, fmt.Errorf("%w: the manifest is another reply's", ErrDamaged)
	}
	it.Quiet = s.disk.exists(path.Join(dir, quietName))
	for _, f := range it.Files {
		fi, err := s.disk.root.Stat(path.Join(dir, f.Name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && fi.Size() != f.Size {
			return it, fmt.Errorf("%w: the %s is missing or short", ErrDamaged, f.Role)
		}
		if err != nil {
			return it, err
		}
	}
	return it, nil
}

// Verify reads every byte of an item. Bytes that are not what was sealed return
// ErrDamaged, an item that is no longer in the outbox ErrUnknown.
func (s *Spool) Verify(it Item) error {
	for _, f := range it.Files {
		sum, size, err := s.digest(path.Join("outbox", it.ID, f.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist) && !s.disk.exists(path.Join("outbox", it.ID)):
			return unknown("reply", it.ID)
		case errors.Is(err, fs.ErrNotExist), unreadable(err), err == nil && (sum != f.SHA256 || size != f.Size):
			return fmt.Errorf("spool: verify: %w: the %s is not what was sealed", ErrDamaged, f.Role)
		case err != nil:
			return tell("verify", err)
		}
	}
	return nil
}

// OpenFile opens a file of an item for reading.
func (s *Spool) OpenFile(it Item, f ItemFile) (*os.File, error) {
	file, err := s.disk.root.Open(path.Join("outbox", it.ID, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown("reply", it.ID)
	}
	return file, tell("open a reply", err)
}

// Quarantine sets a damaged item aside. Its bytes are kept.
func (s *Spool) Quarantine(it Item, reason string) (Damaged, error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	return s.setAside(it.ID, it.Hop, reason)
}

func (s *Spool) setAside(id, hop, reason string) (Damaged, error) {
	d := Damaged{ID: id, Hop: hop, Reason: reason}
	to := path.Join("outbox-damaged", id)
	if s.disk.exists(to) {
		to = path.Join("outbox-damaged", newID())
	}
	if err := s.disk.rename(path.Join("outbox", id), to); err != nil {
		return d, tell("set a damaged reply aside", err)
	}
	why := s.disk.writeJSON(path.Join(to, "reason.json"), d)
	if unreadable(why) {
		why = nil // it is no folder at all
	}
	err := errors.Join(s.disk.syncDir("outbox-damaged"), s.disk.syncDir("outbox"), why)
	return d, tell("set a damaged reply aside", err)
}

// NoteDamaged keeps what was found out about an item that was set aside.
func (s *Spool) NoteDamaged(d Damaged) error {
	dir := path.Join("outbox-damaged", d.ID)
	if !protocol.ValidID(d.ID) || !s.disk.exists(dir) {
		return unknown("reply", d.ID)
	}
	return tell("note a damaged reply", s.disk.writeJSON(path.Join(dir, "reason.json"), d))
}

// DamagedItems lists what was ever set aside.
func (s *Spool) DamagedItems() ([]Damaged, error) {
	names, err := s.disk.names("outbox-damaged")
	if err != nil {
		return nil, tell("list damaged replies", err)
	}
	var list []Damaged
	for _, id := range names {
		d := Damaged{ID: id, Reason: "unknown"}
		if err := s.disk.readJSON(path.Join("outbox-damaged", id, "reason.json"), &d); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged) {
			return nil, tell("list damaged replies", err)
		}
		list = append(list, d)
	}
	return list, nil
}
