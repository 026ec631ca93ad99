package store

import (
	"errors"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
)

// ErrFull says that the database found no room to write: its disk is full, or
// what it may take of it. Nothing was changed.
var ErrFull = errors.New("the database's disk is full")

// full reports that err is a lack of room.
func full(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == 13 // SQLITE_FULL
	}
	e, ok := errors.AsType[*mysql.MySQLError](err) // disk full, table full
	return ok && (e.Number == 1021 || e.Number == 1114)
}
