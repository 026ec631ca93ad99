package rest

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/export"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// exportRoute streams a study as one ZIP; docs/export.md has its format.
func (a *API) exportRoute() rawRoute {
	return rawRoute{
		op: op{
			id: "export-project", verb: model.ExportData, method: "GET", path: "/projects/{project}/export.zip", tag: "projects", summary: "Take a study away as one ZIP",
			more: "docs/export.md describes what is in it. A download that breaks off is no ZIP; begin anew.",
		},
		handler: a.export, kind: "application/zip",
		params: []*huma.Param{
			text("path", "project", "The project's id", true),
			{In: "query", Name: "what", Description: "data: no voice and no picture (default); media: with them; originals: with every picture as it came",
				Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"data", "media", "originals"}}},
			{In: "query", Name: "whisper", Description: "The id of a whisper to take; may be repeated; none: all",
				Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
			{In: "query", Name: "since", Description: "Only whispers that were started then or later", Schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"}},
			{In: "query", Name: "until", Description: "Only whispers that were started before", Schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"}},
		},
	}
}

func (a *API) export(c echo.Context) error {
	ctx, what := c.Request().Context(), c.QueryParam("what")
	if err := onlyParameters(c, "what", "whisper", "since", "until"); err != nil {
		return err
	}
	if !slices.Contains([]string{"", takeData, takeMedia, takeOriginals}, what) {
		return model.RefuseField("what", "This choice does not exist.", "Choose data, media or originals.")
	}
	wish := relay.ExportWish{Project: c.Param("project"), Whispers: c.QueryParams()["whisper"], Media: what == takeMedia || what == takeOriginals, Originals: what == takeOriginals}
	for name, to := range map[string]*time.Time{"since": &wish.Since, "until": &wish.Until} {
		text := c.QueryParam(name)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return model.RefuseField(name, "This is not a moment.", "Write it like 2026-11-21T00:00:00Z.")
		}
		*to = at
	}
	x, err := a.Relay.Export(ctx, actor(ctx), wish)
	if err != nil {
		return err
	}
	head := export.Head{Wish: x.Wish, Project: x.Project, At: x.At, Software: protocol.Build}
	gone, err := export.Missing(ctx, head, x, a.stored)
	if err != nil {
		return err
	}
	if len(gone) > 0 {
		return fmt.Errorf("rest: export project %s: %d files are not stored, the first is %s", wish.Project, len(gone), gone[0])
	}
	h := c.Response().Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+export.Name(head)+`"`)
	c.Response().WriteHeader(http.StatusOK)
	if err := export.Write(ctx, c.Response(), head, x, a.Media.Open, a.Temp); err != nil {
		if ctx.Err() == nil {
			a.Log.Error("an export broke off", "project", wish.Project, "error", err)
		}
		panic(http.ErrAbortHandler) // nobody must take half of it for the whole
	}
	return nil
}

func (a *API) stored(digest string) bool {
	f, err := a.Media.Open(digest)
	return err == nil && f.Close() == nil
}

// onlyParameters refuses what a route does not know, so that a typing error
// does not pass.
func onlyParameters(c echo.Context, known ...string) error {
	for name := range c.QueryParams() {
		if !slices.Contains(known, name) {
			return model.RefuseField(name, "There is no such parameter.", "Compare the request with /api/v1/openapi.json.")
		}
	}
	return nil
}
