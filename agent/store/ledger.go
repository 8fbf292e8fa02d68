package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// The ledger bounds what a model may cost. Whether there is budget and taking it are one transaction, so two calls can't
// both be given the last of it; and it is on disk before the request leaves, so a daemon that crashes in a loop does not
// begin each time with a full purse. A call that was begun and never ended keeps its reservation: it may have been billed.

var errNotDurable = errors.New("an intent must be recorded in UpdateDurable")

// day is the UTC day of t, counted from the Unix epoch.
func day(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / 86400)) }

func dayStart(d int64) time.Time { return time.Unix(d*86400, 0).UTC() }

// What calls have taken of the budget: their cost, or their reservation while that is not known.
const (
	takenTokens = `CASE state WHEN 'done' THEN input_tokens + output_tokens ELSE max(reserved_tokens, input_tokens + output_tokens) END`
	takenUSD    = `CASE state WHEN 'done' THEN usd ELSE max(reserved_usd, usd) END`
)

// BeginCall decides on the budget and reserves from it in one; *BudgetError where there is not enough. Only in
// UpdateDurable: the request may leave once that returned nil.
func (tx *Tx) BeginCall(c Call, b Budget) error {
	switch {
	case !tx.durable:
		return errNotDurable
	case c.ID == "":
		return errors.New("a model call without an id")
	case c.ReserveTokens < 0 || c.ReserveUSD < 0 || math.IsNaN(c.ReserveUSD):
		return fmt.Errorf("model call %s reserves %d tokens and %g dollars", c.ID, c.ReserveTokens, c.ReserveUSD)
	}
	if found, err := one(tx, "SELECT 1 FROM calls WHERE id = ?", []any{c.ID}, new(int)); err != nil {
		return err
	} else if found {
		return fmt.Errorf("model call %s: %w", c.ID, ErrExists)
	}
	today := day(tx.now)
	if err := tx.checkBudget(c, b, today); err != nil {
		return err
	}
	_, err := tx.exec(`INSERT INTO calls (id, incident, service, purpose, model, prompt, state, reserved_tokens, reserved_usd, day, begun_at)
		VALUES (?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, ?)`,
		c.ID, c.Incident, c.Service, c.Purpose, c.Model, c.Prompt, c.ReserveTokens, c.ReserveUSD, today, tx.now.UnixMicro())
	return err
}

func (tx *Tx) checkBudget(c Call, b Budget, today int64) error {
	if b.CallsPerIncident > 0 && c.Incident != "" {
		var calls int
		// A call that is known to have cost nothing (nobody listened, it was refused) is none that was had: a model that is
		// down for an hour must not use up what an incident may ask when it is back.
		if _, err := one(tx, `SELECT count(*) FROM calls WHERE incident = ?
			AND NOT (state = 'done' AND error <> '' AND input_tokens + output_tokens = 0)`, []any{c.Incident}, &calls); err != nil {
			return err
		}
		if calls >= b.CallsPerIncident {
			return &BudgetError{Which: "calls_per_incident", Limit: float64(b.CallsPerIncident), Used: float64(calls), Need: 1}
		}
	}
	// Named parameters would be clearer, but SQLite numbers them just the same.
	var tokens, ofService int64
	var usd, usdOfService float64
	_, err := one(tx, `SELECT coalesce(sum(`+takenTokens+`), 0), coalesce(sum(`+takenUSD+`), 0.0),
		coalesce(sum(`+takenTokens+`) FILTER (WHERE service = ?2), 0), coalesce(sum(`+takenUSD+`) FILTER (WHERE service = ?2), 0.0)
		FROM calls WHERE day = ?1`, []any{today, c.Service}, &tokens, &usd, &ofService, &usdOfService)
	if err != nil {
		return err
	}
	resets := dayStart(today + 1)
	check := func(which, service string, limit, used, need float64) error {
		if limit > 0 && used+need > limit {
			return &BudgetError{Which: which, Service: service, Limit: limit, Used: used, Need: need, Resets: resets}
		}
		return nil
	}
	share := b.ServiceShare
	if share >= 1 || c.Service == "" {
		share = 0
	}
	needTokens := float64(c.ReserveTokens)
	return errors.Join(
		check("tokens_per_day", "", float64(b.TokensPerDay), float64(tokens), needTokens),
		check("usd_per_day", "", b.USDPerDay, usd, c.ReserveUSD),
		check("tokens_per_day", c.Service, share*float64(b.TokensPerDay), float64(ofService), needTokens),
		check("usd_per_day", c.Service, share*b.USDPerDay, usdOfService, c.ReserveUSD),
	)
}

// EndCall records how a call ended, and turns its reservation into what it cost. A call whose process was taken for dead
// may still end; one that has ended may not end again (ErrExists).
func (tx *Tx) EndCall(id string, a Answer) error {
	state := "done"
	if a.Unknown {
		state = "unknown"
	}
	n, err := tx.exec(`UPDATE calls SET state = ?, answer = ?, error = ?, input_tokens = ?, output_tokens = ?, usd = ?, ended_at = ?
		WHERE id = ? AND state <> 'done'`, state, a.Text, a.Error, a.InputTokens, a.OutputTokens, a.USD, tx.now.UnixMicro(), id)
	if err != nil || n > 0 {
		return err
	}
	found, err := one(tx, "SELECT 1 FROM calls WHERE id = ?", []any{id}, new(int))
	if err == nil && found {
		return fmt.Errorf("the answer of model call %s: %w", id, ErrExists)
	}
	if err == nil {
		err = notFound("model call", id)
	}
	return err
}

// settleCalls is for a daemon that has just taken the lock: calls still running are its predecessor's, which died.
func (tx *Tx) settleCalls() error {
	_, err := tx.exec(`UPDATE calls SET state = 'unknown', error = 'Logwright stopped before the answer came', ended_at = ? WHERE state = 'running'`,
		tx.now.UnixMicro())
	return err
}

// BeginCall is Tx.BeginCall in an UpdateDurable of its own.
func (s *Store) BeginCall(ctx context.Context, c Call, b Budget) error {
	return s.UpdateDurable(ctx, func(tx *Tx) error { return tx.BeginCall(c, b) })
}

// EndCall is Tx.EndCall in an Update of its own.
func (s *Store) EndCall(ctx context.Context, id string, a Answer) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.EndCall(id, a) })
}

// Calls gives the model calls of an incident, oldest first; "" is all of them.
func (s *Store) Calls(ctx context.Context, incidentID string) ([]CallRecord, error) {
	var out []CallRecord
	err := s.view(ctx, func(q querier) error {
		return each(q, `SELECT id, incident, service, purpose, model, prompt, reserved_tokens, reserved_usd, answer, error, input_tokens,
			output_tokens, usd, state = 'unknown', pruned, begun_at, ended_at FROM calls WHERE ?1 = '' OR incident = ?1 ORDER BY num`,
			[]any{incidentID}, func(rows *sql.Rows) error {
				var c CallRecord
				var begun, ended dbTime
				if err := rows.Scan(&c.ID, &c.Incident, &c.Service, &c.Purpose, &c.Model, &c.Prompt, &c.ReserveTokens, &c.ReserveUSD,
					&c.Text, &c.Error, &c.InputTokens, &c.OutputTokens, &c.USD, &c.Unknown, &c.Pruned, &begun, &ended); err != nil {
					return err
				}
				c.BegunAt, c.EndedAt = begun.Time, ended.Time
				out = append(out, c)
				return nil
			})
	})
	return out, err
}

// Usage gives what the model cost on the UTC day that holds t.
func (s *Store) Usage(ctx context.Context, t time.Time) (Usage, error) {
	u := Usage{Day: dayStart(day(t))}
	err := s.view(ctx, func(q querier) error {
		_, err := one(q, `SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
			coalesce(sum(`+takenTokens+` - input_tokens - output_tokens), 0), coalesce(sum(usd), 0.0), coalesce(sum(`+takenUSD+` - usd), 0.0)
			FROM calls WHERE day = ?`, []any{day(t)}, &u.Calls, &u.InputTokens, &u.OutputTokens, &u.ReservedTokens, &u.USD, &u.ReservedUSD)
		return err
	})
	return u, err
}
