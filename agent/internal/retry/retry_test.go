package retry

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff_RisesToItsCapAndFallsOnReset(t *testing.T) {
	b := Backoff{Min: time.Second, Max: 10 * time.Second, Rand: func() float64 { return 0.5 }}
	want := []time.Duration{500, 1000, 2000, 4000, 5000, 5000, 5000}
	for round := range 2 {
		for i, w := range want {
			if got := b.Next(); got != w*time.Millisecond {
				t.Errorf("round %d, wait %d: %v, want %v", round, i, got, w*time.Millisecond)
			}
		}
		b.Reset()
	}
}

func TestBackoff_Bounds(t *testing.T) {
	for name, b := range map[string]*Backoff{
		"zero value":     {},
		"maximum below":  {Min: time.Minute, Max: time.Second},
		"no growth":      {Min: time.Second, Factor: 1},
		"senseless":      {Min: -5, Max: -5, Factor: -1},
		"huge":           {Min: math.MaxInt64 / 2, Max: math.MaxInt64, Factor: 1e9},
		"infinite":       {Factor: math.Inf(1)},
		"not a number":   {Factor: math.NaN()},
		"small, steeply": {Min: 1, Max: 3, Factor: 100},
	} {
		_, high := b.bounds()
		for i := range 2000 {
			if got := b.Next(); got < 0 || got > high {
				t.Fatalf("%s: wait %d is %v, outside 0 to %v", name, i, got, high)
			}
		}
	}
}

func TestBackoff_Jitters(t *testing.T) {
	var b Backoff
	seen := map[time.Duration]bool{}
	for range 50 {
		seen[b.Next()] = true
		b.Reset()
	}
	if len(seen) < 40 {
		t.Errorf("only %d different waits of 50: boxes would return in step", len(seen))
	}
}

func TestBackoff_WaitTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{Min: time.Minute, Max: time.Hour, Rand: func() float64 { return 0.5 }}
		start := time.Now()
		for range 3 {
			if err := b.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start); got != 210*time.Second {
			t.Errorf("three waits took %v, want 30 s + 60 s + 120 s", got)
		}
	})
}

func TestSleep_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("stopping")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(time.Second, func() { cancel(why) })
		if err := Sleep(ctx, time.Hour); !errors.Is(err, why) {
			t.Errorf("error %v, want the cause", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("returned after %v", got)
		}
		if err := Sleep(ctx, 0); !errors.Is(err, why) {
			t.Errorf("an ended context slept: %v", err)
		}
	})
}

func TestBackoff_SoonStartsAgain(t *testing.T) {
	for name, c := range map[string]struct {
		b          Backoff
		soon, next time.Duration
	}{
		"long waits":  {Backoff{Min: 10 * time.Second, Max: time.Hour}, time.Second, 10 * time.Second},
		"short waits": {Backoff{Min: 2 * time.Millisecond, Max: time.Hour}, 2 * time.Millisecond, 2 * time.Millisecond},
		"by default":  {Backoff{}, time.Second, time.Second},
	} {
		b := c.b
		b.Rand = func() float64 { return 1 }
		for range 5 {
			b.Next()
		}
		if got := b.Soon(); got != c.soon {
			t.Errorf("%s: soon is %v, want %v", name, got, c.soon)
		}
		if got := b.Next(); got != c.next {
			t.Errorf("%s: then %v, want %v", name, got, c.next)
		}
	}
}
