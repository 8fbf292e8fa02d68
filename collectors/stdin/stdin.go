// Package stdin collects lines from standard input, or any other stream that is read once.
//
// Such a stream can't be resumed: what was read and not taken in is gone, and a position says only how far the reading
// came. A restarted collector goes on with whatever the stream gives next.
package stdin

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/logwright/logwright/collectors"
)

// Stream, File and Service are what every batch of this collector carries.
const (
	Stream  = "stdin"
	File    = "-"
	Service = "stdin"
)

// Options are what a Collector gets from its surroundings. The zero value is ready for production.
type Options struct {
	// MaxLine is the length in bytes at which a line is cut, 1 MiB where 0.
	MaxLine int
	// Now is the clock, time.Now where nil.
	Now func() time.Time
}

// Collector reads one stream.
type Collector struct {
	r   io.Reader
	opt Options
}

var _ collectors.Collector = (*Collector)(nil)

// New makes a collector of r.
func New(r io.Reader, opts Options) *Collector { return &Collector{r: r, opt: opts} }

// Collect reads to the end of the stream or until ctx ends, and returns nil then. See collectors.Collector; from is not used.
// Reading is in a goroutine of its own, which ends when the read that is under way returns, or the next batch is refused.
func (c *Collector) Collect(ctx context.Context, from collectors.Cursor, emit func(collectors.Batch) error) error {
	return errors.New("stdin: reading is not built yet")
}
