package spool

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"illumi/protocol"
)

// freeBytes is what an ordinary user can still write to dir's file system.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// FreeIn is how many bytes the file system of a directory still has room for,
// whoever uses it.
func FreeIn(dir string) (int64, error) {
	n, err := freeBytes(dir)
	return n, tell("look for room", err)
}

// Free is how many bytes the file system still has room for.
func (s *Spool) Free() (int64, error) {
	n, err := s.o.Free(s.o.Dir)
	return n, tell("look for room", err)
}

// Low reports less room than the reserve: a recording may not begin (E_DISK).
func (s *Spool) Low() (bool, error) {
	n, err := s.Free()
	return n < s.o.Reserve, err
}

// MakeRoom erases what the server already holds until the reserve is free
// again, oldest first: sent replies, then media of turns that are over. An unsent
// reply or take is never touched. low says whether it was not enough.
func (s *Spool) MakeRoom() (low bool, err error) {
	low, err = s.Low()
	if err != nil || !low {
		return low, err
	}
	s.boxMu.Lock()
	sent, err := s.sentItems()
	for _, it := range sent {
		if err != nil || !low {
			break
		}
		if s.leaving(it.ID) {
			continue
		}
		if err = s.eraseSent(it.ID); err == nil {
			low, err = s.Low()
		}
	}
	s.boxMu.Unlock()
	if err != nil || !low {
		return low, tell("make room", err)
	}
	inbox, err := s.Inbox()
	if err != nil {
		return low, err
	}
	for _, e := range inbox {
		if e.Offer.State == protocol.OfferOpen {
			continue
		}
		if err := s.Forget(e.Offer.Hop); err != nil {
			return low, err
		}
		if low, err = s.Low(); err != nil || !low {
			return low, err
		}
	}
	return low, nil
}

// eraseSent takes a sent reply away, and what this process knows of it. The
// caller holds boxMu.
func (s *Spool) eraseSent(id string) error {
	if err := s.disk.vanish(path.Join("sent", id)); err != nil {
		return err
	}
	delete(s.sentAt, id)
	delete(s.repeated, id)
	return nil
}

// Expire erases sent replies beyond the last few or older than a week, and
// progress of hops that are gone once the server knows it or a week has passed.
func (s *Spool) Expire(now time.Time) error {
	old := now.Add(-s.o.KeepSentFor)
	if err := s.expireSent(old); err != nil {
		return tell("expire sent replies", err)
	}
	return tell("expire progress", s.expireProgress(old))
}

func (s *Spool) expireSent(old time.Time) error {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	sent, err := s.sentItems()
	if err != nil {
		return err
	}
	for i, it := range sent {
		if s.leaving(it.ID) {
			continue
		}
		if len(sent)-i > s.o.KeepSent || it.Receipt.ReceivedAt.Before(old) {
			if err := s.eraseSent(it.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Spool) expireProgress(old time.Time) error {
	s.progressMu.Lock()
	defer s.progressMu.Unlock()
	return s.eachProgress(func(hop string, g progress) error {
		if s.disk.exists(path.Join("inbox", hop)) {
			return nil
		}
		for _, n := range g.Notes {
			if !n.Acked && n.Body.At.After(old) {
				return nil
			}
		}
		return s.disk.remove(path.Join("progress", hop+".json"))
	})
}

// Wipe erases all media that the box may lose at the study's end: offers, takes
// and sent replies. Unsent replies stay until they are sent. From here on no
// offer is reserved, and what is sent is not kept: what a download or an upload
// under way would still leave on the disk would stay there.
func (s *Spool) Wipe() error {
	s.inboxMu.Lock() // an offer that is being reserved is wiped as well
	s.over.Store(true)
	s.inboxMu.Unlock()
	for _, dir := range []string{"takes", asideDir, "sent"} {
		if err := s.wipe(dir); err != nil {
			return tell("wipe "+dir, err)
		}
	}
	inbox, err := s.Inbox()
	if err != nil {
		return err
	}
	for _, e := range inbox {
		if err := s.Forget(e.Offer.Hop); err != nil {
			return err
		}
	}
	// What lost its name before, and could not be erased then.
	for _, dir := range []string{"inbox", "takes", asideDir, "sent"} {
		err := s.sweepOf(dir, func(name string) bool { return strings.HasPrefix(name, gonePrefix) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return tell("wipe "+dir, err)
		}
	}
	return nil
}

func (s *Spool) wipe(dir string) error {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	if dir == "sent" { // a reply that the server lost is unsent again
		if err := s.finishAgain(); err != nil {
			return err
		}
	}
	names, err := s.disk.names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.disk.vanish(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
