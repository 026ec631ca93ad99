package relay

import (
	"context"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// overviewRows bounds each list of the overview.
const overviewRows = 8

// Overview is what somebody wants to know first: what needs a person, and which
// whisper stands still longest.
type Overview struct {
	Needs    []OverviewRow // the oldest first
	Waiting  []OverviewRow // the longest first; without those of Needs
	MoreWait bool
}

// OverviewRow is a whisper with its project's title and the box that it waits for.
type OverviewRow struct {
	WhisperRow
	Project string
	Box     model.Device
}

// Overview lists what waits in the actor's projects; an administrator's has
// everybody's. It costs the same with a thousand old projects as with one.
func (s *Service) Overview(ctx context.Context, actor model.Actor) (Overview, error) {
	user := actor.UserID
	if actor.Admin() {
		user = ""
	}
	var o Overview
	err := s.db.View(ctx, func(tx *store.Tx) error {
		o = Overview{}
		needs, err := tx.Needs(ctx, user, s.now(), overviewRows)
		if err != nil {
			return err
		}
		waiting, err := tx.Waiting(ctx, user, s.now(), 2*overviewRows+1)
		if err != nil {
			return err
		}
		if o.Needs, err = overviewOf(ctx, tx, needs); err != nil {
			return err
		}
		var rest []WhisperRow
		for _, w := range waiting {
			if w.NeedsAt.IsZero() {
				rest = append(rest, w)
			}
		}
		if o.MoreWait = len(rest) > overviewRows; o.MoreWait {
			rest = rest[:overviewRows]
		}
		o.Waiting, err = overviewOf(ctx, tx, rest)
		return err
	})
	return o, err
}

func overviewOf(ctx context.Context, tx *store.Tx, rows []WhisperRow) ([]OverviewRow, error) {
	var out []OverviewRow
	titles, boxes := map[string]string{}, map[string]model.Device{}
	for _, r := range rows {
		if _, ok := titles[r.ProjectID]; !ok {
			p, err := tx.Project(ctx, r.ProjectID)
			if err != nil {
				return nil, err
			}
			titles[r.ProjectID] = p.Title
		}
		id := r.Progress.DeviceID
		if _, ok := boxes[id]; !ok && id != "" {
			d, err := tx.Device(ctx, id)
			if err != nil {
				return nil, err
			}
			boxes[id] = d
		}
		out = append(out, OverviewRow{r, titles[r.ProjectID], boxes[id]})
	}
	return out, nil
}
