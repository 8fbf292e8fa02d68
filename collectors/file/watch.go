package file

import (
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// maxChanged bounds the names remembered between two looks; past it everything is looked at.
const maxChanged = 4096

// watcher tells which files changed, by inotify on their directories. It never decides anything: a missed event costs
// time until the next look, not a line.
type watcher struct {
	log  *slog.Logger
	fs   *fsnotify.Watcher // nil where nothing can be watched
	want bool              // watch: inotify
	// remote names the file system of a directory that inotify is blind for.
	remote func(dir string) string
	// dirs are the directories that are watched, or, with false, can't be and are polled; inodes are those being watched,
	// since a directory of the same name may be another one later.
	dirs   map[string]bool
	inodes map[string]fileID
	full   bool // the watch limit was reached

	// wake has an element when there is something to take.
	wake chan struct{}
	done chan struct{}

	mu      sync.Mutex
	changed map[string]bool
	rescan  bool
}

// newWatcher starts watching. Without inotify (mode poll, or none to be had) every directory counts as polled.
func newWatcher(mode string, log *slog.Logger) *watcher {
	w := &watcher{
		log: log, want: mode == WatchInotify, remote: remote,
		dirs: map[string]bool{}, inodes: map[string]fileID{}, changed: map[string]bool{},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if mode == WatchPoll {
		close(w.done)
		return w
	}
	fs, err := fsnotify.NewBufferedWatcher(1024)
	if err != nil {
		w.log.Warn("inotify can't be had, files are polled", "error", err,
			"hint", "raise the sysctl fs.inotify.max_user_instances")
		close(w.done)
		return w
	}
	w.fs = fs
	go w.run()
	return w
}

func (w *watcher) run() {
	defer close(w.done)
	events, errs := w.fs.Events, w.fs.Errors
	for events != nil || errs != nil {
		select {
		case ev, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			w.note(ev)
		case _, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			// The queue overflowed, or a directory went: look at everything.
			w.mark(func() { w.rescan = true })
		}
	}
}

func (w *watcher) note(ev fsnotify.Event) {
	if ev.Op == fsnotify.Chmod {
		// Also sent when the last name of a file goes, which Remove tells, and when a file becomes readable.
		w.mark(func() { w.rescan = true })
		return
	}
	w.mark(func() {
		if ev.Has(fsnotify.Create) || ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename) || len(w.changed) >= maxChanged {
			w.rescan = true
		}
		if len(w.changed) < maxChanged {
			w.changed[ev.Name] = true
		}
	})
}

func (w *watcher) mark(f func()) {
	w.mu.Lock()
	f()
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take gives what changed since the last take: names, and whether everything is to be looked at.
func (w *watcher) take() (changed map[string]bool, rescan bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed, rescan = w.changed, w.rescan
	w.changed, w.rescan = map[string]bool{}, false
	return changed, rescan
}

// add watches dir. It may be called again and again.
func (w *watcher) add(dir string) {
	var id fileID
	if fi, err := os.Stat(dir); err == nil {
		id = idOf(fi)
	}
	if watched, ok := w.dirs[dir]; ok && (!watched || w.inodes[dir] == id) {
		return
	} else if ok {
		w.fs.Remove(dir) //nolint:errcheck // the watch may have gone with the directory
	}
	w.inodes[dir] = id
	if w.fs == nil || w.full {
		w.dirs[dir] = false
		return
	}
	if name := w.remote(dir); name != "" {
		if w.want {
			w.log.Warn("inotify doesn't see what other hosts write, files are polled", "directory", dir, "filesystem", name)
		}
		w.dirs[dir] = false
		return
	}
	err := w.fs.Add(dir)
	w.dirs[dir] = err == nil
	if errors.Is(err, unix.ENOSPC) {
		w.full = true
		w.log.Warn("the limit of inotify watches is reached, further directories are polled", "directory", dir,
			"hint", "raise the sysctl fs.inotify.max_user_watches")
	} else if err != nil && w.want {
		w.log.Warn("a directory can't be watched, its files are polled", "directory", dir, "error", err)
	}
}

// keep drops what isn't in dirs.
func (w *watcher) keep(dirs map[string]bool) {
	for d, watched := range w.dirs {
		if dirs[d] {
			continue
		}
		if watched {
			w.fs.Remove(d) //nolint:errcheck // the directory may be gone, and its watch with it
			w.full = false
		}
		delete(w.dirs, d)
		delete(w.inodes, d)
	}
}

// polled says whether any directory must be polled.
func (w *watcher) polled() bool {
	for _, watched := range w.dirs {
		if !watched {
			return true
		}
	}
	return w.fs == nil
}

func (w *watcher) close() {
	if w.fs != nil {
		w.fs.Close() // nothing is left to lose
	}
	<-w.done
}

// remote names the file system of dir where other hosts, or a process behind FUSE, may change files without inotify's
// knowledge; "" elsewhere.
func remote(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return ""
	}
	switch uint32(st.Type) { // magic numbers are 32 bits wide
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC:
		return "smb"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "afs"
	case unix.CEPH_SUPER_MAGIC:
		return "ceph"
	case unix.OCFS2_SUPER_MAGIC:
		return "ocfs2"
	case unix.CODA_SUPER_MAGIC:
		return "coda"
	case 0x0bd00bd0:
		return "lustre"
	case 0x01161970:
		return "gfs2"
	case 0x47504653:
		return "gpfs"
	}
	return ""
}
