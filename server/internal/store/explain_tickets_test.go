package store

import (
	"context"
	"errors"
	"fmt"

	"illumi/server/internal/model"
)

func init() {
	indexes["TicketByHash"], indexes["OpenTickets"], indexes["Invitations"] = "tickets_token", "tickets_email", "tickets_project"
	indexes["PurgeTickets"] = "tickets_expires"
	indexes["CountOtherAdmins"], indexes["SessionsOfUser"], indexes["RevokeOtherSessions"] = "users_role", "sessions_user", "sessions_user"
	morePlans = append(morePlans, morePlan{
		tables: []string{"tickets"},
		fill: func(ctx context.Context, tx *Tx) error {
			var all []error
			for i := range 400 {
				id := fmt.Sprint("ticket ", i)
				all = append(all, tx.CreateTicket(ctx, model.Ticket{ID: id, TokenHash: id, Kind: model.TicketInvite, Email: fmt.Sprint("p", i),
					ProjectID: fmt.Sprint("project ", i%40), ExpiresAt: noon.Add(model.TicketLifetime)}))
			}
			return errors.Join(all...)
		},
		run: func(ctx context.Context, tx *Tx, _ *model.Whisper) error {
			all := []error{tx.LockAccounts(ctx), tx.CreateTicket(ctx, model.Ticket{ID: "new", TokenHash: "new"})}
			_, err := tx.TicketByHash(ctx, "ticket 7")
			all = append(all, err)
			_, err = tx.Ticket(ctx, "ticket 7")
			all = append(all, err)
			_, err = tx.UseTicket(ctx, "ticket 7", "user 7", noon)
			all = append(all, err)
			_, err = tx.RevokeTicket(ctx, "ticket 8", noon)
			all = append(all, err, tx.RevokeTicketsOf(ctx, "p9", model.TicketInvite, "project 9", noon))
			_, err = tx.Invitations(ctx, "project 3", 10, "")
			all = append(all, err)
			_, err = tx.PurgeTickets(ctx, noon)
			all = append(all, err)
			_, err = tx.CountOtherAdmins(ctx, "user 7", noon)
			all = append(all, err)
			_, err = tx.SessionsOfUser(ctx, "user 7", noon, 10)
			all = append(all, err, tx.SetSessionAgent(ctx, "hash", "browser"), tx.EndOtherSessions(ctx, "user 7", "hash", noon))
			u := model.User{ID: NewID(), Email: "plan@example.org", Role: model.RoleResearcher, CreatedAt: noon}
			return errors.Join(append(all, tx.CreateUser(ctx, u), tx.SetUserRole(ctx, u.ID, model.RoleInstaller),
				tx.SetUserEnd(ctx, u.ID, noon), tx.SetUserName(ctx, u.ID, "Plan"))...)
		},
	})
}
