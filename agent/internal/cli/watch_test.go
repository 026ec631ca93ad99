package cli

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"illumi/agent/internal/daemon"
	"illumi/agent/internal/media"
)

// A camera that was unplugged while the box was off is not asked for a photo.
func TestWatch_TellsAtOnceOfACameraThatIsNotThere(t *testing.T) {
	root := t.TempDir()
	h := &hardware{root: root, camera: &media.USBCamera{Root: root}, mixers: newMixers(root), log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	told, done := make(chan bool, 8), make(chan error, 1)
	go func() {
		done <- h.watch(ctx, func(p daemon.Part, there bool) {
			if p == daemon.PartCamera {
				told <- there
			}
		})
	}()
	select {
	case there := <-told:
		if there {
			t.Error("there is no camera")
		}
	case <-ctx.Done():
		t.Error("nobody was told")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
