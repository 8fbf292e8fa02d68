package config

import "github.com/logwright/logwright/agent/incident"

// Redact is the section of the redactor.
type Redact struct {
	// Patterns are the operator's own secrets: regular expressions.
	Patterns []string `yaml:"patterns"`
	// PII says that personal data (e-mail addresses, card numbers, ...) is taken out too.
	PII bool `yaml:"pii"`
}

// Validate gives everything that is wrong with r.
func (r Redact) Validate() []incident.Problem { return nil }
