package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/metric"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// measured makes the metrics, which look at the App's parts when asked.
func (a *App) measured() *metric.Metrics {
	return metric.New(metric.Sources{
		Gauges: func(ctx context.Context) (g model.Gauges, err error) {
			err = a.store.View(ctx, func(tx *store.Tx) error {
				g, err = tx.Gauges(ctx)
				return err
			})
			return g, err
		},
		Database: a.store.Stats,
		Boxes:    a.hub.Count,
		Version:  protocol.Build,
	})
}

// checkDebug refuses to show the server's inside to a network: profiles hold
// what is in memory.
func checkDebug(address string) error {
	if address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err == nil && validPort(port) && host == "localhost" {
		return nil
	}
	ip, ipErr := netip.ParseAddr(host)
	if err != nil || ipErr != nil || !validPort(port) || !ip.IsLoopback() {
		return settingf("the address for metrics and profiles, --debug-listen %q, is not like 127.0.0.1:9090; it has to be this machine alone", address)
	}
	return nil
}

// listenDebug opens the second listener, if one is configured.
func (a *App) listenDebug() (net.Listener, error) {
	if a.cfg.DebugListen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", a.cfg.DebugListen)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be listened on; choose another address with --debug-listen: %w", a.cfg.DebugListen, err)
	}
	return l, nil
}

// debugHandler shows metrics and Go's own profiles.
func (a *App) debugHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// serveDebug answers on l until ctx ends.
func (a *App) serveDebug(ctx context.Context, l net.Listener) error {
	srv := &http.Server{Handler: a.debugHandler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // nobody's work is lost
	defer stop()
	a.log.Info("metrics and profiles", "listen", l.Addr().String())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("app: serve metrics: %w", err)
	}
	return nil
}

// headerRequest names a request in the log and in its answer.
const headerRequest = "X-Request-Id"

// logged writes a line for each request: by its route, never its address, which
// names people's whispers, and never with what was asked or answered.
func (a *App) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		id := uuid.Must(uuid.NewV7()).String()
		c.Response().Header().Set(headerRequest, id)
		err := next(c)
		r := c.Request()
		a.log.LogAttrs(r.Context(), slog.LevelDebug, "request",
			slog.String("request", id), slog.String("method", r.Method), slog.String("route", c.Path()),
			slog.Int("status", c.Response().Status), slog.Int64("bytes", c.Response().Size), slog.Duration("took", time.Since(began)))
		return err
	}
}
