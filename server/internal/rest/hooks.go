package rest

import (
	"context"
	"time"

	"illumi/server/internal/model"
)

// Hook is an address that is told of a project's events.
type Hook struct {
	ID         string      `json:"id" doc:"Its id"`
	Project    string      `json:"project" doc:"Its project's id"`
	URL        string      `json:"url" doc:"Where it posts to" example:"https://example.org/illumi"`
	Types      []EventType `json:"types" nullable:"false" doc:"The types of events that it is told of; none: all"`
	CreatedAt  time.Time   `json:"created_at" doc:"When it was made"`
	DisabledAt *time.Time  `json:"disabled_at" doc:"Since when it is off: somebody switched it off, or nobody answered for three days"`
	Secret     string      `json:"secret,omitempty" doc:"What its messages are signed with; only in the answer that makes it"`
}

// Delivery is one message to a hook.
type Delivery struct {
	ID        string              `json:"id" doc:"Its id"`
	Event     string              `json:"event" doc:"The event's id"`
	Replay    bool                `json:"replay" doc:"Somebody sent it once more"`
	State     model.DeliveryState `json:"state" doc:"Where it stands" enum:"queued,delivered,failed"`
	Attempts  int                 `json:"attempts" doc:"How often it was tried"`
	Status    int                 `json:"status" doc:"The last answer's; 0: there was none"`
	Error     string              `json:"error,omitempty" doc:"Why it was not taken, in words"`
	CreatedAt time.Time           `json:"created_at" doc:"When it was queued"`
	DoneAt    *time.Time          `json:"done_at" doc:"When it was taken or given up"`
	NextAt    *time.Time          `json:"next_at" doc:"When it is tried again"`
	Body      string              `json:"body" doc:"What is sent"`
}

// convert makes texts of one type out of texts of another.
func convert[To, From ~string](from []From) []To {
	to := make([]To, len(from))
	for i, text := range from {
		to[i] = To(text)
	}
	return to
}

func hookShape(h model.Hook) Hook {
	return Hook{ID: h.ID, Project: h.ProjectID, URL: h.URL, Types: convert[EventType](h.Kinds), CreatedAt: h.CreatedAt.UTC(), DisabledAt: when(h.DisabledAt)}
}

func deliveryShape(d model.Delivery) Delivery {
	return Delivery{d.ID, d.EventID, d.ReplayOf != "", d.State, d.Attempts, d.Status, d.LastError, d.CreatedAt.UTC(), when(d.DoneAt), when(d.DueAt), d.Body}
}

type (
	// HookID names a hook in the path.
	HookID struct {
		Hook string `path:"hook" doc:"The hook's id"`
	}
	newHook struct {
		ProjectID
		Body struct {
			URL   string      `json:"url" minLength:"1" maxLength:"1000" doc:"Where to post to" example:"https://example.org/illumi"`
			Types []EventType `json:"types,omitempty" maxItems:"50" nullable:"false" doc:"The types of events to tell; docs/api.md says what each means; none: all"`
		}
	}
	deliveryPage struct {
		HookID
		Paging
	}
)

func (a *API) hookOperations() {
	handle(a, op{id: "list-hooks", verb: model.Settle, method: "GET", path: "/projects/{project}/hooks", tag: "hooks", summary: "List a project's hooks, oldest first"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[Hook]], error) {
			hooks, err := a.Relay.Hooks(ctx, who, in.Project)
			hooks = page(hooks, in.Paging, func(h model.Hook, after string) bool { return h.ID > after })
			return answer(paged(hooks, in.Limit, hookShape, func(h model.Hook) string { return h.ID }), err)
		})
	handle(a, op{id: "create-hook", verb: model.Settle, method: "POST", path: "/projects/{project}/hooks", tag: "hooks", summary: "Add an address that is told of events", status: 201,
		more: "Each message is signed: Illumi-Signature is t=UNIX,v1=HEX, where HEX is the HMAC-SHA-256 of t, a dot and the body. The secret is told only here."},
		func(ctx context.Context, who model.Actor, in *newHook) (*body[Hook], error) {
			h, err := a.Relay.CreateHook(ctx, who, model.Hook{ProjectID: in.Project, URL: in.Body.URL, Kinds: convert[string](in.Body.Types)})
			shape := hookShape(h)
			shape.Secret = a.HookSecret(h.ID)
			return answer(shape, err)
		})
	handle(a, op{id: "delete-hook", verb: model.Settle, method: "DELETE", path: "/hooks/{hook}", tag: "hooks", summary: "Forget a hook and its log", status: 204},
		func(ctx context.Context, who model.Actor, in *HookID) (*nothing, error) {
			_, err := a.Relay.DeleteHook(ctx, who, in.Hook)
			return &nothing{}, err
		})
	for _, to := range []struct {
		id, path, summary string
		on                bool
	}{{"enable-hook", "enable", "Switch a hook on", true}, {"disable-hook", "disable", "Switch a hook off", false}} {
		handle(a, op{id: to.id, verb: model.Settle, method: "POST", path: "/hooks/{hook}/" + to.path, tag: "hooks", summary: to.summary},
			func(ctx context.Context, who model.Actor, in *HookID) (*body[Hook], error) {
				h, err := a.Relay.SwitchHook(ctx, who, in.Hook, to.on)
				return answer(hookShape(h), err)
			})
	}
	handle(a, op{id: "test-hook", verb: model.Settle, method: "POST", path: "/hooks/{hook}/test", tag: "hooks", summary: "Send a message of type test", status: 202},
		func(ctx context.Context, who model.Actor, in *HookID) (*body[Delivery], error) {
			_, d, err := a.Relay.TestHook(ctx, who, in.Hook)
			return answer(deliveryShape(d), err)
		})
	handle(a, op{id: "list-deliveries", verb: model.Settle, method: "GET", path: "/hooks/{hook}/deliveries", tag: "hooks", summary: "List what a hook was told, newest first"},
		func(ctx context.Context, who model.Actor, in *deliveryPage) (*body[list[Delivery]], error) {
			_, rows, err := a.Relay.Deliveries(ctx, who, in.Hook, in.After, in.Limit+1)
			return answer(paged(rows, in.Limit, deliveryShape, func(d model.Delivery) string { return d.ID }), err)
		})
	handle(a, op{id: "replay-delivery", verb: model.Settle, method: "POST", path: "/deliveries/{delivery}/replay", tag: "hooks", summary: "Send a message once more", status: 202},
		func(ctx context.Context, who model.Actor, in *struct {
			Delivery string `path:"delivery" doc:"The message's id"`
		}) (*body[Delivery], error) {
			_, d, err := a.Relay.Replay(ctx, who, in.Delivery)
			return answer(deliveryShape(d), err)
		})
}
