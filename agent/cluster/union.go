package cluster

import "slices"

// How clusters become one, and how merged signatures are found.

// merge makes the place p of entry i variable: all clusters that differ in it only become one, under the oldest's id.
func (c *Clusterer) merge(i int32, p int) {
	e := &c.entries[i]
	first, ok := c.slots.get(slotKey(e, p))
	if !ok || !c.fits(e, &c.entries[first], 1<<p) {
		return
	}
	into := c.entries[first].node
	var mask, solid uint64
	for j := first; j != none; j = c.entries[j].next[p] {
		o := &c.entries[j]
		mask |= o.mask
		solid |= o.solid
		if c.nodes[o.node].seq < c.nodes[into].seq {
			into = o.node
		}
	}
	mask |= 1 << p
	shape := e.shape
	for j := first; j != none; j = c.entries[j].next[p] {
		if n := c.entries[j].node; n != into {
			c.union(into, n)
		}
	}
	n := &c.nodes[into]
	if n.shape == shape {
		c.resize(n, func() { n.open(func(_ int, q piece) bool { return q.pos == p }) })
	}
	c.touch(n)

	// The merged signature is an entry of its own: whatever comes in its open places is found through it.
	c.enterMerged(c.opened(first, p), mask, solid|1<<p, into)
}

// enterMerged enters the merged signature g, whose places of mask are open, into the cluster into.
func (c *Clusterer) enterMerged(g entry, mask, solid uint64, into int32) {
	k, known := c.find([]byte(g.sig))
	if !known {
		g.mask, g.solid, g.last = mask, solid, c.epoch
		c.seq++
		g.seq = c.seq
		k = c.store(g)
		c.enter(k, into)
		c.addGeneral(k)
		if o := c.phrased(k); o != none {
			c.unite(c.entries[o].node, c.entries[k].node)
		}
		if o := c.endpoints(k); o != none {
			c.unite(c.entries[o].node, c.entries[k].node)
		}
		c.frame(k)
		c.stemmed(k)
		c.absorb(k)
		c.index(k, slices.Clone(c.measure(&c.entries[k])), true)
		c.openRegions(k)
		c.joinTails(k)
		return
	}
	o := &c.entries[k]
	c.unite(o.node, into)
	o.solid |= solid
	if o.mask|mask != o.mask {
		c.dropGeneral(k)
		o.mask |= mask
		c.addGeneral(k)
		c.absorb(k)
	}
	c.touch(&c.nodes[o.node])
	if o.weak { // it was only a cache of another merged entry; now it stands for itself
		c.seq++
		o.weak, o.seq = false, c.seq
		o.next = openList(len(o.places))
		c.bytes += int64(len(o.next)) * bytesPerPlace
		c.frame(k)
		c.stemmed(k)
		c.index(k, slices.Clone(c.measure(o)), true)
		c.openRegions(k)
		c.joinTails(k)
	}
}

// opened gives entry i with the place p variable. The caller enters it.
func (c *Clusterer) opened(i int32, p int) entry {
	o := &c.entries[i]
	pl := o.places[p]
	cut := int(o.prefix)
	g := entry{
		sig:    o.sig[:cut+int(pl.from)] + string(rune(varMark)) + o.sig[cut+int(pl.to):],
		places: slices.Clone(o.places),
		prefix: o.prefix,
		before: none, after: none, same: none, alike: none, trails: none,
	}
	less := pl.to - pl.from - 1
	g.places[p] = place{pl.from, pl.from + 1, kindStrong}
	for k := p + 1; k < len(g.places); k++ {
		g.places[k].from -= less
		g.places[k].to -= less
	}
	g.next = openList(len(g.places))
	c.measure(&g)
	return g
}

// addGeneral makes the merged entry i findable by what comes in its open places.
func (c *Clusterer) addGeneral(i int32) {
	e := &c.entries[i]
	key := e.sum ^ e.mask
	if _, taken := c.gens.get(key); taken {
		return
	}
	list := c.shapes[e.shape]
	k := slices.IndexFunc(list, func(s shape) bool { return s.mask == e.mask })
	switch {
	case k >= 0:
		list[k].n++
	case len(list) >= shapesLimit:
		return
	default:
		c.shapes[e.shape] = append(list, shape{e.mask, 1})
	}
	c.gens.set(key, i)
}

// dropGeneral is the reverse of addGeneral.
func (c *Clusterer) dropGeneral(i int32) {
	e := &c.entries[i]
	key := e.sum ^ e.mask
	if g, there := c.gens.get(key); e.mask == 0 || !there || g != i {
		return
	}
	c.gens.drop(key, i)
	list := c.shapes[e.shape]
	for k := range list {
		if list[k].mask == e.mask {
			if list[k].n--; list[k].n == 0 {
				list = slices.Delete(list, k, k+1)
			}
			break
		}
	}
	if len(list) == 0 {
		delete(c.shapes, e.shape)
	} else {
		c.shapes[e.shape] = list
	}
}

// absorbLimit is how many signatures of one skeleton a merged one is compared with.
const absorbLimit = 256

// absorb unites what came before the merged entry k, and would be found through it now, with it.
func (c *Clusterer) absorb(k int32) {
	e := &c.entries[k]
	n := 0
	for j := c.newest(e.shape); j != none && n < absorbLimit; j, n = c.entries[j].older, n+1 {
		if o := &c.entries[j]; o.node != e.node && c.fits(o, e, e.mask) {
			c.unite(o.node, e.node)
		}
	}
}

// unite merges two nodes, the younger into the older.
func (c *Clusterer) unite(a, b int32) {
	switch {
	case a == b:
	case c.nodes[a].seq < c.nodes[b].seq:
		c.union(a, b)
	default:
		c.union(b, a)
	}
}

// union merges node b into the older node a.
func (c *Clusterer) union(a, b int32) {
	na, nb := &c.nodes[a], &c.nodes[b]
	for i := nb.first; i != none; {
		e := &c.entries[i]
		after := e.after
		e.node, e.before, e.after = a, none, na.first
		if na.first != none {
			c.entries[na.first].before = i
		}
		na.first = i
		i = after
	}
	na.size += nb.size
	na.hits += nb.hits
	na.last = max(na.last, nb.last)
	if na.shape == nb.shape {
		c.resize(na, func() { c.openWords(na, nb) })
		na.varies |= nb.varies
		if other := nb.counts(); na.nspans != nb.nspans {
			for p, k := range na.counts() {
				if p >= len(other) || k != other[p] {
					na.varies |= placeBit(p)
				}
			}
		}
		// What differs between the two literals of one place varies.
		var differ uint64
		for k, l := range na.lits {
			same := na.varies&placeBit(int(l.pos)) == 0 && slices.ContainsFunc(nb.lits, func(o literal) bool {
				return o.text == l.text && o.pos == l.pos && o.ord == l.ord
			})
			if !same && k < 64 {
				differ |= 1 << k
			}
		}
		if differ != 0 {
			c.openLiterals(na, differ)
		}
	}
	c.stats.Merges++
	c.setAlias(nb.ref, na.ref)
	if !c.transient {
		c.pendingAliases = append(c.pendingAliases, nb.ref)
	}
	c.dropNode(b)
	c.touch(na)
}

// openWords makes the words of a's template variable that b's has not in the same place.
func (c *Clusterer) openWords(a, b *node) {
	var words [atomLimit + 8]string
	r := pieceReader{t: b.tmpl}
	for p, ok := r.next(); ok; p, ok = r.next() {
		if p.mark == wordMark && p.join == 0 {
			words[p.pos] = p.text
		}
	}
	a.open(func(_ int, p piece) bool { return p.mark == wordMark && words[p.pos] != p.text })
}
