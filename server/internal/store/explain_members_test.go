package store

import (
	"context"
	"errors"
	"fmt"

	"illumi/server/internal/model"
)

func init() {
	morePlans = append(morePlans, morePlan{
		tables: []string{"members"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 400 {
				all = append(all, tx.AddMember(ctx, model.Member{ProjectID: fmt.Sprint("project ", i%40), UserID: fmt.Sprint("user ", i), Role: model.ProjectViewer}))
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, w *model.Whisper) error {
			all := []error{tx.AddMember(ctx, model.Member{ProjectID: w.ProjectID, UserID: "user 7", Role: model.ProjectViewer})}
			_, err := tx.Members(ctx, "project 3", 10, "")
			all = append(all, err)
			_, err = tx.Member(ctx, "project 7", "user 7")
			all = append(all, err, tx.UpdateMember(ctx, "project 7", "user 7", model.ProjectOwner, noon), tx.DeleteMember(ctx, "project 7", "user 7"))
			_, err = tx.ReserveEvents(ctx, w.ProjectID, 2)
			d, failed := tx.DeviceByName(ctx, "spare 3")
			return errors.Join(append(all, err, failed, tx.SetDeviceSite(ctx, d.ID, model.Site{Label: "x"}))...)
		},
	})
}
