package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func preparedOf(r sqlcgen.Export) (model.Prepared, error) {
	return model.Prepared{ID: r.ID, ProjectID: r.ProjectID, UserID: r.UserID, Wish: r.Wish, State: model.PreparedState(r.State), Size: r.Size,
		LastError: r.LastError, CreatedAt: moment(r.CreatedAt), DoneAt: moment(r.DoneAt), ExpiresAt: moment(r.ExpiresAt)}, nil
}

// AddExport queues an export to be made ready; it is due at once.
func (tx *Tx) AddExport(ctx context.Context, p model.Prepared) error {
	return wrap(tx.q.InsertExport(ctx, sqlcgen.InsertExportParams{ID: p.ID, ProjectID: p.ProjectID, UserID: p.UserID, Wish: p.Wish,
		CreatedAt: micros(p.CreatedAt), ExpiresAt: micros(p.ExpiresAt), DueAt: micros(p.CreatedAt)}), "queue an export")
}

// Export finds an export.
func (tx *Tx) Export(ctx context.Context, id string) (model.Prepared, error) {
	r, err := tx.q.Export(ctx, id)
	if err != nil {
		return model.Prepared{}, wrap(err, "find an export")
	}
	return preparedOf(r)
}

// Exports lists a project's exports, newest first. Index exports_project.
func (tx *Tx) Exports(ctx context.Context, projectID string, limit int) ([]model.Prepared, error) {
	rows, err := tx.q.ExportsOfProject(ctx, sqlcgen.ExportsOfProjectParams{ProjectID: projectID, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list exports")
	}
	return list(rows, preparedOf)
}

// LeaseExport gives the export that waits longest to one worker until the lease
// ends; ok is false where none waits. Index exports_due.
func (tx *Tx) LeaseExport(ctx context.Context, now, until time.Time, worker string) (p model.Prepared, ok bool, err error) {
	r, err := tx.q.DueExport(ctx, micros(now))
	if errors.Is(err, sql.ErrNoRows) {
		if r, err = tx.q.DueExport(ctx, math.MaxInt64); err == nil && r.DueAt <= micros(now.Add(farthest)) {
			return p, false, nil
		}
	}
	if err = wrap(err, "find a due export"); errors.Is(err, ErrNotFound) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	n, err := tx.q.LeaseExport(ctx, sqlcgen.LeaseExportParams{LeaseEnd: micros(until), Worker: worker, ID: r.ID, SeenDue: r.DueAt})
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return p, false, wrap(err, "lease an export")
	}
	p, err = preparedOf(r)
	return p, err == nil, err
}

// FinishExport notes what became of an export; false where the lease went to
// another worker.
func (tx *Tx) FinishExport(ctx context.Context, p model.Prepared, worker string) (bool, error) {
	n, err := tx.q.FinishExport(ctx, sqlcgen.FinishExportParams{State: string(p.State), Size: p.Size, LastError: shorten(p.LastError),
		DoneAt: micros(p.DoneAt), ID: p.ID, Worker: worker})
	return n == 1, wrap(err, "finish an export")
}

// ExpiredExports lists exports whose time is over. Index exports_expires.
func (tx *Tx) ExpiredExports(ctx context.Context, now time.Time, limit int) ([]string, error) {
	ids, err := tx.q.ExpiredExports(ctx, sqlcgen.ExpiredExportsParams{At: micros(now), Limit: page(limit)})
	return ids, wrap(err, "list exports that are over")
}

// DeleteExport forgets an export.
func (tx *Tx) DeleteExport(ctx context.Context, id string) error {
	return wrap(tx.q.DeleteExport(ctx, id), "forget an export")
}

// RenewExport keeps a lease; false where it went to another worker.
func (tx *Tx) RenewExport(ctx context.Context, id, worker string, until time.Time) (bool, error) {
	n, err := tx.q.RenewExport(ctx, sqlcgen.RenewExportParams{LeaseEnd: micros(until), ID: id, Worker: worker})
	return n == 1, wrap(err, "keep an export's lease")
}
