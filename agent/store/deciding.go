package store

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// What may become of a proposal before it is an action. The store does not decide anything; it sees to it that no step is
// left out: only a person's answer approves or rejects, only an intent that was written makes it acting, and nothing leaves acting
// without an outcome.

// SetDecision keeps what the gate said of a proposal, and moves it to state (which may be the one it is in). Only what
// is new, waiting or approved is decided on, so that the decision an action was begun with stays. A proposal gets to be
// approved, rejected or acting by Approve and BeginAction alone. It is audited, unless only At differs from the decision
// before: what waits is decided again every so often.
func (tx *Tx) SetDecision(id string, d incident.Decision, state incident.ProposalState) error {
	switch d.Outcome {
	case incident.DecisionAllow, incident.DecisionAsk, incident.DecisionDeny:
	default:
		return fmt.Errorf("a decision on proposal %s whose outcome is %q", id, d.Outcome)
	}
	at := d.At
	if at.IsZero() {
		at = tx.now
	}
	d.At = time.Time{}
	body, err := encode(d)
	if err != nil {
		return fmt.Errorf("the decision on proposal %s can't be kept: %w", id, err)
	}
	var from incident.ProposalState
	var about string
	var before []byte
	if found, err := one(tx, "SELECT state, about, decision FROM proposals WHERE id = ?", []any{id}, &from, &about, &before); err != nil {
		return err
	} else if !found {
		return &NotFoundError{Kind: "proposal", What: id}
	}
	if !undecided(from) || state != from && (!from.CanBecome(state) || reserved(state)) {
		return &ProposalTransitionError{Proposal: id, From: from, To: state}
	}
	if state == from && bytes.Equal(before, body) {
		_, err := tx.exec("UPDATE proposals SET decided_at = ? WHERE id = ?", at.UnixMicro(), id)
		return err
	}
	if _, err := tx.exec(`UPDATE proposals SET decision = ?1, decided_at = ?2, state = ?3, updated_at = ?4,
		state_at = CASE state WHEN ?3 THEN state_at ELSE ?4 END WHERE id = ?5`, string(body), at.UnixMicro(), string(state), tx.now.UnixMicro(), id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "decide", Subject: id, Detail: map[string]any{"incident": about, "state": state,
		"outcome": d.Outcome, "rule": d.Rule, "reasons": d.Reasons, "simulated": d.Simulated, "inputs": d.Inputs, "decided_at": at.UTC()}})
}

// undecided says that something may still be decided about a proposal in state s.
func undecided(s incident.ProposalState) bool {
	return s == incident.ProposalNew || s == incident.ProposalWaiting || s == incident.ProposalApproved
}

// reserved says that a state is not entered by saying so: Approve and BeginAction lead there.
func reserved(s incident.ProposalState) bool {
	return s == incident.ProposalApproved || s == incident.ProposalRejected || s == incident.ProposalActing
}

// SetProposalState moves a proposal to another state; *ProposalTransitionError where it may not go there, or only by Approve
// or BeginAction, or where its action has no outcome yet. It is audited with who and why.
func (tx *Tx) SetProposalState(id string, to incident.ProposalState, who, why string) error {
	var from incident.ProposalState
	found, err := one(tx, "SELECT state FROM proposals WHERE id = ?", []any{id}, &from)
	if err != nil {
		return err
	}
	if !found {
		return &NotFoundError{Kind: "proposal", What: id}
	}
	if !from.CanBecome(to) || reserved(to) {
		return &ProposalTransitionError{Proposal: id, From: from, To: to}
	}
	if from == incident.ProposalActing {
		known, err := one(tx, "SELECT 1 FROM actions WHERE proposal = ? AND result IS NOT NULL", []any{id}, new(int))
		if err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("%w: its action has no outcome yet", &ProposalTransitionError{Proposal: id, From: from, To: to})
		}
	}
	if err := tx.moveProposal(id, to); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: who, Action: "proposal-state", Subject: id, Detail: map[string]any{"from": from, "to": to, "why": why}})
}

func (tx *Tx) moveProposal(id string, to incident.ProposalState) error {
	_, err := tx.exec("UPDATE proposals SET state = ?1, state_at = ?2, updated_at = ?2 WHERE id = ?3", string(to), tx.now.UnixMicro(), id)
	return err
}

// Approve keeps a person's yes or no to a waiting proposal, which is then approved or rejected. *DigestError where the person
// saw something else, *NotWaitingError where nobody is asked any more: it was answered, or is over. An answer can't be
// taken back. It is audited with who and why.
func (tx *Tx) Approve(a incident.Approval) error {
	switch {
	case a.Who == "":
		return fmt.Errorf("an answer to proposal %s by nobody", a.Proposal)
	case len(a.Why) > maxWhy:
		return fmt.Errorf("the reason has %d bytes; at most %d are kept", len(a.Why), maxWhy)
	}
	r, err := tx.Proposal(a.Proposal)
	switch {
	case err != nil:
		return err
	case r.State != incident.ProposalWaiting:
		return &NotWaitingError{Proposal: a.Proposal, State: r.State, Approval: r.Approval, Since: r.StateAt}
	case a.Digest != r.Digest:
		return &DigestError{Proposal: a.Proposal, Seen: a.Digest, Kept: r.Digest}
	case a.Approved && !a.Until.After(tx.now):
		return fmt.Errorf("the approval of proposal %s would have ended already, at %s", a.Proposal, a.Until.UTC().Format(time.RFC3339))
	}
	if a.At.IsZero() {
		a.At = tx.now
	}
	a.At, a.Until = a.At.UTC(), a.Until.UTC()
	body, err := encode(a)
	if err != nil {
		return fmt.Errorf("the answer to proposal %s can't be kept: %w", a.Proposal, err)
	}
	to, action := incident.ProposalRejected, "reject"
	if a.Approved {
		to, action = incident.ProposalApproved, "approve"
	}
	if _, err := tx.exec("UPDATE proposals SET approval = ? WHERE id = ?", string(body), a.Proposal); err != nil {
		return err
	}
	if err := tx.moveProposal(a.Proposal, to); err != nil {
		return err
	}
	detail := map[string]any{"incident": r.Proposal.Incident, "digest": a.Digest, "why": a.Why}
	if a.Approved {
		detail["until"] = a.Until
	}
	return tx.Audit(Entry{Actor: a.Who, Action: action, Subject: a.Proposal, Detail: detail})
}

// mayBegin says what stands against an action of a proposal.
func (tx *Tx) mayBegin(r *ProposalRecord) error {
	id := r.Proposal.ID
	switch {
	case r.State != incident.ProposalNew && r.State != incident.ProposalApproved:
		return &ProposalTransitionError{Proposal: id, From: r.State, To: incident.ProposalActing}
	case r.Decision == nil:
		return fmt.Errorf("proposal %s can't be acted on: nothing was decided about it", id)
	case r.Decision.Simulated:
		return fmt.Errorf("proposal %s can't be acted on: the decision was only simulated", id)
	case r.Decision.Outcome == incident.DecisionDeny:
		return fmt.Errorf("proposal %s can't be acted on: it was denied", id)
	case r.Decision.Outcome == incident.DecisionAsk && r.State != incident.ProposalApproved:
		return fmt.Errorf("proposal %s can't be acted on: nobody has approved it", id)
	}
	if r.State != incident.ProposalApproved {
		return nil
	}
	switch a := r.Approval; {
	case a == nil || !a.Approved || a.Digest != r.Digest || a.Proposal != id:
		return &ChangedError{Proposal: id, Reason: "it is approved, and the approval kept is not one of it"}
	case !a.Until.After(tx.now):
		return fmt.Errorf("proposal %s can't be acted on: its approval by %s ended at %s", id, a.Who, a.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

var errNoDurableAction = errors.New("the intent of an action must be written in UpdateDurable")
