//go:build amd64 || arm64

package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unprivilegedVar = "LOGWRIGHT_TEST_UNPRIVILEGED"

// wait waits for a condition that the kernel brings about, and fails when it does not.
func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range 6000 {
		if done() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("in vain: %s", what)
}

func TestNothingOutlives(t *testing.T) {
	c := DefaultConfig()
	marker := func(i int) string { return fmt.Sprintf("outlive-%d-%d", os.Getpid(), i) }
	if r := run1(t, sandboxWithout(t, c), attacking(t, "outlive", marker(0))); !r.Passed() {
		t.Fatalf("%+v", r)
	}
	if pids := alive(marker(0)); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	t.Cleanup(func() {
		for _, p := range alive(marker(1)) {
			syscall.Kill(p, syscall.SIGKILL)
		}
	})
	if r := run1(t, sandboxWithout(t, c, guardPIDs), attacking(t, "outlive", marker(1))); !r.Passed() {
		t.Fatalf("%+v", r)
	}
	if len(alive(marker(1))) == 0 {
		t.Error("without a PID namespace nothing is left either")
	}
}

func TestForkBomb(t *testing.T) {
	c := DefaultConfig()
	c.Processes = 64
	// The bomb ends at 200 by itself, for the case without the guard.
	bomb := Job{Argv: []string{"sh", "-c", `i=0; while [ $i -lt 200 ]; do sleep 600 & i=$((i+1)); done; echo all`}}
	r := run1(t, sandboxWithout(t, c), bomb)
	if r.Exit == 0 || !strings.Contains(r.Output, "fork") || strings.Contains(r.Output, "all") {
		t.Errorf("200 processes of 64: %+v", r)
	}
	if err := exec.Command("true").Run(); err != nil {
		t.Errorf("the host can't fork: %v", err)
	}
	if r := run1(t, sandboxWithout(t, c, guardProcesses), bomb); !r.Passed() {
		t.Errorf("without the guard: %+v", r)
	}
	bomb.Argv = []string{"sh", "-c", `b() { b & b; }; b 2>/dev/null`}
	bomb.Timeout = 2 * time.Second
	if r := run1(t, sandboxWithout(t, c), bomb); r.Passed() {
		t.Errorf("a real bomb: %+v", r)
	}
	// Nothing of it counts against the next run, whose user is the same.
	if r := run1(t, sandboxWithout(t, c), Job{Argv: []string{"sh", "-c", "true & true & wait"}}); !r.Passed() {
		t.Errorf("after the bomb: %+v", r)
	}
}

func TestAGigabyteOfOutput(t *testing.T) {
	c := DefaultConfig()
	var before, after runtime.MemStats
	measure := func(s *Sandbox, bytes int) (uint64, Result) {
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := run1(t, s, attacking(t, "print", strconv.Itoa(bytes)))
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, r
	}
	took, r := measure(sandboxWithout(t, c), 1<<30)
	if took > 32<<20 {
		t.Errorf("a gigabyte of output took %d bytes of ours", took)
	}
	if !r.Passed() || !r.Truncated || len(r.Output) > outputLimit || !strings.HasSuffix(r.Output, "through\n") || !strings.HasPrefix(r.Output, "0123456789abcdef\n") {
		t.Errorf("exit %d, reason %q, truncated %v, %d bytes, …%q", r.Exit, r.Reason, r.Truncated, len(r.Output), r.Output[max(0, len(r.Output)-40):])
	}
	if took, _ := measure(sandboxWithout(t, c, guardOutput), 64<<20); took < 64<<20 {
		t.Errorf("without the guard 64 MiB took %d bytes", took)
	}
}

func TestRunEnds(t *testing.T) {
	s := sandboxWithout(t, DefaultConfig())
	marker := fmt.Sprintf("ends-%d", os.Getpid())
	forever := Job{Argv: []string{"sh", "-c", "trap '' TERM INT HUP; while :; do sleep 60; done", marker}}
	t.Run("timeout", func(t *testing.T) {
		j := forever
		j.Timeout = 300 * time.Millisecond
		if r := run1(t, s, j); r.Exit != -1 || r.Reason != ReasonTimeout {
			t.Errorf("%+v", r)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("shutting down")
		go func() {
			for len(alive(marker)) == 0 {
				runtime.Gosched()
			}
			cancel(why)
		}()
		if _, err := s.Run(ctx, forever); !errors.Is(err, why) {
			t.Errorf("%v", err)
		}
	})
	t.Run("context, before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Run(ctx, forever); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	if pids := alive(marker); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	t.Run("statuses", func(t *testing.T) {
		for _, c := range []struct {
			argv   []string
			exit   int
			reason string
		}{
			{[]string{"true"}, 0, ""},
			{[]string{"sh", "-c", "exit 7"}, 7, ""},
			{[]string{"no-such-command"}, 127, ""},
			{[]string{"sh", "-c", "kill -SEGV $$"}, -1, "signal SIGSEGV"},
			{[]string{"sh", "-c", "kill -9 $$"}, -1, "signal SIGKILL"},
		} {
			if r := run1(t, s, Job{Argv: c.argv}); r.Exit != c.exit || r.Reason != c.reason {
				t.Errorf("%v: %+v", c.argv, r)
			}
		}
	})
}

// beDaemon is a daemon in a process of its own, which is killed in the middle of a run.
func beDaemon(args []string) int {
	s, err := New(DefaultConfig(), Options{Redact: func(s string) string { return s }})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	_, err = s.Run(context.Background(), Job{Argv: []string{"sh", "-c", "setsid sleep 3600 & while :; do sleep 60; done", args[0]}})
	fmt.Println(err)
	return 1
}

func TestDaemonKilled(t *testing.T) {
	sandboxWithout(t, DefaultConfig())
	marker := fmt.Sprintf("orphan-%d", os.Getpid())
	cmd := exec.Command(os.Args[0], marker)
	cmd.Env = append(os.Environ(), daemonVar+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	// One of them is the daemon itself, the others are bubblewrap's and the command.
	wait(t, "the command began", func() bool { return len(alive(marker)) >= 4 })
	cmd.Process.Kill()
	go io.Copy(io.Discard, out)
	cmd.Wait()
	wait(t, "nothing of the run is left after its daemon was killed", func() bool { return len(alive(marker)) == 0 })
}

func TestLayers(t *testing.T) {
	s := sandboxWithout(t, DefaultConfig())
	tree := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			p := filepath.Join(dir, name)
			os.MkdirAll(filepath.Dir(p), 0o755)
			if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	base := tree(map[string]string{"a": "base", "d/x": "base", "d/y": "base", "was-dir/x": "base", "was-file": "base", ".git/HEAD": "ref", "sub/.git": "gitdir: x", "-dash": "dash"})
	os.Symlink("d", filepath.Join(base, "link"))
	os.Symlink("/etc/shadow", filepath.Join(base, "shadow"))
	os.Symlink("nowhere", filepath.Join(base, "dangling"))
	os.Chmod(filepath.Join(base, "a"), 0o755)
	syscall.Mkfifo(filepath.Join(base, "fifo"), 0o644)
	os.Chmod(filepath.Join(base, "d"), 0o555)
	t.Cleanup(func() { os.Chmod(filepath.Join(base, "d"), 0o755) })
	over := tree(map[string]string{"d/y": "over", "d/z": "over", "was-dir": "over", "was-file/x": "over", "a name with\nodd letters ü": "over"})
	// A state directory that nobody else can enter.
	os.Chmod(filepath.Dir(base), 0o700)
	os.Chmod(over, 0o700)
	r := run1(t, s, Job{Layers: []string{base, over}, Dir: "d", Argv: []string{"sh", "-c",
		`pwd; cd ..; find . ! -name . ! -type l -printf '%P %y %m\n' | sort; find . -type l -printf '%P -> %l\n' | sort; cat d/x d/y d/z was-dir was-file/x; echo new >d/new && cat d/new`}})
	want := `/tree/d
-dash f 644
a f 755
a name with
d d 755
d/x f 644
d/y f 644
d/z f 644
odd letters ü f 644
sub d 755
was-dir f 644
was-file d 755
was-file/x f 644
dangling -> nowhere
link -> d
shadow -> /etc/shadow
baseoveroveroverovernew
`
	if r.Output != want || !r.Passed() {
		t.Errorf("exit %d:\n%s\nwant:\n%s", r.Exit, r.Output, want)
	}
	t.Run("too large", func(t *testing.T) {
		big := t.TempDir()
		os.WriteFile(filepath.Join(big, "f"), make([]byte, 3<<20), 0o644)
		if r := run1(t, s, Job{Layers: []string{big}, Argv: []string{"true"}, Disk: 2 << 20}); r.Exit != -1 || r.Reason != ReasonDisk {
			t.Errorf("%+v", r)
		}
		// So many files that their contents fit, and they do not.
		many := t.TempDir()
		for i := range 600 {
			os.WriteFile(filepath.Join(many, strconv.Itoa(i)), []byte("x"), 0o644)
		}
		if r := run1(t, s, Job{Layers: []string{many}, Argv: []string{"true"}, Disk: 2 << 20}); r.Exit != -1 || r.Reason != ReasonDisk {
			t.Errorf("%+v", r)
		}
	})
	t.Run("missing", func(t *testing.T) {
		if _, err := s.Run(t.Context(), Job{Layers: []string{filepath.Join(base, "none")}, Argv: []string{"true"}}); err == nil || !strings.Contains(err.Error(), "none") {
			t.Errorf("%v", err)
		}
	})
}

func TestMounts(t *testing.T) {
	s := sandboxWithout(t, DefaultConfig())
	state := t.TempDir()
	cache := filepath.Join(state, "cache")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	os.Chmod(state, 0o700) // nobody else can come here
	r := run1(t, s, Job{Network: true, Mounts: []Mount{{cache, "/cache", true}}, Argv: []string{"sh", "-c", "mkdir /cache/m && echo dep >/cache/m/f"}})
	if !r.Passed() {
		t.Fatalf("%+v", r)
	}
	r = run1(t, s, Job{Mounts: []Mount{{cache, "/cache", false}}, Argv: []string{"sh", "-c", "cat /cache/m/f; echo x >/cache/m/f; rm -rf /cache/m; touch /cache/g"}})
	if r.Passed() || !strings.HasPrefix(r.Output, "dep\n") {
		t.Errorf("%+v", r)
	}
	if b, err := os.ReadFile(filepath.Join(cache, "m", "f")); string(b) != "dep\n" {
		t.Errorf("the cache has %q, %v", b, err)
	}
	t.Run("one that is filled", func(t *testing.T) {
		r := run1(t, s, Job{Disk: 4 << 20, Mounts: []Mount{{cache, "/cache", true}}, Timeout: time.Minute,
			Argv: []string{"sh", "-c", "i=0; while :; do head -c 1000000 /dev/zero >/cache/$i; i=$((i+1)); [ $i -lt 20 ] || sleep 60; done"}})
		if r.Exit != -1 || r.Reason != ReasonDisk {
			t.Errorf("%+v", r)
		}
	})
}

func TestNetworkJob(t *testing.T) {
	s := sandboxWithout(t, DefaultConfig())
	look := []string{"sh", "-c", "ls /etc; grep hosts: /etc/nsswitch.conf; wc -l </proc/net/dev"}
	with, without := run1(t, s, Job{Argv: look, Network: true}), run1(t, s, Job{Argv: look})
	if !strings.Contains(with.Output, "hosts: files dns") || strings.Contains(without.Output, "resolv.conf") || !strings.HasSuffix(without.Output, "\n3\n") {
		t.Errorf("with:\n%s\nwithout:\n%s", with.Output, without.Output)
	}
}

// TestUnprivileged runs all of the above once more as a user that is not root.
func TestUnprivileged(t *testing.T) {
	if os.Geteuid() != 0 || os.Getenv(unprivilegedVar) != "" {
		t.Skip("the tests run as a user already")
	}
	dir := openDir(t)
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "sandbox.test")
	if err := os.WriteFile(bin, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"--reuid=65530", "--regid=65530", "--clear-groups", "--inh-caps=-all", "--", bin, "-test.v", "-test.timeout=5m"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), "setpriv", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), unprivilegedVar+"=1", "TMPDIR="+dir, "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as another user: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "--- SKIP: ") && !strings.Contains(line, "TestUnprivileged") && !strings.Contains(line, "TestControlGroup") {
			t.Errorf("as another user: %s", line)
		}
	}
}
