package store

import (
	"context"
	"errors"

	"illumi/server/internal/model"
)

func init() {
	indexes["WaitingAll"], indexes["NeedsAll"] = "whispers_all_waiting", "whispers_all_needs"
	morePlans = append(morePlans, morePlan{
		fill: func(context.Context, *Tx) error { return nil },
		run: func(ctx context.Context, tx *Tx, w *model.Whisper) error {
			var all []error
			for _, user := range []string{"", "user 7"} {
				_, err := tx.Waiting(ctx, user, noon, 10)
				_, failed := tx.Needs(ctx, user, noon, 10)
				all = append(all, err, failed)
			}
			_, err := tx.WaitingIn(ctx, w.ProjectID, 10)
			_, failed := tx.NeedsIn(ctx, w.ProjectID, 10)
			return errors.Join(append(all, err, failed)...)
		},
	})
}
