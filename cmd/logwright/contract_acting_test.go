package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

const actingYAML = `version: 1
mode: enforce
state: %[1]s/state
kill_switch: %[1]s/stop
sources: [{name: files, kind: file, include: [%[1]s/app.log]}]
services: [{name: app, match: {units: [app.service], files: [%[1]s/app.log]}}]
policy:
  rules:
  - {name: ask, when: 'risk == "low"', then: ask, windows: ["Mon-Sun 00:00-24:00 UTC"], limit: {per: service, count: 1, within: 1h}}
remediations:
- {name: restart, risk: low, params: {unit: {enum: [app.service], target: unit}}, run: [systemctl, restart, "{unit}"], mends: {categories: [network, dependency]}, timeout: 10s, verify: {silence: 1m}}
`

// actingState makes a state directory with an incident and a proposal that went through everything that a proposal can.
func actingState(t *testing.T) (dir, id string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "agent.yaml"), fmt.Appendf(nil, actingYAML, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), filepath.Join(dir, "state"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	at := time.Now().Add(-time.Minute)
	const cluster = "lw-aaaaaaaaaaaa"
	id = "p-01JC3W9T6ZK5X9M2Q8R4V7B1ND"
	p := incident.Proposal{
		ID: id, Incident: cluster + ".1", Cluster: cluster, Service: "app", Kind: incident.KindRemediation, At: at, Title: "restart app.service",
		Facts: incident.Facts{Severity: incident.SeverityError, Source: incident.SourceOffline},
		Remedy: &incident.Remedy{
			Name: "restart", Args: map[string]string{"unit": "app.service"}, Risk: "low", Run: []string{"systemctl", "restart", "app.service"},
			Timeout: 10 * time.Second, Silence: time.Minute, Targets: []string{"unit app.service (_SYSTEMD_UNIT)"},
		},
	}
	patch := incident.Proposal{
		ID: "p-01JC3W9T6ZK5X9M2Q8R4V7B1NE", Incident: p.Incident, Cluster: cluster, Service: "app", Kind: incident.KindAdvice, At: at, Title: "a patch",
		Change: &incident.Change{
			Base: "main", Diff: "--- a\n+++ b\n", Files: []string{"a.go"}, Stopped: "the tests fail with the patch",
			Checks: []incident.Check{{Stage: incident.StageBase, Argv: []string{"go", "test"}, Exit: 0, Duration: time.Second}},
		},
	}
	err = st.UpdateDurable(t.Context(), func(tx *store.Tx) error {
		for _, do := range []func() error{
			func() error { return tx.SaveClusters([]store.ClusterMemory{{ID: cluster, Service: "app"}}) },
			func() error {
				return tx.OpenIncident(incident.Incident{
					ID: p.Incident, Clusters: []string{cluster}, Episode: 1, Service: "app", State: incident.StateOpen, Trigger: incident.TriggerNew,
					OpenedAt: at, Title: "app: it fails",
				})
			},
			func() error { return tx.SetState(p.Incident, incident.StateDiagnosed, "test", "") },
			func() error { return tx.AddProposal(p) },
			func() error { return tx.AddProposal(patch) },
			func() error { return tx.SetConsidered(p.Incident, "patch", "x", "proposed") },
			func() error {
				return tx.SetDecision(id, incident.Decision{Outcome: incident.DecisionAsk, Rule: "ask", Reasons: []string{"rule asks"}, At: at}, incident.ProposalWaiting)
			},
		} {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, id
}

func TestActingOutputsFitTheirSchemas(t *testing.T) {
	dir, id := actingState(t)
	for _, tc := range []struct {
		schema, args string
		want         string
	}{
		{"policy-check-1", "policy check", `"mode": "enforce"`},
		{"policy-explain-1", "policy test --action restart --service app", `"outcome": "ask"`},
		{"policy-explain-1", "policy explain " + id, `"decides": true`},
		{"remediations-1", "remediation list", `"timeout_seconds": 10`},
		{"incident-1", "incidents show lw-aaaa", `"stopped": "the tests fail with the patch"`},
		{"incidents-1", "incidents list", `"state": "diagnosed"`},
		{"stop-1", "stop-all --why moving", `"stopped": true`},
		{"stop-1", "resume", `"stopped": false`},
		{"proposal-1", "approve " + id + " --why fine", `"approved": true`},
		{"incident-1", "incidents show lw-aaaa", `"state": "approved"`},
	} {
		t.Run(strings.ReplaceAll(tc.args, id, "ID"), func(t *testing.T) {
			args := append(strings.Fields(tc.args), "-o", "json", "--config", filepath.Join(dir, "agent.yaml"))
			out, errs, code := run(t, "", args...)
			if code != exitDone {
				t.Fatalf("exit %d\n%s", code, errs)
			}
			fits(t, tc.schema, out)
			if !strings.Contains(out, tc.want) {
				t.Errorf("%s is not in\n%s", tc.want, out)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(dir, "app.log"), []byte("2026-03-01 10:00:01 ERROR dial tcp 10.0.0.5:5432: connect: connection refused\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := run(t, "", "diagnose", "-o", "json", "--config", filepath.Join(dir, "agent.yaml"), filepath.Join(dir, "app.log"))
	fits(t, "diagnose-1", out)
	if code != exitDone || !strings.Contains(out, `"simulated": true`) || !strings.Contains(out, `"app.service"`) {
		t.Errorf("what would be proposed is not said: exit %d\n%s\n%s", code, errs, out)
	}
	if _, errs, code := run(t, "", "reject", id, "--config", filepath.Join(dir, "agent.yaml")); code != exitFailed || !strings.Contains(errs, "approved") {
		t.Errorf("an answer was taken twice: exit %d, %s", code, errs)
	}
}
