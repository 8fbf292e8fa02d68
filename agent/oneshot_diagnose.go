package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/diagnose"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/store"
)

// Report is what a one-shot diagnosis found.
type Report struct {
	// Incidents are most important first. There may be more than are kept apart: Omitted counts them.
	Incidents []incident.Incident
	Omitted   Omitted
	Totals    Totals
	// Usage is what the model cost.
	Usage store.Usage
	// Unasked is how many incidents the model was not asked about because there were more than Asking.Most.
	Unasked int
	// Proposals are, by incident, what the operator's remediations would be and what the rules would say of them.
	Proposals map[string][]store.ProposalRecord
}

// Asking says how a model is used in a one-shot diagnosis.
type Asking struct {
	// Store keeps every prompt and answer, and the budget. Needed where a model is configured.
	Store *store.Store
	// Most is the most incidents the model is asked about.
	Most int
	// Asked, where set, is told before the nth of m incidents is asked about.
	Asked func(n, m int)
	// Transport carries the requests; nil is the network.
	Transport http.RoundTripper
	// Logger takes what an operator should know; nil is none.
	Logger *slog.Logger
}

// Diagnose reads the input and diagnoses what is wrong in it. Where files could not be read, the error names them, and
// the report is about the others.
func (o *OneShot) Diagnose(ctx context.Context, a Asking) (*Report, error) {
	r, readErr := o.find(ctx)
	if r == nil {
		return nil, readErr
	}
	d, err := o.diagnoser(a)
	if err != nil {
		return nil, err
	}
	for i := range r.Incidents {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.Incidents[i].Samples = spread(r.Incidents[i].Samples)
		apply(&r.Incidents[i], d.Offline(r.Incidents[i]))
	}
	slices.SortFunc(r.Incidents, moreImportant)
	if !o.Config.Model.Offline() {
		if err := o.ask(ctx, d, r, a); err != nil {
			return nil, err
		}
	}
	if err := o.propose(r); err != nil {
		return nil, err
	}
	return r, readErr
}

// find reads the input and gives what is wrong in it, undiagnosed. No report means that the input was not read to its end.
// The clusters are not needed afterwards, and their memory is.
func (o *OneShot) find(ctx context.Context) (*Report, error) {
	p, err := o.pipeline(nil)
	if err != nil {
		return nil, err
	}
	st := step{bounds: boundsOf(o.Config)}
	totals, readErr := o.read(ctx, p, &st)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r := &Report{Totals: totals}
	r.Incidents, r.Omitted = st.incidents(p.clusters, o.now())
	return r, readErr
}

// spread keeps the first and the last samples of an incident that took them from several merged clusters.
func spread(s []incident.Sample) []incident.Sample {
	if len(s) <= 2*firstSamples {
		return s
	}
	return append(slices.Clip(s[:firstSamples]), s[len(s)-firstSamples:]...)
}

func apply(inc *incident.Incident, r diagnose.Result) {
	d := r.Diagnosis
	inc.Diagnosis, inc.State = &d, incident.StateDiagnosed
	if r.Title != "" {
		inc.Title = r.Title
	}
	if r.Flagged {
		inc.Flagged, inc.FlagReason = true, r.FlagReason
	}
}

// diagnoser makes the diagnoser of the configuration.
func (o *OneShot) diagnoser(a Asking) (*diagnose.Diagnoser, error) {
	redactor, err := redact.New(o.Config.Redact)
	if err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	var m model.Model
	if !o.Config.Model.Offline() {
		if a.Store == nil {
			return nil, errors.New("a model is only asked where its prompts can be kept, and no state directory was given")
		}
		m, err = model.New(o.Config.Model, model.Options{
			Redact: redactor.Text, Ledger: newRunLedger(a.Store, o.Config.Model.Budget), Now: o.Now, Logger: a.Logger,
			Transport: a.Transport,
		})
		if err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
	}
	return diagnose.New(diagnose.Config{}, m, diagnose.Options{Redact: redactor.Text, Now: o.Now, Logger: a.Logger})
}

// ask asks the model about the most important incidents, one by one, until it says that it can't.
func (o *OneShot) ask(ctx context.Context, d *diagnose.Diagnoser, r *Report, a Asking) error {
	n := min(len(r.Incidents), a.Most)
	r.Unasked = len(r.Incidents) - n
	before, err := a.Store.Usage(ctx, o.now())
	if err != nil {
		return err
	}
	for i := range n {
		if a.Asked != nil {
			a.Asked(i+1, n)
		}
		got, err := d.Diagnose(ctx, r.Incidents[i])
		if err != nil {
			return err
		}
		apply(&r.Incidents[i], got)
		if got.Retry {
			// It is down or the budget is spent; the rest would only wait for the same answer.
			for j := i + 1; j < n; j++ {
				r.Incidents[j].Diagnosis.Degraded = got.Diagnosis.Degraded
			}
			break
		}
	}
	after, err := a.Store.Usage(ctx, o.now())
	if err != nil {
		return err
	}
	r.Usage = store.Usage{
		Day: after.Day, Calls: after.Calls - before.Calls, InputTokens: after.InputTokens - before.InputTokens,
		OutputTokens: after.OutputTokens - before.OutputTokens, USD: after.USD - before.USD,
	}
	return nil
}

// Prompts gives, by incident, the exact text that would leave the host if a model were asked.
func (o *OneShot) Prompts(ctx context.Context) ([]incident.Incident, []string, error) {
	offline := *o
	cfg := *o.Config
	cfg.Model = model.DefaultConfig()
	offline.Config = &cfg
	r, err := offline.Diagnose(ctx, Asking{})
	if r == nil {
		return nil, nil, err
	}
	d, dErr := offline.diagnoser(Asking{})
	if dErr != nil {
		return nil, nil, dErr
	}
	texts := make([]string, len(r.Incidents))
	for i := range r.Incidents {
		texts[i] = d.Prompt(r.Incidents[i])
	}
	return r.Incidents, texts, err
}

// Prompt gives the exact text that would leave the host if a model were asked about inc, under the redaction of cfg.
func Prompt(cfg *config.Config, inc incident.Incident) (string, error) {
	o := OneShot{Config: cfg}
	d, err := o.diagnoser(Asking{})
	if err != nil {
		return "", err
	}
	return d.Prompt(inc), nil
}
