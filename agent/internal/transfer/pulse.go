package transfer

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// pulse ends a request unless beat is called often enough.
type pulse struct {
	c      *Client
	way    *http.Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	began  time.Time
	last   atomic.Int64 // beat, since began
}

func (c *Client) pulse(ctx context.Context) (context.Context, *pulse) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &pulse{c: c, way: c.way.Load(), ctx: ctx, cancel: cancel, began: time.Now()}
	p.timer = time.AfterFunc(c.o.Stall, func() { cancel(ErrStalled) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulses[p] = struct{}{}
	return ctx, p
}

func (p *pulse) beat() {
	p.timer.Reset(p.c.o.Stall)
	p.last.Store(int64(time.Since(p.began)))
}

func (p *pulse) stop() {
	p.timer.Stop()
	p.c.mu.Lock()
	delete(p.c.pulses, p)
	p.c.mu.Unlock()
	stalled := errors.Is(context.Cause(p.ctx), ErrStalled)
	p.cancel(nil)
	if stalled {
		p.c.leave(p.way)
	}
}

// Renew is to be called once the way to the server is known to be a new one. It
// ends requests in which nothing moves: they hang on a connection that is gone,
// and would do so until Options.Stall. Their callers try again.
func (c *Client) Renew() {
	c.mu.Lock()
	for p := range c.pulses {
		if time.Since(p.began)-time.Duration(p.last.Load()) >= c.o.Stale {
			p.cancel(ErrStalled)
		}
	}
	c.mu.Unlock()
	c.way.Load().CloseIdleConnections()
}
