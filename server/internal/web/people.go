package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/auth"
	"illumi/server/internal/model"
)

// peopleAtOnce is how many accounts the page of people shows.
const peopleAtOnce = 100

func (w *Web) peopleRoutes(in *echo.Group) {
	in.GET("/people", w.peopleShow)
	in.POST("/people/invite", w.peopleInvite)
	in.POST("/people/invitations/:ticket/revoke", w.invitationRevoke)
	in.POST("/people/sign-up", w.signUpSwitch)
	in.POST("/people/:user/role", w.userRole)
	in.POST("/people/:user/end", w.userEnd)
	in.POST("/people/:user/disable", w.userDisable)
	in.POST("/people/:user/enable", w.userEnable)
}

type peopleView struct {
	People      []personRow
	More        string
	Invitations []invitationRow
	Roles       []model.Role
	Open        bool
	Email       string
	Role        model.Role
	Link        string // of the invitation that was just made: it is shown once
	For         string
}

type personRow struct {
	model.User
	State state
	Works bool
	Me    bool
	End   string // as a date field has it
}

type invitationRow struct {
	model.Ticket
	State state
	Open  bool
}

func (w *Web) peopleShow(c echo.Context) error {
	return w.peoplePage(c, http.StatusOK, peopleView{Role: model.RoleResearcher}, nil)
}

func (w *Web) peoplePage(c echo.Context, status int, v peopleView, e *model.Error) error {
	ctx, who, now := c.Request().Context(), actor(c), w.Now()
	users, err := w.Auth.Users(ctx, who, peopleAtOnce+1, c.QueryParam("after"))
	if err != nil {
		return err
	}
	if len(users) > peopleAtOnce {
		users = users[:peopleAtOnce]
		v.More = users[peopleAtOnce-1].Email
	}
	for _, u := range users {
		row := personRow{User: u, State: state{"can sign in", "complete", "good"}, Works: !u.Ended(now), Me: u.ID == who.UserID}
		switch {
		case !u.DisabledAt.IsZero():
			row.State = state{"disabled", "ended", "quiet"}
		case !row.Works:
			row.State = state{"account ended", "ended", "quiet"}
		}
		if !u.ExpiresAt.IsZero() {
			row.End = u.ExpiresAt.UTC().Add(-time.Second).Format(time.DateOnly)
		}
		v.People = append(v.People, row)
	}
	tickets, err := w.Auth.Invitations(ctx, who, "")
	if err != nil {
		return err
	}
	for _, t := range tickets {
		v.Invitations = append(v.Invitations, invitationRowOf(t, now))
	}
	if v.Open, err = w.Auth.OpenSignUp(ctx); err != nil {
		return err
	}
	v.Roles = model.Roles()
	return w.show(c, status, "people", page{Title: "People", Nav: "people", Data: v, Error: e})
}

func invitationRowOf(t model.Ticket, now time.Time) invitationRow {
	switch t.State(now) {
	case model.CodeUsed:
		return invitationRow{t, state{"accepted", "complete", "good"}, false}
	case model.CodeRevoked:
		return invitationRow{t, state{"revoked", "revoked", "quiet"}, false}
	case model.CodeExpired:
		return invitationRow{t, state{"expired", "ended", "quiet"}, false}
	}
	return invitationRow{t, state{"waits", "planned", "live"}, true}
}

// peopleInvite answers with the page itself, not with an address: the link is
// on it, once.
func (w *Web) peopleInvite(c echo.Context) error {
	v := peopleView{Email: c.FormValue("email"), Role: model.Role(c.FormValue("role"))}
	link, t, err := w.Auth.Invite(c.Request().Context(), actor(c), auth.InviteRequest{Email: v.Email, Role: v.Role})
	if err != nil {
		return w.peopleFailed(c, v, err)
	}
	return w.peoplePage(c, http.StatusOK, peopleView{Role: model.RoleResearcher, Link: link, For: t.Email}, nil)
}

func (w *Web) peopleFailed(c echo.Context, v peopleView, err error) error {
	e, err := refusal(err)
	if err != nil {
		return err
	}
	return w.peoplePage(c, http.StatusUnprocessableEntity, v, e)
}

func (w *Web) toPeople(c echo.Context, err error) error {
	if err != nil {
		return w.peopleFailed(c, peopleView{Role: model.RoleResearcher}, err)
	}
	return c.Redirect(http.StatusSeeOther, "/people")
}

func (w *Web) invitationRevoke(c echo.Context) error {
	return w.toPeople(c, w.Auth.RevokeInvitation(c.Request().Context(), actor(c), c.Param("ticket")))
}

func (w *Web) signUpSwitch(c echo.Context) error {
	return w.toPeople(c, w.Auth.SetOpenSignUp(c.Request().Context(), actor(c), c.FormValue("open") == "yes"))
}

func (w *Web) userRole(c echo.Context) error {
	return w.toPeople(c, w.Auth.SetRole(c.Request().Context(), actor(c), c.Param("user"), model.Role(c.FormValue("role"))))
}

// userEnd takes the last day on which the account works; it ends with that day.
func (w *Web) userEnd(c echo.Context) error {
	var end time.Time
	if day := c.FormValue("end"); day != "" {
		last, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return w.toPeople(c, model.RefuseField("end", "This is not a day.", "Write it like 2026-12-31, or leave it empty."))
		}
		end = last.AddDate(0, 0, 1)
	}
	return w.toPeople(c, w.Auth.SetEnd(c.Request().Context(), actor(c), c.Param("user"), end))
}

func (w *Web) userDisable(c echo.Context) error {
	return w.toPeople(c, w.Auth.SetDisabled(c.Request().Context(), actor(c), c.Param("user"), true))
}

func (w *Web) userEnable(c echo.Context) error {
	return w.toPeople(c, w.Auth.SetDisabled(c.Request().Context(), actor(c), c.Param("user"), false))
}
