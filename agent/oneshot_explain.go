package agent

import (
	"bufio"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
)

// Explained is one event with the cluster it is in at the end of the input.
type Explained struct {
	Record   incident.Record
	Cluster  string
	Template string
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

// secondPass joins the lines again, which gives the same events in the same order, and pairs each with its cluster.
func (o *OneShot) secondPass(
	ctx context.Context, spool *os.File, learned *cluster.Clusterer, refs io.Reader, emit func(Explained) error,
) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var order reorder
	held, most := int64(0), o.Config.Limits.Memory/samplesShare
	var failed error
	give := func(e Explained) {
		if failed == nil {
			if failed = emit(e); failed != nil {
				stop(failed)
			}
		}
	}
	p, err := o.pipeline(nil)
	if err != nil {
		return err
	}
	p.cfg.only = func(r *incident.Record) {
		var b [8]byte
		if _, err := io.ReadFull(refs, b[:]); err != nil {
			return // lines that were not there at the first reading
		}
		id := learned.Resolve(cluster.Ref(binary.LittleEndian.Uint64(b[:])))
		e := Explained{Record: *r.Clone(), Cluster: id, Template: learned.Template(id)}
		if e.Template == "" {
			e.Template = e.Record.Message
		}
		order.add(e)
		held += recordBytes(&e.Record)
		for order.Len() > reorderWindow || held > most && order.Len() > 1 {
			next := order.next()
			held -= recordBytes(&next.Record)
			give(next)
		}
	}
	err = o.pass(ctx, spool, p)
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	for order.Len() > 0 {
		give(order.next())
	}
	return failed
}

// reorderWindow is how many events are held back to put those that ended late, because others came in between, back in
// the order of their first lines. They are fewer where they are so large that they would not fit into their part of
// limits.memory.
const reorderWindow = 512

// reorder is a heap of events by first line.
type reorder []Explained

func (h *reorder) Len() int           { return len(*h) }
func (h *reorder) Less(i, j int) bool { return (*h)[i].Record.FirstLine < (*h)[j].Record.FirstLine }
func (h *reorder) Swap(i, j int)      { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push and Pop are for container/heap.
func (h *reorder) Push(x any) { *h = append(*h, x.(Explained)) }

// Pop is for container/heap.
func (h *reorder) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = Explained{}
	*h = old[:len(old)-1]
	return e
}

func (h *reorder) add(e Explained) { heap.Push(h, e) }
func (h *reorder) next() Explained { return heap.Pop(h).(Explained) }
