package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// tokenPrefix begins every token, so that people and scanners know one.
const tokenPrefix = "ilm_"

// maxTokens bounds one person's tokens that work.
const maxTokens = 100

// TokenLifetimes are what a token's maker can choose from.
func TokenLifetimes() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{7 * day, 30 * day, 90 * day, 365 * day}
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Name     string
	Scopes   []model.Scope
	Project  string // the only one that it is for; empty: all of its maker's
	Lifetime time.Duration
}

// MakeToken makes a token for a signed-in person. Its text is returned once and
// stored as a keyed hash. What it may do is looked up whenever it is used: never
// more than its scopes, nor than its maker may then.
func (s *Service) MakeToken(ctx context.Context, actor model.Actor, r TokenRequest) (string, model.Token, error) {
	if actor.UserID == "" || actor.Token != "" {
		return "", model.Token{}, model.Refuse(protocol.CodeForbidden, "A token cannot make tokens.", "Make one on the page Programs.")
	}
	name, err := model.CleanTitle("name", r.Name)
	if err != nil {
		return "", model.Token{}, err
	}
	slices.Sort(r.Scopes)
	r.Scopes = slices.Compact(r.Scopes)
	if len(r.Scopes) == 0 {
		return "", model.Token{}, model.RefuseField("scope", "This token could do nothing.", "Choose what the program may do.")
	}
	for _, scope := range r.Scopes {
		if !slices.Contains(model.Scopes(), scope) {
			return "", model.Token{}, model.RefuseField("scope", "This choice does not exist.", "Choose what the program may do.")
		}
	}
	if !slices.Contains(TokenLifetimes(), r.Lifetime) {
		return "", model.Token{}, model.RefuseField("days", "A token works for 7, 30, 90 or 365 days.", "Choose one of them.")
	}
	text := tokenPrefix + rand.Text() + rand.Text()[:14]
	now := s.now().Truncate(time.Microsecond)
	t := model.Token{
		ID: store.NewID(), TokenHash: s.key.mac("token", text), UserID: actor.UserID, Name: name, Scopes: r.Scopes,
		ProjectID: r.Project, CreatedAt: now, ExpiresAt: now.Add(r.Lifetime),
	}
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		old, err := tx.Tokens(ctx, actor.UserID, maxTokens+1, "")
		if err != nil {
			return err
		}
		if working := slices.DeleteFunc(old, func(t model.Token) bool { return t.Over(now) }); len(working) >= maxTokens {
			return model.Refuse(protocol.CodeConflict, "You have a hundred tokens already.", "Revoke those that are not used any more.")
		}
		return tx.CreateToken(ctx, t)
	})
	if err != nil {
		return "", model.Token{}, err
	}
	return text, t, nil
}

// Tokens lists a person's newest tokens.
func (s *Service) Tokens(ctx context.Context, actor model.Actor) ([]model.Token, error) {
	return s.TokensAfter(ctx, actor, 2*maxTokens, "")
}

// TokensAfter lists a person's tokens, newest first, from after the id given.
func (s *Service) TokensAfter(ctx context.Context, actor model.Actor, limit int, after string) (list []model.Token, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) error {
		list, err = tx.Tokens(ctx, actor.UserID, limit, after)
		return err
	})
	return list, err
}

// RevokeToken ends one of the person's own tokens at once. A token may end
// itself and no other.
func (s *Service) RevokeToken(ctx context.Context, actor model.Actor, id string) error {
	if actor.Token != "" && actor.Token != id {
		return model.Refuse(protocol.CodeForbidden, "A token can revoke only itself.", "Revoke the other on the page Programs.")
	}
	return s.store.Tx(ctx, func(tx *store.Tx) error {
		ok, err := tx.RevokeToken(ctx, actor.UserID, id, s.now())
		if err == nil && !ok {
			return model.NotFound("token")
		}
		return err
	})
}

// usedEvery bounds how often a token's use is written down.
const usedEvery = time.Minute

// AuthenticateToken finds who an Authorization header's token stands for. It
// refuses with protocol.CodeSignIn, the same for a token that never was, one
// that is over, and one whose maker's account has ended. Such tries are counted
// by the client's address ip, and too many are refused with CodeThrottled. A
// token that works is let in all the same: many programs may share an address
// with a broken one, and 200 bits are not found by guessing.
func (s *Service) AuthenticateToken(ctx context.Context, authorization, ip string) (model.Actor, error) {
	who, err := s.tokenActor(ctx, authorization)
	if !errors.Is(err, errWrongToken) {
		return who, err
	}
	if text, _ := bearer(authorization); strings.HasPrefix(text, tokenPrefix) { // anything else is no try of one
		if err := s.spend(ctx, charge{perTokenClient, ClientPrefix(ip)}); err != nil {
			return model.Actor{}, err
		}
	}
	refusal := model.Refuse(protocol.CodeSignIn, "This token does not work here.", "Make a new one on the page Programs, and send it as Authorization: Bearer ilm_….")
	refusal.Wrapped = err
	return model.Actor{}, refusal
}

var errWrongToken = errors.New("the token is none, or over")

func (s *Service) tokenActor(ctx context.Context, authorization string) (model.Actor, error) {
	text, ok := bearer(authorization)
	if !ok || !strings.HasPrefix(text, tokenPrefix) || len(text) > 100 {
		return model.Actor{}, errWrongToken
	}
	var t model.Token
	var u model.User
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		if t, err = tx.TokenByHash(ctx, s.key.mac("token", text)); err != nil {
			return err
		}
		u, err = tx.UserByID(ctx, t.UserID)
		return err
	})
	now := s.now()
	switch {
	case errors.Is(err, store.ErrNotFound):
		return model.Actor{}, errWrongToken
	case err != nil:
		return model.Actor{}, err
	case t.Over(now) || u.Ended(now):
		return model.Actor{}, errWrongToken
	}
	if now.Sub(t.LastUsedAt) >= usedEvery {
		if err := s.store.Tx(ctx, func(tx *store.Tx) error { return tx.TouchToken(ctx, t.ID, now) }); err != nil {
			// Whoever only reads, reads on when the disk is full.
			s.log.Warn("a token's use was not written down", "error", err)
		}
	}
	return model.Actor{UserID: u.ID, Role: u.Role, Token: t.ID, Scopes: t.Scopes, Project: t.ProjectID}, nil
}
