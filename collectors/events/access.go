package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Access logs. The message is the request and the status, as they stand in the line; the severity is an error for 5xx,
// since that is what the service itself answers for, and the record has the status, since one such answer means little:
// whoever triggers judges them by rate.

// readAccess reads the common and combined access log formats, with a virtual host in front or without.
func (r *reader) readAccess(s string, h *head) bool {
	i := strings.IndexByte(s[:min(len(s), 200)], '[')
	if i < 6 || s[i-1] != ' ' {
		return false
	}
	if strings.Count(s[:i], " ") < 3 {
		return false
	}
	return r.accessAt(s, i, h)
}

// readBracketAccess reads access logs that begin with the time: Django's runserver, Envoy.
func (r *reader) readBracketAccess(s string, h *head) bool {
	return len(s) > 30 && isDigit(s[1]) && strings.Contains(s[:min(len(s), 48)], `] "`) && r.accessAt(s, 0, h)
}

// accessAt reads `[time] "request" status` at i.
func (r *reader) accessAt(s string, i int, h *head) bool {
	when, known := r.dates.webTime(s[i+1:])
	n := webTimeSize
	if !known {
		var st stamp
		n = r.stamp(s[i+1:], &st)
		if n == 0 || at(s, i+1+n) != ']' {
			return false
		}
		when = r.resolve(&st)
		r.dates.keepWeb(s[i+1:], n, &st)
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
	h.time, h.timed = when, true
	h.served(status, s[q:e+5])
	return true
}

// served makes h an access log's line.
func (h *head) served(status int, msg string) {
	h.format = FormatAccess
	h.leveled, h.headed, h.whole = true, true, true
	h.sev, h.status = statusSeverity(status), status
	h.msg = msg
}

func statusSeverity(status int) incident.Severity {
	if status >= 500 && status < 600 {
		return incident.SeverityError
	}
	return incident.SeverityInfo
}

// method gives the length of the HTTP method that s begins with and a blank stands behind, 0 where there is none.
func method(s string) int {
	n := 0
	for n < len(s) && n < 8 && isUpper(s[n]) {
		n++
	}
	if n < 3 || at(s, n) != ' ' {
		return 0
	}
	switch s[:n] {
	case "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE":
		return n
	}
	return 0
}

// requestLine says whether s is "GET /path" or "GET /path HTTP/1.1".
func requestLine(s string) bool {
	n := method(s)
	return n > 0 && (at(s, n+1) == '/' || strings.HasPrefix(s[n+1:], "http"))
}

// maxPath is how long a path may be where nothing but a blank ends it.
const maxPath = 4096

// readShortAccess reads what morgan writes for Express: dev "GET /x 500 3.2 ms - 12", tiny "GET /x 500 12 - 3.2 ms", and
// short "::1 - GET /x HTTP/1.1 500 12 - 3.2 ms".
func readShortAccess(s string, h *head) bool {
	i := 0
	n := method(s)
	if n == 0 { // an address, and who logged in
		k := strings.IndexByte(s[:min(len(s), 64)], ' ')
		if k < 2 || strings.IndexByte(s[:k], '.') < 0 && strings.IndexByte(s[:k], ':') < 0 {
			return false
		}
		u := strings.IndexByte(s[k+1:min(len(s), k+64)], ' ')
		if u < 1 {
			return false
		}
		i = k + u + 2
		if n = method(s[i:]); n == 0 {
			return false
		}
	}
	p := i + n + 1
	if at(s, p) != '/' && at(s, p) != '*' && !strings.HasPrefix(s[p:], "http") {
		return false
	}
	k := strings.IndexByte(s[p:min(len(s), p+maxPath)], ' ')
	if k < 0 {
		return false
	}
	k += p
	if strings.HasPrefix(s[k:], " HTTP/") {
		e := strings.IndexByte(s[k+1:min(len(s), k+12)], ' ')
		if e < 0 {
			return false
		}
		k += 1 + e
	}
	status, ok := digits(s, k+1, 3)
	if !ok || status < 100 || status > 599 || at(s, k+4) != ' ' {
		return false
	}
	if c := at(s, k+5); !isDigit(c) && c != '-' || !strings.HasSuffix(s, " ms") && !strings.Contains(s, " ms - ") && !strings.HasSuffix(s, " - -") {
		return false
	}
	h.served(status, s[i:k+4])
	return true
}

// readGin reads "[GIN] 2024/01/02 - 15:04:05 | 500 |  1.2ms |  10.0.0.1 | GET      "/x"".
func (r *reader) readGin(s string, h *head) bool {
	b := strings.IndexByte(s, '|')
	if b < 28 || b > 40 || !strings.HasPrefix(s, "[GIN] ") || s[16:19] != " - " {
		return false
	}
	status, ok := digits(s, b+2, 3)
	if !ok {
		return false
	}
	var st stamp
	if scanStamp(s[6:16]+" "+s[19:b-1], &st) == 0 {
		return false
	}
	k := strings.LastIndexByte(s, '|')
	q := strings.IndexByte(s[k:], '"')
	if q < 0 {
		return false
	}
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	h.served(status, strings.TrimSpace(s[k+1:k+q])+" "+s[k+q:]+" "+s[b+2:b+5])
	return true
}

// readHAProxy reads `10.0.0.1:5000 [02/Jan/2024:15:04:05.123] front back/server 0/0/1/2/3 503 212 ... "GET /x HTTP/1.1"`.
func (r *reader) readHAProxy(s string, h *head) bool {
	b := strings.IndexByte(s[:min(len(s), 64)], ' ')
	if b < 1 || at(s, b+1) != '[' || !isDigit(s[b-1]) {
		return false
	}
	var st stamp
	n := scanStamp(s[b+2:], &st)
	if n == 0 || at(s, b+2+n) != ']' {
		return false
	}
	i := b + 3 + n
	for range 3 { // front, back/server, timers
		k := strings.IndexByte(s[min(len(s), i+1):min(len(s), i+200)], ' ')
		if at(s, i) != ' ' || k < 0 {
			return false
		}
		i += 1 + k
	}
	status, ok := digits(s, i+1, 3)
	q := strings.IndexByte(s, '"')
	if !ok || q < 0 || at(s, i+4) != ' ' {
		return false
	}
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	h.served(status, s[q:]+" "+s[i+1:i+4])
	return true
}

// readTimedHAProxy is readHAProxy for a line with a time in front, which its log to stdout or another program put there.
func (r *reader) readTimedHAProxy(s string, h *head) bool {
	b := strings.Index(s[:min(len(s), 128)], " [")
	if b < 0 || !isDigit(at(s, b+2)) || !r.readHAProxy(s[strings.LastIndexByte(s[:b], ' ')+1:], h) {
		return false
	}
	h.full, h.show = "", ""
	return true
}

// methodField gives where "method=" stands in s, -1 where it does not.
func methodField(s string) int {
	for i := 0; ; i++ {
		k := strings.IndexByte(s[i:], '=')
		if k < 0 {
			return -1
		}
		if i += k; strings.HasSuffix(s[:i], "method") {
			return i - len("method")
		}
	}
}

// accessStatus gives the status of a request that a message tells of in the middle of other formats, where its level is
// INFO whatever happened: uvicorn's and werkzeug's `127.0.0.1:5000 - "GET / HTTP/1.1" 500`, Rails' "Completed 500"; 0 for
// any other message.
func accessStatus(msg string) int {
	if strings.HasPrefix(msg, "Completed ") && at(msg, 13) == ' ' && strings.Contains(msg, " in ") {
		v, _ := digits(msg, 10, 3)
		return v
	}
	if m := methodField(msg[:min(len(msg), 64)]); m >= 0 { // lograge behind a header of another logger
		if k := strings.Index(msg[m:min(len(msg), 1024)], " status="); k >= 0 && method(msg[m+7:]) > 0 {
			if v, ok := digits(msg, m+k+8, 3); ok && !isWord(at(msg, m+k+11)) {
				return v
			}
		}
	}
	// the request stands in the first quotes; most messages have none
	q := strings.IndexByte(msg[:min(len(msg), 1024)], '"')
	if q < 0 || method(msg[q+1:]) == 0 {
		return 0
	}
	k := strings.Index(msg[:min(len(msg), 1024)], ` HTTP/`)
	if k < q {
		return 0
	}
	e := strings.IndexByte(msg[k:min(len(msg), k+12)], '"')
	if e < 0 {
		return 0
	}
	e += k
	if strings.HasPrefix(msg[e+1:], " from ") { // Go's chi
		d := strings.Index(msg[e:min(len(msg), e+80)], " - ")
		if d < 0 {
			return 0
		}
		e += d + 1
	}
	v, ok := digits(msg, e+2, 3)
	if !ok || at(msg, e+1) != ' ' || isDigit(at(msg, e+5)) {
		return 0
	}
	return v
}
