//go:build amd64 || arm64

package sandbox

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestJobsThatAreRefused(t *testing.T) {
	s := sandboxWithout(t, DefaultConfig())
	file := filepath.Join(t.TempDir(), "f")
	os.WriteFile(file, nil, 0o644)
	dir, true1 := t.TempDir(), []string{"true"}
	for _, c := range []struct {
		name, want string
		job        Job
	}{
		{"no command", "needs a command", Job{}},
		{"a variable as the command", "has a =", Job{Argv: []string{"A=b"}}},
		{"a zero byte", "zero byte", Job{Argv: []string{"echo", "a\x00b"}}},
		{"a directory above", "not below", Job{Argv: true1, Dir: "../etc"}},
		{"an absolute directory", "not below", Job{Argv: true1, Dir: "/etc"}},
		{"a variable with =", "no variable", Job{Argv: true1, Env: map[string]string{"A=B": "c"}}},
		{"an option as a variable", "no variable", Job{Argv: true1, Env: map[string]string{"-S": "c"}}},
		{"a relative layer", "no absolute path", Job{Argv: true1, Layers: []string{"x"}}},
		{"a mount over /usr", "can be mounted", Job{Argv: true1, Mounts: []Mount{{dir, "/usr/bin", false}}}},
		{"a mount over /", "can be mounted", Job{Argv: true1, Mounts: []Mount{{dir, "/", false}}}},
		{"a mount by dots", "can be mounted", Job{Argv: true1, Mounts: []Mount{{dir, "/cache/../etc", false}}}},
		{"a mount of a file", "no directory", Job{Argv: true1, Mounts: []Mount{{file, "/cache", false}}}},
		{"a negative limit", "negative", Job{Argv: true1, Memory: -1}},
	} {
		if _, err := s.Run(t.Context(), c.job); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestReasons(t *testing.T) {
	c := DefaultConfig()
	c.Disk, c.Processes = 4<<20, 16
	s := sandboxWithout(t, c)
	// Each stays a moment after it failed, so that it is seen.
	full := Job{Argv: []string{"sh", "-c", "head -c 5000000 /dev/zero >f1; head -c 3000000 /dev/zero >f2; sleep 1; exit 4"}}
	if r := run1(t, s, full); r.Exit != 4 || r.Reason != ReasonDisk {
		t.Errorf("%+v", r)
	}
	many := Job{Argv: []string{"sh", "-c", "sh -c 'while :; do sleep 5 & done'; sleep 1; exit 4"}}
	if r := run1(t, s, many); r.Reason != ReasonProcesses {
		t.Errorf("%+v", r)
	}
}

// TestWatchdogAlone takes the control groups away, as on a host that has none to give.
func TestWatchdogAlone(t *testing.T) {
	c := DefaultConfig()
	c.Memory = 128 << 20
	s := sandboxWithout(t, c)
	s.groups = nil
	for name, j := range map[string]Job{
		"one":  attacking(t, "hog", "268435456"),
		"many": attacking(t, "hogs", "6", "50331648"),
	} {
		if r := run1(t, s, j); r.Exit != -1 || r.Reason != ReasonMemory {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := run1(t, s, attacking(t, "hog", "33554432")); !r.Passed() {
		t.Errorf("a quarter of what it may have: %+v", r)
	}
}

// TestControlGroup takes the watchdog away, where there are control groups.
func TestControlGroup(t *testing.T) {
	c := DefaultConfig()
	c.Memory, c.Disk = 64<<20, 64<<20
	s := sandboxWithout(t, c)
	if s.groups == nil {
		t.Skip("this process can make no control groups; TestWatchdogAlone has what then holds")
	}
	s.without = guards{guardMemory: true}
	if r := run1(t, s, attacking(t, "hog", "268435456")); r.Passed() || r.Reason != ReasonMemory {
		t.Errorf("%+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(s.groups.dir, runGroup+"*")); len(left) > 0 {
		for _, l := range left { // other processes' runs have theirs, but never an empty one for long
			wait(t, l+" is removed or used", func() bool {
				b, err := os.ReadFile(filepath.Join(l, "cgroup.procs"))
				return err != nil || len(b) > 0
			})
		}
	}
}

func TestGroupsIn(t *testing.T) {
	tree := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
			os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
		}
		return dir
	}
	v1 := tree(map[string]string{"memory/x/memory.limit_in_bytes": ""})
	if g, err := groupsIn(v1, "4:memory:/x\n0::/\n", 1); err != nil || g.v2 || g.dir != filepath.Join(v1, "memory/x") {
		t.Errorf("version 1: %+v, %v", g, err)
	}
	if g, err := groupsIn(v1, "4:memory:/y\n0::/\n", 1); err == nil {
		t.Errorf("a group that is not there: %+v", g)
	}
	v2 := tree(map[string]string{"unit/cgroup.controllers": "cpu memory pids\n", "unit/logwright-daemon/cgroup.controllers": "memory\n"})
	if g, err := groupsIn(v2, "0::/unit\n", 1); err == nil {
		t.Errorf("version 2, not delegated: %+v", g)
	}
	if g, err := groupsIn(v2, "0::/unit/logwright-daemon\n", 1); err != nil || !g.v2 || g.dir != filepath.Join(v2, "unit") {
		t.Errorf("version 2, moved already: %+v, %v", g, err)
	}
	for _, own := range []string{"", "garbage\n", "0::/\n", "1:name=systemd:/\n"} {
		if g, err := groupsIn(v2, own, 1); err == nil {
			t.Errorf("%q: %+v", own, g)
		}
	}
}

// TestGroupFiles: what is written to a group of version 2, in a directory that stands for one.
func TestGroupFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"memory.max", "memory.swap.max", "memory.oom.group", "memory.events"} {
		os.WriteFile(filepath.Join(dir, name), nil, 0o644)
	}
	g := &group{dir: dir, v2: true}
	if err := g.limit(1<<30, 256); err != nil { // pids.max is not there, which is no error
		t.Fatal(err)
	}
	for name, want := range map[string]string{"memory.max": "1073741824", "memory.swap.max": "0", "memory.oom.group": "1"} {
		if got := readWord(filepath.Join(dir, name)); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if g.ranOut() {
		t.Error("nothing was killed")
	}
	os.WriteFile(filepath.Join(dir, "memory.events"), []byte("low 0\noom 2\noom_kill 2\noom_group_kill 1\n"), 0o644)
	if !g.ranOut() {
		t.Error("two were killed")
	}
	parent := &groups{dir: t.TempDir()}
	old, young := filepath.Join(parent.dir, runGroup+"1"), filepath.Join(parent.dir, runGroup+"2")
	os.Mkdir(old, 0o755)
	os.Mkdir(young, 0o755)
	os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour))
	parent.sweep(time.Now())
	if left, _ := os.ReadDir(parent.dir); len(left) != 1 || left[0].Name() != filepath.Base(young) {
		t.Errorf("left: %v", left)
	}
}

func TestBounds(t *testing.T) {
	s := sandboxWithout(t, DefaultConfig())
	s.o.Logger = slog.New(slog.DiscardHandler)
	text := strings.Join(s.Bounds(), "\n")
	for _, want := range []string{"commands run as ", "memory 1024 MiB: ", "disk 1024 MiB: ", "processes 256: ", "time 10m0s: ", "network: none"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if (s.groups == nil) != strings.Contains(text, "a watchdog looks") {
		t.Errorf("groups %v:\n%s", s.groups, text)
	}
}

// BenchmarkRun is a command that does nothing, in the sandbox and as it is.
func BenchmarkRun(b *testing.B) {
	s, err := New(DefaultConfig(), Options{Redact: func(s string) string { return s }})
	if err != nil {
		b.Skip(err)
	}
	b.Run("sandbox", func(b *testing.B) {
		for b.Loop() {
			if r, err := s.Run(b.Context(), Job{Argv: []string{"true"}}); err != nil || !r.Passed() {
				b.Fatal(r, err)
			}
		}
	})
	b.Run("exec", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
