package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/store"
)

// Executor does what a Grant allows, and after a crash finds out what came of it.
type Executor interface {
	// Execute acts. An error means that nobody knows what came of it.
	Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error)
	// Reconcile looks at the world for what came of an action whose process died. It never acts. What can't be known is
	// incident.ResultUnknown.
	Reconcile(ctx context.Context, a incident.Action, p incident.Proposal) (incident.Outcome, error)
}

// acting puts proposals before the gate and does what it grants. The gate's decision, the intent and so the reservation of
// every limit are one transaction; the Grant lives only in memory, from there to the executor. A proposal becomes one
// action at most, since the action's id is the proposal's.
type acting struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	notifiers []string
	policy    *policy.Policy
	// asking is how long a proposal waits for a person, killSwitch the file.
	asking     time.Duration
	killSwitch string
	executors  map[incident.ProposalKind]Executor
	// confirm says why a proposal is not what the configuration of now would propose: the catalogue may have changed since.
	confirm func(p *incident.Proposal, inc *incident.Incident) error
	// expected is how many events of a cluster would come in a time by its own rate.
	expected func(cluster string, window time.Duration) float64
	// told is called after an event was put into the outbox, again when an action ended.
	told, again func()
	fault       func(point string)
	crew        *crew
	// held says why an undo has to wait, by proposal, so that it is audited once. Only who watches uses it.
	held map[string]string
}

// crew is who acts at the moment. It outlives a reload: what is being done is finished. One action at a time is done for
// one service.
type crew struct {
	mu      sync.Mutex
	busy    map[string]context.CancelCauseFunc
	running sync.WaitGroup
}

func newCrew() *crew { return &crew{busy: map[string]context.CancelCauseFunc{}} }

var errStopped = errors.New("the kill switch was turned on")

// claim reserves a service; it is false where something is being done for it.
func (c *crew) claim(service string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.busy[service]; ok {
		return false
	}
	c.busy[service] = func(error) {}
	return true
}

func (c *crew) release(service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, service)
}

// acting says whether anything is being done, or about to be.
func (c *crew) acting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.busy) > 0
}

// stop interrupts whatever is being done.
func (c *crew) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.busy {
		cancel(errStopped)
	}
}

// wait gives what is being done time to end.
func (c *crew) wait(most time.Duration, log *slog.Logger) {
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		log.Error("an action does not end; the next start looks for what came of it")
	}
}

// start does f for a claimed service, and releases it.
func (c *crew) start(ctx context.Context, service string, f func(context.Context)) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	c.busy[service] = cancel
	c.mu.Unlock()
	c.running.Go(func() {
		defer cancel(nil)
		defer c.release(service)
		f(ctx)
	})
}

func (a *acting) point(name string) {
	if a.fault != nil {
		a.fault(name)
	}
}

// decidable are the states in which the gate is asked.
var decidable = []incident.ProposalState{incident.ProposalApproved, incident.ProposalNew, incident.ProposalWaiting}

// round puts every open proposal before the gate, until work ends. ctx is the daemon's: what is begun goes on over a reload.
func (a *acting) round(ctx, work context.Context) (int, error) {
	open, err := a.st.Proposals(ctx, store.ProposalFilter{States: decidable})
	if c, ok := errors.AsType[*store.ChangedError](err); ok {
		// Somebody wrote into the database: what it says now is nothing that anybody proposed, and is never done. The others
		// go on with the next round.
		a.log.Error("a proposal was changed in the database and is refused", "proposal", c.Proposal, "err", err)
		a.again()
		return 1, a.st.Update(ctx, func(tx *store.Tx) error {
			return tx.SetProposalState(c.Proposal, incident.ProposalDenied, "logwright", "it was changed in the database")
		})
	}
	if err != nil {
		return 0, err
	}
	var first error
	for i := range open {
		if err := a.decide(ctx, &open[i].Proposal); err != nil && first == nil {
			first = fmt.Errorf("proposal %s: %w", open[i].Proposal.ID, err)
		}
		if work.Err() != nil {
			return len(open), work.Err() // there may be other rules by now
		}
	}
	return len(open), first
}

// decide asks the gate about one proposal, writes what it says and, where it grants, the intent, and starts the executor.
func (a *acting) decide(ctx context.Context, p *incident.Proposal) error {
	if !a.crew.claim(p.Service) {
		return nil // the next round asks
	}
	full, err := a.st.Incident(ctx, p.Incident)
	if err != nil {
		a.crew.release(p.Service)
		return err
	}
	// The rate is taken before it is done: afterwards there may be none any more. And outside of the transaction: the ingest,
	// which knows it, waits for the store while it holds its own lock.
	rate := a.expected(p.Cluster, watched(p))
	started := false
	defer func() {
		if !started {
			a.crew.release(p.Service)
		}
	}()
	var grant policy.Grant
	var granted, told bool
	err = a.st.UpdateDurable(ctx, func(tx *store.Tx) error {
		grant, granted, told = policy.Grant{}, false, false
		rec, err := tx.Proposal(p.ID)
		if err != nil {
			return err
		}
		inc, err := tx.Incident(p.Incident)
		if err != nil {
			return err
		}
		if ended := a.ended(rec, inc); ended != "" {
			told = true
			return a.expire(tx, rec, ended)
		}
		if err := a.confirm(&rec.Proposal, full); err != nil {
			told = true
			if err := a.anew(tx, rec); err != nil {
				return err
			}
			return a.expire(tx, rec, err.Error())
		}
		stopped, err := tx.Stopped()
		if err != nil {
			return err
		}
		now := a.now()
		past, err := tx.PastActions(now.Add(-a.policy.Lookback()))
		if err != nil {
			return err
		}
		if err := oneCluster(tx, &rec.Proposal, past); err != nil {
			return err
		}
		v := a.policy.Decide(now, rec.Proposal, policy.History{
			Stopped: stoppedBy(a.killSwitch, stopped), Actions: past, Approval: rec.Approval,
		})
		// Who was asked is waited for, even where the rules have changed meanwhile and would ask nobody.
		if grant, granted = v.Grant(); granted && rec.State != incident.ProposalWaiting {
			told = true
			return a.begin(tx, rec, v, grant, rate)
		}
		granted = false
		told, err = a.hold(tx, rec, v)
		return err
	})
	if err != nil {
		return err
	}
	if told {
		a.told()
	}
	if granted {
		a.point("after-intent")
		started = true
		a.crew.start(ctx, p.Service, func(ctx context.Context) { a.execute(ctx, grant) })
	}
	return nil
}

// oneCluster gives past actions for a cluster that is the proposal's by now (the one was merged into the other) the name
// that the proposal has for it, since the gate compares names.
func oneCluster(tx *store.Tx, p *incident.Proposal, past []incident.Action) error {
	own, err := tx.Cluster(p.Cluster)
	if errors.Is(err, store.ErrNotFound) {
		return nil // dropped for room; its own name is all there is
	}
	if err != nil {
		return err
	}
	for i := range past {
		if past[i].Cluster == p.Cluster {
			continue
		}
		c, err := tx.Cluster(past[i].Cluster)
		switch {
		case errors.Is(err, store.ErrNotFound): // forgotten; then it is no other's either
		case err != nil:
			return err
		case c.ID == own.ID:
			past[i].Cluster = p.Cluster
		}
	}
	return nil
}

// ended says why a proposal is not to be done any more, "" where it may be.
func (a *acting) ended(rec *store.ProposalRecord, inc *incident.Incident) string {
	switch {
	case !inc.State.Unfinished():
		return "its incident is " + string(inc.State) + " now"
	case rec.State == incident.ProposalApproved && rec.Approval != nil && a.now().After(rec.Approval.Until):
		return "its approval ended before it could be done"
	case rec.State != incident.ProposalApproved && a.now().Sub(rec.Proposal.At) > a.asking:
		return fmt.Sprintf("it waited for longer than %s", a.asking)
	}
	return ""
}

func (a *acting) expire(tx *store.Tx, rec *store.ProposalRecord, why string) error {
	if err := tx.SetProposalState(rec.Proposal.ID, incident.ProposalExpired, "logwright", why); err != nil {
		return err
	}
	if err := restate(tx, rec.Proposal.Incident, why); err != nil {
		return err
	}
	return a.tell(tx, incident.EventExpired, rec.Proposal.ID, why)
}

// mostAnew is how often a remediation is proposed again for an incident because the one before did not fit any more.
const mostAnew = 3

// anew lets the remediations be considered again for the incident of a proposal that no longer is what the configuration
// says: nothing else would ever propose what it says now.
func (a *acting) anew(tx *store.Tx, rec *store.ProposalRecord) error {
	if rec.Proposal.Kind != incident.KindRemediation {
		return nil
	}
	before, err := tx.Proposals(store.ProposalFilter{Incident: rec.Proposal.Incident, Kind: rec.Proposal.Kind})
	if err != nil || len(before) > mostAnew {
		return err
	}
	return tx.SetConsidered(rec.Proposal.Incident, considerRemedy, "", rec.Proposal.ID+" does not fit any more, so it is considered again")
}

// begin writes the intent.
func (a *acting) begin(tx *store.Tx, rec *store.ProposalRecord, v policy.Verdict, g policy.Grant, rate float64) error {
	p := &rec.Proposal
	if err := tx.SetDecision(p.ID, v.Decision(), rec.State); err != nil {
		return err
	}
	if err := tx.BeginAction(incident.Action{
		ID: g.Action(), Proposal: p.ID, Incident: p.Incident, Cluster: p.Cluster, Service: p.Service, Kind: p.Kind,
		Name: p.Action(), Rule: g.Rule(), By: g.By(), BegunAt: a.now(), Until: g.UndoUntil(),
	}); err != nil {
		return err
	}
	pending := incident.Verification{Result: incident.VerifyPending, Reasons: []string{"not looked at yet"}, Expected: rate}
	if p.Kind != incident.KindComment {
		if err := tx.SetVerification(g.Action(), pending); err != nil {
			return err
		}
	}
	if err := restate(tx, p.Incident, "the gate allowed "+p.Action()); err != nil {
		return err
	}
	return a.tell(tx, incident.EventActing, p.ID, "")
}

// watched is the window that the expected events are counted for: a remediation's own, an hour for a patch, of which a window
// is made when it is merged.
func watched(p *incident.Proposal) time.Duration {
	if p.Remedy != nil {
		return p.Remedy.Silence
	}
	return time.Hour
}

// hold keeps a decision that lets nothing happen now. It says whether there is something to tell.
func (a *acting) hold(tx *store.Tx, rec *store.ProposalRecord, v policy.Verdict) (bool, error) {
	p, d := &rec.Proposal, v.Decision()
	to, kind := rec.State, incident.EventKind("")
	switch {
	case d.Simulated:
		to, kind = incident.ProposalSimulated, incident.EventProposed
		if err := tx.MarkSimulated(p.Incident, true); err != nil {
			return false, err
		}
	case rec.State == incident.ProposalApproved || d.Outcome == incident.DecisionAllow:
		// A limit, a window or the kill switch is in the way: while the approval holds, it is asked again.
	case d.Outcome == incident.DecisionAsk:
		if to = incident.ProposalWaiting; rec.State != to {
			kind = incident.EventWaiting
		}
	case v.Temporary():
		if rec.Decision == nil {
			kind = incident.EventProposed
		}
	default:
		to, kind = incident.ProposalDenied, incident.EventProposed
	}
	if err := tx.SetDecision(p.ID, d, to); err != nil {
		return false, err
	}
	if err := restate(tx, p.Incident, fmt.Sprintf("the gate said %s to %s", d.Outcome, p.Action())); err != nil {
		return false, err
	}
	if kind == "" {
		return false, nil
	}
	return true, a.tell(tx, kind, p.ID, "")
}

// execute does one action and writes what came of it.
func (a *acting) execute(ctx context.Context, g policy.Grant) {
	p := g.Proposal()
	out, err := a.executors[p.Kind].Execute(ctx, g)
	if err != nil {
		out.Result = incident.ResultUnknown
		if out.Detail == "" {
			out.Detail = "it was begun, and what came of it is not known: " + err.Error()
		}
		if out.EndedAt.IsZero() {
			out.EndedAt = a.now()
		}
	}
	a.point("after-execute")
	a.finish(ctx, p.ActionID(), func(tx *store.Tx) error { return a.end(tx, &p, out) })
}

// finish writes an outcome, however long that takes: it is known only here.
func (a *acting) finish(ctx context.Context, action string, write func(*store.Tx) error) {
	keep := context.WithoutCancel(ctx)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := a.st.UpdateDurable(keep, write)
		if err == nil {
			break
		}
		a.log.Error("the outcome of an action can't be kept and is tried again", "action", action, "err", err)
		if ctx.Err() != nil && wait > 5*time.Second {
			return // the process ends; the next one looks at the world
		}
		sleep(keep, wait)
	}
	a.point("after-outcome")
	a.told()
	a.again()
}

// end writes an outcome and moves proposal and incident on.
func (a *acting) end(tx *store.Tx, p *incident.Proposal, out incident.Outcome) error {
	if err := tx.EndAction(p.ActionID(), out); err != nil {
		return err
	}
	to, kind := incident.ProposalVerifying, incident.EventActed
	switch out.Result {
	case incident.ResultDone:
		if p.Kind == incident.KindComment {
			to = incident.ProposalDone // nothing to watch
		}
	case incident.ResultUnknown:
		to, kind = incident.ProposalUnknown, incident.EventUnknown
	default:
		to, kind = incident.ProposalFailed, incident.EventFailed
	}
	if err := tx.SetProposalState(p.ID, to, "logwright", out.Detail); err != nil {
		return err
	}
	if err := restate(tx, p.Incident, p.Action()+": "+string(out.Result)); err != nil {
		return err
	}
	return a.tell(tx, kind, p.ID, "")
}

// reconcile looks for what came of the actions that were begun and whose process died. It runs before anything else acts.
func (a *acting) reconcile(ctx context.Context) error {
	open, err := a.st.OpenActions(ctx)
	if err != nil {
		return err
	}
	for i := range open {
		act := open[i]
		rec, err := a.st.Proposal(ctx, act.Proposal)
		if err != nil {
			return err
		}
		out := incident.Outcome{Result: incident.ResultUnknown, EndedAt: a.now(),
			Detail: "the process died while it was being done, and nothing is configured any more that could find out what came of it"}
		if ex := a.executors[act.Kind]; ex != nil {
			if out, err = ex.Reconcile(ctx, act, rec.Proposal); err != nil {
				out = incident.Outcome{Result: incident.ResultUnknown, EndedAt: a.now(),
					Detail: "the process died while it was being done, and what came of it can't be found out: " + err.Error()}
			}
			if ctx.Err() != nil {
				return ctx.Err() // it could not look for long enough: the next one does
			}
		}
		a.log.Warn("an action was cut short", "action", act.ID, "name", act.Name, "result", out.Result, "detail", out.Detail)
		err = a.st.UpdateDurable(ctx, func(tx *store.Tx) error {
			if act.Outcome == nil {
				return a.end(tx, &rec.Proposal, out)
			}
			if err := tx.EndUndo(act.ID, out); err != nil {
				return err
			}
			return a.tell(tx, incident.EventUndone, act.Proposal, "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// undo takes an action back that did not help, where the operator said how and the gate lets it.
func (a *acting) undo(ctx context.Context, proposal string) error {
	rec, err := a.st.Proposal(ctx, proposal)
	if err != nil || rec.Action == nil || rec.Proposal.Remedy == nil || len(rec.Proposal.Remedy.Undo) == 0 {
		return err
	}
	p := &rec.Proposal
	if !a.crew.claim(p.Service) {
		return errBusy
	}
	var grant policy.Grant
	var granted bool
	var held string
	err = a.st.UpdateDurable(ctx, func(tx *store.Tx) error {
		grant, granted, held = policy.Grant{}, false, ""
		stopped, err := tx.Stopped()
		if err != nil {
			return err
		}
		now, err := tx.Proposal(p.ID)
		if err != nil || now.Action == nil || !now.Action.UndoneAt.IsZero() {
			return err
		}
		v := a.policy.DecideUndo(a.now(), *p, *now.Action, stoppedBy(a.killSwitch, stopped))
		if v.Temporary() {
			held = v.Decision().Reasons[0]
			if a.held[p.ID] == held {
				return nil
			}
		}
		if err := tx.Audit(store.Entry{Actor: "logwright", Action: "decided-undo", Subject: now.Action.ID, Detail: v.Decision()}); err != nil {
			return err
		}
		if grant, granted = v.Grant(); !granted {
			return nil
		}
		return tx.BeginUndo(now.Action.ID)
	})
	if err == nil && held != "" {
		if a.held == nil {
			a.held = map[string]string{}
		}
		a.held[p.ID], err = held, errBusy
	} else {
		delete(a.held, p.ID)
	}
	if err != nil || !granted {
		a.crew.release(p.Service)
		return err
	}
	a.point("after-undo-intent")
	a.crew.start(ctx, p.Service, func(ctx context.Context) {
		out, err := a.executors[p.Kind].Execute(ctx, grant)
		if err != nil {
			out.Result, out.EndedAt = incident.ResultUnknown, a.now()
			out.Detail = "undoing was begun, and what came of it is not known: " + err.Error()
		}
		a.point("after-undo")
		a.finish(ctx, p.ActionID(), func(tx *store.Tx) error {
			if err := tx.EndUndo(p.ActionID(), out); err != nil {
				return err
			}
			return a.tell(tx, incident.EventUndone, p.ID, "")
		})
	})
	return nil
}

// errBusy says that an undo has to wait: something else is being done for the service, or everything is stopped.
var errBusy = errors.New("it has to wait")

// tell puts an event about a proposal into the outbox.
func (a *acting) tell(tx *store.Tx, kind incident.EventKind, proposal, text string) error {
	return tellProposal(tx, a.now(), kind, proposal, text, a.notifiers)
}

func tellProposal(tx *store.Tx, now time.Time, kind incident.EventKind, proposal, text string, notifiers []string) error {
	rec, err := tx.Proposal(proposal)
	if err != nil {
		return err
	}
	inc, err := tx.Incident(rec.Proposal.Incident)
	if err != nil {
		return err
	}
	e := newEvent(now, kind, inc)
	e.Proposal, e.Decision, e.Approval, e.Action, e.Text = &rec.Proposal, rec.Decision, rec.Approval, rec.Action, text
	return tx.Enqueue(e, notifiers...)
}
