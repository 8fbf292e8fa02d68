package cluster

import (
	"math"
	"slices"
)

// One cluster's past, as Baselines judge by it.

// series is one cluster's counts. The rings are indexed by time modulo their length and are valid up to now.
type series struct {
	first   int64 // minute of the first event known
	now     int64 // latest minute, by the reader's clock
	latest  int64 // latest minute of an event
	minutes [minutesKept]uint32
	spans   [spansKept]uint32
	hours   [hoursKept]uint16 // largest span of the hour, see root16
	used    uint64            // tick of the last use

	judged    int64 // span for which the next two were computed
	known     int   // spans of history
	baseline  float64
	threshold float64
	fired     float64 // threshold that was crossed, 0 where no spike is on
	firedAt   int64   // span
}

// sum is one that stays at the largest number rather than overflow.
func sum(c uint32, n int64) uint32 { return uint32(min(int64(c)+n, math.MaxUint32)) }

// root16 keeps the root of a count in two bytes, exact to a thirty-second; counts end at four million.
func root16(n float64) uint16 { return uint16(min(math.Sqrt(n)*rootScale, math.MaxUint16)) }

// advance moves the rings to a later minute.
func (s *series) advance(minute int64) {
	if minute <= s.now {
		return
	}
	clearRing(s.minutes[:], s.now, minute)
	clearRing(s.spans[:], s.now/spanMinutes, minute/spanMinutes)
	clearRing(s.hours[:], s.now/hourMinutes, minute/hourMinutes)
	s.now = minute
}

// clearRing empties the places of a ring that begin after was and are reached by is.
func clearRing[T uint16 | uint32](ring []T, was, is int64) {
	n := int64(len(ring))
	for k := max(was+1, is-n+1); k <= is; k++ {
		ring[k%n] = 0
	}
}

func (s *series) count(minute int64, n int) {
	span := minute / spanMinutes
	if minute > s.now || s.now/spanMinutes-span >= spansKept {
		return
	}
	s.first, s.latest = min(s.first, minute), max(s.latest, minute)
	if span < s.judged {
		s.judged = -1 // the past of the span that was judged is another now
	}
	s.spans[span%spansKept] = sum(s.spans[span%spansKept], int64(n))
	hour := &s.hours[minute/hourMinutes%hoursKept]
	*hour = max(*hour, root16(float64(s.spans[span%spansKept])))
	if s.now-minute < minutesKept {
		s.minutes[minute%minutesKept] = sum(s.minutes[minute%minutesKept], int64(n))
	}
}

// at gives the count of a span, 0 where it is not known.
func (s *series) at(span int64) uint32 {
	if span < 0 || span > s.now/spanMinutes || s.now/spanMinutes-span >= spansKept {
		return 0
	}
	return s.spans[span%spansKept]
}

// begin gives the first minute of which something is known, within what the rings hold.
func (s *series) begin() int64 {
	oldest := max(0, s.now/hourMinutes-hoursKept+1)
	if s.first >= oldest*hourMinutes {
		return s.first
	}
	for h := oldest; h < s.now/hourMinutes; h++ {
		if s.hours[h%hoursKept] > 0 {
			return h * hourMinutes
		}
	}
	return s.now
}

// judge computes history, baseline and threshold for a span from those before it.
func (s *series) judge(b *Baselines, span int64) {
	begin := s.begin()
	from := max(begin/spanMinutes, s.now/spanMinutes-spansKept+1)
	s.judged, s.known = span, int(max(span-from, 0))
	roots := b.roots[:0]
	for k := from; k < span-1; k++ { // a storm may have begun in the span before
		roots = append(roots, math.Sqrt(float64(s.spans[k%spansKept])))
	}
	b.roots = roots
	slices.Sort(roots)
	middle, tail, season := median(roots), tail(roots), s.season(begin/hourMinutes, span/spansPerHour)
	for k, r := range roots {
		roots[k] = math.Abs(r - middle)
	}
	slices.Sort(roots)
	spread := max(1.4826*median(roots), 0.5)
	usual := middle + spikeSigmas*spread
	s.baseline = middle * middle
	s.threshold = max(usual*usual, tail, season, spikeLeast)
}

// tail gives the count that a day's spans, roots in ascending order, let expect spikeRare times a day.
func tail(roots []float64) float64 {
	n := len(roots)
	if n == 0 {
		return 0
	}
	// The ranks grow with the history.
	rank := max(1, n*spikeTail/(spansKept-1))
	top, low := roots[n-rank], roots[max(n-rank*spikeSlope, 0)]
	top, low = top*top, max(low*low, 1)
	aDay := float64(rank) * (spansKept - 1) / float64(n) // how many spans a day are as large as top
	reach := math.Pow(top/low, math.Log(aDay/spikeRare)/math.Log(spikeSlope))
	return top * min(max(reach, spikeMargin), spikeReach)
}

// season gives the count that is no news at an hour since it came at this time of day before. begin is the first hour known.
func (s *series) season(begin, hour int64) float64 {
	var most, second, last float64
	n := 0
	for d := range int64(seasonDays) {
		at := hour - 24*(d+1)
		if at < begin && (d > 0 || at < begin-1) { // on the first day it may have begun within the hour after this one
			break
		}
		n++
		last = s.around(at)
		most, second = max(most, last), max(second, min(most, last))
	}
	usual := most
	switch {
	case n == seasonDays:
		usual = max(second, last) // the seventh is this day of last week
	case n >= seasonKnown:
		usual = second
	}
	if usual == 0 {
		return 0
	}
	return max((usual+spikeSeason)*(usual+spikeSeason), spikeMargin*usual*usual)
}

// around gives the root of the largest span of an hour and its neighbours.
func (s *series) around(hour int64) float64 {
	most := uint16(0)
	for h := hour - 1; h <= hour+1; h++ {
		if h > s.now/hourMinutes-hoursKept && h <= s.now/hourMinutes && h >= 0 {
			most = max(most, s.hours[h%hoursKept])
		}
	}
	return float64(most) / rootScale
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

// again says whether what is over the threshold in a span is more than the storm that was told of.
func (s *series) again(span int64, count float64) bool {
	since := span - s.firedAt
	if since >= spansKept-1 || since > spikeAgain && s.quiet(span) {
		return true
	}
	if since < spikeGrows {
		return false
	}
	most := uint32(0)
	for k := s.firedAt; k < span; k++ {
		most = max(most, s.at(k))
	}
	return count > spikeGrown*float64(most)
}

// quiet says whether the spans before one were far below the threshold that was crossed.
func (s *series) quiet(span int64) bool {
	for k := span - spikeAgain; k < span; k++ {
		if float64(s.at(k)) >= s.fired/2 {
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
