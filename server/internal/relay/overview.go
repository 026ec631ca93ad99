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
	Box     model.Device // its name, and what its presence is told from
}

// Overview lists what waits in the actor's projects; an administrator's has
// everybody's. It costs the same with a thousand old projects as with one.
func (s *Service) Overview(ctx context.Context, actor model.Actor) (Overview, error) {
	var o Overview
	err := s.db.View(ctx, func(tx *store.Tx) error {
		o = Overview{}
		needs, waiting, err := s.standing(ctx, tx, actor)
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

// standing lists what needs somebody and what waits, as far as the actor sees
// it: a program's token may be for one project, or for none at all.
func (s *Service) standing(ctx context.Context, tx *store.Tx, actor model.Actor) (needs, waiting []WhisperRow, err error) {
	if actor.Project != "" {
		if _, err = s.projectOf(ctx, tx, actor, actor.Project, model.See); err != nil {
			return nil, nil, err
		}
		if needs, err = tx.NeedsIn(ctx, actor.Project, overviewRows); err == nil {
			waiting, err = tx.WaitingIn(ctx, actor.Project, len(needs)+overviewRows+1)
		}
		return needs, waiting, err
	}
	if !actor.MayIn(model.Project{As: model.ProjectOwner}, model.See) {
		return nil, nil, actor.Refusal(model.See)
	}
	user := actor.UserID
	if actor.Admin() {
		user = ""
	}
	if needs, err = tx.Needs(ctx, user, s.now(), overviewRows); err == nil {
		waiting, err = tx.Waiting(ctx, user, s.now(), len(needs)+overviewRows+1)
	}
	return needs, waiting, err
}

// overviewOf adds to whispers what they belong to and wait for.
func overviewOf(ctx context.Context, tx *store.Tx, rows []WhisperRow) ([]OverviewRow, error) {
	var projects, boxes []string
	for _, r := range rows {
		projects, boxes = append(projects, r.ProjectID), append(boxes, r.Progress.DeviceID)
	}
	of, err := tx.ProjectTitles(ctx, projects)
	if err != nil {
		return nil, err
	}
	at, err := tx.DevicesInBrief(ctx, boxes)
	if err != nil {
		return nil, err
	}
	var out []OverviewRow
	for _, r := range rows {
		out = append(out, OverviewRow{r, of[r.ProjectID], at[r.Progress.DeviceID]})
	}
	return out, nil
}
