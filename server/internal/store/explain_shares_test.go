package store

import (
	"context"
	"errors"
	"fmt"

	"illumi/server/internal/model"
)

func init() {
	indexes["Shares"], indexes["ShareByToken"] = "shares_whisper", "shares_token"
	morePlans = append(morePlans, morePlan{
		tables: []string{"shares"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 300 {
				all = append(all, tx.AddShare(ctx, model.ShareLink{ID: fmt.Sprint("share ", i), TokenHash: fmt.Sprint("token ", i), WhisperID: fmt.Sprint("whisper ", i%50)}))
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			_, e1 := tx.Shares(ctx, "whisper 7", 10)
			_, e2 := tx.Share(ctx, "share 7")
			_, e3 := tx.ShareByToken(ctx, "token 7")
			_, e4 := tx.RevokeShare(ctx, "share 8", noon)
			return errors.Join(e1, e2, e3, e4, tx.TouchShare(ctx, "share 9", noon, noon), tx.AddShare(ctx, model.ShareLink{ID: "new", TokenHash: "new"}))
		},
	})
}
