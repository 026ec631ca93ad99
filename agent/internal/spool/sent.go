package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"illumi/protocol"
)

// SentItem is a reply that the server holds.
type SentItem struct {
	Item
	Receipt protocol.Receipt
}

const (
	receiptName = "receipt.json"
	uploadsName = "uploads.json"
	putName     = "put.json"
)

// Upload is how far a file of an item has come.
type Upload struct {
	ID   string `json:"id"` // the server's
	Done bool   `json:"done,omitempty"`
}

// Uploads returns, by digest, what SaveUploads kept.
func (s *Spool) Uploads(id string) (map[string]Upload, error) {
	uploads := map[string]Upload{}
	if !protocol.ValidID(id) {
		return nil, unknown("reply", id)
	}
	err := s.disk.readJSON(path.Join("outbox", id, uploadsName), &uploads)
	// Without them the upload starts anew: dearer, never wrong.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		return map[string]Upload{}, nil
	}
	return uploads, tell("read uploads", err)
}

// SaveUploads keeps the uploads beside the item, durably, before bytes leave.
func (s *Spool) SaveUploads(id string, uploads map[string]Upload) error {
	return s.beside(id, uploadsName, uploads)
}

// WasPut reports that MarkPut was called for an item of the outbox.
func (s *Spool) WasPut(id string) bool {
	return protocol.ValidID(id) && s.disk.exists(path.Join("outbox", id, putName))
}

// MarkPut keeps that the server is about to be told of the reply: from here on
// Unseal refuses, because no answer does not mean that it was not stored.
func (s *Spool) MarkPut(id string) error { return s.beside(id, putName, true) }

func (s *Spool) beside(id, name string, v any) error {
	if !protocol.ValidID(id) {
		return unknown("reply", id)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	dir := path.Join("outbox", id)
	if !s.disk.exists(dir) {
		return unknown("reply", id)
	}
	return tell("write beside a reply", s.disk.writeJSON(path.Join(dir, name), v))
}

// Sent keeps the receipt, synced, and only then moves the item out of the
// outbox. Repeating it is fine. After Wipe it does not stay.
func (s *Spool) Sent(id string, r protocol.Receipt) error {
	if !protocol.ValidID(id) || r.Reply != id {
		return unknown("reply", id)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	from, to := path.Join("outbox", id), path.Join("sent", id)
	if !s.disk.exists(from) {
		if s.over.Load() && s.disk.exists(to) {
			return tell("erase a sent reply", s.eraseSent(id))
		}
		if s.disk.exists(to) {
			return tell("keep a receipt", errors.Join(s.disk.syncDir("sent"), s.disk.syncDir("outbox")))
		}
		return unknown("reply", id)
	}
	if err := s.disk.writeJSON(path.Join(from, receiptName), r); err != nil {
		return tell("keep a receipt", err)
	}
	if err := s.moveToSent(from, to); err != nil {
		return tell("keep a receipt", err)
	}
	if s.over.Load() {
		return tell("erase a sent reply", s.eraseSent(id))
	}
	s.sentAt[id] = time.Now()
	return nil
}

// moveToSent moves an item that has its receipt. What lies at its place already
// is the same reply, which a rename cannot replace.
func (s *Spool) moveToSent(from, to string) error {
	if err := s.disk.vanish(to); err != nil {
		return err
	}
	return s.move(from, to)
}

// acked reports that a whole receipt of the reply lies in dir.
func (s *Spool) acked(dir, id string) bool {
	var r protocol.Receipt
	return s.disk.readJSON(path.Join(dir, receiptName), &r) == nil && r.Reply == id
}

func (s *Spool) move(from, to string) error {
	if err := s.disk.rename(from, to); err != nil {
		return err
	}
	return errors.Join(s.disk.syncDir(path.Dir(to)), s.disk.syncDir(path.Dir(from)))
}

// finishSent moves what has its receipt and was not moved before a cut: a reply
// with a receipt is sent, wherever it lies.
func (s *Spool) finishSent() error {
	names, err := s.disk.names("outbox")
	if err != nil {
		return tell("finish sent replies", err)
	}
	for _, id := range names {
		if !protocol.ValidID(id) {
			continue
		}
		from, to := path.Join("outbox", id), path.Join("sent", id)
		switch {
		case s.acked(to, id) && s.intact(to):
			// It is sent, whatever else lies here: a file system check after a
			// cut, or a copy made while it moved, can leave it in both places.
			err = s.disk.vanish(from)
		case s.acked(from, id):
			err = s.moveToSent(from, to)
		default:
			continue // no whole receipt: it is sent again and gets the same one
		}
		if err != nil {
			return tell("finish sent replies", err)
		}
	}
	return nil
}

func (s *Spool) intact(dir string) bool {
	_, err := s.readManifest(dir)
	return err == nil
}

// SentItems lists what the server holds and the box still keeps, oldest first.
func (s *Spool) SentItems() ([]SentItem, error) {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	return s.sentItems()
}

func (s *Spool) sentItems() ([]SentItem, error) {
	names, err := s.disk.names("sent")
	if err != nil {
		return nil, tell("list sent replies", err)
	}
	var list []SentItem
	for _, id := range names {
		if !protocol.ValidID(id) {
			continue
		}
		it := SentItem{Item: Item{ID: id}}
		// A damaged one sorts first and is the first to be erased.
		if m, err := s.readManifest(path.Join("sent", id)); err == nil {
			it.Item = m
		} else if !errors.Is(err, ErrDamaged) {
			return nil, tell("list sent replies", err)
		}
		if err := s.disk.readJSON(path.Join("sent", id, receiptName), &it.Receipt); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
			return nil, tell("list sent replies", err)
		}
		list = append(list, it)
	}
	slices.SortFunc(list, func(a, b SentItem) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
	return list, nil
}

// Unseal takes a reply back that never left the box: its files are takes again.
// ErrMaybeSent says that the server has to be asked.
func (s *Spool) Unseal(id string) error {
	if !protocol.ValidID(id) {
		return unknown("reply", id)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	dir := path.Join("outbox", id)
	switch {
	case s.disk.exists(path.Join(dir, putName)), s.disk.exists(path.Join("sent", id)):
		return ErrMaybeSent
	case !s.disk.exists(dir):
		return unknown("reply", id)
	}
	return tell("take a reply back", s.restore(dir))
}

// Recall does the same once the server has given the reply back.
func (s *Spool) Recall(id string) error {
	if !protocol.ValidID(id) {
		return unknown("reply", id)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	for _, dir := range []string{path.Join("sent", id), path.Join("outbox", id)} {
		if s.disk.exists(dir) {
			return tell("take a reply back", s.restore(dir))
		}
	}
	return unknown("reply", id)
}

// restore makes an item's files takes again, durably, then erases the item.
func (s *Spool) restore(dir string) error {
	it, err := s.readManifest(dir)
	if err != nil {
		return err
	}
	takes := path.Join("takes", it.Hop)
	if err := s.disk.mkdirSynced(takes); err != nil {
		return err
	}
	for _, f := range it.Files {
		ext := path.Ext(f.Name)
		if f.Role == protocol.RoleImage {
			ext = photoExt
		}
		to := path.Join(takes, strconv.Itoa(it.Take)+ext)
		if s.disk.exists(to) {
			continue
		}
		temp := path.Join(takes, tempPrefix+newID())
		if err := s.disk.clone(path.Join(dir, f.Name), temp, false); err != nil {
			return errors.Join(err, s.disk.remove(temp))
		}
		if err := s.settle(temp, to); err != nil {
			return fmt.Errorf("restore a take: %w", errors.Join(err, s.disk.remove(temp)))
		}
	}
	if err := s.disk.syncDir(takes); err != nil {
		return err
	}
	return s.disk.vanish(dir)
}

// settle syncs a file and gives it its name. The caller syncs the directory.
func (s *Spool) settle(temp, to string) error {
	f, err := s.disk.root.Open(temp)
	if err != nil {
		return err
	}
	if err := errors.Join(s.disk.syncFile(f, temp), f.Close()); err != nil {
		return err
	}
	return s.disk.rename(temp, to)
}

// ReplyAudio is where a sealed reply's recording lies, sent or not, for the
// citizen who wants to hear it. ErrUnknown says that it is erased.
func (s *Spool) ReplyAudio(id string) (string, error) {
	if !protocol.ValidID(id) {
		return "", unknown("reply", id)
	}
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	for _, dir := range []string{path.Join("outbox", id), path.Join("sent", id)} {
		it, err := s.readManifest(dir)
		if errors.Is(err, ErrDamaged) {
			continue // there is none, or none that can be believed
		}
		if err != nil {
			return "", tell("find a recording", err)
		}
		for _, f := range it.Files {
			if name := path.Join(dir, f.Name); f.Role == protocol.RoleAudio && s.disk.exists(name) {
				return path.Join(s.o.Dir, name), nil
			}
		}
	}
	return "", unknown("reply", id)
}
