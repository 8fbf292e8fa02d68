package events

import "strings"

// bracket reads "[...]" at the beginning of s.
func (c *scanner) bracket(s string, end byte) bool {
	h := c.h
	if h.timed && h.leveled && c.soft >= c.maxSoft && c.maxSoft >= 0 && len(s) > 1 && s[1] != end && s[1] > ' ' && s[1] < 0x80 {
		return false // whatever it holds, it is a part of the message
	}
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
			if t := c.rd.stamp(in, &c.st); t > 0 && (t == len(in) || !isWord(in[t])) {
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
		if k := lastColonOrSlash(in); k >= 0 { // Apache: core:error; Android: E/Tag
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
	if c.soft >= c.maxSoft && c.maxSoft >= 0 {
		return false // in this source a bracket here is a part of the message
	}
	if !c.softBracket(s, in, n) {
		return false
	}
	c.soft++
	return true
}

func lastColonOrSlash(s string) int {
	i := len(s) - 1
	for i >= 0 && s[i] != ':' && s[i] != '/' {
		i--
	}
	return i
}

// softBracket reads a bracket that is neither a time stamp nor a level.
func (c *scanner) softBracket(s, in string, n int) bool {
	h := c.h
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
	limit := min(len(s), maxBracket)
	first := strings.IndexByte(s[:limit], end)
	if first <= 0 {
		return -1
	}
	if strings.IndexByte(s[1:first], s[0]) < 0 {
		return first // nothing is nested, as nearly always
	}
	return closingNested(s[:limit], end)
}

// closingNested is closing for a bracket that may hold others.
func closingNested(s string, end byte) int {
	depth := 0
	for k := range len(s) {
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
