package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Tx is one transaction of Update. It must not be used after fn returned, nor from several goroutines.
type Tx struct {
	s       *Store
	w       *writer
	durable bool
	done    bool
	// err is the first statement that failed: the transaction is then lost, whatever fn makes of it.
	err error
	// now is the transaction's time.
	now time.Time
}

// Update runs fn in one transaction: all of it is kept or nothing, whatever happens to the process. Updates of one process
// run one after the other; another process's are waited for. fn may be called again, so it must not change anything but
// tx and variables it sets anew each time. An error or panic of fn rolls back. A failed statement rolls back even if fn
// returns nil.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return s.update(ctx, false, fn)
}

// UpdateDurable is Update that returns only when the disk has it (an Update survives the death of the process at once, but
// the machine's only after a moment). For intents: what must be known before something leaves the host.
func (s *Store) UpdateDurable(ctx context.Context, fn func(tx *Tx) error) error {
	return s.update(ctx, true, fn)
}

func (s *Store) update(ctx context.Context, durable bool, fn func(tx *Tx) error) error {
	if s.readOnly {
		return errReadOnly
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	err := s.once(ctx, durable, fn)
	// Perhaps it is limits.store that is full and not the disk: make room and try again, with more of it for a large step.
	for room := s.max / 20; s.max > 0 && errors.Is(err, ErrFull) && room < s.max/2; room *= 2 {
		if made, roomErr := s.makeRoom(ctx, room); roomErr != nil || made == (Pruned{}) {
			return err
		}
		err = s.once(ctx, durable, fn)
	}
	return err
}

// once runs fn in one transaction. The caller holds the turn.
func (s *Store) once(ctx context.Context, durable bool, fn func(tx *Tx) error) (err error) {
	if s.w == nil {
		if s.w, err = s.openWriter(ctx); err != nil {
			return err
		}
	}
	w := s.w
	if err := w.synchronous(ctx, durable); err != nil {
		return s.explain(err)
	}
	if err := s.begin(ctx, w); err != nil {
		return s.explain(err)
	}
	tx := &Tx{s: s, w: w, durable: durable, now: s.now()}
	committed := false
	defer func() {
		tx.done = true
		if !committed {
			s.rollback(w)
		}
	}()
	if err := fn(tx); err != nil {
		return s.explain(err)
	}
	if tx.err != nil {
		return tx.err
	}
	if _, err := w.conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return s.explain(err)
	}
	committed = true
	return nil
}

// rollback ends a transaction that is not to be kept. SQLite has itself ended it after some errors; a connection that can't
// be rolled back is not used again.
func (s *Store) rollback(w *writer) {
	_, err := w.conn.ExecContext(context.Background(), "ROLLBACK")
	if err != nil && sqlCode(err)&0xff != sqliteError {
		s.log.Warn("the database connection is opened anew", "error", err)
		_ = w.close()
		s.w = nil
	}
}

// sqliteError is SQLITE_ERROR, here: "no transaction is active".
const sqliteError = 1

// Statements within a transaction run without the caller's context: they are short, a watcher for each costs more than the
// statement, and the transaction's end is the place to be cancelled at.

func (tx *Tx) fail(err error) error {
	err = tx.s.explain(err)
	if tx.err == nil {
		tx.err = err
	}
	return err
}

func (tx *Tx) usable() error {
	if tx.done {
		return errors.New("the transaction is over")
	}
	return tx.err
}

// exec runs a statement and gives how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := tx.usable(); err != nil {
		return 0, err
	}
	st, err := tx.w.stmt(query) //nolint:sqlclosecheck // kept for the next use; the writer closes it
	if err != nil {
		return 0, tx.fail(err)
	}
	r, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, tx.fail(err)
	}
	return n, nil
}

// insert is exec that gives the new row's number.
func (tx *Tx) insert(query string, args ...any) (int64, error) {
	if err := tx.usable(); err != nil {
		return 0, err
	}
	st, err := tx.w.stmt(query) //nolint:sqlclosecheck // kept for the next use; the writer closes it
	if err != nil {
		return 0, tx.fail(err)
	}
	r, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	return r.LastInsertId()
}

// query implements querier.
func (tx *Tx) query(query string, args ...any) (*sql.Rows, error) {
	if err := tx.usable(); err != nil {
		return nil, err
	}
	st, err := tx.w.stmt(query) //nolint:sqlclosecheck // kept for the next use; the writer closes it
	if err != nil {
		return nil, tx.fail(err)
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return nil, tx.fail(err)
	}
	return rows, nil
}

// failed implements querier.
func (tx *Tx) failed(err error) error {
	if sqlCode(err) == 0 {
		return err
	}
	return tx.fail(err)
}

// querier is what reads need: a Tx, or a Store's snapshot.
type querier interface {
	query(query string, args ...any) (*sql.Rows, error)
	// failed is told of an error that came while rows were read.
	failed(err error) error
}

// snapshot is a read transaction: everything read in it is of one moment.
type snapshot struct {
	ctx context.Context
	tx  *sql.Tx
}

func (r snapshot) query(query string, args ...any) (*sql.Rows, error) {
	return r.tx.QueryContext(r.ctx, query, args...) //nolint:gosec // G701: statements are made of constants, what is asked for is in args
}

func (r snapshot) failed(err error) error { return err }

// view runs fn on a snapshot.
func (s *Store) view(ctx context.Context, fn func(q querier) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.explain(err)
	}
	defer tx.Rollback()
	return s.explain(fn(snapshot{ctx, tx}))
}

// each calls scan for each row.
func each(q querier, query string, args []any, scan func(rows *sql.Rows) error) error {
	rows, err := q.query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return q.failed(rows.Err())
}

// one scans the first row into dest, and says whether there was one.
func one(q querier, query string, args []any, dest ...any) (bool, error) {
	rows, err := q.query(query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, q.failed(rows.Err())
	}
	if err := rows.Scan(dest...); err != nil {
		return false, err
	}
	return true, q.failed(rows.Close())
}

// column gives the strings of a query of one column.
func column(q querier, query string, args ...any) ([]string, error) {
	var out []string
	err := each(q, query, args, func(rows *sql.Rows) error {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

func notFound(what, id string) error { return fmt.Errorf("%s %q: %w", what, id, ErrNotFound) }
