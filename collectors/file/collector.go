package file

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/logwright/logwright/collectors"
)

// Options are what a Collector gets from its surroundings. The zero value is ready for production.
type Options struct {
	// Logger takes messages for the operator; nil discards them.
	Logger *slog.Logger
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// Wake, where not nil, takes the place of timers: the collector looks at everything each time it receives, and not
	// otherwise but when inotify tells of a change. For tests.
	Wake <-chan struct{}
	// Idle, where not nil, is called from Collect's goroutine whenever everything there is was read and it is about to
	// wait. For tests.
	Idle func()
}

// Collector reads the files of one source. It can be used again after Collect has returned.
type Collector struct {
	cfg Config
	log *slog.Logger
	now func() time.Time
	opt Options
}

var _ collectors.Collector = (*Collector)(nil)

// New makes a collector. The error lists what Validate finds.
func New(cfg Config, opts Options) (*Collector, error) {
	if ps := cfg.Validate(); len(ps) > 0 {
		var msgs []string
		for _, p := range ps {
			m := p.Message
			if p.Path != "" {
				m = p.Path + ": " + m
			}
			msgs = append(msgs, m)
		}
		return nil, errors.New("file source: " + strings.Join(msgs, "; "))
	}
	c := &Collector{cfg: cfg.WithDefaults(), log: opts.Logger, now: opts.Now, opt: opts}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Collect follows the files until ctx ends, or with Once reads them to their ends. See collectors.Collector. With Once, the
// error also names files of Include that can't be read, after all others were.
func (c *Collector) Collect(ctx context.Context, from collectors.Cursor, emit func(collectors.Batch) error) error {
	if c.cfg.Once {
		return c.once(ctx, from, emit)
	}
	return c.follow(ctx, from, emit)
}
