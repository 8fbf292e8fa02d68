package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// fold says whether w is lower, whatever its case.
func fold(w, lower string) bool { return len(w) == len(lower) && foldPrefix(w, lower) }

// foldPrefix says whether s begins with lower, whatever the case of s. Both are compared as ASCII.
func foldPrefix(s, lower string) bool {
	if len(s) < len(lower) {
		return false
	}
	for i := 0; i < len(lower); i++ {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func foldAny(w string, lower ...string) bool {
	for _, l := range lower {
		if fold(w, l) {
			return true
		}
	}
	return false
}

// wordNext says whether a word follows.
func wordNext(rest string) bool { return at(rest, 0) == ' ' && isLetter(at(rest, 1)) }

// nextWord gives the word behind the blanks that rest begins with, and what is behind that.
func nextWord(rest string) (string, string) {
	if at(rest, 0) != ' ' {
		return "", rest
	}
	k := 1
	for k < len(rest) && isLetter(rest[k]) {
		k++
	}
	return rest[1:k], rest[k:]
}

// alone says whether the word stands by itself and is not a part of a path, a key or a dotted name.
func (p *place) alone() bool {
	s, name := p.s, exceptionName(p.word())
	switch at(s, p.i-1) {
	case '/', '\\', '-', '_', '@', '$', '#', '?', '&', '%', '+':
		return false
	case '=':
		if !p.valueOfResult() {
			return false
		}
	case '.':
		if !name {
			return false
		}
	case ':':
		if at(s, p.i-2) == ':' && !name {
			return false
		}
	}
	switch at(s, p.k) {
	case '/', '\\', '_', '@', '$', '?', '&', '%', '+':
		return false
	case '(':
		return name || strings.HasPrefix(s[p.k:], "(s)")
	case '-', '.':
		return !isWord(at(s, p.k+1))
	case '=':
		return fold(p.word(), "error") || p.word()[0]|0x20 == 'e' || foldPrefix(p.word(), "fail")
	case ':':
		return at(s, p.k+1) != ':'
	}
	return true
}

// valueOfResult says whether the word is the value of a key that says how something came out: "status=failed".
func (p *place) valueOfResult() bool {
	switch at(p.s, p.k) {
	case 0, ' ', ',', ';', ')', ']', '"', '\'', '\t':
	default:
		return false
	}
	switch key := p.back[0]; {
	case at(p.s, p.i-2-len(key)) == '-' || at(p.s, p.i-2-len(key)) == '_':
		return false
	default:
		return foldAny(key, "status", "result", "state", "outcome", "code", "level", "lvl", "severity", "reason", "error", "err", "exception", "cause")
	}
}

// negated says whether the words before take the word's sense away: "no error", "0 of 12 failed", "did not fail".
func (p *place) negated(pt part) bool {
	b := &p.back
	if b[0] == "" {
		return false
	}
	if none(b[0]) || foldAny(b[0], "not", "non", "never", "ignore", "ignored", "ignoring", "ignores", "nothing", "any", "last", "previous", "handled", "suppressed",
		"fixed", "cleared", "resolved", "corrected", "skipped", "hardly") {
		return true
	}
	switch {
	case (b[0] == "an" || b[0] == "a" || b[0] == "any" || b[0] == "the") && foldAny(b[1], "not", "without", "no"):
		return true
	case b[0] == "t" && foldAny(b[1], "hasn", "haven", "didn", "doesn", "don", "won", "isn", "aren", "wasn", "weren"):
		return true
	case isDigit(b[0][0]) && foldAny(b[1], "fixed", "cleared", "resolved", "corrected", "ignored", "suppressed", "handled"):
		return true
	case b[1] == "0" && isDigit(b[0][0]): // of a version: "depot 7.0.15 crashed"
		return false
	case pt != partBad && (none(b[1]) || fold(b[1], "without") || fold(b[1], "any") && none(b[2])):
		if pt == partDone || pt == partDoes {
			return true // "no units failed"
		}
		return foldAny(b[0], "fatal", "critical", "new", "more", "further", "known", "serious", "such", "major", "severe", "unhandled", "uncaught",
			"test", "build", "compile", "compiler", "syntax", "lint", "type", "hard", "real", "other", "recent", "open", "pending", "validation", "runtime",
			"write", "read", "checksum", "network", "disk", "related")
	case pt == partThing && none(b[2]) && foldAny(b[1], "known", "new", "more", "further", "other", "serious"): // "no known data errors"
		return true
	case pt == partDone && b[1] == "of" && b[2] == "0", pt == partDone && b[2] == "of" && b[3] == "0":
		return true
	}
	return false
}

func none(w string) bool { return w == "0" || foldAny(w, "no", "zero", "none", "without") }

// conditional says whether the clause speaks of what might be: "if it fails".
func (p *place) conditional() bool {
	for _, b := range p.back {
		if foldAny(b, "if", "when", "whenever", "unless", "until", "case", "may", "might", "would", "should", "expected") {
			return true
		}
	}
	switch b := p.back[0]; {
	case foldAny(b, "on", "upon"), b == "can", fold(p.back[1], "on") && (b == "an" || b == "any"):
		return true
	case b == "for" || b == "to" || b == "the":
		return foldAny(p.back[1], "checking", "check", "looking", "scanning", "scan", "watching", "watch", "monitoring", "searching", "search")
	}
	return false
}

// aside says whether the word only names something: a handler, a level, what might be.
func (p *place) aside(pt part) bool {
	w, rest := p.word(), p.rest()
	switch pt {
	case partThing:
		if p.conditional() || tameThing(rest) || p.levelName() {
			return true
		}
		switch {
		case fold(w, "segmentation"):
			return !foldPrefix(rest, " fault")
		case foldPrefix(w, "exception"):
			if foldPrefix(rest, " of ") && fold(p.back[0], "the") {
				return true
			}
			return foldAny(p.back[0], "firewall", "added", "add", "adding") || foldAny(p.back[1], "added", "add", "adding") || foldAny(p.back[2], "added", "add", "adding")
		case fold(w, "errors") && at(rest, 0) == '=': // the mount option
			return hasAnyPrefix(rest, "=remount-ro", "=continue", "=panic")
		}
	case partDoes:
		if fold(w, "cannot") || fold(w, "unable") {
			return false
		}
		return p.conditional() || tameThing(rest) || foldPrefix(rest, " on ")
	case partBad:
		if p.levelName() || p.conditional() {
			return true
		}
		next, behind := nextWord(rest)
		if fold(w, "emergency") {
			return !foldAny(next, "mode", "shutdown", "stop") && at(rest, 0) != ':'
		}
		if foldAny(next, "error", "errors", "exception", "failure") {
			return tameThing(behind) || nothing(behind)
		}
		if fold(w, "critical") {
			return at(rest, 0) == ' ' && !foldAny(next, "alert", "fault", "problem", "condition", "temperature", "state", "battery", "level", "issue") && !upperWord(w)
		}
		return tameThing(rest)
	}
	return false
}

func upperWord(w string) bool { return isUpper(w[0]) && isUpper(w[1]) }

// levelName says whether the word is told of as a level's name: "log level set to ERROR".
func (p *place) levelName() bool {
	if !foldAny(p.word(), "error", "fatal", "critical", "panic", "warn", "warning", "emergency") || at(p.s, p.i-1) == '=' || at(p.s, p.k) == ':' {
		return false
	}
	near := p.s[max(0, p.i-20):p.i]
	for i := 0; i+5 <= len(near); i++ {
		if foldPrefix(near[i:], "level") {
			return true
		}
	}
	return false
}

// tameThing says whether the thing of trouble is only a part of another thing's name, or is over: "error handler", "errors
// were fixed".
func tameThing(rest string) bool {
	if at(rest, 0) != ' ' {
		return false
	}
	next, behind := nextWord(rest)
	if len(next) < 2 {
		return false
	}
	var b [13]byte
	if len(next) <= len(b) {
		for i := 0; i < len(next); i++ {
			b[i] = next[i] | 0x20
		}
		switch string(b[:len(next)]) {
		case "handler", "handlers", "handling", "page", "pages", "reporting", "reporter", "rate", "budget", "threshold", "thresholds", "log", "logs",
			"logging", "logger", "tracker", "tracking", "notification", "notifications", "boundary", "correction", "detection", "detector",
			"recovery", "middleware", "mapper", "mapping", "listener", "class", "classes", "template", "templates", "limit", "policy", "mode",
			"list", "callback", "callbacks", "hook", "hooks", "formatter", "filter", "filters", "level", "counter", "counters", "metrics",
			"statistics", "stats", "summary", "test", "tests", "injection", "dialog", "monitor", "monitoring", "channel", "stream",
			"queue", "check", "checks", "checker", "checking", "translator", "resolver", "view", "views", "button", "tolerance", "signal",
			"translation", "interceptor", "simulation", "domain", "domains", "wrapper", "factory", "prevention", "protection",
			"bound", "bounds", "margin", "estimate", "timeout", "timeouts", "breakpoint", "breakpoints", "graph", "dashboard", "alerts", "emails", "catalog", "codes", "types":
			return true
		case "resolved", "cleared", "fixed", "corrected", "handled", "recovered", "suppressed", "ignored", "gone":
			return true
		case "is", "was", "were", "are", "has", "have", "got", "will":
			plural := fold(next, "are") || fold(next, "will")
			for range 2 {
				next, behind = nextWord(behind)
				if !foldAny(next, "been", "be", "now", "already") {
					break
				}
			}
			return foldAny(next, "resolved", "cleared", "fixed", "corrected", "handled", "recovered", "suppressed", "ignored", "gone", "zero", "none") ||
				plural && foldAny(next, "sent", "reported", "written", "logged", "served", "tracked", "counted", "shown", "collected", "forwarded")
		}
	}
	return false
}

// overcome says whether the thing of trouble is over, or tried to be got over. A panic stays a bug whoever recovers from it.
func (p *place) overcome(w string) bool {
	if fold(w, "panic") {
		return false
	}
	for i, b := range p.back[:3] {
		switch {
		case fold(b, "from"):
			return foldAny(p.back[i+1], "recovered", "recovering", "recovery", "recover", "recovers", "restored")
		case fold(b, "after"):
			return foldAny(p.back[i+1], "retrying", "retry", "retried", "connected", "succeeded", "reconnected", "recovered", "restored", "reconnecting", "again", "resumed")
		}
	}
	return false
}

// nothing says whether what follows a word sets it to nothing: "error=nil", "errors: 0", `err=""`, "errors found: none".
func nothing(rest string) bool {
	rest = strings.TrimPrefix(rest, "(s)")
	i := 0
	if c := at(rest, 0); c == '"' || c == '\'' {
		i = 1
	} else if c == ' ' {
		if next, behind := nextWord(rest); foldAny(next, "count", "counts", "total", "found", "detected", "code", "rate", "number") {
			rest = behind
		}
	}
	for at(rest, i) == ' ' {
		i++
	}
	sep := at(rest, i)
	if sep == '=' || sep == ':' {
		i++
		for i < 8 && at(rest, i) == ' ' {
			i++
		}
	} else if i == 0 || at(rest, i) != '0' && !hasAnyPrefix(rest[i:], "<nil>", "<none>") {
		return false
	} else {
		sep = ' '
	}
	return nothingAt(rest, i, sep)
}

// nothingAt says whether the value at i is nothing; sep is what stands before it.
func nothingAt(rest string, i int, sep byte) bool {
	k := i
	for k < len(rest) && isWord(rest[k]) {
		k++
	}
	switch rest[i:k] {
	case "0":
		if at(rest, k) == '.' {
			n := 1
			for at(rest, k+n) == '0' {
				n++
			}
			if k += n; isDigit(at(rest, k)) {
				return false
			}
		}
		// "error: 0 rows of 1": the zero counts something else
		next, behind := nextWord(rest[k:])
		return sep != ':' || next == "" || !isLower(next[0]) || at(behind, 0) == ':' || at(behind, 0) == '='
	case "nil", "null", "none", "None", "false", "False", "NULL", "undefined", "OK", "ok", "Success", "success", "nothing":
		return true
	case "no", "No": // but not "error: no such file"
		if next, _ := nextWord(rest[k:]); next != "" {
			return foldAny(next, "known", "error", "errors", "failures", "problems", "issues")
		}
		return at(rest, k) != '\''
	case "n":
		return strings.HasPrefix(rest[k:], "/a")
	case "":
		switch c, d := at(rest, i), at(rest, i+1); c {
		case '"', '\'', '[', '{', '(', '<':
			return c == d || c == '[' && d == ']' || c == '{' && d == '}' || c == '(' && d == ')' || strings.HasPrefix(rest[i:], "<nil>") ||
				strings.HasPrefix(rest[i:], "<none>") || strings.HasPrefix(rest[i:], "<null>")
		case '-':
			return d == 0 || d == ' '
		}
		return sep == '=' && rest[i-1] == '=' && (i == len(rest) || at(rest, i) == ' ' || at(rest, i) == ',')
	}
	return false
}

// inContext settles the severity of words that mean more, or less, by what follows them: a refused log-in is not an
// error of the service.
func (p *place) inContext(sev incident.Severity) incident.Severity {
	w, rest := p.word(), p.rest()
	switch {
	case fold(w, "failed"):
		if foldPrefix(rest, " password") || foldPrefix(rest, " login") || foldPrefix(rest, " publickey") || foldPrefix(rest, " none for") ||
			foldAny(p.back[0], "login", "logon") {
			return incident.SeverityWarning
		}
	case fold(w, "failure"), fold(w, "failures"):
		if fold(p.back[0], "authentication") {
			return incident.SeverityWarning
		}
	case fold(w, "refused"):
		if foldPrefix(rest, " connect from") {
			return incident.SeverityWarning
		}
	case fold(w, "timed"):
		if !foldPrefix(rest, " out") {
			return incident.SeverityUnset
		}
		return incident.SeverityError
	case fold(w, "dumped"):
		if !fold(p.back[0], "core") && !foldPrefix(rest, " core") && at(p.s, p.i-1) != '=' {
			return incident.SeverityUnset
		}
	case fold(w, "violates"):
		if !strings.Contains(rest, "constraint") && !strings.Contains(rest, "policy") {
			return incident.SeverityWarning
		}
	case fold(w, "killed"), fold(w, "denied"), fold(w, "aborted"), fold(w, "abort"):
		if foldPrefix(rest, " by user") || foldPrefix(rest, " by the user") || foldPrefix(rest, " by client") || foldPrefix(rest, " by the client") {
			return incident.SeverityInfo
		}
	case fold(w, "panic"):
		if hasAnyPrefix(rest, " serving", " recovered") {
			return incident.SeverityError // of one request
		}
		if at(rest, 0) == '=' {
			return incident.SeverityUnset
		}
	}
	return sev
}

func hasAnyPrefix(s string, ps ...string) bool {
	for _, p := range ps {
		if len(s) >= len(p) && s[:len(p)] == p {
			return true
		}
	}
	return false
}
