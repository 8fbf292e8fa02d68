package incident

import (
	"fmt"
	"strings"
)

// Severity is how bad an event says it is. The order is the order of badness, so severities compare with < and >.
type Severity uint8

// The severities, from nothing known to fatal. SeverityUnset means that neither a header, nor a field, nor the
// words said anything; it is treated and printed as info.
const (
	SeverityUnset Severity = iota
	SeverityTrace
	SeverityDebug
	SeverityInfo
	SeverityWarning
	SeverityError
	SeverityFatal
)

var severityNames = [...]string{"info", "trace", "debug", "info", "warning", "error", "fatal"}

// String gives the name used in every output and in agent.yaml: trace, debug, info, warning, error or fatal.
func (s Severity) String() string {
	if int(s) >= len(severityNames) {
		return "info"
	}
	return severityNames[s]
}

// MarshalText gives String, so that JSON and YAML hold the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name as ParseSeverity does.
func (s *Severity) UnmarshalText(b []byte) error {
	v, err := ParseSeverity(string(b))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// ParseSeverity reads one of the six names that agent.yaml knows. It is strict: the many spellings of levels in logs
// are read by collectors/events, not here.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if i > 0 && n == name {
			return Severity(i), nil
		}
	}
	return SeverityUnset, fmt.Errorf("unknown severity %q (one of %s)", name, strings.Join(severityNames[1:], ", "))
}
