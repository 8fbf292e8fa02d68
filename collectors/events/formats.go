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

	dates   dateCache
	memo    *headerMemo // nil for none
	keys    *keyMemos   // nil for none
	plain   bool        // the line has no escape character
	known   bool        // the collector knows the line's writer: what the line says of one is what it says
	explain bool        // note the transports that were taken off
	layers  []string    // of the last line

	work int // what reading structured lines took, in bytes looked at
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
		if readKernel(s, h) || r.readBracketAccess(s, h) || strings.HasPrefix(s, "[GIN") && r.readGin(s, h) || r.readLambda(s, h) {
			return
		}
	case c == '<':
		if r.readPriority(s, h) || r.readPostgresAngle(s, h) {
			return
		}
	case c == '"':
		if r.klogFields(h) { // klog's line, without its header
			h.full = s
			return
		}
	case c == '#' && strings.HasPrefix(s, "# Time: "):
		if r.readSlowLog(s, h) {
			return
		}
	case isDigit(c):
		if sep := at(s, 4); (sep == '-' || sep == '/') && isDigit(at(s, 5)) && at(s, 7) == sep {
			if at(s, 23) == 'Z' && r.readLambda(s, h) || at(s, 23) == ':' && r.readPostgresRDS(s, h) || at(s, 28) == ' ' && at(s, 30) == ' ' && r.readMongo(s, h) || (at(s, 27) == ',' || at(s, 28) == ',') && r.readPostgresCSV(s, h) {
				return
			}
			break // a date, the most common beginning of all
		}
		if r.readAccess(s, h) || r.readRedis(s, h) || r.readHAProxy(s, h) || readShortAccess(s, h) || r.readKitchen(s, h) {
			return
		}
	case isLetter(c):
		if (c == 'I' || c == 'W' || c == 'E' || c == 'F') && r.readKlog(s, h) {
			return
		}
		if at(s, 6) == ':' && readDmesg(s, h) {
			return
		}
		if k := keyEnd(s); k > 0 && r.readLogfmt(s, h) {
			return
		}
		if at(s, 1) == ',' && at(s, 3) == '[' { // Ruby's Logger: E, [time #pid] ERROR -- : message
			if r.scanText(s[3:], h) {
				h.progname(s)
				return
			}
		}
		if isLower(c) && (readDotnet(s, h) || r.readAccess(s, h)) || isUpper(c) && readShortAccess(s, h) {
			return
		}
	case c == ':' || c == '-':
		if r.readAccess(s, h) || readShortAccess(s, h) {
			return
		}
	}
	logger := h.logger
	if !r.scanText(s, h) {
		return
	}
	if h.timed && !h.leveled && r.readTimedHAProxy(s, h) {
		h.logger, h.thread = logger, ""
		return
	}
	if h.logger == "" {
		h.nameTraceback()
	}
	if !h.leveled {
		postgresTail(h)
	}
}

// progname takes the name that a Ruby program gave its Logger, "ERROR -- shop: message", for the logger.
func (h *head) progname(s string) {
	k := strings.Index(s[:min(len(s), 80)], " -- ") + 4
	if n := tokenEnd(s, k); k > 4 && n > k+1 && s[n-1] == ':' && h.logger == "" && h.msg == s[k:] {
		h.logger, h.msg = s[k:n-1], strings.TrimPrefix(s[n:], " ")
	}
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
		_ = r.readAccess(s, h) || r.readBracketAccess(s, h) || readShortAccess(s, h) || r.readHAProxy(s, h)
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
	h.time = r.resolve(&st)
	h.timed, h.leveled, h.headed = true, true, true
	h.msg = strings.TrimLeft(s[k+1:], " ")
	if strings.HasPrefix(h.msg, `"`) {
		_ = r.klogFields(h)
	}
	return true
}

// klogFields takes the message and the error of a structured line, "Sync failed" err="stock is locked" pod="shop/api", and says
// whether it is one. As in other structured lines, the fields are no part of the message.
func (r *reader) klogFields(h *head) bool {
	p := jsonScan{s: h.msg}
	msg, ok := p.str()
	r.work += p.work
	if !ok || p.i < len(p.s) && (p.s[p.i] != ' ' || keyEnd(p.s[p.i+1:]) == 0) {
		return false
	}
	rest := p.s[p.i:]
	h.msg = msg.text()
	if k := strings.Index(rest, " err="); k >= 0 {
		v := rest[k+5:]
		if strings.HasPrefix(v, `"`) {
			p = jsonScan{s: v}
			if e, ok := p.str(); ok {
				f := fields{h: h, r: r}
				f.errorText(e.text())
			}
			r.work += p.work
		} else if v, _, _ = strings.Cut(v, " "); v != "<nil>" && v != "nil" {
			h.errText = v
		}
	}
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
	h.pid, h.format, h.time = s[:n], FormatRedis, r.resolve(&st)
	h.timed, h.leveled, h.headed = true, true, true
	h.msg = s[i+2:]
	if s[i] == '#' && !hasAnyPrefix(h.msg, "WARNING ", "WARNING: ") { // the highest level there is; what says that it is a warning is one
		h.sev = max(h.sev, wordSeverity(h.msg))
	}
	return true
}
