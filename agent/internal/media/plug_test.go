package media

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A contact that flutters must not keep the box from seeing what is there.
func TestWatchEvents_LooksInAStormAndOnceMoreAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		events, done := make(chan struct{}), make(chan error)
		var looks atomic.Int32
		go func() { done <- watchEvents(ctx, events, nil, func() time.Duration { looks.Add(1); return lookAgain }) }()
		for range 600 {
			events <- struct{}{}
			time.Sleep(100 * ms)
		}
		if n := looks.Load(); n < 10 || n > 20 {
			t.Errorf("%d looks in a storm of a minute", n)
		}
		time.Sleep(settled)
		synctest.Wait()
		before := looks.Load()
		time.Sleep(named)
		synctest.Wait()
		if n := looks.Load() - before; n != 1 {
			t.Errorf("%d looks for a name that comes late", n)
		}
		time.Sleep(lookAgain)
		synctest.Wait()
		if n := looks.Load() - before; n != 2 {
			t.Errorf("%d looks in the time after", n)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Other programs may have used up the kernel's watches.
func TestWatchCards_WithoutTheKernelsHelp(t *testing.T) {
	for name, prepare := range map[string]func(dev string) error{
		"no watch on anything": func(string) error { return nil }, // nothing is there to be watched
		"no watch on the folder": func(dev string) error {
			return errors.Join(os.MkdirAll(dev, 0o755), os.Symlink("snd", filepath.Join(dev, "snd"))) // a loop
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := machine(t, usbMic)
			if err := prepare(filepath.Join(root, "dev")); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			seen, done := make(chan int, 8), make(chan error, 1)
			go func() { done <- WatchCards(ctx, root, func(c []Card) { seen <- len(c) }) }()
			select {
			case n := <-seen:
				if n != 1 {
					t.Errorf("%d cards", n)
				}
			case err := <-done:
				t.Fatal(err)
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

func TestWatchPresence_LooksEachMinuteWithoutTheKernelsHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var cam appears
		changes, done := make(chan bool, 8), make(chan error, 1)
		go func() {
			done <- WatchPresence(ctx, filepath.Join(t.TempDir(), "none"), &cam, false, func(p bool) { changes <- p })
		}()
		time.Sleep(time.Second)
		cam.there.Store(true)
		time.Sleep(unwatched)
		if len(changes) != 1 {
			t.Error("a camera was not noticed")
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := cam.looks.Load(); n > 4 {
			t.Errorf("%d looks in a minute", n)
		}
	})
}

// appears is a camera that is plugged in at some time.
type appears struct {
	Camera
	there atomic.Bool
	looks atomic.Int32
}

func (c *appears) Present() bool {
	c.looks.Add(1)
	return c.there.Load()
}
