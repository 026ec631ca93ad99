package store

import (
	"context"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// AddEvent adds a line to a whisper's history; an empty id is made.
func (tx *Tx) AddEvent(ctx context.Context, e model.Event) error {
	if e.ID == "" {
		e.ID = NewID()
	}
	return wrap(tx.q.InsertEvent(ctx, sqlcgen.InsertEventParams{ID: e.ID, ProjectID: e.ProjectID, WhisperID: e.WhisperID, HopID: e.HopID,
		DeviceID: e.DeviceID, UserID: e.UserID, Kind: e.Kind, Detail: e.Detail, HappenedAt: micros(e.At), Seq: e.Seq}), "note an event")
}

// AddEvents is AddEvent for several.
func (tx *Tx) AddEvents(ctx context.Context, events ...model.Event) error {
	for _, e := range events {
		if err := tx.AddEvent(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// EventsByWhisper lists a whisper's history, newest first, with what a line of it
// tells and without the other ids. Index events_whisper.
func (tx *Tx) EventsByWhisper(ctx context.Context, whisperID string, limit int) ([]model.Event, error) {
	rows, err := tx.q.EventsByWhisper(ctx, sqlcgen.EventsByWhisperParams{WhisperID: whisperID, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list a whisper's history")
	}
	return list(rows, func(r sqlcgen.EventsByWhisperRow) (model.Event, error) {
		return model.Event{WhisperID: whisperID, DeviceID: r.DeviceID, UserID: r.UserID, Kind: r.Kind, Detail: r.Detail, At: moment(r.HappenedAt)}, nil
	})
}
