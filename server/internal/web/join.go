package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/auth"
	"illumi/server/internal/model"
)

// joinRoutes are for people who are not signed in; g has sessions.
func (w *Web) joinRoutes(g *echo.Group) {
	g.GET("/join", w.joinShow)
	g.POST("/join", w.joinSubmit)
	g.GET("/sign-up", w.askShow)
	g.POST("/sign-up", w.askSubmit)
	g.GET("/reset", w.askShow)
	g.POST("/reset", w.askSubmit)
	g.GET("/reset/new", w.resetShow)
	g.POST("/reset/new", w.resetSubmit)
	g.GET(auth.PathSession, w.sessionLeft)
	g.POST(auth.PathSession, w.sessionLeft)
}

func (w *Web) joinShow(c echo.Context) error {
	return w.show(c, http.StatusOK, "join", page{Title: "Make your account", Data: accountForm{}})
}

func (w *Web) joinSubmit(c echo.Context) error {
	f := accountForm{Token: c.FormValue("token"), Name: c.FormValue("name")}
	ctx := c.Request().Context()
	u, err := w.Auth.Accept(ctx, f.Token, f.Name, c.FormValue("password"), c.RealIP())
	if err == nil {
		err = w.Auth.Begin(ctx, u)
	}
	if err != nil {
		return w.formAgain(c, "join", "Make your account", f, err)
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// formAgain shows a form with what is wrong in it.
func (w *Web) formAgain(c echo.Context, view, title string, data any, err error) error {
	e, err := refusal(err)
	if err != nil {
		return err
	}
	return w.show(c, http.StatusUnprocessableEntity, view, page{Title: title, Data: data, Error: e})
}

// askView is the page where one asks for a link by mail.
type askView struct {
	Email  string
	SignUp bool
	Open   bool // sign-up
	Sent   bool
	NoMail bool
}

func (w *Web) askFor(c echo.Context) (v askView, title string, err error) {
	v = askView{SignUp: strings.HasSuffix(c.Path(), "/sign-up"), Open: true, NoMail: w.NoMail}
	if !v.SignUp {
		return v, "Ask for a new password", nil
	}
	v.Open, err = w.Auth.OpenSignUp(c.Request().Context())
	return v, "Ask for an account", err
}

func (w *Web) askShow(c echo.Context) error {
	v, title, err := w.askFor(c)
	if err != nil {
		return err
	}
	return w.show(c, http.StatusOK, "ask", page{Title: title, Data: v})
}

func (w *Web) askSubmit(c echo.Context) error {
	v, title, err := w.askFor(c)
	if err != nil {
		return err
	}
	v.Email = c.FormValue("email")
	ask := w.Auth.AskReset
	if v.SignUp {
		ask = w.Auth.AskSignUp
	}
	if err := ask(c.Request().Context(), v.Email, c.RealIP()); err != nil {
		return w.formAgain(c, "ask", title, v, err)
	}
	v.Sent = true
	return w.show(c, http.StatusOK, "ask", page{Title: title, Data: v})
}

func (w *Web) resetShow(c echo.Context) error {
	return w.show(c, http.StatusOK, "reset", page{Title: "Choose a new password", Data: accountForm{}})
}

func (w *Web) resetSubmit(c echo.Context) error {
	f := accountForm{Token: c.FormValue("token")}
	if err := w.Auth.Reset(c.Request().Context(), f.Token, c.FormValue("password"), c.RealIP()); err != nil {
		return w.formAgain(c, "reset", "Choose a new password", f, err)
	}
	return c.Redirect(http.StatusSeeOther, "/sign-in?password=new")
}

// sessionLeft tells the page how long its session lasts; a POST lengthens it.
func (w *Web) sessionLeft(c echo.Context) error {
	left, longer := w.Auth.Remaining(c.Request().Context())
	return c.JSON(http.StatusOK, map[string]any{"seconds": int(left / time.Second), "longer": longer})
}

func (w *Web) myRoutes(in *echo.Group) {
	in.GET("/account", w.accountShow)
	in.POST("/account/name", w.accountName)
	in.POST("/account/password", w.accountPassword)
	in.POST("/account/keys", w.accountKeys)
	in.POST("/account/sessions/end", w.sessionEnd)
	in.POST("/account/sessions/end-others", w.sessionsEnd)
}

type accountView struct {
	Name     string
	Sessions []auth.Session
	Others   bool
	Changed  bool
}

func (w *Web) accountShow(c echo.Context) error {
	return w.accountPage(c, http.StatusOK, "", nil)
}

func (w *Web) accountPage(c echo.Context, status int, name string, e *model.Error) error {
	ctx := c.Request().Context()
	list, err := w.Auth.SessionsOf(ctx, actor(c))
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Agent = browser(list[i].Agent)
	}
	if u, ok := auth.UserFrom(ctx); ok && name == "" {
		name = u.Name
	}
	v := accountView{Name: name, Sessions: list, Others: len(list) > 1, Changed: c.QueryParam("changed") != ""}
	return w.show(c, status, "account", page{Title: "Your account", Nav: "me", Data: v, Error: e})
}

func (w *Web) toAccount(c echo.Context, name, to string, err error) error {
	if err == nil {
		return c.Redirect(http.StatusSeeOther, to)
	}
	e, err := refusal(err)
	if err != nil {
		return err
	}
	return w.accountPage(c, http.StatusUnprocessableEntity, name, e)
}

func (w *Web) accountName(c echo.Context) error {
	name := c.FormValue("name")
	return w.toAccount(c, name, "/account?changed=name", w.Auth.SetName(c.Request().Context(), actor(c), name))
}

func (w *Web) accountPassword(c echo.Context) error {
	err := w.Auth.ChangePassword(c.Request().Context(), c.FormValue("old"), c.FormValue("password"), c.RealIP())
	return w.toAccount(c, "", "/account?changed=password", err)
}

func (w *Web) accountKeys(c echo.Context) error {
	prefs := model.Prefs{NoShortcuts: c.FormValue("keys") == ""}
	return w.toAccount(c, "", "/account?changed=keys", w.Auth.SetPrefs(c.Request().Context(), actor(c), prefs))
}

func (w *Web) sessionEnd(c echo.Context) error {
	return w.toAccount(c, "", "/account", w.Auth.EndSession(c.Request().Context(), actor(c), c.FormValue("session")))
}

func (w *Web) sessionsEnd(c echo.Context) error {
	return w.toAccount(c, "", "/account", w.Auth.EndOtherSessions(c.Request().Context(), actor(c)))
}

// browser names a browser as its owner would.
func browser(agent string) string {
	name, system := "A browser", ""
	for _, b := range [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, b[0]) {
			name = b[1]
			break
		}
	}
	for _, s := range [][2]string{{"iPhone", "an iPhone"}, {"iPad", "an iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS", "a Mac"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, s[0]) {
			system = " on " + s[1]
			break
		}
	}
	return name + system
}
