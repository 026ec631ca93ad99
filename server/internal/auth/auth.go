// Package auth says who is asking: people by session, boxes by their secret.
// It answers the same, for the same work, whether or not an account exists.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

// Lifetimes of a session: it ends after idle without a request, and after
// absolute whatever happens. A running session is written back at most every
// refresh, so that reading a page mostly writes nothing.
const (
	idle     = 12 * time.Hour
	absolute = 14 * 24 * time.Hour
	refresh  = 5 * time.Minute
)

// Options is what a Service needs.
type Options struct {
	Store *store.Store
	Key   Key
	// Secure says that people reach the server by https: the cookie then never
	// travels otherwise.
	Secure bool
	Log    *slog.Logger
	// Now is the clock of throttles and records; time.Now if nil.
	Now func() time.Time
	// MayInvite says whether somebody may bring people into a project; nil lets
	// administrators alone.
	MayInvite func(ctx context.Context, actor model.Actor, project string) error
	// Joined writes down, in the same transaction, that somebody works on a
	// project from now on; what it returns is called after the commit. It may be nil.
	Joined func(ctx context.Context, tx *store.Tx, m model.Member) (committed func(), err error)
	// Mails writes mails about accounts, MailQueued is told of each; both may be nil.
	Mails      Mails
	MailQueued func()
	// PublicURL is what links begin with; it may be settled after New.
	PublicURL func() string
}

// Service signs people in and knows boxes. Safe for concurrent use.
type Service struct {
	store    *store.Store
	key      Key
	log      *slog.Logger
	now      func() time.Time
	hasher   *hasher
	sessions *scs.SessionManager
	known    http.Cookie // the cookie of a browser that was signed in before

	mayProject func(ctx context.Context, actor model.Actor, project string) error
	joined     func(ctx context.Context, tx *store.Tx, m model.Member) (func(), error)
	mails      Mails
	mailQueued func()
	publicURL  func() string
}

// New makes a Service.
func New(o Options) *Service {
	s := &Service{store: o.Store, key: o.Key, log: o.Log, now: o.Now, hasher: newHasher(),
		mayProject: o.MayInvite, joined: o.Joined, mails: o.Mails, mailQueued: o.MailQueued, publicURL: o.PublicURL}
	if s.now == nil {
		s.now = time.Now
	}
	// Not scs.New: it starts a goroutine for a store that we do not use.
	m := &scs.SessionManager{
		Store:            o.Store.Sessions(sessionUser),
		HashTokenInStore: true,
		Codec:            scs.GobCodec{},
		// The idle limit is scs's deadline, moved on by keepAlive; its own idle
		// time-out would write to the database with every request.
		Lifetime:  idle,
		ErrorFunc: s.sessionFailed,
		Cookie: scs.SessionCookie{
			Name: "illumi", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: o.Secure, Persist: true,
		},
	}
	s.known = http.Cookie{
		Name: "illumi-known", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: o.Secure,
		MaxAge: int((365 * 24 * time.Hour).Seconds()),
	}
	if o.Secure {
		// Browsers take this prefix only from https, for this host and path /.
		m.Cookie.Name = "__Host-" + m.Cookie.Name
		s.known.Name = "__Host-" + s.known.Name
	}
	s.sessions = m
	return s
}

// errWrong is the one answer to a wrong address, a wrong password and a
// disabled account.
func errWrong() error {
	return model.Refuse(protocol.CodeSignIn, "The e-mail address or the password is wrong.", "Check both and try again.")
}

// SignIn checks a password and starts a new session in the request's session
// (see Sessions). ip is the client's address. It refuses with
// protocol.CodeSignIn, or with protocol.CodeThrottled and the time to wait.
//
// Attempts are counted for each account, client and in all. A browser that was
// signed in to this account before is counted by itself, so that strangers who
// use up the account's attempts, or all, do not lock its owner out.
func (s *Service) SignIn(ctx context.Context, email, password, ip string) (model.User, error) {
	v, err := visitFrom(ctx)
	if err != nil {
		return model.User{}, err
	}
	address, err := model.CleanEmail(email)
	if err != nil {
		address = "" // nobody's: counted and compared like any other
	}
	account := charge{perAccount, s.key.mac("sign-in account", address)}
	all := charge{allSignIns, ""}
	if s.knows(v, address) {
		all = charge{knownSignIns, ""}
		account = charge{perBrowser, account.key + "/" + ClientPrefix(ip)}
	}
	if err := s.spend(ctx, charge{perClient, ClientPrefix(ip)}, account, all); err != nil {
		return model.User{}, err
	}

	u, err := s.userByEmail(ctx, address)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return model.User{}, err
	}
	hash := u.PasswordHash
	if err != nil || u.Ended(s.now()) || hash == "" {
		u, hash = model.User{}, decoy
	}
	match, stale, err := s.hasher.check(ctx, password, hash)
	if err != nil {
		return model.User{}, err
	}
	if !match || u.ID == "" {
		return model.User{}, errWrong()
	}

	if stale {
		fresh, err := s.hasher.hash(ctx, password)
		if err != nil {
			return model.User{}, err
		}
		u.PasswordHash = fresh
	}
	err = s.store.Tx(ctx, func(tx *store.Tx) error {
		if stale {
			if err := tx.UpdateUserPassword(ctx, u.ID, u.PasswordHash); err != nil {
				return err
			}
		}
		return tx.ThrottleReset(ctx, account.name+account.key)
	})
	if err != nil {
		return model.User{}, err
	}
	return u, s.Begin(ctx, u)
}

func (s *Service) userByEmail(ctx context.Context, address string) (u model.User, err error) {
	err = s.store.View(ctx, func(tx *store.Tx) (err error) {
		u, err = tx.UserByEmail(ctx, address)
		return err
	})
	return u, err
}

// AuthenticateDevice finds the device whose secret an Authorization header
// carries. It refuses with protocol.CodeDeviceUnknown or CodeDeviceRevoked, in
// one shape. Whether the board is the enrolled one shows at its hello.
func (s *Service) AuthenticateDevice(ctx context.Context, authorization string) (model.Device, error) {
	unknown := model.Refuse(protocol.CodeDeviceUnknown, "This server does not know the box.", "Enrol the box again with a new code.")
	secret, ok := bearer(authorization)
	if !ok || !protocol.ValidSecret(secret) {
		return model.Device{}, unknown
	}
	var d model.Device
	err := s.store.View(ctx, func(tx *store.Tx) (err error) {
		d, err = tx.DeviceBySecretHash(ctx, protocol.HashSecret(secret))
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return model.Device{}, unknown
	case err != nil:
		return model.Device{}, err
	case !d.RevokedAt.IsZero():
		return model.Device{}, model.Refuse(protocol.CodeDeviceRevoked, "This box was removed from the server.", "Enrol the box again with a new code.")
	}
	return d, nil
}
