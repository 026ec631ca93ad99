package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"

	"illumi/protocol"
)

// Entry is one offered hop on the box.
type Entry struct {
	Offer protocol.Offer
	// Ready: every file is here and was verified. Only then may anybody be told.
	Ready bool
	dir   string
}

// Path is where a file of the entry is once the entry is ready.
func (e Entry) Path(f protocol.File) string { return path.Join(e.dir, f.SHA256) }

// ready is the marker that makes an entry complete.
type ready struct {
	Epoch int `json:"epoch"`
}

// Reserve keeps an open offer durably, so that the server need not repeat it.
// Reserving the same offer again changes nothing; a newer epoch replaces an
// older one and an older one is refused with ErrStale. A hop beyond the first
// MaxOpen, or one whose media would not leave the reserve free, is refused with
// ErrCrowded; the first one never is. After Wipe all are refused with ErrOver.
func (s *Spool) Reserve(o protocol.Offer) (Entry, error) {
	if err := o.Check(); err != nil {
		return Entry{}, fmt.Errorf("spool: reserve: %w", err)
	}
	if o.State != protocol.OfferOpen {
		return Entry{}, fmt.Errorf("spool: reserve: the offer is %s", o.State)
	}
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	if s.over.Load() {
		return Entry{}, ErrOver
	}
	old, err := s.entry(o.Hop)
	known := err == nil
	switch {
	case known && old.Offer.Epoch > o.Epoch:
		return old, ErrStale
	case known && reflect.DeepEqual(old.Offer, o):
		return old, nil
	case err != nil && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrDamaged):
		return Entry{}, tell("reserve", err)
	}
	if errors.Is(err, ErrUnknown) {
		if err := s.roomFor(o); err != nil {
			return Entry{}, tell("reserve", err)
		}
	}
	dir := path.Join("inbox", o.Hop)
	if err := s.disk.mkdirSynced(dir); err != nil {
		return Entry{}, tell("reserve", err)
	}
	if known && (old.Offer.Epoch != o.Epoch || !reflect.DeepEqual(old.Offer.Files, o.Files)) {
		if err := s.unready(o.Hop); err != nil {
			return Entry{}, tell("reserve", err)
		}
	}
	if err := s.disk.writeJSON(path.Join(dir, "offer.json"), o); err != nil {
		return Entry{}, tell("reserve", err)
	}
	e, err := s.entry(o.Hop)
	return e, tell("reserve", err)
}

// roomFor refuses what the box cannot take beside what it has promised to
// fetch. The caller holds inboxMu.
func (s *Spool) roomFor(o protocol.Offer) error {
	names, err := s.disk.names("inbox")
	if err != nil {
		return err
	}
	open, bytes := 0, size(o.Files)
	for _, hop := range names {
		e, err := s.entry(hop)
		switch {
		case errors.Is(err, ErrUnknown), errors.Is(err, ErrDamaged):
			continue // the cursor's file, or what Inbox clears away
		case err != nil:
			return err
		}
		if e.Offer.State == protocol.OfferOpen {
			open++
			bytes += size(s.missing(e))
		}
	}
	if open == 0 {
		return nil
	}
	if open >= s.o.MaxOpen {
		return fmt.Errorf("%w: %d wait", ErrCrowded, open)
	}
	free, err := s.o.Free(s.o.Dir)
	if err == nil && bytes > free-s.o.Reserve {
		err = fmt.Errorf("%w: %d bytes to fetch, %d free", ErrCrowded, bytes, free)
	}
	return err
}

func size(files []protocol.File) (n int64) {
	for _, f := range files {
		n += f.Size
	}
	return n
}

func (s *Spool) unready(hop string) error {
	dir := path.Join("inbox", hop)
	if err := s.disk.remove(path.Join(dir, "ready.json")); err != nil {
		return err
	}
	return s.disk.syncDir(dir)
}

// entry reads one hop. The caller holds inboxMu.
func (s *Spool) entry(hop string) (Entry, error) {
	if !protocol.ValidID(hop) {
		return Entry{}, unknown("hop", hop)
	}
	dir := path.Join("inbox", hop)
	e := Entry{dir: s.abs(dir)}
	if err := s.disk.readJSON(path.Join(dir, "offer.json"), &e.Offer); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return e, unknown("hop", hop)
		}
		return e, err
	}
	if err := e.Offer.Check(); err != nil || e.Offer.Hop != hop {
		return e, fmt.Errorf("%w: offer.json of a hop", ErrDamaged)
	}
	var r ready
	switch err := s.disk.readJSON(path.Join(dir, "ready.json"), &r); {
	case err == nil:
		e.Ready = r.Epoch == e.Offer.Epoch && len(s.missing(e)) == 0
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrDamaged):
		return e, err
	}
	return e, nil
}

func (s *Spool) missing(e Entry) []protocol.File {
	var list []protocol.File
	for _, f := range e.Offer.Files {
		fi, err := s.disk.root.Stat(path.Join("inbox", e.Offer.Hop, f.SHA256))
		if err != nil || fi.Size() != f.Size {
			list = append(list, f)
		}
	}
	return list
}

// Missing lists the files of a hop that still have to be fetched.
func (s *Spool) Missing(hop string) ([]protocol.File, error) {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	e, err := s.entry(hop)
	if err != nil {
		return nil, err
	}
	return s.missing(e), nil
}

// Entry returns one hop, or ErrUnknown.
func (s *Spool) Entry(hop string) (Entry, error) {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	return s.entry(hop)
}

// Inbox lists every hop on the box, in the order in which the server offered
// them. A folder without a readable offer is removed and the cursor forgotten,
// so that the server is asked for everything again.
func (s *Spool) Inbox() ([]Entry, error) {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	names, err := s.disk.names("inbox")
	if err != nil {
		return nil, tell("list the inbox", err)
	}
	var list []Entry
	for _, hop := range names {
		if !protocol.ValidID(hop) {
			continue
		}
		e, err := s.entry(hop)
		switch {
		case err == nil:
			list = append(list, e)
		case s.o.Guest:
		case errors.Is(err, ErrUnknown) || errors.Is(err, ErrDamaged):
			if err := errors.Join(s.disk.remove(cursorName), s.disk.syncDir("inbox")); err != nil {
				return nil, tell("forget the cursor", err)
			}
			if err := s.disk.vanish(path.Join("inbox", hop)); err != nil {
				return nil, tell("remove a damaged offer", err)
			}
		default:
			return nil, tell("list the inbox", err)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(a.Offer.OfferedAt.Compare(b.Offer.OfferedAt), cmp.Compare(a.Offer.Position, b.Offer.Position), cmp.Compare(a.Offer.Hop, b.Offer.Hop))
	})
	return list, nil
}

// Complete marks a hop as whole once each of its files is in place: from here on
// it may be shown, also after a power cut.
func (s *Spool) Complete(hop string, epoch int) (Entry, error) {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	e, err := s.entry(hop)
	if err != nil {
		return e, tell("complete", err)
	}
	if e.Offer.Epoch != epoch || e.Offer.State != protocol.OfferOpen {
		return e, ErrStale
	}
	if n := len(s.missing(e)); n > 0 {
		return e, fmt.Errorf("spool: complete: %d files are missing", n)
	}
	if e.Ready {
		return e, nil
	}
	if err := s.disk.writeJSON(path.Join("inbox", hop, "ready.json"), ready{Epoch: epoch}); err != nil {
		return e, tell("complete", err)
	}
	e.Ready = true
	return e, nil
}

// Recheck reads every byte of a ready hop again. A file that is not what it
// was is removed, the hop is no longer ready and ErrDamaged returned: it has to
// be fetched anew.
func (s *Spool) Recheck(hop string) error {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	e, err := s.entry(hop)
	if err != nil {
		return tell("check a hop", err)
	}
	var bad error
	for _, f := range e.Offer.Files {
		name := path.Join("inbox", hop, f.SHA256)
		sum, size, err := s.digest(name)
		if err == nil && sum == f.SHA256 && size == f.Size {
			continue
		}
		bad = errors.Join(bad, err, fmt.Errorf("%w: the %s of a hop", ErrDamaged, f.Role), s.unready(hop), s.disk.remove(name))
	}
	return tell("check a hop", bad)
}

// CloseOffer keeps that the server says the turn is over. The entry stays until
// Forget, marked, so that a cut in between does not lose the news. known is
// false where the box has no such hop or a newer offer of it.
func (s *Spool) CloseOffer(hop string, epoch int, state protocol.OfferState) (e Entry, known bool, err error) {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	e, err = s.entry(hop)
	switch {
	case errors.Is(err, ErrUnknown):
		return e, false, nil
	case err != nil:
		return e, false, tell("close an offer", err)
	case e.Offer.Epoch > epoch:
		return e, false, nil
	case e.Offer.State == state:
		return e, true, nil
	}
	e.Offer.State = state
	return e, true, tell("close an offer", s.disk.writeJSON(path.Join("inbox", hop, "offer.json"), e.Offer))
}

// Forget erases a hop's offer and media. An absent one is fine.
func (s *Spool) Forget(hop string) error {
	if !protocol.ValidID(hop) {
		return unknown("hop", hop)
	}
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	return tell("forget a hop", s.disk.vanish(path.Join("inbox", hop)))
}

// ForgetUpTo is Forget, but an offer of a later epoch stays: it came while
// somebody was still busy with the earlier one, and the server will not repeat it.
func (s *Spool) ForgetUpTo(hop string, epoch int) error {
	s.inboxMu.Lock()
	defer s.inboxMu.Unlock()
	e, err := s.entry(hop)
	switch {
	case errors.Is(err, ErrUnknown):
		return nil
	case err == nil && e.Offer.Epoch > epoch:
		return nil
	case err != nil && !errors.Is(err, ErrDamaged):
		return tell("forget a hop", err)
	}
	return tell("forget a hop", s.disk.vanish(path.Join("inbox", hop)))
}

const cursorName = "inbox/cursor.json"

type cursor struct {
	Server string `json:"server"`
	Cursor string `json:"cursor"`
}

// Cursor is where to go on asking this server for offers; "" is the beginning,
// also when the server's database is another one than before.
func (s *Spool) Cursor(server string) (string, error) {
	var c cursor
	err := s.disk.readJSON(cursorName, &c)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrDamaged), err == nil && c.Server != server:
		return "", nil
	case err != nil:
		return "", tell("read the cursor", err)
	}
	return c.Cursor, nil
}

// SaveCursor keeps the cursor. Call it once every offer before it is reserved.
func (s *Spool) SaveCursor(server, at string) error {
	return tell("keep the cursor", s.disk.writeJSON(cursorName, cursor{Server: server, Cursor: at}))
}
