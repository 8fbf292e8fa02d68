package remediations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Reconcile says what came of an action whose intent was written and whose outcome was not, because the daemon died between. It
// reads the action's run file and looks for its processes; it never runs anything. Where the intent of an undo is written
// without an outcome it is the undo that is asked about.
//
// True is that it is known: done, failed, or skipped, which is that the command was never started. False is that nobody can
// tell: the Outcome's result is then ResultUnknown, and its detail says what a person should look at. A command that still
// runs is waited for, and stopped after its timeout as Execute would have done; where ctx ends before, the answer is
// unknown and should not be kept (ctx.Err says so): ask again.
func (r *Runner) Reconcile(ctx context.Context, a incident.Action, p incident.Proposal) (incident.Outcome, bool) {
	undo := !a.UndoneAt.IsZero() && a.Undo == nil
	out := incident.Outcome{Result: incident.ResultUnknown, Exit: -1, StartedAt: a.BegunAt, EndedAt: r.now().UTC()}
	if undo {
		out.StartedAt = a.UndoneAt
	}
	unknown := func(format string, args ...any) (incident.Outcome, bool) {
		out.Detail = fmt.Sprintf("the daemon ended while this was being done; %s. See for yourself how things stand", fmt.Sprintf(format, args...))
		return out, false
	}
	if !actionID.MatchString(a.ID) || p.ActionID() != a.ID {
		return unknown("the action and its proposal do not belong together")
	}
	f, err := r.load(a.ID, undo)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if pids := r.remaining(runName(a.ID, undo)); pids != "" {
			return unknown("its run file is gone, and process %s is of it", pids)
		}
		out.Result, out.Exit, out.Detail = incident.ResultSkipped, 0, "nothing was run: the daemon ended before the command was started"
		return out, true
	case err != nil:
		return unknown("its run file can't be read: %s", r.words(err))
	}
	out.StartedAt = f.StartedAt
	if f.Phase == phaseEnded {
		return *f.Outcome, true
	}
	if f.Phase == phaseStarting {
		if pids := r.remaining(runName(a.ID, undo)); pids != "" {
			return unknown("its command was started, and process %s of it still runs", pids)
		}
		return unknown("its command was about to be started, and may have been")
	}
	if !f.lives() {
		if f.Boot != bootID() {
			return unknown("its command was started (process %d), and the host was started anew since", f.PID)
		}
		return unknown("its command was started (process %d) and has ended, nobody saw how", f.PID)
	}
	return r.watch(ctx, f, out, unknown)
}

// watch waits for a command that outlived the daemon that started it.
func (r *Runner) watch(ctx context.Context, f runFile, out incident.Outcome, unknown func(string, ...any) (incident.Outcome, bool)) (incident.Outcome, bool) {
	r.logger.Info("a remediation of before the restart still runs; it is waited for", "action", f.Action, "pid", f.PID)
	poll := pollFirst
	// The clock may have been set meanwhile, so it never waits for longer than the whole timeout.
	left := min(max(f.StartedAt.Add(f.Timeout).Sub(r.now()), 0), f.Timeout, MaxTimeout)
	timer := time.NewTimer(left)
	defer timer.Stop()
	for f.lives() {
		select {
		case <-time.After(poll):
			poll = min(2*poll, pollLast)
		case <-ctx.Done():
			return unknown("process %d of it still runs", f.PID)
		case <-timer.C:
			id := procID{f.PID, f.Start}
			survivors := newFamily(id, runName(f.Action, f.Undo)).stop(r.grace)
			res := result{exit: -1, why: fmt.Sprintf("it did not end within %s and was stopped", f.Timeout), left: survivors, alive: f.lives()}
			out.EndedAt = r.now().UTC()
			if res.alive {
				return unknown("process %d of it could not be stopped", f.PID)
			}
			out.Result, out.Detail = incident.ResultFailed, "the command was run: "+res.words()+"; the daemon was restarted meanwhile, its output is lost"
			f.Phase, f.Outcome = phaseEnded, &out
			if err := r.update(f); err != nil {
				r.logger.Warn("the end of a remediation could not be written to its run file", "action", f.Action, "error", err)
			}
			return out, true
		}
	}
	out.EndedAt = r.now().UTC()
	return unknown("its command (process %d) went on and has ended, nobody saw how", f.PID)
}

// remaining lists the processes that carry the marker, "" for none.
func (r *Runner) remaining(marker string) string {
	var pids []string
	for _, p := range processes(marker, 0, nil) {
		if p.marked && !p.zombie {
			pids = append(pids, strconv.Itoa(p.pid))
		}
	}
	if len(pids) == 0 {
		return ""
	}
	return list(pids)
}
