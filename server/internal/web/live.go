package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
)

// Live pages: a hint at most this often, and a sign of life that keeps the
// connection and tells the server when the reader has gone.
const (
	liveGap   = 300 * time.Millisecond
	liveAlive = 20 * time.Second
	liveWrite = 10 * time.Second
)

// live streams "changed" whenever a topic changes, beginning with one: what
// happened while the page was away must show as well.
func (w *Web) live(c echo.Context, topic bus.Topic) error {
	sub := w.Bus.Subscribe(topic)
	defer sub.Close()
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	control := http.NewResponseController(c.Response())
	alive := time.NewTicker(liveAlive)
	defer alive.Stop()
	event := "event: changed\ndata: \n\n"
	for {
		if err := control.SetWriteDeadline(time.Now().Add(liveWrite)); err != nil {
			return fmt.Errorf("web: live page: %w", err)
		}
		if _, err := c.Response().Write([]byte(event)); err != nil {
			return nil //nolint:nilerr // the reader has gone
		}
		c.Response().Flush()
		select {
		case <-time.After(liveGap):
		case <-w.Base.Done():
			return nil
		}
		event = "event: changed\ndata: \n\n"
		select {
		case <-sub.C:
		case <-alive.C:
			event = ": here\n\n"
		case <-c.Request().Context().Done():
			return nil
		case <-w.Base.Done():
			return nil
		}
	}
}
