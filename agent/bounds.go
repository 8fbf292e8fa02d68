package agent

import (
	"cmp"
	"runtime/debug"
	"slices"
	"unsafe"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// A one-shot command lets one step grow over all of its input, and the input may be anything: a million errors that have
// nothing in common, or traces as large as events may be. So that step is bounded. What is over the bounds is thinned by
// importance (the same order as of incidents) to half, which costs little as it comes seldom: first the samples of each
// cluster but the first and the last, then all but the first, then those of the least important clusters, and then those
// clusters themselves. What no longer is told apart stays counted; see rest.

// bounds limit a step that grows over a whole input. The zero bounds are for the daemon, whose steps hold one batch.
type bounds struct {
	clusters    int   // told apart at a time
	sampleBytes int64 // of all samples
}

// rest is what a bounded step saw but does not tell apart any more.
type rest struct{ clusters, events, problems int64 }

// Parts of limits.memory that a one-shot command's samples and clusters may take. What the reader and the joiner hold is
// bounded by itself, and the garbage collector needs room to work in.
const (
	samplesShare  = 16
	clustersShare = 5
)

func boundsOf(cfg *config.Config) bounds {
	return bounds{clusters: max(cfg.Limits.Clusters, 1), sampleBytes: cfg.Limits.Memory / samplesShare}
}

// What a process takes that the runtime's memory limit does not see: the pages of the binary itself, mostly, and in the daemon
// what SQLite allocates; and what the heap gets however low the limit is.
const (
	program       = 20 << 20
	programStored = 28 << 20
	leastHeap     = 16 << 20
)

// heapLimit is what the runtime may take so that the whole process, with what is outside of the heap, keeps to limits.memory.
func heapLimit(cfg *config.Config, outside int64) int64 {
	return max(cfg.Limits.Memory-outside, leastHeap)
}

// LimitMemory has the garbage collector keep the process within limits.memory as well as it can, and work less often while
// there is room. It is for main: both are settings of the whole process.
func LimitMemory(cfg *config.Config) {
	debug.SetMemoryLimit(heapLimit(cfg, program))
	debug.SetGCPercent(400) // what is held is little beside what is read, so the limit is what tells when
}

// prune halves the clusters that are told apart.
func (st *step) prune() {
	keep := st.bounds.clusters / 2
	order := st.ranked()
	gone := make([]bool, len(st.deltas))
	for _, i := range order[keep:] {
		d := &st.deltas[i]
		gone[i] = true
		st.rest.events += d.events
		st.rest.problems += d.problems
		if d.problems > 0 {
			st.rest.clusters++
		}
		st.held -= heldBy(d.samples)
	}
	clear(st.index)
	kept := st.deltas[:0]
	for i := range st.deltas {
		if !gone[i] {
			st.index[st.deltas[i].ref] = len(kept)
			kept = append(kept, st.deltas[i])
		}
	}
	clear(st.deltas[len(kept):])
	st.deltas = kept
}

// thin drops samples until half of the bound is free.
func (st *step) thin() {
	goal := st.bounds.sampleBytes / 2
	for most := firstSamples; most > 0 && st.held > goal; most-- {
		for i := range st.deltas {
			d := &st.deltas[i]
			if len(d.samples) <= most {
				continue
			}
			st.held -= heldBy(d.samples)
			first, last := (most+1)/2, len(d.samples)-most/2
			kept := append(d.samples[:first], d.samples[last:]...)
			clear(d.samples[len(kept):])
			d.samples = kept
			st.held += heldBy(kept)
		}
	}
	order := st.ranked()
	for k := len(order) - 1; k >= 0 && st.held > goal; k-- {
		d := &st.deltas[order[k]]
		st.held -= heldBy(d.samples)
		d.samples = nil
	}
}

// ranked gives the deltas by importance, as of now. Among equals the first ones seen come first.
func (st *step) ranked() []int {
	order := make([]int, len(st.deltas))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &st.deltas[a], &st.deltas[b]
		return cmp.Or(
			cmp.Compare(min(y.problems, 1), min(x.problems, 1)), cmp.Compare(y.severity, x.severity),
			cmp.Compare(y.problems, x.problems), cmp.Compare(y.events, x.events),
		)
	})
	return order
}

func heldBy(samples []incident.Sample) int64 {
	sum := int64(0)
	for i := range samples {
		sum += sampleBytes(&samples[i])
	}
	return sum
}

// sampleBytes is about what a sample takes in memory.
func sampleBytes(s *incident.Sample) int64 {
	n := int(unsafe.Sizeof(*s)-unsafe.Sizeof(s.Record)) + int(recordBytes(&s.Record))
	for i := range s.Before {
		n += int(unsafe.Sizeof(s.Before[i])) + len(s.Before[i].Text)
	}
	return int64(n)
}

// recordBytes is about what a record takes in memory.
func recordBytes(r *incident.Record) int64 {
	n := int(unsafe.Sizeof(*r)) + len(r.Raw) + len(r.Message) + len(r.Exception) + len(r.ExceptionMessage) + 8*len(r.Lines)
	for i := range r.Frames {
		n += int(unsafe.Sizeof(r.Frames[i])) + len(r.Frames[i].File) + len(r.Frames[i].Function)
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		n += int(unsafe.Sizeof(*s)) + len(s.Detail) + len(s.Because) + len(s.Change)
	}
	for k, v := range r.Trusted {
		n += 64 + len(k) + len(v)
	}
	return int64(n)
}
