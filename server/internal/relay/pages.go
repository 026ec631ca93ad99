package relay

import (
	"context"
	"errors"
	"maps"
	"slices"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// KeepPeaks keeps outlines of recordings, by digest. They are made from what
// is stored already, so whoever made one needs no right to keep it.
func (s *Service) KeepPeaks(ctx context.Context, peaks map[string]string) error {
	if len(peaks) == 0 {
		return nil
	}
	return s.db.Tx(ctx, func(tx *store.Tx) error {
		for _, digest := range slices.Sorted(maps.Keys(peaks)) {
			if err := tx.SetPeaks(ctx, digest, peaks[digest]); err != nil {
				return err
			}
		}
		return nil
	})
}

// namesOf finds the people who had to do with a whisper, by id; those without
// an account any more are left out.
func namesOf(ctx context.Context, tx *store.Tx, wh model.Whisper, events []model.Event) (map[string]string, error) {
	names := map[string]string{}
	ids := []string{wh.StartedBy}
	for _, e := range events {
		ids = append(ids, e.UserID)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id == "" {
			continue
		}
		u, err := tx.UserByID(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names[id] = u.Name
	}
	return names, nil
}
