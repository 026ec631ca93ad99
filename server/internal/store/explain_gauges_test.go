package store

import (
	"context"

	"illumi/server/internal/model"
)

func init() {
	for name, index := range map[string]string{
		"CountQueuedHops": "hops_waiting", "OldestQueuedHop": "hops_waiting", "CountTravelling": "whispers_all_waiting",
		"OldestTravelling": "whispers_all_waiting", "CountNeeds": "whispers_all_needs", "CountDueMails": "mails_due",
		"OldestDueMail": "mails_due", "CountDueDeliveries": "deliveries_due",
	} {
		indexes[name] = index
	}
	for _, name := range []string{"CountDueMails", "CountDueDeliveries"} {
		walks[name] = "it counts what is due, which nearly all of the test's rows are; what is done has 0 there"
	}
	morePlans = append(morePlans, morePlan{
		tables: []string{"deliveries"},
		fill:   func(context.Context, *Tx) error { return nil },
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			_, err := tx.Gauges(ctx)
			return err
		},
	})
}
