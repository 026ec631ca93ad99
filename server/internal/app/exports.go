package app

import (
	"fmt"
	"os"
	"path/filepath"

	"illumi/protocol"
	"illumi/server/internal/export"
	"illumi/server/internal/store"
)

// exportWorker makes exports ready in the data directory.
func (a *App) exportWorker() (*export.Worker, error) {
	dir := filepath.Join(a.cfg.Data, "exports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory for exports cannot be made: %w", err)
	}
	return &export.Worker{
		Queue: a.relay, Dir: dir, Open: a.blobs.Open, Software: protocol.Build, Name: store.NewID(), Wake: a.exportWake, Log: a.log,
	}, nil
}

func (a *App) wakeExports() {
	select {
	case a.exportWake <- struct{}{}:
	default: // it is awake already
	}
}
