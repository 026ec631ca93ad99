package store

import (
	"context"
	"errors"

	"illumi/server/internal/model"
)

func init() {
	indexes["EarlierOffer"] = "hops_offered"
	indexes["PlannedAt"] = "hops_seq"
	morePlans = append(morePlans, morePlan{
		fill: func(context.Context, *Tx) error { return nil }, // hops are there already
		run: func(ctx context.Context, tx *Tx, w *model.Whisper) error {
			_, err := tx.EarlierOffer(ctx, w.Hops[0].DeviceID, 2)
			_, other := tx.PlannedAt(ctx, "device 1", 10)
			return errors.Join(err, other)
		},
	})
}
