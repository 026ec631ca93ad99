// Package api is the device API and socket of protocol version 1. Handlers
// parse, call one method of relay, and render; errors go to the app's one
// renderer.
package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/hub"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Devices tells whose bearer secret a request carries.
type Devices interface {
	// AuthenticateDevice returns the device of an Authorization header, or a *model.Error.
	AuthenticateDevice(ctx context.Context, authorization string) (model.Device, error)
	// RedeemThrottle bounds tries of enrolment codes by client address.
	RedeemThrottle(ctx context.Context, ip string) error
	// RedeemDone gives back what a try with a good code took.
	RedeemDone(ctx context.Context, ip string) error
}

// Media opens stored bytes by digest.
type Media interface {
	Open(digest string) (*os.File, error)
}

// Uploads takes files in; it writes nothing when it returns an error.
type Uploads interface {
	Serve(w http.ResponseWriter, r *http.Request) error
}

// API serves boxes.
type API struct {
	Relay    *relay.Service
	Hub      *hub.Hub
	Devices  Devices
	Media    Media
	Uploads  Uploads // tus, mounted at protocol.PathUploads
	Presence *Presence
	Server   string // the server's name for people
	ServerID string
	Now      func() time.Time
	Log      *slog.Logger
	Base     context.Context // ends at shutdown; hijacked connections outlive their request
	// HelloWait and Recheck are the constants HelloWait and RecheckEvery where zero.
	HelloWait, Recheck time.Duration
}

// Register adds the routes.
func (a *API) Register(e *echo.Echo) {
	e.POST(protocol.PathEnroll, a.enroll)
	g := e.Group("/api/v1/device", a.authenticate)
	g.GET("/socket", a.socket)
	g.GET("/speed", a.speedDown)
	g.POST("/speed", a.speedUp)
	g.GET("/offers", a.offers)
	g.GET("/media/:digest", a.media)
	g.HEAD("/media/:digest", a.media)
	g.PUT("/hops/:hop/reply", a.reply)
	g.DELETE("/hops/:hop/reply/:reply", a.takeBack)
	a.healthRoutes(g)
	uploads := func(c echo.Context) error { return a.Uploads.Serve(c.Response(), c.Request()) }
	g.Any("/uploads", uploads)
	g.Any("/uploads/*", uploads)
}

type contextKey struct{}

// DeviceFrom returns the device that a request was authenticated as.
func DeviceFrom(ctx context.Context) (model.Device, bool) {
	d, ok := ctx.Value(contextKey{}).(model.Device)
	return d, ok
}

func (a *API) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		d, err := a.Devices.AuthenticateDevice(r.Context(), r.Header.Get("Authorization"))
		if err != nil {
			return err
		}
		// Headers travel without the blanks around them.
		if board := r.Header.Get(protocol.HeaderBoard); board != strings.TrimSpace(d.BoardSerial) {
			if err := a.Relay.OtherBoard(r.Context(), d.ID); err != nil {
				return err
			}
			return model.Refuse(protocol.CodeDeviceHeld, "Another box already has this identity.", "Enrol this box anew with a code of its own.")
		}
		a.Presence.Heard(d.ID)
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), contextKey{}, d)))
		return next(c)
	}
}

func device(c echo.Context) model.Device {
	d, _ := DeviceFrom(c.Request().Context())
	return d
}

func (a *API) enroll(c echo.Context) error {
	if err := a.Devices.RedeemThrottle(c.Request().Context(), c.RealIP()); err != nil {
		return err
	}
	var r protocol.EnrollRequest
	if err := readBody(c, &r); err != nil {
		return err
	}
	d, err := a.Relay.Enroll(c.Request().Context(), r)
	if err != nil {
		return err
	}
	if err := a.Devices.RedeemDone(c.Request().Context(), c.RealIP()); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, protocol.EnrollResponse{
		Device: d.ID, Name: d.Name, Server: a.Server, ServerID: a.ServerID, ServerTime: a.Now().UTC(),
	})
}

func (a *API) offers(c echo.Context) error {
	page, err := a.Relay.Offers(c.Request().Context(), device(c).ID, c.QueryParam("since"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, page)
}

// media serves a file of the present turn, with ranges.
func (a *API) media(c echo.Context) error {
	digest := c.Param("digest")
	if !protocol.ValidDigest(digest) {
		return model.NotFound("file")
	}
	ok, err := a.Relay.MayRead(c.Request().Context(), device(c).ID, digest)
	if err != nil {
		return err
	}
	if !ok {
		return model.NotFound("file")
	}
	return a.serve(c, digest)
}

func (a *API) reply(c echo.Context) error {
	var r protocol.Reply
	if err := readBody(c, &r); err != nil {
		return err
	}
	receipt, err := a.Relay.Reply(c.Request().Context(), device(c).ID, c.Param("hop"), r)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, receipt)
}

func (a *API) takeBack(c echo.Context) error {
	receipt, err := a.Relay.TakeBack(c.Request().Context(), device(c).ID, c.Param("hop"), c.Param("reply"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, receipt)
}

// readBody reads a request's one JSON value. How long a body may be and take is
// bounded for all routes in one place, by the app.
func readBody(c echo.Context, v any) error {
	data, err := io.ReadAll(c.Request().Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	if err == nil {
		err = protocol.Decode(data, v)
	}
	if err != nil {
		return &model.Error{
			Code: protocol.CodeInvalid, Sentence: "The request could not be read.", Next: "Update the box.", Wrapped: err,
		}
	}
	return nil
}
