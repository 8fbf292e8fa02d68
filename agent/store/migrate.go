package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"sort"
)

// The schema's history: one file a version, in order, never changed after a release. user_version says which were run.
// Migrations only ever go forward: an older Logwright refuses a newer schema rather than guess at it.

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID is in the file's header ("LgWr"): it tells our database from any other.
const applicationID = 0x4c675772

func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var out []string
	for i, name := range names {
		var n int
		if _, err := fmt.Sscanf(name, "migrations/%04d_", &n); err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		b, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, string(b))
	}
	return out, nil
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version reads what the file says it is. fresh is an empty file.
func (s *Store) version(ctx context.Context, q rowQuerier) (version int, fresh bool, err error) {
	var app, objects int
	err = q.QueryRowContext(ctx, "SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id a, pragma_user_version v").
		Scan(&app, &version, &objects)
	switch {
	case err != nil:
		return 0, false, s.explain(err)
	case app == 0 && version == 0 && objects == 0:
		return 0, true, nil
	case app != applicationID:
		return 0, false, fmt.Errorf("%w: %s is a database of another program; move it away, or name another directory with --state", ErrUnsafe, s.path)
	}
	return version, false, nil
}

// migrate brings the schema up to date: to the list's end.
func (s *Store) migrate(ctx context.Context, w *writer, list []string) error {
	v, fresh, err := s.version(ctx, w.conn)
	if err != nil {
		return err
	}
	if fresh {
		// Both must stand before the first table; neither can be set within a transaction. Harmless if two do it at once.
		for _, p := range []string{"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL"} {
			if err := s.retryBusy(ctx, func() error { return drain(ctx, w.conn, p) }); err != nil {
				return s.explain(err)
			}
		}
	}
	if v == len(list) {
		return nil
	}
	if err := w.synchronous(ctx, true); err != nil {
		return s.explain(err)
	}
	if err := s.begin(ctx, w); err != nil {
		return s.explain(err)
	}
	committed := false
	defer func() {
		if !committed {
			s.rollback(w)
		}
	}()
	// Again, now that nobody else can change it.
	if v, _, err = s.version(ctx, w.conn); err != nil {
		return err
	}
	if v > len(list) {
		return s.newer(v, len(list))
	}
	for n, text := range list[v:] {
		if _, err := w.conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("migration %d: %w", v+n+1, s.explain(err))
		}
	}
	if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", applicationID, len(list))); err != nil {
		return s.explain(err)
	}
	committed = true
	return nil
}

func (s *Store) newer(have, known int) error {
	return fmt.Errorf("%w: %s has schema %d and this Logwright knows up to %d; upgrade it, or go back to the state kept before", ErrNewer, s.path, have, known)
}

// drain runs a statement that may give rows, to its end.
func drain(ctx context.Context, c *sql.Conn, query string) error {
	rows, err := c.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
