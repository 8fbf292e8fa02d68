package agent

import (
	"path/filepath"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/store"
)

// propose says what the operator's remediations and rules would make of the incidents. Nothing is ever done by a one-shot
// command: every decision is a simulated one, with no history behind it.
func (o *OneShot) propose(r *Report) error {
	if len(o.Config.Remediations) == 0 {
		return nil
	}
	redactor, err := redact.New(o.Config.Redact)
	if err != nil {
		return err
	}
	catalogue, err := newCatalogue(o.Config, redactor.Text)
	if err != nil {
		return err
	}
	options := o.Config.PolicyOptions()
	options.Mode = config.ModeObserve
	gate, ps := policy.New(o.Config.Policy, options)
	if err := problems(o.Config, "policy", ps); err != nil {
		return err
	}
	now := o.now()
	r.Proposals = map[string][]store.ProposalRecord{}
	for i := range r.Incidents {
		inc := r.Incidents[i]
		inc.Samples = absolute(inc.Samples)
		facts := tied(o.Config, &inc)
		for _, c := range catalogue.Suggest(inc, facts) {
			m, err := catalogue.Bind(c, facts)
			if err != nil {
				continue // suggested by the same catalogue, with the same facts
			}
			p := newProposal(now, &inc, incident.KindRemediation, remedyTitle(&m), c.Why)
			p.Remedy = &m
			d := gate.Decide(now, p, policy.History{}).Decision()
			r.Proposals[inc.ID] = append(r.Proposals[inc.ID], store.ProposalRecord{
				Proposal: p, Digest: p.Digest(), State: incident.ProposalSimulated, Decision: &d,
			})
		}
		if len(r.Proposals[inc.ID]) > 0 {
			r.Incidents[i].Simulated = true
		}
	}
	return nil
}

// absolute gives samples whose files have their whole path: the operator's patterns are of such.
func absolute(in []incident.Sample) []incident.Sample {
	out := make([]incident.Sample, len(in))
	for i, s := range in {
		if s.Record.File != Stdin {
			if p, err := filepath.Abs(s.Record.File); err == nil {
				s.Record.File = p
			}
		}
		out[i] = s
	}
	return out
}
