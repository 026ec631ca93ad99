package api_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"illumi/protocol"
	"illumi/server/internal/api"
	"illumi/server/internal/model"
)

// recorder is a database that fails as often as it is told to.
type recorder struct {
	mu     sync.Mutex
	fail   int
	rounds []map[string]model.Sighting
}

func (r *recorder) SeenMany(_ context.Context, seen map[string]model.Sighting) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail > 0 {
		r.fail--
		return errors.New("no database")
	}
	r.rounds = append(r.rounds, seen)
	return nil
}

func TestPresence_FailedRoundIsMerged(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	rec := &recorder{fail: 1}
	p := api.NewPresence(rec, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	p.Connected("a", protocol.Hello{Version: 1, Agent: "1.4"})
	p.Status("a", protocol.Status{Waiting: 1})
	p.Flush(t.Context())
	now = now.Add(time.Minute)
	p.Heard("a")
	p.Status("a", protocol.Status{Waiting: 2})
	p.Flush(t.Context())
	p.Flush(t.Context()) // nothing is left
	if len(rec.rounds) != 1 {
		t.Fatalf("%d rounds, want 1", len(rec.rounds))
	}
	s := rec.rounds[0]["a"]
	if !s.At.Equal(now) || !s.Connected || s.Hello == nil || s.Hello.Agent != "1.4" || s.Status == nil || s.Status.Waiting != 2 {
		t.Errorf("written: %+v", s)
	}
}

// Connections show at once, ordinary words in rounds, and the last ones when
// the server stops.
func TestPresence_Rounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{}
		p := api.NewPresence(rec, time.Now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		written := func() int {
			synctest.Wait()
			rec.mu.Lock()
			defer rec.mu.Unlock()
			return len(rec.rounds)
		}
		p.Connected("a", protocol.Hello{Version: 1})
		if n := written(); n != 1 {
			t.Errorf("%d rounds after a connection, want 1", n)
		}
		p.Heard("a")
		p.Heard("b")
		if n := written(); n != 1 {
			t.Errorf("%d rounds after a word, want 1 still", n)
		}
		time.Sleep(10 * time.Second)
		if n := written(); n != 2 || len(rec.rounds[1]) != 2 {
			t.Errorf("%d rounds after ten seconds, want 2 and both boxes in it", n)
		}
		p.Heard("a")
		cancel()
		if err := <-done; err != nil || written() != 3 {
			t.Errorf("%v, %d rounds at the end, want 3", err, len(rec.rounds))
		}
	})
}
