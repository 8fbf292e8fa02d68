package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDirectory(t *testing.T) {
	type env struct{ dir, outside string }
	mk := func(mode fs.FileMode) func(env) error {
		return func(e env) error { return errors.Join(os.Mkdir(e.dir, 0o700), os.Chmod(e.dir, mode)) }
	}
	for _, tc := range []struct {
		name    string
		prepare func(env) error
		want    error
		says    string
		repairs bool
	}{
		{"none yet", func(env) error { return nil }, nil, "", false},
		{"as it should be", mk(0o700), nil, "", false},
		{"others may read", mk(0o755), nil, "", true},
		{"the group may write", mk(0o770), ErrUnsafe, "chmod 700", false},
		{"a symbolic link", func(e env) error {
			return errors.Join(os.Mkdir(e.outside, 0o700), os.Symlink(e.outside, e.dir))
		}, ErrUnsafe, "symbolic link", false},
		{"a file", func(e env) error { return os.WriteFile(e.dir, nil, 0o600) }, ErrUnsafe, "not a directory", false},
		{"the database is a link", func(e env) error {
			return errors.Join(mk(0o700)(e), os.WriteFile(e.outside, nil, 0o600), os.Symlink(e.outside, filepath.Join(e.dir, dbName)))
		}, ErrUnsafe, "not a regular file", false},
		{"the log is a link", func(e env) error {
			return errors.Join(mk(0o700)(e), os.Symlink(e.outside, filepath.Join(e.dir, dbName+"-wal")))
		}, ErrUnsafe, "not a regular file", false},
		{"the database has a second name", func(e env) error {
			return errors.Join(mk(0o700)(e), os.WriteFile(e.outside, nil, 0o600), os.Link(e.outside, filepath.Join(e.dir, dbName)))
		}, ErrUnsafe, "hard link", false},
		{"the database is a FIFO", func(e env) error {
			return errors.Join(mk(0o700)(e), syscall.Mkfifo(filepath.Join(e.dir, dbName), 0o600))
		}, ErrUnsafe, "not a regular file", false},
		{"not a database", func(e env) error {
			return errors.Join(mk(0o700)(e), os.WriteFile(filepath.Join(e.dir, dbName), bytes.Repeat([]byte("x"), 8192), 0o600))
		}, ErrCorrupt, "move", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tmp := t.TempDir()
			e := env{filepath.Join(tmp, "a", "state?#%20"), filepath.Join(tmp, "outside")}
			if err := errors.Join(os.Mkdir(filepath.Dir(e.dir), 0o755), tc.prepare(e)); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err := Open(t.Context(), e.dir, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if tc.want != nil {
				if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("got %v, want %v that says %q", err, tc.want, tc.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := errors.Join(s.Lock(t.Context()), s.Update(t.Context(), func(tx *Tx) error { return tx.Audit(Entry{}) })); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(log.String(), "0700 now"); got != tc.repairs {
				t.Errorf("repaired %v, want %v: %s", got, tc.repairs, &log)
			}
			modes := map[string]fs.FileMode{"": 0o700, dbName: 0o600, dbName + "-wal": 0o600, dbName + "-shm": 0o600, lockName: 0o600}
			for name, mode := range modes {
				if fi, err := os.Stat(filepath.Join(e.dir, name)); err != nil || fi.Mode().Perm() != mode {
					t.Errorf("%q: %v, %v, want mode %o", name, fi, err, mode)
				}
			}
			if found, _ := os.ReadDir(e.dir); len(found) != len(modes)-1 {
				t.Errorf("found %v", found)
			}
		})
	}
}

func TestOthersDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to make a directory of another user")
		}
		t.Skip("needs root, to make a directory of another user")
	}
	dir := filepath.Join(t.TempDir(), "state")
	const uid, gid = 12345, 12346
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, uid, gid)); err != nil {
		t.Fatal(err)
	}
	// What root makes in a daemon's directory is the daemon's.
	s := openAt(t, dir, Options{})
	if err := s.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dbName, dbName + "-wal", dbName + "-shm", lockName} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if st := fi.Sys().(*syscall.Stat_t); st.Uid != uid || st.Gid != gid {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
	// A file that a third user put there is not opened.
	other := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(other, dbName)
	if err := errors.Join(os.Mkdir(other, 0o700), os.Chown(other, uid, gid), os.WriteFile(path, nil, 0o600), os.Chown(path, 4242, 4242)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), other, Options{}); !errors.Is(err, ErrUnsafe) {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	a, b := openAt(t, dir, Options{}), openAt(t, dir, Options{})
	if err := errors.Join(a.Lock(ctx), a.Lock(ctx)); err != nil {
		t.Fatal(err)
	}
	err := b.Lock(ctx)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d runs on %s", os.Getpid(), dir)) {
		t.Error(err)
	}
	// A command may still work beside the daemon.
	update(t, b, func(tx *Tx) error { return tx.SaveStream(Stream{Source: "a", ID: "b"}) })
	if got, err := a.Streams(ctx, ""); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Lock(ctx); err != nil {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	ctx := t.Context()
	tmp := t.TempDir()
	dir := filepath.Join(tmp, "state")
	open := func() (*Store, error) { return Open(ctx, dir, Options{ReadOnly: true}) }
	if _, err := open(); !errors.Is(err, ErrNoState) {
		t.Error(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); !errors.Is(err, ErrNoState) {
		t.Error(err)
	}
	if found, _ := os.ReadDir(dir); len(found) > 0 {
		t.Errorf("opening for reading made %v", found)
	}
	if err := os.WriteFile(filepath.Join(dir, dbName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(); !errors.Is(err, ErrNoState) {
		t.Error(err)
	}
	w := openAt(t, dir, Options{})
	update(t, w, func(tx *Tx) error { return tx.OpenIncident(newIncident("lw-a.1")) })
	r := openAt(t, dir, Options{ReadOnly: true})
	if i, err := r.Incident(ctx, "lw-a.1"); err != nil || i.ID != "lw-a.1" {
		t.Errorf("%v, %v", i, err)
	}
	for name, err := range map[string]error{
		"Update": r.Update(ctx, func(*Tx) error { return nil }), "Lock": r.Lock(ctx), "Checkpoint": r.Checkpoint(ctx),
	} {
		if !errors.Is(err, errReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Prune(ctx, t0, Retention{}); !errors.Is(err, errReadOnly) {
		t.Error(err)
	}
	if _, err := r.read.ExecContext(ctx, "DELETE FROM incidents"); err == nil {
		t.Error("the reading connection wrote")
	}
}

func TestSchemaVersions(t *testing.T) {
	ctx := context.Background()
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := openAt(t, dir, Options{})
	update(t, s, func(tx *Tx) error { return tx.SaveStream(Stream{Source: "a", ID: "b"}) })

	// A step that fails leaves the version before it, whole.
	bad := append(list[:len(list):len(list)], "CREATE TABLE extra (x) STRICT")
	if err := s.migrate(ctx, s.w, append(bad, "CREATE TABLE later (x INTEGER); nonsense")); err == nil || !strings.Contains(err.Error(), "migration") {
		t.Error(err)
	}
	if v, _, err := s.version(ctx, s.read); err != nil || v != len(list) {
		t.Errorf("version %d, %v", v, err)
	}
	// One more step keeps what was there.
	more := append(list[:len(list):len(list)], "CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO extra VALUES (1)")
	if err := s.migrate(ctx, s.w, more); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Streams(ctx, ""); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	// This Logwright does not know that one.
	for _, ro := range []bool{false, true} {
		if _, err := Open(ctx, dir, Options{ReadOnly: ro}); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprintf("schema %d and this Logwright knows up to %d", len(list)+1, len(list))) {
			t.Error(err)
		}
	}
	tamper(t, dir, "PRAGMA user_version = 0")
	if _, err := Open(ctx, dir, Options{ReadOnly: true}); !errors.Is(err, ErrOlder) {
		t.Error(err)
	}
	tamper(t, dir, "PRAGMA application_id = 1")
	if _, err := Open(ctx, dir, Options{}); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "another program") {
		t.Error(err)
	}
}

func TestDamage(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := openAt(t, dir, Options{})
	update(t, s, func(tx *Tx) error {
		for n := range 2000 {
			if err := tx.AddGap(gapNumber(n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(s.Check(ctx), s.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, dbName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(b) / 2; i < len(b); i++ {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	// It shows at once or when everything is read, by what was hit.
	damaged, err := Open(ctx, dir, Options{})
	if err == nil {
		defer damaged.Close()
		err = damaged.Check(ctx)
	}
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), ".recover") || len(err.Error()) > 2000 {
		t.Error(err)
	}
}
