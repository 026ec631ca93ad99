// Package store keeps the server's truth in SQLite or in MySQL/MariaDB: one SQL
// text, one code path, every change in a transaction that is on disk before it
// is answered. It saves and returns values and decides nothing.
//
// Every list is served by an index, named beside its method; what old projects,
// whispers, hops and files there are does not change what a call costs.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"illumi/server/internal/store/internal/sqlcgen"
)

// Options say where the database is.
type Options struct {
	// DSN is "sqlite:PATH", "mysql://user:password@host:port/name" or
	// "mysql://user:password@unix(/path/to/socket)/name". The database of a MySQL
	// address exists and is ours alone; a SQLite file is made where there is none.
	DSN    string
	Logger *slog.Logger // nil: none
	// AsItIs refuses an older schema with ErrOlder and changes nothing: an older
	// program may be running on it.
	AsItIs bool
}

// Store is an open database, safe for use by many goroutines.
type Store struct {
	d        dialect
	serverID string
	log      *slog.Logger
	again    atomic.Uint64 // transactions that were run again
	runs     atomic.Uint64 // all that were run
	busy     atomic.Int64  // nanoseconds inside them
	names    nameList      // as views have them
}

// Open opens the database and brings its schema up to date. Several servers may
// open one MySQL database at once. A database that a newer program made is
// refused with ErrNewer. No error of this package shows a password.
func Open(ctx context.Context, o Options) (*Store, error) {
	return open(ctx, o, migrations)
}

func open(ctx context.Context, o Options, schema fs.FS) (*Store, error) {
	kind, rest, _ := strings.Cut(o.DSN, ":")
	s := &Store{log: o.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	err := ErrAddress
	switch {
	case kind == "sqlite" && rest != "" && !strings.HasPrefix(rest, ":"):
		s.d, err = openSQLite(rest)
	case kind == "mysql":
		s.d, err = openMySQL(strings.TrimPrefix(rest, "//"))
	}
	if err != nil {
		return nil, fmt.Errorf("store: open the database: %w", err)
	}
	// Another server that opens or closes the file may just change its journal;
	// SQLite does not wait for that by itself.
	err = s.Ping(ctx)
	for deadline := time.Now().Add(10 * time.Second); busy(err) && time.Now().Before(deadline) && ctx.Err() == nil; err = s.Ping(ctx) {
		time.Sleep(10 * time.Millisecond)
	}
	if err == nil {
		err = s.migrate(ctx, schema, o.AsItIs)
	}
	if err == nil {
		err = s.loadServerID(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if !o.AsItIs {
		s.warnOfForgetting(ctx)
	}
	return s, nil
}

// makeFile makes the database's file readable by nobody else, and its name
// safe from a power cut.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(dir.Sync(), dir.Close(), f.Close())
}

// Close waits for running statements and closes the database.
func (s *Store) Close() error {
	if s.d.read == s.d.write {
		return s.d.write.Close()
	}
	return errors.Join(s.d.read.Close(), s.d.write.Close())
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.d.read.PingContext(ctx); err != nil {
		return fmt.Errorf("store: %w", &unreachableError{s.d.where, err})
	}
	return nil
}

// Where says where the database is, without a password.
func (s *Store) Where() string { return s.d.where }

// Tx is a running transaction; its methods are what the server can ask. It is
// for one goroutine and ends with the function that got it.
type Tx struct {
	q     *sqlcgen.Queries
	seen  map[string]seen // whispers as they were loaded
	names *nameList
}

// A losing transaction is run again up to mostRuns times in all.
const mostRuns = 20

// Tx runs fn in a write transaction; what fn wrote is on disk when Tx returns
// nil, and undone when fn returns an error. Where the transaction loses against
// another one (a deadlock, a busy database, ErrConflict) fn is run again, so it
// must begin afresh each time: load inside, and set outer variables only at its
// end. Calling Tx or View inside fn waits for itself for ever.
//
// A write transaction sees what others committed up to each of its statements;
// decisions are guarded by compare-and-set (versions, ClaimDevice), not by reading.
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	// READ COMMITTED: after a device's row was written, NextReadyHop has to see
	// what the transaction before committed; and updates lock no gaps.
	return s.run(ctx, s.d.write, sql.TxOptions{Isolation: sql.LevelReadCommitted}, func(tx *Tx) error {
		tx.names = &nameList{} // what it adds itself may be undone
		return fn(tx)
	})
}

// View runs fn on a snapshot: all that it reads is of one moment. It may be run
// again like Tx. fn cannot write.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	return s.run(ctx, s.d.read, sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, func(tx *Tx) error {
		tx.names = &s.names
		return fn(tx)
	})
}

func (s *Store) run(ctx context.Context, db *sql.DB, o sql.TxOptions, fn func(*Tx) error) error {
	for run := 1; ; run++ {
		began := time.Now()
		err := once(ctx, db, o, fn)
		s.runs.Add(1)
		s.busy.Add(int64(time.Since(began)))
		if err == nil || run == mostRuns || !errors.Is(err, ErrConflict) && !busy(err) {
			return err
		}
		s.again.Add(1)
		s.log.DebugContext(ctx, "transaction runs again", "run", run, "error", err)
		// Full jitter, so that those who met do not meet again: up to 1 ms, 2, 4 … 128 ms.
		wait := time.NewTimer(rand.N(time.Millisecond << min(run-1, 7)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return fmt.Errorf("store: run a transaction again: %w", errors.Join(ctx.Err(), err))
		}
	}
}

func once(ctx context.Context, db *sql.DB, o sql.TxOptions, fn func(*Tx) error) error {
	t, err := db.BeginTx(ctx, &o)
	if err != nil {
		return wrap(err, "begin")
	}
	committed := false
	defer func() {
		if !committed {
			_ = t.Rollback() // fn's error, or its panic, is the one to tell
		}
	}()
	if err := fn(&Tx{q: sqlcgen.New(t), seen: map[string]seen{}}); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
			err = ctx.Err() // whose end rolled it back before we came
		}
		return wrap(err, "commit")
	}
	committed = true
	return nil
}
