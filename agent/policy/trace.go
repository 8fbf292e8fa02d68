package policy

import (
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// RuleTrace is what one rule makes of a proposal.
type RuleTrace struct {
	Name string `json:"name"`
	When string `json:"when"`
	Then string `json:"then"`
	// Matched says that the condition holds; Error why it can't be computed, which counts as a match that denies.
	Matched bool   `json:"matched"`
	Error   string `json:"error,omitempty"`
	// Decides is true for the first rule that matched. False for all where something else decided (an advice, the kill
	// switch).
	Decides bool `json:"decides"`
	// Simulated says that what the rule decides would only be simulated.
	Simulated bool          `json:"simulated"`
	Windows   []WindowState `json:"windows,omitempty"`
	// Limits are those that hold for what the rule matched: its own first, then the ones over all rules.
	Limits []LimitState `json:"limits,omitempty"`
	// PullRequests says why no further pull request may be opened.
	PullRequests []string `json:"pull_requests,omitempty"`
}

// WindowState is one window of a rule.
type WindowState struct {
	Window string `json:"window"`
	Open   bool   `json:"open"`
	// Opens is when it does, nil where it is open, or never is.
	Opens *time.Time `json:"opens"`
}

// Trace says of every rule what it makes of pr, in order, also after the one that decides. It is what `policy explain` shows;
// Decide says what comes of it.
func (p *Policy) Trace(now time.Time, pr incident.Proposal, h History) []RuleTrace {
	if p == nil {
		return nil
	}
	c := p.consider(now, pr, h)
	if c.broken != "" {
		return nil
	}
	decided := c.never() != ""
	out := make([]RuleTrace, 0, len(p.rules))
	for _, r := range p.rules {
		t := RuleTrace{Name: r.Name, When: r.When, Then: r.Then, Simulated: p.simulates(r.Rule)}
		var err error
		if t.Matched, err = r.when.holds(c.env); err != nil {
			t.Error = err.Error()
		}
		t.Decides = !decided && (t.Matched || err != nil)
		decided = decided || t.Decides
		for _, w := range r.windows {
			s := WindowState{Window: w.text, Open: w.open(now)}
			if at, ok := w.next(now); ok && !s.Open {
				at = at.UTC()
				s.Opens = &at
			}
			t.Windows = append(t.Windows, s)
		}
		if t.Matched && r.Then != incident.DecisionDeny {
			t.Limits = c.limits(r)
			_, t.PullRequests = p.pullRequests(&c.pr, h.Actions)
		}
		out = append(out, t)
	}
	return out
}
