package agent

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify"
	"github.com/logwright/logwright/agent/store"
)

// Notifier makes one attempt to tell people of an event.
type Notifier interface {
	Notify(ctx context.Context, e incident.Event) error
}

// telling empties the outbox. An event is delivered at least once: that an attempt begins is on disk before anything is
// sent, and an attempt whose end is not known is made again, marked as a resend.
type telling struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	notifiers map[string]Notifier
}

const (
	// gather is how long events are gathered before a round, so that a storm becomes one message.
	gather = 3 * time.Second
	// stormAt is how many events of one kind in a round become a storm.
	stormAt = 5
	// roundSize bounds a round.
	roundSize = 500
	// Attempts and the waits between them: about a day in all.
	deliverTries   = 30
	deliverWait    = 5 * time.Second
	deliverWaitMax = time.Hour
)

// round delivers what is due, and says when the next delivery is (zero for none known).
func (t *telling) round(ctx context.Context) (time.Time, error) {
	due, err := t.st.Due(ctx, t.now(), roundSize)
	if err != nil {
		return time.Time{}, err
	}
	byNotifier := map[string][]store.Delivery{}
	var order []string
	for _, d := range due {
		if byNotifier[d.Notifier] == nil {
			order = append(order, d.Notifier)
		}
		byNotifier[d.Notifier] = append(byNotifier[d.Notifier], d)
	}
	for _, name := range order {
		if err := t.deliverAll(ctx, name, byNotifier[name]); err != nil {
			return time.Time{}, err
		}
	}
	return t.st.NextDue(ctx)
}

// deliverAll delivers one notifier's events, storms as one message.
func (t *telling) deliverAll(ctx context.Context, name string, ds []store.Delivery) error {
	n := t.notifiers[name]
	if n == nil {
		return t.st.Update(ctx, func(tx *store.Tx) error {
			for _, d := range ds {
				if err := tx.DeliveryFailed(d.EventID, name, time.Time{}, "there is no notifier of that name in the configuration any more"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, m := range messages(ds) {
		retry, err := t.deliver(ctx, n, name, m)
		if err != nil {
			return err
		}
		if retry {
			return nil // the channel is down: the rest waits for the next round
		}
	}
	return nil
}

// message is one event to send, and the deliveries it stands for.
type message struct {
	event incident.Event
	of    []store.Delivery
}

// messages groups storms.
func messages(ds []store.Delivery) []message {
	in := make([]incident.Event, len(ds))
	left := map[string]store.Delivery{}
	for i, d := range ds {
		in[i] = d.Event
		left[d.EventID] = d
	}
	var out []message
	for _, e := range notify.Group(in, stormAt) {
		m := message{event: e}
		if d, ok := left[e.ID]; ok && e.Kind != incident.EventStorm {
			m.of = []store.Delivery{d}
			delete(left, e.ID)
		}
		out = append(out, m)
	}
	// What is in no message by itself is in a storm. Which one does not matter: they share the channel's fate.
	for i := range out {
		if out[i].event.Kind != incident.EventStorm {
			continue
		}
		for _, d := range ds {
			if _, ok := left[d.EventID]; ok {
				out[i].of = append(out[i].of, d)
				delete(left, d.EventID)
			}
		}
	}
	return out
}

// deliver makes one attempt. It says whether the channel is to be left alone for now.
func (t *telling) deliver(ctx context.Context, n Notifier, name string, m message) (retry bool, err error) {
	if len(m.of) == 0 {
		return false, nil
	}
	for _, d := range m.of {
		m.event.Resend = m.event.Resend || d.Event.Resend
	}
	err = t.st.UpdateDurable(ctx, func(tx *store.Tx) error {
		for _, d := range m.of {
			if err := tx.BeginDelivery(d.EventID, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	sent := n.Notify(ctx, m.event)
	// The result is kept even when the daemon is being stopped: the message is out.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if sent == nil {
		return false, t.st.Update(keep, func(tx *store.Tx) error {
			for _, d := range m.of {
				if err := tx.DeliveryDone(d.EventID, name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	at, why := t.retryAt(sent, m.of[0].Attempts+1)
	t.log.Error("a notification was not delivered", "notifier", name, "kind", m.event.Kind, "err", why, "again_at", at)
	return !at.IsZero(), t.st.Update(keep, func(tx *store.Tx) error {
		for _, d := range m.of {
			if err := tx.DeliveryFailed(d.EventID, name, at, why); err != nil {
				return err
			}
		}
		return nil
	})
}

// retryAt gives when to try again after tries attempts, zero for never.
func (t *telling) retryAt(err error, tries int) (time.Time, string) {
	wait := min(deliverWait<<min(tries-1, 12), deliverWaitMax)
	if e, ok := errors.AsType[*notify.Error](err); ok {
		if e.Permanent {
			return time.Time{}, err.Error()
		}
		wait = max(wait, e.RetryAfter)
	}
	if tries >= deliverTries {
		return time.Time{}, err.Error()
	}
	return t.now().Add(wait), err.Error()
}
