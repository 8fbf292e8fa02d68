package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
)

// step is what some batches change, before it is kept anywhere. The daemon commits one step a batch; a one-shot command
// lets one step grow over all of its input.
type step struct {
	// deltas by the order of their first event; index finds them by cluster.
	deltas []delta
	index  map[cluster.Ref]int
	gaps   []incident.Gap
	// touched are the streams whose position or pending lines changed; forgotten those that ended for good.
	touched   []*stream
	forgotten []streamKey
	// flows is what the services wrote, where somebody watches.
	flows flows

	// bounds and what comes of them are for steps over a whole input. Minutes are not counted there: no baseline is fed.
	bounds bounds
	rest   rest
	held   int64 // bytes of all samples
}

// delta is what a step adds to one cluster.
type delta struct {
	ref              cluster.Ref
	service          string
	events, problems int64
	severity         incident.Severity
	// first and last bound the problem events where there are any, else all events. Zero where none was dated.
	first, last time.Time
	// minutes counts events of warning and worse by minute (Unix time / 60), for the baselines.
	minutes map[int64]int64
	samples []incident.Sample
}

func (st *step) empty() bool {
	return len(st.deltas) == 0 && len(st.gaps) == 0 && len(st.touched) == 0 && len(st.forgotten) == 0
}

// reset empties st for the next batch and keeps its memory.
func (st *step) reset() {
	clear(st.index)
	clear(st.deltas)
	clear(st.touched)
	st.flows.reset()
	st.deltas, st.gaps, st.touched, st.forgotten = st.deltas[:0], nil, st.touched[:0], st.forgotten[:0]
}

func (st *step) touch(s *stream) {
	for _, t := range st.touched {
		if t == s {
			return
		}
	}
	st.touched = append(st.touched, s)
}

func (st *step) forget(source, id string) {
	st.forgotten = append(st.forgotten, streamKey{source, id})
}

func (st *step) delta(ref cluster.Ref) *delta {
	i, ok := st.index[ref]
	if !ok {
		if st.index == nil {
			st.index = map[cluster.Ref]int{}
		}
		if n := st.bounds.clusters; n > 0 && len(st.deltas) >= n {
			st.prune()
		}
		i = len(st.deltas)
		st.deltas = append(st.deltas, delta{ref: ref})
		st.index[ref] = i
	}
	return &st.deltas[i]
}

// request adds one event that tells of a request. How it was answered makes it no problem by itself, and its cluster no worse.
func (st *step) request(ref cluster.Ref, r *incident.Record) {
	c := *r
	c.Severity = min(c.Severity, incident.SeverityInfo)
	st.count(ref, &c, false, time.Time{})
}

// count adds one event that happened at a time; zero where nobody knows.
func (st *step) count(ref cluster.Ref, r *incident.Record, problem bool, when time.Time) {
	d := st.delta(ref)
	if d.events == 0 {
		d.service = r.Service
	}
	d.events++
	if r.Severity > d.severity {
		d.severity = r.Severity
	}
	if problem {
		if d.problems == 0 {
			d.first, d.last = time.Time{}, time.Time{}
		}
		d.problems++
	}
	if t := r.Time; !t.IsZero() && (problem || d.problems == 0) {
		if d.first.IsZero() || t.Before(d.first) {
			d.first = t
		}
		if t.After(d.last) {
			d.last = t
		}
	}
	if r.Severity >= incident.SeverityWarning && !when.IsZero() && st.bounds.clusters == 0 {
		if d.minutes == nil {
			d.minutes = map[int64]int64{}
		}
		d.minutes[when.Unix()/60]++
	}
}

// sample keeps an event with its cluster: the first ones, and the latest.
func (st *step) sample(ref cluster.Ref, s incident.Sample) {
	if st.bounds.sampleBytes > 0 {
		if st.held > st.bounds.sampleBytes {
			st.thin()
		}
		st.held += sampleBytes(&s)
	}
	d := st.delta(ref)
	if len(d.samples) >= 2*firstSamples {
		if st.bounds.sampleBytes > 0 {
			st.held -= sampleBytes(&d.samples[firstSamples])
		}
		copy(d.samples[firstSamples:], d.samples[firstSamples+1:])
		d.samples = d.samples[:len(d.samples)-1]
	}
	d.samples = append(d.samples, s)
}

// bare says whether a cluster lost all of its samples to the bounds.
func (st *step) bare(ref cluster.Ref) bool {
	if st.bounds.sampleBytes == 0 {
		return false
	}
	i, ok := st.index[ref]
	return ok && len(st.deltas[i].samples) == 0
}

type minuteCount struct{ minute, n int64 }

// sortedMinutes gives the minutes oldest first: a baseline is fed in the order of time.
func sortedMinutes(m map[int64]int64) []minuteCount {
	out := make([]minuteCount, 0, len(m))
	for minute, n := range m {
		out = append(out, minuteCount{minute, n})
	}
	slices.SortFunc(out, func(a, b minuteCount) int { return cmp.Compare(a.minute, b.minute) })
	return out
}
