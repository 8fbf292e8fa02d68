package cluster

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Design of the baseline
//
// Events are counted by the time they say they happened: in spans of five minutes for the last day, and the largest span of
// each hour for the last eight days. A span is judged against the spans before it, as it fills.
//
// Counts of events are roughly Poisson at best, and usually burstier: their spread grows with their mean, a few spans are far
// out, and some of them are far out at the same time every day. So a spike is more than each of four:
//   - the median plus four robust deviations (1.4826 × MAD) of the SQUARE ROOTS of the last day's spans. The root makes the
//     spread of a Poisson count about one half whatever its mean (and one half is the least deviation taken), and median and
//     MAD don't move when up to half of the spans are a storm;
//   - what the tail of the last day lets expect once in fifty days. Median and MAD are blind to what recurs in fewer than half
//     of the spans: bursts, a batch job each hour. The fourth-largest and the sixteenth-largest span of the day give the tail's
//     slope (Weissman's estimator for a Pareto tail), which is followed up to four times the fourth-largest: heavy bursts get
//     a high threshold, counts as regular as Poisson's a low one, and four times as much as four spans of today is always news;
//   - what came at this time of day, an hour to either side, on two of the last seven days (on one, while only one or two are
//     known), and on this day of last week: a nightly job, the morning after a silent night, the Monday after a weekend;
//   - spikeLeast: five errors instead of none are TriggerNew's business, not a storm.
//
// Where the traffic of the service grew (see Traffic), thresholds grow with it, up to fourfold: twice the requests make twice
// the errors.
//
// There is no alarm
//   - from too little history: a cluster is judged once spikeHistory has passed since its first event;
//   - from the arrival of many events at once: each is counted in the span of its own time. A backlog is judged span by span as
//     if it had been read when it was written;
//   - from a replayed file or a late source: an event that is more than spikeLate old when it is read is judged only where it
//     is later than all that was seen of its cluster before; else it is counted and that is all. What is older than a day is
//     not even counted;
//   - twice for one storm: after a spike a cluster is silent until six spans in a row (half an hour) were below half of the
//     threshold that was crossed, for a day at most, unless after an hour the storm becomes four times as big as it was;
//   - from the noise of a start, where the caller asks for what lasts (see Observation.Lasting): the span before has to have
//     been over half of the threshold, too.
//
// A clock that was an hour or more ahead and is set back leaves counts of a time that is yet to come. They are dropped with all
// that was known of the cluster: its rings can't turn back, and it would be silent until that time.
//
// All of it but which storms are on follows from the counts by minute, which the store has: a restart changes no decision.
//
// Known losses: spans are aligned, so what begins at the end of one is told in the next. A second storm less than four times
// as big as one of twenty minutes on the same day may not be told. A storm slower than a day is the new normal. What doubles at
// fewer than about twenty events in five minutes is not told. Downtime whose events are never read counts as silence.

const (
	spikeWindow   = 5 * time.Minute
	spikeHistory  = 12 // spans
	spikeLate     = 3  // minutes
	spikeLeast    = 20
	spikeSigmas   = 4
	spikeAgain    = 6    // quiet spans before the next spike
	spikeGrows    = 12   // spans after which a storm may be told again
	spikeGrown    = 4    // where it is so many times as big
	spikeTail     = 4    // rank of the span that the tail begins with
	spikeSlope    = 4    // rank of the one that gives its slope, as a multiple of spikeTail's
	spikeRare     = 0.02 // spans a day beyond the tail that are put up with
	spikeMargin   = 1.25 // by which the tail is exceeded at least
	spikeReach    = 4    // and at most
	spikeSeason   = 1.5  // roots: three deviations of a Poisson count above what came at this time on other days
	growthMost    = 4
	clockBack     = 60 // minutes
	seasonDays    = 7
	seasonKnown   = 3 // days from where on one of them may have been a storm
	rootScale     = 32
	minutesKept   = 64
	spansKept     = 288
	hoursKept     = (seasonDays + 1) * 24
	spanMinutes   = int64(spikeWindow / time.Minute)
	hourMinutes   = 60
	spansPerHour  = hourMinutes / spanMinutes
	defaultSeries = 4096
)

// BaselineKept is how far back Load is of use.
const BaselineKept = hoursKept * time.Hour

// CountedFor is how old an event may be when it is read to be counted in a baseline.
const CountedFor = (spansKept - 1) * spikeWindow

// spikeStatistic says how a spike is recognised, in a few words.
const spikeStatistic = "median and MAD of the roots of the last day's counts in five minutes, its tail, and the same hour of other days"

// Baselines keeps how often each cluster came and says when one comes far more often than it used to.
// It is not safe for concurrent use.
type Baselines struct {
	max    int
	series map[string]*series
	tick   uint64
	roots  []float64 // scratch
	storms []Storm   // not taken yet
}

// Observation is n events of one cluster in one minute.
type Observation struct {
	Cluster string
	// At is when they say they happened; what is ahead of Now counts as now. Now is when they were read.
	At, Now time.Time
	N       int
	// Growth says how many times its usual traffic the service had in a span (see Traffic.Growth); nil where nobody knows.
	Growth func(span int64) float64
	// Lasting asks for what goes on for longer than a span: what is below the threshold of a problem may be the noise of a
	// start.
	Lasting bool
}

// Spike is a cluster that comes far more often than its own past says.
type Spike struct {
	Cluster string
	// From is when the span begins whose events crossed the threshold; it is Window long.
	From   time.Time
	Window time.Duration
	// Count is how many events the span had then.
	Count int
	// Baseline is the usual count (the median), Threshold the count that was exceeded.
	Baseline, Threshold float64
}

// Storm is a spike that was told of, as the store keeps it: what a restart must not tell again.
type Storm struct {
	Cluster   string
	Span      int64 // Unix time / 300
	Threshold float64
}

// NewBaselines gives empty Baselines for at most limit clusters (0 means 4096, about 8 MiB); beyond it those not seen for
// the longest time are forgotten.
func NewBaselines(limit int) *Baselines {
	if limit <= 0 {
		limit = defaultSeries
	}
	return &Baselines{max: limit, series: map[string]*series{}}
}

// Load tells of n events of a cluster in a minute of the past (Unix time / 60), at start, from the store, in the order of
// time.
func (b *Baselines) Load(cluster string, minute int64, n int) {
	if n <= 0 || minute < 0 || minute > math.MaxInt64/120 {
		return
	}
	s := b.get(cluster, minute)
	s.advance(minute)
	s.count(minute, n)
}

// LoadStorm tells of a storm, at start, after the minutes were loaded. Of two of one cluster the later one counts.
func (b *Baselines) LoadStorm(st Storm) {
	if s := b.series[st.Cluster]; s != nil && st.Span >= s.firedAt && st.Threshold > 0 {
		s.fired, s.firedAt = st.Threshold, st.Span
	}
}

// TakeStorms gives the storms since the last call, to be kept for a day and loaded at the next start.
func (b *Baselines) TakeStorms() []Storm {
	out := b.storms
	b.storms = nil
	return out
}

// Observe counts events and says whether they make a spike.
func (b *Baselines) Observe(o Observation) (Spike, bool) {
	wall := o.Now.Unix() / 60
	minute := wall
	if !o.At.IsZero() {
		minute = min(o.At.Unix()/60, wall) // what is ahead must not turn the rings
	}
	if o.N <= 0 || minute < 0 || wall-minute > int64(CountedFor/time.Minute) {
		return Spike{}, false
	}
	if s := b.series[o.Cluster]; s != nil && s.now-wall > clockBack {
		delete(b.series, o.Cluster)
	}
	s := b.get(o.Cluster, minute)
	s.advance(wall)
	fresh := wall-minute <= spikeLate || minute > s.latest
	s.count(minute, o.N)
	if !fresh {
		return Spike{}, false
	}
	span := minute / spanMinutes
	if s.judged != span {
		s.judge(b, span)
	}
	if s.known < spikeHistory {
		return Spike{}, false
	}
	threshold, count := s.threshold, float64(s.at(span))
	if count <= threshold {
		return Spike{}, false
	}
	if o.Growth != nil {
		threshold *= min(max(o.Growth(span), 1), growthMost)
	}
	if count <= threshold || s.fired > 0 && !s.again(span, count) || o.Lasting && float64(s.at(span-1)) <= threshold/2 {
		return Spike{}, false
	}
	s.fired, s.firedAt = threshold, span
	b.storms = append(b.storms, Storm{o.Cluster, span, threshold})
	return Spike{
		Cluster: o.Cluster, From: time.Unix(span*spanMinutes*60, 0).UTC(), Window: spikeWindow,
		Count: int(count), Baseline: s.baseline, Threshold: threshold,
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
	s.first, s.latest = min(s.first, f.first), max(s.latest, f.latest)
	s.judged = -1
	for k := range s.minutes {
		s.minutes[k] = sum(s.minutes[k], int64(f.minutes[k]))
	}
	for k := range s.spans {
		s.spans[k] = sum(s.spans[k], int64(f.spans[k]))
	}
	for k := range s.hours { // at most: their largest spans need not be the same
		x, y := float64(s.hours[k])/rootScale, float64(f.hours[k])/rootScale
		s.hours[k] = root16(x*x + y*y)
	}
	if f.fired > 0 && f.firedAt >= s.firedAt { // one of them is in a storm: so is the sum
		s.fired, s.firedAt = max(f.fired, s.fired), f.firedAt
		b.storms = append(b.storms, Storm{into, s.firedAt, s.fired})
	}
}

// Len is how many clusters are known.
func (b *Baselines) Len() int { return len(b.series) }

func (b *Baselines) get(cluster string, minute int64) *series {
	b.tick++
	s := b.series[cluster]
	if s == nil {
		if len(b.series) >= b.max {
			b.forget()
		}
		s = &series{first: minute, now: minute, latest: -1, judged: -1, firedAt: -1}
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
