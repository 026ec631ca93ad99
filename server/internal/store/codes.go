package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// CreateCode keeps an enrolment code by its hash.
func (tx *Tx) CreateCode(ctx context.Context, c model.EnrolCode) error {
	return wrap(tx.q.InsertCode(ctx, sqlcgen.InsertCodeParams{ID: c.ID, CodeHash: c.Hash, Label: c.Label, CreatedBy: c.CreatedBy,
		CreatedAt: micros(c.CreatedAt), ExpiresAt: micros(c.ExpiresAt), UsedAt: micros(c.UsedAt), UsedDevice: c.UsedDevice,
		RevokedAt: micros(c.RevokedAt)}), "create an enrolment code")
}

func codeOf(r sqlcgen.Code) (model.EnrolCode, error) {
	return model.EnrolCode{ID: r.ID, Hash: r.CodeHash, Label: r.Label, CreatedBy: r.CreatedBy, CreatedAt: moment(r.CreatedAt),
		ExpiresAt: moment(r.ExpiresAt), UsedAt: moment(r.UsedAt), UsedDevice: r.UsedDevice, RevokedAt: moment(r.RevokedAt)}, nil
}

// CodeByHash finds an enrolment code in whatever state.
func (tx *Tx) CodeByHash(ctx context.Context, hash string) (model.EnrolCode, error) {
	r, err := tx.q.CodeByHash(ctx, hash)
	if err != nil {
		return model.EnrolCode{}, wrap(err, "find an enrolment code")
	}
	return codeOf(r)
}

// Codes lists enrolment codes, newest first, from after the id given. Primary key.
func (tx *Tx) Codes(ctx context.Context, limit int, after string) ([]model.EnrolCode, error) {
	rows, err := tx.q.Codes(ctx, sqlcgen.CodesParams{BeforeID: before(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list enrolment codes")
	}
	return list(rows, codeOf)
}

// UseCode gives a code to a device; ok is false where it is not open any more.
func (tx *Tx) UseCode(ctx context.Context, id, deviceID string, now time.Time) (ok bool, err error) {
	n, err := tx.q.UseCode(ctx, sqlcgen.UseCodeParams{At: micros(now), UsedDevice: deviceID, ID: id})
	return n > 0, wrap(err, "use an enrolment code")
}

// RevokeCode ends a code; ok is false where it was not open any more.
func (tx *Tx) RevokeCode(ctx context.Context, id string, now time.Time) (ok bool, err error) {
	n, err := tx.q.RevokeCode(ctx, sqlcgen.RevokeCodeParams{At: micros(now), ID: id})
	return n > 0, wrap(err, "revoke an enrolment code")
}
