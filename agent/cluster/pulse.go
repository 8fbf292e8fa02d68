package cluster

import (
	"slices"
	"time"
)

const (
	// pulseBuckets is how many buckets a pulse has; when time goes beyond the last, two become one.
	pulseBuckets = 128
	// pulseGap is how long a cluster has to be silent for its next problem to begin anew.
	pulseGap = time.Hour
)

// Pulses know how the problems of clusters came in lately, by the reader's own clock and to the second: what a baseline of
// minutes can't say of an incident that is a minute old. Kept in memory only; what is not known expects nothing. Not safe
// for concurrent use.
type Pulses struct {
	max   int
	of    map[string]*pulse
	clock uint64
}

type pulse struct {
	from  int64 // Unix second of the first bucket's beginning
	width int64 // of a bucket, in seconds
	last  int64 // Unix second of the last event
	count [pulseBuckets]uint32
	used  uint64
}

// NewPulses gives empty Pulses for at most limit clusters; beyond it those not seen for the longest time are forgotten.
func NewPulses(limit int) *Pulses { return &Pulses{max: max(limit, 1), of: map[string]*pulse{}} }

// Observe counts n problems of a cluster that were read at now.
func (p *Pulses) Observe(cluster string, now time.Time, n int) {
	if n <= 0 {
		return
	}
	s := now.Unix()
	u := p.of[cluster]
	// A clock that was set back begins anew, too: what came before can't be placed any more.
	if u == nil || s < u.from || s-u.last > int64(pulseGap/time.Second) {
		if u == nil {
			p.room()
		}
		u = &pulse{from: s, width: 1}
		p.of[cluster] = u
	}
	p.clock++
	u.used = p.clock
	for s >= u.from+u.width*pulseBuckets {
		u.widen()
	}
	u.count[(s-u.from)/u.width] += uint32(min(n, 1<<20))
	u.last = max(u.last, s)
}

func (u *pulse) widen() {
	for i := range pulseBuckets / 2 {
		u.count[i] = u.count[2*i] + u.count[2*i+1]
	}
	clear(u.count[pulseBuckets/2:])
	u.width *= 2
}

// Expected is how many problems of the cluster would come in a window that begins at now, going by how they came since the
// first. It errs on the low side as Baselines.Expected does: the time from the first one to now is cut into eight parts, and
// the second-lowest rate of them counts, so that a burst, and what has fallen silent by itself, expect nothing.
func (p *Pulses) Expected(cluster string, window time.Duration, now time.Time) float64 {
	const parts = 8
	u := p.of[cluster]
	if u == nil || window <= 0 {
		return 0
	}
	// A bucket that is not over yet would look like a silence.
	n := (now.Unix() - u.from) / u.width
	if n < parts {
		return 0
	}
	var rates [parts]float64
	for k := range int64(parts) {
		from, to := n*k/parts, n*(k+1)/parts
		for i := from; i < min(to, pulseBuckets); i++ {
			rates[k] += float64(u.count[i])
		}
		rates[k] /= float64((to - from) * u.width)
	}
	slices.Sort(rates[:])
	return rates[1] * window.Seconds()
}

// room forgets the pulse that was not used for the longest time where there are too many.
func (p *Pulses) room() {
	if len(p.of) < p.max {
		return
	}
	oldest, used := "", p.clock+1
	for id, u := range p.of {
		if u.used < used {
			oldest, used = id, u.used
		}
	}
	delete(p.of, oldest)
}
