package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/store"
)

// serviceShare is the part of a day's tokens and money that one service may use up. Any local user can write errors; one
// noisy service must not starve the diagnosis of the others.
const serviceShare = 0.5

// runLedger is a ledger for one run of a one-shot command: the calls of an incident are counted for this run alone, since
// the same file gives the same ids every time it is looked at. Tokens and money are counted by the day as ever.
type runLedger struct {
	ledger
	mu    sync.Mutex
	calls map[string]int64
}

func newRunLedger(st *store.Store, b model.Budget) *runLedger {
	return &runLedger{ledger: ledger{st, b}, calls: map[string]int64{}}
}

// Begin implements model.Ledger.
func (l *runLedger) Begin(ctx context.Context, c model.Call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.calls[c.Incident]; n >= l.budget.CallsPerIncident {
		return model.BudgetError("calls_per_incident", fmt.Sprintf("%d calls were made for this incident", n))
	}
	all := l.ledger
	all.budget.CallsPerIncident = 0 // no limit over all runs
	if err := all.Begin(ctx, c); err != nil {
		return err
	}
	l.calls[c.Incident]++
	return nil
}

// ledger keeps what is said to a model in the store, and holds the budget there.
type ledger struct {
	st     *store.Store
	budget model.Budget
}

// Begin implements model.Ledger.
func (l ledger) Begin(ctx context.Context, c model.Call) error {
	err := l.st.BeginCall(ctx, store.Call{
		ID: c.ID, Incident: c.Incident, Service: c.Service, Purpose: c.Purpose, Model: c.Model, Prompt: c.Prompt,
		ReserveTokens: c.Estimate.InputTokens + c.Estimate.OutputTokens, ReserveUSD: c.Estimate.USD,
	}, store.Budget{
		CallsPerIncident: int(l.budget.CallsPerIncident), TokensPerDay: l.budget.TokensPerDay,
		USDPerDay: l.budget.USDPerDay, ServiceShare: serviceShare,
	})
	if b, ok := errors.AsType[*store.BudgetError](err); ok {
		e := model.BudgetError(b.Which, b.Error())
		if !b.Resets.IsZero() {
			e.RetryAfter = b.Resets.Sub(c.At)
		}
		return e
	}
	return err
}

// End implements model.Ledger. It keeps the answer even where the request's own context has ended.
func (l ledger) End(ctx context.Context, c model.Call, r model.Response, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	a := store.Answer{
		Text: r.Text, InputTokens: r.Usage.InputTokens, OutputTokens: r.Usage.OutputTokens, USD: r.Usage.USD,
		Unknown: r.Usage.Estimated && err != nil,
	}
	if err != nil {
		a.Error = err.Error()
	}
	return l.st.EndCall(ctx, c.ID, a)
}
