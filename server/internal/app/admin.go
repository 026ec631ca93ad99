package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// operator is whoever can read the data directory: what the command line does
// is done by an administrator without an account.
var operator = model.Actor{Role: model.RoleAdmin}

// CreateUser makes an account.
func (a *App) CreateUser(ctx context.Context, email, name string, role model.Role, password string) (model.User, error) {
	if name == "" {
		name, _, _ = strings.Cut(email, "@")
	}
	return a.auth.CreateUser(ctx, email, name, password, role)
}

// SetPassword changes a password and ends the account's sessions.
func (a *App) SetPassword(ctx context.Context, email, password string) error {
	return a.auth.SetPassword(ctx, email, password)
}

// HasUser returns the refusal that there is no account with this address, or nil.
func (a *App) HasUser(ctx context.Context, email string) error {
	address, err := model.CleanEmail(email)
	if err != nil {
		return err
	}
	err = a.store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.UserByEmail(ctx, address)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return model.RefuseField("email", "There is no account with this address.", "See the list: illumi-server user list.")
	}
	return err
}

// Users lists all accounts by address.
func (a *App) Users(ctx context.Context) ([]model.User, error) {
	var users []model.User
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		users, err = all(func(after string) ([]model.User, error) { return tx.Users(ctx, store.MaxPage, after) },
			func(u model.User) string { return u.Email })
		return err
	})
	return users, err
}

// all gathers a list page by page; key is what its next page begins after.
func all[T any](page func(after string) ([]T, error), key func(T) string) ([]T, error) {
	var rows []T
	for after := ""; ; {
		part, err := page(after)
		rows = append(rows, part...)
		if err != nil || len(part) < store.MaxPage {
			return rows, err
		}
		after = key(part[len(part)-1])
	}
}

// MakeCode makes an enrolment code for a box.
func (a *App) MakeCode(ctx context.Context, name string) (string, model.EnrolCode, error) {
	return a.relay.MakeCode(ctx, operator, name)
}

// Boxes lists all devices by name.
func (a *App) Boxes(ctx context.Context) ([]model.Device, error) {
	return all(func(after string) ([]model.Device, error) { return a.relay.Boxes(ctx, after, "", store.MaxPage) },
		func(d model.Device) string { return d.Name })
}

// RevokeBox revokes a device by its name, in any case of its letters, and
// returns it as it was before: one that was revoked already has its time.
func (a *App) RevokeBox(ctx context.Context, name string) (model.Device, error) {
	var d model.Device
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		d, err = tx.DeviceByName(ctx, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return d, model.Refuse(protocol.CodeNotFound, fmt.Sprintf("There is no box called %q.", name), "See the list: illumi-server device list.")
	}
	if err != nil {
		return d, err
	}
	return d, a.relay.RevokeBox(ctx, operator, d.ID)
}
