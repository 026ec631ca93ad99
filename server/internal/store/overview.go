package store

import (
	"context"
	"time"

	"illumi/server/internal/store/internal/sqlcgen"
)

// Waiting lists travelling whispers, the one that stands still longest first:
// those of a person's projects at a time, or all for "". Indexes
// whispers_waiting and whispers_all_waiting: it meets whispers on their way,
// and no others.
func (tx *Tx) Waiting(ctx context.Context, userID string, at time.Time, limit int) ([]WhisperRow, error) {
	var rows []sqlcgen.Whisper
	var err error
	if userID == "" {
		rows, err = tx.q.WaitingAll(ctx, page(limit))
	} else {
		rows, err = tx.q.WaitingOfMember(ctx, sqlcgen.WaitingOfMemberParams{UserID: userID, At: micros(at), Limit: page(limit)})
	}
	if err != nil {
		return nil, wrap(err, "list what waits")
	}
	return list(rows, whisperLine)
}

// Needs lists the whispers that wait for a person's decision, the oldest first.
// Indexes whispers_project_needs and whispers_all_needs.
func (tx *Tx) Needs(ctx context.Context, userID string, at time.Time, limit int) ([]WhisperRow, error) {
	var rows []sqlcgen.Whisper
	var err error
	if userID == "" {
		rows, err = tx.q.NeedsAll(ctx, page(limit))
	} else {
		rows, err = tx.q.NeedsOfMember(ctx, sqlcgen.NeedsOfMemberParams{UserID: userID, At: micros(at), Limit: page(limit)})
	}
	if err != nil {
		return nil, wrap(err, "list what needs somebody")
	}
	return list(rows, whisperLine)
}

// WaitingIn is Waiting for one project. Index whispers_waiting.
func (tx *Tx) WaitingIn(ctx context.Context, projectID string, limit int) ([]WhisperRow, error) {
	rows, err := tx.q.WaitingOfProject(ctx, sqlcgen.WaitingOfProjectParams{ProjectID: projectID, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list what waits in a project")
	}
	return list(rows, whisperLine)
}

// NeedsIn is Needs for one project. Index whispers_project_needs.
func (tx *Tx) NeedsIn(ctx context.Context, projectID string, limit int) ([]WhisperRow, error) {
	rows, err := tx.q.NeedsOfProject(ctx, sqlcgen.NeedsOfProjectParams{ProjectID: projectID, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list what needs somebody in a project")
	}
	return list(rows, whisperLine)
}
