package agent

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
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
//
// A channel that failed is left alone for a while as a whole: the event that failed waits by itself, the others until the
// channel is tried again. What waits for one channel holds up no other.
type telling struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	notifiers map[string]Notifier
	channels  map[string]*channel
}

// channel is how a notifier fares.
type channel struct {
	fails int
	// until is before when it is not tried again.
	until time.Time
	// stuck is closed when an attempt that was given up returns after all. Nil where none is out.
	stuck chan struct{}
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
	// channelWaitMax is how long a channel that fails is left alone at most, unless it asks for more.
	channelWaitMax = time.Minute
	// attemptMost is how long one attempt may take: a pipe that nobody reads blocks for good. lastSecond is what it has left
	// when the daemon is being stopped.
	attemptMost = time.Minute
	lastSecond  = time.Second
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

func (t *telling) channel(name string) *channel {
	c := t.channels[name]
	if c == nil {
		c = &channel{}
		if t.channels == nil {
			t.channels = map[string]*channel{}
		}
		t.channels[name] = c
	}
	return c
}

// rests says whether a channel is to be left alone now.
func (c *channel) rests(now time.Time) bool {
	if c.stuck != nil {
		select {
		case <-c.stuck:
			c.stuck = nil
		default:
			c.until = now.Add(channelWaitMax)
		}
	}
	return c.until.After(now)
}

// deliverAll delivers one notifier's events, storms as one message.
func (t *telling) deliverAll(ctx context.Context, name string, ds []store.Delivery) error {
	n := t.notifiers[name]
	if n == nil {
		return t.st.Update(ctx, func(tx *store.Tx) error {
			for _, d := range ds {
				if err := tx.Undeliverable(d.EventID, name, "there is no notifier of that name in the configuration any more"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	c := t.channel(name)
	for _, m := range messages(ds) {
		if !c.rests(t.now()) {
			if err := t.deliver(ctx, n, name, m); err != nil {
				return err
			}
		}
		if c.rests(t.now()) {
			// What is left would only be seen again and again, in front of what is due to others.
			return t.st.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.Postpone(name, c.until) })
		}
	}
	return nil
}

// message is one event to send, and the deliveries it stands for.
type message struct {
	event incident.Event
	of    []store.Delivery
}

// messages groups storms. Each delivery is in exactly one message, the one that tells of it.
func messages(ds []store.Delivery) []message {
	in := make([]incident.Event, len(ds))
	byKind := map[incident.EventKind][]int{}
	for i, d := range ds {
		in[i] = d.Event
		byKind[d.Event.Kind] = append(byKind[d.Event.Kind], i)
	}
	// A kind's events alone give the same storm, with the same id, as among all others.
	of := map[string][]store.Delivery{}
	for _, at := range byKind {
		alone := make([]incident.Event, len(at))
		for k, i := range at {
			alone[k] = in[i]
		}
		grouped := notify.Group(alone, stormAt)
		for k, i := range at {
			id := grouped[min(k, len(grouped)-1)].ID
			of[id] = append(of[id], ds[i])
		}
	}
	grouped := notify.Group(in, stormAt)
	out := make([]message, len(grouped))
	for i, e := range grouped {
		out[i] = message{e, of[e.ID]}
	}
	return out
}

// deliver makes one attempt.
func (t *telling) deliver(ctx context.Context, n Notifier, name string, m message) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, d := range m.of {
		m.event.Resend = m.event.Resend || d.Event.Resend
	}
	err := t.st.UpdateDurable(ctx, func(tx *store.Tx) error {
		return each(m.of, func(d store.Delivery) error { return tx.BeginDelivery(d.EventID, name) })
	})
	if err != nil {
		return err
	}
	c := t.channel(name)
	sent := attempt(ctx, n, m.event, c)
	// The result is kept even when the daemon is being stopped: the message is out.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if sent == nil {
		c.fails, c.until = 0, time.Time{}
		return t.st.Update(keep, func(tx *store.Tx) error {
			return each(m.of, func(d store.Delivery) error { return tx.DeliveryDone(d.EventID, name) })
		})
	}
	at, why := t.retryAt(sent, m.of[0].Attempts+1)
	if ctx.Err() == nil || !errors.Is(sent, context.Canceled) {
		t.log.Error("a notification was not delivered", "notifier", name, "kind", m.event.Kind, "err", why, "again_at", at)
	}
	if !at.IsZero() {
		c.fails++
		c.until = t.now().Add(max(min(deliverWait<<min(c.fails-1, 12), channelWaitMax), askedFor(sent)))
	}
	return t.st.Update(keep, func(tx *store.Tx) error {
		return each(m.of, func(d store.Delivery) error {
			if !at.IsZero() && unsure(sent) {
				return tx.DeliveryUnsure(d.EventID, name, at, why)
			}
			return tx.DeliveryFailed(d.EventID, name, at, why)
		})
	})
}

func each(ds []store.Delivery, do func(store.Delivery) error) error {
	for _, d := range ds {
		if err := do(d); err != nil {
			return err
		}
	}
	return nil
}

var errStuck = errors.New("it took the message and did not come back")

// attempt sends e. It returns when that is done or has taken too long, in which case the channel is stuck until it is.
func attempt(ctx context.Context, n Notifier, e incident.Event, c *channel) error {
	ctx, cancel := context.WithTimeout(ctx, attemptMost)
	defer cancel()
	done, stuck := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(stuck)
		done <- n.Notify(ctx, e)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last := time.NewTimer(lastSecond)
	defer last.Stop()
	select {
	case err := <-done:
		return err
	case <-last.C:
		c.stuck = stuck
		return errStuck
	}
}

// unsure says whether an event may have arrived though its attempt failed with err: it was sent, and no answer came, or a
// gateway's in place of the receiver's.
func unsure(err error) bool {
	if e, ok := errors.AsType[*notify.Error](err); ok && e.Status != 0 {
		return e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return false
	}
	return true
}

// askedFor is how long the receiver asked to be left alone.
func askedFor(err error) time.Duration {
	if e, ok := errors.AsType[*notify.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// retryAt gives when to try again after tries attempts, zero for never.
func (t *telling) retryAt(err error, tries int) (time.Time, string) {
	wait := max(min(deliverWait<<min(tries-1, 12), deliverWaitMax), askedFor(err))
	if e, ok := errors.AsType[*notify.Error](err); ok && e.Permanent {
		return time.Time{}, err.Error()
	}
	if tries >= deliverTries {
		return time.Time{}, err.Error()
	}
	return t.now().Add(wait), err.Error()
}
