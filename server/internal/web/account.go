package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/auth"
	"illumi/server/internal/model"
)

type accountForm struct {
	Token string
	Email string
	Name  string
	Next  string
	Kept  bool // a new password, a moment ago
}

func (w *Web) setupShow(c echo.Context) error {
	if done, err := w.Auth.HasAdmin(c.Request().Context()); err != nil || done {
		return w.setupDone(c, http.StatusOK, err)
	}
	return w.show(c, http.StatusOK, "setup", page{Title: "Make the first administrator", Data: accountForm{}})
}

func (w *Web) setupSubmit(c echo.Context) error {
	f := accountForm{Token: c.FormValue("token"), Email: c.FormValue("email"), Name: c.FormValue("name")}
	ctx := c.Request().Context()
	if done, err := w.Auth.HasAdmin(ctx); err != nil || done {
		return w.setupDone(c, http.StatusConflict, err)
	}
	u, err := w.Auth.CreateFirstAdmin(ctx, f.Token, f.Email, f.Name, c.FormValue("password"))
	if err == nil {
		err = w.Auth.Begin(ctx, u)
	}
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		return w.show(c, http.StatusUnprocessableEntity, "setup", page{Title: "Make the first administrator", Data: f, Error: e})
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// setupDone says that there is nothing to set up any more, unless err is why
// that is not known.
func (w *Web) setupDone(c echo.Context, status int, err error) error {
	if err != nil {
		return err
	}
	return w.show(c, status, "set-up", page{Title: "This server is set up"})
}

func (w *Web) signInShow(c echo.Context) error {
	if _, ok := auth.UserFrom(c.Request().Context()); ok {
		return c.Redirect(http.StatusSeeOther, safeNext(c.QueryParam("next")))
	}
	return w.show(c, http.StatusOK, "sign-in", page{Title: "Sign in",
		Data: accountForm{Next: safeNext(c.QueryParam("next")), Kept: c.QueryParam("password") == "new"}})
}

func (w *Web) signInSubmit(c echo.Context) error {
	f := accountForm{Email: c.FormValue("email"), Next: safeNext(c.FormValue("next"))}
	_, err := w.Auth.SignIn(c.Request().Context(), f.Email, c.FormValue("password"), c.RealIP())
	if err != nil {
		e, ok := model.AsError(err)
		if !ok {
			return err
		}
		status := http.StatusUnprocessableEntity
		if e.Code == protocol.CodeThrottled {
			status = http.StatusTooManyRequests
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter/time.Second)+1))
		}
		return w.show(c, status, "sign-in", page{Title: "Sign in", Data: f, Error: e})
	}
	return c.Redirect(http.StatusSeeOther, f.Next)
}

func (w *Web) signOut(c echo.Context) error {
	if err := w.Auth.SignOut(c.Request().Context()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/sign-in")
}
