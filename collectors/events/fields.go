package events

import (
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// fields gathers what the fields of one structured line say.
type fields struct {
	h       *head
	r       *reader
	known   int // fields whose role is known
	second  string
	src     string // where the line was logged
	request string // a request's id
	haveMsg bool
	status  int
	sawTime bool
	method  bool
	path    bool
	wrong   bool // "error": true

	level     incident.Severity // the worst one that a field names
	weak      incident.Severity // the worst number in a field that may be none
	errDepth  int               // how many error objects are around
	deepest   int               // the most there were
	stackRank int
}

// text takes a field that is a string.
func (f *fields) text(ro role, v jsonString) {
	h := f.h
	f.known++
	switch ro {
	case roleTime:
		if f.sawTime || v.raw == "" {
			return
		}
		var st stamp
		if n := f.r.stamp(v.raw, &st); n > 0 {
			h.time, h.timed, f.sawTime = f.r.resolve(&st), true, true
		}
	case roleLevel, roleLevelWeak:
		f.levelText(ro, v.text())
	case roleMessage:
		if !f.haveMsg && v.raw != "" {
			h.msg, f.haveMsg = v.text(), true
		} else if f.haveMsg && f.second == "" {
			f.second = v.text()
		}
	case roleMessage2:
		if f.second == "" {
			f.second = v.text()
		}
		f.path = f.path || requestLine(v.raw)
	case roleError:
		f.errorText(v.text())
	case roleErrType:
		if f.errDepth >= f.deepest {
			h.excType = v.text()
		}
	case roleErrMessage:
		if f.errDepth >= f.deepest {
			h.excMsg = v.text()
		}
	case roleStack, roleErrStack:
		f.stack(ro, v.text())
	case roleSource:
		if f.src == "" {
			f.src = v.text()
		}
	case roleMethod:
		f.known--
		f.method = true
	case rolePath:
		f.known--
		f.path = true
	case roleLogger:
		if h.logger == "" || h.format == FormatSyslog {
			h.logger = v.text()
		}
	case roleHost:
		h.host = v.text()
	case rolePID:
		if isNumber(v.raw) {
			h.pid = v.raw
		}
	case roleThread:
		h.thread = v.text()
	case roleTrace:
		if h.trace == "" {
			t := v.text()
			if strings.HasPrefix(t, "projects/") { // GCP: projects/NAME/traces/ID
				t = t[strings.LastIndexByte(t, '/')+1:]
			}
			h.trace = t
		}
	case roleRequest:
		if f.request == "" {
			f.request = v.text()
		}
	case roleStatus:
		f.number(ro, v.raw)
	}
}

// errorText takes an error that is text: a message, or a whole trace.
func (f *fields) errorText(t string) {
	if t == "" || t == "null" || t == "nil" || t == "<nil>" || t == "none" || t == "None" || t == "0" || t == "false" {
		return
	}
	if strings.IndexByte(t, '\n') >= 0 {
		f.stack(roleErrStack, t)
		return
	}
	if f.h.errText == "" {
		f.h.errText = t
	}
}

// levelText takes a field that names a level. Of several the worst counts: a second field must not hide an error.
func (f *fields) levelText(ro role, w string) {
	sev, ok := levelName(w)
	if !ok && w != "" && isDigit(w[0]) {
		n, err := strconv.Atoi(w)
		if err != nil {
			return
		}
		if sev, ok = numericLevel(n); ok && ro == roleLevelWeak {
			f.weak = max(f.weak, sev)
			return
		}
	}
	if ok {
		f.level = max(f.level, sev)
	}
}

// levelName reads a level as structured loggers write it: a word, perhaps coloured, behind a tag's name, or with an offset.
func levelName(w string) (incident.Severity, bool) {
	if sev, ok := levelWord(w); ok {
		return sev, true
	}
	if strings.IndexByte(w, 0x1b) >= 0 { // winston's colours
		return levelWord(stripANSI(w))
	}
	if len(w) == 1 {
		return levelLetter(w[0])
	}
	if len(w) == 2 && w[0] == 'D' && isDigit(w[1]) { // MongoDB's D1 to D5
		return incident.SeverityDebug, true
	}
	if k := strings.LastIndexByte(w, '.'); k >= 0 { // "log.error"
		return levelWord(w[k+1:])
	}
	if k := strings.IndexAny(w, "+-"); k > 3 { // slog's INFO+2
		return levelWord(w[:k])
	}
	return 0, false
}

// number takes a field that is a number, true, false or null.
func (f *fields) number(ro role, v string) {
	if v == "null" {
		return
	}
	h := f.h
	f.known++
	switch ro {
	case roleTime:
		if f.sawTime {
			return
		}
		whole := v
		if k := strings.IndexAny(v, ".eE"); k >= 0 {
			whole = v[:k]
			if strings.ContainsAny(v, "eE") { // zap's 1.7e+09
				x, err := strconv.ParseFloat(v, 64)
				if err != nil || x < 0 || x > 1e18 {
					return
				}
				whole = strconv.FormatInt(int64(x), 10)
			}
		}
		n, err := strconv.ParseInt(whole, 10, 64)
		var st stamp
		if err != nil || !st.setEpoch(n, len(whole)) {
			return
		}
		if len(whole) == 10 && len(v) > 10 && v[10] == '.' {
			scanFraction(v, 10, &st)
		}
		h.time, h.timed, f.sawTime = st.resolve(f.r.ref, f.r.loc), true, true
	case roleLevel, roleLevelWeak:
		f.levelText(ro, v)
	case roleSevNumber:
		if n, err := strconv.Atoi(v); err == nil && n > 0 && n <= 24 {
			f.level = max(f.level, otelSeverity(n))
		}
	case roleError:
		f.wrong = f.wrong || v == "true"
	case rolePID:
		if isNumber(v) {
			h.pid = v
		}
	case roleThread:
		if h.thread == "" {
			h.thread = v
		}
	case roleTrace:
		if h.trace == "" {
			h.trace = v
		}
	case roleRequest:
		if f.request == "" {
			f.request = v
		}
	case roleStatus:
		f.known--
		if n, err := strconv.Atoi(v); err == nil {
			f.status = n
		}
	}
}

// finish makes the message, and settles what no field said.
func (f *fields) finish(line string) {
	h := f.h
	if !f.haveMsg {
		h.msg = line
		switch {
		case f.second != "":
			h.msg = f.second
		case h.excMsg != "":
			h.msg = h.excMsg
		case h.errText != "":
			h.msg = h.errText
		}
	}
	if f.level == incident.SeverityUnset && h.msg != "" && h.msg[0] != '{' && len(h.msg) < maxInner {
		f.inner()
	}
	if h.trace == "" {
		h.trace = f.request
	}
	if h.logger == "" {
		h.logger = f.src
	}
	f.settle()
}

// maxInner is how long a message may be that is looked at for a header of its own.
const maxInner = 64 << 10

// inner reads the header of a text line that a shipper wrapped (Filebeat, Fluent Bit, Vector), which has no level but there.
func (f *fields) inner() {
	h := f.h
	in := head{}
	fit := f.r.fit
	if f.r.scanText(h.msg, &in) && in.leveled {
		f.level, h.msg = in.sev, in.msg
		for _, a := range [...]struct{ to, from *string }{{&h.logger, &in.logger}, {&h.thread, &in.thread}, {&h.pid, &in.pid}, {&h.trace, &in.trace}} {
			if *a.from != "" {
				*a.to = *a.from
			}
		}
		if in.timed {
			h.time, h.timed = in.time, true
		}
	}
	f.r.fit = fit
}

// settle settles the severity and the status.
func (f *fields) settle() {
	h := f.h
	if f.level == incident.SeverityUnset {
		f.level = f.weak
	}
	if f.level != incident.SeverityUnset {
		h.sev, h.leveled = f.level, true
	}
	served := (f.method || f.path) && f.status >= 100 && f.status < 600
	if served && f.level >= incident.SeverityError && (f.status < 500 || h.errText != "" || h.excType != "") {
		served = false // an error of its own, whatever request it happened in: it is not to be judged by rate
	}
	if served {
		h.status = f.status
	}
	trouble := h.errText != "" || h.excType != "" || h.stack != "" || len(h.frames) > 0 || f.wrong
	switch {
	case served && f.status >= 500: // whatever the level of a request log is
		h.sev = max(h.sev, incident.SeverityError)
	case h.leveled || h.sev != incident.SeverityUnset:
	case f.status >= 500 && f.status < 600 || trouble:
		h.sev = incident.SeverityError
	case served:
		h.sev = incident.SeverityInfo
	}
}
