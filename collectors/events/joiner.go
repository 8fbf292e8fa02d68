package events

import (
	"regexp"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// How lines are joined. Every line is first taken out of what transports put around it (container engine, syslog),
// which also tells its lane: the writer, as far as the transport knows it. Each lane has at most one unfinished event,
// and the next line of the lane either goes on with it or ends it:
//
//   - a line with a header of the application's own (a time stamp, a level, a JSON object) starts an event, unless the
//     event is a trace whose lines all carry that header and the message goes on with it;
//   - a blank line, or one indented deeper than the event's first, goes on;
//   - so does what the grammar of the trace expects (trace.go), and a trace right behind the error line that announces it;
//   - any other line without a header goes on with an event whose header has a time stamp, since in such a log a line
//     without one is the rest of a message; in a log without headers it is an event of its own, and so it is where a profile
//     says that the source has none, even if one blank stands in front of it.
//
// An event that waits is emitted as soon as a line of another lane comes, unless it is a trace or an error that a trace may
// still follow; then it waits for at most maxAge lines. So events come out in the order in which they end, which is the
// order of the lines wherever writers do not interleave. Lines within one lane whose header names another process
// or thread are told apart in the same way.
//
// What the Joiner knows depends on nothing but the lines of unfinished events, so a restored one goes on exactly.

const (
	maxLanes = 64  // unfinished events at a time
	maxAge   = 256 // lines of the stream after which an interrupted event is taken for finished
	maxLoose = 200 // lines without any sign of belonging that one event takes in
)

// Joiner makes events of the lines of one stream. It is not safe for concurrent use.
type Joiner struct {
	cfg   Config
	start *regexp.Regexp
	rd    reader
	fin   finisher
	arena arena

	groups []*group // with unfinished events, least recently used first
	cur    *group   // of the last line, nil where it was finished
	last   *group   // that the last line was put into, nil where it was finished: what a framed line goes on with
	seq    uint64
	bytes  int // of all unfinished events
	parked int

	lr     learner
	probe  reader // reads samples; what it knows of one says nothing of the next
	probed head

	why  reason // of the last decision of joins
	seen witness

	freeEvents []*event
	freeGroups []*group
}

// origin is what a collector said of a line.
type origin struct {
	offset int64
	meta   *Meta
	time   time.Time
	sev    incident.Severity
	ref    time.Time
}

// NewJoiner gives a Joiner for one stream. The error is the first of cfg.Validate's problems.
func NewJoiner(cfg Config) (*Joiner, error) {
	cfg, start, err := cfg.normal()
	if err != nil {
		return nil, err
	}
	return &Joiner{
		cfg: cfg, start: start, lr: newLearner(cfg.Format), fin: newFinisher(&cfg),
		rd:    reader{only: cfg.Format, loc: cfg.Location, explain: cfg.Explain, keys: &keyMemos{}},
		probe: reader{only: cfg.Format, loc: cfg.Location},
	}, nil
}

// SetReference says when the lines that follow were read: Batch.ReadAt. See Config.Reference.
func (j *Joiner) SetReference(t time.Time) { j.cfg.Reference = t }

// Pending says whether there is an unfinished event, or a line that is held back until its source's header is known.
func (j *Joiner) Pending() bool { return len(j.groups) > 0 || len(j.lr.held) > 0 }

// Add takes the next line of the stream and emits the events that are complete by it. Events come in the order in which
// they end. A Record is valid only during emit; Clone it to keep it. Everything is set but Source, File, and Service where
// no trusted field of the line names it. Until Settle the Joiner may hold on to l.Text.
func (j *Joiner) Add(l Line, emit func(*incident.Record)) { j.take(l, output{record: emit}) }

// take is Add and Join.
func (j *Joiner) take(l Line, out output) {
	if len(l.Text) > j.cfg.MaxLine {
		l.Text, l.Truncated = l.Text[:j.cfg.MaxLine], true
	}
	if ref := j.reference(&l); !j.lr.open || !j.study(&l, ref, out) {
		j.add(&l, ref, out)
	}
}

// add is Add for a line that is read now. ref is what dates it where it has no year.
func (j *Joiner) add(l *Line, ref time.Time, out output) {
	j.seq++
	text, more := l.Text, ""
	if !l.Plain {
		if k := strings.IndexByte(text, '\n'); k >= 0 { // a journal's message may have several lines
			text, more = text[:k], text[k+1:]
		}
	}
	e := j.newEvent()
	e.offset, e.meta, e.time, e.origin.sev, e.ref = l.Offset, l.Meta, l.Time, l.Severity, ref
	if l.Continues && j.last != nil {
		e.truncated = l.Truncated
		j.framed(j.last, e, piece{raw: text, body: text, num: l.Number})
		j.rest(j.last, more, l.Number)
		j.bound(out)
		return
	}
	j.rd.plain = l.Plain
	lane, body, partial := j.unwrap(text, e)
	j.rd.plain = false
	g := j.lane(lane, out)
	g.seq = j.seq
	p := piece{raw: text, body: body, num: l.Number}
	e.truncated = l.Truncated
	if partial || len(g.parts) > 0 {
		if len(g.parts) == 0 {
			g.first = e.origin
		}
		if p = j.part(g, p, partial); partial {
			j.release(e)
			j.last = nil
			j.bound(out)
			return
		}
	}
	if odd := j.readHeader(e, p); odd != 0 && len(g.parts) == 0 && j.lr.suspect(&e.h, odd) {
		j.release(e)
		if g.ev == nil {
			j.drop(g)
		}
		j.suspicion(l, ref)
		return
	}
	g = j.logical(g, e, p, out)
	j.last = g
	j.rest(g, more, l.Number)
	if len(j.groups) > 1 || j.bytes > j.cfg.MaxPending {
		j.bound(out)
	}
}

// rest takes the lines of a Text that has several.
func (j *Joiner) rest(g *group, more string, number int64) {
	for more != "" {
		line, rest, _ := strings.Cut(more, "\n")
		more = rest
		g.ev.begin()
		g.ev.tr.step(line)
		g.ev.notes.join(number, whyEntry, g.ev)
		j.extend(g, piece{raw: line, body: line, num: number})
	}
}

// framed takes a line that its source framed as a part of the entry before it: whatever it looks like, it goes on with the
// entry's event. It is read nevertheless, so that a trace in the entry is followed as anywhere else. Transports are not looked
// for: what looks like one is the writer's own text.
func (j *Joiner) framed(g *group, e *event, p piece) {
	j.rd.ref = e.ref
	j.readFirst(e, p.raw, p.body)
	g.ev.begin()
	joined := j.joins(g.ev, e, p)
	if joined && e.h.headed && !(g.ev.twoLine && g.ev.logical == 1) {
		p.body = indented(g.ev, e)
	}
	g.ev.lastHeaded = joined && e.h.headed
	g.ev.truncated = g.ev.truncated || e.truncated
	g.ev.notes.join(p.num, whyEntry, g.ev)
	g.seq = j.seq
	j.extend(g, p)
	j.release(e)
}

// reference is what dates the line's header where it has no year.
func (j *Joiner) reference(l *Line) time.Time {
	if !l.Time.IsZero() {
		return l.Time
	}
	return j.cfg.Reference
}

// unwrap takes the transports off and tells the lane.
func (j *Joiner) unwrap(text string, e *event) (lane, body string, partial bool) {
	j.rd.ref = e.ref
	h := &e.h
	h.sev = e.sev
	j.rd.known = e.meta != nil && e.meta.Writer != ""
	w := j.rd.unwrap(text, h)
	if e.notes != nil {
		e.notes.unwrapped(j.rd.layers, h, w.lane)
	}
	if !h.time.IsZero() && e.time.IsZero() {
		j.rd.ref = h.time
	}
	lane = w.lane
	if m := e.meta; m != nil {
		if m.Writer != "" {
			lane = m.Writer
		}
		if h.host == "" {
			h.host = m.Host
		}
		if h.pid == "" {
			h.pid = m.PID
		}
	}
	return lane, w.body, w.partial
}

// part takes a part of a split line. The last one gives the whole line, whose earlier parts stay pieces of their own.
func (j *Joiner) part(g *group, p piece, partial bool) piece {
	whole := ""
	if !partial {
		var b strings.Builder
		for i := range g.parts {
			b.WriteString(g.parts[i].body)
		}
		b.WriteString(p.body)
		whole = b.String()
		p.body = whole
		return p
	}
	if g.partLen += len(p.raw); g.partLen > j.cfg.MaxEvent {
		p.raw, p.body = "", "" // counted, not kept
	}
	j.keep(&p)
	g.parts = append(g.parts, p)
	j.bytes += len(p.raw) + pieceCost
	return p
}

// logical takes a whole line: p is its last physical one, the group's parts are those before. It gives the group that
// the line is in. The line's header was read.
func (j *Joiner) logical(g *group, e *event, p piece, out output) *group {
	if e.notes != nil {
		j.noteHeader(e, p.num)
	}
	if len(g.parts) > 0 {
		e.offset = g.first.offset
	}
	if e.h.headed {
		if j.parked > 0 {
			if o := j.resume(g, e, p, out); o != nil {
				j.release(e)
				return o
			}
		}
		if g.ev != nil && !sameWriter(&g.ev.h, &e.h) && g.ev.lastHeaded && g.ev.severity() >= incident.SeverityWarning && g.ev.open() && g.ev.tr.lang != langNone {
			g = j.park(g)
		}
	}
	if g.ev != nil && j.joins(g.ev, e, p) {
		if e.h.headed && !(g.ev.twoLine && g.ev.logical == 1) {
			p.body = indented(g.ev, e)
		}
		g.ev.notes.join(p.num, j.why, g.ev)
		g.ev.lastHeaded = e.h.headed
		g.ev.truncated = g.ev.truncated || e.truncated
		j.takeParts(g, g.ev)
		j.extend(g, p)
		j.release(e)
		return g
	}
	if g.ev != nil {
		g.ev.notes.over(p.num, j.why)
		j.emit(g, out)
	}
	e.logical, e.lastHeaded = 1, e.h.headed
	g.ev = e
	if len(g.parts) > 0 {
		e.notes.join(p.num, whyPart, e)
	}
	j.takeParts(g, e)
	before := e.bytes
	e.bytes += e.firstCost()
	e.put(piece{raw: p.raw, num: p.num, part: true}, j.cfg.MaxEvent)
	j.bytes += e.bytes - before
	return g
}

// readFirst reads body, the application's part of the line raw, as an event's first line.
func (j *Joiner) readFirst(e *event, raw, body string) {
	e.raw, e.body = raw, body
	e.indent = len(body) - len(trimIndent(body))
	j.rd.prof, j.rd.fit = e.prof, fitNone
	outer, transport := e.h.time, e.h.format == FormatSyslog
	j.rd.read(body, &e.h)
	if e.h.format != "" && e.h.leveled && e.h.sev == incident.SeverityInfo { // plain text is not PostgreSQL's
		e.h.postmaster()
	}
	if transport && !outer.IsZero() && !refines(e.h.time, outer) {
		e.h.time = outer // of a time within the message nobody knows what it is of
	}
}

// refines says whether t is the same second as outer, whose year may be a guess.
func refines(t, outer time.Time) bool {
	if t.Equal(outer) {
		return true
	}
	t, outer = t.UTC().Truncate(time.Second), outer.UTC()
	return outer.Nanosecond() == 0 && t.AddDate(outer.Year()-t.Year(), 0, 0).Equal(outer)
}

// takeParts makes the parts of a split line pieces of the event. The line as a whole is kept as the body of its last
// piece; for the first line of an event the parts come first, so the whole is found behind them.
func (j *Joiner) takeParts(g *group, e *event) {
	if len(g.parts) == 0 {
		return
	}
	if g.partLen > j.cfg.MaxEvent {
		e.truncated = true
	}
	for i := range g.parts {
		q := g.parts[i]
		j.bytes -= len(q.raw) + pieceCost
		q.part, q.body = true, ""
		e.notes.join(q.num, whyPart, e)
		before := e.bytes
		e.put(q, j.cfg.MaxEvent)
		j.bytes += e.bytes - before
	}
	clear(g.parts)
	g.parts, g.partLen = g.parts[:0], 0
}

// extend appends a line to the group's event.
func (j *Joiner) extend(g *group, p piece) {
	e := g.ev
	before := e.bytes
	e.logical++
	e.put(p, j.cfg.MaxEvent)
	j.bytes += e.bytes - before
}

// finish emits all that is unfinished of a group, and drops it.
func (j *Joiner) finish(g *group, out output) {
	if len(g.parts) > 0 {
		// the rest of a split line never came: what there is of it is the line
		last := g.parts[len(g.parts)-1]
		g.parts = g.parts[:len(g.parts)-1]
		j.bytes -= len(last.raw) + pieceCost
		e := j.newEvent()
		e.origin = g.first
		e.notes.unfinished()
		whole := j.part(g, last, false)
		j.unwrap(last.raw, e)
		j.cur = g
		j.readHeader(e, whole)
		j.logical(g, e, whole, out)
	}
	if g.ev != nil {
		j.emit(g, out)
	}
	j.drop(g)
}

// Flush emits what is unfinished: at the end of the input, or when the caller's clock says that the last event will not
// be continued.
func (j *Joiner) Flush(emit func(*incident.Record)) { j.flush(output{record: emit}) }

// flush is Flush and FlushJoined.
func (j *Joiner) flush(out output) {
	if len(j.lr.held) > 0 {
		j.decide(out)
	}
	for len(j.groups) > 0 {
		j.finish(j.groups[0], out)
	}
}

// emit emits the group's event.
func (j *Joiner) emit(g *group, out output) {
	e := g.ev
	g.ev = nil
	j.bytes -= e.bytes
	j.give(e, out)
}

func (j *Joiner) newEvent() *event {
	if n := len(j.freeEvents); n > 0 {
		e := j.freeEvents[n-1]
		j.freeEvents = j.freeEvents[:n-1]
		e.notes = j.newNotes()
		return e
	}
	return &event{notes: j.newNotes()}
}

func (j *Joiner) release(e *event) {
	if len(j.freeEvents) < 8 && cap(e.pieces) <= 256 {
		e.reset()
		j.freeEvents = append(j.freeEvents, e)
	}
}
