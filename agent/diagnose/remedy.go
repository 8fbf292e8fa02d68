package diagnose

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/prompts"
)

// How a model chooses a remediation, and why so:
//
// It is shown what a diagnosis is shown, the diagnosis, and the operator's catalogue reduced to what could be aimed at this
// incident: of a list of values only those that trusted metadata ties to it. It answers with a name and values out of these
// lists, and with lines that show why. Every quote is looked up in its line, every name and value in its list; where one is
// not there the answer is sent back once, and then dropped as a whole. What is left is a choice and nothing more: the
// catalogue binds it to argument vectors, checking name, values and targets once again, and the gate decides.

// purposeRemedy is the purpose under which the choice of a remediation is kept and counted.
const purposeRemedy = "remedy"

// Bounds of what is shown and taken over.
const (
	maxOptions    = 40  // remediations in a prompt
	maxValues     = 60  // values of one parameter
	maxOptionText = 400 // bytes of a description, a form
	maxValueBytes = 200 // bytes of a value; a longer one is not offered
	maxWhy        = 600
)

// RemedyResult is what came of asking which remediation mends an incident.
type RemedyResult struct {
	// Choice is nil where nothing is to be run. It is unchecked against the catalogue, which binds it, and says nothing of
	// whether it may be run, which the gate does.
	Choice *incident.RemedyChoice
	// Evidence are the lines that the choice rests on; every quote was found verbatim in its line.
	Evidence []incident.Evidence
	// Reason says in our words why Choice is nil, "" where it is not.
	Reason string
	// Why is what the model says to its "none", in one safe line. "" otherwise.
	Why string
	// Flagged says that the model took a line for an attempt to instruct it; there is no choice then.
	Flagged bool
	// Retry says that the model could not be asked or did not answer, and that asking again later makes sense: not before
	// RetryAfter, where that is not 0.
	Retry      bool
	RetryAfter time.Duration
}

// Remedy asks the model, where there is one, which of the options mends inc now, and checks what it answers. Options whose
// targets are not among tied are not shown. Whatever goes wrong with the model is a Result without a choice; the error is only
// ever that ctx ended.
func (d *Diagnoser) Remedy(ctx context.Context, inc incident.Incident, options []incident.RemedyOption, tied incident.Tied) (RemedyResult, error) {
	if d.model == nil {
		return RemedyResult{Reason: "no model is configured"}, ctx.Err()
	}
	q, why := d.remedyQuestion(inc, options, tied)
	if why != "" {
		return RemedyResult{Reason: why}, ctx.Err()
	}
	r, err := d.choose(ctx, inc, q)
	if ctx.Err() != nil {
		return RemedyResult{Reason: "it was interrupted"}, ctx.Err()
	}
	if err != nil {
		r = RemedyResult{}
		r.Reason, r.Retry, r.RetryAfter = failure(err)
		r.Reason = cmp.Or(r.Reason, "no model is configured")
	}
	if r.Choice == nil {
		d.log.Info("no remediation was chosen", "incident", inc.ID, "reason", r.Reason, "err", err)
	}
	return r, nil
}

// RemedyPrompt gives the exact text that would leave the host if the model were asked, redacted; "" where there is nothing
// to ask: no option can be aimed at the incident, or no line of it is kept.
func (d *Diagnoser) RemedyPrompt(inc incident.Incident, options []incident.RemedyOption, tied incident.Tied) string {
	q, why := d.remedyQuestion(inc, options, tied)
	if why != "" {
		return ""
	}
	return model.Render(model.Redacted(q.request, d.redact))
}

// remedyQuestion is a question with the options that its answer is held against.
type remedyQuestion struct {
	question
	options []incident.RemedyOption
}

// remedyQuestion says in our words why there is nothing to ask, where that is so.
func (d *Diagnoser) remedyQuestion(inc incident.Incident, options []incident.RemedyOption, tied incident.Tied) (remedyQuestion, string) {
	if len(inc.Samples) == 0 {
		return remedyQuestion{}, "no line of the incident is kept"
	}
	q := remedyQuestion{options: d.offered(options, tied)}
	if len(q.options) == 0 {
		return q, "no remediation can be aimed at what is tied to the incident"
	}
	ev := d.evidence(inc)
	in := prompts.RemedyInput{Episode: inc.Episode, Options: q.options, Facts: d.facts(tied)}
	q.question, in.Incident = d.show(inc, ev, d.find(ev))
	if dg := inc.Diagnosis; dg != nil {
		c := *dg
		c.Summary, c.RootCause = clean(d.redact(c.Summary), maxSummary), clean(d.redact(c.RootCause), maxRootCause)
		if dg.Culprit != nil {
			at := *dg.Culprit
			at.File, at.Function = window(d.redact(at.File), 0, maxCulprit), window(d.redact(at.Function), 0, maxCulprit)
			c.Culprit = &at
		}
		in.Diagnosis = &c
	}
	q.request = request(purposeRemedy, inc, prompts.Remedy(in))
	return q, ""
}

// facts gives the tied values that may leave as they are.
func (d *Diagnoser) facts(tied incident.Tied) map[string][]string {
	out := map[string][]string{}
	for kind, values := range tied {
		for _, v := range values {
			if d.showable(v.Value) && !slices.Contains(out[kind], v.Value) && len(out[kind]) < maxValues {
				out[kind] = append(out[kind], v.Value)
			}
		}
	}
	return out
}
