package agent

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model/fakemodel"
	"github.com/logwright/logwright/agent/store"
)

func modelYAML(fake *fakemodel.Server) string {
	return fmt.Sprintf(`model: {provider: openai, name: fake-1, base_url: %q, api_key: "fake-key", timeout: 60s}
notify: [{name: out, kind: stdout, severity: error}]
`, fake.URL+"/v1")
}

var evidenceLine = regexp.MustCompile(`(?m)^.*\b(E\d+)\b.*ledger refused`)

// goodAnswer answers any prompt about the ledger with one claim that holds. source: authored.
func goodAnswer(r fakemodel.Request) fakemodel.Reply {
	m := evidenceLine.FindStringSubmatch(strings.Join(r.Messages(), "\n"))
	if m == nil {
		return fakemodel.Reply{Status: 500, Error: "no evidence line was in the prompt"}
	}
	return fakemodel.Reply{InputTokens: 900, OutputTokens: 120, Text: fmt.Sprintf(`{
		"claims": [{"text": "The ledger refuses to settle orders.", "evidence": [{"id": %q, "quote": "ledger refused"}]}],
		"unknown": false, "summary": "Orders are not settled because the ledger refuses them.",
		"root_cause": "The ledger refuses to settle orders.", "category": "dependency", "culprit": null,
		"fix_kind": "operator-action", "next_steps": ["Look at the ledger's own log."], "injection_suspected": false}`, m[1])}
}

func TestModelThatFails(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply fakemodel.Reply
		// most is how many requests may be made in the first ten minutes of trouble.
		most int
	}{
		{"dead", fakemodel.Reply{Status: 503, Error: "overloaded"}, 20},
		{"slow", fakemodel.Reply{Hang: true}, 10},
		{"stalls in the middle", fakemodel.Reply{Stall: true}, 10},
		{"garbage", fakemodel.Reply{Raw: "<html>proxy login</html>", RawType: "text/html"}, 10},
		{"rate-limited", fakemodel.Reply{Status: 429, Error: "slow down", Header: map[string]string{"Retry-After": "300"}}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := fakemodel.InMemory(t, tc.reply)
				h := newHouse(t, modelYAML(fake))
				h.transport = fake.Transport()
				h.start()
				h.write("app.log", errorLines(3)...)
				advance(20 * time.Second)
				inc := h.only()
				if inc.Diagnosis == nil || inc.Diagnosis.Source != incident.SourceOffline {
					t.Fatalf("no offline diagnosis while the model fails: %+v", inc.Diagnosis)
				}
				if !strings.Contains(h.out.String(), inc.ID) {
					t.Errorf("people were not told:\n%s", h.out.String())
				}
				h.write("app.log", errorLines(5)...)
				advance(5 * time.Second)
				if n := h.only().Events; n != 8 {
					t.Errorf("%d events while the model fails, want 8: collecting waited for it", n)
				}
				advance(10 * time.Minute)
				inc = h.only()
				if inc.Diagnosis.Source != incident.SourceOffline || inc.Diagnosis.Degraded == "" {
					t.Errorf("the offline diagnosis does not say why there is no better one: %+v", inc.Diagnosis)
				}
				if n := len(fake.Requests()); n == 0 || n > tc.most {
					t.Errorf("%d requests in ten minutes of trouble, want 1 to %d", n, tc.most)
				}

				fake.Answer(goodAnswer)
				advance(55 * time.Minute)
				inc = h.only()
				if inc.Diagnosis.Source != "fake-1" || inc.Diagnosis.Category != "dependency" {
					t.Fatalf("the model answers again and was not asked: %+v", inc.Diagnosis)
				}
				asked := len(fake.Requests())
				h.write("app.log", errorLines(50)...)
				advance(10 * time.Minute)
				if n := len(fake.Requests()); n != asked {
					t.Errorf("%d more requests for a cluster that has its diagnosis", n-asked)
				}
				if n := h.only().Events; n != 58 {
					t.Errorf("%d events, want 58", n)
				}
			})
		})
	}
}

func TestModelIsAskedOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t)
		fake.Answer(goodAnswer)
		h := newHouse(t, modelYAML(fake)+"triggers: {resolve_after: 1h}\n")
		h.transport = fake.Transport()
		h.start()
		h.write("app.log", errorLines(300)...)
		advance(time.Minute)
		if n := len(fake.Requests()); n != 1 {
			t.Errorf("a storm of one cluster cost %d requests, want 1", n)
		}
		inc := h.only()
		calls, err := h.d.st.Calls(context.Background(), inc.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) != 1 || !strings.Contains(calls[0].Prompt, "ledger refused") || !strings.Contains(calls[0].Text, "claims") {
			t.Errorf("prompt and answer are not kept: %+v", calls)
		}

		// Resolved, then back: a new episode takes over what is known and asks nobody.
		advance(62 * time.Minute)
		if s := h.only().State; s != incident.StateResolved {
			t.Fatalf("silent for more than an hour and %s", s)
		}
		h.write("app.log", errorLines(1)...)
		advance(time.Minute)
		list := h.incidents(store.Filter{States: []incident.State{incident.StateDiagnosed}})
		if len(list) != 1 || list[0].Episode != 2 || list[0].Trigger != incident.TriggerReturned {
			t.Fatalf("no second episode: %+v", list)
		}
		if d := list[0].Diagnosis; d == nil || d.Source != "fake-1" {
			t.Errorf("the second episode does not take over the diagnosis: %+v", d)
		}
		if n := len(fake.Requests()); n != 1 {
			t.Errorf("%d requests for one cluster in two episodes, want 1", n)
		}
	})
}

func TestRestartGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\n")
		h.start()
		h.write("app.log", errorLines(10)...)
		advance(10 * time.Second)
		first := h.only()
		h.stop()
		h.write("app.log", errorLines(7)...)
		h.start()
		advance(10 * time.Second)
		again := h.only()
		if again.ID != first.ID || again.Events != 17 {
			t.Errorf("after a restart %s has %d events; before it was %s; want 17 in the same", again.ID, again.Events, first.ID)
		}
		if n := strings.Count(h.out.String(), first.ID); n != 1 {
			t.Errorf("told %d times of one opening:\n%s", n, h.out.String())
		}
	})
}

func TestStormIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\n")
		h.start()
		var lines []string
		for _, what := range strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima") {
			lines = append(lines, time.Now().UTC().Format("2006-01-02 15:04:05")+" ERROR "+what+" subsystem "+strings.Repeat(what+" ", 3)+"is broken")
		}
		h.write("app.log", lines...)
		advance(30 * time.Second)
		n := len(h.incidents(store.Filter{}))
		if n < 10 {
			t.Fatalf("%d incidents of 12 different errors", n)
		}
		if told := strings.Count(h.out.String(), "\n\n") + 1; told > 3 {
			t.Errorf("a storm of %d incidents was told in %d messages:\n%s", n, told, h.out.String())
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\n")
		h.start()
		h.write("app.log", errorLines(2)...)
		advance(10 * time.Second)

		good := h.yaml
		h.yaml = strings.Replace(good, "version: 1", "version: 1\ntriggers: {severity: loud}", 1)
		if err := h.d.Reload(t.Context()); err == nil {
			t.Error("a broken configuration was taken")
		}
		h.write("app.log", errorLines(2)...)
		advance(10 * time.Second)
		if n := h.only().Events; n != 4 {
			t.Errorf("%d events after a refused reload, want 4", n)
		}

		h.yaml = strings.Replace(good, "version: 1", "version: 1\ntriggers: {severity: warning}", 1)
		if err := h.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		advance(10 * time.Second)
		h.write("app.log", time.Now().UTC().Format("2006-01-02 15:04:05")+" WARN cache of tenant is nearly full")
		h.write("app.log", errorLines(2)...)
		advance(10 * time.Second)
		list := h.incidents(store.Filter{})
		if len(list) != 2 {
			t.Fatalf("%d incidents after the threshold went down to warning, want 2", len(list))
		}
		if n := list[0].Events + list[1].Events; n != 7 {
			t.Errorf("%d events over both, want 7", n)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "")
		h.yaml += fmt.Sprintf("services:\n- {name: app, match: {files: [%q]}, heartbeat: 10m}\n", h.dir+"/app.log")
		h.start()
		h.write("app.log", "2000-01-01 00:00:00 INFO alive")
		advance(9 * time.Minute)
		if n := len(h.incidents(store.Filter{})); n != 0 {
			t.Fatalf("%d incidents before the heartbeat is due", n)
		}
		advance(5 * time.Minute)
		inc := h.only()
		if inc.Trigger != incident.TriggerSilence || inc.Service != "app" || inc.Diagnosis == nil {
			t.Errorf("got %+v", inc)
		}
	})
}

func TestSpike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\n")
		h.start()
		for range 90 {
			h.write("app.log", errorLines(1)...)
			advance(time.Minute)
		}
		if strings.Contains(h.out.String(), " spike ") {
			t.Fatalf("one error a minute is told as a spike:\n%s", h.out.String())
		}
		for range 3 {
			h.write("app.log", errorLines(200)...)
			advance(time.Minute)
		}
		if n := strings.Count(h.out.String(), " spike "); n != 1 {
			t.Errorf("a spike of 200 a minute after one a minute was told %d times, want once:\n%s", n, h.out.String())
		}
		if inc := h.only(); inc.Trigger != incident.TriggerSpike || inc.Events != 690 {
			t.Errorf("trigger %s, %d events; want spike, 690", inc.Trigger, inc.Events)
		}
	})
}
