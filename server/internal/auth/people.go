package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Users lists accounts by address, for administrators.
func (s *Service) Users(ctx context.Context, actor model.Actor, limit int, after string) (list []model.User, err error) {
	if !actor.May(model.ManageUsers) {
		return nil, actor.Refusal(model.ManageUsers)
	}
	err = s.store.View(ctx, func(tx *store.Tx) error {
		list, err = tx.Users(ctx, limit, after)
		return err
	})
	return list, err
}

// AccountChange is what an administrator changes of an account; nil stays.
type AccountChange struct {
	Role *model.Role
	// Disabled keeps somebody from signing in. Sessions and tokens end at once.
	Disabled *bool
	End      *time.Time // when the account ends by itself; the zero time: never
}

// ChangeAccount changes somebody's account, all of it or nothing.
func (s *Service) ChangeAccount(ctx context.Context, actor model.Actor, id string, c AccountChange) (u model.User, err error) {
	if c.Role != nil && !slices.Contains(model.Roles(), *c.Role) {
		return u, errRole()
	}
	if c.End != nil && !c.End.IsZero() && !c.End.After(s.now()) {
		return u, model.RefuseField("end", "This day is over.", "Choose a day to come, or disable the account.")
	}
	takes := c.Role != nil && *c.Role != model.RoleAdmin || c.Disabled != nil && *c.Disabled || c.End != nil && !c.End.IsZero()
	err = s.settle(ctx, actor, id, takes, func(tx *store.Tx) error {
		var all []error
		if c.Role != nil {
			all = append(all, tx.SetUserRole(ctx, id, *c.Role))
		}
		if c.Disabled != nil {
			all = append(all, s.disable(ctx, tx, id, *c.Disabled))
		}
		if c.End != nil {
			all = append(all, tx.SetUserEnd(ctx, id, *c.End))
		}
		if err := errors.Join(all...); err != nil {
			return err
		}
		u, err = tx.UserByID(ctx, id)
		return err
	})
	return u, err
}

func (s *Service) disable(ctx context.Context, tx *store.Tx, id string, disabled bool) error {
	if !disabled {
		return tx.SetUserDisabled(ctx, id, time.Time{})
	}
	if _, err := tx.DeleteUserSessions(ctx, id); err != nil {
		return err
	}
	return tx.SetUserDisabled(ctx, id, s.now())
}

// SetRole changes what somebody may do on the server.
func (s *Service) SetRole(ctx context.Context, actor model.Actor, id string, role model.Role) error {
	_, err := s.ChangeAccount(ctx, actor, id, AccountChange{Role: &role})
	return err
}

// SetDisabled keeps somebody from signing in, or lets them in again.
func (s *Service) SetDisabled(ctx context.Context, actor model.Actor, id string, disabled bool) error {
	_, err := s.ChangeAccount(ctx, actor, id, AccountChange{Disabled: &disabled})
	return err
}

// SetEnd sets when an account ends by itself; the zero time is never.
func (s *Service) SetEnd(ctx context.Context, actor model.Actor, id string, end time.Time) error {
	_, err := s.ChangeAccount(ctx, actor, id, AccountChange{End: &end})
	return err
}

// settle changes an account for an administrator. What takes an administrator
// away needs another one who stays.
func (s *Service) settle(ctx context.Context, actor model.Actor, id string, takes bool, change func(*store.Tx) error) error {
	if !actor.May(model.ManageUsers) {
		return actor.Refusal(model.ManageUsers)
	}
	err := s.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.LockAccounts(ctx); err != nil {
			return err
		}
		u, err := tx.UserByID(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return model.NotFound("account")
		}
		if err != nil {
			return err
		}
		if takes && u.Role == model.RoleAdmin {
			others, err := tx.CountOtherAdmins(ctx, id, s.now())
			if err != nil {
				return err
			}
			if others == 0 {
				return model.Refuse(protocol.CodeConflict, "This is the last administrator.", "Make somebody else administrator first.")
			}
		}
		return change(tx)
	})
	if err != nil {
		return fmt.Errorf("change an account: %w", err)
	}
	return nil
}

// SetName changes how the signed-in person is called.
func (s *Service) SetName(ctx context.Context, actor model.Actor, name string) error {
	clean, err := model.CleanTitle("name", name)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx *store.Tx) error { return tx.SetUserName(ctx, actor.UserID, clean) })
}

// SetPrefs keeps what the person chose for the pages.
func (s *Service) SetPrefs(ctx context.Context, actor model.Actor, p model.Prefs) error {
	return s.store.Tx(ctx, func(tx *store.Tx) error { return tx.SetUserPrefs(ctx, actor.UserID, p) })
}

// ChangePassword asks for the old one, ends every session of the person, and
// begins this browser's anew. Wrong ones count as failed sign-ins do.
func (s *Service) ChangePassword(ctx context.Context, old, password, ip string) error {
	u, ok := UserFrom(ctx)
	if !ok {
		return model.Refuse(protocol.CodeSignIn, "You are not signed in.", "Sign in and try again.")
	}
	if err := model.CheckPassword(password); err != nil {
		return err
	}
	account := charge{perBrowser, s.key.mac("sign-in account", u.Email) + "/" + ClientPrefix(ip)}
	if err := s.spend(ctx, charge{perClient, ClientPrefix(ip)}, account); err != nil {
		return err
	}
	match, _, err := s.hasher.check(ctx, old, u.PasswordHash)
	if err != nil {
		return err
	}
	if !match {
		return model.RefuseField("old", "This is not your present password.", "Write it again, or sign out and ask for a new one.")
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.ThrottleReset(ctx, account.name+account.key); err != nil {
			return err
		}
		return s.newPassword(ctx, tx, u, hash)
	})
	if err != nil {
		return fmt.Errorf("change the password: %w", err)
	}
	s.mailed()
	u.PasswordHash = hash
	return s.Begin(ctx, u)
}

// Session is one browser where a person is signed in.
type Session struct {
	ID    string // for EndSession; opens nothing
	Agent string // as the browser calls itself; empty: unknown
	Began time.Time
	Seen  time.Time // within five minutes
	Here  bool      // the one that asks
}

// storedToken is how scs names a session in the store.
func storedToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *Service) sessionID(hash string) string { return s.key.mac("session", hash)[:32] }

// sessionRows lists the person's sessions as stored.
func (s *Service) sessionRows(ctx context.Context, actor model.Actor) (rows []store.SessionRow, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		rows, err = tx.SessionsOfUser(ctx, actor.UserID, time.Now(), 200)
		return err
	})
	return rows, err
}

// SessionsOf lists where the signed-in person is signed in, this browser first.
func (s *Service) SessionsOf(ctx context.Context, actor model.Actor) ([]Session, error) {
	rows, err := s.sessionRows(ctx, actor)
	if err != nil {
		return nil, err
	}
	here := storedToken(s.sessions.Token(ctx))
	list := make([]Session, 0, len(rows))
	for _, r := range rows {
		one := Session{ID: s.sessionID(r.Hash), Agent: r.Agent, Seen: r.Seen, Here: r.Hash == here}
		if _, values, err := (scs.GobCodec{}).Decode(r.Data); err == nil {
			if began, ok := values[keyBegan].(int64); ok {
				one.Began = time.Unix(began, 0)
			}
		}
		list = append(list, one)
	}
	slices.SortStableFunc(list, func(a, b Session) int {
		switch {
		case a.Here != b.Here && a.Here:
			return -1
		case a.Here != b.Here:
			return 1
		}
		return b.Seen.Compare(a.Seen)
	})
	return list, nil
}

// EndSession ends one of the person's own sessions.
func (s *Service) EndSession(ctx context.Context, actor model.Actor, id string) error {
	rows, err := s.sessionRows(ctx, actor)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if s.sessionID(r.Hash) == id {
			return s.store.Tx(ctx, func(tx *store.Tx) error { return tx.EndSession(ctx, r.Hash, time.Now()) })
		}
	}
	return model.NotFound("session")
}

// EndOtherSessions ends all of the person's sessions but this one.
func (s *Service) EndOtherSessions(ctx context.Context, actor model.Actor) error {
	here := storedToken(s.sessions.Token(ctx))
	return s.store.Tx(ctx, func(tx *store.Tx) error { return tx.EndOtherSessions(ctx, actor.UserID, here, time.Now()) })
}

// Remaining says how long the request's session lasts without another request,
// and whether a request would lengthen it.
func (s *Service) Remaining(ctx context.Context) (left time.Duration, longer bool) {
	if _, ok := UserFrom(ctx); !ok {
		return 0, false
	}
	deadline := s.sessions.Deadline(ctx)
	end := time.Unix(s.sessions.GetInt64(ctx, keyBegan), 0).Add(absolute)
	return max(time.Until(deadline), 0), end.Sub(deadline) >= refresh
}
