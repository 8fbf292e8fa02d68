package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// stepsOf explains a log with the steps.
func stepsOf(t *testing.T, cfg *config.Config, log string) (events []Explained, steps [][]incident.Step) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &OneShot{Config: cfg, Files: []string{file}, Steps: true}
	if err := o.Explain(t.Context(), func(x Explained) error {
		steps = append(steps, x.Steps())
		x.Record = *x.Record.Clone()
		events = append(events, x)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return events, steps
}

var stageOrder = []string{
	incident.StageTransport, incident.StageFormat, incident.StageHeader, incident.StageJoining, incident.StageSeverity, incident.StageStack,
	incident.StageMessage, incident.StageCluster, incident.StageService, incident.StageTrigger,
}

// TestStepsAgree holds what the steps say against the events they are of.
func TestStepsAgree(t *testing.T) {
	var log strings.Builder
	for i := range 300 {
		switch i % 6 {
		case 0:
			log.WriteString("2026-03-01 10:00:00 ERROR request 17 failed\n")
		case 1:
			log.WriteString("Traceback (most recent call last):\n  File \"/srv/app/views.py\", line 10, in show\n    return items[key]\nKeyError: 'a'\n")
		case 2:
			log.WriteString("2026-03-01 10:00:00 INFO the import of " + strings.Repeat("x", i%19+1) + " ended\n")
		case 3:
			log.WriteString("2026-03-01 10:00:00 WARN slow\nsomething loose\n")
		case 4:
			log.WriteString(`10.0.0.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 50` + string(rune('0'+i%4)) + " 12\n")
		case 5:
			log.WriteString(`{"level":"fatal","msg":"gone"` + []string{"}", ""}[i%2] + "\n")
		}
	}
	cfg := config.Default()
	events, steps := stepsOf(t, cfg, log.String())
	requests := 0
	for n := range events {
		x, at := &events[n], 0
		seen := map[string]bool{}
		for i, s := range steps[n] {
			k := slices.Index(stageOrder, s.Stage)
			if k < at {
				t.Fatalf("%s stands behind %s", s.Stage, stageOrder[at])
			}
			at = k
			first := !seen[s.Stage]
			seen[s.Stage] = true
			if s.Problem != "" && !slices.Contains([]string{
				incident.StageTransport, incident.StageFormat, incident.StageHeader, incident.StageJoining, incident.StageSeverity, incident.StageStack,
			}, s.Stage) {
				t.Errorf("%q of %s is not in Record.Steps, where failures are looked for", s.Problem, s.Stage)
			}
			switch {
			case !first:
			case s.Stage == incident.StageSeverity && s.Detail != x.Record.Severity.String(),
				s.Stage == incident.StageService && s.Detail != `"`+x.Record.Service+`"`,
				s.Stage == incident.StageCluster && s.Detail != x.Cluster+` "`+x.Template+`"`:
				t.Errorf("%+v\nof %+v", steps[n][i], x.Record)
			case s.Stage == incident.StageTrigger:
				opens := strings.HasPrefix(s.Detail, "opens")
				switch {
				case isRequest(&x.Record):
					requests++
					if opens {
						t.Errorf("one request opens nothing: %+v", s)
					}
				case opens != (cluster.Decide(cluster.Situation{Severity: x.Record.Severity, Threshold: cfg.Triggers.Severity}) != ""):
					t.Errorf("%s of %+v", s.Detail, x.Record)
				}
			}
		}
		for _, stage := range stageOrder {
			if !seen[stage] && (stage != incident.StageStack || len(x.Record.Frames) > 0) {
				t.Errorf("no %s: %+v", stage, x.Record)
			}
		}
	}
	if requests == 0 {
		t.Error("no request was among them")
	}
}

// TestStepsOfServices: the operator's match, the heartbeat, and a threshold of the operator's.
func TestStepsOfServices(t *testing.T) {
	cfg := config.Default()
	cfg.Services = []config.Service{{Name: "api", Match: config.Match{Files: []string{"/**/app.log"}}, Heartbeat: time.Minute}}
	cfg.Triggers.Severity = incident.SeverityFatal
	_, steps := stepsOf(t, cfg, "2026-03-01 10:00:00 ERROR no\n")
	var got []string
	for _, s := range steps[0] {
		if s.Stage == incident.StageService || s.Stage == incident.StageTrigger {
			got = append(got, s.Detail+": "+s.Because+" -> "+s.Change)
		}
	}
	want := []string{
		`"api": services[0].match -> `,
		"none, but for a spike of it: its severity is error, and problems are fatal and worse -> more: triggers: {severity: error}",
		`a sign of life: the heartbeat of "api" is 1m0s: no line for longer opens an incident -> `,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
