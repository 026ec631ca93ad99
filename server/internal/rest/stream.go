package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
	"illumi/server/internal/model"
)

// A stream looks again at every hint, and every lookAgain without one: hints
// may get lost, and come only from this process. With every heartbeat it looks
// whether its token still is good.
const (
	heartbeat = 15 * time.Second
	lookAgain = 2 * time.Second
	streamed  = 200 // events at once
)

// stream sends a project's events as they are committed, from where the client
// left off. The database's numbers are the truth; hints only save waiting.
func (a *API) stream(c echo.Context) error {
	ctx, project := c.Request().Context(), c.Param("project")
	who := actor(ctx)
	last, err := since(c)
	if err == nil {
		err = onlyParameters(c, "since")
	}
	if err != nil {
		return err
	}
	sub := a.Bus.Subscribe(bus.Project(project))
	defer sub.Close()
	newest, err := a.Relay.LastEvent(ctx, who, project)
	switch {
	case last < 0:
		last = newest
	case err == nil && last > newest: // from before an older copy of the database was put back
		err = model.RefuseField("since", "There is no such event yet.", "Read the history, and begin anew after its last event.")
	}
	events, failed := a.Relay.EventsSince(ctx, who, project, max(last, 0), streamed)
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	if _, err := fmt.Fprint(c.Response(), ": from here on\n\n"); err != nil {
		return err
	}
	c.Response().Flush()
	beat, again := time.NewTicker(a.Heartbeat), time.NewTicker(lookAgain)
	defer beat.Stop()
	defer again.Stop()
	for {
		if last, err = send(c, events, last); err != nil {
			return err
		}
		if len(events) < streamed {
			select {
			case <-sub.C:
			case <-again.C:
			case <-beat.C:
				if _, err := fmt.Fprint(c.Response(), ":\n\n"); err != nil {
					return err
				}
				c.Response().Flush()
			case <-ctx.Done():
				return nil
			case <-a.Base.Done():
				return nil
			}
		}
		// Asked before each look: whose token or account has ended is told nothing more.
		if who, err = a.Tokens.AuthenticateToken(ctx, c.Request().Header.Get("Authorization"), c.RealIP()); err != nil {
			return a.over(c, err)
		}
		if events, err = a.Relay.EventsSince(ctx, who, project, last, streamed); err != nil {
			return a.over(c, err)
		}
	}
}

// over ends a stream that has begun: a refusal ends it for good, anything else
// is the server's trouble, and the client comes back by itself.
func (a *API) over(c echo.Context, err error) error {
	if _, refused := model.AsError(err); !refused {
		return err
	}
	_, werr := fmt.Fprint(c.Response(), "event: over\ndata: \n\n")
	c.Response().Flush()
	return werr
}

func send(c echo.Context, events []model.Event, last int64) (int64, error) {
	if len(events) == 0 {
		return last, nil
	}
	var out bytes.Buffer
	for _, e := range events {
		data, err := json.Marshal(eventShape(e))
		if err != nil {
			return last, fmt.Errorf("rest: write an event: %w", err)
		}
		fmt.Fprintf(&out, "id: %d\ndata: %s\n\n", e.Seq, data)
		last = e.Seq
	}
	if _, err := c.Response().Write(out.Bytes()); err != nil {
		return last, err
	}
	c.Response().Flush()
	return last, nil
}
