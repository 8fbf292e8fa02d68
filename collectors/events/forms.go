package events

import (
	"slices"
	"strings"
	"time"
)

// A stream may have lines of several forms: two programs write into one file, or one is configured anew while it runs.
// So a learner keeps a few profiles and takes for each line the most exact one that reads it without anything odd. A line
// is odd where its columns are not there, or where what is left as its message begins as hardly any message did when
// the profile was learned: with a bracket, a dotted name, a cell. Odd lines in a row are a suspicion: they are held back, and if
// most lines that follow are odd, too, a profile is learned of the odd ones alone, and the others stay as they are.

const (
	maxProfiles  = 4
	suspectLines = 8 // fewer say nothing for or against a suspicion
	patience     = 8 // odd lines in a row that are suspicious though such lines come now and then
)

// opening is what a message begins with, one bit of each kind.
type opening uint32

const (
	openPlain opening = 1 << iota
	openBracket
	openParen
	openAngle
	openBrace
	openQuote
	openNumber
	openPunct
	openName  // a dotted name
	openTag   // name:
	openCell  // something up to |, ; or a tab
	openUpper // a word in capitals
	openOther
	openLevel   // something, and a level behind it
	openDash    // something, and " - " or the like behind it
	openMissing // not what it begins with: its columns are not there
	openAll     = openMissing<<1 - 1
)

// opens says what a message begins with.
func opens(s string) opening {
	o, n := opensWith(s)
	if n == 0 || n+2 >= len(s) || s[n] != ' ' {
		return o
	}
	switch c := s[n+1]; {
	case (c == '-' || c == ':' || c == '|') && s[n+2] == ' ':
		return openDash
	case o != openPlain && isLetter(c):
		k := n + 2
		for k < len(s) && isWord(s[k]) {
			k++
		}
		if _, ok := levelWord(s[n+1 : k]); ok {
			return openLevel
		}
	}
	return o
}

// opensWith says what a message's first token is, and where it ends, 0 where that does not matter.
func opensWith(s string) (opening, int) {
	if s == "" {
		return openPlain, 0
	}
	switch c := s[0]; {
	case c == '[':
		return openBracket, bracketEnd(s)
	case c == '(':
		return openParen, bracketEnd(s)
	case c == '<':
		return openAngle, bracketEnd(s)
	case c == '{':
		return openBrace, 0
	case c == '"' || c == '\'' || c == '`':
		return openQuote, 0
	case c == '-' || c == '|' || c == ':' || c == '*' || c == '=' || c == '#':
		return openPunct, 0
	case isDigit(c):
		return openNumber, blankAt(s)
	case !isLetter(c) && c != '_':
		return openOther, 0
	}
	lower, dotted := false, false
	n := min(len(s), 64)
	i := 0
	for ; i < n; i++ {
		c := s[i]
		if c == ' ' {
			break
		}
		switch {
		case isLower(c):
			lower = true
		case c == '|' || c == ';' || c == '\t':
			return openCell, 0
		case c == '=' || c == '(' || c == '[' || c == '"' || c == '/' || c >= 0x80:
			return openPlain, 0
		case (c == '.' || c == ':' || c == '$') && i+1 < n && s[i+1] != ' ':
			dotted = true
		}
	}
	switch {
	case i > 1 && s[i-1] == ':':
		return openTag, i
	case dotted:
		return openName, i
	case !lower && i > 1:
		return openUpper, i
	}
	return openPlain, i
}

// blankAt gives where the first blank is, 0 where none is near.
func blankAt(s string) int { return max(strings.IndexByte(s[:min(len(s), 64)], ' '), 0) }

// openings says what the messages of the samples begin with, as p reads them; what fewer than one in 32 does is rare.
func (l *lesson) openings(p *profile) (usual, rare opening) {
	var counts [32]int
	n := 0
	rd := l.rd
	rd.prof = p
	for i := range l.views {
		var h head
		if l.views[i].lone {
			continue
		}
		rd.fit = fitNone
		if rd.read(l.views[i].s, &h); rd.fit != fitYes {
			continue
		}
		n++
		for k, o := 0, opens(h.shown()); o > 0; o >>= 1 {
			if o&1 != 0 {
				counts[k]++
			}
			k++
		}
	}
	for k, c := range counts {
		switch {
		case c > 0 && c*32 >= n:
			usual |= 1 << k
		case c > 0:
			rare |= 1 << k
		}
	}
	return usual, rare
}

// headed says whether p is of lines with a header.
func (p *profile) headed() bool { return p.kind == profileTimed || p.kind == profileLeveled }

// odd says what is odd of a line that was read by p, into h, 0 for nothing.
func (p *profile) odd(f fitness, h *head) opening {
	switch {
	case f == fitNo:
		return openMissing
	case f == fitYes && p.headed():
		if o := opens(h.shown()); p.opens&o == 0 {
			return o
		}
	}
	return 0
}

// rank says how exact a profile is.
func (p *profile) rank() int {
	n := p.prefix + len(p.steps) + max(p.soft, 0)
	if p.inner != nil {
		n += p.inner.rank() + 1
	}
	return n
}

// prof gives the most exact profile, nil while nothing is known.
func (lr *learner) prof() *profile {
	if len(lr.profs) == 0 {
		return nil
	}
	return lr.profs[0]
}

// take puts p among the profiles. What is known to have no header goes alone, and so does what is known to have any, but for
// forms, which only say more of some of its lines.
func (lr *learner) take(p *profile) {
	lr.born++
	p.born = lr.born
	keep := lr.profs[:0:0]
	for _, o := range lr.profs {
		switch {
		case o.equal(p):
			p.opens |= o.opens
		case o.headed() && p.headed() && lr.suspicious, p.form, o.form && p.kind != profileHeadless:
			keep = append(keep, o)
		}
	}
	if len(keep) >= maxProfiles {
		oldest := 0
		for i, o := range keep {
			if o.born < keep[oldest].born {
				oldest = i
			}
		}
		keep = slices.Delete(keep, oldest, oldest+1)
	}
	lr.setProfiles(append(keep, p))
	lr.rare = 0
	for _, o := range lr.profs {
		lr.rare |= o.rare
	}
}

// setProfiles makes ps, of which the learner knows nothing else yet, its profiles.
func (lr *learner) setProfiles(ps []*profile) {
	slices.SortStableFunc(ps, func(a, b *profile) int {
		if d := b.rank() - a.rank(); d != 0 {
			return d
		}
		return int(b.born) - int(a.born)
	})
	lr.profs, lr.memos = ps, make([]*headerMemo, len(ps))
	for i, p := range ps {
		lr.memos[i] = newMemo(p)
	}
}

// readHeader reads the header of an event's first line by the profile that fits it best, and says what is odd of it
// where none does.
func (j *Joiner) readHeader(e *event, p piece) opening {
	lr := &j.lr
	if e.meta != nil && e.meta.Writer != "" {
		j.readFirst(e, p.raw, p.body)
		return 0
	}
	if len(lr.profs) == 0 {
		j.readFirst(e, p.raw, p.body)
		if !lr.open {
			if j.rd.fit = unlearned(&e.h); j.rd.fit == fitNo && !sampled(e.body) {
				j.rd.fit = fitNone
			}
			lr.count(j.rd.fit, false)
		}
		return 0
	}
	var outer head
	if len(lr.profs) > 1 {
		outer = e.h
	}
	e.prof, j.rd.memo = lr.profs[0], lr.memos[0]
	j.readFirst(e, p.raw, p.body)
	odd := e.prof.odd(j.rd.fit, &e.h)
	if odd != 0 && len(lr.profs) > 1 {
		odd = j.readOtherwise(e, p, &outer)
	}
	if !lr.open {
		f := j.rd.fit
		if odd != 0 {
			f = fitNo
		}
		lr.count(f, e.h.headed && e.prof.headed())
	}
	return odd
}

// readOtherwise reads a line that the first profile does not fit by the others, and by the best of all where none fits.
func (j *Joiner) readOtherwise(e *event, p piece, outer *head) (odd opening) {
	lr := &j.lr
	best := -1
	if j.rd.fit == fitYes {
		best = 0
	}
	for i := 1; i < len(lr.profs); i++ {
		e.h, e.prof, j.rd.memo = *outer, lr.profs[i], lr.memos[i]
		j.readFirst(e, p.raw, p.body)
		if e.prof.odd(j.rd.fit, &e.h) == 0 {
			return 0
		}
		if best < 0 && j.rd.fit == fitYes {
			best = i
		}
	}
	best = max(best, 0)
	e.h, e.prof, j.rd.memo = *outer, lr.profs[best], lr.memos[best]
	j.readFirst(e, p.raw, p.body)
	return e.prof.odd(j.rd.fit, &e.h)
}

// strange says whether a sample fits none of the profiles.
func (j *Joiner) strange(s string, ref time.Time) bool {
	rd, h := &j.probe, &j.probed
	rd.ref = ref
	defer func() { rd.prof = nil }()
	for _, p := range j.lr.profs {
		*h = head{}
		rd.prof, rd.fit = p, fitNone
		if rd.read(s, h); rd.fit == fitNone || p.odd(rd.fit, h) == 0 {
			return false
		}
	}
	return true
}

// suspect says whether an odd line is a reason to hold lines back from it on: what was never seen before is, once.
func (lr *learner) suspect(h *head, odd opening) bool {
	if lr.open || lr.calm || !h.headed || !lr.prof().headed() {
		return false
	}
	if lr.streak++; lr.streak < patience && lr.rare&odd != 0 {
		return false
	}
	lr.rare |= odd
	lr.anew(true)
	lr.suspicious = true
	return true
}

// unfounded says whether the lines that came since say that a suspicion was wrong, and drops it then.
func (lr *learner) unfounded() bool {
	n := len(lr.samples)
	if !lr.suspicious || n+lr.fitting < suspectLines || n*4 >= n+lr.fitting {
		return false
	}
	lr.closed()
	return true
}

// closed ends learning.
func (lr *learner) closed() {
	lr.open, lr.suspicious, lr.samples, lr.others, lr.fitting, lr.misses, lr.age, lr.streak = false, false, nil, 0, 0, 0, 0, 0
}

// suspicion begins with an odd line, which is held back.
func (j *Joiner) suspicion(l *Line, ref time.Time) {
	if s, ok := j.sample(l, ref); ok {
		j.lr.samples = append(j.lr.samples, s)
	}
	j.holdBack(l, ref)
}

// learnTail says whether nearly all lines end with a logger's name in parentheses. Of long lines the end is not known.
func (l *lesson) learnTail(p *profile) bool {
	lines, tails := 0, 0
	names := map[string]bool{}
	for i := range l.views {
		v := &l.views[i]
		if v.lone || len(v.s) >= maxSample || p.kind == profileTimed && !v.timed || p.kind == profileLeveled && !v.leveled {
			continue
		}
		lines++
		if k := tailAt(v.s); k > 0 {
			tails++
			names[v.s[k:]] = true
		}
	}
	return lines >= minSamples && nearly(tails, lines) && len(names) <= max(6, lines/3)
}

// tailAt gives where " (a.dotted.Name)" at the end of s begins, 0 where s does not end so.
func tailAt(s string) int {
	if s == "" || s[len(s)-1] != ')' {
		return 0
	}
	k := strings.LastIndexByte(s[max(0, len(s)-maxTail):], '(') + max(0, len(s)-maxTail)
	if k < 2 || s[k] != '(' || s[k-1] != ' ' {
		return 0
	}
	if name := s[k+1 : len(s)-1]; !dottedName(name) || alarming(name) {
		return 0
	}
	return k - 1
}

// maxTail is how long a logger's name may be that stands at the end of a line.
const maxTail = 160

// takeTail takes the logger's name off the end of the message.
func (h *head) takeTail() {
	k := tailAt(h.msg)
	if k == 0 {
		return
	}
	if h.full == "" {
		h.full = h.msg
	}
	name := h.msg[k+2 : len(h.msg)-1]
	h.msg = strings.TrimRight(h.msg[:k], " ")
	if j := tailAt(h.show); j > 0 {
		h.show = strings.TrimRight(h.show[:j], " ")
	}
	h.logger = name
}
