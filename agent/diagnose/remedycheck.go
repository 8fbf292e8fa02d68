package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/prompts"
)

// offered gives the options as a model may see them: redacted, bounded, and with those values only that are tied to the
// incident. An option with a parameter for which nothing is left can't be aimed at the incident and is left out.
func (d *Diagnoser) offered(options []incident.RemedyOption, tied incident.Tied) []incident.RemedyOption {
	var out []incident.RemedyOption
	known := map[string]bool{prompts.RemedyNone: true} // a remediation of that name could not be told from none
	for _, o := range options {
		if len(out) == maxOptions {
			d.log.Warn("a model is not shown every remediation", "shown", maxOptions, "of", len(options))
			break
		}
		if known[o.Name] || !d.showable(o.Name) {
			continue
		}
		known[o.Name] = true
		o.Description = window(d.redact(o.Description), 0, maxOptionText)
		params, ok := d.offeredParams(o.Params, tied)
		if !ok {
			continue
		}
		o.Params = params
		out = append(out, o)
	}
	return out
}

func (d *Diagnoser) offeredParams(params []incident.RemedyParam, tied incident.Tied) ([]incident.RemedyParam, bool) {
	out := make([]incident.RemedyParam, 0, len(params))
	for _, p := range params {
		if !d.showable(p.Name) {
			return nil, false
		}
		p.Form = window(d.redact(p.Form), 0, maxOptionText)
		if len(p.Values) > 0 || integerForm.FindString(p.Form) == "" {
			if p.Values = d.aimed(p.Values, tied); len(p.Values) == 0 {
				return nil, false
			}
		}
		out = append(out, p)
	}
	return out, true
}

// aimed gives those of a parameter's values that are tied to the incident; where no list is given the tied values
// themselves, since a parameter that is neither a list nor a number is always a target. A list of which nothing is tied is no
// list of targets (soft, hard) unless it names units.
func (d *Diagnoser) aimed(values []string, tied incident.Tied) []string {
	var out []string
	add := func(v string) {
		if d.showable(v) && !slices.Contains(out, v) && len(out) < maxValues {
			out = append(out, v)
		}
	}
	for _, kind := range incident.TiedKinds() {
		for _, t := range tied[kind] {
			if len(values) == 0 || slices.Contains(values, t.Value) {
				add(t.Value)
			}
		}
	}
	if len(out) > 0 || slices.ContainsFunc(values, captureKinds["unit"].MatchString) {
		return out
	}
	for _, v := range values {
		add(v)
	}
	return out
}

// showable says whether a value leaves the host and comes back as it is. What redaction or Shown would change can't be
// chosen.
func (d *Diagnoser) showable(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxValueBytes && prompts.Shown(s) == s && d.redact(s) == s
}

// integerForm is how incident.RemedyParam.Form says the bounds of an integer.
var integerForm = regexp.MustCompile(`^an integer from (-?[0-9]+) to (-?[0-9]+)$`)

// choose asks, and asks once more with what was wrong, as far as cfg.MaxRounds goes.
func (d *Diagnoser) choose(ctx context.Context, inc incident.Incident, q remedyQuestion) (RemedyResult, error) {
	req := q.request
	for round := 1; ; round++ {
		res, err := d.model.Complete(ctx, req)
		if err != nil && (model.KindOf(err) != model.KindGarbage || res.Text == "") {
			return RemedyResult{}, err
		}
		p := judgeRemedy(res.Text, q)
		switch {
		case p.decoded && p.answer.InjectionSuspected:
			return RemedyResult{Reason: "the model took a line for an attempt to instruct it", Flagged: true}, nil
		case p.decoded && p.answer.Remediation == prompts.RemedyNone:
			return RemedyResult{Reason: "the model holds that none of them mends it", Why: oneLine(p.answer.Why, maxWhy)}, nil
		case len(p.problems) == 0:
			return RemedyResult{Evidence: p.evidence, Choice: &incident.RemedyChoice{
				Name: p.answer.Remediation, Args: p.args, Why: oneLine(p.answer.Why, maxWhy), Source: cmp.Or(res.Model, "model"),
			}}, nil
		case round < d.cfg.MaxRounds:
		case !p.decoded:
			return RemedyResult{}, &model.Error{Kind: model.KindGarbage, Message: "the answer does not fit its schema"}
		default:
			return RemedyResult{Reason: "the model's choice was dropped: " + p.problems[0]}, nil
		}
		d.log.Debug("the model's choice is sent back", "incident", inc.ID, "problems", len(p.problems))
		again := prompts.RepairRemedy(prompts.RepairInput{Problems: p.problems, Lines: p.disputed})
		req.Purpose = purposeRepair
		req.Messages = append(q.request.Messages[:1:1],
			model.Message{Role: model.RoleAssistant, Text: window(res.Text, 0, maxAnswerEcho)},
			model.Message{Role: model.RoleUser, Text: again.User})
	}
}

// pick is an answer after every check. It holds where it is decoded and there are no problems.
type pick struct {
	decoded  bool
	answer   prompts.RemedyAnswer
	args     map[string]string
	evidence []incident.Evidence
	problems []string // in our words
	disputed []prompts.EvidenceLine
}

// judgeRemedy decodes an answer and holds it against the lines and the options that the model was shown.
func judgeRemedy(text string, q remedyQuestion) *pick {
	p := &pick{}
	if p.problems = decode(text, q.request.Schema.JSON, &p.answer); len(p.problems) > 0 {
		return p
	}
	p.decoded = true
	i := slices.IndexFunc(q.options, func(o incident.RemedyOption) bool { return o.Name == p.answer.Remediation })
	if i < 0 { // none; the schema lets nothing else through
		return p
	}
	p.arguments(q.options[i])
	p.cite(q.question)
	return p
}

// arguments checks that there is one argument for each parameter, of the values or the form that it may have.
func (p *pick) arguments(o incident.RemedyOption) {
	p.args = map[string]string{}
	for i, a := range p.answer.Arguments {
		at := fmt.Sprintf("arguments[%d]", i)
		k := slices.IndexFunc(o.Params, func(q incident.RemedyParam) bool { return q.Name == a.Name })
		if i > len(o.Params) {
			p.problems = append(p.problems, "there are more arguments than parameters")
			break
		}
		switch _, double := p.args[a.Name]; {
		case k < 0:
			p.problems = append(p.problems, at+".name is no parameter of the remediation")
			continue
		case double:
			p.problems = append(p.problems, at+".name was given already")
			continue
		case !takes(o.Params[k], a.Value):
			p.problems = append(p.problems, at+".value is not one that the parameter takes")
		}
		p.args[a.Name] = a.Value
	}
	for _, q := range o.Params {
		if _, ok := p.args[q.Name]; !ok {
			p.problems = append(p.problems, "arguments: the parameter "+q.Name+" has none")
		}
	}
}

// takes says whether a parameter takes a value: one of its list, or an integer within its bounds, written as integers are.
func takes(p incident.RemedyParam, value string) bool {
	if len(p.Values) > 0 {
		return slices.Contains(p.Values, value)
	}
	m := integerForm.FindStringSubmatch(p.Form)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(value)
	if err != nil || strconv.Itoa(n) != value {
		return false
	}
	least, errLeast := strconv.Atoi(m[1])
	most, errMost := strconv.Atoi(m[2])
	return errLeast == nil && errMost == nil && least <= n && n <= most
}

// cite looks every quote up. Unlike a diagnosis, of which a part may stand, a choice rests on all of them.
func (p *pick) cite(q question) {
	found, problems, disputed := q.lookUp("citations", p.answer.Citations)
	p.problems = append(p.problems, problems...)
	if len(p.answer.Citations) == 0 {
		p.problems = append(p.problems, `citations is empty; at least one line has to show that it helps, or the answer is "none"`)
	}
	v := &verdict{}
	for _, f := range found {
		v.cite(f, q)
	}
	for _, id := range disputed {
		v.dispute(id, q.lines[id])
	}
	p.evidence, p.disputed = v.evidence, v.disputed
}
