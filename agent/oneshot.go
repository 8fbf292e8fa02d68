package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
	"github.com/logwright/logwright/collectors/file"
	"github.com/logwright/logwright/collectors/stdin"
)

// Stdin is the name under which one-shot commands take standard input.
const Stdin = "-"

// OneShot reads files to their ends, through the same pipeline as the daemon, and keeps nothing. Times are those that the
// lines have; a line without one stays without.
type OneShot struct {
	// Config is the operator's, or config.Default.
	Config *config.Config
	// Files are paths, or Stdin.
	Files []string
	// Stdin is read where Files says so.
	Stdin io.Reader
	// Format and EventStart, where set, go before what agent.yaml says of how lines are read and joined: to try them.
	Format, EventStart string
	// Steps has Explain say how each event came about: Explained.Steps.
	Steps bool
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// Progress, where set, is told of the bytes of input taken in so far.
	Progress func(done int64)
}

// Size gives the bytes of the files, 0 where standard input is among them or a file can't be looked at.
func (o *OneShot) Size() int64 {
	var sum int64
	for _, f := range o.Files {
		fi, err := os.Stat(f)
		if f == Stdin || err != nil {
			return 0
		}
		sum += fi.Size()
	}
	return sum
}

func (o *OneShot) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// pipeline makes an empty pipeline for the whole input.
func (o *OneShot) pipeline(observe func(*incident.Record, cluster.Ref)) (*pipeline, error) {
	cc := clusterConfig(o.Config)
	cc.Transient = true
	clusters, err := cluster.New(cc)
	if err != nil {
		return nil, fmt.Errorf("clustering: %w", err)
	}
	return newPipeline(pipelineConfig{
		threshold: o.Config.Triggers.Severity,
		serviceOf: o.Config.ServiceOf,
		joiner:    o.joinerConfig,
		dateless:  true,
		observe:   observe,
	}, clusters), nil
}

// joinerConfig says how the lines of a file are joined and read.
func (o *OneShot) joinerConfig(source string) events.Config {
	c := joinerConfig(o.Config, source)
	if o.Format != "" {
		c.Format = o.Format
	}
	if o.EventStart != "" {
		c.EventStart = o.EventStart
	}
	return c
}

// Totals say how much was read.
type Totals struct {
	Bytes, Lines, Events, Problems int64
	Gaps                           []incident.Gap
}

// read runs all of the input through p into st. A file that can't be read is named in the error; the others are read.
func (o *OneShot) read(ctx context.Context, p *pipeline, st *step) (Totals, error) {
	var t Totals
	var errs []error
	for _, path := range o.Files {
		c, err := o.collector(path)
		if err == nil {
			err = o.readOne(ctx, path, c, p, st, &t)
		}
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	t.Events, t.Problems = st.rest.events, st.rest.problems
	for i := range st.deltas {
		t.Events += st.deltas[i].events
		t.Problems += st.deltas[i].problems
	}
	t.Gaps = st.gaps
	return t, errors.Join(errs...)
}

func (o *OneShot) collector(path string) (collectors.Collector, error) {
	if path == Stdin {
		if o.Stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return stdin.New(o.Stdin, stdin.Options{MaxLine: int(o.Config.Limits.Line), Now: o.Now}), nil
	}
	return file.New(onceConfig(o.Config, path), file.Options{Now: o.Now})
}

// readAhead is how many batches the reader may be ahead of the joiner: so many that neither waits for the other often, and so few
// that what is under way stays in the processor's caches. With twice as many, reading took twice the time.
const readAhead = 6

// readOne runs one file through the pipeline. Three goroutines share the work, so that two cores are busy: the next batches are
// read, this goroutine joins their lines and reads their headers, and the handover's clusters and counts the events.
func (o *OneShot) readOne(
	ctx context.Context, path string, c collectors.Collector, p *pipeline, st *step, t *Totals,
) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	source := path
	if path == Stdin {
		source = stdin.Service
	}
	batches := make(chan collectors.Batch, readAhead)
	free := make(chan []events.Line, readAhead+handedAhead+2)
	hand, err := startHandover(p, source, st, func(lines []events.Line) {
		select {
		case free <- lines:
		default:
		}
	})
	if err != nil {
		return err
	}
	read := make(chan error, 1)
	go func() {
		defer close(batches)
		read <- c.Collect(ctx, nil, func(b collectors.Batch) error {
			// The collector uses its slice again, so the lines are copied; their text is shared and never changes.
			var lines []events.Line
			select {
			case lines = <-free:
			default:
			}
			b.Lines = append(lines[:0], b.Lines...)
			b.File = path // as the user wrote it
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var own step // what is not of events: those are the handover's
	var failed error
	for b := range batches {
		t.Lines += int64(len(b.Lines))
		for i := range b.Lines {
			t.Bytes += int64(len(b.Lines[i].Text)) + 1
		}
		if failed == nil {
			if failed = p.take(source, &b, &own); failed != nil {
				stop()
			}
		}
		hand.done(b.Lines)
		if o.Progress != nil {
			o.Progress(t.Bytes)
		}
		own.touched, own.forgotten = own.touched[:0], own.forgotten[:0]
	}
	err = <-read
	if failed != nil {
		err = failed
	} else {
		// The end of the input ends what is unfinished.
		for k, s := range p.streams {
			p.join(s, nil, nil, true, &own)
			hand.done(nil) // what is handed over together is of one stream
			delete(p.streams, k)
		}
	}
	hand.stop()
	st.gaps = append(st.gaps, own.gaps...)
	return err
}

// mostIncidents is how many incidents one report has. Nobody reads so many; what there is beyond them is storms.
const mostIncidents = 1000

// Omitted is what a report has no incidents for: the least important, where there were too many to keep apart.
type Omitted struct {
	// Incidents is about how many there would be: they are no longer told apart, so later merges are not seen.
	Incidents int64
	// Events is how many problem events they have.
	Events int64
}

// incidents makes an incident of every cluster with a problem, most important first, mostIncidents at most.
func (st *step) incidents(clusters *cluster.Clusterer, now time.Time) ([]incident.Incident, Omitted) {
	omitted := Omitted{Incidents: st.rest.clusters, Events: st.rest.problems}
	byID := map[string]*incident.Incident{}
	var all []*incident.Incident
	for _, bare := range []bool{false, true} { // those that lost their samples can only add to others
		for i := range st.deltas {
			d := &st.deltas[i]
			if d.problems == 0 || bare != st.lost(d) {
				continue
			}
			id := clusters.Resolve(d.ref)
			inc := byID[id]
			switch {
			case inc == nil && bare:
				omitted.Incidents++ // nothing is said without evidence
				omitted.Events += d.problems
				continue
			case inc == nil:
				inc = &incident.Incident{
					ID: incident.MakeID(id, 1), Clusters: []string{id}, Episode: 1, Service: d.service,
					State: incident.StateOpen, Trigger: incident.TriggerNew, OpenedAt: now, UpdatedAt: now,
				}
				byID[id] = inc
				all = append(all, inc)
			}
			d.addTo(inc)
		}
	}
	slices.SortFunc(all, func(a, b *incident.Incident) int { return moreImportant(*a, *b) })
	for _, inc := range all[min(mostIncidents, len(all)):] {
		omitted.Incidents++
		omitted.Events += inc.Events
	}
	out := make([]incident.Incident, 0, min(mostIncidents, len(all)))
	for _, inc := range all[:cap(out)] {
		id := inc.Clusters[0]
		inc.Template = clusters.Template(id)
		if inc.Template == "" && len(inc.Samples) > 0 {
			inc.Template = inc.Samples[0].Record.Message
		}
		for i := range inc.Samples {
			inc.Samples[i].Cluster = id
		}
		out = append(out, *inc)
	}
	return out, omitted
}

// lost says whether d had samples, and the bounds took them.
func (st *step) lost(d *delta) bool {
	return st.bounds.sampleBytes > 0 && len(d.samples) == 0 && d.severity >= incident.SeverityWarning
}

// addTo adds a cluster's events to its incident.
func (d *delta) addTo(inc *incident.Incident) {
	inc.Severity = max(inc.Severity, d.severity)
	inc.Events += d.problems
	if inc.FirstSeen.IsZero() || !d.first.IsZero() && d.first.Before(inc.FirstSeen) {
		inc.FirstSeen = d.first
	}
	if d.last.After(inc.LastSeen) {
		inc.LastSeen = d.last
	}
	if len(inc.Samples) == 0 {
		inc.Samples = slices.Clip(d.samples) // the usual case: no other cluster is merged with it
		return
	}
	inc.Samples = append(inc.Samples, d.samples...)
}

// moreImportant orders incidents: known noise last, then the worst, the most frequent, the latest first; by id in the end,
// so that the order is always the same.
func moreImportant(a, b incident.Incident) int {
	return cmp.Or(
		cmp.Compare(noise(a), noise(b)), cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Events, a.Events),
		b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.ID, b.ID),
	)
}

func noise(i incident.Incident) int {
	if i.Diagnosis != nil && i.Diagnosis.Category == "expected-noise" {
		return 1
	}
	return 0
}
