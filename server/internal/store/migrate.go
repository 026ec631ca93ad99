package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// migrations are append-only and numbered, one statement a file: MySQL commits
// each schema change by itself, so a file is done or not done, and one that was
// done just before the power went can be run again.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date, or says that it is newer than this
// program; or older, where it has to stay as it is.
func (s *Store) migrate(ctx context.Context, schema fs.FS, asItIs bool) error {
	files, err := fs.Glob(schema, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("store: list the migrations: %w", err)
	}
	var steps []*goose.Migration
	var newest int64
	for _, name := range files {
		text, err := fs.ReadFile(schema, name)
		if err != nil {
			return fmt.Errorf("store: read a migration: %w", err)
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return fmt.Errorf("store: migration %s has no number: %w", name, err)
		}
		steps = append(steps, s.step(version, string(text)))
		newest = max(newest, version)
	}
	// Asked first, without the lock: a start with nothing to do waits for nobody.
	have, err := s.schemaVersion(ctx)
	if asItIs && err == nil && have < newest {
		return fmt.Errorf("store: the database at %s has schema %d, this program needs %d: %w", s.d.where, have, newest, ErrOlder)
	}
	if asItIs && err != nil {
		return fmt.Errorf("store: the database at %s has no schema of illumi (%w): %w", s.d.where, err, ErrOlder)
	}
	if err != nil || have < newest { // an error: there is no version table yet
		if err := s.checkCollation(ctx); err != nil {
			return err
		}
		options := append([]goose.ProviderOption{goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true)}, s.d.migrate...)
		provider, err := goose.NewProvider(s.d.goose, s.d.write, nil, options...)
		if err != nil {
			return fmt.Errorf("store: prepare the migrations: %w", err)
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("store: bring the database at %s up to date: %w", s.d.where, err)
		}
		if have, err = s.schemaVersion(ctx); err != nil {
			return fmt.Errorf("store: read the schema's version: %w", err)
		}
	}
	if have > newest {
		return fmt.Errorf("store: the database at %s has schema %d, this program knows %d: %w", s.d.where, have, newest, ErrNewer)
	}
	return nil
}

func (s *Store) schemaVersion(ctx context.Context) (int64, error) {
	var v sql.NullInt64
	err := s.d.write.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version").Scan(&v)
	return v.Int64, err
}

func (s *Store) step(version int64, text string) *goose.Migration {
	if s.d.ddlInTx {
		return goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, text); err != nil && !changed(err) {
				return err
			}
			return nil
		}}, nil)
	}
	return goose.NewGoMigration(version, &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
		if _, err := db.ExecContext(ctx, text); err != nil && !changed(err) {
			return err
		}
		return nil
	}}, nil)
}

// checkCollation makes MySQL compare texts byte by byte, as SQLite does: its
// own default takes "Ann" and "ann" for the same.
func (s *Store) checkCollation(ctx context.Context) error {
	if !s.d.collation {
		return nil
	}
	const want = "utf8mb4_bin"
	var have string
	if err := s.d.write.QueryRowContext(ctx, "SELECT @@collation_database").Scan(&have); err != nil {
		return fmt.Errorf("store: read the database's collation: %w", err)
	}
	if have != want {
		if _, err := s.d.write.ExecContext(ctx, "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE "+want); err != nil {
			return fmt.Errorf("store: the database at %s compares texts by %s and must by %s; let its administrator type ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE %s: %w", s.d.where, have, want, want, err)
		}
	}
	var wrong int64
	if err := s.d.write.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_collation <> '"+want+"' AND table_name NOT LIKE 'goose%'").Scan(&wrong); err != nil {
		return fmt.Errorf("store: read the tables' collations: %w", err)
	}
	if wrong > 0 {
		return errors.New("store: the database at " + s.d.where + " has tables that do not compare texts by " + want + "; give illumi a database of its own")
	}
	return nil
}
