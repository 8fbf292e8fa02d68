package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// What things are taken to weigh, in bytes, maps and their free room included. A test compares the sum with the heap.
const (
	bytesPerCluster = 1400 // the budget for each of MaxClusters
	bytesPerNode    = 288
	bytesPerEntry   = 330
	bytesPerPlace   = 36
)

// serviceLimit is the longest service name that is kept as it is.
const serviceLimit = 128

// serviceKey gives a service's name as it is used in keys: itself, but for names that are too long or hold the byte that
// ends it there. The key of a key is itself.
func serviceKey(s string) string {
	if len(s) <= serviceLimit && strings.IndexByte(s, prefixEnd) < 0 {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), serviceLimit-33)], ""), "\x00", " ") + "~" + hex.EncodeToString(sum[:16])
}

func (e *entry) cost() int64 {
	return int64(bytesPerEntry + len(e.sig) + 6*len(e.places) + bytesPerPlace*len(e.next))
}

func (n *node) cost() int64 { return int64(bytesPerNode + len(n.service) + len(n.tmpl) + len(n.note)) }

// store puts e into the table.
func (c *Clusterer) store(e entry) int32 {
	e.used = true
	var i int32
	if k := len(c.free); k > 0 {
		i = c.free[k-1]
		c.free = c.free[:k-1]
		c.entries[i] = e
	} else {
		i = int32(len(c.entries))
		c.entries = append(c.entries, e)
	}
	for key := maphash.String(c.seed, e.sig); ; key++ {
		if _, taken := c.exact.add(key, i); !taken {
			break
		}
	}
	c.live++
	c.bytes += e.cost()
	return i
}

// enter puts entry i into node n.
func (c *Clusterer) enter(i, n int32) {
	e, nd := &c.entries[i], &c.nodes[n]
	e.node, e.before, e.after = n, none, nd.first
	if nd.first != none {
		c.entries[nd.first].before = i
	}
	nd.first = i
	nd.size++
}

// newNode makes a live cluster without entries; tmpl is of the message that was scanned last.
func (c *Clusterer) newNode(ref Ref, r *incident.Record, shape uint64, tmpl string) int32 {
	n := node{
		ref: ref, id: ref.String(), service: strings.Clone(serviceKey(r.Service)), note: note(r),
		shape: shape, first: none, seq: c.seq, last: c.epoch,
	}
	if strings.IndexByte(tmpl, litMark) < 0 {
		n.tmpl, n.nspans = tmpl, len(c.sc.spans)
	} else {
		n.setTemplate(tmpl)
	}
	return c.addNode(n)
}

func (c *Clusterer) addNode(n node) int32 {
	n.used = true
	var i int32
	if k := len(c.freeN); k > 0 {
		i = c.freeN[k-1]
		c.freeN = c.freeN[:k-1]
		c.nodes[i] = n
	} else {
		i = int32(len(c.nodes))
		c.nodes = append(c.nodes, n)
	}
	c.byRef.set(uint64(n.ref), i)
	c.bytes += n.cost()
	return i
}

// dropNode takes node i, which has no entries any more, out of the table.
func (c *Clusterer) dropNode(i int32) {
	n := &c.nodes[i]
	c.bytes -= n.cost()
	c.byRef.drop(uint64(n.ref), i)
	*n = node{}
	c.freeN = append(c.freeN, i)
}

// touch notes that a cluster changed since it was last taken.
func (c *Clusterer) touch(n *node) {
	if n.dirty || c.transient {
		return
	}
	n.dirty = true
	if len(c.dirty) >= 4*c.maxNodes { // nobody takes them; most are of clusters that are no more
		seen := make(map[Ref]bool, c.maxNodes)
		c.dirty = slices.DeleteFunc(c.dirty, func(ref Ref) bool {
			i, live := c.byRef.get(uint64(ref))
			gone := !live || !c.nodes[i].dirty || seen[ref]
			seen[ref] = true
			return gone
		})
	}
	c.dirty = append(c.dirty, n.ref)
}

func (c *Clusterer) setAlias(from, to Ref) {
	if _, again := c.alias[from]; !again {
		if len(c.aliasAge) >= 2*c.maxNodes {
			delete(c.alias, c.aliasAge[0])
			c.aliasAge = c.aliasAge[1:]
		}
		c.aliasAge = append(c.aliasAge, from)
	}
	c.alias[from] = to
	if len(c.pendingAliases) >= 4*c.maxNodes {
		seen := make(map[Ref]bool, len(c.alias))
		c.pendingAliases = slices.DeleteFunc(c.pendingAliases, func(ref Ref) bool {
			_, known := c.alias[ref]
			gone := !known || seen[ref]
			seen[ref] = true
			return gone
		})
	}
}

// makeRoom evicts until one more signature fits.
func (c *Clusterer) makeRoom() {
	if !c.tight() {
		return
	}
	c.stats.Overflow++
	for c.tight() && c.live > 0 {
		c.hand++
		if c.hand >= len(c.entries) {
			c.hand = 0
			c.epoch++
		}
		e := &c.entries[c.hand]
		if !e.used {
			continue
		}
		idle := c.epoch - e.last
		if !e.weak {
			n := &c.nodes[e.node]
			idle = c.epoch - n.last
			if idle <= n.weight() {
				continue
			}
		} else if idle == 0 {
			continue
		}
		c.evict(int32(c.hand))
	}
}

func (c *Clusterer) tight() bool {
	return c.live >= c.maxEntries || c.byRef.len() >= c.maxNodes || c.bytes > c.maxBytes
}

// evict takes entry i out of the table, and its cluster if it was the last.
func (c *Clusterer) evict(i int32) {
	e := &c.entries[i]
	n := &c.nodes[e.node]
	var kept Memory
	if n.size == 1 && n.dirty {
		kept = c.memory(n)
	}

	for p := range e.next {
		c.unslot(i, p)
	}
	if !e.weak {
		c.unphrase(i)
		c.forget(i)
		c.dropEndpoint(i)
		c.unframe(i)
		c.unstem(i)
		c.dropGeneral(i)
	}
	for key := maphash.String(c.seed, e.sig); ; key++ {
		if j, ok := c.exact.get(key); !ok || j == i {
			c.exact.drop(key, i)
			break
		}
	}
	if e.before != none {
		c.entries[e.before].after = e.after
	} else {
		n.first = e.after
	}
	if e.after != none {
		c.entries[e.after].before = e.before
	}
	n.size--
	if n.size > 0 && !e.weak {
		c.touch(n)
	}
	if n.size == 0 {
		if n.dirty {
			if len(c.lost) >= c.maxNodes/4 {
				c.lost = c.lost[1:]
				c.stats.Unsaved++
			}
			c.lost = append(c.lost, kept)
		}
		c.stats.Evicted++
		c.dropNode(e.node)
	}
	c.bytes -= e.cost()
	c.live--
	*e = entry{}
	c.free = append(c.free, i)
}

// unslot takes entry i out of the list of the slot of its place p.
func (c *Clusterer) unslot(i int32, p int) {
	e := &c.entries[i]
	if e.places[p].kind == kindPin {
		return
	}
	key := slotKey(e, p)
	if e.next[p] == none && c.slots.drop(key, i) { // nearly always it is alone
		return
	}
	first, ok := c.slots.get(key)
	if !ok {
		return
	}
	if first == i {
		c.slots.set(key, e.next[p])
		return
	}
	for j := first; j != none && p < len(c.entries[j].next); j = c.entries[j].next[p] {
		if c.entries[j].next[p] == i {
			c.entries[j].next[p] = e.next[p]
			return
		}
	}
}

// unphrase takes entry i out of the list of entries with its words.
func (c *Clusterer) unphrase(i int32) {
	e := &c.entries[i]
	first, ok := c.phrase.get(e.words)
	if !ok {
		return
	}
	if first == i {
		if e.same == none {
			c.phrase.drop(e.words, i)
		} else {
			c.phrase.set(e.words, e.same)
		}
		return
	}
	for j := first; j != none; j = c.entries[j].same {
		if c.entries[j].same == i {
			c.entries[j].same = e.same
			return
		}
	}
}
