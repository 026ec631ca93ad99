package store

import (
	"context"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func shareOf(r sqlcgen.Share) (model.ShareLink, error) {
	return model.ShareLink{ID: r.ID, TokenHash: r.TokenHash, WhisperID: r.WhisperID, Label: r.Label, HideFaces: r.HideFaces != 0, CreatedBy: r.CreatedBy,
		CreatedAt: moment(r.CreatedAt), ExpiresAt: moment(r.ExpiresAt), LastUsedAt: moment(r.LastUsedAt), RevokedAt: moment(r.RevokedAt)}, nil
}

// AddShare keeps a link to a whisper.
func (tx *Tx) AddShare(ctx context.Context, s model.ShareLink) error {
	var hide int64
	if s.HideFaces {
		hide = 1
	}
	return wrap(tx.q.InsertShare(ctx, sqlcgen.InsertShareParams{ID: s.ID, TokenHash: s.TokenHash, WhisperID: s.WhisperID, Label: s.Label,
		HideFaces: hide, CreatedBy: s.CreatedBy, CreatedAt: micros(s.CreatedAt), ExpiresAt: micros(s.ExpiresAt)}), "keep a link")
}

// Shares lists a whisper's links, newest first. Index shares_whisper.
func (tx *Tx) Shares(ctx context.Context, whisperID string, limit int) ([]model.ShareLink, error) {
	rows, err := tx.q.Shares(ctx, sqlcgen.SharesParams{WhisperID: whisperID, Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list links")
	}
	return list(rows, shareOf)
}

// Share finds a link.
func (tx *Tx) Share(ctx context.Context, id string) (model.ShareLink, error) {
	r, err := tx.q.Share(ctx, id)
	if err != nil {
		return model.ShareLink{}, wrap(err, "find a link")
	}
	return shareOf(r)
}

// ShareByToken finds a link by the hash of its secret. Index shares_token.
func (tx *Tx) ShareByToken(ctx context.Context, hash string) (model.ShareLink, error) {
	r, err := tx.q.ShareByToken(ctx, hash)
	if err != nil {
		return model.ShareLink{}, wrap(err, "find a link")
	}
	return shareOf(r)
}

// TouchShare notes that a link was used, unless it was noted since before.
func (tx *Tx) TouchShare(ctx context.Context, id string, at, before time.Time) error {
	return wrap(tx.q.TouchShare(ctx, sqlcgen.TouchShareParams{At: micros(at), ID: id, Before: micros(before)}), "note a link's use")
}

// RevokeShare ends a link; false where it had been.
func (tx *Tx) RevokeShare(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := tx.q.RevokeShare(ctx, sqlcgen.RevokeShareParams{At: micros(at), ID: id})
	return n == 1, wrap(err, "end a link")
}
