package repair

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/repair/sandbox"
)

// fakeModel answers from a list, authored here. It keeps what it was asked.
type fakeModel struct {
	mu      sync.Mutex
	answers []fakeAnswer
	asked   []model.Request
}

type fakeAnswer struct {
	text string
	err  error
}

func (m *fakeModel) Complete(_ context.Context, r model.Request) (model.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, r)
	if len(m.answers) == 0 {
		return model.Response{}, &model.Error{Kind: model.KindUnavailable, Message: "the fake has no more answers"}
	}
	a := m.answers[0]
	m.answers = m.answers[1:]
	return model.Response{Text: a.text, Model: "fake-1"}, a.err
}

func answers(texts ...string) *fakeModel {
	m := &fakeModel{}
	for _, t := range texts {
		m.answers = append(m.answers, fakeAnswer{text: t})
	}
	return m
}

// fakeRunner is a sandbox without walls, for what does not depend on them: it looks at the files that a command would see.
type fakeRunner struct {
	jobs []sandbox.Job
	run  func(files map[string]string, j sandbox.Job) sandbox.Result
}

func (r *fakeRunner) Run(_ context.Context, j sandbox.Job) (sandbox.Result, error) {
	files := make(map[string]string)
	for _, l := range j.Layers {
		err := filepath.WalkDir(l, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(p)
			rel, _ := filepath.Rel(l, p)
			files[rel] = string(b)
			return err
		})
		if err != nil {
			return sandbox.Result{}, err
		}
	}
	r.jobs = append(r.jobs, j)
	return r.run(files, j), nil
}

// asserting passes if no file below tests/ asks for what app.py does not have.
func asserting(files map[string]string, _ sandbox.Job) sandbox.Result {
	for name, text := range files {
		for l := range strings.SplitSeq(text, "\n") {
			if want, ok := strings.CutPrefix(l, "want "); ok && strings.HasPrefix(name, "tests/") && !strings.Contains(files["app.py"], want) {
				return sandbox.Result{Exit: 1, Output: "FAIL " + name + ": " + l}
			}
		}
	}
	return sandbox.Result{Output: "ok"}
}

// newRepo makes a repository and gives its path.
func newRepo(t testing.TB, files map[string]string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"}, {"commit", "--quiet", "-m", "first"}} {
		gitIn(t, dir, args...)
	}
	return dir
}

func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func gitIn(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func blockText(path, search, replace string) string {
	if search != "" {
		search += "\n"
	}
	return path + "\n<<<<<<< SEARCH\n" + search + "=======\n" + replace + "\n>>>>>>> REPLACE\n"
}

// small is a repository for the fake runner, and an incident in it.
func small(t testing.TB) (Repository, incident.Incident) {
	files := map[string]string{
		"app.py": "import os\n\ndef f():\n    return 1\n", "tests/test_app.py": "first\nsecond\n", "Makefile": "all:\n", "link.py": "-> app.py",
		"bin.py": "\x00\x01", "secret.py": "key = '" + secret + "'\n", "pack/__init__.py": "x = 1\n",
	}
	repo := Repository{Path: newRepo(t, files), Base: "main", Verify: [][]string{{"check"}}}
	return repo, incidentAt("app.py", incident.Frame{File: "/srv/app/app.py", Line: 4, Function: "f", InApp: true})
}

func incidentAt(_ string, frames ...incident.Frame) incident.Incident {
	return incident.Incident{
		ID: "lw-2fa7k3q9xw5m.1", Title: "ValueError in f", Service: "shop", Template: "it failed",
		Samples:   []incident.Sample{{Record: incident.Record{Raw: "ERROR it failed password=" + secret, Exception: "ValueError", Frames: frames}}},
		Diagnosis: &incident.Diagnosis{Summary: "f is wrong", RootCause: "f gives 1"},
	}
}

func newRepairer(t testing.TB, m model.Model, s Runner) *Repairer {
	t.Helper()
	r, err := New(Config{}, Options{
		Model: m, Redact: redactFake, Sandbox: s, Dir: filepath.Join(t.TempDir(), "repair"),
		Now: func() time.Time { return time.Unix(1_700_000_000, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func repair(t testing.TB, r *Repairer, inc incident.Incident, repo Repository) Result {
	t.Helper()
	res, err := r.Repair(t.Context(), inc, repo)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Join(r.dir, "tmp")); err == nil && len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	return res
}

var (
	fix  = blockText("app.py", "    return 1", "    return 2")
	test = blockText("tests/test_new.py", "", "want return 2")
)

func TestRepair(t *testing.T) {
	for _, c := range []struct {
		name                 string
		answers              []string
		verified, reproduced bool
		stopped              string
		rounds               int
	}{
		{"proven at once", []string{"It was 1.\n\n" + test + fix}, true, true, "", 1},
		{"proven at the second round", []string{blockText("app.py", "    return 7", "    return 2"), test + fix}, true, true, "", 2},
		{"no test at all", []string{fix, fix, fix}, true, false, "", 3},
		{"a test that proves nothing", []string{blockText("tests/test_new.py", "", "want def") + fix, "x", "y"}, true, false, "", 3},
		{"the second is worse than the first", []string{fix, "nothing", blockText("app.py", "no", "x")}, true, false, "", 3},
		{"tests only", []string{test, test, test}, false, false, "the change touches tests only, which mends nothing (after 3 of 3 rounds)", 3},
		{"a fix that mends nothing", slices.Repeat([]string{test + blockText("app.py", "    return 1", "    return 3")}, 3), false, false,
			"the verify commands fail with the patch (after 3 of 3 rounds)", 3},
		{"no patch", []string{"NO PATCH: the disk is full"}, false, false, "the model sees nothing to be patched in this code", 1},
		{"nonsense", []string{"a", "b", "c"}, false, false, "the model's answer holds no edits that can be read (after 3 of 3 rounds)", 3},
		{"a secret", slices.Repeat([]string{blockText("app.py", "    return 1", "    return '"+secret+"'")}, 3), false, false, briefSecret + " (after 3 of 3 rounds)", 3},
		{"what is built", slices.Repeat([]string{fix + blockText("Makefile", "all:", "all: x")}, 3), false, false, briefDenied + " (after 3 of 3 rounds)", 3},
		{"a removed test", slices.Repeat([]string{fix + blockText("tests/test_app.py", "first\nsecond", "second")}, 3), false, false, briefTests + " (after 3 of 3 rounds)", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			repo, inc := small(t)
			m := answers(c.answers...)
			run := &fakeRunner{run: asserting}
			r := newRepairer(t, m, run)
			res := repair(t, r, inc, repo)
			ch := res.Change
			if ch.Verified != c.verified || ch.Reproduced != c.reproduced || ch.Stopped != c.stopped || ch.Rounds != c.rounds || res.Why == "" {
				t.Fatalf("verified %t, reproduced %t, stopped %q, rounds %d, why %q", ch.Verified, ch.Reproduced, ch.Stopped, ch.Rounds, res.Why)
			}
			for i, req := range m.asked {
				if want := map[bool]string{true: purposePatch, false: purposeAgain}[i == 0]; req.Purpose != want {
					t.Errorf("round %d asked for %q", i+1, req.Purpose)
				}
			}
			if !c.verified {
				return
			}
			if !strings.Contains(ch.Diff, "+    return 2") || len(ch.Files) == 0 || ch.Added == 0 {
				t.Errorf("%+v", ch)
			}
			if got := gitIn(t, ch.Store, "log", "-1", "--format=%P %an %s", ch.Commit); got != ch.BaseCommit+" Logwright Fix: ValueError in f" {
				t.Error(got)
			}
			gitIn(t, ch.Store, "fsck", "--strict")
			for _, j := range run.jobs {
				if j.Network {
					t.Error("verified with network")
				}
			}
		})
	}
}

// TestRepairStops: what keeps a patch from being asked for.
func TestRepairStops(t *testing.T) {
	repo, inc := small(t)
	pass := &fakeRunner{run: asserting}
	fail := &fakeRunner{run: func(map[string]string, sandbox.Job) sandbox.Result { return sandbox.Result{Exit: 1} }}
	failPrepare := &fakeRunner{run: func(_ map[string]string, j sandbox.Job) sandbox.Result {
		if j.Network {
			return sandbox.Result{Exit: 1}
		}
		return sandbox.Result{}
	}}
	elsewhere := incidentAt("", incident.Frame{File: "/usr/lib/python3/json/decoder.py", Line: 3, InApp: true}, incident.Frame{File: "other.py", InApp: true})
	prepared, gone, wrong := repo, repo, repo
	prepared.Prepare = [][]string{{"fetch"}}
	gone.Base = "gone"
	wrong.Verify = nil
	for _, c := range []struct {
		name, why string
		runner    Runner
		inc       incident.Incident
		repo      Repository
	}{
		{"no sandbox", "there is no sandbox to prove a patch in: no sandbox: bwrap is missing; apt install bubblewrap", nil, inc, repo},
		{"no frame", noFrame, pass, elsewhere, repo},
		{"no stack", noFrame, pass, incidentAt(""), repo},
		{"the base fails", "the verify commands fail on the base already, so that they can't prove anything", fail, inc, repo},
		{"prepare fails", "the prepare commands fail on the base", failPrepare, inc, prepared},
		{"no branch", "the repository can't be read", pass, inc, gone},
		{"no command", "the repository's configuration is wrong: verify: there is no command", pass, inc, wrong},
	} {
		m := answers(test + fix)
		r := newRepairer(t, m, c.runner)
		r.why = &sandbox.UnavailableError{Why: "bwrap is missing", Fix: "apt install bubblewrap"}
		res := repair(t, r, c.inc, c.repo)
		if !strings.HasPrefix(res.Change.Stopped, c.why) || res.Change.Commit != "" || len(m.asked) != 0 {
			t.Errorf("%s: %q, asked %d times", c.name, res.Change.Stopped, len(m.asked))
		}
	}
	r := newRepairer(t, nil, pass)
	if res := repair(t, r, inc, repo); res.Change.Stopped != "no model is configured" {
		t.Error(res.Change.Stopped)
	}
}

func TestModelFails(t *testing.T) {
	repo, inc := small(t)
	for _, c := range []struct {
		kind  model.Kind
		retry bool
		after time.Duration
	}{
		{model.KindUnavailable, true, 0}, {model.KindRateLimited, true, time.Minute}, {model.KindAuth, true, retryLater}, {model.KindRefused, false, 0},
		{model.KindTooLong, false, 0}, {model.KindBudget, true, 0}, {model.KindOffline, false, 0},
	} {
		e := &model.Error{Kind: c.kind}
		if c.kind == model.KindRateLimited {
			e.RetryAfter = time.Minute
		}
		m := &fakeModel{answers: []fakeAnswer{{err: e}}}
		res := repair(t, newRepairer(t, m, &fakeRunner{run: asserting}), inc, repo)
		if res.Retry != c.retry || res.RetryAfter != c.after || res.Change.Stopped == "" || res.Change.Rounds != 0 {
			t.Errorf("%s: %+v", c.kind, res)
		}
	}
	// What was verified before it failed is kept.
	m := answers(fix)
	res := repair(t, newRepairer(t, m, &fakeRunner{run: asserting}), inc, repo)
	if !res.Change.Verified || res.Retry || res.Change.Stopped != "" {
		t.Errorf("%+v", res)
	}
}

// TestPatchIsNeverInTheBase: what each stage sees, and that nothing of the model's can write to the cache.
func TestStages(t *testing.T) {
	repo, inc := small(t)
	repo.Prepare = [][]string{{"fetch"}}
	type seen struct {
		network, writable, test, fixed bool
	}
	var got []seen
	run := &fakeRunner{}
	run.run = func(files map[string]string, j sandbox.Job) sandbox.Result {
		if len(j.Mounts) != 1 || j.Mounts[0].Inside != cacheInside {
			t.Errorf("mounts %v", j.Mounts)
		}
		got = append(got, seen{j.Network, j.Mounts[0].Writable, files["tests/test_new.py"] != "", strings.Contains(files["app.py"], "return 2")})
		return asserting(files, j)
	}
	r := newRepairer(t, answers(test+fix, test+fix), run)
	res := repair(t, r, inc, repo)
	var stages []string
	for _, c := range res.Change.Checks {
		stages = append(stages, c.Stage)
	}
	want := []seen{
		{true, true, false, false}, {false, true, false, false}, {false, false, true, false}, {false, false, true, true},
		{false, false, true, true}, {false, false, true, false}, // the control, with the change and on the base
	}
	if !slices.Equal(got, want) || !slices.Equal(stages, []string{"prepare", "base", "reproduce", "patched"}) {
		t.Fatalf("%v\n%v", got, stages)
	}
	// The second time neither is done again, and what the base said is still told.
	got = nil
	res = repair(t, r, inc, repo)
	if !slices.Equal(got, want[2:]) || res.Change.Checks[0].Stage != incident.StageBase || !res.Change.Reproduced {
		t.Errorf("%v, %+v", got, res.Change.Checks)
	}
}

func TestFeedback(t *testing.T) {
	repo, inc := small(t)
	m := answers(
		blockText("app.py", "def f():\n    return 9", "x"),
		blockText("tests/test_new.py", "", "want return 2")+blockText("app.py", "    return 1", "    return 3"),
		fix,
	)
	repair(t, newRepairer(t, m, &fakeRunner{run: asserting}), inc, repo)
	last := func(i int) string { return m.asked[i].Messages[len(m.asked[i].Messages)-1].Text }
	for i, want := range map[int][]string{
		0: {"def f():\n    return 1", `File "app.py", lines 1 to 4 of 4 (line 4 is in the stack)`, "password=[REDACTED:password]", `File "tests/test_app.py"`},
		1: {"edit 1 (app.py): the lines of SEARCH are not in the file as it is", "def f():\n    return 1"},
		2: {"with the whole patch this command fails (exit 1): check", "FAIL tests/test_new.py: want return 2"},
	} {
		for _, w := range want {
			if !strings.Contains(last(i), w) {
				t.Errorf("round %d lacks %q:\n%s", i+1, w, last(i))
			}
		}
	}
	for _, req := range m.asked {
		if strings.Contains(model.Render(req), secret) {
			t.Error("a secret leaves")
		}
	}
	prompt, err := newRepairer(t, nil, nil).Prompt(t.Context(), inc, repo)
	if err != nil || prompt != model.Render(model.Redacted(m.asked[0], redactFake)) {
		t.Errorf("Prompt is not what is asked: %v\n%s", err, prompt)
	}
}

// TestRefusedEdits: each of these edits stands beside a sound fix, and nothing of it becomes a commit.
func TestRefusedEdits(t *testing.T) {
	repo, inc := small(t)
	repo.Deny = []string{"private/**"}
	repo.Allow = []string{"**"}
	store, err := git.Open(t.Context(), filepath.Join(t.TempDir(), "s.git"), git.Options{})
	if err != nil {
		t.Fatal(err)
	}
	base, err := store.Fetch(t.Context(), repo.Path, "main")
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorkbench(t.Context(), store, base, repo, redactFake)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{}.withDefaults()
	try := func(text string) []problem {
		a, err := parseAnswer(text)
		if err != nil {
			return []problem{{text: err.Error()}}
		}
		m, ps := w.apply(t.Context(), a.edits, cfg)
		if len(ps) > 0 {
			return ps
		}
		var c incident.Change
		if err := w.commit(t.Context(), &c, inc, m, time.Unix(0, 0)); err != nil {
			return []problem{{text: err.Error()}}
		}
		return w.check(&c, cfg)
	}
	for _, sound := range []string{
		test + fix + blockText("tests/test_app.py", "second", "second\nthird"),
		blockText("q.js", "", "await client.quit();\nitems.skip(1);\nconst pending = () => 1; pending();\nprocess.exit(1);"),
		blockText("src/é.py", "", "x = 1"),
		blockText("pack/logging.py", "", "x = 1"),
	} {
		if ps := try(sound); len(ps) > 0 {
			t.Fatalf("a sound patch is refused: %v\n%s", ps, sound)
		}
	}
	for name, text := range map[string]string{
		"outside":         blockText("../x.py", "", "x"),
		"absolute":        blockText("/etc/x.py", "", "x"),
		"git":             blockText(".git/hooks/pre-commit", "", "x"),
		"symlink":         blockText("link.py", "import os", "import sys"),
		"below a symlink": blockText("link.py/x.py", "", "x"),
		"below a file":    blockText("app.py/x.py", "", "x"),
		"binary":          blockText("bin.py", "x", "y"),
		"denied":          blockText("private/x.py", "", "x"),
		"CI":              blockText(".github/workflows/x.yml", "", "x"),
		"no such file":    blockText("none.py", "x", "y"),
		"exists":          blockText("app.py", "", "x"),
		"nothing changes": blockText("app.py", "    return 1", "    return 1"),
		"too many lines":  blockText("big.py", "", strings.Repeat("x\n", cfg.MaxLines+1)),
		"skipped test":    blockText("tests/test_x.py", "", "import pytest\n@pytest.mark.skip\ndef test(): pass"),
		"Go's skip":       blockText("x_test.go", "", "func TestX(t *testing.T) { t.Skip() }"),
		"build tag":       blockText("x_test.go", "", "//go:build never\npackage x"),
		"TestMain":        blockText("x_test.go", "", "func TestMain(m *testing.M) {}"),
		"exit":            blockText("app.py", "    return 1", "    os._exit(0)"),
		"asks":            blockText("app.py", "    return 1", "    if 'PYTEST_CURRENT_TEST' in os.environ: return 2"),
		"go generate":     blockText("x.go", "", "package x\n//go:generate sh -c id"),
		"cgo":             blockText("x.go", "", "package x\n// #cgo LDFLAGS: -x\nimport \"C\""),
		"changed test":    blockText("tests/test_app.py", "first", "1st"),
		"a secret":        blockText("app.py", "    return 1", "    return '"+secret+"'"),
		"a long line":     blockText("long.py", "", strings.Repeat("x", maxDiff)),
		"JS's only":       blockText("x.test.js", "", "it.only('x', () => {});"),
		"quit":            blockText("app.py", "    return 1", "    quit()"),
		"not ASCII":       blockText("tests/tést_x.py", "", "@pytest.mark.xfail"),
		"a zero byte":     blockText("app.py", "    return 1", "    return 2 # \x00"),
		"turned around":   blockText("app.py", "    return 1", "    return 2 # \u202e"),
		"a line within":   blockText("app.py", "    return 1", "    return 2 #\rimport os"),
		"a plugin":        blockText("x.egg-info/entry_points.txt", "", "[pytest11]\nx = app"),
		"the library's":   blockText("argparse.py", "", "x = 1"),
		"the runner's":    blockText("unittest/__init__.py", "", "x = 1"),
		"below src":       blockText("src/json.py", "", "x = 1"),
		"an odd name":     blockText("tests/t\u202e.py", "", "x"),
	} {
		if ps := try(text); len(ps) == 0 {
			t.Errorf("%s: it was taken", name)
		}
	}
	many := ""
	for i := range cfg.MaxFiles + 1 {
		many += blockText("n"+string(rune('a'+i))+".py", "", "x")
	}
	if ps := try(many); len(ps) == 0 {
		t.Error("too many files")
	}
	repo.Allow = []string{"src/**"}
	w.repo = repo
	if ps := try(fix); len(ps) == 0 || ps[0].brief != briefDenied {
		t.Error("a file outside allow was taken")
	}
}

func TestProtected(t *testing.T) {
	for _, p := range []string{
		".github/workflows/ci.yml", ".GitHub/x", "sub/.gitlab-ci.yml", "Jenkinsfile", ".circleci/config.yml", "Makefile", "sub/makefile", "GNUmakefile",
		"package.json", "web/package-lock.json", "yarn.lock", "Cargo.lock", "conftest.py", "tests/conftest.py", "setup.py", "setup.cfg", "pyproject.toml",
		"noxfile.py", "tox.ini", "build.rs", "Cargo.toml", "build.gradle.kts", "pom.xml", "Gemfile", "Rakefile", ".gitattributes", ".gitmodules", ".husky/pre-commit",
		"Dockerfile", "deploy/Dockerfile.prod", "docker-compose.yml", "compose.yaml", "run.sh", "go.mod", "go.sum", ".envrc", ".env", ".vscode/tasks.json",
		"CODEOWNERS", "docs/CODEOWNERS", "vendor/x/y.go", "node_modules/a/b.js", "jest.config.js", "vite.config.ts", "requirements.txt", "requirements-dev.txt",
		".pre-commit-config.yaml", "CMakeLists.txt", "BUILD.bazel", "MODULE.bazel", "x.csproj", "Directory.Build.props", ".npmrc", ".cargo/config.toml",
		"spec/spec_helper.rb", "sitecustomize.py", "x.pth", ".eslintrc.js", "tsconfig.json", "Jenkinsfile.release", "action.yml", "PACKAGE.JSON",
		"confte\u017ft.py", "ma\u212aefile", "META-INF/services/x", "x.dist-info/entry_points.txt", "x.syso", "config/runtime.exs", "test/minitest/x_plugin.rb",
	} {
		if !protected(p) {
			t.Errorf("%s may be touched", p)
		}
		if why := (Repository{Allow: []string{"**", p}}).permitted(p); why == "" {
			t.Errorf("%s may be touched when the operator allows it", p)
		}
	}
	for _, p := range []string{
		"src/app.py", "main.go", "internal/build/build.go", "lib/index.js", "tests/test_app.py", "app/tasks.py", "src/main.rs", "cmd/x/main_test.go",
		"README.md", "src/Main.java", "app/models/user.rb", "spec/models/user_spec.rb", "src/config.py", "config/settings.py", "src/lock.go",
	} {
		if protected(p) {
			t.Errorf("%s may not be touched", p)
		}
	}
}

func TestSweep(t *testing.T) {
	r := newRepairer(t, nil, nil)
	alive, err := r.newScratch()
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(r.dir, "tmp", "run-1")
	if err := os.MkdirAll(filepath.Join(dead, "ro"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dead, map[string]string{"ro/x": "x", "out": "-> " + r.dir, "../run-1.lock": ""})
	if err := os.Chmod(filepath.Join(dead, "ro"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := r.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the dead left is there: %v", err)
	}
	if _, err := os.Stat(alive.dir); err != nil {
		t.Errorf("what the living use is gone: %v", err)
	}
	if err := alive.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.dir); err != nil {
		t.Error(err)
	}
}

func TestInterrupted(t *testing.T) {
	repo, inc := small(t)
	ctx, cancel := context.WithCancel(t.Context())
	run := &fakeRunner{run: func(map[string]string, sandbox.Job) sandbox.Result { cancel(); return sandbox.Result{Exit: -1} }}
	r := newRepairer(t, answers(fix), run)
	if _, err := r.Repair(ctx, inc, repo); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if names, err := os.ReadDir(filepath.Join(r.dir, "tmp")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
