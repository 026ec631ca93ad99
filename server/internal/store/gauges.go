package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"illumi/server/internal/model"
)

// Gauges counts what waits now. Indexes hops_waiting, whispers_all_waiting,
// whispers_all_needs, mails_due, deliveries_due: each is met at its live end.
func (tx *Tx) Gauges(ctx context.Context) (model.Gauges, error) {
	var g model.Gauges
	var all []error
	count := func(into *int, n int64, err error) {
		*into = int(n)
		all = append(all, wrap(err, "count what waits"))
	}
	oldest := func(into *time.Time, us int64, err error) {
		*into = moment(us)
		if err = wrap(err, "find what waits longest"); !errors.Is(err, ErrNotFound) {
			all = append(all, err)
		}
	}
	n, err := tx.q.CountQueuedHops(ctx)
	count(&g.QueuedHops, n, err)
	n, err = tx.q.OldestQueuedHop(ctx)
	oldest(&g.OldestQueued, n, err)
	n, err = tx.q.CountTravelling(ctx)
	count(&g.Travelling, n, err)
	n, err = tx.q.OldestTravelling(ctx)
	oldest(&g.OldestTravelling, n, err)
	n, err = tx.q.CountNeeds(ctx)
	count(&g.Needs, n, err)
	n, err = tx.q.CountDueMails(ctx)
	count(&g.Mails, n, err)
	n, err = tx.q.OldestDueMail(ctx)
	oldest(&g.OldestMail, n, err)
	n, err = tx.q.CountDueDeliveries(ctx)
	count(&g.Deliveries, n, err)
	return g, errors.Join(all...)
}

// Stats says how the database does.
func (s *Store) Stats() model.DatabaseStats {
	out := model.DatabaseStats{
		Transactions: s.runs.Load(), Busy: time.Duration(s.busy.Load()), Again: s.again.Load(),
	}
	for _, pool := range s.pools() {
		st := pool.Stats()
		out.Open, out.InUse = out.Open+st.OpenConnections, out.InUse+st.InUse
		out.Waits, out.Waited = out.Waits+st.WaitCount, out.Waited+st.WaitDuration
	}
	return out
}

func (s *Store) pools() []*sql.DB {
	if s.d.read == s.d.write {
		return []*sql.DB{s.d.write} // one for both
	}
	return []*sql.DB{s.d.write, s.d.read}
}
