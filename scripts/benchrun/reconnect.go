package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"illumi/protocol"
	"illumi/scripts/e2e/world"
)

// returning is how many boxes lose their server in the same moment.
const returning = 2000

// returnLimit is how much longer all boxes may take than clients of a bare
// server take that is restarted alike: they are looked up, greeted, told of
// what they missed, and ask for their offers.
const returnLimit = 3

// reconnect restarts each server under its clients and waits for the last of
// them to be back.
func reconnect(ctx context.Context, b *bench) (err error) {
	f, err := newFleet(ctx, b)
	if err != nil {
		return err
	}
	defer both(&err, f.close)
	if err := f.enrol(ctx, returning); err != nil {
		return err
	}
	pull := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: connectors}}
	defer pull.CloseIdleConnections()
	ours := &herd{n: returning, dial: func(ctx context.Context, i int) (*websocket.Conn, error) {
		ws, err := connect(ctx, f.w.URL(), f.boxes[i])
		if err != nil {
			return nil, err
		}
		if err := offers(ctx, pull, f.w.URL(), f.boxes[i]); err != nil {
			return nil, errors.Join(err, ws.Close())
		}
		return ws, nil
	}}
	back, err := ours.through(ctx, func() (func() error, error) {
		return func() error { return f.w.StartServer(ctx) }, f.w.Server().Stop(30 * time.Second)
	})
	if err != nil {
		return err
	}
	b.say("boxes: all of %d are back %.2f s after the server is ready; a half after %.2f s; %d tries were refused or failed after it was", returning, back.all.Seconds(), back.half.Seconds(), back.failed)
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer func() { both(&err, bare.end) }()
	theirs := &herd{n: returning, dial: func(ctx context.Context, _ int) (*websocket.Conn, error) {
		return dialBare(ctx, bare.base)
	}}
	least, err := theirs.through(ctx, func() (func() error, error) {
		return func() error { return bare.again(ctx) }, bare.end()
	})
	if err != nil {
		return fmt.Errorf("the bare server: %w", err)
	}
	b.say("clients of a bare server: all are back after %.2f s, a half after %.2f s", least.all.Seconds(), least.half.Seconds())
	b.held(back.all.Seconds()/least.all.Seconds(), returnLimit, "×", "all boxes back, against a bare server")
	b.held(float64(back.failed), 0, "tries", "tries that failed although the server was ready")
	return nil
}

func offers(ctx context.Context, client *http.Client, base string, box *world.Box) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+protocol.PathOffers+"?since="+url.QueryEscape(""), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+box.Secret)
	req.Header.Set(protocol.HeaderBoard, box.Board)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("offers: the server answers %s", res.Status)
	}
	var page protocol.OffersPage
	return decode(res.Body, &page)
}

// herd is clients that come back by themselves, each waiting as an agent does.
type herd struct {
	n    int
	dial func(ctx context.Context, i int) (*websocket.Conn, error)

	ready  atomic.Bool // the server answers
	failed atomic.Int64
	back   atomic.Int64
}

// comeback is what a restart looked like.
type comeback struct {
	half, all time.Duration
	failed    int64
}

// through connects all, stops the server, starts it, and waits for all.
func (h *herd) through(ctx context.Context, stop func() (start func() error, err error)) (comeback, error) {
	var out comeback
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	// The first time they come in an order; how they come back is what counts.
	conns := make([]*websocket.Conn, h.n)
	err := each(h.n, connectors, func(i int) (err error) {
		conns[i], err = h.dial(ctx, i)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("connect for the first time: %w", err)
	}
	for i := range h.n {
		all.Go(func() { h.one(ctx, i, conns[i]) })
	}
	start, err := stop()
	if err == nil {
		err = start()
	}
	if err != nil {
		return out, err
	}
	h.ready.Store(true)
	began := time.Now()
	for {
		n := int(h.back.Load())
		if n >= h.n/2 && out.half == 0 {
			out.half = time.Since(began)
		}
		if n == h.n {
			out.all, out.failed = time.Since(began), h.failed.Load()
			return out, nil
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return out, fmt.Errorf("%d of %d are back: %w", n, h.n, err)
		}
	}
}

// Waits between connections, as the agent's: anywhere up to a ceiling that
// doubles.
const (
	backoffMin = time.Second
	backoffMax = 5 * time.Minute
)

// one waits for its connection to end, comes back once, and stays.
func (h *herd) one(ctx context.Context, i int, ws *websocket.Conn) {
	drain(ctx, ws)
	for ceiling := backoffMin; ; ceiling = min(2*ceiling, backoffMax) {
		if wait(ctx, rand.N(ceiling)) != nil {
			return
		}
		ready := h.ready.Load()
		ws, err := h.dial(ctx, i)
		if err == nil {
			h.back.Add(1)
			drain(ctx, ws)
			return
		}
		if ready && ctx.Err() == nil {
			h.failed.Add(1)
		}
	}
}

// drain reads until the connection ends.
func drain(ctx context.Context, ws *websocket.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = ws.Close() }) // it may have ended
	defer stop()
	defer ws.Close()
	for ws.SetReadDeadline(time.Time{}) == nil {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
	}
}

func dialBare(ctx context.Context, base string) (*websocket.Conn, error) {
	ws, res, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(base, "http"), nil)
	if err != nil {
		if res != nil {
			err = errors.Join(err, res.Body.Close())
		}
		return nil, err
	}
	return ws, res.Body.Close()
}
