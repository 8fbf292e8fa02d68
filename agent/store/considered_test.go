package store

import (
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

func TestConsidered(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	set := func(basis, note string) {
		t.Helper()
		if err := s.Update(ctx, func(tx *Tx) error { return tx.SetConsidered("lw-aaaaaaaaaaaa.1", "patch", basis, note) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(ctx, func(tx *Tx) error { return tx.SetConsidered("lw-aaaaaaaaaaaa.1", "patch", "x", "") }); err == nil {
		t.Fatal("something was considered for an incident that is not there")
	}
	if err := s.Update(ctx, func(tx *Tx) error {
		if err := tx.SaveClusters([]ClusterMemory{{ID: "lw-aaaaaaaaaaaa", Service: "api"}}); err != nil {
			return err
		}
		return tx.OpenIncident(incident.Incident{
			ID: "lw-aaaaaaaaaaaa.1", Clusters: []string{"lw-aaaaaaaaaaaa"}, Episode: 1, Service: "api", State: incident.StateOpen,
			OpenedAt: time.Unix(1, 0),
		})
	}); err != nil {
		t.Fatal(err)
	}
	set("offline|code-bug", "no model")
	set("m|code-bug", "proposed")
	basis, err := s.Considered(ctx, "lw-aaaaaaaaaaaa.1", "patch")
	notes, err2 := s.ConsideredNotes(ctx, "lw-aaaaaaaaaaaa.1")
	if err != nil || err2 != nil || basis != "m|code-bug" || notes["patch"] != "proposed" {
		t.Errorf("got %q %v (%v, %v)", basis, notes, err, err2)
	}
	if err := s.Update(ctx, func(tx *Tx) error { return tx.ForgetConsidered("lw-aaaaaaaaaaaa.1") }); err != nil {
		t.Fatal(err)
	}
	if basis, err = s.Considered(ctx, "lw-aaaaaaaaaaaa.1", "patch"); err != nil || basis != "" {
		t.Errorf("after it was forgotten: %q %v", basis, err)
	}
}

func TestServiceEvents(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	err := s.Update(ctx, func(tx *Tx) error {
		if err := tx.SaveClusters([]ClusterMemory{
			{ID: "lw-a", Service: "api"}, {ID: "lw-b", Service: "api"}, {ID: "lw-c", Service: "api", AliasOf: "lw-a"}, {ID: "lw-d", Service: "other"},
		}); err != nil {
			return err
		}
		for i, id := range []string{"lw-a", "lw-b", "lw-c", "lw-d"} {
			if err := tx.AddCounts(Counts{Cluster: id, Events: 1 << i}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		except string
		want   int64
	}{{"lw-a", 2}, {"lw-c", 2}, {"lw-b", 5}, {"lw-none", 7}} {
		if n, err := s.ServiceEvents(ctx, "api", tc.except); err != nil || n != tc.want {
			t.Errorf("without %s: %d (%v), want %d", tc.except, n, err, tc.want)
		}
	}
}
