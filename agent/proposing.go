package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/diagnose"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/repair"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/remediations"
)

// proposing makes proposals of diagnoses: a remediation of the operator's catalogue, a patch of the service's repository.
// What was considered is kept, so that neither a restart nor a reload asks for the same again. Whatever it proposes, the
// gate decides.
type proposing struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	notifiers []string
	cfg       *config.Config
	d         *diagnose.Diagnoser
	catalogue *remediations.Catalogue
	// repairer is nil where no patch can be made: no model, or no sandbox.
	repairer *repair.Repairer
	// unable says why not, where there should be one.
	unable string
	// model says that one is configured.
	model bool
	// wake wakes the gate, told the notifications.
	wake, told func()

	notBefore map[string]time.Time
}

// What is considered for an incident.
const (
	considerRemedy = "remedy"
	considerPatch  = "patch"
)

// considered says on which diagnosis something was considered: another one, from another source or with another remedy in
// mind, is a reason to consider it again.
func considered(d *incident.Diagnosis) string {
	culprit := ""
	if d.Culprit != nil {
		culprit = d.Culprit.File
	}
	return fmt.Sprintf("%s|%s|%s|%s", d.Source, d.Category, d.FixKind, culprit)
}

// round considers one thing for the most important incident that waits for it. It says whether there was one, and where
// not, when to look again.
func (g *proposing) round(ctx context.Context, what string, do func(context.Context, *incident.Incident) (string, time.Duration, error)) (bool, time.Time, error) {
	states := []incident.State{incident.StateDiagnosed, incident.StateProposed, incident.StateWaiting, incident.StateVerifying}
	all, err := g.st.Incidents(ctx, store.Filter{States: states})
	if err != nil {
		return false, time.Time{}, err
	}
	now := g.now()
	var at time.Time
	for i := range all {
		inc := &all[i]
		d := inc.Diagnosis
		// The model is about to say more than the signatures did.
		if d == nil || g.model && d.Source == incident.SourceOffline && d.Degraded == "" {
			continue
		}
		basis := considered(d)
		before, err := g.st.Considered(ctx, inc.ID, what)
		if err != nil {
			return false, time.Time{}, err
		}
		if before == basis {
			continue
		}
		if t := g.notBefore[what+inc.ID]; t.After(now) {
			if at.IsZero() || t.Before(at) {
				at = t
			}
			continue
		}
		full, err := g.st.Incident(ctx, inc.ID)
		if err != nil {
			return false, time.Time{}, err
		}
		note, retry, err := do(ctx, full)
		if ctx.Err() != nil {
			return false, time.Time{}, ctx.Err()
		}
		if err != nil {
			g.log.Error("proposing failed and is tried again", "incident", inc.ID, "what", what, "err", err)
			retry = cmp.Or(retry, modelWait)
		}
		if retry > 0 {
			if g.notBefore == nil {
				g.notBefore = map[string]time.Time{}
			}
			g.notBefore[what+inc.ID] = now.Add(retry)
			return true, time.Time{}, nil
		}
		delete(g.notBefore, what+inc.ID)
		g.log.Debug("considered", "incident", inc.ID, "what", what, "note", note)
		return true, time.Time{}, g.st.Update(ctx, func(tx *store.Tx) error {
			return tx.SetConsidered(inc.ID, what, basis, note)
		})
	}
	return false, at, nil
}

// remedy considers the operator's remediations. The note says what came of it.
func (g *proposing) remedy(ctx context.Context, inc *incident.Incident) (string, time.Duration, error) {
	facts := tied(g.cfg, inc)
	options := g.catalogue.Options(facts)
	if len(options) == 0 {
		return "no remediation could be aimed at what the incident is tied to", 0, nil
	}
	choices := g.catalogue.Suggest(*inc, facts)
	note := "none of the remediations is for this diagnosis"
	if g.model && inc.Diagnosis.Source != incident.SourceOffline {
		r, err := g.d.Remedy(ctx, *inc, options, facts)
		switch {
		case err != nil:
			return "", 0, err
		case r.Choice != nil:
			choices = []incident.RemedyChoice{*r.Choice}
		case r.Retry:
			return "", max(r.RetryAfter, modelWait), nil
		default:
			// A model that looked at the evidence and found none fitting is believed: it can only hold back.
			choices, note = nil, cmp.Or(r.Reason, "the model chose none")
		}
	}
	for _, c := range choices {
		m, err := g.catalogue.Bind(c, facts)
		if err != nil {
			note = "refused: " + err.Error()
			if err := g.st.Update(ctx, func(tx *store.Tx) error {
				return tx.Audit(store.Entry{Actor: "logwright", Action: "refused", Subject: inc.ID, Detail: map[string]any{
					"source": c.Source, "why": err.Error(),
				}})
			}); err != nil {
				return "", 0, err
			}
			continue
		}
		p := g.proposal(inc, incident.KindRemediation, remedyTitle(&m), c.Why)
		p.Remedy = &m
		if err := g.add(ctx, p); err != nil {
			return "", 0, err
		}
		note = "proposed " + p.ID
	}
	return note, 0, nil
}

// remedyTitle is in words that are all the operator's own.
func remedyTitle(m *incident.Remedy) string {
	title := m.Name
	for _, k := range slices.Sorted(maps.Keys(m.Args)) {
		title += " " + m.Args[k]
	}
	return title
}

// patch considers a patch of the service's repository.
func (g *proposing) patch(ctx context.Context, inc *incident.Incident) (string, time.Duration, error) {
	repo := g.cfg.Repository(inc.Service)
	switch {
	case repo == nil:
		return "the service has no repository", 0, nil
	case g.repairer == nil: // said here, since the repairer would say it with every incident
		return cmp.Or(g.unable, "no patch is made without a model"), 0, nil
	case !patchable(inc.Diagnosis):
		return "the diagnosis does not point to the code", 0, nil
	}
	if open, err := g.openPullRequest(ctx, inc); err != nil || open != "" {
		return open, 0, err
	}
	r, err := g.repairer.Repair(ctx, *inc, *repo)
	if err != nil {
		return "", 0, err
	}
	if r.Retry {
		return "", max(r.RetryAfter, modelWait), nil
	}
	if r.Change == nil || r.Change.Rounds == 0 {
		return cmp.Or(r.Why, "no patch"), 0, nil
	}
	kind := incident.KindPullRequest
	if r.Change.Stopped != "" || !r.Change.Verified {
		kind = incident.KindAdvice
	}
	p := g.proposal(inc, kind, inc.Title, r.Why)
	p.Change = r.Change
	if kind == incident.KindPullRequest && g.cfg.Forge.Kind == "" {
		p.Kind = incident.KindAdvice
		p.Change.Stopped = "the patch is proven, and no forge is configured that a pull request could be opened in"
	}
	if err := g.add(ctx, p); err != nil {
		return "", 0, err
	}
	return "proposed " + p.ID, 0, nil
}

// patchable says whether a diagnosis points to something that a patch of the service's own code mends.
func patchable(d *incident.Diagnosis) bool {
	return d.FixKind == "code-patch" || d.Category == "code-bug"
}

// openPullRequest says that the cluster has one already, "" where it has none.
func (g *proposing) openPullRequest(ctx context.Context, inc *incident.Incident) (string, error) {
	all, err := g.st.Proposals(ctx, store.ProposalFilter{Cluster: inc.Clusters[0], Kind: incident.KindPullRequest})
	if err != nil {
		return "", err
	}
	for i := range all {
		switch r := &all[i]; {
		case !r.State.Final() && r.Action == nil:
			return "a patch of it waits already: " + r.Proposal.ID, nil
		case r.Action != nil && r.Action.OpenPullRequest():
			return "its pull request is open already: " + r.Action.ID, nil
		}
	}
	return "", nil
}

// proposal makes a proposal with what is known of the incident.
func (g *proposing) proposal(inc *incident.Incident, kind incident.ProposalKind, title, why string) incident.Proposal {
	return newProposal(g.now(), inc, kind, title, why)
}

func newProposal(now time.Time, inc *incident.Incident, kind incident.ProposalKind, title, why string) incident.Proposal {
	p := incident.Proposal{
		ID: "p-" + newID(), Incident: inc.ID, Cluster: inc.Clusters[0], Service: inc.Service, Kind: kind, At: now.UTC(), Title: title, Why: why,
		Facts: incident.Facts{Severity: inc.Severity, Trigger: inc.Trigger, Flagged: inc.Flagged, Events: inc.Events},
		Account: &incident.Account{
			FirstSeen: inc.FirstSeen, LastSeen: inc.LastSeen, Events: inc.Events, Release: inc.Release,
		},
	}
	if d := inc.Diagnosis; d != nil {
		p.Facts.Category, p.Facts.FixKind, p.Facts.Confidence, p.Facts.Source = d.Category, d.FixKind, d.Confidence, d.Source
		a := p.Account
		a.Summary, a.RootCause, a.Evidence, a.Culprit, a.NextSteps = d.Summary, d.RootCause, d.Evidence, d.Culprit, d.NextSteps
	}
	return p
}

// add keeps a proposal and moves its incident on.
func (g *proposing) add(ctx context.Context, p incident.Proposal) error {
	advice := p.Kind == incident.KindAdvice
	err := g.st.Update(ctx, func(tx *store.Tx) error {
		inc, err := tx.Incident(p.Incident)
		if err != nil || !inc.State.Unfinished() {
			return err // ended meanwhile
		}
		if err := tx.AddProposal(p); err != nil {
			return err
		}
		if err := restate(tx, p.Incident, "proposed: "+p.Title); err != nil {
			return err
		}
		if advice {
			return tellProposal(tx, g.now(), incident.EventAdvice, p.ID, "", g.notifiers)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if advice {
		g.told()
	} else {
		g.wake()
	}
	return nil
}
