package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

// keptStatements is how many prepared statements a SQLite connection keeps: more
// than a box's turn or any page needs, and less than a megabyte.
const keptStatements = 80

// openKeeping opens a SQLite database whose connections keep what they prepared.
// Preparing takes longer than most of our statements run.
func openKeeping(uri string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(uri)
	if err != nil {
		return nil, fmt.Errorf("read the address: %w", err)
	}
	return sql.OpenDB(keeper{c}), nil
}

type keeper struct{ driver.Connector }

func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &keepingConn{sqliteConn: c.(sqliteConn), kept: map[string]*statement{}}, nil
}

// sqliteConn is what the driver's connections can do and database/sql asks for.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keepingConn is a connection with its statements; database/sql uses it in one
// goroutine at a time.
type keepingConn struct {
	sqliteConn
	kept map[string]*statement
	now  int64 // counts uses
}

// preparedStmt is what the driver's statements can do.
type preparedStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type statement struct {
	preparedStmt
	open bool // its rows are being read
	used int64
}

// sqlc begins each of our queries so; others run once in a while.
const ours = "-- name: "

// find returns a statement that may be run, or nil where the text is to be
// prepared for this once.
func (c *keepingConn) find(ctx context.Context, text string) (*statement, error) {
	if !strings.HasPrefix(text, ours) {
		return nil, nil
	}
	c.now++
	if s := c.kept[text]; s != nil {
		if s.open {
			return nil, nil
		}
		s.used = c.now
		return s, nil
	}
	if err := c.makeRoom(); err != nil {
		return nil, err
	}
	p, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &statement{preparedStmt: p.(preparedStmt), used: c.now}
	c.kept[text] = s
	return s, nil
}

// makeRoom forgets the statement that was not used for longest.
func (c *keepingConn) makeRoom() error {
	if len(c.kept) < keptStatements {
		return nil
	}
	oldest := ""
	for text, s := range c.kept {
		if !s.open && (oldest == "" || s.used < c.kept[oldest].used) {
			oldest = text
		}
	}
	s := c.kept[oldest]
	if s == nil {
		return nil
	}
	delete(c.kept, oldest)
	return s.Close()
}

// ExecContext runs a statement that returns no rows.
func (c *keepingConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.find(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, text, args)
	}
	return s.ExecContext(ctx, args)
}

// QueryContext runs a statement that returns rows.
func (c *keepingConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.find(ctx, text)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, text, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.open = true
	return openRows{rows, s}, nil
}

// Close ends the connection and its statements.
func (c *keepingConn) Close() error {
	for _, s := range c.kept {
		// Of no consequence: the connection's end is what counts.
		_ = s.Close()
	}
	c.kept = nil
	return c.sqliteConn.Close()
}

type openRows struct {
	driver.Rows
	of *statement
}

// Close lets the statement be run again.
func (r openRows) Close() error {
	r.of.open = false
	return r.Rows.Close()
}
