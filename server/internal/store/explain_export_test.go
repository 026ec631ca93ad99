package store

import (
	"context"
	"errors"

	"illumi/server/internal/model"
)

func init() {
	indexes["EventsOfWhisperAfter"], indexes["EventsOfProjectAfter"] = "events_whisper", "events_project"
	morePlans = append(morePlans, morePlan{
		tables: []string{"events"},
		fill:   func(context.Context, *Tx) error { return nil },
		run: func(ctx context.Context, tx *Tx, w *model.Whisper) error {
			_, err := tx.EventsOfWhisperAfter(ctx, w.ID, noon, "x", 10)
			_, failed := tx.EventsOfProjectAfter(ctx, w.ProjectID, 3, 10)
			return errors.Join(err, failed)
		},
	})
}
