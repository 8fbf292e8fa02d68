package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/demo"
)

// TestDemo runs the demo as it is, and then looks for itself whether what it claims is so.
func TestDemo(t *testing.T) {
	needBubblewrap(t)
	memory := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(memory) }) // the demo's daemon keeps its own
	dir := filepath.Join(t.TempDir(), "demo")
	out, errs, code := run(t, "", "demo", "-o", "json", "--dir", dir)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "daemon.log"))
			t.Logf("%s\n%s\n%s", errs, out, log)
		}
	})
	fits(t, "demo-1", out)
	var r demo.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	detail := map[string]string{}
	for _, s := range r.Steps {
		detail[s.Name] = s.Detail
		if !s.OK {
			t.Errorf("%s: %s", s.Name, s.Detail)
		}
	}
	if code != exitDone || !r.OK || len(r.Steps) != 11 || r.Source != "authored" || !r.Kept {
		t.Fatalf("exit %d: %+v", code, r)
	}
	if n := strings.Count(errs, "AUTHORED"); n != 2 {
		t.Errorf("it says %d times that the answers are authored; want at the beginning and at the end", n)
	}

	t.Run("pull request", func(t *testing.T) { demoPullRequest(t, dir) })
	t.Run("restart and silence", func(t *testing.T) { demoSilence(t, dir, detail["remediation"]) })
	t.Run("looking around", func(t *testing.T) {
		found := regexp.MustCompile(`(?m)^  (?:go run ./cmd/logwright|\S+) (.*) --config \S+$`).FindAllStringSubmatch(errs, -1)
		if len(found) < 5 {
			t.Errorf("it names %d commands", len(found))
		}
		for _, m := range found {
			args := append(strings.Fields(m[1]), "--config", filepath.Join(dir, "agent.yaml"))
			if shown, complaint, code := run(t, "", args...); code != exitDone || shown == "" {
				t.Errorf("%v: exit %d\n%s%s", args, code, shown, complaint)
			}
		}
		for _, args := range [][]string{{"policy", "check"}, {"doctor"}} {
			if shown, complaint, code := run(t, "", append(args, "--config", filepath.Join(dir, "agent.yaml"))...); code != exitDone {
				t.Errorf("%v: exit %d\n%s%s", args, code, shown, complaint)
			}
		}
	})
	t.Run("stranger", func(t *testing.T) {
		if _, err := os.Lstat(filepath.Join(dir, "stolen")); err == nil {
			t.Error("the stranger's command was run")
		}
		shown, _, _ := run(t, "", "incidents", "show", firstID(detail["stranger"]), "-o", "json", "--config", filepath.Join(dir, "agent.yaml"))
		if !strings.Contains(shown, `"flagged": true`) || !strings.Contains(shown, `"proposals": []`) {
			t.Errorf("its incident is not flagged and without proposals:\n%s", shown)
		}
	})
	t.Run("nothing is left running", func(t *testing.T) {
		for _, m := range regexp.MustCompile(`pid (\d+)`).FindAllStringSubmatch(detail["service"]+detail["remediation"], -1) {
			if pid, _ := strconv.Atoi(m[1]); runs(pid, dir) {
				t.Errorf("process %d still runs", pid)
			}
		}
	})
}

func needBubblewrap(t *testing.T) {
	t.Helper()
	for _, name := range []string{"git", "go", "bwrap"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

func firstID(text string) string {
	for word := range strings.FieldsSeq(text) {
		if strings.HasPrefix(word, "lw-") {
			return word
		}
	}
	return ""
}

// command runs a program of the host and gives its output.
func command(t *testing.T, dir string, argv ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// demoPullRequest clones the demo's repository: the branch's tests pass, its test alone fails on main. The patch is an authored
// one, so it may run here.
func demoPullRequest(t *testing.T, dir string) {
	t.Helper()
	must := func(dir string, argv ...string) string {
		out, err := command(t, dir, argv...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
		return strings.TrimSpace(out)
	}
	pulls, err := filepath.Glob(filepath.Join(dir, "pulls", "*.md"))
	if err != nil || len(pulls) != 1 {
		t.Fatalf("descriptions: %v, %v", pulls, err)
	}
	b, err := os.ReadFile(pulls[0])
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `: (.+)$`).FindStringSubmatch(string(b))
		if m == nil {
			t.Fatalf("the description has no %s:\n%s", name, b)
		}
		return m[1]
	}
	for _, words := range []string{"authored", "written beforehand", "go test ./cart", "index out of range [0] with length 0"} {
		if !strings.Contains(string(b), words) {
			t.Errorf("the description does not say %q:\n%s", words, b)
		}
	}
	repo, work := filepath.Join(dir, "repo.git"), filepath.Join(t.TempDir(), "work")
	if out := must(repo, "git", "fsck", "--full", "--strict"); strings.Contains(out, "error") || strings.Contains(out, "missing") {
		t.Errorf("git fsck: %s", out)
	}
	branch := key("branch")
	if at := must(repo, "git", "rev-parse", "refs/heads/"+branch); at != key("commit") {
		t.Errorf("%s is at %s, the description says %s", branch, at, key("commit"))
	}
	if base := must(repo, "git", "rev-parse", branch+"~"); base != must(repo, "git", "rev-parse", "main") {
		t.Errorf("the branch does not stand on main: %s", base)
	}
	must(dir, "git", "clone", "--quiet", "--branch", branch, repo, work)
	must(work, "go", "test", "-count=1", "./cart")
	must(work, "git", "checkout", "--quiet", "origin/main", "--", "cart/cart.go")
	if out, err := command(t, work, "go", "test", "-count=1", "./cart"); err == nil || !strings.Contains(out, "--- FAIL") {
		t.Errorf("without the fix the test does not fail: %v\n%s", err, out)
	}
}

// demoSilence reads the mailer's own log: stuck, restarted as another process, and after that never stuck again but at work.
func demoSilence(t *testing.T, dir, detail string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "logs", "mailer.log"))
	if err != nil {
		t.Fatal(err)
	}
	begins := regexp.MustCompile(`the mailer begins, pid (\d+)`).FindAllStringSubmatchIndex(string(b), -1)
	if len(begins) != 2 {
		t.Fatalf("the mailer began %d times, want twice:\n%s", len(begins), b)
	}
	before, after := string(b[:begins[1][0]]), string(b[begins[1][0]:])
	if n := strings.Count(before, "is stuck"); n < 20 {
		t.Errorf("it was stuck %d times before its restart", n)
	}
	if strings.Contains(after, "is stuck") || strings.Count(after, "receipt sent") < 20 {
		t.Errorf("after its restart:\n%s", after)
	}
	was, is := string(b[begins[0][2]:begins[0][3]]), string(b[begins[1][2]:begins[1][3]])
	if want := fmt.Sprintf("the mailer was pid %s and is pid %s", was, is); !strings.Contains(detail, want) {
		t.Errorf("%q does not say %q", detail, want)
	}
	// Not one order was lost on the way.
	sent := map[int]bool{}
	last := 0
	for _, m := range regexp.MustCompile(`order (\d+)(: receipt sent| given up| refused)`).FindAllStringSubmatch(string(b), -1) {
		n, _ := strconv.Atoi(m[1])
		sent[n], last = true, max(last, n)
	}
	if len(sent) != last {
		t.Errorf("%d orders were seen to, the last is %d", len(sent), last)
	}
}

// runs says whether a process runs that is of the demo in dir.
func runs(pid int, dir string) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && strings.HasPrefix(exe, dir)
}

// TestDemoKilled: SIGKILL leaves no time to clean up, and still none of the service's processes stays.
func TestDemoKilled(t *testing.T) {
	needBubblewrap(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "demo")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "demo", "--dir", dir)
	cmd.Env = append(os.Environ(), beLogwright+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	mailer := 0
	eventually(t, "the service to run", func() bool {
		b, _ := os.ReadFile(filepath.Join(dir, "service", "run", "mailer.pid"))
		mailer, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return mailer > 0 && runs(mailer, dir)
	})
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", mailer))
	if err != nil {
		t.Fatal(err)
	}
	_, tail, _ := strings.Cut(string(stat), ") ")
	shop, err := strconv.Atoi(strings.Fields(tail)[1])
	if err != nil || !runs(shop, dir) {
		t.Fatalf("the mailer's parent %d is not the shop: %v", shop, err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	eventually(t, "the service to end", func() bool { return !runs(shop, dir) && !runs(mailer, dir) })
}

// eventually waits for something in the world outside.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !f() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestDemoUsage(t *testing.T) {
	t.Setenv(demoKey, "")
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--base-url", "http://127.0.0.1:1/v1"}, exitUsage, "name the model with --model"},
		{[]string{"--model", "gpt-x"}, exitUsage, "$" + demoKey},
		{[]string{"--model", "x", "--provider", "nobody"}, exitUsage, "unknown provider"},
		{[]string{"extra"}, exitUsage, "usage: logwright demo"},
		{[]string{"--dir", full}, exitFailed, "not empty: it holds mine"},
	} {
		_, errs, code := run(t, "", append([]string{"demo"}, tc.args...)...)
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%v: exit %d, want %d and %q:\n%s", tc.args, code, tc.code, tc.want, errs)
		}
	}
}
