package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// listLength is one page of a list.
const listLength = 50

type projectsView struct {
	Projects []relay.ProjectRow
	More     string // id to go on after
	Form     projectForm
}

type projectForm struct {
	Title      string
	Forwarding model.Forwarding
	Minutes    string
}

func (w *Web) projectList(c echo.Context) error {
	return w.projects(c, http.StatusOK, projectForm{Forwarding: model.ForwardPause, Minutes: "10"}, nil)
}

func (w *Web) projects(c echo.Context, status int, f projectForm, e *model.Error) error {
	rows, err := w.Relay.Projects(c.Request().Context(), actor(c), c.QueryParam("after"), listLength+1)
	if err != nil {
		return err
	}
	v := projectsView{Projects: rows, Form: f}
	if len(rows) > listLength {
		v.Projects = rows[:listLength]
		v.More = v.Projects[listLength-1].ID
	}
	return w.show(c, status, "projects", page{Title: "Projects", Nav: "projects", Data: v, Error: e})
}

func (w *Web) projectCreate(c echo.Context) error {
	f := projectForm{Title: c.FormValue("title"), Forwarding: model.Forwarding(c.FormValue("forwarding")), Minutes: c.FormValue("minutes")}
	p := model.Project{Title: f.Title, Forwarding: f.Forwarding}
	var err error
	if f.Forwarding == model.ForwardPause {
		var minutes float64
		if minutes, err = strconv.ParseFloat(f.Minutes, 64); err != nil || minutes <= 0 || minutes > model.MaxHold.Minutes() {
			err = model.RefuseField("minutes", "This pause is not a number of minutes.", "Write a number, such as 10.")
		}
		p.Hold = time.Duration(minutes * float64(time.Minute))
	}
	if err == nil {
		p, err = w.Relay.CreateProject(c.Request().Context(), actor(c), p)
	}
	if err != nil {
		e, err := refusal(err)
		if err != nil {
			return err
		}
		return w.projects(c, http.StatusUnprocessableEntity, f, e)
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+p.ID)
}

type projectView struct {
	Project  model.Project
	Whispers []whisperRow
	More     string
}

type whisperRow struct {
	relay.WhisperRow
	Box      string // whom it waits for
	Presence presence
}

func (w *Web) projectShow(c echo.Context) error {
	ctx := c.Request().Context()
	p, err := w.Relay.Project(ctx, actor(c), c.Param("project"))
	if err != nil {
		return err
	}
	rows, err := w.Relay.Whispers(ctx, actor(c), p.ID, c.QueryParam("after"), listLength+1)
	if err != nil {
		return err
	}
	v := projectView{Project: p}
	if len(rows) > listLength {
		rows = rows[:listLength]
		v.More = rows[listLength-1].ID
	}
	var ids []string
	for _, r := range rows {
		if r.Progress.DeviceID != "" {
			ids = append(ids, r.Progress.DeviceID)
		}
	}
	boxes, err := w.Relay.BoxesByID(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		row := whisperRow{WhisperRow: r}
		if d, ok := boxes[r.Progress.DeviceID]; ok {
			row.Box, row.Presence = d.Name, w.presence(d)
		}
		v.Whispers = append(v.Whispers, row)
	}
	return w.show(c, http.StatusOK, "project", page{Title: p.Title, Nav: "projects", Data: v})
}

// presence is how a box is, in a word, an icon and a time.
type presence struct {
	Word model.Presence
	Icon string
	Seen time.Time
}

var presenceIcons = map[model.Presence]string{
	model.PresenceNever: "never", model.PresenceOnline: "online", model.PresenceAway: "away",
	model.PresenceDark: "dark", model.PresenceRevoked: "revoked",
}

func (w *Web) presence(d model.Device) presence {
	p := d.Presence(w.Now())
	return presence{p, presenceIcons[p], d.LastSeenAt}
}
