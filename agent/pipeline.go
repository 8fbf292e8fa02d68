package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

// patience is how many times longer an unfinished event is waited for where its lines may be on their way.
const patience = 15

// contextLines is how many lines before an event are kept with a sample of it.
const contextLines = 5

// A sample of a cluster is kept for each of its first events, and then once a while so that the last ones are known too.
const (
	firstSamples = 3
	sampleEvery  = time.Minute
	maxSampled   = 1 << 14
)

// maxUnits is how many units' services are remembered for one stream.
const maxUnits = 4096

// pipelineConfig is what turns lines into counted clusters.
type pipelineConfig struct {
	// threshold is the least severity that makes an event a problem.
	threshold incident.Severity
	// serviceOf names the service of a file and a trusted unit.
	serviceOf func(file, unit string) string
	// joiner gives the configuration of a source's joiners.
	joiner func(source string) events.Config
	// watch counts what each service writes, by the time of its lines, and takes requests that failed for what they are:
	// problems by their rate, and not one by one. It is for the daemon.
	watch bool
	// dateless leaves events without a time of their own undated instead of dating them by when they were read.
	dateless bool
	// observe, where set, is called with every event: its record (valid during the call) and its cluster.
	observe func(r *incident.Record, ref cluster.Ref)
	// only, where set, is called with every event instead of clustering and counting it.
	only func(r *incident.Record)
	// hand, where set, is given every event instead of its being read to its end and counted on the spot: a whole input is read
	// with the joiner and the clusterer on cores of their own.
	hand *handover
}

// pipeline turns batches of lines into a step: what they change. It keeps the joiners of all streams and the clusterer.
// It does no I/O and is not safe for concurrent use.
//
// The pipeline may be ahead of the store by one step at most. Whoever drives it commits each step before taking the next
// batch, and throws the pipeline away where a commit is given up.
type pipeline struct {
	cfg      pipelineConfig
	clusters *cluster.Clusterer
	streams  map[streamKey]*stream
	sampled  map[cluster.Ref]sampled
}

type streamKey struct{ source, id string }

// stream is one file or journal as the pipeline sees it.
type stream struct {
	source, id, file string
	// service is the name to use where a line's Meta names none.
	service string
	// units caches serviceOf by the lines' own service.
	units map[string]string
	join  *events.Joiner
	// tail holds the last lines of the batch before, for the context of events at the start of the next.
	tail []incident.Context
	// position is the last committed or about to be committed position.
	position []byte
	// behind says that what is read was not written just now, for all that is known: the stream is new, began anew, or goes on
	// after a pause. An event without a time of its own then says nothing about when it happened.
	// caughtUp says that nothing waited behind the last batch: the next one was written since.
	behind, caughtUp bool
	// readAt is when the last lines were read; more that others wait right behind them, or may.
	readAt time.Time
	more   bool
}

type sampled struct {
	n    int
	last time.Time
}

func newPipeline(cfg pipelineConfig, clusters *cluster.Clusterer) *pipeline {
	return &pipeline{
		cfg: cfg, clusters: clusters, streams: map[streamKey]*stream{}, sampled: map[cluster.Ref]sampled{},
	}
}

// restore puts back a stream as the store kept it. now is when: the stream's collector has to look at it first. Where the
// pending lines can't be read they are lost, and the error says so; the position holds all the same, or all that was
// counted would be read again.
func (p *pipeline) restore(now time.Time, source, id, file string, position, pending []byte) error {
	join, err := events.NewJoiner(p.cfg.joiner(source))
	if err != nil {
		return fmt.Errorf("source %s: %w", source, err)
	}
	var lost error
	if len(pending) > 0 {
		if err := join.Restore(pending); err != nil {
			lost = fmt.Errorf("the pending lines of %s (source %s): %w", file, source, err)
			if join, err = events.NewJoiner(p.cfg.joiner(source)); err != nil {
				return err
			}
		}
	}
	s := &stream{source: source, id: id, join: join, position: position, readAt: now, more: true, behind: true}
	p.name(s, file, "")
	p.streams[streamKey{source, id}] = s
	return lost
}

func (p *pipeline) stream(source string, b *collectors.Batch) (*stream, error) {
	k := streamKey{source, b.Stream}
	s := p.streams[k]
	if s == nil {
		join, err := events.NewJoiner(p.cfg.joiner(source))
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", source, err)
		}
		s = &stream{source: source, id: b.Stream, join: join, behind: true}
		p.streams[k] = s
	}
	if s.units == nil || s.file != b.File {
		p.name(s, b.File, b.Service)
	}
	return s, nil
}

// name says what a stream is called now. service is for where the file's name gives none.
func (p *pipeline) name(s *stream, file, service string) {
	s.file, s.units = file, map[string]string{}
	if s.service = p.cfg.serviceOf(file, ""); s.service == "" {
		s.service = service
	}
}

// take runs the lines of one batch through joiner and clusterer, into st.
func (p *pipeline) take(source string, b *collectors.Batch, st *step) error {
	s, err := p.stream(source, b)
	if err != nil {
		return err
	}
	s.readAt, s.more = b.ReadAt, b.More
	s.behind = s.behind && !s.caughtUp || len(b.Lines) > 0 && b.Lines[0].Number == 1 // from the top: truncated, or another file
	s.caughtUp = !b.More
	s.join.SetReference(b.ReadAt)
	for _, g := range b.Gaps {
		g.Source = source
		st.gaps = append(st.gaps, g)
	}
	p.join(s, b, b.Lines, b.Ended, st)
	s.join.Settle()
	s.keepTail(b)
	s.position = b.Position
	if b.Ended && b.Position == nil {
		delete(p.streams, streamKey{source, b.Stream})
		st.forget(source, b.Stream)
		return nil
	}
	st.touch(s)
	return nil
}

// join joins lines of a stream, of the batch b, and counts the events that they complete, or hands them over to who does; b is nil
// where there are no more lines. ended says that the stream ends behind them: what is unfinished is complete.
func (p *pipeline) join(s *stream, b *collectors.Batch, lines []events.Line, ended bool, st *step) {
	if h := p.cfg.hand; h != nil {
		place := func() *events.Joined { return h.place(s, b) }
		for i := range lines {
			s.join.Join(lines[i], place)
		}
		if ended {
			s.join.FlushJoined(place)
		}
		return
	}
	emit := func(r *incident.Record) { p.event(s, b, r, st) }
	for i := range lines {
		s.join.Add(lines[i], emit)
	}
	if ended {
		s.join.Flush(emit)
	}
}

// flushIdle ends the pending events of every stream that has read nothing for longer than idle, into st. Where more lines are
// known to come, or the collector has not come to the stream yet after a start, it waits for much longer: an event cut
// in two would be counted as two.
func (p *pipeline) flushIdle(now time.Time, idle time.Duration, st *step) {
	for _, s := range p.streams {
		wait := idle
		if s.more {
			wait *= patience
		}
		if now.Sub(s.readAt) > wait && s.join.Pending() {
			p.join(s, nil, nil, true, st)
			st.touch(s)
		}
	}
}

// event completes one event of a stream and counts it.
func (p *pipeline) event(s *stream, b *collectors.Batch, r *incident.Record, st *step) {
	r.Source, r.File = s.source, s.file
	r.Service = s.serviceFor(p, r.Service)
	when, dated := s.happened(r), !r.Time.IsZero()
	if !dated && !p.cfg.dateless {
		r.Time = s.readAt
	}
	near := neighbours{tail: s.tail}
	if b != nil {
		near.lines = b.Lines
	}
	if p.cfg.watch {
		alive := s.readAt
		if s.behind && dated && r.Time.Before(alive) {
			alive = r.Time // an old line is no sign of life now
		}
		st.flows.add(r, when, alive)
	}
	p.countAt(r, near, st, when)
}

// futureMost is how far ahead of its reader a line's time may be and still be believed.
const futureMost = time.Minute

// happened gives when an event is to be counted: the time it says, else when it was read; zero where that says nothing.
func (s *stream) happened(r *incident.Record) time.Time {
	switch {
	case !r.Time.IsZero() && r.Time.Sub(s.readAt) <= futureMost:
		return r.Time
	case s.behind:
		return time.Time{}
	}
	return s.readAt
}

// count clusters and counts one event. It touches nothing of a stream: it may run beside the joiner.
func (p *pipeline) count(r *incident.Record, near neighbours, st *step) {
	p.countAt(r, near, st, r.Time)
}

// countAt is count of an event that happened at a time, for the baselines; zero where nobody knows.
func (p *pipeline) countAt(r *incident.Record, near neighbours, st *step, when time.Time) {
	if p.cfg.only != nil {
		p.cfg.only(r)
		return
	}
	hit := p.clusters.Add(r)
	if p.cfg.watch && isRequest(r) {
		st.request(hit.Ref, r)
	} else {
		st.count(hit.Ref, r, r.Severity >= p.cfg.threshold, when)
	}
	if r.Severity >= incident.SeverityWarning && (p.wantSample(hit.Ref, r.Time) || st.bare(hit.Ref)) {
		st.sample(hit.Ref, incident.Sample{Record: *r.Clone(), Before: near.before(r)})
	}
	if p.cfg.observe != nil {
		p.cfg.observe(r, hit.Ref)
	}
}

// serviceFor gives the service of an event whose line's Meta names unit ("" where it names none).
func (s *stream) serviceFor(p *pipeline, unit string) string {
	if unit == "" {
		return s.service
	}
	name, ok := s.units[unit]
	if !ok {
		name = p.cfg.serviceOf(s.file, unit)
		if len(s.units) >= maxUnits {
			clear(s.units) // sessions and timers have a unit each time; they are soon asked for again
		}
		s.units[strings.Clone(unit)] = name
	}
	return name
}

// wantSample says whether an event of ref at t is worth keeping whole.
func (p *pipeline) wantSample(ref cluster.Ref, t time.Time) bool {
	k, ok := p.sampled[ref]
	if k.n >= firstSamples && t.Sub(k.last) < sampleEvery {
		return false
	}
	if !ok && len(p.sampled) >= maxSampled {
		clear(p.sampled) // a few samples too many cost less than a map without end
	}
	p.sampled[ref] = sampled{k.n + 1, t}
	return true
}

// neighbours are the lines around an event: those of its batch, and the last of the batch before.
type neighbours struct {
	tail  []incident.Context
	lines []events.Line
}

// before gives the lines that stand before r in its file, oldest first. Only numbered lines have neighbours worth showing:
// in a journal the entry before is somebody else's.
func (near neighbours) before(r *incident.Record) []incident.Context {
	if r.FirstLine <= 1 {
		return nil
	}
	from := r.FirstLine - contextLines
	out := make([]incident.Context, 0, contextLines)
	for _, c := range near.tail {
		if c.Line >= from && c.Line < r.FirstLine {
			out = append(out, c)
		}
	}
	if len(near.lines) == 0 || near.lines[0].Number == 0 {
		return out
	}
	first := near.lines[0].Number
	for n := max(from, first); n < r.FirstLine && n-first < int64(len(near.lines)); n++ {
		if l := &near.lines[n-first]; l.Number == n {
			out = append(out, contextOf(r.File, l))
		}
	}
	return out
}

// keepTail remembers the last lines of b. They are copied: the batch's buffer is large and about to be used again.
func (s *stream) keepTail(b *collectors.Batch) {
	if len(b.Lines) == 0 || b.Lines[0].Number == 0 {
		return
	}
	n := min(len(b.Lines), contextLines)
	keep := s.tail
	if len(keep)+n > contextLines {
		keep = keep[len(keep)+n-contextLines:]
	}
	next := append(make([]incident.Context, 0, contextLines), keep...)
	for i := len(b.Lines) - n; i < len(b.Lines); i++ {
		next = append(next, contextOf(s.file, &b.Lines[i]))
	}
	s.tail = next
}

// contextBytes is how much of a neighbouring line is kept.
const contextBytes = 512

func contextOf(file string, l *events.Line) incident.Context {
	return incident.Context{File: file, Line: l.Number, Text: strings.Clone(incident.CutText(l.Text, contextBytes))}
}
