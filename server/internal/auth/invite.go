package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// InviteRequest says who is invited, and to what.
type InviteRequest struct {
	Email       string
	Role        model.Role // on the server; researcher if empty
	Project     string     // empty: the server alone
	ProjectRole model.ProjectRole
}

// mayInvite asks whether the actor may bring people in: an administrator
// anywhere, who settles a project's people there.
func (s *Service) mayInvite(ctx context.Context, actor model.Actor, project string) error {
	if project == "" || s.mayProject == nil {
		if !actor.May(model.ManageUsers) {
			return actor.Refusal(model.ManageUsers)
		}
		return nil
	}
	return s.mayProject(ctx, actor, project)
}

func (s *Service) checkInvite(actor model.Actor, r *InviteRequest) (err error) {
	if r.Email, err = model.CleanEmail(r.Email); err != nil {
		return err
	}
	if r.Role == "" {
		r.Role = model.RoleResearcher
	}
	if !slices.Contains(model.Roles(), r.Role) {
		return errRole()
	}
	if r.Project != "" && !slices.Contains(model.ProjectRoles(), r.ProjectRole) {
		return model.RefuseField("project_role", "This part does not exist.", "Choose owner, researcher, moderator or viewer.")
	}
	if r.Role != model.RoleResearcher && !actor.May(model.ManageUsers) {
		return actor.Refusal(model.ManageUsers)
	}
	return nil
}

func errRole() error {
	return model.RefuseField("role", "This role does not exist.", "Choose administrator, researcher or installer.")
}

// Invite makes a one-time link with which somebody makes an account, and with
// it gets the part in the project; the link is mailed too. Somebody who has an
// account gets the part at once: then there is no link, and the ticket is zero.
// A new invitation of the same person to the same thing voids the one before.
func (s *Service) Invite(ctx context.Context, actor model.Actor, r InviteRequest) (link string, t model.Ticket, err error) {
	if err := s.mayInvite(ctx, actor, r.Project); err != nil {
		return "", t, err
	}
	if err := s.checkInvite(actor, &r); err != nil {
		return "", t, err
	}
	if !actor.Admin() {
		if err := s.spend(ctx, charge{perInviter, actor.UserID}); err != nil {
			return "", t, err
		}
	}
	made, address := s.newTicket(model.Ticket{Kind: model.TicketInvite, Email: r.Email, Role: r.Role, ProjectID: r.Project,
		ProjectRole: r.ProjectRole, CreatedBy: actor.UserID})
	var committed func()
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		link, t, committed = "", model.Ticket{}, func() {}
		u, err := tx.UserByEmail(ctx, r.Email)
		if err == nil {
			committed, err = s.inviteKnown(ctx, tx, actor, u, r)
			return err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		news := News{Link: address}
		if by, err := tx.UserByID(ctx, actor.UserID); err == nil {
			news.Person = by.Name
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if r.Project != "" {
			p, err := tx.Project(ctx, r.Project)
			if err != nil {
				return err
			}
			news.Project = p.Title
		}
		if err := keepTicket(ctx, tx, made); err != nil {
			return err
		}
		link, t = address, made
		return s.queue(ctx, tx, MailInvite, news, r.Email, made.ID)
	})
	if err != nil {
		return "", model.Ticket{}, fmt.Errorf("invite somebody: %w", err)
	}
	committed()
	s.mailed()
	return link, t, nil
}

// inviteKnown gives somebody with an account the part at once. No mail tells of
// it: it shows in the person's list of projects, and in the project's history.
func (s *Service) inviteKnown(ctx context.Context, tx *store.Tx, actor model.Actor, u model.User, r InviteRequest) (committed func(), err error) {
	if r.Project == "" {
		return nil, model.RefuseField("email", "This person has an account already.", "Look for the address in the list of people.")
	}
	if u.Ended(s.now()) {
		return nil, model.RefuseField("email", "This person's account has ended.", "Ask your administrator to enable it again.")
	}
	committed, err = s.join(ctx, tx, model.Member{ProjectID: r.Project, UserID: u.ID, Role: r.ProjectRole, AddedBy: actor.UserID, AddedAt: s.now()})
	if errors.Is(err, store.ErrExists) {
		return nil, model.RefuseField("email", "This person works on the project already.", "Change the part in the list of people.")
	}
	return committed, err
}

// join gives a part in a project, and leaves a line in its history.
func (s *Service) join(ctx context.Context, tx *store.Tx, m model.Member) (committed func(), err error) {
	if err := tx.AddMember(ctx, m); err != nil || s.joined == nil {
		return func() {}, err
	}
	return s.joined(ctx, tx, m)
}

// Invitations lists the newest invitations into a project, or to the server alone.
func (s *Service) Invitations(ctx context.Context, actor model.Actor, project string) ([]model.Ticket, error) {
	return s.InvitationsAfter(ctx, actor, project, 200, "")
}

// InvitationsAfter lists invitations, newest first, from after the id given.
func (s *Service) InvitationsAfter(ctx context.Context, actor model.Actor, project string, limit int, after string) (list []model.Ticket, err error) {
	if err := s.mayInvite(ctx, actor, project); err != nil {
		return nil, err
	}
	err = s.store.View(ctx, func(tx *store.Tx) error {
		list, err = tx.Invitations(ctx, project, limit, after)
		return err
	})
	return list, err
}

// RevokeInvitation voids an invitation that nobody has used yet.
func (s *Service) RevokeInvitation(ctx context.Context, actor model.Actor, id string) error {
	var t model.Ticket
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.Ticket(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && t.Kind != model.TicketInvite {
		return model.NotFound("invitation")
	}
	if err != nil {
		return err
	}
	if err := s.mayInvite(ctx, actor, t.ProjectID); err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx *store.Tx) error {
		ok, err := tx.RevokeTicket(ctx, id, s.now())
		if err == nil && !ok {
			return model.Refuse(protocol.CodeConflict, "This invitation was used or revoked already.", "Load the page again.")
		}
		return err
	})
}

// Accept makes the account of somebody who was invited, or who proves an
// address by a sign-up's mail. The link works once; a mistake in another field
// does not use it up. An invitation dies with the right of who made it.
func (s *Service) Accept(ctx context.Context, token, name, password, ip string) (model.User, error) {
	if err := s.spend(ctx, charge{perTicketUser, ClientPrefix(ip)}); err != nil {
		return model.User{}, err
	}
	t, err := s.openTicket(ctx, token, model.TicketInvite, model.TicketSignUp)
	if err != nil {
		return model.User{}, err
	}
	if err := s.stands(ctx, t); err != nil {
		return model.User{}, err
	}
	u, err := s.newUser(t.Email, name, password, t.Role)
	if err != nil {
		return model.User{}, err
	}
	if u.PasswordHash, err = s.hasher.hash(ctx, password); err != nil {
		return model.User{}, err
	}
	var committed func()
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		if err := useTicket(ctx, tx, t.ID, u.ID, s.now()); err != nil {
			return err
		}
		if err := addUser(ctx, tx, u); err != nil {
			return err
		}
		if committed = func() {}; t.ProjectID == "" {
			return nil
		}
		committed, err = s.join(ctx, tx, model.Member{ProjectID: t.ProjectID, UserID: u.ID, Role: t.ProjectRole, AddedBy: t.CreatedBy, AddedAt: s.now()})
		return err
	})
	if err != nil {
		return model.User{}, fmt.Errorf("accept an invitation: %w", err)
	}
	committed()
	return u, nil
}

// stands asks again whether what the link was made by still holds.
func (s *Service) stands(ctx context.Context, t model.Ticket) error {
	if t.Kind == model.TicketSignUp {
		open, err := s.OpenSignUp(ctx)
		if err == nil && !open {
			return errTicket()
		}
		return err
	}
	by, err := s.signedIn(ctx, t.CreatedBy)
	if err != nil {
		return err
	}
	inviter := model.Actor{UserID: by.ID, Role: by.Role}
	err = s.mayInvite(ctx, inviter, t.ProjectID)
	if err == nil && t.Role != model.RoleResearcher && !inviter.May(model.ManageUsers) {
		return errTicket() // still an owner of the project, but no administrator any more
	}
	if _, refused := model.AsError(err); refused || by.ID == "" {
		return errTicket()
	}
	return err
}

// OpenSignUp reports whether people may make accounts by themselves.
func (s *Service) OpenSignUp(ctx context.Context) (open bool, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		open, err = tx.OpenSignUp(ctx)
		return err
	})
	return open, err
}

// SetOpenSignUp opens or closes sign-up.
func (s *Service) SetOpenSignUp(ctx context.Context, actor model.Actor, open bool) error {
	if !actor.May(model.ManageUsers) {
		return actor.Refusal(model.ManageUsers)
	}
	return s.store.Tx(ctx, func(tx *store.Tx) error { return tx.SetOpenSignUp(ctx, open, s.now()) })
}

// AskSignUp mails a link that makes an account, where the administrator allows
// it. An address that has one gets a link for a new password instead: the
// asker hears the same.
func (s *Service) AskSignUp(ctx context.Context, email, ip string) error {
	open, err := s.OpenSignUp(ctx)
	if err != nil {
		return err
	}
	if !open {
		return model.Refuse(protocol.CodeForbidden, "People are invited to this server.", "Ask somebody who works here.")
	}
	address, err := model.CleanEmail(email)
	if err != nil {
		return err
	}
	if err := s.spend(ctx, s.askCharges(address, ip)...); err != nil {
		return err
	}
	u, err := s.userByEmail(ctx, address)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return s.mailTicket(ctx, model.Ticket{Kind: model.TicketSignUp, Email: address, Role: model.RoleResearcher}, MailSignUp)
	case err != nil || u.Ended(s.now()):
		return err
	}
	return s.mailTicket(ctx, model.Ticket{Kind: model.TicketReset, Email: address}, MailReset)
}

// PurgeTickets removes links that ended a month ago; it belongs in the hourly sweep.
func PurgeTickets(ctx context.Context, tx *store.Tx, now time.Time) error {
	_, err := tx.PurgeTickets(ctx, now.Add(-30*24*time.Hour))
	return err
}
