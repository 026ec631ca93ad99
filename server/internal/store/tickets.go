package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func ticketOf(r sqlcgen.Ticket) (model.Ticket, error) {
	return model.Ticket{ID: r.ID, TokenHash: r.TokenHash, Kind: model.TicketKind(r.Kind), Email: r.Email, Role: model.Role(r.Role),
		ProjectID: r.ProjectID, ProjectRole: model.ProjectRole(r.ProjectRole), CreatedBy: r.CreatedBy, CreatedAt: moment(r.CreatedAt),
		ExpiresAt: moment(r.ExpiresAt), UsedAt: moment(r.UsedAt), UsedBy: r.UsedBy, RevokedAt: moment(r.RevokedAt)}, nil
}

// CreateTicket keeps a one-time link, as a hash.
func (tx *Tx) CreateTicket(ctx context.Context, t model.Ticket) error {
	return wrap(tx.q.InsertTicket(ctx, sqlcgen.InsertTicketParams{ID: t.ID, TokenHash: t.TokenHash, Kind: string(t.Kind), Email: fold(t.Email),
		Role: string(t.Role), ProjectID: t.ProjectID, ProjectRole: string(t.ProjectRole), CreatedBy: t.CreatedBy,
		CreatedAt: micros(t.CreatedAt), ExpiresAt: micros(t.ExpiresAt)}), "create a ticket")
}

// Ticket finds a one-time link by its id.
func (tx *Tx) Ticket(ctx context.Context, id string) (model.Ticket, error) {
	r, err := tx.q.Ticket(ctx, id)
	if err != nil {
		return model.Ticket{}, wrap(err, "find a ticket")
	}
	return ticketOf(r)
}

// TicketByHash finds a one-time link by the hash of its token.
func (tx *Tx) TicketByHash(ctx context.Context, hash string) (model.Ticket, error) {
	r, err := tx.q.TicketByHash(ctx, hash)
	if err != nil {
		return model.Ticket{}, wrap(err, "find a ticket")
	}
	return ticketOf(r)
}

// UseTicket uses a link up; of many who try at once, one gets true. Do what it
// is for in the same transaction.
func (tx *Tx) UseTicket(ctx context.Context, id, user string, at time.Time) (bool, error) {
	n, err := tx.q.UseTicket(ctx, sqlcgen.UseTicketParams{At: micros(at), ByUser: user, ID: id})
	return n == 1, wrap(err, "use a ticket")
}

// RevokeTicket voids a link; false where it was used or void already.
func (tx *Tx) RevokeTicket(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := tx.q.RevokeTicket(ctx, sqlcgen.RevokeTicketParams{At: micros(at), ID: id})
	return n == 1, wrap(err, "revoke a ticket")
}

// RevokeTicketsOf voids the open links of one kind that an address has for one
// project, or for none. Index tickets_email.
func (tx *Tx) RevokeTicketsOf(ctx context.Context, email string, kind model.TicketKind, project string, at time.Time) error {
	rows, err := tx.q.OpenTickets(ctx, sqlcgen.OpenTicketsParams{Email: fold(email), Kind: string(kind)})
	if err != nil {
		return wrap(err, "find an address's tickets")
	}
	for _, r := range rows {
		if r.ProjectID != project {
			continue
		}
		if _, err := tx.RevokeTicket(ctx, r.ID, at); err != nil {
			return err
		}
	}
	return nil
}

// Invitations lists those into a project, or into none, newest first, from after
// the id given. Index tickets_project.
func (tx *Tx) Invitations(ctx context.Context, project string, limit int, after string) ([]model.Ticket, error) {
	rows, err := tx.q.Invitations(ctx, sqlcgen.InvitationsParams{ProjectID: project, BeforeID: before(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list invitations")
	}
	return list(rows, ticketOf)
}

// PurgeTickets removes links that ended by then and says how many. Index tickets_expires.
func (tx *Tx) PurgeTickets(ctx context.Context, then time.Time) (int, error) {
	n, err := tx.q.PurgeTickets(ctx, micros(then))
	return int(n), wrap(err, "purge tickets")
}
