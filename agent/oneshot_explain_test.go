package agent

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestReorder puts events in that are late by less than the window, as interleaved writers give them, and takes them out as
// Explain does.
func TestReorder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var in []int64
	for n := range int64(5000) {
		in = append(in, n+1)
		if n%7 == 0 {
			in = append(in, n+1) // equal ones keep their order
		}
	}
	for block := range slices.Chunk(in, reorderWindow/2) {
		r.Shuffle(len(block), func(i, j int) { block[i], block[j] = block[j], block[i] })
	}
	var h reorder
	var out []int64
	last := map[int64]string{}
	take := func() {
		e := h.next()
		out = append(out, e.Record.FirstLine)
		if e.Cluster < last[e.Record.FirstLine] {
			t.Errorf("line %d: %q came behind %q", e.Record.FirstLine, e.Cluster, last[e.Record.FirstLine])
		}
		last[e.Record.FirstLine] = e.Cluster
		h.release(e)
	}
	seen := map[int64]int{}
	for _, line := range in {
		e := h.get()
		if e.Cluster != "" || e.Record.FirstLine != 0 {
			t.Fatal("a used one was given that is not empty")
		}
		e.Record.FirstLine = line
		e.Cluster = string(rune('a' + seen[line]))
		seen[line]++
		h.add(e)
		for h.len() > reorderWindow {
			take()
		}
	}
	if len(h.free) > reorderWindow+1 || cap(h.events) > 8*reorderWindow {
		t.Errorf("%d spare ones and room for %d: it grows with its input", len(h.free), cap(h.events))
	}
	for h.len() > 0 {
		take()
	}
	want := slices.Sorted(slices.Values(in))
	if !slices.Equal(out, want) {
		t.Errorf("%d events of %d, in order: %v", len(out), len(want), slices.IsSorted(out))
	}
}
