package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/firstgen"
	"illumi/server/internal/rest"
	"illumi/server/internal/web"
)

// recoverer turns a panic into an internal error: one request fails, the
// server goes on.
func recoverer(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if r := recover(); r != nil {
				if r == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself
					panic(r)
				}
				err = &panicError{r, string(debug.Stack())}
			}
		}()
		return next(c)
	}
}

// headers are right for every answer; pages and assets loosen some for
// themselves.
func headers(https bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			h.Set("Cache-Control", "no-store")
			if https {
				h.Set("Strict-Transport-Security", "max-age=31536000")
			}
			return next(c)
		}
	}
}

// How long a client may take: for a whole small body, for what is left of one
// that is answered already, and for each part of an answer. A download may last
// for hours on a thin line, but it must move.
const (
	bodyWait    = 30 * time.Second
	partingWait = time.Second
	partWait    = time.Minute
)

// bounds keep a slow or greedy client from holding more than its own
// connection. Uploads bound their bodies themselves once they have accepted
// who sends them; until then they have as long as everybody.
func bounds(wait waits) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, w := c.Request(), c.Response().Writer
			control := http.NewResponseController(w)
			c.Response().Writer = &patient{w, control}
			if r.ContentLength == 0 {
				return next(c)
			}
			unread := &unread{ReadCloser: r.Body}
			r.Body = unread
			if !isUpload(r) {
				r.Body = http.MaxBytesReader(w, unread, protocol.MaxBodyBytes)
			}
			// net/http lifts it when the body is read or the request is over.
			end := time.Now().Add(cmp.Or(wait.body, bodyWait))
			if err := control.SetReadDeadline(end); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return fmt.Errorf("app: bound a body: %w", err)
			}
			// What is refused without a look at its body is not waited for: net/http
			// reads on after the answer, and would hold up a server that stops.
			c.Response().Before(func() {
				if unread.over.Load() {
					return
				}
				c.Response().Header().Set("Connection", "close")
				if parting := time.Now().Add(cmp.Or(wait.parting, partingWait)); parting.Before(end) || isUpload(r) {
					_ = control.SetReadDeadline(parting) // a connection without deadlines has none to lose
				}
			})
			return next(c)
		}
	}
}

// unread is a body that knows whether it was read to its end.
type unread struct {
	io.ReadCloser
	over atomic.Bool
}

func (u *unread) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		u.over.Store(true)
	}
	return n, err
}

// patient moves the connection's deadline on with every part of an answer.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *patient) Write(part []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(partWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("app: bound an answer: %w", err)
	}
	n, err := p.ResponseWriter.Write(part)
	switch {
	case err == nil:
	case errors.Is(err, http.ErrBodyNotAllowed), errors.Is(err, http.ErrContentLength), errors.Is(err, http.ErrHijacked):
		return n, err // the handler's own mistake
	default:
		return n, &unreadError{err}
	}
	return n, nil
}

// unreadError says that an answer had nobody left to read it: that is no failure here.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

func isUpload(r *http.Request) bool {
	for _, base := range []string{protocol.PathUploads, protocol.PathSpeed, web.PathUploads, rest.PathUploads, firstgen.PathReply} {
		if strings.HasPrefix(r.URL.Path+"/", base) {
			return true
		}
	}
	return strings.HasPrefix(r.URL.Path, "/boxes/") && strings.HasSuffix(r.URL.Path, "/clips") // a sentence's recording
}

// wrongMethods answers 405 with the methods that an address has, and 404 for an
// unknown address of the API: what Echo's groups catch would go to the sign-in.
func wrongMethods(e *echo.Echo) {
	allow := map[string][]string{}
	for _, r := range e.Routes() {
		if r.Method != echo.RouteNotFound && !strings.HasSuffix(r.Path, "*") {
			allow[r.Path] = append(allow[r.Path], r.Method)
		}
	}
	all := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	for path, methods := range allow {
		slices.Sort(methods)
		list := strings.Join(methods, ", ")
		for _, m := range all {
			if slices.Contains(methods, m) {
				continue
			}
			e.Add(m, path, func(c echo.Context) error {
				c.Response().Header().Set(echo.HeaderAllow, list)
				return echo.ErrMethodNotAllowed
			})
		}
	}
	e.RouteNotFound("/api/*", func(echo.Context) error { return echo.ErrNotFound })
}
