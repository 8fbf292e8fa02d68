package events

import "strings"

// What is learned is learned from samples: the beginnings of the source's lines, as they stand without their transport.
// A column has to be there in nine lines of ten, in a source with few samples in all of them. Whatever can't be told
// from words of a message stays with the message: it costs less to have a constant word in a cluster's key than to lose one.

const (
	maxSamples = 128 // lines that a profile is learned from
	minSamples = 16  // fewer say nothing
	maxSample  = 384 // bytes kept of one
)

// view is a sample as the fixed scanner reads it.
type view struct {
	s            string
	timed, dated bool // dated: timed by more than a number
	leveled      bool
	msg          string // what the scanner leaves of it
	words        string // msg with the level's word
	soft         int
	named        bool
	lone         bool // one blank in front
}

// lesson is what is looked at while a profile is learned.
type lesson struct {
	rd    reader
	views []view
	p     profile
}

// learn makes a profile of samples; nil where they are too few to say anything. It depends on the samples alone.
func learn(samples []string, base *reader) *profile {
	l := lesson{rd: reader{only: FormatAuto, ref: base.ref, loc: base.loc}, p: profile{soft: -1}}
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
	case timed*8 >= lines && dated*8 >= lines:
		return &profile{kind: profileMixed, soft: -1, opens: openAll}
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
	return l.done()
}

// done makes a profile of what was learned.
func (l *lesson) done() *profile {
	p := l.p
	if p.opens = openAll; p.headed() {
		p.tail = l.learnTail(&p)
		p.opens, p.rare = l.openings(&p)
	}
	return &p
}

// learnForm makes a profile of those lines among samples that have a time and a level, where others that have none stand between
// them and were learned from, too: two loggers write into one file, or one is printed to as well. nil where p, which was learned of all
// the samples, has what there is to know.
func learnForm(samples []string, base *reader, p *profile) *profile {
	if p.kind != profileTimed && p.kind != profileMixed || p.prefix > 0 || p.inner != nil || len(p.steps) > 0 {
		return nil
	}
	l := lesson{rd: reader{only: FormatAuto, ref: base.ref, loc: base.loc}, p: profile{kind: profileTimed, soft: -1, form: true}}
	timed := 0
	for _, s := range samples {
		v := l.view(s)
		if v.timed {
			timed++
		}
		if v.timed && v.leveled && s[0] != ' ' {
			l.views = append(l.views, v)
		}
	}
	n := len(l.views)
	if n < minSamples || n*8 < len(samples) || p.kind == profileTimed && nearly(n, timed) {
		return nil
	}
	l.learnColumns(func(*view) bool { return true })
	if len(l.p.steps) == 0 {
		return nil
	}
	return l.done()
}

// view reads a sample as it stands, without any profile.
func (l *lesson) view(s string) view {
	var h head
	v := view{s: s}
	got := l.rd.scanFixed(s, &h, scanOptions{maxSoft: l.p.soft})
	v.timed, v.leveled, v.msg, v.soft, v.named = h.timed, h.leveled, h.msg, got.soft, got.named
	if v.words = v.msg; got.levelAt >= 0 {
		v.words = unleveled(s, got)
	}
	if v.timed {
		var g head
		l.rd.scanFixed(s, &g, scanOptions{noEpoch: true, maxSoft: -1})
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
	wordy := 0
	for _, k := range plain[:best] {
		if k*10 > n {
			wordy++
		}
	}
	// words may stand there where a number or an id stands before them and they vary, as no sentence's do
	if wordy > 0 && (plain[0]*10 > n || len(words) < 2 || len(words) == 2 && best-wordy < 2) {
		return false
	}
	l.p.prefix = best
	for i := range l.views {
		v := &l.views[i]
		v.timed = false
		if k := l.p.skipPrefix(v.s); k > 0 && !v.lone {
			w := l.view(v.s[k:])
			w.s = v.s
			*v = w
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
	l.learnBrackets(has)
	lines, leveled := make([]cursor, 0, len(l.views)), 0
	for i := range l.views {
		if v := &l.views[i]; !v.lone && has(v) {
			if v.leveled {
				leveled++
			}
			lines = append(lines, cursor{s: v.msg, named: v.named})
		}
	}
	if len(lines) < minSamples {
		return
	}
	if l.p.keep = l.p.kind == profileTimed && leveled*2 < len(lines); l.p.keep {
		k := 0
		for i := range l.views {
			if v := &l.views[i]; !v.lone && has(v) {
				lines[k] = cursor{s: v.words, named: v.named && !v.leveled}
				k++
			}
		}
	}
	if leveled == 0 && l.p.kind == profileTimed {
		l.learnNested(lines)
	}
	g := gathering{lines: lines, total: len(lines), leveled: leveled*2 >= len(lines)}
	for more := true; more && len(g.steps) < maxSteps-6; {
		more = g.next()
	}
	l.p.steps = g.steps
}

// learnBrackets looks how many brackets three lines of four have in their header. What comes beyond that now and then is the
// beginning of a message.
func (l *lesson) learnBrackets(has func(*view) bool) {
	var counts [maxHeaderTokens + 1]int
	n := 0
	for i := range l.views {
		if v := &l.views[i]; !v.lone && has(v) {
			n++
			counts[min(v.soft, maxHeaderTokens)]++
		}
	}
	k := brackets(counts[:], n)
	l.p.soft = k
	for i := range l.views {
		v := &l.views[i]
		if v.lone || !has(v) || v.soft <= k {
			continue
		}
		w := l.view(v.s[l.p.skipped(v.s):])
		w.s = v.s
		*v = w
	}
}

// brackets gives the number of brackets that three lines of four have at least; counts says how many of the n lines have
// how many.
func brackets(counts []int, n int) int {
	k, more := 0, n-counts[0] // lines that have more than k
	for more*4 >= n*3 && more > 0 && k+1 < len(counts) {
		k++
		more -= counts[k]
	}
	return k
}

// skipped is skipPrefix where there may be none.
func (p *profile) skipped(s string) int {
	if p.prefix == 0 {
		return 0
	}
	return p.skipPrefix(s)
}

// learnNested finds out whether nearly all messages have a header of their own, and reads over it.
func (l *lesson) learnNested(lines []cursor) {
	var counts [maxHeaderTokens + 1]int
	n, text := 0, 0
	for i := range lines {
		var h head
		switch l.rd.read(lines[i].s, &h); {
		case strings.HasPrefix(lines[i].s, `{"`):
			n++ // the sample may be a part of the line only
		case h.headed && (h.timed || h.leveled) && h.format != FormatAccess:
			if n++; h.format == "" || h.format == FormatText {
				text++
				counts[min(l.rd.scanFixed(lines[i].s, &head{}, anyHeader).soft, maxHeaderTokens)]++
			}
		}
	}
	if !nearly(n, len(lines)) {
		return
	}
	l.p.inner = &profile{kind: profileMixed, soft: brackets(counts[:], text)}
	for i := range lines {
		var h head
		in := l.rd
		in.prof = l.p.inner
		in.read(lines[i].s, &h)
		lines[i] = cursor{s: h.msg, named: h.logger != ""}
	}
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
