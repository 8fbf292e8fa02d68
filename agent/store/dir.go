package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The database holds raw log lines and what was sent to a model, so its directory is for one user alone. SQLite opens its
// files by name, follows links and makes new ones beside them; all of that is safe only if nobody else can put a name into
// the directory. So the directory is checked before anything in it is touched.

const (
	dbName   = "logwright.db"
	lockName = "lock"
)

// prepareDir checks dir and, unless readOnly, makes or repairs it. It gives the uid and gid that own it: files that root
// makes in a daemon's directory must stay the daemon's. repaired is told of a mode that let others read.
func prepareDir(dir string, readOnly bool, repaired func(was fs.FileMode)) (uid, gid int, err error) {
	fi, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if readOnly {
			return 0, 0, fmt.Errorf("%w in %s: `logwright run` makes it; or name another directory with --state", ErrNoState, dir)
		}
		if err = os.MkdirAll(filepath.Dir(dir), 0o755); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
		if err == nil || errors.Is(err, fs.ErrExist) {
			fi, err = os.Lstat(dir)
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return 0, 0, fmt.Errorf("state directory %s: %w: make it for the user that runs Logwright, or name another with --state", dir, err)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("state directory: %w", err)
	}
	st := fi.Sys().(*syscall.Stat_t)
	uid, gid = int(st.Uid), int(st.Gid)
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		return 0, 0, fmt.Errorf("%w: %s is a symbolic link; name the directory itself with --state", ErrUnsafe, dir)
	case !fi.IsDir():
		return 0, 0, fmt.Errorf("%w: %s is not a directory", ErrUnsafe, dir)
	case os.Geteuid() != 0 && uid != os.Geteuid():
		return 0, 0, fmt.Errorf("%w: %s belongs to user id %d and you are %d; run the command as that user or as root, or name another directory with --state",
			ErrUnsafe, dir, uid, os.Geteuid())
	}
	if perm := fi.Mode().Perm(); perm&0o077 != 0 {
		fix := fmt.Sprintf("chmod 700 %s", dir)
		switch {
		case perm&0o022 != 0:
			// Others could write: whatever is in there may be theirs. Not repaired silently.
			return 0, 0, fmt.Errorf("%w: others may write to %s (mode %04o); see that its files are yours, then `%s`", ErrUnsafe, dir, perm, fix)
		case readOnly:
			// A command that only reads changes no modes.
		default:
			if err := os.Chmod(dir, 0o700); err != nil {
				return 0, 0, fmt.Errorf("%w: others may read %s (mode %04o) and that can't be changed: %w", ErrUnsafe, dir, perm, err)
			}
			repaired(perm)
		}
	}
	return uid, gid, nil
}

// checkFile refuses a file that SQLite should not open: a link, something special, another user's, or one that has a
// second name elsewhere. No error where there is none.
func checkFile(path string, uid int) (exists bool, err error) {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	st := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.Mode().IsRegular():
		return true, fmt.Errorf("%w: %s is not a regular file; move it away", ErrUnsafe, path)
	case int(st.Uid) != uid && int(st.Uid) != os.Geteuid():
		return true, fmt.Errorf("%w: %s belongs to user id %d and its directory to %d; `chown %d %s` if you know it is yours",
			ErrUnsafe, path, st.Uid, uid, uid, path)
	case st.Nlink > 1:
		return true, fmt.Errorf("%w: %s has a second name (hard link); copy it over itself or move it away", ErrUnsafe, path)
	}
	return true, nil
}

// makeFile makes path as an empty file of mode 0600 that belongs to uid and gid, if there is none.
func makeFile(path string, uid, gid int) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if os.Geteuid() == 0 && (uid != 0 || gid != os.Getegid()) {
		if err := f.Chown(uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// lockFile takes the daemon's lock. The file stays when the lock is released: removing it would let two daemons lock two
// files of one name.
func lockFile(path string, uid, gid int) (*os.File, error) {
	if _, err := checkFile(path, uid); err != nil {
		return nil, err
	}
	if err := makeFile(path, uid, gid); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		who := "another process"
		b := make([]byte, 32)
		if n, _ := f.ReadAt(b, 0); n > 0 {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
				who = fmt.Sprintf("process %d", pid)
			}
		}
		return nil, fmt.Errorf("%w: %s runs on %s; stop it first, or name another directory with --state", ErrLocked, who, filepath.Dir(path))
	}
	// Who holds it is only for the message above.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return f, nil
}
