package auth

import (
	"fmt"
	"testing"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// The server's mail is no way to write to all the world: who owns a project can
// invite so many people an hour. Administrators answer for themselves.
func TestInvite_NotAllTheWorld(t *testing.T) {
	eachPeople(t, func(t *testing.T, p people) {
		ctx := t.Context()
		u, err := p.CreateUser(ctx, annMail, "Ann", annPass, model.RoleResearcher)
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
		invite := func(by model.Actor, n int) error {
			_, _, err := p.Invite(ctx, by, InviteRequest{Email: fmt.Sprintf("%d@example.org", n), Project: project, ProjectRole: model.ProjectViewer})
			return err
		}
		ann := model.Actor{UserID: u.ID, Role: u.Role}
		for n := range perInviter.limit {
			if err := invite(ann, n); err != nil {
				t.Fatalf("invitation %d: %v", n+1, err)
			}
		}
		if err := invite(ann, 1000); code(err) != protocol.CodeThrottled {
			t.Errorf("one more: %v", err)
		}
		if err := invite(p.boss, 1001); err != nil {
			t.Errorf("an administrator: %v", err)
		}
		p.pass(time.Hour)
		if err := invite(ann, 1002); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}
