// Package retry is the one way the box waits before it tries again: longer
// after each failure, never in step with other boxes, at once after success.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait after a failure. The zero value waits 1 s to
// 5 min, doubling. It is not safe for concurrent use: a loop owns its own.
type Backoff struct {
	Min    time.Duration // the first ceiling; 0 is 1 s
	Max    time.Duration // no ceiling is higher; 0 is 5 min
	Factor float64       // ceiling grows by this each time; below 1 is 2
	// Rand gives [0,1); nil is the shared random source.
	Rand func() float64

	ceiling time.Duration
}

// Next returns the next wait, anywhere between nothing and the ceiling (full
// jitter), so that a thousand boxes that lost their server in the same second
// do not return in the same second. The ceiling then rises.
func (b *Backoff) Next() time.Duration {
	low, high := b.bounds()
	if b.ceiling < low {
		b.ceiling = low
	}
	c := min(b.ceiling, high)
	factor := b.Factor
	if factor < 1 {
		factor = 2
	}
	// In floating point first: a large ceiling times a factor overflows an int64.
	if next := float64(c) * factor; next < float64(high) {
		b.ceiling = time.Duration(next)
	} else {
		b.ceiling = high
	}
	random := b.Rand
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(random() * float64(c))
}

func (b *Backoff) bounds() (low, high time.Duration) {
	low, high = b.Min, b.Max
	if low <= 0 {
		low = time.Second
	}
	if high <= 0 {
		high = 5 * time.Minute
	}
	return low, max(low, high)
}

// Reset starts again at Min. Call it after a success.
func (b *Backoff) Reset() { b.ceiling = 0 }

// soon is the ceiling after an attempt that came further.
const soon = time.Second

// Soon starts again at Min and returns a short wait, for an attempt that failed
// and still came further than the one before: such a line is bad, not dead.
func (b *Backoff) Soon() time.Duration {
	low, _ := b.bounds()
	b.Reset()
	random := b.Rand
	if random == nil {
		random = rand.Float64
	}
	return time.Duration(random() * float64(min(low, soon)))
}

// Wait sleeps for Next, or until ctx ends; then it returns the context's cause.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep waits for d, or until ctx ends; then it returns the context's cause.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
