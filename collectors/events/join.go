package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// joins says whether a line goes on with the event e; n is the line, read as if it were an event's first.
func (j *Joiner) joins(e, n *event, p piece) bool {
	body := p.body
	if j.start != nil {
		return j.because(whyPattern, !j.start.MatchString(body) && !j.start.MatchString(p.raw))
	}
	h := &n.h
	if e.begin(); e.tr.inReport() && (!h.headed || !h.timed || e.tr.phase == phaseInnoDB || e.tr.phase == phaseRedis && h.format == FormatRedis || strings.HasSuffix(body, " INNODB MONITOR OUTPUT")) {
		joined := e.tr.step(body)
		if joined && e.h.time.IsZero() && e.time.IsZero() && h.timed {
			e.time = h.time // the first line is a ruler
		}
		return j.because(whyReport, joined)
	}
	switch {
	case h.extra:
		return j.because(whyExtra, e.h.timed && e.h.pid == h.pid)
	case h.whole:
		return j.because(whyWhole, false)
	case h.headed:
		return j.joinsHeaded(e, n)
	}
	b := trimIndent(body)
	if strings.TrimRight(b, " \t\r") == "" {
		e.tr.step("") // e.begin was called above
		return j.because(whyBlank, true)
	}
	if e.h.whole {
		return j.because(whyAfterWhole, false)
	}
	e.begin()
	indent := len(body) - len(b)
	if e.tr.lang == langNone && e.severity() < incident.SeverityWarning && strings.HasPrefix(b, `File "`) && frameFamily(b) == langPython {
		return j.because(whySyntaxError, false) // a SyntaxError, which has no line before its File
	}
	if e.tr.lang == langRuby && rubyStart(b) {
		// A cause follows what Ruby itself printed, with "from" before its frames; the same again, or behind the bare frames that a
		// logger prints, is the next crash.
		last := &e.pieces[len(e.pieces)-1]
		return j.because(whyCause, e.tr.phase == phaseFrames && body != e.body && strings.HasPrefix(trimIndent(last.body), "from "))
	}
	if e.tr.step(body) {
		return j.because(whyGrammar, true)
	}
	if strings.HasPrefix(b, "+ Exception Group Traceback") || strings.HasPrefix(b, "Traceback (most recent") && indent > 0 {
		return j.because(whyAnnounced, j.adopts(e, beginTrace(body)))
	}
	if indent > e.indent && !(indent == 1 && n.prof != nil && n.prof.lone) {
		return j.because(whyIndent, true)
	}
	if e.logical == 1 && announcesBody(e, b) {
		e.loose++
		return j.because(whyDocument, true)
	}
	n.begin()
	if n.tr.lang == langObject {
		if !e.h.timed {
			return j.because(whyObject, false)
		}
	} else if n.tr.lang != langNone {
		return j.because(whyAnnounced, j.adopts(e, n.tr))
	}
	if e.h.leveled && strings.TrimSpace(e.h.msg) == "" {
		return j.because(whyNoMessage, true)
	}
	switch {
	case !e.h.timed:
		return j.because(whyUntimed, false)
	case e.loose >= maxLoose:
		return j.because(whyTooMany, false)
	case n.prof != nil && n.prof.kind == profileHeadless:
		return j.because(whyHeadless, false)
	case e.severity() < incident.SeverityWarning && n.severity() >= incident.SeverityError:
		return j.because(whyWorse, false)
	}
	e.loose++
	return j.because(whyLoose, true)
}

// announcesBody says whether b is the first line of a document that a first line with a header, but without a time,
// announces: "INFO: sending:" and then XML, YAML or SQL.
func announcesBody(e *event, b string) bool {
	return e.h.leveled && strings.HasSuffix(e.h.msg, ":") && (b[0] == '<' || b == "---" || hasAnyPrefix(b, "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "))
}

// joinsHeaded is joins for a line with a header of its own.
func (j *Joiner) joinsHeaded(e, n *event) bool {
	h := &n.h
	if e.logical == 1 && e.h.timed && !e.h.leveled && h.leveled && !h.timed && julHead(e.h.msg) {
		e.twoLine, e.begun = true, false
		e.second(n.body)
		return j.because(whyTwoLine, true)
	}
	if !e.lastHeaded || e.h.whole || e.h.timed != h.timed || !sameWriter(&e.h, h) {
		return j.because(whyHeader, false)
	}
	if msg := h.withoutName(e.h.logger); msg != h.msg {
		whole := h.msg
		if h.msg = msg; j.joinsRepeated(e, n) {
			return true
		}
		h.msg = whole
		return false
	}
	return j.joinsRepeated(e, n)
}

// joinsRepeated is joinsHeaded where the line repeats the event's header, as far as that can be told.
func (j *Joiner) joinsRepeated(e, n *event) bool {
	msg := n.h.msg
	e.begin()
	if strings.TrimSpace(msg) == "" { // Python prints one between an exception and what it caused
		return j.because(whyRepeated, e.tr.lang != langNone && (e.tr.phase != phaseDone || e.tr.lang == langPython))
	}
	if e.tr.lang == langNone {
		return j.because(whyRepeated, e.severity() >= incident.SeverityWarning && frameFamily(msg) != langNone && e.tr.step(msg))
	}
	if e.tr.lang == langObject {
		return j.because(whyHeader, false)
	}
	if e.tr.lang == langBeam && e.h.timed {
		return j.because(whyHeader, false) // what goes on with it has no header of its own
	}
	if e.tr.lang == langAt && e.tr.phase >= phaseSource && (e.tr.phase != phaseText || frameFamily(msg) != langAt) {
		return j.because(whyRepeated, false)
	}
	if extra := headIndent(n) - headIndent(e); extra > 0 && e.tr.phase == phaseFrames {
		e.tr.step("  " + msg)
		return j.because(whyRepeated, true)
	}
	return j.because(whyRepeated, e.tr.step(msg))
}

// nameTraceback takes the name before the beginning of a Python trace for the logger: "shop: Traceback (most recent call last):".
// Where each line of the trace has a header, each has that name, too.
func (h *head) nameTraceback() {
	if n := len(h.msg) - len(tracebackLine) - 2; n > 0 && h.msg[n] == ':' && h.msg[n+2:] == tracebackLine && h.msg[n+1] == ' ' && tokenEnd(h.msg, 0) == n+1 {
		if _, ok := levelWord(h.msg[:n]); !ok {
			h.logger, h.msg = h.msg[:n], tracebackLine
		}
	}
}

// withoutName gives the message without the logger of the event that the line may go on with, where it was not known for a logger
// here: it looks like a word of the message.
func (h *head) withoutName(name string) string {
	if n := len(name); n > 0 && h.logger == "" && len(h.msg) > n && h.msg[n] == ':' && h.msg[:n] == name && (len(h.msg) == n+1 || h.msg[n+1] == ' ') {
		return trimIndent(h.msg[n+1:])
	}
	return h.msg
}

// indented gives the message of a line that repeats the event's header, with the indentation it has beyond the first's.
func indented(e, n *event) string {
	if !e.h.headed && !n.h.timed {
		return n.body // a level's word that is no header here
	}
	extra := max(headIndent(n)-headIndent(e), 0)
	if !strings.HasSuffix(n.body, n.h.msg) {
		return n.h.msg
	}
	return n.body[max(len(n.body)-len(n.h.msg)-extra, 0):]
}

// headIndent gives how many blanks stand between an event's header and its message.
func headIndent(e *event) int {
	body := e.h.msg
	if body == "" || !strings.HasSuffix(e.body, body) {
		return 0
	}
	i := len(e.body) - len(body)
	n := 0
	for i > 0 && (e.body[i-1] == ' ' || e.body[i-1] == '\t') {
		i--
		n++
	}
	return n
}

// julHead says whether msg is "org.example.Class method", as java.util.logging prints behind the time.
func julHead(msg string) bool {
	class, method, ok := strings.Cut(msg, " ")
	return ok && (strings.IndexByte(class, '.') > 0 || isUpper(at(class, 0))) && method != "" && !strings.ContainsAny(method, " :")
}

// adopts says whether a trace belongs to the event before it: the line that announces it.
func (j *Joiner) adopts(e *event, t trace) bool {
	if e.tr.lang != langNone {
		return false
	}
	switch t.lang {
	case langPython, langPHP, langRuby, langBeam:
		if e.severity() < incident.SeverityWarning {
			return false
		}
	case langAt:
		if !e.h.headed || e.severity() < incident.SeverityWarning || t.phase != phaseStart {
			return false
		}
	case langGo:
		if t.phase != phaseFrames { // a panic is an event of its own, a goroutine dump is not
			return false
		}
	default:
		return false
	}
	e.tr = t
	return true
}
