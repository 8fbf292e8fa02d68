package remediations

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// daemon executes the proposal in the first file with its run files in the directory, and kills itself with SIGKILL at the point.
func daemon(args []string) error {
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var pr incident.Proposal
	if err := json.Unmarshal(b, &pr); err != nil {
		return err
	}
	r, err := NewRunner(Options{Dir: args[1], Redact: strings.Clone, Grace: 200 * time.Millisecond, Fault: func(point string) {
		if point == args[2] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err != nil {
		return err
	}
	g, err := mint(pr, time.Now())
	if err != nil {
		return err
	}
	out, err := r.Execute(context.Background(), g)
	if err != nil {
		return err
	}
	return errors.New(string(out.Result))
}

// begin starts a daemon that executes pr and dies at a point, and gives its directory of run files.
func begin(t *testing.T, pr incident.Proposal, point string) (*exec.Cmd, string) {
	t.Helper()
	dir := t.TempDir()
	b, err := json.Marshal(pr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "proposal")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	argv := self(t, "daemon", file, filepath.Join(dir, "actions"), point)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, filepath.Join(dir, "actions")
}

func killed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the daemon was not killed: %v", err)
	}
}

func TestKilledAtEachPoint(t *testing.T) {
	for _, tc := range []struct {
		point       string
		result      incident.Result
		known       bool
		says        string
		least, most int // lines of the command
		mayBegin    bool
	}{
		{faultIntent, incident.ResultSkipped, true, "before the command was started", 0, 0, true},
		{faultStart, incident.ResultUnknown, false, "was about to be started, and may have been", 0, 0, false},
		{faultStarted, incident.ResultUnknown, false, "its command was", 1, 1, false},
		{faultExit, incident.ResultUnknown, false, "has ended, nobody saw how", 1, 1, false},
		{faultReturn, incident.ResultDone, true, "ended with status 0", 1, 1, false},
	} {
		t.Run(tc.point, func(t *testing.T) {
			lines := filepath.Join(t.TempDir(), "lines")
			pr := bound(sh("echo x >> $1", lines))
			cmd, dir := begin(t, pr, tc.point)
			killed(t, cmd)
			count := func() int {
				b, _ := os.ReadFile(lines)
				return strings.Count(string(b), "\n")
			}
			r := runner(t, func(o *Options) { o.Dir = dir })
			until(t, "the command, which goes on, has ended", func() bool { return r.remaining(pr.ActionID()) == "" && count() >= tc.least })
			a := incident.Action{ID: pr.ActionID(), BegunAt: time.Now()}
			for range 2 { // the second time is after another crash
				out, known := r.Reconcile(t.Context(), a, pr)
				if out.Result != tc.result || known != tc.known || !strings.Contains(out.Detail, tc.says) {
					t.Errorf("known %v: %+v", known, out)
				}
			}
			// Whatever is said of it: another grant, as after an approval that comes twice, runs nothing.
			out, err := r.Execute(t.Context(), granted(t, pr))
			most := tc.most
			switch {
			case tc.mayBegin:
				most = 1
				if err != nil || out.Result != incident.ResultDone {
					t.Errorf("what was never begun can't be begun: %+v, %v", out, err)
				}
			case !errors.Is(err, ErrBegunBefore):
				t.Errorf("it was begun twice: %+v, %v", out, err)
			}
			if n := count(); n < tc.least || n > most {
				t.Errorf("the command ran %d times", n)
			}
		})
	}
}

// The daemon dies while the command runs: it is waited for, or stopped after its timeout, and never run again.
func TestKilledWhileTheCommandRuns(t *testing.T) {
	while := func(t *testing.T, pr incident.Proposal, pidFile string) *Runner {
		cmd, dir := begin(t, pr, "")
		r := runner(t, func(o *Options) { o.Dir = dir })
		until(t, "the run file knows the process", func() bool {
			f, err := r.load(pr.ActionID(), false)
			return err == nil && f.Phase == phaseRunning && pidIn(pidFile) > 0
		})
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		killed(t, cmd)
		return r
	}
	t.Run("it ends", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pid")
		pr := bound(self(t, "polite", file))
		r := while(t, pr, file)
		a := incident.Action{ID: pr.ActionID()}
		// A daemon that is stopped meanwhile has no answer, and leaves the command alone.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if out, known := r.Reconcile(ctx, a, pr); known || out.Result != incident.ResultUnknown || !strings.Contains(out.Detail, "still runs") {
			t.Errorf("%+v", out)
		}
		if gone(pidIn(file)) {
			t.Fatal("asking ended it")
		}
		if err := syscall.Kill(pidIn(file), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		out, known := r.Reconcile(t.Context(), a, pr)
		if known || out.Result != incident.ResultUnknown || !strings.Contains(out.Detail, "has ended, nobody saw how") {
			t.Errorf("%+v", out)
		}
	})
	t.Run("it does not end", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pid")
		pr := bound(self(t, "stubborn", file), func(m *incident.Remedy) { m.Timeout = 5 * time.Second })
		r := while(t, pr, file)
		f, err := r.load(pr.ActionID(), false)
		if err != nil {
			t.Fatal(err)
		}
		// It is later than its timeout.
		r.now = func() time.Time { return f.StartedAt.Add(time.Hour) }
		a := incident.Action{ID: pr.ActionID()}
		for range 2 {
			out, known := r.Reconcile(t.Context(), a, pr)
			if !known || out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "did not end within 5s and was stopped") {
				t.Errorf("%+v", out)
			}
		}
		if !gone(pidIn(file)) {
			t.Error("it still runs")
		}
	})
}

// A PID that means another process by now is left alone.
func TestReconcileTakesNoOtherProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	argv := self(t, "stubborn", file)
	other := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	until(t, "it runs", func() bool { return pidIn(file) > 0 })
	now, ok := readProc(other.Process.Pid)
	if !ok {
		t.Fatal("no /proc")
	}
	for _, tc := range []struct {
		name, says string
		change     func(*runFile)
	}{
		{"another start", "was started (process", func(f *runFile) { f.Start-- }},
		{"another boot", "the host was started anew since", func(f *runFile) { f.Boot = "another" }},
	} {
		name := tc.name
		r := runner(t)
		pr := bound(sh("exit 0"))
		f := runFile{
			Version: runFileVersion, Action: pr.ActionID(), Phase: phaseRunning, Boot: bootID(), PID: now.pid, Start: now.start,
			Timeout: time.Second, StartedAt: time.Now().Add(-time.Hour),
		}
		if !f.lives() {
			t.Fatal("the process is not recognised")
		}
		tc.change(&f)
		if err := r.create(f); err != nil {
			t.Fatal(err)
		}
		out, known := r.Reconcile(t.Context(), incident.Action{ID: pr.ActionID()}, pr)
		if known || out.Result != incident.ResultUnknown || !strings.Contains(out.Detail, tc.says) {
			t.Errorf("%s: %+v", name, out)
		}
		if gone(now.pid) {
			t.Fatalf("%s: the other process was ended", name)
		}
	}
}

func TestReconcileBelievesNoBrokenFile(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "half": `{"version":1,"act`, "another version": `{"version":2,"phase":"ended"}`,
		"no outcome": `{"version":1,"action":"ID","phase":"ended"}`, "no process": `{"version":1,"action":"ID","phase":"running"}`,
		"another action": `{"version":1,"action":"a-1","phase":"starting"}`, "too large": strings.Repeat(" ", maxRunFile) + "{}",
	} {
		r := runner(t)
		pr := bound(sh("exit 0"))
		file := filepath.Join(r.dir, pr.ActionID()+".json")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "ID", pr.ActionID())), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, known := r.Reconcile(t.Context(), incident.Action{ID: pr.ActionID()}, pr); known || out.Result != incident.ResultUnknown || !strings.Contains(out.Detail, "can't be read") {
			t.Errorf("%s: %+v", name, out)
		}
		if _, err := r.Execute(t.Context(), granted(t, pr)); !errors.Is(err, ErrBegunBefore) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := runner(t)
	if out, known := r.Reconcile(t.Context(), incident.Action{ID: "a-../../x"}, bound(sh("exit 0"))); known || out.Result != incident.ResultUnknown {
		t.Errorf("%+v", out)
	}
}
