package store

import (
	"context"
	"errors"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/internal/sqlcgen"
)

// LockAccounts lets one transaction at a time decide about administrators. Call
// it first: what the transaction reads after it is the truth until its end.
func (tx *Tx) LockAccounts(ctx context.Context) error {
	return wrap(tx.q.LockAccounts(ctx), "lock the accounts")
}

// CountOtherAdmins counts the administrators who can sign in at now, without one. Index users_role.
func (tx *Tx) CountOtherAdmins(ctx context.Context, but string, now time.Time) (int, error) {
	n, err := tx.q.CountOtherAdmins(ctx, sqlcgen.CountOtherAdminsParams{At: micros(now), But: but})
	return int(n), wrap(err, "count the other administrators")
}

// SetUserRole keeps what a person may do on the server.
func (tx *Tx) SetUserRole(ctx context.Context, id string, role model.Role) error {
	n, err := tx.q.SetUserRole(ctx, sqlcgen.SetUserRoleParams{Role: string(role), ID: id})
	return one(n, err, "change a role")
}

// SetUserEnd keeps when an account ends by itself; the zero time is never.
func (tx *Tx) SetUserEnd(ctx context.Context, id string, at time.Time) error {
	n, err := tx.q.SetUserEnd(ctx, sqlcgen.SetUserEndParams{ExpiresAt: micros(at), ID: id})
	return one(n, err, "set an account's end")
}

// SetUserName keeps how a person is called.
func (tx *Tx) SetUserName(ctx context.Context, id, name string) error {
	n, err := tx.q.SetUserName(ctx, sqlcgen.SetUserNameParams{Name: name, ID: id})
	return one(n, err, "change a name")
}

// SessionRow is one browser that is signed in.
type SessionRow struct {
	Hash  string
	Data  []byte
	Agent string
	Seen  time.Time // written last
	Ends  time.Time
}

// SessionsOfUser lists a person's sessions that work at now. Index sessions_user.
func (tx *Tx) SessionsOfUser(ctx context.Context, user string, now time.Time, limit int) ([]SessionRow, error) {
	rows, err := tx.q.SessionsOfUser(ctx, sqlcgen.SessionsOfUserParams{UserID: user, At: micros(now), Limit: page(limit)})
	if err != nil {
		return nil, wrap(err, "list sessions")
	}
	return list(rows, func(r sqlcgen.Session) (SessionRow, error) {
		return SessionRow{r.TokenHash, r.Content, r.Agent, moment(r.WrittenAt), moment(r.ExpiresAt)}, nil
	})
}

// SetSessionAgent notes which browser a session is in.
func (tx *Tx) SetSessionAgent(ctx context.Context, hash, agent string) error {
	return wrap(tx.q.SetSessionAgent(ctx, sqlcgen.SetSessionAgentParams{Agent: agent, TokenHash: hash}), "note a session's browser")
}

// EndSession ends one session at once.
func (tx *Tx) EndSession(ctx context.Context, hash string, at time.Time) error {
	return wrap(tx.q.RevokeSession(ctx, sqlcgen.RevokeSessionParams{At: micros(at), TokenHash: hash}), "end a session")
}

// EndOtherSessions ends all of a person's sessions but one. Index sessions_user.
func (tx *Tx) EndOtherSessions(ctx context.Context, user, but string, at time.Time) error {
	_, err := tx.q.RevokeOtherSessions(ctx, sqlcgen.RevokeOtherSessionsParams{At: micros(at), UserID: user, But: but})
	return wrap(err, "end the other sessions")
}

const metaOpenSignUp = "open_sign_up"

// OpenSignUp reports whether people may make accounts by themselves.
func (tx *Tx) OpenSignUp(ctx context.Context) (bool, error) {
	v, err := tx.q.Meta(ctx, metaOpenSignUp)
	if err = wrap(err, "read whether sign-up is open"); errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return v == "yes", err
}

// SetOpenSignUp opens or closes sign-up.
func (tx *Tx) SetOpenSignUp(ctx context.Context, open bool, at time.Time) error {
	v := "no"
	if open {
		v = "yes"
	}
	n, err := tx.q.UpdateMeta(ctx, sqlcgen.UpdateMetaParams{Content: v, ChangedAt: micros(at), Name: metaOpenSignUp})
	if err == nil && n == 0 {
		err = tx.q.InsertMeta(ctx, sqlcgen.InsertMetaParams{Name: metaOpenSignUp, Content: v, ChangedAt: micros(at)})
	}
	return wrap(err, "open or close sign-up")
}
