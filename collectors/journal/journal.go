// Package journal reads systemd's journal: the host's, live, or a directory of journal files. It selects by unit, identifier,
// priority and boot, goes on after a restart where it was committed, and keeps the fields that journald itself vouches for
// apart from those that a writer can forge.
package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

// How the journal is read, and why so.
//
// The journal is read through journalctl, which knows every version of the file format, every compression, and which files are
// there. It runs as a child in a process group of its own, is started again when it dies, and is told where to go on.
//
// Where to go on is the cursor of the last entry that was taken in. It is passed with --cursor, which includes that entry, and the
// entry is then passed over only if it is really the same one: --after-cursor of older versions passes over whatever comes
// first, which is an entry never read if the last one was vacuumed away or no longer matches the selection.
//
// What was missed is said. Before reading goes on, journalctl is asked without any selection whether the last entry is still there; if not,
// there is a hole. And since journald numbers its entries, a number left out shows entries that were vacuumed under a slow reader, or lost
// in a damaged file, which journalctl skips without a word. Numbers can be compared only where journalctl is asked for everything.
//
// The selection by unit is on _SYSTEMD_UNIT, and on what process 1 says of a unit. journalctl's own --unit is not used: it also takes
// entries that merely name a unit in a field.

const (
	stream      = "journal" // the stream's id, and what is shown as its file and its service of last resort
	batchLines  = 2048
	batchBytes  = 1 << 20
	batchSkips  = 4096                   // entries passed over before the position is committed for their sake alone
	linger      = 100 * time.Millisecond // how long a batch waits for more
	retryMin    = 500 * time.Millisecond
	retryMax    = 30 * time.Second
	onceRetries = 3
	maxHoles    = 100 // gaps recorded for missing numbers by one Collector
)

// Collector reads one journal. It implements collectors.Collector.
type Collector struct {
	cfg    Config
	cmd    command
	log    *slog.Logger
	now    func() time.Time
	filter filter
	common []string   // what journalctl is asked to select in any case
	either [][]string // of these one has to hold as well, where there are any
	min    time.Duration
	max    time.Duration

	metas     metas
	sequences sequences
	holes     int
}

var _ collectors.Collector = (*Collector)(nil)

// New makes a Collector. It fails on a configuration that Validate finds fault with, and where journalctl is not installed;
// whether there is a journal to read shows later, since one may come.
func New(cfg Config, opts Options) (*Collector, error) {
	if ps := cfg.Validate(); len(ps) > 0 {
		return nil, fmt.Errorf("source %q: %s: %s", cfg.Name, ps[0].Path, ps[0].Message)
	}
	bin, err := lookup(opts.Journalctl)
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", cfg.Name, err)
	}
	c := &Collector{cfg: cfg, log: opts.Logger, now: opts.Now, min: opts.RetryMin, max: opts.RetryMax}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.log = c.log.With("source", cfg.Name)
	if c.now == nil {
		c.now = time.Now
	}
	if c.min == 0 {
		c.min = retryMin
	}
	if c.max == 0 {
		c.max = max(retryMax, c.min)
	}
	if c.cfg.MaxLine == 0 {
		c.cfg.MaxLine = DefaultMaxLine
	}
	c.cmd = command{path: bin, directory: cfg.Directory, logger: c.log}
	c.selectEntries()
	c.filter.self, c.filter.since = opts.Self, c.now()
	if cfg.Directory == "" {
		c.filter.machine = firstLine("/etc/machine-id")
	}
	return c, nil
}

// selectEntries shares the selection out between journalctl, which has an index, and the filter.
func (c *Collector) selectEntries() {
	prio, _ := priorityNumber(c.cfg.Priority)
	c.filter.priority = prio
	// An entry without PRIORITY counts as info, but a match on PRIORITY would leave it out.
	if prio < priorityInfo {
		for p := range prio + 1 {
			c.common = append(c.common, fmt.Sprintf("PRIORITY=%d", p))
		}
	}
	globs := false
	units := make([]string, len(c.cfg.Units))
	for i, u := range c.cfg.Units {
		units[i] = mangleUnit(u)
		globs = globs || strings.ContainsAny(u, "*?[\\")
	}
	for _, id := range c.cfg.Identifiers {
		c.common = append(c.common, "SYSLOG_IDENTIFIER="+id)
	}
	switch {
	case len(units) == 0:
	case globs:
		c.filter.units = units
	default:
		for _, u := range units {
			c.either = append(c.either, []string{"_SYSTEMD_UNIT=" + u}, []string{"_PID=1", "_SYSTEMD_UNIT=init.scope", "UNIT=" + u})
		}
	}
}

// matches gives the selection as journalctl takes it: different fields all have to match, one of several values of a field,
// and "+" stands between whole alternatives.
func (c *Collector) matches(boot string) []string {
	common := c.common
	if boot != "" {
		common = append(slices.Clip(common), "_BOOT_ID="+boot)
	}
	if len(c.either) == 0 {
		return common
	}
	var out []string
	for i, m := range c.either {
		if i > 0 {
			out = append(out, "+")
		}
		out = append(append(out, common...), m...)
	}
	return out
}

// Collect reads until ctx ends; with Config.Once to the end of the journal.
func (c *Collector) Collect(ctx context.Context, from collectors.Cursor, emit func(collectors.Batch) error) error {
	r := &run{c: c, emit: emit}
	if b := from[stream]; b != nil {
		p, err := decodePosition(b)
		if err != nil {
			return fmt.Errorf("source %q: %w", c.cfg.Name, err)
		}
		r.committed, r.known = p, true
	}
	delay, failures := c.min, 0
	for {
		r.progress = false
		err := r.once(ctx)
		var refused emitError
		if errors.As(err, &refused) {
			return refused.error
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err == nil && c.cfg.Once:
			return emit(collectors.Batch{
				Stream: stream, File: stream, Service: stream, Position: r.committed.encode(), Ended: true, ReadAt: c.now(),
			})
		}
		if r.progress {
			delay, failures = c.min, 0
		}
		failures++
		if c.cfg.Once && failures >= onceRetries {
			return fmt.Errorf("source %q: %w", c.cfg.Name, err)
		}
		c.log.Warn("the journal's reader ended and is started again", "error", err, "in", delay)
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		delay = min(2*delay, c.max)
	}
}

// emitError marks an error of emit, which ends Collect.
type emitError struct{ error }

// run is one call of Collect.
type run struct {
	c    *Collector
	emit func(collectors.Batch) error

	committed position // taken in by emit
	known     bool     // false until there is a position
	progress  bool     // something was emitted since journalctl was started

	lines []events.Line
	bytes int
	gaps  []incident.Gap
	last  string // cursor of the last entry that was looked at, "" where that is the committed one
	skips int
	whole bool // journalctl was asked for every entry
	ahead bool // the last batch said that more comes
}

// flush hands over what there is. more says that entries are known to come right behind: a trace that a service prints line
// by line must not be taken for finished between two batches of a backlog, however long it takes to get through it.
func (r *run) flush(more bool) error {
	p := r.committed
	if r.last != "" {
		p = position{Cursor: r.last}
	}
	r.ahead = more
	return r.commit(p, more)
}

// commit hands over what there is and moves to p.
func (r *run) commit(p position, more bool) error {
	err := r.emit(collectors.Batch{
		Stream: stream, File: stream, Service: stream, Lines: r.lines, Gaps: r.gaps, Position: p.encode(), More: more, ReadAt: r.c.now(),
	})
	if err != nil {
		return emitError{err}
	}
	clear(r.lines)
	r.committed, r.known, r.progress = p, true, true
	r.lines, r.bytes, r.gaps, r.last, r.skips = r.lines[:0], 0, nil, "", 0
	return nil
}

// gap notes a hole just before what is read next.
func (r *run) gap(at time.Time, reason string) error {
	if len(r.lines) > 0 {
		if err := r.flush(true); err != nil {
			return err
		}
	}
	if at.IsZero() {
		at = r.c.now()
	}
	r.c.log.Warn("journal entries may have been missed", "reason", reason)
	r.gaps = append(r.gaps, incident.Gap{Source: r.c.cfg.Name, File: stream, At: at, Reason: reason})
	return nil
}

// once runs journalctl once and reads what it says until it ends.
func (r *run) once(ctx context.Context) error {
	r.lines, r.bytes, r.gaps, r.last, r.skips, r.ahead = r.lines[:0], 0, nil, "", 0, false
	if err := r.locate(ctx); err != nil {
		return err
	}
	boot, err := r.c.boot(ctx)
	if err != nil {
		return err
	}
	matches := r.c.matches(boot)
	r.whole = len(matches) == 0
	args := []string{"--lines=all"}
	if !r.c.cfg.Once {
		args = append(args, "--follow")
	}
	if r.committed.Cursor != "" {
		args = append(args, "--cursor="+r.committed.Cursor)
	}
	r.c.sequences.seed(r.committed)
	p, err := r.c.cmd.start(ctx, append(args, matches...)...)
	if err != nil {
		return err
	}
	rerr := r.read(p.out)
	if errors.Is(rerr, io.EOF) {
		rerr = nil
	}
	var werr error
	if rerr != nil {
		_ = p.stop() // it was killed because of rerr
	} else {
		werr = p.wait()
	}
	var refused emitError
	if errors.As(rerr, &refused) || ctx.Err() != nil {
		return errors.Join(rerr, ctx.Err())
	}
	// What was read whole before the end stays read.
	if len(r.lines) > 0 || r.skips > 0 || len(r.gaps) > 0 || r.ahead {
		if err := r.flush(false); err != nil {
			return err
		}
	}
	return errors.Join(rerr, werr)
}

// locate finds where to begin, and what is missing since.
func (r *run) locate(ctx context.Context) error {
	if !r.known {
		if r.c.cfg.Start == "beginning" || r.c.cfg.Once && r.c.cfg.Start == "" {
			r.known = true
			return nil
		}
		// Committed at once: what comes between now and the first entry of interest must not be lost by a crash.
		return r.tail(ctx)
	}
	if r.committed.Cursor == "" {
		return nil
	}
	first, _, ok, err := r.c.cmd.one(ctx, "--cursor="+r.committed.Cursor)
	switch {
	case err != nil && strings.Contains(err.Error(), "Failed to seek to cursor"):
		if err := r.gap(time.Time{}, "the journal does not know the entry that was read last"); err != nil {
			return err
		}
		return r.tail(ctx)
	case err != nil:
		return err
	case !ok:
		// Nothing is as late as what was read: the journal was wiped, or is another, or the clock was set back. Waiting for
		// the cursor's time to come could take years.
		if err := r.gap(time.Time{}, "the journal ends before the entry that was read last"); err != nil {
			return err
		}
		return r.tail(ctx)
	case first == r.committed.Cursor:
		return nil
	}
	reason := "journal entries were removed before they were read"
	was, ok1 := sequenceOf(r.committed.Cursor)
	is, ok2 := sequenceOf(first)
	switch {
	case ok1 && ok2 && was.id == is.id && is.number == was.number+1:
		// Only entries that were read are gone.
		return r.commit(position{Cursor: first, Next: true}, true)
	case ok1 && ok2 && was.id == is.id && is.number > was.number:
		reason = fmt.Sprintf("%d journal entries were removed before they were read", is.number-was.number-1)
	}
	if err := r.gap(time.Time{}, reason); err != nil {
		return err
	}
	return r.commit(position{Cursor: first, Next: true}, true)
}

// tail commits the journal's end as the place to begin.
func (r *run) tail(ctx context.Context) error {
	cursor, _, _, err := r.c.cmd.one(ctx)
	if err != nil {
		return err
	}
	return r.commit(position{Cursor: cursor}, false)
}

// boot gives the id of the boot to read, "" for all. It goes into the matches since --boot and --merge exclude each other.
func (c *Collector) boot(ctx context.Context) (string, error) {
	switch {
	case c.cfg.Boot != "current":
		return "", nil
	case c.cfg.Directory == "":
		return strings.ReplaceAll(firstLine("/proc/sys/kernel/random/boot_id"), "-", ""), nil
	}
	_, id, _, err := c.cmd.one(ctx)
	return id, err
}

// read takes entries in until the stream ends or an emit fails.
func (r *run) read(out *os.File) error {
	x := newExportReader(out)
	e := entry{maxMessage: r.c.cfg.MaxLine}
	// The entry that was read last is passed over if it comes first.
	pass := r.committed.Cursor
	if r.committed.Next {
		pass = ""
	}
	for {
		if (len(r.lines) > 0 || r.ahead) && x.r.Buffered() == 0 {
			idle, err := waitFor(out, x.r)
			if err != nil {
				return err
			}
			if idle {
				if err := r.flush(false); err != nil {
					return err
				}
			}
		}
		e.reset()
		if err := x.next(&e); err != nil {
			return err
		}
		cursor := string(e.get(e.cursor))
		if cursor == "" {
			return fmt.Errorf("%w: an entry without a cursor", errFormat)
		}
		if pass != "" && cursor == pass {
			pass = ""
			continue
		}
		pass = ""
		if err := r.take(&e, cursor); err != nil {
			return err
		}
	}
}

// take takes one entry in.
func (r *run) take(e *entry, cursor string) error {
	if r.whole {
		if err := r.checkSequence(e, cursor); err != nil {
			return err
		}
	}
	if n, ok := e.suppressed(); ok {
		if err := r.gap(e.time(), fmt.Sprintf("journald dropped %d messages of a unit by its rate limit", n)); err != nil {
			return err
		}
	}
	r.last = cursor
	if r.c.filter.wants(e) {
		r.lines = e.appendLines(r.lines, r.c.metas.of(e))
		r.bytes += e.message.to - e.message.from
	} else {
		r.skips++
	}
	if len(r.lines) >= batchLines || r.bytes >= batchBytes || r.skips >= batchSkips {
		return r.flush(true)
	}
	return nil
}

// checkSequence notes numbers that were left out.
func (r *run) checkSequence(e *entry, cursor string) error {
	at, ok := sequenceOf(cursor)
	if !ok {
		return nil
	}
	n := r.c.sequences.missing(at)
	if n == 0 || r.c.holes > maxHoles {
		return nil
	}
	if r.c.holes++; r.c.holes > maxHoles {
		r.c.log.Warn("too many holes in the journal: further ones are not recorded",
			"hint", "can all of its files be read? The user has to be in the group systemd-journal")
		return nil
	}
	return r.gap(e.time(), fmt.Sprintf("%d journal entries are missing: removed before they were read, or in a damaged file", n))
}

// waitFor waits a moment for more to read, and says whether there was none.
func waitFor(out *os.File, br *bufio.Reader) (idle bool, err error) {
	if err := out.SetReadDeadline(time.Now().Add(linger)); err != nil {
		return false, fmt.Errorf("journalctl's pipe: %w", err)
	}
	_, err = br.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		idle = true
	}
	// Any other error comes again with the next read, after what is pending.
	return idle, out.SetReadDeadline(time.Time{})
}

// lookup finds journalctl.
func lookup(bin string) (string, error) {
	if bin == "" {
		bin = "journalctl"
	}
	p, err := exec.LookPath(bin)
	if err != nil {
		return "", fmt.Errorf("journalctl is not installed (%w): install systemd, or remove the source of kind journal", err)
	}
	return p, nil
}

// firstLine reads the first line of a small file, "" where it cannot be read.
func firstLine(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(s)
}
