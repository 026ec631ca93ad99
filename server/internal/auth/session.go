package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// What a session holds.
const (
	keyUser  = "user"  // string: the user's id
	keyBegan = "began" // int64: unix seconds of the sign-in
)

// sessionUser reads the user's id out of a stored session; empty if there is none.
func sessionUser(data []byte) string {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return "" // scs will refuse it as well
	}
	id, ok := values[keyUser].(string)
	if !ok {
		return ""
	}
	return id
}

// visit is one request's view of who asks.
type visit struct {
	user     model.User // zero if nobody is signed in
	known    string     // the browser's proof of an earlier sign-in
	remember string     // the proof to give it with the answer
	agent    string     // what the browser calls itself
	failed   error      // scs could not load the session
	entered  bool
}

type visitKey struct{}

func visitFrom(ctx context.Context) (*visit, error) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return nil, errors.New("auth: the route has no session middleware")
	}
	return v, nil
}

// UserFrom returns who is signed in, as the database had it when the request
// began.
func UserFrom(ctx context.Context) (model.User, bool) {
	v, err := visitFrom(ctx)
	if err != nil || v.user.ID == "" {
		return model.User{}, false
	}
	return v.user, true
}

// ActorFrom returns who is signed in, or a refusal with protocol.CodeSignIn.
func ActorFrom(ctx context.Context) (model.Actor, error) {
	u, ok := UserFrom(ctx)
	if !ok {
		return model.Actor{}, model.Refuse(protocol.CodeSignIn, "You are not signed in.", "Sign in and try again.")
	}
	return model.Actor{UserID: u.ID, Role: u.Role}, nil
}

// Sessions is the middleware that loads and saves the session. Errors of the
// handlers inside are rendered by render here, and not passed on: scs writes
// its cookie with the first byte of the answer, so an answer that is written
// outside would carry the cookie twice, or not at all.
func (s *Service) Sessions(render echo.HTTPErrorHandler) echo.MiddlewareFunc {
	load := echo.WrapMiddleware(s.sessions.LoadAndSave)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		inner := load(func(c echo.Context) error {
			err := s.enter(c)
			if err == nil {
				err = next(c)
			}
			if err != nil {
				render(err, c)
			}
			return nil
		})
		return func(c echo.Context) error {
			v := &visit{}
			r := c.Request()
			c.SetRequest(r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
			if err := inner(c); err != nil {
				return err
			}
			if v.failed != nil {
				render(v.failed, c)
			}
			return nil
		}
	}
}

// sessionFailed is told by scs that the store failed: before the handler ran,
// or when the answer began and only a later deadline is lost. A sign-in saves
// its session by itself; see Begin.
func (s *Service) sessionFailed(_ http.ResponseWriter, r *http.Request, err error) {
	v, missing := visitFrom(r.Context())
	if missing == nil && !v.entered {
		v.failed = fmt.Errorf("load the session: %w", err)
		return
	}
	s.log.Warn("a session was not saved", "err", err)
}

// enter finds out who asks.
func (s *Service) enter(c echo.Context) error {
	ctx := c.Request().Context()
	v, err := visitFrom(ctx)
	if err != nil {
		return err
	}
	v.entered = true
	v.agent = agentOf(c.Request().UserAgent())
	if cookie, err := c.Cookie(s.known.Name); err == nil {
		v.known = cookie.Value
	}
	c.Response().Before(func() {
		if v.remember != "" {
			cookie := s.known
			cookie.Value = v.remember
			http.SetCookie(c.Response(), &cookie)
		}
	})
	id := s.sessions.GetString(ctx, keyUser)
	if id == "" {
		return nil
	}
	u, err := s.signedIn(ctx, id)
	if err != nil {
		return err
	}
	if u.ID == "" {
		return s.sessions.Destroy(ctx)
	}
	if c.Request().Method != http.MethodGet || c.Path() != PathSession {
		s.keepAlive(ctx)
	}
	v.user = u
	return nil
}

// PathSession is where a page asks how long its session lasts; asking does not
// lengthen it.
const PathSession = "/account/session"

// agentOf is what is kept of a browser's name.
func agentOf(header string) string {
	runes := []rune(strings.ToValidUTF8(header, ""))
	return string(runes[:min(len(runes), 190)])
}

// signedIn returns the user, or a zero one where the account is gone, disabled
// or over.
func (s *Service) signedIn(ctx context.Context, id string) (u model.User, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) (err error) {
		u, err = tx.UserByID(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return model.User{}, nil
	case err != nil:
		return model.User{}, fmt.Errorf("find who is signed in: %w", err)
	case u.Ended(s.now()):
		return model.User{}, nil
	}
	return u, nil
}

// keepAlive moves the session's end on, up to the absolute limit. Times are
// the machine's, like scs's own.
func (s *Service) keepAlive(ctx context.Context) {
	deadline := time.Now().Add(idle)
	if end := time.Unix(s.sessions.GetInt64(ctx, keyBegan), 0).Add(absolute); deadline.After(end) {
		deadline = end
	}
	if deadline.Sub(s.sessions.Deadline(ctx)) >= refresh {
		s.sessions.SetDeadline(ctx, deadline.UTC())
	}
}

// Begin starts a session for u under a new token; a token that someone planted
// in the browser before is dead from then on. It is stored when Begin returns.
func (s *Service) Begin(ctx context.Context, u model.User) error {
	v, err := visitFrom(ctx)
	if err != nil {
		return err
	}
	if err := s.sessions.Clear(ctx); err != nil {
		return fmt.Errorf("empty the old session: %w", err)
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	s.sessions.Put(ctx, keyUser, u.ID)
	s.sessions.Put(ctx, keyBegan, time.Now().Unix())
	if _, _, err := s.sessions.Commit(ctx); err != nil {
		return fmt.Errorf("store the session: %w", err)
	}
	hash := storedToken(s.sessions.Token(ctx))
	if err := s.store.Tx(ctx, func(tx *store.Tx) error { return tx.SetSessionAgent(ctx, hash, v.agent) }); err != nil {
		return fmt.Errorf("note the session's browser: %w", err)
	}
	// Whoever changed the password or disabled the account since u was read did
	// not see this session: it must not outlive that.
	now, err := s.signedIn(ctx, u.ID)
	if err != nil {
		return err
	}
	if now.PasswordHash != u.PasswordHash || now.ID == "" {
		if err := s.sessions.Destroy(ctx); err != nil {
			return fmt.Errorf("end the session: %w", err)
		}
		return model.Refuse(protocol.CodeConflict, "Your account was changed just now.", "Sign in again.")
	}
	v.user, v.remember = u, s.proof(u.Email)
	return nil
}

// SignOut ends the request's session.
func (s *Service) SignOut(ctx context.Context) error {
	v, err := visitFrom(ctx)
	if err != nil {
		return err
	}
	if s.sessions.Status(ctx) == scs.Unmodified && s.sessions.Token(ctx) == "" {
		return nil // there is none
	}
	if err := s.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	v.user = model.User{}
	return nil
}

// Recheck tells a long-lived answer, such as a stream of events, whether its
// session still stands in the database: not signed out, ended or disabled.
func (s *Service) Recheck(ctx context.Context) (bool, error) {
	u, ok := UserFrom(ctx)
	if !ok {
		return false, nil
	}
	token := s.sessions.Token(ctx)
	// A context without the loaded session, so that scs reads it anew.
	fresh, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fresh, err := s.sessions.Load(fresh, token)
	if err != nil {
		return false, fmt.Errorf("load the session again: %w", err)
	}
	if s.sessions.GetString(fresh, keyUser) != u.ID {
		return false, nil
	}
	u, err = s.signedIn(fresh, u.ID)
	return u.ID != "", err
}

// proof is what a browser keeps of a sign-in. It opens nothing: it only keeps
// the owner's attempts apart from a stranger's.
func (s *Service) proof(address string) string { return s.key.mac("known browser", address) }

func (s *Service) knows(v *visit, address string) bool {
	return subtle.ConstantTimeCompare([]byte(v.known), []byte(s.proof(address))) == 1
}

// bearer takes the token out of an Authorization header.
func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}
