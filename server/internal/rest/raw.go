package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
)

// rawRoute is a route that carries more than JSON; huma only describes it.
type rawRoute struct {
	op
	handler  echo.HandlerFunc
	kind     string // media type of the answer
	params   []*huma.Param
	security string
}

func text(in, name, doc string, required bool) *huma.Param {
	return &huma.Param{In: in, Name: name, Description: doc, Required: required, Schema: &huma.Schema{Type: huma.TypeString}}
}

func (a *API) rawRoutes(g *echo.Group) {
	upload := func(c echo.Context) error { return a.Uploads.Serve(c.Response(), c.Request()) }
	whisper, file := text("path", "whisper", "The whisper's id", true), text("path", "file", "The file's id", true)
	project := text("path", "project", "The project's id", true)
	a.raw = append(a.raw,
		rawRoute{op: op{
			id: "get-file", verb: model.Hear, method: "GET", path: "/whispers/{whisper}/files/{file}", tag: "files", summary: "Fetch a recording or a picture",
			more: "Takes Range; the strong ETag is the SHA-256 of the bytes.", errors: []int{http.StatusRequestedRangeNotSatisfiable},
		}, handler: a.file, kind: "application/octet-stream", params: []*huma.Param{whisper, file}},
		rawRoute{op: op{
			id: "head-file", verb: model.Hear, method: "HEAD", path: "/whispers/{whisper}/files/{file}", tag: "files", summary: "Ask how long a file is, and its ETag",
		}, handler: a.file, params: []*huma.Param{whisper, file}},
		rawRoute{op: op{
			id: "stream-events", verb: model.See, method: "GET", path: "/projects/{project}/events", tag: "events", summary: "Follow a project's events live (server-sent events)",
			more: "Each event's id is its seq, its data the JSON of list-events. Without since and Last-Event-ID the stream begins now; with either it begins after that seq. Events come in order, none twice, none left out. A comment comes every 15 seconds.",
		}, handler: a.stream, kind: "text/event-stream", params: []*huma.Param{project,
			{In: "query", Name: "since", Description: "The seq after which to begin", Schema: &huma.Schema{Type: huma.TypeInteger}},
			text("header", "Last-Event-ID", "As since; a browser sends it by itself", false)}},
		rawRoute{op: op{
			id: "upload", verb: model.Steer, method: "POST", path: "/uploads/", tag: "files", summary: "Upload a file for a start, by tus 1.0", status: http.StatusCreated,
			more:   "Send Tus-Resumable: 1.0.0, Upload-Length, and Upload-Metadata with role (audio or image) and, better, sha256, each in base64. With Content-Type: application/offset+octet-stream the whole file may be the body. The upload's id is the last part of Location. A large file is sent in parts by PATCH to that address.",
			errors: []int{http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, protocol.StatusDigestMismatch},
		}, handler: upload, params: []*huma.Param{
			text("header", "Tus-Resumable", "1.0.0", true), text("header", "Upload-Length", "The file's length in bytes", true),
			text("header", "Upload-Metadata", "role and sha256, as tus writes them", true)}},
	)
	a.raw = append(a.raw, a.exportRoute(), a.preparedRoute())
	for _, r := range a.raw {
		g.Add(r.method, echoPath(r.path), r.handler, a.withToken)
	}
	g.Any("/uploads", upload, a.withToken)
	g.Any("/uploads/*", upload, a.withToken)
	for _, r := range a.raw {
		a.describe(r)
	}
}

func echoPath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }

// describe puts a route that huma does not serve into the document.
func (a *API) describe(r rawRoute) {
	o := r.huma()
	switch r.security {
	case "":
	case securityNone:
		o.Security = []map[string][]string{{}} // OpenAPI's way to say that nothing is asked for
	default:
		o.Security = []map[string][]string{{r.security: {}}}
	}
	o.Parameters = r.params
	ok := &huma.Response{Description: "Done"}
	if r.kind != "" {
		ok.Content = map[string]*huma.MediaType{r.kind: {}}
	}
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	o.Responses = map[string]*huma.Response{strconv.Itoa(status): ok}
	for _, code := range o.Errors {
		o.Responses[strconv.Itoa(code)] = &huma.Response{
			Description: statusText(code),
			Content:     map[string]*huma.MediaType{protocol.ProblemType: {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}},
		}
	}
	a.huma.OpenAPI().AddOperation(&o)
}

func statusText(code int) string {
	if code == protocol.StatusDigestMismatch {
		return "Digest Mismatch"
	}
	return http.StatusText(code)
}

// file streams one file. Its digest is its strong ETag, so that a resumed
// download cannot mix two files.
func (a *API) file(c echo.Context) error {
	ctx := c.Request().Context()
	f, err := a.Relay.FileByID(ctx, actor(ctx), c.Param("whisper"), c.Param("file"))
	if err != nil {
		return err
	}
	stored, err := a.Media.Open(f.SHA256)
	if err != nil {
		return fmt.Errorf("rest: open media: %w", err)
	}
	defer func() { _ = stored.Close() }() // read only
	h := c.Response().Header()
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", "attachment")
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, stored)
	return nil
}

// since reads where a stream is to begin; -1: now.
func since(c echo.Context) (int64, error) {
	text := c.Request().Header.Get("Last-Event-ID")
	if text == "" {
		text = c.QueryParam("since")
	}
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, model.RefuseField("since", "This is not the number of an event.", "Send the seq of the last event that you saw.")
	}
	return n, nil
}
