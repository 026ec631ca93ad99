package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func userOf(r sqlcgen.User) (model.User, error) {
	u := model.User{ID: r.ID, Email: r.Email, Name: r.Name, PasswordHash: r.PasswordHash, Role: model.Role(r.Role),
		CreatedAt: moment(r.CreatedAt), DisabledAt: moment(r.DisabledAt), ExpiresAt: moment(r.ExpiresAt)}
	if r.Prefs == "" {
		return u, nil
	}
	if err := json.Unmarshal([]byte(r.Prefs), &u.Prefs); err != nil {
		return u, fmt.Errorf("store: read what a user chose: %w", err)
	}
	return u, nil
}

// CreateUser keeps a new account. The e-mail address is compared in lower case
// and trimmed; one that is taken is ErrExists (KeyUserEmail).
func (tx *Tx) CreateUser(ctx context.Context, u model.User) error {
	return wrap(tx.q.InsertUser(ctx, sqlcgen.InsertUserParams{ID: u.ID, Email: fold(u.Email), Name: u.Name,
		PasswordHash: u.PasswordHash, Role: string(u.Role), CreatedAt: micros(u.CreatedAt),
		DisabledAt: micros(u.DisabledAt), ExpiresAt: micros(u.ExpiresAt)}), "create a user")
}

// UserByEmail finds an account, whatever the case of the address.
func (tx *Tx) UserByEmail(ctx context.Context, email string) (model.User, error) {
	r, err := tx.q.UserByEmail(ctx, fold(email))
	if err != nil {
		return model.User{}, wrap(err, "find a user by e-mail")
	}
	return userOf(r)
}

// UserByID finds an account.
func (tx *Tx) UserByID(ctx context.Context, id string) (model.User, error) {
	r, err := tx.q.UserByID(ctx, id)
	if err != nil {
		return model.User{}, wrap(err, "find a user")
	}
	return userOf(r)
}

// Users lists accounts by e-mail address, from after the given one. Index users_email.
func (tx *Tx) Users(ctx context.Context, limit int, after string) ([]model.User, error) {
	rows, err := tx.q.Users(ctx, sqlcgen.UsersParams{AfterEmail: fold(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list users")
	}
	return list(rows, userOf)
}

// UpdateUserPassword keeps a new hash.
func (tx *Tx) UpdateUserPassword(ctx context.Context, id, hash string) error {
	n, err := tx.q.UpdateUserPassword(ctx, sqlcgen.UpdateUserPasswordParams{PasswordHash: hash, ID: id})
	return one(n, err, "keep a password")
}

// SetUserDisabled disables an account from at on, or enables it again with the zero time.
func (tx *Tx) SetUserDisabled(ctx context.Context, id string, at time.Time) error {
	n, err := tx.q.SetUserDisabled(ctx, sqlcgen.SetUserDisabledParams{DisabledAt: micros(at), ID: id})
	return one(n, err, "disable a user")
}

// CountUsers counts all accounts, disabled ones too.
func (tx *Tx) CountUsers(ctx context.Context) (int, error) {
	n, err := tx.q.CountUsers(ctx)
	return int(n), wrap(err, "count users")
}

// CountAdmins counts administrators, disabled ones too: once there was one, the
// set-up never opens again. Index users_role.
func (tx *Tx) CountAdmins(ctx context.Context) (int, error) {
	n, err := tx.q.CountUsersInRole(ctx, string(model.RoleAdmin))
	return int(n), wrap(err, "count administrators")
}
