package events

import (
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// head is what was read of one logical line. Its strings are parts of the line (or of what was unescaped of it).
type head struct {
	format                           string
	time                             time.Time
	sev                              incident.Severity
	host, pid, thread, logger, trace string
	msg                              string // without the header

	// What a structured line says of an exception: a type, its text, and a stack as text.
	excType, excMsg, stack string
	errText                string // an error field that is only text
	frames                 []incident.Frame
	status                 int // of an HTTP answer, 0 where the line is about none

	timed   bool // the application's own time stamp was there
	leveled bool // the application's own level was there
	headed  bool // the application's own header was there: the line starts an event, unless its message continues a trace
	whole   bool // the line is complete in itself (an object, an access log): nothing loose can follow it
	extra   bool // PostgreSQL's DETAIL, HINT, ...: belongs to the line before
}

// The header of a text line is read from left to right: time stamps, levels, brackets, loggers, pids and the
// separators between them. Tokens that could as well be words of the message (a number, a dotted name, a bracket) are
// only taken as header once a level or a time stamp stands behind them: mark is the end of what is certain. A line where
// neither a time stamp nor a level was found has no header.
type scanner struct {
	s     string
	i     int // where to read on
	mark  int // the end of what is certainly header
	h     *head
	st    stamp
	pid   string // tentative
	names [2]string
	n     int // names used
}

const (
	maxHeaderTokens = 14
	maxBracket      = 160
)

// scanText reads the header of a text line. It says whether there was one; h.msg is set in any case.
func (r *reader) scanText(s string, h *head) bool {
	h.msg = s
	if s == "" || s[0] == ' ' || s[0] == '\t' || s[0] >= 0x80 {
		return false
	}
	c := scanner{s: s, h: h}
	pid, thread, logger := h.pid, h.thread, h.logger
	for n := 0; n < maxHeaderTokens && c.i < len(s); n++ {
		if !c.token(n == 0) {
			break
		}
		c.skipSeparators()
	}
	if !h.timed && !h.leveled {
		h.pid, h.thread, h.logger, h.trace = pid, thread, logger, ""
		return false
	}
	if h.timed {
		h.time = c.st.resolve(r.ref, r.loc)
	}
	h.headed = true
	h.msg = c.message()
	return true
}

// message is what stands behind the header. Indentation is kept where it says something: after a header that ends with a
// single space or a bracket, two spaces more are an indented continuation.
func (c *scanner) message() string {
	m := c.s[c.mark:]
	i := 0
	for i < len(m) {
		switch m[i] {
		case ' ', '\t':
			i++
			continue
		case '-', '|', ':', ']', '>', ',':
			// a separator is one only with a space (or nothing) behind it
			k := i + 1
			for k < len(m) && m[k] == m[i] {
				k++
			}
			if k-i > 2 && i+1 < k {
				break
			}
			if k == len(m) || m[k] == ' ' || m[k] == '\t' || m[i] == '|' && i == 0 {
				i = k
				continue
			}
			if m[i] == ':' && k == i+1 && i == 0 {
				i = k
				continue
			}
		}
		break
	}
	return m[i:]
}

func (c *scanner) skipSeparators() {
	for c.i < len(c.s) {
		switch b := c.s[c.i]; b {
		case ' ', '\t':
			c.i++
			continue
		case '-', '|', ':', ',', ']', '>', '~':
			k := c.i + 1
			for k < len(c.s) && c.s[k] == b {
				k++
			}
			if k == len(c.s) || c.s[k] == ' ' || c.s[k] == '\t' || b == '|' || b == ':' && k == c.i+1 || b == ']' {
				c.i = k
				continue
			}
		}
		return
	}
}

// token reads one token of a header and says whether to go on.
func (c *scanner) token(first bool) bool {
	s, h := c.s[c.i:], c.h
	b := s[0]
	if !h.timed && (isDigit(b) || isUpper(b)) {
		if n := scanStamp(s, &c.st); n > 0 && !isWord(at(s, n)) {
			h.timed = true
			c.advance(n)
			return true
		}
		c.st = stamp{}
	}
	switch {
	case b == '[':
		return c.bracket(s, ']')
	case b == '(' && h.timed && !h.leveled:
		return c.bracket(s, ')')
	case b == '<' && len(s) > 2 && isLetter(s[1]):
		if k := strings.IndexByte(s[:min(len(s), 14)], '>'); k > 0 {
			if sev, ok := levelWord(s[1:k]); ok {
				c.level(sev, k+1)
				return true
			}
		}
		return false
	case isDigit(b):
		return c.number(s)
	case isLetter(b) || b == '_':
		return c.word(s, first)
	case b == '*' && h.leveled && isDigit(at(s, 1)): // nginx: *1 the connection
		n := 1 + run(s, 1, 20)
		if at(s, n) == ' ' {
			c.advance(n + 1)
			return true
		}
	}
	return false
}

func (c *scanner) advance(n int) {
	c.i += n
	c.commit()
}

// commit makes everything up to here header.
func (c *scanner) commit() {
	c.mark = c.i
	if c.pid != "" {
		c.h.pid, c.pid = c.pid, ""
	}
	if c.n > 0 {
		if c.h.logger == "" {
			c.h.logger = c.names[c.n-1]
		}
		c.n = 0
	}
}

func (c *scanner) level(sev incident.Severity, n int) {
	c.h.sev, c.h.leveled = sev, true
	c.advance(n)
}
