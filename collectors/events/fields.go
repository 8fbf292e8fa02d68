package events

import (
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// role is what a field of a structured line means. One table serves all loggers (slog, zap, zerolog, logrus, pino,
// bunyan, winston, structlog, Serilog, Logback, ECS, GCP, AWS, MongoDB, GELF, journald): their names hardly collide.
type role uint8

const (
	roleNone role = iota
	roleTime
	roleLevel
	roleMessage
	roleMessage2 // a message where no better one is there
	roleError    // text, or an object with the error's parts
	roleErrType
	roleErrMessage
	roleStack
	roleLogger
	roleHost
	rolePID
	roleThread
	roleTrace
	roleInside // an object whose fields count as the line's own
	roleStatus // an HTTP status, which speaks where no level does
)

func topRole(k string) role {
	switch k {
	case "time", "ts", "timestamp", "@timestamp", "@t", "t", "datetime", "date", "asctime", "eventTime", "timeMillis", "instant",
		"Timestamp", "TimeStamp", "created", "__REALTIME_TIMESTAMP", "receiveTimestamp":
		return roleTime
	case "level", "lvl", "severity", "@l", "log.level", "levelname", "loglevel", "logLevel", "log_level", "Level", "LogLevel",
		"severity_text", "severityText", "SeverityText", "s", "PRIORITY", "priority", "lev":
		return roleLevel
	case "msg", "message", "@m", "short_message", "MESSAGE", "event", "textPayload", "Message", "body", "Body", "RenderedMessage":
		return roleMessage
	case "@mt", "log", "full_message", "text", "desc", "MessageTemplate", "event.original", "message_template":
		return roleMessage2
	case "error", "err", "exception", "exc_info", "@x", "Exception", "thrown", "cause", "exc", "throwable", "errorVerbose", "fault":
		return roleError
	case "error.type", "exception.type", "errorType", "exception_type", "exception.class", "err.type", "error_type", "exceptionClass",
		"exception_class", "error.kind":
		return roleErrType
	case "error.message", "errorMessage", "exception.message", "err.message", "error_message", "exception_message", "error.msg":
		return roleErrMessage
	case "stack", "stacktrace", "stack_trace", "stackTrace", "error.stack_trace", "exception.stacktrace", "error.stack",
		"traceback", "trace_back", "backtrace", "StackTrace", "exception.stack_trace", "err.stack", "errorStack", "trace_stack":
		return roleStack
	case "logger", "logger_name", "loggerName", "log.logger", "name", "target", "SourceContext", "category", "Category", "c",
		"module", "component", "caller":
		return roleLogger
	case "host", "hostname", "host.name", "_HOSTNAME", "HOSTNAME":
		return roleHost
	case "pid", "process.pid", "process", "_PID", "processId":
		return rolePID
	case "thread", "thread_name", "threadName", "process.thread.name", "thread_id", "tid", "ctx":
		return roleThread
	case "trace_id", "traceId", "trace.id", "traceID", "TraceId", "@tr", "dd.trace_id", "logging.googleapis.com/trace", "trace",
		"correlation_id", "correlationId", "request_id", "requestId", "req_id", "reqId", "requestID":
		return roleTrace
	case "jsonPayload", "fields", "record", "Properties", "jsonMessage", "data.log":
		return roleInside
	case "status", "status_code", "statusCode":
		return roleStatus
	}
	return roleNone
}

// nested gives the role of field k inside an object whose own role, or name, is known.
func nestedRole(outer role, name, k string) role {
	switch {
	case outer == roleInside:
		return topRole(k)
	case outer == roleError:
		switch k {
		case "message", "msg", "exc_value", "value", "Message", "errorMessage", "localizedMessage":
			return roleErrMessage
		case "type", "name", "class", "kind", "exc_type", "Type", "ClassName", "class_name", "errorType":
			return roleErrType
		case "stack", "stack_trace", "stacktrace", "stackTrace", "StackTrace", "frames", "trace", "extendedStackTrace", "backtrace":
			return roleStack
		case "cause", "InnerException", "err", "error":
			return roleError
		}
	case name == "log" || name == "logger":
		switch k {
		case "level":
			return roleLevel
		case "logger", "name":
			return roleLogger
		}
	case name == "trace" && k == "id":
		return roleTrace
	case name == "host" && (k == "name" || k == "hostname"):
		return roleHost
	case name == "process" && k == "pid":
		return rolePID
	case name == "res" && (k == "statusCode" || k == "status"):
		return roleStatus
	}
	return roleNone
}

// fields gathers what the fields of one line say.
type fields struct {
	h              *head
	r              *reader
	known          int // fields whose role is known
	second         string
	haveMsg        bool
	status         int
	sawTime, sawLv bool
}

// readJSON reads a line that is one JSON object. It says no, and leaves h as it was, where the line is none.
func (r *reader) readJSON(s string, h *head) bool {
	if s = strings.TrimRight(s, " \t\r\n"); len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return false
	}
	save := *h
	f := fields{h: h, r: r}
	p := jsonScan{s: s, i: 1}
	if p.peek() != '}' {
		if !f.object(&p, roleInside, "", 1) {
			*h = save
			return false
		}
	}
	if !p.end() {
		*h = save
		return false
	}
	h.format, h.headed, h.whole = FormatJSON, true, true
	f.finish(s)
	return true
}

// object reads the members of an object up to its closing brace; p stands at the first member.
func (f *fields) object(p *jsonScan, outer role, name string, depth int) bool {
	for {
		k, ok := p.key()
		if !ok {
			return false
		}
		key := k.raw
		if k.esc {
			key = k.text()
		}
		ro := nestedRole(outer, name, key)
		switch p.peek() {
		case '"':
			v, ok := p.str()
			if !ok {
				return false
			}
			if ro != roleNone {
				f.text(ro, v)
			}
		case '{':
			inside := outer == roleInside && depth == 1 && (key == "log" || key == "logger" || key == "trace" || key == "host" || key == "process" || key == "res")
			if (ro == roleError || ro == roleInside || ro == roleTime || inside) && depth < 8 {
				p.i++
				if p.peek() == '}' {
					p.i++
					break
				}
				ok := false
				if ro == roleTime {
					ok = f.timeObject(p)
				} else {
					if inside {
						ro = roleNone
					}
					if ro == roleError && outer == roleError {
						f.h.excType, f.h.excMsg, f.h.stack, f.h.frames = "", "", "", nil // the cause, which is the innermost
					}
					ok = f.object(p, ro, key, depth+1)
				}
				if !ok || p.peek() != '}' {
					return false
				}
				p.i++
			} else if !p.skip() {
				return false
			}
		case '[':
			if ro == roleStack || ro == roleError {
				if !f.array(p, ro, depth) {
					return false
				}
			} else if !p.skip() {
				return false
			}
		case 0:
			return false
		default:
			v, ok := p.scalar()
			if !ok {
				return false
			}
			if ro != roleNone {
				f.number(ro, v)
			}
		}
		if !p.comma() {
			return p.peek() == '}'
		}
	}
}

// timeObject reads {"$date": "..."} (MongoDB) and {"epochSecond": n, "nanoOfSecond": n} (Log4j 2).
func (f *fields) timeObject(p *jsonScan) bool {
	var sec, nsec int64
	for {
		k, ok := p.key()
		if !ok {
			return false
		}
		if p.peek() == '"' {
			v, ok := p.str()
			if !ok {
				return false
			}
			f.text(roleTime, v)
		} else {
			start := p.i
			if !p.skip() {
				return false
			}
			n, _ := strconv.ParseInt(p.s[start:p.i], 10, 64)
			switch k.raw {
			case "epochSecond", "seconds":
				sec = n
			case "nanoOfSecond", "nanos":
				nsec = n
			}
		}
		if !p.comma() {
			break
		}
	}
	st := stamp{}
	if sec > 0 && st.setEpoch(sec, 10) && nsec >= 0 && nsec < 1e9 {
		st.nsec = int(nsec)
		f.h.time, f.h.timed = st.resolve(f.r.ref, f.r.loc), true
		f.known++
	}
	return true
}

// array reads a stack that is an array of strings (AWS Lambda) or of frame objects (zerolog, structlog, Log4j 2), and
// an array of error objects.
func (f *fields) array(p *jsonScan, ro role, depth int) bool {
	p.i++
	var lines []string
	for n := 0; ; n++ {
		switch p.peek() {
		case ']':
			p.i++
			if len(lines) > 0 {
				f.h.stack = strings.Join(lines, "\n")
			}
			return true
		case '"':
			v, ok := p.str()
			if !ok {
				return false
			}
			if ro == roleStack {
				lines = append(lines, v.text())
			} else if n == 0 {
				f.text(ro, v)
			}
		case '{':
			if ro == roleError && n == 0 && depth < 8 {
				p.i++
				if p.peek() != '}' && !f.object(p, roleError, "", depth+1) || p.peek() != '}' {
					return false
				}
				p.i++
			} else if ro == roleStack {
				if !f.frame(p) {
					return false
				}
			} else if !p.skip() {
				return false
			}
		case 0:
			return false
		default:
			if !p.skip() {
				return false
			}
		}
		if !p.comma() && p.peek() != ']' {
			return false
		}
	}
}

// frame reads one frame object.
func (f *fields) frame(p *jsonScan) bool {
	p.i++
	var fr incident.Frame
	class := ""
	for p.peek() != '}' {
		k, ok := p.key()
		if !ok {
			return false
		}
		v := ""
		switch p.peek() {
		case '"':
			js, ok := p.str()
			if !ok {
				return false
			}
			v = js.text()
		default:
			start := p.i
			if !p.skip() {
				return false
			}
			v = p.s[start:p.i]
		}
		switch k.raw {
		case "file", "filename", "fileName", "source", "abs_path":
			if fr.File == "" {
				fr.File = v
			}
		case "line", "lineno", "lineNumber":
			fr.Line, _ = strconv.Atoi(v)
		case "func", "function", "name", "method", "methodName":
			fr.Function = v
		case "class", "className", "declaringClass":
			class = v
		}
		if !p.comma() && p.peek() != '}' {
			return false
		}
	}
	p.i++
	if class != "" {
		fr.Function = class + "." + fr.Function
	}
	if (fr.File != "" || fr.Function != "") && len(f.h.frames) < maxFrames {
		fr.InApp = inApp(langOfFile(fr.File), fr.File, fr.Function)
		f.h.frames = append(f.h.frames, fr)
	}
	return true
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
		if n := scanStamp(v.raw, &st); n > 0 {
			h.time, h.timed, f.sawTime = st.resolve(f.r.ref, f.r.loc), true, true
		}
	case roleLevel:
		f.level(v.raw)
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
	case roleError:
		f.errorText(v.text())
	case roleErrType:
		h.excType = v.text()
	case roleErrMessage:
		h.excMsg = v.text()
	case roleStack:
		if t := v.text(); len(t) > len(h.stack) {
			h.stack = t
		}
	case roleLogger:
		if h.logger == "" || h.format == FormatSyslog {
			h.logger = v.text()
		}
	case roleHost:
		h.host = v.text()
	case rolePID:
		h.pid = v.text()
	case roleThread:
		h.thread = v.text()
	case roleTrace:
		if h.trace == "" {
			h.trace = v.text()
		}
	case roleStatus:
		f.number(ro, v.raw)
	}
}

// errorText takes an error that is text: a message, or a whole trace.
func (f *fields) errorText(t string) {
	if t == "" || t == "null" || t == "nil" || t == "<nil>" || t == "none" || t == "None" {
		return
	}
	if strings.IndexByte(t, '\n') >= 0 {
		if len(t) > len(f.h.stack) {
			f.h.stack = t
		}
		return
	}
	if f.h.errText == "" {
		f.h.errText = t
	}
}

func (f *fields) level(w string) {
	if f.sawLv {
		return
	}
	if k := strings.LastIndexByte(w, '.'); k >= 0 { // "log.error"
		w = w[k+1:]
	}
	sev, ok := levelWord(w)
	if !ok && len(w) == 1 {
		sev, ok = levelLetter(w[0])
	}
	if !ok && strings.HasPrefix(w, "\x1b") {
		sev, ok = levelWord(stripANSI(w))
	}
	if !ok && w != "" && isDigit(w[0]) {
		if n, err := strconv.Atoi(w); err == nil {
			sev, ok = numericLevel(n)
		}
	}
	if !ok && len(w) > 4 && (strings.HasPrefix(w, "ERROR") || strings.HasPrefix(w, "INFO") || strings.HasPrefix(w, "WARN") || strings.HasPrefix(w, "DEBUG")) {
		k := strings.IndexAny(w, "+-") // slog's INFO+2
		if k > 0 {
			sev, ok = levelWord(w[:k])
		}
	}
	if ok {
		f.h.sev, f.h.leveled, f.sawLv = sev, true, true
	}
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
	case roleLevel:
		f.level(v)
	case rolePID:
		h.pid = v
	case roleThread:
		h.thread = v
	case roleTrace:
		if h.trace == "" {
			h.trace = v
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
	if f.status >= 100 && f.status < 600 {
		h.status = f.status
	}
	if !f.sawLv && h.sev == incident.SeverityUnset {
		if f.status >= 500 && f.status < 600 {
			h.sev = incident.SeverityError
		} else if h.errText != "" || h.excType != "" || h.stack != "" || len(h.frames) > 0 {
			h.sev = incident.SeverityError
		}
	}
}
