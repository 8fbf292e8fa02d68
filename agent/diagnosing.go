package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/logwright/logwright/agent/diagnose"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// diagnosing gives every opened incident a diagnosis: at once from the built-in signatures, so that the first message
// says more than "something is wrong", and then, where a model is configured, from the model. It works from what the
// store says, so a process that died in between goes on where it was. It never holds up collecting.
type diagnosing struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	d         *diagnose.Diagnoser
	notifiers []string
	// model says that one is configured.
	model bool
	// told is called after an event was put into the outbox.
	told func()

	// notBefore holds when the model may be asked again for an incident. It is kept in memory only: after a restart
	// the model is tried at once, within the budget, which is kept.
	notBefore map[string]time.Time
	tries     map[string]int
	// pause is when the model may be asked again at all: it was dead for one incident, so it is for the next.
	pause    time.Time
	degraded bool
}

// offline diagnoses every incident that is only open, and tells of it. One that can't be (a damaged row) is no reason to
// leave the others; the error is the first of such.
func (g *diagnosing) offline(ctx context.Context) error {
	var first error
	failed := map[string]bool{}
	for {
		open, err := g.st.Incidents(ctx, store.Filter{States: []incident.State{incident.StateOpen}, Limit: 100 + len(failed)})
		if err != nil {
			return err
		}
		done := 0
		for i := range open {
			id := open[i].ID
			if failed[id] {
				continue
			}
			switch err := g.offlineOne(ctx, id); {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrBusy):
				return err // the same for all
			case err != nil:
				failed[id] = true
				first = cmp.Or(first, fmt.Errorf("incident %s: %w", id, err))
			default:
				done++
			}
		}
		if done == 0 {
			return first
		}
	}
}

func (g *diagnosing) offlineOne(ctx context.Context, id string) error {
	inc, err := g.st.Incident(ctx, id)
	if err != nil {
		return err
	}
	earlier, err := g.earlier(ctx, inc)
	if err != nil {
		return err
	}
	r := g.d.Offline(*inc)
	if earlier != nil {
		r.Diagnosis = *earlier
	}
	kind := incident.EventOpened
	switch {
	case inc.Diagnosis != nil:
		kind = incident.EventReopened
	case inc.Trigger == incident.TriggerReturned:
		kind = incident.EventReturned
	case inc.Trigger == incident.TriggerSilence:
		kind = incident.EventSilence
	}
	return g.keep(ctx, inc, r, kind)
}

// earlier gives the model's diagnosis of an earlier episode of the same cluster: nothing is asked twice for one cluster,
// unless a release came in between, which may have changed the cause.
func (g *diagnosing) earlier(ctx context.Context, inc *incident.Incident) (*incident.Diagnosis, error) {
	if inc.Episode == 1 && inc.Diagnosis == nil {
		return nil, nil
	}
	all, err := g.st.Incidents(ctx, store.Filter{Cluster: inc.Clusters[0]})
	if err != nil {
		return nil, err
	}
	var best *incident.Diagnosis
	for i := range all {
		d := all[i].Diagnosis
		if d == nil || d.Source == incident.SourceOffline || inc.Release != nil && inc.Release.At.After(d.At) {
			continue
		}
		if best == nil || d.At.After(best.At) {
			best = d
		}
	}
	return best, nil
}

// keep writes a diagnosis, moves the incident on, and tells, in one transaction.
func (g *diagnosing) keep(ctx context.Context, inc *incident.Incident, r diagnose.Result, kind incident.EventKind) error {
	err := g.st.Update(ctx, func(tx *store.Tx) error {
		now, err := tx.Incident(inc.ID)
		if err != nil {
			return err
		}
		if !now.State.Unfinished() {
			return nil // ignored or resolved meanwhile
		}
		if err := tx.SetDiagnosis(inc.ID, r.Diagnosis, r.Title); err != nil {
			return err
		}
		if r.Flagged {
			if err := tx.Flag(inc.ID, r.FlagReason); err != nil {
				return err
			}
		}
		if now.State == incident.StateOpen {
			if err := tx.SetState(inc.ID, incident.StateDiagnosed, "logwright", "diagnosed by "+r.Diagnosis.Source); err != nil {
				return err
			}
		}
		if err := tx.Audit(store.Entry{Actor: "logwright", Action: "diagnosed", Subject: inc.ID, Detail: map[string]any{
			"source": r.Diagnosis.Source, "category": r.Diagnosis.Category, "confidence": r.Diagnosis.Confidence,
			"signature": r.Diagnosis.Signature, "degraded": r.Diagnosis.Degraded, "flagged": r.Flagged,
		}}); err != nil {
			return err
		}
		if kind == "" {
			return nil
		}
		after, err := tx.Incident(inc.ID)
		if err != nil {
			return err
		}
		return tx.Enqueue(newEvent(g.now(), kind, after), g.notifiers...)
	})
	if err == nil && kind != "" {
		g.told()
	}
	return err
}

// The waits before a model that did not answer is asked again.
const (
	modelWait    = time.Minute
	modelWaitMax = time.Hour
)

// next gives the most important incident that waits for the model, nil where none does now, and when to look again.
func (g *diagnosing) next(ctx context.Context) (*incident.Incident, time.Time, error) {
	now := g.now()
	if g.pause.After(now) {
		return nil, g.pause, nil
	}
	// Of what waits for a person already the model may have more to say, too.
	all, err := g.st.Incidents(ctx, store.Filter{States: []incident.State{
		incident.StateDiagnosed, incident.StateProposed, incident.StateWaiting,
	}})
	if err != nil {
		return nil, time.Time{}, err
	}
	var at time.Time
	waiting := map[string]bool{}
	for i := range all {
		inc := &all[i]
		if inc.Diagnosis == nil || inc.Diagnosis.Source != incident.SourceOffline {
			continue
		}
		waiting[inc.ID] = true
		t := g.notBefore[inc.ID]
		if !t.After(now) {
			full, err := g.st.Incident(ctx, inc.ID)
			return full, time.Time{}, err
		}
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for id := range g.notBefore {
		if !waiting[id] {
			delete(g.notBefore, id)
			delete(g.tries, id)
		}
	}
	return nil, at, nil
}

// ask asks the model for one incident that waits, if any. It says whether it did, and where not, when to try again.
func (g *diagnosing) ask(ctx context.Context) (bool, time.Time, error) {
	if !g.model {
		return false, time.Time{}, nil
	}
	inc, at, err := g.next(ctx)
	if err != nil || inc == nil {
		return false, at, err
	}
	r, err := g.d.Diagnose(ctx, *inc)
	if ctx.Err() != nil {
		return false, time.Time{}, ctx.Err()
	}
	if err != nil {
		return false, time.Time{}, err
	}
	if r.Diagnosis.Source != incident.SourceOffline {
		delete(g.notBefore, inc.ID)
		delete(g.tries, inc.ID)
		if err := g.recovered(ctx); err != nil {
			return true, time.Time{}, err
		}
		return true, time.Time{}, g.keep(ctx, inc, r, incident.EventDiagnosed)
	}
	// The offline answer stands; it now says why there is no better one. People were told of it already.
	g.tries[inc.ID]++
	wait := min(modelWait<<min(g.tries[inc.ID]-1, 10), modelWaitMax)
	wait = max(wait, r.RetryAfter)
	if !r.Retry {
		// The model answered, and nothing of it held: asking the same again would only cost.
		wait = 365 * 24 * time.Hour
	} else {
		g.pause = g.now().Add(max(r.RetryAfter, 10*time.Second))
	}
	g.notBefore[inc.ID] = g.now().Add(wait)
	g.log.Debug("the offline diagnosis stands", "incident", inc.ID, "retry", r.Retry, "wait", wait)
	if err := g.keep(ctx, inc, r, ""); err != nil {
		return true, time.Time{}, err
	}
	if r.Retry {
		return true, time.Time{}, g.fell(ctx, r.Diagnosis.Degraded)
	}
	return true, time.Time{}, nil
}

// fell tells once that the model does not answer.
func (g *diagnosing) fell(ctx context.Context, why string) error {
	if g.degraded {
		return nil
	}
	g.degraded = true
	return g.say(ctx, "The language model does not answer ("+why+"). Incidents are diagnosed offline meanwhile, and the model is tried again.")
}

// recovered tells once that it does again.
func (g *diagnosing) recovered(ctx context.Context) error {
	if !g.degraded {
		return nil
	}
	g.degraded = false
	return g.say(ctx, "The language model answers again.")
}

func (g *diagnosing) say(ctx context.Context, text string) error {
	err := g.st.Update(ctx, func(tx *store.Tx) error {
		return tx.Enqueue(incident.Event{ID: newID(), Kind: incident.EventDegraded, At: g.now(), Text: text}, g.notifiers...)
	})
	if err == nil {
		g.told()
	}
	return err
}
