// Package redact takes secrets out of text before it leaves the host: to a model, a forge, a chat.
//
// A secret becomes [REDACTED:kind]. What helps to find a fault stays: hosts, ports, paths, ids, hashes, stack frames, and the
// name of the thing whose value is gone. Where text can't be told from a secret, it is taken out.
//
// # How
//
// Three kinds of rules look at the same text: our own for what stands beside a telling name (password=, Authorization:,
// --token), our own for what is known by its shape, and gitleaks' for the tokens of some two hundred services. Each gives
// spans; all spans are joined and replaced at once, so that no rule sees what another has left. Text that holds backslash
// escapes, colours or invisible characters is looked at again with them resolved, because a log line is often JSON within
// JSON and a secret within it has an escape in its middle, and a logger that colours stands a colour between "password" and
// its "=". This is repeated until nothing is found, which makes Text idempotent: what was redacted
// once stays as it is.
//
// gitleaks' generic-api-key is left out: it takes any long word after "key" or "auth" for a secret, and with it cache keys,
// commit hashes and ids, which are what a diagnosis lives on. Our own rules name the keys instead.
package redact

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/logwright/logwright/agent/incident"
)

// Config is the section "redact" of agent.yaml.
type Config struct {
	// Patterns are the operator's own, in Go's regular expression syntax. Where a pattern has a group, only the first
	// group that took part in a match is taken out.
	Patterns []string `yaml:"patterns"`
	// PII also takes out e-mail addresses, card numbers and IBANs.
	PII bool `yaml:"pii"`
}

// Validate reports what is wrong with c.
func (c Config) Validate() []incident.Problem {
	_, problems := compile(c.Patterns)
	return problems
}

// compile reads the operator's patterns.
func compile(patterns []string) ([]*regexp.Regexp, []incident.Problem) {
	var out []*regexp.Regexp
	var problems []incident.Problem
	for i, p := range patterns {
		path := fmt.Sprintf("patterns[%d]", i)
		re, err := regexp.Compile(p)
		switch {
		case err != nil:
			problems = append(problems, incident.Problemf(path, "%q is not a regular expression: %v", p, err).
				WithHint("the syntax is RE2's: no lookahead, no back references"))
		case re.MatchString(""):
			problems = append(problems, incident.Problemf(path, "%q matches the empty text", p).
				WithHint("use + for * where at least one character is meant"))
		default:
			out = append(out, re)
		}
	}
	return out, problems
}

// Redactor takes secrets out of text. It is safe for concurrent use.
type Redactor struct {
	own    []finder
	vendor *vendorRules
}

// New makes a Redactor. gitleaks' rules are read at the first text, and each is compiled when a word of its is first seen:
// all at once they take a tenth of a second and 20 MiB, which a host without secrets in its logs need not pay.
func New(c Config) (*Redactor, error) {
	patterns, problems := compile(c.Patterns)
	if len(problems) > 0 {
		return nil, fmt.Errorf("redact.%s: %s", problems[0].Path, problems[0].Message)
	}
	r := &Redactor{own: ownRules(), vendor: newVendorRules()}
	for _, re := range patterns {
		r.own = append(r.own, pattern{kind: "pattern", re: func() *regexp.Regexp { return re }})
	}
	if c.PII {
		r.own = append(r.own, piiRules()...)
	}
	return r, nil
}

// span is a part of a text that is a secret.
type span struct {
	from, to int
	kind     string
}

// view is a text as rules look at it.
type view struct {
	text string
	// lower is text with A to Z made small: of the same length, for keywords.
	lower string
}

func newView(s string) view {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return view{text: s, lower: string(b)}
}

// finder is one rule, or a family of them.
type finder interface {
	// find calls add for each secret of v.
	find(v view, add func(from, to int, kind string))
}

// maxPasses bounds how often a text is looked at. Two are the rule: one that finds and one that finds nothing more.
const maxPasses = 8

// Text gives s with each secret replaced by [REDACTED:kind].
func (r *Redactor) Text(s string) string {
	for range maxPasses {
		next := r.pass(s)
		if next == s {
			break
		}
		s = next
	}
	return s
}

func (r *Redactor) pass(s string) string {
	spans := r.spans(s)
	if len(spans) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, sp := range spans {
		b.WriteString(s[at:sp.from])
		b.WriteString("[REDACTED:" + sp.kind + "]")
		at = sp.to
	}
	b.WriteString(s[at:])
	return b.String()
}

// maxMarker is the length of the longest marker.
const maxMarker = len("[REDACTED:]") + 64

var marker = regexp.MustCompile(`\[REDACTED:[a-z0-9-]{1,64}\]`)

// spans gives what is to be replaced, in order, not overlapping.
func (r *Redactor) spans(s string) []span {
	var found []span
	u := unescaped{text: s}.seen()
	look := func() {
		r.look(newView(u.text), func(from, to int, kind string) {
			if from < to {
				found = append(found, span{u.origin(from), u.origin(to), kind})
			}
		})
	}
	look()
	// Two levels of escapes are JSON in a field of JSON; a third is what was written out within it, as colours are.
	for range 3 {
		next, escaped := u.resolve()
		if !escaped {
			break
		}
		u = next.seen()
		look()
	}
	if len(found) == 0 {
		return nil
	}
	return join(cutMarkers(s, found))
}

func (r *Redactor) look(v view, add func(from, to int, kind string)) {
	for _, f := range r.own {
		f.find(v, add)
	}
	r.vendor.find(v, add)
}

// cutMarkers takes out of the spans what is a marker already. What is left of a span beside one is a secret still, were it
// only a part of one, unless it is nothing but punctuation.
func cutMarkers(s string, found []span) []span {
	marks := marker.FindAllStringIndex(s, -1)
	if len(marks) == 0 {
		return found
	}
	var out []span
	keep := func(sp span) {
		if sp.from < sp.to && strings.ContainsFunc(s[sp.from:sp.to], alnum) {
			out = append(out, sp)
		}
	}
	for _, sp := range found {
		i, _ := slices.BinarySearchFunc(marks, sp.from, func(m []int, at int) int { return m[1] - at - 1 })
		whole := true
		for ; i < len(marks) && marks[i][0] < sp.to; i++ {
			whole = false
			keep(span{sp.from, min(marks[i][0], sp.to), sp.kind})
			sp.from = max(sp.from, marks[i][1])
		}
		if whole {
			out = append(out, sp)
		} else {
			keep(sp)
		}
	}
	return out
}

func alnum(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}

// join puts spans that overlap into one, of the kind of the rule that came first.
func join(found []span) []span {
	order := make(map[span]int, len(found))
	for i, sp := range found {
		if _, twice := order[sp]; !twice {
			order[sp] = i
		}
	}
	slices.SortStableFunc(found, func(a, b span) int { return a.from - b.from })
	out := found[:0:0]
	best := 0
	for _, sp := range found {
		rank := order[sp]
		if len(out) == 0 || sp.from >= out[len(out)-1].to {
			out, best = append(out, sp), rank
			continue
		}
		last := &out[len(out)-1]
		last.to = max(last.to, sp.to)
		if rank < best {
			last.kind, best = sp.kind, rank
		}
	}
	return out
}

// lazy compiles expr when it is first used. There are hundreds of them, and most logs need a handful.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// pattern is a rule that is a regular expression.
type pattern struct {
	kind string
	// words prefilters: one of them, in small letters, must be in the text. None means always.
	words []string
	re    func() *regexp.Regexp
	// check refuses what looks like one and is none. It may be nil.
	check func(v view, from, to int) bool
}

func (p pattern) find(v view, add func(from, to int, kind string)) {
	if !hasWord(v.lower, p.words) {
		return
	}
	for _, m := range p.re().FindAllStringSubmatchIndex(v.text, -1) {
		from, to := secretGroup(m)
		if p.check == nil || p.check(v, from, to) {
			add(from, to, p.kind)
		}
	}
}

// secretGroup gives the first group that took part, or else the whole match.
func secretGroup(m []int) (from, to int) {
	for g := 2; g < len(m); g += 2 {
		if m[g] >= 0 && m[g] < m[g+1] {
			return m[g], m[g+1]
		}
	}
	return m[0], m[1]
}

func hasWord(lower string, words []string) bool {
	if len(words) == 0 {
		return true
	}
	for _, w := range words {
		if strings.Contains(lower, w) {
			return true
		}
	}
	return false
}
