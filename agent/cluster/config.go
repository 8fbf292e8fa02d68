package cluster

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// DefaultMaxClusters is MaxClusters where the configuration says nothing.
const DefaultMaxClusters = 16384

// Limits of Config. They keep one careless line of agent.yaml from making every event slow.
const (
	minClusters = 64
	maxClusters = 1 << 20
	maxMasks    = 64
	maxPins     = 256
	maxLiteral  = 256 // bytes of a pin or a pattern's name
)

// Config is the "clustering" section of agent.yaml. The zero Config works for every log.
type Config struct {
	// Masks are the operator's own variable parts, tried before the built-in rules, in order.
	Masks []Mask `yaml:"masks"`
	// Pins are literals that are never masked and never merged away: two events that differ in a pin are never in one
	// cluster. Case matters. A pin matches anywhere in a message, so a short one splits words.
	Pins []string `yaml:"pins"`
	// MaxClusters bounds the clusters held in memory (limits.clusters); 0 means DefaultMaxClusters.
	MaxClusters int `yaml:"-"`
	// MaxBytes bounds what they take in memory, about; 0 means as much as MaxClusters of usual size do.
	MaxBytes int64 `yaml:"-"`
	// Transient says that nothing is kept after this process: TakeChanges gives nothing, and costs nothing.
	Transient bool `yaml:"-"`
}

// Mask is a variable part that the operator knows.
type Mask struct {
	// Name is shown in templates as <name>; "" is shown as <*>.
	Name string `yaml:"name"`
	// Pattern is an RE2 regular expression. It must not match the empty string.
	Pattern string `yaml:"pattern"`
}

var maskName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,31}$`)

// Validate gives everything that is wrong with c.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	add := func(p incident.Problem) { ps = append(ps, p) }
	if len(c.Masks) > maxMasks {
		add(incident.Problemf("masks", "%d masks, at most %d", len(c.Masks), maxMasks).
			WithHint("join patterns with |: every mask is tried on every event"))
	}
	names := map[string]int{}
	for i, m := range c.Masks {
		at := fmt.Sprintf("masks[%d]", i)
		if m.Name != "" && !maskName.MatchString(m.Name) {
			add(incident.Problemf(at+".name", "%q is not a name: a letter, then letters, digits, - and _, at most 32", m.Name))
		}
		if first, twice := names[m.Name]; twice && m.Name != "" {
			add(incident.Problemf(at+".name", "%q is used already by masks[%d]", m.Name, first))
		} else {
			names[m.Name] = i
		}
		re, err := regexp.Compile(m.Pattern)
		switch {
		case m.Pattern == "":
			add(incident.Problemf(at+".pattern", "is empty"))
		case err != nil:
			add(incident.Problemf(at+".pattern", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: ")).
				WithHint("patterns are RE2, as in Go's regexp: no look-around and no back-references"))
		case re.MatchString(""):
			add(incident.Problemf(at+".pattern", "%q matches the empty string", m.Pattern).
				WithHint("use + instead of *, or name what must be there"))
		}
	}
	if len(c.Pins) > maxPins {
		add(incident.Problemf("pins", "%d pins, at most %d", len(c.Pins), maxPins))
	}
	pins := map[string]int{}
	for i, p := range c.Pins {
		at := fmt.Sprintf("pins[%d]", i)
		first, twice := pins[p]
		switch {
		case strings.TrimSpace(p) == "":
			add(incident.Problemf(at, "is empty").WithHint("a pin is the text to keep, as it stands in the message"))
		case len(p) > maxLiteral:
			add(incident.Problemf(at, "is %d bytes long, at most %d", len(p), maxLiteral))
		case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }):
			add(incident.Problemf(at, "%q has control characters; a message never matches them", p))
		case twice:
			add(incident.Problemf(at, "%q is listed already as pins[%d]", p, first))
		}
		if !twice {
			pins[p] = i
		}
	}
	if c.MaxClusters != 0 && (c.MaxClusters < minClusters || c.MaxClusters > maxClusters) {
		add(incident.Problemf("max_clusters", "%d clusters is out of range (%d to %d)", c.MaxClusters, minClusters, maxClusters).
			WithHint("limits.clusters in agent.yaml; the default is %d, about 25 MiB when full", DefaultMaxClusters))
	}
	return ps
}
