package cluster

import (
	"fmt"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// A Clusterer that keeps nothing for later puts events where any other would.
func TestTransient(t *testing.T) {
	kept, err := New(Config{MaxClusters: minClusters})
	if err != nil {
		t.Fatal(err)
	}
	transient, err := New(Config{MaxClusters: minClusters, Transient: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		r := &incident.Record{Service: "s", Message: fmt.Sprintf("%c%c is %c%c at %d", 'a'+i%26, 'a'+i/26%26, 'a'+i%7, 'a'+i/7%11, i)}
		if a, b := kept.Add(r), transient.Add(r); a != b {
			t.Fatalf("event %d: %v and %v", i, a, b)
		}
	}
	if kept.Stats().Evicted == 0 || kept.Stats().Merges == 0 || kept.Stats() != withoutUnsaved(transient.Stats(), kept.Stats()) {
		t.Errorf("%+v and %+v", kept.Stats(), transient.Stats())
	}
	if n := len(transient.dirty) + len(transient.lost) + len(transient.pendingAliases); n > 0 || len(transient.TakeChanges()) > 0 {
		t.Errorf("%d changes wait for nobody", n)
	}
}

// withoutUnsaved gives s with the one number that must differ taken from o.
func withoutUnsaved(s, o Stats) Stats {
	s.Unsaved = o.Unsaved
	return s
}
