package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

func due(t *testing.T, s *Store, now time.Time) (out []string) {
	t.Helper()
	ds, err := s.Due(t.Context(), now, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		text := fmt.Sprintf("%s>%s attempts=%d", d.EventID, d.Notifier, d.Attempts)
		if d.Event.Resend {
			text += " resend"
		}
		out = append(out, text)
	}
	return out
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOutbox(t *testing.T) {
	clock := &fakeClock{t0}
	dir := t.TempDir()
	s := openAt(t, dir, Options{Now: clock.now})
	ctx := t.Context()
	if err := s.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	a, b := newIncident("lw-a.1"), newIncident("lw-b.1")
	a.Template = nasty
	a.Samples = []incident.Sample{{Cluster: "lw-a"}}
	event := func(id string, i *incident.Incident) incident.Event {
		return incident.Event{ID: id, Kind: incident.EventOpened, At: t0, Incident: i, Text: nasty}
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.Enqueue(event("e1", &a), "slack", "out", "slack"), tx.Enqueue(event("e2", &a), "slack"), tx.Enqueue(event("e3", &b), "slack"),
			tx.Enqueue(incident.Event{ID: "e4", Kind: incident.EventGap, Text: "x"}, "out"),
			tx.Enqueue(incident.Event{ID: "e5", Kind: incident.EventGap, Text: "y"}, "out"), tx.Enqueue(event("nobody", nil)),
		)
	})
	if err := s.Update(ctx, func(tx *Tx) error { return tx.Enqueue(event("e1", nil), "x") }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	// e2 waits for e1, of the same incident; e3 does not.
	want(t, due(t, s, t0), "e1>out attempts=0", "e1>slack attempts=0", "e3>slack attempts=0", "e4>out attempts=0", "e5>out attempts=0")
	ds, _ := s.Due(ctx, t0, 1)
	if len(ds) != 1 || ds[0].Event.Incident.Template != nasty || ds[0].Event.Text != nasty || ds[0].Event.Incident.Samples != nil {
		t.Errorf("%+v", ds)
	}
	if err := s.Update(ctx, func(tx *Tx) error { return tx.BeginDelivery("e1", "slack") }); !errors.Is(err, errNotDurable) {
		t.Errorf("an intent in an Update that may be taken back by a power cut: %v", err)
	}
	if err := errors.Join(s.BeginDelivery(ctx, "e1", "slack"), s.BeginDelivery(ctx, "e1", "out"), s.DeliveryDone(ctx, "e1", "out")); err != nil {
		t.Fatal(err)
	}
	want(t, due(t, s, t0), "e3>slack attempts=0", "e4>out attempts=0", "e5>out attempts=0")
	for _, err := range []error{s.BeginDelivery(ctx, "e1", "slack"), s.DeliveryDone(ctx, "e1", "out"), s.DeliveryDone(ctx, "e3", "slack"), s.BeginDelivery(ctx, "no", "slack")} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("a step that does not follow: %v", err)
		}
	}
	if err := s.DeliveryFailed(ctx, "e1", "slack", t0.Add(time.Minute), "500"); err != nil {
		t.Fatal(err)
	}
	want(t, due(t, s, t0), "e3>slack attempts=0", "e4>out attempts=0", "e5>out attempts=0")
	want(t, due(t, s, t0.Add(time.Minute)), "e1>slack attempts=1", "e3>slack attempts=0", "e4>out attempts=0", "e5>out attempts=0")
	for _, id := range []string{"e4", "e5"} {
		if err := errors.Join(s.BeginDelivery(ctx, id, "out"), s.DeliveryDone(ctx, id, "out")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.BeginDelivery(ctx, "e3", "slack"), s.DeliveryDone(ctx, "e3", "slack")); err != nil {
		t.Fatal(err)
	}
	if at, err := s.NextDue(ctx); err != nil || !at.Equal(t0.Add(time.Minute).Truncate(time.Microsecond)) {
		t.Errorf("next due %v, %v", at, err)
	}
	// The process dies between sending and noting it: sent again, and said so.
	if err := s.BeginDelivery(ctx, "e1", "slack"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, Options{Now: clock.now})
	want(t, due(t, s, t0.Add(time.Hour)))
	if err := s.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	want(t, due(t, s, t0), "e1>slack attempts=2 resend")
	// Given up: audited, and the next of the incident has its turn.
	if err := errors.Join(s.BeginDelivery(ctx, "e1", "slack"), s.DeliveryFailed(ctx, "e1", "slack", time.Time{}, "gone")); err != nil {
		t.Fatal(err)
	}
	want(t, due(t, s, t0), "e2>slack attempts=0")
	log, err := s.AuditEntries(ctx, 1, 0)
	if err != nil || len(log) != 1 || log[0].Action != "undelivered" || log[0].Subject != "e1" ||
		string(log[0].Detail) != `{"attempts":3,"error":"gone","incident":"lw-a.1","notifier":"slack"}` {
		t.Errorf("%+v, %v", log, err)
	}
}

// An event about a proposal has its turn with its incident's, and carries what can be shown of a change, not all of it.
func TestEventsOfProposals(t *testing.T) {
	s := open(t)
	p := patch(1, "lw-a.1")
	p.Change.Diff = strings.Repeat("diff ", maxEventDiff)
	p.Change.Checks[0].Output = strings.Repeat("x", maxEventOutput) + "end"
	a := actionOf(&p)
	a.Outcome = &incident.Outcome{Result: incident.ResultDone, Output: strings.Repeat("x", maxEventOutput) + "end"}
	before, err := encode(p)
	if err != nil {
		t.Fatal(err)
	}
	inc := newIncident("lw-a.1")
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.Enqueue(incident.Event{ID: "e1", Kind: incident.EventOpened, Incident: &inc}, "out"),
			tx.Enqueue(incident.Event{ID: "e2", Kind: incident.EventWaiting, Proposal: &p}, "out"),
			tx.Enqueue(incident.Event{ID: "e3", Kind: incident.EventActed, Action: &a}, "out"),
			tx.Enqueue(incident.Event{ID: "e4", Kind: incident.EventStopped}, "out"),
		)
	})
	want(t, due(t, s, t0), "e1>out attempts=0", "e4>out attempts=0")
	for _, id := range []string{"e1", "e2"} {
		if err := errors.Join(s.BeginDelivery(t.Context(), id, "out"), s.DeliveryDone(t.Context(), id, "out")); err != nil {
			t.Fatal(err)
		}
		if id != "e1" {
			continue
		}
		ds, err := s.Due(t.Context(), t0, 1)
		if err != nil || len(ds) != 1 {
			t.Fatal(ds, err)
		}
		c := ds[0].Event.Proposal.Change
		if len(c.Diff) > maxEventDiff || !strings.HasSuffix(strings.TrimSpace(c.Diff), "diff") || !strings.HasSuffix(c.Checks[0].Output, "end") || len(c.Checks[0].Output) != maxEventOutput {
			t.Errorf("%d bytes of diff, output %.20q", len(c.Diff), c.Checks[0].Output)
		}
	}
	ds, err := s.Due(t.Context(), t0, 1)
	if err != nil || len(ds) != 1 || ds[0].Event.Action == nil || len(ds[0].Event.Action.Outcome.Output) != maxEventOutput {
		t.Errorf("%+v, %v", ds, err)
	}
	if after, err := encode(p); err != nil || string(after) != string(before) || len(a.Outcome.Output) == maxEventOutput {
		t.Error("the caller's proposal or action was cut")
	}
}
