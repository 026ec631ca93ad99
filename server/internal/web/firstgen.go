package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/model"
)

func (w *Web) firstGenRoutes(in *echo.Group) {
	in.GET("/boxes/first-generation", w.firstGenShow)
	in.POST("/boxes/first-generation", w.firstGenCreate)
}

type firstGenView struct {
	Boxes          []model.Device
	Name, Networks string
}

func (w *Web) firstGenShow(c echo.Context) error {
	return w.firstGenPage(c, http.StatusOK, firstGenView{}, nil)
}

func (w *Web) firstGenPage(c echo.Context, status int, v firstGenView, e *model.Error) error {
	if !actor(c).May(model.ManageBoxes) {
		return model.Forbidden(model.ManageBoxes)
	}
	var err error
	if v.Boxes, err = w.Relay.FirstGenBoxes(c.Request().Context()); err != nil {
		return err
	}
	return w.show(c, status, "first-generation", page{Title: "Boxes of the first generation", Nav: "boxes", Data: v, Error: e})
}

func (w *Web) firstGenCreate(c echo.Context) error {
	v := firstGenView{Name: c.FormValue("name"), Networks: c.FormValue("networks")}
	if _, err := w.Relay.AddFirstGen(c.Request().Context(), actor(c), v.Name, v.Networks); err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		return w.firstGenPage(c, http.StatusUnprocessableEntity, v, e)
	}
	return c.Redirect(http.StatusSeeOther, "/boxes/first-generation")
}
