package store

import (
	"context"
	"strings"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

func tokenOf(r sqlcgen.Token) (model.Token, error) {
	t := model.Token{ID: r.ID, TokenHash: r.TokenHash, UserID: r.UserID, Name: r.Name, ProjectID: r.ProjectID, CreatedAt: moment(r.CreatedAt),
		ExpiresAt: moment(r.ExpiresAt), LastUsedAt: moment(r.LastUsedAt), RevokedAt: moment(r.RevokedAt)}
	for s := range strings.SplitSeq(r.Scopes, ",") {
		t.Scopes = append(t.Scopes, model.Scope(s))
	}
	return t, nil
}

// CreateToken keeps a program's key, as a hash.
func (tx *Tx) CreateToken(ctx context.Context, t model.Token) error {
	scopes := make([]string, len(t.Scopes))
	for i, s := range t.Scopes {
		scopes[i] = string(s)
	}
	return wrap(tx.q.InsertToken(ctx, sqlcgen.InsertTokenParams{ID: t.ID, TokenHash: t.TokenHash, UserID: t.UserID, Name: t.Name,
		Scopes: strings.Join(scopes, ","), ProjectID: t.ProjectID, CreatedAt: micros(t.CreatedAt), ExpiresAt: micros(t.ExpiresAt)}), "create a token")
}

// TokenByHash finds a program's key.
func (tx *Tx) TokenByHash(ctx context.Context, hash string) (model.Token, error) {
	r, err := tx.q.TokenByHash(ctx, hash)
	if err != nil {
		return model.Token{}, wrap(err, "find a token")
	}
	return tokenOf(r)
}

// Tokens lists a person's keys for programs, newest first, from after the id
// given. Index tokens_user.
func (tx *Tx) Tokens(ctx context.Context, userID string, limit int, after string) ([]model.Token, error) {
	rows, err := tx.q.TokensOfUser(ctx, sqlcgen.TokensOfUserParams{UserID: userID, BeforeID: before(after), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list tokens")
	}
	return list(rows, tokenOf)
}

// RevokeToken ends one of a person's keys; false where there is none that works.
func (tx *Tx) RevokeToken(ctx context.Context, userID, id string, at time.Time) (bool, error) {
	n, err := tx.q.RevokeToken(ctx, sqlcgen.RevokeTokenParams{At: micros(at), ID: id, UserID: userID})
	return n == 1, wrap(err, "revoke a token")
}

// TouchToken notes when a key was used.
func (tx *Tx) TouchToken(ctx context.Context, id string, at time.Time) error {
	return wrap(tx.q.TouchToken(ctx, sqlcgen.TouchTokenParams{LastUsedAt: micros(at), ID: id}), "note a token's use")
}
