package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

type (
	nothing struct{}
	// ProjectID names a project in the path.
	ProjectID struct {
		Project string `path:"project" doc:"The project's id"`
	}
	// WhisperID names a whisper in the path.
	WhisperID struct {
		Whisper string `path:"whisper" doc:"The whisper's id"`
	}
	// BoxID names a box in the path.
	BoxID struct {
		Box string `path:"box" doc:"The box's id"`
	}
)

// operations registers everything that is JSON in and out.
func (a *API) operations() {
	handle(a, op{id: "me", method: "GET", path: "/me", tag: "account", summary: "Who am I?"},
		func(_ context.Context, who model.Actor, _ *nothing) (*body[Me], error) {
			return answer(Me{who.UserID, who.Role, append([]model.Scope{}, who.Scopes...), who.Project}, nil)
		})
	handle(a, op{id: "list-tokens", method: "GET", path: "/tokens", tag: "account", summary: "List my tokens, newest first"},
		func(ctx context.Context, who model.Actor, in *Paging) (*body[list[Token]], error) {
			tokens, err := a.Tokens.TokensAfter(ctx, who, in.Limit+1, in.After)
			now := a.Now()
			return answer(paged(tokens, in.Limit, func(t model.Token) Token { return tokenShape(t, now) }, func(t model.Token) string { return t.ID }), err)
		})
	handle(a, op{id: "revoke-token", method: "POST", path: "/tokens/{token}/revoke", tag: "account", summary: "End this token", more: "A token can end only itself; the page Programs ends others.", status: 204},
		func(ctx context.Context, who model.Actor, in *struct {
			Token string `path:"token" doc:"The token's id"`
		}) (*nothing, error) {
			return &nothing{}, a.Tokens.RevokeToken(ctx, who, in.Token)
		})
	for _, register := range []func(){
		a.peopleOperations, a.projectOperations, a.memberOperations, a.settingOperations, a.preparedOperations,
		a.overviewOperations, a.whisperOperations, a.stallOperations, a.shareOperations, a.boxOperations, a.placeOperations,
		a.eventOperations, a.mailOperations, a.hookOperations,
	} {
		register()
	}
}

type newProject struct {
	Title      string           `json:"title" minLength:"1" maxLength:"200" doc:"Its name" example:"Harbour stories"`
	Forwarding model.Forwarding `json:"forwarding,omitempty" enum:"straight,after_pause" default:"straight" doc:"When an answer goes on to the next home"`
	Hold       int64            `json:"hold_seconds,omitempty" minimum:"0" maximum:"604800" doc:"How long an answer is held after_pause; 0: ten minutes"`
}

func (a *API) projectOperations() {
	handle(a, op{id: "list-projects", verb: model.See, method: "GET", path: "/projects", tag: "projects", summary: "List projects, newest first"},
		func(ctx context.Context, who model.Actor, in *Paging) (*body[list[Project]], error) {
			rows, err := a.Relay.Projects(ctx, who, in.After, in.Limit+1)
			return answer(paged(rows, in.Limit, projectRow, func(r relay.ProjectRow) string { return r.ID }), err)
		})
	handle(a, op{id: "create-project", verb: model.CreateProjects, method: "POST", path: "/projects", tag: "projects", summary: "Make a project", status: 201},
		func(ctx context.Context, who model.Actor, in *struct{ Body newProject }) (*body[Project], error) {
			p := model.Project{
				Title: in.Body.Title, Forwarding: in.Body.Forwarding, Hold: time.Duration(in.Body.Hold) * time.Second,
				Settings: model.DefaultProjectSettings(),
			}
			p, err := a.Relay.CreateProject(ctx, who, p)
			return answer(projectShape(p), err)
		})
	handle(a, op{id: "get-project", verb: model.See, method: "GET", path: "/projects/{project}", tag: "projects", summary: "Look at a project"},
		func(ctx context.Context, who model.Actor, in *ProjectID) (*body[Project], error) {
			p, err := a.Relay.Project(ctx, who, in.Project)
			return answer(projectShape(p), err)
		})
}

// Orders says which boxes a start visits, and how their order comes about.
type Orders struct {
	Boxes  []string     `json:"boxes,omitempty" maxItems:"200" nullable:"false" doc:"The boxes' ids; not with a table"`
	Design relay.Design `json:"design,omitempty" enum:"shuffle,williams,fixed,uploaded" default:"shuffle" doc:"How the order comes about; docs/randomisation.md explains each"`
	Table  string       `json:"table,omitempty" maxLength:"60000" doc:"For design uploaded: a line for each whisper, the boxes' names between commas"`
	Count  int          `json:"count,omitempty" minimum:"1" maximum:"50" default:"1" doc:"How many whispers, each with an order of its own"`
	Seed   string       `json:"seed,omitempty" pattern:"^([0-9a-fA-F]{64})?$" doc:"64 hex digits that the orders are drawn from; without it they are drawn"`
}

func (o Orders) request(project string) relay.StartRequest {
	return relay.StartRequest{ProjectID: project, Boxes: o.Boxes, Design: o.Design, Rows: o.Table, Count: o.Count, Seed: o.Seed}
}

// preview is what a start would do.
type preview struct {
	Seed string     `json:"seed,omitempty" doc:"Give it to the start, and exactly these orders are travelled"`
	Rows [][]string `json:"rows" nullable:"false" doc:"The boxes' names, a row for each whisper"`
}

type (
	projectPage struct {
		ProjectID
		Paging
	}
	startInput struct {
		ProjectID
		Key  string `header:"Idempotency-Key" maxLength:"200" doc:"The same key starts nothing twice; the answer is the first one's. With another body it is refused (422)"`
		Body startBody
	}
	previewInput struct {
		ProjectID
		Body Orders
	}
	startBody struct {
		Title string `json:"title" minLength:"1" maxLength:"200" doc:"The whispers' name" example:"Gulls"`
		Audio string `json:"audio" minLength:"1" maxLength:"100" doc:"The id of the uploaded recording"`
		Image string `json:"image,omitempty" maxLength:"100" doc:"The id of the uploaded picture"`
		Alt   string `json:"image_description,omitempty" maxLength:"300" doc:"What the picture shows, for those who do not see it"`
		Orders
	}
)

func (a *API) whisperOperations() {
	handle(a, op{id: "list-whispers", verb: model.See, method: "GET", path: "/projects/{project}/whispers", tag: "whispers", summary: "List a project's whispers, newest first"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[WhisperLine]], error) {
			rows, err := a.Relay.Whispers(ctx, who, in.Project, in.After, in.Limit+1)
			return answer(paged(rows, in.Limit, whisperLine, func(r relay.WhisperRow) string { return r.ID }), err)
		})
	handle(a, op{
		id: "start-whispers", verb: model.Steer, method: "POST", path: "/projects/{project}/whispers", tag: "whispers", summary: "Start one whisper or several", status: 201,
		more: "Upload the recording, and a picture if there is one, to /uploads/ first.",
	}, a.start)
	handle(a, op{id: "preview-orders", verb: model.Steer, method: "POST", path: "/projects/{project}/preview", tag: "whispers", summary: "See the orders that a start would have"},
		func(ctx context.Context, who model.Actor, in *previewInput) (*body[preview], error) {
			plan, seed, err := a.Relay.Preview(ctx, who, in.Body.request(in.Project))
			return answer(preview{seed, append([][]string{}, plan.Rows...)}, err)
		})
	handle(a, op{id: "get-whisper", verb: model.See, method: "GET", path: "/whispers/{whisper}", tag: "whispers", summary: "Look at a whisper, its turns and files"}, a.whisper)
	for _, step := range []struct {
		name, summary string
		do            func(context.Context, model.Actor, string) error
	}{
		{"pause", "Stop a whisper from going on", a.Relay.Pause},
		{"resume", "Let a paused whisper travel on", a.Relay.Resume},
		{"end", "Stop a whisper for good", a.Relay.End},
	} {
		handle(a, op{id: step.name + "-whisper", verb: model.Steer, method: "POST", path: "/whispers/{whisper}/" + step.name, tag: "whispers", summary: step.summary, more: "Doing it twice is the same as doing it once."},
			func(ctx context.Context, who model.Actor, in *WhisperID) (*body[Whisper], error) {
				if err := step.do(ctx, who, in.Whisper); err != nil {
					return nil, err
				}
				return a.whisper(ctx, who, in)
			})
	}
}

func (a *API) whisper(ctx context.Context, who model.Actor, in *WhisperID) (*body[Whisper], error) {
	v, err := a.Relay.Course(ctx, who, in.Whisper)
	return answer(whisperShape(v), err)
}

type started struct {
	Whispers []startedWhisper `json:"whispers" nullable:"false" doc:"Those that were started"`
}

type startedWhisper struct {
	ID    string `json:"id" doc:"Its id"`
	Title string `json:"title" doc:"Its name"`
}

func (a *API) start(ctx context.Context, who model.Actor, in *startInput) (*body[started], error) {
	b := in.Body
	r := b.request(in.Project)
	r.Title, r.Audio, r.Image, r.Alt, r.Key = b.Title, b.Audio, b.Image, b.Alt, startKey(who, in.Key)
	if r.Key != "" {
		text, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("rest: digest a start: %w", err)
		}
		sum := sha256.Sum256(text)
		r.Digest = hex.EncodeToString(sum[:])
	}
	list, err := a.Relay.Start(ctx, who, r)
	out := started{Whispers: []startedWhisper{}}
	for _, wh := range list {
		out.Whispers = append(out.Whispers, startedWhisper{wh.ID, wh.Title})
	}
	return answer(out, err)
}

// startKey keeps one person's keys apart from everybody else's, and short.
func startKey(who model.Actor, key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(who.UserID + "\x00" + key))
	return "api-" + hex.EncodeToString(sum[:20])
}

type (
	boxPage struct {
		Paging
		Search string `query:"search" maxLength:"80" doc:"A part of the name"`
	}
	newCode struct {
		Name string `json:"name" minLength:"1" maxLength:"200" doc:"The name that the box will have" example:"conandoyle"`
	}
)

func (a *API) boxOperations() {
	handle(a, op{id: "list-boxes", verb: model.SeeBoxes, method: "GET", path: "/boxes", tag: "boxes", summary: "List boxes by name"},
		func(ctx context.Context, who model.Actor, in *boxPage) (*body[list[Box]], error) {
			boxes, err := a.Relay.ListBoxes(ctx, who, in.After, in.Search, in.Limit+1)
			now := a.Now()
			return answer(paged(boxes, in.Limit, func(d model.Device) Box { return boxShape(d, now) }, func(d model.Device) string { return d.Name }), err)
		})
	handle(a, op{id: "get-box", verb: model.SeeBoxes, method: "GET", path: "/boxes/{box}", tag: "boxes", summary: "Look at a box"},
		a.box)
	handle(a, op{id: "revoke-box", verb: model.ManageBoxes, method: "POST", path: "/boxes/{box}/revoke", tag: "boxes", summary: "Remove a box for good", status: 204},
		func(ctx context.Context, who model.Actor, in *BoxID) (*nothing, error) {
			return &nothing{}, a.Relay.RevokeBox(ctx, who, in.Box)
		})
	handle(a, op{id: "list-codes", verb: model.ManageBoxes, method: "GET", path: "/codes", tag: "boxes", summary: "List enrolment codes, newest first"},
		func(ctx context.Context, who model.Actor, in *Paging) (*body[list[Code]], error) {
			codes, err := a.Relay.CodesAfter(ctx, who, in.Limit+1, in.After)
			now := a.Now()
			return answer(paged(codes, in.Limit, func(c model.EnrolCode) Code { return codeShape(c, now) }, func(c model.EnrolCode) string { return c.ID }), err)
		})
	handle(a, op{id: "create-code", verb: model.ManageBoxes, method: "POST", path: "/codes", tag: "boxes", summary: "Make an enrolment code", more: "The code works once, for 24 hours, and is told only here.", status: 201},
		func(ctx context.Context, who model.Actor, in *struct{ Body newCode }) (*body[Code], error) {
			text, row, err := a.Relay.MakeCode(ctx, who, in.Body.Name)
			shape := codeShape(row, a.Now())
			shape.Code = protocol.FormatCode(text)
			return answer(shape, err)
		})
	handle(a, op{id: "revoke-code", verb: model.ManageBoxes, method: "POST", path: "/codes/{code}/revoke", tag: "boxes", summary: "Make a code useless", status: 204},
		func(ctx context.Context, who model.Actor, in *struct {
			Code string `path:"code" doc:"The code's id"`
		}) (*nothing, error) {
			return &nothing{}, a.Relay.RevokeCode(ctx, who, in.Code)
		})
}

type eventPage struct {
	ProjectID
	Limit int   `query:"limit" minimum:"1" maximum:"200" default:"20" doc:"How many at most"`
	Since int64 `query:"since" minimum:"0" doc:"The seq after which to begin"`
}

func (a *API) eventOperations() {
	handle(a, op{
		id: "list-events", verb: model.See, method: "GET", path: "/projects/{project}/history", tag: "events", summary: "List a project's events, oldest first",
		more: "Give the seq of the last event that you know as since; next is the since of the page that follows.",
	},
		func(ctx context.Context, who model.Actor, in *eventPage) (*body[list[Event]], error) {
			events, err := a.Relay.EventsSince(ctx, who, in.Project, in.Since, in.Limit+1)
			return answer(paged(events, in.Limit, eventShape, func(e model.Event) string { return strconv.FormatInt(e.Seq, 10) }), err)
		})
}
