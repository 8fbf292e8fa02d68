package agent

import (
	"database/sql"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// TestDamagedSampleHoldsUpNoOther has an incident that can't be read, and one that can.
func TestDamagedSampleHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\n")
		h.start()
		h.write("a.log", errorLines(1)...)
		advance(20 * time.Second)
		first := h.only()
		db, err := sql.Open("sqlite", h.dir+"/state/logwright.db")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("PRAGMA busy_timeout=1000; UPDATE samples SET body = x'7b'; UPDATE incidents SET state = 'open'"); err != nil {
			t.Fatal(err)
		}
		advance(20 * time.Second)
		h.write("b.log", errorLines(1)...)
		advance(20 * time.Second)
		for _, inc := range h.incidents(store.Filter{Service: "b"}) {
			if inc.State != incident.StateDiagnosed || !strings.Contains(h.out.String(), inc.ID) {
				t.Errorf("behind a damaged incident nothing is diagnosed: %+v", inc)
			}
		}
		if !strings.Contains(h.log.String(), "incident "+first.ID) {
			t.Error("the damaged one is not named")
		}
	})
}
