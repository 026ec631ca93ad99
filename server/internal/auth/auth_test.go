package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/labstack/echo/v4"

	"illumi/protocol"
	"illumi/server/internal/model"
	"illumi/server/internal/store"
)

const (
	annMail = "ann@example.org"
	annPass = "harbour lantern seven"
	home    = "192.0.2.7"
)

// rig is a service on a fresh database with a counter of hashes and a clock.
type rig struct {
	*Service
	hashes atomic.Int64
	mu     sync.Mutex
	clock  time.Time
}

func newRig(t *testing.T, secure bool) *rig {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(dir, "test.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	key, err := LoadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{clock: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	r.Service = New(Options{Store: st, Key: key, Secure: secure, Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.clock
	}})
	r.hasher.ran = func() { r.hashes.Add(1) }
	return r
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

func (r *rig) withAnn(t *testing.T) model.User {
	t.Helper()
	u, err := r.CreateUser(t.Context(), annMail, "Ann", annPass, model.RoleResearcher)
	if err != nil {
		t.Fatal(err)
	}
	r.hashes.Store(0)
	return u
}

// visiting is a context as the session middleware makes it.
func (r *rig) visiting(t *testing.T) context.Context {
	t.Helper()
	ctx, err := r.sessions.Load(context.WithValue(t.Context(), visitKey{}, &visit{}), "")
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func code(err error) protocol.Code {
	if e, ok := model.AsError(err); ok {
		return e.Code
	}
	return ""
}

// site serves sign-in and out, and tells who is signed in.
func (r *rig) site() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		status := http.StatusInternalServerError
		switch code(err) {
		case protocol.CodeSignIn:
			status = http.StatusUnauthorized
		case protocol.CodeThrottled:
			status = http.StatusTooManyRequests
		case protocol.CodeForbidden:
			status = http.StatusForbidden
		}
		if err := c.String(status, err.Error()); err != nil {
			panic(err)
		}
	}
	g := e.Group("", r.Sessions(e.HTTPErrorHandler))
	g.POST("/sign-in", func(c echo.Context) error {
		if _, err := r.SignIn(c.Request().Context(), c.FormValue("email"), c.FormValue("password"), c.Request().RemoteAddr); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/")
	})
	g.POST("/sign-out", func(c echo.Context) error {
		if err := r.SignOut(c.Request().Context()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	g.GET("/me", func(c echo.Context) error {
		a, err := ActorFrom(c.Request().Context())
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, a.UserID+" "+string(a.Role))
	})
	g.GET("/recheck", func(c echo.Context) error {
		ok, err := r.Recheck(c.Request().Context())
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint(ok))
	})
	g.POST("/begin-then-fail", func(c echo.Context) error {
		u, err := r.userByEmail(c.Request().Context(), annMail)
		if err != nil {
			return err
		}
		if err := r.Begin(c.Request().Context(), u); err != nil {
			return err
		}
		return fmt.Errorf("failed after the session was touched")
	})
	g.POST("/begin", func(c echo.Context) error {
		u, err := r.userByEmail(c.Request().Context(), annMail)
		if err != nil {
			return err
		}
		return r.Begin(c.Request().Context(), u)
	})
	return e
}

// browser keeps cookies like one.
type browser struct {
	t    *testing.T
	h    http.Handler
	jar  map[string]string
	last *http.Response
}

func (b *browser) do(method, path string, form url.Values) (status int, body string) {
	b.t.Helper()
	req := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(form.Encode()))
	req.RemoteAddr = home + ":1234"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range b.jar {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.h.ServeHTTP(rec, req)
	b.last = rec.Result()
	for _, c := range b.last.Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	return rec.Code, rec.Body.String()
}

func (b *browser) signIn(password string) int {
	b.t.Helper()
	status, _ := b.do("POST", "/sign-in", url.Values{"email": {annMail}, "password": {password}})
	return status
}

func (b *browser) signedIn() bool {
	b.t.Helper()
	status, _ := b.do("GET", "/me", nil)
	return status == http.StatusOK
}

func newBrowser(t *testing.T, h http.Handler) *browser {
	return &browser{t: t, h: h, jar: map[string]string{}}
}

// T14: the same answer for the same work, whether or not there is an account.
func TestSignIn_TellsNothing(t *testing.T) {
	r := newRig(t, false)
	r.withAnn(t)
	if _, err := r.CreateUser(t.Context(), "gone@example.org", "Gone", annPass, model.RoleResearcher); err != nil {
		t.Fatal(err)
	}
	if err := r.Disable(t.Context(), "gone@example.org"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ email, password string }{
		{annMail, "not the password"}, {annMail, ""}, {"nobody@example.org", annPass}, {"", ""}, {"gone@example.org", annPass},
		{"no address", annPass}, {annMail + "\r\n", "x"}, {strings.Repeat("a", 10_000), "x"},
	} {
		r.hashes.Store(0)
		ctx := r.visiting(t)
		_, err := r.SignIn(ctx, c.email, c.password, home)
		if err == nil || err.Error() != errWrong().Error() || code(err) != protocol.CodeSignIn {
			t.Errorf("%.30q: %v", c.email, err)
		}
		if n := r.hashes.Load(); n != 1 {
			t.Errorf("%.30q: %d hashes, want 1", c.email, n)
		}
		if u, ok := UserFrom(ctx); ok {
			t.Errorf("%.30q: signed in as %s", c.email, u.ID)
		}
	}
	r.hashes.Store(0)
	u, err := r.SignIn(r.visiting(t), "  ANN@Example.org ", annPass, home)
	if err != nil || u.Email != annMail || r.hashes.Load() != 1 {
		t.Errorf("the right password: %v, %v, %d hashes", u.Email, err, r.hashes.Load())
	}
}

func TestSignIn_RehashesOldParameters(t *testing.T) {
	r := newRig(t, false)
	u := r.withAnn(t)
	old, err := argon2id.CreateHash(annPass, &argon2id.Params{Memory: 8 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	err = r.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateUserPassword(t.Context(), u.ID, old) })
	if err != nil {
		t.Fatal(err)
	}
	for _, hashes := range []int64{2, 1} { // the second time it is as it should be
		r.hashes.Store(0)
		if _, err := r.SignIn(r.visiting(t), annMail, annPass, home); err != nil {
			t.Fatal(err)
		}
		if n := r.hashes.Load(); n != hashes {
			t.Errorf("%d hashes, want %d", n, hashes)
		}
	}
	got, err := r.userByEmail(t.Context(), annMail)
	if err != nil || !strings.Contains(got.PasswordHash, "m=19456,t=2,p=1") {
		t.Errorf("%q, %v", got.PasswordHash, err)
	}
}

func TestHasher_BoundsMemoryAndHonoursContext(t *testing.T) {
	h := newHasher()
	if cap(h.slots) != 2 {
		t.Errorf("%d hashes at once", cap(h.slots))
	}
	for range cap(h.slots) {
		if _, err := h.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := h.check(ctx, "x", decoy); err == nil {
		t.Error("a third hash ran")
	}
}

func TestDecoy_CostsWhatARealHashCosts(t *testing.T) {
	match, stale, err := newHasher().check(t.Context(), "", decoy)
	if err != nil || match || stale {
		t.Errorf("match %v, other parameters %v, %v", match, stale, err)
	}
}

func TestAuthenticateDevice(t *testing.T) {
	r := newRig(t, false)
	u := r.withAnn(t)
	secret, revoked := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	err := r.store.Tx(t.Context(), func(tx *store.Tx) error {
		for name, s := range map[string]string{"live": secret, "gone": revoked} {
			d := model.Device{ID: store.NewID(), Name: name, SecretHash: protocol.HashSecret(s), EnrolledBy: u.ID, EnrolledAt: r.now()}
			if err := tx.CreateDevice(t.Context(), d); err != nil {
				return err
			}
			if name == "gone" {
				if err := tx.RevokeDevice(t.Context(), d.ID, r.now()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]protocol.Code{
		"Bearer " + secret:                  "",
		"bearer  " + secret + " ":           "",
		"Bearer " + revoked:                 protocol.CodeDeviceRevoked,
		"Bearer " + strings.Repeat("0", 64): protocol.CodeDeviceUnknown,
		"Bearer " + strings.ToUpper(secret): protocol.CodeDeviceUnknown,
		"Basic " + secret:                   protocol.CodeDeviceUnknown,
		secret:                              protocol.CodeDeviceUnknown,
		"Bearer ":                           protocol.CodeDeviceUnknown,
		"":                                  protocol.CodeDeviceUnknown,
		"Bearer ' OR 1=1 --":                protocol.CodeDeviceUnknown,
	} {
		d, err := r.AuthenticateDevice(t.Context(), header)
		if code(err) != want || (want == "") != (err == nil) {
			t.Errorf("%q: %v", header, err)
		}
		if (d.Name == "live") != (want == "") {
			t.Errorf("%q: device %q", header, d.Name)
		}
	}
}
