package cluster

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Design of the traffic
//
// A service's log is more than its clusters: a hundred kinds of warnings may each come twice as often, and none of them is a
// spike; and one request in a thousand that is answered with 5xx is a fact of life, where one in twenty is an incident. So of
// each service the lines, those of them that are warnings or worse, its requests and those answered with 5xx are counted, in
// spans of five minutes for the last day.
//
// Both judgements are tests of a proportion against the service's own past. The statistic is the arcsine of the root of the
// share: that makes the spread of a proportion 1/(2√n) whatever the share is. The usual one is the median of the past's, each
// weighing as much as there was in it; its spread is 1.4826 × MAD plus (in squares) the 1/(4n) of the present counts alone, and the
// limit lies five such deviations above the usual one: there is one test for each service every five minutes, forever. As with
// spikes, median and MAD are blind to what recurs seldom, so the limit is also a fifth above the second-largest share of the past
// day (but not for requests above the floor: who says what he does not put up with is told of it). Shares of few are no shares:
// a span counts for the past only with shareLeast lines or requests.
//
// The mix of levels is looked at over three spans (a quarter of an hour), and each of the last two has to be over the limit by
// itself: the noise of a start lasts for less. It has to be twice the usual share and five points above it.
//
// Requests are looked at over one span. Whoever runs a service knows what he puts up with, so there is an absolute floor: so
// many 5xx, and such a share of the requests (Requests). A share above it is told at once while nothing is known of the past;
// later only where it is above the limit, too: a service that always answers three of a hundred with 5xx is told of when it
// begins, and not every day. Below the floor it is told where it is far above the limit: ten times the usual share, twenty failures and
// a twentieth of the floor are an incident in a service of a million requests though they are but a thousandth.
//
// Like Baselines, all of it is judged by the time the lines say, late ones only where they are later than all before.

const (
	trafficHistory  = 24 // spans with enough in them: two hours
	trafficSigmas   = 5
	trafficServices = 512

	shareLeast  = 20  // of a span of the past
	shareMargin = 1.1 // in arcsines, over the second-largest of the past

	mixSpans  = 3
	mixLeast  = 20  // raised lines
	mixLines  = 100 // lines
	mixFactor = 2
	mixPoints = 0.05

	requestFactor = 10
	requestLeast  = 20
	requestPart   = 0.05 // of the floor

	growthLeast = 20 // calm lines of a span
)

// TrafficKept is how far back Traffic.Load is of use.
const TrafficKept = spansKept * spikeWindow

// How each trigger is recognised, in a few words.
const (
	mixStatistic     = "arcsine of the root of the share, against the median and MAD of the last day's"
	requestStatistic = "share of requests answered with 5xx in five minutes, against the configured floor and the last day's median and MAD"
)

// Flow is what one service wrote in one minute or span.
type Flow struct {
	// Lines are events that are no requests; Raised those of them that are warnings or worse.
	Lines, Raised int64
	// Requests are events that tell of a request and its status; Failed those with 5xx.
	Requests, Failed int64
}

// Requests says what an operator does not put up with. The zero Requests puts up with everything.
type Requests struct {
	// Failures is the least number of 5xx in five minutes, 0 for never; Share the least part of the requests, from 0 to 1.
	Failures int64
	Share    float64
}

// Share is a proportion of a service's lines or requests that is far above what is usual.
type Share struct {
	Service string
	// From is when the first span begins that was looked at, Window how long it is.
	From   time.Time
	Window time.Duration
	// Count of Of were so.
	Count, Of int64
	// Baseline is the usual share, Threshold the one that was exceeded; Known says that there is a past to compare with.
	Baseline, Threshold float64
	Known               bool
}

// Value is the share.
func (s Share) Value() float64 { return float64(s.Count) / float64(max(s.Of, 1)) }

// Traffic keeps what services write. It is not safe for concurrent use.
type Traffic struct {
	max      int
	requests Requests
	of       map[string]*flows
	tick     uint64
	scratch  []float64
	past     []portion // scratch
}

type flows struct {
	now, latest int64 // minutes
	first       int64 // span
	ring        [spansKept]flow
	used        uint64
}

// portion is a share of the past, as an angle, and of how many it was.
type portion struct{ angle, weight float64 }

type flow struct{ lines, raised, requests, failed uint32 }

// NewTraffic gives an empty Traffic for at most limit services (0 means 512, about 2.5 MiB); beyond it those not seen for the
// longest time are forgotten.
func NewTraffic(limit int, r Requests) *Traffic {
	if limit <= 0 {
		limit = trafficServices
	}
	return &Traffic{max: limit, requests: r, of: map[string]*flows{}}
}

// Load tells of a span of the past (Unix time / 300), at start, from the store, in the order of time.
func (t *Traffic) Load(service string, span int64, f Flow) {
	if span < 0 || span > math.MaxInt64/600 {
		return
	}
	s := t.get(service, span*spanMinutes)
	s.advance(span * spanMinutes)
	s.count(span*spanMinutes+spanMinutes-1, f) // all of the span was seen: what comes again is late
}

// Add counts what a service wrote in the minute of at, read at now, and gives the span it was counted in. judged says whether
// Mix and Failing are to be asked about it: not of what came too late. counted is false for what is older than a day.
func (t *Traffic) Add(service string, at, now time.Time, f Flow) (span int64, counted, judged bool) {
	wall := now.Unix() / 60
	minute := min(at.Unix()/60, wall)
	if minute < 0 || wall-minute > int64(CountedFor/time.Minute) {
		return 0, false, false
	}
	if s := t.of[service]; s != nil && s.now-wall > clockBack { // see Baselines
		delete(t.of, service)
	}
	s := t.get(service, minute)
	s.advance(wall)
	judged = wall-minute <= spikeLate || minute > s.latest
	s.count(minute, f)
	return minute / spanMinutes, true, judged
}

// Growth says how many times as much as usual a service writes and answers in a span, what is raised or failed left out; 1
// where that is not known.
func (t *Traffic) Growth(service string, span int64) float64 {
	s := t.of[service]
	if s == nil {
		return 1
	}
	calm := t.scratch[:0]
	for k := s.from(); k < span; k++ {
		f := s.at(k)
		calm = append(calm, float64(f.lines-f.raised+f.requests-f.failed))
	}
	t.scratch = calm
	slices.Sort(calm)
	usual := median(calm)
	if len(calm) < spikeHistory || usual < growthLeast {
		return 1
	}
	f := s.at(span)
	return max(1, float64(f.lines-f.raised+f.requests-f.failed)/usual)
}

// Mix says whether far more of a service's lines than usual are warnings or worse in a span and the two before it.
func (t *Traffic) Mix(service string, span int64) (Share, bool) {
	s := t.of[service]
	if s == nil {
		return Share{}, false
	}
	sum := func(last int64) (raised, lines int64) {
		for k := last - mixSpans + 1; k <= last; k++ {
			f := s.at(k)
			raised, lines = raised+int64(f.raised), lines+int64(f.lines)
		}
		return raised, lines
	}
	raised, lines := sum(span)
	if raised < mixLeast || lines < mixLines {
		return Share{}, false
	}
	past := t.past[:0]
	for k := span - mixSpans; k-mixSpans+1 >= s.from(); k -= mixSpans {
		if r, n := sum(k); n >= shareLeast {
			past = append(past, portion{angle(r, n), float64(n)})
		}
	}
	t.past = past
	if len(past) < trafficHistory/mixSpans {
		return Share{}, false
	}
	usual, limit, seldom := limits(past, lines)
	limit = max(limit, seldom, mixFactor*usual, usual+mixPoints)
	share := Share{
		Service: service, From: spanTime(span - mixSpans + 1), Window: mixSpans * spikeWindow, Count: raised, Of: lines,
		Baseline: usual, Threshold: limit, Known: true,
	}
	over := func(k int64) bool {
		f := s.at(k)
		return f.lines > 0 && float64(f.raised) > limit*float64(f.lines)
	}
	return share, share.Value() > limit && over(span) && over(span-1)
}

// Failing says whether far more of a service's requests than usual, or than are put up with, are answered with 5xx in a span:
// then fresh is true, and there should be an incident. high is true while one that there is goes on.
func (t *Traffic) Failing(service string, span int64) (share Share, fresh, high bool) {
	s := t.of[service]
	if s == nil || t.requests.Failures == 0 {
		return Share{}, false, false
	}
	f := s.at(span)
	share = Share{
		Service: service, From: spanTime(span), Window: spikeWindow, Count: int64(f.failed), Of: int64(f.requests),
		Threshold: t.requests.Share,
	}
	if share.Count < t.requests.Failures {
		return share, false, false
	}
	past := t.past[:0]
	for k := s.from(); k < span; k++ {
		if f := s.at(k); f.requests >= shareLeast {
			past = append(past, portion{angle(int64(f.failed), int64(f.requests)), float64(f.requests)})
		}
	}
	t.past = past
	// Five failures in a span's first seconds are many of the requests so far, and few of a span's.
	value := float64(share.Count) / float64(max(share.Of, int64(s.at(span-1).requests), 1))
	high = value >= t.requests.Share
	if len(past) < trafficHistory {
		return share, high, high
	}
	usual, limit, seldom := limits(past, share.Of)
	share.Baseline, share.Known = usual, true
	far := max(limit, seldom, requestFactor*usual, requestPart*t.requests.Share)
	if value > far && share.Count >= requestLeast && !high {
		share.Threshold = far
		return share, true, true
	}
	share.Threshold = max(limit, t.requests.Share)
	return share, high && value > limit, high
}

// limits gives by the past the usual share, the one that is far above it, of n, and the one that is above what came twice.
func limits(past []portion, n int64) (usual, limit, seldom float64) {
	byAngle := func(a, b portion) int { return cmp.Compare(a.angle, b.angle) }
	slices.SortFunc(past, byAngle)
	second := past[max(len(past)-2, 0)].angle
	middle := weightedMedian(past)
	for k := range past {
		past[k].angle = math.Abs(past[k].angle - middle)
	}
	slices.SortFunc(past, byAngle)
	mad := 1.4826 * weightedMedian(past)
	sigma := math.Sqrt(mad*mad + 1/(4*float64(max(n, 1))))
	return shareOf(middle), shareOf(middle + trafficSigmas*sigma), shareOf(shareMargin * second)
}

// weightedMedian gives the angle that half of the weight lies below. The quiet spans of a night, in each of which nothing failed
// since hardly anything happened, say little about what is usual by day.
func weightedMedian(sorted []portion) float64 {
	all := 0.0
	for _, p := range sorted {
		all += p.weight
	}
	below := 0.0
	for _, p := range sorted {
		if below += p.weight; below >= all/2 {
			return p.angle
		}
	}
	return 0
}

// angle is the arcsine of the root of a share.
func angle(n, of int64) float64 {
	return math.Asin(math.Sqrt(min(max(float64(n)/float64(max(of, 1)), 0), 1)))
}

// shareOf is the share of an angle.
func shareOf(a float64) float64 {
	s := math.Sin(min(max(a, 0), math.Pi/2))
	return s * s
}

func spanTime(span int64) time.Time { return time.Unix(span*spanMinutes*60, 0).UTC() }

// Len is how many services are known.
func (t *Traffic) Len() int { return len(t.of) }

func (t *Traffic) get(service string, minute int64) *flows {
	t.tick++
	s := t.of[service]
	if s == nil {
		if len(t.of) >= t.max {
			t.forget()
		}
		s = &flows{now: minute, latest: -1, first: minute / spanMinutes}
		t.of[service] = s
	}
	s.used = t.tick
	return s
}

// forget drops the sixteenth of the services that was not used for the longest time.
func (t *Traffic) forget() {
	names := make([]string, 0, len(t.of))
	for n := range t.of {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(t.of[a].used, t.of[b].used) })
	for _, n := range names[:max(1, len(names)/16)] {
		delete(t.of, n)
	}
}

func (s *flows) advance(minute int64) {
	if minute <= s.now {
		return
	}
	is := minute / spanMinutes
	for k := max(s.now/spanMinutes+1, is-spansKept+1); k <= is; k++ {
		s.ring[k%spansKept] = flow{}
	}
	s.now = minute
}

func (s *flows) count(minute int64, f Flow) {
	span := minute / spanMinutes
	is := max(s.now, minute) / spanMinutes
	s.advance(is * spanMinutes)
	if is-span >= spansKept {
		return
	}
	s.first, s.latest = min(s.first, span), max(s.latest, minute)
	c := &s.ring[span%spansKept]
	c.lines, c.raised = sum(c.lines, f.Lines), sum(c.raised, f.Raised)
	c.requests, c.failed = sum(c.requests, f.Requests), sum(c.failed, f.Failed)
}

// at gives a span, an empty one where it is not known.
func (s *flows) at(span int64) flow {
	if now := s.now / spanMinutes; span < 0 || span > now || now-span >= spansKept {
		return flow{}
	}
	return s.ring[span%spansKept]
}

// from is the first span of which something is known.
func (s *flows) from() int64 { return max(s.first, s.now/spanMinutes-spansKept+1) }
