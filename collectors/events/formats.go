package events

import (
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// reader reads logical lines. It keeps nothing of one line for the next but scratch memory: what it says of a line
// depends on the line, its Config, the reference time and the profile alone, so that a restored Joiner can read its lines
// again.
type reader struct {
	only string // the one format, FormatAuto for all
	ref  time.Time
	loc  *time.Location
	prof *profile // what was learned of the source, nil where nothing was
	fit  fitness  // how the last line agreed with prof
}

// read reads the application's part of a line into h, whose host, pid, time and severity may already be set by the
// wrappers around it; the application's own word goes before theirs.
func (r *reader) read(s string, h *head) {
	h.msg = s
	if s == "" {
		return
	}
	if r.only != FormatAuto {
		r.readOnly(s, h)
		return
	}
	switch c := s[0]; {
	case c == ' ' || c == '\t':
		return
	case c == '{':
		if r.readJSON(s, h) {
			return
		}
	case c == '@' && strings.HasPrefix(s, "@cee:"):
		if r.readJSON(strings.TrimLeft(s[5:], " "), h) {
			return
		}
	case c == '[':
		if readKernel(s, h) {
			return
		}
	case isDigit(c):
		if sep := at(s, 4); (sep == '-' || sep == '/') && isDigit(at(s, 5)) && at(s, 7) == sep {
			break // a date, the most common beginning of all
		}
		if r.readAccess(s, h) || r.readRedis(s, h) {
			return
		}
	case isLetter(c):
		if (c == 'I' || c == 'W' || c == 'E' || c == 'F') && r.readKlog(s, h) {
			return
		}
		if k := keyEnd(s); k > 0 && r.readLogfmt(s, h) {
			return
		}
		if at(s, 1) == ',' && at(s, 3) == '[' { // Ruby's Logger: E, [time #pid] ERROR -- : message
			if r.scanText(s[3:], h) {
				return
			}
		}
		if isLower(c) && r.readAccess(s, h) {
			return
		}
	case c == ':' || c == '-':
		if r.readAccess(s, h) {
			return
		}
	}
	r.scanText(s, h)
}

// readOnly tries the one format that the operator named.
func (r *reader) readOnly(s string, h *head) {
	switch r.only {
	case FormatJSON:
		r.readJSON(strings.TrimPrefix(s, "@cee:"), h)
	case FormatLogfmt:
		r.readLogfmt(s, h)
	case FormatKlog:
		r.readKlog(s, h)
	case FormatAccess:
		r.readAccess(s, h)
	case FormatKernel:
		readKernel(s, h)
	case FormatRedis:
		r.readRedis(s, h)
	default: // text, postgres, and what wrappers hold
		if !r.scanText(s, h) && (r.only == FormatDocker || r.only == FormatCRI || r.only == FormatSyslog) {
			auto := *r
			auto.only = FormatAuto
			auto.read(s, h)
			r.fit = auto.fit
		}
	}
}

// readKlog reads "E0102 15:04:05.000000    123 file.go:12] message".
func (r *reader) readKlog(s string, h *head) bool {
	if len(s) < 22 || run(s, 1, 5) != 4 || s[5] != ' ' {
		return false
	}
	sev, ok := levelLetter(s[0])
	if !ok {
		return false
	}
	mo, _ := digits(s, 1, 2)
	d, _ := digits(s, 3, 2)
	st := stamp{noYear: true}
	if !st.setDate(0, mo, d) {
		return false
	}
	i := scanClock(s, 6, &st)
	if i == 0 {
		return false
	}
	for at(s, i) == ' ' {
		i++
	}
	n := run(s, i, 12)
	if n == 0 || at(s, i+n) != ' ' {
		return false
	}
	k := strings.IndexByte(s[i+n:min(len(s), i+n+200)], ']')
	if k < 0 {
		return false
	}
	k += i + n
	h.pid, h.logger = s[i:i+n], s[i+n+1:k]
	h.sev, h.format = sev, FormatKlog
	h.time = st.resolve(r.ref, r.loc)
	h.timed, h.leveled, h.headed = true, true, true
	h.msg = strings.TrimLeft(s[k+1:], " ")
	return true
}

// readRedis reads "1:M 02 Jan 2024 15:04:05.000 # message".
func (r *reader) readRedis(s string, h *head) bool {
	n := run(s, 0, 8)
	if n == 0 || at(s, n) != ':' || n+3 > len(s) || s[n+2] != ' ' || strings.IndexByte("XCSM", s[n+1]) < 0 {
		return false
	}
	var st stamp
	k := scanStamp(s[n+3:], &st)
	if k == 0 {
		return false
	}
	i := n + 3 + k + 1
	if at(s, i-1) != ' ' || at(s, i+1) != ' ' {
		return false
	}
	switch s[i] {
	case '.':
		h.sev = incident.SeverityDebug
	case '-', '*':
		h.sev = incident.SeverityInfo
	case '#':
		h.sev = incident.SeverityWarning
	default:
		return false
	}
	h.pid, h.format, h.time = s[:n], FormatRedis, st.resolve(r.ref, r.loc)
	h.timed, h.leveled, h.headed = true, true, true
	h.msg = s[i+2:]
	return true
}

// readKernel reads "[12345.678901] message", the form of dmesg. Its time is one since boot, which says nothing here.
func readKernel(s string, h *head) bool {
	i := 1
	for at(s, i) == ' ' {
		i++
	}
	n := run(s, i, 12)
	if n == 0 || at(s, i+n) != '.' {
		return false
	}
	m := run(s, i+n+1, 7)
	k := i + n + 1 + m
	if m != 6 || at(s, k) != ']' {
		return false
	}
	h.format, h.headed = FormatKernel, true
	h.msg = strings.TrimPrefix(s[k+1:], " ")
	if len(h.msg) > 2 && h.msg[0] == '[' && h.msg[1] == ' ' { // the CPU or task: "[   T12] "
		if e := strings.IndexByte(h.msg[:min(len(h.msg), 12)], ']'); e > 0 {
			h.msg = strings.TrimPrefix(h.msg[e+1:], " ")
		}
	}
	return true
}

// readAccess reads the common and combined access log formats. The message is the request and the status, as they stand
// in the line; the severity is an error for 5xx, since that is what the service itself answers for.
func (r *reader) readAccess(s string, h *head) bool {
	i := strings.IndexByte(s[:min(len(s), 200)], '[')
	if i < 6 || s[i-1] != ' ' {
		return false
	}
	if strings.Count(s[:i], " ") < 3 {
		return false
	}
	var st stamp
	n := scanStamp(s[i+1:], &st)
	if n == 0 || at(s, i+1+n) != ']' {
		return false
	}
	q := i + 1 + n + 2
	if at(s, q) != '"' {
		return false
	}
	e := q + 1
	for {
		k := strings.IndexByte(s[e:], '"')
		if k < 0 {
			return false
		}
		e += k
		if s[e-1] != '\\' {
			break
		}
		e++
	}
	status, ok := digits(s, e+2, 3)
	if !ok || at(s, e+1) != ' ' || isDigit(at(s, e+5)) {
		return false
	}
	h.format, h.time = FormatAccess, st.resolve(r.ref, r.loc)
	h.timed, h.leveled, h.headed, h.whole = true, true, true, true
	h.sev, h.status = statusSeverity(status), status
	h.msg = s[q : e+5]
	return true
}

func statusSeverity(status int) incident.Severity {
	if status >= 500 && status < 600 {
		return incident.SeverityError
	}
	return incident.SeverityInfo
}

// accessStatus gives the status of uvicorn's access lines, `127.0.0.1:5000 - "GET / HTTP/1.1" 500 Internal Server
// Error`, which are logged as INFO whatever happened; 0 for any other message.
func accessStatus(msg string) int {
	i := strings.Index(msg[:min(len(msg), 64)], ` - "`)
	if i < 0 || !isDigit(msg[0]) && msg[0] != '[' {
		return 0
	}
	k := strings.Index(msg[i:], ` HTTP/`)
	if k < 0 {
		return 0
	}
	k += i
	e := strings.IndexByte(msg[k:], '"')
	if e < 0 {
		return 0
	}
	v, ok := digits(msg, k+e+2, 3)
	if !ok {
		return 0
	}
	return v
}
