// Package app wires the server's parts, runs its workers and stops them in
// order: no new requests, boxes told, pages told, work done, database closed.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"

	"illumi/protocol"
	"illumi/server/internal/api"
	"illumi/server/internal/auth"
	"illumi/server/internal/blob"
	"illumi/server/internal/bus"
	"illumi/server/internal/export"
	"illumi/server/internal/firstgen"
	"illumi/server/internal/hook"
	"illumi/server/internal/hub"
	"illumi/server/internal/mail"
	"illumi/server/internal/metric"
	"illumi/server/internal/relay"
	"illumi/server/internal/rest"
	"illumi/server/internal/store"
	"illumi/server/internal/upload"
	"illumi/server/internal/web"
)

// Config is all that a server can be told. Zero values are the defaults of
// Defaults, not of Go.
type Config struct {
	Listen    string // host:port
	PublicURL string // how browsers and boxes reach it; empty: from Listen
	Data      string // directory
	DB        string // sqlite:PATH or mysql://…; empty: sqlite in Data
	Mail      string // smtp://…, smtps://… or log
	Name      string // the server's name for people
	// DebugListen is where metrics and profiles are shown, on this machine alone;
	// empty: nowhere.
	DebugListen string
	TLSCert     string
	TLSKey      string
	// TrustedProxies are the networks whose X-Forwarded-For is believed.
	// Nobody's by default: an address that a client can choose is no address.
	TrustedProxies []string
	// HookNetworks are networks that hooks may reach although they are not public.
	HookNetworks []string
	// Beside says that a server may be running on the same data: a database of
	// another version is refused and never changed.
	Beside bool

	waits waits
}

// waits are for tests; zero means what the protocol says.
type waits struct{ hello, ping, dead, recheck, body, parting time.Duration }

// Defaults is a server with nothing configured.
func Defaults() Config {
	return Config{Listen: "127.0.0.1:8080", Data: "illumi-data", Mail: "log", Name: "illumi"}
}

// graceTime is what requests and boxes have to come to an end, readyTime what
// the database has to show that it answers.
const (
	graceTime = 10 * time.Second
	readyTime = 2 * time.Second
)

// App is a server's parts. New opens what commands need as well; Prepare adds
// what only the one serving process may have.
type App struct {
	cfg      Config
	log      *slog.Logger
	public   *url.URL
	store    *store.Store
	blobs    *blob.Store
	hub      *hub.Hub
	bus      *bus.Bus
	auth     *auth.Service
	relay    *relay.Service
	uploads  *upload.Service
	presence *api.Presence
	firstGen *firstgen.Service

	uploadsOnce sync.Once

	mails      *mail.Worker
	mailWake   chan struct{}
	exports    *export.Worker
	exportWake chan struct{}
	hooks      *hook.Worker
	hookWake   chan struct{}
	rest       *rest.API
	hookSecret func(hook string) string
	metrics    *metric.Metrics
	echo       *echo.Echo
	base       context.Context // ends at shutdown; live pages and sockets hang on it
	stop       context.CancelFunc
}

// New opens the database and the media directory. Close the App in the end.
func New(ctx context.Context, cfg Config, log *slog.Logger) (_ *App, err error) {
	a := &App{cfg: cfg, log: log, bus: bus.New(), mailWake: make(chan struct{}, 1), hookWake: make(chan struct{}, 1)}
	a.hub = hub.New(hub.Options{Log: log, Ping: cfg.waits.ping, Dead: cfg.waits.dead, Copies: a.copies})
	if a.public, err = publicURL(cfg); err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be made; choose another with --data: %w", err)
	}
	key, err := auth.LoadKey(cfg.Data)
	if err != nil {
		return nil, err
	}
	a.hookSecret = key.HookSecret
	dsn := cfg.DB
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(cfg.Data, "illumi.db")
	}
	if a.store, err = store.Open(ctx, store.Options{DSN: dsn, Logger: log, AsItIs: cfg.Beside}); err != nil {
		return nil, databaseError(err)
	}
	if a.blobs, err = blob.Open(filepath.Join(cfg.Data, "media")); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	a.base, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	a.metrics = a.measured()
	a.auth = auth.New(auth.Options{
		Store: a.store, Key: key, Secure: a.public.Scheme == "https", Log: log, Now: time.Now,
		MayInvite: a.mayInvite, Joined: a.joined, Mails: accountMails{a}, MailQueued: teller{a}.MailQueued, PublicURL: a.PublicURL,
	})
	a.relay = relay.New(relay.Options{
		Store: a.store, Teller: teller{a}, Composer: composer{a.public}, Now: time.Now, Log: log, Codes: codes{key},
		Count: a.metrics.Event,
	})
	return a, nil
}

// Prepare opens what only one process may have, and builds the routes.
func (a *App) Prepare(ctx context.Context) error {
	sender, err := mail.Open(a.cfg.Mail, mail.Options{PublicURL: a.public.String(), Dir: a.cfg.Data})
	if err != nil {
		return err
	}
	a.mails = a.mailWorker(sender)
	a.exportWake = make(chan struct{}, 1)
	if a.exports, err = a.exportWorker(); err != nil {
		return err
	}
	if a.hooks, err = a.hookWorker(); err != nil {
		return err
	}
	a.presence = api.NewPresence(a.relay, time.Now, a.log)
	a.uploads, err = upload.Open(upload.Options{
		Dir: filepath.Join(a.cfg.Data, "uploads"), Blobs: a.blobs, Recorder: recorder{a.store, a.metrics}, InUse: a.store.MediaInUse, Now: time.Now,
	})
	if err != nil {
		return err
	}
	if a.firstGen, err = a.firstGeneration(); err != nil {
		return err
	}
	return a.routes(ctx)
}

// routes builds the Echo instance and sets what Echo leaves open.
func (a *App) routes(ctx context.Context) error {
	serverID, err := a.store.ServerID(ctx)
	if err != nil {
		return err
	}
	e := echo.New()
	a.echo = e
	e.HideBanner, e.HidePort = true, true
	if e.IPExtractor, err = ipExtractor(a.cfg.TrustedProxies); err != nil {
		return err
	}
	pages, err := web.New(web.Options{
		Relay: a.relay, Auth: a.auth, Bus: a.bus, Media: a.blobs, PublicURL: a.public.String(),
		Server: a.cfg.Name, Now: time.Now, Log: a.log, Base: a.base,
		NoMail: a.cfg.Mail == "log", Exports: web.Exports{Dir: a.exports.Dir, Temp: a.exports.Dir, Wake: a.wakeExports},
		HookSecret: a.hookSecret, Accept: a.accept,
	})
	if err != nil {
		return err
	}
	e.HTTPErrorHandler = renderer(pages, a.log)
	crossOrigin, err := auth.CrossOrigin(a.public.String())
	if err != nil {
		return err
	}
	e.Use(a.logged, a.metrics.Middleware, recoverer, headers(a.public.Scheme == "https"), bounds(a.cfg.waits), crossOrigin)
	e.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/readyz", a.ready)
	fromBoxes, err := a.uploads.Handler(protocol.PathUploads, deviceOwner)
	if err != nil {
		return err
	}
	fromPages, err := a.uploads.Handler(web.PathUploads, userOwner)
	if err != nil {
		return err
	}
	(&api.API{
		Relay: a.relay, Hub: a.hub, Devices: a.auth, Media: a.blobs, Presence: a.presence, Uploads: uploads{fromBoxes},
		Server: a.cfg.Name, ServerID: serverID, Now: time.Now, Log: a.log, Base: a.base, HelloWait: a.cfg.waits.hello, Recheck: a.cfg.waits.recheck,
	}).Register(e)
	pages.Register(e, uploads{fromPages})
	a.firstGen.Register(e)
	if err := a.restAPI(e); err != nil {
		return err
	}
	wrongMethods(e)
	return nil
}

// Handler answers requests; for tests that bring their own listener.
func (a *App) Handler() http.Handler { return a.echo }

// ready says whether requests can be served: the server is not stopping, the
// database answers, and the media directory is there.
func (a *App) ready(c echo.Context) error {
	if a.base.Err() != nil {
		return c.String(http.StatusServiceUnavailable, "the server is stopping\n")
	}
	if _, err := os.Stat(filepath.Join(a.cfg.Data, "media")); err != nil {
		a.log.Warn("the media directory is not there", "error", err)
		return c.String(http.StatusServiceUnavailable, "the media directory is not there\n")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), readyTime)
	defer cancel()
	if err := a.store.Ping(ctx); err != nil {
		a.log.Warn("the database does not answer", "error", err)
		return c.String(http.StatusServiceUnavailable, "the database does not answer\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// Close gives everything free; Serve must have returned.
func (a *App) Close() error {
	a.stop()
	grace, cancel := context.WithTimeout(context.Background(), graceTime)
	defer cancel()
	return errors.Join(a.closeUploads(grace), a.blobs.Close(), a.store.Close())
}

func (a *App) closeUploads(ctx context.Context) error {
	var err error
	a.uploadsOnce.Do(func() {
		if a.uploads != nil {
			err = a.uploads.Close(ctx)
		}
	})
	return err
}

// Listen opens the configured address, with the certificate if there is one.
// Where no public URL is configured it is the address that was opened, so that
// port 0 works: listen before Prepare.
func (a *App) Listen() (net.Listener, error) {
	var certificates []tls.Certificate
	if a.cfg.TLSCert != "" {
		c, err := tls.LoadX509KeyPair(a.cfg.TLSCert, a.cfg.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("the certificate %s and its key %s cannot be used: %w", a.cfg.TLSCert, a.cfg.TLSKey, err)
		}
		certificates = []tls.Certificate{c}
	}
	l, err := net.Listen("tcp", a.cfg.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use; is another server running there? Choose another address with --listen", a.cfg.Listen)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be listened on; choose another address with --listen: %w", a.cfg.Listen, err)
	}
	if a.cfg.PublicURL == "" {
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("app: read the address: %w", err), l.Close())
		}
		a.public.Host = net.JoinHostPort(a.public.Hostname(), port)
	}
	if certificates != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12})
	}
	return l, nil
}

// Serve answers on l and works until ctx ends, then stops in order. It owns l.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           a.echo,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	debug, err := a.listenDebug()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	work, workCtx := errgroup.WithContext(context.WithoutCancel(ctx))
	workCtx, stopWork := context.WithCancel(workCtx)
	defer stopWork()
	work.Go(func() error { return a.relay.Work(workCtx) })
	work.Go(func() error { return a.relay.Watch(workCtx) })
	work.Go(func() error { return a.presence.Run(workCtx) })
	work.Go(func() error { return a.mails.Run(workCtx) })
	work.Go(func() error { return a.exports.Run(workCtx) })
	if debug != nil {
		work.Go(func() error { return a.serveDebug(workCtx, debug) })
	}
	work.Go(func() error { return a.hooks.Run(workCtx) })
	work.Go(func() error { return a.sweep(workCtx) })
	a.log.Info("serving", "version", protocol.Build, "listen", l.Addr().String(), "public_url", a.PublicURL(),
		"data", a.cfg.Data, "database", a.store.Where())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	a.tell(sd.SdNotifyReady) // the listener is open, so whoever asks from here on is answered
	select {
	case <-ctx.Done():
	case <-workCtx.Done(): // a worker gave up; work.Wait says why
	case err := <-served: // the listener broke
		served <- err
	}
	a.shutdown(srv)
	stopWork()
	err = <-served
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	err = errors.Join(err, work.Wait())
	a.log.Info("stopped")
	return err
}

// shutdown ends what goes on, within graceTime. What is cut off then loses
// nothing: boxes and browsers ask again.
func (a *App) shutdown(srv *http.Server) {
	grace, cancel := context.WithTimeout(context.Background(), graceTime)
	defer cancel()
	a.log.Info("stopping", "boxes", a.hub.Count())
	a.tell(sd.SdNotifyStopping)
	answered := make(chan error, 1)
	go func() { answered <- srv.Shutdown(grace) }() // no new connections from here on
	told := a.hub.Shutdown(grace)                   // 1001 to every box, their messages drained
	a.stop()                                        // ends live pages and what waits on base
	kept := a.closeUploads(grace)
	if err := errors.Join(told, kept, <-answered); err != nil {
		a.log.Warn("what was still going on is cut off", "error", err, "closed", srv.Close())
	}
}

// SetupAddress is where the first administrator is made; empty where there is one.
func (a *App) SetupAddress(ctx context.Context) (string, error) {
	address, _, err := a.auth.MakeSetupAddress(ctx, a.public.String())
	return address, err
}

// PublicURL is how the server is reached.
func (a *App) PublicURL() string { return a.public.String() }

func retryAfter(d time.Duration) string {
	return strconv.Itoa(int(d/time.Second) + 1)
}

// Banner prints what a person needs after the start.
func (a *App) Banner(w io.Writer, setup string) error {
	_, err := fmt.Fprintf(w, "illumi-server %s listens on %s\n", protocol.Build, a.public)
	if err == nil && setup != "" {
		_, err = fmt.Fprintf(w, "\nMake the first administrator here (works once):\n  %s\n\n", setup)
	}
	return err
}
