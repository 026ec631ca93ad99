package rest

import (
	"context"
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
			id: "export-project", method: "GET", path: "/projects/{project}/export.zip", tag: "projects", summary: "Take a study away as one ZIP",
			more: "docs/export.md describes what is in it. A download that breaks off is no ZIP; begin anew.",
		},
		handler: a.export, kind: "application/zip",
		params: []*huma.Param{
			text("path", "project", "The project's id", true),
			{In: "query", Name: "what", Description: "data: no voice and no picture (default); media: with them; originals: with every picture as it came",
				Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"data", "media", "originals"}}},
			{In: "query", Name: "whisper", Description: "The id of a whisper to take; may be repeated; none: all",
				Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
		},
	}
}

func (a *API) export(c echo.Context) error {
	ctx, what := c.Request().Context(), c.QueryParam("what")
	for name := range c.QueryParams() {
		if name != "what" && name != "whisper" {
			return model.RefuseField(name, "There is no such parameter.", "Use what and whisper.")
		}
	}
	if !slices.Contains([]string{"", "data", "media", "originals"}, what) {
		return model.RefuseField("what", "This choice does not exist.", "Choose data, media or originals.")
	}
	wish := relay.ExportWish{Project: c.Param("project"), Whispers: c.QueryParams()["whisper"], Media: what == "media" || what == "originals", Originals: what == "originals"}
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

// Mail is a line of the delivery log.
type Mail struct {
	ID        string          `json:"id" doc:"Its id"`
	Kind      string          `json:"kind" doc:"What it is about" example:"complete"`
	Whisper   string          `json:"whisper,omitempty" doc:"Of which whisper"`
	To        string          `json:"to" doc:"To whom"`
	Subject   string          `json:"subject" doc:"Its subject"`
	State     model.MailState `json:"state" doc:"Where it stands" enum:"queued,sent,failed"`
	Attempts  int             `json:"attempts" doc:"How often it was tried"`
	Error     string          `json:"error,omitempty" doc:"Why it was not taken"`
	CreatedAt time.Time       `json:"created_at" doc:"When it was written"`
	SentAt    *time.Time      `json:"sent_at" doc:"When it was taken"`
}

func mailShape(m model.Mail) Mail {
	return Mail{m.ID, m.Kind, m.WhisperID, m.To, m.Subject, m.State, m.Attempts, m.LastError, m.CreatedAt.UTC(), when(m.SentAt)}
}

func (a *API) mailOperations() {
	handle(a, op{id: "list-mails", method: "GET", path: "/projects/{project}/mails", tag: "projects", summary: "List the mails of a project, newest first"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[Mail]], error) {
			_, mails, err := a.Relay.Mails(ctx, who, in.Project, in.After, in.Limit+1)
			return answer(paged(mails, in.Limit, mailShape, func(m model.Mail) string { return m.ID }), err)
		})
}
