package agent

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// at is an error line of one cluster that says it was written at t.
func at(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05Z") + " ERROR failed to settle an order: ledger refused"
}

func TestTimesThatLogsClaim(t *testing.T) {
	for _, tc := range []struct {
		name string
		says func() time.Time
	}{
		{"2099", func() time.Time { return time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"1970", func() time.Time { return time.Unix(60, 0) }},
		{"a day behind", func() time.Time { return time.Now().Add(-26 * time.Hour) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, "triggers: {resolve_after: 20m}\n")
				h.start()
				for range 7 { // going on all the time: not resolved, whatever the lines say
					h.write("app.log", at(tc.says()))
					advance(5 * time.Minute)
					if s := h.only().State; s != incident.StateDiagnosed {
						t.Fatalf("going on, and %s", s)
					}
				}
				advance(25 * time.Minute)
				if s := h.only().State; s != incident.StateResolved {
					t.Errorf("silent for longer than resolve_after, and %s", s)
				}
			})
		})
	}
}

// TestReturnedThoughLate has a source that is always behind: its lines after the resolution are news all the same.
func TestReturnedThoughLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "triggers: {resolve_after: 10m}\n")
		h.start()
		h.write("app.log", at(time.Now()))
		advance(15 * time.Minute)
		if s := h.only().State; s != incident.StateResolved {
			t.Fatalf("silent for a quarter of an hour, and %s", s)
		}
		// Late lines of before, then ones from after, each five minutes late, one a minute.
		for range 15 {
			h.write("app.log", at(time.Now().Add(-5*time.Minute)))
			advance(time.Minute)
		}
		list := h.incidents(store.Filter{States: []incident.State{incident.StateDiagnosed}})
		if len(list) != 1 || list[0].Episode != 2 {
			t.Errorf("it goes on and nobody is told: %+v", h.incidents(store.Filter{}))
		}
	})
}

func TestReopenedStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "triggers: {resolve_after: 10m}\n")
		h.start()
		h.write("app.log", at(time.Now()))
		advance(15 * time.Minute)
		inc := h.only()
		if inc.State != incident.StateResolved {
			t.Fatalf("silent, and %s", inc.State)
		}
		other, err := store.Open(t.Context(), h.dir+"/state", store.Options{}) // as a command is another process
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := ChangeState(t.Context(), other, inc.ID, incident.StateOpen, "user:test", "", nil); err != nil {
			t.Fatal(err)
		}
		advance(8 * time.Minute)
		if s := h.only().State; s != incident.StateDiagnosed {
			t.Errorf("reopened, and %s at once", s)
		}
		advance(4 * time.Minute)
		if s := h.only().State; s != incident.StateResolved {
			t.Errorf("reopened, silent for resolve_after, and %s", s)
		}
	})
}

// TestNobodyListenedIsNoSilence has a daemon that was stopped for longer than resolve_after while errors went on.
func TestNobodyListenedIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "triggers: {resolve_after: 10m}\nnotify: [{name: out, kind: stdout}]\n")
		h.start()
		h.write("app.log", at(time.Now()))
		advance(time.Minute)
		h.stop()
		for range 30 {
			<-time.After(10 * time.Minute)
			h.write("app.log", at(time.Now()))
		}
		h.start()
		advance(10 * time.Minute)
		inc := h.only()
		if inc.State != incident.StateDiagnosed || inc.Events != 31 {
			t.Errorf("%s with %d events, want it going on with 31", inc.State, inc.Events)
		}
		if strings.Contains(h.out.String(), "resolved") {
			t.Errorf("told as resolved:\n%s", h.out.String())
		}
	})
}

func TestHeartbeatThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "triggers: {resolve_after: 10m}\nnotify: [{name: out, kind: stdout}]\n")
		h.yaml += fmt.Sprintf("services:\n- {name: app, match: {files: [%q]}, heartbeat: 5m}\n", h.dir+"/app.log")
		h.start()
		advance(7 * time.Minute)
		if s := h.only().State; s != incident.StateDiagnosed {
			t.Fatalf("silent, and %s", s)
		}
		advance(20 * time.Minute)
		if s := h.only().State; s != incident.StateDiagnosed {
			t.Errorf("silent still, and %s", s)
		}
		h.write("app.log", stamped(time.Now(), "INFO alive")) // an old line would be no sign of life
		advance(2 * time.Minute)
		if s := h.only().State; s != incident.StateResolved {
			t.Errorf("it speaks again, and is %s", s)
		}
		advance(6 * time.Minute)
		list := h.incidents(store.Filter{States: []incident.State{incident.StateDiagnosed}})
		if len(list) != 1 || list[0].Episode != 2 || list[0].Trigger != incident.TriggerSilence {
			t.Errorf("silent again: %+v", list)
		}
	})
}
