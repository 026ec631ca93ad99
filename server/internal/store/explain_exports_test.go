package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func init() {
	indexes["ExportsOfProject"], indexes["DueExport"], indexes["ExpiredExports"] = "exports_project", "exports_due", "exports_expires"
	morePlans = append(morePlans, morePlan{
		tables: []string{"exports"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 300 {
				p := model.Prepared{ID: fmt.Sprint("export ", i), ProjectID: fmt.Sprint("project ", i%50), CreatedAt: noon, ExpiresAt: noon.Add(time.Duration(i) * time.Hour)}
				all = append(all, tx.AddExport(ctx, p))
				if i > 0 {
					_, err := tx.q.LeaseExport(ctx, sqlcgen.LeaseExportParams{LeaseEnd: 1, Worker: "w", ID: p.ID, SeenDue: micros(noon)})
					_, failed := tx.FinishExport(ctx, p, "w")
					all = append(all, err, failed)
				}
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			p, err := tx.Export(ctx, "export 7")
			_, e1 := tx.Exports(ctx, "project 3", 10)
			_, _, e2 := tx.LeaseExport(ctx, noon.Add(time.Hour), noon.Add(2*time.Hour), "w")
			_, e3 := tx.FinishExport(ctx, p, "w")
			_, e5 := tx.RenewExport(ctx, p.ID, "w", noon)
			_, e4 := tx.ExpiredExports(ctx, noon, 10)
			return errors.Join(err, e1, e2, e3, e4, e5, tx.AddExport(ctx, model.Prepared{ID: "new"}), tx.DeleteExport(ctx, "export 9"))
		},
	})
}
