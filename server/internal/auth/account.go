package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// MakeSetupAddress makes a one-time address where the first administrator is
// made, under base, the server's public URL. needed is false, and nothing is
// made, once there is an administrator. A new address voids the one before.
//
// The token stands after the #, which browsers do not send: it comes in no
// log and no Referer. The page posts it in the form's body.
func (s *Service) MakeSetupAddress(ctx context.Context, base string) (address string, needed bool, err error) {
	token := rand.Text() // 130 bits as 26 letters and digits
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		admins, err := tx.CountAdmins(ctx)
		if err != nil || admins > 0 {
			needed = false
			return err
		}
		needed = true
		return tx.SetSetupToken(ctx, protocol.HashSecret(token), s.now())
	})
	if err != nil {
		return "", false, fmt.Errorf("make the set-up address: %w", err)
	}
	if !needed {
		return "", false, nil
	}
	return strings.TrimRight(base, "/") + "/setup#" + groups(token), true, nil
}

// HasAdmin reports whether the server has an administrator already.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) {
	admins := 0
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		admins, err = tx.CountAdmins(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for an administrator: %w", err)
	}
	return admins > 0, nil
}

// groups writes a token so that it can be read aloud and typed.
func groups(token string) string {
	var b strings.Builder
	for i, r := range token {
		if i > 0 && i%5 == 0 && len(token)-i > 1 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// typed undoes groups, and forgives what people type: lower case, blanks, the
// #, and digits that the token's alphabet does not have.
func typed(token string) string {
	return strings.NewReplacer("-", "", " ", "", "\t", "", "\n", "", "\r", "", "#", "", "0", "O", "1", "I", "8", "B").
		Replace(strings.ToUpper(token))
}

// CreateFirstAdmin makes the first administrator with the token of the set-up
// address, which works once. A mistake in another field does not use it up. Where
// there is an administrator by now, made in another way, it works no more.
func (s *Service) CreateFirstAdmin(ctx context.Context, token, email, name, password string) (model.User, error) {
	u, err := s.newUser(email, name, password, model.RoleAdmin)
	if err != nil {
		return model.User{}, err
	}
	hash := protocol.HashSecret(typed(token))
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		admins, err := tx.CountAdmins(ctx)
		if err != nil {
			return err
		}
		ok, err := tx.UseSetupToken(ctx, hash)
		if err != nil {
			return err
		}
		if !ok || admins > 0 {
			return model.RefuseField("token", "This set-up address is not valid any more.",
				"Use the newest one; the server prints it when it starts, until there is an administrator.")
		}
		// Only who has the token gets the server to hash, and only once: so it may
		// be done inside the transaction, which gives the token back if it fails.
		if u.PasswordHash == "" {
			if u.PasswordHash, err = s.hasher.hash(ctx, password); err != nil {
				return err
			}
		}
		return addUser(ctx, tx, u)
	})
	if err != nil {
		return model.User{}, fmt.Errorf("make the first administrator: %w", err)
	}
	return u, nil
}

// CreateUser makes an account. Mistakes are refusals that name their field.
func (s *Service) CreateUser(ctx context.Context, email, name, password string, role model.Role) (model.User, error) {
	u, err := s.newUser(email, name, password, role)
	if err != nil {
		return model.User{}, err
	}
	if u.PasswordHash, err = s.hasher.hash(ctx, password); err != nil {
		return model.User{}, err
	}
	if err := s.store.Tx(ctx, func(tx *store.Tx) error { return addUser(ctx, tx, u) }); err != nil {
		return model.User{}, fmt.Errorf("make the account: %w", err)
	}
	return u, nil
}

func (s *Service) newUser(email, name, password string, role model.Role) (model.User, error) {
	address, err := model.CleanEmail(email)
	if err != nil {
		return model.User{}, err
	}
	name, err = model.CleanTitle("name", name)
	if err != nil {
		return model.User{}, err
	}
	if err := model.CheckPassword(password); err != nil {
		return model.User{}, err
	}
	if !slices.Contains(model.Roles(), role) {
		return model.User{}, errRole()
	}
	return model.User{ID: store.NewID(), Email: address, Name: name, Role: role, CreatedAt: s.now()}, nil
}

func addUser(ctx context.Context, tx *store.Tx, u model.User) error {
	err := tx.CreateUser(ctx, u)
	if errors.Is(err, store.ErrExists) {
		return model.RefuseField("email", "There is an account with this address already.", "Use another address, or set a new password for it.")
	}
	return err
}

// SetPassword gives an account a new password and ends all its sessions.
func (s *Service) SetPassword(ctx context.Context, email, password string) error {
	address, err := model.CleanEmail(email)
	if err != nil {
		return err
	}
	if err := model.CheckPassword(password); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.change(ctx, address, func(tx *store.Tx, u model.User) error {
		return tx.UpdateUserPassword(ctx, u.ID, hash)
	})
}

// Disable keeps an account from signing in and ends all its sessions. What the
// person made stays.
func (s *Service) Disable(ctx context.Context, email string) error {
	address, err := model.CleanEmail(email)
	if err != nil {
		return err
	}
	return s.change(ctx, address, func(tx *store.Tx, u model.User) error {
		return tx.SetUserDisabled(ctx, u.ID, s.now())
	})
}

// change alters an account and ends its sessions, both or neither.
func (s *Service) change(ctx context.Context, address string, alter func(*store.Tx, model.User) error) error {
	err := s.store.Tx(ctx, func(tx *store.Tx) error {
		u, err := tx.UserByEmail(ctx, address)
		if errors.Is(err, store.ErrNotFound) {
			return model.RefuseField("email", "There is no account with this address.", "Check the address in the list of accounts.")
		}
		if err != nil {
			return err
		}
		if err := alter(tx, u); err != nil {
			return err
		}
		_, err = tx.DeleteUserSessions(ctx, u.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("change the account: %w", err)
	}
	return nil
}
