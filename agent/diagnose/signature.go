package diagnose

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/logwright/logwright/agent/incident"
)

// builtinJSON is signatures/*.yaml without what only tests need, as JSON: reading the YAML at every start would take longer than
// most diagnoses. "go test -run TestBuiltinIsCurrent -update" makes it, and the same test fails where it is old.
//
//go:embed signatures.json
var builtinJSON []byte

// Signature is a failure that is known: how to see it in an event's text, and what an expert says about it.
type Signature struct {
	// ID is unique among all signatures and stays: it is stored with diagnoses.
	ID string `yaml:"id" json:"id,omitzero"`
	// Title is the failure in our own words, without anything from the log.
	Title string `yaml:"title" json:"title,omitzero"`
	// Match says which events show the failure.
	Match Match `yaml:"match" json:"match,omitzero"`
	// Captures are the parts of the text that Summary, RootCause and NextSteps may name as {key}.
	Captures map[string]Capture `yaml:"captures" json:"captures,omitzero"`
	// Summary says what happens, RootCause why. A part in [[double brackets]] is left out where one of its captures
	// found nothing.
	Summary   string            `yaml:"summary" json:"summary,omitzero"`
	RootCause string            `yaml:"root_cause" json:"root_cause,omitzero"`
	Category  incident.Category `yaml:"category" json:"category,omitzero"`
	FixKind   incident.FixKind  `yaml:"fix_kind" json:"fix_kind,omitzero"`
	// NextSteps are what to run or look at next, read-only things first.
	NextSteps []string `yaml:"next_steps" json:"next_steps,omitzero"`
	// Specificity, in (0, 1), says how surely the text alone means this cause: 0.9 and more for a message that has no
	// other meaning, 0.5 for one that many causes share.
	Specificity float64 `yaml:"specificity" json:"specificity,omitzero"`
	// Symptom says that the text tells that something failed, not why ("Main process exited"): the events just before it are
	// then looked at for a cause.
	Symptom bool `yaml:"symptom" json:"symptom,omitzero"`
	// Also lists signatures that may rightly win over this one on one of its own examples.
	Also []string `yaml:"also" json:"-"`
	// Examples are events that show the failure, Counterexamples events that look alike and do not. Both are authored,
	// in the true format of the software.
	Examples        []string `yaml:"examples" json:"-"`
	Counterexamples []string `yaml:"counterexamples" json:"-"`

	literals []string // lower case; one of them is in every text that matches
	once     sync.Once
	compiled compiled
}

// Match holds the conditions of a signature. Patterns are RE2 with (?m) set; they look at the raw lines of the event, and at its
// decoded message and exception where these are not literally in the lines (JSON).
type Match struct {
	// All must each match, one of Any must, none of None may. All and Any can't both be empty.
	All  []string `yaml:"all" json:"all,omitzero"`
	Any  []string `yaml:"any" json:"any,omitzero"`
	None []string `yaml:"none" json:"none,omitzero"`
	// Service, Format and Exception narrow by the event's attributes; "" and empty mean any.
	Service   string   `yaml:"service" json:"service,omitzero"`
	Format    []string `yaml:"format" json:"format,omitzero"`
	Exception string   `yaml:"exception" json:"exception,omitzero"`
}

// Capture takes one value out of the text.
type Capture struct {
	// Pattern has one group, the value.
	Pattern string `yaml:"pattern" json:"pattern,omitzero"`
	// Kind names the charset that the value must fit, see captureKinds. A value that does not fit is not taken.
	Kind string `yaml:"kind" json:"kind,omitzero"`
	// Default stands in commands where nothing was captured; the key in upper case where empty.
	Default string `yaml:"default" json:"default,omitzero"`
}

// compiled holds a signature's expressions. They are compiled when the literals first say that it may match: of a hundred
// signatures a run of the CLI needs a handful.
type compiled struct {
	all, any, none     []*regexp.Regexp
	service, exception *regexp.Regexp
	captures           map[string]*regexp.Regexp
}

// loadBuiltin reads the built-in signatures.
func loadBuiltin() (*signatureSet, error) {
	var list []*Signature
	if err := json.Unmarshal(builtinJSON, &list); err != nil {
		return nil, fmt.Errorf("the built-in signatures are broken: %w", err)
	}
	for _, s := range list {
		if problems := s.prepare(); len(problems) > 0 {
			return nil, fmt.Errorf("the built-in signature %s is broken: %s", s.ID, strings.Join(problems, "; "))
		}
	}
	return newSignatureSet(list), nil
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
	for k, capture := range s.Captures {
		c.captures[k] = one(capture.Pattern)
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

// signatureSet is all signatures with the prefilter that rules nearly all of them out.
type signatureSet struct {
	list   []*Signature // by id
	filter *prefilter
}

func newSignatureSet(list []*Signature) *signatureSet {
	literals := make([][]string, len(list))
	for i, s := range list {
		literals[i] = s.literals
	}
	filter, _ := newPrefilter(literals) // none is too short: prepare sees to that
	return &signatureSet{list: list, filter: filter}
}

// match gives every signature that the event shows, the most specific first; equals are ordered by where they matched
// and then by id, so that the order never depends on the order of files.
func (set *signatureSet) match(e *eventText) []hit {
	var hits []hit
	for i, candidate := range set.filter.owners(e.lower) {
		if !candidate {
			continue
		}
		if h, ok := set.list[i].match(e); ok {
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
