package events

import (
	"strings"
	"unsafe"

	"github.com/logwright/logwright/agent/incident"
)

// piece is one physical line of an unfinished event.
type piece struct {
	raw  string
	body string // what the application wrote, or the message where the header is repeated on every line
	num  int64
	part bool // body is kept elsewhere: the first line of an event, and the parts of a split line
}

// span is a run of line numbers.
type span struct{ first, last int64 }

// event is an unfinished event.
type event struct {
	h       head
	raw     string // the physical line that the header was read from
	body    string // the first logical line, without its transport
	pieces  []piece
	own     int // pieces that share no memory with the collector's lines; none where the header does
	bytes   int
	spans   []span
	logical int // logical lines
	loose   int // lines joined for no better reason than that they have no header
	indent  int
	prof    *profile // that the header was read with, nil for none

	tr         trace
	begun      bool // tr was looked for in the first line
	settled    bool // h.sev is final as far as words go
	lastHeaded bool
	notes      *notes // nil unless Config.Explain
	twoLine    bool   // java.util.logging: the level is on the second line
	truncated  bool
	made       *incident.Record // what was read of it to its end, where that is known already

	origin
}

func (e *event) reset() {
	pieces, spans := e.pieces, e.spans
	clear(pieces)
	*e = event{pieces: pieces[:0], spans: spans[:0]}
}

// put appends one physical line.
func (e *event) put(p piece, limit int) {
	if n := len(e.pieces); n < cap(e.pieces) {
		e.pieces = e.pieces[:n+1]
		q := &e.pieces[n] // word by word: a copy as a whole would wait for p to be written
		q.raw, q.body, q.num, q.part = p.raw, p.body, p.num, p.part
	} else {
		e.pieces = append(e.pieces, p)
	}
	e.bytes += p.size()
	if k := len(e.spans) - 1; p.num > 0 {
		switch {
		case k >= 0 && e.spans[k].last == p.num:
		case k >= 0 && (e.spans[k].last+1 == p.num || k >= maxSpans):
			e.spans[k].last = p.num
		default:
			e.spans = append(e.spans, span{p.num, p.num})
		}
	}
	if e.bytes > limit {
		e.cut(limit)
	}
}

func (p *piece) size() int {
	if strings.HasSuffix(p.raw, p.body) {
		return len(p.raw) + pieceCost
	}
	return len(p.raw) + len(p.body) + pieceCost
}

// firstCost is what the first line's body takes beside its raw form.
func (e *event) firstCost() int {
	if strings.HasSuffix(e.raw, e.body) {
		return 0
	}
	return len(e.body)
}

// pieceCost is what a line costs beside its bytes.
const pieceCost = 48

// maxSpans bounds how many gaps between an event's lines are remembered.
const maxSpans = 1024

// cut drops lines from the middle of an event that has become too large: three quarters of the room stay of its
// beginning, and half of what is left of its end.
func (e *event) cut(limit int) {
	e.truncated = true
	// Of the room beside the first line's body, or an event with a large one would be cut again with each further line.
	limit = max(limit-e.firstCost(), 0)
	keep := limit - limit/4
	n, i := 0, 0
	for i < len(e.pieces) && (i == 0 || n+e.pieces[i].size() <= keep) {
		n += e.pieces[i].size()
		i++
	}
	k := len(e.pieces)
	tail := 0
	for k > i && tail+e.pieces[k-1].size() <= limit/8 {
		k--
		tail += e.pieces[k].size()
	}
	e.pieces = append(e.pieces[:i], e.pieces[k:]...)
	e.own = min(e.own, i)
	e.bytes = n + tail + e.firstCost()
}

// begin looks for the trace that the first line may begin.
func (e *event) begin() {
	if e.begun {
		return
	}
	e.begun = true
	if !e.h.whole {
		e.tr = beginTrace(e.h.msg)
		if e.tr.lang == langNone && e.h.full != "" {
			e.tr = beginTrace(e.h.full)
		}
		if e.tr.lang == langNone && !e.h.headed && len(e.h.msg) > 0 && e.h.msg[0] == ' ' {
			e.tr = beginTrace(trimIndent(e.h.msg))
		}
	}
}

// severity is what the event's first line says: a level, or the collector's, or words.
func (e *event) severity() incident.Severity {
	if !e.settled {
		e.settled = true
		h := &e.h
		if h.leveled {
			return h.sev
		}
		if h.sev == incident.SeverityUnset || h.sev == incident.SeverityInfo && e.meta != nil && e.meta.Trusted["_TRANSPORT"] == "stdout" {
			// journald gives all that a service prints the priority 6, which says nothing
			if w := wordSeverity(h.said()); w > h.sev {
				h.sev = w
			}
		}
	}
	return e.h.sev
}

// open says whether more lines of the event may come after lines of other writers: it is a trace, or looks like what
// a trace follows.
func (e *event) open() bool {
	e.begin()
	return e.tr.lang != langNone || e.severity() >= incident.SeverityError
}

// sameWriter says whether two headers name the same process and thread.
func sameWriter(a, b *head) bool { return a.pid == b.pid && a.thread == b.thread }

// join gives the event's lines as they were read.
func (e *event) join() string {
	n := 0
	for i := range e.pieces {
		n += len(e.pieces[i].raw) + 1
	}
	var b strings.Builder
	b.Grow(n)
	for i := range e.pieces {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.pieces[i].raw)
	}
	return b.String()
}

// firstWords gives the first line behind the header that is not blank.
func (e *event) firstWords() string {
	for i := 1; i < len(e.pieces); i++ {
		if s := strings.TrimSpace(trimIndent(e.pieces[i].body)); s != "" && !e.pieces[i].part {
			return s
		}
	}
	return ""
}

// readSecond reads the second line again, where the level stands there.
func (e *event) readSecond() {
	if !e.twoLine {
		return
	}
	for i := 1; i < len(e.pieces); i++ {
		if !e.pieces[i].part {
			e.second(e.pieces[i].body)
			break
		}
	}
}

// second takes message and level from the second line, where java.util.logging prints them.
func (e *event) second(body string) {
	level, msg, _ := strings.Cut(body, ":")
	if sev, ok := levelWord(level); ok {
		h := &e.h
		h.logger, h.msg, h.full, h.show = h.said(), strings.TrimLeft(msg, " "), "", ""
		h.sev, h.leveled, e.settled = sev, true, false
	}
}

func (e *event) numbers() []int64 {
	var out []int64
	for _, s := range e.spans {
		for n := s.first; n <= s.last && len(out) < 1<<16; n++ {
			out = append(out, n)
		}
	}
	return out
}

// arena copies what has to wait for the next batch into memory of its own, in chunks. The strings stay valid for good (nothing
// is written twice); an unfinished event holds on to its own chunk and not to the collector's buffers.
type arena struct{ buf []byte }

const chunkSize = 32 << 10

func (a *arena) copy(s string) string {
	if len(s) == 0 {
		return ""
	}
	if len(s) > chunkSize/4 {
		return strings.Clone(s)
	}
	if cap(a.buf)-len(a.buf) < len(s) {
		a.buf = make([]byte, 0, chunkSize)
	}
	n := len(a.buf)
	a.buf = append(a.buf, s...)
	return unsafe.String(&a.buf[n], len(s)) //nolint:gosec // G103: the bytes are never written again
}
