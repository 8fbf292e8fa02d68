package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

const told = "notify: [{name: out, kind: stdout}]\n"

func stamped(t time.Time, text string) string {
	return t.UTC().Format("2006-01-02 15:04:05") + " " + text
}

// refusals gives n errors of one cluster at a time.
func refusals(t time.Time, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = stamped(t, fmt.Sprintf("ERROR [worker-%d] failed to settle order %d: ledger refused", i%3, 1000+i))
	}
	return out
}

// hours writes an error a minute.
func (h *house) hours(n int) {
	for range n * 60 {
		h.write("app.log", refusals(time.Now(), 1)...)
		advance(time.Minute)
	}
}

// kinds counts what was told by kind.
func (h *house) kinds() map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(h.out.String()) {
		if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[0], "20") && line[0] != ' ' {
			out[f[1]]++
		}
	}
	return out
}

// TestNoAlarmFromArrival has lines come in at once for reasons that have nothing to do with the service.
func TestNoAlarmFromArrival(t *testing.T) {
	for _, tc := range []struct {
		name string
		// happens is what happens after three hours of one error a minute, the daemon running.
		happens func(h *house)
		events  int64
	}{
		{"the daemon is restarted", func(h *house) {
			h.stop()
			h.start()
			advance(time.Minute)
			h.hours(1)
		}, 240},
		{"a night's backlog is read at once", func(h *house) {
			h.stop()
			from := time.Now()
			advance(9 * time.Hour)
			for m := range 9 * 60 {
				h.write("app.log", refusals(from.Add(time.Duration(m)*time.Minute), 1)...)
			}
			h.start()
			advance(time.Minute)
			h.hours(1)
		}, 780},
		{"a day's backlog without times", func(h *house) {
			h.stop()
			advance(24 * time.Hour)
			for m := range 24 * 60 {
				h.write("app.log", fmt.Sprintf("ERROR [worker-%d] failed to settle order %d: ledger refused", m%3, m))
			}
			h.start()
			advance(time.Minute)
			h.hours(1)
		}, 1680},
		{"the file is read again under another name", func(h *house) {
			data, err := os.ReadFile(filepath.Join(h.dir, "app.log"))
			if err != nil {
				h.t.Fatal(err)
			}
			// A line of its own makes it another file.
			h.write("app.copy.log", append([]string{stamped(time.Now(), "INFO restored from a backup")}, strings.Split(strings.TrimSpace(string(data)), "\n")...)...)
			advance(time.Minute)
			h.hours(1)
		}, 240},
		{"the file is rotated", func(h *house) {
			if err := os.Rename(filepath.Join(h.dir, "app.log"), filepath.Join(h.dir, "app.log.1")); err != nil {
				h.t.Fatal(err)
			}
			advance(time.Minute)
			h.hours(1)
		}, 240},
		{"the file is rotated by copytruncate", func(h *house) {
			data, err := os.ReadFile(filepath.Join(h.dir, "app.log"))
			if err != nil {
				h.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(h.dir, "app-1.log"), data, 0o600); err != nil {
				h.t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(h.dir, "app.log"), 0); err != nil {
				h.t.Fatal(err)
			}
			advance(time.Minute)
			h.hours(1)
		}, 240},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, told)
				h.start()
				h.hours(3)
				tc.happens(h)
				for kind, n := range h.kinds() {
					if kind == "spike" || kind == "returned" {
						t.Errorf("told %d times of a %s:\n%s", n, kind, h.out.String())
					}
				}
				var n int64
				for _, inc := range h.incidents(store.Filter{Service: "app"}) {
					n += inc.Events
				}
				if n != tc.events {
					t.Errorf("%d events, want %d", n, tc.events)
				}
			})
		})
	}
}

// TestBacklogIsToldAsItHappened has a new error, and a storm of a known one, among what was written while the daemon was away.
func TestBacklogIsToldAsItHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, told)
		h.start()
		h.hours(3)
		h.stop()
		from := time.Now()
		advance(9 * time.Hour)
		for m := range 9 * 60 {
			at := from.Add(time.Duration(m) * time.Minute)
			h.write("app.log", refusals(at, 1)...)
			if m >= 240 && m < 250 {
				h.write("app.log", refusals(at, 200)...)
			}
			if m == 300 {
				h.write("app.log", stamped(at, "ERROR index of the archive is corrupt"), stamped(at.Add(time.Second), "ERROR index of the archive is corrupt"))
			}
		}
		h.start()
		advance(time.Minute)
		h.hours(1)
		if k := h.kinds(); k["spike"] != 1 || k["opened"] != 2 {
			t.Errorf("told %v, want a spike and two incidents:\n%s", k, h.out.String())
		}
		list := h.incidents(store.Filter{})
		if len(list) != 2 {
			t.Fatalf("%d incidents, want 2", len(list))
		}
		for _, inc := range list {
			switch {
			case inc.Trigger == incident.TriggerSpike:
				if r := inc.Reason; r == nil || r.From.Before(from.Add(235*time.Minute)) || r.From.After(from.Add(250*time.Minute)) || r.Observed <= r.Threshold {
					t.Errorf("the storm's reason: %+v", r)
				}
			case inc.Trigger != incident.TriggerNew || !inc.FirstSeen.Equal(from.Add(300*time.Minute).Truncate(time.Second)) || inc.Events != 2:
				t.Errorf("the new one: %+v", inc)
			}
		}
	})
}

// A storm that goes on over restarts is told once.
func TestStormOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, told)
		h.start()
		h.hours(3)
		for m := range 60 {
			h.write("app.log", refusals(time.Now(), 100)...)
			advance(time.Minute)
			if m%10 == 5 {
				h.stop()
				h.start()
			}
		}
		if k := h.kinds(); k["spike"] != 1 {
			t.Errorf("told %v, want one spike:\n%s", k, h.out.String())
		}
	})
}

// What a service says while it starts is the same each time, and far more than it says later.
func TestStartOfTheServiceIsNoSpike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, told)
		h.start()
		warn := func(n int) {
			for i := range n {
				h.write("app.log", stamped(time.Now(), fmt.Sprintf("WARN option %d of the plugin is deprecated", i)))
			}
			h.write("app.log", stamped(time.Now(), "INFO request served"))
		}
		for range 180 {
			warn(1)
			advance(time.Minute)
		}
		warn(300)
		for range 30 {
			advance(time.Minute)
			warn(1)
		}
		if list := h.incidents(store.Filter{}); len(list) != 0 {
			t.Fatalf("the noise of a start opened %+v", list[0])
		}
		// The same that does not end is another matter.
		for range 20 {
			warn(300)
			advance(time.Minute)
		}
		inc := h.only()
		if inc.Trigger != incident.TriggerSpike || inc.Severity != incident.SeverityWarning || inc.Reason == nil || inc.Reason.Statistic == "" {
			t.Errorf("%s %s %+v", inc.Trigger, inc.Severity, inc.Reason)
		}
	})
}

// access gives a minute of an access log.
func access(ok, failed int) []string {
	var out []string
	now := time.Now().UTC().Format("02/Jan/2006:15:04:05 -0700")
	for i := range ok + failed {
		status := 200
		if i >= ok {
			status = 502
		}
		out = append(out, fmt.Sprintf(`192.0.2.%d - - [%s] "GET /item/%d HTTP/1.1" %d 512 "-" "curl/8"`, i%200+1, now, i, status))
	}
	return out
}

func TestRequestsAreErrorsByRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, told+"triggers: {resolve_after: 1h, severity: warning}\n")
		h.start()
		// One in fifty is answered with 5xx each minute: never five in five minutes and one of a hundred.
		for m := range 180 {
			h.write("web.log", access(100, m%5/4)...)
			advance(time.Minute)
		}
		if list := h.incidents(store.Filter{}); len(list) != 0 {
			t.Fatalf("single failures opened %s, %+v", list[0].Trigger, list[0].Reason)
		}
		for range 10 {
			h.write("web.log", access(80, 20)...)
			advance(time.Minute)
		}
		inc := h.only()
		if inc.Trigger != incident.TriggerRequests || inc.Severity != incident.SeverityError || inc.Service != "web" || inc.Diagnosis == nil ||
			inc.Reason == nil || inc.Reason.Observed < 0.01 || len(inc.Samples) == 0 || !strings.Contains(inc.Samples[0].Record.Raw, " 502 ") {
			t.Fatalf("%+v, reason %+v, %d samples", inc, inc.Reason, len(inc.Samples))
		}
		if inc.Events < 150 || inc.Events > 200 {
			t.Errorf("%d events, 200 requests failed", inc.Events)
		}
		h.stop()
		h.start()
		for range 5 {
			h.write("web.log", access(80, 20)...)
			advance(time.Minute)
		}
		if k := h.kinds(); k["opened"] != 1 || len(h.incidents(store.Filter{})) != 1 {
			t.Errorf("told %v over a restart, want one opening:\n%s", k, h.out.String())
		}
		if !strings.Contains(h.out.String(), "requests were answered with 5xx") {
			t.Errorf("it is not told why:\n%s", h.out.String())
		}
		// Now and then one fails again: it is over, and stays so.
		for m := range 90 {
			h.write("web.log", access(100, m%5/4)...)
			advance(time.Minute)
		}
		if inc := h.only(); inc.State != incident.StateResolved {
			t.Errorf("an hour after the last failures it is %s", inc.State)
		}
		for range 10 {
			h.write("web.log", access(50, 50)...)
			advance(time.Minute)
		}
		if list := h.incidents(store.Filter{States: incident.UnfinishedStates()}); len(list) != 1 || list[0].Episode != 2 {
			t.Errorf("it is back, and %+v is open", list)
		}
	})
}

func TestMixOfLevelsOpensAnIncident(t *testing.T) {
	for _, mix := range []string{"auto", "off"} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, told+"triggers: {mix: "+mix+"}\n")
			h.start()
			kinds := strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima")
			minute := func(raised int) {
				var lines []string
				for i := range 40 {
					lines = append(lines, stamped(time.Now(), fmt.Sprintf("INFO request %d served", i)))
				}
				for i := range raised {
					what := kinds[(time.Now().Minute()+i)%len(kinds)]
					lines = append(lines, stamped(time.Now(), "WARN "+what+" of the "+what+" pool is slow for "+what))
				}
				h.write("app.log", lines...)
				advance(time.Minute)
			}
			for range 300 {
				minute(1)
			}
			for range 25 {
				minute(10)
			}
			if mix == "off" {
				if n := len(h.incidents(store.Filter{})); n != 0 {
					t.Errorf("off, and %d incidents", n)
				}
				return
			}
			inc := h.only()
			if inc.Trigger != incident.TriggerMix || inc.Severity != incident.SeverityWarning || inc.Reason == nil || inc.Reason.Expected > 0.05 || len(inc.Samples) == 0 {
				t.Errorf("%+v, %+v", inc, inc.Reason)
			}
			if !strings.Contains(inc.Title, "far more warnings and errors than usual") {
				t.Errorf("title %q", inc.Title)
			}
		})
	}
}

// Old lines are no sign of life.
func TestReplayIsNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "")
		h.yaml += fmt.Sprintf("services:\n- {name: app, match: {files: [%q]}, heartbeat: 10m}\n", h.dir+"/app*.log")
		h.start()
		h.write("app.log", stamped(time.Now(), "INFO alive"))
		advance(5 * time.Minute)
		h.write("app.log", stamped(time.Now(), "INFO alive"))
		advance(5 * time.Minute)
		old := time.Now().Add(-time.Hour)
		h.write("app-old.log", stamped(old, "INFO alive"), stamped(old.Add(time.Second), "INFO alive"))
		advance(6 * time.Minute)
		inc := h.only()
		if inc.Trigger != incident.TriggerSilence || inc.Reason == nil || !strings.Contains(inc.Reason.Text, "10 minutes without one are allowed") {
			t.Errorf("%s %+v", inc.Trigger, inc.Reason)
		}
	})
}
