package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// readLambda reads the text that AWS Lambda's runtimes write: Node.js "time<tab>request<tab>LEVEL<tab>message", Python
// "[LEVEL]<tab>time<tab>request<tab>message", and the platform's "time request Task timed out after 3.00 seconds".
func (r *reader) readLambda(s string, h *head) bool {
	i := 0
	sev, leveled := incident.SeverityUnset, false
	if s[0] == '[' {
		k := strings.IndexByte(s[:min(len(s), 12)], ']')
		if k < 0 || at(s, k+1) != '\t' {
			return false
		}
		if sev, leveled = levelWord(s[1:k]); !leveled {
			return false
		}
		i = k + 2
	}
	var st stamp
	n := scanStamp(s[i:], &st)
	if n == 0 {
		return false
	}
	i += n + 1
	if c := at(s, i-1); c != '\t' && c != ' ' || !isUUID(s, i) {
		return false
	}
	id := s[i : i+36]
	sep := at(s, i+36)
	i = min(len(s), i+37)
	if sep != '\t' && (sep != ' ' || !strings.HasPrefix(s[i:], "Task timed out")) {
		return false
	}
	msg := s[i:]
	if w, rest, ok := strings.Cut(msg, "\t"); ok && !leveled {
		if sev, leveled = levelWord(w); leveled {
			msg = rest
		}
	}
	h.trace, h.time, h.timed, h.headed = id, st.resolve(r.ref, r.loc), true, true
	if leveled {
		h.sev, h.leveled = sev, true
	}
	h.msg = msg
	if k := strings.Index(msg[:min(len(msg), 64)], "\t{\"errorType\":"); k >= 0 { // Invoke Error, Uncaught Exception
		if r.readJSON(msg[k+1:], h) {
			h.format = FormatText
			h.sev = max(h.sev, sev)
		}
	}
	return true
}

// isUUID says whether a UUID stands in s at i.
func isUUID(s string, i int) bool {
	if len(s) < i+36 {
		return false
	}
	for k := range 36 {
		c := s[i+k]
		if k == 8 || k == 13 || k == 18 || k == 23 {
			if c != '-' {
				return false
			}
		} else if !isDigit(c) && (c|0x20)-'a' > 5 {
			return false
		}
	}
	return true
}

// readMongo reads the log of MongoDB before 4.4: "2024-01-02T15:04:05.123+0000 E NETWORK  [conn7] message".
func (r *reader) readMongo(s string, h *head) bool {
	var st stamp
	n := scanStamp(s, &st)
	return n > 0 && r.mongoAt(s, n, &st, h)
}

func (r *reader) mongoAt(s string, n int, st *stamp, h *head) bool {
	if at(s, n) != ' ' || at(s, n+2) != ' ' {
		return false
	}
	sev, ok := levelLetter(at(s, n+1))
	if !ok {
		return false
	}
	i := n + 3
	k := i
	for k < len(s) && k-i < 16 && (isUpper(s[k]) || s[k] == '_' || s[k] == '-') {
		k++
	}
	name := s[i:k]
	for at(s, k) == ' ' {
		k++
	}
	e := strings.IndexByte(s[k:min(len(s), k+64)], ']')
	if name == "" || at(s, k) != '[' || e < 0 {
		return false
	}
	h.logger, h.thread = name, s[k+1:k+e]
	h.sev, h.leveled, h.headed = sev, true, true
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	h.msg = strings.TrimLeft(s[k+e+1:], " ")
	return true
}

// readDotnet reads the first line of .NET's simple console: "fail: Shop.Cart[13]", with the message behind it or in the
// next line.
func readDotnet(s string, h *head) bool {
	if len(s) < 9 || s[4] != ':' || s[5] != ' ' {
		return false
	}
	switch s[:4] {
	case "trce", "dbug", "info", "warn", "fail", "crit":
	default:
		return false
	}
	e := 6
	for e < len(s) && e < 200 && (isWord(s[e]) || s[e] == '.' || s[e] == '+' || s[e] == '`') {
		e++
	}
	n := run(s, e+1, 10)
	k := e + 1 + n
	if e == 6 || at(s, e) != '[' || n == 0 || at(s, k) != ']' || k+1 < len(s) && s[k+1] != ' ' {
		return false
	}
	h.sev, h.leveled = levelWord(s[:4])
	h.logger, h.headed = s[6:e], true
	h.msg = strings.TrimLeft(s[k+1:], " ")
	return true
}

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
