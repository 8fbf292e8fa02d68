package diagnose

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/prompts"
)

// The purposes under which requests are kept and counted.
const (
	purposeDiagnose = "diagnose"
	purposeRepair   = "repair-answer"
)

// retryLater is when to ask again after a failure that waiting alone does not mend: a wrong key, a wrong endpoint, answers that
// are no answers.
const retryLater = time.Hour

// Diagnose asks the model, where there is one, and checks what it answers. Whatever goes wrong with the model, the Result
// is a whole diagnosis: the offline one, with Diagnosis.Degraded set. The error is only ever that ctx ended; the Result is
// the offline one then too, and is better not kept.
func (d *Diagnoser) Diagnose(ctx context.Context, inc incident.Incident) (Result, error) {
	ev := d.evidence(inc)
	f := d.find(ev)
	offline := d.offline(inc, ev, f)
	if d.model == nil {
		return offline, ctx.Err()
	}
	if len(inc.Samples) == 0 { // a service that is silent
		offline.Diagnosis.Degraded = "no line of it is kept that could be shown to a model"
		return offline, ctx.Err()
	}
	ask := d.question(inc, ev, f, offline)
	v, failure := d.converse(ctx, inc, ask)
	switch {
	case ctx.Err() != nil:
		return offline, ctx.Err()
	case failure != nil:
		return d.degraded(inc, offline, failure), nil
	case v == nil:
		// It answered, and nothing of it held: asking the same again would bring the same.
		d.log.Warn("the model's answer was dropped: none of its claims is held up by the lines", "incident", inc.ID)
		offline.Diagnosis.Degraded = "no claim of the model was held up by the lines"
		return offline, nil
	}
	return d.accept(inc, f, offline, v), nil
}

// Prompt gives the exact text that would leave the host if inc were diagnosed by a model, redacted.
func (d *Diagnoser) Prompt(inc incident.Incident) string {
	ev := d.evidence(inc)
	f := d.find(ev)
	return model.Render(model.Redacted(d.question(inc, ev, f, d.offline(inc, ev, f)).request, d.redact))
}

// question is a request and what its answer is held against.
type question struct {
	request model.Request
	lines   map[string]shownLine
	frames  []incident.Frame
}

// shownLine is a line as the model saw it.
type shownLine struct {
	line  evidenceLine
	shown string // what a quote is looked up in: the visible part, in the form of the prompt
	from  int    // where in line.text the visible part begins
}

func (d *Diagnoser) question(inc incident.Incident, ev *evidence, f *finding, offline Result) question {
	q, in := d.show(inc, ev, f)
	in.Candidates = candidates(f, offline)
	p := prompts.Diagnose(in)
	q.request = request(purposeDiagnose, inc, p)
	return q
}

func request(purpose string, inc incident.Incident, p prompts.Prompt) model.Request {
	return model.Request{
		Purpose: purpose, Incident: inc.ID, Service: inc.Service, System: p.System,
		Messages: []model.Message{{Role: model.RoleUser, Text: p.User}},
		Schema:   &model.Schema{Name: p.SchemaName, JSON: p.Schema},
	}
}

// show gives what a model is shown of an incident, and what its quotes are held against. The request is still to be made.
func (d *Diagnoser) show(inc incident.Incident, ev *evidence, f *finding) (question, prompts.DiagnoseInput) {
	q := question{lines: map[string]shownLine{}}
	in := prompts.DiagnoseInput{
		Service: d.redact(inc.Service), Template: d.redact(inc.Template), Severity: inc.Severity, Events: inc.Events,
		FirstSeen: inc.FirstSeen, LastSeen: inc.LastSeen, Trigger: inc.Trigger,
	}
	if inc.Release != nil {
		r := *inc.Release
		r.Service, r.Version = d.redact(r.Service), d.redact(r.Version)
		in.Release = &r
	}
	for _, c := range chooseLines(ev, f, d.cfg.MaxEvidence) {
		from, to := windowBounds(c.line.text, c.at, d.cfg.MaxLineBytes)
		text := c.line.text[from:to]
		id := evidenceID(len(in.Evidence))
		q.lines[id] = shownLine{line: c.line, shown: prompts.Shown(text), from: from}
		in.Evidence = append(in.Evidence, prompts.EvidenceLine{
			ID: id, Source: d.redact(c.line.source), Line: c.line.number, Text: text, Before: c.before,
		})
	}
	if i := stackSample(ev); i >= 0 {
		r := ev.samples[i].record
		in.Exception = d.redact(r.Exception)
		in.ExceptionMessage = window(d.redact(r.ExceptionMessage), 0, d.cfg.MaxLineBytes)
		for _, fr := range r.Frames[:min(len(r.Frames), maxFrames)] {
			fr.File, fr.Function = window(d.redact(fr.File), 0, maxFrameText), window(d.redact(fr.Function), 0, maxFrameText)
			in.Frames = append(in.Frames, fr)
		}
	}
	q.frames = in.Frames
	in.Unit = d.unit(inc)
	return q, in
}

const (
	maxFrames     = 30
	maxFrameText  = 200
	maxCandidates = 3
)

// unit gives what of the trusted fields helps. Command lines are left out: they hold passwords more often than causes.
func (d *Diagnoser) unit(inc incident.Incident) map[string]string {
	var out map[string]string
	for _, key := range []string{"_SYSTEMD_UNIT", "_COMM", "_TRANSPORT"} {
		if v := inc.Samples[0].Record.Trusted[key]; v != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = window(d.redact(v), 0, maxFrameText)
		}
	}
	return out
}

// candidates gives the offline finding and what else matched as hints.
func candidates(f *finding, offline Result) []prompts.Candidate {
	if f == nil {
		return nil
	}
	dg := offline.Diagnosis
	out := []prompts.Candidate{{
		Signature: dg.Signature, Summary: dg.Summary, RootCause: dg.RootCause, Category: dg.Category, Confidence: dg.Confidence,
	}}
	for _, h := range f.others {
		if len(out) == maxCandidates {
			break
		}
		out = append(out, prompts.Candidate{
			Signature: h.sig.ID, Summary: h.sig.sentence(h.sig.Summary, nil), RootCause: h.sig.RootCause, Category: h.sig.Category,
			Confidence: round2(h.sig.Specificity * agreementFloor),
		})
	}
	return out
}

// converse asks, and asks once more with what was wrong, as far as cfg.MaxRounds goes. A nil verdict without an error means
// that the model answered and no claim of it held.
func (d *Diagnoser) converse(ctx context.Context, inc incident.Incident, q question) (*verdict, error) {
	var best *verdict
	req := q.request
	for round := 1; ; round++ {
		res, err := d.model.Complete(ctx, req)
		if err != nil && (model.KindOf(err) != model.KindGarbage || res.Text == "") {
			if best.holds() {
				break // the first answer stands, if only in part
			}
			return nil, err
		}
		v := judge(res.Text, q)
		v.model, v.rounds = cmp.Or(res.Model, "model"), round
		if best == nil || v.better(best) {
			best = v
		}
		if !v.needsRepair() || round >= d.cfg.MaxRounds {
			if !best.decoded {
				return nil, &model.Error{Kind: model.KindGarbage, Message: "the answer does not fit its schema"}
			}
			break
		}
		d.log.Debug("the model's answer is sent back", "incident", inc.ID, "problems", len(v.problems))
		again := prompts.RepairAnswer(prompts.RepairInput{Problems: v.problems, Lines: v.disputed})
		req.Purpose = purposeRepair
		req.Messages = append(q.request.Messages[:1:1],
			model.Message{Role: model.RoleAssistant, Text: window(res.Text, 0, maxAnswerEcho)},
			model.Message{Role: model.RoleUser, Text: again.User})
	}
	if !best.holds() {
		return nil, nil
	}
	return best, nil
}

// maxAnswerEcho bounds how much of a wrong answer is sent back with the problems, in bytes.
const maxAnswerEcho = 16 << 10

// degraded marks the offline result with why the model did not answer, and says whether to try again.
func (d *Diagnoser) degraded(inc incident.Incident, r Result, err error) Result {
	r.Diagnosis.Degraded, r.Retry, r.RetryAfter = failure(err)
	if model.KindOf(err) != model.KindOffline {
		d.log.LogAttrs(context.Background(), slog.LevelWarn, "diagnosed without the model",
			slog.String("incident", inc.ID), slog.String("reason", r.Diagnosis.Degraded), slog.Any("error", err))
	}
	return r
}

// failure says in our words why a model did not answer, "" where none is there to ask; and whether asking again later makes
// sense, not before after where that is not 0.
func failure(err error) (reason string, retry bool, after time.Duration) {
	var e *model.Error
	if errors.As(err, &e) {
		after = e.RetryAfter
	}
	switch model.KindOf(err) {
	case model.KindOffline:
		return "", false, after
	case model.KindUnavailable:
		return "the model could not be reached", true, after
	case model.KindRateLimited:
		return "the model's server asked for patience", true, after
	case model.KindBudget:
		return "the budget for the model is spent", true, after
	case model.KindAuth:
		return "the model's server refuses the key", true, max(after, retryLater)
	case model.KindBadRequest:
		return "the model's server can't make sense of the request", true, max(after, retryLater)
	case model.KindGarbage, model.KindTruncated:
		return "the model's answer was no answer", true, max(after, retryLater)
	case model.KindRefused:
		return "the model would not answer", false, after
	case model.KindTooLong:
		return "the prompt is longer than the model takes", false, after
	}
	return "asking the model failed", true, after
}
