// Package store keeps what Logwright knows: where each stream was left, clusters and their counts, incidents, the model's
// ledger, the outbox of notifications, and the audit. It is one SQLite database in a directory of its own.
//
// # What holds
//
// Everything that one step changes goes into one Update, and is kept as a whole or not at all, whenever the process is
// killed. That is what makes counts exact: the position of a stream and the counts of the lines before it are one write.
//
// The database is the only memory: nothing is cached that another process (a command on the same host) could change.
//
// # How
//
// One connection writes, by BEGIN IMMEDIATE, so a transaction never finds half-way that another was faster; a few others
// read, and are never in the way of the writer (WAL). An Update survives the death of the process when it returns; with
// synchronous=NORMAL a power cut may take back the last few, all of each, and lines are then read once more. Where something
// is about to leave the host (a model call, a delivery) UpdateDurable waits for the disk first.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Options tune a Store. The zero Options are usable.
type Options struct {
	// MaxBytes is limits.store; 0 is no limit.
	MaxBytes int64
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// ReadOnly opens for reading only: nothing is created, repaired or migrated, and Update is refused.
	ReadOnly bool
	// Logger is told of repairs and of what was dropped for room; slog.Default where nil.
	Logger *slog.Logger
}

// Store is an open database. It is safe for concurrent use, also by several processes at once.
type Store struct {
	path     string
	uid, gid int
	max      int64
	now      func() time.Time
	log      *slog.Logger
	readOnly bool

	read *sql.DB

	// turn is held by who writes. w and lock are its holder's to touch; w is nil after a connection went bad.
	turn   chan struct{}
	w      *writer
	seen   int64 // data_version of w when ChangedByOthers was last asked
	lock   *os.File
	closed bool
}

// Open opens the database in dir, makes it where there is none, and brings its schema up to date.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	s := &Store{max: o.MaxBytes, now: o.Now, log: o.Logger, readOnly: o.ReadOnly, turn: make(chan struct{}, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	s.path = filepath.Join(dir, dbName)
	s.uid, s.gid, err = prepareDir(dir, o.ReadOnly, func(was fs.FileMode) {
		s.log.Warn("others could read the state directory; its mode is 0700 now", "directory", dir, "mode", fmt.Sprintf("%04o", was))
	})
	if err != nil {
		return nil, err
	}
	if err := s.prepareFiles(); err != nil {
		return nil, err
	}
	list, err := migrations()
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, list); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) prepareFiles() error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		exists, err := checkFile(s.path+suffix, s.uid)
		if err != nil {
			return err
		}
		if suffix == "" && !exists {
			if s.readOnly {
				return fmt.Errorf("%w in %s: `logwright run` makes it; or name another directory with --state", ErrNoState, filepath.Dir(s.path))
			}
			if err := makeFile(s.path, s.uid, s.gid); err != nil {
				return fmt.Errorf("making the database: %w", err)
			}
		}
	}
	return nil
}

func (s *Store) connect(ctx context.Context, list []string) error {
	read, err := sql.Open("sqlite", dsn(s.path, true))
	if err != nil {
		return err
	}
	read.SetMaxOpenConns(4)
	// A connection costs far more to open than to keep, and several workers look at the same moments.
	read.SetMaxIdleConns(3)
	s.read = read
	if !s.readOnly {
		if s.w, err = s.openWriter(ctx); err != nil {
			return err
		}
		return s.migrate(ctx, s.w, list)
	}
	v, fresh, err := s.version(ctx, read)
	switch {
	case err != nil:
		return err
	case fresh:
		return fmt.Errorf("%w in %s: `logwright run` makes it; or name another directory with --state", ErrNoState, filepath.Dir(s.path))
	case v > len(list):
		return s.newer(v, len(list))
	case v < len(list):
		return fmt.Errorf("%w: %s has schema %d and this Logwright reads %d; start the daemon once with it, that brings it up to date", ErrOlder, s.path, v, len(list))
	}
	return nil
}

// openWriter opens the writing connection and has SQLite itself hold limits.store. The log beside the database is bounded
// by its own settings and comes out of the same allowance.
func (s *Store) openWriter(ctx context.Context) (*writer, error) {
	w, err := openWriter(ctx, s.path)
	if err != nil {
		return nil, s.explain(err)
	}
	if err := s.bound(ctx, w); err != nil {
		return nil, errors.Join(s.explain(err), w.close())
	}
	return w, nil
}

// mostPages is SQLite's own bound.
const mostPages = 4294967294

// bound gives a connection its limit.
func (s *Store) bound(ctx context.Context, w *writer) error {
	pages := int64(mostPages)
	if s.max > 0 {
		pages = max((s.max-min(s.max/8, 8<<20))/4096, 64)
	}
	return drain(ctx, w.conn, fmt.Sprintf("PRAGMA max_page_count=%d", pages))
}

// Lock makes this process the one daemon of the state directory, until Close. Another daemon's Lock gives ErrLocked;
// other processes may still open, read and Update. What a daemon that died left behind is settled here: deliveries and
// model calls begun without a result are marked as of unknown outcome.
func (s *Store) Lock(ctx context.Context) error {
	if s.readOnly {
		return errReadOnly
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	if s.lock != nil {
		<-s.turn
		return nil
	}
	f, err := lockFile(filepath.Join(filepath.Dir(s.path), lockName), s.uid, s.gid)
	if err == nil {
		s.lock = f
	}
	<-s.turn
	if err != nil {
		return err
	}
	return s.UpdateDurable(ctx, func(tx *Tx) error {
		if err := tx.settleDeliveries(); err != nil {
			return err
		}
		return tx.settleCalls()
	})
}

// Close waits for a running Update and ends all use. It releases the lock.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.w != nil {
		errs = append(errs, s.w.close())
		s.w = nil
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// ChangedByOthers says whether another process has written since it was last asked. The first answer is true.
func (s *Store) ChangedByOthers(ctx context.Context) (bool, error) {
	if s.readOnly {
		return false, errReadOnly
	}
	if err := s.take(ctx); err != nil {
		return false, err
	}
	defer func() { <-s.turn }()
	if s.w == nil { // opened anew, it counts from elsewhere
		s.seen = 0
		return true, nil
	}
	var v int64
	if err := s.w.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v); err != nil {
		return false, s.explain(err)
	}
	changed := v != s.seen
	s.seen = v
	return changed, nil
}

// SetMaxBytes changes limits.store, from the next write on.
func (s *Store) SetMaxBytes(ctx context.Context, limit int64) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if s.max == limit {
		return nil
	}
	s.max = limit
	if s.w == nil {
		return nil
	}
	return s.explain(s.bound(ctx, s.w))
}

var (
	errReadOnly = errors.New("the state was opened for reading only")
	errClosed   = errors.New("the state is closed")
)

// take waits for the turn to write. The holder gives it back by receiving from s.turn.
func (s *Store) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.closed {
		<-s.turn
		return errClosed
	}
	return nil
}

// busyTries times the busy_timeout of 200 ms is half a minute: far longer than any transaction here, shorter than a
// person's patience with a stopped one.
const busyTries = 150

// retryBusy runs f until another process is out of the way.
func (s *Store) retryBusy(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if code := sqlCode(err) & 0xff; code != sqlite3.SQLITE_BUSY || try == busyTries {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// begin begins a transaction that writes. The statement itself runs without ctx: the driver may report a cancelled one as
// failed that has begun all the same, and nobody would end that transaction.
func (s *Store) begin(ctx context.Context, w *writer) error {
	return s.retryBusy(ctx, func() error {
		_, err := w.conn.ExecContext(context.WithoutCancel(ctx), "BEGIN IMMEDIATE")
		return err
	})
}
