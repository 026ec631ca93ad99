package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Times of the worker: how long a lease lasts without being renewed, and how
// often it looks for work that nobody woke it for.
const (
	leaseFor  = 2 * time.Minute
	renewEach = 30 * time.Second
	lookEvery = 30 * time.Second
	sweepEach = time.Hour
)

// Queue is the exports that people asked for; *relay.Service is one.
type Queue interface {
	NextExport(ctx context.Context, worker string, lease time.Duration) (model.Prepared, *relay.Export, bool, error)
	KeepExport(ctx context.Context, id, worker string, lease time.Duration) (bool, error)
	FinishExport(ctx context.Context, p model.Prepared, worker string) error
	ExpiredExports(ctx context.Context) ([]string, error)
	HasExport(ctx context.Context, id string) (bool, error)
}

// Worker makes queued exports ready as files in Dir. A file has its name only
// when it is whole and on disk.
type Worker struct {
	Queue    Queue
	Dir      string
	Open     Opener
	Software string
	Name     string // tells the workers of several servers apart
	Wake     <-chan struct{}
	Log      *slog.Logger
}

// File is where an export lies that is ready.
func File(dir, id string) string { return filepath.Join(dir, id+".zip") }

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return fmt.Errorf("export: make the directory: %w", err)
	}
	look, sweep := time.NewTicker(lookEvery), time.NewTicker(sweepEach)
	defer look.Stop()
	defer sweep.Stop()
	w.tidy(ctx)
	for {
		worked, err := w.RunOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.Log.Error("an export could not be worked on", "error", err)
		} else if worked {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Wake:
		case <-look.C:
		case <-sweep.C:
			w.tidy(ctx)
		}
	}
}

// RunOnce makes at most one export.
func (w *Worker) RunOnce(ctx context.Context) (worked bool, err error) {
	p, e, ok, err := w.Queue.NextExport(ctx, w.Name, leaseFor)
	if err != nil || !ok {
		return false, err
	}
	making, stop := context.WithCancel(ctx)
	defer stop()
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		w.keep(making, p.ID, stop)
	}()
	size, failed := w.make(making, p.ID, e)
	stop()
	<-kept
	if ctx.Err() != nil {
		return true, nil // the server stops; the lease ends and the next one begins anew
	}
	p.State, p.Size = model.PreparedReady, size
	if failed != nil {
		w.Log.Error("an export failed", "export", p.ID, "error", failed)
		p.State, p.LastError = model.PreparedFailed, "The export could not be written. The server's log says why; try again."
	}
	return true, w.Queue.FinishExport(ctx, p, w.Name)
}

// keep renews the lease and stops the work where it is lost.
func (w *Worker) keep(ctx context.Context, id string, stop func()) {
	renew := time.NewTicker(renewEach)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			if kept, err := w.Queue.KeepExport(ctx, id, w.Name, leaseFor); err == nil && !kept {
				stop() // deleted, or with another worker
				return
			}
		}
	}
}

func (w *Worker) make(ctx context.Context, id string, e *relay.Export) (int64, error) {
	part, err := os.CreateTemp(w.Dir, id+"-*.part")
	if err != nil {
		return 0, err
	}
	head := Head{Wish: e.Wish, Project: e.Project, At: e.At, Software: w.Software}
	err = Write(ctx, part, head, e, w.Open, w.Dir)
	if err == nil {
		err = part.Sync()
	}
	info, statErr := part.Stat()
	if err = errors.Join(err, statErr, part.Close()); err == nil {
		err = os.Rename(part.Name(), File(w.Dir, id))
	}
	if err == nil {
		err = syncDir(w.Dir)
	}
	if err != nil {
		return 0, errors.Join(err, ignoreGone(os.Remove(part.Name())))
	}
	return info.Size(), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tidy removes what is over, and what a crash or another server's delete left.
func (w *Worker) tidy(ctx context.Context) {
	if _, err := w.Queue.ExpiredExports(ctx); err != nil && ctx.Err() == nil {
		w.Log.Error("exports that are over could not be looked through", "error", err)
		return
	}
	entries, err := os.ReadDir(w.Dir)
	for _, e := range entries {
		id, whole := strings.CutSuffix(e.Name(), ".zip")
		info, statErr := e.Info()
		if statErr != nil {
			continue // gone meanwhile
		}
		if whole {
			has, hasErr := w.Queue.HasExport(ctx, id)
			if hasErr != nil || has {
				err = errors.Join(err, hasErr)
				continue
			}
		} else if time.Since(info.ModTime()) < sweepEach {
			continue // being written
		}
		err = errors.Join(err, ignoreGone(os.Remove(filepath.Join(w.Dir, e.Name()))))
	}
	if err != nil && ctx.Err() == nil {
		w.Log.Error("old exports could not be removed", "error", err)
	}
}

// Drop removes the file of an export that was deleted; none is fine.
func Drop(dir, id string) error { return ignoreGone(os.Remove(File(dir, id))) }
