package auth

import (
	"testing"

	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// A link that makes an administrator dies with its maker's right to make one,
// also where the maker may still bring people into the project.
func TestInvite_RoleDiesWithItsMakersRight(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		u, err := p.CreateUser(ctx, annMail, "Ann", annPass, model.RoleAdmin)
		if err != nil {
			t.Fatal(err)
		}
		project := "p-" + u.ID[2:]
		err = p.store.Tx(ctx, func(tx *store.Tx) error {
			return tx.CreateProject(ctx, model.Project{ID: project, Title: "Study", OwnerID: u.ID, Forwarding: model.ForwardStraight, CreatedAt: p.now()})
		})
		if err != nil {
			t.Fatal(err)
		}
		tokens := map[model.Role]string{}
		for _, role := range []model.Role{model.RoleAdmin, model.RoleInstaller, model.RoleResearcher} {
			link, _, err := p.Invite(ctx, model.Actor{UserID: u.ID, Role: u.Role}, InviteRequest{
				Email: string(role) + "@example.org", Role: role, Project: project, ProjectRole: model.ProjectViewer,
			})
			if err != nil {
				t.Fatal(err)
			}
			tokens[role] = tokenIn(t, link, "/join")
		}
		if err := p.SetRole(ctx, p.boss, u.ID, model.RoleResearcher); err != nil {
			t.Fatal(err)
		}
		for role, token := range tokens {
			_, err := p.Accept(ctx, token, "Bob", annPass, home)
			if works := role == model.RoleResearcher; works != (err == nil) || !works && field(err) != "token" {
				t.Errorf("%s: %v", role, err)
			}
		}
	})
}
