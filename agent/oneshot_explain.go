package agent

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors/events"
)

// Explained is one event with the cluster it is in at the end of the input. Clone its Record to keep it for long: it holds on
// to the lines around it.
type Explained struct {
	Record   incident.Record
	Cluster  string
	Template string

	ref   cluster.Ref // as it was when the event came
	after *stepper    // nil where nobody asked for steps
}

// Explain reads the input twice: once to learn the clusters, once to give every event with the cluster it ended up in, in
// the order of the first lines. Standard input is spooled to a temporary file. Only what was there at the first reading
// is given.
func (o *OneShot) Explain(ctx context.Context, emit func(Explained) error) error {
	var errs []error
	for i, path := range o.Files {
		one := *o
		one.Files = o.Files[i : i+1]
		if path == Stdin {
			spool, err := spoolStdin(ctx, o.Stdin)
			if err != nil {
				return err
			}
			defer os.Remove(spool.Name())
			defer spool.Close()
			if err := one.explainOne(ctx, spool, emit); err != nil {
				return err
			}
			continue
		}
		if err := one.explainOne(ctx, nil, emit); err != nil {
			if ctx.Err() != nil {
				return err
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// spoolStdin copies standard input to a file that can be read twice. A read of a terminal or a pipe can't be interrupted, so
// it is left behind when ctx ends.
func spoolStdin(ctx context.Context, r io.Reader) (*os.File, error) {
	if r == nil {
		return nil, errors.New("there is no standard input")
	}
	f, err := os.CreateTemp("", "logwright-explain-*")
	if err != nil {
		return nil, fmt.Errorf("standard input is read twice and needs a temporary file: %w", err)
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(f, r)
		copied <- err
	}()
	select {
	case err = <-copied:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("spooling standard input: %w", err), f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// explainOne explains one file, or a spooled standard input.
func (o *OneShot) explainOne(ctx context.Context, spool *os.File, emit func(Explained) error) error {
	refs, err := os.CreateTemp("", "logwright-refs-*")
	if err != nil {
		return fmt.Errorf("the clusters of the first reading need a temporary file: %w", err)
	}
	defer os.Remove(refs.Name())
	defer refs.Close()
	w := bufio.NewWriterSize(refs, 1<<16)
	var writeErr error
	p, err := o.pipeline(func(_ *incident.Record, ref cluster.Ref) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(ref))
		if _, err := w.Write(b[:]); err != nil && writeErr == nil {
			writeErr = err
		}
	})
	if err != nil {
		return err
	}
	if err := o.pass(ctx, spool, p); err != nil {
		return err
	}
	if err := errors.Join(writeErr, w.Flush()); err != nil {
		return fmt.Errorf("the clusters of the first reading: %w", err)
	}
	if _, err := refs.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return o.secondPass(ctx, spool, p.clusters, bufio.NewReaderSize(refs, 1<<16), emit)
}

// pass reads the input once.
func (o *OneShot) pass(ctx context.Context, spool *os.File, p *pipeline) error {
	one := *o
	if spool != nil {
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		one.Stdin = spool
	}
	_, err := one.read(ctx, p, &step{bounds: boundsOf(o.Config)})
	return err
}

// secondPass joins the lines again, which gives the same events in the same order, and pairs each with its cluster. Events are
// given by the goroutine that would otherwise count them.
func (o *OneShot) secondPass(
	ctx context.Context, spool *os.File, learned *cluster.Clusterer, refs io.Reader, emit func(Explained) error,
) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var order reorder
	names := clusterNames{of: learned}
	held, most := int64(0), o.Config.Limits.Memory/samplesShare
	var failed error
	var after *stepper
	if o.Steps {
		after = &stepper{cfg: o.Config, clusters: learned.Explainer()}
	}
	give := func() {
		next := order.next()
		held -= recordBytes(&next.Record)
		if failed == nil {
			if failed = emit(*next); failed != nil {
				stop(failed)
			}
		}
		order.release(next)
	}
	p, err := o.pipeline(nil)
	if err != nil {
		return err
	}
	p.cfg.joiner = func(source string) events.Config {
		c := o.joinerConfig(source)
		c.Explain = o.Steps
		return c
	}
	var b [8]byte
	p.cfg.only = func(r *incident.Record) {
		if failed != nil {
			return
		}
		if _, err := io.ReadFull(refs, b[:]); err != nil {
			return // lines that were not there at the first reading
		}
		e := order.get()
		e.Record = *r // its strings are never written again
		e.Record.Frames, e.Record.Lines = slices.Clone(r.Frames), slices.Clone(r.Lines)
		e.after = after
		e.ref = cluster.Ref(binary.LittleEndian.Uint64(b[:]))
		e.Cluster, e.Template = names.name(e.ref)
		if e.Template == "" {
			e.Template = e.Record.Message
		}
		order.add(e)
		held += recordBytes(&e.Record)
		for order.len() > reorderWindow || held > most && order.len() > 1 {
			give()
		}
	}
	err = o.pass(ctx, spool, p)
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	for order.len() > 0 && failed == nil {
		give()
	}
	return failed
}

// clusterNames remembers the ids and templates of the clusters that were asked for lately: nearly every event is of one of
// a few, and a template is written anew each time.
type clusterNames struct {
	of    *cluster.Clusterer
	known map[cluster.Ref]named
	bytes int
}

type named struct{ id, template string }

// namesBytes bounds what is remembered.
const namesBytes = 2 << 20

// name gives the id and the template of ref's cluster as of the end of the input.
func (c *clusterNames) name(ref cluster.Ref) (id, template string) {
	n, ok := c.known[ref]
	if !ok {
		n.id = c.of.Resolve(ref)
		n.template = c.of.Template(n.id)
		if c.known == nil || c.bytes > namesBytes {
			c.known, c.bytes = map[cluster.Ref]named{}, 0
		}
		c.known[ref] = n
		c.bytes += len(n.template) + 128
	}
	return n.id, n.template
}

// reorderWindow is how many events are held back to put those that ended late, because others came in between, back in
// the order of their first lines. They are fewer where they are so large that they would not fit into their part of
// limits.memory.
const reorderWindow = 512

// reorder holds events in the order of their first lines. Most come in that order.
type reorder struct {
	events []*Explained // those before first are gone
	first  int
	free   []*Explained
}

func (h *reorder) len() int { return len(h.events) - h.first }

// get gives an empty one to fill in and add.
func (h *reorder) get() *Explained {
	if n := len(h.free); n > 0 {
		e := h.free[n-1]
		h.free = h.free[:n-1]
		return e
	}
	return new(Explained)
}

// release takes one back that came from next.
func (h *reorder) release(e *Explained) {
	*e = Explained{}
	h.free = append(h.free, e)
}

// add puts e behind all that began no later.
func (h *reorder) add(e *Explained) {
	if h.first > reorderWindow {
		n := copy(h.events, h.events[h.first:])
		clear(h.events[n:])
		h.events, h.first = h.events[:n], 0
	}
	h.events = append(h.events, e)
	i := len(h.events) - 1
	for ; i > h.first && h.events[i-1].Record.FirstLine > e.Record.FirstLine; i-- {
		h.events[i] = h.events[i-1]
	}
	h.events[i] = e
}

// next takes the first one out.
func (h *reorder) next() *Explained {
	e := h.events[h.first]
	h.events[h.first] = nil
	h.first++
	return e
}
