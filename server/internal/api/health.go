package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

func (a *API) healthRoutes(g *echo.Group) {
	g.POST("/checks", a.handIn)
	g.GET("/clips", a.clips)
	g.GET("/clips/:digest", a.clip)
	g.HEAD("/clips/:digest", a.clip)
}

func (a *API) handIn(c echo.Context) error {
	var found protocol.Check
	if err := readBody(c, &found); err != nil {
		return err
	}
	receipt, err := a.Relay.HandIn(c.Request().Context(), device(c).ID, found)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, receipt)
}

func (a *API) clips(c echo.Context) error {
	list, err := a.Relay.ClipsOf(c.Request().Context(), device(c).ID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list)
}

// clip serves a sentence of this box, with ranges as media is.
func (a *API) clip(c echo.Context) error {
	digest := c.Param("digest")
	if !protocol.ValidDigest(digest) {
		return model.NotFound("file")
	}
	ok, err := a.Relay.MayHearClip(c.Request().Context(), device(c).ID, digest)
	if err == nil && !ok {
		err = model.NotFound("file")
	}
	if err != nil {
		return err
	}
	return a.serve(c, digest)
}

// serve gives stored bytes. Their digest is their strong ETag, so that a
// resumed download cannot mix two files.
func (a *API) serve(c echo.Context, digest string) error {
	f, err := a.Media.Open(digest)
	if err != nil {
		return fmt.Errorf("api: open media: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	h := c.Response().Header()
	h.Set("ETag", `"`+digest+`"`)
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, f)
	return nil
}

// report keeps what befell a box, and acknowledges it after its commit.
func (s *session) report(ctx context.Context, m protocol.Message) ([]byte, error) {
	var r protocol.Report
	if err := protocol.Decode(m.Body, &r); err != nil {
		return ack(m.ID, protocol.CodeInvalid)
	}
	err := s.api.Relay.Report(ctx, s.id, r)
	if refusal, ok := model.AsError(err); ok {
		return ack(m.ID, refusal.Code)
	}
	if err != nil {
		// Logged here: behind an upgrade there is no renderer.
		s.api.Log.Error("a box's report could not be stored", "device", s.id, "code", string(r.Code), "error", err)
		return nil, errors.New("api: report not stored")
	}
	return ack(m.ID, "")
}

// requests asks a box anew for what it has not answered. The hub writes it
// after the welcome.
func (s *session) requests(ctx context.Context) {
	open, err := s.api.Relay.Requests(ctx, s.id)
	if err != nil {
		s.api.Log.Error("what a box is asked for could not be looked up", "device", s.id, "error", err)
		return
	}
	for _, r := range open {
		s.api.Hub.Send(s.id, r.Kind, protocol.Request{ID: r.ID, Aloud: r.Aloud})
	}
}
