//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The test binary is the hostile program, too: with attackVar set it does what its arguments say, inside the sandbox.
const (
	attackVar = "LOGWRIGHT_TEST_ATTACK"
	daemonVar = "LOGWRIGHT_TEST_DAEMON"
	// exitRefused is the status of an attack that did not get through.
	exitRefused = 3
)

func TestMain(m *testing.M) {
	if name := os.Getenv(attackVar); name != "" {
		attack, ok := attacks[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "no such attack:", name)
			os.Exit(9)
		}
		if err := attack(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "refused:", err)
			os.Exit(exitRefused)
		}
		fmt.Println("through")
		os.Exit(0)
	}
	if os.Getenv(daemonVar) != "" {
		os.Exit(beDaemon(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// attacks give nil where they got through.
var attacks = map[string]func(args []string) error{
	// append FILE TEXT
	"append": func(args []string) error {
		f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(args[1])
		return err
	},
	// create FILE
	"create": func(args []string) error { return os.WriteFile(args[0], []byte("x"), 0o644) },
	// read FILE
	"read": func(args []string) error { _, err := os.ReadFile(args[0]); return err },
	// exists PATH...: one is enough
	"exists": func(args []string) error {
		var errs []error
		for _, p := range args {
			_, err := os.Lstat(p)
			if err == nil {
				fmt.Println(p)
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	},
	// dial NETWORK ADDRESS
	"dial": func(args []string) error {
		c, err := net.DialTimeout(args[0], args[1], 5*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	},
	// fill BYTES DIR...: more than BYTES in all
	"fill": func(args []string) error {
		limit, _ := strconv.Atoi(args[0])
		chunk, total := bytes.Repeat([]byte("x"), 1<<20), 0
		var last error
		for _, dir := range args[1:] {
			for i := 0; total <= limit; i++ {
				if last = os.WriteFile(filepath.Join(dir, "fill"+strconv.Itoa(i)), chunk, 0o600); last != nil {
					break
				}
				total += len(chunk)
			}
		}
		if total > limit {
			return nil
		}
		return fmt.Errorf("%d bytes: %w", total, last)
	},
	// something that is no tmpfs and no device, and mounted to be written
	"writable": func([]string) error {
		b, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			left, right, _ := strings.Cut(line, " - ")
			f, fs := strings.Fields(left), strings.Fields(right)[0]
			at, options := f[4], f[5]
			if fs != "tmpfs" && fs != "proc" && !strings.HasPrefix(at, "/dev/") && strings.HasPrefix(options, "rw") {
				fmt.Println(line)
				return nil
			}
		}
		return errors.New("nothing of the host can be written")
	},
	// outlive MARKER: leaves a process of a session of its own behind, whose parent is dead
	"outlive": func(args []string) error {
		return exec.Command("sh", "-c", `for i in 1 2; do setsid sh -c 'trap "" TERM HUP; exec tail -f /dev/null "$0"' "$0" >/dev/null 2>&1 </dev/null & done`, args[0]).Run()
	},
	// print BYTES
	"print": func(args []string) error {
		n, _ := strconv.Atoi(args[0])
		chunk := bytes.Repeat([]byte("0123456789abcdef\n"), 4096)
		for n > 0 {
			if _, err := os.Stdout.Write(chunk); err != nil {
				return err
			}
			n -= len(chunk)
		}
		return nil
	},
	// hog BYTES: has them for a second
	"hog": func(args []string) error {
		n, _ := strconv.Atoi(args[0])
		debug.SetGCPercent(-1)
		b := make([]byte, n)
		for i := 0; i < n; i += 4096 {
			b[i] = 1
		}
		time.Sleep(time.Second)
		if b[n-4096] != 1 {
			return errors.New("no memory")
		}
		return nil
	},
	// hogs COUNT BYTES: COUNT processes that have BYTES each
	"hogs": func(args []string) error {
		n, _ := strconv.Atoi(args[0])
		var all []*exec.Cmd
		for range n {
			c := exec.Command(os.Args[0], args[1])
			c.Env = append(os.Environ(), attackVar+"=hog", "GOMAXPROCS=1")
			if err := c.Start(); err != nil {
				return err
			}
			all = append(all, c)
		}
		for _, c := range all {
			if err := c.Wait(); err != nil {
				return err
			}
		}
		return nil
	},
	// secret TEXT: in an environment that can be read
	"secret": func(args []string) error {
		envs, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, e := range envs {
			if b, err := os.ReadFile(e); err == nil && bytes.Contains(b, []byte(args[0])) {
				return nil
			}
		}
		return errors.New("not found")
	},
	// signal PID: reaches a process
	"signal": func(args []string) error {
		pid, _ := strconv.Atoi(args[0])
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return err
		}
		return nil // it is there, whether or not we may
	},
	"privileges": func([]string) error {
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			name, v, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			switch {
			case name == "NoNewPrivs" && v != "1", strings.HasPrefix(name, "Cap") && strings.Trim(v, "0") != "", name == "Uid" && strings.Contains("\t"+v+"\t", "\t0\t"):
				fmt.Print(line)
				return nil
			}
		}
		return errors.New("none")
	},
	"userns": func([]string) error {
		c := exec.Command("true")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		return c.Run()
	},
	"unshare-mount": func([]string) error {
		return exec.Command("unshare", "-Ur", "--mount", "sh", "-c", "mount -t tmpfs none /tmp").Run()
	},
	"mknod": func([]string) error { return unix.Mknod("/tmp/disk", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))) },
	// fd N: reads a file that the daemon had open
	"fd": func(args []string) error {
		n, _ := strconv.Atoi(args[0])
		_, err := unix.Pread(n, make([]byte, 1), 0)
		return err
	},
	// core: a crash would be told to the host's program for core dumps
	"core": func([]string) error {
		var now unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &now); err != nil || now.Cur != 1 || now.Max != 1 {
			return err
		}
		none := unix.Rlimit{Max: 1}
		_, _, set := unix.RawSyscall(unix.SYS_SETRLIMIT, unix.RLIMIT_CORE, uintptr(unsafe.Pointer(&none)), 0)
		_, _, pr := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, uintptr(unsafe.Pointer(&none)), 0, 0, 0)
		if set != 0 && pr != 0 {
			return errors.Join(set, pr)
		}
		return nil
	},
	// kernel N A B C: a system call reaches the kernel; what it says then does not matter
	"kernel": func(args []string) error {
		var v [4]uintptr
		for i, a := range args {
			n, err := strconv.ParseUint(a, 0, 64)
			if err != nil {
				panic(err)
			}
			v[i] = uintptr(n)
		}
		_, _, e := unix.Syscall(v[0], v[1], v[2], v[3])
		if e == unix.EPERM || e == unix.ENOSYS || e == unix.EAFNOSUPPORT {
			return e
		}
		return nil
	},
}

// attacking gives a job that runs an attack.
func attacking(t *testing.T, name string, args ...string) Job {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Job{
		Argv:    append([]string{"/attack/" + filepath.Base(exe)}, args...),
		Env:     map[string]string{attackVar: name},
		Mounts:  []Mount{{Host: filepath.Dir(exe), Inside: "/attack"}},
		Timeout: time.Minute,
	}
}

// openDir makes a directory that every user can enter and write.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox") //nolint:usetesting // the directory above t.TempDir is its user's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func sandboxWithout(t *testing.T, c Config, gs ...guard) *Sandbox {
	t.Helper()
	// A user of this process's own: the limit of processes counts all that a user has on the host, and other tests may run.
	if c.User == DefaultConfig().User {
		c.User = strconv.Itoa(2_000_000 + os.Getpid())
	}
	without := make(guards)
	for _, g := range gs {
		without[g] = true
	}
	s, err := newSandbox(t.Context(), c, Options{Redact: func(s string) string { return s }}, without)
	var un *UnavailableError
	if errors.As(err, &un) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run1(t *testing.T, s *Sandbox, j Job) Result {
	t.Helper()
	r, err := s.Run(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// alive gives the processes of the host that have marker among their arguments.
func alive(marker string) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range all {
		if b, err := os.ReadFile(p); err == nil && bytes.Contains(b, []byte("\x00"+marker)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
			pids = append(pids, pid)
		}
	}
	return pids
}
