package notify

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// view is what is to be told of an event, before a medium's own escaping. Every string is redacted and printable: one
// line, without control or direction-changing characters. It may still hold markup, which is the medium's to defuse.
//
// Only headline, marks and answer are in Logwright's own words. Everything else may quote the log, or a model that read it.
type view struct {
	headline string // what changed, and of what
	title    string // headline without what changed
	severity string // "" without an incident, as is id
	id       string
	facts    []fact
	says     string   // the template or the text of an event without incident
	log      []string // lines of the log, "/var/log/api.log:17: text"
	why      []fact   // the diagnosis
	plan     []fact   // what is proposed or done, exactly
	fate     []fact   // what was decided about it, by whom, and what came of it
	output   []string // the end of what a command wrote
	next     []string // what to do, most useful first
	answer   []string // the commands that somebody is to choose from
	list     []entry  // the incidents of a storm
	more     int      // incidents of a storm beyond list
	marks    []string // simulated, flagged, resent, ...
}

type fact struct{ label, text string }

type entry struct{ severity, title, id string }

// Bounds of a view. A message is read on a phone: what is longer belongs to `logwright incidents show`.
const (
	maxLog      = 6   // lines of log
	maxNext     = 4   // next steps
	maxList     = 20  // incidents of a storm
	maxText     = 600 // UTF-16 units of one text
	maxName     = 120 // of a name: a service, a path, a version
	maxHeadline = 150 // Slack's limit of a header
)

// headlines say what changed.
var headlines = map[incident.EventKind]string{
	incident.EventOpened:    "New incident",
	incident.EventDiagnosed: "Diagnosed",
	incident.EventReturned:  "Back after it was resolved",
	incident.EventSpike:     "Spike",
	incident.EventWorse:     "Worse than it began",
	incident.EventMerged:    "Merged into an older incident",
	incident.EventResolved:  "Resolved",
	incident.EventReopened:  "Reopened",
	incident.EventIgnored:   "Ignored",
	incident.EventStorm:     "Storm",
	incident.EventGap:       "Logs may be missing",
	incident.EventSilence:   "Silence",
	incident.EventDegraded:  "Degraded",
}

// viewer makes views.
type viewer struct{ redact func(string) string }

// line makes text of strangers one line that is safe to show, secrets taken out before anything is cut.
func (v viewer) line(s string) string {
	return cut(strings.TrimSpace(incident.PrintableLine(v.redact(s))), maxText)
}

// name is line for what is short by nature.
func (v viewer) name(s string) string { return cut(v.line(s), maxName) }

func (v viewer) view(e incident.Event) view {
	what, ok := headlines[e.Kind]
	if !ok {
		what = cmp.Or(v.name(string(e.Kind)), "Event")
	}
	out := view{headline: what}
	switch {
	case e.Kind == incident.EventStorm:
		v.storm(&out, e)
	case acting[e.Kind] != "":
		v.doing(&out, e)
	case e.Incident != nil:
		out.title = cut(v.line(e.Incident.Title), maxHeadline)
		out.headline = what + ": " + out.title
		out.says = v.line(e.Text)
		v.incident(&out, e)
	default:
		out.says = v.line(e.Text)
	}
	out.headline = cut(out.headline, maxHeadline)
	if e.Resend {
		out.marks = append(out.marks, "resent: this may have been delivered before")
	}
	return out
}

// storm lists what was grouped, most important first.
func (v viewer) storm(out *view, e incident.Event) {
	all := e.Grouped
	if e.Incident != nil {
		all = append([]incident.Incident{*e.Incident}, all...)
	}
	title, says, _ := strings.Cut(e.Text, "\n") // Group puts what is not its own words below
	out.title, out.says = v.line(title), v.line(says)
	if out.title == "" {
		out.title = count(len(all), "incident")
	}
	out.headline = "Storm: " + out.title
	simulated, flagged := false, 0
	for i, inc := range all {
		simulated = simulated || inc.Simulated
		if inc.Flagged {
			flagged++
		}
		if i < maxList {
			out.list = append(out.list, entry{inc.Severity.String(), cut(v.line(inc.Title), maxHeadline), v.name(inc.ID)})
		}
	}
	out.more = len(all) - len(out.list)
	if flagged > 0 {
		out.marks = append(out.marks, fmt.Sprintf("flagged: in %d of them log text looks like an attempt to instruct a model", flagged))
	}
	if simulated {
		out.marks = append(out.marks, simulatedMark)
	}
}

const simulatedMark = "simulated: what was decided is only recorded, nothing is done (mode: observe)"

const flaggedMark = "flagged: log text looks like an attempt to instruct a model"

func (v viewer) flagMark(inc *incident.Incident) string {
	if inc.FlagReason == "" {
		return flaggedMark
	}
	return flaggedMark + " (" + v.name(inc.FlagReason) + ")"
}

func (v viewer) incident(out *view, e incident.Event) {
	inc := e.Incident
	add := func(label, text string) {
		if text != "" {
			out.facts = append(out.facts, fact{label, text})
		}
	}
	out.severity, out.id = inc.Severity.String(), v.name(inc.ID)
	add("service", v.name(inc.Service))
	add("events", events(inc))
	over := e.Kind == incident.EventResolved || e.Kind == incident.EventIgnored || e.Kind == incident.EventMerged
	if r := inc.Reason; r != nil && !over {
		add("trigger", v.line(string(inc.Trigger)+": "+r.Text))
	}
	if r := inc.Release; r != nil {
		add("release", v.name(r.Version)+" since "+stamp(r.At))
	}
	if out.says == "" && !over {
		out.says = v.line(inc.Template)
	}
	if inc.Diagnosis != nil {
		v.diagnosis(out, inc.Diagnosis, over)
	} else if !over {
		v.samples(out, inc.Samples)
	}
	if inc.Flagged {
		out.marks = append(out.marks, v.flagMark(inc))
	}
	if inc.Simulated {
		out.marks = append(out.marks, simulatedMark)
	}
}

// diagnosis tells why; of an incident that is over, the summary does.
func (v viewer) diagnosis(out *view, d *incident.Diagnosis, over bool) {
	add := func(label, text string) {
		if text != "" {
			out.why = append(out.why, fact{label, text})
		}
	}
	add("summary", v.line(d.Summary))
	if over {
		return
	}
	add("cause", v.line(d.RootCause))
	if c := d.Culprit; c != nil {
		place := v.name(c.File)
		if c.Line > 0 {
			place += fmt.Sprintf(":%d", c.Line)
		}
		if f := v.name(c.Function); f != "" {
			place += " in " + f
		}
		add("where", place)
	}
	by := "by " + v.name(d.Source)
	if d.Source == incident.SourceOffline || d.Source == "" {
		by = "by the built-in signatures"
	}
	add("class", fmt.Sprintf("%s, confidence %d %%, %s", v.name(string(d.Category)), percent(d.Confidence), by))
	for _, ev := range d.Evidence {
		if len(out.log) < maxLog {
			out.log = append(out.log, v.cite(ev.Source, ev.Line, ev.Quote))
		}
	}
	for _, n := range d.NextSteps {
		if s := v.line(n); s != "" && len(out.next) < maxNext {
			out.next = append(out.next, s)
		}
	}
	if d.Degraded != "" {
		out.marks = append(out.marks, "degraded: the built-in signatures answered, not the model")
		add("degraded", v.line(d.Degraded))
	}
	if d.DroppedClaims > 0 {
		out.marks = append(out.marks, fmt.Sprintf("dropped: %d of the model's claims had no evidence that holds", d.DroppedClaims))
	}
}

// samples quotes the first event, as long as nobody has said why it happens.
func (v viewer) samples(out *view, samples []incident.Sample) {
	if len(samples) == 0 {
		return
	}
	r := &samples[0].Record
	n := r.FirstLine
	// The event is redacted as a whole: a private key has many lines.
	for line := range strings.SplitSeq(v.redact(r.Raw), "\n") {
		if len(out.log) == maxLog {
			break
		}
		out.log = append(out.log, v.cite(r.File, n, line))
		if n > 0 {
			n++
		}
	}
}

func (v viewer) cite(source string, line int64, text string) string {
	source = v.name(source)
	if line > 0 {
		source = fmt.Sprintf("%s:%d", source, line)
	}
	return cut(source+": "+v.line(text), maxText)
}

// count says how many, in words that fit the number.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func events(inc *incident.Incident) string {
	if inc.Events == 0 {
		return ""
	}
	s := fmt.Sprintf("%d, from %s to %s", inc.Events, stamp(inc.FirstSeen), stamp(inc.LastSeen))
	if inc.Events == 1 || inc.FirstSeen.Equal(inc.LastSeen) {
		s = fmt.Sprintf("%d, at %s", inc.Events, stamp(inc.LastSeen))
	}
	return s
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

func percent(f float64) int {
	if !(f >= 0) { // NaN too
		return 0
	}
	return int(math.Round(min(f, 1) * 100))
}

// cut shortens s to n UTF-16 units, the measure of Slack's limits, at a rune's border. What was cut ends in "…".
func cut(s string, n int) string {
	length, keep := 0, 0
	for i, r := range s {
		length += max(utf16.RuneLen(r), 1)
		if length <= n-1 {
			keep = i + utf8.RuneLen(r)
		}
	}
	if length <= n {
		return s
	}
	return s[:keep] + "…"
}

// units counts UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}
