package store

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Errors to ask for with errors.Is. Each comes wrapped in a text that says where and what to do.
var (
	// ErrNoState: there is no database yet.
	ErrNoState = errors.New("no state yet")
	// ErrLocked: another daemon uses the state directory.
	ErrLocked = errors.New("state directory in use")
	// ErrBusy: another process held the database for longer than we wait.
	ErrBusy = errors.New("database busy")
	// ErrFull: the disk or limits.store is full. Nothing of the failed Update is kept; it may be tried again.
	ErrFull = errors.New("no room left")
	// ErrCorrupt: the file is damaged, or not a database at all.
	ErrCorrupt = errors.New("database damaged")
	// ErrNewer: written by a newer Logwright.
	ErrNewer = errors.New("written by a newer version")
	// ErrOlder: written by an older Logwright, and opened read-only, so that it can't be brought up to date.
	ErrOlder = errors.New("written by an older version")
	// ErrUnsafe: the directory or a file in it could be someone else's.
	ErrUnsafe = errors.New("state directory not safe")
	// ErrNotFound: there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrExists: there is one already.
	ErrExists = errors.New("exists already")
	// ErrStopped: the kill switch is on, so nothing is begun.
	ErrStopped = errors.New("the kill switch is on")
)

// TransitionError is a change of state that is not allowed.
type TransitionError struct {
	Incident string
	From, To incident.State
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("incident %s is %s and can't become %s", e.Incident, e.From, e.To)
}

// NotFoundError says that nothing, or more than one thing, has an id.
type NotFoundError struct {
	// Kind is what was looked for, "" for an incident: "proposal", "action".
	Kind string
	// What was asked for.
	What string
	// Near lists ids that are alike, nearest first; for an ambiguous prefix those that match.
	Near []string
	// Ambiguous says that several match.
	Ambiguous bool
}

func (e *NotFoundError) Error() string {
	near := strings.Join(e.Near, ", ")
	kind := e.Kind
	if kind == "" {
		kind = "incident"
	}
	switch {
	case e.Ambiguous:
		return fmt.Sprintf("%q is the beginning of several %ss: %s", e.What, kind, near)
	case near != "":
		return fmt.Sprintf("no %s %q; near it: %s", kind, e.What, near)
	}
	return fmt.Sprintf("no %s %q", kind, e.What)
}

// Is makes a NotFoundError an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// ProposalTransitionError is a change of a proposal's state that is not allowed, or not in this way.
type ProposalTransitionError struct {
	Proposal string
	From, To incident.ProposalState
}

func (e *ProposalTransitionError) Error() string {
	return fmt.Sprintf("proposal %s is %s and can't become %s", e.Proposal, e.From, e.To)
}

// ChangedError says that what is kept is not the proposal that was made: a hand or a fault changed the database. Nothing is
// to be done with it. SetProposalState still moves it out of the way.
type ChangedError struct {
	Proposal, Reason string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("proposal %s was changed in the database (%s): it is not acted on; run `logwright audit verify`", e.Proposal, e.Reason)
}

// NotWaitingError is an answer to a proposal that waits for none.
type NotWaitingError struct {
	Proposal string
	State    incident.ProposalState
	// Approval is the answer that was given before, nil where there was none.
	Approval *incident.Approval
	// Since is since when it is in State.
	Since time.Time
}

func (e *NotWaitingError) Error() string {
	if a := e.Approval; a != nil {
		did := "rejected"
		if a.Approved {
			did = "approved"
		}
		s := fmt.Sprintf("proposal %s was already %s by %s at %s", e.Proposal, did, incident.PrintableLine(a.Who), a.At.UTC().Format(time.RFC3339))
		if string(e.State) != did {
			s += fmt.Sprintf(" and is %s", e.State)
		}
		return s
	}
	since := e.Since.UTC().Format(time.RFC3339)
	switch e.State {
	case incident.ProposalExpired:
		return fmt.Sprintf("proposal %s expired at %s: it waited for too long, or its incident ended", e.Proposal, since)
	case incident.ProposalNew:
		return fmt.Sprintf("proposal %s waits for no answer: nothing was decided about it yet", e.Proposal)
	}
	return fmt.Sprintf("proposal %s waits for no answer: it is %s since %s", e.Proposal, e.State, since)
}

// DigestError is an answer to another proposal than the one that is kept.
type DigestError struct {
	Proposal string
	// Seen is the digest the answer was for, Kept that of the proposal.
	Seen, Kept string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("the answer is for another proposal than %s is: its digest is %s, not %q; look at it again", e.Proposal, e.Kept, e.Seen)
}

// BudgetError is a call that was not begun because of the budget.
type BudgetError struct {
	// Which is the key of agent.yaml's model.budget: calls_per_incident, tokens_per_day or usd_per_day.
	Which string
	// Service is set where it was the service's share that was used up.
	Service string
	// Limit and Used are calls, tokens or dollars; Used has what running calls reserved. Need is what was asked for.
	Limit, Used, Need float64
	// Resets is when there is budget again, zero for never (calls_per_incident).
	Resets time.Time
}

func (e *BudgetError) Error() string {
	of := "model.budget." + e.Which
	if e.Service != "" {
		of = fmt.Sprintf("the share of %s in %s", e.Service, of)
	}
	s := fmt.Sprintf("%s is used up: %.6g of %.6g used, %.6g more needed", of, e.Used, e.Limit, e.Need)
	if !e.Resets.IsZero() {
		s += ", resets at " + e.Resets.UTC().Format(time.RFC3339)
	}
	return s
}
