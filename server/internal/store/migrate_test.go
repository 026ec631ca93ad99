package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"illumi/server/internal/store/storetest"
)

func TestNewerDatabaseIsRefused(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s := open()
		if _, err := s.d.write.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)"); err != nil {
			t.Fatal(err)
		}
		err := s.migrate(t.Context(), migrations, false)
		if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "99999") {
			t.Errorf("got %v, want ErrNewer that names the versions", err)
		}
	})
}

// A start that was killed between MySQL's own commit of a schema change and the
// note of it meets its own work: running every file again must change nothing.
func TestMigrationsAreRepeatable(t *testing.T) {
	forEachDB(t, func(t *testing.T, open func() *Store) {
		s := open()
		later := fstest.MapFS{}
		for _, name := range must2(fs.Glob(migrations, "migrations/*"))(t) {
			later[name] = &fstest.MapFile{Data: must2(fs.ReadFile(migrations, name))(t)}
		}
		later["migrations/90001_nickname.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE users ADD COLUMN nickname VARCHAR(20) NOT NULL DEFAULT '';")}
		later["migrations/90002_by_nickname.sql"] = &fstest.MapFile{Data: []byte("CREATE INDEX users_nickname ON users (nickname);")}
		if err := s.migrate(t.Context(), later, false); err != nil {
			t.Fatal(err)
		}
		forget := "DELETE FROM goose_db_version WHERE version_id > 0"
		if s.d.ddlInTx { // there a change and its note are one transaction
			forget = "DELETE FROM goose_db_version WHERE version_id BETWEEN 1 AND 90000"
		}
		if _, err := s.d.write.Exec(forget); err != nil {
			t.Fatal(err)
		}
		if !s.d.ddlInTx {
			if err := s.migrate(t.Context(), later, false); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.d.write.Exec("UPDATE users SET nickname = 'x'"); err != nil {
			t.Error(err)
		}
		if v, err := s.schemaVersion(t.Context()); err != nil || v != 90002 {
			t.Errorf("schema version %d, %v", v, err)
		}
	})
}

func TestSeveralServersStartAtOnce(t *testing.T) {
	for _, kind := range []string{"sqlite", "mysql"} {
		t.Run(kind, func(t *testing.T) {
			dsn := storetest.New(t, kind)
			var wg sync.WaitGroup
			ids := make([]string, 3)
			for i := range ids {
				wg.Go(func() {
					s, err := Open(t.Context(), Options{DSN: dsn})
					if err != nil {
						t.Error(err)
						return
					}
					ids[i] = s.serverID
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if ids[0] != ids[1] || ids[1] != ids[2] {
				t.Errorf("three servers, one database, ids %v", ids)
			}
		})
	}
}

func TestCollation(t *testing.T) {
	dsn := storetest.New(t, "mysql")
	s, err := openMySQL(strings.TrimPrefix(dsn, "mysql://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.write.Close(); err != nil {
			t.Error(err)
		}
	}()
	mended, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	must(t, mended, func(tx *Tx) error { return tx.CreateDevice(t.Context(), newDevice("Kuche")) })
	must(t, mended, func(tx *Tx) error { return tx.CreateDevice(t.Context(), newDevice("Küche")) })
	if _, err := s.write.Exec("ALTER TABLE meta CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"); err != nil {
		t.Fatal(err)
	}
	if err := mended.checkCollation(t.Context()); err == nil || !strings.Contains(err.Error(), "utf8mb4_bin") {
		t.Errorf("a table that compares by another collation: %v", err)
	}
	if err := mended.Close(); err != nil {
		t.Error(err)
	}
}

// Both forms of an address read the same password: somebody who moves to a socket keeps what is before the @.
func TestAddressesLogin(t *testing.T) {
	for _, address := range []string{"unix(/no/such/socket)/illumi", "db.example:3306/illumi", "tcp(db.example)/illumi"} {
		cfg, err := mysqlConfig("a%40nn:p%C3%A4%20ss%3Aw%40rd%2F@" + address)
		if err != nil || cfg.User != "a@nn" || cfg.Passwd != "pä ss:w@rd/" {
			t.Errorf("%s: %+v, %v", address, cfg, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ dsn, where string }{
		{"mysql://ann:s%40cr%2Fet@127.0.0.1:1/illumi", "127.0.0.1:1/illumi"},
		{"mysql://ann:s%40cr%2Fet@[::1]:3307/illumi?tls=false", "[::1]:3307/illumi"},
		{"mysql://ann:s%40cr%2Fet@db.example/illumi", "db.example:3306/illumi"},
		{"mysql://ann:secret@unix(/no/such/socket)/illumi", "/no/such/socket/illumi"},
		{"mysql://ann:sec%ret@unix(/no/such/socket)/illumi", ""},
		{"mysql://ann:s%40cr%2Fet@127.0.0.1:1/", ""},
		{"mysql://ann:s@cr/et@127.0.0.1:1/illumi", ""},
		{"mysql://ann:sec%ret@127.0.0.1:1/illumi", ""},
		{"mysql://", ""}, {"", ""}, {"sqlite:", ""}, {"sqlite::memory:", ""}, {"postgres://ann:secret@host/db", ""},
	} {
		t.Run(tt.dsn, func(t *testing.T) {
			d, err := dialect{}, ErrAddress
			if rest, ok := strings.CutPrefix(tt.dsn, "mysql://"); ok {
				d, err = openMySQL(rest)
			}
			if (err == nil) != (tt.where != "") || d.where != tt.where {
				t.Errorf("where %q, err %v; want %q", d.where, err, tt.where)
			}
			_, err = Open(t.Context(), Options{DSN: tt.dsn})
			if tt.where == "db.example:3306/illumi" {
				return // no names are looked up in tests
			}
			if err == nil || strings.Contains(err.Error(), "s@cr") || strings.Contains(err.Error(), "s%40cr") ||
				strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "sec%") {
				t.Errorf("opened, or said too much: %v", err)
			}
		})
	}
}

func TestRefusedLoginKeepsThePassword(t *testing.T) {
	server := storetest.New(t, "mysql")
	_, place, _ := strings.Cut(server, "@")
	_, err := Open(t.Context(), Options{DSN: "mysql://nobody:hunter2@" + place})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "illumi_test_") {
		t.Errorf("got %v, want a refusal that names the database and no password", err)
	}
}

func TestSQLiteFileIsPrivateAndSynced(t *testing.T) {
	dsn := storetest.New(t, "sqlite")
	s, err := Open(t.Context(), Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(dsn, "sqlite:")
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", suffix, info, err)
		}
	}
	for _, db := range []*sql.DB{s.d.write, s.d.read} {
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000"} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s = %q, %v; want %q", pragma, got, err, want)
			}
		}
	}
	if err := s.View(t.Context(), func(tx *Tx) error { return tx.CreateDevice(t.Context(), newDevice("x")) }); err == nil {
		t.Error("a view could write")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{DSN: dsn}); err == nil {
		t.Error("opened a file that is no database")
	}
}

// must2 unpacks a value that has to be there.
func must2[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestOpen_asItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		open := func(asItIs bool) error {
			s, err := Open(t.Context(), Options{DSN: dsn, AsItIs: asItIs})
			if err != nil {
				return err
			}
			return s.Close()
		}
		if err := open(true); !errors.Is(err, ErrOlder) {
			t.Errorf("an empty database: %v", err)
		}
		if err := open(false); err != nil {
			t.Fatal(err)
		}
		if err := open(true); err != nil {
			t.Errorf("our own version: %v", err)
		}
		s, err := Open(t.Context(), Options{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.d.write.Exec("DELETE FROM goose_db_version WHERE version_id > 16")
		before, verr := s.schemaVersion(t.Context())
		if err := errors.Join(err, verr, s.Close()); err != nil {
			t.Fatal(err)
		}
		if err := open(true); !errors.Is(err, ErrOlder) || before != 16 {
			t.Errorf("an older database, schema %d: %v", before, err)
		}
		if err := open(false); err != nil {
			t.Errorf("brought up to date: %v", err)
		}
	})
}
