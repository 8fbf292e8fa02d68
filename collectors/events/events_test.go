package events

import (
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

var reference = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

// joinAll gives the events of lines, cloned.
func joinAll(t testing.TB, cfg Config, lines []string) []*incident.Record {
	t.Helper()
	if cfg.Reference.IsZero() {
		cfg.Reference = reference
	}
	j, err := NewJoiner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []*incident.Record
	emit := func(r *incident.Record) { out = append(out, r.Clone()) }
	for i, s := range lines {
		j.Add(Line{Text: s, Number: int64(i + 1), Offset: -1}, emit)
	}
	j.Flush(emit)
	if j.Pending() || j.bytes != 0 || j.parked != 0 {
		t.Errorf("after Flush: pending %v, %d bytes, %d parked", j.Pending(), j.bytes, j.parked)
	}
	checkCover(t, len(lines), out)
	return out
}

// checkCover fails unless every line belongs to exactly one event.
func checkCover(t testing.TB, n int, out []*incident.Record) {
	t.Helper()
	seen := make([]int, n+1)
	for _, r := range out {
		nums := r.Lines
		if nums == nil {
			for k := r.FirstLine; k <= r.LastLine; k++ {
				nums = append(nums, k)
			}
		}
		for _, k := range nums {
			if k < 1 || k > int64(n) {
				t.Fatalf("event has line %d of %d", k, n)
			}
			seen[k]++
		}
	}
	for k := 1; k <= n; k++ {
		if seen[k] != 1 {
			t.Fatalf("line %d is in %d events", k, seen[k])
		}
	}
}

func splitLines(s string) []string { return strings.Split(strings.Trim(s, "\n"), "\n") }

func one(t *testing.T, line string) *incident.Record {
	t.Helper()
	out := joinAll(t, Config{}, []string{line})
	if len(out) != 1 {
		t.Fatalf("%d events of one line", len(out))
	}
	return out[0]
}
