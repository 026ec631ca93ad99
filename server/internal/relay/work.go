package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"illumi/server/internal/route"
	"illumi/server/internal/store"
)

func (s *Service) wakeWork() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Rounds of the worker. The patrol repairs what a crash of another server
// between two of its steps could leave: a free box with a turn waiting.
const (
	patrolEvery = 30 * time.Second
	batch       = 50
)

// Work lets answers go on when their pause is over, and does what deadlines
// ask for, until ctx ends. Several
// servers may run it: each step is a compare-and-set.
func (s *Service) Work(ctx context.Context) error {
	patrol := time.NewTicker(patrolEvery)
	defer patrol.Stop()
	for {
		next, err := s.doDue(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("what is due could not be looked through", "error", err)
			next = s.now().Add(time.Second)
		}
		wait := patrolEvery
		if !next.IsZero() {
			wait = min(max(next.Sub(s.now()), 0), patrolEvery)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		case <-patrol.C:
			timer.Stop()
			if err := s.ServeWaiting(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("waiting boxes could not be looked through", "error", err)
			}
		}
	}
}

// doDue forwards every answer whose pause is over, does what deadlines ask for,
// and says when the next is due; zero where none is. A whisper that cannot go on does
// not keep the others.
func (s *Service) doDue(ctx context.Context) (time.Time, error) {
	for {
		var due []store.HopRef
		var next time.Time
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			if due, err = tx.DueHops(ctx, s.now(), batch); err != nil {
				return err
			}
			next, err = tx.NextDue(ctx)
			return err
		})
		if err != nil || len(due) == 0 {
			return next, err
		}
		var failed []error
		for _, ref := range due {
			if err := s.tick(ctx, ref.WhisperID); err != nil {
				failed = append(failed, fmt.Errorf("relay: let whisper %s go on: %w", ref.WhisperID, err))
			}
		}
		if failed != nil {
			return next, errors.Join(failed...)
		}
	}
}

func (s *Service) tick(ctx context.Context, whisper string) error {
	return s.do(ctx, func(w *work) error {
		wh, err := w.Whisper(ctx, whisper)
		if err != nil {
			return err
		}
		c, err := s.clockOf(ctx, w.Tx, wh)
		if err != nil {
			return err
		}
		_, err = s.step(ctx, w, wh, route.Tick{Clock: c}, nil)
		return err
	})
}

// ServeWaiting offers turns to free boxes that have some waiting: those whose
// time came, and what a crash left. Work does it now and then.
func (s *Service) ServeWaiting(ctx context.Context) error {
	var idle []string
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		idle, err = tx.IdleDevicesWithTurn(ctx, s.now(), batch)
		return err
	})
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range idle {
		if err := s.do(ctx, func(w *work) error { w.serve = append(w.serve, id); return nil }); err != nil {
			failed = append(failed, fmt.Errorf("relay: serve box %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}
