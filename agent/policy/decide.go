package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// History is what has to be known of before to decide.
type History struct {
	// Stopped says why nothing may be done at all: the kill switch is on. "" where it is not.
	Stopped string
	// Actions are all that were begun within Policy.Lookback, those whose time lies ahead of the clock too, and every pull
	// request that may be open, however old.
	Actions []incident.Action
	// Approval is a person's answer to the proposal, nil where there is none.
	Approval *incident.Approval
}

// Verdict is what the gate says of a proposal. The zero Verdict is a no.
type Verdict struct {
	decision  incident.Decision
	grant     Grant
	temporary bool
}

// Decision is the verdict to keep and to show.
func (v Verdict) Decision() incident.Decision {
	d := v.decision
	if d.Outcome == "" {
		d.Outcome = incident.DecisionDeny
	}
	d.Reasons, d.Inputs = slices.Clone(d.Reasons), maps.Clone(d.Inputs)
	return d
}

// Grant is the leave to do it. There is one only for what is allowed and not simulated.
func (v Verdict) Grant() (Grant, bool) { return v.grant, v.grant.minted }

// Decide says whether pr may be done. It looks at nothing but its arguments, and gives the same verdict for the same ones.
// The caller writes down the verdict and the intent of the action in the one transaction that it read h in: that is what
// makes the limits hold.
func (p *Policy) Decide(now time.Time, pr incident.Proposal, h History) Verdict {
	if p == nil {
		p = &Policy{}
	}
	c := p.consider(now, pr, h)
	c.decide()
	v := Verdict{temporary: c.temporary, decision: incident.Decision{
		Outcome: c.outcome, Rule: c.rule.Name, Reasons: c.reasons, Simulated: p.simulates(c.rule), At: now.UTC(), Inputs: c.inputs,
	}}
	if c.outcome == incident.DecisionAllow && !v.decision.Simulated {
		v.grant = mint(now, c.pr, c.rule.Name, c.by)
	}
	return v
}

// simulates says whether what a rule decides is only what would have been decided. A rule can be more careful than the
// configuration, never less.
func (p *Policy) simulates(r Rule) bool { return p.mode != ModeEnforce || r.Mode == ModeObserve }

// consideration is one proposal before the gate.
type consideration struct {
	p   *Policy
	now time.Time
	pr  incident.Proposal // a copy of our own
	h   History

	broken    string // why the proposal can't be looked at
	variables map[string]any
	env       map[string]any // the variables, for conditions

	outcome   string
	temporary bool // the no is one for now
	rule      Rule // the zero Rule where none matched
	by        string
	reasons   []string
	inputs    map[string]any
}

func (p *Policy) consider(now time.Time, pr incident.Proposal, h History) *consideration {
	c := &consideration{p: p, now: now, h: h, inputs: map[string]any{"policy": p.digest, "mode": p.mode, "stopped": h.Stopped}}
	if c.broken = malformed(&pr); c.broken != "" {
		// What can't be written down can't be copied either.
		c.inputs["malformed"] = c.broken
		return c
	}
	c.pr = pr.Clone() // what is granted is what was looked at, whatever the caller's copy becomes
	c.variables = values(&c.pr)
	c.env = environment(c.variables)
	c.inputs["digest"], c.inputs["variables"] = c.pr.Digest(), c.variables
	if a := h.Approval; a != nil {
		c.inputs["approval"] = *a
	}
	return c
}

func (c *consideration) deny(format string, args ...any) {
	c.outcome = incident.DecisionDeny
	c.reasons = append(c.reasons, fmt.Sprintf(format, args...))
}

func (c *consideration) decide() {
	if why := c.never(); why != "" {
		c.deny("%s", why)
		return
	}
	for i, r := range c.p.rules {
		yes, err := r.when.holds(c.env)
		if err == nil && !yes {
			continue
		}
		c.rule = r.Rule
		c.inputs["rule"] = map[string]any{"index": i, "name": r.Name, "then": r.Then, "mode": r.Mode, "when": r.When, "windows": r.Windows}
		if err != nil {
			c.deny("the condition of rule %q can't be computed, so nothing is done: %v", r.Name, err)
			return
		}
		c.byRule(r)
		return
	}
	c.deny("no rule matches, and what no rule allows is denied")
}

// never says why the proposal may not be done whatever the rules say; "" where that is theirs to say.
func (c *consideration) never() string {
	a := c.h.Approval
	switch {
	case c.broken != "":
		return "the proposal is not one that can be done: " + c.broken
	case c.pr.Kind == incident.KindAdvice:
		return "an advice is for people to read, and never done"
	case c.h.Stopped != "":
		c.temporary = true
		return "everything is stopped: " + short(c.h.Stopped)
	case a != nil && !a.Approved && (a.Proposal == c.pr.ID || a.Digest == c.pr.Digest()):
		return fmt.Sprintf("%s rejected it at %s", person(a.Who), stamp(a.At))
	}
	for i := range c.h.Actions {
		if c.h.Actions[i].ID == c.pr.ActionID() || c.h.Actions[i].Proposal == c.pr.ID {
			return fmt.Sprintf("it was begun already (%s), and nothing is done twice", c.pr.ActionID())
		}
	}
	return ""
}

// byRule is what the rule that matched says, within its windows and all limits.
func (c *consideration) byRule(r rule) {
	if r.Then == incident.DecisionDeny {
		c.deny("rule %q denies it", r.Name)
		return
	}
	if why := r.shut(c.now); why != "" {
		c.deny("%s", why)
	}
	limits := c.limits(r)
	c.inputs["limits"] = limits
	for _, l := range limits {
		if l.Why != "" {
			c.deny("%s", l.Why)
		}
	}
	open, why := c.p.pullRequests(&c.pr, c.h.Actions)
	if c.pr.Kind == incident.KindPullRequest {
		c.inputs["open_pull_requests"] = open
	}
	for _, w := range why {
		c.deny("%s", w)
	}
	if c.outcome == incident.DecisionDeny {
		c.temporary = c.pr.Kind != incident.KindPullRequest || c.p.open > 0
		would := "allow it"
		if r.Then == incident.DecisionAsk {
			would = "ask a person"
		}
		c.reasons = append(c.reasons, fmt.Sprintf("rule %q would %s", r.Name, would))
		return
	}
	ask := fmt.Sprintf("rule %q asks a person", r.Name)
	switch {
	case r.Then == incident.DecisionAsk:
	case c.pr.Facts.Flagged:
		ask = fmt.Sprintf("the log text looks like instructions to a model, so a person is asked although rule %q allows it", r.Name)
	default:
		c.outcome = incident.DecisionAllow
		c.reasons = append(c.reasons, fmt.Sprintf("rule %q allows it", r.Name))
		return
	}
	a := c.h.Approval
	if a == nil {
		c.outcome, c.reasons = incident.DecisionAsk, append(c.reasons, ask)
		return
	}
	if why := dead(c.now, a, &c.pr); why != "" {
		c.outcome, c.reasons = incident.DecisionAsk, append(c.reasons, ask, why)
		return
	}
	c.outcome, c.by = incident.DecisionAllow, a.Who
	c.reasons = append(c.reasons, fmt.Sprintf("%s approved it at %s", person(a.Who), stamp(a.At)), ask)
}

// limits are the states of all limits that hold for what r matched: its own first.
func (c *consideration) limits(r rule) []LimitState {
	var out []LimitState
	if r.Limit != (Limit{}) {
		out = append(out, r.Limit.state(c.now, fmt.Sprintf("limit of rule %q", r.Name), &c.pr, r.Name, c.h.Actions))
	}
	for i, l := range c.p.limits {
		out = append(out, l.state(c.now, fmt.Sprintf("limits[%d]", i), &c.pr, r.Name, c.h.Actions))
	}
	return out
}

// shut says why now is outside of the rule's windows, "" where it is not.
func (r rule) shut(now time.Time) string {
	if len(r.windows) == 0 || slices.ContainsFunc(r.windows, func(w window) bool { return w.open(now) }) {
		return ""
	}
	return fmt.Sprintf("it is outside of the windows of rule %q (%s); they open next at %s",
		r.Name, strings.Join(r.Windows, "; "), opens(r.windows, now))
}

// dead says why an approval does not answer for the proposal now, "" where it does.
func dead(now time.Time, a *incident.Approval, pr *incident.Proposal) string {
	switch {
	case !a.Approved:
		return "an answer that is no approval was left out"
	case a.Digest != pr.Digest() || a.Proposal != pr.ID:
		return fmt.Sprintf("the approval of %s does not count: it is for another proposal than this one", person(a.Who))
	case a.Who == "":
		return "an approval that does not say whose it is does not count"
	case a.At.After(now):
		return fmt.Sprintf("the approval of %s does not count: it is of %s, and the clock was put back since", person(a.Who), stamp(a.At))
	case a.At.Before(pr.At):
		return fmt.Sprintf("the approval of %s does not count: it is of %s, before this was proposed", person(a.Who), stamp(a.At))
	case now.After(a.Until):
		return fmt.Sprintf("the approval of %s does not count any more: it ended at %s", person(a.Who), stamp(a.Until))
	}
	return ""
}

func person(who string) string {
	if who == "" {
		return "somebody"
	}
	return short(who)
}

// malformed says why a proposal is none that an executor could be given, "" where it is one.
func malformed(pr *incident.Proposal) string {
	if len(pr.ID) < 3 || pr.ID[:2] != "p-" {
		return "it has no id"
	}
	if _, err := json.Marshal(pr); err != nil {
		return "it can't be written down: " + short(err.Error())
	}
	// What is executed has to be exactly what was shown and approved, and bytes that are no text look alike there.
	exact := []string{pr.ID, pr.Incident, pr.Cluster, pr.Service, string(pr.Kind)}
	switch pr.Kind {
	case incident.KindAdvice:
	case incident.KindPullRequest:
		if pr.Change == nil || pr.Change.Commit == "" {
			return "a pull request without a commit"
		}
		c := pr.Change
		exact = append(exact, c.Store, c.Repository, c.Base, c.BaseCommit, c.Commit, c.Branch)
		exact = append(exact, c.Files...)
	case incident.KindRemediation:
		if pr.Remedy == nil || pr.Remedy.Name == "" || len(pr.Remedy.Run) == 0 {
			return "a remediation without a command"
		}
		r := pr.Remedy
		exact = append(exact, r.Name)
		for _, argv := range [][]string{r.Check, r.Run, r.Probe, r.Undo, r.Targets} {
			exact = append(exact, argv...)
		}
		for k, v := range r.Args {
			exact = append(exact, k, v)
		}
	case incident.KindComment:
		if pr.Comment == nil || pr.Comment.On.Number <= 0 {
			return "a comment on nothing"
		}
		exact = append(exact, pr.Comment.On.URL, pr.Comment.On.Branch, pr.Comment.Text)
	default:
		return "its kind is unknown"
	}
	if slices.ContainsFunc(exact, func(s string) bool { return !utf8.ValidString(s) }) {
		return "it names something in bytes that are no UTF-8"
	}
	return ""
}
