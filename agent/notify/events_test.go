package notify

import (
	"maps"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// redactTest takes out what the tests call a secret, and marks that it was there.
func redactTest(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") }

func poolIncident() *incident.Incident {
	return &incident.Incident{
		ID: "lw-2fa7k3q9xw5m.1", Clusters: []string{"lw-2fa7k3q9xw5m"}, Episode: 1, Title: "api: SQLTransientConnectionException in OrderRepository.find",
		Service: "api", Severity: incident.SeverityError, State: incident.StateOpen, Trigger: incident.TriggerNew,
		Events: 17, FirstSeen: t0.Add(-90 * time.Second), LastSeen: t0.Add(-time.Second), OpenedAt: t0, UpdatedAt: t0,
		Template: "HikariPool-<*> - Connection is not available, request timed out after <*>",
		Samples: []incident.Sample{{Cluster: "lw-2fa7k3q9xw5m", Record: incident.Record{
			Source: "files", File: "/var/log/api.log", FirstLine: 812, LastLine: 814,
			Raw: "12:00:01 ERROR HikariPool-1 - Connection is not available, password=hunter2\n\tat com.shop.OrderRepository.find(OrderRepository.java:41)\n\tat com.shop.Api.get(Api.java:7)",
		}}},
		Release: &incident.Release{Service: "api", Version: "1.4.2", At: t0.Add(-time.Hour)},
	}
}

func diagnosed() *incident.Incident {
	i := poolIncident()
	i.State = incident.StateDiagnosed
	i.Simulated = true
	i.Diagnosis = &incident.Diagnosis{
		Summary: "The connection pool of api is exhausted.", RootCause: "find() takes a connection and does not give it back when the query fails.",
		Category: "resource-exhaustion", Confidence: 0.824, Culprit: &incident.Culprit{File: "OrderRepository.java", Line: 41, Function: "find"},
		Evidence: []incident.Evidence{
			{ID: "E1", Source: "/var/log/api.log", Line: 812, Quote: "Connection is not available, password=hunter2"},
			{ID: "E2", Source: "journal", Quote: "too many clients already"},
		},
		FixKind: "code-patch", NextSteps: []string{"Close the connection in a finally block.", "Until then, restart api.service."},
		Source: "gpt-x", DroppedClaims: 1, At: t0,
	}
	return i
}

// hostile has everything in every field that a stranger can reach.
func hostile() *incident.Incident {
	const evil = "*bold* _it_ ~no~ `code` ```fence``` <!channel> <!here> @everyone @here <@U024BE7LH> <https://evil.example|click> " +
		"https://evil.example/x?a=1&b=2 &lt;!channel&gt; :fire: \x1b[2J\x1b]8;;https://evil\x07 \u202edesrever\u202c \u200bzero\ufeff \xff\xfe\r\n# heading\n> quote\n[link](https://evil)"
	i := diagnosed()
	i.Title = "checkout: error"
	i.Service = evil
	i.Flagged, i.FlagReason = true, "text addressed to an assistant"
	i.Template = evil
	i.Samples[0].Record.Raw = evil
	i.Samples[0].Record.File = evil
	i.Release.Version = evil
	d := i.Diagnosis
	d.Summary, d.RootCause, d.Source, d.Degraded = evil, evil, evil, evil
	d.Category = incident.Category(evil)
	d.Culprit = &incident.Culprit{File: evil, Line: 1, Function: evil}
	d.Evidence[0].Source, d.Evidence[0].Quote = evil, evil
	d.NextSteps = []string{evil}
	return i
}

// cases are the events of the golden files.
func cases() map[string]incident.Event {
	event := func(kind incident.EventKind, i *incident.Incident) incident.Event {
		return incident.Event{ID: "01JNF8E5G0AAAAAAAAAAAAAAAA", Kind: kind, At: t0, Incident: i}
	}
	resent := event(incident.EventReturned, poolIncident())
	resent.Resend = true
	resolved := diagnosed()
	resolved.State, resolved.Simulated = incident.StateResolved, false
	worse := event(incident.EventWorse, diagnosed())
	worse.Incident.Simulated, worse.Was = false, incident.SeverityDebug
	silent := poolIncident()
	silent.Samples, silent.Template, silent.Events, silent.Release = nil, "", 0, nil
	silent.Title, silent.Trigger = "api: silent", incident.TriggerSilence
	silence := event(incident.EventSilence, silent)
	silence.Text = "nothing was heard of api for 10m; its heartbeat is 5m"
	requests := poolIncident()
	requests.Title, requests.Trigger, requests.Template = "web: too many requests answered with 5xx", incident.TriggerRequests, "(the share of 5xx in the requests of this service)"
	requests.Reason = &incident.Reason{
		Text:      "37 of 1,200 requests were answered with 5xx (3.1 %) in the 5 minutes from 2026-03-01T12:00:00Z; 0.08 % is usual, more than 1.0 % is too much",
		Statistic: "s", Observed: 0.031, Expected: 0.0008, Threshold: 0.01, From: t0, Window: 300,
	}
	merged := event(incident.EventMerged, resolved)
	merged.Text = "the same problem as lw-aaaaaaaaaaaa.1, which goes on and has its events now: 17"
	hostileOpen := hostile()
	hostileOpen.Diagnosis = nil
	var many []incident.Event
	for i := range 25 {
		inc := poolIncident()
		inc.ID, inc.Events, inc.Title = incident.MakeID("lw-aaaaaaaaaaa"+string(rune('a'+i)), 1), int64(i), "api: error "+string(rune('a'+i))
		inc.Flagged = i == 3
		if i == 7 {
			inc.Severity = incident.SeverityFatal
		}
		many = append(many, incident.Event{ID: "01JNF8E5G0AAAAAAAAAAAAAAA" + string(rune('A'+i)), Kind: incident.EventOpened, At: t0, Incident: inc})
	}
	all := map[string]incident.Event{
		"opened":         event(incident.EventOpened, poolIncident()),
		"diagnosed":      event(incident.EventDiagnosed, diagnosed()),
		"resent":         resent,
		"worse":          worse,
		"resolved":       event(incident.EventResolved, resolved),
		"silence":        silence,
		"requests":       event(incident.EventOpened, requests),
		"merged":         merged,
		"hostile":        event(incident.EventDiagnosed, hostile()),
		"hostile-opened": event(incident.EventOpened, hostileOpen),
		"storm":          Group(many, 5)[0],
		"gap":            {ID: "01JNF8E5G0AAAAAAAAAAAAAAAB", Kind: incident.EventGap, At: t0, Text: "/var/log/api.log was cut (copytruncate): 4096 bytes may be missing"},
		"degraded":       {ID: "01JNF8E5G0AAAAAAAAAAAAAAAC", Kind: incident.EventDegraded, At: t0, Text: "the model gpt-x does not answer; the built-in signatures do"},
		"unknown-kind":   {ID: "01JNF8E5G0AAAAAAAAAAAAAAAD", Kind: "novel\x1b[31m", At: t0, Text: "<!channel>"},
		"empty":          {},
	}
	maps.Copy(all, actingCases())
	return all
}
