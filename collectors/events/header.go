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
	full                             string // msg with the columns that a profile took off it, "" where it took none: what is said of the severity
	bare                             string // the level's word, where the line says nothing else
	show                             string // what the message is where the level's word stays in it, else ""

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

// said is what the line says with all the words that are not certainly header.
func (h *head) said() string {
	if h.full != "" {
		return h.full
	}
	return h.msg
}

// shown is the message as people and clusters get it.
func (h *head) shown() string {
	if h.show != "" {
		return h.show
	}
	if h.msg == "" {
		return h.bare
	}
	return h.msg
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
	rd    *reader
	pid   string // tentative
	names [2]string
	n     int // names used

	levelAt int // where the level stands, -1 where there is none
	before  int // the end of what was certainly header before the level came
	soft    int // brackets taken that are neither a time stamp nor a level
	scanOptions
}

// scanOptions are what a profile tells the scanner.
type scanOptions struct {
	noEpoch bool // a number in front is a number: the source has no time stamps
	maxSoft int  // how many brackets may be taken that are neither a time stamp nor a level, -1 for any
}

var anyHeader = scanOptions{maxSoft: -1}

const (
	maxHeaderTokens = 14
	maxBracket      = 320
)

// scanText reads the header of a text line: by the profile of its source where there is one, else as the fixed scanner
// sees it. It says whether there was a header; h.msg is set in any case.
func (r *reader) scanText(s string, h *head) bool {
	if r.prof != nil && h.format != FormatSyslog {
		return r.scanLearned(r.prof, s, h)
	}
	got := r.scanFixed(s, h, anyHeader)
	if got.levelAt == 0 && !h.timed && h.format == FormatSyslog && isLower(s[0]) {
		h.show = s // "error: ...", as daemons without a logger write it: words, though they tell the severity
	}
	return got.ok
}

// scanned is what the fixed scanner tells beside what it writes into the head.
type scanned struct {
	ok      bool // there was a header
	levelAt int  // where the level stands, -1 where there is none
	before  int  // where what is certainly header before the level ends
	soft    int  // brackets taken that are neither a time stamp nor a level
	named   bool // it took a logger's name
}

// scanFixed reads the header of a text line without knowing of any other line.
func (r *reader) scanFixed(s string, h *head, o scanOptions) scanned {
	h.msg = s
	if s == "" || s[0] == ' ' || s[0] == '\t' || s[0] >= 0x80 {
		return scanned{levelAt: -1}
	}
	if isLetter(s[0]) && !h.timed && !h.leveled && plainWord(s) {
		h.trace = ""
		return scanned{levelAt: -1}
	}
	c := scanner{s: s, h: h, rd: r, scanOptions: o, levelAt: -1}
	pid, thread, logger := h.pid, h.thread, h.logger
	c.tokens()
	if !h.timed && !h.leveled {
		h.pid, h.thread, h.logger, h.trace = pid, thread, logger, ""
		return scanned{levelAt: -1}
	}
	if h.timed {
		h.time = r.resolve(&c.st)
	}
	h.headed = true
	if h.msg = c.message(); h.msg == "" && c.levelAt >= 0 {
		h.bare = s[c.levelAt:]
	}
	return scanned{ok: true, levelAt: c.levelAt, before: c.before, soft: c.soft, named: h.logger != logger}
}

// tokens reads the tokens of the header; those behind the time stamp are taken from the memo where it has them.
func (c *scanner) tokens() {
	var memo *memoEntry
	from, first, tried := 0, 0, false
	for n := 0; n < maxHeaderTokens && c.i < len(c.s); n++ {
		soft, mark := c.soft, c.mark
		more := c.token(n == 0)
		if memo != nil && c.mark > mark && c.i == c.mark && (!more && c.h.logger != "" || more && c.soft > soft) {
			c.remember(memo, from, n-first, !more)
		}
		if !more {
			return
		}
		if !tried && c.h.timed {
			tried = true
			from, first = c.mark, n
			if memo = c.rd.memo.of(c); memo != nil && c.recall(memo) {
				if memo.final {
					return
				}
				n += int(memo.tokens)
				memo = nil
			}
		}
		c.skipSeparators()
	}
}

// plainWord says whether s begins with a word that can't be the beginning of a header: no level, no date, and no name before one.
func plainWord(s string) bool {
	n := 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	if n < 3 || n <= 11 && isUpper(s[0]) && (at(s, n) == ' ' || at(s, n) == ',') && n == 3 {
		return false
	}
	if _, ok := levelWord(s[:n]); ok {
		return false
	}
	for n < len(s) && n < 64 && (isWord(s[n]) || s[n] == '-' || s[n] == '.') {
		n++
	}
	return at(s, n) != ' ' || run(s, n+1, 5) != 4
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
		if n := c.rd.stamp(s, &c.st); n > 0 && !isWord(at(s, n)) && !(c.noEpoch && c.st.epoch) {
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
	c.levelAt, c.before = c.i, c.mark
	c.advance(n)
}
