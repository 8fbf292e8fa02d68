package repair

import (
	"context"

	"github.com/logwright/logwright/agent/incident"
)

// Repair makes a patch for an incident, and proves it. Whatever stops it is in the Result; the error is only ever that ctx
// ended.
func (r *Repairer) Repair(ctx context.Context, inc incident.Incident, repo Repository) (Result, error) {
	return Result{}, nil
}

// Prompt gives the exact text that would leave the host if a patch for inc were asked for, redacted.
func (r *Repairer) Prompt(ctx context.Context, inc incident.Incident, repo Repository) (string, error) {
	return "", nil
}
