package events

import "strings"

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
