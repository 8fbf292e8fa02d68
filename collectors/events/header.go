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

// bracket reads "[...]" at the beginning of s.
func (c *scanner) bracket(s string, end byte) bool {
	h := c.h
	k := closing(s, end)
	if k < 0 {
		return false
	}
	in := strings.TrimSpace(s[1:k])
	n := k + 1
	if in == "" {
		if h.timed || h.leveled {
			c.advance(n)
			return true
		}
		return false
	}
	if !h.timed {
		if isDigit(in[0]) || isUpper(in[0]) {
			if t := scanStamp(in, &c.st); t > 0 && (t == len(in) || !isWord(in[t])) {
				h.timed = true
				c.insideBracket(strings.TrimLeft(in[t:], " :,|"))
				c.advance(n)
				return true
			}
			c.st = stamp{}
		}
	}
	if !h.leveled {
		if sev, ok := levelWord(in); ok {
			c.level(sev, n)
			return true
		}
		if len(in) == 1 && h.timed {
			if sev, ok := levelLetter(in[0]); ok {
				c.level(sev, n)
				return true
			}
		}
		if k := strings.LastIndexAny(in, ":/"); k >= 0 { // Apache: core:error; Android: E/Tag
			if sev, ok := levelWord(in[k+1:]); ok {
				h.logger = in[:k]
				c.level(sev, n)
				return true
			}
			if sev, ok := levelWord(in[:k]); ok && h.timed {
				h.thread = in[k+1:]
				c.level(sev, n)
				return true
			}
		}
	}
	if p, ok := pidIn(in); ok {
		if h.pid == "" {
			c.pid = p
		}
		c.i += n
		if h.timed || h.leveled {
			c.commit()
		}
		return true
	}
	if h.leveled && hasAnyPrefix(in, "client ", "remote ") {
		c.advance(n)
		return true
	}
	if !h.timed && !h.leveled {
		if c.i > 0 {
			return false
		}
		h.thread = in // taken back by scanText if no header follows
		c.i += n
		return true
	}
	if isTraceID(in) {
		h.trace = in
		c.advance(n)
		return true
	}
	if strings.HasPrefix(in, "MY-") { // MySQL's error code is part of what it says
		return false
	}
	if !h.leveled || h.thread == "" && c.s[c.i-1] == ' ' && nameLike(in) && (at(s, n) == ' ' || at(s, n) == ':') {
		if h.thread == "" {
			h.thread = in
		}
		c.advance(n)
		return true
	}
	return false
}

// insideBracket reads what stands behind the time within one bracket: "ERROR app::db" (env_logger), "#123" (Ruby),
// "ERROR/ForkPoolWorker-1" (Celery).
func (c *scanner) insideBracket(in string) {
	for in != "" {
		w := in
		if k := strings.IndexAny(in, " /"); k >= 0 {
			w, in = in[:k], strings.TrimLeft(in[k:], " /")
		} else {
			in = ""
		}
		if sev, ok := levelWord(strings.TrimRight(w, ":,")); ok && !c.h.leveled {
			c.h.sev, c.h.leveled = sev, true
		} else if p, ok := pidIn(w); ok {
			c.h.pid = p
		} else if c.h.leveled && c.h.logger == "" {
			c.h.logger = w
		}
	}
}

// closing gives the index of the bracket that closes the one s begins with, -1 where it is not near.
func closing(s string, end byte) int {
	depth := 0
	limit := min(len(s), maxBracket)
	for k := 0; k < limit; k++ {
		switch s[k] {
		case s[0]:
			depth++
		case end:
			if depth--; depth <= 0 {
				return k
			}
		}
	}
	return -1
}

// pidIn reads a process or thread id: 123, #123, 123#456, pid 123, pid:123:tid:456, pid=123.
func pidIn(in string) (string, bool) {
	if in != "" && (in[0] == 'p' || in[0] == 'P') && hasAnyPrefix(in, "pid", "PID ", "PID:") {
		in = strings.TrimLeft(in[3:], " :=")
		n := run(in, 0, 12)
		return in[:n], n > 0
	}
	if in != "" && in[0] == '#' {
		in = in[1:]
	}
	n := run(in, 0, 12)
	if n == 0 || n < len(in) && in[n] != '#' && in[n] != ':' && in[n] != '-' {
		return "", false
	}
	if n < len(in) && run(in, n+1, 20) != len(in)-n-1 {
		return "", false
	}
	return in[:n], true
}

// isTraceID says whether in looks like a request or trace id: a UUID, or 16 or more hexadecimal digits.
func isTraceID(in string) bool {
	if (in[0] == 'r' || in[0] == 't') && hasAnyPrefix(in, "req-", "req_", "trace-") {
		return true
	}
	if len(in) < 16 || len(in) > 64 {
		return false
	}
	for i := 0; i < len(in); i++ {
		c := in[i]
		if !isDigit(c) && (c|0x20)-'a' > 5 && c != '-' {
			return false
		}
	}
	return true
}

// nameLike says whether in is what thread and logger names look like, rather than words of a message.
func nameLike(in string) bool {
	spaces := 0
	for i := 0; i < len(in); i++ {
		if in[i] == ' ' {
			spaces++
		} else if in[i] == '=' && spaces > 0 || in[i] == '"' || in[i] == '\'' {
			return false
		}
	}
	return spaces < 6
}

// number reads a token that begins with a digit: a pid or thread id before the level, nginx's pid#tid: behind it.
func (c *scanner) number(s string) bool {
	h := c.h
	n := run(s, 0, 12)
	switch b := at(s, n); {
	case !h.timed && !h.leveled:
		return false
	case b == '#' && h.leveled:
		k := run(s, n+1, 12)
		if k > 0 && at(s, n+1+k) == ':' {
			h.pid = s[:n]
			c.advance(n + k + 2)
			return true
		}
	case (b == ' ' || b == '\t') && !h.leveled:
		if c.pid == "" {
			c.pid = s[:n]
		} else {
			h.thread = s[:n] // Android: pid tid
		}
		c.i += n
		return true
	case b == ' ' && strings.HasPrefix(s[n:], " --- ["): // Spring Boot: ERROR 1 --- [app] [main] logger : message
		h.pid = s[:n]
		c.advance(n + 4)
		for k := 0; k < 3; k++ {
			c.skipSpaces()
			if at(c.s, c.i) != '[' {
				break
			}
			e := closing(c.s[c.i:], ']')
			if e < 0 {
				break
			}
			h.thread = strings.TrimSpace(c.s[c.i+1 : c.i+e])
			c.advance(e + 1)
		}
		c.skipSpaces()
		rest := c.s[c.i:]
		if k := strings.Index(rest[:min(len(rest), 80)], " : "); k > 0 {
			h.logger = strings.TrimRight(rest[:k], " ")
			c.advance(k + 3)
		}
		return false
	}
	return false
}

func (c *scanner) skipSpaces() {
	for c.i < len(c.s) && (c.s[c.i] == ' ' || c.s[c.i] == '\t') {
		c.i++
	}
}

// word reads a token that begins with a letter: a level, or a logger.
func (c *scanner) word(s string, first bool) bool {
	h := c.h
	n := 1
	for n < len(s) && isWord(s[n]) {
		n++
	}
	if !h.leveled {
		if sev, size, ok := c.levelToken(s, n); ok {
			c.level(sev, size)
			return true
		}
	}
	if h.timed && !h.leveled && at(s, n) == '.' { // Monolog: channel.ERROR:
		k := n + 1
		for k < len(s) && isUpper(s[k]) {
			k++
		}
		if sev, ok := levelWord(s[n+1 : k]); ok && at(s, k) == ':' {
			h.logger = s[:n]
			c.level(sev, k+1)
			return true
		}
	}
	// the whole token, up to the next blank
	if !h.timed && !h.leveled {
		return first && c.nameBeforeTime(s, n)
	}
	k := n
	dotted := false
scan:
	for ; k < len(s) && k < 120; k++ {
		switch s[k] {
		case ' ', '\t':
			break scan
		case '"', '=':
			return false
		case '(':
			if h.leveled {
				return false
			}
		case '.', '$', '@':
			if c := at(s, k+1); c != ' ' && c != 0 {
				dotted = true
			}
		case ':':
			if at(s, k+1) == ':' {
				dotted = true
			}
		}
	}
	tok := s[:k]
	last := tok[len(tok)-1]
	if h.leveled {
		if h.logger != "" {
			return false
		}
		switch {
		case dotted && sourceRef(tok): // file.go:12
			h.logger = strings.TrimSuffix(tok, ":")
		case dotted && last == ':' && !strings.Contains(tok, "://"):
			h.logger = tok[:k-1]
		case strings.HasPrefix(s[k:], " - ") && (dotted || isUpper(tok[0]) || at(c.s, c.mark-1) == ']' || strings.Contains(c.s[:c.mark], " - ")):
			h.logger = tok
			k += 3
		case strings.HasPrefix(s[k:], " -- ") && dotted:
			h.logger = tok
			k += 4
		case dotted && blankThenColon(s[k:]) > 0: // padded: "o.a.Foo    : message"
			h.logger = tok
			k += blankThenColon(s[k:])
		case strings.HasPrefix(s[k:], "  ") && c.i >= 2 && c.s[c.i-2:c.i] == "  " && h.timed: // columns
			h.logger = tok
		default:
			return false
		}
		c.advance(k)
		return false
	}
	// before the level, only what can't be a word of a message
	if dotted && sourceRef(tok) { // Go's log.Lshortfile
		h.logger = strings.TrimSuffix(tok, ":")
		c.advance(k)
		return true
	}
	sep := strings.HasPrefix(s[k:], " - ") || strings.HasPrefix(s[k:], " | ")
	if (dotted || sep || last == ':') && c.n < len(c.names) {
		c.names[c.n] = strings.TrimRight(tok, ":")
		c.n++
		c.i += k
		return true
	}
	return false
}

// nameBeforeTime takes the first word for a name where a date stands right behind it: "update-alternatives 2024-01-02 ...".
func (c *scanner) nameBeforeTime(s string, n int) bool {
	for n < len(s) && n < 64 && (isWord(s[n]) || s[n] == '-' || s[n] == '.') {
		n++
	}
	if at(s, n) != ' ' || !isDigit(at(s, n+1)) || run(s, n+1, 5) != 4 {
		return false
	}
	var st stamp
	if scanStamp(s[n+1:], &st) == 0 {
		return false
	}
	c.names[0], c.n = s[:n], 1
	c.i += n
	return true
}

// blankThenColon gives the length of "   : " at the beginning of s, 0 where it isn't there.
func blankThenColon(s string) int {
	i := 0
	for i < len(s) && s[i] == ' ' {
		i++
	}
	if i > 0 && at(s, i) == ':' && (at(s, i+1) == ' ' || i+1 == len(s)) {
		return i + 1
	}
	return 0
}

// sourceRef says whether tok is file.ext:123, perhaps with a colon behind it.
func sourceRef(tok string) bool {
	tok = strings.TrimSuffix(tok, ":")
	i := len(tok)
	for i > 0 && isDigit(tok[i-1]) {
		i--
	}
	if i == len(tok) || i < 4 || tok[i-1] != ':' {
		return false
	}
	name := tok[:i-1]
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || name[0] == '/' {
		return false
	}
	switch name[dot+1:] {
	case "go", "py", "js", "ts", "mjs", "cjs", "tsx", "jsx", "rs", "rb", "java", "kt", "scala", "c", "cc", "cpp", "cxx", "h", "hpp", "cs", "fs",
		"php", "ex", "erl", "swift", "lua", "pl", "groovy", "clj":
		return true
	}
	return false
}
