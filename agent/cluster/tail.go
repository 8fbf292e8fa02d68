package cluster

// What follows a message as names with values, of which some come only at times: "timed out, client: <*>, host: <*>" and
// "timed out, client: <*>, upstream: <*>, host: <*>". One more name may well make another message, so it takes three
// different sets of names, one within the other, behind the same words.

const (
	tailKeys  = 24 // names that are looked at
	tailForms = 3  // different sets of names
	tailMany  = 3  // with so many names shared, all behind commas and with colons, two sets do
	tailWords = 3  // words before them and names they share
	tailLimit = 24 // signatures with the same words before their names
)

// trail is where the names and values at the end of a signature begin, and which place each name is.
type trail struct {
	from int // bytes of the signature, without its prefix
	n    int
	keys [tailKeys]uint8
	bare bool // some name has "="
}

// tail reads that of e. A value is at most one word, but for what stands in quotes or brackets; a word that tells how
// something went makes the message another one, so it is no value.
func (e *entry) tail() trail {
	var t trail
	sig := e.sig[e.prefix:]
	words, depth, quote := 0, 0, byte(0)
	at := 0
	for p := 0; p < len(e.places) && p < atomLimit; p++ {
		from, to := int(e.places[p].from), int(e.places[p].to)
		for ; at < from; at++ {
			switch c := sig[at]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"':
				quote = c
			case closing(c) != 0:
				depth++
			case c == ')' || c == ']' || c == '}':
				depth--
			}
		}
		at = to
		if depth > 0 || quote != 0 || e.places[p].kind != kindWord && e.places[p].kind != kindPin {
			continue
		}
		if begin := e.key(p); begin >= 0 {
			if t.n == 0 {
				t.from, t.bare = begin, false
			}
			t.bare = t.bare || sig[to] == '='
			if t.n == tailKeys {
				return trail{}
			}
			t.keys[t.n] = uint8(p)
			t.n++
			words = 0
			continue
		}
		if words++; words > 1 || e.places[p].kind == kindPin || e.outcome(p) {
			t.n = 0
		}
	}
	return t
}

// key gives where the name at the place p begins, with the punctuation before it; -1 where it is none.
func (e *entry) key(p int) int {
	sig := e.sig[e.prefix:]
	from, to := int(e.places[p].from), int(e.places[p].to)
	if from < 2 || to >= len(sig) || e.places[p].kind != kindWord {
		return -1
	}
	behind := from
	for behind > 0 && (sig[behind-1] == ' ' || sig[behind-1] == ',' || sig[behind-1] == ';') {
		behind--
	}
	switch {
	case sig[to] == '=' && behind < from:
		return behind
	case sig[to] == ':' && from-behind >= 2 && (to+1 == len(sig) || sig[to+1] == ' '):
		return behind
	}
	return -1
}

// stem gives the key of what stands before t; ok is false where too little does.
func (e *entry) stem(t *trail) (uint64, bool) {
	if t.n == 0 {
		return 0, false
	}
	for p := 0; p < int(t.keys[0]); p++ {
		if e.says(p) {
			return hashBytes(tailTag, e.sig[:int(e.prefix)+t.from]), true
		}
	}
	return 0, false
}

const tailTag = 0x452821e638d01377

// within says whether the names of a are among those of b, in the same order, and how many they share.
func within(a *entry, ta *trail, b *entry, tb *trail) bool {
	k := 0
	for m := 0; m < tb.n && k < ta.n; m++ {
		if a.text(int(ta.keys[k])) == b.text(int(tb.keys[m])) {
			k++
		}
	}
	return k == ta.n
}

// stemmed enters i with those that have the same words before their names.
func (c *Clusterer) stemmed(i int32) {
	e := &c.entries[i]
	e.trails, e.inTails = none, false
	t := e.tail()
	key, ok := e.stem(&t)
	if !ok {
		return
	}
	e.stemKey = key
	first, there := c.tails.add(key, i)
	if !there {
		e.inTails = true
		return
	}
	k := 0
	for j := first; j != none && k < tailLimit; j = c.entries[j].trails {
		k++
	}
	if k < tailLimit {
		e.inTails = true
		e.trails = c.entries[first].trails
		c.entries[first].trails = i
	}
}

// unstem is the reverse of stemmed.
func (c *Clusterer) unstem(i int32) {
	e := &c.entries[i]
	if !e.inTails {
		return
	}
	first, ok := c.tails.get(e.stemKey)
	if !ok {
		return
	}
	if first == i {
		if e.trails == none {
			c.tails.drop(e.stemKey, i)
		} else {
			c.tails.set(e.stemKey, e.trails)
		}
		return
	}
	for j := first; j != none; j = c.entries[j].trails {
		if c.entries[j].trails == i {
			c.entries[j].trails = e.trails
			return
		}
	}
}

// joinTails unites the cluster of entry i with those whose names are among its own, or the other way round.
func (c *Clusterer) joinTails(i int32) {
	e := &c.entries[i]
	if !e.inTails {
		return
	}
	mine := e.tail()
	says := 0
	for p := range int(mine.keys[0]) {
		if e.says(p) {
			says++
		}
	}
	var near [tailLimit]int32
	var forms [tailForms]trail
	var of [tailForms]int32
	forms[0], of[0] = mine, i
	n, different, k, need := 0, 1, 0, tailForms
	first, _ := c.tails.get(e.stemKey)
	for j := first; j != none && k < tailLimit; j, k = c.entries[j].trails, k+1 {
		o := &c.entries[j]
		t := o.tail()
		if j == i || t.n == mine.n || t.n == 0 || says+min(t.n, mine.n) < tailWords || e.sig[:int(e.prefix)+mine.from] != o.sig[:int(o.prefix)+t.from] {
			continue
		}
		if t.n < mine.n && !within(o, &t, e, &mine) || t.n > mine.n && !within(e, &mine, o, &t) {
			continue
		}
		if says >= fixedWords && min(t.n, mine.n) >= tailMany && !t.bare && !mine.bare {
			need = 2
		}
		near[n] = j
		n++
		again := false
		for m := 1; m < different; m++ {
			again = again || t.n == forms[m].n && within(o, &t, &c.entries[of[m]], &forms[m])
		}
		if !again && different < tailForms {
			forms[different], of[different] = t, j
			different++
		}
	}
	if different < need {
		return
	}
	for _, j := range near[:n] {
		c.unite(c.entries[j].node, c.entries[i].node)
	}
}
