package cluster

// Two places that vary at once, "mount of X on Y failed": no signature is the same as another but for one place, so
// nothing in the slots ties them together. The latest signatures of one skeleton are compared with each other instead.

const (
	pairWindow = 16 // signatures of one skeleton that are looked at
	pairWords  = 2  // words that must stay
)

// remember enters i with those of its skeleton, the latest first.
func (c *Clusterer) remember(i int32) {
	e := &c.entries[i]
	e.older, e.newer = none, none
	if first, there := c.latest.add(e.shape, i); there {
		e.older = first
		c.entries[first].newer = i
		c.latest.set(e.shape, i)
	}
}

// newest gives the latest entry of a skeleton, none if there is none.
func (c *Clusterer) newest(shape uint64) int32 {
	if i, ok := c.latest.get(shape); ok {
		return i
	}
	return none
}

// forget is the reverse of remember.
func (c *Clusterer) forget(i int32) {
	e := &c.entries[i]
	if e.older != none {
		c.entries[e.older].newer = e.newer
	}
	switch {
	case e.newer != none:
		c.entries[e.newer].older = e.older
	case e.older != none:
		c.latest.set(e.shape, e.older)
	default:
		c.latest.drop(e.shape, i)
	}
}

// pairs opens two places of entry i if enough others differ from it in these two, and only in these.
func (c *Clusterer) pairs(i int32, fixed int) {
	e := &c.entries[i]
	if fixed < pairWords || len(e.places) < pairWords+2 {
		return
	}
	type pair struct{ p, q int }
	var at [pairWindow]pair
	var found [pairWindow]int32
	n := 0
	k := 0
	for j := e.older; j != none && k < pairWindow; j, k = c.entries[j].older, k+1 {
		if p, q, ok := twoApart(e, &c.entries[j]); ok {
			at[n], found[n] = pair{p, q}, j
			n++
		}
	}
	for a := 0; a < n; a++ {
		alike := found[:0:0]
		for b := a; b < n; b++ {
			if at[b] == at[a] {
				alike = append(alike, found[b])
			}
		}
		if c.enoughPairs(e, alike, at[a].p, at[a].q, fixed) {
			// With one of the two open in each, the other is seen to vary in the ordinary way.
			p := at[a].p
			c.merge(i, p)
			for _, j := range alike {
				if c.entries[j].used && !c.entries[j].weak {
					c.merge(j, p)
				}
			}
			return
		}
	}
}

// twoApart gives the two places in which the words of a and b differ; ok is false if there are more, or fewer.
func twoApart(a, b *entry) (p, q int, ok bool) {
	if len(a.places) != len(b.places) || len(a.places) > placeLimit {
		return 0, 0, false
	}
	n := 0
	for k := range a.places {
		ka, kb := a.places[k].kind, b.places[k].kind
		if ka == kindWord && kb == kindWord {
			if a.text(k) == b.text(k) {
				continue
			}
			if a.outcome(k) || b.outcome(k) {
				return 0, 0, false
			}
			switch n++; n {
			case 1:
				p = k
			case 2:
				q = k
			default:
				return 0, 0, false
			}
		} else if (ka == kindWord) != (kb == kindWord) || (ka == kindPin || kb == kindPin) && a.text(k) != b.text(k) {
			return 0, 0, false
		}
	}
	return p, q, n == 2
}

// enoughPairs says whether e and the others have enough different values in both places.
func (c *Clusterer) enoughPairs(e *entry, others []int32, p, q, fixed int) bool {
	for _, k := range []int{p, q} {
		if e.says(k) {
			fixed--
		}
	}
	if fixed < pairWords || len(others) < valuesNamed-1 {
		return false
	}
	for _, k := range []int{p, q} {
		need := e.announced(k)
		if fixed <= pairWords {
			need = valuesOneWord
		}
		distinct := 1
		for a, j := range others {
			text := c.entries[j].text(k)
			again := text == e.text(k)
			for _, o := range others[:a] {
				again = again || c.entries[o].text(k) == text
			}
			if !again {
				distinct++
			}
		}
		if distinct < max(need, valuesNamed) {
			return false
		}
	}
	return true
}
