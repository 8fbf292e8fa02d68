package cluster

import (
	"math/bits"
	"slices"

	"github.com/logwright/logwright/agent/incident"
)

// placeLimit is how many atoms of a signature may become variable by merging: one bit each.
const placeLimit = 48

// How many different values a place must have had to be variable.
const (
	valuesVariable   = 2 // one of them is numeric-like or known to vary
	valuesIdentifier = 3 // all look like identifiers: a_b, a.b, a-b, aB
	valuesStack      = 2 // the stack is the same
	valuesManyWords  = 5 // the place is one of many words
	valuesFewWords   = 6
	manyWords        = 5
	fixedWords       = 2 // words that must stay
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
	for p, pl := range e.places {
		from, to := int(e.prefix)+int(pl.from), int(e.prefix)+int(pl.to)
		shape = hashBytes(shape, e.sig[last:from])
		last = to
		h := openHash
		if pl.kind == kindWord || pl.kind == kindPin {
			h = hashBytes(3, e.sig[from:to])
			words = mix(words ^ h)
		}
		c.parsed = append(c.parsed, value{h, pl.kind})
		sum += at(p, h)
	}
	shape = hashBytes(shape+uint64(len(e.places)), e.sig[last:])
	e.shape, e.words = shape, words
	e.sum = shape + sum
	return c.parsed
}

// miss takes in a signature that was never seen before, or was evicted.
func (c *Clusterer) miss(r *incident.Record, msg string) (int32, bool) {
	c.makeRoom()
	e := entry{
		sig:    string(c.sc.sig),
		places: slices.Clone(c.sc.atoms),
		prefix: uint16(c.sc.prefix),
		before: none, after: none, same: none,
		last: c.epoch,
		seq:  c.seq + 1,
	}
	for _, sp := range c.sc.spans {
		if sp.kind == kindStrong && sp.pos < placeLimit {
			e.solid |= 1 << sp.pos
		}
	}
	vals := c.measure(&e)

	if g := c.general(&e, vals); g != none {
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
	if o := c.phrased(i); o != none {
		n = c.entries[o].node
	} else {
		ref := makeRef(c.sc.sig)
		ref = c.root(ref)
		if known, ok := c.byRef[ref]; ok {
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
		if g, hit := c.gens[key^sh.mask]; hit && c.entries[g].mask == sh.mask && c.fits(e, &c.entries[g], sh.mask) {
			if found == none || c.entries[g].seq < c.entries[found].seq {
				found = g
			}
		}
	}
	return found
}

// fits says whether a and b are the same but for the places of mask. It guards against colliding hashes, which anybody
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
		if (p >= 64 || mask&(1<<p) == 0) && a.text(p) != b.text(p) {
			return false
		}
		la, lb = int(a.prefix)+int(pa.to), int(b.prefix)+int(pb.to)
	}
	return a.sig[la:] == b.sig[lb:]
}

// phrased gives an entry that has the same words in the same order as entry i, where the variable parts of one are a
// subset of those of the other: "took 5", "took 5 (3)". It enters i with its words.
func (c *Clusterer) phrased(i int32) int32 {
	e := &c.entries[i]
	if e.fixed() < fixedWords {
		return none
	}
	first, ok := c.phrase[e.words]
	if !ok {
		c.phrase[e.words] = i
		return none
	}
	found := none
	gaps := e.gaps()
	k := 0
	for j := first; j != none && k < 32; j, k = c.entries[j].same, k+1 {
		o := &c.entries[j]
		if !sameWords(e, o) {
			continue
		}
		g := o.gaps()
		if g&gaps == g || g&gaps == gaps {
			if found == none || o.seq < c.entries[found].seq {
				found = j
			}
		}
	}
	if k < 32 {
		e.same = c.entries[first].same
		c.entries[first].same = i
	}
	return found
}

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

// gaps gives between which words of e a variable part stands: bit k is the gap after the kth word.
func (e *entry) gaps() uint64 {
	var g uint64
	k := 0
	for _, p := range e.places {
		if p.kind == kindWord || p.kind == kindPin {
			k++
		} else {
			g |= 1 << min(k, 63)
		}
	}
	return g
}

func sameWords(a, b *entry) bool {
	if a.sig[:a.prefix] != b.sig[:b.prefix] {
		return false
	}
	j := 0
	for p := range a.places {
		if k := a.places[p].kind; k != kindWord && k != kindPin {
			continue
		}
		for j < len(b.places) && b.places[j].kind != kindWord && b.places[j].kind != kindPin {
			j++
		}
		if j == len(b.places) || a.text(p) != b.text(j) {
			return false
		}
		j++
	}
	for ; j < len(b.places); j++ {
		if k := b.places[j].kind; k == kindWord || k == kindPin {
			return false
		}
	}
	return true
}

// index enters i in the slots of its places and, with merge set, opens the places that have had enough values.
func (c *Clusterer) index(i int32, vals []value, merge bool) {
	fixed := c.entries[i].fixed()
	var ripe uint64
	for p := range c.entries[i].next {
		e := &c.entries[i]
		kind := vals[p].kind
		if kind == kindPin {
			continue
		}
		left := fixed
		if kind == kindWord && e.says(p) {
			left--
		}
		if left < fixedWords {
			continue
		}
		key := (e.sum - at(p, vals[p].hash) + openAt(p)) ^ uint64(p)
		first, ok := c.slots[key]
		if !ok {
			c.slots[key] = i
			continue
		}
		if !c.fits(e, &c.entries[first], 1<<p) {
			continue // a collision; e is just not merged in this place
		}
		if c.crowded(first, p) {
			if merge {
				c.unite(c.entries[first].node, c.entries[i].node)
			}
			continue
		}
		e.next[p] = c.entries[first].next[p]
		c.entries[first].next[p] = i
		if merge && c.enough(first, p, left) {
			ripe |= 1 << p
		}
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
	n, identifiers, variable := 0, true, false
	for j := first; j != none; j = c.entries[j].next[p] {
		e := &c.entries[j]
		n++
		if e.places[p].kind == kindWord {
			identifiers = identifiers && identifier(e.text(p))
		} else if (e.solid|e.mask)&(1<<p) != 0 {
			variable = true
		}
	}
	e := &c.entries[first]
	need := valuesFewWords
	if left >= manyWords {
		need = valuesManyWords
	}
	if identifiers {
		need = valuesIdentifier
	}
	if variable {
		need = valuesVariable
	}
	if e.sig[e.prefix-2] != prefixEnd { // there is a stack
		need = min(need, valuesStack)
	}
	return n >= need
}

// identifier says whether a word looks made up: joined by punctuation or written in camel case.
func identifier(s string) bool {
	for k := range len(s) {
		switch c := s[k]; {
		case c == '_' || c == '.' || c == '-' || c == '$' || c == '/' || c == '\\':
			return true
		case c >= '0' && c <= '9':
			return true
		case k > 0 && c >= 'A' && c <= 'Z' && s[k-1] >= 'a' && s[k-1] <= 'z':
			return true
		}
	}
	return false
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
