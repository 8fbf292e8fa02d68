// Package collectors is where logs come in. Each collector reads one kind of source, gives lines in batches, and keeps no
// state but the Cursor, which is committed by whoever takes the batch in, in the same transaction as what became of its
// lines. That is what makes a killed process neither lose nor double a line.
//
// What the lines mean is not decided here: see collectors/events.
package collectors

import (
	"context"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors/events"
)

// Collector reads one source.
type Collector interface {
	// Collect sends batches until ctx ends or, for a source that ends (standard input, `diagnose FILE`), until the end;
	// then it returns nil. from is where each stream was left, nil at the first start. emit is called from one goroutine
	// at a time. A nil from emit means the batch was taken in for good and its positions are committed; an error means it
	// was not, and Collect returns it. emit may block: that is backpressure, and no collector buffers more than a
	// bounded amount while it does.
	Collect(ctx context.Context, from Cursor, emit func(Batch) error) error
}

// Cursor says where each stream of a source was left: stream id to the collector's own, opaque position.
// A stream is one file (by what it is, not by its name), or a journal.
type Cursor map[string][]byte

// Batch is some lines of one stream, in order, and the position after them.
type Batch struct {
	// Stream is the stream's id: stable across restarts and renames, unique within the source.
	Stream string
	// File is the path to show for the stream now ("journal", "-").
	File string
	// Service is the name to use where neither the operator's match nor a line's Meta gives one: the file's stem
	// without rotation suffix, or "stdin".
	Service string
	// Lines may be empty: a batch may only move or end a stream. Valid until emit returns.
	Lines []events.Line
	// Position is committed with the lines. Nil together with Ended forgets the stream.
	Position []byte
	// More says that the collector knows of more lines of the stream that come right away: an event that waits for its next
	// line must not be ended because time passes.
	More bool
	// Ended says that no more lines will ever come of this stream: what is pending is to be flushed.
	Ended bool
	// Gaps are stretches that may have been missed just before these lines.
	Gaps []incident.Gap
	// ReadAt is when the lines were read, by the collector's clock; it dates lines that have no time of their own.
	ReadAt time.Time
}
