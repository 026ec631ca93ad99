package store

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"illumi/server/internal/model"
)

var (
	_ scs.Store    = (*SessionStore)(nil)
	_ scs.CtxStore = (*SessionStore)(nil)
)

func TestUsers(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		ann := model.User{ID: NewID(), Email: "Ann@Example.org ", Name: "Ánn 👵🏽  ", PasswordHash: "$argon2id$…", Role: model.RoleAdmin, CreatedAt: noon}
		bob := model.User{ID: NewID(), Email: "bob@example.org", Name: "Bob", Role: model.RoleResearcher, CreatedAt: noon}
		must(t, s, func(tx *Tx) error { return errors.Join(tx.CreateUser(ctx, ann), tx.CreateUser(ctx, bob)) })
		ann.Email = "ann@example.org"
		for _, spelling := range []string{"ann@example.org", "ANN@example.ORG", " ann@example.org\t"} {
			if got := view(t, s, func(tx *Tx) (model.User, error) { return tx.UserByEmail(ctx, spelling) }); got != ann {
				t.Errorf("%q: got %+v, want %+v", spelling, got, ann)
			}
			double := bob
			double.ID, double.Email = NewID(), spelling
			err := s.Tx(ctx, func(tx *Tx) error { return tx.CreateUser(ctx, double) })
			if !errors.Is(err, ErrExists) || ExistsKey(err) != KeyUserEmail || strings.Contains(err.Error(), "ann") {
				t.Errorf("%q: got %v (key %q)", spelling, err, ExistsKey(err))
			}
		}
		for _, other := range []string{"ann@example.org x", "änn@example.org", "ann@example.or", ""} {
			if err := s.View(ctx, func(tx *Tx) error { _, err := tx.UserByEmail(ctx, other); return err }); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q: got %v, want ErrNotFound", other, err)
			}
		}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.UpdateUserPassword(ctx, bob.ID, "new"), tx.UpdateUserPassword(ctx, bob.ID, "new"),
				tx.SetUserDisabled(ctx, bob.ID, noon))
		})
		bob.PasswordHash, bob.DisabledAt = "new", noon
		if got := view(t, s, func(tx *Tx) ([]model.User, error) { return tx.Users(ctx, 10, "") }); !slices.Equal(got, []model.User{ann, bob}) {
			t.Errorf("users %+v", got)
		}
		if got := view(t, s, func(tx *Tx) ([]model.User, error) { return tx.Users(ctx, 10, "ANN@example.org") }); !slices.Equal(got, []model.User{bob}) {
			t.Errorf("users after ann %+v", got)
		}
		if got := view(t, s, func(tx *Tx) (int, error) { return tx.CountAdmins(ctx) }); got != 1 {
			t.Errorf("%d administrators", got)
		}
		if got := view(t, s, func(tx *Tx) (int, error) { return tx.CountUsers(ctx) }); got != 2 {
			t.Errorf("%d users", got)
		}
		if err := s.Tx(ctx, func(tx *Tx) error { return tx.SetUserDisabled(ctx, "nobody", noon) }); !errors.Is(err, ErrNotFound) {
			t.Errorf("disable nobody: %v", err)
		}
	})
}

func TestSetupToken(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		use := func(hash string) (ok bool) {
			must(t, s, func(tx *Tx) (err error) { ok, err = tx.UseSetupToken(ctx, hash); return err })
			return ok
		}
		if use("first") {
			t.Error("used a token that was never set")
		}
		must(t, s, func(tx *Tx) error { return tx.SetSetupToken(ctx, "first", noon) })
		must(t, s, func(tx *Tx) error { return tx.SetSetupToken(ctx, "second", noon) })
		if use("first") || use("") {
			t.Error("used a token that was replaced")
		}
		if !use("second") || use("second") {
			t.Error("a token works once")
		}
		admin := model.User{ID: NewID(), Email: "a@b.org", Role: model.RoleAdmin, DisabledAt: noon}
		must(t, s, func(tx *Tx) error {
			return errors.Join(tx.SetSetupToken(ctx, "third", noon), tx.CreateUser(ctx, admin))
		})
		if use("third") {
			t.Error("used a token although there is an administrator")
		}
	})
}

func TestSessions(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		ss := s.Sessions(func(data []byte) string { user, _, _ := strings.Cut(string(data), ":"); return user })
		end := time.Now().Add(time.Hour)
		keep := func(token, data string, end time.Time) {
			t.Helper()
			if err := ss.Commit(token, []byte(data), end); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(token, want string) {
			t.Helper()
			data, found, err := ss.Find(token)
			if err != nil || found != (want != "") || !bytes.Equal(data, []byte(want)) {
				t.Errorf("%s: %q, %v, %v; want %q", token, data, found, err, want)
			}
		}
		expect("none", "")
		keep("a", "ann:\x00\xff1", end)
		keep("b", "ann:2", end)
		keep("c", "bob:3", end)
		keep("past", "bob:4", time.Now().Add(-time.Second))
		expect("a", "ann:\x00\xff1")
		expect("past", "")
		keep("a", "ann:\x00\xff9", end)
		expect("a", "ann:\x00\xff9")

		writtenAt := func() int64 {
			return view(t, s, func(tx *Tx) (int64, error) { r, err := tx.q.Session(ctx, "a"); return r.WrittenAt, err })
		}
		was := writtenAt()
		keep("a", "ann:\x00\xff9", end.Add(time.Second))
		if writtenAt() != was {
			t.Error("an unchanged session was written again")
		}
		keep("a", "ann:\x00\xff9", end.Add(2*time.Minute))
		if writtenAt() == was {
			t.Error("a session's new end was not kept")
		}

		if err := errors.Join(ss.Delete("c"), ss.Delete("none")); err != nil {
			t.Fatal(err)
		}
		keep("c", "bob:5", end) // a request that was under way
		expect("c", "")
		must(t, s, func(tx *Tx) error {
			n, err := tx.DeleteUserSessions(ctx, "ann")
			if n != 2 {
				t.Errorf("ended %d sessions of ann", n)
			}
			return err
		})
		keep("a", "ann:again", end)
		expect("a", "")
		expect("b", "")
		must(t, s, func(tx *Tx) error {
			n, err := tx.PurgeSessions(ctx, time.Now())
			if n != 1 {
				t.Errorf("purged %d sessions", n)
			}
			return err
		})
	})
}

func TestThrottle(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		try := func(key string, at time.Time) (ok bool, after time.Duration) {
			must(t, s, func(tx *Tx) (err error) { ok, after, err = tx.Throttle(ctx, key, at, 3, time.Minute); return err })
			return ok, after
		}
		for i := range 3 {
			if ok, _ := try("ann", noon.Add(time.Duration(i)*time.Second)); !ok {
				t.Errorf("attempt %d refused", i+1)
			}
		}
		for _, at := range []time.Duration{10 * time.Second, 59 * time.Second} {
			if ok, after := try("ann", noon.Add(at)); ok || after != time.Minute-at {
				t.Errorf("after %v: %v, %v", at, ok, after)
			}
		}
		if ok, _ := try("bob", noon); !ok {
			t.Error("another key refused")
		}
		if ok, _ := try("ann", noon.Add(time.Minute)); !ok {
			t.Error("refused in the next window")
		}
		must(t, s, func(tx *Tx) error {
			n, err := tx.PurgeThrottles(ctx, noon.Add(90*time.Second))
			if n != 1 {
				t.Errorf("purged %d throttles", n)
			}
			return errors.Join(err, tx.ThrottleReset(ctx, "ann"), tx.ThrottleReset(ctx, "nobody"))
		})
		for range 3 {
			if ok, _ := try("ann", noon.Add(61*time.Second)); !ok {
				t.Error("refused after a reset")
			}
		}
	})
}

// Within the limit exactly, however many try at once.
func TestThrottleConcurrent(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s, ctx := open(), t.Context()
		got := workers(t, 16, 10, func(int, int) bool {
			var ok bool
			must(t, s, func(tx *Tx) (err error) { ok, _, err = tx.Throttle(ctx, "k", noon, 25, time.Minute); return err })
			return ok
		})
		if got != 25 {
			t.Errorf("%d attempts allowed, want 25", got)
		}
	})
}
