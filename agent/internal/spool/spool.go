// Package spool is what the box keeps on its disk, and the one place that may
// say "saved". Everything appears by a rename after a sync or not at all; only
// the owner of the directory ever takes anything away.
//
//	inbox/<hop>/          offer.json, files by digest, ready.json last
//	takes/<hop>/          <take>.wav, <take>.jpg; with .part while being made
//	outbox/<reply>/       sealed replies: manifest.json, audio.*, image.*
//	sent/<reply>/         the same with receipt.json; the last few, for a week
//	outbox-damaged/       replies whose bytes are not what was sealed
//	outbox-before/        replies that another box of this card never sent, see BeginAnew
//	takes-damaged/        recordings that could not be read, for as long as a take
//	progress/<hop>.json   what happened to a hop, and what the server knows of it
//	journal/<key>.json    small state of the program
//	journal/reports.unsent  what people shall know of the box, until the server does
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Errors a caller may act on.
var (
	// ErrInUse: another process owns the directory.
	ErrInUse = errors.New("spool: another process uses the state directory")
	// ErrFull: the disk has no room.
	ErrFull = errors.New("the disk is full")
	// ErrReadOnly: nothing can be written, as where the card is worn out.
	ErrReadOnly = errors.New("the disk is read-only")
	// ErrNotOurs: the state directory, or something in it, is another user's.
	ErrNotOurs = errors.New("the state directory belongs to another user")
	// ErrGone: the state directory, or a part of it, was taken away or replaced.
	ErrGone = errors.New("the state directory was taken away")
	// ErrDamaged: bytes on the disk are not what was written.
	ErrDamaged = errors.New("damaged on the disk")
	// ErrStale: a newer offer of the same hop is known.
	ErrStale = errors.New("spool: a newer offer of this hop is known")
	// ErrOver: the study ended, and the box takes no more of it.
	ErrOver = errors.New("spool: the study has ended")
	// ErrCrowded: the box holds as many offers as it can.
	ErrCrowded = errors.New("spool: no room for another offer")
	// ErrUnknown: there is no such hop, take or reply here.
	ErrUnknown = errors.New("spool: not here")
	// ErrMaybeSent: the server may hold the reply; only it can take it back.
	ErrMaybeSent = errors.New("spool: the server may already hold this reply")
)

// Options of a Spool. Only Dir is needed.
type Options struct {
	Dir string
	// Guest opens the directory beside the process that owns it: a guest may
	// seal and read, and neither sweeps nor moves anything.
	Guest bool
	// Reserve is the free space, in bytes, below which Low is true; 0 is 200 MB
	// (people.md E_DISK).
	Reserve int64
	// MaxOpen is how many open offers are kept at a time; 0 is 100.
	MaxOpen int
	// KeepSent and KeepSentFor bound what stays after its receipt; 0 is 5 items
	// and 7 days (reliability.md R4).
	KeepSent    int
	KeepSentFor time.Duration
	// Rescan is how often Watch looks by itself; 0 is a minute.
	Rescan time.Duration
	// Free returns the free bytes of the file system; nil asks the kernel.
	Free   func(dir string) (int64, error)
	Logger *slog.Logger
	// Fault is called before each step that changes the disk; an error makes
	// that step fail. For tests.
	Fault func(op Op, name string) error
}

// Spool is an open state directory. Its methods may be called concurrently.
type Spool struct {
	o    Options
	disk *disk
	lock *os.File
	over atomic.Bool // wiped by this process

	inboxMu    sync.Mutex // inbox/
	progressMu sync.Mutex // progress/ and the reports
	// settled is when a whole and good reading found no message that waits for its
	// ack, and since when none came; doubted, that a reading was not good. Both
	// are under progressMu.
	settled  time.Time
	doubted  bool
	boxMu    sync.Mutex // takes/, outbox/, sent/: whoever seals, moves or erases
	suspect  map[string]bool
	sentAt   map[string]time.Time // when this process kept an item's receipt
	returned map[string]bool      // moved from sent to outbox, not yet seen by Watch
	repeated map[string]bool      // moved from sent to outbox by this process
}

var folders = []string{"inbox", "takes", "outbox", "sent", "outbox-damaged", asideDir, "progress", "journal"}

// Open makes the directory if need be, takes its lock, removes what a cut left
// half done and finishes what was decided.
func Open(o Options) (*Spool, error) {
	if o.Reserve == 0 {
		o.Reserve = 200_000_000
	}
	if o.MaxOpen == 0 {
		o.MaxOpen = 100
	}
	if o.KeepSent == 0 {
		o.KeepSent = 5
	}
	if o.KeepSentFor == 0 {
		o.KeepSentFor = 7 * 24 * time.Hour
	}
	if o.Rescan == 0 {
		o.Rescan = time.Minute
	}
	if o.Free == nil {
		o.Free = freeBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, tell("open the state directory", err)
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, tell("make the state directory", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, tell("open the state directory", err)
	}
	s := &Spool{o: o, disk: &disk{root: root, fault: o.Fault}, suspect: map[string]bool{}, sentAt: map[string]time.Time{}, returned: map[string]bool{}, repeated: map[string]bool{}}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Spool) start() error {
	if !s.o.Guest {
		if err := s.takeLock(); err != nil {
			return err
		}
	}
	for _, name := range folders {
		err := tell("make "+name, s.disk.mkdirSynced(name))
		// The last folder to be thought of is missing on older boxes' full cards.
		if err != nil && (name != asideDir || !errors.Is(err, ErrFull) && !errors.Is(err, ErrReadOnly)) {
			return err
		}
	}
	if s.o.Guest {
		return nil
	}
	err := s.recover()
	if errors.Is(err, ErrReadOnly) {
		// What is there can still be played, and what waits be sent.
		s.o.Logger.Error("nothing can be written to the disk", "error", err)
		return nil
	}
	return err
}

func (s *Spool) takeLock() error {
	f, err := s.disk.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, syscall.EROFS) {
		f, err = s.disk.root.Open("lock")
	}
	if err != nil {
		return tell("open the lock", err)
	}
	if err := lock(f); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errors.Join(ErrInUse, f.Close())
		}
		return errors.Join(tell("lock the state directory", err), f.Close())
	}
	s.lock = f
	return nil
}

// lock waits a moment for an owner that is just ending: a recorder that it was
// starting has the lock until it has become that other program.
func lock(f *os.File) (err error) {
	for range 25 {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// Close gives up the lock. What is on the disk stays.
func (s *Spool) Close() error {
	err := s.disk.root.Close()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// recover removes orphans and finishes moves that a cut interrupted.
func (s *Spool) recover() error {
	for _, dir := range append([]string{"."}, folders...) {
		if err := s.sweep(dir); err != nil {
			return tell("sweep "+dir, err)
		}
	}
	for _, dir := range []string{"inbox", "takes", "outbox", "sent"} {
		subs, err := s.disk.names(dir)
		if err != nil {
			return tell("sweep "+dir, err)
		}
		for _, sub := range subs {
			if err := s.sweep(path.Join(dir, sub)); err != nil && !unreadable(err) {
				return tell("sweep "+dir, err)
			}
		}
	}
	if _, err := s.Inbox(); err != nil {
		return err
	}
	return errors.Join(s.finishSent(), s.finishAgain())
}

// sweep removes the orphans of one directory; a plain file has none.
func (s *Spool) sweep(dir string) error {
	if dir == "." { // other programs write here as well
		return s.sweepOf(dir, func(name string) bool {
			return strings.HasPrefix(name, trialPrefix) || strings.HasPrefix(name, gonePrefix)
		})
	}
	return s.sweepOf(dir, orphan)
}

func (s *Spool) sweepOf(dir string, gone func(name string) bool) error {
	f, err := s.disk.root.Open(dir)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil || !fi.IsDir() {
		return errors.Join(err, f.Close())
	}
	names, err := f.Readdirnames(-1)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if !gone(name) {
			continue
		}
		err := s.disk.remove(path.Join(dir, name))
		if unreadable(err) {
			s.o.Logger.Warn("an orphan cannot be erased", "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// abs is the full path of a name in the spool, for programs that play or show it.
func (s *Spool) abs(name string) string { return filepath.Join(s.o.Dir, filepath.FromSlash(name)) }

func unknown(what, id string) error { return fmt.Errorf("%w: %s %.64q", ErrUnknown, what, id) }
