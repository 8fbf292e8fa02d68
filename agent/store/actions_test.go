package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// actionOf is the action of a proposal, with an hour for its undo.
func actionOf(p *incident.Proposal) incident.Action {
	return incident.Action{ID: p.ActionID(), Proposal: p.ID, Incident: p.Incident, Cluster: p.Cluster, Service: p.Service, Kind: p.Kind,
		Name: p.Action(), Rule: "draft", BegunAt: t0, Until: t0.Add(time.Hour)}
}

func actionIDs(as []incident.Action) (out []string) {
	for _, a := range as {
		out = append(out, a.ID)
	}
	return out
}

func TestActionLife(t *testing.T) {
	s, clock := withIncidents(t, "lw-a.1")
	ctx := t.Context()
	p := remediation(1, "lw-a.1")
	inState(t, s, p, incident.ProposalApproved)
	a := actionOf(&p)
	a.By = "user:eve"
	check := func(state incident.ProposalState, open, unverified bool) {
		t.Helper()
		got, err := s.Action(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantA := a
		wantA.BegunAt, wantA.Until = micro(a.BegunAt), micro(a.Until)
		if d := cmp.Diff(&wantA, got); d != "" {
			t.Error(d)
		}
		r, err := s.Proposal(ctx, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, r.Action); d != "" || r.State != state || !r.UpdatedAt.Equal(micro(clock.at)) {
			t.Errorf("%s %s %s", d, r.State, r.UpdatedAt)
		}
		update(t, s, func(tx *Tx) error {
			in, err := tx.Action(a.ID)
			if d := cmp.Diff(got, in); d != "" {
				t.Error(d)
			}
			return err
		})
		var wantOpen, wantUnverified []string
		if open {
			wantOpen = []string{a.ID}
		}
		if unverified {
			wantUnverified = []string{a.ID}
		}
		as, err := s.OpenActions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want(t, actionIDs(as), wantOpen...)
		if as, err = s.UnverifiedActions(ctx); err != nil {
			t.Fatal(err)
		}
		want(t, actionIDs(as), wantUnverified...)
	}
	tick := func() { clock.at = clock.at.Add(time.Minute) }
	tick()
	durably(t, s, func(tx *Tx) error { return tx.BeginAction(a) })
	check(incident.ProposalActing, true, false)
	want(t, lastAudit(t, s, 1), `logwright begin `+a.ID+` {"action":"restart","by":"user:eve","digest":"`+p.Digest()+
		`","incident":"lw-a.1","rule":"draft","until":"2026-03-04T06:06:07.000008Z"}`)
	if err := fails(t, s, "a second beginning", func(tx *Tx) error { return tx.BeginAction(a) }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	fails(t, s, "an undo before the outcome", func(tx *Tx) error { return tx.BeginUndo(a.ID) })
	for _, r := range []string{incident.VerifyVerified, incident.VerifyInconclusive, incident.VerifyFailed} {
		fails(t, s, "a verification before the outcome", func(tx *Tx) error {
			return tx.SetVerification(a.ID, incident.Verification{Result: r})
		})
	}
	// What will be watched for is known before.
	a.Verification = &incident.Verification{Result: incident.VerifyPending, Expected: 4}
	update(t, s, func(tx *Tx) error { return tx.SetVerification(a.ID, *a.Verification) })
	check(incident.ProposalActing, true, false)
	fails(t, s, "an outcome of no kind", func(tx *Tx) error { return tx.EndAction(a.ID, incident.Outcome{}) })
	fails(t, s, "an outcome of an undo that was not begun", func(tx *Tx) error { return tx.EndUndo(a.ID, incident.Outcome{Result: incident.ResultDone}) })

	tick()
	o := incident.Outcome{Result: incident.ResultDone, Detail: "it ended", Output: "x" + strings.Repeat("ü", maxOutput), StartedAt: t0, EndedAt: t0.Add(time.Second)}
	update(t, s, func(tx *Tx) error { return tx.EndAction(a.ID, o) })
	o.Output = strings.Repeat("ü", maxOutput/2)
	a.Outcome = &o
	check(incident.ProposalActing, false, true)
	want(t, lastAudit(t, s, 1), `logwright end `+a.ID+` {"detail":"it ended","exit":0,"result":"done"}`)
	if err := fails(t, s, "a second outcome", func(tx *Tx) error { return tx.EndAction(a.ID, incident.Outcome{Result: incident.ResultFailed}) }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	fails(t, s, "a verification of no kind", func(tx *Tx) error { return tx.SetVerification(a.ID, incident.Verification{}) })
	fails(t, s, "the close of what is no pull request", func(tx *Tx) error { return tx.ClosePullRequest(a.ID, t0, true) })

	v := incident.Verification{Result: incident.VerifyPending, From: t0, To: t0.Add(time.Hour), Expected: 4, Seen: 1}
	h, _ := s.AuditHead(ctx)
	update(t, s, func(tx *Tx) error { return tx.SetVerification(a.ID, v) })
	a.Verification = &v
	check(incident.ProposalActing, false, true)
	if h2, _ := s.AuditHead(ctx); h2 != h {
		t.Error("the same result is audited twice")
	}
	tick()
	v.Result, v.Reasons = incident.VerifyFailed, []string{"seen again"}
	update(t, s, func(tx *Tx) error { return tx.SetVerification(a.ID, v) })
	check(incident.ProposalActing, false, false)
	want(t, lastAudit(t, s, 1), `logwright verification `+a.ID+` {"alive":"","expected":4,"from":"pending","reasons":["seen again"],"seen":1,"to":"failed"}`)

	tick()
	if err := s.Update(ctx, func(tx *Tx) error { return tx.BeginUndo(a.ID) }); !errors.Is(err, errNoDurableAction) {
		t.Error(err)
	}
	durably(t, s, func(tx *Tx) error { return tx.BeginUndo(a.ID) })
	a.UndoneAt = micro(clock.at)
	check(incident.ProposalActing, true, false)
	if err := fails(t, s, "a second undo", func(tx *Tx) error { return tx.BeginUndo(a.ID) }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	tick()
	u := incident.Outcome{Result: incident.ResultUnknown, Output: nasty}
	update(t, s, func(tx *Tx) error { return tx.EndUndo(a.ID, u) })
	a.Undo = &u
	check(incident.ProposalActing, false, false)
	if err := fails(t, s, "a second outcome of the undo", func(tx *Tx) error { return tx.EndUndo(a.ID, u) }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
	for name, fn := range map[string]func(tx *Tx) error{
		"an outcome":      func(tx *Tx) error { return tx.EndAction("a-z", u) },
		"a verification":  func(tx *Tx) error { return tx.SetVerification("a-z", v) },
		"an undo":         func(tx *Tx) error { return tx.BeginUndo("a-z") },
		"an undo's end":   func(tx *Tx) error { return tx.EndUndo("a-z", u) },
		"a close":         func(tx *Tx) error { return tx.ClosePullRequest("a-z", t0, true) },
		"a look":          func(tx *Tx) error { _, err := tx.Action("a-z"); return err },
		"a first attempt": func(tx *Tx) error { b := a; b.ID, b.Proposal, b.Outcome = "a-z", "p-z", nil; return tx.BeginAction(b) },
	} {
		err := fails(t, s, name, fn)
		if name != "a first attempt" && (!errors.Is(err, ErrNotFound) || err.Error() != `no action "a-z"`) {
			t.Errorf("%s of no action: %v", name, err)
		}
	}
}

// Whatever stands against an action, it is not begun, and nothing is left of the attempt.
func TestBeginActionRefuses(t *testing.T) {
	ask, allow := incident.DecisionAsk, incident.DecisionAllow
	decided := func(outcome string, to incident.ProposalState) func(tx *Tx, p *incident.Proposal) error {
		return func(tx *Tx, p *incident.Proposal) error { return tx.SetDecision(p.ID, decision(outcome), to) }
	}
	sim := decision(allow)
	sim.Simulated = true
	for _, tc := range []struct {
		name   string
		before func(tx *Tx, p *incident.Proposal) error // on a new proposal
		change func(a *incident.Action)
		err    string
	}{
		{"nothing decided", nil, nil, "nothing was decided"},
		{"denied, though new", decided(incident.DecisionDeny, incident.ProposalNew), nil, "it was denied"},
		{"simulated, though new", func(tx *Tx, p *incident.Proposal) error { return tx.SetDecision(p.ID, sim, incident.ProposalNew) }, nil, "only simulated"},
		{"asked, and nobody answered", decided(ask, incident.ProposalNew), nil, "nobody has approved it"},
		{"waiting", decided(ask, incident.ProposalWaiting), nil, "is waiting and can't become acting"},
		{"denied", decided(incident.DecisionDeny, incident.ProposalDenied), nil, "is denied and can't become acting"},
		{"stopped", func(tx *Tx, p *incident.Proposal) error {
			return errors.Join(tx.SetDecision(p.ID, decision(allow), incident.ProposalNew), tx.SetStopped(true, "user:eve", ""))
		}, nil, "the kill switch is on since 2026-03-04T05:06:07Z by user:eve"},
		{"another's action", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.ID = incident.ActionID(pid(2)) }, "is not the one of proposal"},
		{"no such proposal", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Proposal, a.ID = pid(2), incident.ActionID(pid(2)) }, "no proposal"},
		{"another name", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Name = "look" }, "is not what proposal"},
		{"another service", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Service = "x" }, "is not what proposal"},
		{"another cluster", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Cluster = "x" }, "is not what proposal"},
		{"another incident", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Incident = "x" }, "is not what proposal"},
		{"another kind", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Kind = incident.KindPullRequest }, "is not what proposal"},
		{"an outcome before", decided(allow, incident.ProposalNew), func(a *incident.Action) { a.Outcome = &incident.Outcome{} }, "has an outcome before"},
		{"an approval that ended", func(tx *Tx, p *incident.Proposal) error {
			return errors.Join(tx.SetDecision(p.ID, decision(ask), incident.ProposalWaiting), tx.Approve(approval(p, true)))
		}, nil, "its approval by user:eve ended at 2026-03-04T06:06:07Z"},
		{"an approval of something else", func(tx *Tx, p *incident.Proposal) error {
			if err := errors.Join(tx.SetDecision(p.ID, decision(ask), incident.ProposalWaiting), tx.Approve(approval(p, true))); err != nil {
				return err
			}
			_, err := tx.exec(`UPDATE proposals SET approval = json_set(approval, '$.digest', 'x')`)
			return err
		}, nil, "the approval kept is not one of it"},
		{"approved by nobody", func(tx *Tx, p *incident.Proposal) error {
			err := tx.SetDecision(p.ID, decision(ask), incident.ProposalNew)
			if err == nil {
				_, err = tx.exec("UPDATE proposals SET state = 'approved'")
			}
			return err
		}, nil, "the approval kept is not one of it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, clock := withIncidents(t, "lw-a.1")
			p := remediation(1, "lw-a.1")
			update(t, s, func(tx *Tx) error { return tx.AddProposal(p) })
			if tc.before != nil {
				update(t, s, func(tx *Tx) error { return tc.before(tx, &p) })
			}
			if tc.name == "an approval that ended" {
				clock.at = t0.Add(time.Hour)
			}
			a := actionOf(&p)
			if tc.change != nil {
				tc.change(&a)
			}
			h, _ := s.AuditHead(t.Context())
			err := fails(t, s, tc.name, func(tx *Tx) error { return tx.BeginAction(a) })
			if !strings.Contains(err.Error(), tc.err) {
				t.Error(err)
			}
			if errors.Is(err, ErrStopped) != (tc.name == "stopped") {
				t.Error(err)
			}
			as, err := s.Actions(t.Context(), ActionFilter{})
			if h2, _ := s.AuditHead(t.Context()); err != nil || len(as) != 0 || h2 != h {
				t.Errorf("%v, %v", as, err)
			}
		})
	}
	t.Run("not on disk", func(t *testing.T) {
		s, _ := withIncidents(t, "lw-a.1")
		p := remediation(1, "lw-a.1")
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddProposal(p), tx.SetDecision(p.ID, decision(allow), incident.ProposalNew))
		})
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.BeginAction(actionOf(&p)) }); !errors.Is(err, errNoDurableAction) {
			t.Error(err)
		}
	})
	// Not even a proposal that was put back by hand is begun twice.
	t.Run("put back", func(t *testing.T) {
		s, _ := withIncidents(t, "lw-a.1")
		p := remediation(1, "lw-a.1")
		inState(t, s, p, incident.ProposalActing)
		update(t, s, func(tx *Tx) error { _, err := tx.exec("UPDATE proposals SET state = 'new'"); return err })
		if err := fails(t, s, "a second beginning", func(tx *Tx) error { return tx.BeginAction(actionOf(&p)) }); !errors.Is(err, ErrExists) {
			t.Error(err)
		}
		update(t, s, func(tx *Tx) error { _, err := tx.exec("DELETE FROM proposals"); return err })
		if err := fails(t, s, "the proposal of an action", func(tx *Tx) error { return tx.AddProposal(p) }); !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	})
}

func TestUndoRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		until  time.Time
		result incident.Result
		at     time.Time
		stop   bool
		err    string
	}{
		{"too late", t0.Add(time.Hour), incident.ResultDone, t0.Add(time.Hour + time.Second), false, "could be undone until 2026-03-04T06:06:07Z"},
		{"no undo", time.Time{}, incident.ResultDone, t0, false, "has no undo"},
		{"skipped", t0.Add(time.Hour), incident.ResultSkipped, t0, false, "was not begun"},
		{"stopped", t0.Add(time.Hour), incident.ResultDone, t0, true, "kill switch is on"},
		{"none", t0.Add(time.Hour), incident.ResultFailed, t0.Add(time.Hour), false, ""},
	} {
		s, clock := withIncidents(t, "lw-a.1")
		p := remediation(1, "lw-a.1")
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.AddProposal(p), tx.SetDecision(p.ID, decision(incident.DecisionAllow), incident.ProposalNew))
		})
		a := actionOf(&p)
		a.Until = tc.until
		durably(t, s, func(tx *Tx) error {
			return errors.Join(tx.BeginAction(a), tx.EndAction(a.ID, incident.Outcome{Result: tc.result}), tx.SetStopped(tc.stop, "user:eve", ""))
		})
		clock.at = tc.at
		err := s.UpdateDurable(t.Context(), func(tx *Tx) error { return tx.BeginUndo(a.ID) })
		if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// acted keeps a proposal with an action begun at a time, and its outcome where it has one.
func acted(t testing.TB, s *Store, p incident.Proposal, begun time.Time, r incident.Result) {
	t.Helper()
	a := actionOf(&p)
	a.BegunAt = begun
	durably(t, s, func(tx *Tx) error {
		if err := errors.Join(tx.AddProposal(p), tx.SetDecision(p.ID, decision(incident.DecisionAllow), incident.ProposalNew), tx.BeginAction(a)); err != nil || r == "" {
			return err
		}
		return tx.EndAction(a.ID, incident.Outcome{Result: r, Output: "out", Detail: nasty})
	})
}

func TestActionsThatLimitsCount(t *testing.T) {
	s, _ := withIncidents(t, "lw-a.1", "lw-b.1")
	long := t0.Add(-100 * time.Hour)
	for n, c := range []struct {
		p      incident.Proposal
		begun  time.Time
		result incident.Result
		past   bool
	}{
		{remediation(0, "lw-a.1"), t0.Add(-time.Hour), incident.ResultDone, true},
		{remediation(1, "lw-a.1"), t0.Add(-time.Hour - 1000), incident.ResultDone, false},
		{remediation(2, "lw-a.1"), t0.Add(time.Hour), incident.ResultFailed, true}, // the clock was set back
		{remediation(3, "lw-a.1"), long, "", true},
		{remediation(4, "lw-a.1"), long.Add(1000), incident.ResultUnknown, false},
		{patch(5, "lw-b.1"), long.Add(2000), incident.ResultDone, true},
		{patch(6, "lw-b.1"), long.Add(3000), incident.ResultUnknown, true},
		{patch(7, "lw-b.1"), long.Add(4000), incident.ResultFailed, false},
		{patch(8, "lw-b.1"), long.Add(5000), incident.ResultDone, false}, // closed below
		{remediation(9, "lw-b.1"), long.Add(6000), incident.ResultDone, true},
	} {
		acted(t, s, c.p, c.begun, c.result)
		if a := actionOf(&c.p); n == 5 || n == 6 {
			a.Outcome = &incident.Outcome{Result: c.result}
			if !a.OpenPullRequest() {
				t.Error("the test is not of what it says")
			}
		}
	}
	durably(t, s, func(tx *Tx) error {
		return errors.Join(tx.ClosePullRequest(incident.ActionID(pid(8)), t0, true), tx.BeginUndo(incident.ActionID(pid(9))))
	})
	wanted := func(ns ...int) (out []string) {
		for _, n := range ns {
			out = append(out, incident.ActionID(pid(n)))
		}
		return out
	}
	update(t, s, func(tx *Tx) error {
		as, err := tx.PastActions(t0.Add(-time.Hour))
		if err != nil {
			return err
		}
		want(t, actionIDs(as), wanted(3, 5, 6, 9, 0, 2)...)
		for _, a := range as {
			if a.Outcome != nil && (a.Outcome.Output != "" || a.Outcome.Detail != nasty) {
				t.Errorf("%+v", a.Outcome)
			}
		}
		all, err := tx.PastActions(time.Time{})
		if len(all) != 10 {
			t.Errorf("since ever: %d", len(all))
		}
		return err
	})
	open, err := s.OpenActions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(t, actionIDs(open), wanted(3, 9)...)
	update(t, s, func(tx *Tx) error { return tx.SaveClusters([]ClusterMemory{{ID: "lw-c", AliasOf: "lw-a"}}) })
	for _, tc := range []struct {
		name string
		f    ActionFilter
		want []int
	}{
		{"all", ActionFilter{}, []int{9, 3, 2, 0, 1, 8, 7, 6, 5, 4}},
		{"limit", ActionFilter{Limit: 2}, []int{9, 3}},
		{"incident", ActionFilter{Incident: "lw-a.1"}, []int{3, 2, 0, 1, 4}},
		{"cluster, through its alias", ActionFilter{Cluster: "lw-c"}, []int{3, 2, 0, 1, 4}},
		{"kind", ActionFilter{Kind: incident.KindPullRequest}, []int{8, 7, 6, 5}},
		{"name", ActionFilter{Name: "restart", Since: t0.Add(-time.Hour)}, []int{2, 0}},
		{"service", ActionFilter{Service: "web"}, nil},
	} {
		as, err := s.Actions(t.Context(), tc.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := actionIDs(as); !slices.Equal(got, wanted(tc.want...)) {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	pr, err := s.Action(t.Context(), incident.ActionID(pid(8)))
	if err != nil || !pr.Merged || !pr.ClosedAt.Equal(micro(t0)) || pr.OpenPullRequest() {
		t.Errorf("%+v, %v", pr, err)
	}
	if err := fails(t, s, "a second close", func(tx *Tx) error { return tx.ClosePullRequest(pr.ID, t0, false) }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := fails(t, s, "the close of what nobody knows", func(tx *Tx) error { return tx.ClosePullRequest(incident.ActionID(pid(3)), t0, false) }); errors.Is(err, ErrExists) {
		t.Error(err)
	}
}
