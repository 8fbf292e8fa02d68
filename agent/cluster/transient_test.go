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
		msg := fmt.Sprintf("account %c%c of the shop is closed for good", 'a'+i%26, 'k'+i/26%9)
		if i%4 == 3 { // words that come back never, so that there is no room
			msg = fmt.Sprintf("%c%c%c %c%c%c", 'a'+i%26, 'b'+i%7, 'c'+i%11, 'd'+i%13, 'e'+i%17, 'f'+i%19)
		}
		r := &incident.Record{Service: "s", Message: msg}
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
