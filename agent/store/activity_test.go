package store

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// TestActivityIsOurs checks that what lines say of their time moves nothing but first and last seen.
func TestActivityIsOurs(t *testing.T) {
	clock := &fakeClock{t0}
	s := openAt(t, t.TempDir(), Options{Now: clock.now})
	silent := func(before time.Time) []string {
		t.Helper()
		ids, err := s.Silent(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	future, past := newIncident("lw-future.1"), newIncident("lw-past.1")
	future.LastSeen, past.LastSeen = t0.AddDate(75, 0, 0), time.Unix(60, 0)
	update(t, s, func(tx *Tx) error { return errors.Join(tx.OpenIncident(future), tx.OpenIncident(past)) })
	clock.at = t0.Add(time.Hour)
	update(t, s, func(tx *Tx) error { return tx.TouchIncident("lw-past.1", 1, time.Unix(61, 0), incident.SeverityError) })
	want(t, silent(t0.Add(-time.Second)))
	want(t, silent(t0.Add(time.Minute)), "lw-future.1")
	want(t, silent(clock.at), "lw-future.1", "lw-past.1")

	resolved := clock.at
	update(t, s, func(tx *Tx) error { return tx.SetState("lw-past.1", incident.StateResolved, "test", "") })
	clock.at = t0.Add(2 * time.Hour)
	update(t, s, func(tx *Tx) error { return tx.TouchIncident("lw-past.1", 1, time.Unix(62, 0), incident.SeverityError) })
	update(t, s, func(tx *Tx) error {
		since, err := tx.StateSince("lw-past.1")
		if err == nil && !since.Equal(resolved) {
			t.Errorf("a late line moved when it was resolved to %s", since)
		}
		return errors.Join(err, tx.SetState("lw-past.1", incident.StateOpen, "test", ""))
	})
	want(t, silent(resolved), "lw-future.1")
	update(t, s, func(tx *Tx) error {
		at, err := tx.ActiveAt("lw-past.1")
		if err == nil && !at.Equal(clock.at) {
			t.Errorf("reopened, it is active since %s, want %s", at, clock.at)
		}
		_, missing := tx.ActiveAt("lw-none.1")
		if !errors.Is(missing, ErrNotFound) {
			t.Errorf("of an incident that is not there: %v", missing)
		}
		return err
	})
}

func TestDeliveriesThatEndOtherwise(t *testing.T) {
	clock := &fakeClock{t0}
	dir := t.TempDir()
	s := openAt(t, dir, Options{Now: clock.now})
	if err := s.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.Enqueue(incident.Event{ID: "e1", Kind: incident.EventGap}, "slack", "gone"),
			tx.Enqueue(incident.Event{ID: "e2", Kind: incident.EventGap}, "slack", "out"),
			tx.Enqueue(incident.Event{ID: "e3", Kind: incident.EventGap}, "far"),
		)
	})
	if err := s.BeginDelivery(t.Context(), "e1", "slack"); err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.DeliveryUnsure("e1", "slack", t0.Add(time.Minute), "cut off"), tx.Undeliverable("e1", "gone", "no such notifier"),
			tx.Postpone("slack", t0.Add(2*time.Minute)), tx.Postpone("far", t0.AddDate(50, 0, 0)),
		)
	})
	want(t, due(t, s, t0.Add(time.Minute)), "e2>out attempts=0")
	want(t, due(t, s, t0.Add(2*time.Minute)), "e1>slack attempts=1 resend", "e2>out attempts=0", "e2>slack attempts=0")
	entries, err := s.AuditEntries(t.Context(), 1, 0)
	if err != nil || len(entries) != 1 || entries[0].Action != "undelivered" || entries[0].Subject != "e1" {
		t.Errorf("what is given up is not audited: %v %+v", err, entries)
	}
	// What a wrong clock put off by decades is due after a start with a right one.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, Options{Now: clock.now})
	if err := s.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, due(t, s, t0), "e2>out attempts=0", "e3>far attempts=0")
}

func TestChangedByOthers(t *testing.T) {
	dir := t.TempDir()
	s, other := openAt(t, dir, Options{}), openAt(t, dir, Options{})
	changed := func(want bool) {
		t.Helper()
		got, err := s.ChangedByOthers(t.Context())
		if err != nil || got != want {
			t.Errorf("changed by others: %v, %v; want %v", got, err, want)
		}
	}
	write := func(s *Store, service string) {
		t.Helper()
		update(t, s, func(tx *Tx) error { return tx.AddRelease(incident.Release{Service: service, Version: "1", At: t0}) })
	}
	changed(true)
	changed(false)
	write(s, "own")
	changed(false)
	write(other, "other")
	changed(true)
	changed(false)
}

func TestSetMaxBytes(t *testing.T) {
	s := openAt(t, t.TempDir(), Options{MaxBytes: 1 << 20})
	fill := func() error {
		return s.Update(t.Context(), func(tx *Tx) error {
			return tx.SaveStream(Stream{Source: "a", ID: "b", Pending: make([]byte, 2<<20)})
		})
	}
	if err := fill(); !errors.Is(err, ErrFull) {
		t.Fatalf("beyond limits.store: %v", err)
	}
	if err := s.SetMaxBytes(t.Context(), 8<<20); err != nil {
		t.Fatal(err)
	}
	if err := fill(); err != nil {
		t.Errorf("with a higher limit: %v", err)
	}
}

// TestClustersLastSeenFirst: what does not fit into memory after a restart must be what is over, not what goes on.
func TestClustersLastSeenFirst(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		for _, c := range []struct {
			id   string
			last time.Time
		}{
			{"lw-old", t0.AddDate(0, 0, -9)}, {"lw-now", t0}, {"lw-2099", t0.AddDate(75, 0, 0)}, {"lw-undated", time.Time{}},
			{"lw-day", t0.AddDate(0, 0, -1)},
		} {
			if err := tx.SaveClusters([]ClusterMemory{{ID: c.id, State: bytes.Repeat([]byte("x"), 3000)}}); err != nil {
				return err
			}
			if err := tx.AddCounts(Counts{Cluster: c.id, Events: 1, Last: c.last}); err != nil {
				return err
			}
		}
		return nil
	})
	var got []string
	for m, err := range s.Clusters(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.ID)
	}
	want(t, got, "lw-now", "lw-2099", "lw-day", "lw-old", "lw-undated")
}
