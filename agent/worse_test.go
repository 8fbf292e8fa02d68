package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// An incident that began as a warning is none of the business of who wants to hear of errors only, until it turns into one.
func TestAWarningThatTurnsErrorIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "triggers: {severity: warning}\nnotify: [{name: out, kind: stdout, severity: error}]\n")
		h.start()
		line := func(severity string) string {
			return time.Now().UTC().Format("2006-01-02 15:04:05") + " " + severity + " failed to settle an order: ledger refused"
		}
		h.write("app.log", line("WARN"), line("WARN"))
		advance(30 * time.Second)
		inc := h.only()
		if inc.Severity != incident.SeverityWarning || inc.Diagnosis == nil {
			t.Fatalf("severity %s, diagnosis %v; want a diagnosed warning", inc.Severity, inc.Diagnosis)
		}
		if told := h.out.String(); told != "" {
			t.Fatalf("a warning was told to somebody who wants to hear of errors:\n%s", told)
		}

		h.stop()
		h.write("app.log", line("WARN"), line("ERROR"))
		h.start()
		advance(30 * time.Second)
		h.stop() // what was told is not told again
		h.start()
		for range 3 { // it reaches the severity once, however often it is seen with it
			h.write("app.log", line("ERROR"), line("WARN"), line("ERROR"))
			advance(30 * time.Second)
		}
		if again := h.only(); again.ID != inc.ID || again.Severity != incident.SeverityError || again.Events != 13 {
			t.Fatalf("%s, %s, %d events; want %s as an error of 13 events", again.ID, again.Severity, again.Events, inc.ID)
		}
		if told := h.out.String(); strings.Count(told, " worse error "+inc.ID) != 1 || strings.Count(told, inc.ID) != 1 {
			t.Errorf("want one message, that it got worse:\n%s", told)
		}
	})
}
