package agent

import (
	"context"
	"errors"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/store"
)

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
