package store

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"illumi/server/internal/model"
	"illumi/server/internal/store/storetest"
)

// forEachDB runs a test on an empty database of each kind: SQLite, and MySQL or
// MariaDB where ILLUMI_TEST_MYSQL says how to reach one ("root@unix(/sock)/").
// open opens the same database each time it is called.
func forEachDB(t *testing.T, test func(t *testing.T, open func() *Store)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			dsn := storetest.New(t, kind)
			test(t, func() *Store {
				s, err := Open(t.Context(), Options{DSN: dsn})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
				return s
			})
		})
	}
}

// must runs fn in a write transaction that has to succeed.
func must(t testing.TB, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Tx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// view runs fn on a snapshot and returns what it read.
func view[V any](t testing.TB, s *Store, fn func(*Tx) (V, error)) V {
	t.Helper()
	var out V
	if err := s.View(t.Context(), func(tx *Tx) (err error) { out, err = fn(tx); return err }); err != nil {
		t.Fatal(err)
	}
	return out
}

// noon is a moment with microseconds.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC)

func newDevice(name string) model.Device {
	return model.Device{ID: NewID(), Name: name, SecretHash: rand.Text(), EnrolledAt: noon}
}

func newProject(t testing.TB, s *Store) model.Project {
	t.Helper()
	p := model.Project{ID: NewID(), Title: "Harbour", OwnerID: NewID(), Forwarding: model.ForwardStraight, CreatedAt: noon}
	must(t, s, func(tx *Tx) error { return tx.CreateProject(t.Context(), p) })
	return p
}

// newWhisper is a travelling whisper with a planned hop for each device.
func newWhisper(projectID string, devices ...string) *model.Whisper {
	w := &model.Whisper{ID: NewID(), ProjectID: projectID, Title: "Boats", State: model.WhisperTravelling,
		Forwarding: model.ForwardPause, Hold: 10 * time.Minute,
		Order:     model.Order{Algorithm: "shuffle-1", Seed: strings.Repeat("ab", 32), Input: devices},
		StartedBy: NewID(), CreatedAt: noon, StartedAt: noon.Add(time.Microsecond)}
	for i, d := range devices {
		w.Hops = append(w.Hops, model.Hop{ID: NewID(), WhisperID: w.ID, Position: i + 1, DeviceID: d, State: model.HopPlanned})
	}
	return w
}

func TestOpenAgain(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s := open()
		u := model.User{ID: NewID(), Email: "ann@example.org", Name: "Ann", Role: model.RoleAdmin, CreatedAt: noon}
		must(t, s, func(tx *Tx) error { return tx.CreateUser(t.Context(), u) })
		id, err := s.ServerID(t.Context())
		if err != nil || id == "" {
			t.Fatalf("server id %q, %v", id, err)
		}
		again := open() // while the first is open: several servers on one database
		if id2, err := again.ServerID(t.Context()); id2 != id || err != nil {
			t.Errorf("server id %q after opening again, was %q (%v)", id2, id, err)
		}
		if got := view(t, again, func(tx *Tx) (model.User, error) { return tx.UserByID(t.Context(), u.ID) }); got != u {
			t.Errorf("got %+v, want %+v", got, u)
		}
	})
}

// Whoever goes away before the commit is told that, and not that a transaction
// was finished twice.
func TestView_leftBeforeTheCommit(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s := open()
		for range 50 { // the roll-back comes from another goroutine, sooner or later
			ctx, cancel := context.WithCancel(t.Context())
			err := s.View(ctx, func(*Tx) error {
				cancel()
				runtime.Gosched()
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%v", err)
			}
		}
	})
}
