// Package web is the researchers' pages: each handler parses, calls one
// method of relay or auth, and renders a view. Pages work as plain HTML;
// scripts only save reloads.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/auth"
	"illumi/server/internal/bus"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
	"illumi/server/internal/web/assets"
)

// PathUploads is where pages upload files by tus.
const PathUploads = "/app/uploads/"

// Media opens stored bytes by digest.
type Media interface {
	Open(digest string) (*os.File, error)
}

// Uploads takes files in; it writes nothing when it returns an error.
type Uploads interface {
	Serve(w http.ResponseWriter, r *http.Request) error
}

// Options is what the pages need.
type Options struct {
	Relay     *relay.Service
	Auth      *auth.Service
	Bus       *bus.Bus
	Media     Media
	PublicURL string
	Server    string // the server's name for people
	Now       func() time.Time
	Log       *slog.Logger
	Base      context.Context // ends at shutdown, and live pages with it
	Exports   Exports
	// HookSecret is what messages to a hook are signed with.
	HookSecret func(hook string) string
	NoMail     bool // mails are written as files: no mail server is set
	// Accept takes a recording of a sentence.
	Accept Accept
}

// Web serves the pages.
type Web struct {
	Options
	views views
	round time.Duration // of live pages
}

// New parses every view; one that does not parse stops the start.
func New(o Options) (*Web, error) {
	v, err := parseViews()
	return &Web{Options: o, views: v, round: liveRound}, err
}

// Register adds the routes, and uploads for the pages' files.
func (w *Web) Register(e *echo.Echo, uploads Uploads) {
	upload := func(c echo.Context) error { return uploads.Serve(c.Response(), c.Request()) }
	e.GET("/assets/*", w.asset)
	e.GET("/favicon.ico", func(c echo.Context) error {
		return c.Redirect(http.StatusFound, "/assets/"+assets.Path("favicon.svg"))
	})
	g := e.Group("", w.headers, w.Auth.Sessions(e.HTTPErrorHandler))
	g.Any("/app/uploads", upload, w.signedIn)
	g.Any("/app/uploads/*", upload, w.signedIn)
	g.GET("/setup", w.setupShow)
	g.POST("/setup", w.setupSubmit)
	g.GET("/sign-in", w.signInShow)
	g.POST("/sign-in", w.signInSubmit)
	g.POST("/sign-out", w.signOut)
	w.joinRoutes(g)

	in := g.Group("", w.signedIn)
	in.GET("/", w.projectList)
	in.POST("/projects", w.projectCreate)
	in.GET("/projects/:project", w.projectShow)
	in.GET("/projects/:project/live", w.projectLive)
	in.GET("/projects/:project/start", w.startShow)
	in.POST("/projects/:project/start", w.startSubmit)
	in.GET("/whispers/:whisper", w.whisperShow)
	in.GET("/whispers/:whisper/live", w.whisperLive)
	in.POST("/whispers/:whisper/pause", w.whisperPause)
	in.POST("/whispers/:whisper/resume", w.whisperResume)
	in.POST("/whispers/:whisper/end", w.whisperEnd)
	in.GET("/whispers/:whisper/whisper.json", w.whisperJSON)
	in.GET("/whispers/:whisper/media/:name", w.whisperMedia)
	in.GET("/boxes", w.boxesShow)
	in.GET("/boxes/live", w.boxesLive)
	// Loading the page of a new code anew, or its address, shows the boxes.
	in.GET("/boxes/codes", func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/boxes") })
	in.POST("/boxes/codes", w.codeCreate)
	in.POST("/boxes/codes/:code/revoke", w.codeRevoke)
	in.POST("/boxes/:box/revoke", w.boxRevoke)
	w.exportRoutes(in)
	w.projectRoutes(in)
	w.shareRoutes(e, in)
	w.hookRoutes(in)
	w.tokenRoutes(in)
	w.myRoutes(in)
	w.peopleRoutes(in)
	w.mailRoutes(in)
	w.decideRoutes(in)
	w.boxRoutes(in)
	w.firstGenRoutes(in)
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers keep pages private and closed to foreign scripts.
func (w *Web) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "private, no-store")
		return next(c)
	}
}

// signedIn sends people who are not signed in to the page for it; fragments
// and uploads get the refusal itself.
func (w *Web) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		_, err := auth.ActorFrom(c.Request().Context())
		r := c.Request()
		if err != nil && r.Method == http.MethodGet && !isFragment(r) && r.Header.Get("Accept") != "text/event-stream" {
			return c.Redirect(http.StatusSeeOther, "/sign-in?"+nextPage(r))
		}
		if err != nil {
			return err
		}
		return next(c)
	}
}

// actor is who asks; signedIn has checked that there is one.
func actor(c echo.Context) model.Actor {
	a, err := auth.ActorFrom(c.Request().Context())
	if err != nil {
		return model.Actor{} // nobody: relay gives them nothing
	}
	return a
}

func isFragment(r *http.Request) bool { return r.Header.Get("HX-Request") != "" }
