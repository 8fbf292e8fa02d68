package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Redact is the section of the redactor.
type Redact struct {
	// Patterns are the operator's own secrets: RE2 expressions.
	Patterns []string `yaml:"patterns"`
	// PII says that personal data (e-mail addresses, card numbers, ...) is taken out too.
	PII bool `yaml:"pii"`
}

// Validate gives everything that is wrong with r.
func (r Redact) Validate() []incident.Problem {
	var ps []incident.Problem
	for i, p := range r.Patterns {
		at := fmt.Sprintf("patterns[%d]", i)
		switch re, err := regexp.Compile(p); {
		case err != nil:
			ps = append(ps, incident.Problemf(at, "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: ")).
				WithHint("patterns are RE2, as in Go's regexp: no look-around and no back-references"))
		case re.MatchString(""):
			ps = append(ps, incident.Problemf(at, "%q matches the empty text", p).WithHint("use + instead of *, or name what must be there"))
		}
	}
	return ps
}
