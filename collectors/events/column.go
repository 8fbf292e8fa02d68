package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// tokenClass is what a token between blanks looks like.
type tokenClass uint8

const (
	kindPlain   tokenClass = iota // a word, or anything that a message may begin with
	kindPunct                     // - -- | *
	kindNumber                    // 123, -1, 12.5, 0x1f
	kindID                        // letters and digits: node-17, R02-M1, 10.0.0.1
	kindName                      // a.b.C, shop::db, switch_module, web/main
	kindUpper                     // KERNEL
	kindBracket                   // [..]
)

func skipBlanks(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

// tokenEnd gives the end of the token that begins at i; a bracket with blanks in it is one token.
func tokenEnd(s string, i int) int {
	if i < len(s) && s[i] == '[' {
		if n := bracketEnd(s[i:]); n > 0 {
			return i + n
		}
	}
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		i++
	}
	return i
}

// scanStampAt is scanStamp for a place in the middle of a line. A stamp ends where a word could not go on.
func scanStampAt(s string, i int, st *stamp) int {
	s = s[i:]
	if s == "" {
		return 0
	}
	if (s[0] == '[' || s[0] == '(') && len(s) > 10 {
		n := scanStamp(s[1:], st)
		if n == 0 || at(s, n+1) != ']' && at(s, n+1) != ')' {
			return 0
		}
		return n + 2
	}
	n := scanStamp(s, st)
	if n > 0 && isWord(at(s, n)) {
		return 0
	}
	return n
}

// tokenKind classifies a token.
func tokenKind(t string) tokenClass {
	if t == "" {
		return kindPlain
	}
	if t[0] == '[' && t[len(t)-1] == ']' {
		return kindBracket
	}
	digits, lower, upper, joint, other := 0, 0, 0, 0, 0
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case isDigit(c):
			digits++
		case isLower(c):
			lower++
		case isUpper(c):
			upper++
		case c == '.' || c == '_' || c == '/' || c == ':' || c == '$' || c == '@':
			if i > 0 && i+1 < len(t) {
				joint++
			} else {
				other++
			}
		case c == '-' || c == '*' || c == '#' || c == '+' || c == '|' || c == '~' || c == '>':
			other++
		default: // quotes, parentheses, = and what is no ASCII are parts of messages
			return kindPlain
		}
	}
	switch {
	case digits+lower+upper == 0:
		if len(t) <= 3 {
			return kindPunct
		}
		return kindPlain
	case lower+upper == 0 && joint+other <= 1, t[0] == '0' && len(t) > 2 && t[1] == 'x':
		return kindNumber
	case digits > 0:
		return kindID
	case joint > 0 && isLetter(t[0]) && isLetter(t[len(t)-1]):
		return kindName
	case lower == 0 && upper > 1:
		return kindUpper
	}
	return kindPlain
}

// dottedName says whether t is a name with dots or colons between its parts, as loggers have it.
func dottedName(t string) bool {
	k := tokenKind(t)
	if k != kindName && k != kindID || !isLetter(t[0]) || strings.IndexByte(t, '/') >= 0 {
		return false
	}
	i := strings.IndexAny(t, ".:")
	return i > 0 && i+1 < len(t) && !isDigit(t[len(t)-1])
}

// tagEnd reads "name:", "name[123]:" and "name(x)[123]:" and gives how many bytes it takes, 0 where s begins with none.
func tagEnd(s string) (name, pid string, n int) {
	if s == "" || !isLetter(s[0]) && s[0] != '/' && s[0] != '_' {
		return "", "", 0
	}
	i := 1
	for i < len(s) && i < 64 {
		c := s[i]
		if isWord(c) || c == '.' || c == '-' || c == '/' || c == '$' || c == '@' || c == '(' || c == ')' ||
			c == ':' && i+1 < len(s) && (isWord(s[i+1]) || s[i+1] == ':' || s[i-1] == ':' && isWord(s[i+1])) {
			i++
			continue
		}
		break
	}
	name = s[:i]
	if at(s, i) == '[' {
		k := strings.IndexByte(s[i:min(len(s), i+32)], ']')
		if k < 2 {
			return "", "", 0
		}
		if p, ok := pidIn(s[i+1 : i+k]); ok {
			pid = p
		}
		i += k + 1
	}
	if at(s, i) != ':' || i+1 < len(s) && s[i+1] != ' ' && s[i+1] != '\t' {
		return "", "", 0
	}
	return name, pid, i + 1
}

// bracketEnd gives how many bytes the bracket takes that s begins with, 0 where there is none that could be a column.
func bracketEnd(s string) int {
	var end byte
	switch s[0] {
	case '[':
		end = ']'
	case '(':
		end = ')'
	case '<':
		end = '>'
	default:
		return 0
	}
	k := closing(s, end)
	if k < 1 || strings.IndexByte(s[1:k], '"') >= 0 {
		return 0
	}
	if c := at(s, k+1); c != 0 && c != ' ' && c != '\t' && c != ':' && c != '[' && c != '(' && c != '<' && c != '|' && c != ',' {
		return 0
	}
	return k + 1
}

// cellEnd gives the index of the separator that ends the cell s begins with, -1 where it is not near or what stands
// before it reads like prose.
func cellEnd(s string, sep byte) int {
	k := strings.IndexByte(s[:min(len(s), maxCell)], sep)
	if k < 0 {
		return -1
	}
	blanks := strings.Count(strings.TrimSpace(s[:k]), " ")
	if sep != '|' && sep != '\t' && (blanks > 0 || k+1 < len(s) && s[k+1] == ' ') || blanks > 2 {
		return -1
	}
	if strings.IndexByte(s[:k], '=') >= 0 || strings.IndexByte(s[:k], '"') >= 0 {
		return -1
	}
	return k
}

// dashEnd gives the index of the separator behind at most three tokens, 0 where there is none.
func dashEnd(s string, sep byte) int {
	k := strings.Index(s[:min(len(s), 48)], dashOf(sep))
	if k <= 0 || strings.Count(s[:k], " ") > 2 || strings.ContainsAny(s[:k], `="'`) {
		return 0
	}
	return k
}

// levelColumn reads a level that stands as a column of its own.
func levelColumn(s string) (int, incident.Severity, bool) {
	i := 0
	for i < len(s) && (isWord(s[i])) {
		i++
	}
	if c := at(s, i); i < 3 || c != ' ' && c != '\t' && c != ':' && c != '|' && c != ',' {
		return 0, 0, false
	}
	sev, ok := levelCell(s[:i])
	if !ok || !isUpper(s[1]) && at(s, i) == ' ' {
		return 0, 0, false
	}
	if at(s, i) == ':' {
		i++
	}
	return i, sev, true
}

// levelCell is levelWord, and the words that some systems have beside the usual ones.
func levelCell(w string) (incident.Severity, bool) {
	if len(w) == 1 {
		if w[0] == 'A' || w[0] == 'N' || w[0] == 'C' {
			return 0, false
		}
		return levelLetter(w[0])
	}
	if w == "FAILURE" {
		return incident.SeverityError, true
	}
	return levelWord(w)
}

// alarming says whether a column speaks of an error: it stays in the message then, whatever it looks like.
func alarming(s string) bool {
	return s != "" && wordSeverity(s) >= incident.SeverityWarning || exceptionName(lastPart(s))
}

// lastPart gives what stands behind the last dot of a name.
func lastPart(s string) string {
	return s[strings.LastIndexByte(s, '.')+1:]
}
