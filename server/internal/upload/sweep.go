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

// Sweep removes uploads that got no byte for KeepDevice or KeepUser, and
// recorded ones that nobody claimed within KeepFinished, with their bytes where
// nothing else uses them. Run it about once an hour; every error is reported
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
		blobs, err := s.forget(ctx, row)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n.Unclaimed++
		n.Blobs += blobs
	}
	return n, errors.Join(errs...)
}

// forget removes a recorded upload. The row goes first: bytes without a row
// are found by SweepBlobs, a row without bytes would be a lie.
func (s *Service) forget(ctx context.Context, row model.Upload) (blobs int, err error) {
	if err := s.rec.DeleteUpload(ctx, row.ID); err != nil {
		return 0, fmt.Errorf("upload: forget: %w", err)
	}
	digests := []string{row.Media.SHA256}
	if row.Media.SharedSHA256 != row.Media.SHA256 {
		digests = append(digests, row.Media.SharedSHA256)
	}
	for _, d := range digests {
		removed, err := s.sweepBlob(ctx, d, time.Now().Add(-sweepGrace))
		if err != nil {
			return blobs, err
		}
		if removed {
			blobs++
		}
	}
	return blobs, nil
}

// SweepBlobs removes stored bytes that nothing refers to and that nobody has
// stored again for a day: what crashes between storing and recording leave. It
// reads the whole media directory; once a day is enough.
func (s *Service) SweepBlobs(ctx context.Context) (removed int, err error) {
	before := time.Now().Add(-KeepFinished)
	err = s.blobs.Walk(func(digest string, _ int64, mod time.Time) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !mod.Before(before) {
			return nil
		}
		ok, err := s.sweepBlob(ctx, digest, before)
		if ok {
			removed++
		}
		return err
	})
	if err != nil {
		return removed, fmt.Errorf("upload: sweep stored bytes: %w", err)
	}
	return removed, nil
}

// sweepBlob removes unused bytes. An upload of the same bytes may be between
// storing and recording: storing renews their time, so `than` protects it.
func (s *Service) sweepBlob(ctx context.Context, digest string, than time.Time) (bool, error) {
	used, err := s.inUse(ctx, digest)
	if err != nil {
		return false, fmt.Errorf("upload: ask who uses stored bytes: %w", err)
	}
	if used {
		return false, nil
	}
	removed, err := s.blobs.RemoveOlder(digest, than)
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("upload: remove stored bytes: %w", err)
	}
	return removed, nil
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
