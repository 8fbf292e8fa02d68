package agent

import (
	"fmt"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

// A handover takes the events of a one-shot command from the goroutine that joins lines to one that reads them to their end,
// clusters and counts them, in their order. Events go over in batches, whose memory is used again. What is under way is bounded
// in number and in bytes, so a clusterer that is slower holds the joiner back. What was counted is let go of before its memory
// waits to be used again: an event or a line that nobody needs would hold on to all the text that was read with it.
//
// The daemon does without: there an event and its position are kept in one transaction.
type handover struct {
	// What is here is the joiner's: the goroutine that counts has none of it but the channels, which it reads once for a batch.
	// What one core writes with each event must not lie beside what another reads with each.
	full  chan handed
	spare chan []events.Joined
	ended chan struct{}
	cfg   *pipelineConfig

	_     [cacheLine]byte
	cur   handed
	bytes int
	_     [cacheLine]byte
}

// cacheLine is how far apart two cores' memory must be. Processors fetch lines of 64 bytes in pairs.
const cacheLine = 128

// handed is some events of one batch of lines.
type handed struct {
	events                []events.Joined
	source, file, service string
	near                  neighbours
	// lines are to be given back when the events are counted; nil where more events of the same lines may come.
	lines []events.Line
}

// Bounds of what is under way: events of handedEvents or handedBytes at a time, and handedAhead of those before the
// joiner has to wait.
const (
	handedEvents = 512
	handedBytes  = 256 << 10
	handedAhead  = 6
)

// startHandover has the events of a source, which p joins, counted into st by a goroutine of its own, until stop. done is called
// there with lines that are not needed any more.
func startHandover(p *pipeline, source string, st *step, done func([]events.Line)) (*handover, error) {
	finish, err := events.NewFinisher(p.cfg.joiner(source))
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", source, err)
	}
	h := &handover{
		full: make(chan handed, handedAhead), spare: make(chan []events.Joined, handedAhead+2),
		ended: make(chan struct{}), cfg: &p.cfg,
	}
	p.cfg.hand = h
	go func() {
		defer close(h.ended)
		for b := range h.full {
			h.count(p, finish, &b, st)
			if b.lines != nil {
				clear(b.lines)
				done(b.lines)
			}
		}
	}()
	return h, nil
}

// count reads, clusters and counts what was handed over.
func (h *handover) count(p *pipeline, finish *events.Finisher, b *handed, st *step) {
	for i := range b.events {
		r := finish.Record(&b.events[i])
		r.Source, r.File = b.source, b.file
		if r.Service == "" {
			r.Service = b.service
		} else { // a unit's, of which files have none
			r.Service = p.cfg.serviceOf(b.file, r.Service)
		}
		p.count(r, b.near, st)
	}
	finish.Settle()
	if b.events != nil {
		clear(b.events)
		select {
		case h.spare <- b.events:
		default:
		}
	}
}

// place gives where the next event of a stream goes, of the lines of a batch, if there is one.
func (h *handover) place(s *stream, b *collectors.Batch) *events.Joined {
	if n := len(h.cur.events); n > 0 {
		if h.bytes += h.cur.events[n-1].Bytes(); n == handedEvents || h.bytes >= handedBytes {
			h.send(nil)
		}
	}
	if h.cur.events == nil {
		select {
		case used := <-h.spare:
			h.cur.events = used[:0]
		default:
			h.cur.events = make([]events.Joined, 0, handedEvents)
		}
		h.cur.source, h.cur.file, h.cur.service, h.cur.near = s.source, s.file, s.service, neighbours{tail: s.tail}
		if b != nil {
			h.cur.near.lines = b.Lines
		}
	}
	h.cur.events = h.cur.events[:len(h.cur.events)+1]
	return &h.cur.events[len(h.cur.events)-1]
}

// done says that all events of a batch of lines have been put.
func (h *handover) done(lines []events.Line) { h.send(lines) }

func (h *handover) send(lines []events.Line) {
	h.cur.lines = lines
	h.full <- h.cur
	h.cur, h.bytes = handed{}, 0
}

// stop waits until all events are counted. The pipeline counts on the spot again.
func (h *handover) stop() {
	h.send(nil)
	close(h.full)
	<-h.ended
	h.cfg.hand = nil
}
