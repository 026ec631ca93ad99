package rest

import (
	"context"
	"time"

	"illumi/server/internal/auth"
	"illumi/server/internal/model"
	"illumi/server/internal/relay"
)

// Member works on a project.
type Member struct {
	User    string            `json:"user" doc:"The person's id"`
	Email   string            `json:"email" doc:"The person's address"`
	Name    string            `json:"name" doc:"How the person is called"`
	Role    model.ProjectRole `json:"role" doc:"What the person is in the project" enum:"owner,researcher,moderator,viewer"`
	AddedAt time.Time         `json:"added_at" doc:"Since when"`
	EndsAt  *time.Time        `json:"ends_at" doc:"When the part ends by itself; null: never"`
	Works   bool              `json:"works" doc:"The part is not over, and the account is not disabled"`
}

func memberShape(m relay.MemberRow, now time.Time) Member {
	return Member{m.UserID, m.Email, m.Name, m.Role, m.AddedAt.UTC(), when(m.ExpiresAt), !m.Disabled && !m.Lapsed(now)}
}

type (
	newMember struct {
		Email string            `json:"email" minLength:"3" maxLength:"254" doc:"Who shall work on it" example:"ann@example.org"`
		Role  model.ProjectRole `json:"role" enum:"owner,researcher,moderator,viewer" doc:"As what"`
	}
	// addedMember says what became of it.
	addedMember struct {
		Added      bool        `json:"added" doc:"The person had an account, and works on the project from now on"`
		Invitation *Invitation `json:"invitation,omitempty" doc:"The person had none: the invitation that makes it"`
	}
	// MemberID names somebody's part in a project in the path.
	MemberID struct {
		ProjectID
		User string `path:"user" doc:"The person's id"`
	}
	memberChange struct {
		Role   *model.ProjectRole `json:"role,omitempty" enum:"owner,researcher,moderator,viewer" doc:"What the person is in the project"`
		EndsAt changedTime        `json:"ends_at,omitempty" doc:"When the part ends by itself; null: never"`
	}
	// part is a member as a change leaves it.
	part struct {
		User   string            `json:"user" doc:"The person's id"`
		Role   model.ProjectRole `json:"role" doc:"What the person is in the project" enum:"owner,researcher,moderator,viewer"`
		EndsAt *time.Time        `json:"ends_at" doc:"When the part ends by itself; null: never"`
	}
)

func (a *API) memberOperations() {
	handle(a, op{id: "list-members", verb: model.See, method: "GET", path: "/projects/{project}/people", tag: "projects", summary: "List who works on a project"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[Member]], error) {
			rows, err := a.Relay.MembersAfter(ctx, who, in.Project, in.Limit+1, in.After)
			now := a.Now()
			return answer(paged(rows, in.Limit, func(m relay.MemberRow) Member { return memberShape(m, now) }, func(m relay.MemberRow) string { return m.UserID }), err)
		})
	handle(a, op{
		id: "add-member", verb: model.People, method: "POST", path: "/projects/{project}/people", tag: "projects", summary: "Let somebody work on a project", status: 201,
		more: "Who has an account gets the part at once; the history says so. Anybody else is invited by a link that works once, for 24 hours.",
	}, func(ctx context.Context, who model.Actor, in *struct {
		ProjectID
		Body newMember
	}) (*body[addedMember], error) {
		link, t, err := a.People.Invite(ctx, who, auth.InviteRequest{Email: in.Body.Email, Project: in.Project, ProjectRole: in.Body.Role})
		out := addedMember{Added: link == ""}
		if link != "" {
			shape := invitationShape(t, a.Now())
			shape.Link, out.Invitation = link, &shape
		}
		return answer(out, err)
	})
	handle(a, op{
		id: "change-member", verb: model.People, method: "PATCH", path: "/projects/{project}/people/{user}", tag: "projects", summary: "Change somebody's part in a project",
		more: "A project keeps one owner whose part does not end.",
	}, func(ctx context.Context, who model.Actor, in *struct {
		MemberID
		Body memberChange
	}) (*body[part], error) {
		if err := nothingIn(in.Body); err != nil {
			return nil, err
		}
		m, err := a.Relay.EditMember(ctx, who, in.Project, in.User, func(m *model.Member) {
			set(&m.Role, in.Body.Role)
			in.Body.EndsAt.set(&m.ExpiresAt)
		})
		return answer(part{m.UserID, m.Role, when(m.ExpiresAt)}, err)
	})
	handle(a, op{id: "remove-member", verb: model.People, method: "DELETE", path: "/projects/{project}/people/{user}", tag: "projects", summary: "End somebody's part in a project", status: 204},
		func(ctx context.Context, who model.Actor, in *MemberID) (*nothing, error) {
			return &nothing{}, a.Relay.RemoveMember(ctx, who, in.Project, in.User)
		})
	handle(a, op{id: "list-project-invitations", verb: model.People, method: "GET", path: "/projects/{project}/invitations", tag: "projects", summary: "List invitations into a project, newest first"},
		func(ctx context.Context, who model.Actor, in *projectPage) (*body[list[Invitation]], error) {
			return a.invitations(ctx, who, in.Project, in.Paging)
		})
}
