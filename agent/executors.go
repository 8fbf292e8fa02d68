package agent

import (
	"context"
	"errors"
	"time"

	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/remediations"
)

// forgeExecutor opens pull requests.
type forgeExecutor struct {
	forge *github.Forge
	now   func() time.Time
}

// Execute implements Executor. What the forge refuses it has not begun.
func (f forgeExecutor) Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	out, err := f.forge.Execute(ctx, g)
	if err != nil {
		now := f.now().UTC()
		return incident.Outcome{Result: incident.ResultFailed, Detail: "nothing was begun: " + err.Error(), StartedAt: now, EndedAt: now}, nil //nolint:nilerr // the outcome says it
	}
	return out, nil
}

// Reconcile implements Executor. A forge that does not answer now may do so later: it is asked some times.
func (f forgeExecutor) Reconcile(ctx context.Context, a incident.Action, p incident.Proposal) (incident.Outcome, error) {
	const tries = 3
	var last error
	for i := range tries {
		out, known, err := f.forge.Reconcile(ctx, a, p)
		if known && err == nil {
			return out, nil
		}
		if last = err; last == nil {
			last = errors.New("the forge does not say")
		}
		if i < tries-1 && !sleep(ctx, 5*time.Second) {
			break
		}
	}
	return incident.Outcome{}, last
}

// commentExecutor tells open pull requests that what they are for was seen again.
type commentExecutor struct{ forgeExecutor }

// Execute implements Executor.
func (c commentExecutor) Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	out, err := c.forge.Comment(ctx, g)
	if err != nil {
		now := c.now().UTC()
		return incident.Outcome{Result: incident.ResultFailed, Detail: "nothing was said: " + err.Error(), StartedAt: now, EndedAt: now}, nil //nolint:nilerr // the outcome says it
	}
	return out, nil
}

// Reconcile implements Executor. A comment is not looked for: that one is missing, or is there, harms nobody.
func (c commentExecutor) Reconcile(_ context.Context, _ incident.Action, _ incident.Proposal) (incident.Outcome, error) {
	return incident.Outcome{
		Result: incident.ResultUnknown, EndedAt: c.now().UTC(), Detail: "the process died while it commented; the comment is there or is not",
	}, nil
}

// remedyExecutor runs remediations.
type remedyExecutor struct {
	runner *remediations.Runner
	now    func() time.Time
}

// Execute implements Executor. The outcome says all that the error does.
func (r remedyExecutor) Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	out, err := r.runner.Execute(ctx, g)
	if out.Result != "" {
		return out, nil
	}
	return out, err
}

// Reconcile implements Executor.
func (r remedyExecutor) Reconcile(ctx context.Context, a incident.Action, p incident.Proposal) (incident.Outcome, error) {
	out, known := r.runner.Reconcile(ctx, a, p)
	if !known {
		out.Result = incident.ResultUnknown
		if out.Detail == "" {
			out.Detail = "the process died while the command ran, and what came of it can't be found out"
		}
		if out.EndedAt.IsZero() {
			out.EndedAt = r.now().UTC()
		}
	}
	return out, nil
}
