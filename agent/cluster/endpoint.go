package cluster

import "slices"

// A host with its port is one variable part where the host looks like one, "10.0.0.7:6379", and a word with a number
// behind it where it does not, "redis:6379". "redis:6379" may also be a key with its value, so it stays a word until the
// same message is seen with one variable part in its place.

// endpointTag keeps the keys of endpoints apart from those of slots.
const endpointTag uint64 = 0x9e6c63d0876a9a47

// endpoint gives the first place of e that is a word with a number right behind it, -1 if there is none.
func (e *entry) endpoint() int {
	if len(e.next) < len(e.places) {
		return -1
	}
	for p := 0; p+1 < len(e.places); p++ {
		a, b := e.places[p], e.places[p+1]
		if a.kind == kindWord && b.kind == kindStrong && b.from == a.to+1 && e.sig[int(e.prefix)+int(a.to)] == ':' {
			return p
		}
	}
	return -1
}

// without gives the signature of e with its endpoint as one variable part.
func (e *entry) without(p int) string {
	return e.sig[:int(e.prefix)+int(e.places[p].from)] + e.sig[int(e.prefix)+int(e.places[p+1].from):]
}

func endpointKey(sig string) uint64 { return hashBytes(endpointTag, sig) }

// endpoints gives an entry that is the same as entry i but for a host that is a word in one of them, and enters i.
func (c *Clusterer) endpoints(i int32) int32 {
	e := &c.entries[i]
	if e.fixed() <= fixedWords {
		return none
	}
	if p := e.endpoint(); p >= 0 {
		sig := e.without(p)
		c.slots.add(endpointKey(sig), i)
		if o, ok := c.find([]byte(sig)); ok {
			return o
		}
	}
	if !slices.ContainsFunc(e.places, func(p place) bool { return p.kind != kindWord }) {
		return none
	}
	if o, ok := c.slots.get(endpointKey(e.sig)); ok && o != i {
		if p := c.entries[o].endpoint(); p >= 0 && c.entries[o].without(p) == e.sig {
			return o
		}
	}
	return none
}

// dropEndpoint takes entry i out of the table of endpoints.
func (c *Clusterer) dropEndpoint(i int32) {
	e := &c.entries[i]
	if p := e.endpoint(); p >= 0 && e.fixed() > fixedWords {
		c.slots.drop(endpointKey(e.without(p)), i)
	}
}
