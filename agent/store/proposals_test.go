package store

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// pid is the id of the nth proposal: ULIDs of one second, which share a long beginning.
func pid(n int) string { return fmt.Sprintf("p-01JC3W9T6ZK5X9M2Q8R4V%05d", n) }

// remediation is a proposal of an incident to run a command; patch is one of a pull request.
func remediation(n int, inc string) incident.Proposal {
	cluster, _, _ := strings.Cut(inc, ".")
	return incident.Proposal{
		ID: pid(n), Incident: inc, Cluster: cluster, Service: "api", Kind: incident.KindRemediation, At: t0.Add(time.Duration(n) * time.Second),
		Title: "restart api.service", Why: nasty,
		Facts: incident.Facts{Severity: incident.SeverityError, Trigger: incident.TriggerNew, Category: "code-bug", Confidence: 0.7, Events: 3},
		Remedy: &incident.Remedy{Name: "restart", Args: map[string]string{"unit": "api.service"}, Risk: "low",
			Run: []string{"systemctl", "restart", "api.service"}, Timeout: time.Minute, Targets: []string{"unit=api.service (_SYSTEMD_UNIT)"}},
	}
}

func patch(n int, inc string) incident.Proposal {
	p := remediation(n, inc)
	p.Kind, p.Title, p.Remedy = incident.KindPullRequest, "fix KeyError in checkout", nil
	p.Change = &incident.Change{
		Store: "/s", Repository: "/r", Base: "main", BaseCommit: strings.Repeat("a", 40), Commit: strings.Repeat("b", 40), Branch: "logwright/" + inc,
		Diff: "--- a\n+++ b\n" + nasty, Files: []string{"a.py"}, Added: 1, Removed: 2, Verified: true, Explanation: nasty,
		Checks: []incident.Check{{Stage: incident.StageBase, Argv: []string{"go", "test"}, Exit: 0, Output: "ok " + nasty, Duration: time.Second},
			{Stage: incident.StagePatched, Argv: []string{"go", "vet"}, Exit: 1, Output: "no", Duration: 2}},
	}
	return p
}

func decision(outcome string) incident.Decision {
	return incident.Decision{Outcome: outcome, Rule: "draft", Reasons: []string{"rule draft says " + outcome}, At: t0,
		Inputs: map[string]any{"kind": "remediation", "events": 1 << 60, "text": nasty}}
}

// withIncidents gives a store whose clock stands, with open incidents.
func withIncidents(t testing.TB, incs ...string) (*Store, *fakeClock) {
	t.Helper()
	clock := &fakeClock{t0}
	s := openAt(t, t.TempDir(), Options{Now: clock.now})
	for _, id := range incs {
		update(t, s, func(tx *Tx) error { return tx.OpenIncident(newIncident(id)) })
	}
	return s, clock
}

// durably is update with UpdateDurable.
func durably(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.UpdateDurable(ctxBackground, fn); err != nil {
		t.Fatal(err)
	}
}

// fails runs fn, which must fail, and keeps nothing of it.
func fails(t testing.TB, s *Store, what string, fn func(tx *Tx) error) error {
	t.Helper()
	err := s.UpdateDurable(ctxBackground, fn)
	if err == nil {
		t.Fatalf("%s was let through", what)
	}
	return err
}

// lastAudit gives the last entries of the audit, oldest first, as "actor action subject detail".
func lastAudit(t testing.TB, s *Store, n int64) (out []string) {
	t.Helper()
	h, err := s.AuditHead(ctxBackground)
	if err != nil {
		t.Fatal(err)
	}
	es, err := s.AuditEntries(ctxBackground, h.Seq-n+1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		out = append(out, fmt.Sprintf("%s %s %s %s", e.Actor, e.Action, e.Subject, e.Detail))
	}
	return out
}

func micro(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func TestProposalIsKeptAsItWas(t *testing.T) {
	s, clock := withIncidents(t, "lw-a.1")
	ctx := t.Context()
	advice := patch(3, "lw-a.1")
	advice.Kind, advice.Change.Stopped = incident.KindAdvice, "the tests fail"
	// In another zone, and finer than what the columns hold: a digest has to come back all the same.
	advice.At = time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.FixedZone("", 7200))
	ps := []incident.Proposal{remediation(1, "lw-a.1"), patch(2, "lw-a.1"), advice}
	for _, p := range ps {
		update(t, s, func(tx *Tx) error { return tx.AddProposal(p) })
		if err := fails(t, s, "the same proposal again", func(tx *Tx) error { return tx.AddProposal(p) }); !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	clock.at = t0.Add(time.Hour)
	for i, p := range ps {
		r, err := s.Proposal(ctx, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := &ProposalRecord{Proposal: p, Digest: p.Digest(), State: incident.ProposalNew, StateAt: micro(t0), UpdatedAt: micro(t0)}
		if i == 2 {
			want.State = incident.ProposalAdviceOnly
		}
		if d := cmp.Diff(want, r); d != "" {
			t.Error(d)
		}
		if r.Proposal.Digest() != r.Digest {
			t.Error("another digest came back")
		}
	}
	want(t, lastAudit(t, s, 3),
		"logwright propose "+pid(1)+` {"action":"restart","digest":"`+ps[0].Digest()+`","incident":"lw-a.1","kind":"remediation","run":["systemctl","restart","api.service"],"title":"restart api.service"}`,
		"logwright propose "+pid(2)+` {"action":"pull-request","commit":"`+strings.Repeat("b", 40)+`","digest":"`+ps[1].Digest()+`","incident":"lw-a.1","kind":"pull-request","title":"fix KeyError in checkout"}`,
		"logwright propose "+pid(3)+` {"action":"advice","commit":"`+strings.Repeat("b", 40)+`","digest":"`+advice.Digest()+`","incident":"lw-a.1","kind":"advice","title":"fix KeyError in checkout"}`)

	for name, change := range map[string]func(p *incident.Proposal){
		"an id that is none":            func(p *incident.Proposal) { p.ID = "p-1" },
		"no incident":                   func(p *incident.Proposal) { p.Incident = "lw-z.1" },
		"an unknown kind":               func(p *incident.Proposal) { p.Kind = "shell" },
		"nothing to run":                func(p *incident.Proposal) { p.Remedy.Run = nil },
		"no remedy":                     func(p *incident.Proposal) { p.Remedy = nil },
		"no change":                     func(p *incident.Proposal) { p.Kind = incident.KindPullRequest },
		"a remediation with a change":   func(p *incident.Proposal) { p.Change = &incident.Change{} },
		"a command of bytes":            func(p *incident.Proposal) { p.Remedy.Run = []string{"rm", "\xff"} },
		"a number that is no JSON":      func(p *incident.Proposal) { p.Facts.Confidence = math.NaN() },
		"a year that is no JSON":        func(p *incident.Proposal) { p.At = time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC) },
		"more than anybody would read":  func(p *incident.Proposal) { p.Why = strings.Repeat("x", maxProposal) },
		"a pull request without commit": func(p *incident.Proposal) { *p = patch(9, "lw-a.1"); p.Change.Commit = "" },
	} {
		p := remediation(9, "lw-a.1")
		change(&p)
		fails(t, s, name, func(tx *Tx) error { return tx.AddProposal(p) })
	}
}

// Whatever of a row is changed, nobody gets to see it as the proposal that was made.
func TestChangedProposalIsAnError(t *testing.T) {
	for name, change := range map[string]string{
		"what is run":            `UPDATE proposals SET body = replace(body, 'restart', 'stop')`,
		"what is run and digest": `UPDATE proposals SET body = replace(body, '"api.service"]', '"sshd.service"]'), service = 'ssh'`,
		"the digest":             `UPDATE proposals SET digest = 'x'`,
		"no JSON":                `UPDATE proposals SET body = 'x'`,
		"its incident":           `UPDATE proposals SET about = 'lw-b.1'`,
		"its service":            `UPDATE proposals SET service = 'other'`,
		"its cluster":            `UPDATE proposals SET cluster = 'other'`,
		"its kind":               `UPDATE proposals SET kind = 'advice'`,
		"pruned though waiting":  `UPDATE proposals SET pruned = 1, body = replace(body, 'restart', 'stop'), state = 'waiting'`,
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := withIncidents(t, "lw-a.1")
			p := remediation(1, "lw-a.1")
			update(t, s, func(tx *Tx) error {
				if err := errors.Join(tx.AddProposal(p), tx.SetDecision(p.ID, decision(incident.DecisionAllow), incident.ProposalNew)); err != nil {
					return err
				}
				_, err := tx.exec(change)
				return err
			})
			var ce *ChangedError
			if _, err := s.Proposal(t.Context(), p.ID); !errors.As(err, &ce) || ce.Proposal != p.ID {
				t.Error(err)
			}
			if _, err := s.Proposals(t.Context(), ProposalFilter{Brief: true}); !errors.As(err, &ce) {
				t.Error(err)
			}
			if err := fails(t, s, "an action", func(tx *Tx) error { return tx.BeginAction(actionOf(&p)) }); !errors.As(err, &ce) {
				t.Error(err)
			}
			if err := fails(t, s, "an approval", func(tx *Tx) error { return tx.Approve(approval(&p, true)) }); !errors.As(err, &ce) {
				t.Error(err)
			}
			// It can be moved out of the way.
			update(t, s, func(tx *Tx) error { return tx.SetProposalState(p.ID, incident.ProposalDenied, "logwright", "changed") })
			if rs, err := s.Proposals(t.Context(), ProposalFilter{States: []incident.ProposalState{incident.ProposalNew, incident.ProposalWaiting}}); err != nil || len(rs) != 0 {
				t.Errorf("%v, %v", rs, err)
			}
		})
	}
}

func TestProposalsOrderAndFilter(t *testing.T) {
	s, _ := withIncidents(t, "lw-a.1", "lw-b.1")
	add := func(p incident.Proposal, to incident.ProposalState) {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			if err := tx.AddProposal(p); err != nil || to == "" {
				return err
			}
			return tx.SetDecision(p.ID, decision(incident.DecisionAsk), to)
		})
	}
	add(remediation(1, "lw-a.1"), incident.ProposalWaiting)
	add(remediation(2, "lw-a.1"), "")
	add(patch(3, "lw-a.1"), incident.ProposalDenied)
	add(patch(4, "lw-b.1"), incident.ProposalWaiting)
	web := remediation(5, "lw-b.1")
	web.Service = "web"
	add(web, incident.ProposalSimulated)
	update(t, s, func(tx *Tx) error { return tx.SaveClusters([]ClusterMemory{{ID: "lw-b", AliasOf: "lw-a"}}) })
	for _, tc := range []struct {
		name string
		f    ProposalFilter
		want []int
	}{
		{"all", ProposalFilter{}, []int{4, 1, 5, 3, 2}},
		{"limit", ProposalFilter{Limit: 3}, []int{4, 1, 5}},
		{"states", ProposalFilter{States: []incident.ProposalState{incident.ProposalNew, incident.ProposalDenied}}, []int{3, 2}},
		{"incident", ProposalFilter{Incident: "lw-a.1"}, []int{1, 3, 2}},
		{"cluster, and those merged into it", ProposalFilter{Cluster: "lw-b"}, []int{4, 1, 5, 3, 2}},
		{"a cluster that nobody knows", ProposalFilter{Cluster: "lw-z"}, nil},
		{"service", ProposalFilter{Service: "web"}, []int{5}},
		{"kind", ProposalFilter{Kind: incident.KindPullRequest}, []int{4, 3}},
		{"text that is no SQL", ProposalFilter{Incident: "' OR 1=1 --"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rs, err := s.Proposals(t.Context(), tc.f)
			if err != nil {
				t.Fatal(err)
			}
			var got, wanted []string
			for _, r := range rs {
				got = append(got, r.Proposal.ID)
				if r.Pruned || r.Proposal.Digest() != r.Digest {
					t.Errorf("%s is not whole", r.Proposal.ID)
				}
			}
			for _, n := range tc.want {
				wanted = append(wanted, pid(n))
			}
			want(t, got, wanted...)
			update(t, s, func(tx *Tx) error {
				in, err := tx.Proposals(tc.f)
				if d := cmp.Diff(rs, in); d != "" {
					t.Error(d)
				}
				return err
			})
		})
	}
	rs, err := s.Proposals(t.Context(), ProposalFilter{Brief: true, Kind: incident.KindPullRequest, Limit: 1})
	if err != nil || len(rs) != 1 {
		t.Fatal(rs, err)
	}
	brief := patch(4, "lw-b.1")
	brief.Change.Diff, brief.Change.Checks[0].Output, brief.Change.Checks[1].Output = "", "", ""
	if d := cmp.Diff(brief, rs[0].Proposal); d != "" || !rs[0].Pruned {
		t.Error(d)
	}
}

func TestProposalByWhatIsTyped(t *testing.T) {
	s, _ := withIncidents(t, "lw-aaaa.1", "lw-bbbb.1", "lw-bcbc.1")
	other := remediation(9, "lw-aaaa.1")
	other.ID = "p-01KC3W9T6ZK5X9M2Q8R4V00009"
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddProposal(remediation(1, "lw-aaaa.1")), tx.AddProposal(remediation(2, "lw-aaaa.1")), tx.AddProposal(other),
			tx.AddProposal(patch(3, "lw-bbbb.1")), tx.AddProposal(patch(4, "lw-bbbb.1")),
			tx.SetDecision(pid(1), decision(incident.DecisionAsk), incident.ProposalWaiting))
	})
	for _, tc := range []struct{ in, want, err string }{
		{pid(2), pid(2), ""},
		{" " + strings.ToLower(pid(2)) + " ", pid(2), ""},
		{pid(2)[2:], pid(2), ""},
		{incident.ActionID(pid(2)), pid(2), ""},
		{"p-01k", other.ID, ""},
		{"01K", other.ID, ""},
		{"lw-aaaa.1", pid(1), ""}, // its waiting one
		{"lw-bbbb", pid(4), ""},   // its latest
		{"bbbb.1", pid(4), ""},
		{"p-01J", "", `"p-01J" is the beginning of several proposals: ` + strings.Join([]string{pid(1), pid(4), pid(3), pid(2)}, ", ")},
		{"lw-b", "", `"lw-b" is the beginning of several incidents: lw-bcbc.1, lw-bbbb.1`},
		{"lw-bcbc.1", "", `no proposal for incident "lw-bcbc.1"`},
		{pid(5), "", `no proposal "` + pid(5) + `"; near it: ` + strings.Join([]string{pid(1), pid(4), pid(3), pid(2), other.ID}, ", ")},
		{"p-", "", `no proposal "p-"; near it: `},
		{"", "", `no proposal ""; near it: `},
	} {
		got, err := s.Proposal(t.Context(), tc.in)
		switch {
		case tc.err != "":
			if !errors.Is(err, ErrNotFound) || !strings.HasPrefix(err.Error(), tc.err) {
				t.Errorf("%q: %v\nwant %s", tc.in, err, tc.err)
			}
		case err != nil || got.Proposal.ID != tc.want:
			t.Errorf("%q: %v, %v, want %s", tc.in, got, err, tc.want)
		}
	}
	update(t, s, func(tx *Tx) error {
		var none *NotFoundError
		if _, err := tx.Proposal("p-01K"); !errors.As(err, &none) || none.Kind != "proposal" {
			t.Errorf("a transaction took a beginning: %v", err)
		}
		return nil
	})
}
