package github

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

// What every forge does, whichever it is.

func TestExecute(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		pr := p.proposal(t, 1, 1)
		f := p.forge(t, nil)
		out := execute(t, f, pr)
		if out.Result != incident.ResultDone || out.Forge == nil || out.Forge.Number != 1 || out.Forge.Commit != pr.Change.Commit || out.Forge.Branch != pr.Change.Branch {
			t.Fatalf("%+v %+v", out, out.Forge)
		}
		// The very commit that was verified.
		if got := p.branches(t); len(got) != 1 || got[pr.Change.Branch] != pr.Change.Commit {
			t.Fatalf("branches %v, want %s", got, pr.Change.Commit)
		}
		pulls := p.pulls()
		if len(pulls) != 1 || !pulls[0].open || pulls[0].title != pr.Title || pulls[0].branch != pr.Change.Branch || pulls[0].base != "main" {
			t.Fatalf("%+v", pulls)
		}
		if !strings.Contains(pulls[0].body, marker(&pr)) {
			t.Error("the marker is missing")
		}
		// The same grant once more, and the same proposal from another process.
		for _, f := range []*Forge{f, p.forge(t, nil)} {
			again := execute(t, f, pr)
			if again.Result != incident.ResultDone || *again.Forge != *out.Forge {
				t.Errorf("again: %+v %+v", again, again.Forge)
			}
		}
		// Another proposal for the incident, and one for the next episode of the cluster.
		for _, other := range []incident.Proposal{p.proposal(t, 2, 1), p.proposal(t, 3, 2)} {
			if out := execute(t, f, other); out.Result != incident.ResultSkipped || !strings.Contains(out.Detail, "#1") {
				t.Errorf("another for the same cluster: %+v", out)
			}
		}
		if n := len(p.pulls()); n != 1 {
			t.Errorf("%d pull requests", n)
		}
		p.fsck(t)
		// It can be checked out, with modes and all.
		work := filepath.Join(t.TempDir(), "out")
		runGit(t, p.dir, "clone", "-q", "-b", pr.Change.Branch, p.pushed(), work)
		for name, want := range goodFiles {
			if got, err := os.ReadFile(filepath.Join(work, name)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		if fi, err := os.Stat(filepath.Join(work, "bin/run")); err != nil || fi.Mode()&0o100 == 0 {
			t.Errorf("bin/run: %v, %v", fi, err)
		}
	})
}

func (p *place) fsck(t testing.TB) {
	t.Helper()
	if p.fake != nil {
		p.fake.Fsck(t)
		return
	}
	if out := runGit(t, p.bare, "fsck", "--full", "--strict", "--no-dangling"); out != "" {
		t.Error(out)
	}
}

// TestRefused: no grant, an old one, one for something else, and a proposal that can't be one of ours.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		good := p.proposal(t, 1, 1)
		late := p.forge(t, nil)
		late.now = func() time.Time { return at.Add(policy.GrantFor + time.Second) }
		remedy := good.Clone()
		remedy.Kind, remedy.Change = incident.KindRemediation, nil
		remedy.Remedy = &incident.Remedy{Name: "restart", Args: map[string]string{}, Risk: "low", Run: []string{"true"}, Timeout: time.Second}
		for name, c := range map[string]struct {
			f *Forge
			g policy.Grant
		}{
			"zero grant":  {p.forge(t, nil), policy.Grant{}},
			"old grant":   {late, grant(t, good)},
			"remediation": {p.forge(t, nil), grant(t, remedy)},
		} {
			if out, err := c.f.Execute(t.Context(), c.g); err == nil || out.Result != "" {
				t.Errorf("%s: %+v, %v", name, out, err)
			}
			if _, err := c.f.Comment(t.Context(), c.g); err == nil {
				t.Errorf("%s: a comment was made", name)
			}
		}
		for name, spoil := range map[string]func(*incident.Proposal){
			"another branch":   func(p *incident.Proposal) { p.Change.Branch = "main" },
			"the base's name":  func(p *incident.Proposal) { p.Change.Base = "--exec=x" },
			"base of ours":     func(p *incident.Proposal) { p.Change.Base = "logwright/x" },
			"no commit":        func(p *incident.Proposal) { p.Change.Commit = "HEAD" },
			"an advice":        func(p *incident.Proposal) { p.Change.Stopped = "the tests fail" },
			"incident":         func(p *incident.Proposal) { p.Incident = "../../x"; p.Change.Branch = branchOf(p.Incident) },
			"a relative store": func(p *incident.Proposal) { p.Change.Store = "store" },
		} {
			bad := good.Clone()
			spoil(&bad)
			if wellFormed(&bad) == nil {
				t.Errorf("%s: it is taken for well formed", name)
			}
			if _, _, err := p.forge(t, nil).Reconcile(t.Context(), incident.Action{ID: bad.ActionID()}, bad); err == nil {
				t.Errorf("%s: reconciled", name)
			}
		}
		p.untouched(t)
	})
}

// TestStoppedBeforeTheFirstWrite: the kill switch may be turned on after the gate was asked.
func TestStoppedBeforeTheFirstWrite(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		f := p.forge(t, nil)
		good := p.proposal(t, 1, 1)
		f.halted = func() error { return errors.New("the kill switch is on") }
		if out := execute(t, f, good); out.Result != incident.ResultSkipped || !strings.Contains(out.Detail, "kill switch") {
			t.Errorf("%+v", out)
		}
		p.untouched(t)
		f.halted = func() error { return nil }
		if out := execute(t, f, good); out.Result != incident.ResultDone {
			t.Errorf("%+v", out)
		}
	})
}

// TestGrantEndsWhileLooking: what is to be read may take long, and then it is too late to write.
func TestGrantEndsWhileLooking(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		f := p.forge(t, nil)
		asked := 0
		f.now = func() time.Time {
			if asked++; asked > 2 { // at the beginning, and for StartedAt
				return at.Add(policy.GrantFor + time.Second)
			}
			return at
		}
		if out := execute(t, f, p.proposal(t, 1, 1)); out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "has to be decided again") {
			t.Errorf("%+v", out)
		}
		p.untouched(t)
	})
}

// TestLinkIsRefused: a change is of files only, whatever made it.
func TestLinkIsRefused(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		pr := p.proposal(t, 1, 1)
		blob, err := p.store.WriteBlob(t.Context(), []byte("/etc/shadow"))
		if err != nil {
			t.Fatal(err)
		}
		index := filepath.Join(t.TempDir(), "index")
		git := func(args ...string) string {
			return runGit(t, p.dir, append([]string{"-c", "safe.directory=*", "--git-dir=" + p.store.Dir()}, args...)...)
		}
		t.Setenv("GIT_INDEX_FILE", index)
		git("read-tree", p.base)
		git("update-index", "--add", "--cacheinfo", "120000,"+blob+",src/link")
		pr.Change.Commit = git("commit-tree", git("write-tree"), "-p", p.base, "-m", "Mend it")
		os.Unsetenv("GIT_INDEX_FILE")
		if out := execute(t, p.forge(t, nil), pr); out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "link") {
			t.Errorf("%+v", out)
		}
		p.untouched(t)
	})
}

// untouched: nothing of ours was written.
func (p *place) untouched(t testing.TB) {
	t.Helper()
	if b, q := p.branches(t), p.pulls(); len(b) > 0 || len(q) > 0 {
		t.Errorf("branches %v, pull requests %+v", b, q)
	}
	if p.fake != nil {
		for _, r := range p.fake.Writes() {
			t.Errorf("a write was sent: %s %s", r.Method, r.Path)
		}
	}
}

func TestSecretsStay(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		otherParent := p.proposal(t, 9, 1)
		otherParent.Change.BaseCommit = p.commit(t, "Mend another", map[string]string{"x": "y\n"})
		for name, pr := range map[string]incident.Proposal{
			"a new line":                p.proposalOf(t, 1, 1, "Mend it", map[string]string{"src/app.py": "key = 'hunter2'\n"}),
			"of two lines, one new":     p.proposalOf(t, 2, 1, "Mend it", map[string]string{"old.conf": "password:\n  brandnew\n"}),
			"after what was binary":     p.proposalOf(t, 3, 1, "Mend it", map[string]string{"bin/x": "a\x00hunter2"}),
			"the message":               p.proposalOf(t, 4, 1, "Mend it for hunter2", goodFiles),
			"a file's name":             p.proposalOf(t, 5, 1, "Mend it", map[string]string{"hunter2.txt": "x\n"}),
			"a message that acts":       p.proposalOf(t, 6, 1, "Mend it\n\nFixes #1", goodFiles),
			"a message with a mention":  p.proposalOf(t, 7, 1, "Mend it for @ada", goodFiles),
			"a message that skips ci":   p.proposalOf(t, 8, 1, "Mend it [skip ci]", goodFiles),
			"another parent than it is": otherParent,
		} {
			out := execute(t, p.forge(t, nil), pr)
			if out.Result != incident.ResultFailed || !strings.HasPrefix(out.Detail, "nothing was pushed: refused: ") || strings.Contains(out.Detail, "hunter2") {
				t.Errorf("%s: %+v", name, out)
			}
		}
		p.untouched(t)
		// What was there before is not new, in a file that is changed elsewhere.
		out := execute(t, p.forge(t, nil), p.proposalOf(t, 10, 1, "Mend it", map[string]string{"old.conf": "# old\npassword:\n  hunter2old\n"}))
		if out.Result != incident.ResultDone {
			t.Errorf("an old secret: %+v", out)
		}
	})
}

func TestClosedIsNotOpenedAgain(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		f := p.forge(t, nil)
		out := execute(t, f, p.proposal(t, 1, 1))
		status := func(want State) {
			t.Helper()
			got, err := f.Status(t.Context(), *out.Forge)
			if err != nil || got.Open != want.Open || got.Merged != want.Merged || got.ClosedAt.IsZero() != got.Open {
				t.Errorf("status %+v, %v", got, err)
			}
		}
		status(State{Open: true})
		p.close(1, false)
		status(State{})
		if out := execute(t, f, p.proposal(t, 2, 1)); out.Result != incident.ResultSkipped || !strings.Contains(out.Detail, "closed") {
			t.Errorf("after it was closed: %+v", out)
		}
		// The next episode may have one.
		out = execute(t, f, p.proposal(t, 3, 2))
		if out.Result != incident.ResultDone || out.Forge.Number != 2 {
			t.Fatalf("the next episode: %+v", out)
		}
		p.close(2, true)
		status(State{Merged: true})
		if _, err := f.Status(t.Context(), incident.ForgeRef{Number: 99, Branch: "x"}); err == nil {
			t.Error("a pull request that is not there has a state")
		}
	})
}

func TestSomebodyElsesBranch(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		pr := p.proposal(t, 1, 1)
		if p.config.Push == PushFork { // the fork is there before
			if out := execute(t, p.forge(t, nil), p.proposal(t, 2, 7)); out.Result != incident.ResultDone {
				t.Fatalf("%+v", out)
			}
			p.close(1, false)
		}
		runGit(t, p.pushed(), "update-ref", "refs/heads/"+pr.Change.Branch, p.base)
		out := execute(t, p.forge(t, nil), pr)
		if out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "another commit") {
			t.Errorf("%+v", out)
		}
		if got := p.branches(t)[pr.Change.Branch]; got != p.base {
			t.Errorf("the branch was moved to %s", got)
		}
		r, ok, err := p.forge(t, nil).Reconcile(t.Context(), incident.Action{ID: pr.ActionID()}, pr)
		if err != nil || !ok || r.Result != incident.ResultFailed {
			t.Errorf("reconciled: %+v, %v, %v", r, ok, err)
		}
	})
}

func TestBaseIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		pr := p.proposal(t, 1, 1)
		next := pr.Clone()
		next.Change.BaseCommit = pr.Change.Commit // which was never pushed
		blob, err := p.store.WriteBlob(t.Context(), []byte("x\n"))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := p.store.WriteTree(t.Context(), pr.Change.Commit, []git.Change{{Path: "x", Mode: git.ModeFile, ID: blob}})
		if err != nil {
			t.Fatal(err)
		}
		if next.Change.Commit, err = p.store.Commit(t.Context(), tree, pr.Change.Commit, "Mend it", at); err != nil {
			t.Fatal(err)
		}
		out := execute(t, p.forge(t, nil), next)
		if out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "push the") {
			t.Errorf("%+v", out)
		}
		if b := p.branches(t); len(b) > 0 {
			t.Errorf("branches %v", b)
		}
	})
}

// commentOn makes a comment of a proposal.
func commentOn(p incident.Proposal, on incident.ForgeRef, text string) incident.Proposal {
	p.Kind, p.Change, p.Comment = incident.KindComment, nil, &incident.Comment{On: on, Text: text}
	return p
}

func TestComment(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		f := p.forge(t, nil)
		out := execute(t, f, p.proposal(t, 1, 1))
		comment := func(n int, on incident.ForgeRef, text string) incident.Proposal {
			return commentOn(p.proposal(t, n, n), on, text)
		}
		again := comment(2, *out.Forge, "it came back, says @ada, fixes #1 hunter2\n/close")
		for range 2 {
			c, err := f.Comment(t.Context(), grant(t, again))
			if err != nil || c.Result != incident.ResultDone || c.Forge.Number != 1 {
				t.Fatalf("%+v, %v", c, err)
			}
		}
		text := p.pulls()[0].comments
		if n := strings.Count(text, "Seen again: incident `"+again.Incident+"`"); n != 1 {
			t.Errorf("%d comments:\n%s", n, text)
		}
		for _, bad := range []string{"@ada", "#1 ", "hunter2", "\n/close"} {
			if strings.Contains(text, bad) {
				t.Errorf("%q is in the comment:\n%s", bad, text)
			}
		}
		// One for another cluster is not what was granted.
		other := comment(2, incident.ForgeRef{Number: 1, Branch: "logwright/lw-zzzzzzzzzz22.1"}, "x")
		if _, err := f.Comment(t.Context(), grant(t, other)); err == nil {
			t.Error("a comment on another cluster's pull request")
		}
		if _, err := f.Comment(t.Context(), grant(t, p.proposal(t, 2, 2))); err == nil {
			t.Error("the grant of a pull request let a comment through")
		}
		p.close(1, false)
		if c, err := f.Comment(t.Context(), grant(t, comment(3, *out.Forge, "x"))); err != nil || c.Result != incident.ResultFailed {
			t.Errorf("a comment on a closed one: %+v, %v", c, err)
		}
	})
}

// TestCrash kills a process at each point, looks, and lets another one go on.
func TestCrash(t *testing.T) {
	for name, newPlace := range places() {
		t.Run(name, func(t *testing.T) {
			points := newPlace(t).points
			for i, point := range points {
				t.Run(point, func(t *testing.T) {
					p := newPlace(t)
					pr := p.proposal(t, 1, 1)
					dieAt(t, p, pr, point)
					f := p.forge(t, nil)
					got, ok, err := f.Reconcile(t.Context(), incident.Action{ID: pr.ActionID(), BegunAt: at}, pr)
					if err != nil || !ok {
						t.Fatal(ok, err)
					}
					branch, pull := len(p.branches(t)) > 0, len(p.pulls()) > 0
					if pull != (i == len(points)-1) || branch != (i >= slices.Index(points, "after branch")) {
						t.Errorf("branch %v, pull request %v", branch, pull)
					}
					want := incident.ResultSkipped
					switch {
					case pull:
						want = incident.ResultDone
					case branch:
						want = incident.ResultFailed
					}
					if got.Result != want || (got.Forge != nil) != pull {
						t.Errorf("reconciled to %+v; branch %v, pull request %v", got, branch, pull)
					}
					if b, q := len(p.branches(t)) > 0, len(p.pulls()) > 0; b != branch || q != pull {
						t.Error("reconciling wrote something")
					}
					// Under a new grant it is completed, and is there once.
					out := execute(t, f, pr)
					if out.Result != incident.ResultDone || len(p.branches(t)) != 1 || len(p.pulls()) != 1 {
						t.Errorf("completed: %+v; %v, %d", out, p.branches(t), len(p.pulls()))
					}
					p.fsck(t)
				})
			}
		})
	}
}

// child is what the process that dies is told.
type child struct {
	Config   Config
	State    string
	Proposal incident.Proposal
	Point    string
}

const childEnv = "LOGWRIGHT_TEST_FORGE_CHILD"

func dieAt(t *testing.T, p *place, pr incident.Proposal, point string) {
	t.Helper()
	b, err := json.Marshal(child{p.config, p.state, pr, point})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), childEnv+"="+string(b))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("the process did not die at %q: %v\n%s", point, err, out)
	}
}

// TestCrashChild is the process that dies.
func TestCrashChild(t *testing.T) {
	text := os.Getenv(childEnv)
	if text == "" {
		t.Skip("it is run by TestCrash")
	}
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	p := &place{config: c.Config, state: c.State}
	f := p.forge(t, func(point string) {
		if point == c.Point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	t.Errorf("it lived: %+v", execute(t, f, c.Proposal))
}
