package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
