package events

import (
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Where Config.Explain asks for it, the Joiner writes down what it decides while it decides it: what was unwrapped, how the
// header agreed with what was learned of the source, why each further line went on with the event and why the next one did not.
// Record.Steps says it in words (explain_text.go). Nothing is decided twice for that. Notes are for people who read along; they are
// no part of the Joiner's state, so an event that was restored tells less.

// reason says why a line goes on with an event, or why it does not.
type reason uint8

const (
	whyNone       reason = iota // nothing came that had to be decided: the input ended
	whyPattern                  // event_start
	whyReport                   // within a sanitizer's report and the like
	whyExtra                    // PostgreSQL's DETAIL, HINT, ...
	whyWhole                    // complete in itself
	whyBlank                    // a blank line
	whyAfterWhole               // behind one that is complete in itself
	whySyntaxError
	whyCause     // Ruby: the trace of a cause, or of the next crash
	whyGrammar   // what the trace's grammar expects
	whyAnnounced // a trace behind the line that announces it
	whyIndent    // indented deeper than the first
	whyDocument  // the first line ends with a colon, and a document follows
	whyObject    // a JSON object printed over several lines begins
	whyNoMessage // the header before it had no message
	whyUntimed   // neither it nor the event before has a time stamp
	whyTooMany   // maxLoose
	whyHeadless  // the source has no headers
	whyWorse     // it speaks of an error, and what is before it does not
	whyLoose     // no sign at all, but that it has no header
	whyTwoLine   // java.util.logging's second line
	whyHeader    // a header of its own
	whyRepeated  // a header of its own, as all lines of the trace have it
	whyPart      // a part of a line that the container engine split
	whyEntry     // a part of the entry, by its source
	whyWriter    // a line of another writer came
	whyWaited    // waited too long, or too much is held back
	reasons      // how many there are
)

// because notes why joins decided as it did.
func (j *Joiner) because(why reason, joined bool) bool {
	j.why = why
	return joined
}

// notes is what is written down of one event. A nil one takes nothing down.
type notes struct {
	layers []string // transports, the outermost first
	lane   string
	outer  head // what they and the collector said
	split  bool // the rest of a line that the container engine split never came

	fit   fitness
	known known
	since int64             // the first line that was read by the event's profile, 0 where that is not known
	given incident.Severity // before words were asked

	runs []joinedRun
	more int // lines beyond maxRuns
	end  reason
	next int64 // the line that ended it, 0 where none did
}

// joinedRun is some lines in a row that were joined for one reason.
type joinedRun struct {
	first, last int64
	n           int
	why         reason
	lang        lang
	after       bool // behind lines of other writers
}

// maxRuns bounds what is written down of an event's lines.
const maxRuns = 32

// known says what was known of the source's header when an event was read.
type known uint8

const (
	knownNothing known = iota // not enough lines yet
	knownProfile              // a profile
	knownFixed                // that there is nothing to learn, or the operator named a format
	knownWriter               // its source keeps the writers apart, so nothing is learned over all of them
)

// witness is what an explaining Joiner remembers of the stream.
type witness struct {
	prof *profile
	at   int64 // the first line that was read by it
}

func (j *Joiner) newNotes() *notes {
	if !j.cfg.Explain {
		return nil
	}
	return new(notes)
}

// unwrapped notes what transports put around the line.
func (n *notes) unwrapped(layers []string, h *head, lane string) {
	if n != nil {
		n.layers, n.outer, n.lane = slices.Clone(layers), *h, lane
	}
}

// unfinished notes that the rest of a split line never came.
func (n *notes) unfinished() {
	if n != nil {
		n.split = true
	}
}

// noteHeader notes how the header of e was read, right after it was.
func (j *Joiner) noteHeader(e *event, num int64) {
	n := e.notes
	n.fit, n.given = j.rd.fit, e.h.sev
	switch {
	case e.prof != nil:
		n.known = knownProfile
		if j.seen.prof != e.prof {
			j.seen = witness{e.prof, num}
		}
		n.since = j.seen.at
	case e.meta != nil && e.meta.Writer != "":
		n.known = knownWriter
	case !j.lr.learns || !j.lr.open:
		n.known = knownFixed
	}
}

// join notes that the line num goes on with e.
func (n *notes) join(num int64, why reason, e *event) {
	if n != nil {
		n.add(joinedRun{num, num, 1, why, e.tr.lang, false})
	}
}

// resume is join for a line that comes behind lines of other writers.
func (n *notes) resume(num int64, why reason, e *event) {
	if n != nil {
		n.add(joinedRun{num, num, 1, why, e.tr.lang, true})
	}
}

func (n *notes) add(r joinedRun) {
	if k := len(n.runs) - 1; k >= 0 {
		l := &n.runs[k]
		if l.why == r.why && l.lang == r.lang && l.after == r.after && (r.first == l.last || r.first == l.last+1) {
			l.last = r.last
			l.n++
			return
		}
	}
	if len(n.runs) >= maxRuns {
		n.more++
		return
	}
	n.runs = append(n.runs, r)
}

// over notes why the event ended: next is the line that begins another one, 0 where it was something else.
func (n *notes) over(next int64, why reason) {
	if n != nil && n.end == whyNone {
		n.end, n.next = why, next
	}
}

// layerName names the transport that was taken off before, which left after.
func layerName(before, after string, h *head) string {
	switch before[0] {
	case '{':
		if h.format == FormatSyslog {
			return "journal"
		}
		return FormatDocker
	case '[':
		return "kubectl"
	}
	// What docker-compose puts before a line ends with a bar; nothing else that is taken off does.
	took := before[:len(before)-len(after)]
	for took != "" && took[len(took)-1] == ' ' {
		took = took[:len(took)-1]
	}
	if took != "" && took[len(took)-1] == '|' {
		return "docker-compose"
	}
	return h.format
}

// worstWord gives the first word of a message that speaks of its severity as wordSeverity judges it.
func worstWord(s string) (string, incident.Severity) {
	want := wordSeverity(s)
	if want == incident.SeverityUnset {
		return "", want
	}
	if s = withoutUnit(s); len(s) > wordHead+wordTail {
		if w, sev := wordIn(s[:wordHead]); sev == want {
			return w, sev
		}
		s = s[len(s)-wordTail:]
		s = s[max(strings.IndexByte(s, ' '), 0):]
	}
	w, sev := wordIn(s)
	if sev != want {
		return "", want // a test runner's line as a whole
	}
	return w, sev
}
