package cluster

import (
	"hash/maphash"
)

// table maps 64-bit keys to places in a list. It does what map[uint64]int32 does with one look at the memory where that
// needs two: a storm of new messages is little else than looking up keys, and entering and deleting them. Where a key is
// kept depends on a random seed, so that nobody can write a log whose keys all want the same cell; what is found does not.
type table struct {
	cells []cell // a power of two of them, none where the table is empty
	used  int
	seed  uint64
}

type cell struct {
	key   uint64
	value int32 // plus one; 0 is a free cell
}

const tableLeast = 16

func newTable() table {
	return table{seed: maphash.Bytes(maphash.MakeSeed(), nil)}
}

func (t *table) len() int { return t.used }

// find gives the cell of key, or the free one where it would be.
func (t *table) find(key uint64) int {
	mask := len(t.cells) - 1
	i := int(mix(key^t.seed)) & mask
	for t.cells[i].value != 0 && t.cells[i].key != key {
		i = (i + 1) & mask
	}
	return i
}

func (t *table) get(key uint64) (int32, bool) {
	if t.used == 0 {
		return none, false
	}
	v := t.cells[t.find(key)].value
	return v - 1, v != 0
}

// add enters key with the value v, or gives the value that it has already.
func (t *table) add(key uint64, v int32) (int32, bool) {
	if t.used >= len(t.cells)/4*3 {
		t.grow()
	}
	c := &t.cells[t.find(key)]
	if c.value != 0 {
		return c.value - 1, true
	}
	*c = cell{key, v + 1}
	t.used++
	return v, false
}

// set gives key the value v.
func (t *table) set(key uint64, v int32) {
	if _, there := t.add(key, v); there {
		t.cells[t.find(key)].value = v + 1
	}
}

// drop takes key out if its value is v, and says whether it was.
func (t *table) drop(key uint64, v int32) bool {
	if t.used == 0 {
		return false
	}
	i := t.find(key)
	if t.cells[i].value != v+1 {
		return false
	}
	t.used--
	// What was moved on because of it moves back, so that there are no marks of what was deleted.
	mask := len(t.cells) - 1
	for k := (i + 1) & mask; t.cells[k].value != 0; k = (k + 1) & mask {
		home := int(mix(t.cells[k].key^t.seed)) & mask
		if (k-home)&mask >= (k-i)&mask {
			t.cells[i] = t.cells[k]
			i = k
		}
	}
	t.cells[i] = cell{}
	return true
}

func (t *table) grow() {
	old := t.cells
	t.cells = make([]cell, max(tableLeast, 2*len(old)))
	for _, c := range old {
		if c.value != 0 {
			t.cells[t.find(c.key)] = c
		}
	}
}
