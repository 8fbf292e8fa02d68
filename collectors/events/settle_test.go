package events

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// batchedJoiner reads lines in batches whose memory is written over once Settle was called; with a batch of 0 lines each line
// has memory of its own, and Settle is never called.
func batchedJoiner(t *testing.T, cfg Config, lines []string, batch int) []*incident.Record {
	t.Helper()
	j, err := NewJoiner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []*incident.Record
	emit := func(r *incident.Record) { out = append(out, r.Clone()) }
	var used [][]byte
	for i, s := range lines {
		l := Line{Text: s, Number: int64(i + 1), Offset: int64(i)}
		if len(s)%5 == 2 {
			l.Meta = &Meta{PID: "12", Host: "web1"}
		}
		if batch > 0 {
			b := []byte(s)
			used = append(used, b)
			l.Text = unsafe.String(unsafe.SliceData(b), len(b))
		}
		j.Add(l, emit)
		if batch > 0 && (i+1)%batch == 0 {
			j.Settle()
			for _, b := range used {
				for k := range b {
					b[k] = '#'
				}
			}
			used = used[:0]
		}
	}
	j.Flush(emit)
	if j.Pending() || j.bytes != 0 || j.parked != 0 {
		t.Fatalf("after Flush: pending %v, %d bytes, %d parked", j.Pending(), j.bytes, j.parked)
	}
	return out
}

// What is unfinished after Settle holds on to nothing of the batch's memory, and comes out as if all lines were one batch.
func TestSettle(t *testing.T) {
	texts := corpus(t)
	lines := func(i int) []string { return splitLines(texts[i] + "\n" + texts[(i*7+3)%len(texts)]) }
	for i := range texts {
		for _, cfg := range []Config{
			{Reference: reference},
			{Reference: reference, MaxLine: 1 << 12, MaxEvent: 2 << 10, MaxPending: 8 << 10},
		} {
			whole := batchedJoiner(t, cfg, lines(i), 0)
			for _, batch := range []int{1, 2, 7} {
				if d := cmp.Diff(whole, batchedJoiner(t, cfg, lines(i), batch)); d != "" {
					t.Fatalf("text %d in batches of %d lines (-whole +batches):\n%s", i, batch, d)
				}
			}
		}
	}
}
