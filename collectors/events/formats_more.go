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

// readSlowLog reads the first line of an entry of MySQL's slow log; those that follow belong to it.
func (r *reader) readSlowLog(s string, h *head) bool {
	var st stamp
	if n := scanStamp(s[8:], &st); n == 0 || len(strings.TrimSpace(s[8+n:])) > 0 {
		return false
	}
	h.time, h.timed, h.headed = st.resolve(r.ref, r.loc), true, true
	h.sev, h.leveled = incident.SeverityInfo, true
	h.msg = ""
	return true
}

// readKitchen reads what zerolog's console writer has by default: "3:04PM ERR message".
func (r *reader) readKitchen(s string, h *head) bool {
	n := run(s, 0, 3)
	if n == 0 || n > 2 || len(s) < n+11 || s[n] != ':' || s[n+4] != 'M' || s[n+5] != ' ' || s[n+9] != ' ' {
		return false
	}
	hour, _ := digits(s, 0, n)
	minute, ok := digits(s, n+1, 2)
	sev, leveled := levelWord(s[n+6 : n+9])
	if !ok || !leveled || hour < 1 || hour > 12 || s[n+3] != 'A' && s[n+3] != 'P' {
		return false
	}
	hour %= 12
	if s[n+3] == 'P' {
		hour += 12
	}
	st := stamp{noDate: true}
	if !st.setClock(hour, minute, 0) {
		return false
	}
	h.time, h.timed = st.resolve(r.ref, r.loc), true
	h.sev, h.leveled, h.headed = sev, true, true
	h.msg = s[n+10:]
	if src, msg, ok := strings.Cut(h.msg[:min(len(h.msg), 200)], " > "); ok && sourceRef(src) {
		h.logger, h.msg = src, h.msg[len(h.msg[:min(len(h.msg), 200)])-len(msg):]
	}
	return true
}
