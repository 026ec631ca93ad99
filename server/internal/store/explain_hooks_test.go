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
	for name, index := range map[string]string{
		"HooksOfProject": "hooks_project", "DeliveriesOfHook": "deliveries_hook", "DeleteDeliveriesOfHook": "deliveries_hook",
		"DueDelivery": "deliveries_due", "DueDeliveries": "deliveries_due", "NextDelivery": "deliveries_due",
	} {
		indexes[name] = index
	}
	morePlans = append(morePlans, morePlan{
		tables: []string{"hooks", "deliveries"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 400 {
				h := model.Hook{ID: fmt.Sprint("hook ", i), ProjectID: fmt.Sprint("project ", i%80), CreatedAt: noon}
				d := model.Delivery{ID: fmt.Sprint("delivery ", i), HookID: fmt.Sprint("hook ", i%80), EventID: fmt.Sprint("event ", i), Body: "{}", CreatedAt: noon}
				all = append(all, tx.CreateHook(ctx, h), tx.AddDelivery(ctx, d))
				if i > 3 {
					_, err := tx.q.LeaseDelivery(ctx, sqlcgen.LeaseDeliveryParams{LeaseEnd: 1, Worker: "w", ID: d.ID, SeenDue: micros(noon)})
					_, failed := tx.SaveDelivery(ctx, model.Delivery{ID: d.ID, State: model.DeliveryDone}, "w")
					all = append(all, err, failed)
				}
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			_, e1 := tx.Hook(ctx, "hook 7")
			_, e2 := tx.HooksOfProject(ctx, "project 7")
			_, e3 := tx.Delivery(ctx, "delivery 7")
			_, e4 := tx.Deliveries(ctx, "hook 7", "", 10)
			_, e5 := tx.NextDelivery(ctx)
			d, ok, e6 := tx.LeaseDelivery(ctx, noon.Add(time.Hour), noon.Add(2*time.Hour), "w")
			if !ok {
				e6 = errors.Join(e6, errors.New("no message is due"))
			}
			_, e7 := tx.SaveDelivery(ctx, d, "w")
			_, e8 := tx.PurgeDeliveries(ctx, noon)
			return errors.Join(tx.PutOffDeliveries(ctx, "hook 2", noon, noon.Add(time.Minute)), e8, e1, e2, e3, e4, e5, e6, e7, tx.DisableHook(ctx, "hook 8", noon), tx.DeleteHook(ctx, "hook 9"),
				tx.CreateHook(ctx, model.Hook{ID: "new"}), tx.AddDelivery(ctx, model.Delivery{ID: "new", Body: "{}"}))
		},
	})
}
