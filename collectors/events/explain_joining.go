package events

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// What is said of how an event was joined.

// startAt gives an example of an expression that begins events where this one began, and at the line num.
func (e *event) startAt(num int64) string {
	for i := 1; i < len(e.pieces); i++ {
		if p := &e.pieces[i]; p.num == num && num > 0 {
			word := p.body[:min(tokenEnd(p.body, 0), 24)]
			if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' || r == '\'' }) {
				break
			}
			return `^(\d{4}-|` + regexp.QuoteMeta(word) + `)`
		}
	}
	return `^(\d{4}-|...)`
}

// lines names a run of lines: "line 3", "lines 3-6"; sources without numbers have counts.
func (r *joinedRun) lines() string {
	switch {
	case r.first == 0 && r.n == 1:
		return "1 line"
	case r.first == 0:
		return fmt.Sprintf("%d lines", r.n)
	case r.first == r.last:
		return fmt.Sprintf("line %d", r.first)
	}
	return fmt.Sprintf("lines %d-%d", r.first, r.last)
}

func (j *Joiner) joiningSteps(steps []incident.Step, e *event, rec *incident.Record) []incident.Step {
	n := e.notes
	slices.SortStableFunc(n.runs, func(a, b joinedRun) int { return int(min(max(a.first-b.first, -1), 1)) })
	for i := range n.runs {
		r := &n.runs[i]
		if r.why == whyPart && r.first == rec.FirstLine {
			if r.first == r.last {
				continue
			}
			r.first++
		}
		s := incident.Step{Stage: incident.StageJoining, Result: incident.StepDone, Detail: r.lines() + " joined", Because: r.why.joined(r.lang)}
		if r.after {
			s.Because += ", behind lines of another thread or process"
		}
		if r.why == whyLoose || r.why == whyDocument {
			s.Result, s.Problem = incident.StepGuessed, problemLoose
			s.Change = "to begin an event there: sources: [{..., event_start: '" + e.startAt(r.first) + "'}]"
		}
		steps = append(steps, s)
	}
	if n.more > 0 {
		steps = append(steps, incident.Step{Stage: incident.StageJoining, Result: incident.StepDone, Detail: fmt.Sprintf("%d lines more joined", n.more)})
	}
	s := incident.Step{Stage: incident.StageJoining, Result: incident.StepDone, Detail: "the event ends here", Because: n.end.ended()}
	if n.next > 0 {
		s.Detail = fmt.Sprintf("line %d begins another event", n.next)
	}
	if n.end == whyUntimed || n.end == whyHeadless || n.end == whyTooMany {
		s.Change = "if they belong together: sources: [{..., event_start: '^\\S'}], with a pattern that only the first line of an event matches"
	}
	return append(steps, s)
}

// joined says why a line went on with the event.
func (w reason) joined(l lang) string {
	switch w {
	case whyPattern:
		return "event_start does not match it"
	case whyReport:
		return "it stands within a " + l.name()
	case whyExtra:
		return "it is a DETAIL, HINT or STATEMENT of the line before"
	case whyBlank:
		return "it is blank"
	case whyCause:
		return "it begins the cause within a " + l.name()
	case whyGrammar:
		return "a " + l.name() + " goes on like this"
	case whyAnnounced:
		return "a " + l.name() + " right behind the line that announces it"
	case whyIndent:
		return "it is indented deeper than the event's first line"
	case whyDocument:
		return "it looks like the document that the line before announces with its colon"
	case whyNoMessage:
		return "the header before it has no message yet"
	case whyLoose:
		return "it has no header, and the event before it has a time stamp"
	case whyTwoLine:
		return "java.util.logging prints level and message on a second line"
	case whyRepeated:
		return "it repeats the header, and a " + l.name() + " goes on like this"
	case whyPart:
		return "the container engine split one line into several"
	case whyEntry:
		return "its source says that it is a part of the same entry"
	}
	return ""
}

// ended says why the event went no further.
func (w reason) ended() string {
	switch w {
	case whyNone:
		return "the input ended"
	case whyPattern:
		return "event_start matches it"
	case whyReport:
		return "the report before it is closed"
	case whyExtra:
		return "it is a DETAIL, HINT or STATEMENT, but not of the event before"
	case whyWhole:
		return "it is complete in itself"
	case whyAfterWhole:
		return "the event before it is complete in itself"
	case whySyntaxError:
		return "it begins a SyntaxError"
	case whyCause:
		return "it begins the next crash"
	case whyAnnounced:
		return "it begins a trace that the event before does not announce"
	case whyObject:
		return "it begins a JSON object over several lines, behind an event without a time stamp"
	case whyUntimed:
		return "it has no header, and the event before it has no time stamp, so each line stands for itself"
	case whyTooMany:
		return fmt.Sprintf("%d lines without any sign of belonging are joined already", maxLoose)
	case whyHeadless:
		return "lines of this source have no header, so each stands for itself"
	case whyWorse:
		return "it speaks of an error, and the event before it does not"
	case whyHeader, whyRepeated:
		return "it has a header of its own"
	case whyWriter:
		return "another writer's line came, and this is nothing that goes on after such a line"
	case whyWaited:
		return "other writers' lines came for too long, or too much was held back"
	}
	return "it does not belong to the event before"
}
