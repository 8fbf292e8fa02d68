package cluster

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Design of the baseline
//
// Events are counted in minutes for the last hour and in spans of five minutes for the last day, by the time the events
// say they happened. A spike is judged on the last five minutes against the day before them.
//
// Counts of events are roughly Poisson at best, and usually burstier: their spread grows with their mean, and a few spans
// are far out. So the statistic is the median plus four robust deviations (1.4826 × MAD) of the SQUARE ROOTS of the
// counts: the root makes the spread of a Poisson count about one half whatever its mean (and one half is the floor taken
// for the deviation), and median and MAD don't move when up to half of the spans are a storm. What recurs (a nightly job,
// an hourly sync) is in the tail that median and MAD ignore, so a count must also be a quarter above the fourth-largest
// span of the day (the largest, while the history is short): something as big as what filled four spans today already is no news. And it must be at least
// spikeLeast: five errors instead of none are TriggerNew's business, not a storm.
//
// There is no alarm
//   - from too little history: a cluster is judged once spikeHistory has passed since its first event;
//   - from a restart, a replayed file or a late source: events older than spikeLate, in the future, or without a time of
//     their own are counted where they belong and not judged;
//   - twice for one storm: after a spike a cluster is silent until six spans in a row (half an hour) were below half of the
//     threshold that was crossed.
//
// Known losses: a source whose clock or time zone is wrong by more than spikeLate never spikes. A second storm no bigger
// than one that lasted twenty minutes or more on the same day is not told. A storm slower than a day is the new normal.
// Downtime whose events are never read counts as silence, so after most of a day of it a busy cluster may alarm once.

const (
	spikeWindow  = 5 * time.Minute
	spikeHistory = time.Hour
	spikeLate    = 3 * time.Minute
	spikeFuture  = time.Minute
	spikeLeast   = 20
	spikeSigmas  = 4
	spikeAgain   = 6    // quiet spans before the next spike
	spikeTail    = 4    // rank of the span that must be exceeded
	spikeMargin  = 1.25 // by this factor

	minutesKept = 64
	spansKept   = 288
	spanMinutes = int64(spikeWindow / time.Minute)

	defaultSeries = 4096
)

// Baselines keeps how often each cluster came, by the minute, and says when one comes far more often than it used to.
// It is not safe for concurrent use.
type Baselines struct {
	max    int
	series map[string]*series
	tick   uint64
	roots  []float64 // scratch
}

// series is one cluster's counts. Both rings are indexed by time modulo their length and are valid up to now.
type series struct {
	first   int64 // minute of the first event known, or since when the cluster is known to be watched
	now     int64 // latest minute
	minutes [minutesKept]uint32
	spans   [spansKept]uint32
	used    uint64 // tick of the last use

	judged    int64 // span for which the two below were computed
	baseline  float64
	threshold float64
	fired     float64 // threshold that was crossed, 0 where no spike is on
	firedAt   int64   // span
}

// Spike is a cluster that comes far more often than its own past says.
type Spike struct {
	Cluster string
	// At is the time of the event that crossed the threshold.
	At time.Time
	// Count is how many events there were in Window up to At.
	Count int
	// Baseline is the usual count in Window (the median), Threshold the count that was exceeded.
	Baseline, Threshold float64
	Window              time.Duration
}

// NewBaselines gives empty Baselines for at most limit clusters (0 means 4096, about 6 MiB); beyond it those not seen for
// the longest time are forgotten.
func NewBaselines(limit int) *Baselines {
	if limit <= 0 {
		limit = defaultSeries
	}
	return &Baselines{max: limit, series: map[string]*series{}}
}

// Load tells of n events of a cluster in a minute of the past (Unix time / 60), at start, from the store. Any order.
// Minutes more than a day before the latest one are ignored.
func (b *Baselines) Load(cluster string, minute int64, n int) {
	if n <= 0 || minute < 0 || minute > math.MaxInt64/120 {
		return
	}
	b.get(cluster, minute).count(minute, n)
}

// Observe counts n events of a cluster that say they happened at the time at, read at the time now by the wall clock, and
// says whether they make a spike. A zero at is counted as now and never judged. now must not be the zero Time.
func (b *Baselines) Observe(cluster string, at, now time.Time, n int) (Spike, bool) {
	if n <= 0 {
		return Spike{}, false
	}
	live := !at.IsZero() && at.Sub(now) <= spikeFuture && now.Sub(at) <= spikeLate
	wall := now.Unix() / 60
	minute := wall
	if !at.IsZero() && at.Sub(now) <= spikeFuture {
		minute = min(at.Unix()/60, wall) // what is ahead by less than spikeFuture must not turn the rings
	}
	if minute < 0 {
		return Spike{}, false
	}
	s := b.get(cluster, minute)
	s.advance(wall)
	s.count(minute, n)
	if !live || time.Duration(s.now-s.first)*time.Minute < spikeHistory {
		return Spike{}, false
	}
	count := 0
	for m := s.now - spanMinutes + 1; m <= s.now; m++ {
		count += int(s.minutes[m%minutesKept])
	}
	span := s.now / spanMinutes
	if s.judged != span {
		s.judged = span
		s.judge(b, span)
	}
	if s.fired > 0 && s.quiet(span) {
		s.fired = 0
	}
	if s.fired > 0 || float64(count) <= s.threshold {
		return Spike{}, false
	}
	s.fired, s.firedAt = s.threshold, span
	return Spike{
		Cluster: cluster, At: at, Count: count, Baseline: s.baseline, Threshold: s.threshold, Window: spikeWindow,
	}, true
}

// Expected is how many events of the cluster its own past lets expect in a window that begins at now. It errs on the low
// side, so that silence is taken for proof only where there really should have been noise: the past (up to a day) is
// cut into eight parts, and the second-lowest rate of them counts. One burst, however big, expects nothing.
func (b *Baselines) Expected(cluster string, window time.Duration, now time.Time) float64 {
	s := b.series[cluster]
	if s == nil || window <= 0 {
		return 0
	}
	// The past ends with the last event: the silence since then is what is to be judged, not part of the rate.
	const parts = 8
	length := min(s.now, now.Unix()/60) - s.first + 1
	last := s.lastEvent()
	length = min(length, last-s.first+1)
	if length < parts {
		return 0
	}
	var rates [parts]float64
	if length <= minutesKept && s.now-last < minutesKept-length {
		for k := range parts {
			from, to := last-length+1+length*int64(k)/parts, last-length+1+length*int64(k+1)/parts
			for m := from; m < to; m++ {
				rates[k] += float64(s.minutes[m%minutesKept])
			}
			rates[k] /= float64(to - from)
		}
	} else {
		lastSpan := last / spanMinutes
		n := min(lastSpan-s.first/spanMinutes, spansKept-1-(s.now/spanMinutes-lastSpan))
		if n < parts {
			return 0
		}
		for k := range parts {
			from, to := lastSpan-n+n*int64(k)/parts, lastSpan-n+n*int64(k+1)/parts
			for m := from; m < to; m++ {
				rates[k] += float64(s.spans[m%spansKept])
			}
			rates[k] /= float64((to - from) * spanMinutes)
		}
	}
	slices.Sort(rates[:])
	return rates[1] * window.Minutes()
}

// Merge adds what is known of the cluster from to the cluster into and forgets from. Call it for each alias that
// TakeChanges gives: without the past of what it took in, a merged cluster would look like a storm.
func (b *Baselines) Merge(from, into string) {
	f := b.series[from]
	if f == nil || from == into {
		return
	}
	delete(b.series, from)
	s := b.get(into, f.first)
	s.advance(f.now)
	f.advance(s.now)
	s.first = min(s.first, f.first)
	s.judged = -1
	for k := range s.minutes {
		s.minutes[k] = sum(s.minutes[k], int64(f.minutes[k]))
	}
	for k := range s.spans {
		s.spans[k] = sum(s.spans[k], int64(f.spans[k]))
	}
	if f.fired > s.fired { // one of them is in a storm: so is the sum
		s.fired, s.firedAt = f.fired, f.firedAt
	}
}

// sum is one that stays at the largest number rather than overflow.
func sum(c uint32, n int64) uint32 { return uint32(min(int64(c)+n, math.MaxUint32)) }

// Len is how many clusters are known.
func (b *Baselines) Len() int { return len(b.series) }

func (b *Baselines) get(cluster string, minute int64) *series {
	b.tick++
	s := b.series[cluster]
	if s == nil {
		if len(b.series) >= b.max {
			b.forget()
		}
		s = &series{first: minute, now: minute, judged: -1}
		b.series[cluster] = s
	}
	s.used = b.tick
	return s
}

// forget drops the sixteenth of the series that was not used for the longest time.
func (b *Baselines) forget() {
	type use struct {
		cluster string
		used    uint64
	}
	all := make([]use, 0, len(b.series))
	for c, s := range b.series {
		all = append(all, use{c, s.used})
	}
	slices.SortFunc(all, func(a, b use) int { return cmp.Compare(a.used, b.used) })
	for _, u := range all[:max(1, len(all)/16)] {
		delete(b.series, u.cluster)
	}
}

// advance moves the rings to a later minute.
func (s *series) advance(minute int64) {
	if minute <= s.now {
		return
	}
	for m := max(s.now+1, minute-minutesKept+1); m <= minute; m++ {
		s.minutes[m%minutesKept] = 0
	}
	was, is := s.now/spanMinutes, minute/spanMinutes
	for k := max(was+1, is-spansKept+1); k <= is; k++ {
		s.spans[k%spansKept] = 0
	}
	s.now = minute
}

func (s *series) count(minute int64, n int) {
	s.advance(minute)
	if s.now/spanMinutes-minute/spanMinutes >= spansKept {
		return
	}
	s.first = min(s.first, minute)
	k := minute / spanMinutes % spansKept
	s.spans[k] = sum(s.spans[k], int64(n))
	if s.now-minute < minutesKept {
		s.minutes[minute%minutesKept] = sum(s.minutes[minute%minutesKept], int64(n))
	}
}

// judge computes baseline and threshold from the spans that were over before the judged window began.
func (s *series) judge(b *Baselines, span int64) {
	from := max(s.first/spanMinutes, span-spansKept+1)
	to := span - 1 // the span before the current one overlaps with the judged window
	roots := b.roots[:0]
	for k := from; k < to; k++ {
		roots = append(roots, math.Sqrt(float64(s.spans[k%spansKept])))
	}
	b.roots = roots
	slices.Sort(roots)
	middle, tail := median(roots), 0.0
	if n := len(roots); n > 0 {
		// The rank grows with the history, from the largest to the fourth-largest of a whole day.
		tail = roots[n-min(1+n*(spikeTail-1)/(spansKept-2), spikeTail, n)]
	}
	for k, r := range roots {
		roots[k] = math.Abs(r - middle)
	}
	slices.Sort(roots)
	spread := max(1.4826*median(roots), 0.5)
	s.baseline = middle * middle
	s.threshold = max((middle+spikeSigmas*spread)*(middle+spikeSigmas*spread), spikeMargin*tail*tail, spikeLeast)
}

func median(sorted []float64) float64 {
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// quiet says whether the storm that fired is over.
func (s *series) quiet(span int64) bool {
	if span-s.firedAt < spikeAgain+1 {
		return false
	}
	for k := span - spikeAgain; k < span; k++ {
		if float64(s.spans[k%spansKept]) >= s.fired/2 {
			return false
		}
	}
	return true
}

// lastEvent gives the minute of the last event, or the last of its span where that is longer ago than minutes are kept.
func (s *series) lastEvent() int64 {
	for m := s.now; m > s.now-minutesKept && m >= s.first; m-- {
		if s.minutes[m%minutesKept] > 0 {
			return m
		}
	}
	span := s.now / spanMinutes
	for k := span; k > span-spansKept && k >= s.first/spanMinutes; k-- {
		if s.spans[k%spansKept] > 0 {
			return k*spanMinutes + spanMinutes - 1
		}
	}
	return s.first
}
