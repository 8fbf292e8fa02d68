package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/store"
)

// Answer is a person's yes or no to a proposal.
type Answer struct {
	// Proposal is its id, or an unambiguous beginning. Digest is that of the proposal as the person saw it.
	Proposal, Digest string
	Approve          bool
	Who, Why         string
}

// Respond keeps an answer, and tells the notifiers. Nothing is done yet: the daemon decides again with the answer in hand.
func Respond(ctx context.Context, st *store.Store, cfg *config.Config, a Answer) (*store.ProposalRecord, error) {
	if a.Approve && !cfg.Enforce() {
		return nil, fmt.Errorf("in mode observe nothing is done, so there is nothing to approve")
	}
	rec, err := st.Proposal(ctx, a.Proposal)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	err = st.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Approve(incident.Approval{
			Proposal: rec.Proposal.ID, Digest: a.Digest, Approved: a.Approve, Who: a.Who, Why: a.Why, At: now, Until: now.Add(cfg.Policy.ApprovalFor),
		}); err != nil {
			return err
		}
		kind := incident.EventApproved
		if !a.Approve {
			kind = incident.EventRejected
		}
		if err := restate(tx, rec.Proposal.Incident, "answered by "+a.Who); err != nil {
			return err
		}
		return tellProposal(tx, now, kind, rec.Proposal.ID, "", notifierNames(cfg))
	})
	if err != nil {
		return nil, err
	}
	return st.Proposal(ctx, rec.Proposal.ID)
}

func notifierNames(cfg *config.Config) []string {
	var names []string
	for _, n := range cfg.Notify {
		names = append(names, n.Name)
	}
	return names
}

// ProposeRemedy proposes a remediation because a person wants it. It goes the way of all proposals: arguments are checked,
// targets have to be tied to the incident, and the gate decides.
func ProposeRemedy(ctx context.Context, st *store.Store, cfg *config.Config, id, name string, args map[string]string, who, why string) (*store.ProposalRecord, error) {
	inc, err := st.Incident(ctx, id)
	if err != nil {
		return nil, err
	}
	if !inc.State.Unfinished() || inc.State == incident.StateOpen {
		return nil, fmt.Errorf("%s is %s; a remediation is proposed for an incident that was diagnosed and is not over", inc.ID, inc.State)
	}
	r, err := redact.New(cfg.Redact)
	if err != nil {
		return nil, err
	}
	catalogue, err := newCatalogue(cfg, r.Text)
	if err != nil {
		return nil, err
	}
	m, err := catalogue.Bind(incident.RemedyChoice{Name: name, Args: args, Why: why, Source: who}, tied(cfg, inc))
	if err != nil {
		return nil, err
	}
	p := newProposal(time.Now(), inc, incident.KindRemediation, remedyTitle(&m), why)
	p.Remedy = &m
	err = st.Update(ctx, func(tx *store.Tx) error {
		if err := tx.AddProposal(p); err != nil {
			return err
		}
		if err := tx.Audit(store.Entry{Actor: who, Action: "proposed-by-hand", Subject: p.ID, Detail: map[string]any{"incident": inc.ID, "why": why}}); err != nil {
			return err
		}
		return restate(tx, inc.ID, "proposed by "+who)
	})
	if err != nil {
		return nil, err
	}
	return st.Proposal(ctx, p.ID)
}

// ExplainedDecision is what the gate makes of a proposal.
type ExplainedDecision struct {
	Verdict incident.Decision
	Rules   []policy.RuleTrace
}

// ExplainDecision asks the gate about a proposal as if now were its time, and does nothing. st may be nil: then no action
// was ever done.
func ExplainDecision(ctx context.Context, st *store.Store, cfg *config.Config, rec *store.ProposalRecord, now time.Time) (*ExplainedDecision, error) {
	p, err := newPolicy(cfg)
	if err != nil {
		return nil, err
	}
	h := policy.History{Approval: rec.Approval}
	if st != nil {
		if h.Stopped, err = Stopped(ctx, st, cfg.KillSwitch); err != nil {
			return nil, err
		}
		if h.Actions, err = st.PastActions(ctx, now.Add(-p.Lookback())); err != nil {
			return nil, err
		}
		// Its own action is no reason why it could not have been begun.
		for i := range h.Actions {
			if h.Actions[i].Proposal == rec.Proposal.ID {
				h.Actions = append(h.Actions[:i:i], h.Actions[i+1:]...)
				break
			}
		}
	}
	v := p.Decide(now, rec.Proposal, h)
	return &ExplainedDecision{Verdict: v.Decision(), Rules: p.Trace(now, rec.Proposal, h)}, nil
}
