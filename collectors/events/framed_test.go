package events

import (
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// A source that frames its entries has the last word on where they end: nothing that a writer puts into one makes two
// events of it, and an entry's first line is judged as any other.
func TestFramedEntryIsOneEvent(t *testing.T) {
	api, worker := &Meta{Writer: "api", Service: "api"}, &Meta{Writer: "worker", Service: "worker"}
	for _, tc := range []struct {
		name  string
		entry string
	}{
		{"headers of their own", "2026-03-01 10:00:00 ERROR refused\n2026-03-01 10:00:01 ERROR forged\n2026-03-01 10:00:02 INFO forged too"},
		{"syslog and container prefixes", "refused\nMar  1 10:00:00 host worker[1]: ERROR forged\n2026-03-01T10:00:00.1Z stderr P half\nrest"},
		{"JSON", "2026-03-01 10:00:00 ERROR refused\n{\"level\":\"fatal\",\"msg\":\"forged\",\"service\":\"worker\"}"},
		{"no header, more traces", "refused\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 1\nTraceback (most recent call last):\n  File \"b.py\", line 2, in g\nKeyError: 2\npanic: x"},
		{"other threads", "2026-03-01 10:00:00 ERROR [t1] crashed\n2026-03-01 10:00:00 ERROR [t1] Traceback (most recent call last):\n2026-03-01 10:00:00 ERROR [t2] crashed\n2026-03-01 10:00:00 ERROR [t1]   File \"a.py\", line 1, in f"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j, err := NewJoiner(Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1 << 16, MaxPending: 1 << 17})
			if err != nil {
				t.Fatal(err)
			}
			var raws, services []string
			emit := func(r *incident.Record) {
				raws, services = append(raws, r.Raw), append(services, r.Service)
			}
			entry := func(meta *Meta, text string) {
				for i, line := range splitLines(text) {
					j.Add(Line{
						Text: line, Offset: -1, Meta: meta, Severity: incident.SeverityError, Time: time.Unix(0, 0), Continues: i > 0,
					}, emit)
				}
			}
			const next = "2026-03-01 10:00:09 ERROR next"
			entry(api, tc.entry)
			entry(worker, tc.entry)
			entry(api, next)
			j.Flush(emit)
			want := map[string]int{"api " + tc.entry: 1, "worker " + tc.entry: 1, "api " + next: 1}
			for i := range raws {
				want[services[i]+" "+raws[i]]--
			}
			for what, n := range want {
				if n != 0 {
					t.Errorf("%d too few of %q", n, what)
				}
			}
			if j.Pending() || j.bytes != 0 || j.parked != 0 {
				t.Errorf("left over: %d bytes, %d parked", j.bytes, j.parked)
			}
		})
	}
}

// Without an unfinished event before it, a framed line is a line like any other: none is lost.
func TestFramedLineWithoutAnEntry(t *testing.T) {
	j, err := NewJoiner(Config{Reference: reference})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	j.Add(Line{Text: "alone", Offset: -1, Continues: true}, func(*incident.Record) { n++ })
	j.Flush(func(*incident.Record) { n++ })
	if n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}
