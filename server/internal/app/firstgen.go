package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"illumi/server/internal/firstgen"
)

// firstGeneration makes the wire of the first generation of boxes. What an
// earlier process was just receiving is removed: nobody was told of it.
func (a *App) firstGeneration() (*firstgen.Service, error) {
	dir := filepath.Join(a.cfg.Data, "firstgen")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, fmt.Errorf("the directory for boxes of the first generation cannot be made: %w", err)
	}
	return &firstgen.Service{
		Relay: a.relay, Uploads: a.uploads, Presence: a.presence, Media: a.blobs.Open,
		PublicURL: strings.TrimRight(a.public.String(), "/"), Dir: dir, Now: time.Now, Log: a.log, Base: a.base,
	}, nil
}
