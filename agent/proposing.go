package agent

import (
	"cmp"
	"context"
	"errors"
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

// thought is what came of considering something for an incident. It is kept with the note that it was considered in one
// transaction: a process that dies in between would propose the same again.
type thought struct {
	// note says what came of it, in words.
	note      string
	proposals []incident.Proposal
	refused   []store.Entry
	// flag says why the incident looks like an attempt to instruct a model, "" where nothing new was seen of that.
	flag string
	// retry is after how long to consider it again, where nothing could be said now.
	retry time.Duration
}

// consider is one way to make proposals of an incident.
type consider func(context.Context, *incident.Incident) (thought, error)

// round considers one thing for the most important incident that waits for it. It says whether there was one, and where
// not, when to look again. One that fails waits, and holds up no other.
func (g *proposing) round(ctx context.Context, what string, do consider) (bool, time.Time, error) {
	states := []incident.State{incident.StateDiagnosed, incident.StateProposed, incident.StateWaiting, incident.StateVerifying}
	all, err := g.st.Incidents(ctx, store.Filter{States: states})
	if err != nil {
		return false, time.Time{}, err
	}
	now := g.now()
	for id, t := range g.notBefore {
		if !t.After(now) {
			delete(g.notBefore, id)
		}
	}
	var at time.Time
	for i := range all {
		inc := &all[i]
		d := inc.Diagnosis
		// The model is about to say more than the signatures did.
		if d == nil || g.model && d.Source == incident.SourceOffline && d.Degraded == "" {
			continue
		}
		if t, ok := g.notBefore[what+inc.ID]; ok {
			if at.IsZero() || t.Before(at) {
				at = t
			}
			continue
		}
		before, err := g.st.Considered(ctx, inc.ID, what)
		if err == nil && before == considered(d) {
			continue
		}
		var retry time.Duration
		if err == nil {
			retry, err = g.one(ctx, inc.ID, what, do)
		}
		switch {
		case ctx.Err() != nil:
			return false, time.Time{}, ctx.Err()
		case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrBusy):
			return false, time.Time{}, err // the same for all
		case err != nil:
			g.log.Error("proposing failed and is tried again", "incident", inc.ID, "what", what, "err", err)
			retry = cmp.Or(retry, modelWait)
		}
		if retry > 0 {
			if g.notBefore == nil {
				g.notBefore = map[string]time.Time{}
			}
			g.notBefore[what+inc.ID] = now.Add(retry)
		}
		return true, time.Time{}, nil
	}
	return false, at, nil
}

// one considers one incident and keeps what came of it.
func (g *proposing) one(ctx context.Context, id, what string, do consider) (time.Duration, error) {
	inc, err := g.st.Incident(ctx, id)
	if err != nil || inc.Diagnosis == nil {
		return modelWait, err
	}
	t, err := do(ctx, inc)
	if err != nil || t.retry > 0 {
		return t.retry, err
	}
	g.log.Debug("considered", "incident", id, "what", what, "note", t.note)
	told, err := g.keep(ctx, inc, what, t)
	if err != nil {
		return 0, err
	}
	if told {
		g.told()
	}
	if len(t.proposals) > 0 {
		g.wake()
	}
	return 0, nil
}

// keep writes a thought, and moves its incident on. It says whether there is something to tell.
func (g *proposing) keep(ctx context.Context, inc *incident.Incident, what string, t thought) (told bool, err error) {
	err = g.st.Update(ctx, func(tx *store.Tx) error {
		told = false
		now, err := tx.Incident(inc.ID)
		if err != nil || !now.State.Unfinished() {
			return err // ended meanwhile
		}
		note := t.note
		if t.flag != "" {
			if err := tx.Flag(inc.ID, t.flag); err != nil {
				return err
			}
		}
		for _, e := range t.refused {
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		for _, p := range t.proposals {
			same, err := underWay(tx, &p)
			if err != nil {
				return err
			}
			if same != "" {
				note = same + " is the same, and is under way"
				continue
			}
			if err := tx.AddProposal(p); err != nil {
				return err
			}
			if p.Kind == incident.KindAdvice {
				told = true
				if err := tellProposal(tx, g.now(), incident.EventAdvice, p.ID, "", g.notifiers); err != nil {
					return err
				}
			}
		}
		if len(t.proposals) > 0 {
			if err := restate(tx, inc.ID, note); err != nil {
				return err
			}
		}
		return tx.SetConsidered(inc.ID, what, considered(inc.Diagnosis), note)
	})
	return told, err
}

// underWay gives a remediation of the same incident that would run the same and is not over yet, "" where there is none: a
// diagnosis that changes, as when a model answers at last, is no reason to do it twice.
func underWay(tx *store.Tx, p *incident.Proposal) (string, error) {
	if p.Remedy == nil && p.Comment == nil {
		return "", nil
	}
	all, err := tx.Proposals(store.ProposalFilter{Incident: p.Incident, Kind: p.Kind})
	if err != nil {
		return "", err
	}
	for i := range all {
		r := &all[i]
		if p.Comment != nil {
			return r.Proposal.ID, nil // one is enough for an incident, and what became of it is no matter
		}
		if m := r.Proposal.Remedy; m != nil && !r.State.Final() && m.Name == p.Remedy.Name && slices.Equal(m.Run, p.Remedy.Run) {
			return r.Proposal.ID, nil
		}
	}
	return "", nil
}

// remedy considers the operator's remediations.
func (g *proposing) remedy(ctx context.Context, inc *incident.Incident) (thought, error) {
	facts := tied(g.cfg, inc)
	options := g.catalogue.Options(facts)
	if len(options) == 0 {
		return thought{note: "no remediation could be aimed at what the incident is tied to"}, nil
	}
	choices := g.catalogue.Suggest(*inc, facts)
	t := thought{note: "none of the remediations is for this diagnosis"}
	if g.model && inc.Diagnosis.Source != incident.SourceOffline {
		r, err := g.d.Remedy(ctx, *inc, options, facts)
		switch {
		case err != nil:
			return t, err
		case r.Flagged:
			return thought{note: "nothing was chosen", flag: "the model says that lines try to instruct it"}, nil
		case r.Choice != nil:
			choices = []incident.RemedyChoice{*r.Choice}
		case r.Retry:
			return thought{retry: max(r.RetryAfter, modelWait)}, nil
		default:
			// A model that looked at the evidence and found none fitting is believed: it can only hold back.
			choices, t.note = nil, cmp.Or(r.Reason, "the model chose none")
		}
	}
	for _, c := range choices {
		m, err := g.catalogue.Bind(c, facts)
		if err != nil {
			t.note = "refused: " + err.Error()
			t.refused = append(t.refused, store.Entry{Actor: "logwright", Action: "refused", Subject: inc.ID, Detail: map[string]any{
				"source": c.Source, "why": err.Error(),
			}})
			continue
		}
		p := g.proposal(inc, incident.KindRemediation, remedyTitle(&m), c.Why)
		p.Remedy = &m
		t.proposals = append(t.proposals, p)
		t.note = "proposed " + p.ID
	}
	return t, nil
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
func (g *proposing) patch(ctx context.Context, inc *incident.Incident) (thought, error) {
	repo := g.cfg.Repository(inc.Service)
	switch {
	case repo == nil:
		return thought{note: "the service has no repository"}, nil
	case g.repairer == nil: // said here, since the repairer would say it with every incident
		return thought{note: cmp.Or(g.unable, "no patch is made without a model")}, nil
	case !patchable(inc.Diagnosis):
		return thought{note: "the diagnosis does not point to the code"}, nil
	}
	on, open, err := g.openPullRequest(ctx, inc)
	switch {
	case err != nil:
		return thought{}, err
	case on != nil:
		p := g.proposal(inc, incident.KindComment, fmt.Sprintf("say on pull request #%d that it was seen again", on.Number), open)
		p.Comment = &incident.Comment{On: *on, Text: "The pull request is still open."}
		return thought{note: open + "; proposed " + p.ID, proposals: []incident.Proposal{p}}, nil
	case open != "":
		return thought{note: open}, nil
	}
	r, err := g.repairer.Repair(ctx, *inc, *repo)
	switch {
	case err != nil:
		return thought{}, err
	case r.Retry:
		return thought{retry: max(r.RetryAfter, modelWait)}, nil
	case r.Change == nil || r.Change.Rounds == 0:
		return thought{note: cmp.Or(r.Why, "no patch")}, nil
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
	return thought{note: "proposed " + p.ID, proposals: []incident.Proposal{p}}, nil
}

// patchable says whether a diagnosis points to something that a patch of the service's own code mends.
func patchable(d *incident.Diagnosis) bool {
	return d.FixKind == "code-patch" || d.Category == "code-bug"
}

// openPullRequest says that the cluster has one already, "" where it has none, and which, where it is of another incident and
// so is to be told of this one.
func (g *proposing) openPullRequest(ctx context.Context, inc *incident.Incident) (*incident.ForgeRef, string, error) {
	all, err := g.st.Proposals(ctx, store.ProposalFilter{Cluster: inc.Clusters[0], Kind: incident.KindPullRequest, Brief: true})
	if err != nil {
		return nil, "", err
	}
	for i := range all {
		switch r := &all[i]; {
		case !r.State.Final() && r.Action == nil:
			return nil, "a patch of it waits already: " + r.Proposal.ID, nil
		case r.Action != nil && r.Action.OpenPullRequest():
			var on *incident.ForgeRef
			if r.Proposal.Incident != inc.ID && r.Action.Outcome != nil {
				on = r.Action.Outcome.Forge
			}
			return on, "its pull request is open already: " + r.Action.ID, nil
		}
	}
	return nil, "", nil
}

// proposal makes a proposal with what is known of the incident.
func (g *proposing) proposal(inc *incident.Incident, kind incident.ProposalKind, title, why string) incident.Proposal {
	return newProposal(g.now(), inc, kind, title, why)
}

// written gives a time that JSON can hold: a log line may say that it is of the year 99999.
func written(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

func newProposal(now time.Time, inc *incident.Incident, kind incident.ProposalKind, title, why string) incident.Proposal {
	p := incident.Proposal{
		ID: "p-" + newID(), Incident: inc.ID, Cluster: inc.Clusters[0], Service: inc.Service, Kind: kind, At: now.UTC(), Title: title, Why: why,
		Facts: incident.Facts{Severity: inc.Severity, Trigger: inc.Trigger, Flagged: inc.Flagged, Events: inc.Events},
		Account: &incident.Account{
			FirstSeen: written(inc.FirstSeen), LastSeen: written(inc.LastSeen), Events: inc.Events, Release: inc.Release,
		},
	}
	if d := inc.Diagnosis; d != nil {
		p.Facts.Category, p.Facts.FixKind, p.Facts.Confidence, p.Facts.Source = d.Category, d.FixKind, d.Confidence, d.Source
		a := p.Account
		a.Summary, a.RootCause, a.Evidence, a.Culprit, a.NextSteps = d.Summary, d.RootCause, d.Evidence, d.Culprit, d.NextSteps
	}
	return p
}
