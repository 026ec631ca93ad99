package store

import (
	"context"
	"errors"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// Names of the rows of meta.
const (
	metaServerID = "server_id"
	metaSetup    = "setup_hash"
)

// ServerID is a random id made with the database: another id, another database.
func (s *Store) ServerID(context.Context) (string, error) { return s.serverID, nil }

func (s *Store) loadServerID(ctx context.Context) error {
	return s.Tx(ctx, func(tx *Tx) error {
		id, err := tx.q.Meta(ctx, metaServerID)
		if err = wrap(err, "read the server's id"); !errors.Is(err, ErrNotFound) {
			s.serverID = id
			return err
		}
		s.serverID = NewID()
		err = wrap(tx.q.InsertMeta(ctx, sqlcgen.InsertMetaParams{Name: metaServerID, Content: s.serverID,
			ChangedAt: micros(time.Now())}), "keep the server's id")
		if errors.Is(err, ErrExists) { // another server was first
			return ErrConflict
		}
		return err
	})
}

// SetSetupToken keeps the hash of the one-time token that makes the first
// administrator, in the place of the one before.
func (tx *Tx) SetSetupToken(ctx context.Context, hash string, at time.Time) error {
	n, err := tx.q.UpdateMeta(ctx, sqlcgen.UpdateMetaParams{Content: hash, ChangedAt: micros(at), Name: metaSetup})
	if err == nil && n == 0 {
		err = tx.q.InsertMeta(ctx, sqlcgen.InsertMetaParams{Name: metaSetup, Content: hash, ChangedAt: micros(at)})
	}
	return wrap(err, "keep the set-up token")
}

// UseSetupToken takes the token away and reports whether it was the right one.
// It never is once there is an administrator, disabled or not. Of many who try
// at once, one succeeds; make the administrator in the same transaction.
func (tx *Tx) UseSetupToken(ctx context.Context, hash string) (bool, error) {
	n, err := tx.q.TakeMeta(ctx, sqlcgen.TakeMetaParams{Name: metaSetup, Content: hash})
	if err != nil || n == 0 {
		return false, wrap(err, "use the set-up token")
	}
	admins, err := tx.q.CountUsersInRole(ctx, string(model.RoleAdmin))
	return err == nil && admins == 0, wrap(err, "count administrators")
}
