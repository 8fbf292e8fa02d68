package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// Words that vary are clusters of their own at first, and each opens an incident. When it is known that they vary, one of them
// is left, with all events; and that is told once.
func TestIncidentsThatTurnOutToBeOneAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, told)
		h.start()
		names := strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliett")
		sum := func() (n int64, open []incident.Incident) {
			all := h.incidents(store.Filter{})
			for _, inc := range all {
				n += inc.Events
				if inc.State.Unfinished() {
					open = append(open, inc)
				}
			}
			return n, open
		}
		most := 0
		for i, name := range names {
			h.write("app.log", stamped(time.Now(), fmt.Sprintf("ERROR could not reach the replica of tenant %s in this region", name)))
			advance(time.Minute)
			if i == 4 {
				h.stop()
				h.start()
				advance(time.Second)
			}
			_, open := sum()
			most = max(most, len(open))
		}
		n, open := sum()
		if most < 2 {
			t.Fatalf("at most %d incidents were open at once: this shows nothing", most)
		}
		if len(open) != 1 || open[0].Events != int64(len(names)) || n != int64(len(names)) {
			t.Errorf("%d incidents are open, all have %d events; want one with %d:\n%+v", len(open), n, len(names), open)
		}
		all := h.incidents(store.Filter{})
		oldest := slices.MinFunc(all, func(a, b incident.Incident) int { return a.OpenedAt.Compare(b.OpenedAt) })
		if open[0].ID != oldest.ID {
			t.Errorf("%s goes on, %s is the oldest", open[0].ID, oldest.ID)
		}
		for _, inc := range all {
			merged := strings.Count(h.out.String(), " merged error "+inc.ID+" ")
			if want := len(all) - len(open); inc.ID != oldest.ID && (merged != 1 || inc.State != incident.StateResolved) || inc.ID == oldest.ID && merged != 0 {
				t.Errorf("%s is %s and told %d times to be merged (%d of them are)", inc.ID, inc.State, merged, want)
			}
		}
		full, err := h.d.st.Incident(t.Context(), oldest.ID)
		if err != nil || len(full.Samples) < most {
			t.Errorf("%d samples went over, %v", len(full.Samples), err)
		}
		advance(time.Minute)
		h.write("app.log", stamped(time.Now(), "ERROR could not reach the replica of tenant zulu in this region"))
		advance(time.Minute)
		if _, open := sum(); len(open) != 1 || open[0].Events != int64(len(names))+1 {
			t.Errorf("the next one: %+v", open)
		}
		// What is ignored stays so, though one that was merged into it was opened later, and is only resolved.
		if _, err := ChangeState(t.Context(), h.d.st, oldest.ID, incident.StateIgnored, "user:test", "", nil); err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		h.write("app.log", stamped(time.Now(), "ERROR could not reach the replica of tenant yankee in this region"))
		advance(time.Minute)
		if _, open := sum(); len(open) != 0 {
			t.Errorf("ignored, and open again: %+v", open)
		}
	})
}
