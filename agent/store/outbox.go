package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The outbox makes a notification part of the step that caused it: the event is kept in the same transaction, and delivered
// afterwards, at least once. What was begun and never ended is delivered again and says so (Resend); a receiver tells
// doubles by the event's id.

// Enqueue puts an event into the outbox, to be delivered to each of the notifiers. The same event id twice is ErrExists.
func (tx *Tx) Enqueue(e incident.Event, notifiers ...string) error {
	if e.ID == "" {
		return fmt.Errorf("an event (%s) without an id", e.Kind)
	}
	if found, err := one(tx, "SELECT 1 FROM events WHERE id = ?", []any{e.ID}, new(int)); err != nil {
		return err
	} else if found {
		return fmt.Errorf("event %s: %w", e.ID, ErrExists)
	}
	body, err := encode(cutEvent(e))
	if err != nil {
		return err
	}
	about := ""
	switch {
	case e.Incident != nil:
		about = e.Incident.ID
	case e.Proposal != nil:
		about = e.Proposal.Incident
	case e.Action != nil:
		about = e.Action.Incident
	}
	at := e.At
	if at.IsZero() {
		at = tx.now
	}
	num, err := tx.insert("INSERT INTO events (id, at, kind, incident, body) VALUES (?, ?, ?, ?, ?)", e.ID, at.UnixMicro(), string(e.Kind), about, body)
	if err != nil {
		return err
	}
	for _, n := range notifiers {
		if _, err := tx.exec(`INSERT INTO deliveries (event, notifier, state, attempts, resend, due, error) VALUES (?, ?, 'waiting', 0, 0, ?, '')
			ON CONFLICT DO NOTHING`, num, n, tx.now.UnixMicro()); err != nil {
			return err
		}
	}
	return nil
}

// cutEvent gives e as it is kept: with no samples, which are the incident's and need not be kept again for each message, and
// with the first of a diff and the last of each command's output.
func cutEvent(e incident.Event) incident.Event {
	e.Resend = false
	if e.Incident != nil {
		i := cutIncident(*e.Incident)
		e.Incident = &i
	}
	grouped := make([]incident.Incident, len(e.Grouped))
	for k, i := range e.Grouped {
		grouped[k] = cutIncident(i)
	}
	e.Grouped = grouped
	if e.Proposal != nil {
		p := *e.Proposal
		if p.Change != nil {
			c := *p.Change
			c.Diff = incident.CutText(c.Diff, maxEventDiff)
			c.Checks = slices.Clone(c.Checks)
			for k := range c.Checks {
				c.Checks[k].Output = endOf(c.Checks[k].Output, maxEventOutput)
			}
			p.Change = &c
		}
		e.Proposal = &p
	}
	if e.Action != nil {
		a := *e.Action
		for _, o := range []**incident.Outcome{&a.Outcome, &a.Undo} {
			if *o != nil {
				cut := **o
				cut.Output = endOf(cut.Output, maxEventOutput)
				*o = &cut
			}
		}
		e.Action = &a
	}
	return e
}

// How much of a change is kept for a message: more than any notifier shows.
const (
	maxEventDiff   = 16 << 10
	maxEventOutput = 4 << 10
)

func cutIncident(i incident.Incident) incident.Incident {
	i.Samples = nil
	i.Template, _ = cut(i.Template, maxSampleContext)
	for _, t := range []*time.Time{&i.FirstSeen, &i.LastSeen, &i.OpenedAt, &i.UpdatedAt} {
		*t = jsonTime(*t)
	}
	return i
}

// An event waits for the earlier ones of its incident to the same notifier.
const inTurn = `d.state = 'waiting' AND NOT EXISTS (SELECT 1 FROM events pe JOIN deliveries p ON p.event = pe.num
	WHERE e.incident <> '' AND pe.incident = e.incident AND pe.num < e.num AND p.notifier = d.notifier AND p.state IN ('waiting', 'begun'))`

// Due gives deliveries whose time has come, oldest event first. An event is not due to a notifier while an earlier one of
// the same incident is on its way there, so that "resolved" never overtakes "opened". A delivery that BeginDelivery took
// is not due again until DeliveryFailed, or until Lock found that its process died.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]Delivery, error) {
	var out []Delivery
	err := s.view(ctx, func(q querier) error {
		return each(q, `SELECT e.id, d.notifier, d.attempts, d.resend, d.error, e.body FROM deliveries d JOIN events e ON e.num = d.event
			WHERE `+inTurn+` AND d.due <= ? ORDER BY d.event, d.notifier LIMIT ?`, []any{now.UnixMicro(), sqlLimit(limit)},
			func(rows *sql.Rows) error {
				var d Delivery
				var resend bool
				var body []byte
				if err := rows.Scan(&d.EventID, &d.Notifier, &d.Attempts, &resend, &d.LastError, &body); err != nil {
					return err
				}
				if err := decode(body, &d.Event); err != nil {
					return fmt.Errorf("event %s: %w", d.EventID, err)
				}
				d.Event.Resend = resend
				out = append(out, d)
				return nil
			})
	})
	return out, err
}

// NextDue gives when the next delivery is due, zero where the outbox is empty.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var at dbTime
	err := s.view(ctx, func(q querier) error {
		_, err := one(q, "SELECT min(d.due) FROM deliveries d JOIN events e ON e.num = d.event WHERE "+inTurn, nil, &at)
		return err
	})
	return at.Time, err
}

// BeginDelivery records that an attempt begins. Only in UpdateDurable.
func (tx *Tx) BeginDelivery(eventID, notifier string) error {
	if !tx.durable {
		return errNotDurable
	}
	return tx.deliver("UPDATE deliveries SET state = 'begun', attempts = attempts + 1 WHERE state = 'waiting'", eventID, notifier)
}

// DeliveryDone records that the event arrived.
func (tx *Tx) DeliveryDone(eventID, notifier string) error {
	return tx.deliver("UPDATE deliveries SET state = 'done', error = '' WHERE state = 'begun'", eventID, notifier)
}

// DeliveryFailed records that an attempt failed, to be tried again at retryAt; a zero retryAt gives up, which is audited.
func (tx *Tx) DeliveryFailed(eventID, notifier string, retryAt time.Time, why string) error {
	if !retryAt.IsZero() {
		// The attempt is known to have failed, so what is sent next is no double of it.
		return tx.deliver("UPDATE deliveries SET state = 'waiting', error = ?, due = ? WHERE state = 'begun'", eventID, notifier, why, retryAt.UnixMicro())
	}
	if err := tx.deliver("UPDATE deliveries SET state = 'failed', error = ? WHERE state = 'begun'", eventID, notifier, why); err != nil {
		return err
	}
	return tx.undelivered(eventID, notifier, why)
}

// DeliveryUnsure records that an attempt ended without an answer: the event perhaps arrived. It is sent again at retryAt,
// marked as a resend.
func (tx *Tx) DeliveryUnsure(eventID, notifier string, retryAt time.Time, why string) error {
	return tx.deliver("UPDATE deliveries SET state = 'waiting', resend = 1, error = ?, due = ? WHERE state = 'begun'",
		eventID, notifier, why, retryAt.UnixMicro())
}

// Undeliverable gives up a delivery of which no attempt is being made, because there can be none: its notifier is not
// configured any more. It is audited.
func (tx *Tx) Undeliverable(eventID, notifier, why string) error {
	if err := tx.deliver("UPDATE deliveries SET state = 'failed', error = ? WHERE state = 'waiting'", eventID, notifier, why); err != nil {
		return err
	}
	return tx.undelivered(eventID, notifier, why)
}

// Postpone makes nothing due to a notifier before until.
func (tx *Tx) Postpone(notifier string, until time.Time) error {
	_, err := tx.exec("UPDATE deliveries SET due = ?1 WHERE notifier = ?2 AND state = 'waiting' AND due < ?1", until.UnixMicro(), notifier)
	return err
}

// undelivered audits that an event was given up.
func (tx *Tx) undelivered(eventID, notifier, why string) error {
	var about string
	var attempts int64
	if _, err := one(tx, "SELECT e.incident, d.attempts FROM events e JOIN deliveries d ON d.event = e.num WHERE e.id = ? AND d.notifier = ?",
		[]any{eventID, notifier}, &about, &attempts); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "undelivered", Subject: eventID,
		Detail: map[string]any{"notifier": notifier, "incident": about, "attempts": attempts, "error": why}})
}

// deliver runs an UPDATE of one delivery.
func (tx *Tx) deliver(update, eventID, notifier string, args ...any) error {
	n, err := tx.exec(update+" AND notifier = ? AND event = (SELECT num FROM events WHERE id = ?)", append(args, notifier, eventID)...)
	if err == nil && n == 0 {
		err = fmt.Errorf("no delivery of event %s to %s is in the state for that: %w", eventID, notifier, ErrNotFound)
	}
	return err
}

// settleDeliveries is for a daemon that has just taken the lock: nobody else delivers, so what is begun died on the way, and
// perhaps arrived. A delivery that is due further ahead than any wait was put off by a clock that was wrong.
func (tx *Tx) settleDeliveries() error {
	if _, err := tx.exec("UPDATE deliveries SET due = ?1 WHERE state = 'waiting' AND due > ?2",
		tx.now.UnixMicro(), tx.now.Add(mostWait).UnixMicro()); err != nil {
		return err
	}
	_, err := tx.exec("UPDATE deliveries SET state = 'waiting', resend = 1, due = ? WHERE state = 'begun'", tx.now.UnixMicro())
	return err
}

// mostWait is longer than a notifier is ever waited for.
const mostWait = 48 * time.Hour

// BeginDelivery is Tx.BeginDelivery in an UpdateDurable of its own.
func (s *Store) BeginDelivery(ctx context.Context, eventID, notifier string) error {
	return s.UpdateDurable(ctx, func(tx *Tx) error { return tx.BeginDelivery(eventID, notifier) })
}

// DeliveryDone is Tx.DeliveryDone in an Update of its own.
func (s *Store) DeliveryDone(ctx context.Context, eventID, notifier string) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.DeliveryDone(eventID, notifier) })
}

// DeliveryFailed is Tx.DeliveryFailed in an Update of its own.
func (s *Store) DeliveryFailed(ctx context.Context, eventID, notifier string, retryAt time.Time, why string) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.DeliveryFailed(eventID, notifier, retryAt, why) })
}
