package file

import (
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/logwright/logwright/collectors"
)

// live runs a collector without a waker, by the kernel's word or by polling, and waits for lines as they come.
type live struct {
	*bed
	came chan string
	done chan error
}

func (b *bed) live() *live {
	b.t.Helper()
	l := &live{bed: b, came: make(chan string, 1000), done: make(chan error, 1)}
	c, err := New(b.cfg, Options{Logger: slog.New(slog.NewTextHandler(b.log, nil))})
	b.must(err)
	ctx := b.t.Context()
	go func() {
		l.done <- c.Collect(ctx, nil, func(batch collectors.Batch) error {
			for _, line := range batch.Lines {
				l.came <- line.Text
			}
			return nil
		})
	}()
	return l
}

func (l *live) expect(want ...string) {
	l.t.Helper()
	for _, w := range want {
		select {
		case got := <-l.came:
			if got != w {
				l.t.Fatalf("%q, want %q\n%s", got, w, l.log)
			}
		case err := <-l.done:
			l.t.Fatalf("ended: %v", err)
		case <-time.After(30 * time.Second):
			l.t.Fatalf("%q did not come\n%s", w, l.log)
		}
	}
}

// Links on the way to a log are watched, wherever they are: what they lead to later is read without polling.
// crowdsecurity/crowdsec#2449, #2604
func TestInotifyBehindLinks(t *testing.T) {
	b := newBed(t, "containers/*.log", "mounted/x/app.log", "late/*.log")
	b.cfg.Watch, b.cfg.PollInterval = WatchInotify, time.Hour
	b.mkdir("containers", "pods/a", "middle", "..2026_01/x", "..2026_02/x", "late")
	b.append("pods/a/0.log", "a\n")
	b.link("../pods/a/0.log", "middle/a.log")
	b.link("../middle/a.log", "containers/a.log")
	l := b.live()
	l.expect("a")
	// Rotated behind two links.
	b.rename("pods/a/0.log", "pods/a/0.log.20260101-000000")
	b.append("pods/a/0.log", "b\n")
	l.expect("b")
	// The link in the middle is switched.
	b.append("pods/a/1.log", "c\n")
	b.link("../pods/a/1.log", "middle/a.log")
	l.expect("c")
	b.append("pods/a/1.log", "d\n")
	l.expect("d")
	// A directory on the way becomes a link, and is switched.
	b.append("..2026_01/x/app.log", "e\n")
	b.link("..2026_01", "mounted")
	l.expect("e")
	b.append("..2026_02/x/app.log", "f\n")
	b.link("..2026_02", "mounted")
	l.expect("f")
	// A link that leads to nothing comes alive.
	b.link("../pods/b/0.log", "late/b.log")
	b.mkdir("pods/b")
	b.append("pods/b/0.log", "g\n")
	l.expect("g")
	b.append("pods/b/0.log", "h\n")
	l.expect("h")
}

// A directory several levels down that is not there at the start.
func TestInotifyDirectoryAppearsLater(t *testing.T) {
	b := newBed(t, "var/log/app/*.log")
	b.cfg.Watch, b.cfg.PollInterval = WatchInotify, time.Hour
	l := b.live()
	b.mkdir("var/log/app")
	b.append("var/log/app/x.log", "a\n")
	l.expect("a")
	b.append("var/log/app/x.log", "b\n")
	l.expect("b")
	b.rename("var/log/app", "var/log/old")
	b.mkdir("var/log/app")
	b.append("var/log/app/x.log", "c\n")
	l.expect("c")
	b.append("var/log/app/x.log", "d\n")
	l.expect("d")
}

// The kernel's queue ran over, or the watcher stumbled: everything is looked at again.
func TestInotifyOverflow(t *testing.T) {
	b := newBed(t, "*.log")
	w := newWatcher(WatchAuto, slog.New(slog.DiscardHandler))
	defer w.close()
	if w.fs == nil {
		t.Fatal("no inotify")
	}
	b.append("app.log", "a\n")
	for _, err := range []error{fsnotify.ErrEventOverflow, errors.New("read: input/output error")} {
		w.fs.Errors <- err
		<-w.wake
		if _, rescan := w.take(); !rescan {
			t.Errorf("%v: nothing is looked at again", err)
		}
	}
	// More names than are remembered: everything is looked at, and the memory is bounded.
	for i := range 3 * maxChanged {
		w.note(fsnotify.Event{Name: strconv.Itoa(i), Op: fsnotify.Write})
	}
	if changed, rescan := w.take(); !rescan || len(changed) > maxChanged {
		t.Errorf("%d names, everything: %v", len(changed), rescan)
	}
}

// Another host may change what lies on a network mount, without the kernel's knowledge: it is polled, which is said where
// inotify was asked for.
func TestNetworkMountIsPolled(t *testing.T) {
	b := newBed(t, "*.log")
	for told, mode := range []string{WatchAuto, WatchInotify} { // the first says nothing
		w := newWatcher(mode, slog.New(slog.NewTextHandler(b.log, nil)))
		w.remote = func(string) string { return "nfs" }
		w.add(b.dir)
		w.add(b.dir)
		if !w.polled() {
			t.Errorf("%s: not polled", mode)
		}
		if n := b.count("filesystem=nfs"); n != told {
			t.Errorf("%s: told %d times: %s", mode, n, b.log)
		}
		w.close()
	}
	// proc is a file system that inotify is silent on, and no network: the real table says so.
	if name := remote("/proc"); name != "" {
		t.Errorf("/proc counts as %s", name)
	}
}

// The limit of watches is reached for real, in a user namespace of its own: what can't be watched is polled, and said once.
func TestWatchLimitReached(t *testing.T) {
	if !namespaced(t, "max_inotify_watches", "2") {
		return
	}
	b := newBed(t, "**/*.log")
	b.cfg.Watch, b.cfg.PollInterval = WatchAuto, 20*time.Millisecond
	dirs := []string{"a", "b", "c", "d", "e", "f"}
	b.mkdir(dirs...)
	l := b.live()
	for round := range 3 {
		for _, d := range dirs {
			text := d + strconv.Itoa(round)
			b.append(d+"/app.log", text+"\n")
			l.expect(text)
		}
	}
	b.append("f/new.log", "new\n")
	l.expect("new")
	if n := b.count("the limit of inotify watches is reached"); n != 1 {
		t.Errorf("told %d times: %s", n, b.log)
	}
}

// No inotify at all: everything is polled.
func TestNoInotifyInstance(t *testing.T) {
	if !namespaced(t, "max_inotify_instances", "0") {
		return
	}
	b := newBed(t, "*.log")
	b.cfg.Watch, b.cfg.PollInterval = WatchAuto, 20*time.Millisecond
	b.append("app.log", "a\n")
	l := b.live()
	l.expect("a")
	b.append("app.log", "b\n")
	l.expect("b")
	b.rename("app.log", "app.log.1")
	b.append("app.log", "c\n")
	l.expect("c")
	if n := b.count("inotify can't be had"); n != 1 {
		t.Errorf("told %d times: %s", n, b.log)
	}
}

// namespaced says whether the test runs in a user namespace with a limit of its own, and else runs it there.
func namespaced(t *testing.T, limit, value string) bool {
	t.Helper()
	const mark = "LOGWRIGHT_TEST_NAMESPACED"
	file := "/proc/sys/user/" + limit
	if os.Getenv(mark) != "" {
		if err := os.WriteFile(file, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if b, err := os.ReadFile("/proc/sys/user/max_user_namespaces"); err != nil || strings.TrimSpace(string(b)) == "0" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there are no user namespaces")
		}
		t.Skip("there are no user namespaces")
	}
	id := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	inChild(t, &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: id(os.Getuid()), GidMappings: id(os.Getgid()),
	}, mark+"=1")
	return false
}
