package policy

import "github.com/logwright/logwright/agent/incident"

// Temporary says of a no that it may become another answer as time goes by: a limit, a cooldown, a window or the kill switch
// is in the way, not a rule. Such a proposal is worth deciding again.
func (v Verdict) Temporary() bool {
	if v.decision.Outcome != incident.DecisionDeny {
		return false
	}
	if s, ok := v.decision.Inputs["stopped"].(string); ok && s != "" {
		return true
	}
	_, limited := v.decision.Inputs["limits"] // asked only once a rule would let it pass
	return limited
}
