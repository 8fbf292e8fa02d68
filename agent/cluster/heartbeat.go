package cluster

import (
	"slices"
	"strings"
	"time"
)

// Heartbeats watches services that the operator says must never be silent for longer than a given time.
type Heartbeats struct {
	beats   map[string]*beat
	checked time.Time
}

type beat struct {
	allowed time.Duration
	last    time.Time // of the last sign of life, or since when we are watching
	seen    bool
	told    bool
}

// Silence is a service that was not heard of for longer than it may be.
type Silence struct {
	Service string
	// Last is when it was last heard of; the zero Time where it never was since the start.
	Last time.Time
	// Since is from when on it was waited for: Last, or the start.
	Since time.Time
	// Allowed is the operator's heartbeat.
	Allowed time.Duration
}

// NewHeartbeats watches each service of allowed, from start on. Durations that are not positive are not watched.
func NewHeartbeats(allowed map[string]time.Duration, start time.Time) *Heartbeats {
	h := &Heartbeats{beats: make(map[string]*beat, len(allowed)), checked: start}
	for service, d := range allowed {
		if d > 0 {
			h.beats[service] = &beat{allowed: d, last: start}
		}
	}
	return h
}

// Seen notes a sign of life of a service, any severity. at is the event's time, or when it was read if it has none.
// Services that nobody watches are ignored.
func (h *Heartbeats) Seen(service string, at time.Time) {
	b := h.beats[service]
	if b == nil {
		return
	}
	if !b.seen || at.After(b.last) {
		if at.After(b.last) {
			b.last, b.told = at, false
		}
		b.seen = true
	}
}

// Overdue gives the services that have been silent for longer than they may be, by name; each silence once. Call it
// every few seconds: when two calls are further apart than a heartbeat, nobody was listening in between (the host slept,
// the daemon was stopped), so that service's time starts anew.
func (h *Heartbeats) Overdue(now time.Time) []Silence {
	asleep := now.Sub(h.checked)
	h.checked = now
	var out []Silence
	for service, b := range h.beats {
		if asleep > b.allowed && b.last.Before(now) {
			b.last = now
		}
		if b.told || now.Sub(b.last) <= b.allowed {
			continue
		}
		b.told = true
		s := Silence{Service: service, Since: b.last, Allowed: b.allowed}
		if b.seen {
			s.Last = b.last
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Silence) int { return strings.Compare(a.Service, b.Service) })
	return out
}
