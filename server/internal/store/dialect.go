package store

import (
	"cmp"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
)

// dialect is, with the functions of this file, all that differs between the databases.
type dialect struct {
	where       string                 // for errors and logs: no password
	write, read *sql.DB                // one and the same where there can be many writers
	goose       goose.Dialect          //
	ddlInTx     bool                   // a schema change can be taken back
	migrate     []goose.ProviderOption // with a lock where several servers may start at once
	collation   bool                   // has to be checked
}

func openSQLite(path string) (dialect, error) {
	// FULL: with NORMAL a power cut takes answered commits away (measured).
	// immediate: a transaction that began as a reader cannot always become a writer.
	uri := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(10000)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=journal_size_limit(67108864)"
	write, err := openKeeping(uri)
	read, err2 := openKeeping(uri + "&_pragma=query_only(1)")
	if err := errors.Join(makeFile(path), err, err2); err != nil {
		return dialect{}, err
	}
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8)
	return dialect{where: path, write: write, read: read, goose: goose.DialectSQLite3, ddlInTx: true}, nil
}

// mysqlConfig reads user:password@host:port/name and user:password@unix(/path/to/socket)/name. In either form
// special characters of user and password are written as %XX.
func mysqlConfig(address string) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(address)
	if err == nil {
		user, errUser := url.PathUnescape(cfg.User)
		password, errPassword := url.PathUnescape(cfg.Passwd)
		cfg.User, cfg.Passwd, err = user, password, cmp.Or(errUser, errPassword)
	} else if u, urlErr := url.Parse("mysql://" + address); urlErr == nil && u.Host != "" {
		if cfg, err = mysql.ParseDSN("tcp(" + u.Host + ")" + u.EscapedPath() + "?" + u.RawQuery); err == nil {
			cfg.User = u.User.Username()
			cfg.Passwd, _ = u.User.Password()
		}
	}
	if err == nil && cfg.DBName == "" {
		err = ErrAddress
	}
	return cfg, err
}

func openMySQL(address string) (dialect, error) {
	cfg, err := mysqlConfig(address)
	if err != nil {
		return dialect{}, ErrAddress // not the parser's words: they may hold the password
	}
	// Found rows: an update that changes nothing counts, as in SQLite. Strict: an overlong text is refused, never cut.
	err = cfg.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin"))
	cfg.ClientFoundRows, cfg.ParseTime, cfg.InterpolateParams, cfg.Loc = true, true, true, time.UTC
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout, cfg.Logger = 10*time.Second, time.Minute, time.Minute, &mysql.NopLogger{}
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	cfg.Params["sql_mode"], cfg.Params["innodb_lock_wait_timeout"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'", "10"
	connector, err2 := mysql.NewConnector(cfg)
	// A server that died while it held the lock delays the next one by the lease.
	locker, err3 := lock.NewMySQLTableLocker(lock.WithTableLeaseDuration(10*time.Second),
		lock.WithTableHeartbeatInterval(2*time.Second), lock.WithTableLockTimeout(250*time.Millisecond, 1200))
	if err := cmp.Or(err, err2, err3); err != nil {
		return dialect{}, ErrAddress
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	db.SetConnMaxLifetime(5 * time.Minute)
	return dialect{where: cfg.Addr + "/" + cfg.DBName, write: db, read: db, goose: goose.DialectMySQL, collation: true,
		migrate: []goose.ProviderOption{goose.WithLocker(locker), goose.WithIsolateDDL(true)}}, nil // isolated: for Galera
}

// busy reports that the transaction lost against another one and may be run again.
func busy(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == 5 || e.Code()&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
	}
	e, ok := errors.AsType[*mysql.MySQLError](err) // deadlock, lock wait, snapshot too old
	return ok && (e.Number == 1213 || e.Number == 1205 || e.Number == 1020 || string(e.SQLState[:]) == "40001")
}

// changed reports that a schema change was made before: MySQL commits each by
// itself, so that a start that was killed may meet its own work; and of two that
// start at once on SQLite, the second meets what the first did.
func changed(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == 1 && (strings.Contains(e.Error(), " already exists") || strings.Contains(e.Error(), "duplicate column name"))
	}
	e, ok := errors.AsType[*mysql.MySQLError](err) // table, column or key exists; cannot drop what is gone
	return ok && (e.Number == 1050 || e.Number == 1060 || e.Number == 1061 || e.Number == 1091)
}

// brokenKey names the unique key that err says is taken, as table_column, or is empty.
func brokenKey(err error) string {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && (e.Code() == 2067 || e.Code() == 1555) { // UNIQUE, PRIMARYKEY
		_, key, _ := strings.Cut(e.Error(), "UNIQUE constraint failed: ") // t.a, t.b (2067)
		key, _, _ = strings.Cut(strings.Replace(key, ",", " ", 1), " ")
		return strings.Replace(key, ".", "_", 1)
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == 1062 { // ... for key 't.t_a' or 't_a'
		key := strings.TrimSuffix(e.Message[strings.LastIndexByte(strings.TrimSuffix(e.Message, "'"), '\'')+1:], "'")
		return key[strings.IndexByte(key, '.')+1:]
	}
	return ""
}
