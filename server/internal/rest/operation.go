package rest

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"illumi/protocol"
	"illumi/server/internal/model"
)

const (
	securityToken = "token"
	securityBox   = "box"
	securityNone  = "nothing"
	boxTag        = "device"
)

const description = `Everything that the pages of illumi can do, for programs.

Make a token on the page Programs and send it as Authorization: Bearer ilm_….
Times are UTC in RFC 3339, durations whole seconds. Lists come in pages:
ask for at most 200 with limit, and for what follows with the next of the answer.
Errors are application/problem+json with a stable code; docs/protocol.md lists the codes.`

var tags = []*huma.Tag{
	{Name: "account", Description: "Who the token stands for"},
	{Name: "people", Description: "Who has an account on this server, and who is invited"},
	{Name: "projects", Description: "Studies, who works on them, and what is taken away of them"},
	{Name: "whispers", Description: "Chains and their turns"},
	{Name: "files", Description: "Recordings and pictures"},
	{Name: "boxes", Description: "Enrolled boxes and the codes to enrol more"},
	{Name: "events", Description: "What happened, as a list and as a stream"},
	{Name: "mails", Description: "What the server wrote to people"},
	{Name: "hooks", Description: "Addresses that are told of events"},
	{Name: boxTag, Description: "The boxes' own API; docs/protocol.md has the whole of it"},
}

// op describes an operation in the few words that differ.
type op struct {
	id, method, path, tag, summary, more string
	verb                                 model.Verb // what the rules ask for; empty: nothing but a token
	status                               int        // of success; 0: 200
	errors                               []int      // beside those that every operation has
	// fields are the rules' names of fields that are called otherwise here.
	fields map[string]string
}

// Every operation may answer with these; those with an id in the path with 404,
// those that change something with 409 and 507.
func (o op) allErrors() []int {
	all := append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError}, o.errors...)
	if slices.Contains([]byte(o.path), '{') {
		all = append(all, http.StatusNotFound)
	}
	if o.method != http.MethodGet {
		all = append(all, http.StatusConflict, http.StatusInsufficientStorage)
		if o.method != http.MethodDelete {
			all = append(all, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// needs says which token will do.
func (o op) needs() string {
	switch {
	case o.tag == boxTag:
		return ""
	case o.verb == "":
		return "Any token will do."
	}
	var names []string
	for _, s := range model.ScopesFor(o.verb) {
		names = append(names, string(s))
	}
	return "Needs the scope " + strings.Join(names, " or ") + "."
}

func (o op) huma() huma.Operation {
	return huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: strings.TrimSpace(o.more + " " + o.needs()), Tags: []string{o.tag},
		DefaultStatus: o.status, Errors: o.allErrors(), Security: []map[string][]string{{securityToken: {}}},
	}
}

// handle registers an operation; what its handler returns as an error is
// explained in the one place of the app.
func handle[In, Out any](a *API, o op, fn func(ctx context.Context, who model.Actor, in *In) (*Out, error)) {
	route := Base + o.path
	huma.Register(a.huma, o.huma(), func(ctx context.Context, in *In) (*Out, error) {
		out, err := fn(ctx, actor(ctx), in)
		if err != nil {
			return nil, a.problem(o, route, err)
		}
		return out, nil
	})
}

func (a *API) problem(o op, route string, err error) *Problem {
	said, retry := a.Explain(&http.Request{Method: o.method}, route, err)
	p := &Problem{Title: said.Title, Status: said.Status, Detail: said.Detail, Next: said.Next, Code: said.Code, State: said.State, retry: retry}
	var refusal *model.Error
	if errors.As(err, &refusal) && refusal.Field != "" && refusal.Code != protocol.CodeInternal {
		name := refusal.Field
		if here, ok := o.fields[name]; ok {
			name = here
		}
		p.Errors = []FieldError{{"body." + name, refusal.Sentence}}
	}
	return p
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}

// Paging is what every list takes.
type Paging struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"20" doc:"How many at most"`
	After string `query:"after" maxLength:"200" doc:"The next of the page before"`
}

// list is one page. Next is empty on the last one.
type list[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"The page"`
	Next  string `json:"next,omitempty" doc:"Where the next page begins; absent on the last one"`
}

// page is one page of a short list that is loaded whole; after reports whether a
// row comes after the cursor.
func page[R any](rows []R, p Paging, after func(R, string) bool) []R {
	if p.After != "" {
		rows = slices.DeleteFunc(rows, func(r R) bool { return !after(r, p.After) })
	}
	return rows[:min(len(rows), p.Limit+1)]
}

// pageAfter is page for a list whose order is not that of its ids.
func pageAfter[R any](rows []R, p Paging, id func(R) string) []R {
	if p.After != "" {
		i := slices.IndexFunc(rows, func(r R) bool { return id(r) == p.After })
		if i < 0 {
			return nil // it is not kept any more, nor what is older
		}
		rows = rows[i+1:]
	}
	return rows[:min(len(rows), p.Limit+1)]
}

// nothingIn refuses a change that names nothing to change.
func nothingIn(change any) error {
	if reflect.ValueOf(change).IsZero() {
		return model.Refuse(protocol.CodeInvalid, "This changes nothing.", "Name what shall change.")
	}
	return nil
}

// set changes what a request names.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// paged makes a page out of limit+1 rows, and next of the last row that it shows.
func paged[R, T any](rows []R, limit int, show func(R) T, cursor func(R) string) list[T] {
	l := list[T]{Items: []T{}}
	if len(rows) > limit {
		rows = rows[:limit]
		l.Next = cursor(rows[limit-1])
	}
	for _, r := range rows {
		l.Items = append(l.Items, show(r))
	}
	return l
}
