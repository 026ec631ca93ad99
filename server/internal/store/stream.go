package store

import "context"

// LastEvent is the number of a project's last event that is committed.
func (tx *Tx) LastEvent(ctx context.Context, projectID string) (int64, error) {
	last, err := tx.q.ProjectEventSeq(ctx, projectID)
	return last, wrap(err, "find a project's last event")
}
