package store

import (
	"context"
	"errors"
	"time"

	"illumi/server/internal/store/internal/sqlcgen"
)

// Throttle counts an attempt under key and reports whether it is within limit
// in the window that began with the first one; if not, retryAfter says when the
// window ends. A refused attempt writes nothing and does not lengthen it. The
// count holds only if the transaction commits: a wrong password must not be the
// error that undoes it. Keys have at most 255 characters.
func (tx *Tx) Throttle(ctx context.Context, key string, now time.Time, limit int, window time.Duration) (allowed bool, retryAfter time.Duration, err error) {
	hit := sqlcgen.HitThrottleParams{Name: key, At: micros(now), Most: int64(limit)}
	if n, err := tx.q.HitThrottle(ctx, hit); err != nil || n > 0 {
		return err == nil, 0, wrap(err, "count an attempt")
	}
	r, err := tx.q.Throttle(ctx, key)
	if err = wrap(err, "read a throttle"); errors.Is(err, ErrNotFound) {
		err = wrap(tx.q.InsertThrottle(ctx, sqlcgen.InsertThrottleParams{Name: key, StartedAt: micros(now),
			EndsAt: micros(now.Add(window))}), "begin a throttle")
		if errors.Is(err, ErrExists) {
			return false, 0, ErrConflict // begun meanwhile: count there
		}
		return err == nil, 0, err
	}
	if err != nil {
		return false, 0, err
	}
	if r.EndsAt > micros(now) {
		if r.Hits < int64(limit) {
			return false, 0, ErrConflict // begun meanwhile: count there
		}
		return false, moment(r.EndsAt).Sub(now), nil
	}
	n, err := tx.q.RestartThrottle(ctx, sqlcgen.RestartThrottleParams{StartedAt: micros(now),
		EndsAt: micros(now.Add(window)), Name: key})
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err == nil, 0, wrap(err, "begin a throttle anew")
}

// ThrottleGiveBack takes one counted attempt under key back.
func (tx *Tx) ThrottleGiveBack(ctx context.Context, key string) error {
	return wrap(tx.q.UnhitThrottle(ctx, key), "give an attempt back")
}

// ThrottleReset forgets the attempts under key.
func (tx *Tx) ThrottleReset(ctx context.Context, key string) error {
	return wrap(tx.q.DeleteThrottle(ctx, key), "forget a throttle")
}

// PurgeThrottles removes what ended by now. Index throttles_ends.
func (tx *Tx) PurgeThrottles(ctx context.Context, now time.Time) (int, error) {
	n, err := tx.q.PurgeThrottles(ctx, micros(now))
	return int(n), wrap(err, "purge throttles")
}
