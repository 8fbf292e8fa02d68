package remediations

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// Bounds of what agent.yaml may say.
const (
	maxEntries  = 1000
	maxArgs     = 64
	maxElement  = 4 << 10 // bytes of one element of an argument vector
	maxEnum     = 1000
	maxValue    = 512 // bytes of a value
	maxPattern  = 1000
	maxDescribe = 1000
)

var (
	entryName = regexp.MustCompile(`\A[a-z][a-z0-9-]{0,62}\z`)
	paramName = regexp.MustCompile(`\A[a-z][a-z0-9_]{0,31}\z`)
	program   = regexp.MustCompile(`\A[A-Za-z0-9_][A-Za-z0-9._+-]*\z`)
	unitName  = regexp.MustCompile(`\A[A-Za-z0-9:_.\\@-]+\.(?:` + unitSuffixes + `)\z`)
	// unitPattern finds a pattern that ends in a unit's suffix: `worker@[0-9]+\.service`.
	unitPattern = regexp.MustCompile(`\\\.(?:` + unitSuffixes + `|\((?:\?:)?(?:` + unitSuffixes + `)(?:\|(?:` + unitSuffixes + `))*\))[)$]*(?:\\z)?\z`)
)

const unitSuffixes = `service|socket|timer|target|mount|automount|swap|path|slice|scope|device`

// Validate gives everything that is wrong with c, with paths below the entry.
func (c Config) Validate() []incident.Problem {
	_, ps := read(c)
	return ps
}

// read checks c and reads its templates and patterns.
func read(c Config) (*entry, []incident.Problem) {
	r := &reader{entry: &entry{Config: c, params: make(map[string]param, len(c.Params))}, used: make(map[string]bool)}
	r.head()
	r.mends()
	for _, name := range slices.Sorted(maps.Keys(c.Params)) {
		r.param(name, c.Params[name])
	}
	r.check = r.argv("check", c.Check)
	r.run = r.argv("run", c.Run)
	r.probe = r.argv("verify.probe", c.Verify.Probe)
	r.undo = r.argv("undo", c.Undo)
	if len(c.Run) == 0 {
		r.bad("run", "a remediation needs a command to run").WithHint(`such as run: [systemctl, restart, "{unit}"]`)
	}
	for _, name := range r.names {
		if !r.used[name] {
			r.bad("params."+name, "no command uses {%s}", name).WithHint("remove the parameter, or put {%s} where its value belongs", name)
		}
	}
	r.aim()
	return r.entry, r.problems()
}

// reader collects what is wrong with one entry.
type reader struct {
	*entry
	ps   []*problem
	used map[string]bool
}

// problem is an incident.Problem that a hint can still be given to.
type problem struct{ incident.Problem }

func (p *problem) WithHint(format string, args ...any) {
	p.Problem = p.Problem.WithHint(format, args...)
}

func (r *reader) bad(path, format string, args ...any) *problem {
	p := &problem{incident.Problemf(path, format, args...)}
	r.ps = append(r.ps, p)
	return p
}

func (r *reader) problems() []incident.Problem {
	var out []incident.Problem
	for _, p := range r.ps {
		out = append(out, p.Problem)
	}
	return out
}

func (r *reader) head() {
	c := r.Config
	switch {
	case c.Name == "":
		r.bad("name", "a remediation needs a name").WithHint("a short one, such as restart-worker: rules and people refer to it")
	case !entryName.MatchString(c.Name):
		r.bad("name", "%q is not a name", c.Name).WithHint("small letters, digits and -, beginning with a letter")
	case c.Name == string(incident.KindPullRequest) || c.Name == string(incident.KindRemediation) || c.Name == string(incident.KindAdvice):
		r.bad("name", "%q has a meaning of its own in the rules of the policy", c.Name).WithHint("choose another name")
	}
	if len(c.Description) > maxDescribe || !plainText(c.Description, true) {
		r.bad("description", "the description is longer than %d bytes or has control characters in it", maxDescribe).
			WithHint("say in a sentence or two when it helps")
	}
	switch {
	case c.Risk == "":
		r.bad("risk", "a remediation needs a risk").WithHint("one of %s; the policy's rules can ask for it", strings.Join(Risks(), ", "))
	case !slices.Contains(Risks(), c.Risk):
		r.bad("risk", "unknown risk %q", c.Risk).WithHint("one of %s", strings.Join(Risks(), ", "))
	}
	switch {
	case c.Reversible && len(c.Undo) == 0:
		r.bad("undo", "the remediation is reversible and nothing says how").WithHint("name the command that takes it back, or say reversible: false")
	case !c.Reversible && len(c.Undo) > 0:
		r.bad("reversible", "there is an undo, and the remediation is not reversible").WithHint("say reversible: true, or remove undo")
	}
	r.span("timeout", c.Timeout, MinTimeout, MaxTimeout)
	r.span("verify.silence", c.Verify.Silence, MinSilence, MaxSilence)
}

func (r *reader) span(path string, d, least, most time.Duration) {
	if d < least || d > most {
		r.bad(path, "%s is not from %s to %s", d, least, most).WithHint("leave the key out for the default")
	}
}

func (r *reader) mends() {
	m := r.Mends
	oneOf := func(path string, values, known []string) {
		for i, v := range values {
			if slices.Contains(known, v) {
				continue
			}
			p := r.bad(fmt.Sprintf("%s[%d]", path, i), "unknown value %q", v)
			if near := incident.Nearest(v, known); near != "" {
				p.WithHint("did you mean %q?", near)
			} else {
				p.WithHint("one of %s", strings.Join(known, ", "))
			}
		}
	}
	oneOf("mends.categories", m.Categories, strs(incident.Categories))
	oneOf("mends.fix_kinds", m.FixKinds, strs(incident.FixKinds))
	for path, names := range map[string][]string{"mends.services": m.Services, "mends.signatures": m.Signatures} {
		for i, n := range names {
			if n == "" || len(n) > maxValue || !plainText(n, false) {
				r.bad(fmt.Sprintf("%s[%d]", path, i), "%q is not a name", n)
			}
		}
	}
	if len(m.Services)+len(m.Categories)+len(m.FixKinds)+len(m.Signatures) > maxEnum {
		r.bad("mends", "more than %d names", maxEnum)
	}
}

func strs[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// param checks one parameter and finds out what it aims at.
func (r *reader) param(name string, p Param) {
	at := "params." + name
	q := param{Param: p}
	if !paramName.MatchString(name) {
		r.bad(at, "%q is not a parameter's name", name).WithHint("small letters, digits and _, beginning with a letter")
		return
	}
	r.names = append(r.names, name)
	defer func() { r.params[name] = q }()

	forms := 0
	for _, set := range []bool{len(p.Enum) > 0, p.Pattern != "", p.Min != nil || p.Max != nil} {
		if set {
			forms++
		}
	}
	if forms != 1 {
		r.bad(at, "a parameter has exactly one of enum, pattern, and min with max").
			WithHint(`the narrowest that does: enum: [api.service] before pattern: 'worker@[0-9]+\.service'`)
		return
	}
	if p.Target != "" && p.Target != TargetNone && !slices.Contains(incident.TiedKinds(), p.Target) {
		r.bad(at+".target", "unknown target %q", p.Target).
			WithHint("one of %s, or none where the value aims at nothing", strings.Join(incident.TiedKinds(), ", "))
	}
	q.target = p.Target
	switch {
	case p.Pattern != "":
		r.pattern(at, &q)
	case len(p.Enum) > 0:
		r.enum(at, &q)
	default:
		r.integer(at, &q)
	}
}

func (r *reader) integer(at string, q *param) {
	switch {
	case q.Min == nil || q.Max == nil:
		r.bad(at, "an integer needs both min and max")
		q.Min, q.Max = new(int), new(int)
	case *q.Min < 0:
		r.bad(at+".min", "min is below 0").WithHint("a value that begins with - would be taken for an option; list such values under enum")
	case *q.Min > *q.Max:
		r.bad(at, "min %d is above max %d", *q.Min, *q.Max)
	}
	if q.target != "" && q.target != TargetNone {
		r.bad(at+".target", "an integer is no target").WithHint("remove the key; aim with a parameter that is a name")
	}
	q.target = TargetNone
}

func (r *reader) enum(at string, q *param) {
	if len(q.Enum) > maxEnum {
		r.bad(at+".enum", "%d values are more than %d", len(q.Enum), maxEnum)
		return
	}
	units := 0
	for i, v := range q.Enum {
		p := fmt.Sprintf("%s.enum[%d]", at, i)
		switch {
		case v == "":
			r.bad(p, "an empty value").WithHint("an empty argument means something else to almost every command")
		case len(v) > maxValue:
			r.bad(p, "a value longer than %d bytes", maxValue)
		case !plainText(v, false):
			r.bad(p, "%q has control or invisible characters in it", v)
		case slices.Contains(q.Enum[:i], v):
			r.bad(p, "%q is there twice", v)
		case q.target == incident.TiedUnit && !unitName.MatchString(v):
			r.bad(p, "%q is not the name of a unit", v).WithHint("with its suffix, as in %s.service", strings.TrimSuffix(v, "."))
		}
		if unitName.MatchString(v) {
			units++
		}
	}
	if q.target != "" {
		return
	}
	switch units {
	case len(q.Enum):
		q.target = incident.TiedUnit
	case 0:
		q.target = incident.TiedService
	default:
		r.bad(at, "some values are names of units and some are not").
			WithHint("say what they aim at: target: %s, or none", strings.Join(incident.TiedKinds(), ", "))
	}
}

func (r *reader) pattern(at string, q *param) {
	path := at + ".pattern"
	if q.target == TargetNone {
		q.target = ""
		r.bad(at+".target", "a pattern always aims at something").
			WithHint("what it lets through is not the operator's own text, so it has to be tied to the incident; list values under enum instead")
	}
	if q.target == "" {
		q.target = incident.TiedService
		if unitPattern.MatchString(q.Pattern) {
			q.target = incident.TiedUnit
		}
	}
	if len(q.Pattern) > maxPattern {
		r.bad(path, "the pattern is longer than %d bytes", maxPattern)
		return
	}
	// By itself first: `a)|(b` only compiles once it is wrapped, and would then not be anchored.
	if _, err := regexp.Compile(q.Pattern); err != nil {
		r.bad(path, "%v", err).WithHint("the syntax is RE2: https://github.com/google/re2/wiki/Syntax")
		return
	}
	whole, err := regexp.Compile(`\A(?:` + q.Pattern + `)\z`)
	if err != nil {
		r.bad(path, "%v", err)
		return
	}
	q.whole = whole
	if whole.MatchString("") {
		r.bad(path, "the pattern matches an empty value").WithHint("ask for one character at least: + where there is *")
	}
	if strings.HasPrefix(strings.TrimLeft(q.Pattern, `^\A(?:`), "-") {
		r.bad(path, "the pattern asks for a value that begins with -").
			WithHint("it would be taken for an option and is always refused; write the - into the command")
	}
}

// argv reads an argument vector.
func (r *reader) argv(at string, argv []string) []template {
	if len(argv) > maxArgs {
		r.bad(at, "%d arguments are more than %d", len(argv), maxArgs)
		return nil
	}
	out := make([]template, 0, len(argv))
	for i, s := range argv {
		p := fmt.Sprintf("%s[%d]", at, i)
		t, err := parseTemplate(s)
		switch {
		case err != nil:
			r.bad(p, "%v", err).WithHint("{name} stands for a parameter; write {{ and }} for braces")
			return nil
		case len(s) > maxElement:
			r.bad(p, "an argument longer than %d bytes", maxElement)
		case !plainText(s, true):
			r.bad(p, "%q has control or invisible characters in it", s)
		case s == "":
			r.bad(p, "an empty argument").WithHint("remove it")
		}
		for _, name := range t.params() {
			r.used[name] = true
			if _, ok := r.Params[name]; !ok {
				h := r.bad(p, "there is no parameter %q", name)
				if near := incident.Nearest(name, slices.Sorted(maps.Keys(r.Params))); near != "" {
					h.WithHint("did you mean {%s}?", near)
				} else {
					h.WithHint("say under params what it may be; write {{ and }} for braces")
				}
			}
		}
		if i == 0 {
			r.program(p, s, t)
		}
		out = append(out, t)
	}
	r.shells(at, out)
	return out
}

// program checks the first element: what is run is the operator's to say, to the letter.
func (r *reader) program(at, s string, t template) {
	const hint = "the full path of a program, or the plain name of one on the PATH"
	literal := t.render(nil)
	switch {
	case len(t.params()) > 0:
		r.bad(at, "the program to run is a parameter").WithHint("write one remediation for each program")
	case path.IsAbs(literal) && path.Clean(literal) == literal && literal != "/":
	case program.MatchString(literal):
	default:
		r.bad(at, "%q is not a program", s).WithHint(hint)
	}
}

// aim: a remediation has to be tied to an incident by something.
func (r *reader) aim() {
	if len(r.Mends.Services) > 0 || len(r.run) == 0 {
		return
	}
	for _, t := range r.run {
		for _, name := range t.params() {
			if p, ok := r.params[name]; !ok || p.target != TargetNone {
				return
			}
		}
	}
	r.bad("mends.services", "nothing says for which services this is: no parameter of run aims at anything").
		WithHint("list the services it is for, or aim with a parameter: params: {unit: {enum: [api.service]}}")
}

// accepts says why the value may not be given, "" where it may. It says nothing of what is tied.
func (p param) accepts(v string) string {
	switch {
	case v == "":
		return "it is empty"
	case len(v) > maxValue:
		return fmt.Sprintf("it is longer than %d bytes", maxValue)
	case !plainText(v, false):
		return "it has control or invisible characters in it"
	case len(p.Enum) > 0:
		if !slices.Contains(p.Enum, v) {
			return "it is none of " + list(p.Enum)
		}
	case p.Min != nil:
		// One spelling for each number: neither +5 nor 05.
		if n, err := strconv.Atoi(v); err != nil || strconv.Itoa(n) != v || n < *p.Min || n > *p.Max {
			return fmt.Sprintf("it is not an integer from %d to %d", *p.Min, *p.Max)
		}
	case v[0] == '-':
		return "it begins with -, so it would be taken for an option"
	case p.whole == nil || !p.whole.MatchString(v):
		return "it does not match " + p.Pattern
	}
	return ""
}

// plainText says that s is valid UTF-8 without characters that can't be seen. lines allows line breaks and tabs.
func plainText(s string, lines bool) bool {
	if !utf8.ValidString(s) || incident.Printable(s) != s {
		return false
	}
	return lines || !strings.ContainsAny(s, "\n\t")
}
