package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

func (w *Web) projectRoutes(in *echo.Group) {
	in.GET("/projects/:project/people", w.membersShow)
	in.POST("/projects/:project/people", w.memberInvite)
	in.POST("/projects/:project/people/:user", w.memberChange)
	in.POST("/projects/:project/people/:user/remove", w.memberRemove)
	in.POST("/projects/:project/invitations/:ticket/revoke", w.memberRevoke)
	in.GET("/projects/:project/settings", w.settingsShow)
	in.POST("/projects/:project/settings", w.settingsSubmit)
}

type membersView struct {
	Project     model.Project
	People      []memberRow
	Invitations []invitationRow
	Roles       []model.ProjectRole
	May         bool // settle who works here
	Email       string
	Role        model.ProjectRole
	Link, For   string // of the invitation that was just made: shown once
	Added       bool   // somebody with an account was added at once
}

type memberRow struct {
	relay.MemberRow
	Lapsed bool
	Me     bool
	End    string
}

// What each role may do, for people.
var roleWords = map[model.ProjectRole]string{
	model.ProjectOwner:      "may do everything, and settles who works here",
	model.ProjectResearcher: "starts whispers, hears them and takes data away",
	model.ProjectModerator:  "sees and hears, and takes nothing away",
	model.ProjectViewer:     "sees the course and data, and hears nobody",
}

func (w *Web) membersShow(c echo.Context) error {
	return w.members(c, http.StatusOK, membersView{Role: model.ProjectResearcher}, nil)
}

func (w *Web) members(c echo.Context, status int, v membersView, e *model.Error) error {
	ctx, who, now := c.Request().Context(), actor(c), w.Now()
	list, err := w.Relay.Members(ctx, who, c.Param("project"))
	if err != nil {
		return err
	}
	if v.Project, err = w.Relay.Project(ctx, who, c.Param("project")); err != nil {
		return err
	}
	v.Roles, v.May = model.ProjectRoles(), who.MayIn(v.Project, model.People)
	for _, m := range list {
		row := memberRow{MemberRow: m, Lapsed: m.Lapsed(now), Me: m.UserID == who.UserID}
		if !m.ExpiresAt.IsZero() {
			row.End = m.ExpiresAt.UTC().Add(-time.Second).Format(time.DateOnly)
		}
		v.People = append(v.People, row)
	}
	if v.May {
		tickets, err := w.Auth.Invitations(ctx, who, v.Project.ID)
		if err != nil {
			return err
		}
		for _, t := range tickets {
			v.Invitations = append(v.Invitations, invitationRowOf(t, now))
		}
	}
	return w.show(c, status, "members", page{Title: "People of the project", Nav: "projects", Data: v, Error: e})
}

// memberInvite answers with the page itself: the link is on it, once.
func (w *Web) memberInvite(c echo.Context) error {
	v := membersView{Email: c.FormValue("email"), Role: model.ProjectRole(c.FormValue("role"))}
	link, t, err := w.Auth.Invite(c.Request().Context(), actor(c), auth.InviteRequest{Email: v.Email, Project: c.Param("project"), ProjectRole: v.Role})
	if err != nil {
		return w.membersFailed(c, v, err)
	}
	return w.members(c, http.StatusOK, membersView{Role: model.ProjectResearcher, Link: link, For: t.Email, Added: link == ""}, nil)
}

func (w *Web) membersFailed(c echo.Context, v membersView, err error) error {
	e, err := refusal(err)
	if err != nil {
		return err
	}
	if e.Field == "project_role" {
		e.Field = "role"
	}
	return w.members(c, http.StatusUnprocessableEntity, v, e)
}

func (w *Web) toMembers(c echo.Context, err error) error {
	if err != nil {
		return w.membersFailed(c, membersView{Role: model.ProjectResearcher}, err)
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+c.Param("project")+"/people")
}

func (w *Web) memberChange(c echo.Context) error {
	var end time.Time
	if last, err := day(c.FormValue("end")); err != nil {
		return w.toMembers(c, model.RefuseField("end", "This is not a day.", "Write it like 2026-12-31, or leave it empty."))
	} else if !last.IsZero() {
		end = last.AddDate(0, 0, 1)
	}
	return w.toMembers(c, w.Relay.ChangeMember(c.Request().Context(), actor(c), c.Param("project"), c.Param("user"), model.ProjectRole(c.FormValue("role")), end))
}

func (w *Web) memberRemove(c echo.Context) error {
	err := w.Relay.RemoveMember(c.Request().Context(), actor(c), c.Param("project"), c.Param("user"))
	if err == nil && c.Param("user") == actor(c).UserID {
		return c.Redirect(http.StatusSeeOther, "/")
	}
	return w.toMembers(c, err)
}

func (w *Web) memberRevoke(c echo.Context) error {
	return w.toMembers(c, w.Auth.RevokeInvitation(c.Request().Context(), actor(c), c.Param("ticket")))
}

type settingsView struct {
	Project model.Project
	Form    settingsForm
}

// settingsForm is the page's fields as they were typed.
type settingsForm struct {
	Title, Forwarding, Minutes string
	Remind, Ask, Skip, Mode    string // waking hours
	Turns                      string
	Zone, Wake, Bed            string
	SenderName, ReplyTo        string
	Digest                     bool
}

func formOf(p model.Project) settingsForm {
	hours := func(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) }
	s := p.Settings
	return settingsForm{
		Title: p.Title, Forwarding: string(p.Forwarding), Minutes: strconv.FormatFloat(p.Hold.Minutes(), 'f', -1, 64),
		Remind: hours(s.Deadlines.Remind), Ask: hours(s.Deadlines.Ask), Skip: hours(s.Deadlines.Skip), Mode: string(s.Deadlines.Mode),
		Turns: strconv.Itoa(s.TurnsPerWeek), Zone: s.Hours.Zone, Wake: s.Hours.Wake, Bed: s.Hours.Bed,
		SenderName: s.SenderName, ReplyTo: s.ReplyTo, Digest: s.Digest,
	}
}

func (w *Web) settingsShow(c echo.Context) error {
	p, err := w.settled(c)
	if err != nil {
		return err
	}
	return w.settings(c, http.StatusOK, settingsView{p, formOf(p)}, nil)
}

// settled is the project, for those who may settle it.
func (w *Web) settled(c echo.Context) (model.Project, error) {
	p, err := w.Relay.Project(c.Request().Context(), actor(c), c.Param("project"))
	if err == nil && !actor(c).MayIn(p, model.Settle) {
		err = model.Forbidden(model.Settle)
	}
	return p, err
}

func (w *Web) settings(c echo.Context, status int, v settingsView, e *model.Error) error {
	return w.show(c, status, "settings", page{Title: "Settings of the project", Nav: "projects", Data: v, Error: e})
}

func (w *Web) settingsSubmit(c echo.Context) error {
	p, err := w.settled(c)
	if err != nil {
		return err
	}
	f := settingsForm{
		Title: c.FormValue("title"), Forwarding: c.FormValue("forwarding"), Minutes: c.FormValue("minutes"),
		Remind: c.FormValue("remind"), Ask: c.FormValue("ask"), Skip: c.FormValue("skip"), Mode: c.FormValue("mode"),
		Turns: c.FormValue("turns"), Zone: c.FormValue("zone"), Wake: c.FormValue("wake"), Bed: c.FormValue("bed"),
		SenderName: c.FormValue("sender_name"), ReplyTo: c.FormValue("reply_to"), Digest: c.FormValue("digest") != "",
	}
	change, err := f.project()
	if err == nil {
		err = w.Relay.ChangeProject(c.Request().Context(), actor(c), p.ID, change)
	}
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		if e.Field == "hold" {
			e.Field = "minutes"
		}
		return w.settings(c, http.StatusUnprocessableEntity, settingsView{p, f}, e)
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+p.ID)
}

// project reads the form's numbers; what they mean is for relay to judge.
func (f settingsForm) project() (model.Project, error) {
	p := model.Project{Title: f.Title, Forwarding: model.Forwarding(f.Forwarding)}
	var err error
	if p.Forwarding == model.ForwardPause {
		if p.Hold, err = amount("minutes", f.Minutes, time.Minute); err != nil {
			return p, err
		}
	}
	s := &p.Settings
	for _, one := range []struct {
		field, text string
		into        *time.Duration
	}{{"remind", f.Remind, &s.Deadlines.Remind}, {"ask", f.Ask, &s.Deadlines.Ask}, {"skip", f.Skip, &s.Deadlines.Skip}} {
		if *one.into, err = amount(one.field, one.text, time.Hour); err != nil {
			return p, err
		}
	}
	if s.TurnsPerWeek, err = strconv.Atoi(strings.TrimSpace(f.Turns)); err != nil {
		return p, model.RefuseField("turns", "This is not a number of turns.", "Write a number, or 0 for no limit.")
	}
	s.Deadlines.Mode = model.SkipMode(f.Mode)
	s.Hours = model.Hours{Zone: strings.TrimSpace(f.Zone), Wake: strings.TrimSpace(f.Wake), Bed: strings.TrimSpace(f.Bed)}
	s.SenderName, s.ReplyTo, s.Digest = f.SenderName, f.ReplyTo, f.Digest
	return p, nil
}

func amount(field, text string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || n < 0 || n > 100_000 {
		return 0, model.RefuseField(field, "This is not a number.", fmt.Sprintf("Write a number of %ss, such as 24.", strings.TrimSuffix(unitName(unit), "s")))
	}
	return time.Duration(n * float64(unit)), nil
}

func unitName(unit time.Duration) string {
	if unit == time.Hour {
		return "hours"
	}
	return "minutes"
}
