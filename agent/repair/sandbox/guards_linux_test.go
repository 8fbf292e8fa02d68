//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAttacks tries each attack twice: it must fail, and it must get through where the guard against it is taken away.
func TestAttacks(t *testing.T) {
	t.Setenv("LOGWRIGHT_TEST_SECRET", "hunter2-in-the-environment")
	root := os.Geteuid() == 0
	host := openDir(t)
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		p := filepath.Join(host, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	private := write("private", "a key", 0o600)
	public := write("public", "before\n", 0o666)
	opened, err := os.Open(private)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	// Not closed on exec, as what a service manager hands on, and above the numbers that bubblewrap's own files take.
	inherited, err := unix.FcntlInt(opened.Fd(), unix.F_DUPFD, 200)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(inherited) })
	listen := func(network, address string) string {
		t.Helper()
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if network == "unix" && address[0] == '/' {
			os.Chmod(address, 0o777)
		}
		return l.Addr().String()
	}
	tcp := listen("tcp", "127.0.0.1:0")
	path := listen("unix", filepath.Join(host, "s"))
	abstract := listen("unix", fmt.Sprintf("@logwright-test-%d", os.Getpid()))

	// readAs are the guards that have to go for a file of mode 0600 to be read.
	readAs := []guard{guardMounts, guardUser}
	c := DefaultConfig()
	c.Disk, c.Memory, c.Processes = 8<<20, 128<<20, 64
	dirs := []string{"/tree", "/tmp", "/dev/shm", "/home/sandbox", "/", "/dev", "/etc"}
	kernel := func(n int, args ...uint64) []string {
		out := []string{strconv.Itoa(n)}
		for _, a := range args {
			out = append(out, strconv.FormatUint(a, 10))
		}
		return out
	}
	for _, c1 := range []struct {
		name    string
		attack  string
		args    []string
		change  func(*Job)
		without []guard // those it takes for the attack to get through; nil where there is no trying that
		reason  string
		skip    bool
	}{
		{name: "write through a link of the repository to a file of the host", attack: "append", args: []string{"/tree/link", "gotcha"},
			change: func(j *Job) {
				layer := t.TempDir()
				os.Symlink(public, filepath.Join(layer, "link"))
				j.Layers = []string{layer}
			}, without: []guard{guardMounts}},
		{name: "/etc/shadow", attack: "read", args: []string{"/etc/shadow"}, without: readAs, skip: !root},
		{name: "the daemon's own files", attack: "read", args: []string{private}, without: readAs},
		{name: "other places of the host", attack: "exists", args: []string{"/root", "/var", "/run", "/sys", "/boot", "/etc/hostname", "/etc/shadow", host}, without: []guard{guardMounts}},
		{name: "a TCP port of the host", attack: "dial", args: []string{"tcp", tcp}, without: []guard{guardNetwork}},
		{name: "a UNIX socket of the host", attack: "dial", args: []string{"unix", path}, without: []guard{guardMounts}},
		{name: "an abstract UNIX socket", attack: "dial", args: []string{"unix", abstract}, without: []guard{guardNetwork}},
		{name: "an abstract UNIX socket, with a network", attack: "dial", args: []string{"unix", abstract}, change: func(j *Job) { j.Network = true }, without: []guard{guardUnix}},
		{name: "disk", attack: "fill", args: append([]string{strconv.Itoa(9 << 20)}, dirs...), without: []guard{guardDisk}},
		{name: "a large file", attack: "fill", args: append([]string{strconv.Itoa(9 << 20)}, "/tree"), without: []guard{guardDisk}},
		{name: "memory", attack: "hog", args: []string{strconv.Itoa(256 << 20)}, without: []guard{guardMemory}, reason: ReasonMemory},
		{name: "memory of many", attack: "hogs", args: []string{"6", strconv.Itoa(48 << 20)}, without: []guard{guardMemory}, reason: ReasonMemory},
		{name: "the daemon's environment", attack: "secret", args: []string{"hunter2-in-the-environment"}, without: []guard{guardEnv}},
		{name: "signals to the host", attack: "signal", args: []string{strconv.Itoa(os.Getpid())}, without: []guard{guardPIDs}},
		{name: "the prepared cache", attack: "create", args: []string{"/cache/poison"}, change: func(j *Job) {
			j.Mounts = append(j.Mounts, Mount{Host: host, Inside: "/cache"})
		}, without: []guard{guardReadOnly}},
		{name: "anything of the host that can be written", attack: "writable", without: []guard{guardReadOnly}},
		{name: "capabilities and new privileges", attack: "privileges", without: []guard{guardUser}, skip: !root},
		{name: "capabilities and new privileges of a user", attack: "privileges", skip: root},
		{name: "a user namespace", attack: "userns", without: []guard{guardSeccomp}},
		{name: "a mount in a user namespace", attack: "unshare-mount", without: []guard{guardSeccomp}},
		{name: "a device", attack: "mknod"},
		{name: "an open file of the daemon", attack: "fd", args: []string{strconv.Itoa(inherited)}, change: func(*Job) {
			unix.FcntlInt(uintptr(inherited), unix.F_SETFD, 0) // earlier runs marked it
		}, without: []guard{guardFiles}},
		{name: "a core dump", attack: "core", without: []guard{guardCore}},
		{name: "keyrings", attack: "kernel", args: kernel(unix.SYS_KEYCTL, unix.KEYCTL_GET_KEYRING_ID, 0xfffffffc, 0), without: []guard{guardSeccomp}},
		{name: "typing into a terminal", attack: "kernel", args: kernel(unix.SYS_IOCTL, 0, unix.TIOCSTI, 0), without: []guard{guardSeccomp}},
		{name: "typing into a terminal, with bits that the kernel drops", attack: "kernel", args: kernel(unix.SYS_IOCTL, 0, 1<<32|unix.TIOCSTI, 0), without: []guard{guardSeccomp}},
		{name: "memory without a process", attack: "kernel", args: kernel(unix.SYS_MEMFD_CREATE, 0, 0, 0), without: []guard{guardSeccomp}},
		{name: "System V memory", attack: "kernel", args: kernel(unix.SYS_SHMGET, 0, 4096, 0o1600), without: []guard{guardSeccomp}},
		{name: "ptrace", attack: "kernel", args: kernel(unix.SYS_PTRACE, unix.PTRACE_PEEKTEXT, 999999, 0), without: []guard{guardSeccomp}},
		{name: "a terminal", attack: "exists", args: []string{"/dev/tty", "/dev/console", "/dev/ptmx", "/dev/kmsg", "/dev/mem"}},
	} {
		t.Run(c1.name, func(t *testing.T) {
			if c1.skip {
				t.Skip("this attack is for the other kind of daemon")
			}
			job := func() Job {
				j := attacking(t, c1.attack, c1.args...)
				if c1.change != nil {
					c1.change(&j)
				}
				return j
			}
			r := run1(t, sandboxWithout(t, c), job())
			if c1.reason != "" {
				if r.Reason != c1.reason || r.Exit != -1 {
					t.Errorf("exit %d, reason %q, want %q: %s", r.Exit, r.Reason, c1.reason, r.Output)
				}
			} else if r.Exit != exitRefused || !strings.Contains(r.Output, "refused:") {
				t.Errorf("the attack was not refused: exit %d, reason %q: %s", r.Exit, r.Reason, r.Output)
			}
			if b, err := os.ReadFile(public); err != nil || string(b) != "before\n" {
				t.Errorf("the host's file is %q, %v", b, err)
			}
			if _, err := os.Stat(filepath.Join(host, "poison")); err == nil {
				t.Error("the cache was changed")
			}
			if c1.without == nil {
				return
			}
			r = run1(t, sandboxWithout(t, c, c1.without...), job())
			if !r.Passed() {
				t.Errorf("without %v the attack fails too, so the guard is not what stops it: exit %d, reason %q: %s", c1.without, r.Exit, r.Reason, r.Output)
			}
			os.WriteFile(public, []byte("before\n"), 0o666)
			os.Remove(filepath.Join(host, "poison"))
		})
	}
}

// TestGitIsNotRewritten: what runs inside can write a .git as it likes; the one that git reads on the host stays as it was.
func TestGitIsNotRewritten(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git")
	}
	repo, marker := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	do := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(git, append([]string{"-C", repo}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
	do("init", "-q")
	os.MkdirAll(filepath.Join(repo, "vendor", "x", ".git"), 0o755)
	os.WriteFile(filepath.Join(repo, "vendor", "x", ".git", "config"), []byte("[core]\n"), 0o644)
	os.WriteFile(filepath.Join(repo, "f"), []byte("f\n"), 0o644)
	before, _ := os.ReadFile(filepath.Join(repo, ".git", "config"))
	rewrite := Job{Layers: []string{repo}, Argv: []string{"sh", "-c",
		"mkdir -p .git; printf '[core]\\n\\tfsmonitor = touch " + marker + "\\n' >>.git/config; printf '#!/bin/sh\\ntouch " + marker + "\\n' >.git/hooks/post-index-change; chmod 755 .git/hooks/*; echo x >>f"}}
	run1(t, sandboxWithout(t, DefaultConfig()), rewrite)
	do("status")
	if _, err := os.Stat(marker); err == nil {
		t.Error("the host ran what the sandbox wrote")
	}
	if after, _ := os.ReadFile(filepath.Join(repo, ".git", "config")); string(after) != string(before) {
		t.Errorf("the host's .git/config is %q", after)
	}
	seen := Job{Layers: []string{repo}, Argv: []string{"find", "/tree", "-name", ".git"}}
	if r := run1(t, sandboxWithout(t, DefaultConfig()), seen); r.Output != "" || !r.Passed() {
		t.Errorf("seen inside: %s", r.Output)
	}
	if r := run1(t, sandboxWithout(t, DefaultConfig(), guardGit), seen); !strings.Contains(r.Output, "/tree/.git\n") || !strings.Contains(r.Output, "/tree/vendor/x/.git\n") {
		t.Errorf("without the guard nothing is seen either: %s", r.Output)
	}
}
