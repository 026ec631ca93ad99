package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
	"illumi/server/internal/model"
)

// Live pages: a hint at most every liveGap. Every liveRound the page looks again
// without one, because the words for a box age by themselves, and the stream
// looks whether its reader is still signed in.
const (
	liveGap   = 300 * time.Millisecond
	liveRound = 30 * time.Second
	liveWrite = 10 * time.Second
)

// Events of a live stream; they carry no data.
const (
	eventChanged = "event: changed\ndata: \n\n"
	eventOver    = "event: over\ndata: \n\n" // signed out, or no part in the project any more: do not come back
)

// live streams "changed" whenever a topic changes, beginning with one: what
// happened while the page was away must show as well. It ends with the reader's
// part in the project, where the page is of one.
func (w *Web) live(c echo.Context, project string, topics ...bus.Topic) error {
	ctx := c.Request().Context()
	sub := w.Bus.Subscribe(topics...)
	defer sub.Close()
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	control := http.NewResponseController(c.Response())
	round := time.NewTicker(w.round)
	defer round.Stop()
	event := eventChanged
	for {
		if err := control.SetWriteDeadline(time.Now().Add(liveWrite)); errors.Is(err, http.ErrNotSupported) {
			return fmt.Errorf("web: live page: %w", err)
		} else if err != nil {
			return nil //nolint:nilerr // the reader has gone
		}
		if _, err := c.Response().Write([]byte(event)); err != nil {
			return nil //nolint:nilerr // the reader has gone
		}
		c.Response().Flush()
		if event == eventOver {
			return nil
		}
		select {
		case <-time.After(liveGap):
		case <-w.Base.Done():
			return nil
		}
		select {
		case <-sub.C:
		case <-round.C:
			stands, err := w.Auth.Recheck(ctx)
			if stands && project != "" {
				_, err = w.Relay.Project(ctx, actor(c), project)
				if _, refused := model.AsError(err); refused {
					stands, err = false, nil
				}
			}
			if err != nil && ctx.Err() == nil {
				// The answer has begun, so nobody else can tell; the page comes back by itself.
				w.Log.Warn("a live page's session could not be looked at", "error", err)
				return nil
			}
			if !stands {
				event = eventOver
			}
		case <-ctx.Done():
			return nil
		case <-w.Base.Done():
			return nil
		}
	}
}
