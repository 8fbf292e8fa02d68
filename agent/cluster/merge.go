package cluster

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// placeLimit is how many atoms of a signature may become variable by merging: one bit each.
const placeLimit = 48

// How many different values a place must have had to be variable.
const (
	valuesVariable   = 2 // one of them is numeric-like or known to vary
	valuesOfUser     = 2 // the place is behind "for user", "by user"
	valuesIdentifier = 3 // all look like identifiers: a_b, a.b, a-b, aB
	valuesNamed      = 3 // the place is in quotes, or behind "on host", "for unit"
	valuesMethod     = 4 // all are methods of HTTP
	valuesStack      = 2 // the stack is the same
	valuesManyWords  = 5 // the place is one of many words
	valuesFewWords   = 6
	valuesOneWord    = 8  // only one word says something, but there is more around it, and the place is not the first
	valuesBare       = 12 // only one word says something, and there is nothing around it: "logout anna"
	manyWords        = 5
	fixedWords       = 2 // words that must stay
	fixedAtoms       = 3 // or one word among so many atoms
)

// shape is a set of open places that merged entries of one skeleton have, and how many have it.
type shape struct {
	mask uint64
	n    int
}

// shapesLimit bounds the sets tried for one skeleton.
const shapesLimit = 24

// value is an atom of the signature at hand.
type value struct {
	hash uint64
	kind uint8
}

func hashBytes[T string | []byte](seed uint64, s T) uint64 {
	h := seed ^ 0xcbf29ce484222325
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}

// mix is the finaliser of splitmix64.
func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}

// at gives the share of a value in a signature's sum. The sums are of independent shares, so that leaving a place open is
// one subtraction and one addition.
func at(pos int, hash uint64) uint64 { return mix(hash + uint64(pos)*0x9e3779b97f4a7c15) }

const openHash uint64 = 0x5851f42d4c957f2d

func openAt(pos int) uint64 { return at(pos, openHash) }

// variable gives the places of e that hold varMark.
func (e *entry) variable() uint64 {
	var m uint64
	for p := range min(len(e.places), placeLimit) {
		if k := e.places[p].kind; k == kindStrong || k == kindWeak {
			m |= 1 << p
		}
	}
	return m
}

func (e *entry) text(p int) string {
	pl := e.places[p]
	return e.sig[int(e.prefix)+int(pl.from) : int(e.prefix)+int(pl.to)]
}

// measure computes shape, sum and words of e from its signature and places, and the hash of each value.
func (c *Clusterer) measure(e *entry) []value {
	c.parsed = c.parsed[:0]
	shape := hashBytes(1, e.sig[:e.prefix])
	words := hashBytes(2, e.sig[:e.prefix])
	last := int(e.prefix)
	sum := uint64(0)
	e.fates = 0
	for p, pl := range e.places {
		from, to := int(e.prefix)+int(pl.from), int(e.prefix)+int(pl.to)
		shape = hashBytes(shape, e.sig[last:from])
		last = to
		h := openHash
		if pl.kind == kindWord || pl.kind == kindPin {
			h = hashBytes(3, e.sig[from:to])
			if p < 64 && pl.kind == kindWord && outcome(e.sig[from:to]) {
				e.fates |= 1 << p
			}
		}
		c.parsed = append(c.parsed, value{h, pl.kind})
		sum += at(p, h)
	}
	shape = hashBytes(shape+uint64(len(e.places)), e.sig[last:])
	c.phrases[0].read(e)
	for _, p := range c.phrases[0].words {
		words = mix(words ^ c.parsed[p].hash)
	}
	if e.leads() {
		words = mix(words)
	}
	e.shape, e.words = shape, words
	e.sum = shape + sum
	return c.parsed
}

// miss takes in a signature that was never seen before, or was evicted.
func (c *Clusterer) miss(r *incident.Record, msg string) (int32, bool) {
	c.makeRoom()
	c.sc.places = true // once more, with the places, which no hit needs
	c.read(r)
	c.sc.places = false
	e := entry{
		sig:    string(c.sc.sig),
		places: slices.Clone(c.sc.atoms),
		prefix: uint16(c.sc.prefix),
		before: none, after: none, same: none, alike: none, trails: none,
		last: c.epoch,
		seq:  c.seq + 1,
	}
	for _, sp := range c.sc.spans {
		if sp.kind() == kindStrong && sp.pos() < placeLimit {
			e.solid |= 1 << sp.pos()
		}
	}
	vals := c.measure(&e)

	g := c.general(&e, vals)
	if g == none {
		g = c.framed(&e)
	}
	if g != none {
		e.weak = true
		i := c.store(e)
		n := c.entries[g].node
		c.enter(i, n)
		nd := &c.nodes[n]
		nd.last = c.epoch
		nd.hits++
		c.vary(&c.entries[i], nd, msg)
		return i, false
	}

	c.seq++
	e.next = openList(len(e.places))
	i := c.store(e)

	made := false
	var n int32
	o := c.phrased(i)
	if p := c.endpoints(i); o == none {
		o = p
	}
	c.frame(i)
	c.stemmed(i)
	if o != none {
		n = c.entries[o].node
	} else {
		ref := makeRef(c.sc.sig)
		ref = c.root(ref)
		if known, ok := c.byRef.get(uint64(ref)); ok {
			n = known
		} else {
			made = true
			n = c.newNode(ref, r, c.entries[i].shape, makeTemplate(msg, &c.sc))
		}
	}
	c.enter(i, n)
	c.nodes[n].last = c.epoch
	c.nodes[n].hits++
	c.touch(&c.nodes[n])
	c.index(i, vals, true)
	c.openRegions(i)
	c.joinTails(i)
	n = c.entries[i].node
	// The merge may have put the event into an older cluster.
	return i, made && c.nodes[n].seq == c.entries[i].seq
}

// general gives the oldest merged entry that e fits, none if there is none.
func (c *Clusterer) general(e *entry, vals []value) int32 {
	found := none
	for _, sh := range c.shapes[e.shape] {
		key := e.sum
		ok := true
		for m := sh.mask; m != 0; m &= m - 1 {
			p := bits.TrailingZeros64(m)
			if p >= len(vals) || vals[p].kind == kindPin {
				ok = false
				break
			}
			key += openAt(p) - at(p, vals[p].hash)
		}
		if !ok {
			continue
		}
		if g, hit := c.gens.get(key ^ sh.mask); hit && c.entries[g].mask == sh.mask && c.fits(e, &c.entries[g], sh.mask) {
			if found == none || c.entries[g].seq < c.entries[found].seq {
				found = g
			}
		}
	}
	return found
}

// fits says whether a and b are the same but for the places of mask, in which neither has an outcome. It guards against colliding hashes, which anybody
// who writes to a log could look for.
func (c *Clusterer) fits(a, b *entry, mask uint64) bool {
	if len(a.places) != len(b.places) || a.sig[:a.prefix] != b.sig[:b.prefix] {
		return false
	}
	la, lb := int(a.prefix), int(b.prefix)
	for p := range a.places {
		pa, pb := a.places[p], b.places[p]
		if a.sig[la:int(a.prefix)+int(pa.from)] != b.sig[lb:int(b.prefix)+int(pb.from)] {
			return false
		}
		if open := p < 64 && mask&(1<<p) != 0; !open && a.text(p) != b.text(p) || open && (a.outcome(p) || b.outcome(p)) {
			return false
		}
		la, lb = int(a.prefix)+int(pa.to), int(b.prefix)+int(pb.to)
	}
	return a.sig[la:] == b.sig[lb:]
}

// outcome says whether the place p has a word that tells how something went.
func (e *entry) outcome(p int) bool { return p < 64 && e.fates&(1<<p) != 0 }

// fixed counts the words and pins of e that say something.
func (e *entry) fixed() int {
	n := 0
	for p := range e.places {
		if e.says(p) {
			n++
		}
	}
	return n
}

// says tells whether the place p has a pin or a word that says something: "X set to 5" and "Y set to 5" have nothing in
// common but grammar.
func (e *entry) says(p int) bool {
	switch e.places[p].kind {
	case kindPin:
		return true
	case kindWord:
		switch e.text(p) {
		case "a", "an", "the", "to", "for", "of", "in", "is", "at", "on", "by", "with", "and", "or", "from", "was", "as", "be", "are", "it":
			return false
		}
		return true
	}
	return false
}

// index enters i in the slots of its places and, with merge set, opens the places that have had enough values.
func (c *Clusterer) index(i int32, vals []value, merge bool) {
	e := &c.entries[i]
	fixed := e.fixed()
	c.remember(i)
	var ripe uint64
	for p := range e.next {
		kind := vals[p].kind
		if kind == kindPin || e.outcome(p) {
			continue
		}
		left := fixed
		if kind == kindWord && e.says(p) {
			left--
		}
		if left < 1 || left < fixedWords && (p == 0 && !e.enclosed(p) || len(e.places) < fixedAtoms && kind != kindWord) && (kind != kindWord || !dotted(e.text(p))) {
			continue
		}
		key := (e.sum - at(p, vals[p].hash) + openAt(p)) ^ uint64(p)
		first, there := c.slots.add(key, i)
		if !there {
			continue
		}
		if !c.fits(e, &c.entries[first], 1<<p) {
			continue // a collision; e is just not merged in this place
		}
		if c.crowded(first, p) {
			if merge {
				c.unite(c.entries[first].node, e.node)
			}
			continue
		}
		e.next[p] = c.entries[first].next[p]
		c.entries[first].next[p] = i
		if merge && c.enough(first, p, left) {
			ripe |= 1 << p
		}
	}
	if !merge {
		return
	}
	if ripe == 0 {
		c.pairs(i, fixed)
	}
	for ; ripe != 0; ripe &= ripe - 1 {
		c.merge(i, bits.TrailingZeros64(ripe))
	}
}

// listLimit is how many entries one slot lists. More come only where a merged signature could not be made findable, and
// then a long list would make every further one slow.
const listLimit = 16

func (c *Clusterer) crowded(first int32, p int) bool {
	n := 0
	for j := first; j != none && n < listLimit; j = c.entries[j].next[p] {
		n++
	}
	return n >= listLimit
}

// enough says whether the place p had so many values in the list that begins at first that it is variable.
func (c *Clusterer) enough(first int32, p, left int) bool {
	n, identifiers, names, long, methods, variable := 0, true, true, true, true, false
	blanks, varies := true, false
	for j := first; j != none; j = c.entries[j].next[p] {
		e := &c.entries[j]
		n++
		if e.places[p].kind == kindWord {
			identifiers = identifiers && identifier(e.text(p))
			names = names && dotted(e.text(p))
			methods = methods && method(e.text(p))
			long = long && strings.Count(e.text(p), ".") >= 2
			blanks = blanks && nobody(e.text(p))
			continue
		}
		varies = true
		if (e.solid|e.mask)&(1<<p) != 0 {
			variable = true
		}
	}
	e := &c.entries[first]
	need := valuesFewWords
	switch {
	case left >= manyWords:
		need = valuesManyWords
	case left < fixedWords:
		need = valuesOneWord
	}
	if left < fixedWords && len(e.places) < fixedAtoms {
		need = valuesBare
	} else {
		need = min(need, e.announced(p))
	}
	if left < fixedWords && names {
		if need = valuesManyWords; long {
			need = valuesIdentifier
		}
	}
	if left >= fixedWords && identifiers {
		need = min(need, valuesIdentifier)
	}
	if methods && left >= fixedWords {
		need = min(need, valuesMethod)
	}
	if variable && left >= fixedWords || blanks && varies {
		need = valuesVariable
	}
	if e.sig[e.prefix-2] != prefixEnd { // there is a stack
		need = min(need, valuesStack)
	}
	return n >= need
}

// openList gives room for the slot lists of an entry with n atoms.
func openList(n int) []int32 {
	next := make([]int32, min(n, placeLimit))
	for p := range next {
		next[p] = none
	}
	return next
}

// hashAt gives the hash of what e has in the place p.
func hashAt(e *entry, p int) uint64 {
	if k := e.places[p].kind; k == kindWord || k == kindPin {
		return hashBytes(3, e.text(p))
	}
	return openHash
}

// slotKey gives the key of the slot in which e leaves the place p open.
func slotKey(e *entry, p int) uint64 { return (e.sum - at(p, hashAt(e, p)) + openAt(p)) ^ uint64(p) }
