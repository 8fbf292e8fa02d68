package diagnose

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/logwright/logwright/agent/incident"
)

// signatureFiles are the built-in signatures, one file per field of failures.
//
//go:embed signatures/*.yaml
var signatureFiles embed.FS

// Signature is a failure that is known: how to see it in an event's text, and what an expert says about it.
type Signature struct {
	// ID is unique among all signatures and stays: it is stored with diagnoses.
	ID string `yaml:"id"`
	// Title is the failure in our own words, without anything from the log.
	Title string `yaml:"title"`
	// Match says which events show the failure.
	Match Match `yaml:"match"`
	// Captures are the parts of the text that Summary, RootCause and NextSteps may name as {key}.
	Captures map[string]Capture `yaml:"captures"`
	// Summary says what happens, RootCause why. A part in [[double brackets]] is left out where one of its captures
	// found nothing.
	Summary   string            `yaml:"summary"`
	RootCause string            `yaml:"root_cause"`
	Category  incident.Category `yaml:"category"`
	FixKind   incident.FixKind  `yaml:"fix_kind"`
	// NextSteps are what to run or look at next, read-only things first.
	NextSteps []string `yaml:"next_steps"`
	// Specificity, in (0, 1), says how surely the text alone means this cause: 0.9 and more for a message that has no
	// other meaning, 0.5 for one that many causes share.
	Specificity float64 `yaml:"specificity"`
	// Symptom says that the text tells that something failed, not why ("Main process exited"): the events just before it are
	// then looked at for a cause.
	Symptom bool `yaml:"symptom"`
	// Also lists signatures that may rightly win over this one on one of its own examples.
	Also []string `yaml:"also"`
	// Examples are events that show the failure, Counterexamples events that look alike and do not. Both are authored,
	// in the true format of the software.
	Examples        []string `yaml:"examples"`
	Counterexamples []string `yaml:"counterexamples"`

	field    string   // the file's name without .yaml
	literals []string // lower case; one of them is in every text that matches
	once     sync.Once
	compiled compiled
}

// Match holds the conditions of a signature. Patterns are RE2 with (?m) set; they look at the raw lines of the event, and at its
// decoded message and exception where these are not literally in the lines (JSON).
type Match struct {
	// All must each match, one of Any must, none of None may. All and Any can't both be empty.
	All  []string `yaml:"all"`
	Any  []string `yaml:"any"`
	None []string `yaml:"none"`
	// Service, Format and Exception narrow by the event's attributes; "" and empty mean any.
	Service   string   `yaml:"service"`
	Format    []string `yaml:"format"`
	Exception string   `yaml:"exception"`
}

// Capture takes one value out of the text.
type Capture struct {
	// Pattern has one group, the value.
	Pattern string `yaml:"pattern"`
	// Kind names the charset that the value must fit, see captureKinds. A value that does not fit is not taken.
	Kind string `yaml:"kind"`
	// Default stands in commands where nothing was captured; the key in upper case where empty.
	Default string `yaml:"default"`
}

// compiled holds a signature's expressions. They are compiled when the literals first say that it may match: of a hundred
// signatures a run of the CLI needs a handful.
type compiled struct {
	all, any, none     []*regexp.Regexp
	service, exception *regexp.Regexp
	captures           map[string]*regexp.Regexp
}

// signatureFile is one YAML file.
type signatureFile struct {
	// Source must be "authored": it says that the examples are written by hand, not taken from somebody's system.
	Source     string       `yaml:"source"`
	Signatures []*Signature `yaml:"signatures"`
}

// loadSignatures reads every *.yaml file below "signatures" in fsys. Everything wrong is reported at once.
func loadSignatures(fsys fs.FS) ([]*Signature, error) {
	names, err := fs.Glob(fsys, "signatures/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []*Signature
	var problems []string
	seen := map[string]string{}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var f signatureFile
		if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		if f.Source != "authored" {
			problems = append(problems, fmt.Sprintf("%s: source is %q, want authored", name, f.Source))
		}
		field := strings.TrimSuffix(strings.TrimPrefix(name, "signatures/"), ".yaml")
		for _, s := range f.Signatures {
			s.field = field
			if other, dup := seen[s.ID]; dup {
				problems = append(problems, fmt.Sprintf("%s: %s is in %s too", name, s.ID, other))
			}
			seen[s.ID] = name
			for _, p := range s.prepare() {
				problems = append(problems, fmt.Sprintf("%s: %s: %s", name, s.ID, p))
			}
			all = append(all, s)
		}
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("the built-in signatures are broken:\n%s", strings.Join(problems, "\n"))
	}
	slices.SortFunc(all, func(a, b *Signature) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// prepare finds the literals. What only authors can get wrong (texts, examples) is checked by the tests, not at every start.
func (s *Signature) prepare() (problems []string) {
	if s.ID == "" {
		problems = append(problems, "no id")
	}
	if !slices.Contains(incident.Categories, s.Category) {
		problems = append(problems, fmt.Sprintf("category %q", s.Category))
	}
	if !slices.Contains(incident.FixKinds, s.FixKind) {
		problems = append(problems, fmt.Sprintf("fix_kind %q", s.FixKind))
	}
	lits, err := requiredLiterals(s.Match)
	if err != nil {
		problems = append(problems, err.Error())
	}
	s.literals = lits
	return problems
}

// compile gives the expressions. A pattern that does not compile is an error of ours that the tests find; at run time such a
// signature never matches.
func (s *Signature) compile() *compiled {
	s.once.Do(func() {
		c, err := s.compileAll()
		if err != nil {
			return
		}
		s.compiled = c
	})
	return &s.compiled
}

func (s *Signature) compileAll() (c compiled, err error) {
	one := func(p string) *regexp.Regexp {
		if p == "" || err != nil {
			return nil
		}
		re, e := regexp.Compile("(?m:" + p + ")")
		if e != nil {
			err = fmt.Errorf("%s: %w", s.ID, e)
		}
		return re
	}
	many := func(ps []string) (out []*regexp.Regexp) {
		for _, p := range ps {
			out = append(out, one(p))
		}
		return out
	}
	c.all, c.any, c.none = many(s.Match.All), many(s.Match.Any), many(s.Match.None)
	c.service, c.exception = one(s.Match.Service), one(s.Match.Exception)
	c.captures = make(map[string]*regexp.Regexp, len(s.Captures))
	for k, cap := range s.Captures {
		c.captures[k] = one(cap.Pattern)
	}
	if err != nil {
		return compiled{}, err
	}
	return c, nil
}

// hit is a signature that matched a text, and where.
type hit struct {
	sig        *Signature
	start, end int // byte offsets in the text
}

// match says whether the event shows the failure.
func (s *Signature) match(e *eventText) (hit, bool) {
	c := s.compile()
	if len(c.all) == 0 && len(c.any) == 0 {
		return hit{}, false
	}
	if len(s.Match.Format) > 0 && !slices.Contains(s.Match.Format, e.format) {
		return hit{}, false
	}
	if c.service != nil && !c.service.MatchString(e.service) {
		return hit{}, false
	}
	if c.exception != nil && !c.exception.MatchString(e.exception) {
		return hit{}, false
	}
	h := hit{sig: s, start: -1}
	for _, re := range c.all {
		loc := re.FindStringIndex(e.text)
		if loc == nil {
			return hit{}, false
		}
		if h.start < 0 {
			h.start, h.end = loc[0], loc[1]
		}
	}
	if len(c.any) > 0 {
		found := false
		for _, re := range c.any {
			if loc := re.FindStringIndex(e.text); loc != nil {
				h.start, h.end, found = loc[0], loc[1], true
				break
			}
		}
		if !found {
			return hit{}, false
		}
	}
	for _, re := range c.none {
		if re.MatchString(e.text) {
			return hit{}, false
		}
	}
	return h, true
}

// matchAll gives every signature that the event shows, the most specific first; equals are ordered by where they matched
// and then by id, so that the order never depends on the order of files.
func matchAll(sigs []*Signature, e *eventText) []hit {
	var hits []hit
	for _, s := range sigs {
		if !containsAny(e.lower, s.literals) {
			continue
		}
		if h, ok := s.match(e); ok {
			hits = append(hits, h)
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		switch {
		case a.sig.Specificity != b.sig.Specificity:
			if a.sig.Specificity > b.sig.Specificity {
				return -1
			}
			return 1
		case a.start != b.start:
			return a.start - b.start
		}
		return strings.Compare(a.sig.ID, b.sig.ID)
	})
	return hits
}

func containsAny(text string, literals []string) bool {
	for _, l := range literals {
		if strings.Contains(text, l) {
			return true
		}
	}
	return false
}
