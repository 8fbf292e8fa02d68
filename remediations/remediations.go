// Package remediations runs what the operator allowed to be run, and nothing else.
//
// A Catalogue is what agent.yaml lists. Who chooses from it, a model or the built-in choice, gives a name and arguments;
// Bind makes the exact argument vectors of them or refuses. A Runner executes bound remediations that the gate granted.
//
// What keeps a stranger's text out of a command:
//   - The program is the operator's: the first element of a vector is a literal, there is no shell between, and an element
//     of the template stays one element, whatever is put into it. A parameter within a shell's script is refused.
//   - A value is one of the operator's enum, or in a range, or matches the whole of a pattern. It has no control characters
//     and does not begin with "-" unless the operator wrote it so.
//   - A value that matches a pattern, and by default one of an enum, is a target: it has to be, byte for byte, a fact that trusted
//     metadata ties to the incident. A remediation that aims at nothing by a parameter names its services instead
//     (mends.services), and the incident has to be one of theirs.
//
// What keeps anything from being run twice: an action has one run file, made with O_EXCL's guarantee before the command starts and
// never made again. After a crash Reconcile reads it and looks for the process; it runs nothing.
package remediations

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// CatalogueOptions is what New needs from outside. The zero value is fine.
type CatalogueOptions struct {
	// Services and Signatures are the names that mends may use. Nil is not checked.
	Services   []string
	Signatures []string
	// Redact takes secrets out of a chooser's text before it is quoted in a refusal. Nil leaves it as it is.
	Redact func(string) string
}

// Catalogue is the operator's list of remediations. It never changes, so it is safe for concurrent use.
type Catalogue struct {
	entries []*entry
	byName  map[string]*entry
	redact  func(string) string
}

// entry is a Config that was checked, with its templates read.
type entry struct {
	Config
	params                  map[string]param
	names                   []string // of params, sorted
	check, run, probe, undo []template
}

// param is a Param that was checked.
type param struct {
	Param
	target string         // a kind of incident.Tied, or TargetNone
	whole  *regexp.Regexp // Pattern, anchored at both ends
}

// New checks cs and makes a catalogue of them. The problems' paths are below `remediations`: "[0].run". With a problem there is
// no catalogue: what can't be trusted as a whole is not used in part.
func New(cs []Config, o CatalogueOptions) (*Catalogue, []incident.Problem) {
	c := &Catalogue{byName: make(map[string]*entry, len(cs)), redact: o.Redact}
	if c.redact == nil {
		c.redact = func(s string) string { return s }
	}
	var ps []incident.Problem
	if len(cs) > maxEntries {
		ps = append(ps, incident.Problemf("", "%d remediations are more than %d", len(cs), maxEntries))
	}
	for i, conf := range cs {
		at := fmt.Sprintf("[%d]", i)
		e, found := read(conf)
		found = append(found, unknownNames("mends.services", "service", conf.Mends.Services, o.Services)...)
		found = append(found, unknownNames("mends.signatures", "signature", conf.Mends.Signatures, o.Signatures)...)
		if _, twice := c.byName[conf.Name]; twice && conf.Name != "" {
			found = append(found, incident.Problemf("name", "there are two remediations named %q", conf.Name).
				WithHint("rules, limits and approvals know a remediation by its name"))
		}
		ps = append(ps, incident.Under(at, found)...)
		c.entries = append(c.entries, e)
		c.byName[conf.Name] = e
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return c, nil
}

func unknownNames(path, what string, names, known []string) []incident.Problem {
	if known == nil {
		return nil
	}
	var ps []incident.Problem
	for i, n := range names {
		if !slices.Contains(known, n) {
			p := incident.Problemf(fmt.Sprintf("%s[%d]", path, i), "there is no %s %q", what, n)
			if near := incident.Nearest(n, known); near != "" {
				p = p.WithHint("did you mean %q?", near)
			}
			ps = append(ps, p)
		}
	}
	return ps
}

// Names lists the remediations in the order of agent.yaml.
func (c *Catalogue) Names() []string {
	var out []string
	for _, e := range c.entries {
		out = append(out, e.Name)
	}
	return out
}

// maxValues is how many values are offered for a parameter one by one.
const maxValues = 50

// Options lists what can be chosen for an incident with these tied facts, in the order of agent.yaml: only remediations that
// would bind, and of a target's values only those that are tied. Nil lists the whole catalogue with all its values.
func (c *Catalogue) Options(tied incident.Tied) []incident.RemedyOption {
	var out []incident.RemedyOption
	for _, e := range c.entries {
		if tied != nil {
			if _, ok := e.service(tied); !ok {
				continue
			}
		}
		o := incident.RemedyOption{Name: e.Name, Description: e.Description, Risk: e.Risk}
		possible := true
		for _, name := range e.names {
			p := e.params[name]
			rp := incident.RemedyParam{Name: name}
			switch {
			case p.Min != nil:
				rp.Form = fmt.Sprintf("an integer from %d to %d", *p.Min, *p.Max)
			case tied != nil && p.target != TargetNone:
				for _, t := range p.fitting(tied) {
					rp.Values = append(rp.Values, t.Value)
				}
				possible = possible && len(rp.Values) > 0
			case len(p.Enum) > 0:
				rp.Values = slices.Clone(p.Enum)
			default:
				rp.Form = fmt.Sprintf("the name of a %s that matches %s", p.target, p.Pattern)
			}
			if len(rp.Values) > maxValues {
				rp.Form = fmt.Sprintf("one of %d values, such as these", len(rp.Values))
				rp.Values = rp.Values[:maxValues]
			}
			o.Params = append(o.Params, rp)
		}
		if possible {
			out = append(out, o)
		}
	}
	return out
}

// fitting gives the tied facts that may be the parameter's value, each value once.
func (p param) fitting(tied incident.Tied) []incident.TiedValue {
	var out []incident.TiedValue
	for _, t := range tied[p.target] {
		if p.accepts(t.Value) == "" && !slices.ContainsFunc(out, func(o incident.TiedValue) bool { return o.Value == t.Value }) {
			out = append(out, t)
		}
	}
	return out
}

// service gives the tied service that the remediation is for; true where it is for any.
func (e *entry) service(tied incident.Tied) (incident.TiedValue, bool) {
	if len(e.Mends.Services) == 0 {
		return incident.TiedValue{}, true
	}
	for _, t := range tied[incident.TiedService] {
		if slices.Contains(e.Mends.Services, t.Value) {
			return t, true
		}
	}
	return incident.TiedValue{}, false
}

// riskOrder is low first.
func riskOrder(risk string) int { return slices.Index(Risks(), risk) }

// list writes names for a message: "a, b and 3 more".
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
