package store

import (
	"context"
	"errors"

	"illumi/server/internal/model"
)

func init() {
	// QueuedOf takes whichever index of waiting hops is shorter.
	indexes["PlannedOf"], indexes["OfferedOf"], indexes["SetPeaks"] = "hops_seq", "hops_offered", "files_sha256"
	indexes["DevicesByID"], indexes["DevicesInBrief"], indexes["ProjectTitles"] = "PRIMARY", "PRIMARY", "PRIMARY"
	morePlans = append(morePlans, morePlan{
		fill: func(context.Context, *Tx) error { return nil },
		run: func(ctx context.Context, tx *Tx, w *model.Whisper) error {
			var ids []string
			for _, h := range w.Hops {
				ids = append(ids, h.DeviceID)
			}
			_, err := tx.Loads(ctx, ids, noon)
			_, boxes := tx.DevicesByID(ctx, ids)
			_, brief := tx.DevicesInBrief(ctx, ids)
			_, projects := tx.ProjectTitles(ctx, []string{w.ProjectID})
			found, failed := tx.UserByEmail(ctx, "u@example.org")
			return errors.Join(err, boxes, brief, projects, failed, tx.SetPeaks(ctx, "0123", "00ff"), tx.SetUserPrefs(ctx, found.ID, model.Prefs{NoShortcuts: true}))
		},
	})
}
