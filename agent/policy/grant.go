package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

const (
	// GrantFor is how long after it was minted an action may begin. It is short since the world that was looked at goes on:
	// what begins later is decided again.
	GrantFor = 5 * time.Minute
	// UndoFor is how long, after all that a remediation itself may take, it may be undone.
	UndoFor = time.Hour
	// longest bounds what a remediation's own times add to the deadline of its undo.
	longest = 7 * 24 * time.Hour
)

// Grant is the leave to do one thing, exactly. Only the gate makes one; the zero Grant is refused. It is never stored:
// what is kept are proposals and approvals, and who wants another Grant has to ask again. An executor calls Check right
// before it begins.
type Grant struct {
	minted   bool
	proposal incident.Proposal
	rule, by string
	at       time.Time
	until    time.Time
	undo     bool
	undoBy   time.Time
}

// Check says whether the action may begin now. The error says why not.
func (g Grant) Check(now time.Time) error {
	switch {
	case !g.minted:
		return errors.New("this is no grant of the gate: nothing may be done with it")
	case now.After(g.until):
		return fmt.Errorf("the grant for %s ended at %s: it has to be decided again", g.Action(), stamp(g.until))
	case now.Before(g.at):
		return fmt.Errorf("the grant for %s is of %s, and the clock says %s: it went back, so it has to be decided again", g.Action(), stamp(g.at), stamp(now))
	}
	return nil
}

// Action is the id of the one action that is granted, "" for the zero Grant.
func (g Grant) Action() string {
	if !g.minted {
		return ""
	}
	return g.proposal.ActionID()
}

// Proposal is what may be done, exactly: a copy that shares no memory with anything.
func (g Grant) Proposal() incident.Proposal { return g.proposal.Clone() }

// Rule is the rule that allowed it.
func (g Grant) Rule() string { return g.rule }

// By is the person who approved it, "" where nobody was asked.
func (g Grant) By() string { return g.by }

// Until is when the grant ends: the action has to have begun by then.
func (g Grant) Until() time.Time { return g.until }

// UndoUntil is until when the action may be undone; zero where it can't be, and for the undo itself.
func (g Grant) UndoUntil() time.Time { return g.undoBy }

// Undo says that what is granted is not to run the remediation but its undo.
func (g Grant) Undo() bool { return g.undo }

// mint makes the Grant. pr has to be the gate's own copy.
func mint(now time.Time, pr incident.Proposal, rule, by string) Grant {
	now = now.Round(0) // the monotonic clock stands still while the host sleeps, and a grant must not live through that
	g := Grant{minted: true, proposal: pr, rule: rule, by: by, at: now, until: now.Add(GrantFor)}
	if r := pr.Remedy; r != nil && pr.Kind == incident.KindRemediation && r.Reversible && len(r.Undo) > 0 {
		// Check, run and probe may each take the timeout, and then the log has to be silent for a while.
		took := 3*between(r.Timeout) + between(r.Silence)
		g.undoBy = now.Add(GrantFor + took + UndoFor)
	}
	return g
}

func between(d time.Duration) time.Duration { return min(max(d, 0), longest) }

// stamp is how a time is written in a reason.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
