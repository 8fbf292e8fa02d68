package cluster

import (
	"regexp"
	"slices"
	"strings"
)

// rules are the operator's masks and pins. They are looked for before the built-in rules, pins first; where two overlap
// the one that begins earlier wins, then the pin, then the earlier mask, then the longer.
type rules struct {
	masks []*regexp.Regexp
	names []string // "<name>", "" for a mask without a name
	pins  []string
}

// rulesLimit bounds the matches that are used of one message.
const rulesLimit = 64

type match struct {
	from, to int
	rank     int // -1 for a pin, else the index of the mask
}

func newRules(cfg Config) (rules, error) {
	r := rules{pins: slices.Clone(cfg.Pins)}
	for _, m := range cfg.Masks {
		re, err := regexp.Compile(m.Pattern)
		if err != nil {
			return r, err // Validate has said so before
		}
		name := ""
		if m.Name != "" {
			name = "<" + m.Name + ">"
		}
		r.masks, r.names = append(r.masks, re), append(r.names, name)
	}
	return r, nil
}

func (r *rules) empty() bool { return len(r.masks)+len(r.pins) == 0 }

// scan has sc read msg with the operator's parts taken out.
func (r *rules) scan(sc *scanner, msg string) {
	at := 0
	for _, m := range r.find(msg) {
		if m.from < at {
			continue // overlaps with the one before
		}
		sc.scan(msg, at, m.from)
		if sc.full {
			return
		}
		switch {
		case m.rank < 0:
			sc.pinned(msg[m.from:m.to], m.from, m.to, 0)
		case r.names[m.rank] != "":
			sc.pinned(r.names[m.rank], m.from, m.to, named)
		default:
			sc.eq = false
			sc.variable(msg, m.from, m.to, kindStrong)
		}
		at = m.to
	}
	sc.scan(msg, at, len(msg))
}

func (r *rules) find(msg string) []match {
	var ms []match
	for _, pin := range r.pins {
		for at := 0; len(ms) < rulesLimit; {
			k := strings.Index(msg[at:], pin)
			if k < 0 {
				break
			}
			ms = append(ms, match{at + k, at + k + len(pin), -1})
			at += k + len(pin)
		}
	}
	for i, re := range r.masks {
		if len(ms) >= rulesLimit {
			break
		}
		for _, loc := range re.FindAllStringIndex(msg, rulesLimit-len(ms)) {
			if loc[1] > loc[0] { // \b and the like match nothing
				ms = append(ms, match{loc[0], loc[1], i})
			}
		}
	}
	slices.SortStableFunc(ms, func(a, b match) int {
		if a.from != b.from {
			return a.from - b.from
		}
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return b.to - a.to
	})
	// A pin wins over a mask that begins earlier and runs into it: nothing may mask a pin.
	out := ms[:0]
	for i, m := range ms {
		hidden := false
		for _, p := range ms[i:] {
			if m.rank >= 0 && p.rank < 0 && p.from < m.to && p.to > m.from {
				hidden = true
				break
			}
		}
		if !hidden {
			out = append(out, m)
		}
	}
	return out
}
