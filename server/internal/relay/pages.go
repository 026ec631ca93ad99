package relay

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

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

// Load is how much a box has to do, before it is given more.
type Load struct {
	Waiting int // turns that wait for somebody at the box, its present one among them
	Planned int // turns of whispers on their way that the box was not asked for yet
	Asked   int // turns that it was asked for in the last seven days
}

// Loads says how busy boxes are, by id.
func (s *Service) Loads(ctx context.Context, actor model.Actor, boxes []model.Device) (map[string]Load, error) {
	if err := allow(actor, model.SeeBoxes); err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range boxes {
		ids = append(ids, d.ID)
	}
	loads := map[string]Load{}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		kept, err := tx.Loads(ctx, ids, s.now().Add(-week))
		for _, d := range boxes {
			l := kept[d.ID]
			loads[d.ID] = Load{Waiting: l.Queued, Planned: l.Planned, Asked: l.Asked}
			if d.ActiveHop != "" {
				loads[d.ID] = Load{l.Queued + 1, l.Planned, l.Asked}
			}
		}
		return err
	})
	return loads, err
}

// Wait is about how long the last of so many new turns waits where a box is
// asked a number of times a week, and everybody before it answers at once.
// Perweek 0: as often as there is something.
func (l Load) Wait(turns, perWeek int) time.Duration {
	if perWeek <= 0 {
		return 0
	}
	return time.Duration((l.Asked+l.Planned+turns-1)/perWeek) * week
}
