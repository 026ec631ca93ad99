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

// allRows bounds the command line's lists.
const allRows = 10_000

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

// Users lists the accounts.
func (a *App) Users(ctx context.Context) ([]model.User, error) {
	var users []model.User
	err := a.store.View(ctx, func(tx *store.Tx) (err error) {
		users, err = tx.Users(ctx, allRows, "")
		return err
	})
	return users, err
}

// MakeCode makes an enrolment code for a box.
func (a *App) MakeCode(ctx context.Context, name string) (string, model.EnrolCode, error) {
	return a.relay.MakeCode(ctx, operator, name)
}

// Boxes lists the devices by name.
func (a *App) Boxes(ctx context.Context) ([]model.Device, error) {
	return a.relay.Boxes(ctx, "", "", allRows)
}

// RevokeBox revokes a device by its name, in any case of its letters.
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
