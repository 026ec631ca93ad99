package web

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/export"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Exports is what the export pages need beside relay.
type Exports struct {
	Dir  string // where prepared exports lie
	Temp string // for parts of one that is streamed
	Wake func() // the worker that prepares them
}

func (w *Web) exportRoutes(in *echo.Group) {
	in.GET("/projects/:project/export", w.exportShow)
	in.GET("/projects/:project/export.zip", w.exportDownload)
	in.POST("/projects/:project/exports", w.exportPrepare)
	in.GET("/exports/:export/export.zip", w.exportFetch)
	in.POST("/exports/:export/delete", w.exportDelete)
}

type exportView struct {
	Project  model.Project
	Media    bool // the reader may take media along
	Whispers []relay.WhisperRow
	More     bool // only the newest can be chosen one by one
	Chosen   []string
	Prepared []preparedRow
	Form     exportForm
	Working  bool
}

type exportForm struct {
	What         string // data, media or originals
	Since, Until string
}

type preparedRow struct {
	model.Prepared
	State state
	Ready bool
}

var preparedStates = map[model.PreparedState]state{
	model.PreparedQueued:  {"waits to be made", "planned", "quiet"},
	model.PreparedWorking: {"is being made", "travelling", "live"},
	model.PreparedReady:   {"ready", "complete", "good"},
	model.PreparedFailed:  {"failed", "warning", "bad"},
}

func (w *Web) exportShow(c echo.Context) error {
	f := exportForm{What: "media", Since: c.QueryParam("since"), Until: c.QueryParam("until")}
	return w.exportPage(c, http.StatusOK, f, c.QueryParams()["whisper"], nil)
}

func (w *Web) exportPage(c echo.Context, status int, f exportForm, chosen []string, e *model.Error) error {
	ctx, who := c.Request().Context(), actor(c)
	prepared, err := w.Relay.Prepared(ctx, who, c.Param("project"))
	if err != nil {
		return err
	}
	v := exportView{Form: f, Chosen: chosen}
	if v.Project, err = w.Relay.Project(ctx, who, c.Param("project")); err != nil {
		return err
	}
	if v.Media = who.MayIn(v.Project, model.Export); !v.Media {
		v.Form.What = "data"
	}
	if v.Whispers, err = w.Relay.Whispers(ctx, who, v.Project.ID, "", listLength+1); err != nil {
		return err
	}
	if len(v.Whispers) > listLength {
		v.Whispers, v.More = v.Whispers[:listLength], true
	}
	for _, p := range prepared {
		v.Prepared = append(v.Prepared, preparedRow{p, preparedStates[p.State], p.State == model.PreparedReady})
		v.Working = v.Working || p.State == model.PreparedQueued || p.State == model.PreparedWorking
	}
	return w.show(c, status, "export", page{Title: "Export", Nav: "projects", Data: v, Error: e})
}

// Picked reports whether a whisper was chosen; none chosen means all.
func (v exportView) Picked(id string) bool { return slices.Contains(v.Chosen, id) }

// exportWish reads the form; dates are days in UTC, the last one included.
func exportWish(c echo.Context) (relay.ExportWish, exportForm, error) {
	form, err := c.FormParams()
	if err != nil {
		e := model.Refuse(protocol.CodeInvalid, "This form could not be read.", "Load the page again.")
		e.Wrapped = err
		return relay.ExportWish{}, exportForm{}, e
	}
	f := exportForm{What: form.Get("what"), Since: form.Get("since"), Until: form.Get("until")}
	wish := relay.ExportWish{Project: c.Param("project"), Whispers: form["whisper"], Media: f.What != "data", Originals: f.What == "originals"}
	if !slices.Contains([]string{"data", "media", "originals"}, f.What) {
		return wish, f, model.RefuseField("what", "This choice does not exist.", "Choose what to take along.")
	}
	if wish.Since, err = day(f.Since); err != nil {
		return wish, f, model.RefuseField("since", "This is not a date.", "Write it like 2026-11-21, or leave it empty.")
	}
	if wish.Until, err = day(f.Until); err != nil {
		return wish, f, model.RefuseField("until", "This is not a date.", "Write it like 2026-11-21, or leave it empty.")
	}
	if !wish.Until.IsZero() {
		wish.Until = wish.Until.AddDate(0, 0, 1)
	}
	if !wish.Since.IsZero() && !wish.Until.IsZero() && !wish.Since.Before(wish.Until) {
		return wish, f, model.RefuseField("until", "The last day is before the first.", "Change one of the two.")
	}
	return wish, f, nil
}

func day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, s)
}

// exportRefused shows the form again with what is wrong with it.
func (w *Web) exportRefused(c echo.Context, f exportForm, chosen []string, err error) error {
	e, err := refusal(err)
	if err != nil {
		return err
	}
	return w.exportPage(c, http.StatusUnprocessableEntity, f, chosen, e)
}

func (w *Web) exportDownload(c echo.Context) error {
	wish, f, err := exportWish(c)
	if err != nil {
		return w.exportRefused(c, f, wish.Whispers, err)
	}
	ctx := c.Request().Context()
	x, err := w.Relay.Export(ctx, actor(c), wish)
	if err != nil {
		return err
	}
	head := export.Head{Wish: x.Wish, Project: x.Project, At: x.At, Software: protocol.Build}
	gone, err := export.Missing(ctx, head, x, w.stored)
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		return fmt.Errorf("web: export project %s: %d files are not stored, the first is %s", wish.Project, len(gone), gone[0])
	}
	h := c.Response().Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+export.Name(head)+`"`)
	c.Response().WriteHeader(http.StatusOK)
	if err := export.Write(ctx, c.Response(), head, x, w.Media.Open, w.Exports.Temp); err != nil {
		if ctx.Err() == nil {
			w.Log.Error("an export broke off", "project", wish.Project, "error", err)
		}
		panic(http.ErrAbortHandler) // the browser must not take half of it for the whole
	}
	return nil
}

func (w *Web) stored(digest string) bool {
	f, err := w.Media.Open(digest)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func (w *Web) exportPrepare(c echo.Context) error {
	wish, f, err := exportWish(c)
	if err == nil {
		_, err = w.Relay.PrepareExport(c.Request().Context(), actor(c), wish)
	}
	if err != nil {
		return w.exportRefused(c, f, wish.Whispers, err)
	}
	w.Exports.Wake()
	return c.Redirect(http.StatusSeeOther, "/projects/"+wish.Project+"/export")
}

func (w *Web) exportFetch(c echo.Context) error {
	p, err := w.Relay.PreparedExport(c.Request().Context(), actor(c), c.Param("export"))
	if err != nil {
		return err
	}
	f, err := os.Open(export.File(w.Exports.Dir, p.ID))
	if err != nil {
		return fmt.Errorf("web: open an export: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	h := c.Response().Header()
	h.Set("Content-Type", "application/zip")
	h.Set("ETag", `"`+p.ID+`"`)
	h.Set("Content-Disposition", `attachment; filename="illumi-`+p.CreatedAt.UTC().Format(time.DateOnly)+"-"+filepath.Base(p.ID)[:8]+`.zip"`)
	http.ServeContent(c.Response(), c.Request(), "", p.DoneAt, f)
	return nil
}

func (w *Web) exportDelete(c echo.Context) error {
	p, err := w.Relay.DropExport(c.Request().Context(), actor(c), c.Param("export"))
	if err != nil {
		return err
	}
	if err := export.Drop(w.Exports.Dir, p.ID); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/projects/"+p.ProjectID+"/export")
}
