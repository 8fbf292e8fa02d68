package github

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/github/fakegithub"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const repoName = "acme/api"

// redact takes out what looks like hunter2, wherever it is, and a password on a line of its own.
func redact(s string) string {
	s = regexp.MustCompile(`hunter2\w*`).ReplaceAllString(s, "[redacted]")
	return regexp.MustCompile(`(password:\n\s*)\S+`).ReplaceAllString(s, "${1}[redacted]")
}

func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
}

func runGit(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// site is a service's repository, our object store beside it, and what is proposed from there.
type site struct {
	dir, bare, base string
	store           *git.Store
}

func newSite(t testing.TB) *site {
	t.Helper()
	needGit(t)
	s := &site{dir: t.TempDir()}
	work := filepath.Join(s.dir, "work")
	runGit(t, s.dir, "init", "-q", "-b", "main", "work")
	for name, text := range map[string]string{
		"src/app.py":        "def total(order):\n    return order['sum']\n",
		"tests/test_app.py": "def test_nothing():\n    pass\n",
		"old.conf":          "password:\n  hunter2old\n",
		"bin/run":           "#!/bin/sh\nexec python3 src/app.py\n",
	} {
		p := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runGit(t, work, "add", ".")
	runGit(t, work, "update-index", "--chmod=-x", "src/app.py", "tests/test_app.py", "old.conf")
	runGit(t, work, "commit", "-q", "-m", "first")
	runGit(t, s.dir, "clone", "-q", "--bare", "work", "repo.git")
	s.bare = filepath.Join(s.dir, "repo.git")
	var err error
	if s.store, err = git.Open(t.Context(), filepath.Join(s.dir, "store.git"), git.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.base, err = s.store.Fetch(t.Context(), s.bare, "main"); err != nil {
		t.Fatal(err)
	}
	return s
}

// commit makes a commit of files, by path, on the base.
func (s *site) commit(t testing.TB, message string, files map[string]string) string {
	t.Helper()
	var changes []git.Change
	for name, text := range files {
		id, err := s.store.WriteBlob(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		mode := git.ModeFile
		if strings.HasPrefix(name, "bin/") {
			mode = git.ModeExecutable
		}
		changes = append(changes, git.Change{Path: name, Mode: mode, ID: id})
	}
	tree, err := s.store.WriteTree(t.Context(), s.base, changes)
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.store.Commit(t.Context(), tree, s.base, message, at)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var goodFiles = map[string]string{
	"src/app.py":        "def total(order):\n    return order.get('sum', 0)\n",
	"tests/test_app.py": "def test_nothing():\n    pass\n\n\ndef test_no_sum():\n    assert total({}) == 0\n",
	"bin/run":           "#!/bin/sh\nset -e\nexec python3 src/app.py\n",
}

// proposal is number n for an episode of a cluster.
func (s *site) proposal(t testing.TB, n, episode int) incident.Proposal {
	t.Helper()
	return s.proposalOf(t, n, episode, "Mend the KeyError in total\n\nSeen by Logwright.", goodFiles)
}

func (s *site) proposalOf(t testing.TB, n, episode int, message string, files map[string]string) incident.Proposal {
	t.Helper()
	var names []string
	for f := range files {
		names = append(names, f)
	}
	slices.Sort(names)
	return s.described(n, episode, s.commit(t, message, files), s.store.Dir(), names)
}

func (s *site) described(n, episode int, commit, store string, names []string) incident.Proposal {
	const cluster = "lw-abcdefghij23"
	id := fmt.Sprintf("%s.%d", cluster, episode)
	return incident.Proposal{
		ID: fmt.Sprintf("p-01JC3W9T6ZK5X9M2Q8R4V7B1%02d", n), Incident: id, Cluster: cluster, Service: "api", Kind: incident.KindPullRequest,
		At: at, Title: "Mend the KeyError in total (src/app.py)", Why: "the order has no sum",
		Facts: incident.Facts{Severity: incident.SeverityError, Trigger: incident.TriggerNew, Category: "code-bug", FixKind: "code-patch",
			Confidence: 0.82, Source: "gpt-x", Events: 37},
		Account: &incident.Account{
			Summary: "Orders without a sum stop the service.", RootCause: "total() takes order['sum'] for granted [E1].",
			Evidence:  []incident.Evidence{{ID: "E1", Source: "/var/log/api.log", Line: 12, Quote: "KeyError: 'sum'"}},
			Culprit:   &incident.Culprit{File: "src/app.py", Line: 2, Function: "total"},
			FirstSeen: at.Add(-time.Hour), LastSeen: at.Add(-time.Minute), Events: 37,
			Release:   &incident.Release{Service: "api", Version: "v1.4.2", At: at.Add(-2 * time.Hour)},
			NextSteps: []string{"See who sends orders without a sum."},
		},
		Change: &incident.Change{
			Store: store, Repository: s.bare, Base: "main", BaseCommit: s.base, Commit: commit,
			Branch: "logwright/" + id, Diff: "-", Files: names, Tests: []string{"tests/test_app.py"}, Added: 6, Removed: 1,
			Verified: true, Reproduced: true, Rounds: 1, Explanation: "A missing sum counts as 0.",
			Checks: []incident.Check{
				{Stage: incident.StageBase, Argv: []string{"python3", "-m", "pytest", "-q"}, Output: "1 passed", Duration: 1400 * time.Millisecond},
				{Stage: incident.StageReproduce, Argv: []string{"python3", "-m", "pytest", "-q"}, Exit: 1, Output: "KeyError: 'sum'\n1 failed, 1 passed", Duration: 1500 * time.Millisecond},
				{Stage: incident.StagePatched, Argv: []string{"python3", "-m", "pytest", "-q"}, Output: "2 passed", Duration: 312 * time.Millisecond},
			},
		},
	}
}

// grant has the gate allow p, as it does in enforce with a rule that allows everything.
func grant(t testing.TB, p incident.Proposal) policy.Grant {
	t.Helper()
	gate, ps := policy.New(policy.Config{Rules: []policy.Rule{{Name: "all", When: "true", Then: "allow"}}, OpenPullRequests: 9, ApprovalFor: time.Hour, AskFor: time.Hour}, policy.Options{Mode: policy.ModeEnforce})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	v := gate.Decide(at, p, policy.History{})
	g, ok := v.Grant()
	if !ok {
		t.Fatalf("no grant: %+v", v.Decision())
	}
	return g
}

// seen is a pull request as a person sees it.
type seen struct {
	number                    int
	open                      bool
	title, body, branch, base string
	comments                  string
}

// place is a forge under test, with the means to look behind it.
type place struct {
	*site
	config Config
	state  string
	via    http.RoundTripper
	fake   *fakegithub.Server // nil for the local forge
	pulls  func() []seen
	close  func(number int, merged bool)
	// pushed is the repository that has the branches.
	pushed func() string
	// points are the fault points that an Execute passes.
	points []string
}

func (p *place) forge(t testing.TB, fault func(string)) *Forge {
	t.Helper()
	f, err := New(p.config, Options{Redact: redact, Transport: p.via, Now: func() time.Time { return at }, Logger: slog.New(slog.DiscardHandler),
		StateDir: p.state, Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// branches are those of ours.
func (p *place) branches(t testing.TB) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for line := range strings.SplitSeq(runGit(t, p.pushed(), "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"), "\n") {
		name, id, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "logwright/") {
			out[name] = id
		}
	}
	return out
}

func newLocalPlace(t testing.TB) *place {
	s := newSite(t)
	p := &place{site: s, config: Config{Kind: KindLocal}, state: filepath.Join(s.dir, "state"),
		points: []string{"before branch", "after branch", "before description", "within description", "after description"}}
	dir := filepath.Join(p.state, "pulls")
	p.pushed = func() string { return s.bare }
	p.pulls = func() []seen {
		l := &local{dir: dir}
		all, err := l.all()
		if err != nil {
			t.Fatal(err)
		}
		var out []seen
		for _, d := range slices.Backward(all) {
			head, rest, _ := strings.Cut(strings.TrimPrefix(d.text, "---\n"), "\n---\n")
			_, title, _ := strings.Cut(head, "title: ")
			title, _, _ = strings.Cut(title, "\n")
			out = append(out, seen{number: d.number, open: d.state == stateOpen, body: rest, title: strings.Trim(title, `"`), branch: d.branch, base: d.base, comments: rest})
		}
		return out
	}
	p.close = func(number int, merged bool) {
		q := p.pulls()[number-1]
		if merged {
			runGit(t, s.bare, "update-ref", "refs/heads/main", p.branches(t)[q.branch])
			return
		}
		runGit(t, s.bare, "update-ref", "-d", "refs/heads/"+q.branch)
	}
	return p
}

func newGitHubPlace(t testing.TB, push string) *place {
	s := newSite(t)
	srv := fakegithub.New(t)
	srv.Add(repoName, s.bare)
	return gitHubPlace(s, srv, push)
}

func gitHubPlace(s *site, srv *fakegithub.Server, push string) *place {
	p := &place{site: s, fake: srv, config: Config{Kind: KindGitHub, Repository: repoName, BaseURL: srv.URL, Auth: Auth{Token: fakegithub.Token}, Push: push},
		points: []string{"before commit", "after commit", "before branch", "after branch", "before pull request", "after pull request"}}
	p.pushed = func() string { return s.bare }
	if push == PushFork {
		p.points = append([]string{"before fork", "after fork"}, p.points...)
		p.pushed = func() string {
			if d := srv.Dir(fakegithub.User + "/api"); d != "" {
				return d
			}
			return s.bare
		}
	}
	p.pulls = func() []seen {
		var out []seen
		for _, q := range srv.Pulls(repoName) {
			_, branch, _ := strings.Cut(q.Head, ":")
			out = append(out, seen{q.Number, q.State == "open", q.Title, q.Body, branch, q.Base, strings.Join(q.Comments, "\n")})
		}
		return out
	}
	p.close = func(number int, merged bool) { srv.Close(repoName, number, merged) }
	return p
}

// places are all forges that one suite is run against.
func places() map[string]func(testing.TB) *place {
	return map[string]func(testing.TB) *place{
		"local":         newLocalPlace,
		"github branch": func(t testing.TB) *place { return newGitHubPlace(t, PushBranch) },
		"github fork":   func(t testing.TB) *place { return newGitHubPlace(t, PushFork) },
	}
}

func each(t *testing.T, do func(t *testing.T, p *place)) {
	for name, newPlace := range places() {
		t.Run(name, func(t *testing.T) { do(t, newPlace(t)) })
	}
}

func execute(t testing.TB, f *Forge, p incident.Proposal) incident.Outcome {
	t.Helper()
	out, err := f.Execute(context.WithoutCancel(t.Context()), grant(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
