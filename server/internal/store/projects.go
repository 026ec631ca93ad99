package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// Counts says how many whispers of a project are in each state.
type Counts struct {
	Draft, Travelling, Paused, Complete, Ended int
}

// Total counts all whispers.
func (c Counts) Total() int { return c.Draft + c.Travelling + c.Paused + c.Complete + c.Ended }

// ProjectRow is a project with the counts of its whispers.
type ProjectRow struct {
	model.Project
	Counts Counts
}

func projectOf(r sqlcgen.Project) (ProjectRow, error) {
	p, _ := projectLine(r)
	return p, decodeOr(r.Settings, &p.Settings, model.DefaultProjectSettings())
}

// projectLine is projectOf without the settings, which take as long to read as
// all else.
func projectLine(r sqlcgen.Project) (ProjectRow, error) {
	return ProjectRow{
		Project: model.Project{ID: r.ID, Title: r.Title, OwnerID: r.OwnerID, Forwarding: model.Forwarding(r.Forwarding),
			Hold: span(r.HoldUs), CreatedAt: moment(r.CreatedAt)},
		Counts: Counts{int(r.NDraft), int(r.NTravelling), int(r.NPaused), int(r.NComplete), int(r.NEnded)},
	}, nil
}

// CreateProject keeps a new project.
func (tx *Tx) CreateProject(ctx context.Context, p model.Project) error {
	settings, err := encode(p.Settings)
	if err != nil {
		return err
	}
	return wrap(tx.q.InsertProject(ctx, sqlcgen.InsertProjectParams{ID: p.ID, Title: p.Title, OwnerID: p.OwnerID,
		Forwarding: string(p.Forwarding), HoldUs: p.Hold.Microseconds(), CreatedAt: micros(p.CreatedAt), Settings: settings}), "create a project")
}

// Project finds a project.
func (tx *Tx) Project(ctx context.Context, id string) (model.Project, error) {
	r, err := tx.ProjectRow(ctx, id)
	return r.Project, err
}

// ProjectRow finds a project with its counts.
func (tx *Tx) ProjectRow(ctx context.Context, id string) (ProjectRow, error) {
	r, err := tx.q.Project(ctx, id)
	if err != nil {
		return ProjectRow{}, wrap(err, "find a project")
	}
	return projectOf(r)
}

// Projects lists the projects in which a person has a part at a time, or all
// for "", newest first, from after the id given, without their settings. Index
// members_user, or the primary key.
func (tx *Tx) Projects(ctx context.Context, userID string, at time.Time, limit int, after string) ([]ProjectRow, error) {
	var rows []sqlcgen.Project
	var err error
	if userID == "" {
		rows, err = tx.q.ProjectsAll(ctx, sqlcgen.ProjectsAllParams{BeforeID: before(after), Limit: page(limit)})
	} else {
		rows, err = tx.q.ProjectsOfMember(ctx, sqlcgen.ProjectsOfMemberParams{UserID: userID, BeforeID: before(after), At: micros(at), Limit: page(limit)})
	}
	if err != nil {
		return nil, wrap(err, "list projects")
	}
	return list(rows, projectLine)
}

// AllProjects is Projects for "", with their settings.
func (tx *Tx) AllProjects(ctx context.Context, limit int, after string) ([]ProjectRow, error) {
	rows, err := tx.q.ProjectsAll(ctx, sqlcgen.ProjectsAllParams{BeforeID: before(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list projects")
	}
	return list(rows, projectOf)
}

// UpdateProject keeps title, owner, way to forward and settings; whispers that were
// started keep theirs.
func (tx *Tx) UpdateProject(ctx context.Context, p model.Project) error {
	settings, err := encode(p.Settings)
	if err != nil {
		return err
	}
	n, err := tx.q.UpdateProject(ctx, sqlcgen.UpdateProjectParams{Title: p.Title, OwnerID: p.OwnerID,
		Forwarding: string(p.Forwarding), HoldUs: p.Hold.Microseconds(), Settings: settings, ID: p.ID})
	return one(n, err, "change a project")
}

// count moves a whisper from one state to another in its project's counts; ""
// is no state.
func (tx *Tx) count(ctx context.Context, projectID string, from, to model.WhisperState) error {
	p := sqlcgen.AddProjectCountsParams{ID: projectID}
	for state, by := range map[model.WhisperState]int64{from: -1, to: 1} {
		switch state {
		case model.WhisperDraft:
			p.Draft = by
		case model.WhisperTravelling:
			p.Travelling = by
		case model.WhisperPaused:
			p.Paused = by
		case model.WhisperComplete:
			p.Complete = by
		case model.WhisperEnded:
			p.Ended = by
		}
	}
	n, err := tx.q.AddProjectCounts(ctx, p)
	return one(n, err, "count a project's whispers")
}

// ReserveEvents moves a project's counter of events by n and returns the first
// of the numbers that are free now. The row stays locked until the commit, so
// numbers become visible in their order: reserve last.
func (tx *Tx) ReserveEvents(ctx context.Context, projectID string, n int) (int64, error) {
	rows, err := tx.q.BumpProjectEvents(ctx, sqlcgen.BumpProjectEventsParams{N: int64(n), ID: projectID})
	if err := one(rows, err, "number a project's events"); err != nil {
		return 0, err
	}
	last, err := tx.q.ProjectEventSeq(ctx, projectID)
	return last - int64(n) + 1, wrap(err, "number a project's events")
}
