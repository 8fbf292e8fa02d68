package events

import (
	"strconv"
	"strings"
	"time"
)

// maxMicros is the end of the year 9999, in microseconds since 1970.
const maxMicros = 253402300799999999

// unwrapJournal reads an entry of the journal as `journalctl -o json` writes it: an object on one line, whose field MESSAGE is what
// the application wrote, so that a trace of many lines is many objects. The entries' writers are told apart as the journal's
// collector does it. Fields of the journal have names in capitals; by the first one that has not, any other JSON line is known.
func (r *reader) unwrapJournal(s string, w *wrapped, h *head) bool {
	if s[1] != '"' || !journalName(s[2:4]) {
		return false
	}
	p := jsonScan{s: s, i: 1}
	var e journalEntry
	ok := e.read(&p)
	r.work += p.work
	us, err := strconv.ParseInt(e.time, 10, 64)
	if !ok || !e.said || err != nil || us <= 0 || us > maxMicros {
		return false
	}
	h.format, h.time = FormatSyslog, time.UnixMicro(us).UTC()
	h.host, h.logger, h.pid = e.host, e.identifier, e.pid
	// What a service prints has the unit's priority, which says nothing of the line.
	if n, ok := digits(e.priority, 0, len(e.priority)); ok && len(e.priority) == 1 && n < 8 && (n != 6 || e.transport != "stdout") {
		h.sev = syslogSeverity(n)
	}
	if strings.IndexByte(e.message, 0x1b) >= 0 { // which journalctl writes as bytes
		e.message = stripANSI(e.message)
	}
	w.take(e.writer(), strings.TrimRight(e.message, "\r\n\x00"))
	return true
}

// writer tells the entry's writer from others, with so much of each name as a writer may make the lane long.
func (e *journalEntry) writer() string {
	names := [...]string{e.unit, e.pid, e.stream, e.container, e.identifier}
	for i, s := range names {
		names[i] = s[:min(len(s), 256)]
	}
	return strings.Join(names[:], "\x1f")
}

// journalEntry is what is wanted of an entry.
type journalEntry struct {
	message, time, priority, transport             string
	host, identifier, pid, unit, stream, container string
	said                                           bool // it has a MESSAGE that is text
}

// read reads the whole object and says whether it could be an entry of the journal.
func (e *journalEntry) read(p *jsonScan) bool {
	for {
		k, ok := p.key()
		if !ok || k.esc || !journalName(k.raw) {
			return false
		}
		var to *string
		switch k.raw {
		case "MESSAGE":
			if e.message, e.said = p.journalText(); !e.said {
				return false
			}
		case "__REALTIME_TIMESTAMP":
			to = &e.time
		case "PRIORITY":
			to = &e.priority
		case "SYSLOG_IDENTIFIER":
			to = &e.identifier
		case "CONTAINER_ID":
			to = &e.container
		case "_TRANSPORT":
			to = &e.transport
		case "_HOSTNAME":
			to = &e.host
		case "_PID":
			to = &e.pid
		case "_SYSTEMD_UNIT":
			to = &e.unit
		case "_STREAM_ID":
			to = &e.stream
		}
		switch {
		case k.raw == "MESSAGE":
		case to != nil && p.peek() == '"':
			v, ok := p.str()
			if !ok {
				return false
			}
			*to = v.text()
		case !p.skip(): // not text, or there more than once, as no field is that journald sets itself
			return false
		}
		if !p.comma() {
			return p.end()
		}
	}
}

// journalName says whether a field of the journal may be called name.
func journalName(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; !isUpper(c) && c != '_' && (!isDigit(c) || i == 0) {
			return false
		}
	}
	return name != ""
}

// journalText reads the value of a field: a string, the numbers of its bytes where it is no UTF-8, or a list of such where
// the entry has the field more than once, of which the first counts.
func (p *jsonScan) journalText() (string, bool) {
	if p.peek() == '"' {
		v, ok := p.str()
		return v.text(), ok
	}
	if p.peek() != '[' {
		return "", false // null: journalctl left it out for its length
	}
	p.i++
	if c := p.peek(); c == '"' || c == '[' {
		list := p.i - 1
		var text string
		ok := c == '['
		if ok {
			p.i++
			text, ok = p.byteValues()
		} else {
			text, ok = p.journalText()
		}
		p.i = list
		return text, ok && p.skip()
	}
	return p.byteValues()
}

// byteValues reads numbers up to the list's end, whose beginning was read.
func (p *jsonScan) byteValues() (string, bool) {
	var b strings.Builder
	for {
		if p.space(); at(p.s, p.i) == ']' {
			p.i++
			return b.String(), b.Len() > 0
		}
		v, ok := p.scalar()
		n, isNumber := digits(v, 0, len(v))
		if !ok || !isNumber || len(v) > 3 || n > 255 {
			return "", false
		}
		b.WriteByte(byte(n))
		if !p.comma() && p.peek() != ']' {
			return "", false
		}
	}
}
