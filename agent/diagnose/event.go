package diagnose

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// maxMatchText bounds what of one event the signatures look at, in bytes: the beginning, where the message is, and the
// end, where Python and Java put the cause.
const maxMatchText = 64 << 10

// eventText is an event in the form that signatures match.
type eventText struct {
	text, lower                string
	service, format, exception string
	raw                        int // how much of text is Raw; beyond it are decoded message and exception
	cut                        int // where the middle of Raw was left out, -1 where it was not
	tail                       int // bytes left out at cut
}

func newEventText(r *incident.Record) *eventText {
	raw, cut, left := r.Raw, -1, 0
	if len(raw) > maxMatchText {
		head := maxMatchText * 3 / 4
		tail := len(raw) - (maxMatchText - head)
		cut, left = head, tail-head
		raw = raw[:head] + raw[tail:]
	}
	e := &eventText{service: r.Service, format: r.Format, exception: r.Exception, cut: cut, tail: left, raw: len(raw)}
	var b strings.Builder
	b.WriteString(raw)
	add := func(s string) {
		if s != "" && len(s) <= maxMatchText && !strings.Contains(b.String(), s) {
			b.WriteByte('\n')
			b.WriteString(s)
		}
	}
	add(r.Message)
	if r.Exception != "" && r.ExceptionMessage != "" {
		add(r.Exception + ": " + r.ExceptionMessage)
	}
	e.text = b.String()
	e.lower = lower(e.text)
	return e
}

// line gives the index of the line of Raw that offset at of the text is in, and 0 where the match was in what was decoded:
// such an event is one line nearly always.
func (e *eventText) line(raw string, at int) int {
	if at >= e.raw {
		return 0
	}
	if e.cut >= 0 && at >= e.cut {
		at += e.tail
	}
	return strings.Count(raw[:min(at, len(raw))], "\n")
}
