package file

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (b *bed) mkdir(names ...string) {
	b.t.Helper()
	for _, n := range names {
		b.must(os.MkdirAll(b.path(n), 0o755))
	}
}

// link makes name a symbolic link to target, in place of what it was, in one step.
func (b *bed) link(target, name string) {
	b.t.Helper()
	b.must(os.Symlink(target, b.path("link.tmp")))
	b.rename("link.tmp", name)
}

func (b *bed) count(text string) int { return strings.Count(b.log.String(), text) }

// The way of Kubernetes: containers/x.log links to pods/…/0.log, which kubelet renames with a time stamp, compresses the
// generation after, and deletes. crowdsecurity/crowdsec#2449
func TestKubernetesRotation(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.need("gzip")
		b.mkdir("pods/ns_pod_uid/api", "containers")
		b.append("pods/ns_pod_uid/api/0.log", "a\n")
		name := "containers/pod_ns_api-" + strings.Repeat("0a", 32) + ".log"
		b.link("../pods/ns_pod_uid/api/0.log", name)
		b.want("a")
		for i := range 4 {
			pause()
			at := "pods/ns_pod_uid/api/0.log.2026010" + fmt.Sprint(i) + "-000000"
			b.append("pods/ns_pod_uid/api/0.log", fmt.Sprintf("old %d\n", i))
			b.rename("pods/ns_pod_uid/api/0.log", at)
			b.append("pods/ns_pod_uid/api/0.log", fmt.Sprintf("new %d\n", i))
			if i > 0 {
				b.run("gzip", b.path(fmt.Sprintf("pods/ns_pod_uid/api/0.log.2026010%d-000000", i-1)))
			}
			if i > 1 {
				b.must(os.Remove(b.path(fmt.Sprintf("pods/ns_pod_uid/api/0.log.2026010%d-000000.gz", i-2))))
			}
			b.want(fmt.Sprintf("old %d", i), fmt.Sprintf("new %d", i))
		}
		// The container is started again: another file, and another link.
		pause()
		b.append("pods/ns_pod_uid/api/0.log", "last words\n")
		b.append("pods/ns_pod_uid/api/1.log", "hello\n")
		second := "containers/pod_ns_api-" + strings.Repeat("0b", 32) + ".log"
		b.link("../pods/ns_pod_uid/api/1.log", second)
		b.want("last words", "hello")
		b.must(os.Remove(b.path(name)))
		b.append("pods/ns_pod_uid/api/1.log", "goes on\n")
		b.want("goes on")
		b.settle()
		b.wantGaps(0)
		for _, s := range []string{"pods"} {
			if n := b.count("file=" + s); n > 0 {
				t.Errorf("complained: %s", b.log)
			}
		}
	}, "containers/*.log")
}

// The way of a mounted ConfigMap: data is a link to a directory with a date, and switched in one step.
func TestDataDirectorySwapped(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.mkdir("..2026_01", "..2026_02")
		b.link("..2026_01", "..data")
		b.append("..2026_01/app.log", "a\n")
		b.link("..data/app.log", "app.log")
		b.want("a")
		pause()
		b.append("..2026_01/app.log", "unread\n")
		b.append("..2026_02/app.log", "b\n")
		b.link("..2026_02", "..data")
		b.want("unread", "b")
		pause()
		b.append("..2026_02/app.log", "c\n")
		b.want("c")
		b.must(os.RemoveAll(b.path("..2026_01")))
		b.want()
		b.wantGaps(0)
	}, "*.log")
}

// The target is replaced by a file that begins the same. open-telemetry/opentelemetry-collector-contrib#10481
func TestLinkSwitchedBetweenEqualBeginnings(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.mkdir("data")
		b.append("data/one", header+"a1\na2\n")
		b.append("data/two", header+"b1\n")
		b.link("data/one", "app.log")
		b.wantText(header + "a1\na2\n")
		pause()
		b.append("data/one", "unread\n")
		b.link("data/two", "app.log")
		b.wantText(header + "b1\nunread\n")
		b.append("data/two", "b2\n")
		b.want("b2")
		b.wantGaps(0)
	}, "*.log")
}

// A link whose target comes later, and one that leads to what nobody can read.
func TestDanglingLinkComesAlive(t *testing.T) {
	b := newBed(t, "*.log")
	b.mkdir("data")
	b.link("data/later", "app.log")
	b.want()
	b.append("data/later", "a\n")
	b.want("a")
	b.must(os.Remove(b.path("data/later")))
	b.want()
	b.append("data/later", "b\n")
	b.want("b")
}

// A link to a directory is followed; each file in it is read once though two ways lead to it.
func TestLinkToADirectory(t *testing.T) {
	for _, glob := range []string{"logs/**/*.log", "logs/*/*.log"} {
		t.Run(glob, func(t *testing.T) {
			b := newBed(t, glob)
			b.mkdir("logs/x", "srv/y")
			b.append("logs/x/a.log", "a\n")
			b.append("srv/y/b.log", "b\n")
			b.link("../srv/y", "logs/y")
			b.link("x", "logs/again")
			b.want("a", "b")
			b.append("srv/y/b.log", "b2\n")
			b.append("logs/again/a.log", "a2\n")
			b.append("logs/again/c.log", "c\n")
			b.want("b2", "a2", "c")
		})
	}
}

// Links that lead in circles: to themselves, to each other, to their own directory. Three of the latter are enough to keep
// a walk that follows them busy for ever.
func TestLinkLoops(t *testing.T) {
	for _, glob := range []string{"**/*.log", "*/*/*/*/*.log", "**"} {
		t.Run(glob, func(t *testing.T) {
			b := newBed(t, glob)
			b.mkdir("d/d/d/d")
			b.append("d/d/d/d/app.log", "a\n")
			b.link("self.log", "self.log")
			b.link("pong.log", "ping.log")
			b.link("ping.log", "pong.log")
			for i := range 20 {
				b.link(".", fmt.Sprintf("d/loop%d", i))
				b.link("../d", fmt.Sprintf("d/d/up%d", i))
			}
			b.want("a")
			b.append("d/d/d/d/app.log", "b\n")
			b.want("b")
			if glob == "**" || glob == "**/*.log" {
				if n := b.count("self.log"); n == 0 || b.count("ping.log") == 0 {
					t.Errorf("not told of the loops: %s", b.log)
				}
			}
		})
	}
}

// Containers link their logs to /dev/stdout; a device is not read and told of once.
func TestLinkToADevice(t *testing.T) {
	b := newBed(t, "*.log", "zero")
	b.link("/dev/null", "access.log")
	b.link("/dev/zero", "zero")
	b.link("/proc/self/fd/1", "stdout.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.want()
	for _, name := range []string{"access.log", "zero"} {
		if n := b.count("file=" + b.path(name) + " "); n != 1 {
			t.Errorf("%s: told %d times\n%s", name, n, b.log)
		}
	}
}

// Files of the kernel say they are regular and empty, and have another content each time.
func TestFilesOfTheKernel(t *testing.T) {
	b := newBed(t)
	b.cfg.Include = []string{"/proc/self/status", "/proc/uptime", "/sys/kernel/notes", "/proc/self/attr/*", b.path("app.log")}
	b.append("app.log", "a\n")
	b.want("a")
	b.want()
	b.wantGaps(0)
	for _, name := range []string{"/proc/self/status", "/proc/uptime"} {
		if n := b.count("file=" + name + " "); n != 1 {
			t.Errorf("%s: told %d times\n%s", name, n, b.log)
		}
	}
	b.kill()
	b.cfg.Include = []string{"/proc/uptime"}
	if err := b.once(); err == nil || !strings.Contains(err.Error(), "kernel") {
		t.Errorf("at once: %v", err)
	}
}

// Permission is lost, and given back; a file that is open goes on meanwhile.
func TestPermissionLostAndRegained(t *testing.T) {
	if os.Geteuid() == 0 {
		inChild(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
		return
	}
	b := newBed(t, "**/*.log")
	b.mkdir("d")
	b.append("d/app.log", "a\n")
	b.append("closed.log", "secret\n")
	b.must(os.Chmod(b.path("closed.log"), 0))
	b.want("a")
	b.want()
	if n := b.count("permission denied"); n < 1 || b.count("file="+b.path("closed.log")+" ") != 1 {
		t.Errorf("told %d times: %s", n, b.log)
	}
	b.append("d/app.log", "b\n")
	b.must(os.Chmod(b.path("d/app.log"), 0))
	b.want("b") // by the open descriptor
	b.kill()
	b.want()
	b.must(os.Chmod(b.path("d/app.log"), 0o644))
	b.append("d/app.log", "c\n")
	b.must(os.Chmod(b.path("closed.log"), 0o644))
	b.want("c", "secret")
	b.kill()
	b.must(os.Chmod(b.path("d"), 0))
	b.want()
	b.must(os.Chmod(b.path("d"), 0o755))
	b.append("d/app.log", "d\n")
	b.want("d")
	b.wantGaps(0)
}

// A directory that comes with the RAM disk, long after the start. crowdsecurity/crowdsec#2154
func TestDirectoryAppearsLater(t *testing.T) {
	for _, glob := range []string{"var/log/app/*.log", "var/log/**/*.log", "var/log/app/x.log"} {
		b := newBed(t, glob)
		b.want()
		b.mkdir("var/log/app")
		b.want()
		b.append("var/log/app/x.log", "a\n")
		b.want("a")
		b.clock.advance(time.Hour)
		b.append("var/log/app/x.log", "b\n")
		b.want("b")
	}
}
