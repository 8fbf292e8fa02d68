package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// levelWord reads one of the spellings of a level that loggers write, in any case.
func levelWord(w string) (incident.Severity, bool) {
	if len(w) < 3 || len(w) > 11 {
		return 0, false
	}
	var b [11]byte
	for i := 0; i < len(w); i++ {
		c := w[i] | 0x20
		if c-'a' > 25 {
			if i < 5 || c < '0' || c > '9' { // PostgreSQL's debug1 to debug5
				return 0, false
			}
			c = w[i]
		}
		b[i] = c
	}
	switch string(b[:len(w)]) {
	case "trace", "trc", "trce", "finest", "finer", "verbose", "silly", "verb", "vrb":
		return incident.SeverityTrace, true
	case "debug", "dbg", "dbug", "debg", "fine", "debug1", "debug2", "debug3", "debug4", "debug5":
		return incident.SeverityDebug, true
	case "info", "inf", "information", "notice", "informatio", "config", "http", "log", "success", "default", "note":
		return incident.SeverityInfo, true
	case "warn", "warning", "wrn", "warnin":
		return incident.SeverityWarning, true
	case "error", "err", "erro", "eror", "severe", "fail":
		return incident.SeverityError, true
	case "fatal", "ftl", "fata", "critical", "crit", "crt", "alert", "emerg", "emergency", "panic", "dpanic", "pani":
		return incident.SeverityFatal, true
	}
	return 0, false
}

// levelLetter reads the one-letter levels of Android, klog, Ruby and many formats in brackets.
func levelLetter(c byte) (incident.Severity, bool) {
	switch c {
	case 'V', 'T':
		return incident.SeverityTrace, true
	case 'D':
		return incident.SeverityDebug, true
	case 'I', 'N':
		return incident.SeverityInfo, true
	case 'W':
		return incident.SeverityWarning, true
	case 'E':
		return incident.SeverityError, true
	case 'F', 'C', 'A':
		return incident.SeverityFatal, true
	}
	return 0, false
}

// syslogSeverity maps the severities of RFC 5424; only 0 to 2 say that something is down.
func syslogSeverity(n int) incident.Severity {
	switch {
	case n <= 2:
		return incident.SeverityFatal
	case n == 3:
		return incident.SeverityError
	case n == 4:
		return incident.SeverityWarning
	case n <= 6:
		return incident.SeverityInfo
	}
	return incident.SeverityDebug
}

// numericLevel maps the numbers that structured loggers write: bunyan's and pino's tens, and syslog's 0 to 7 (GELF).
func numericLevel(n int) (incident.Severity, bool) {
	switch {
	case n < 0:
		return 0, false
	case n < 8:
		return syslogSeverity(n), true
	case n < 20:
		return incident.SeverityTrace, true
	case n < 30:
		return incident.SeverityDebug, true
	case n < 40:
		return incident.SeverityInfo, true
	case n < 50:
		return incident.SeverityWarning, true
	case n < 60:
		return incident.SeverityError, true
	case n <= 100:
		return incident.SeverityFatal, true
	case n == 200, n == 250, n == 800: // Monolog has 100 to 600, java.util.logging 800 to 1000
		return incident.SeverityInfo, true
	case n == 300, n == 900:
		return incident.SeverityWarning, true
	case n == 400, n == 1000:
		return incident.SeverityError, true
	case n == 500, n == 550, n == 600:
		return incident.SeverityFatal, true
	}
	return 0, false
}

// wordWindow is how far into a message words are looked at for a severity: what matters is said early, and quoted
// input, which may hold any word, comes late.
const wordWindow = 160

// wordSeverity reads a severity from the words of a message that has no level. It is reserved: a word counts only as a
// word of its own, not inside an identifier, path or number of zero, and not where it is negated or set to nothing.
func wordSeverity(s string) incident.Severity {
	if len(s) > wordWindow {
		s = s[:wordWindow]
	}
	worst := incident.SeverityUnset
	prev, prev2 := "", ""
	for i := 0; i < len(s); {
		if !isWord(s[i]) && s[i] < 0x80 {
			i++
			continue
		}
		k := i + 1
		for k < len(s) && (isWord(s[k]) || s[k] >= 0x80) {
			k++
		}
		w := s[i:k]
		if sev := alarmWord(w); sev > worst && alone(s, i, k) && !negated(prev, prev2) && !nothing(s[k:]) {
			if sev = inContext(sev, prev, w, s[k:]); sev > worst {
				worst = sev
			}
		}
		prev2, prev = prev, w
		i = k
	}
	return worst
}

// alarmWord gives the severity that a single word speaks of.
func alarmWord(w string) incident.Severity {
	if len(w) < 4 || len(w) > 12 {
		if len(w) > 12 && exceptionName(w) {
			return incident.SeverityError
		}
		return incident.SeverityUnset
	}
	var b [12]byte
	for i := 0; i < len(w); i++ {
		b[i] = w[i] | 0x20
	}
	switch string(b[:len(w)]) {
	case "error", "errors", "exception", "failed", "failure", "fails", "fail", "failing", "unhandled", "uncaught", "traceback",
		"unable", "cannot", "refused", "aborted", "aborting", "crashed", "corrupt", "corrupted", "corruption", "deadlock",
		"unreachable", "killed", "denied", "abort", "crash":
		return incident.SeverityError
	case "fatal", "panic", "critical", "segfault", "segmentation", "emergency":
		return incident.SeverityFatal
	case "warn", "warning", "deprecated", "timeout", "retrying", "timed":
		return incident.SeverityWarning
	}
	if exceptionName(w) {
		return incident.SeverityError
	}
	return incident.SeverityUnset
}

// exceptionName says whether w is a name of the form SomethingError, SomethingException.
func exceptionName(w string) bool {
	n := len(w)
	return n > 5 && isUpper(w[0]) && (w[n-5:] == "Error" || n > 9 && w[n-9:] == "Exception")
}

// alone says whether s[i:k] is a word by itself and not a part of a path, a key or a dotted name.
func alone(s string, i, k int) bool {
	switch at(s, i-1) {
	case '/', '\\', '-', '_', '@', '$', '#', '?', '&', '=', '%':
		return false
	case '.':
		if !exceptionName(s[i:k]) {
			return false
		}
	}
	switch at(s, k) {
	case '/', '\\', '_', '@', '$', '?', '&', '(':
		return exceptionName(s[i:k]) && s[k] == '('
	case '-', '.':
		return !isWord(at(s, k+1))
	}
	return true
}

// negated says whether the words before one take its sense away: "no error", "0 errors", "without any failure".
func negated(prev, prev2 string) bool {
	switch prev {
	case "0", "no", "No", "NO", "not", "without", "zero", "non", "ignore", "ignored", "ignoring", "never", "if", "on", "last", "any":
		return true
	case "an", "a":
		return prev2 == "not" || prev2 == "without" || prev2 == "if"
	}
	return false
}

// nothing says whether what follows a word sets it to nothing: "error=nil", "errors: 0", `err=""`.
func nothing(rest string) bool {
	i := 0
	if at(rest, 0) == '"' {
		i = 1
	}
	if c := at(rest, i); c != '=' && c != ':' {
		return false
	}
	i++
	for at(rest, i) == ' ' {
		i++
	}
	k := i
	for k < len(rest) && isWord(rest[k]) {
		k++
	}
	switch rest[i:k] {
	case "nil", "null", "none", "None", "0", "false", "False", "NULL", "undefined", "no", "OK", "ok", "Success", "success":
		return true
	case "":
		return at(rest, i) == '"' && at(rest, i+1) == '"' || at(rest, i) == '<' || rest[i-1] == '=' && (i == len(rest) || at(rest, i) == ' ')
	}
	return false
}

// inContext lowers the severity of words that mean less than they say: a refused log-in is not an error of the service.
func inContext(sev incident.Severity, prev, w, rest string) incident.Severity {
	switch w {
	case "Failed", "failed":
		if hasAnyPrefix(rest, " password", " login", " publickey", " none for") {
			return incident.SeverityWarning
		}
	case "failure", "failures":
		if strings.EqualFold(prev, "authentication") {
			return incident.SeverityWarning
		}
	case "timed":
		if !hasAnyPrefix(rest, " out") {
			return incident.SeverityUnset
		}
		return incident.SeverityError
	case "critical", "Critical":
		if hasAnyPrefix(rest, " section", " path") {
			return incident.SeverityUnset
		}
	case "killed", "Killed", "denied":
		if hasAnyPrefix(rest, " by user") {
			return incident.SeverityInfo
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
