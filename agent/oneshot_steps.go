package agent

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// A stepper says what became of an event behind the joiner, whose steps the record has: what is variable in its message, which
// cluster and service it belongs to, and what it would trigger.
type stepper struct {
	cfg      *config.Config
	clusters *cluster.Explainer
}

// most parts of a message, and bytes of a quotation, that an explanation has.
const (
	mostSpans  = 24
	mostQuoted = 120
)

func quoted(s string) string {
	if len(s) > mostQuoted {
		s = incident.CutText(s, mostQuoted) + "…"
	}
	return `"` + s + `"`
}

// Steps says how the event came about, where OneShot.Steps asked for it. It may be called only while Explain gives x. Whatever
// can fail or be guessed is in x.Record.Steps already, which costs less: those are the steps of reading.
func (x *Explained) Steps() []incident.Step {
	s := x.after
	if s == nil {
		return nil
	}
	e := s.clusters.Explain(&x.Record, x.ref)
	out := append(slices.Clip(x.Record.Steps), stackSteps(&x.Record, &e)...)
	out = append(out, messageSteps(&x.Record, &e)...)
	out = append(out, s.clusterStep(x, &e), s.serviceStep(&x.Record))
	return append(out, s.triggerSteps(&x.Record)...)
}

func stackSteps(r *incident.Record, e *cluster.Explanation) []incident.Step {
	if len(e.Frames) == 0 {
		return nil
	}
	names := make([]string, 0, len(e.Frames))
	own := true
	for _, i := range e.Frames {
		f := &r.Frames[i]
		name := f.Function
		if name == "" {
			name = f.File
		}
		names = append(names, quoted(name))
		own = own && f.InApp
	}
	s := incident.Step{
		Stage: incident.StageStack, Result: incident.StepDone, Detail: "known again by " + strings.Join(names, ", "),
		Because: "the nearest frames of the service's own, without line numbers and what a build makes up",
	}
	if !own {
		s.Because = "no frame is the service's own, so the nearest ones, without line numbers"
	}
	return []incident.Step{s}
}

func messageSteps(r *incident.Record, e *cluster.Explanation) []incident.Step {
	first := incident.Step{Stage: incident.StageMessage, Result: incident.StepDone, Detail: "masked: " + quoted(e.Signature)}
	if e.Cut > 0 {
		first.Because = fmt.Sprintf("only its first %d bytes are looked at", e.Cut)
	}
	if len(e.Spans) == 0 {
		first.Detail, first.Because = quoted(e.Signature), join(first.Because, "nothing in it looks variable")
		first.Change = "what you know to be variable: clustering: {masks: [{name: id, pattern: '...'}]}"
	}
	out, pin := []incident.Step{first}, ""
	for i, sp := range e.Spans {
		if i == mostSpans {
			out = append(out, incident.Step{Stage: incident.StageMessage, Result: incident.StepDone, Detail: fmt.Sprintf("%d parts more", len(e.Spans)-i)})
			break
		}
		text := quoted(r.Message[sp.From:sp.To])
		s := incident.Step{Stage: incident.StageMessage, Result: incident.StepDone, Detail: text + " is variable", Because: sp.Rule}
		switch {
		case sp.Kept:
			s.Detail = text + " is kept"
		case sp.Shown:
			s.Because += "; the template shows it, since it had no other value so far"
		}
		if !sp.Kept && pin == "" && sp.To-sp.From > 1 && sp.To-sp.From <= mostQuoted {
			pin = yamlQuoted(r.Message[sp.From:sp.To])
			out[0].Change = "a part that tells events apart: clustering: {pins: [" + pin + "]}"
		}
		out = append(out, s)
	}
	return out
}

// yamlQuoted gives s as agent.yaml would have it.
func yamlQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func (s *stepper) clusterStep(x *Explained, e *cluster.Explanation) incident.Step {
	st := incident.Step{Stage: incident.StageCluster, Result: incident.StepDone, Detail: x.Cluster + " " + quoted(x.Template)}
	if !e.Known {
		st.Because = "it was dropped from memory to make room for others; its id stays"
		st.Change = fmt.Sprintf("room for more: limits: {clusters: %d}", max(2*s.cfg.Limits.Clusters, 2*cluster.DefaultMaxClusters))
		return st
	}
	st.Because = fmt.Sprintf("%s of %s", plural(int64(e.Events), "event", "events"), plural(int64(e.Signatures), "masked form", "masked forms"))
	if came := x.ref.String(); came != x.Cluster {
		st.Because += "; this event made " + came + ", which was merged into it later"
	}
	if e.Aliases > 0 {
		names := strings.Join(e.Merged, ", ")
		if more := e.Aliases - len(e.Merged); more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		st.Because += "; merged into it: " + names
	}
	return st
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (s *stepper) serviceStep(r *incident.Record) incident.Step {
	st := incident.Step{Stage: incident.StageService, Result: incident.StepDone, Detail: quoted(r.Service)}
	unit := r.Trusted["_SYSTEMD_UNIT"]
	name, match := s.cfg.ServiceBy(r.File, unit)
	switch {
	case name != r.Service:
		st.Because = "its source says so"
	case match >= 0:
		st.Because = fmt.Sprintf("services[%d].match", match)
		return st
	case unit != "":
		st.Because = "the unit's name"
	case r.File == Stdin:
		st.Because = "standard input"
	default:
		st.Because = "the file's name"
	}
	if file, err := filepath.Abs(r.File); err == nil && r.File != Stdin {
		if len(s.cfg.Services) > 0 && !filepath.IsAbs(r.File) {
			st.Because += ", since services[].match.files are for absolute paths"
		}
		st.Change = fmt.Sprintf("services: [{name: api, match: {files: [%s]}}]", yamlQuoted(file))
	}
	return st
}

func (s *stepper) triggerSteps(r *incident.Record) []incident.Step {
	t := &s.cfg.Triggers
	st := incident.Step{Stage: incident.StageTrigger, Result: incident.StepDone}
	decided := cluster.Decide(cluster.Situation{At: r.Time, Severity: r.Severity, Threshold: t.Severity})
	switch {
	case isRequest(r) && r.HTTPStatus >= 500:
		st.Detail = "none by itself"
		st.Because = fmt.Sprintf("the daemon judges requests by their rate: %d in five minutes, and %g %% of the service's, have to be answered with 5xx",
			t.HTTP.Failures, t.HTTP.Percent)
		st.Change = "triggers: {http: {failures: 1, percent: 0}}"
		if t.HTTP.Failures == 0 {
			st.Because = "triggers.http.failures is 0"
		}
	case isRequest(r):
		st.Detail, st.Because = "none", "a request that did not fail"
		st.Result = incident.StepNone
	case decided == incident.TriggerNew:
		st.Detail = "opens an incident where the cluster is new, or back after its last one was resolved"
		st.Because = fmt.Sprintf("its severity is %s, and problems are %s and worse", r.Severity, t.Severity)
		st.Change = "less: triggers: {severity: fatal}"
		if t.Severity == incident.SeverityFatal {
			st.Change = ""
		}
	default:
		st.Detail = "none"
		st.Result = incident.StepNone
		if r.Severity >= incident.SeverityWarning && t.Spike != config.SpikeOff {
			st.Detail, st.Result = "none, but for a spike of it", incident.StepDone
		}
		st.Because = fmt.Sprintf("its severity is %s, and problems are %s and worse", r.Severity, t.Severity)
		st.Change = fmt.Sprintf("more: triggers: {severity: %s}", max(r.Severity, incident.SeverityTrace))
		if r.Severity <= incident.SeverityInfo {
			st.Change = ""
		}
	}
	out := []incident.Step{st}
	if _, service, ok := s.cfg.ServiceConfigured(r.Service); ok && service.Heartbeat > 0 {
		out = append(out, incident.Step{
			Stage: incident.StageTrigger, Result: incident.StepDone, Detail: "a sign of life",
			Because: fmt.Sprintf("the heartbeat of %s is %s: no line for longer opens an incident", quoted(r.Service), service.Heartbeat),
		})
	}
	return out
}
