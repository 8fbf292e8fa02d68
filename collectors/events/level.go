package events

import (
	"github.com/logwright/logwright/agent/incident"
)

// levelWord reads one of the spellings of a level that loggers write, in any case.
func levelWord(w string) (incident.Severity, bool) { return levelWords.find(w) }

// levelWords holds the spellings.
var levelWords = func() *wordTable[incident.Severity] {
	all := make(map[string]incident.Severity)
	for _, l := range [...]struct {
		sev   incident.Severity
		words []string
	}{
		{incident.SeverityTrace, []string{"trace", "trc", "trce", "finest", "finer", "verbose", "silly", "verb", "vrb"}},
		{incident.SeverityDebug, []string{"debug", "dbg", "dbug", "debg", "fine", "debug1", "debug2", "debug3", "debug4", "debug5"}}, // PostgreSQL's have numbers
		{incident.SeverityInfo, []string{"info", "inf", "information", "notice", "informatio", "config", "http", "log", "success", "default", "note"}},
		{incident.SeverityWarning, []string{"warn", "warning", "wrn", "warnin"}},
		{incident.SeverityError, []string{"error", "err", "erro", "eror", "severe", "fail"}},
		{incident.SeverityFatal, []string{"fatal", "ftl", "fata", "critical", "crit", "crt", "alert", "emerg", "emergency", "panic", "dpanic", "pani", "pnc"}},
	} {
		for _, w := range l.words {
			all[w] = l.sev
		}
	}
	return newWordTable(all)
}()

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

// otelSeverity maps OpenTelemetry's severity numbers, 1 to 24.
func otelSeverity(n int) incident.Severity {
	switch {
	case n <= 4:
		return incident.SeverityTrace
	case n <= 8:
		return incident.SeverityDebug
	case n <= 12:
		return incident.SeverityInfo
	case n <= 16:
		return incident.SeverityWarning
	case n <= 20:
		return incident.SeverityError
	}
	return incident.SeverityFatal
}
