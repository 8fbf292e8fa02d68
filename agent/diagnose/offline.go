package diagnose

import (
	"math"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// How sure the offline diagnosis is. All of it comes from features that code can check; nobody's word goes in.
//
//	signature:  specificity
//	            × (0.7 + 0.3 × share of the samples that show the same signature)
//	            × 0.9 where another signature of nearly the same specificity matched too, and says another category
//	            × 0.7 where it is the events before that show the cause (a symptom explained by its context)
//	            at most 0.95
//	stack:      0.40 with a frame of the service's own code and a type of exception that is known by name,
//	            0.30 with one of the two, 0.20 with neither
//	nothing:    0.10
const (
	maxOfflineConfidence = 0.95
	agreementFloor       = 0.7
	rivalFactor          = 0.9
	rivalMargin          = 0.05
	contextFactor        = 0.7
	confidenceUnknown    = 0.10
)

// minContextSpecificity is what a signature needs to explain a symptom from the lines before it: in a stream that many
// services share, a vague match there means nothing.
const minContextSpecificity = 0.6

// finding is what the signatures say about an incident.
type finding struct {
	hit     hit
	sample  int
	share   float64 // of the samples that show it
	rival   bool
	context *contextHit // where the lines before show the cause
	others  []hit       // other signatures seen, most specific first
}

type contextHit struct {
	hit  hit
	line int // index in sampleLines.before
}

// Offline diagnoses with the built-in signatures and the stack alone. It never fails, does no I/O, and is what is told when no
// model is configured or none answered.
func (d *Diagnoser) Offline(inc incident.Incident) Result {
	ev := d.evidence(inc)
	return d.offline(inc, ev, d.find(ev))
}

func (d *Diagnoser) offline(inc incident.Incident, ev *evidence, f *finding) Result {
	var res Result
	switch {
	case f != nil:
		res.Diagnosis = d.fromSignature(inc, ev, f)
		res.Title = d.title(inc, f.named())
	default:
		if i := stackSample(ev); i >= 0 {
			res.Diagnosis = d.fromStack(ev, i)
		} else {
			res.Diagnosis = d.unknown(inc, ev)
		}
		res.Title = d.title(inc, nil)
	}
	res.Diagnosis.Source = incident.SourceOffline
	res.Diagnosis.At = d.now()
	res.FlagReason, res.Flagged = flagIncident(inc)
	return res
}

// find looks for the signature that says most about the samples, nil where none matches.
func (d *Diagnoser) find(ev *evidence) *finding {
	type tally struct {
		first  hit
		sample int
		n      int
	}
	seen := map[string]*tally{}
	var order []string
	for i := range ev.samples {
		for _, h := range d.signatures.match(ev.samples[i].event) {
			t := seen[h.sig.ID]
			if t == nil {
				t = &tally{first: h, sample: i}
				seen[h.sig.ID] = t
				order = append(order, h.sig.ID)
			}
			t.n++
		}
	}
	if len(order) == 0 {
		return nil
	}
	score := func(id string) float64 {
		return seen[id].first.sig.Specificity * float64(seen[id].n) / float64(len(ev.samples))
	}
	slices.SortStableFunc(order, func(a, b string) int {
		switch sa, sb := score(a), score(b); {
		case sa > sb:
			return -1
		case sa < sb:
			return 1
		}
		return 0
	})
	best := seen[order[0]]
	f := &finding{hit: best.first, sample: best.sample, share: float64(best.n) / float64(len(ev.samples))}
	for _, id := range order[1:] {
		other := seen[id].first
		f.others = append(f.others, other)
		if other.sig.Category != f.hit.sig.Category && score(order[0])-score(id) < rivalMargin {
			f.rival = true
		}
	}
	if f.hit.sig.Symptom {
		f.context = d.findBefore(&ev.samples[f.sample])
	}
	return f
}

// findBefore looks for the cause of a symptom in the lines before it, the nearest first.
func (d *Diagnoser) findBefore(s *sampleLines) *contextHit {
	for i := len(s.before) - 1; i >= 0; i-- {
		e := newEventText(&incident.Record{Raw: s.before[i].text})
		for _, h := range d.signatures.match(e) {
			if !h.sig.Symptom && h.sig.Specificity >= minContextSpecificity {
				return &contextHit{hit: h, line: i}
			}
		}
	}
	return nil
}

// named is the signature that gives the diagnosis its name: the cause where it is known, else the symptom.
func (f *finding) named() *Signature {
	if f.context != nil {
		return f.context.hit.sig
	}
	return f.hit.sig
}

func (f *finding) confidence() float64 {
	c := f.named().Specificity * (agreementFloor + (1-agreementFloor)*f.share)
	if f.rival && f.context == nil {
		c *= rivalFactor
	}
	if f.context != nil {
		c *= contextFactor
	}
	return round2(min(c, maxOfflineConfidence))
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }

func (d *Diagnoser) fromSignature(inc incident.Incident, ev *evidence, f *finding) incident.Diagnosis {
	s := &ev.samples[f.sample]
	sig := f.named()
	text := s.text()
	if f.context != nil {
		text = s.before[f.context.line].text
	}
	vals := sig.capture(text)
	vals["service"] = plainService(inc.Service)
	dg := incident.Diagnosis{
		Summary:    sig.sentence(sig.Summary, vals),
		RootCause:  sig.sentence(sig.RootCause, vals),
		Category:   sig.Category,
		FixKind:    sig.FixKind,
		Confidence: f.confidence(),
		Signature:  sig.ID,
	}
	for _, step := range sig.NextSteps {
		dg.NextSteps = append(dg.NextSteps, sig.fill(step, vals))
	}
	cites := citations{limit: d.cfg.MaxLineBytes}
	if f.context != nil {
		symptom := f.hit.sig
		dg.Summary = symptom.sentence(symptom.Summary, symptom.capture(s.text())) + " Just before: " + dg.Summary
		l := s.before[f.context.line]
		cites.add(l, f.context.hit.start)
	}
	line := s.event.line(s.record.Raw, f.hit.start)
	cites.add(s.lines[s.at(line)], s.column(f.hit.start))
	if f.context == nil && blamesCode(sig.Category) {
		dg.Culprit = citeCulprit(&cites, s)
	}
	d.citeRepeat(&cites, ev, f)
	dg.Evidence = cites.list
	return dg
}

// column gives how far into its line the text offset is.
func (s *sampleLines) column(at int) int {
	if at >= s.event.raw {
		return 0
	}
	return at - (strings.LastIndexByte(s.event.text[:at], '\n') + 1)
}

// blamesCode says for which causes a frame of the service's own code is where to look. A refused connection has a frame too, but
// nobody has to read it.
func blamesCode(c incident.Category) bool {
	return c == "code-bug" || c == "data" || c == "dependency" || c == "unknown"
}

// citeRepeat cites the same failure in one other sample: that it is not a single line is worth knowing.
func (d *Diagnoser) citeRepeat(cites *citations, ev *evidence, f *finding) {
	for i := len(ev.samples) - 1; i > f.sample; i-- {
		s := &ev.samples[i]
		if h, ok := f.hit.sig.match(s.event); ok {
			line := s.event.line(s.record.Raw, h.start)
			cites.add(s.lines[s.at(line)], s.column(h.start))
			return
		}
	}
}

// citeCulprit cites the line of the topmost frame that is the service's own code, and gives it as the culprit.
func citeCulprit(cites *citations, s *sampleLines) *incident.Culprit {
	f, ok := topFrame(s.record)
	if !ok {
		return nil
	}
	i := culpritLine(s.lines, f)
	if i < 0 {
		return nil // redacted away, or beyond the limit: what can't be shown isn't claimed
	}
	cites.add(s.lines[i], strings.Index(s.lines[i].text, f.File))
	return &incident.Culprit{File: f.File, Line: f.Line, Function: incident.PrintableLine(f.Function)}
}

// topFrame gives the most recent call that is the service's own code.
func topFrame(r *incident.Record) (incident.Frame, bool) {
	for _, f := range r.Frames {
		if f.InApp && f.File != "" {
			return f, true
		}
	}
	return incident.Frame{}, false
}
