package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"illumi/server/internal/export"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// What an export takes along.
const (
	takeData      = "data"
	takeMedia     = "media"
	takeOriginals = "originals"
)

// Prepared is an export that the server makes ready, to be fetched later.
type Prepared struct {
	ID        string              `json:"id" doc:"Its id; the file is at exports/{id}/export.zip"`
	Project   string              `json:"project" doc:"Its project's id"`
	What      string              `json:"what" doc:"What it takes along" enum:"data,media,originals"`
	Whispers  []string            `json:"whispers" nullable:"false" doc:"The whispers that were chosen; none: all"`
	State     model.PreparedState `json:"state" doc:"Where it stands" enum:"queued,working,ready,failed"`
	Size      int64               `json:"size,omitempty" doc:"How long the file is, in bytes"`
	Error     string              `json:"error,omitempty" doc:"Why it could not be made"`
	CreatedAt time.Time           `json:"created_at" doc:"When it was asked for"`
	DoneAt    *time.Time          `json:"done_at" doc:"When it was ready, or failed"`
	ExpiresAt time.Time           `json:"expires_at" doc:"When the server deletes it"`
}

func preparedShape(p model.Prepared) Prepared {
	out := Prepared{
		ID: p.ID, Project: p.ProjectID, What: takeData, Whispers: []string{}, State: p.State, Size: p.Size, Error: p.LastError,
		CreatedAt: p.CreatedAt.UTC(), DoneAt: when(p.DoneAt), ExpiresAt: p.ExpiresAt.UTC(),
	}
	var wish relay.ExportWish
	if err := json.Unmarshal([]byte(p.Wish), &wish); err != nil {
		return out // relay wrote it; whoever fetches it is told
	}
	switch {
	case wish.Originals:
		out.What = takeOriginals
	case wish.Media:
		out.What = takeMedia
	}
	out.Whispers = append(out.Whispers, wish.Whispers...)
	return out
}

type (
	newExport struct {
		What     string    `json:"what" enum:"data,media,originals" doc:"No voice and no picture; with them; with every picture as it came"`
		Whispers []string  `json:"whispers,omitempty" maxItems:"100" nullable:"false" doc:"The ids of the whispers to take; none: all"`
		Since    time.Time `json:"since,omitempty" doc:"Only those that were started then or later"`
		Until    time.Time `json:"until,omitempty" doc:"Only those that were started before"`
	}
	exportID struct {
		Export string `path:"export" doc:"The export's id"`
	}
)

func (a *API) preparedOperations() {
	handle(a, op{id: "list-exports", verb: model.ExportData, method: "GET", path: "/projects/{project}/exports", tag: "projects", summary: "List a project's exports that the server keeps, newest first"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[Prepared]], error) {
			rows, err := a.Relay.Prepared(ctx, who, in.Project)
			rows = page(rows, in.Paging, func(p model.Prepared, after string) bool { return p.ID < after })
			return answer(paged(rows, in.Limit, preparedShape, func(p model.Prepared) string { return p.ID }), err)
		})
	handle(a, op{
		id: "prepare-export", verb: model.ExportData, method: "POST", path: "/projects/{project}/exports", tag: "projects", summary: "Let the server make an export ready", status: 202,
		more: "For studies that take long to download at once. Look at its state until it is ready; a mail tells, too. The server keeps it for seven days.",
	}, func(ctx context.Context, who model.Actor, in *struct {
		ProjectID
		Body newExport
	}) (*body[Prepared], error) {
		b := in.Body
		p, err := a.Relay.PrepareExport(ctx, who, relay.ExportWish{
			Project: in.Project, Whispers: b.Whispers, Since: b.Since, Until: b.Until,
			Media: b.What == takeMedia || b.What == takeOriginals, Originals: b.What == takeOriginals,
		})
		if err == nil && a.WakeExports != nil {
			a.WakeExports()
		}
		return answer(preparedShape(p), err)
	})
	handle(a, op{id: "get-export", verb: model.ExportData, method: "GET", path: "/exports/{export}", tag: "projects", summary: "Look where an export stands"},
		func(ctx context.Context, who model.Actor, in *exportID) (*body[Prepared], error) {
			p, err := a.Relay.ExportState(ctx, who, in.Export)
			return answer(preparedShape(p), err)
		})
	handle(a, op{id: "delete-export", verb: model.ExportData, method: "DELETE", path: "/exports/{export}", tag: "projects", summary: "Delete an export that the server keeps", status: 204},
		func(ctx context.Context, who model.Actor, in *exportID) (*nothing, error) {
			p, err := a.Relay.DropExport(ctx, who, in.Export)
			if err == nil {
				err = export.Drop(a.Temp, p.ID)
			}
			return &nothing{}, err
		})
}

func (a *API) preparedRoute() rawRoute {
	return rawRoute{
		op: op{
			id: "fetch-export", verb: model.ExportData, method: "GET", path: "/exports/{export}/export.zip", tag: "projects", summary: "Fetch an export that is ready",
			more: "Takes Range. One that is not ready is refused (409).", errors: []int{http.StatusConflict, http.StatusRequestedRangeNotSatisfiable},
		},
		handler: a.fetchExport, kind: "application/zip", params: []*huma.Param{text("path", "export", "The export's id", true)},
	}
}

func (a *API) fetchExport(c echo.Context) error {
	if err := onlyParameters(c); err != nil {
		return err
	}
	ctx := c.Request().Context()
	p, err := a.Relay.PreparedExport(ctx, actor(ctx), c.Param("export"))
	if err != nil {
		return err
	}
	f, err := os.Open(export.File(a.Temp, p.ID))
	if err != nil {
		return fmt.Errorf("rest: open an export: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	h := c.Response().Header()
	h.Set("Content-Type", "application/zip")
	h.Set("ETag", `"`+p.ID+`"`)
	h.Set("Content-Disposition", `attachment; filename="illumi-`+p.CreatedAt.UTC().Format(time.DateOnly)+"-"+p.ID[:8]+`.zip"`)
	http.ServeContent(c.Response(), c.Request(), "", p.DoneAt, f)
	return nil
}
