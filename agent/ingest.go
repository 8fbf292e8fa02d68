package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/collectors"
)

// ingest takes batches in for good: it runs them through the pipeline and commits, in one transaction, the collector's
// position, the joiner's pending lines, the clusters' counts and what they trigger. A batch is acknowledged to its
// collector only after that.
//
// Memory (joiners, clusterer, baselines) moves on before the commit, so a commit that fails is tried again with the same
// step until it succeeds or ctx ends; in the latter case the ingest refuses everything from then on and is to be built
// again from the store. That is what makes the counts exact: no line is ever run through the pipeline twice.
type ingest struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	threshold incident.Severity
	notifiers []string
	// spikes turns the spike trigger on.
	spikes bool
	// mix turns the trigger on that looks at the levels of a service's lines; traffic judges requests, too.
	mix     bool
	traffic *cluster.Traffic
	// wake is called after a commit that changed an incident.
	wake func()
	// fault, where set, is called at each named point (tests kill the process there).
	fault func(point string)

	mu        sync.Mutex
	p         *pipeline
	baselines *cluster.Baselines
	pulses    *cluster.Pulses
	beats     *cluster.Heartbeats
	heard     map[string]time.Time // of each service that has a heartbeat, when it was last heard of since the start
	step      step
	broken    error
	full      bool // the last commit failed; said once
	// lapsed are the sources that stopped: zero while they are down, else when they were started again.
	lapsed map[string]time.Time

	// crowd bounds the incidents that are open at once.
	crowd crowd
}

// maxPulses is how many clusters' last minutes are known to the second.
const maxPulses = 1024

// restoreIngest builds the ingest as the store left it.
func restoreIngest(ctx context.Context, g *ingest, cfg pipelineConfig, cc cluster.Config) error {
	var readErr error
	clusters, err := cluster.Restore(cc, func(yield func(cluster.Memory) bool) {
		for m, err := range g.st.Clusters(ctx) {
			if err != nil {
				readErr = err
				return
			}
			if len(m.State) == 0 && m.AliasOf == "" {
				continue // a heartbeat's: no line ever made it
			}
			if !yield(cluster.Memory{ID: m.ID, AliasOf: m.AliasOf, Service: m.Service, Template: m.Template, State: m.State}) {
				return
			}
		}
	})
	if readErr != nil {
		return fmt.Errorf("reading the clusters: %w", readErr)
	}
	if clusters == nil {
		return fmt.Errorf("clustering: %w", err)
	}
	if err != nil {
		// One damaged cluster is no reason to stand still: it is learned anew under the same id.
		g.log.Error("some clusters could not be restored and are learned anew", "err", err)
	}
	g.p = newPipeline(cfg, clusters)
	streams, err := g.st.Streams(ctx, "")
	if err != nil {
		return fmt.Errorf("reading the cursors: %w", err)
	}
	for _, s := range streams {
		if err := g.p.restore(g.now(), s.Source, s.ID, s.File, s.Position, s.Pending); err != nil {
			g.log.Error("pending lines were lost", "err", err)
			gap := incident.Gap{Source: s.Source, File: s.File, At: g.now(), Reason: "the saved state of the joiner was damaged"}
			// The damaged state goes with the same write, so that it is told of once.
			if err := g.st.Update(ctx, func(tx *store.Tx) error {
				s.Pending = nil
				return errors.Join(g.gap(tx, gap), tx.SaveStream(s))
			}); err != nil {
				return err
			}
		}
	}
	// What was counted while the clock was ahead would turn the rings to a time that is yet to come.
	latest := g.now().Add(time.Hour).Unix()
	ahead := func(second int64) bool { return second > latest }
	g.baselines = cluster.NewBaselines(0)
	for b, err := range g.st.Buckets(ctx, g.now().Add(-cluster.BaselineKept).Unix()/60) {
		if err != nil {
			return fmt.Errorf("reading the baselines: %w", err)
		}
		if ahead(b.Minute.Minute * 60) {
			continue
		}
		g.baselines.Load(b.Cluster, b.Minute.Minute, int(b.N))
	}
	for s, err := range g.st.Storms(ctx, g.now().Add(-cluster.TrafficKept).Unix()/300) {
		if err != nil {
			return fmt.Errorf("reading the spikes: %w", err)
		}
		if ahead(s.Span * 300) {
			continue
		}
		g.baselines.LoadStorm(cluster.Storm{Cluster: s.Cluster, Span: s.Span, Threshold: s.Threshold})
	}
	for t, err := range g.st.Traffic(ctx, g.now().Add(-cluster.TrafficKept).Unix()/300) {
		if err != nil {
			return fmt.Errorf("reading the traffic: %w", err)
		}
		if ahead(t.Span * 300) {
			continue
		}
		g.traffic.Load(t.Service, t.Span, cluster.Flow{Lines: t.Lines, Raised: t.Raised, Requests: t.Requests, Failed: t.Failed})
	}
	return nil
}

var errBroken = errors.New("a commit was given up; the ingest has to be built again")

// cursor gives where the streams of a source stand.
func (g *ingest) cursor(source string) collectors.Cursor {
	g.mu.Lock()
	defer g.mu.Unlock()
	var c collectors.Cursor
	for k, s := range g.p.streams {
		if k.source == source && s.position != nil {
			if c == nil {
				c = collectors.Cursor{}
			}
			c[k.id] = s.position
		}
	}
	return c
}

// take commits one batch of a source.
func (g *ingest) take(ctx context.Context, source string, b collectors.Batch) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return g.broken
	}
	if err := g.p.take(source, &b, &g.step); err != nil {
		g.broken = err
		return err
	}
	return g.commit(ctx)
}

// flushIdle ends events that have waited for more lines for longer than idle, and commits them.
func (g *ingest) flushIdle(ctx context.Context, idle time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return g.broken
	}
	g.p.flushIdle(g.now(), idle, &g.step)
	if g.step.empty() {
		return nil
	}
	return g.commit(ctx)
}

// backAgain is how long a source that was started again is given to read what came meanwhile, or to stop again.
const backAgain = 30 * time.Second

// lapse notes that a source stopped (at is zero), or when it was started again.
func (g *ingest) lapse(source string, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lapsed == nil {
		g.lapsed = map[string]time.Time{}
	}
	g.lapsed[source] = at
}

// behind says whether more lines are known to wait to be read, or may be: it is busy, or a source is down.
func (g *ingest) behind(now time.Time) bool {
	if !g.mu.TryLock() {
		return true
	}
	defer g.mu.Unlock()
	for source, at := range g.lapsed {
		if at.IsZero() || now.Sub(at).Abs() < backAgain {
			return true
		}
		delete(g.lapsed, source)
	}
	for _, s := range g.p.streams {
		if s.more && now.Sub(s.readAt) < time.Minute {
			return true
		}
	}
	return false
}

// expected is how many problems of a cluster would come in a window from now on, by what is known of its rate: the higher of
// two that both err on the low side.
func (g *ingest) expected(cluster string, window time.Duration) float64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	return max(g.pulses.Expected(cluster, window, now), g.baselines.Expected(cluster, window, now))
}

// commit writes the step, again and again until it is kept.
func (g *ingest) commit(ctx context.Context) error {
	changes := memories(g.p.clusters.TakeChanges())
	for _, m := range changes {
		if m.AliasOf != "" {
			g.baselines.Merge(m.ID, m.AliasOf)
		}
	}
	traffic, alarms := g.flowed()
	firings := g.firings()
	storms := g.baselines.TakeStorms()
	streams := make([]store.Stream, 0, len(g.step.touched))
	for _, s := range g.step.touched {
		streams = append(streams, store.Stream{
			Source: s.source, ID: s.id, File: s.file, Position: s.position, Pending: s.join.AppendState(nil),
		})
	}
	g.point("before-commit")
	var changed bool
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := g.st.Update(ctx, func(tx *store.Tx) error {
			changed = false
			g.crowd.begin()
			if err := tx.SaveClusters(changes); err != nil {
				return err
			}
			for _, m := range changes {
				if m.AliasOf == "" {
					continue
				}
				did, err := g.merge(tx, m.ID)
				if err != nil {
					return err
				}
				changed = changed || did
			}
			for i := range firings {
				did, err := g.write(tx, &firings[i])
				if err != nil {
					return err
				}
				changed = changed || did
			}
			for i := range alarms { // after the clusters: one of them may be the whole reason
				did, err := g.alarm(tx, &alarms[i])
				if err != nil {
					return err
				}
				changed = changed || did
			}
			for _, t := range traffic {
				if err := tx.AddTraffic(t); err != nil {
					return err
				}
			}
			for _, s := range storms {
				if err := tx.AddStorm(store.Storm{Cluster: s.Cluster, Span: s.Span, Threshold: s.Threshold}); err != nil {
					return err
				}
			}
			for _, gap := range g.step.gaps {
				changed = true
				if err := g.gap(tx, gap); err != nil {
					return err
				}
			}
			for _, s := range streams {
				if err := tx.SaveStream(s); err != nil {
					return err
				}
			}
			for _, k := range g.step.forgotten {
				if err := tx.ForgetStream(k.source, k.id); err != nil {
					return err
				}
			}
			g.point("in-commit")
			return nil
		})
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			g.broken = errBroken
			return context.Cause(ctx)
		}
		if !g.full {
			g.full = true
			g.log.Error("can't keep what was read; collecting waits until it can", "err", err)
		}
		select {
		case <-ctx.Done():
			g.broken = errBroken
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
	if g.full {
		g.full = false
		g.log.Info("keeping works again; collecting goes on")
		for _, s := range g.p.streams {
			s.behind, s.caughtUp = true, false // what comes next was written while nobody read
		}
	}
	g.crowd.committed()
	g.point("after-commit")
	g.step.reset()
	if changed && g.wake != nil {
		g.wake()
	}
	return nil
}

func (g *ingest) point(name string) {
	if g.fault != nil {
		g.fault(name)
	}
}

func memories(in []cluster.Memory) []store.ClusterMemory {
	out := make([]store.ClusterMemory, len(in))
	for i, m := range in {
		out[i] = store.ClusterMemory{ID: m.ID, AliasOf: m.AliasOf, Service: m.Service, Template: m.Template, State: m.State}
	}
	return out
}

// newEvent makes an event of an incident as it stands. The outbox is no archive of log text: the diagnosis' evidence, redacted
// already, goes along, the samples don't.
func newEvent(now time.Time, kind incident.EventKind, inc *incident.Incident) incident.Event {
	c := *inc
	c.Samples = nil
	return incident.Event{ID: newID(), Kind: kind, At: now, Incident: &c}
}

// newID gives a ULID: unique, and in the order of time.
func newID() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }
