// Package policy is the gate: it says of a proposal whether it may be done, and is the only maker of Grants. It is pure: time
// and history come in as values, so each decision can be computed again from what the audit kept.
//
// How it decides, in this order, and why no step can be passed by:
//
//   - An advice, a malformed proposal, one that a person rejected, one that was begun before, and anything at all while the
//     kill switch is on: no.
//   - The rules are asked in order. The first whose condition holds decides; none is no. A condition that can't be computed
//     is no as well: if it were skipped, a rule that denies could fail its way open.
//   - Outside of the rule's windows, or beyond a limit, what it would allow is denied. Later rules are not asked: who wrote
//     "restart at night only" did not mean "by day, see below".
//   - What was flagged (its log text looks like instructions to a model) is asked of a person even where a rule allows it.
//   - An approval answers an ask, and nothing else: it holds for exactly the proposal that the person saw, for a while.
//
// What is allowed in mode enforce mints a Grant, which names one action with its exact arguments and ends soon.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The modes of the configuration and of a rule.
const (
	ModeObserve = "observe"
	ModeEnforce = "enforce"
)

// Options is what the gate needs from the rest of the configuration.
type Options struct {
	// Mode is the configuration's: ModeObserve or ModeEnforce. Anything but ModeEnforce only simulates.
	Mode string
	// Remediations are the names of the catalogue. Where they are given, a condition that compares `action` with another
	// name is refused, since it would never hold.
	Remediations []string
	// Zone gives a time zone by its IANA name; time.LoadLocation will do. Nil knows UTC only.
	Zone func(name string) (*time.Location, error)
}

// Policy is the compiled rules. It never changes and is safe for concurrent use. The zero Policy denies everything.
type Policy struct {
	mode   string
	digest string
	rules  []rule
	limits []Limit
	open   int // pull requests
}

// rule is a Rule that was compiled.
type rule struct {
	Rule
	when    *condition
	windows []window
}

// New compiles c. With any problem there is no policy; the problems have paths below `policy`, and are all that there are.
func New(c Config, o Options) (*Policy, []incident.Problem) {
	rules, ps := c.compile(o)
	if o.Mode != ModeObserve && o.Mode != ModeEnforce {
		ps = append(ps, incident.Problemf("", "unknown mode %q", o.Mode).WithHint("one of %s, %s", ModeObserve, ModeEnforce))
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return &Policy{mode: o.Mode, digest: digest(c, o.Mode), rules: rules, limits: slices.Clone(c.Limits), open: c.OpenPullRequests}, nil
}

// digest names a configuration: decisions keep it, so that it can be told which rules they went by.
func digest(c Config, mode string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %#v", mode, c)) // no maps or pointers are in it
	return hex.EncodeToString(sum[:])
}

// Lookback is how far back the history of a decision has to reach: the longest time that a limit or a cooldown looks at.
func (p *Policy) Lookback() time.Duration {
	var d time.Duration
	if p == nil {
		return d
	}
	for _, l := range p.limits {
		d = max(d, l.Within, l.Cooldown)
	}
	for _, r := range p.rules {
		d = max(d, r.Limit.Within, r.Limit.Cooldown)
	}
	return d
}
