package cluster

import (
	"testing"
	"time"
)

func TestPulsesExpected(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	every := func(from, to, step int) (out []int) {
		for s := from; s < to; s += step {
			out = append(out, s)
		}
		return out
	}
	burst := make([]int, 1000)
	for _, tc := range []struct {
		name string
		at   []int // seconds after start of each problem
		now  int
		want [2]float64 // least and most
	}{
		{"nothing known", nil, 60, [2]float64{0, 0}},
		{"two a second for half a minute", append(every(0, 30, 1), every(0, 30, 1)...), 30, [2]float64{15, 20}},
		{"one every five seconds for two minutes", every(0, 120, 5), 120, [2]float64{1, 2}},
		{"too short to say", every(0, 5, 1), 6, [2]float64{0, 0}},
		{"a burst, however big", burst, 60, [2]float64{0, 0}},
		{"fell silent by itself", every(0, 60, 1), 240, [2]float64{0, 0}},
		{"an hour, so that buckets are widened", every(0, 3600, 2), 3600, [2]float64{4.5, 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := NewPulses(4)
			for _, s := range tc.at {
				p.Observe("c", start.Add(time.Duration(s)*time.Second), 1)
			}
			got := p.Expected("c", 10*time.Second, start.Add(time.Duration(tc.now)*time.Second))
			if got < tc.want[0] || got > tc.want[1] {
				t.Errorf("%.2f events in ten seconds, want %.2f to %.2f", got, tc.want[0], tc.want[1])
			}
		})
	}
}

func TestPulsesAreBounded(t *testing.T) {
	p := NewPulses(2)
	now := time.Unix(1_700_000_000, 0)
	for _, id := range []string{"a", "b", "a", "c"} {
		p.Observe(id, now, 1)
	}
	if p.of["b"] != nil || p.of["a"] == nil || p.of["c"] == nil {
		t.Errorf("not the oldest was forgotten: %v", p.of)
	}
	p.Observe("a", now.Add(-time.Hour), 1) // the clock was set back
	if got := p.Expected("a", time.Hour, now); got > 3600*128 {
		t.Errorf("a clock set back made %f events", got)
	}
}
