package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// numbered is one of our texts, unlike those with other numbers.
func numbered(n int) string {
	return fmt.Sprintf("-- name: Q%d :many\nSELECT n + %d FROM t ORDER BY n", n, n)
}

func keepingRig(t *testing.T) *sql.Conn {
	t.Helper()
	db := must2(openKeeping("file:" + filepath.Join(t.TempDir(), "t.db")))(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c := must2(db.Conn(t.Context()))(t)
	t.Cleanup(func() { _ = c.Close() }) // the pool's end is what counts
	for _, text := range []string{"CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1), (2), (3)"} {
		must2(c.ExecContext(t.Context(), text))(t)
	}
	return c
}

// ask adds up what a text returns.
func ask(t *testing.T, c *sql.Conn, text string) int {
	t.Helper()
	rows, err := c.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	total := sum(t, rows)
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return total
}

func sum(t *testing.T, rows *sql.Rows) (total int) {
	t.Helper()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// A connection keeps our own texts, a bounded number, and runs each as often as asked.
func TestStatements_Kept(t *testing.T) {
	c := keepingRig(t)
	for range 2 {
		for n := range 3 * keptStatements {
			if got := ask(t, c, numbered(n)); got != 6+3*n {
				t.Fatalf("statement %d: %d", n, got)
			}
		}
	}
	ask(t, c, "SELECT n FROM t")
	err := c.Raw(func(raw any) error {
		kept := raw.(*keepingConn).kept
		if len(kept) != keptStatements || kept[numbered(3*keptStatements-1)] == nil || kept[numbered(0)] != nil {
			t.Errorf("%d statements are kept", len(kept))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A statement whose rows are being read is not run a second time over them.
func TestStatements_Open(t *testing.T) {
	c := keepingRig(t)
	outer, err := c.QueryContext(t.Context(), numbered(0))
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	if !outer.Next() {
		t.Fatal("no row")
	}
	if got := ask(t, c, numbered(0)); got != 6 {
		t.Errorf("inner rows: %d", got)
	}
	if got := sum(t, outer); got != 5 {
		t.Errorf("what was left of the outer rows: %d", got)
	}
	if err := outer.Err(); err != nil {
		t.Error(err)
	}
}

// What was interrupted or whose table has changed runs again.
func TestStatements_Again(t *testing.T) {
	c := keepingRig(t)
	endless := "-- name: Endless :one\nWITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < ?) SELECT COUNT(*) FROM x"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var n int
	if err := c.QueryRowContext(ctx, endless, int64(1)<<60).Scan(&n); err == nil {
		t.Fatal("it came to an end")
	}
	if err := c.QueryRowContext(t.Context(), endless, 10).Scan(&n); err != nil || n != 10 {
		t.Errorf("after it was interrupted: %d, %v", n, err)
	}
	ask(t, c, numbered(1))
	must2(c.ExecContext(t.Context(), "ALTER TABLE t ADD COLUMN more TEXT"))(t)
	if got := ask(t, c, numbered(1)); got != 9 {
		t.Errorf("after the table changed: %d", got)
	}
}
