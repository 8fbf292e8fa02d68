package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBudget(t *testing.T) {
	day1 := time.Date(2026, 3, 4, 23, 59, 0, 0, time.UTC)
	midnight := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	type step struct {
		call   Call
		answer *Answer
		at     time.Time
		want   string // the error
	}
	call := func(id, incident, service string, tokens int64, usd float64) Call {
		return Call{ID: id, Incident: incident, Service: service, ReserveTokens: tokens, ReserveUSD: usd}
	}
	for _, tc := range []struct {
		name   string
		budget Budget
		steps  []step
	}{
		{"a call that cost nothing was none", Budget{CallsPerIncident: 1}, []step{
			{call: call("1", "i.1", "", 9, 0), answer: &Answer{Error: "connection refused"}},
			{call: call("2", "i.1", "", 9, 0), answer: &Answer{Error: "timeout", Unknown: true}},
			{call: call("3", "i.1", "", 9, 0), want: "model.budget.calls_per_incident is used up: 1 of 1 used, 1 more needed"},
		}},
		{"calls of an incident, failed ones too", Budget{CallsPerIncident: 2}, []step{
			{call: call("1", "i.1", "", 0, 0), answer: &Answer{Error: "x", InputTokens: 1}}, {call: call("2", "i.1", "", 0, 0)}, {call: call("3", "i.2", "", 0, 0)},
			{call: call("4", "i.1", "", 0, 0), at: midnight.Add(48 * time.Hour), want: "model.budget.calls_per_incident is used up: 2 of 2 used, 1 more needed"},
		}},
		{"tokens: reservations count until the answer says what it was", Budget{TokensPerDay: 100}, []step{
			{call: call("1", "", "", 90, 0)},
			{call: call("2", "", "", 20, 0), want: "model.budget.tokens_per_day is used up: 90 of 100 used, 20 more needed, resets at 2026-03-05T00:00:00Z"},
			{call: call("3", "", "", 10, 0), answer: &Answer{InputTokens: 1, OutputTokens: 1}},
			{call: call("4", "", "", 8, 0)},
			{call: call("5", "", "", 1, 0), want: "model.budget.tokens_per_day is used up: 100 of 100 used, 1 more needed, resets at 2026-03-05T00:00:00Z"},
			{call: call("6", "", "", 100, 0), at: midnight},
		}},
		{"an answer that never came may have been billed", Budget{TokensPerDay: 100}, []step{
			{call: call("1", "", "", 90, 0), answer: &Answer{Error: "timeout", Unknown: true}},
			{call: call("2", "", "", 20, 0), want: "model.budget.tokens_per_day is used up: 90 of 100 used, 20 more needed, resets at 2026-03-05T00:00:00Z"},
		}},
		{"more than was reserved counts too", Budget{TokensPerDay: 100}, []step{
			{call: call("1", "", "", 1, 0), answer: &Answer{InputTokens: 60, OutputTokens: 39}},
			{call: call("2", "", "", 2, 0), want: "model.budget.tokens_per_day is used up: 99 of 100 used, 2 more needed, resets at 2026-03-05T00:00:00Z"},
		}},
		{"money", Budget{USDPerDay: 1}, []step{
			{call: call("1", "", "", 0, 0.75), answer: &Answer{USD: 0.5}},
			{call: call("2", "", "", 0, 0.5), answer: &Answer{USD: 0.25}},
			{call: call("3", "", "", 0, 0.5), want: "model.budget.usd_per_day is used up: 0.75 of 1 used, 0.5 more needed, resets at 2026-03-05T00:00:00Z"},
		}},
		{"a service's share", Budget{TokensPerDay: 100, ServiceShare: 0.5}, []step{
			{call: call("1", "", "noisy", 50, 0)},
			{call: call("2", "", "noisy", 1, 0), want: "the share of noisy in model.budget.tokens_per_day is used up: 50 of 50 used, 1 more needed, resets at 2026-03-05T00:00:00Z"},
			{call: call("3", "", "quiet", 50, 0)},
		}},
		{"no limit", Budget{}, []step{{call: call("1", "i.1", "s", 1e12, 1e9)}, {call: call("2", "i.1", "s", 1e12, 1e9)}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := &fakeClock{day1}
			s := openAt(t, t.TempDir(), Options{Now: clock.now})
			for _, st := range tc.steps {
				if !st.at.IsZero() {
					clock.at = st.at
				}
				err := s.BeginCall(t.Context(), st.call, tc.budget)
				var be *BudgetError
				if st.want == "" && err != nil || st.want != "" && (!errors.As(err, &be) || err.Error() != st.want) {
					t.Fatalf("call %s: %v\nwant %s", st.call.ID, err, st.want)
				}
				if st.answer != nil {
					if err := s.EndCall(t.Context(), st.call.ID, *st.answer); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// Many at once can't get more than there is.
func TestBudgetIsOneDecision(t *testing.T) {
	s := open(t)
	var given atomic.Int64
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			err := s.BeginCall(context.Background(), Call{ID: fmt.Sprint(n), ReserveTokens: 10}, Budget{TokensPerDay: 100})
			var be *BudgetError
			if err == nil {
				given.Add(1)
			} else if !errors.As(err, &be) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if given.Load() != 10 {
		t.Errorf("%d calls of 10 tokens were begun with a budget of 100", given.Load())
	}
}

func TestCalls(t *testing.T) {
	clock := &fakeClock{t0.Truncate(time.Microsecond)}
	dir := t.TempDir()
	s := openAt(t, dir, Options{Now: clock.now})
	ctx := t.Context()
	c1 := Call{ID: "c1", Incident: "lw-a.1", Service: "api", Purpose: "diagnose", Model: "fake", Prompt: nasty, ReserveTokens: 10, ReserveUSD: 0.5}
	c2, c3 := c1, c1
	c2.ID, c3.ID, c3.Incident = "c2", "c3", "lw-b.1"
	for _, c := range []Call{c1, c2, c3} {
		if err := s.BeginCall(ctx, c, Budget{}); err != nil {
			t.Fatal(err)
		}
	}
	a := Answer{Text: nasty, InputTokens: 3, OutputTokens: 4, USD: 0.25}
	clock.at = clock.at.Add(time.Second)
	if err := s.EndCall(ctx, "c1", a); err != nil {
		t.Fatal(err)
	}
	if err := s.EndCall(ctx, "c1", a); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := s.EndCall(ctx, "none", a); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := s.BeginCall(ctx, c1, Budget{}); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	if err := s.Update(ctx, func(tx *Tx) error { return tx.BeginCall(Call{ID: "c9"}, Budget{}) }); !errors.Is(err, errNotDurable) {
		t.Error(err)
	}
	u, err := s.Usage(ctx, clock.at)
	if d := cmp.Diff(Usage{Day: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), Calls: 3, InputTokens: 3, OutputTokens: 4, ReservedTokens: 20, USD: 0.25, ReservedUSD: 1}, u); d != "" || err != nil {
		t.Error(d, err)
	}
	// The process dies: what it reserved stays taken, and the call says what became of it.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, Options{Now: clock.now})
	if err := s.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Usage(ctx, clock.at); err != nil || again != u {
		t.Errorf("%+v, %v, want %+v", again, err, u)
	}
	got, err := s.Calls(ctx, "lw-a.1")
	if err != nil {
		t.Fatal(err)
	}
	lost := Answer{Error: "Logwright stopped before the answer came", Unknown: true}
	if d := cmp.Diff([]CallRecord{
		{Call: c1, Answer: a, BegunAt: clock.at.Add(-time.Second), EndedAt: clock.at},
		{Call: c2, Answer: lost, BegunAt: clock.at.Add(-time.Second), EndedAt: clock.at},
	}, got); d != "" {
		t.Error(d)
	}
	if all, err := s.Calls(ctx, ""); err != nil || len(all) != 3 {
		t.Errorf("%d, %v", len(all), err)
	}
}
