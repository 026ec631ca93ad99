package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"illumi/server/internal/store/internal/sqlcgen"
)

// SessionStore keeps the sessions of scs (its Store and CtxStore), by the token
// that scs gives: with HashTokenInStore, that is a hash. A session that was
// deleted cannot be written back by a request that is still under way.
type SessionStore struct {
	s      *Store
	userOf func(data []byte) string
}

// Sessions returns the keeper of sessions. userOf reads the signed-in user's id
// out of a session's data, empty where nobody is signed in; it makes
// DeleteUserSessions possible.
func (s *Store) Sessions(userOf func(data []byte) string) *SessionStore {
	return &SessionStore{s, userOf}
}

// restAfter is how long an unchanged session is not written again only because
// its end moved: else every click would be a commit. Its end may be that much early.
const restAfter = time.Minute

// FindCtx returns a session's data; found is false where it has ended.
func (ss *SessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = ss.s.View(ctx, func(tx *Tx) error {
		r, err := tx.q.Session(ctx, token)
		if err = wrap(err, "find a session"); errors.Is(err, ErrNotFound) {
			return nil
		}
		data, found = r.Content, r.RevokedAt == 0 && r.ExpiresAt > time.Now().UnixMicro()
		return err
	})
	if !found {
		data = nil
	}
	return data, found, err
}

// CommitCtx keeps a session until expiry.
func (ss *SessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	now := time.Now()
	user := ss.userOf(data)
	var fresh bool
	err := ss.s.View(ctx, func(tx *Tx) error {
		r, err := tx.q.Session(ctx, token)
		if err = wrap(err, "find a session"); errors.Is(err, ErrNotFound) {
			return nil
		}
		fresh = r.RevokedAt != 0 || bytes.Equal(r.Content, data) && r.UserID == user &&
			r.WrittenAt > micros(now.Add(-restAfter)) && max(r.ExpiresAt-micros(expiry), micros(expiry)-r.ExpiresAt) < restAfter.Microseconds()
		return err
	})
	if err != nil || fresh {
		return err
	}
	return ss.s.Tx(ctx, func(tx *Tx) error {
		n, err := tx.q.UpdateSession(ctx, sqlcgen.UpdateSessionParams{UserID: user, Content: data, WrittenAt: micros(now),
			ExpiresAt: micros(expiry), TokenHash: token})
		if err != nil || n > 0 {
			return wrap(err, "keep a session")
		}
		if _, err := tx.q.Session(ctx, token); !errors.Is(err, sql.ErrNoRows) {
			return wrap(err, "find a session") // nil: it was ended and stays so
		}
		err = wrap(tx.q.InsertSession(ctx, sqlcgen.InsertSessionParams{TokenHash: token, UserID: user, Content: data,
			WrittenAt: micros(now), ExpiresAt: micros(expiry)}), "keep a session")
		if errors.Is(err, ErrExists) {
			return ErrConflict // made meanwhile: update that one
		}
		return err
	})
}

// DeleteCtx ends a session.
func (ss *SessionStore) DeleteCtx(ctx context.Context, token string) error {
	return ss.s.Tx(ctx, func(tx *Tx) error {
		return wrap(tx.q.RevokeSession(ctx, sqlcgen.RevokeSessionParams{At: micros(time.Now()), TokenHash: token}), "end a session")
	})
}

// Find is FindCtx without a context, as scs asks for.
func (ss *SessionStore) Find(token string) ([]byte, bool, error) {
	return ss.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context, as scs asks for.
func (ss *SessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return ss.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context, as scs asks for.
func (ss *SessionStore) Delete(token string) error { return ss.DeleteCtx(context.Background(), token) }

// DeleteUserSessions ends all sessions of a user at once and says how many.
// Index sessions_user.
func (tx *Tx) DeleteUserSessions(ctx context.Context, userID string) (int, error) {
	n, err := tx.q.RevokeUserSessions(ctx, sqlcgen.RevokeUserSessionsParams{At: micros(time.Now()), UserID: userID})
	return int(n), wrap(err, "end a user's sessions")
}

// PurgeSessions removes sessions that expired by now and says how many. Index sessions_expires.
func (tx *Tx) PurgeSessions(ctx context.Context, now time.Time) (int, error) {
	n, err := tx.q.PurgeSessions(ctx, micros(now))
	return int(n), wrap(err, "purge sessions")
}
