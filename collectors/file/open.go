package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Opening is where a service could make a privileged reader read what the service may not: a link to /etc/shadow where a
// log was, put there between look and open. So no path is ever handed to open(2) as a whole where links are restricted:
// it is walked component by component with descriptors, every link is read and judged by us, and what was opened last is
// looked at once more through its own descriptor.

// refusal is why a path isn't read. It is told once.
type refusal struct {
	path, reason, hint string
}

func (r *refusal) Error() string {
	s := r.path + ": " + r.reason
	if r.hint != "" {
		s += " (" + r.hint + ")"
	}
	return s
}

const (
	openFlags  = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NOCTTY
	maxSymlink = 40

	unixDir, unixFIFO, unixSocket, unixDevice = unix.S_IFDIR, unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR
)

// openFile opens a regular file for reading under the rules for links. The error is a *refusal where the rules say no, or
// has fs.ErrNotExist, fs.ErrPermission and so on in it.
func openFile(path, symlinks string) (*os.File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if symlinks == SymlinksFollow {
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, err
		}
	}
	fd, err := walk(abs, path, symlinks)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// walk opens abs; shown is what messages call it.
func walk(abs, shown, symlinks string) (int, error) {
	// links are those being followed: the first thing that is not a link once todo is as short again as it was when
	// the link was met is the link's target.
	type link struct {
		uid  uint32
		left int
		path string
	}
	var (
		links []link
		seen  int
		todo  = split(abs)
		dir   int
		at    = "/"
	)
	dir, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	defer func() { unix.Close(dir) }()
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		here := filepath.Join(at, name)
		fail := func(err error) (int, error) { return -1, &fs.PathError{Op: "open", Path: here, Err: err} }
		fd, err := ignoringEINTR(func() (int, error) {
			return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		})
		if err != nil {
			return fail(err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			unix.Close(fd)
			return fail(err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			target, err := readlinkAt(fd)
			unix.Close(fd)
			if err != nil {
				return fail(err)
			}
			if seen++; seen > maxSymlink {
				return fail(unix.ELOOP)
			}
			if symlinks == SymlinksNever && len(todo) == 0 {
				return -1, &refusal{shown, "is a symbolic link", "symlinks: never is set; include the target itself"}
			}
			links = append(links, link{st.Uid, len(todo), here})
			todo = append(split(target), todo...)
			if strings.HasPrefix(target, "/") {
				root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
				if err != nil {
					return fail(err)
				}
				unix.Close(dir)
				dir, at = root, "/"
			}
			continue
		}
		isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
		for len(links) > 0 && links[len(links)-1].left >= len(todo) {
			l := links[len(links)-1]
			links = links[:len(links)-1]
			if symlinks == SymlinksFollow || st.Uid == l.uid || l.uid == 0 && isDir {
				continue
			}
			unix.Close(fd)
			return -1, &refusal{shown, fmt.Sprintf("the symbolic link %s belongs to user %d, its target to user %d", l.path, l.uid, st.Uid),
				"a service could have any file read that way; set symlinks: follow if that is no concern here"}
		}
		if len(todo) > 0 {
			if !isDir {
				unix.Close(fd)
				return fail(unix.ENOTDIR)
			}
			unix.Close(dir)
			dir, at = fd, here
			continue
		}
		unix.Close(fd)
		if r := notRegular(st.Mode, shown); r != nil {
			return -1, r
		}
		got, err := ignoringEINTR(func() (int, error) { return unix.Openat(dir, name, openFlags, 0) })
		if err != nil {
			return fail(err)
		}
		var now unix.Stat_t
		if err := unix.Fstat(got, &now); err != nil {
			unix.Close(got)
			return fail(err)
		}
		if r := notRegular(now.Mode, shown); r != nil {
			unix.Close(got)
			return -1, r
		}
		if fs := kernelFS(got); fs != "" {
			unix.Close(got)
			return -1, &refusal{shown, "is an interface of the kernel (" + fs + "), not a file on a disk", "the kernel's own messages are in the journal"}
		}
		if now.Dev != st.Dev || now.Ino != st.Ino {
			// Replaced under our hands. A link's owner was judged by the other file.
			unix.Close(got)
			return fail(unix.EAGAIN)
		}
		return got, nil
	}
	return -1, &refusal{shown, "is a directory", "a pattern such as " + strings.TrimRight(shown, "/") + "/*.log names the files in it"}
}

func split(path string) []string {
	var out []string
	for _, p := range strings.Split(path, "/") {
		if p != "" && p != "." {
			out = append(out, p)
		}
	}
	return out
}

func notRegular(mode uint32, path string) *refusal {
	what, hint := "", ""
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		what, hint = "a directory", "a pattern such as "+strings.TrimRight(path, "/")+"/*.log names the files in it"
	case unix.S_IFIFO:
		what, hint = "a pipe", "a pipe can be read once only: use - and standard input"
	case unix.S_IFSOCK:
		what = "a socket"
	default:
		what = "a device"
	}
	return &refusal{path, "is " + what + ", not a regular file", hint}
}

// kernelFS names the file system of an open file where files are made up as they are read: they say they are regular, have
// no size, and another content each time.
func kernelFS(fd int) string {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil {
		return ""
	}
	switch uint32(st.Type) { // magic numbers are 32 bits wide
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		return "cgroup"
	case unix.DEBUGFS_MAGIC:
		return "debugfs"
	case unix.TRACEFS_MAGIC:
		return "tracefs"
	case unix.SECURITYFS_MAGIC:
		return "securityfs"
	}
	return ""
}

func readlinkAt(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	if n == 0 || n == len(buf) {
		return "", unix.ENAMETOOLONG
	}
	return string(buf[:n]), nil
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// plain is an open uncompressed file as a source of bytes.
type plain struct{ *os.File }

// nextData implements holeSeeker.
func (p plain) nextData(at int64) (int64, bool) {
	off, err := unix.Seek(int(p.Fd()), at, unix.SEEK_DATA)
	switch {
	case err == nil:
		return off, true
	case errors.Is(err, unix.ENXIO):
		return 0, false
	}
	return at, true // the file system can't tell holes
}
