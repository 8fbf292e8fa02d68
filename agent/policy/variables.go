package policy

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Variable is one thing that a condition may look at.
type Variable struct{ Name, Type, Meaning string }

// The types of variables, as they are documented.
const (
	typeString  = "string"
	typeInt     = "int"
	typeFloat   = "float"
	typeBool    = "bool"
	typeStrings = "list of strings"
	typeMap     = "map of strings"
)

// Variables lists what a condition may look at, in the order it is documented. A variable that does not fit the kind of a
// proposal is there all the same: "", 0, false or empty.
func Variables() []Variable {
	return []Variable{
		{"kind", typeString, `what is proposed: "pull-request", "remediation", or "comment" on a pull request that is open`},
		{"action", typeString, `the name of the remediation, or "pull-request" or "comment"`},
		{"service", typeString, "the service that the incident is about"},
		{"cluster", typeString, `the id of the cluster: "lw-" and 12 characters`},
		{"incident", typeString, "the id of the incident: the cluster, a dot, the episode"},
		{"episode", typeInt, "how often the cluster has become an incident, from 1"},
		{"severity", typeString, `the worst severity: "trace", "debug", "info", "warning", "error" or "fatal"; see at_least`},
		{"trigger", typeString, `why the incident was opened: "new", "spike", "returned", "silence", "mix" or "requests"`},
		{"category", typeString, "the kind of cause, one of the diagnosis' categories"},
		{"fix_kind", typeString, "the kind of remedy, one of the diagnosis' kinds"},
		{"confidence", typeFloat, "the diagnosis' confidence, from 0 to 1; computed from its evidence, never a model's own word"},
		{"events", typeInt, "how many problem events the episode had when this was proposed"},
		{"flagged", typeBool, "the log text looks like instructions to a model; whatever is flagged is asked of a person at least"},
		{"source", typeString, `who diagnosed: the model's name, or "offline"`},
		{"offline", typeBool, "no model had a part in the diagnosis"},
		{"verified", typeBool, "pull request: the operator's commands passed before, and pass with the change"},
		{"reproduced", typeBool, "pull request: a test of the change failed without the fix"},
		{"files", typeStrings, "pull request: the paths it changes"},
		{"added", typeInt, "pull request: how many lines it adds"},
		{"removed", typeInt, "pull request: how many lines it removes"},
		{"tests", typeInt, "pull request: how many of the files only test"},
		{"rounds", typeInt, "pull request: how often the model was asked for the change"},
		{"risk", typeString, `remediation: "low", "medium" or "high", from the catalogue`},
		{"reversible", typeBool, "remediation: it can be undone, says the catalogue"},
		{"args", typeMap, `remediation: its arguments, such as args.unit; "" for one that is not there`},
		{"targets", typeStrings, `remediation: what it is aimed at, such as "unit=api.service"`},
	}
}

// values gives the variables for a proposal.
func values(pr *incident.Proposal) map[string]any {
	_, episode, err := incident.SplitID(pr.Incident)
	if err != nil {
		episode = 0
	}
	f := pr.Facts
	v := map[string]any{
		"kind": string(pr.Kind), "action": pr.Action(), "service": pr.Service, "cluster": pr.Cluster, "incident": pr.Incident,
		"episode": episode, "severity": f.Severity.String(), "trigger": string(f.Trigger), "category": string(f.Category),
		"fix_kind": string(f.FixKind), "confidence": f.Confidence, "events": int(f.Events), "flagged": f.Flagged,
		"source": f.Source, "offline": f.Source == incident.SourceOffline,
		"verified": false, "reproduced": false, "files": []string{}, "added": 0, "removed": 0, "tests": 0, "rounds": 0,
		"risk": "", "reversible": false, "args": map[string]string{}, "targets": []string{},
	}
	if c := pr.Change; c != nil && pr.Kind != incident.KindRemediation {
		v["verified"], v["reproduced"], v["files"] = c.Verified, c.Reproduced, append([]string{}, c.Files...)
		v["added"], v["removed"], v["tests"], v["rounds"] = c.Added, c.Removed, len(c.Tests), c.Rounds
	}
	if r := pr.Remedy; r != nil && pr.Kind == incident.KindRemediation {
		args := make(map[string]string, len(r.Args))
		for k, a := range r.Args {
			args[k] = a
		}
		targets := make([]string, len(r.Targets))
		for i, t := range r.Targets {
			// "unit=api.service (_SYSTEMD_UNIT)": how it is known is for people.
			if j := strings.LastIndex(t, " ("); j > 0 && strings.HasSuffix(t, ")") {
				t = t[:j]
			}
			targets[i] = t
		}
		v["risk"], v["reversible"], v["args"], v["targets"] = r.Risk, r.Reversible, args, targets
	}
	return v
}

// closed lists, for the variables that can only have certain values, which ones: comparing one with anything else is a typo.
// action is closed only where the catalogue's names are known.
func closed(remediations []string) map[string][]string {
	strs := func(in ...string) []string { return in }
	c := map[string][]string{
		"kind":     strs(string(incident.KindPullRequest), string(incident.KindRemediation), string(incident.KindComment)),
		"severity": severities(),
		"trigger":  triggers(),
		"category": nil,
		"fix_kind": nil,
		// A pull request has no risk.
		"risk": strs("low", "medium", "high", ""),
	}
	for _, k := range incident.Categories {
		c["category"] = append(c["category"], string(k))
	}
	for _, k := range incident.FixKinds {
		c["fix_kind"] = append(c["fix_kind"], string(k))
	}
	if remediations != nil {
		c["action"] = append(strs(string(incident.KindPullRequest), string(incident.KindComment)), remediations...)
	}
	return c
}

func severities() []string {
	var out []string
	for s := incident.SeverityTrace; s <= incident.SeverityFatal; s++ {
		out = append(out, s.String())
	}
	return out
}

func triggers() []string {
	var out []string
	for _, t := range incident.Triggers() {
		out = append(out, string(t))
	}
	return out
}
