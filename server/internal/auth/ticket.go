package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Kinds of mails about accounts.
const (
	MailInvite   = "invite"
	MailSignUp   = "sign_up"
	MailReset    = "reset"
	MailPassword = "password_changed"
)

// News is what a mail about an account may tell.
type News struct {
	Link    string // absolute
	Project string // title, of an invitation into one
	Person  string // who invites
	Now     time.Time
}

// Mails writes mails about accounts; kind is one of those above.
type Mails interface {
	ComposeAccount(kind string, n News, to string) (model.Mail, error)
}

var (
	perAskedAddress = budget{"ticket/address/", 3, time.Hour}
	perAsker        = budget{"ticket/client/", 20, time.Hour}
	allAskers       = budget{"ticket/all", 500, time.Hour}
	// Who invites has the server write to whomever they name.
	perInviter    = budget{"invite/by/", 60, time.Hour}
	perTicketUser = budget{"ticket/use/", 60, 15 * time.Minute}
)

// address makes a link whose token stands after the #, as the set-up's does.
func (s *Service) address(path, token string) string {
	base := ""
	if s.publicURL != nil {
		base = s.publicURL()
	}
	return strings.TrimRight(base, "/") + path + "#" + groups(token)
}

var ticketPaths = map[model.TicketKind]string{
	model.TicketInvite: "/join", model.TicketSignUp: "/join", model.TicketReset: "/reset/new",
}

// newTicket makes a link that is not kept yet.
func (s *Service) newTicket(t model.Ticket) (model.Ticket, string) {
	token := rand.Text()
	t.ID, t.TokenHash = store.NewID(), protocol.HashSecret(token)
	t.CreatedAt = s.now().Truncate(time.Microsecond)
	t.ExpiresAt = t.CreatedAt.Add(model.TicketLifetime)
	return t, s.address(ticketPaths[t.Kind], token)
}

// keepTicket keeps a link and voids the ones before it for the same.
func keepTicket(ctx context.Context, tx *store.Tx, t model.Ticket) error {
	if err := tx.RevokeTicketsOf(ctx, t.Email, t.Kind, t.ProjectID, t.CreatedAt); err != nil {
		return err
	}
	return tx.CreateTicket(ctx, t)
}

// queue adds a mail to the transaction, once for once.
func (s *Service) queue(ctx context.Context, tx *store.Tx, kind string, n News, to, once string) error {
	if s.mails == nil {
		return nil
	}
	n.Now = s.now()
	m, err := s.mails.ComposeAccount(kind, n, to)
	if err != nil {
		return err
	}
	m.Kind, m.CreatedAt = kind, n.Now
	if err := tx.AddMail(ctx, m, kind+" "+once); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// mailed wakes who sends mails.
func (s *Service) mailed() {
	if s.mailQueued != nil {
		s.mailQueued()
	}
}

func errTicket() error {
	return model.RefuseField("token", "This link is not valid any more.", "Ask for a new one; each works once, for a day.")
}

// openTicket finds a link that works now, of one of these kinds.
func (s *Service) openTicket(ctx context.Context, token string, kinds ...model.TicketKind) (t model.Ticket, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.TicketByHash(ctx, protocol.HashSecret(typed(token)))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return model.Ticket{}, errTicket()
	}
	if err != nil {
		return model.Ticket{}, fmt.Errorf("find a one-time link: %w", err)
	}
	for _, k := range kinds {
		if t.Kind == k && t.State(s.now()) == model.CodeOpen {
			return t, nil
		}
	}
	return model.Ticket{}, errTicket()
}

// useTicket uses a link up inside a transaction.
func useTicket(ctx context.Context, tx *store.Tx, id, user string, at time.Time) error {
	ok, err := tx.UseTicket(ctx, id, user, at)
	if err == nil && !ok {
		return errTicket()
	}
	return err
}

// askCharges are what asking for a mailed link costs, whether or not the
// address has an account.
func (s *Service) askCharges(address, ip string) []charge {
	return []charge{{perAsker, ClientPrefix(ip)}, {perAskedAddress, s.key.mac("ticket address", address)}, {allAskers, ""}}
}

// AskReset mails a link for a new password, where the address has an account
// that works. It never says whether it has.
func (s *Service) AskReset(ctx context.Context, email, ip string) error {
	address, err := model.CleanEmail(email)
	if err != nil {
		return err
	}
	if err := s.spend(ctx, s.askCharges(address, ip)...); err != nil {
		return err
	}
	u, err := s.userByEmail(ctx, address)
	if errors.Is(err, store.ErrNotFound) || err == nil && u.Ended(s.now()) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.mailTicket(ctx, model.Ticket{Kind: model.TicketReset, Email: address}, MailReset)
}

func (s *Service) mailTicket(ctx context.Context, t model.Ticket, kind string) error {
	t, link := s.newTicket(t)
	err := s.store.Tx(ctx, func(tx *store.Tx) error {
		if err := keepTicket(ctx, tx, t); err != nil {
			return err
		}
		return s.queue(ctx, tx, kind, News{Link: link}, t.Email, t.ID)
	})
	if err != nil {
		return fmt.Errorf("make a one-time link: %w", err)
	}
	s.mailed()
	return nil
}

// Reset sets a new password by a mailed link and ends all sessions.
func (s *Service) Reset(ctx context.Context, token, password, ip string) error {
	if err := s.spend(ctx, charge{perTicketUser, ClientPrefix(ip)}); err != nil {
		return err
	}
	if err := model.CheckPassword(password); err != nil {
		return err
	}
	t, err := s.openTicket(ctx, token, model.TicketReset)
	if err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		u, err := tx.UserByEmail(ctx, t.Email)
		if errors.Is(err, store.ErrNotFound) || err == nil && u.Ended(s.now()) {
			return errTicket()
		}
		if err != nil {
			return err
		}
		if err := useTicket(ctx, tx, t.ID, u.ID, s.now()); err != nil {
			return err
		}
		return s.newPassword(ctx, tx, u, hash)
	})
	if err == nil {
		s.mailed()
	}
	return err
}

// newPassword keeps a new hash, ends all sessions, voids open links for
// another one, and tells the person.
func (s *Service) newPassword(ctx context.Context, tx *store.Tx, u model.User, hash string) error {
	if err := tx.UpdateUserPassword(ctx, u.ID, hash); err != nil {
		return err
	}
	if _, err := tx.DeleteUserSessions(ctx, u.ID); err != nil {
		return err
	}
	if err := tx.RevokeTicketsOf(ctx, u.Email, model.TicketReset, "", s.now()); err != nil {
		return err
	}
	return s.queue(ctx, tx, MailPassword, News{Link: strings.TrimSuffix(s.address("/reset", ""), "#")}, u.Email, store.NewID())
}
