package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// hostGit runs the host's git in a directory, as its owner would.
func hostGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// mustHave skips where a program is missing, but for CI, where it has to be there.
func mustHave(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

const (
	pullCluster  = "lw-abcdefghij23"
	pullIncident = pullCluster + ".1"
	pullBranch   = "logwright/" + pullIncident
)

// pulling is a proven patch that waits for the gate: a repository, our objects, an incident and a proposal in the store.
type pulling struct {
	*mortality
	repository, base, commit string
	store                    *git.Store
}

func newPulling(t *testing.T) *pulling {
	t.Helper()
	p := &pulling{mortality: newMortality(t)}
	work := filepath.Join(p.dir, "work")
	hostGit(t, p.dir, "init", "-q", "-b", "main", "work")
	p.put("work/app.py", "def total(order):\n    return order['sum']\n", 0o600)
	hostGit(t, work, "add", ".")
	hostGit(t, work, "commit", "-q", "-m", "first")
	hostGit(t, p.dir, "clone", "-q", "--bare", "work", "repo.git")
	p.repository = filepath.Join(p.dir, "repo.git")
	p.put("agent.yaml", fmt.Sprintf(`version: 1
mode: enforce
state: %[1]s/state
kill_switch: %[1]s/stop
sources: [{name: files, kind: file, include: [%[1]s/app.log]}]
services: [{name: app, match: {files: [%[1]s/app.log]}, repository: {path: %[1]s/repo.git, base: main, verify: [['true']]}}]
policy: {rules: [{name: all, when: 'true', then: allow}], limits: []}
forge: {kind: local}
notify: [{name: out, kind: stdout}]
`, p.dir), 0o600)

	state := filepath.Join(p.dir, "state")
	st, err := store.Open(t.Context(), state, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	if err := st.Update(t.Context(), func(tx *store.Tx) error {
		return tx.OpenIncident(incident.Incident{
			ID: pullIncident, Clusters: []string{pullCluster}, Episode: 1, Title: "app: KeyError in total", Service: "app",
			Severity: incident.SeverityError, State: incident.StateDiagnosed, Trigger: incident.TriggerNew, Events: 3,
			FirstSeen: now.Add(-time.Minute), LastSeen: now, Template: "KeyError",
			Diagnosis: &incident.Diagnosis{Summary: "An order has no sum.", RootCause: "It is taken for granted.", Category: "code-bug",
				FixKind: "code-patch", Confidence: 0.8, Source: incident.SourceOffline, At: now},
		})
	}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.MkdirAll(filepath.Join(state, "repair"), 0o700); err != nil {
		t.Fatal(err)
	}
	if p.store, err = git.Open(t.Context(), filepath.Join(state, "repair", "app.git"), git.Options{}); err != nil {
		t.Fatal(err)
	}
	if p.base, err = p.store.Fetch(t.Context(), p.repository, "main"); err != nil {
		t.Fatal(err)
	}
	blob, err := p.store.WriteBlob(t.Context(), []byte("def total(order):\n    return order.get('sum', 0)\n"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := p.store.WriteTree(t.Context(), p.base, []git.Change{{Path: "app.py", Mode: git.ModeFile, ID: blob}})
	if err != nil {
		t.Fatal(err)
	}
	if p.commit, err = p.store.Commit(t.Context(), tree, p.base, "Fix the KeyError in total\n", now); err != nil {
		t.Fatal(err)
	}
	return p
}

// propose puts the nth proposal of the same change into the store.
func (p *pulling) propose(n int) string {
	p.t.Helper()
	diff, err := p.store.Diff(p.t.Context(), p.base, p.commit)
	if err != nil {
		p.t.Fatal(err)
	}
	now := time.Now().UTC()
	pr := incident.Proposal{
		ID: fmt.Sprintf("p-01JC3W9T6ZK5X9M2Q8R4V7B1%02d", n), Incident: pullIncident, Cluster: pullCluster, Service: "app",
		Kind: incident.KindPullRequest, At: now, Title: "app: KeyError in total", Why: "an order has no sum",
		Facts: incident.Facts{Severity: incident.SeverityError, Trigger: incident.TriggerNew, Category: "code-bug", FixKind: "code-patch",
			Confidence: 0.8, Source: incident.SourceOffline, Events: 3},
		Account: &incident.Account{Summary: "An order has no sum.", FirstSeen: now.Add(-time.Minute), LastSeen: now, Events: 3},
		Change: &incident.Change{
			Store: p.store.Dir(), Repository: p.repository, Base: "main", BaseCommit: p.base, Commit: p.commit, Branch: pullBranch,
			Diff: diff, Files: []string{"app.py"}, Added: 1, Removed: 1, Verified: true, Rounds: 1,
			Checks: []incident.Check{{Stage: incident.StagePatched, Argv: []string{"true"}}},
		},
	}
	st, err := store.Open(p.t.Context(), filepath.Join(p.dir, "state"), store.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer st.Close()
	if err := st.Update(p.t.Context(), func(tx *store.Tx) error { return tx.AddProposal(pr) }); err != nil {
		p.t.Fatal(err)
	}
	return pr.ID
}

// there looks at the world: whether the branch is there, and the descriptions. Another branch, another commit or another
// description than the one there may be is a failure.
func (p *pulling) there() (branch bool, descriptions []string) {
	p.t.Helper()
	refs := hostGit(p.t, p.repository, "for-each-ref", "--format=%(refname) %(objectname)")
	want := "refs/heads/main " + p.base
	if branch = strings.Contains(refs, pullBranch); branch {
		want = "refs/heads/" + pullBranch + " " + p.commit + "\n" + want
	}
	if refs != want {
		p.t.Errorf("the repository's branches:\n%s", refs)
	}
	hostGit(p.t, p.repository, "fsck", "--strict", "--full")
	descriptions, err := filepath.Glob(filepath.Join(p.dir, "state", "pulls", "*.md"))
	if err != nil {
		p.t.Fatal(err)
	}
	if len(descriptions) > 1 || len(descriptions) == 1 && filepath.Base(descriptions[0]) != "1-"+pullIncident+".md" {
		p.t.Errorf("the descriptions: %q", descriptions)
	}
	for _, d := range descriptions {
		text, err := os.ReadFile(d)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, want := range []string{"\ncommit: " + p.commit + "\n", "\nbranch: " + pullBranch + "\n", "\nstate: open\n"} {
			if strings.Count(string(text), want) != 1 {
				p.t.Errorf("%q is not once in the description:\n%s", want, text)
			}
		}
	}
	return branch, descriptions
}

// stops ends the daemon as systemd does: what it is doing is finished, or looked for with the next start.
func (p *pulling) stops() {
	p.t.Helper()
	_ = p.daemon.Process.Signal(syscall.SIGTERM)
	err := p.daemon.Wait()
	p.daemon = nil
	if err != nil {
		p.t.Fatalf("the daemon ended with %v", err)
	}
}

// outcomes counts how often people were told what came of a proposal.
func (p *pulling) outcomes(id string) (n int) {
	for message := range strings.SplitSeq("\n"+p.read("out"), "\n20") {
		if strings.Contains(message, id) && strings.Contains(message, "\n    outcome ") {
			n++
		}
	}
	return n
}

func TestKilledWhileAPullRequestIsOpened(t *testing.T) {
	mustHave(t, "git")
	for _, d := range []struct {
		at string
		// of is what came of it, and branch and description what is there.
		of                  incident.Result
		branch, description bool
	}{
		{"after-intent", incident.ResultSkipped, false, false},
		{"before branch", incident.ResultSkipped, false, false},
		{"after branch", incident.ResultFailed, true, false},
		{"before description", incident.ResultFailed, true, false},
		{"within description", incident.ResultFailed, true, false},
		{"after description", incident.ResultDone, true, true},
		{"after-execute", incident.ResultDone, true, true},
		{"after-outcome", incident.ResultDone, true, true},
	} {
		t.Run(d.at, func(t *testing.T) {
			t.Parallel()
			p := newPulling(t)
			first := p.propose(1)
			p.start(d.at)
			p.dies()
			if branch, ds := p.there(); branch != d.branch || (len(ds) == 1) != d.description {
				t.Fatalf("it died at another place: branch %v, descriptions %q", branch, ds)
			}

			p.start("")
			a, rec, inc := p.ended(false)
			if a.Proposal != first || a.Outcome.Result != d.of || a.Outcome.Detail == "" {
				t.Errorf("%s: %s (%s), want %s", a.Proposal, a.Outcome.Result, a.Outcome.Detail, d.of)
			}
			p.consistent(a, rec, inc)
			branch, ds := p.there()
			if branch != d.branch || (len(ds) == 1) != d.description {
				t.Errorf("it was gone on with: branch %v, descriptions %q", branch, ds)
			}
			if f := a.Outcome.Forge; (f != nil) != d.description {
				t.Errorf("the outcome names %+v", f)
			} else if f != nil && (f.URL != ds[0] || f.Number != 1 || f.Branch != pullBranch || f.Commit != p.commit) {
				t.Errorf("the outcome names %+v, and %q is there", f, ds)
			}
			if d.branch && !d.description && !strings.Contains(a.Outcome.Detail, pullBranch) {
				t.Errorf("nobody is told of the branch: %s", a.Outcome.Detail)
			}

			// The same again, for a daemon that goes on: what is there is not made again, what is missing is added.
			p.stops()
			again := p.propose(2)
			p.start("")
			var second *store.ProposalRecord
			p.await("a decision on the same once more", func(st *store.Store) bool {
				var err error
				second, err = st.Proposal(t.Context(), again)
				return err == nil && second.Decision != nil && (second.Action == nil || second.Action.Outcome != nil)
			})
			if d.description != (second.Action == nil) {
				t.Errorf("the first was %s, and the second was decided %s (%v)", a.Outcome.Result, second.Decision.Outcome, second.Decision.Reasons)
			}
			if second.Action == nil {
				p.await("a later round of the gate", func(st *store.Store) bool {
					now, err := st.Proposal(t.Context(), again)
					if err != nil || now.Action != nil {
						t.Fatalf("%+v (%v)", now, err)
					}
					return now.Decision.At.After(second.Decision.At)
				})
			}
			if second.Action != nil && second.Action.Outcome.Result != incident.ResultDone {
				t.Errorf("the second was %s: %s", second.Action.Outcome.Result, second.Action.Outcome.Detail)
			}
			p.stops()
			if branch, ds := p.there(); !branch || len(ds) != 1 {
				t.Errorf("in the end: branch %v, descriptions %q", branch, ds)
			}
			p.await("what was first to stand as it was", func(st *store.Store) bool {
				now, err := st.Proposal(t.Context(), first)
				if err != nil {
					t.Fatal(err)
				}
				if now.State != rec.State || !now.Action.Outcome.EndedAt.Equal(a.Outcome.EndedAt) || now.Action.Outcome.Result != a.Outcome.Result {
					t.Errorf("the first is %s now, and was %s: %+v", now.State, rec.State, now.Action.Outcome)
				}
				report, err := st.VerifyAudit(t.Context())
				if err != nil || !report.OK() {
					t.Errorf("the audit does not hold: %+v (%v)", report, err)
				}
				return true
			})
			if parts, err := filepath.Glob(filepath.Join(p.dir, "state", "pulls", ".*.part")); err != nil || len(parts) > 0 {
				t.Errorf("left behind: %q (%v)", parts, err)
			}
			// An outcome is told once, but where the daemon may have died between telling and noting that it told.
			if n := p.outcomes(first); n == 0 || n > 1 && d.at != "after-outcome" {
				t.Errorf("the outcome was told %d times", n)
			}
		})
	}
}
