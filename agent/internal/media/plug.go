package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settled is how long a card is given after its first node appeared: udev
	// sets the group that lets us in only then (hardware.md 2.2).
	settled = 500 * time.Millisecond
	// lookAgain finds what no event told of.
	lookAgain = time.Minute
)

// WatchCards calls changed with the sound cards of the machine at root: once at
// the start, and again whenever a card came or went, until ctx ends and its
// error is returned. changed is never called twice at once.
func WatchCards(ctx context.Context, root string, changed func([]Card)) (err error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch sound cards: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Add(filepath.Join(root, "dev")); err != nil {
		return fmt.Errorf("watch sound cards: %w", err)
	}
	// The folder comes with the first card and may go with the last.
	snd := filepath.Join(root, "dev/snd")
	follow := func() error {
		if err := w.Add(snd); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return watchCards(ctx, sift(ctx, w.Events, snd), w.Errors, func() ([]Card, error) {
		if err := follow(); err != nil {
			return nil, err
		}
		return Cards(root)
	}, changed)
}

// sift lets through what concerns snd, out of all that happens in /dev.
func sift(ctx context.Context, events <-chan fsnotify.Event, snd string) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e, ok := <-events:
				if !ok {
					return
				}
				if e.Name != snd && filepath.Dir(e.Name) != snd {
					continue
				}
				select {
				case out <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

var errWatch = errors.New("the watch on the sound cards ended")

// watchCards looks once things have settled after the last event. What cannot
// be read now is read again at the next event, or in a minute.
func watchCards(ctx context.Context, events <-chan struct{}, errs <-chan error, look func() ([]Card, error), changed func([]Card)) error {
	var known []Card
	first := true
	see := func() {
		cards, err := look()
		if err != nil || !first && reflect.DeepEqual(cards, known) {
			return
		}
		known, first = cards, false
		changed(cards)
	}
	see()
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
			timer.Reset(settled)
		case _, ok := <-errs: // events were lost
			if !ok {
				return errWatch
			}
			timer.Reset(settled)
		case <-timer.C:
			see()
			timer.Reset(lookAgain)
		}
	}
}
