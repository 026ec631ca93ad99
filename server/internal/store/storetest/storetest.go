// Package storetest gives tests an empty database of each kind, so that what
// is true on SQLite is shown to be true on MySQL as well.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the tests' own connection
)

// Each runs a test on an empty SQLite database, and on MySQL or MariaDB where
// ILLUMI_TEST_MYSQL says how to reach one ("root@unix(/sock)/").
func Each(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "mysql"} {
		t.Run(kind, func(t *testing.T) { test(t, New(t, kind)) })
	}
}

// New makes an empty database that ends with the test, and returns its DSN.
func New(t testing.TB, kind string) string {
	t.Helper()
	if kind == "sqlite" {
		return "sqlite:" + filepath.Join(t.TempDir(), "a box?#%41 é.db")
	}
	server := os.Getenv("ILLUMI_TEST_MYSQL")
	if server == "" {
		t.Skip("ILLUMI_TEST_MYSQL is not set")
	}
	name := "illumi_test_" + strings.ToLower(rand.Text())
	Admin(t, server, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	t.Cleanup(func() { Admin(t, server, "DROP DATABASE "+name) })
	head, options, _ := strings.Cut(server, "?")
	return "mysql://" + head + name + "?" + options
}

// Admin runs one statement on a database server.
func Admin(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("mysql", server)
	if err == nil {
		_, err = db.ExecContext(context.WithoutCancel(t.Context()), statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
