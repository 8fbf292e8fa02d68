package store

import (
	"testing"
	"time"
)

func TestStormsAndTraffic(t *testing.T) {
	clock := &fakeClock{t0}
	s := openAt(t, t.TempDir(), Options{Now: clock.now})
	span := t0.Unix() / 300
	update(t, s, func(tx *Tx) error {
		for _, st := range []Storm{{"lw-a", span, 12.5}, {"lw-a", span, 13}, {"lw-b", span - 1000, 7}, {"lw-b", span - 1, 9}} {
			if err := tx.AddStorm(st); err != nil {
				return err
			}
		}
		for _, tr := range []Traffic{{"web", span, 1, 2, 3, 4}, {"web", span, 10, 20, 30, 40}, {"api", span - 1, 5, 0, 0, 0}, {"api", span - 1000, 1, 1, 1, 1}} {
			if err := tx.AddTraffic(tr); err != nil {
				return err
			}
		}
		// What was merged counts for its root.
		return tx.SaveClusters([]ClusterMemory{{ID: "lw-a", State: []byte("x")}, {ID: "lw-b", AliasOf: "lw-a"}})
	})
	look := func(since int64) (storms []Storm, traffic []Traffic) {
		for st, err := range s.Storms(t.Context(), since) {
			if err != nil {
				t.Fatal(err)
			}
			storms = append(storms, st)
		}
		for tr, err := range s.Traffic(t.Context(), since) {
			if err != nil {
				t.Fatal(err)
			}
			traffic = append(traffic, tr)
		}
		return storms, traffic
	}
	storms, traffic := look(span - 10)
	if len(storms) != 2 || storms[0] != (Storm{"lw-a", span - 1, 9}) || storms[1] != (Storm{"lw-a", span, 13}) {
		t.Errorf("%+v", storms)
	}
	if len(traffic) != 2 || traffic[1] != (Traffic{"web", span, 11, 22, 33, 44}) {
		t.Errorf("%+v", traffic)
	}
	if _, err := s.Prune(t.Context(), t0.Add(time.Hour), Retention{}); err != nil {
		t.Fatal(err)
	}
	if storms, traffic = look(0); len(storms) != 2 || len(traffic) != 2 {
		t.Errorf("after pruning %+v, %+v: want those of the last day", storms, traffic)
	}
}
