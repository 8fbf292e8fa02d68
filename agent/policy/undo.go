package policy

import (
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// DecideUndo says whether an action may be undone: a remediation that the catalogue calls reversible, that was begun and ended,
// was not undone yet, and whose time for it has not run out. The rule that allowed it has to be there still, and neither it
// nor the configuration may only observe. stopped is History.Stopped: the kill switch stops this too. No limit holds for an
// undo, since it takes back what was counted.
func (p *Policy) DecideUndo(now time.Time, pr incident.Proposal, a incident.Action, stopped string) Verdict {
	if p == nil {
		p = &Policy{}
	}
	inputs := map[string]any{"policy": p.digest, "mode": p.mode, "stopped": stopped, "undo": true}
	var r Rule
	for i := range p.rules {
		if p.rules[i].Name == a.Rule {
			r = p.rules[i].Rule
		}
	}
	d := incident.Decision{Outcome: incident.DecisionDeny, Rule: r.Name, Simulated: p.simulates(r), At: now.UTC(), Inputs: inputs}
	if why := malformed(&pr); why != "" {
		inputs["malformed"] = why
		d.Reasons = []string{"the proposal is not one that can be done: " + why}
		return Verdict{decision: d}
	}
	pr = pr.Clone()
	inputs["digest"], inputs["action"] = pr.Digest(), a
	if why := refuseUndo(now, &pr, &a, stopped, r); why != "" {
		d.Reasons = []string{why}
		return Verdict{decision: d, temporary: stopped != ""}
	}
	d.Outcome = incident.DecisionAllow
	d.Reasons = []string{fmt.Sprintf("%s may be undone until %s", a.ID, stamp(a.Until))}
	v := Verdict{decision: d}
	if !d.Simulated {
		v.grant = mint(now, pr, r.Name, "")
		v.grant.undo, v.grant.undoBy = true, time.Time{}
		if a.Until.Before(v.grant.until) {
			v.grant.until = a.Until
		}
	}
	return v
}

func refuseUndo(now time.Time, pr *incident.Proposal, a *incident.Action, stopped string, r Rule) string {
	switch {
	case stopped != "":
		return "everything is stopped: " + short(stopped)
	case a.ID != pr.ActionID() || a.Proposal != pr.ID || a.Kind != pr.Kind || a.Name != pr.Action():
		return "the action is not that of the proposal"
	case pr.Kind != incident.KindRemediation:
		return "only a remediation can be undone"
	case !pr.Remedy.Reversible || len(pr.Remedy.Undo) == 0:
		return fmt.Sprintf("%s can't be undone, says the catalogue", incident.PrintableLine(pr.Remedy.Name))
	case a.Outcome == nil || a.Outcome.Result == incident.ResultUnknown:
		return "nobody knows what came of it, so a person has to look"
	case a.Outcome.Result != incident.ResultDone && a.Outcome.Result != incident.ResultFailed:
		return "it was not begun, so there is nothing to undo"
	case !a.UndoneAt.IsZero() || a.Undo != nil:
		return "it was undone already"
	case now.Before(a.BegunAt):
		return fmt.Sprintf("it was begun at %s, and the clock was put back since", stamp(a.BegunAt))
	case now.After(a.Until):
		return fmt.Sprintf("the time for it ended at %s", stamp(a.Until))
	case r.Name == "":
		return fmt.Sprintf("the rule that allowed it (%q) is gone", incident.PrintableLine(a.Rule))
	case r.Then == incident.DecisionDeny:
		return fmt.Sprintf("rule %q, which allowed it, denies now", r.Name)
	}
	return ""
}
