package model

import (
	"context"
	"fmt"
	"sync"
)

// MemoryLedger is a Ledger that keeps nothing beyond the process, for tests: commands keep theirs in the store. The whole life of
// the process counts as one day. It holds every prompt and answer, which the budget bounds.
type MemoryLedger struct {
	budget  Budget
	mu      sync.Mutex
	entries []Entry
	calls   map[string]int64
	spent   Usage // settled and reserved
}

// Entry is one call with what came of it.
type Entry struct {
	Call     Call
	Done     bool
	Response Response
	Err      error
}

// NewMemoryLedger makes a ledger that holds b. A money budget of 0 or less means none.
func NewMemoryLedger(b Budget) *MemoryLedger {
	return &MemoryLedger{budget: b, calls: map[string]int64{}}
}

// Begin keeps c if the budget has room for it.
func (l *MemoryLedger) Begin(_ context.Context, c Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[c.Incident] >= l.budget.CallsPerIncident {
		return BudgetError("calls_per_incident", fmt.Sprintf("%d calls were made for this incident", l.calls[c.Incident]))
	}
	next := l.spent.Add(c.Estimate)
	if next.InputTokens+next.OutputTokens > l.budget.TokensPerDay {
		return BudgetError("tokens_per_day", fmt.Sprintf("%d tokens are spent or reserved, this call may need %d more",
			l.spent.InputTokens+l.spent.OutputTokens, c.Estimate.InputTokens+c.Estimate.OutputTokens))
	}
	if l.budget.USDPerDay > 0 && next.USD > l.budget.USDPerDay {
		return BudgetError("usd_per_day", fmt.Sprintf("%.4f USD are spent or reserved, this call may need %.4f more",
			l.spent.USD, c.Estimate.USD))
	}
	l.calls[c.Incident]++
	l.spent = next
	l.entries = append(l.entries, Entry{Call: c})
	return nil
}

// End keeps the answer and settles.
func (l *MemoryLedger) End(_ context.Context, c Call, r Response, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := &l.entries[i]; e.Call.ID == c.ID && !e.Done {
			e.Done, e.Response, e.Err = true, r, err
			l.spent.InputTokens += r.Usage.InputTokens - c.Estimate.InputTokens
			l.spent.OutputTokens += r.Usage.OutputTokens - c.Estimate.OutputTokens
			l.spent.USD += r.Usage.USD - c.Estimate.USD
			return nil
		}
	}
	return fmt.Errorf("model: call %s was never begun", c.ID)
}

// Entries gives a copy of what was kept, oldest first.
func (l *MemoryLedger) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry(nil), l.entries...)
}

// Spent gives what was used, reservations of calls under way included.
func (l *MemoryLedger) Spent() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spent
}

// BudgetError is what a Ledger's Begin returns when the budget named key ("tokens_per_day") has no room; message says how
// much is spent.
func BudgetError(key, message string) *Error {
	return &Error{Kind: KindBudget, Message: "model.budget." + key + ": " + message, Hint: "raise model.budget." + key + " in agent.yaml"}
}
