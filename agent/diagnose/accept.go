package diagnose

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// How sure a model's diagnosis is. The model is not asked.
//
//	0.45  for an answer of which a claim held
//	+0.05 for each further claim that held, at most three
//	+0.15 where the built-in signatures say the same category
//	-0.15 where a signature of specificity 0.85 or more says another
//	+0.10 for a culprit that was found in the lines
//	× share of the claims that held
//	× 0.9 where the answer had to be sent back
//	at most 0.30 where the cause is said to be unknown, 0.50 where the lines look like an injection, else 0.90
const (
	modelBase          = 0.45
	modelPerClaim      = 0.05
	modelAgrees        = 0.15
	modelContradicts   = 0.15
	modelCulprit       = 0.10
	modelRepaired      = 0.9
	maxModelUnknown    = 0.30
	maxModelFlagged    = 0.50
	maxModelConfidence = 0.90
	// strongSignature is the specificity from which on a signature's word counts against a model's.
	strongSignature = 0.85
)

// accept makes the result of an answer that held. The title stays one of ours. Where the lines look like an injection, the steps are the
// offline ones: they are what a person may paste into a shell.
func (d *Diagnoser) accept(inc incident.Incident, f *finding, offline Result, v *verdict) Result {
	res := offline
	if v.answer.InjectionSuspected && !res.Flagged {
		res.Flagged, res.FlagReason = true, "the model took a line for an attempt to instruct it"
	}
	a := v.answer
	dg := incident.Diagnosis{
		Summary: oneLine(a.Summary, maxSummary), RootCause: clean(a.RootCause, maxRootCause), Category: a.Category,
		Culprit: v.culprit, Evidence: v.evidence, FixKind: a.FixKind, Source: v.model, DroppedClaims: v.dropped, At: d.now(),
	}
	if a.Unknown {
		dg.Category = "unknown"
	}
	if dg.Summary == "" {
		dg.Summary = offline.Diagnosis.Summary
	}
	if dg.RootCause == "" {
		dg.RootCause = dg.Summary
	}
	for _, s := range a.NextSteps {
		if s = oneLine(s, maxStep); s != "" && len(dg.NextSteps) < maxSteps {
			dg.NextSteps = append(dg.NextSteps, s)
		}
	}
	if res.Flagged || len(dg.NextSteps) == 0 {
		dg.NextSteps = offline.Diagnosis.NextSteps
	}
	if f != nil && f.named().Category != dg.Category && dg.Category != "unknown" {
		res.Title = d.title(inc, nil) // the signature's words would contradict the diagnosis
	}
	dg.Confidence = modelConfidence(v, dg.Category, f, res.Flagged)
	res.Diagnosis = dg
	return res
}

func modelConfidence(v *verdict, category incident.Category, f *finding, flagged bool) float64 {
	c := modelBase + modelPerClaim*float64(min(v.held-1, 3))
	if f != nil {
		switch sig := f.named(); {
		case sig.Category == category:
			c += modelAgrees
		case sig.Specificity >= strongSignature && sig.Category != "unknown":
			c -= modelContradicts
		}
	}
	if v.culprit != nil {
		c += modelCulprit
	}
	c *= float64(v.held) / float64(v.held+v.dropped)
	if v.rounds > 1 {
		c *= modelRepaired
	}
	c = min(c, maxModelConfidence)
	if category == "unknown" {
		c = min(c, maxModelUnknown)
	}
	if flagged {
		c = min(c, maxModelFlagged)
	}
	return round2(max(c, 0))
}

// clean makes a model's text safe to keep and show as text: printable, and of bounded length.
func clean(s string, limit int) string {
	s = strings.TrimSpace(incident.Printable(window(s, 0, 4*limit)))
	if len(s) > limit {
		s = strings.TrimSpace(window(s, 0, limit)) + " …"
	}
	return s
}

func oneLine(s string, limit int) string {
	return clean(strings.Join(strings.Fields(s), " "), limit)
}
