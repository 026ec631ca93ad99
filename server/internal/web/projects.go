package web

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/server/internal/bus"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// listLength is one page of a list.
const listLength = 15

type projectsView struct {
	Overview
	Projects []relay.ProjectRow
	More     string // id to go on after
	Form     projectForm
	MayMake  bool
}

type projectForm struct {
	Title      string
	Forwarding model.Forwarding
	Minutes    string
	Turns      string // of one box in seven days
}

func (w *Web) projectList(c echo.Context) error {
	if isFragment(c.Request()) {
		o, err := w.overview(c)
		if err != nil {
			return err
		}
		return w.part(c, "projects", "overview", projectsView{Overview: o})
	}
	return w.projects(c, http.StatusOK, projectForm{Forwarding: model.ForwardPause, Minutes: "10", Turns: "2"}, nil)
}

func (w *Web) projects(c echo.Context, status int, f projectForm, e *model.Error) error {
	rows, err := w.Relay.Projects(c.Request().Context(), actor(c), c.QueryParam("after"), listLength+1)
	if err != nil {
		return err
	}
	v := projectsView{Form: f}
	if len(rows) > listLength {
		rows = rows[:listLength]
		v.More = rows[listLength-1].ID
	}
	v.Projects, v.MayMake = rows, actor(c).May(model.CreateProjects)
	if len(rows) == 0 && !v.MayMake {
		return c.Redirect(http.StatusSeeOther, "/boxes") // whoever looks after boxes alone begins with them
	}
	if v.Overview, err = w.overview(c); err != nil {
		return err
	}
	return w.show(c, status, "projects", page{Title: "Projects", Nav: "projects", Data: v, Error: e})
}

func (w *Web) projectCreate(c echo.Context) error {
	f := projectForm{Title: c.FormValue("title"), Forwarding: model.Forwarding(c.FormValue("forwarding")), Minutes: c.FormValue("minutes"), Turns: c.FormValue("turns")}
	p := model.Project{Title: f.Title, Forwarding: f.Forwarding}
	var err error
	// A program that posts the form without the field sets no limit.
	if p.Settings.TurnsPerWeek, err = strconv.Atoi(cmp.Or(f.Turns, "0")); err != nil || p.Settings.TurnsPerWeek < 0 || p.Settings.TurnsPerWeek > model.MaxTurnsPerWeek {
		err = model.RefuseField("turns", "This is not a number of turns.", "Write a number up to 100, or 0 for no limit.")
	}
	if err == nil && f.Forwarding == model.ForwardPause {
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
		if e.Field == "hold" {
			e.Field = "minutes" // as the form calls it
		}
		return w.projects(c, http.StatusUnprocessableEntity, f, e)
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+p.ID)
}

type projectView struct {
	Project  model.Project
	Whispers []whisperRow
	First    bool // nothing newer is on another page
	After    string
	More     string
	// MayMails: the reader may see the project's mails, of which so many failed.
	MayMails    bool
	FailedMails int
	MaySteer    bool
	MayExport   bool
}

// whisperRow is a line of a list. Its fields are its own: a template takes ten
// times as long to find one that is promoted.
type whisperRow struct {
	ID, Title            string
	Project              string // its name, where the list has more than one's
	Answered, Hops       int
	Since                time.Time // so long it has waited
	NeedsAt              time.Time // so long it has needed a decision
	CompletedAt, EndedAt time.Time
	State                state
	Box                  string // whom it waits for
	Presence             presence
	Turn                 state
	Beads                []bool // one for each turn; lit where it is answered
}

// maxBeads is how many turns a list shows one by one.
const maxBeads = 24

func (w *Web) whisperRows(c echo.Context, rows []relay.WhisperRow) ([]whisperRow, error) {
	var ids []string
	for _, r := range rows {
		if r.Progress.DeviceID != "" {
			ids = append(ids, r.Progress.DeviceID)
		}
	}
	boxes, err := w.Relay.BoxesByID(c.Request().Context(), ids)
	if err != nil {
		return nil, err
	}
	var out []whisperRow
	for _, r := range rows {
		out = append(out, w.whisperRow(r, boxes[r.Progress.DeviceID]))
	}
	return out, nil
}

// whisperRow says where a whisper is; d is the box that it waits for, or none.
func (w *Web) whisperRow(r relay.WhisperRow, d model.Device) whisperRow {
	row := whisperRow{
		ID: r.ID, Title: r.Title, Answered: r.Progress.Answered, Hops: r.Progress.Hops, Since: r.Progress.Since, NeedsAt: r.NeedsAt,
		CompletedAt: r.CompletedAt, EndedAt: r.EndedAt, State: whisperStates[r.State],
	}
	if d.ID != "" && (r.State == model.WhisperTravelling || r.State == model.WhisperPaused) {
		row.Box, row.Presence = d.Name, w.presence(d)
	}
	row.Turn = hopState(model.Hop{State: r.Progress.State, ReadyAt: r.Progress.Since}, r.State, row.Presence)
	if n := r.Progress.Hops; n <= maxBeads {
		row.Beads = make([]bool, n)
		for i := range r.Progress.Answered {
			row.Beads[i] = true
		}
	}
	return row
}

func (w *Web) projectView(c echo.Context) (projectView, error) {
	ctx := c.Request().Context()
	v := projectView{After: c.QueryParam("after")}
	v.First = v.After == ""
	var err error
	if v.Project, err = w.Relay.Project(ctx, actor(c), c.Param("project")); err != nil {
		return v, err
	}
	rows, err := w.Relay.Whispers(ctx, actor(c), v.Project.ID, v.After, listLength+1)
	if err != nil {
		return v, err
	}
	if len(rows) > listLength {
		rows = rows[:listLength]
		v.More = rows[listLength-1].ID
	}
	if v.Whispers, err = w.whisperRows(c, rows); err != nil {
		return v, err
	}
	v.MayMails = actor(c).MayIn(v.Project, model.Settle)
	v.MaySteer, v.MayExport = actor(c).MayIn(v.Project, model.Steer), actor(c).MayIn(v.Project, model.ExportData)
	v.FailedMails, err = w.Relay.FailedMails(ctx, actor(c), v.Project.ID)
	return v, err
}

func (w *Web) projectShow(c echo.Context) error {
	v, err := w.projectView(c)
	if err != nil {
		return err
	}
	if isFragment(c.Request()) {
		return w.part(c, "project", "whispers", v)
	}
	return w.show(c, http.StatusOK, "project", page{Title: v.Project.Title, Nav: "projects", Data: v})
}

// projectLive tells of every listed whisper that can still change.
func (w *Web) projectLive(c echo.Context) error {
	v, err := w.projectView(c)
	if err != nil {
		return err
	}
	topics := []bus.Topic{bus.Boxes}
	for _, r := range v.Whispers {
		if r.Box != "" {
			topics = append(topics, bus.Whisper(r.ID))
		}
	}
	return w.live(c, v.Project.ID, topics...)
}
