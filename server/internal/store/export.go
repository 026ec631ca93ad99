package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func eventOf(r sqlcgen.Event) (model.Event, error) {
	return model.Event{ID: r.ID, ProjectID: r.ProjectID, WhisperID: r.WhisperID, HopID: r.HopID, DeviceID: r.DeviceID,
		UserID: r.UserID, Kind: r.Kind, Detail: r.Detail, At: moment(r.HappenedAt), Seq: r.Seq}, nil
}

// EventsOfWhisperAfter lists a whisper's history, oldest first, from after an
// event of a time and id. Index events_whisper.
func (tx *Tx) EventsOfWhisperAfter(ctx context.Context, whisperID string, at time.Time, id string, limit int) ([]model.Event, error) {
	rows, err := tx.q.EventsOfWhisperAfter(ctx, sqlcgen.EventsOfWhisperAfterParams{WhisperID: whisperID, At: micros(at), AfterID: id, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a whisper's history")
	}
	return list(rows, eventOf)
}

// EventsOfProjectAfter lists a project's numbered events, oldest first, from
// after a number. Index events_project.
func (tx *Tx) EventsOfProjectAfter(ctx context.Context, projectID string, seq int64, limit int) ([]model.Event, error) {
	rows, err := tx.q.EventsOfProjectAfter(ctx, sqlcgen.EventsOfProjectAfterParams{ProjectID: projectID, AfterSeq: seq, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a project's events")
	}
	return list(rows, eventOf)
}
