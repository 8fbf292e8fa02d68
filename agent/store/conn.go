package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dsn names the database with the settings of one kind of connection. Caches are small: what is read often is small, and
// the whole daemon is to fit into limits.memory. Temporary tables stay in memory, since log text has no place in /tmp.
// Freed pages are overwritten where that costs nothing more, so that a dropped prompt is gone.
func dsn(path string, readOnly bool) string {
	q := url.Values{}
	pragmas := []string{
		"busy_timeout(200)", "temp_store(MEMORY)", "mmap_size(0)", "trusted_schema(OFF)", "cell_size_check(ON)",
	}
	if readOnly {
		pragmas = append(pragmas, "cache_size(-512)", "query_only(ON)")
	} else {
		pragmas = append(pragmas, "cache_size(-2048)", "foreign_keys(ON)", "secure_delete(FAST)", "synchronous(NORMAL)",
			"journal_size_limit(4194304)", "wal_autocheckpoint(500)")
	}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	q.Set("mode", "rw") // never made by SQLite: see makeFile
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// writer is the one connection that writes, with its prepared statements. Only the holder of Store.turn touches it.
type writer struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	full  bool // PRAGMA synchronous is FULL
}

func openWriter(ctx context.Context, path string) (*writer, error) {
	db, err := sql.Open("sqlite", dsn(path, false))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &writer{db: db, conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

func (w *writer) close() error {
	for _, s := range w.stmts {
		_ = s.Close()
	}
	_ = w.conn.Close()
	return w.db.Close()
}

// stmt gives a prepared statement, prepared once a connection.
func (w *writer) stmt(query string) (*sql.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	// The driver parses a statement anew at each use where anything follows it, were it a newline.
	s, err := w.conn.PrepareContext(context.Background(), strings.TrimSpace(query))
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

// synchronous sets how far a commit goes. It can't be changed within a transaction.
func (w *writer) synchronous(ctx context.Context, full bool) error {
	if w.full == full {
		return nil
	}
	level := "NORMAL"
	if full {
		level = "FULL"
	}
	if _, err := w.conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous="+level); err != nil {
		return err
	}
	w.full = full
	return nil
}

// sqlCode gives SQLite's result code, 0 where err is not SQLite's.
func sqlCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// explained is an error of SQLite's with what to do about it.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

// explain turns SQLite's errors into ones that say what to do.
func (s *Store) explain(err error) error {
	if sqlCode(err) == 0 || errors.As(err, new(explained)) {
		return err
	}
	return explained{s.advise(err, sqlCode(err))}
}

func (s *Store) advise(err error, code int) error {
	switch {
	case code == sqlite3.SQLITE_IOERR_SHMSIZE || code&0xff == sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w for %s: free space on its disk, or raise limits.store; it goes on by itself then (%w)", ErrFull, s.path, err)
	case code&0xff == sqlite3.SQLITE_BUSY || code&0xff == sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: another process holds %s (%w); `fuser %[2]s` names it", ErrBusy, s.path, err)
	case code&0xff == sqlite3.SQLITE_CORRUPT, code&0xff == sqlite3.SQLITE_NOTADB:
		return corrupt(s.path, err)
	case code&0xff == sqlite3.SQLITE_READONLY, code&0xff == sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("%s can't be opened for writing; see that its directory belongs to the user that runs Logwright and its file system is not read-only (%w)", s.path, err)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// corrupt says that path is damaged, and how to go on.
func corrupt(path string, err error) error {
	return fmt.Errorf("%w: %s (%w): stop Logwright; `sqlite3 %[2]s .recover | sqlite3 new.db` may save it; else move %[2]s, %[2]s-wal and %[2]s-shm away and start anew: logs are then read from where their source says `start`",
		ErrCorrupt, path, err)
}
