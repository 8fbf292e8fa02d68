package events

import "strings"

// cursor is a line and how far its columns are known.
type cursor struct {
	s     string
	i     int
	named bool // the scanner took a logger's name off it
	gone  bool // it does not have the columns that the others have
}

// gathering finds the columns of lines, group by group.
type gathering struct {
	lines   []cursor
	total   int
	leveled bool // the scanner found the level, or a column was it
	steps   []step
}

// next finds the next group of columns, the shortest that there is, and says whether there was one.
func (g *gathering) next() bool {
	first := len(g.steps) == 0
	for _, group := range g.candidates(first) {
		if g.try(group) {
			g.steps = append(g.steps, group...)
			if group[len(group)-1].op == opLevel {
				g.leveled = true
			}
			return true
		}
	}
	return false
}

// candidates lists the groups in the order in which they are tried.
func (g *gathering) candidates(first bool) [][]step {
	var out [][]step
	add := func(skips int, last step) {
		group := make([]step, 0, skips+1)
		for range skips {
			group = append(group, step{op: opSkip})
		}
		last.end = true
		out = append(out, append(group, last))
	}
	for skips := range 5 {
		if !g.leveled {
			add(skips, step{op: opStamp})
			add(skips, step{op: opLevel})
		}
		if skips == 0 {
			for _, sep := range []byte{'|', '\t', ';', ','} {
				add(0, step{op: opCell, sep: sep})
			}
		}
		if skips < 3 {
			add(skips, step{op: opTag})
			if skips == 0 && !first && g.steps[len(g.steps)-1].op == opName {
				add(0, step{op: opWorker})
			}
			add(skips, step{op: opBracket})
		}
		if skips == 0 {
			if first || g.steps[len(g.steps)-1].op == opName {
				out = append(out, []step{{op: opPID}, {op: opThread, end: true}})
				add(0, step{op: opNumber})
			}
			for _, sep := range []byte{'-', '=', ':', '|'} {
				add(0, step{op: opDash, sep: sep})
			}
			add(0, step{op: opName})
		}
	}
	// a host's name may be a plain word, where it is always the same and tags behind it are not
	return append(out, []step{{op: opWord}, {op: opTag, end: true}}, []step{{op: opModule}, {op: opPID}, {op: opThread, end: true}})
}

// try says whether nearly all lines have the group, and takes it off them.
func (g *gathering) try(group []step) bool {
	ends := make([]int, len(g.lines))
	n := 0
	values, firsts := map[string]int{}, map[string]int{}
	last := group[len(group)-1]
	for i := range g.lines {
		l := &g.lines[i]
		if l.gone {
			continue
		}
		c := columnScan{s: l.s, i: l.i, named: l.named && len(g.steps) == 0}
		ok, begin := true, 0
		for _, st := range group {
			begin = skipBlanks(c.s, c.i)
			if ok = c.step(st); !ok {
				break
			}
		}
		if !ok {
			continue
		}
		if c.i == l.i { // the scanner had it already
			n++
			ends[i] = -1
			continue
		}
		ends[i] = skipSeparatorsAt(c.s, c.i)
		if ends[i] >= len(l.s) {
			ends[i] = 0
			continue // nothing is left of the line
		}
		n++
		v := c.s[begin:c.i]
		if last.op == opTag {
			v = c.logger
		}
		values[v]++
		f := skipBlanks(c.s, l.i)
		firsts[c.s[f:tokenEnd(c.s, f)]]++
	}
	if len(values) == 0 || !nearly(n, g.total) || !g.plausible(group, n, values, firsts) {
		return false
	}
	for i := range g.lines {
		switch {
		case ends[i] > 0:
			g.lines[i].i = ends[i]
		case ends[i] == 0:
			g.lines[i].gone = true
		}
	}
	return true
}

// plausible says whether the values that a group's columns have could be those of a header.
func (g *gathering) plausible(group []step, n int, values, firsts map[string]int) bool {
	few := len(values) <= max(6, n/3)
	all := n >= g.total-g.total/20 // 19 in 20: what looks like a part of a message has to be everywhere
	switch last := group[len(group)-1]; last.op {
	case opTag:
		if group[0].op == opWord {
			return all && len(firsts) == 1 && len(values) >= 2 && few
		}
		return few
	case opCell:
		return all && (few || numeric(values)) && !prose(values)
	case opDash:
		return all && few && named(values)
	case opName:
		return all && few
	case opNumber:
		return all
	case opBracket:
		return !prose(values) && !phrases(values)
	case opWorker:
		return few && !prose(values) && !phrases(values)
	case opThread:
		return all && g.idColumns(group)
	}
	return true
}

// numeric says whether nearly all values are numbers or ids.
func numeric(values map[string]int) bool {
	k := 0
	for v := range values {
		if c := tokenKind(v[:tokenEnd(v, 0)]); c == kindNumber || c == kindID {
			k++
		}
	}
	return nearly(k, len(values))
}

// prose says whether the values read like sentences.
func prose(values map[string]int) bool {
	k := 0
	for v := range values {
		blanks, plain := 0, 0
		for i := 0; i < len(v); {
			e := tokenEndPlain(v, i)
			if tokenKind(v[i:e]) == kindPlain {
				plain++
			}
			blanks++
			i = skipBlanks(v, e)
		}
		if blanks > 3 && plain > 3 {
			k++
		}
	}
	return k*3 > len(values)
}

func tokenEndPlain(s string, i int) int {
	if k := strings.IndexAny(s[i+1:], " \t"); k >= 0 {
		return i + 1 + k
	}
	return len(s)
}

// named says whether nearly all values begin with a name and not with a word, or there is more than one of a single token.
func named(values map[string]int) bool {
	k, single := 0, 0
	for v := range values {
		e := tokenEnd(v, 0)
		if tokenKind(v[:e]) != kindPlain {
			k++
		}
		if e == len(v) {
			single++
		}
	}
	return nearly(k, len(values)) || single == len(values) && single >= 2
}

// skipSeparatorsAt is what message does behind a column, while columns are still looked for.
func skipSeparatorsAt(s string, i int) int {
	c := scanner{s: s, i: i}
	c.skipSeparators()
	return c.i
}
