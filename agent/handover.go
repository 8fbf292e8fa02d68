package agent

import (
	"slices"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors/events"
)

// A handover takes the events of a one-shot command from the goroutine that joins lines to one that clusters and counts
// them, in their order. Events are copied into batches, whose memory is used again and again: the strings of a Record are
// never written again, only its struct and its slices are. What is under way is bounded in number and in bytes, so a
// clusterer that is slower holds the joiner back.
//
// The daemon does without: there an event and its position are kept in one transaction.
type handover struct {
	full  chan handed
	spare chan []incident.Record
	ended chan struct{}
	cfg   *pipelineConfig

	cur   handed
	bytes int
}

// handed is some events of one batch of lines.
type handed struct {
	records []incident.Record
	near    neighbours
	// lines are to be given back when the events are counted; nil where more events of the same lines may come.
	lines []events.Line
}

// Bounds of what is under way: events of handedEvents or handedBytes at a time, and handedAhead of those before the
// joiner has to wait.
const (
	handedEvents = 256
	handedBytes  = 256 << 10
	handedAhead  = 2
)

// startHandover has the events of p counted into st by a goroutine of its own, until stop. done is called there with lines
// that are not needed any more.
func startHandover(p *pipeline, st *step, done func([]events.Line)) *handover {
	h := &handover{
		full: make(chan handed, handedAhead), spare: make(chan []incident.Record, handedAhead+2),
		ended: make(chan struct{}), cfg: &p.cfg,
	}
	p.cfg.hand = h.put
	go func() {
		defer close(h.ended)
		for b := range h.full {
			for i := range b.records {
				p.count(&b.records[i], b.near, st)
			}
			if b.records != nil {
				clear(b.records) // or a few of them would hold on to large events for long
				select {
				case h.spare <- b.records[:0]:
				default:
				}
			}
			if b.lines != nil {
				done(b.lines)
			}
		}
	}()
	return h
}

// put takes one event, valid during the call only.
func (h *handover) put(r *incident.Record, near neighbours) {
	if h.cur.records == nil {
		select {
		case h.cur.records = <-h.spare:
		default:
			h.cur.records = make([]incident.Record, 0, handedEvents)
		}
	}
	h.cur.near = near // the same for all events of one batch of lines
	h.cur.records = append(h.cur.records, *r)
	if len(r.Frames) > 0 || len(r.Lines) > 0 || len(r.Steps) > 0 {
		own := &h.cur.records[len(h.cur.records)-1]
		own.Frames, own.Lines, own.Steps = slices.Clone(r.Frames), slices.Clone(r.Lines), slices.Clone(r.Steps)
	}
	h.bytes += len(r.Raw)
	if len(h.cur.records) == handedEvents || h.bytes >= handedBytes {
		h.send(nil)
	}
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
