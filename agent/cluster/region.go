package cluster

import (
	"slices"
	"strings"
)

// Text between quotes or brackets that varies as a whole, with any number of words in it: "sent 'red shoes' to <*>",
// "templates [a, b, c]". Signatures that are the same but for such regions are kept in a list. When a region has had enough
// values it becomes one variable part, and the merged signature is an entry like those that merge makes.

const (
	regionLimit  = 8  // regions of one signature
	frameLimit   = 24 // signatures that are the same but for their regions
	valuesRegion = 4  // different values that a region must have had
	valuesListed = 3  // so, in square brackets
	valuesAside  = 6  // so, in parentheses, which often hold a part of the sentence: only what has no variable part counts
	frameTag     = 0x2b7e151628aed2a6
)

// region is what stands between quotes or brackets in a signature, nested ones in the outermost.
type region struct {
	from, to int // bytes of the signature, without its prefix
	first, n int // its places
}

// regions appends those of e. What has no place in it is none, nor what must stay apart: pins, a word that says how
// something went, names with values, and what was asked of an HTTP server. Those have places of their own.
func (e *entry) regions(rs []region) []region {
	sig := e.sig[e.prefix:]
	var hopeless [256]bool // opened before and not closed
	p := 0
	for i := 0; i < len(sig) && len(rs) < regionLimit; i++ {
		for p < len(e.places) && int(e.places[p].to) <= i {
			p++
		}
		if p < len(e.places) && e.places[p].kind == kindPin && int(e.places[p].from) <= i {
			i = int(e.places[p].to) - 1
			continue
		}
		c := sig[i]
		end := -1
		switch c {
		case '"', '\'', '`':
			if !hopeless[c] && (i == 0 || strings.IndexByte(" ([{<=:,", sig[i-1]) >= 0) {
				end = quoted(sig, i)
				hopeless[c] = end < 0
			}
		case '(', '[', '{':
			if !hopeless[c] {
				end = bracketed(sig, i)
				hopeless[c] = end < 0
			}
		}
		if end < 0 {
			continue
		}
		r := region{from: i + 1, to: end, first: p}
		for p < len(e.places) && int(e.places[p].from) < end {
			p++
		}
		r.n = p - r.first
		if r.n == 0 {
			continue
		}
		if e.closed(r) {
			p = r.first
			continue
		}
		if r.first >= placeLimit {
			break
		}
		rs = append(rs, r)
		i = end
	}
	return rs
}

// quoted gives where the quote that opens at i closes, -1 where it does not.
func quoted(sig string, i int) int {
	for k := i + 1; k < len(sig); k++ {
		if sig[k] == sig[i] && sig[k-1] != '\\' && (k+1 == len(sig) || sig[k+1] != varMark && classes[sig[k+1]]&(clLetter|clDigit|clHigh) == 0) {
			return k
		}
	}
	return -1
}

// bracketed gives where the bracket that opens at i closes, -1 where it does not.
func bracketed(sig string, i int) int {
	depth := 0
	for k := i; k < len(sig); k++ {
		switch sig[k] {
		case sig[i]:
			depth++
		case closing(sig[i]):
			if depth--; depth == 0 {
				return k
			}
		}
	}
	return -1
}

// closed says whether r may not become variable.
func (e *entry) closed(r region) bool {
	for p := r.first; p < r.first+r.n; p++ {
		if e.places[p].kind == kindPin {
			return true
		}
	}
	sig := e.sig[e.prefix:]
	switch sig[r.from-1] {
	case '"', '\'', '`':
		if r.from == 1 { // the message itself
			return true
		}
	default:
		if !e.lone(r) && strings.ContainsAny(sig[r.from:r.to], "=:") { // it has places of its own
			return true
		}
	}
	if e.places[r.first].kind != kindWord {
		return false
	}
	return r.n == 1 && e.outcome(r.first) || r.n > 1 && int(e.places[r.first].from) == r.from && method(e.text(r.first))
}

// lone says whether r is one variable part and nothing else.
func (e *entry) lone(r region) bool {
	return r.n == 1 && r.to == r.from+1 && e.sig[int(e.prefix)+r.from] == varMark
}

// opened says whether r became variable by merging.
func (e *entry) opens(r region) bool { return e.lone(r) && e.mask&(1<<r.first) != 0 }

func (e *entry) inside(r region) string { return e.sig[int(e.prefix)+r.from : int(e.prefix)+r.to] }

// frameOf gives the key of e without its regions; ok is false where too little is left.
func (e *entry) frameOf(rs []region) (key uint64, ok bool) {
	if len(rs) == 0 {
		return 0, false
	}
	says, r := 0, 0
	for p := range e.places {
		for r < len(rs) && p >= rs[r].first+rs[r].n {
			r++
		}
		if (r == len(rs) || p < rs[r].first) && e.says(p) {
			says++
		}
	}
	if says < fixedWords {
		return 0, false
	}
	at := 0
	key = frameTag
	for _, r := range rs {
		key = hashBytes(key, e.sig[at:int(e.prefix)+r.from])
		at = int(e.prefix) + r.to
	}
	return hashBytes(key, e.sig[at:]), true
}

// sameFrame says whether a and b are the same but for their regions. It guards against colliding hashes.
func sameFrame(a *entry, ra []region, b *entry, rb []region) bool {
	if len(ra) != len(rb) || a.prefix != b.prefix {
		return false
	}
	la, lb := 0, 0
	for k := range ra {
		if a.sig[la:int(a.prefix)+ra[k].from] != b.sig[lb:int(b.prefix)+rb[k].from] {
			return false
		}
		la, lb = int(a.prefix)+ra[k].to, int(b.prefix)+rb[k].to
	}
	return a.sig[la:] == b.sig[lb:]
}

// framed gives the oldest merged entry whose regions e fits, none if there is none.
func (c *Clusterer) framed(e *entry) int32 {
	found := none
	var ba, bb [regionLimit]region
	rs := e.regions(ba[:0])
	key, ok := e.frameOf(rs)
	if !ok {
		return none
	}
	first, there := c.frames.get(key)
	if !there {
		return none
	}
	k := 0
	for j := first; j != none && k < frameLimit; j, k = c.entries[j].alike, k+1 {
		o := &c.entries[j]
		if o.mask == 0 || found != none && o.seq > c.entries[found].seq {
			continue
		}
		os := o.regions(bb[:0])
		if !sameFrame(e, rs, o, os) {
			continue
		}
		fits := true
		for n := range rs {
			fits = fits && (o.opens(os[n]) || o.inside(os[n]) == e.inside(rs[n]))
		}
		if fits {
			found = j
		}
	}
	return found
}

// frame enters i with those that are the same but for their regions.
func (c *Clusterer) frame(i int32) {
	e := &c.entries[i]
	var b [regionLimit]region
	e.alike, e.framed = none, false
	key, ok := e.frameOf(e.regions(b[:0]))
	if !ok {
		return
	}
	e.frame = key
	first, there := c.frames.add(key, i)
	if !there {
		e.framed = true
		return
	}
	k := 0
	for j := first; j != none && k < frameLimit; j = c.entries[j].alike {
		k++
	}
	if k < frameLimit {
		e.framed = true
		e.alike = c.entries[first].alike
		c.entries[first].alike = i
	}
}

// unframe is the reverse of frame.
func (c *Clusterer) unframe(i int32) {
	e := &c.entries[i]
	if !e.framed {
		return
	}
	first, ok := c.frames.get(e.frame)
	if !ok {
		return
	}
	if first == i {
		if e.alike == none {
			c.frames.drop(e.frame, i)
		} else {
			c.frames.set(e.frame, e.alike)
		}
		return
	}
	for j := first; j != none; j = c.entries[j].alike {
		if c.entries[j].alike == i {
			c.entries[j].alike = e.alike
			return
		}
	}
}

// openRegions makes the regions of entry i variable that have had enough values.
func (c *Clusterer) openRegions(i int32) {
	e := &c.entries[i]
	if !e.framed {
		return
	}
	var own, ofOther [regionLimit]region
	rs := e.regions(own[:0])
	first, _ := c.frames.get(e.frame)
	var like [frameLimit]int32
	var at [frameLimit][]region
	n := 0
	for j, k := first, 0; j != none && k < frameLimit; j, k = c.entries[j].alike, k+1 {
		o := &c.entries[j]
		if os := o.regions(ofOther[:0]); j != i && sameFrame(e, rs, o, os) {
			like[n], at[n] = j, slices.Clone(os)
			n++
		}
	}
	var open [regionLimit]bool
	some := false
	for k, r := range rs {
		open[k] = c.variedRegion(e, r, like[:n], at[:n], k)
		some = some || open[k] && !e.lone(r)
		if e.lone(r) {
			open[k] = false
		}
	}
	if !some {
		return
	}
	// All that differ in these regions only are one.
	into := e.node
	members := []int32{i}
	where := [][]region{rs}
	for k, j := range like[:n] {
		o := &c.entries[j]
		fits := true
		for m := range rs {
			fits = fits && (open[m] || o.inside(at[k][m]) == e.inside(rs[m]))
		}
		if fits {
			members, where = append(members, j), append(where, at[k])
			if c.nodes[o.node].seq < c.nodes[into].seq {
				into = o.node
			}
		}
	}
	g, places := c.emptied(i, rs, open[:len(rs)])
	for k, j := range members {
		o := &c.entries[j]
		if nd := &c.nodes[o.node]; nd.shape == o.shape && nd.shape != g.shape {
			c.resize(nd, func() {
				for m := len(rs) - 1; m >= 0; m-- {
					if open[m] {
						nd.cut(where[k][m].first, where[k][m].n)
					}
				}
			})
			nd.shape = g.shape
		}
	}
	for _, j := range members {
		if n := c.entries[j].node; n != into {
			c.union(into, n)
		}
	}
	c.touch(&c.nodes[into])
	c.enterMerged(g, places, places, into)
}

// variedRegion says whether the kth region has had enough values.
func (c *Clusterer) variedRegion(e *entry, r region, like []int32, at [][]region, k int) bool {
	if e.opens(r) {
		return true
	}
	var seen [valuesAside]string
	n, need, aside := 0, valuesRegion, false
	switch e.sig[int(e.prefix)+r.from-1] {
	case '(':
		need, aside = valuesAside, true
	case '[':
		need = valuesListed
	}
	count := func(s string) {
		if n < need && !slices.Contains(seen[:n], s) && !(aside && strings.IndexByte(s, varMark) >= 0) {
			seen[n] = s
			n++
		}
	}
	count(e.inside(r))
	for m, j := range like {
		o := &c.entries[j]
		if o.opens(at[m][k]) {
			return true
		}
		count(o.inside(at[m][k]))
	}
	return n >= need
}

// emptied gives entry i with the regions of open as one variable part each, and their places. The caller enters it.
func (c *Clusterer) emptied(i int32, rs []region, open []bool) (entry, uint64) {
	o := &c.entries[i]
	g := entry{prefix: o.prefix, before: none, after: none, same: none, alike: none, trails: none}
	b := make([]byte, 0, len(o.sig))
	b = append(b, o.sig[:o.prefix]...)
	at, p := 0, 0
	var places uint64
	sig := o.sig[o.prefix:]
	keep := func(to, last int) {
		shift := len(b) - int(o.prefix) - at
		b = append(b, sig[at:to]...)
		for ; p < last; p++ {
			pl := o.places[p]
			g.places = append(g.places, place{uint16(int(pl.from) + shift), uint16(int(pl.to) + shift), pl.kind})
		}
		at = to
	}
	for k, r := range rs {
		if !open[k] {
			continue
		}
		keep(r.from, r.first)
		if len(g.places) < placeLimit {
			places |= 1 << len(g.places)
		}
		from := uint16(len(b) - int(o.prefix))
		g.places = append(g.places, place{from, from + 1, kindStrong})
		b = append(b, varMark)
		at, p = r.to, r.first+r.n
	}
	keep(len(sig), len(o.places))
	g.sig = string(b)
	g.next = openList(len(g.places))
	c.measure(&g)
	return g, places
}

// cut makes the n places of the template from first on one variable part.
func (n *node) cut(first, count int) {
	last := first + count - 1
	b := make([]byte, 0, len(n.tmpl))
	held := ""
	done := false
	r := pieceReader{t: n.tmpl}
	for p, ok := r.next(); ok; p, ok = r.next() {
		switch {
		case p.mark == 0 && done && held == "":
			held = p.text // between two places of the region, or behind it
		case p.mark != 0 && p.pos >= first && p.pos <= last:
			if !done {
				b = append(b, varMark)
			}
			done, held = true, ""
		default:
			b = append(b, held...)
			held = ""
			if p.mark != 0 && p.pos > last {
				done = false
			}
			b = p.append(b)
		}
	}
	b = append(b, held...)
	if low := uint64(1)<<min(first, 63) - 1; first < 63 {
		n.varies = n.varies&low | n.varies>>(count-1)&^(low<<1|1)
	}
	n.lens = nil
	n.setTemplate(string(b))
}
