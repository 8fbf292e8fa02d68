package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// letters gives a word without digits, so that nothing masks it.
func letters(n int) string {
	var b []byte
	for range 6 {
		b = append(b, byte('a'+n%26))
		n /= 26
	}
	return string(b)
}

func TestAWholeInputIsBounded(t *testing.T) {
	st := step{bounds: bounds{clusters: 100, sampleBytes: 64 << 10}}
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	add := func(ref cluster.Ref, sev incident.Severity) {
		r := &incident.Record{Severity: sev, Time: now, Message: "m", Raw: strings.Repeat("x", 2000), Service: "s"}
		st.count(ref, r, sev >= incident.SeverityError, now)
		st.sample(ref, incident.Sample{Record: *r})
		now = now.Add(time.Second)
	}
	const important, storm = cluster.Ref(7), 5000
	for i := range storm {
		if i%10 == 0 {
			add(important, incident.SeverityError)
		}
		add(cluster.Ref(1000+i), incident.SeverityError)
		add(cluster.Ref(100_000+i), incident.SeverityWarning)
		if len(st.deltas) > 100 || st.held > st.bounds.sampleBytes+4096 || st.held != st.heldNow() {
			t.Fatalf("after %d: %d clusters, %d bytes of samples held, %d counted", i, len(st.deltas), st.heldNow(), st.held)
		}
	}
	d := st.deltas[st.index[important]]
	if d.ref != important || d.problems != storm/10 || len(d.samples) == 0 || d.minutes != nil {
		t.Errorf("the cluster that matters has %d events, %d samples, minutes %v", d.problems, len(d.samples), d.minutes)
	}
	events, problems := st.rest.events, st.rest.problems
	for i := range st.deltas {
		events += st.deltas[i].events
		problems += st.deltas[i].problems
	}
	if events != 2*storm+storm/10 || problems != storm+storm/10 {
		t.Errorf("%d events and %d problems are counted in all", events, problems)
	}
}

// heldNow counts what sample keeps count of.
func (st *step) heldNow() int64 {
	sum := int64(0)
	for i := range st.deltas {
		sum += heldBy(st.deltas[i].samples)
	}
	return sum
}

func TestThinKeepsTheFirstAndTheLast(t *testing.T) {
	st := step{bounds: bounds{clusters: 10, sampleBytes: 1 << 20}}
	for i := range 2 * firstSamples {
		r := &incident.Record{Severity: incident.SeverityError, FirstLine: int64(i + 1)}
		st.count(1, r, true, r.Time)
		st.sample(1, incident.Sample{Record: *r})
	}
	var got []int64
	lines := func() string {
		got = got[:0]
		for _, s := range st.deltas[0].samples {
			got = append(got, s.Record.FirstLine)
		}
		return fmt.Sprint(got)
	}
	one := st.held / (2 * firstSamples)
	for _, want := range []struct {
		room int64 // samples
		left string
	}{{3, "[1 2 6]"}, {2, "[1 6]"}, {1, "[1]"}, {0, "[]"}} {
		st.bounds.sampleBytes = max(2*one*want.room, 1)
		st.thin()
		if lines() != want.left {
			t.Errorf("with room for %d: the events of lines %s are left, not %s", want.room, lines(), want.left)
		}
	}
	if !st.bare(1) || st.held != 0 {
		t.Errorf("bare is %v with %d bytes held", st.bare(1), st.held)
	}
}

func TestDiagnoseCountsWhatItDoesNotKeepApart(t *testing.T) {
	var b strings.Builder
	const storm = 5000
	for i := range storm {
		fmt.Fprintf(&b, "2024-01-02 03:04:05 ERROR %s %s %s %s\n", letters(i*7919+3), letters(i*104729+5), letters(i*1299709+11), letters(i*15485863+1))
		if i%50 == 0 {
			fmt.Fprintf(&b, "2024-01-02 03:04:05 ERROR payment %d refused by the bank\n", i)
		}
	}
	path := filepath.Join(t.TempDir(), "storm.log")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Limits.Clusters = 256
	o := &OneShot{Config: cfg, Files: []string{path}}
	r, err := o.Diagnose(t.Context(), Asking{})
	if err != nil {
		t.Fatal(err)
	}
	sum := r.Omitted.Events
	for i := range r.Incidents {
		sum += r.Incidents[i].Events
		if len(r.Incidents[i].Samples) == 0 || len(r.Incidents[i].Diagnosis.Evidence) == 0 {
			t.Errorf("incident %d has no evidence", i)
		}
	}
	const want = storm + storm/50
	if sum != want || r.Totals.Problems != want || r.Totals.Events != want {
		t.Errorf("%d events in incidents or left out, %d problems, %d events; all of them %d", sum, r.Totals.Problems, r.Totals.Events, want)
	}
	if len(r.Incidents) > 256 || r.Incidents[0].Events != storm/50 {
		t.Errorf("%d incidents, the first with %d events", len(r.Incidents), r.Incidents[0].Events)
	}
}

func TestHeapLimitLeavesRoomForTheRest(t *testing.T) {
	for memory, want := range map[int64]int64{
		64 << 20: 36 << 20, 256 << 20: 228 << 20, 32 << 20: 16 << 20, 8 << 20: 16 << 20,
	} {
		cfg := config.Default()
		cfg.Limits.Memory = memory
		if got := heapLimit(cfg, programStored); got != want {
			t.Errorf("limits.memory %d: the heap may have %d, wanted %d", memory, got, want)
		}
	}
}
