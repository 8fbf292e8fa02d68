package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Where PostgreSQL has what in a row of its csvlog.
const (
	csvPID     = 3
	csvLevel   = 11
	csvMessage = 13
)

// readPostgresCSV reads a line of PostgreSQL's csvlog, or the first one of a row whose text goes on.
func (r *reader) readPostgresCSV(s string, h *head) bool {
	var st stamp
	n := scanStamp(s, &st)
	if n == 0 || at(s, n) != ',' {
		return false
	}
	var pid, msg string
	var sev incident.Severity
	i := n + 1
	for col := 1; col <= csvMessage; col++ {
		v, next := csvCell(s, i)
		switch col {
		case csvPID:
			if pid = v; v == "" || run(v, 0, 12) != len(v) {
				return false
			}
		case csvLevel:
			ok := false
			if sev, ok = levelWord(v); !ok || !pgLevel(v) {
				return false
			}
		case csvMessage:
			msg = v
		}
		if i = next; i > len(s) && col < csvMessage {
			return false
		}
	}
	h.pid, h.sev, h.leveled, h.headed, h.format = pid, sev, true, true, FormatPostgres
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	h.msg = msg
	return true
}

// readPostgresRDS reads the prefix that Amazon's and others' managed PostgreSQL has: "time:host(port):user@database:[pid]:LEVEL:  ".
func (r *reader) readPostgresRDS(s string, h *head) bool {
	var st stamp
	n := scanStamp(s, &st)
	if n == 0 || at(s, n) != ':' {
		return false
	}
	k := strings.Index(s[n:min(len(s), n+300)], ":[")
	if k < 0 {
		return false
	}
	i := n + k + 2
	p := run(s, i, 12)
	if p == 0 || !strings.HasPrefix(s[i+p:], "]:") {
		return false
	}
	w, _, ok := strings.Cut(s[i+p+2:min(len(s), i+p+20)], ":")
	if !ok || !pgLevel(w) && !pgExtra(w) {
		return false
	}
	sev, leveled := levelWord(w)
	if !leveled {
		h.extra, sev = true, incident.SeverityInfo
	}
	msg := s[i+p+3+len(w):]
	h.pid, h.sev, h.leveled, h.headed, h.format = s[i:i+p], sev, true, true, FormatPostgres
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	h.msg = strings.TrimLeft(msg, " ")
	return true
}

// csvCell gives the cell at i and where the next one begins, which is behind the end of s where there is none.
func csvCell(s string, i int) (string, int) {
	if at(s, i) != '"' {
		k := strings.IndexByte(s[min(i, len(s)):], ',')
		if k < 0 {
			return s[min(i, len(s)):], len(s) + 1
		}
		return s[i : i+k], i + k + 1
	}
	e := i + 1
	for e < len(s) && (s[e] != '"' || at(s, e+1) == '"') {
		if s[e] == '"' {
			e++
		}
		e++
	}
	v := s[i+1 : min(e, len(s))]
	if strings.Contains(v, `""`) {
		v = strings.ReplaceAll(v, `""`, `"`)
	}
	return v, min(e, len(s)) + 2
}

// readPostgresAngle reads the prefix of old packages: "< 2024-01-02 15:04:05.123 UTC >ERROR:  ".
func (r *reader) readPostgresAngle(s string, h *head) bool {
	if len(s) < 24 || s[1] != ' ' {
		return false
	}
	var st stamp
	n := scanStamp(s[2:], &st)
	if n == 0 {
		return false
	}
	h.msg = strings.TrimLeft(s[2+n:], " ")
	if !postgresTail(h) {
		h.msg = s
		return false
	}
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	return true
}

// maxPostgresPrefix is how long the rest of a log_line_prefix behind the time may be.
const maxPostgresPrefix = 240

// postgresTail finds the level behind whatever an operator's log_line_prefix holds: PostgreSQL alone writes "LEVEL:  ".
func postgresTail(h *head) bool {
	m := h.msg
	k := strings.Index(m[:min(len(m), maxPostgresPrefix)], ":  ")
	if k < 3 {
		return false
	}
	i := k
	for i > 0 && (isUpper(m[i-1]) || isDigit(m[i-1])) {
		i--
	}
	if c := at(m, i-1); i > 0 && c != ' ' && c != ':' && c != ']' && c != '>' && c != ',' {
		return false
	}
	w := m[i:k]
	switch {
	case pgLevel(w):
		h.sev, _ = levelWord(w)
	case pgExtra(w):
		h.extra, h.sev = true, incident.SeverityInfo
	default:
		return false
	}
	h.format, h.leveled, h.headed = FormatPostgres, true, true
	if b := strings.LastIndexByte(m[:i], '['); b >= 0 && h.pid == "" {
		if p := run(m, b+1, 12); p > 0 && (at(m, b+1+p) == ']' || at(m, b+1+p) == '-') {
			h.pid = m[b+1 : b+1+p]
		}
	}
	h.msg = m[k+3:]
	return true
}

// postmaster sets the severity of what PostgreSQL says of processes of its own that ended as none should. Its level LOG is not a low
// one: it means that the administrator has to know. A worker that exits with code 1 was told to.
func (h *head) postmaster() {
	k := strings.IndexByte(h.msg[:min(len(h.msg), 96)], '(')
	if k < 8 || !strings.HasPrefix(h.msg[k:], "(PID ") {
		return
	}
	e := k + 5 + run(h.msg, k+5, 12)
	if what := h.msg[e:]; strings.HasPrefix(what, ") was terminated by signal ") && !strings.HasPrefix(what[27:], "15") ||
		strings.HasPrefix(h.msg, "server process ") && strings.HasPrefix(what, ") exited with exit code ") {
		h.sev = incident.SeverityError
	}
}
