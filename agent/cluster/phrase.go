package cluster

// Lists of any length: signatures whose words are the same, and only the number of their variable parts differs.

// cycleLimit is the longest run of words, in words, whose repetition counts as one.
const cycleLimit = 4

// phraseLimit is how many signatures with the same words are looked at.
const phraseLimit = 32

// phrase is what a signature says without its variable parts: its words in order, where words that come again right away
// count once, as those of a list do: "a=1 ok, b=2 ok, c=3 ok".
type phrase struct {
	words []uint8 // their places
	gaps  uint64  // between which of them a variable part stands: bit k is the gap after the kth word
}

// read sets f to the phrase of e.
func (f *phrase) read(e *entry) {
	f.words, f.gaps = f.words[:0], 0
	for p := range e.places {
		if k := e.places[p].kind; k != kindWord && k != kindPin {
			f.gaps |= placeBit(len(f.words))
			continue
		}
		f.words = append(f.words, uint8(p))
		n := len(f.words)
		for l := 1; l <= cycleLimit && 2*l <= n; l++ {
			if f.cycle(e, l) {
				f.words = f.words[:n-l]
				// What stood in the second run stands in the first.
				if last := n - l; last < 63 {
					low := uint64(1)<<(last+1) - 1
					f.gaps = f.gaps&low | f.gaps&^low>>l
				}
				break
			}
		}
	}
}

// cycle says whether the last l words are the l before them again.
func (f *phrase) cycle(e *entry, l int) bool {
	n := len(f.words)
	for k := n - l; k < n; k++ {
		if e.text(int(f.words[k])) != e.text(int(f.words[k-l])) {
			return false
		}
	}
	return true
}

// says counts the words that say something.
func (f *phrase) says(e *entry) int {
	n := 0
	for _, p := range f.words {
		if e.says(int(p)) {
			n++
		}
	}
	return n
}

// phrased gives an entry that has the same words in the same order as entry i, where the variable parts of one are a
// subset of those of the other: "took 5", "took 5 (3)". It enters i with its words.
func (c *Clusterer) phrased(i int32) int32 {
	e := &c.entries[i]
	mine, other := &c.phrases[0], &c.phrases[1]
	mine.read(e)
	if len(mine.words) < fixedWords || mine.says(e) == 0 {
		return none
	}
	first, there := c.phrase.add(e.words, i)
	if !there {
		return none
	}
	found := none
	k := 0
	for j := first; j != none && k < phraseLimit; j, k = c.entries[j].same, k+1 {
		o := &c.entries[j]
		if found != none && o.seq > c.entries[found].seq {
			continue
		}
		other.read(o)
		if g := mine.gaps & other.gaps; (g == mine.gaps || g == other.gaps) && sameWords(e, mine, o, other) {
			found = j
		}
	}
	if k < phraseLimit {
		e.same = c.entries[first].same
		c.entries[first].same = i
	}
	return found
}

func sameWords(a *entry, fa *phrase, b *entry, fb *phrase) bool {
	if a.sig[:a.prefix] != b.sig[:b.prefix] || len(fa.words) != len(fb.words) || a.leads() != b.leads() {
		return false
	}
	for k := range fa.words {
		if a.text(int(fa.words[k])) != b.text(int(fb.words[k])) {
			return false
		}
	}
	return true
}

// leads says whether e ends with a colon: more was to follow on lines of its own, and that is another thing than the same
// words without.
func (e *entry) leads() bool { return len(e.sig) > int(e.prefix) && e.sig[len(e.sig)-1] == ':' }
