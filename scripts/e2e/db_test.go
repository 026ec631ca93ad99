package e2e_test

import (
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the tests look at what the server stored
	_ "modernc.org/sqlite"             // likewise

	"illumi/scripts/e2e/world"
)

// databases runs a test on SQLite and, where one is given, on MySQL or MariaDB.
func databases(t *testing.T, test func(t *testing.T, o world.Options)) {
	t.Run("sqlite", func(t *testing.T) { test(t, world.Options{}) })
	t.Run("mysql", func(t *testing.T) {
		dsn := os.Getenv("ILLUMI_TEST_MYSQL")
		if dsn == "" {
			t.Skip("ILLUMI_TEST_MYSQL names no server; scripts/mariadb starts one")
		}
		name := "illumi_e2e_" + strings.ToLower(rand.Text()[:12])
		db, err := sql.Open("mysql", dsn)
		must(t, err)
		_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name)
		must(t, err)
		t.Cleanup(func() {
			// The test's own context has ended by now. A server that was killed a moment ago may still be waking up.
			var err error
			for range 100 {
				if _, err = db.Exec("DROP DATABASE " + name); err == nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if err != nil {
				t.Error(err)
			}
			db.Close()
		})
		test(t, world.Options{DB: "mysql://" + strings.TrimSuffix(dsn, "/") + "/" + name})
	})
}

// open opens the server's database beside it.
func (s *stage) open(t *testing.T, o world.Options) *sql.DB {
	t.Helper()
	driver, dsn := "sqlite", "file:"+filepath.Join(s.Data(), "illumi.db")+"?_pragma=busy_timeout(10000)"
	if rest, ok := strings.CutPrefix(o.DB, "mysql://"); ok {
		driver, dsn = "mysql", rest
	}
	db, err := sql.Open(driver, dsn)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// rows counts the rows of tables that hold what people gave.
func rows(t *testing.T, db *sql.DB) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, table := range []string{"projects", "whispers", "hops", "files", "uploads", "replies", "devices", "mails"} {
		var n int
		must(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n))
		counts[table] = n
	}
	return counts
}
