package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// evidence is the lines that a diagnosis may cite, in the form in which they may leave the host: each event redacted as one
// piece (a private key has many lines) and before anything is cut, then split, then made printable. A quote is checked
// against exactly this text.
type evidence struct {
	samples []sampleLines
}

// sampleLines is one sample: the event's lines, and those of its neighbours before.
type sampleLines struct {
	record *incident.Record
	event  *eventText // not redacted: the signatures match what was written
	lines  []evidenceLine
	before []evidenceLine
}

// evidenceLine is one line, whole: it is cut only where it is shown.
type evidenceLine struct {
	source string
	number int64 // 0 where the source has no numbers
	text   string
}

func (d *Diagnoser) evidence(inc incident.Incident) *evidence {
	ev := &evidence{}
	for i := range inc.Samples {
		s := &inc.Samples[i]
		sl := sampleLines{record: &s.Record, event: newEventText(&s.Record)}
		sl.lines = d.redactedLines(s.Record.File, s.Record.FirstLine, s.Record.Raw)
		for _, c := range s.Before {
			sl.before = append(sl.before, d.redactedLines(c.File, c.Line, c.Text)...)
		}
		ev.samples = append(ev.samples, sl)
	}
	return ev
}

// redactedLines splits one event into lines that may leave the host. Redaction may take lines away: numbers are then counted
// from the top as far as the lines are unchanged, from the bottom likewise, and what is between has the number of its
// first line.
func (d *Diagnoser) redactedLines(file string, first int64, raw string) []evidenceLine {
	before := strings.Split(strings.TrimRight(raw, "\n"), "\n")
	after := strings.Split(strings.TrimRight(d.redact(raw), "\n"), "\n")
	top, bottom := 0, 0
	if len(before) != len(after) {
		n := min(len(before), len(after))
		for top < n && before[top] == after[top] {
			top++
		}
		for bottom < n-top && before[len(before)-1-bottom] == after[len(after)-1-bottom] {
			bottom++
		}
	}
	out := make([]evidenceLine, 0, len(after))
	for i, text := range after {
		at := i
		if len(before) != len(after) && i >= top {
			at = top
			if fromEnd := len(after) - 1 - i; fromEnd < bottom {
				at = len(before) - 1 - fromEnd
			}
		}
		l := evidenceLine{source: file, text: incident.Printable(strings.TrimRight(text, " \t\r"))}
		if first > 0 {
			l.number = first + int64(at)
		}
		out = append(out, l)
	}
	return out
}

// text is all lines of the event, redacted: what captures are taken from.
func (s *sampleLines) text() string {
	var b strings.Builder
	for i, l := range s.lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if b.Len() > maxMatchText {
			break
		}
		b.WriteString(l.text)
	}
	return b.String()
}

// at gives the index of the redacted line that belongs to line i of the record's Raw.
func (s *sampleLines) at(i int) int {
	want := s.record.FirstLine + int64(i)
	if s.record.FirstLine > 0 {
		for j, l := range s.lines {
			if l.number >= want {
				return j
			}
		}
	}
	return max(0, min(i, len(s.lines)-1))
}

// window cuts a line to limit bytes at rune boundaries so that the text around offset at is seen. The result is a verbatim
// part of the line.
func window(text string, at, limit int) string {
	start, end := windowBounds(text, at, limit)
	return text[start:end]
}

func windowBounds(text string, at, limit int) (start, end int) {
	if len(text) <= limit {
		return 0, len(text)
	}
	if at > limit*3/4 {
		start = min(at-limit/4, len(text)-limit)
	}
	end = start + limit
	for start < end && !utf8.RuneStart(text[start]) {
		start++
	}
	for end < len(text) && end > start && !utf8.RuneStart(text[end]) {
		end--
	}
	return start, start + len(strings.TrimRight(text[start:end], " \t"))
}

// citations collects the evidence of an offline diagnosis: no line twice, in the order of importance.
type citations struct {
	limit int
	list  []incident.Evidence
	seen  map[citedLine]bool
}

type citedLine struct {
	source string
	number int64
	quote  string
}

func (c *citations) add(l evidenceLine, at int) {
	quote := strings.TrimLeft(window(l.text, at, c.limit), " \t")
	key := citedLine{l.source, l.number, quote}
	if strings.TrimSpace(quote) == "" || c.seen[key] {
		return
	}
	if c.seen == nil {
		c.seen = map[citedLine]bool{}
	}
	c.seen[key] = true
	c.list = append(c.list, incident.Evidence{
		ID: evidenceID(len(c.list)), Source: l.source, Line: l.number, Quote: quote,
	})
}

// culpritLine gives the index of the line that shows frame f, -1 where none does. The line number has to be there too where
// the frame has one: a file occurs many times in a recursion.
func culpritLine(lines []evidenceLine, f incident.Frame) int {
	return slices.IndexFunc(lines, func(l evidenceLine) bool {
		return f.File != "" && strings.Contains(l.text, f.File) && (f.Line == 0 || containsNumber(l.text, f.Line))
	})
}

func evidenceID(i int) string { return "E" + strconv.Itoa(i+1) }

// containsNumber says whether n is in text as a number of its own, not as a part of a longer one.
func containsNumber(text string, n int) bool {
	want := strconv.Itoa(n)
	for i := 0; i+len(want) <= len(text); i++ {
		if text[i:i+len(want)] == want &&
			(i == 0 || !isDigit(text[i-1])) && (i+len(want) == len(text) || !isDigit(text[i+len(want)])) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
