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
)

// TransitionError is a change of state that is not allowed.
type TransitionError struct {
	Incident string
	From, To incident.State
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("incident %s is %s and can't become %s", e.Incident, e.From, e.To)
}

// NotFoundError says that no incident, or more than one, has an id.
type NotFoundError struct {
	// What was asked for.
	What string
	// Near lists ids that are alike, nearest first; for an ambiguous prefix those that match.
	Near []string
	// Ambiguous says that several match.
	Ambiguous bool
}

func (e *NotFoundError) Error() string {
	near := strings.Join(e.Near, ", ")
	switch {
	case e.Ambiguous:
		return fmt.Sprintf("%q is the beginning of several incidents: %s", e.What, near)
	case near != "":
		return fmt.Sprintf("no incident %q; near it: %s", e.What, near)
	}
	return fmt.Sprintf("no incident %q", e.What)
}

// Is makes a NotFoundError an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

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
