package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"illumi/server/internal/blob"
	"illumi/server/internal/model"
)

// Swept counts what a sweep removed.
type Swept struct {
	Unfinished int // uploads that stopped for good
	Unclaimed  int // recorded uploads that nobody named
	Blobs      int
}

// sweepBatch bounds how many recorded uploads one sweep looks at.
const sweepBatch = 500

// Sweep removes uploads that got no byte for KeepDevice or KeepUser, recorded
// ones that nobody claimed within KeepFinished, and bytes that this process has
// seen unused a day ago and that are unused still. Run it about once an hour; every error is reported
// and does not stop the rest.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	var n Swept
	var errs []error
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.open))
	s.mu.Unlock()
	for _, id := range ids {
		e, ok := s.entry(id)
		if !ok {
			continue
		}
		dropped, err := s.discard(ctx, id, e.keep())
		if err != nil {
			errs = append(errs, err)
		}
		if dropped {
			n.Unfinished++
		}
	}
	rows, err := s.rec.ExpiredUploads(ctx, s.now().Add(-sweepGrace), sweepBatch)
	if err != nil {
		return n, errors.Join(append(errs, fmt.Errorf("upload: list what expired: %w", err))...)
	}
	for _, row := range rows {
		if err := s.forget(ctx, row); err != nil {
			errs = append(errs, err)
			continue
		}
		n.Unclaimed++
	}
	for _, digest := range s.longUnused() {
		removed, err := s.sweepBlob(ctx, digest)
		if err != nil {
			errs = append(errs, err)
		}
		if removed {
			n.Blobs++
		}
	}
	return n, errors.Join(errs...)
}

// forget removes a recorded upload's row. Its bytes go a day after nothing
// else is seen to name them, like all others.
func (s *Service) forget(ctx context.Context, row model.Upload) error {
	if err := s.rec.DeleteUpload(ctx, row.ID); err != nil {
		return fmt.Errorf("upload: forget: %w", err)
	}
	for _, d := range []string{row.Media.SHA256, row.Media.SharedSHA256} {
		if _, err := s.look(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// LookForUnused notes which stored bytes nothing refers to: what crashes
// between storing and recording leave. Sweep removes those of which this
// process has known it for a day, so a server that was started on a database
// older than its media removes nothing before somebody can notice. It reads
// the whole media directory; once a day is enough.
func (s *Service) LookForUnused(ctx context.Context) error {
	there := map[string]bool{}
	err := s.blobs.Walk(func(digest string, _ int64, _ time.Time) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		used, err := s.look(ctx, digest)
		there[digest] = !used
		return err
	})
	if err != nil {
		return fmt.Errorf("upload: look for unused bytes: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.unused, func(d string, _ time.Duration) bool { return !there[d] })
	return nil
}

// look asks whether anything refers to stored bytes, and keeps since when not.
func (s *Service) look(ctx context.Context, digest string) (used bool, err error) {
	if used, err = s.inUse(ctx, digest); err != nil {
		return false, fmt.Errorf("upload: ask who uses stored bytes: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if used {
		delete(s.unused, digest)
	} else if _, ok := s.unused[digest]; !ok {
		s.unused[digest] = s.uptime()
	}
	return used, nil
}

// noteUsed ends what look noted: the bytes were stored again, or are gone.
func (s *Service) noteUsed(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unused, digest)
}

func (s *Service) longUnused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for digest, since := range s.unused {
		if s.uptime()-since >= keepUnused {
			out = append(out, digest)
		}
	}
	slices.Sort(out)
	return out
}

// sweepBlob removes bytes that are still unused. An upload of the same bytes
// may be between storing and recording: storing renews their time.
func (s *Service) sweepBlob(ctx context.Context, digest string) (removed bool, err error) {
	return s.removeBlob(ctx, digest, time.Now().Add(-keepUnused))
}

// removeBlob removes bytes that are unused and were last stored before then.
func (s *Service) removeBlob(ctx context.Context, digest string, than time.Time) (removed bool, err error) {
	if used, err := s.look(ctx, digest); err != nil || used {
		return false, err
	}
	removed, err = s.blobs.RemoveOlder(digest, than)
	switch {
	case errors.Is(err, blob.ErrNotFound):
	case err != nil:
		return false, fmt.Errorf("upload: remove stored bytes: %w", err)
	case !removed:
		return false, nil
	}
	s.noteUsed(digest)
	return removed, nil
}

// busyWait and busyTries bound how long RemoveUnused waits for uploads.
const (
	busyWait  = time.Second
	busyTries = 60
)

// RemoveUnused removes stored bytes at once where nothing refers to them and
// nobody stored them again since a time. It waits for uploads that are being
// finished, for a minute; what is left after that, or after an error, goes with
// a later sweep.
func (s *Service) RemoveUnused(ctx context.Context, digests []string, since time.Time) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.running.Done()
	for range busyTries {
		// Not Lock: it would hold up every upload behind a long one.
		if s.storing.TryLock() {
			defer s.storing.Unlock()
			var errs []error
			for _, d := range digests {
				_, err := s.removeBlob(ctx, d, since)
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}
		select {
		case <-time.After(busyWait):
		case <-ctx.Done():
			return fmt.Errorf("upload: wait for others: %w", ctx.Err())
		}
	}
	return nil
}

// discard drops an unfinished upload that got no byte for so long.
func (s *Service) discard(ctx context.Context, id string, idle time.Duration) (bool, error) {
	if resting, err := s.resting(id, idle); err != nil || !resting {
		return false, err
	}
	lock, err := s.locks.NewLock(id)
	if err != nil {
		return false, fmt.Errorf("upload: lock: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := lock.Lock(ctx, func() {}); err != nil {
		return false, nil // somebody came back to it
	}
	resting, err := s.resting(id, idle)
	if err == nil && resting {
		err = s.drop(id)
	}
	return err == nil && resting, errors.Join(err, lock.Unlock())
}

func (s *Service) resting(id string, idle time.Duration) (bool, error) {
	st, err := os.Stat(s.data(id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("upload: look at an upload: %w", err)
	}
	return time.Since(st.ModTime()) > idle, nil
}
