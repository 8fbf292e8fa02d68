package remediations

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// RefusedError says why a choice was not bound, in Logwright's own words: what a chooser wrote is cut, and quoted so that it
// is plain ASCII on one line.
type RefusedError struct {
	// Remedy is the remediation's name where there is one of that name. Param is the parameter it is about, "" where none.
	Remedy string
	Param  string
	Reason string
}

func (e *RefusedError) Error() string {
	switch {
	case e.Remedy == "":
		return "refused: " + e.Reason
	case e.Param == "":
		return "refused " + e.Remedy + ": " + e.Reason
	}
	return "refused " + e.Remedy + ": " + e.Param + ": " + e.Reason
}

// quote makes a stranger's text fit for a message.
func (c *Catalogue) quote(s string) string {
	const most = 60
	// A value of any length costs redaction of a little only; what is cut off before is not shown.
	s = c.redact(incident.CutText(s, 8<<10))
	if short := incident.CutText(s, most); len(short) < len(s) {
		return strconv.QuoteToASCII(short) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// Bind makes a choice exact: the remediation with its arguments put in, or a *RefusedError. Tied are the facts of the
// incident that it may be aimed at; where two facts name the same value the first is the one that is stated.
func (c *Catalogue) Bind(choice incident.RemedyChoice, tied incident.Tied) (incident.Remedy, error) {
	e, ok := c.byName[choice.Name]
	if !ok {
		reason := "the catalogue has no remediation named " + c.quote(choice.Name)
		if len(c.entries) > 0 {
			reason += "; it has " + list(c.Names())
		}
		return incident.Remedy{}, &RefusedError{Reason: reason}
	}
	refuse := func(param, format string, args ...any) (incident.Remedy, error) {
		return incident.Remedy{}, &RefusedError{Remedy: e.Name, Param: param, Reason: fmt.Sprintf(format, args...)}
	}
	// In the order of names, so that the same choice is always refused with the same words.
	for _, name := range slices.Sorted(maps.Keys(choice.Args)) {
		if _, ok := e.params[name]; !ok {
			return refuse("", "it takes no parameter %s", c.quote(name))
		}
	}
	var targets []string
	if s, ok := e.service(tied); !ok {
		return refuse("", "it is for %s only, and the incident is of %s", list(e.Mends.Services), named(tied, incident.TiedService))
	} else if s.Value != "" {
		targets = append(targets, target(incident.TiedService, s))
	}
	args := make(map[string]string, len(e.names))
	for _, name := range e.names {
		p := e.params[name]
		v, given := choice.Args[name]
		if !given {
			return refuse(name, "no value was given")
		}
		if why := p.accepts(v); why != "" {
			return refuse(name, "%s can't be given: %s", c.quote(v), why)
		}
		args[name] = strings.Clone(v)
		if p.target == TargetNone {
			continue
		}
		i := slices.IndexFunc(tied[p.target], func(t incident.TiedValue) bool { return t.Value == v })
		if i < 0 {
			return refuse(name, "%s is not tied to the incident: its trusted metadata names %s", c.quote(v), named(tied, p.target))
		}
		if t := target(p.target, tied[p.target][i]); !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	return incident.Remedy{
		Name: e.Name, Args: args, Risk: e.Risk, Reversible: e.Reversible,
		Check: renderAll(e.check, args), Run: renderAll(e.run, args), Probe: renderAll(e.probe, args), Undo: renderAll(e.undo, args),
		Timeout: e.Timeout, Silence: e.Verify.Silence, Targets: targets,
	}, nil
}

// Confirm says whether the catalogue would bind r today exactly as it is: agent.yaml may have changed while a proposal waited
// for a person. The error is a *RefusedError.
func (c *Catalogue) Confirm(r incident.Remedy, tied incident.Tied) error {
	now, err := c.Bind(incident.RemedyChoice{Name: r.Name, Args: r.Args}, tied)
	if err != nil {
		return err
	}
	// Where a tie is stated from may differ after a reload; what is done may not.
	now.Targets, r.Targets = nil, nil
	if len(now.Args) == 0 && len(r.Args) == 0 {
		now.Args, r.Args = nil, nil
	}
	if !reflect.DeepEqual(now, r) {
		return &RefusedError{Remedy: now.Name, Reason: "agent.yaml says something else about it than when it was proposed; it has to be proposed again"}
	}
	return nil
}

// target is one entry of Remedy.Targets. It has the kind of the fact, not the parameter's name, so that rules of the policy can
// ask for a unit whatever the parameter is called.
func target(kind string, t incident.TiedValue) string {
	if t.From == "" {
		return kind + "=" + t.Value
	}
	return kind + "=" + t.Value + " (" + t.From + ")"
}

// named lists what is tied of a kind, for a message.
func named(tied incident.Tied, kind string) string {
	var names []string
	for _, t := range tied[kind] {
		if q := strconv.QuoteToASCII(incident.CutText(t.Value, 80)); !slices.Contains(names, q) {
			names = append(names, q)
		}
	}
	if len(names) == 0 {
		return "no " + kind
	}
	return list(names)
}

// Suggest is the built-in choice: the remediations that mend the incident's diagnosis, the least risk first and then in the
// order of agent.yaml, each with the only values that fit. Where a parameter's value would have to be chosen, or nothing but
// a service is named under mends, there is none: that is for a model or a person. Each suggestion would be bound.
func (c *Catalogue) Suggest(inc incident.Incident, tied incident.Tied) []incident.RemedyChoice {
	d := inc.Diagnosis
	if d == nil {
		return nil
	}
	sorted := slices.Clone(c.entries)
	slices.SortStableFunc(sorted, func(a, b *entry) int { return riskOrder(a.Risk) - riskOrder(b.Risk) })
	var out []incident.RemedyChoice
	for _, e := range sorted {
		why, ok := e.mendsDiagnosis(d)
		if !ok {
			continue
		}
		args, ok := e.only(tied)
		if !ok {
			continue
		}
		choice := incident.RemedyChoice{Name: e.Name, Args: args, Why: why, Source: incident.SourceOffline}
		if _, err := c.Bind(choice, tied); err == nil {
			out = append(out, choice)
		}
	}
	return out
}

// mendsDiagnosis says that the operator listed the diagnosis, and as what.
func (e *entry) mendsDiagnosis(d *incident.Diagnosis) (string, bool) {
	m := e.Mends
	var why []string
	for _, l := range []struct {
		what, has string
		list      []string
	}{
		{"signature", d.Signature, m.Signatures}, {"category", string(d.Category), m.Categories}, {"fix kind", string(d.FixKind), m.FixKinds},
	} {
		if len(l.list) == 0 {
			continue
		}
		if l.has == "" || !slices.Contains(l.list, l.has) {
			return "", false
		}
		why = append(why, l.what+" "+l.has)
	}
	if len(why) == 0 {
		return "", false
	}
	return "the catalogue lists it for " + strings.Join(why, " and "), true
}

// only gives the arguments where there is no choice.
func (e *entry) only(tied incident.Tied) (map[string]string, bool) {
	args := make(map[string]string, len(e.names))
	for _, name := range e.names {
		p := e.params[name]
		switch {
		case p.target != TargetNone:
			fitting := p.fitting(tied)
			if len(fitting) != 1 {
				return nil, false
			}
			args[name] = fitting[0].Value
		case len(p.Enum) == 1:
			args[name] = p.Enum[0]
		case p.Min != nil && *p.Min == *p.Max:
			args[name] = strconv.Itoa(*p.Min)
		default:
			return nil, false
		}
	}
	return args, true
}
