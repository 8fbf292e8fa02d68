package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// watching says of each action that was done what the log said afterwards. Silence is no proof by itself: the service has to
// be seen alive, and the cluster has to be one that would have been seen. Where that can't be said the outcome is
// inconclusive, and a person reads why.
type watching struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	notifiers []string
	told      func()
	// behind says that lines wait to be read: silence then says nothing yet.
	behind func() bool
	// probe runs a remediation's probe; status asks the forge about a pull request. Both are nil where there is none.
	probe  func(context.Context, incident.Remedy) (bool, string, error)
	status func(context.Context, incident.ForgeRef) (github.State, error)
	undo   func(ctx context.Context, proposal string) error

	// asked is when the forge was last asked about a pull request, by action; undoing are the proposals to undo, with when to
	// try. It is nil before the first round.
	asked   map[string]time.Time
	undoing map[string]time.Time
	// stirs tells of changes, stirred is how many there were; where nothing is to be watched the store is asked only when
	// there are more, and at idle.
	stirs   *atomic.Int64
	stirred int64
	idle    time.Time
	// since is from when on it watches, by a clock that nobody sets; looked and went are the two clocks at the last round.
	since, went, looked time.Time
}

const (
	// leastExpected is how many events there have to have been in the window by the cluster's own rate.
	leastExpected = 3
	// askForge is how often the forge is asked about an open pull request.
	askForge = time.Minute
	// The window in which a merged change is watched, and how many events it is to expect.
	leastMerged, mostMerged = 10 * time.Minute, 24 * time.Hour
	mergedExpected          = 5
	// leastListened is how long a daemon has to have been there before it says that nothing came.
	leastListened = 10 * time.Second
	// clockSet is by how much two clocks have to differ for one of them to have been set, or the host to have slept.
	clockSet = 2 * time.Second
	// undoAgain is when an undo that failed to begin is tried again, undoLooksBack how old what is to be undone can be: a
	// remediation's own times and its silence are at most a day and three hours.
	undoAgain = time.Minute
	// watchIdle is how often it is looked whether there is something to watch, where there was nothing.
	watchIdle     = 15 * time.Second
	undoLooksBack = 48 * time.Hour
)

// settle is how long after an action lines of before it may still come in.
func settle(silence time.Duration) time.Duration {
	return min(max(silence/10, 2*time.Second), 30*time.Second)
}

func (w *watching) round(ctx context.Context) error {
	jump := w.pace()
	stirs := w.stirs.Load()
	if stirs == w.stirred && w.went.Before(w.idle) {
		return nil
	}
	w.stirred = stirs
	w.idle = time.Time{}
	var all []error
	if w.undoing == nil {
		if err := w.leftToUndo(ctx); err != nil {
			return err
		}
	}
	for id, at := range w.undoing {
		if at.After(w.went) {
			continue
		}
		switch err := w.undo(ctx, id); {
		case errors.Is(err, errBusy):
		case err != nil:
			w.undoing[id] = w.went.Add(undoAgain)
			all = append(all, err)
		default:
			delete(w.undoing, id)
		}
	}
	open, err := w.st.UnverifiedActions(ctx)
	if err != nil {
		return err
	}
	if len(open) == 0 && len(w.undoing) == 0 {
		w.idle = w.went.Add(watchIdle)
	}
	for i := range open {
		if err := w.shift(ctx, &open[i], jump); err != nil {
			all = append(all, err)
			continue
		}
		if err := w.action(ctx, &open[i]); err != nil {
			all = append(all, fmt.Errorf("action %s: %w", open[i].ID, err))
		}
	}
	return errors.Join(all...)
}

// pace gives by how much the clock was set since the last round, or for how long the host slept: time that did not pass for
// the log.
func (w *watching) pace() time.Duration {
	wall, went := w.now().Round(0), time.Now()
	jump := time.Duration(0)
	if w.looked.IsZero() {
		w.since = went
	} else if jump = wall.Sub(w.looked) - went.Sub(w.went); jump.Abs() < clockSet {
		jump = 0
	} else {
		w.since = went
	}
	w.looked, w.went = wall, went
	return jump
}

// shift moves the window of an action with a clock that was set: what counts is how long the log was watched.
func (w *watching) shift(ctx context.Context, a *incident.Action, by time.Duration) error {
	if by == 0 || a.Verification == nil || a.Verification.From.IsZero() {
		return nil
	}
	v := *a.Verification
	v.From, v.To = v.From.Add(by), v.To.Add(by)
	a.Verification = &v
	return w.st.Update(ctx, func(tx *store.Tx) error { return tx.SetVerification(a.ID, v) })
}

// listened says whether the daemon has been there for long enough for a window without a line to mean something: what was
// written while it was not there has to have been read.
func (w *watching) listened(window time.Duration) bool {
	return w.went.Sub(w.since) >= min(catchUp, max(window, leastListened)) && !w.behind()
}

// leftToUndo finds what did not help and was not undone before the daemon, or its configuration, ended.
func (w *watching) leftToUndo(ctx context.Context) error {
	now := w.now()
	as, err := w.st.Actions(ctx, store.ActionFilter{Kind: incident.KindRemediation, Since: now.Add(-undoLooksBack)})
	if err != nil {
		return err
	}
	w.undoing = map[string]time.Time{}
	for i := range as {
		a := &as[i]
		if v := a.Verification; v != nil && v.Result == incident.VerifyFailed && a.UndoneAt.IsZero() && a.Until.After(now) {
			w.undoing[a.Proposal] = time.Time{}
		}
	}
	return nil
}

// action looks at one action, and writes what it came to where that can be said.
func (w *watching) action(ctx context.Context, a *incident.Action) error {
	rec, err := w.st.Proposal(ctx, a.Proposal)
	if err != nil {
		return err
	}
	v := incident.Verification{Result: incident.VerifyPending}
	if a.Verification != nil {
		v = *a.Verification
	}
	if a.Kind == incident.KindPullRequest {
		if open, err := w.pullRequest(ctx, a, &v); err != nil || open {
			return err
		}
		if v.Result != incident.VerifyPending {
			return w.write(ctx, rec, v)
		}
	}
	now := w.now()
	if v.From.IsZero() {
		return w.begin(ctx, a, rec, v)
	}
	c, err := w.st.Cluster(ctx, a.Cluster)
	if errors.Is(err, store.ErrNotFound) {
		return w.giveUp(ctx, rec, v, "the cluster was forgotten meanwhile (limits.clusters)")
	}
	if err != nil {
		return err
	}
	v.Seen = max(c.Events-v.Before, 0)
	window := v.To.Sub(v.From)
	switch {
	// What says of itself that it is older was counted late, or with another cluster that turned out to be the same.
	case v.Seen > 0 && !c.LastSeen.Before(v.From.Add(-time.Second)):
		v.Result = incident.VerifyFailed
		v.To = now
		v.Reasons = []string{fmt.Sprintf("the cluster was seen again %s", times(v.Seen))}
	case now.Before(v.To):
		return nil
	case !w.listened(window):
		if now.After(v.To.Add(catchUpMost)) {
			return w.giveUp(ctx, rec, v, "what was written meanwhile has not been read")
		}
		return nil
	case v.Seen > 0:
		return w.giveUp(ctx, rec, v, fmt.Sprintf("the cluster was counted %s more, by lines that are older than the end of the action", times(v.Seen)))
	default:
		if err := w.judge(ctx, a, rec, &v); err != nil {
			return err
		}
	}
	return w.write(ctx, rec, v)
}

// begin starts the clock once everything of before the action has come in.
func (w *watching) begin(ctx context.Context, a *incident.Action, rec *store.ProposalRecord, v incident.Verification) error {
	now := w.now()
	window, from := time.Duration(0), a.Outcome.EndedAt
	if r := rec.Proposal.Remedy; r != nil {
		window = r.Silence
	} else {
		from = a.ClosedAt
		// Who tells of releases tells of the one with the change in it, too; what comes before it is of the old version.
		rel, err := w.st.Releases(ctx, a.Service, 1)
		if err != nil {
			return err
		}
		if len(rel) > 0 {
			if !rel[0].At.After(a.ClosedAt) {
				return nil
			}
			from = rel[0].At
		}
		perHour := v.Expected
		window = mostMerged
		if perHour > 0 {
			window = min(max(time.Duration(float64(time.Hour)*mergedExpected/perHour), leastMerged), mostMerged)
		}
		v.Expected = perHour * window.Hours()
	}
	begin := from.Add(settle(window))
	if now.Before(begin) {
		return nil
	}
	if w.behind() {
		if now.After(begin.Add(catchUpMost)) {
			return w.giveUp(ctx, rec, v, "what was written meanwhile has not been read")
		}
		return nil
	}
	c, err := w.st.Cluster(ctx, a.Cluster)
	if errors.Is(err, store.ErrNotFound) {
		return w.giveUp(ctx, rec, v, "the cluster was forgotten meanwhile (limits.clusters)")
	}
	if err != nil {
		return err
	}
	if v.LinesBefore, err = w.st.ServiceEvents(ctx, a.Service, a.Cluster); err != nil {
		return err
	}
	v.From, v.To, v.Before = now, now.Add(window), c.Events
	v.Reasons = []string{fmt.Sprintf("the log is watched until %s", v.To.UTC().Format(time.RFC3339))}
	return w.st.Update(ctx, func(tx *store.Tx) error { return tx.SetVerification(a.ID, v) })
}

// giveUp ends the watch of an action of which nothing can be said.
func (w *watching) giveUp(ctx context.Context, rec *store.ProposalRecord, v incident.Verification, why string) error {
	v.Result, v.Reasons = incident.VerifyInconclusive, []string{why + ": that nothing is seen proves nothing"}
	return w.write(ctx, rec, v)
}

// judge says what a window without an event of the cluster proves.
func (w *watching) judge(ctx context.Context, a *incident.Action, rec *store.ProposalRecord, v *incident.Verification) error {
	if r := rec.Proposal.Remedy; r != nil && len(r.Probe) > 0 && w.probe != nil {
		alive, detail, err := w.probe(ctx, *r)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			v.Result, v.Reasons = incident.VerifyInconclusive, []string{"the probe could not be run: " + err.Error()}
			return nil //nolint:nilerr // the verification says it
		case !alive:
			v.Result, v.Reasons = incident.VerifyFailed, []string{"the probe says that the service is not alive: " + detail}
			return nil
		}
		v.Alive = "probe"
	} else {
		lines, err := w.st.ServiceEvents(ctx, a.Service, a.Cluster)
		if err != nil {
			return err
		}
		if n := lines - v.LinesBefore; n > 0 {
			v.Alive = fmt.Sprintf("%d other lines of the service", n)
		}
	}
	silent := "the cluster was silent for " + v.To.Sub(v.From).Round(time.Second).String()
	switch {
	case v.Alive == "":
		v.Result = incident.VerifyInconclusive
		v.Reasons = []string{silent + ", and so was the service: silence is no proof"}
	case v.Expected < leastExpected:
		v.Result = incident.VerifyInconclusive
		v.Reasons = []string{fmt.Sprintf("%s, but by its own rate only %.1f events were to be expected (at least %d are needed)",
			silent, math.Floor(v.Expected*10)/10, leastExpected)}
	default:
		v.Result = incident.VerifyVerified
		v.Reasons = []string{fmt.Sprintf("%s where %.0f events were to be expected, and the service is alive (%s)", silent, v.Expected, v.Alive)}
	}
	return nil
}

// pullRequest looks after a pull request until it is merged or closed. It says whether it is still to be waited for.
func (w *watching) pullRequest(ctx context.Context, a *incident.Action, v *incident.Verification) (bool, error) {
	if !a.ClosedAt.IsZero() {
		if !a.Merged { // the process died before it could say so
			notMerged(v)
		}
		return false, nil
	}
	if w.status == nil || a.Outcome.Forge == nil {
		return true, nil
	}
	if w.asked == nil {
		w.asked = map[string]time.Time{}
	}
	now := w.now()
	if now.Sub(w.asked[a.ID]) < askForge {
		return true, nil
	}
	w.asked[a.ID] = now
	s, err := w.status(ctx, *a.Outcome.Forge)
	if err != nil || s.Open {
		return true, err
	}
	delete(w.asked, a.ID)
	at := s.ClosedAt
	if at.IsZero() || at.After(now) {
		at = now
	}
	if !s.Merged {
		notMerged(v)
	}
	a.ClosedAt, a.Merged = at, s.Merged
	return false, w.st.Update(ctx, func(tx *store.Tx) error { return tx.ClosePullRequest(a.ID, at, s.Merged) })
}

func notMerged(v *incident.Verification) {
	v.Result = incident.VerifyInconclusive
	v.Reasons = []string{"the pull request was closed without being merged"}
}

// write keeps what an action came to, moves proposal and incident on, and tells.
func (w *watching) write(ctx context.Context, rec *store.ProposalRecord, v incident.Verification) error {
	p := &rec.Proposal
	to, kind := incident.ProposalDone, incident.EventInconclusive
	switch v.Result {
	case incident.VerifyVerified:
		kind = incident.EventVerified
	case incident.VerifyFailed:
		to, kind = incident.ProposalFailed, incident.EventFailed
	}
	if v.To.IsZero() {
		v.To = w.now()
	}
	err := w.st.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetVerification(p.ActionID(), v); err != nil {
			return err
		}
		if err := tx.SetProposalState(p.ID, to, "logwright", v.Reasons[0]); err != nil {
			return err
		}
		if err := restate(tx, p.Incident, p.Action()+": "+v.Result); err != nil {
			return err
		}
		if v.Result == incident.VerifyVerified {
			if err := resolveVerified(tx, p, v.Reasons[0]); err != nil {
				return err
			}
		}
		return tellProposal(tx, w.now(), kind, p.ID, "", w.notifiers)
	})
	if err != nil {
		return err
	}
	if v.Result == incident.VerifyFailed && p.Remedy != nil && len(p.Remedy.Undo) > 0 {
		w.undoing[p.ID] = time.Time{}
	}
	w.told()
	return nil
}

// resolveVerified closes an incident of which an action is proven to have helped, unless something else that was proposed
// for it is still on its way: a restart that helped is no reason to drop the patch of what made it necessary.
func resolveVerified(tx *store.Tx, p *incident.Proposal, why string) error {
	inc, err := tx.Incident(p.Incident)
	if err != nil || !inc.State.Unfinished() {
		return err
	}
	all, err := tx.Proposals(store.ProposalFilter{Incident: p.Incident})
	if err != nil {
		return err
	}
	for i := range all {
		if !all[i].State.Final() {
			return nil
		}
	}
	return tx.SetState(p.Incident, incident.StateResolved, "logwright", "verified: "+why)
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
