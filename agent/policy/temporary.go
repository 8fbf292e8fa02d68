package policy

// Temporary says of a no that it may become another answer as time goes by: a limit, a cooldown, a window, an open pull request
// or the kill switch is in the way, not a rule. Such a proposal is worth deciding again.
func (v Verdict) Temporary() bool { return v.temporary }
