package policy

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", path, diff)
	}
}

// noon is a Wednesday.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// remediation and pullRequest are proposals that may be done; edit them.
func remediation() incident.Proposal {
	return incident.Proposal{
		ID: "p-01JC3W9T6ZK5X9M2Q8R4V7B1ND", Incident: "lw-aaaaaaaaaaaa.2", Cluster: "lw-aaaaaaaaaaaa", Service: "worker",
		Kind: incident.KindRemediation, At: noon.Add(-10 * time.Minute), Title: "restart worker.service",
		Facts: incident.Facts{
			Severity: incident.SeverityError, Trigger: incident.TriggerNew, Category: "resource-exhaustion", FixKind: "restart",
			Confidence: 0.8, Source: incident.SourceOffline, Events: 12,
		},
		Remedy: &incident.Remedy{
			Name: "restart", Args: map[string]string{"unit": "worker.service"}, Risk: "low", Reversible: true,
			Run: []string{"systemctl", "restart", "worker.service"}, Undo: []string{"systemctl", "stop", "worker.service"},
			Timeout: time.Minute, Silence: 10 * time.Minute, Targets: []string{"unit=worker.service (_SYSTEMD_UNIT)"},
		},
	}
}

func pullRequest() incident.Proposal {
	return incident.Proposal{
		ID: "p-01JC3W9T6ZK5X9M2Q8R4V7B1NE", Incident: "lw-bbbbbbbbbbbb.1", Cluster: "lw-bbbbbbbbbbbb", Service: "api",
		Kind: incident.KindPullRequest, At: noon.Add(-10 * time.Minute), Title: "fix KeyError in checkout",
		Facts: incident.Facts{
			Severity: incident.SeverityFatal, Trigger: incident.TriggerSpike, Category: "code-bug", FixKind: "code-patch",
			Confidence: 0.9, Source: "some-model", Events: 3,
		},
		Change: &incident.Change{
			Store: "/state/git", Repository: "/srv/api", Base: "main", BaseCommit: strings.Repeat("a", 40), Commit: strings.Repeat("b", 40),
			Branch: "logwright/lw-bbbbbbbbbbbb.1", Diff: "…", Files: []string{"api/cart.py", "tests/test_cart.py"},
			Tests: []string{"tests/test_cart.py"}, Added: 7, Removed: 2, Verified: true, Reproduced: true, Rounds: 1,
		},
	}
}

// action is the one that pr became.
func action(pr incident.Proposal, rule string, at time.Time, r incident.Result) incident.Action {
	a := incident.Action{
		ID: pr.ActionID(), Proposal: pr.ID, Incident: pr.Incident, Cluster: pr.Cluster, Service: pr.Service, Kind: pr.Kind,
		Name: pr.Action(), Rule: rule, BegunAt: at, Until: at.Add(2 * time.Hour),
	}
	if r != "" {
		a.Outcome = &incident.Outcome{Result: r}
	}
	return a
}

// other is an action of the same kind for another proposal.
func other(pr incident.Proposal, n string, at time.Time, r incident.Result) incident.Action {
	pr.ID = "p-other-" + n
	return action(pr, "r", at, r)
}

func approve(pr incident.Proposal) *incident.Approval {
	return &incident.Approval{
		Proposal: pr.ID, Digest: pr.Digest(), Approved: true, Who: "ana", Why: "seen", At: noon.Add(-5 * time.Minute),
		Until: noon.Add(time.Hour),
	}
}

// config has defaults that are in nobody's way.
func config(rules ...Rule) Config {
	return Config{Rules: rules, OpenPullRequests: 100, ApprovalFor: time.Hour, AskFor: time.Hour}
}

func always(then string) Rule { return Rule{Name: "r", When: "true", Then: then} }

func must(t testing.TB, c Config, mode string) *Policy {
	t.Helper()
	p, ps := New(c, Options{Mode: mode, Zone: time.LoadLocation})
	if len(ps) > 0 {
		t.Fatalf("%+v", ps)
	}
	return p
}
