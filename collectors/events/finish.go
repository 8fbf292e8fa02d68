package events

import (
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// What is read of an event once its lines are complete: its severity by words, its stack, its message. Nothing of that changes
// what the Joiner does with the next line, so it may as well be done elsewhere: half of the work of reading a log can so be done
// by another goroutine.

// Joined is an event whose lines are complete, but which was not read to its end. A Finisher does that. Most events are one line,
// and of those it has all that is left to know in a few words: an event is large, and to have one core write it and another read it
// costs more than to read the line.
type Joined struct {
	e *event // nil where the rest says it all

	raw, msg, full                   string
	format                           string
	logger, host, pid, thread, trace string

	time        time.Time
	offset, num int64
	bytes       int
	status      int32
	tr          trace
	sev         incident.Severity

	timed, leveled, headed, whole, extra bool
	begun, settled, truncated            bool
}

// Bytes is about how much memory the event's lines take.
func (g *Joined) Bytes() int {
	if g.e != nil {
		return g.e.bytes
	}
	return g.bytes
}

// few fills g in from an event that these few words say all of, and says whether they do.
func (g *Joined) few(e *event) bool {
	h := &e.h
	if len(e.pieces) != 1 || len(e.spans) > 1 || e.logical != 1 || e.twoLine || e.meta != nil || e.notes != nil || !e.origin.time.IsZero() ||
		h.bare != "" || h.show != "" || h.excType != "" || h.excMsg != "" || h.stack != "" || h.errText != "" || h.frames != nil {
		return false
	}
	g.e = nil
	g.raw, g.msg, g.full, g.format = e.pieces[0].raw, h.msg, h.full, h.format
	g.logger, g.host, g.pid, g.thread, g.trace = h.logger, h.host, h.pid, h.thread, h.trace
	g.time, g.offset, g.num = h.time, e.offset, 0
	if len(e.spans) == 1 {
		g.num = e.spans[0].first
	}
	g.bytes, g.status, g.tr, g.sev = e.bytes, int32(h.status), e.tr, h.sev
	g.timed, g.leveled, g.headed, g.whole, g.extra = h.timed, h.leveled, h.headed, h.whole, h.extra
	g.begun, g.settled, g.truncated = e.begun, e.settled, e.truncated
	return true
}

// event is the reverse of few: it fills e in, which was filled in by nothing else.
func (g *Joined) event(e *event) {
	h := &e.h
	h.msg, h.full, h.format = g.msg, g.full, g.format
	h.logger, h.host, h.pid, h.thread, h.trace = g.logger, g.host, g.pid, g.thread, g.trace
	h.time, h.status, h.sev = g.time, int(g.status), g.sev
	h.timed, h.leveled, h.headed, h.whole, h.extra = g.timed, g.leveled, g.headed, g.whole, g.extra
	e.offset, e.bytes, e.logical, e.tr = g.offset, g.bytes, 1, g.tr
	e.begun, e.settled, e.truncated = g.begun, g.settled, g.truncated
	if len(e.pieces) == 0 {
		e.pieces, e.spans = make([]piece, 1), make([]span, 1)
	}
	p := &e.pieces[0]
	p.raw, p.num, p.part = g.raw, g.num, true
	e.spans[0].first, e.spans[0].last = g.num, g.num
}

// Join is Add for a caller that has a Finisher read the events, on another goroutine if it likes: it gives the place for each
// event, which is then filled in, in their order. That is all that the Joiner keeps of it, but the lines' Meta must not change
// until it is read.
func (j *Joiner) Join(l Line, place func() *Joined) { j.take(l, output{place: place}) }

// FlushJoined is Flush for a caller of Join.
func (j *Joiner) FlushJoined(place func() *Joined) { j.flush(output{place: place}) }

// Finisher reads events to their end. It is not safe for concurrent use, but may be used while the Joiner is.
type Finisher struct{ f finisher }

// NewFinisher gives a Finisher for the events of a Joiner that has the same Config, which NewJoiner took.
func NewFinisher(cfg Config) (*Finisher, error) {
	cfg, _, err := cfg.normal()
	if err != nil {
		return nil, err
	}
	return &Finisher{newFinisher(&cfg)}, nil
}

// Record gives an event's record, which is valid until the next call. It may be called once for each event.
func (f *Finisher) Record(g *Joined) *incident.Record {
	switch {
	case g.e == nil:
		g.event(&f.f.plain)
		return f.f.record(&f.f.plain)
	case g.e.made != nil:
		return g.e.made
	}
	return f.f.record(g.e)
}

// Settle is Joiner.Settle: the Finisher holds on to nothing of what it read.
func (f *Finisher) Settle() { f.f.settle() }

// output is where events go, one of the two.
type output struct {
	record func(*incident.Record)
	place  func() *Joined
}

// finisher is scratch memory for reading events to their end.
type finisher struct {
	maxEvent int
	rd       reader // for objects over several lines
	sr       stackReader
	rec      incident.Record
	plain    event // made of a Joined
}

func newFinisher(cfg *Config) finisher {
	return finisher{maxEvent: cfg.MaxEvent, rd: reader{only: cfg.Format, loc: cfg.Location}}
}

func (f *finisher) settle() {
	f.rec = incident.Record{}
	f.plain = event{}
	clear(f.sr.blocks[:cap(f.sr.blocks)])
	f.sr.blocks, f.sr.prev, f.sr.said = f.sr.blocks[:0], "", ""
}

// give gives an event to whom it is for. Explaining says how the Joiner came to it, so that is done here.
func (j *Joiner) give(e *event, out output) {
	if out.place == nil || e.notes != nil {
		rec := j.fin.record(e)
		if e.notes != nil {
			rec.Steps = j.steps(e, rec)
		}
		if out.place == nil {
			j.release(e)
			out.record(rec)
			return
		}
		own := *rec
		own.Frames, own.Lines = slices.Clone(rec.Frames), slices.Clone(rec.Lines)
		e.made = &own
	}
	if g := out.place(); g.few(e) { // in its place: to copy what was just written is slow
		j.release(e)
	} else {
		*g = Joined{e: e}
	}
}

// record reads the rest of a finished event into f.rec.
func (f *finisher) record(e *event) *incident.Record {
	rec := &f.rec
	e.begin()
	h := &e.h
	if e.tr.lang == langObject && e.tr.depth <= 0 && len(e.pieces) > 1 {
		f.readObject(e)
	}
	sev := e.severity()
	*rec = incident.Record{}
	rec.Offset, rec.Time, rec.Severity, rec.Format, rec.Message, rec.Truncated = e.offset, h.time, sev, h.format, h.shown(), e.truncated
	rec.Logger, rec.Host, rec.PID, rec.Thread, rec.TraceID = h.logger, h.host, h.pid, h.thread, h.trace
	rec.Raw, rec.HTTPStatus = e.pieces[0].raw, h.status
	if len(e.spans) > 0 {
		rec.FirstLine, rec.LastLine = e.spans[0].first, e.spans[0].last
	}
	if len(e.spans) > 1 {
		rec.Lines = e.numbers()
	}
	if rec.Format == "" {
		rec.Format = FormatText
	}
	if h.time.IsZero() && !e.time.IsZero() {
		rec.Time = e.time.UTC()
	}
	if m := e.meta; m != nil {
		rec.Service, rec.Trusted = m.Service, m.Trusted
		if rec.Logger == "" {
			rec.Logger = m.Identifier
		}
	}
	if len(e.pieces) > 1 {
		rec.Raw = e.join()
		if strings.TrimSpace(h.msg) == "" {
			if w := e.firstWords(); w != "" {
				rec.Message = w
			}
		}
	}
	if len(rec.Raw) > f.maxEvent {
		rec.Raw, rec.Truncated = incident.CutText(rec.Raw, f.maxEvent), true
	}
	if len(rec.Message) > f.maxEvent {
		rec.Message, rec.Truncated = incident.CutText(rec.Message, f.maxEvent), true
	}
	f.stack(e, rec)
	// Applications say "request failed" of everything that fails: what it was stands in the error, and two errors under one
	// message are two problems.
	if h.errText != "" && rec.Severity >= incident.SeverityWarning && !strings.Contains(rec.Message, h.errText) {
		rec.Message += ": " + h.errText
	}
	if rec.Severity <= incident.SeverityInfo && !h.whole && h.status == 0 {
		rec.HTTPStatus = accessStatus(rec.Message)
		if rec.HTTPStatus > 0 {
			rec.Severity = max(rec.Severity, statusSeverity(rec.HTTPStatus))
		}
	}
	return rec
}

// stack fills in exception and frames, and what they say of the severity.
func (f *finisher) stack(e *event, rec *incident.Record) {
	h := &e.h
	multi := strings.IndexByte(rec.Message, '\n')
	if e.logical > 1 && e.tr.lang != langObject || e.tr.lang != langNone && e.tr.lang != langObject || h.stack != "" || multi >= 0 {
		sr := &f.sr
		sr.blocks, sr.cur, sr.lang, sr.reversed, sr.prev, sr.suppressed, sr.goDone = sr.blocks[:0], 0, langNone, false, "", -1, false
		sr.fileIndent, sr.system, sr.causes, sr.said = 0, false, false, ""
		if e.tr.lang >= langReport {
			sr.lang = e.tr.lang
		}
		switch {
		case h.stack != "":
			if k := strings.IndexByte(h.stack, '\n'); k > 0 || h.excType == "" {
				sr.lines(h.stack)
			}
		default:
			if strings.HasPrefix(h.msg, "thread '") {
				sr.lang = langRust
			}
			sr.lines(h.msg)
			for i := 1; i < len(e.pieces); i++ {
				if p := &e.pieces[i]; !p.part {
					sr.add(p.body)
				}
			}
		}
		if b := sr.root(); b != nil && (len(b.frames) > 0 || e.tr.lang != langNone || h.stack != "") {
			rec.Exception, rec.ExceptionMessage = b.typ, b.text
			rec.Frames = b.frames
			if s := sr.surface(rec.Message); s != "" {
				rec.Message, multi = s, -1
			}
			if len(b.frames) > 0 && e.tr.lang == langNone {
				e.tr.lang = langAt
			}
		}
	}
	if multi >= 0 {
		first := strings.TrimRight(rec.Message[:multi], " \r")
		if strings.TrimSpace(first) == "" {
			first, _, _ = strings.Cut(strings.TrimLeft(rec.Message, " \t\r\n"), "\n")
		}
		rec.Message = first
	}
	if len(rec.Frames) == 0 && len(h.frames) > 0 {
		rec.Frames = h.frames
	}
	if rec.Exception == "" && h.excType != "" {
		rec.Exception, rec.ExceptionMessage = h.excType, h.excMsg
	}
	if rec.ExceptionMessage == "" {
		if rec.ExceptionMessage = h.excMsg; rec.ExceptionMessage == "" && rec.Exception == "" {
			rec.ExceptionMessage = h.errText
		}
	}
	if e.tr.lang != langNone && e.tr.lang != langObject && !h.leveled {
		least := incident.SeverityError
		if e.tr.lang == langNative || e.tr.lang == langReport && e.tr.phase == phaseHash {
			least = incident.SeverityFatal
		}
		if rec.Exception == "panic" && e.tr.lang == langGo && !strings.HasPrefix(h.msg, "http:") || rec.Exception == "fatal error" {
			least = incident.SeverityFatal
		}
		if e.tr.lang == langAt && len(rec.Frames) == 0 && rec.Severity > incident.SeverityUnset && e.logical == 1 {
			least = rec.Severity
		}
		if e.tr.lang == langReport && rec.Exception == "" || (e.tr.lang == langPerl || e.tr.lang == langLua || e.tr.lang == langShell) && e.logical == 1 {
			least = rec.Severity // InnoDB's monitor reports when all is well, too, and warnings of Perl's look the same
		}
		rec.Severity = max(rec.Severity, least)
		if e.tr.lang == langPHP || strings.HasPrefix(h.msg, "http: panic") {
			rec.Severity = least // this ended one request
		}
	}
}

func (sr *stackReader) lines(s string) {
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		sr.add(strings.TrimRight(line, "\r"))
		s = rest
	}
}

// readObject reads a JSON object that was printed over several lines.
func (f *finisher) readObject(e *event) {
	var b strings.Builder
	b.WriteString(e.body + "\n")
	for i := range e.pieces {
		if !e.pieces[i].part {
			b.WriteString(e.pieces[i].body)
			b.WriteByte('\n')
		}
	}
	f.rd.ref = e.ref
	if !f.rd.readJSON(b.String(), &e.h) {
		e.h.msg = trimIndent(e.pieces[len(e.pieces)-1].body)
	}
}
