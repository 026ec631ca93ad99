package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"illumi/server/internal/model"
)

func init() {
	indexes["FirstGenDevices"], indexes["DeleteFirstGenFilesOfHop"], indexes["PurgeFirstGenFiles"] = "devices_secret_hash", "first_gen_files_hop", "first_gen_files_expires"
	morePlans = append(morePlans, morePlan{
		tables: []string{"first_gen_files"},
		fill: func(ctx context.Context, tx *Tx) error {
			d := newDevice("first")
			d.SecretHash = FirstGenSecret(d.ID)
			all := []error{tx.CreateDevice(ctx, d)}
			for i := range 400 {
				all = append(all, tx.AddFirstGenFile(ctx, FirstGenFile{NameHash: fmt.Sprint("name ", i), HopID: fmt.Sprint("hop ", i), ExpiresAt: noon.Add(time.Duration(i) * time.Hour)}))
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			list, err := tx.FirstGenDevices(ctx, 10)
			if err == nil && len(list) != 1 {
				err = fmt.Errorf("%d boxes of the first generation", len(list))
			}
			_, e1 := tx.FirstGenFile(ctx, "name 7")
			return errors.Join(err, e1, tx.AddFirstGenFile(ctx, FirstGenFile{NameHash: "new"}), tx.DeleteFirstGenFiles(ctx, "hop 9", noon))
		},
	})
}
