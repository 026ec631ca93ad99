package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
	"illumi/server/internal/model"
)

func (w *Web) view(c echo.Context) (whisperView, error) {
	v, err := w.Relay.Whisper(c.Request().Context(), actor(c), c.Param("whisper"))
	if err != nil {
		return whisperView{}, err
	}
	who := actor(c)
	hears := who.MayIn(v.Project, model.Hear)
	if !hears {
		v.Files = nil // the course alone: no voice, no picture
	}
	w.outlines(c.Request().Context(), &v)
	out := w.compose(v)
	out.Self = "/whispers/" + v.Whisper.ID
	out.pairUp(c.QueryParam("a"), c.QueryParam("b"))
	out.Hears, out.Steers, out.Exports = hears, who.MayIn(v.Project, model.Steer), who.MayIn(v.Project, model.ExportData)
	out.Shares = who.MayIn(v.Project, model.Share)
	return out, nil
}

func (w *Web) whisperShow(c echo.Context) error {
	v, err := w.view(c)
	if err != nil {
		return err
	}
	if isFragment(c.Request()) {
		return w.part(c, "whisper", "chain", v)
	}
	return w.show(c, http.StatusOK, "whisper", page{Title: v.Whisper.Title, Nav: "projects", Data: v})
}

func (w *Web) whisperLive(c echo.Context) error {
	v, err := w.view(c)
	if err != nil {
		return err
	}
	topics := []bus.Topic{bus.Whisper(v.Whisper.ID)}
	if v.Steerable() {
		topics = append(topics, bus.Boxes) // is the box alive that it waits for?
	}
	return w.live(c, v.Project.ID, topics...)
}

func (w *Web) whisperPause(c echo.Context) error {
	return w.steered(c, w.Relay.Pause(c.Request().Context(), actor(c), c.Param("whisper")))
}

func (w *Web) whisperResume(c echo.Context) error {
	return w.steered(c, w.Relay.Resume(c.Request().Context(), actor(c), c.Param("whisper")))
}

func (w *Web) whisperEnd(c echo.Context) error {
	return w.steered(c, w.Relay.End(c.Request().Context(), actor(c), c.Param("whisper")))
}

func (w *Web) steered(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/whispers/"+c.Param("whisper"))
}
