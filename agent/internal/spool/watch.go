package spool

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"

	"illumi/agent/internal/beat"
)

// Watch sends every sealed reply once, oldest first, until ctx ends; then it
// returns the context's cause. It looks when the directory says so and every
// Options.Rescan by itself: events are hints, they may be lost. Replies that turn
// out damaged go to damaged, which must not block for long.
func (s *Spool) Watch(ctx context.Context, out chan<- Item, damaged func(Damaged)) error {
	var events <-chan fsnotify.Event
	var errs <-chan error
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer w.Close() //nolint:errcheck // closing the descriptor; nothing is written
		err = w.Add(s.abs("outbox"))
		events, errs = w.Events, w.Errors
	}
	if err != nil {
		// No inotify left: the rescan alone finds everything, a minute later.
		s.o.Logger.Warn("outbox is not watched, only rescanned", "error", err)
		events, errs = nil, nil
	}
	return s.watch(ctx, events, errs, out, damaged)
}

// settleTime gathers the events of one seal before looking.
const settleTime = 20 * time.Millisecond

func (s *Spool) watch(ctx context.Context, events <-chan fsnotify.Event, errs <-chan error, out chan<- Item, damaged func(Damaged)) error {
	seen := map[string]bool{}
	tick := time.NewTimer(beat.Next(s.o.Rescan))
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case _, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			soon.Reset(settleTime)
			continue
		case err, ok := <-errs:
			// An overflow among them: events were lost, so look.
			if !ok {
				errs = nil
				continue
			}
			s.o.Logger.Warn("outbox events were lost", "error", err)
		case <-tick.C:
			tick.Reset(beat.Next(s.o.Rescan))
		case <-soon.C:
		}
		if err := s.scan(ctx, seen, out, damaged); err != nil {
			return err
		}
	}
}

// scan sends what was not sent before and forgets what is gone, so that a reply
// which comes back under the same name is seen.
func (s *Spool) scan(ctx context.Context, seen map[string]bool, out chan<- Item, damaged func(Damaged)) error {
	again := s.takeReturned() // first: what comes back later is seen at the next look
	items, bad, err := s.Items()
	for _, d := range bad {
		damaged(d)
	}
	if err != nil {
		return err
	}
	for id := range again {
		delete(seen, id)
	}
	here := map[string]bool{}
	for _, it := range items {
		here[it.ID] = true
		if seen[it.ID] {
			continue
		}
		select {
		case out <- it:
			seen[it.ID] = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for id := range seen {
		if !here[id] {
			delete(seen, id)
		}
	}
	return nil
}
