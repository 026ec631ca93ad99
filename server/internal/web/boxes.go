package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
	"illumi/server/internal/model"
)

type boxRow struct {
	model.Device
	Presence presence
	Chosen   bool
}

type codeRow struct {
	model.EnrolCode
	State model.CodeState
	Box   string // that used it
}

type boxesView struct {
	Boxes     []boxRow
	Codes     []codeRow
	NewCode   string // shown once
	NewLabel  string
	PublicURL string
	Name      string
}

func (w *Web) boxes(c echo.Context, v boxesView) (boxesView, error) {
	ctx := c.Request().Context()
	v.PublicURL = w.PublicURL
	devices, err := w.Relay.Boxes(ctx, "", "", boxChoice)
	if err != nil {
		return v, err
	}
	names := map[string]string{}
	for _, d := range devices {
		names[d.ID] = d.Name
		v.Boxes = append(v.Boxes, boxRow{Device: d, Presence: w.presence(d)})
	}
	if !actor(c).Admin() {
		return v, nil
	}
	codes, err := w.Relay.Codes(ctx, actor(c))
	if err != nil {
		return v, err
	}
	for _, code := range codes {
		v.Codes = append(v.Codes, codeRow{code, code.State(w.Now()), names[code.UsedDevice]})
	}
	return v, nil
}

func (w *Web) boxesShow(c echo.Context) error {
	v, err := w.boxes(c, boxesView{})
	if err != nil {
		return err
	}
	if isFragment(c.Request()) {
		return w.part(c, http.StatusOK, "boxes", "boxlist", v)
	}
	return w.show(c, http.StatusOK, "boxes", page{Title: "Boxes", Nav: "boxes", Data: v})
}

func (w *Web) boxesLive(c echo.Context) error { return w.live(c, bus.Boxes) }

// codeCreate shows the new code on the answer itself: it exists nowhere else.
func (w *Web) codeCreate(c echo.Context) error {
	name := c.FormValue("name")
	code, row, err := w.Relay.MakeCode(c.Request().Context(), actor(c), name)
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		v, err := w.boxes(c, boxesView{Name: name})
		if err != nil {
			return err
		}
		return w.show(c, http.StatusUnprocessableEntity, "boxes", page{Title: "Boxes", Nav: "boxes", Data: v, Error: e})
	}
	v, err := w.boxes(c, boxesView{NewCode: code, NewLabel: row.Label})
	if err != nil {
		return err
	}
	return w.show(c, http.StatusOK, "boxes", page{Title: "Boxes", Nav: "boxes", Data: v})
}

func (w *Web) codeRevoke(c echo.Context) error {
	if err := w.Relay.RevokeCode(c.Request().Context(), actor(c), c.Param("code")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/boxes")
}

func (w *Web) boxRevoke(c echo.Context) error {
	if err := w.Relay.RevokeBox(c.Request().Context(), actor(c), c.Param("box")); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/boxes")
}
