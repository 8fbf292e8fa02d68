package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// levelToken says whether the word s[:n] is a level in the place of a level, and how many bytes belong to it.
func (c *scanner) levelToken(s string, n int) (incident.Severity, int, bool) {
	h := c.h
	next := at(s, n)
	if n == 1 { // "2024-01-02 15:04:05 E message", Android's "D Tag: message"
		if !h.timed || next != ' ' && next != '/' && next != '\t' {
			return 0, 0, false
		}
		sev, ok := levelLetter(s[0])
		if !ok || s[0] == 'A' { // "A" is a word
			return 0, 0, false
		}
		if c.pid == "" && next == ' ' && s[0] != 'E' && s[0] != 'W' && s[0] != 'D' && s[0] != 'F' { // "I" is a word too
			return 0, 0, false
		}
		if k := strings.IndexByte(s[:min(len(s), 60)], ':'); k > 2 && at(s, k+1) == ' ' && !strings.Contains(s[2:k], " ") {
			h.logger = s[2:k]
			return sev, k + 1, true
		}
		return sev, 1, true
	}
	w := s[:n]
	sev, ok := levelWord(w)
	if !ok {
		if isUpper(w[0]) && h.timed && next == ':' && pgExtra(w) {
			h.extra, h.format = true, FormatPostgres
			return incident.SeverityInfo, n + 1, true
		}
		return 0, 0, false
	}
	upper := isUpper(w[0]) && isUpper(w[1])
	switch next {
	case '=', '_', '(', '"', '\'', '@', '$', '\\':
		return 0, 0, false
	case '.': // production.ERROR comes as one token with the channel; "Error." is a sentence
		return 0, 0, false
	case '-':
		if isWord(at(s, n+1)) {
			return 0, 0, false
		}
	case '/':
		if !h.timed && !upper {
			return 0, 0, false
		}
	}
	if h.timed {
		if upper && next == ':' && at(s, n+1) == ' ' && at(s, n+2) == ' ' && pgLevel(w) && h.format == "" {
			h.format = FormatPostgres
		}
		if !upper && next == ' ' && isUpper(w[0]) && !doubleSpace(s, n) && !c.bracketed() && sentence(s[n:]) {
			return 0, 0, false // "Error while ..." after a bare time
		}
		if w == "http" || c.n > 0 && !upper && next == ' ' && !strings.HasPrefix(s[n:], " - ") && !strings.HasPrefix(s[n:], " | ") {
			return 0, 0, false // "http: panic serving": words of the message
		}
		if w == "log" || w == "default" || w == "config" || w == "success" || w == "note" || w == "fail" {
			if next != ':' && next != ']' && next != '|' {
				return 0, 0, false
			}
		}
		return sev, n, true
	}
	// without a time stamp the level has to look like one
	switch w {
	case "Error", "panic", "Exception", "http", "Http", "HTTP", "log", "Log", "LOG", "config", "Config", "note", "Note", "success", "Success",
		"default", "Default", "fine", "Fine", "verb":
		return 0, 0, false
	}
	if next == ':' && nothing(s[n:]) { // "FATAL: none" tells how many there were
		return 0, 0, false
	}
	if next == ':' && at(s, n+1) != ':' {
		if k := loggerBehind(s, n+1); k > 0 && upper { // Python's LEVEL:logger:message
			h.logger = s[n+1 : k]
			return sev, k + 1, true
		}
		if isWord(at(s, n+1)) && !upper {
			return 0, 0, false
		}
		return sev, n + 1, true
	}
	if !upper || len(w) < 4 && w != "ERR" && w != "DBG" && w != "INF" && w != "WRN" && w != "FTL" {
		return 0, 0, false
	}
	if next == '[' { // logrus: ERRO[0012] message
		if k := closing(s[n:], ']'); k > 0 {
			if _, ok := pidIn(s[n+1 : n+k]); ok {
				return sev, n + k + 1, true
			}
		}
	}
	if next != ' ' && next != '\t' && next != '|' && next != ']' && next != 0 && next != '/' && next != ',' && next != '[' {
		return 0, 0, false
	}
	return sev, n, true
}

// bracketed says whether the header so far was not just a bare time stamp.
func (c *scanner) bracketed() bool {
	return c.pid != "" || c.h.pid != "" || c.h.thread != "" || c.n > 0
}

func doubleSpace(s string, n int) bool { return at(s, n) == ' ' && at(s, n+1) == ' ' }

// sentence says whether what follows reads on in lower case.
func sentence(s string) bool { return len(s) > 1 && s[0] == ' ' && isLower(s[1]) }

// loggerBehind gives the index of the colon that ends a logger's name which starts right at i, 0 where there is none.
func loggerBehind(s string, i int) int {
	k := i
	for k < len(s) && (isWord(s[k]) || s[k] == '.' || s[k] == '-') {
		k++
	}
	if k > i && at(s, k) == ':' {
		return k
	}
	return 0
}

// pgLevel lists the levels that PostgreSQL writes before ":  ".
func pgLevel(w string) bool {
	switch w {
	case "LOG", "ERROR", "FATAL", "PANIC", "WARNING", "NOTICE", "INFO", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5":
		return true
	}
	return false
}

// pgExtra lists the words PostgreSQL puts in the place of a level on lines that belong to the one before.
func pgExtra(w string) bool {
	switch w {
	case "DETAIL", "HINT", "STATEMENT", "QUERY", "CONTEXT", "LOCATION":
		return true
	}
	return false
}
