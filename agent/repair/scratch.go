package repair

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// scratch is a directory for one run. Whoever holds its lock is alive; the kernel lets go of the locks of the dead.
type scratch struct {
	dir  string
	lock *os.File
}

func (r *Repairer) scratches() string { return filepath.Join(r.dir, "tmp") }

// newScratch makes one. The lock is taken before the directory is there, so that nobody sweeps it away in between.
func (r *Repairer) newScratch() (*scratch, error) {
	if err := os.MkdirAll(r.scratches(), 0o700); err != nil {
		return nil, err
	}
	lock, err := os.CreateTemp(r.scratches(), "run-*.lock")
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, err
	}
	s := &scratch{dir: strings.TrimSuffix(lock.Name(), ".lock"), lock: lock}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// sub makes a directory of that name within.
func (s *scratch) sub(name string) (string, error) {
	dir := filepath.Join(s.dir, name)
	return dir, os.Mkdir(dir, 0o700)
}

func (s *scratch) remove() error {
	err := removeAll(s.dir)
	return errors.Join(err, os.Remove(s.lock.Name()), s.lock.Close())
}

// sweep removes what the dead have left.
func (r *Repairer) sweep() error {
	names, err := os.ReadDir(r.scratches())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		base, ok := strings.CutSuffix(n.Name(), ".lock")
		if !ok {
			continue
		}
		if err := r.sweepOne(base); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repairer) sweepOne(base string) error {
	file := filepath.Join(r.scratches(), base+".lock")
	lock, err := os.OpenFile(file, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil // somebody is at work there
	}
	return errors.Join(removeAll(filepath.Join(r.scratches(), base)), os.Remove(file))
}

// removeAll removes a directory even where directories below it are read-only, as those of Go's module cache are. It follows
// no symbolic link.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return os.RemoveAll(dir)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // what can't be read is told by RemoveAll below
		}
		return root.Chmod(p, 0o700)
	})
	return errors.Join(err, os.RemoveAll(dir))
}
