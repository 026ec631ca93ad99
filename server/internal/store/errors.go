package store

import (
	"database/sql"
	"errors"
	"fmt"
)

// What can be wrong with a call. Everything else is the database's own trouble.
var (
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that a compare-and-set lost. Tx runs the function again;
	// the caller sees it only where it lost many times, or asked with old values.
	ErrConflict = errors.New("changed by somebody else meanwhile")
	// ErrExists says that a unique key is taken; ExistsKey says which.
	ErrExists = errors.New("exists already")
	// ErrOlder says that the schema is older than this program's.
	ErrOlder = errors.New("the database was made by an older illumi-server; stop that one, start this one's serve or type illumi-server migrate, and try again")
	// ErrNewer says that a newer program made the database's schema.
	ErrNewer = errors.New("the database was made by a newer illumi-server; start that one, or restore a backup")
)

// ErrAddress says that the database's address is none.
var ErrAddress = errors.New("a database's address is sqlite:PATH, mysql://user:password@host:port/name (special characters written as %XX) or mysql://user:password@unix(/path/to/socket)/name")

// ErrUnreachable says that the database does not answer or lets nobody in; the
// error that is it has the reason.
var ErrUnreachable = errors.New("the database cannot be reached")

// unreachableError is ErrUnreachable with what was tried.
type unreachableError struct {
	where string
	cause error
}

func (e *unreachableError) Error() string        { return "reach " + e.where + ": " + e.cause.Error() }
func (e *unreachableError) Is(target error) bool { return target == ErrUnreachable }
func (e *unreachableError) Unwrap() error        { return e.cause }

// Unique keys that callers tell apart.
const (
	KeyUserEmail    = "users_email"
	KeyDeviceName   = "devices_name_key"
	KeyDeviceSecret = "devices_secret_hash"
	KeyCodeHash     = "codes_code_hash"
	KeyStart        = "whispers_start_key"
	KeyAcceptedHop  = "replies_accepted_hop"
	KeyMailOnce     = "mails_once_key"
)

// existsError does not wrap the database's words: they quote the value.
type existsError struct{ key string }

func (e *existsError) Error() string        { return ErrExists.Error() + " (" + e.key + ")" }
func (e *existsError) Is(target error) bool { return target == ErrExists }

// ExistsKey names the unique key behind an ErrExists, else it is empty. A
// primary key is named by neither database in the same way.
func ExistsKey(err error) string {
	if e, ok := errors.AsType[*existsError](err); ok {
		return e.key
	}
	return ""
}

// wrap says what was tried and puts the package's errors in the place of the driver's.
func wrap(err error, what string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("store: %s: %w", what, ErrNotFound)
	}
	if key := brokenKey(err); key != "" {
		return fmt.Errorf("store: %s: %w", what, &existsError{key})
	}
	if full(err) {
		return fmt.Errorf("store: %s: %w: %w", what, ErrFull, err)
	}
	return fmt.Errorf("store: %s: %w", what, err)
}

// one is for statements that must change one row: none means that it is not there.
func one(rows int64, err error, what string) error {
	if err == nil && rows == 0 {
		err = sql.ErrNoRows
	}
	return wrap(err, what)
}
