package store

import (
	"context"
	"errors"
	"fmt"

	"illumi/server/internal/model"
)

func init() {
	indexes["TokenByHash"], indexes["TokensOfUser"] = "tokens_token", "tokens_user"
	morePlans = append(morePlans, morePlan{
		tables: []string{"tokens"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 300 {
				id := fmt.Sprint("token ", i)
				all = append(all, tx.CreateToken(ctx, model.Token{ID: id, TokenHash: id, UserID: fmt.Sprint("user ", i%60), Scopes: model.Scopes(), CreatedAt: noon}))
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			_, e1 := tx.TokenByHash(ctx, "token 7")
			_, e2 := tx.Tokens(ctx, "user 7", 10, "")
			ok, e3 := tx.RevokeToken(ctx, "user 7", "token 7", noon)
			if !ok {
				e3 = errors.Join(e3, errors.New("nothing was revoked"))
			}
			return errors.Join(e1, e2, e3, tx.TouchToken(ctx, "token 8", noon), tx.CreateToken(ctx, model.Token{ID: "new", TokenHash: "new"}))
		},
	})
}
