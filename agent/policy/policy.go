// Package policy is the gate: it says of a proposal whether it may be done, and is the only maker of Grants. It is pure: time
// and history come in as values, so each decision can be computed again from what the audit kept.
package policy
