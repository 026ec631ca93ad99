package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"illumi/agent/internal/flow"
	"illumi/agent/internal/spool"
	"illumi/protocol"
)

// A state directory that is taken away under the running box, or given to
// another user, ends it: what it says is saved would be saved nowhere. The team
// learns of it before, and a new start begins again.
func TestState_TakenAway(t *testing.T) {
	for name, c := range map[string]struct {
		take func(t *testing.T, dir string)
		why  error
	}{
		"erased": {func(t *testing.T, dir string) {
			err := os.RemoveAll(dir)
			for late := time.Now().Add(patience); err != nil && time.Now().Before(late); err = os.RemoveAll(dir) {
				continue // the box writes meanwhile
			}
			must(t, err)
		}, spool.ErrGone},
		"moved": {func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+"-old")) }, spool.ErrGone},
		"replaced": {func(t *testing.T, dir string) {
			must(t, os.Rename(dir, dir+"-old"))
			must(t, os.Mkdir(dir, 0o700))
		}, spool.ErrGone},
		"without its outbox": {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "outbox"))) }, spool.ErrGone},
		"of another user": {func(t *testing.T, dir string) {
			if os.Geteuid() == 0 {
				t.Skip("nothing is closed to root")
			}
			must(t, os.Chmod(filepath.Join(dir, "outbox"), 0))
			t.Cleanup(func() { must(t, os.Chmod(filepath.Join(dir, "outbox"), 0o700)) }) //nolint:gosec // a folder
		}, spool.ErrNotOurs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state")
			b := ready(t, dir, newServer(t), nil)
			b.online()
			b.minute()
			if n := b.reported(protocol.ReportDisk); n != 0 {
				t.Fatalf("%d reports of a fine disk", n)
			}
			b.eventually("an answer", func() bool { return b.gone(false) })
			c.take(t, dir)
			b.minute()
			b.eventually("the report", func() bool { return b.reported(protocol.ReportDisk) == 1 })
			b.until("a full box", func(s flow.State) bool { return s.DiskLow })
			b.d.post(b.d.ctx, b.d.minutely)
			select {
			case err := <-b.ended:
				if !errors.Is(err, c.why) {
					t.Errorf("it ended with %v", err)
				}
				b.cancel()
				b.cancel = nil
				if err := b.spool.Close(); err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Fatal("the box goes on")
			}
			if b.face.isRed() || b.face.lit().Main != flow.LightOff {
				t.Error("a light stays on")
			}
		})
	}
}

// One slip is none: only what stays away ends the box.
func TestState_BackInTime(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	b := ready(t, dir, newServer(t), nil)
	for range 3 {
		must(t, os.Rename(dir, dir+"-old"))
		b.minute()
		b.eventually("an answer", func() bool { return b.gone(true) })
		must(t, os.Rename(dir+"-old", dir))
		b.minute()
		b.eventually("an answer", func() bool { return b.gone(false) })
		b.until("room", func(s flow.State) bool { return !s.DiskLow })
	}
}

func (b *box) gone(want bool) bool {
	b.Helper()
	got := make(chan bool, 1)
	b.d.post(b.d.ctx, func() { got <- b.d.dog.gone == want && !b.d.dog.asked })
	return <-got
}

// A card that became read-only is told although an idle box writes nothing: as
// a full disk, and as a card to be replaced.
func TestDisk_ReadOnlyIsTold(t *testing.T) {
	t.Parallel()
	r := &room{free: 1e9}
	dir := t.TempDir()
	b := start(t, dir, newServer(t), r.use(t, dir))
	b.spool = b.d.spool
	b.online()
	b.minute()
	r.set(1e9, syscall.EROFS)
	b.d.post(b.d.ctx, func() { b.d.unkept = true }) // there is something to be written
	b.minute()
	b.minute()
	if disk, card := b.reported(protocol.ReportDisk), b.reported(protocol.ReportCard); disk != 1 || card != 1 || !b.now().DiskLow {
		t.Errorf("%d and %d reports, low %t", disk, card, b.now().DiskLow)
	}
	r.set(1e9, nil)
	b.minute()
	if reports := b.reports(); len(reports) != 3 || !reports[2].Over || reports[2].Code != protocol.ReportCard || b.now().DiskLow {
		t.Errorf("%+v", reports)
	}
}
