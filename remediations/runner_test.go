package remediations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

func sh(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

func TestExecute(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ran := filepath.Join(dir, "ran")
	for _, tc := range []struct {
		name       string
		remedy     incident.Remedy
		result     incident.Result
		exit       int
		detail     string
		output     string
		notBegun   bool
		mustNotRun bool
	}{
		{"done", incident.Remedy{Run: sh("echo out; echo err >&2")}, incident.ResultDone, 0, "the command was run: it ended with status 0", "out\nerr\n", false, false},
		{"failed", incident.Remedy{Run: sh("echo no; exit 3")}, incident.ResultFailed, 3, "it ended with status 3", "no\n", false, false},
		{"killed", incident.Remedy{Run: sh("kill -9 $$")}, incident.ResultFailed, -1, "ended by a signal from outside (killed)", "", false, false},
		{"a secret", incident.Remedy{Run: sh("echo hunter2")}, incident.ResultDone, 0, "", "[secret]\n", false, false},
		{"an escape", incident.Remedy{Run: sh(`printf '\033[2J\377'`)}, incident.ResultDone, 0, "", `\x1b[2J\xff`, false, false},
		{"the check says yes", incident.Remedy{Check: sh("exit 0"), Run: sh("echo x")}, incident.ResultDone, 0, "status 0", "x\n", false, false},
		{"the check says no", incident.Remedy{Check: sh("echo not now; exit 7"), Run: sh("touch $1", ran)}, incident.ResultSkipped, 7,
			"nothing was run: the check said no: it ended with status 7", "not now\n", false, true},
		{"no answer", incident.Remedy{Check: sh("kill -9 $$"), Run: sh("touch $1", ran)}, incident.ResultSkipped, -1, "the check gave no answer", "", true, true},
		{"no check", incident.Remedy{Check: []string{"/no/such"}, Run: sh("touch $1", ran)}, incident.ResultSkipped, 0, "the check: there is no program /no/such", "", true, true},
		{"no program", incident.Remedy{Run: []string{"/no/such"}}, incident.ResultSkipped, 0, "nothing was run: there is no program /no/such", "", true, false},
		{"none on the PATH", incident.Remedy{Run: []string{"no-such-program"}}, incident.ResultSkipped, 0, `no program "no-such-program" on the PATH`, "", true, false},
		{"not executable", incident.Remedy{Run: []string{file("a", 0o644, "#!/bin/sh\n")}}, incident.ResultSkipped, 0, "is not executable; chmod +x it", "", true, false},
		{"a directory", incident.Remedy{Run: []string{dir}}, incident.ResultSkipped, 0, "is a directory", "", true, false},
		{"no interpreter", incident.Remedy{Run: []string{file("b", 0o755, "#!/no/such\n")}}, incident.ResultSkipped, 0, "the interpreter that its first line names is not there", "", true, false},
		{"no format", incident.Remedy{Run: []string{file("c", 0o755, "\x00\x01")}}, incident.ResultSkipped, 0, "it is no program", "", true, false},
		{"relative", incident.Remedy{Run: []string{"./a"}}, incident.ResultSkipped, 0, "is a relative path", "", true, false},
		{"a NUL", incident.Remedy{Run: []string{"/bin/true", "a\x00b"}}, incident.ResultSkipped, 0, "NUL", "", true, false},
		{"no timeout", incident.Remedy{Run: sh("touch $1", ran), Timeout: -time.Minute}, incident.ResultSkipped, 0, "timeout", "", true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := runner(t)
			pr := bound(nil, func(m *incident.Remedy) {
				m.Run, m.Check = tc.remedy.Run, tc.remedy.Check
				m.Timeout += tc.remedy.Timeout
			})
			out, err := r.Execute(t.Context(), granted(t, pr))
			if (err != nil) != tc.notBegun || tc.notBegun && !errors.Is(err, ErrNotBegun) {
				t.Errorf("error %v", err)
			}
			if out.Result != tc.result || out.Exit != tc.exit || !strings.Contains(out.Detail, tc.detail) || out.Output != tc.output {
				t.Errorf("%+v", out)
			}
			if out.StartedAt.IsZero() || out.EndedAt.Before(out.StartedAt) {
				t.Errorf("from %s to %s", out.StartedAt, out.EndedAt)
			}
			if _, err := os.Stat(ran); tc.mustNotRun && err == nil {
				t.Error("it was run")
			}
			// What a crash after this would be told is the same.
			again, ok := r.Reconcile(t.Context(), incident.Action{ID: pr.ActionID()}, pr)
			if !ok || again.Result != tc.result {
				t.Errorf("reconciled: %v %+v", ok, again)
			}
		})
	}
}

func TestExecuteNeedsALiveGrant(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	pr := bound(sh("touch $1", ran))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late := func(o *Options) { o.Now = func() time.Time { return time.Now().Add(policy.GrantFor + time.Minute) } }
	early := func(o *Options) { o.Now = func() time.Time { return time.Now().Add(-time.Hour) } }
	// A clock that jumps ahead while the check runs.
	jumps := func(o *Options) {
		calls := 0
		o.Now = func() time.Time {
			if calls++; calls > 2 {
				return time.Now().Add(policy.GrantFor + time.Minute)
			}
			return time.Now()
		}
	}
	asked := 0
	for _, tc := range []struct {
		name  string
		ctx   context.Context
		grant policy.Grant
		o     func(*Options)
	}{
		{"the zero grant", t.Context(), policy.Grant{}, func(*Options) {}},
		{"a grant that is over", t.Context(), granted(t, pr), late},
		{"a clock that was put back", t.Context(), granted(t, pr), early},
		{"a grant that ends meanwhile", t.Context(), granted(t, bound(sh("touch $1", ran), func(m *incident.Remedy) { m.Check = sh("exit 0") })), jumps},
		{"a daemon that stops", ended, granted(t, pr), func(*Options) {}},
		{"the kill switch", t.Context(), granted(t, pr), func(o *Options) { o.Stopped = func() error { return errors.New("the kill switch is on") } }},
		{"the kill switch, after the check", t.Context(), granted(t, bound(sh("touch $1", ran), func(m *incident.Remedy) { m.Check = sh("exit 0") })), func(o *Options) {
			o.Stopped = func() error {
				if asked++; asked > 1 {
					return errors.New("the kill switch is on")
				}
				return nil
			}
		}},
		{"a pull request", t.Context(), granted(t, incident.Proposal{
			ID: pr.ID, Kind: incident.KindPullRequest, Change: &incident.Change{Commit: "c"}, Remedy: pr.Remedy,
		}), func(*Options) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := runner(t, tc.o).Execute(tc.ctx, tc.grant)
			if !errors.Is(err, ErrNotBegun) || out.Result != incident.ResultSkipped {
				t.Errorf("%+v, %v", out, err)
			}
			if _, err := os.Stat(ran); err == nil {
				t.Fatal("it was run")
			}
		})
	}
}

func TestExecuteOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lines")
	pr := bound(sh("echo x >> $1", file), func(m *incident.Remedy) { m.Reversible, m.Undo = true, sh("echo undo >> $1", file) })
	r := runner(t)
	// One grant, and another for the same proposal, many times at once and by another runner as after a restart.
	other := runner(t, func(o *Options) { o.Dir = r.dir })
	var wg sync.WaitGroup
	var mu sync.Mutex
	results := make(map[incident.Result]int)
	g := granted(t, pr)
	for i := range 8 {
		wg.Go(func() {
			which, grant := r, g
			if i%2 == 0 {
				which, grant = other, granted(t, pr)
			}
			out, err := which.Execute(t.Context(), grant)
			if out.Result != incident.ResultDone && !errors.Is(err, ErrBegunBefore) {
				t.Errorf("%+v, %v", out, err)
			}
			mu.Lock()
			results[out.Result]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if results[incident.ResultDone] != 1 || results[incident.ResultUnknown] != 7 {
		t.Error(results)
	}
	// The undo is another command, and runs once too.
	undo := grantedUndo(t, pr, incident.Outcome{Result: incident.ResultDone})
	if out, err := r.Execute(t.Context(), undo); err != nil || out.Result != incident.ResultDone {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := r.Execute(t.Context(), undo); !errors.Is(err, ErrBegunBefore) {
		t.Error(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "x\nundo\n" {
		t.Errorf("%q", b)
	}
	a := incident.Action{ID: pr.ActionID(), UndoneAt: time.Now()}
	if out, ok := r.Reconcile(t.Context(), a, pr); !ok || out.Result != incident.ResultDone || !strings.Contains(out.Detail, "status 0") {
		t.Errorf("%+v", out)
	}
	if err := r.Prune(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(r.dir); len(left) != 2 {
		t.Errorf("%v", left)
	}
	if err := r.Prune(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(r.dir); len(left) != 0 {
		t.Errorf("%v", left)
	}
}

// What was begun before is not even checked again.
func TestBegunBeforeIsNotChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checks")
	pr := bound(sh("exit 0"), func(m *incident.Remedy) { m.Check = sh("echo x >> $1", file) })
	r := runner(t)
	for range 2 {
		_, _ = r.Execute(t.Context(), granted(t, pr))
	}
	if b, _ := os.ReadFile(file); string(b) != "x\n" {
		t.Errorf("%q", b)
	}
}

// What the daemon has is not the command's: secrets in its environment, its descriptors, its umask, its terminal.
func TestCommandSeesNothingOfTheDaemon(t *testing.T) {
	const inherited = 57 // as if handed over when the daemon was started: not close-on-exec
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup2(int(f.Fd()), inherited); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(inherited)
	defer syscall.Umask(syscall.Umask(0o077))
	t.Setenv("LOGWRIGHT_TEST_TOKEN", "hunter2")
	pr := bound(self(t, "state", "a b", "", "$(id)", "*", "-x\n"))
	out, err := runner(t, func(o *Options) { o.Redact = func(s string) string { return s } }).Execute(t.Context(), granted(t, pr))
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	fds := 0
	for line := range strings.Lines(out.Output) {
		line = strings.TrimSpace(line)
		if e, ok := strings.CutPrefix(line, "env="); ok {
			name, _, _ := strings.Cut(e, "=")
			env = append(env, name)
		}
		if fd, ok := strings.CutPrefix(line, "fd="); ok {
			if fds++; fd > "2" || len(fd) > 1 {
				t.Errorf("descriptor %s leaked", fd)
			}
		}
	}
	if fmt.Sprint(env) != "[LANG PATH LOGWRIGHT_ACTION]" {
		t.Errorf("the environment has %v", env)
	}
	want := []string{"wd=/\n", "stdin=0 EOF\n", `args=["a b" "" "$(id)" "*" "-x\n"]` + "\n", "leads=true\n", "env=LOGWRIGHT_ACTION=" + pr.ActionID() + "\n"}
	if runtime.GOOS == "linux" {
		want = append(want, "umask=0022\n")
	}
	for _, w := range want {
		if !strings.Contains(out.Output, w) {
			t.Errorf("the command did not see %q", w)
		}
	}
	if fds != 3 || t.Failed() {
		t.Errorf("%d descriptors\n%s", fds, out.Output)
	}
	if old := syscall.Umask(0o077); old != 0o077 {
		t.Errorf("the daemon's own umask became %04o", old)
	}
}

func TestEnvironmentIsAList(t *testing.T) {
	vars := map[string]string{"PATH": "relative:" + t.TempDir() + ":/usr/bin:/bin", "TZ": "UTC", "KEY": "hunter2"}
	r := runner(t, func(o *Options) {
		o.Env = []string{"TZ", "MISSING"}
		o.LookupEnv = func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
	})
	env, path := r.environment("a-1")
	if fmt.Sprint(env) != "[TZ=UTC PATH="+defaultPath+" LOGWRIGHT_ACTION=a-1]" || path != defaultPath {
		t.Error(env)
	}
	r.env = []string{"PATH"}
	if _, path = r.environment("a-1"); path != vars["PATH"] {
		t.Error(path)
	}
	if _, err := NewRunner(Options{Dir: t.TempDir(), Redact: strings.Clone, Env: []string{"A=B"}}); err == nil {
		t.Error("a name with a value in it was taken")
	}
	if _, err := NewRunner(Options{Dir: t.TempDir()}); err == nil {
		t.Error("a runner without redaction was made")
	}
}

func TestRelativePathIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "true"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{".", "", ":", "./:.."} {
		if file, err := lookProgram("true", path); err == nil {
			t.Errorf("PATH=%q found %s", path, file)
		}
	}
	if file, err := lookProgram("true", ".:"+dir); err != nil || file != filepath.Join(dir, "true") {
		t.Errorf("%s, %v", file, err)
	}
}

func TestRunFilesAreNobodyElses(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", "relative", open, link} {
		if _, err := NewRunner(Options{Dir: dir, Redact: strings.Clone}); err == nil {
			t.Errorf("%q was taken", dir)
		}
	}
}

func TestProbeAndCheck(t *testing.T) {
	r := runner(t)
	m := incident.Remedy{Timeout: time.Minute, Probe: sh("exit 0"), Check: sh("exit 1")}
	if alive, detail, err := r.Probe(t.Context(), m); !alive || err != nil || detail != "the probe: it ended with status 0" {
		t.Error(alive, detail, err)
	}
	if ok, detail, err := r.Check(t.Context(), m); ok || err != nil || detail != "the check: it ended with status 1" {
		t.Error(ok, detail, err)
	}
	if alive, _, err := r.Probe(t.Context(), incident.Remedy{Timeout: time.Minute}); alive || err == nil {
		t.Error("there is no probe, and it said", alive)
	}
	if alive, _, err := r.Probe(t.Context(), incident.Remedy{Timeout: time.Minute, Probe: []string{"/no/such"}}); alive || err == nil {
		t.Error("there is no such probe, and it said", alive)
	}
	// A probe ends with the daemon.
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		until(t, "the probe runs", func() bool { return pidIn(file) > 0 })
	}()
	if alive, _, err := r.Probe(ctx, incident.Remedy{Timeout: time.Minute, Probe: self(t, "stubborn", file)}); alive || !errors.Is(err, context.Canceled) {
		t.Error(alive, err)
	}
	if !gone(pidIn(file)) {
		t.Error("the probe still runs")
	}
}
