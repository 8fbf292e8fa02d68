package cluster

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"
	"strings"
)

// The state of a cluster, as the store keeps it: a version, its body, and a CRC-32 of both. Numbers are unsigned
// varints, texts have their length in front. It holds signatures, not messages, so a version of Logwright that masks
// differently makes new clusters for what it reads differently: stateVersion changes then, and what was written by
// another version is refused for that cluster, which goes on under its id only if the signature's hash is the same.
const stateVersion = 3

// TakeChanges gives the clusters that are new or changed (template, alias, state) since the last call: evicted ones
// first, then live ones and aliases in the order they changed. Write them in the transaction that writes the counts:
// then a killed process forgets both or neither.
func (c *Clusterer) TakeChanges() []Memory {
	if len(c.lost)+len(c.dirty)+len(c.pendingAliases) == 0 {
		return nil
	}
	out := c.lost
	c.lost = nil
	for _, ref := range c.dirty {
		i, ok := c.byRef.get(uint64(ref))
		if !ok || !c.nodes[i].dirty {
			continue // merged away or evicted since
		}
		n := &c.nodes[i]
		n.dirty = false
		out = append(out, c.memory(n))
	}
	c.dirty = c.dirty[:0]
	for _, ref := range c.pendingAliases {
		root := c.root(ref)
		if root == ref {
			continue // forgotten since
		}
		m := Memory{ID: ref.String(), AliasOf: root.String()}
		if i, ok := c.byRef.get(uint64(root)); ok {
			m.Service, m.Template = c.nodes[i].service, c.nodes[i].template()
		}
		out = append(out, m)
	}
	c.pendingAliases = c.pendingAliases[:0]
	return out
}

func (c *Clusterer) memory(n *node) Memory {
	return Memory{ID: n.id, Service: n.service, Template: n.template(), State: c.encode(n)}
}

func (c *Clusterer) encode(n *node) []byte {
	var own []int32
	for i := n.first; i != none; i = c.entries[i].after {
		if !c.entries[i].weak {
			own = append(own, i)
		}
	}
	slices.SortFunc(own, func(a, b int32) int { return cmp.Compare(c.entries[a].seq, c.entries[b].seq) })
	b := make([]byte, 1, 64+2*len(n.tmpl)+len(n.note))
	b[0] = stateVersion
	num := func(v uint64) { b = binary.AppendUvarint(b, v) }
	text := func(s string) { num(uint64(len(s))); b = append(b, s...) }
	num(n.seq)
	num(n.hits)
	num(n.shape)
	num(n.varies)
	text(n.note)
	text(n.tmpl)
	num(uint64(len(own)))
	for _, i := range own {
		e := &c.entries[i]
		num(e.seq)
		num(e.mask)
		num(e.solid)
		text(e.sig[len(n.service)+1 : e.prefix-1]) // the stack
		text(e.sig[e.prefix:])
		num(uint64(len(e.places)))
		last := uint16(0)
		for _, p := range e.places {
			num(uint64(p.from - last))
			num(uint64(p.to - p.from))
			num(uint64(p.kind))
			last = p.to
		}
	}
	return checksummed(b)
}

func checksummed(b []byte) []byte { return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)) }

var errState = errors.New("state is damaged")

// reader reads a state; after the first error it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) num(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.err != nil || n <= 0 || v > limit {
		r.err, r.b = errState, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text(limit int) string {
	n := int(r.num(uint64(limit)))
	if n > len(r.b) {
		r.err, r.b = errState, nil
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

const anyNumber = ^uint64(0)

// decode reads the state of a memory.
func decode(m Memory) (node, []entry, error) {
	var n node
	b := m.State
	if len(b) < 6 {
		return n, nil, errState
	}
	if b[0] != stateVersion {
		return n, nil, fmt.Errorf("state has version %d, this program knows %d", b[0], stateVersion)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return n, nil, errState
	}
	r := reader{b: body[1:]}
	n.seq, n.hits, n.shape = r.num(anyNumber>>1), r.num(anyNumber>>1), r.num(anyNumber)
	n.varies = r.num(anyNumber)
	n.note = r.text(noteLimit)
	if !n.setTemplate(r.text(1 << 16)) {
		return n, nil, errState
	}
	prefix := strings.Clone(serviceKey(m.Service)) + "\x00"
	entries := make([]entry, 0, 4)
	for range r.num(1 << 16) {
		if r.err != nil {
			break
		}
		e := entry{before: none, after: none, same: none}
		e.seq, e.mask, e.solid = r.num(anyNumber>>1), r.num(1<<placeLimit-1), r.num(anyNumber)
		stack := r.text(64)
		e.prefix = uint16(len(prefix) + len(stack) + 1)
		e.sig = prefix + stack + "\x00" + r.text(1<<14)
		last := uint64(0)
		for range r.num(atomLimit + 8) {
			from := last + r.num(1<<14)
			to := from + r.num(1<<14)
			kind := uint8(r.num(kindPin))
			variable := kind == kindStrong || kind == kindWeak
			if r.err != nil || int(e.prefix)+int(to) > len(e.sig) || to == from && !variable ||
				variable && (to != from+1 || e.sig[int(e.prefix)+int(from)] != varMark) {
				return n, nil, errState
			}
			e.places = append(e.places, place{uint16(from), uint16(to), kind})
			last = to
		}
		if e.mask&^e.variable() != 0 || strings.IndexByte(stack, prefixEnd) >= 0 {
			return n, nil, errState
		}
		e.next = openList(len(e.places))
		entries = append(entries, e)
	}
	if r.err != nil || len(r.b) != 0 || len(entries) == 0 {
		return n, nil, errState
	}
	return n, entries, nil
}

// load takes up what another Clusterer left.
func (c *Clusterer) load(kept iter.Seq[Memory]) error {
	var errs []error
	bad := func(m Memory, err error) {
		if len(errs) < 20 {
			errs = append(errs, fmt.Errorf("cluster %.40q: %w; it starts anew", m.ID, err))
		}
	}
	var entries []entry
	for m := range kept {
		ref, ok := ParseID(m.ID)
		if !ok {
			bad(m, errors.New("not a cluster id"))
			continue
		}
		if m.AliasOf != "" {
			to, ok := ParseID(m.AliasOf)
			if !ok || to == ref || c.root(to) == ref {
				bad(m, fmt.Errorf("cannot be an alias of %.40q", m.AliasOf))
				continue
			}
			if _, again := c.alias[ref]; !again && len(c.alias) < 2*c.maxNodes {
				c.setAlias(ref, to)
			}
			continue
		}
		if c.byRef.len() >= c.maxNodes || len(entries) >= c.maxEntries || c.bytes > c.maxBytes {
			c.stats.Evicted++
			continue
		}
		n, own, err := decode(m)
		if err != nil {
			bad(m, err)
			continue
		}
		if _, twice := c.byRef.get(uint64(ref)); twice {
			bad(m, errors.New("is there twice"))
			continue
		}
		n.ref, n.id, n.service, n.first = ref, ref.String(), strings.Clone(serviceKey(m.Service)), none
		k := c.addNode(n)
		for _, e := range own {
			e.node = k
			entries = append(entries, e)
			c.bytes += e.cost()
			c.seq = max(c.seq, e.seq)
		}
		c.seq = max(c.seq, n.seq)
	}
	for _, e := range entries {
		c.bytes -= e.cost() // store counts it again
	}
	// In the order they came in, so that lists are the same as they were.
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	for _, e := range entries {
		if _, twice := c.find([]byte(e.sig)); twice {
			continue
		}
		vals := slices.Clone(c.measure(&e))
		node := e.node
		i := c.store(e)
		c.enter(i, node)
		c.phrased(i)
		c.endpoints(i)
		c.frame(i)
		c.stemmed(i)
		if e.mask != 0 {
			c.addGeneral(i)
		}
		c.index(i, vals, false)
	}
	for k := range c.nodes { // all of its signatures were another's
		if c.nodes[k].used && c.nodes[k].size == 0 {
			bad(Memory{ID: c.nodes[k].id}, errors.New("another has the same signatures"))
			c.dropNode(int32(k))
		}
	}
	return errors.Join(errs...)
}
