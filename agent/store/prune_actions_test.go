package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

func TestPruneActionsByAge(t *testing.T) {
	s, clock := withIncidents(t, "lw-gone.1", "lw-stuck.1", "lw-undo.1", "lw-pr.1", "lw-long.1", "lw-fresh.1")
	ctx := t.Context()
	const day = 24 * time.Hour
	over := func(id string) {
		t.Helper()
		update(t, s, func(tx *Tx) error { return tx.SetState(id, incident.StateResolved, "test", "") })
	}
	acted(t, s, remediation(1, "lw-gone.1"), t0, incident.ResultDone)
	acted(t, s, patch(2, "lw-stuck.1"), t0, "")
	acted(t, s, remediation(3, "lw-undo.1"), t0, incident.ResultFailed)
	durably(t, s, func(tx *Tx) error { return tx.BeginUndo(incident.ActionID(pid(3))) })
	acted(t, s, patch(4, "lw-pr.1"), t0, incident.ResultDone)
	inState(t, s, patch(5, "lw-long.1"), incident.ProposalDenied) // of an incident that goes on
	inState(t, s, patch(6, "lw-long.1"), incident.ProposalWaiting)
	stopped := patch(7, "lw-long.1") // an advice that never came to a change
	stopped.Kind, stopped.Change = incident.KindAdvice, nil
	inState(t, s, stopped, incident.ProposalAdviceOnly)
	acted(t, s, remediation(8, "lw-long.1"), t0, incident.ResultDone)
	for _, id := range []string{"lw-gone.1", "lw-stuck.1", "lw-undo.1", "lw-pr.1"} {
		over(id)
	}
	clock.at = t0.Add(20 * day)
	acted(t, s, remediation(9, "lw-fresh.1"), clock.at, incident.ResultDone)
	over("lw-fresh.1")

	check := func(name string, wantIncidents, wantProposals, wantActions []int) {
		t.Helper()
		is, err := s.Incidents(ctx, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		rs, err := s.Proposals(ctx, ProposalFilter{})
		if err != nil {
			t.Fatal(err)
		}
		as, err := s.Actions(ctx, ActionFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(is) != wantIncidents[0] {
			t.Errorf("%s: %v", name, ids(is))
		}
		has := func(what string, want []int, have func(id string) bool, n int) {
			t.Helper()
			for _, k := range want {
				if !have(pid(k)) {
					t.Errorf("%s: %s %d is gone", name, what, k)
				}
			}
			if n != len(want) {
				t.Errorf("%s: %d %ss, want %d", name, n, what, len(want))
			}
		}
		has("proposal", wantProposals, func(id string) bool {
			for _, r := range rs {
				if r.Proposal.ID == id {
					return true
				}
			}
			return false
		}, len(rs))
		has("action", wantActions, func(id string) bool {
			for _, a := range as {
				if a.Proposal == id {
					return true
				}
			}
			return false
		}, len(as))
	}
	prune := func(r Retention) Pruned {
		t.Helper()
		p, err := s.Prune(ctx, clock.at, r)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9}
	if p := prune(Retention{}); p.Texts+p.Actions+p.Incidents != 0 {
		t.Errorf("%+v", p)
	}
	check("kept for good", []int{6}, all, []int{1, 2, 3, 4, 8, 9})

	// Incidents go after ten days, with their proposals; what limits count stays, and what is open with all it needs.
	p := prune(Retention{Incidents: 10 * day})
	if p.Incidents != 2 || p.Actions != 0 || p.Texts == 0 {
		t.Errorf("%+v", p)
	}
	check("after ten days", []int{4}, []int{2, 3, 5, 6, 7, 8, 9}, []int{1, 2, 3, 4, 8, 9})
	if r, err := s.Proposal(ctx, pid(2)); err != nil || r.Pruned {
		t.Errorf("what is to be looked up in the world has lost its texts: %+v, %v", r, err)
	}
	if r, err := s.Proposal(ctx, pid(6)); err != nil || r.Pruned {
		t.Errorf("what somebody is asked about has lost its texts: %+v, %v", r, err)
	}
	r, err := s.Proposal(ctx, pid(5))
	if err != nil {
		t.Fatal(err)
	}
	short := patch(5, "lw-long.1")
	short.Change.Diff, short.Change.Checks[0].Output, short.Change.Checks[1].Output = "", "", ""
	if d := cmp.Diff(short, r.Proposal); d != "" || !r.Pruned {
		t.Error(d)
	}
	if r, err = s.Proposal(ctx, pid(7)); err != nil || cmp.Diff(stopped, r.Proposal) != "" {
		t.Errorf("%+v, %v", r, err)
	}
	for n, output := range map[int]string{1: "", 4: "", 8: "out", 9: "out"} { // 8's incident goes on, 9 is fresh
		if a, err := s.Action(ctx, incident.ActionID(pid(n))); err != nil || a.Outcome.Output != output || a.Outcome.Detail != nasty {
			t.Errorf("%d: %+v, %v", n, a, err)
		}
	}
	// Two years later only what is open is left, and what goes on.
	clock.at = t0.Add(2 * ActionsKept)
	if p := prune(Retention{Incidents: 10 * day}); p.Actions != 2 { // 1 and 9
		t.Errorf("%+v", p)
	}
	check("after two years", []int{3}, []int{2, 3, 5, 6, 7, 8}, []int{2, 3, 4, 8})
	// Once it is settled it goes, too.
	durably(t, s, func(tx *Tx) error {
		return errors.Join(tx.EndAction(incident.ActionID(pid(2)), incident.Outcome{Result: incident.ResultFailed}),
			tx.EndUndo(incident.ActionID(pid(3)), incident.Outcome{Result: incident.ResultDone}), tx.ClosePullRequest(incident.ActionID(pid(4)), t0, false))
	})
	prune(Retention{Incidents: 10 * day})
	check("settled", []int{1}, []int{5, 6, 7, 8}, []int{8})
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
}

// Diffs count to limits.store: they go when it is full, those of unfinished incidents last, and never one that somebody may
// still have to look at.
func TestDiffsMakeRoom(t *testing.T) {
	const limit = 8 << 20
	s := openAt(t, t.TempDir(), Options{MaxBytes: limit})
	check := keep(t, s)
	add := func(n int) error {
		id := fmt.Sprintf("lw-d%d.1", n)
		p := patch(n, id)
		p.Change.Diff = strings.Repeat("d", 200_000)
		return s.Update(ctxBackground, func(tx *Tx) error {
			return errors.Join(tx.OpenIncident(newIncident(id)), tx.AddProposal(p),
				tx.SetDecision(p.ID, decision(incident.DecisionDeny), incident.ProposalDenied))
		})
	}
	const n = 100 // 20 MB
	for k := range n {
		if err := add(k); err != nil {
			t.Fatal(k, err)
		}
	}
	check()
	pruned := 0
	for k := range n {
		r, err := s.Proposal(ctxBackground, pid(k))
		if err != nil {
			t.Fatal(err)
		}
		if r.Pruned != (r.Proposal.Change.Diff == "") || r.Proposal.Change.Commit == "" {
			t.Errorf("%+v", r)
		}
		if r.Pruned {
			pruned++
		} else if k < n/2 {
			t.Errorf("an old diff (%d) outlived younger ones", k)
		}
	}
	if pruned < n/2 || pruned == n {
		t.Errorf("%d diffs of %d went", pruned, n)
	}
	// Waiting ones are not dropped: then there is no room, and it is said.
	var err error
	for k := n; err == nil && k < 2*n; k++ {
		id := fmt.Sprintf("lw-w%d.1", k)
		p := patch(k, id)
		p.Change.Diff = strings.Repeat("d", 200_000)
		err = s.Update(ctxBackground, func(tx *Tx) error {
			return errors.Join(tx.OpenIncident(newIncident(id)), tx.AddProposal(p),
				tx.SetDecision(p.ID, decision(incident.DecisionAsk), incident.ProposalWaiting))
		})
	}
	if !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	check()
	waiting, err := s.Proposals(ctxBackground, ProposalFilter{States: []incident.ProposalState{incident.ProposalWaiting}, Brief: true})
	if err != nil || len(waiting) < 20 {
		t.Errorf("%d, %v", len(waiting), err)
	}
}

// Actions older than what limits count make room, too, but for those without an outcome; a row that is damaged does not
// stop it.
func TestOldActionsMakeRoom(t *testing.T) {
	s, clock := withIncidents(t, "lw-a.1", "lw-b.1", "lw-c.1")
	acted(t, s, remediation(1, "lw-a.1"), t0, incident.ResultDone)
	acted(t, s, patch(2, "lw-b.1"), t0, incident.ResultFailed)
	acted(t, s, remediation(3, "lw-c.1"), t0, "")
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetProposalState(pid(2), incident.ProposalFailed, "test", ""),
			tx.SetState("lw-a.1", incident.StateResolved, "test", ""), tx.SetState("lw-b.1", incident.StateIgnored, "test", ""),
			tx.SetState("lw-c.1", incident.StateResolved, "test", ""))
	})
	update(t, s, func(tx *Tx) error {
		_, err := tx.exec("UPDATE proposals SET body = '{' WHERE id = ?", pid(2))
		return err
	})
	all := func(want int) {
		t.Helper()
		if err := s.take(ctxBackground); err != nil {
			t.Fatal(err)
		}
		_, err := s.makeRoom(ctxBackground, 1<<40)
		<-s.turn
		if err != nil {
			t.Fatal(err)
		}
		if as, err := s.Actions(t.Context(), ActionFilter{}); err != nil || len(as) != want {
			t.Errorf("%d actions, want %d, %v", len(as), want, err)
		}
	}
	clock.at = t0.Add(ActionsKept)
	all(3)
	clock.at = t0.Add(ActionsKept + time.Second)
	all(1)
}
