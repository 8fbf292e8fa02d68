package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// approval is a yes or no to exactly p, for an hour.
func approval(p *incident.Proposal, yes bool) incident.Approval {
	return incident.Approval{Proposal: p.ID, Digest: p.Digest(), Approved: yes, Who: "user:eve", Why: "looks right", At: t0, Until: t0.Add(time.Hour)}
}

// inState keeps a proposal and brings it to a state by the ways there are.
func inState(t testing.TB, s *Store, p incident.Proposal, to incident.ProposalState) {
	t.Helper()
	steps := []func(tx *Tx) error{func(tx *Tx) error { return tx.AddProposal(p) }}
	decide := func(outcome string, to incident.ProposalState) {
		steps = append(steps, func(tx *Tx) error { return tx.SetDecision(p.ID, decision(outcome), to) })
	}
	set := func(to incident.ProposalState) {
		steps = append(steps, func(tx *Tx) error { return tx.SetProposalState(p.ID, to, "test", "") })
	}
	begin := func() {
		decide(incident.DecisionAllow, incident.ProposalNew)
		steps = append(steps, func(tx *Tx) error { return tx.BeginAction(actionOf(&p)) })
	}
	end := func(r incident.Result) {
		begin()
		steps = append(steps, func(tx *Tx) error { return tx.EndAction(p.ActionID(), incident.Outcome{Result: r}) })
	}
	switch to {
	case incident.ProposalNew, incident.ProposalAdviceOnly:
	case incident.ProposalWaiting:
		decide(incident.DecisionAsk, to)
	case incident.ProposalApproved, incident.ProposalRejected:
		decide(incident.DecisionAsk, incident.ProposalWaiting)
		steps = append(steps, func(tx *Tx) error { return tx.Approve(approval(&p, to == incident.ProposalApproved)) })
	case incident.ProposalDenied, incident.ProposalSimulated:
		decide(incident.DecisionDeny, to)
	case incident.ProposalExpired:
		set(to)
	case incident.ProposalActing:
		begin()
	case incident.ProposalUnknown:
		end(incident.ResultUnknown)
		set(to)
	default:
		end(incident.ResultDone)
		set(to)
	}
	for _, fn := range steps {
		durably(t, s, fn)
	}
}

// Of all pairs of states only those that CanBecome allows are walked, and those that need more than a word by no word.
func TestProposalStates(t *testing.T) {
	n := 0
	s, _ := withIncidents(t, "lw-a.1")
	for _, from := range incident.ProposalStates() {
		for _, to := range incident.ProposalStates() {
			n++
			p := remediation(n, "lw-a.1")
			if from == incident.ProposalAdviceOnly {
				p = patch(n, "lw-a.1")
				p.Kind = incident.KindAdvice
			}
			inState(t, s, p, from)
			asked := to == incident.ProposalApproved || to == incident.ProposalRejected || to == incident.ProposalActing
			check := func(how string, err error, may bool) {
				t.Helper()
				var te *ProposalTransitionError
				if may != (err == nil) || err != nil && (!errors.As(err, &te) || te.From != from || te.To != to) {
					t.Errorf("%s from %s to %s: %v", how, from, to, err)
				}
			}
			back := errors.New("back")
			try := func(fn func(tx *Tx) error) error {
				err := s.UpdateDurable(t.Context(), func(tx *Tx) error {
					if err := fn(tx); err != nil {
						return err
					}
					return back
				})
				if errors.Is(err, back) {
					return nil
				}
				return err
			}
			undecided := from == incident.ProposalNew || from == incident.ProposalWaiting || from == incident.ProposalApproved
			check("a decision", try(func(tx *Tx) error { return tx.SetDecision(p.ID, decision(incident.DecisionAsk), to) }),
				undecided && (from == to || from.CanBecome(to) && !asked))
			may := from.CanBecome(to) && !asked
			if from == incident.ProposalActing {
				err := try(func(tx *Tx) error { return tx.SetProposalState(p.ID, to, "test", "") })
				check("a word without an outcome", err, false)
				if may && !strings.Contains(err.Error(), "no outcome yet") {
					t.Error(err)
				}
				update(t, s, func(tx *Tx) error { return tx.EndAction(p.ActionID(), incident.Outcome{Result: incident.ResultDone}) })
			}
			check("a word", try(func(tx *Tx) error { return tx.SetProposalState(p.ID, to, "test", "") }), may)
			if r, err := s.Proposal(t.Context(), p.ID); err != nil || r.State != from {
				t.Fatalf("%v, %v", r, err)
			}
		}
	}
}

func TestDecisionsAreAuditedOnce(t *testing.T) {
	s, clock := withIncidents(t, "lw-a.1")
	p := remediation(1, "lw-a.1")
	update(t, s, func(tx *Tx) error { return tx.AddProposal(p) })
	head := func() int64 {
		t.Helper()
		h, err := s.AuditHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h.Seq
	}
	before := head()
	set := func(d incident.Decision, to incident.ProposalState, audited int64) *ProposalRecord {
		t.Helper()
		clock.at = clock.at.Add(time.Minute)
		d.At = clock.at
		update(t, s, func(tx *Tx) error { return tx.SetDecision(p.ID, d, to) })
		if n := head() - before; n != audited {
			t.Errorf("%d new audit entries, want %d", n, audited)
		}
		before = head()
		r, err := s.Proposal(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Decision.At.Equal(micro(clock.at)) || r.Decision.Outcome != d.Outcome || r.State != to {
			t.Errorf("%+v", r)
		}
		return r
	}
	ask := decision(incident.DecisionAsk)
	first := set(ask, incident.ProposalWaiting, 1)
	again := set(ask, incident.ProposalWaiting, 0)
	if !again.UpdatedAt.Equal(first.UpdatedAt) || !again.StateAt.Equal(first.StateAt) {
		t.Errorf("the same decision changed more than its time: %+v", again)
	}
	if d := cmp.Diff(map[string]any{"kind": "remediation", "events": float64(1 << 60), "text": nasty}, again.Decision.Inputs); d != "" {
		t.Error(d)
	}
	ask.Inputs["events"] = 1<<60 + 1 // a float64 would not see it
	r := set(ask, incident.ProposalWaiting, 1)
	if !r.StateAt.Equal(first.StateAt) || r.UpdatedAt.Equal(first.UpdatedAt) {
		t.Errorf("%+v", r)
	}
	ask.Simulated = true
	set(ask, incident.ProposalWaiting, 1)
	set(ask, incident.ProposalSimulated, 1)
	got := lastAudit(t, s, 1)[0]
	for _, part := range []string{"logwright decide " + p.ID, `"outcome":"ask"`, `"rule":"draft"`, `"reasons":["rule draft says ask"]`, `"simulated":true`,
		`"state":"simulated"`, `"incident":"lw-a.1"`, `"events":1152921504606846977`} {
		if !strings.Contains(got, part) {
			t.Errorf("the audit says %s, not %s", got, part)
		}
	}
	fails(t, s, "a decision without an outcome", func(tx *Tx) error { return tx.SetDecision(p.ID, incident.Decision{}, incident.ProposalNew) })
	if err := fails(t, s, "a decision about nothing", func(tx *Tx) error { return tx.SetDecision(pid(9), ask, incident.ProposalNew) }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := fails(t, s, "a state of nothing", func(tx *Tx) error { return tx.SetProposalState(pid(9), incident.ProposalDenied, "", "") }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestApprove(t *testing.T) {
	for _, tc := range []struct {
		name   string
		state  incident.ProposalState
		change func(a *incident.Approval)
		err    string
	}{
		{"another digest", incident.ProposalWaiting, func(a *incident.Approval) { a.Digest = "abc" }, "is for another proposal than " + pid(1) + " is"},
		{"no digest", incident.ProposalWaiting, func(a *incident.Approval) { a.Digest = "" }, "is for another proposal"},
		{"nobody", incident.ProposalWaiting, func(a *incident.Approval) { a.Who = "" }, "by nobody"},
		{"a novel", incident.ProposalWaiting, func(a *incident.Approval) { a.Why = strings.Repeat("x", maxWhy+1) }, "at most 4096"},
		{"over already", incident.ProposalWaiting, func(a *incident.Approval) { a.Until = t0 }, "would have ended already"},
		{"without end", incident.ProposalWaiting, func(a *incident.Approval) { a.Until = time.Time{} }, "would have ended already"},
		{"nothing there", incident.ProposalWaiting, func(a *incident.Approval) { a.Proposal = pid(2) }, "no proposal"},
		{"undecided", incident.ProposalNew, nil, "nothing was decided about it yet"},
		{"approved", incident.ProposalApproved, nil, "was already approved by user:eve at 2026-03-04T05:06:07Z"},
		{"rejected", incident.ProposalRejected, nil, "was already rejected by user:eve at 2026-03-04T05:06:07Z"},
		{"expired", incident.ProposalExpired, nil, "expired at 2026-03-04T05:06:07Z: it waited for too long"},
		{"simulated", incident.ProposalSimulated, nil, "waits for no answer: it is simulated since 2026-03-04T05:06:07Z"},
		{"acting", incident.ProposalActing, nil, "waits for no answer: it is acting"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := withIncidents(t, "lw-a.1")
			p := remediation(1, "lw-a.1")
			inState(t, s, p, tc.state)
			before, err := s.Proposal(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			a := approval(&p, true)
			a.Who = "user:bob"
			if tc.change != nil {
				tc.change(&a)
			}
			err = fails(t, s, tc.name, func(tx *Tx) error { return tx.Approve(a) })
			if !strings.Contains(err.Error(), tc.err) {
				t.Error(err)
			}
			var nw *NotWaitingError
			var de *DigestError
			if errors.As(err, &nw) != (tc.state != incident.ProposalWaiting) || errors.As(err, &de) != strings.HasSuffix(tc.name, "digest") {
				t.Errorf("%T", err)
			}
			after, err := s.Proposal(t.Context(), p.ID)
			if d := cmp.Diff(before, after); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
	for _, yes := range []bool{true, false} {
		s, clock := withIncidents(t, "lw-a.1")
		p := remediation(1, "lw-a.1")
		inState(t, s, p, incident.ProposalWaiting)
		clock.at = t0.Add(time.Minute)
		a := approval(&p, yes)
		update(t, s, func(tx *Tx) error { return tx.Approve(a) })
		r, err := s.Proposal(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		state, line := incident.ProposalRejected, `user:eve reject `+p.ID+` {"digest":"`+p.Digest()+`","incident":"lw-a.1","why":"looks right"}`
		if yes {
			state = incident.ProposalApproved
			line = `user:eve approve ` + p.ID + ` {"digest":"` + p.Digest() + `","incident":"lw-a.1","until":"2026-03-04T06:06:07.000008Z","why":"looks right"}`
		}
		if d := cmp.Diff(&a, r.Approval); d != "" || r.State != state || !r.StateAt.Equal(micro(clock.at)) {
			t.Errorf("%s %+v", d, r)
		}
		want(t, lastAudit(t, s, 1), line)
	}
	// A yes that ended is asked for again, and the next answer is the one that counts.
	s, _ := withIncidents(t, "lw-a.1")
	p := remediation(1, "lw-a.1")
	inState(t, s, p, incident.ProposalApproved)
	no := approval(&p, false)
	no.Who = "user:bob"
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetDecision(p.ID, decision(incident.DecisionAsk), incident.ProposalWaiting), tx.Approve(no))
	})
	if r, err := s.Proposal(t.Context(), p.ID); err != nil || r.Approval.Who != "user:bob" || r.State != incident.ProposalRejected {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestStopped(t *testing.T) {
	s, clock := withIncidents(t)
	at := func(want StopRecord) {
		t.Helper()
		got, err := s.Stopped(t.Context())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Error(d, err)
		}
		update(t, s, func(tx *Tx) error {
			in, err := tx.Stopped()
			if in != got {
				t.Errorf("%+v", in)
			}
			return err
		})
	}
	set := func(on bool, who, why string) {
		t.Helper()
		clock.at = clock.at.Add(time.Minute)
		update(t, s, func(tx *Tx) error { return tx.SetStopped(on, who, why) })
	}
	at(StopRecord{})
	set(false, "user:a", "it is off")
	at(StopRecord{})
	set(true, "user:a", nasty)
	first := StopRecord{On: true, Who: "user:a", Why: nasty, At: micro(clock.at)}
	at(first)
	set(true, "user:b", "once more")
	at(first)
	set(false, "user:b", "fixed")
	at(StopRecord{Who: "user:b", Why: "fixed", At: micro(clock.at)})
	h, err := s.AuditHead(t.Context())
	if err != nil || h.Seq != 2 {
		t.Errorf("%+v, %v", h, err)
	}
	want(t, lastAudit(t, s, 1), `user:b resume  {"why":"fixed"}`)
	// A switch that is gone is no switch that is off.
	update(t, s, func(tx *Tx) error { _, err := tx.exec("DELETE FROM stopped"); return err })
	if _, err := s.Stopped(t.Context()); err == nil {
		t.Error("without a kill switch everything goes on")
	}
}
