package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"illumi/server/internal/auth"
	"illumi/server/internal/model"
)

// Person has an account on this server.
type Person struct {
	ID         string     `json:"id" doc:"The person's id"`
	Email      string     `json:"email" doc:"The address that the person signs in with" example:"ann@example.org"`
	Name       string     `json:"name" doc:"How the person is called"`
	Role       model.Role `json:"role" doc:"What the person is on this server" enum:"administrator,researcher,installer"`
	Works      bool       `json:"works" doc:"The account is not disabled, and its time is not over"`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made"`
	DisabledAt *time.Time `json:"disabled_at" doc:"Since when it is disabled"`
	EndsAt     *time.Time `json:"ends_at" doc:"When it ends by itself; null: never"`
}

func personShape(u model.User, now time.Time) Person {
	return Person{u.ID, u.Email, u.Name, u.Role, !u.Ended(now), u.CreatedAt.UTC(), when(u.DisabledAt), when(u.ExpiresAt)}
}

// Invitation lets somebody make an account, once, for 24 hours.
type Invitation struct {
	ID          string            `json:"id" doc:"Its id"`
	Email       string            `json:"email" doc:"Who is invited"`
	Role        model.Role        `json:"role" doc:"What the person will be on this server" enum:"administrator,researcher,installer"`
	Project     string            `json:"project,omitempty" doc:"The project that the person will work on"`
	ProjectRole model.ProjectRole `json:"project_role,omitempty" doc:"What the person will be there"`
	State       model.CodeState   `json:"state" doc:"What it is good for" enum:"open,used,expired,revoked"`
	Link        string            `json:"link,omitempty" doc:"The address that makes the account; only in the answer that makes the invitation. It is mailed, too"`
	CreatedAt   time.Time         `json:"created_at" doc:"When it was made"`
	ExpiresAt   time.Time         `json:"expires_at" doc:"When it stops working"`
}

func invitationShape(t model.Ticket, now time.Time) Invitation {
	return Invitation{
		ID: t.ID, Email: t.Email, Role: t.Role, Project: t.ProjectID, ProjectRole: t.ProjectRole, State: t.State(now),
		CreatedAt: t.CreatedAt.UTC(), ExpiresAt: t.ExpiresAt.UTC(),
	}
}

// changedTime is a moment that a change sets; null is never, absent leaves it.
type changedTime struct {
	named bool
	at    time.Time
}

// UnmarshalJSON reads null as never.
func (c *changedTime) UnmarshalJSON(text []byte) error {
	c.named = true
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(text, &c.at); err != nil {
		return fmt.Errorf("rest: read a moment: %w", err)
	}
	return nil
}

// Schema describes it.
func (changedTime) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// set changes a moment where the request names it.
func (c changedTime) set(to *time.Time) {
	if c.named {
		*to = c.at
	}
}

type (
	personChange struct {
		Role     *model.Role `json:"role,omitempty" enum:"administrator,researcher,installer" doc:"What the person is on this server"`
		Disabled *bool       `json:"disabled,omitempty" doc:"True ends sessions and tokens at once, and nobody signs in"`
		EndsAt   changedTime `json:"ends_at,omitempty" doc:"When the account ends by itself; null: never"`
	}
	newInvitation struct {
		Email string     `json:"email" minLength:"3" maxLength:"254" doc:"Who is invited" example:"ann@example.org"`
		Role  model.Role `json:"role,omitempty" enum:"administrator,researcher,installer" default:"researcher" doc:"What the person will be"`
	}
	invitationID struct {
		Invitation string `path:"invitation" doc:"The invitation's id"`
	}
	signUp struct {
		Open bool `json:"open" doc:"Whoever has an e-mail address may make an account"`
	}
)

func (c personChange) account() auth.AccountChange {
	a := auth.AccountChange{Role: c.Role, Disabled: c.Disabled}
	if c.EndsAt.named {
		a.End = &c.EndsAt.at
	}
	return a
}

func (a *API) peopleOperations() {
	handle(a, op{id: "list-people", verb: model.ManageUsers, method: "GET", path: "/people", tag: "people", summary: "List accounts by address"},
		func(ctx context.Context, who model.Actor, in *Paging) (*body[list[Person]], error) {
			users, err := a.People.Users(ctx, who, in.Limit+1, in.After)
			now := a.Now()
			return answer(paged(users, in.Limit, func(u model.User) Person { return personShape(u, now) }, func(u model.User) string { return u.Email }), err)
		})
	handle(a, op{
		id: "change-person", verb: model.ManageUsers, method: "PATCH", path: "/people/{user}", tag: "people", summary: "Change what somebody may do, or whether they may sign in",
		more: "All that is named is changed, or nothing. The last administrator stays one.", fields: map[string]string{"end": "ends_at"},
	}, func(ctx context.Context, who model.Actor, in *struct {
		User string `path:"user" doc:"The person's id"`
		Body personChange
	}) (*body[Person], error) {
		if err := nothingIn(in.Body); err != nil {
			return nil, err
		}
		u, err := a.People.ChangeAccount(ctx, who, in.User, in.Body.account())
		return answer(personShape(u, a.Now()), err)
	})
	handle(a, op{id: "list-invitations", verb: model.ManageUsers, method: "GET", path: "/people/invitations", tag: "people", summary: "List invitations to this server, newest first", more: "Those into a project are at projects/{project}/invitations."},
		func(ctx context.Context, who model.Actor, in *Paging) (*body[list[Invitation]], error) {
			return a.invitations(ctx, who, "", *in)
		})
	handle(a, op{id: "invite-person", verb: model.ManageUsers, method: "POST", path: "/people/invitations", tag: "people", summary: "Invite somebody to this server", more: "The link works once, for 24 hours. It is mailed, and told here.", status: 201},
		func(ctx context.Context, who model.Actor, in *struct{ Body newInvitation }) (*body[Invitation], error) {
			link, t, err := a.People.Invite(ctx, who, auth.InviteRequest{Email: in.Body.Email, Role: in.Body.Role})
			shape := invitationShape(t, a.Now())
			shape.Link = link
			return answer(shape, err)
		})
	handle(a, op{id: "revoke-invitation", verb: model.People, method: "POST", path: "/invitations/{invitation}/revoke", tag: "people", summary: "Void an invitation that nobody has used yet", status: 204},
		func(ctx context.Context, who model.Actor, in *invitationID) (*nothing, error) {
			return &nothing{}, a.People.RevokeInvitation(ctx, who, in.Invitation)
		})
	handle(a, op{id: "get-sign-up", method: "GET", path: "/sign-up", tag: "people", summary: "May people make accounts by themselves?"},
		func(ctx context.Context, _ model.Actor, _ *nothing) (*body[signUp], error) {
			open, err := a.People.OpenSignUp(ctx)
			return answer(signUp{open}, err)
		})
	handle(a, op{id: "set-sign-up", verb: model.ManageUsers, method: "PUT", path: "/sign-up", tag: "people", summary: "Open or close sign-up"},
		func(ctx context.Context, who model.Actor, in *struct{ Body signUp }) (*body[signUp], error) {
			return answer(in.Body, a.People.SetOpenSignUp(ctx, who, in.Body.Open))
		})
}

func (a *API) invitations(ctx context.Context, who model.Actor, project string, p Paging) (*body[list[Invitation]], error) {
	tickets, err := a.People.InvitationsAfter(ctx, who, project, p.Limit+1, p.After)
	now := a.Now()
	return answer(paged(tickets, p.Limit, func(t model.Ticket) Invitation { return invitationShape(t, now) }, func(t model.Ticket) string { return t.ID }), err)
}
