package transfer

import (
	"errors"
	"testing"
	"time"

	"illumi/agent/internal/retry"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

func TestProgress_Further(t *testing.T) {
	at := func(digest string, n int64) error {
		return errors.Join(&brokenOff{errCut, progress{digest: digest, at: n}}, nil)
	}
	var p progress
	for i, c := range []struct {
		err  error
		want bool
	}{
		{at("a", 0), false}, {at("a", 0), false}, {at("a", 5000), true}, {at("a", 5000), false},
		{at("a", 5001), false}, {at("a", 5002), false}, // a greeting for each byte
		{errCut, false}, {at("a", 7000), true}, {at("b", 0), true}, {at("b", 0), false},
	} {
		if got := p.further(c.err); got != c.want {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
}

// The first failure cannot know how far it came: where bytes were under way, the
// next attempt finds out at once, and only if none arrived it is left alone.
func TestProgress_BytesUnderWay(t *testing.T) {
	err := &brokenOff{errCut, progress{"a", 0, true}}
	var p progress
	if !p.further(err) || p.further(err) {
		t.Error("the first is not followed at once, or the second is")
	}
}

// After each cut that let something through, the next attempt follows at once.
func TestPusher_ABadLineIsNotWaitedFor(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	it := seal(t, s, 1, sound(1, 60_000), nil)
	line := &cutter{write: 6_000}
	acked := make(chan string, 1)
	p := NewPusher(PusherOptions{
		Client: client(t, f, func(o *Options) { o.Dial = line.dial }), Spool: s,
		Backoff: func() *retry.Backoff { // waits for days, or 10 ms
			return &retry.Backoff{Min: 10_000 * time.Hour, Max: 10_000 * time.Hour, Rand: func() float64 { return 0.01 }}
		},
		Acked:  func(it spool.Item, _ protocol.Receipt) { acked <- it.ID },
		Failed: func(spool.Item, error) { f.settle() },
	})
	run(t, p.Run)
	if got := next(ctx, t, acked); got != it.ID || line.cuts.Load() < 5 {
		t.Errorf("acknowledged %s after %d cuts", got, line.cuts.Load())
	}
}

// A line that carries a little at a time must not be left alone for longer and
// longer: the ceiling stays at its least while bytes arrive.
func TestPusher_ABadLineIsNotADeadOne(t *testing.T) {
	f := newFake(t)
	s := newSpool(t)
	ctx := deadline(t)
	it := seal(t, s, 1, sound(1, 60_000), nil)
	line := &cutter{write: 6_000}
	rise := &retry.Backoff{Min: time.Millisecond, Max: time.Hour, Factor: 1000, Rand: func() float64 { return 1 }}
	acked := make(chan string, 1)
	p := NewPusher(PusherOptions{
		Client: client(t, f, func(o *Options) { o.Dial = line.dial }), Spool: s,
		Backoff: func() *retry.Backoff { return rise },
		Acked:   func(it spool.Item, _ protocol.Receipt) { acked <- it.ID },
		Failed:  func(spool.Item, error) { f.settle() },
	})
	run(t, p.Run)
	if got := next(ctx, t, acked); got != it.ID || line.cuts.Load() < 5 {
		t.Errorf("acknowledged %s after %d cuts", got, line.cuts.Load())
	}
}
