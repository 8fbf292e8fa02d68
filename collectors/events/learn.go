package events

import (
	"slices"
	"strings"
)

// What is learned is learned from samples: the beginnings of the source's lines, as they stand without their transport.
// A column has to be there in nine lines of ten, in a source with few samples in all of them. Whatever can't be told
// from words of a message stays with the message: it costs less to have a constant word in a cluster's key than to lose one.

const (
	maxSamples = 160 // lines that a profile is learned from
	minSamples = 16  // fewer say nothing
	maxSample  = 200 // bytes kept of one
)

// view is a sample as the fixed scanner reads it.
type view struct {
	s             string
	timed, dated  bool // dated: timed by more than a number
	leveled       bool
	msg           string // what the scanner leaves of it
	epoch         int    // token of the first stamp that the scanner does not reach, 0 where there is none near
	lone, nesting bool
}

// lesson is what is looked at while a profile is learned.
type lesson struct {
	rd    reader
	views []view
	p     profile
}

// learn makes a profile of samples; nil where they are too few to say anything. It depends on the samples alone.
func learn(samples []string, base *reader) *profile {
	l := lesson{rd: reader{only: FormatAuto, ref: base.ref, loc: base.loc}}
	var lines, timed, dated, leveled int
	for _, s := range samples {
		v := view{s: s, lone: s[0] == ' '}
		if !v.lone {
			lines++
			v = l.view(s)
		}
		if v.timed {
			timed++
		}
		if v.dated {
			dated++
		}
		if v.leveled && !v.timed {
			leveled++
		}
		l.views = append(l.views, v)
	}
	if lines < minSamples {
		return nil
	}
	switch {
	case timed*2 >= lines:
		l.p.kind = profileTimed
		l.learnColumns(func(v *view) bool { return v.timed })
	case timed*20 >= lines && dated*20 >= lines:
		return &profile{kind: profileMixed}
	case l.learnPrefix():
		l.p.kind = profileTimed
		l.learnColumns(func(v *view) bool { return v.timed })
	case leveled*2 >= lines:
		l.p.kind = profileLeveled
		l.learnColumns(func(v *view) bool { return v.leveled && !v.timed })
	default:
		l.p.kind, l.p.keep = profileHeadless, true
		l.p.lone = l.loneBlanks()
	}
	p := l.p
	return &p
}

// view reads a sample as it stands, without any profile.
func (l *lesson) view(s string) view {
	var h head
	v := view{s: s}
	_, _ = l.rd.scanFixed(s, &h, false)
	v.timed, v.leveled, v.msg = h.timed, h.leveled, h.msg
	if v.timed {
		var g head
		_, _ = l.rd.scanFixed(s, &g, true)
		v.dated = g.timed
	}
	return v
}

// learnPrefix looks for a time stamp that stands behind the same number of tokens in nearly all lines, though the scanner
// does not find it: what stands before it is header, unless it reads like the words of a message.
func (l *lesson) learnPrefix() bool {
	var counts [maxPrefix + 1]int
	at := make([]int, len(l.views))
	lines := 0
	for i := range l.views {
		if v := &l.views[i]; !v.lone {
			lines++
			at[i] = firstStamp(v.s)
			counts[at[i]]++
		}
	}
	best := 0
	for k := 1; k <= maxPrefix; k++ {
		if counts[k] > counts[best] || best == 0 {
			best = k
		}
	}
	if !nearly(counts[best], lines) {
		return false
	}
	var plain [maxPrefix]int
	words := map[string]bool{}
	for i := range l.views {
		if at[i] != best {
			continue
		}
		s, p, combo := l.views[i].s, 0, ""
		for k := range best {
			e := tokenEnd(s, p)
			if tokenKind(s[p:e]) == kindPlain {
				plain[k]++
				combo += s[p:e] + " "
			}
			p = skipBlanks(s, e)
		}
		words[combo] = true
	}
	n := counts[best]
	wordy := slices.ContainsFunc(plain[:best], func(k int) bool { return k*10 > n })
	if wordy && (plain[0]*10 > n || len(words) < 3) {
		return false
	}
	l.p.prefix = best
	for i := range l.views {
		v := &l.views[i]
		v.timed = false
		if k := l.p.skipPrefix(v.s); k > 0 && !v.lone {
			w := l.view(v.s[k:])
			v.timed, v.leveled, v.msg = w.timed, w.leveled, w.msg
		}
	}
	return true
}

// firstStamp gives the token that is a time stamp, from 1 on, 0 where none of the first few is.
func firstStamp(s string) int {
	i := 0
	for k := 1; k <= maxPrefix; k++ {
		if i = skipBlanks(s, tokenEnd(s, i)); i >= len(s) {
			return 0
		}
		var st stamp
		if scanStampAt(s, i, &st) > 0 {
			return k
		}
	}
	return 0
}

// nearly is nine in ten, and all but one where there are few.
func nearly(k, n int) bool { return n > 0 && k >= n-max(n/10, 1) }

// learnColumns looks for the columns behind what the scanner reads of the lines that have a header.
func (l *lesson) learnColumns(has func(*view) bool) {
	lines, leveled := make([]cursor, 0, len(l.views)), 0
	for i := range l.views {
		if v := &l.views[i]; !v.lone && has(v) {
			if v.leveled {
				leveled++
			}
			lines = append(lines, cursor{s: v.msg})
		}
	}
	if len(lines) < minSamples {
		return
	}
	l.p.keep = l.p.kind == profileTimed && leveled > 0 && leveled*2 < len(lines)
	if leveled == 0 && l.p.kind == profileTimed {
		l.p.nested = l.learnNested(lines)
	}
	g := gathering{lines: lines, total: len(lines), leveled: leveled*2 >= len(lines)}
	for len(g.steps) < maxSteps-6 && g.next() {
	}
	l.p.steps = g.steps
	if len(g.steps) > 0 {
		l.p.keep = false
	}
}

// learnNested says whether nearly all messages have a header of their own, and reads over it.
func (l *lesson) learnNested(lines []cursor) bool {
	n := 0
	out := make([]string, len(lines))
	for i := range lines {
		var h head
		l.rd.read(lines[i].s, &h)
		if h.headed && (h.timed || h.leveled) && h.format != FormatAccess {
			n++
			out[i] = h.msg
		} else if strings.HasPrefix(lines[i].s, `{"`) {
			n++ // the sample is a part of the line only
		}
	}
	if !nearly(n, len(lines)) {
		return false
	}
	for i := range lines {
		lines[i].s = out[i]
	}
	return true
}

// loneBlanks says whether lines with one blank in front are lines like any other: they stand alone, behind lines of
// different kinds.
func (l *lesson) loneBlanks() bool {
	alone, all := 0, 0
	before := map[string]bool{}
	for i := range l.views {
		if !l.views[i].lone {
			continue
		}
		all++
		if i > 0 && !l.views[i-1].lone && (i+1 == len(l.views) || !l.views[i+1].lone) {
			alone++
		}
		if i > 0 && !l.views[i-1].lone {
			s := l.views[i-1].s
			before[s[:tokenEnd(s, 0)]] = true
		}
	}
	return alone >= 3 && alone*2 >= all && len(before) >= 3
}
