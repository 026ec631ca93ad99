package store

import (
	"testing"
	"time"

	"illumi/server/internal/model"
)

// What a clock queued that was far ahead is due when the clock is right again;
// what waits for its next try, or is leased, waits as ever.
func TestLeases_AfterTheClockWasSetBack(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		ahead := noon.Add(400 * 24 * time.Hour)
		queues := map[string]struct {
			add   func(tx *Tx, id string, due time.Time) error
			lease func(tx *Tx, now time.Time) (string, bool, error)
		}{
			"mail": {
				func(tx *Tx, id string, due time.Time) error {
					return tx.AddMail(ctx, model.Mail{ID: id, CreatedAt: due}, id)
				},
				func(tx *Tx, now time.Time) (string, bool, error) {
					m, ok, err := tx.LeaseMail(ctx, now, now.Add(6*time.Hour), "w")
					if !ok {
						m = &model.Mail{}
					}
					return m.ID, ok, err
				},
			},
			"delivery": {
				func(tx *Tx, id string, due time.Time) error {
					return tx.AddDelivery(ctx, model.Delivery{ID: id, HookID: "h", ProjectID: "p", EventID: id, CreatedAt: due})
				},
				func(tx *Tx, now time.Time) (string, bool, error) {
					d, ok, err := tx.LeaseDelivery(ctx, now, now.Add(6*time.Hour), "w")
					return d.ID, ok, err
				},
			},
			"export": {
				func(tx *Tx, id string, due time.Time) error {
					return tx.AddExport(ctx, model.Prepared{ID: id, ProjectID: "p", CreatedAt: due, ExpiresAt: due.Add(time.Hour)})
				},
				func(tx *Tx, now time.Time) (string, bool, error) {
					p, ok, err := tx.LeaseExport(ctx, now, now.Add(6*time.Hour), "w")
					return p.ID, ok, err
				},
			},
		}
		for name, q := range queues {
			id := NewID()
			must(t, s, func(tx *Tx) error { return q.add(tx, id, ahead) })
			for i, want := range []string{id, ""} {
				must(t, s, func(tx *Tx) error {
					got, ok, err := q.lease(tx, noon.Add(time.Minute))
					if got != want || ok != (want != "") {
						t.Errorf("%s %d: %q %t, want %q", name, i+1, got, ok, want)
					}
					return err
				})
			}
		}
	})
}
