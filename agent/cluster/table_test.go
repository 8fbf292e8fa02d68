package cluster

import (
	"iter"
	"math/rand/v2"
	"testing"
)

// A table does what a map does.
func TestTable(t *testing.T) {
	tab, want := newTable(), map[uint64]int32{}
	rnd := rand.New(rand.NewPCG(1, 5))
	for i := range 200_000 {
		key := uint64(rnd.IntN(3000)) * uint64(1+rnd.IntN(2)<<40)
		v := int32(rnd.IntN(5))
		switch rnd.IntN(4) {
		case 0:
			tab.set(key, v)
			want[key] = v
		case 1:
			had, there := want[key]
			if !there {
				had, want[key] = v, v
			}
			if got, ok := tab.add(key, v); got != had || ok != there {
				t.Fatalf("step %d: add %d: %d %v, want %d %v", i, key, got, ok, had, there)
			}
		case 2:
			if had, there := want[key]; there && had == v {
				delete(want, key)
			}
			tab.drop(key, v)
		default:
			had, there := want[key]
			if got, ok := tab.get(key); ok != there || ok && got != had {
				t.Fatalf("step %d: get %d: %d %v, want %d %v", i, key, got, ok, had, there)
			}
		}
		if tab.len() != len(want) {
			t.Fatalf("step %d: %d keys, want %d", i, tab.len(), len(want))
		}
	}
	n := 0
	for key, v := range tab.all() {
		if had, there := want[key]; !there || had != v {
			t.Fatalf("%d is %d, want %d %v", key, v, had, there)
		}
		n++
	}
	if n != len(want) || n < 1000 {
		t.Errorf("%d keys, want %d, and many", n, len(want))
	}
}

// all gives the keys and values, in no order.
func (t *table) all() iter.Seq2[uint64, int32] {
	return func(yield func(uint64, int32) bool) {
		for _, c := range t.cells {
			if c.value != 0 && !yield(c.key, c.value-1) {
				return
			}
		}
	}
}
