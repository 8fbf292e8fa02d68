package events

import (
	"fmt"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The problems that a step of this package may have.
const (
	problemTruncated  = "truncated"
	problemSplit      = "split line without its end"
	problemJSON       = "broken JSON"
	problemNoTime     = "no time"
	problemNoHeader   = "no header, though the source has one"
	problemMisfit     = "another header than the source's"
	problemLoose      = "loosely joined"
	problemUnfinished = "unfinished trace"
	problemWords      = "severity by words only"
)

// steps says how the event e was read; rec is what came of it.
func (j *Joiner) steps(e *event, rec *incident.Record) []incident.Step {
	steps := make([]incident.Step, 0, 8)
	steps = append(steps, transportStep(e, rec), j.formatStep(e, rec), j.headerStep(e, rec))
	steps = j.joiningSteps(steps, e, rec)
	steps = append(steps, severityStep(e, rec))
	if s, ok := stackStep(e, rec); ok {
		steps = append(steps, s)
	}
	return steps
}

// quoted puts what a log says into quotes, cut to what a line of explanation has room for.
func quoted(s string) string {
	const most = 120
	if len(s) > most {
		s = incident.CutText(s, most) + "…"
	}
	return `"` + s + `"`
}

func transportStep(e *event, rec *incident.Record) incident.Step {
	n := e.notes
	s := incident.Step{Stage: incident.StageTransport, Result: incident.StepNone, Detail: "the line stands as its writer wrote it"}
	if len(n.layers) > 0 {
		s.Result, s.Detail = incident.StepDone, "taken off: "+strings.Join(n.layers, ", then ")
		if got := tokens(&n.outer, &head{}, n.outer.time); got != "" {
			s.Because = "it gave " + got
		}
		if n.lane != "" && (e.meta == nil || e.meta.Writer == "") {
			s.Because = join(s.Because, "the writer is told from others by "+quoted(n.lane))
		}
	}
	if e.meta != nil && e.meta.Writer != "" {
		s.Result, s.Because = incident.StepDone, join(s.Because, "its source names the writer, "+quoted(e.meta.Writer))
	}
	switch {
	case rec.Truncated:
		s.Result, s.Problem = incident.StepFailed, problemTruncated
		s.Detail = join("bytes were cut off", s.Detail)
		s.Change = "larger limits: limits: {line: 1MiB, event: 1MiB}"
	case n.split:
		s.Result, s.Problem = incident.StepFailed, problemSplit
		s.Detail = join("the rest of a line that the container engine split never came", s.Detail)
	}
	return s
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// formatNames says what the formats are.
func formatName(f string) string {
	switch f {
	case FormatJSON:
		return "one JSON object"
	case FormatLogfmt:
		return "key=value pairs"
	case FormatSyslog:
		return "syslog, and no format of the application's own inside"
	case FormatKlog:
		return "klog's header"
	case FormatAccess:
		return "an access log's line"
	case FormatDocker, FormatCRI:
		return "a container's line, and no format of the application's own inside"
	case FormatKernel:
		return "the kernel's seconds since boot"
	case FormatPostgres:
		return "PostgreSQL's header"
	case FormatRedis:
		return "Redis' header"
	case FormatText:
		return "text"
	}
	return ""
}

func (j *Joiner) formatStep(e *event, rec *incident.Record) incident.Step {
	s := incident.Step{Stage: incident.StageFormat, Result: incident.StepDone, Detail: rec.Format}
	if name := formatName(rec.Format); name != "" {
		s.Detail += ": " + name
	}
	if j.cfg.Format != FormatAuto {
		s.Because = "the source's format is set to " + j.cfg.Format
	}
	if at, why := j.brokenJSON(e); why != "" && rec.Format != FormatJSON {
		s.Result, s.Problem = incident.StepFailed, problemJSON
		s.Because = join(s.Because, fmt.Sprintf("it begins like JSON, but %s: byte %d", why, at))
		s.Change = "nothing in agent.yaml: have the writer end each object on its line, or set limits.line to more where a limit cut it"
		return s
	}
	if j.cfg.Format == FormatAuto {
		if rec.Format == FormatText {
			s.Because = "no reader of a structured format took it"
		} else {
			s.Change = "sources: [{..., format: text}] leaves it as it stands"
		}
	}
	return s
}

// brokenJSON says where the reader gave up on a line that begins like a JSON object; why is "" for any other line.
func (j *Joiner) brokenJSON(e *event) (at int, why string) {
	s := strings.TrimRight(e.body, " \t\r\n")
	if len(s) < 2 || s[0] != '{' || e.tr.lang == langObject || !strings.Contains(s[:min(len(s), 64)], `":`) {
		return 0, ""
	}
	rd := reader{only: FormatAuto, ref: e.ref, loc: j.cfg.Location}
	f := fields{h: &head{}, r: &rd}
	p := jsonScan{s: s, i: 1}
	if p.peek() == '}' || f.object(&p, roleInside, "", 1) {
		if p.end() {
			if s[len(s)-1] == '}' && j.cfg.Format != FormatAuto && j.cfg.Format != FormatJSON {
				return 0, "" // whole, and not wanted
			}
			return len(s), "the object does not end with the line"
		}
		return p.i, "something stands behind the object"
	}
	if s[len(s)-1] != '}' {
		return len(s), "it has no end"
	}
	return p.i, "it is none"
}

// tokens lists what h says beside what outer said already.
func tokens(h, outer *head, t time.Time) string {
	var out []string
	add := func(name, v, was string) {
		if v != "" && v != was {
			out = append(out, name+" "+quoted(v))
		}
	}
	if !t.IsZero() {
		out = append(out, "time "+t.UTC().Format(time.RFC3339Nano))
	}
	add("host", h.host, outer.host)
	add("pid", h.pid, outer.pid)
	add("thread", h.thread, outer.thread)
	if h.leveled || outer.sev != h.sev && h.sev != incident.SeverityUnset {
		out = append(out, "level "+h.sev.String())
	}
	add("logger", h.logger, outer.logger)
	add("trace id", h.trace, outer.trace)
	return strings.Join(out, ", ")
}

func (j *Joiner) headerStep(e *event, rec *incident.Record) incident.Step {
	h, n := &e.h, e.notes
	s := incident.Step{Stage: incident.StageHeader, Result: incident.StepDone, Because: j.readBy(e)}
	read := *h
	if !h.leveled {
		read.sev = n.outer.sev // what words said of it is no header's
	}
	t := time.Time{}
	if h.timed && !h.time.Equal(n.outer.time) {
		t = h.time
	}
	got := tokens(&read, &n.outer, t)
	switch {
	case got != "":
		s.Detail = got
		if text := headerText(e); text != "" {
			s.Detail += " in " + quoted(text)
		}
	case h.headed:
		s.Detail = "nothing that is kept"
	default:
		s.Result, s.Detail = incident.StepNone, "none"
	}
	p := e.prof
	switch {
	case p != nil && !h.headed && (p.kind == profileTimed || p.kind == profileLeveled):
		s.Result, s.Problem = incident.StepFailed, problemNoHeader
		s.Change = "if the line belongs to the one before, say how an event begins: sources: [{..., event_start: '" + eventStart(p) + "'}]"
	case p != nil && n.fit == fitNo:
		s.Result, s.Problem = incident.StepGuessed, problemMisfit
		s.Because = join("it was read without the columns that were learned, since it has not all of them", s.Because)
		s.Change = "the source's header is learned anew where many lines in a row differ; a source of its own for the other writer helps at once: sources: [{name: other, include: [...]}]"
	case rec.Time.IsZero():
		s.Result, s.Problem = incident.StepFailed, problemNoTime
		s.Because = join(noTime(h), s.Because)
		s.Change = "have the writer log the time (an ISO date, an epoch, syslog's); until then the daemon takes the time of reading"
	}
	return s
}

func noTime(h *head) string {
	if h.timed {
		return "the time stamp names no date"
	}
	return "no time stamp was found"
}

// eventStart gives an example of a pattern that would fit the profile's lines.
func eventStart(p *profile) string {
	if p.kind == profileLeveled {
		return `^[A-Z]+\b`
	}
	return `^\d{4}-\d{2}-\d{2}`
}

// headerText gives what stands before the message, "" where that is no part of the line as it stands.
func headerText(e *event) string {
	body := e.body
	if e.h.msg == "" || !strings.HasSuffix(body, e.h.msg) {
		return ""
	}
	return strings.TrimRight(body[:len(body)-len(e.h.msg)], " \t")
}

// readBy says what the header was read by.
func (j *Joiner) readBy(e *event) string {
	if e.h.format != "" && unlearned(&e.h) == fitYes {
		return "read by the reader of " + e.h.format
	}
	switch n := e.notes; n.known {
	case knownProfile:
		s := "the source's header was learned"
		if n.since > 0 {
			s += fmt.Sprintf(", used since line %d", n.since)
		}
		return s + ": " + e.prof.describe()
	case knownNothing:
		return fmt.Sprintf("read by what headers usually look like: %d plain lines are needed to learn this source's own", minSamples)
	case knownWriter:
		return "read by what headers usually look like: the source has many writers"
	}
	if j.cfg.Format != FormatAuto && !j.lr.learns {
		return "read as the format says"
	}
	return "read as the format says, or by what headers usually look like: nothing was learned of the source"
}

// describe says what the lines of the profile begin with.
func (p *profile) describe() string {
	var out []string
	if p.prefix > 0 {
		out = append(out, fmt.Sprintf("%d tokens", p.prefix))
	}
	switch p.kind {
	case profileTimed:
		if out = append(out, "a time stamp"); p.form {
			out = append(out, "a level")
		}
	case profileLeveled:
		out = append(out, "a level")
	case profileHeadless:
		return "its lines have none"
	default:
		return "its lines have nothing in common"
	}
	if p.inner != nil {
		out = append(out, "a header of its own")
	}
	for _, st := range p.steps {
		out = append(out, st.describe())
	}
	s := strings.Join(out, ", ")
	if p.keep {
		s += "; levels are words of the message"
	}
	return s
}

func (st step) describe() string {
	switch st.op {
	case opSkip:
		return "a number, an id or a name"
	case opWord:
		return "a word"
	case opStamp:
		return "another time stamp"
	case opLevel:
		return "a level"
	case opTag:
		return `a name with ":"`
	case opBracket:
		return "brackets"
	case opCell:
		return fmt.Sprintf("anything up to %q", string(rune(st.sep)))
	case opDash:
		return fmt.Sprintf("a name up to %q", dashOf(st.sep))
	case opName:
		return "a dotted name"
	case opNumber:
		return "a number"
	case opModule:
		return "a module's name"
	case opPID:
		return "a process' number"
	case opThread:
		return "a thread's number"
	case opWorker:
		return "a thread's name in brackets"
	}
	return "a column"
}

func severityStep(e *event, rec *incident.Record) incident.Step {
	h := &e.h
	s := incident.Step{Stage: incident.StageSeverity, Result: incident.StepDone, Detail: rec.Severity.String()}
	read := h.sev
	switch {
	case h.leveled && h.status > 0 && h.format == FormatAccess:
		s.Because = fmt.Sprintf("HTTP status %d", h.status)
	case h.leveled && h.format == FormatJSON || h.leveled && h.format == FormatLogfmt:
		s.Because = "the level field"
	case h.leveled:
		s.Because = "the level in the header"
	case read != e.notes.given:
		s.Result, s.Problem = incident.StepGuessed, problemWords
		if w, sev := worstWord(h.said()); sev == read && w != "" {
			s.Because = "no level; the word " + quoted(w) + " where it stands"
		} else {
			s.Because = "no level; the words"
		}
		s.Change = "have the writer log a level; triggers: {severity: fatal} asks for more than words"
	case read != incident.SeverityUnset:
		s.Because = "the priority that syslog or the journal has for the line"
	default:
		s.Result, s.Because = incident.StepNone, "no level, and no word of trouble"
	}
	if rec.Severity == read {
		return s
	}
	// What follows is judged by more than the first line.
	s.Result, s.Problem, s.Change = incident.StepDone, "", ""
	if rec.HTTPStatus > 0 && h.status == 0 && rec.Severity == statusSeverity(rec.HTTPStatus) {
		s.Because = fmt.Sprintf("the message tells of a request that was answered with HTTP status %d", rec.HTTPStatus)
	} else {
		s.Because = join(s.Because, "a "+e.tr.lang.name()+" is at least "+rec.Severity.String())
	}
	return s
}

func stackStep(e *event, rec *incident.Record) (incident.Step, bool) {
	s := incident.Step{Stage: incident.StageStack, Result: incident.StepDone}
	if rec.Exception == "" && len(rec.Frames) == 0 {
		if !e.unfinishedTrace(rec) {
			return s, false
		}
		s.Detail = "no frames"
	} else {
		own := 0
		for i := range rec.Frames {
			if rec.Frames[i].InApp {
				own++
			}
		}
		name := "no exception's name"
		if rec.Exception != "" {
			name = quoted(rec.Exception)
		}
		s.Detail = fmt.Sprintf("%s, frames: %d, %d of them the service's own", name, len(rec.Frames), own)
	}
	switch {
	case e.h.stack != "":
		s.Because = "a field has the stack"
	case e.tr.lang != langNone:
		s.Because = "a " + e.tr.lang.name()
	default:
		s.Because = "the fields name an exception"
	}
	if e.unfinishedTrace(rec) {
		s.Result, s.Problem = incident.StepFailed, problemUnfinished
		s.Because += ", whose end did not come"
		s.Change = "if other lines stand between: a source of its own for each writer, or sources: [{..., event_start: '^\\d{4}-'}] where only lines with a date begin events"
	}
	return s, true
}

// unfinishedTrace says whether the trace of e began and did not come to what its grammar has at the end.
func (e *event) unfinishedTrace(rec *incident.Record) bool {
	switch e.tr.lang {
	case langPython:
		return e.tr.phase == phaseFrames
	case langGo:
		return e.tr.phase == phaseStart && !strings.HasPrefix(e.h.msg, "fatal error: all goroutines")
	case langObject:
		return e.tr.depth > 0
	case langReport:
		return e.tr.inReport() && rec.Exception == ""
	}
	return false
}

func (l lang) name() string {
	switch l {
	case langGo:
		return "Go panic or goroutine dump"
	case langPython:
		return "Python traceback"
	case langAt:
		return `trace of "at ..." frames (JVM, JavaScript, .NET)`
	case langRuby:
		return "Ruby trace"
	case langRust:
		return "Rust panic"
	case langPHP:
		return "PHP trace"
	case langObject:
		return "JSON object over several lines"
	case langReport:
		return "report between rulers (sanitizer, race detector, InnoDB)"
	case langNative:
		return "native stack"
	case langBeam:
		return "BEAM report"
	case langKernel:
		return "kernel dump"
	case langLua:
		return "Lua traceback"
	case langShell:
		return "PowerShell error"
	case langDart:
		return "Dart trace"
	case langPerl:
		return "Perl trace"
	}
	return "trace"
}
