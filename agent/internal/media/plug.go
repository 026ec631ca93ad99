package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settled is how long a card is given after its first node appeared: udev
	// sets the group that lets us in only then (hardware.md 2.2).
	settled = 500 * time.Millisecond
	// stormy is the longest that events without end put off a look.
	stormy = 5 * time.Second
	// named is how long after that look another one follows: the lasting name of
	// a camera is given later than its node.
	named = 5 * time.Second
	// lookAgain finds what no event told of, though the kernel tells.
	lookAgain = 10 * time.Minute
	// unwatched is how often is looked while the kernel does not tell.
	unwatched = time.Minute
)

// WatchCards calls changed with the sound cards of the machine at root: once at
// the start, and again whenever a card came or went, until ctx ends and its
// error is returned. changed is never called twice at once.
func WatchCards(ctx context.Context, root string, changed func([]Card)) error {
	// The folder comes with the first card and may go with the last.
	dev := filepath.Join(root, "dev")
	return watchPlugs(ctx, dev, filepath.Join(dev, "snd"), "", news(func() ([]Card, error) { return Cards(root) }, changed))
}

// news tells changed of what look finds, at first and whenever it is another.
// What cannot be read now is read again at the next look.
func news(look func() ([]Card, error), changed func([]Card)) func() {
	var known []Card
	first := true
	return func() {
		cards, err := look()
		if err != nil || !first && reflect.DeepEqual(cards, known) {
			return
		}
		known, first = cards, false
		changed(cards)
	}
}

// WatchPresence calls changed with each change of c.Present, until ctx ends and
// its error is returned. root is the machine's; was is what the caller believes
// at the beginning.
func WatchPresence(ctx context.Context, root string, c Camera, was bool, changed func(present bool)) error {
	return watchPlugs(ctx, filepath.Join(root, "dev"), "", "video", func() {
		if now := c.Present(); now != was {
			was = now
			changed(now)
		}
	})
}

// watchPlugs calls look at the start, whenever something in dev came or went that
// is folder or in it, or whose name begins with prefix, and now and then besides.
// An idle box is woken by nothing else. Where the kernel gives no watch, as when
// other programs have used them up, it looks each minute.
func watchPlugs(ctx context.Context, dev, folder, prefix string, look func()) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		_ = watchKernel(ctx, dev, folder, prefix, look) // why does not matter: it is tried again
		if ctx.Err() != nil {
			return ctx.Err()
		}
		look()
		timer.Reset(unwatched)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// watchKernel is watchPlugs for as long as the kernel tells of what happens.
func watchKernel(ctx context.Context, dev, folder, prefix string, look func()) (err error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch devices: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Add(dev); err != nil {
		return fmt.Errorf("watch devices: %w", err)
	}
	concerns := func(e fsnotify.Event) bool {
		if folder != "" && (e.Name == folder || filepath.Dir(e.Name) == folder) {
			return true
		}
		return prefix != "" && filepath.Dir(e.Name) == dev && strings.HasPrefix(filepath.Base(e.Name), prefix)
	}
	return watchEvents(ctx, sift(ctx, w.Events, concerns), w.Errors, func() (next time.Duration) {
		next = lookAgain
		if folder != "" {
			if err := w.Add(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
				next = unwatched // no watch is left
			}
		}
		look()
		return next
	})
}

// sift lets through what concerns the caller, out of all that happens in /dev.
func sift(ctx context.Context, events <-chan fsnotify.Event, concerns func(fsnotify.Event) bool) <-chan struct{} {
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
				if !concerns(e) {
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

var errWatch = errors.New("the watch on the devices ended")

// watchEvents looks once things have settled after the last event, in the midst
// of a storm of them too, and once more for what udev is slow to name.
// look says when it wants to be called again where nothing happens.
func watchEvents(ctx context.Context, events <-chan struct{}, errs <-chan error, look func() (next time.Duration)) error {
	timer := time.NewTimer(look())
	defer timer.Stop()
	var first time.Time // event since the last look; zero: none
	for {
		told := true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
		case _, ok := <-errs: // events were lost
			if !ok {
				return errWatch
			}
		case <-timer.C:
			told = false
		}
		switch {
		case told && first.IsZero():
			first = time.Now()
			timer.Reset(settled)
		case told:
			timer.Reset(min(settled, stormy-time.Since(first)))
		case first.IsZero():
			timer.Reset(look())
		default:
			look()
			first = time.Time{}
			timer.Reset(named)
		}
	}
}
