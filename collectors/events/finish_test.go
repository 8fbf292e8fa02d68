package events

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// TestJoinIsAdd reads logs of real software by Add, and by Join with a Finisher on another goroutine: the records are the
// same.
func TestJoinIsAdd(t *testing.T) {
	paths, err := filepath.Glob("testdata/real/*.log")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	for _, explain := range []bool{false, true} {
		cfg := Config{Explain: explain}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(string(text), "\n")
			want := added(t, cfg, lines)
			if diff := cmp.Diff(want, joined(t, cfg, lines)); diff != "" {
				t.Errorf("%s (explained: %v): Add and Join differ (-add +join):\n%s", path, explain, diff)
			}
			if len(want) == 0 {
				t.Errorf("%s: no events", path)
			}
		}
	}
}

// added are the records of lines by Add. Every 100 lines are a batch.
func added(t *testing.T, cfg Config, lines []string) (out []incident.Record) {
	t.Helper()
	j, err := NewJoiner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	emit := func(r *incident.Record) { out = append(out, kept(r)) }
	for i, l := range lines {
		j.Add(Line{Text: l, Number: int64(i + 1)}, emit)
		if i%100 == 99 {
			j.Settle()
		}
	}
	j.Flush(emit)
	return out
}

// kept is a copy of a record, with its steps.
func kept(r *incident.Record) incident.Record {
	c := *r.Clone()
	c.Steps = append(c.Steps, r.Steps...)
	return c
}

// joined is added by Join.
func joined(t *testing.T, cfg Config, lines []string) (out []incident.Record) {
	t.Helper()
	j, err := NewJoiner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFinisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	work, over := make(chan Joined, 8), make(chan struct{})
	go func() {
		defer close(over)
		for n := 1; ; n++ {
			e, ok := <-work
			if !ok {
				return
			}
			out = append(out, kept(f.Record(&e)))
			if n%10 == 0 {
				f.Settle()
			}
		}
	}()
	var at Joined
	waits := false
	send := func() {
		if waits {
			work <- at
		}
		waits = false
	}
	place := func() *Joined {
		send()
		waits = true
		return &at
	}
	for i, l := range lines {
		j.Join(Line{Text: l, Number: int64(i + 1)}, place)
		if i%100 == 99 {
			j.Settle()
		}
	}
	j.FlushJoined(place)
	send()
	close(work)
	<-over
	return out
}

// TestPlainLines reads what may be called plain once as such, and once not: nothing is different.
func TestPlainLines(t *testing.T) {
	lines := []string{"2026-01-02 03:04:05 ERROR it \x1b[31mfailed\x1b[0m", "2026-01-02 03:04:06 INFO fine", "  and more", `{"log":"x\n","stream":"stdout","time":"2026-01-02T03:04:06Z"}`}
	read := func(plain bool) (out []incident.Record) {
		j, err := NewJoiner(Config{})
		if err != nil {
			t.Fatal(err)
		}
		emit := func(r *incident.Record) { out = append(out, kept(r)) }
		for i, l := range lines {
			j.Add(Line{Text: l, Number: int64(i + 1), Plain: plain && !strings.ContainsAny(l, "\x1b\n")}, emit)
		}
		j.Flush(emit)
		return out
	}
	got := read(true)
	if diff := cmp.Diff(read(false), got); diff != "" {
		t.Errorf("-looked at +plain:\n%s", diff)
	}
	if len(got) == 0 || got[0].Message != "it failed" {
		t.Errorf("%+v", got)
	}
}

// TestJoinedInFewWords reads what needs more than Joined's few words by Add and by Join.
func TestJoinedInFewWords(t *testing.T) {
	for name, lines := range map[string][]Line{
		"what a collector knows": {{Text: "it failed", Number: 1, Meta: &Meta{Writer: "a", Service: "a.service", Host: "h", PID: "7", Identifier: "a"}, Severity: incident.SeverityError, Time: reference}, {Text: "fine"}},
		"a collector's time":     {{Text: "it failed", Number: 1, Time: reference}, {Text: "fine", Time: reference}},
		"a line in parts":        {{Text: "2024-02-03T04:05:06.000000001Z stdout P one ", Number: 1}, {Text: "2024-02-03T04:05:06.000000001Z stdout F line", Number: 2}},
		"a level alone":          {{Text: "2024-02-03 04:05:06 ERROR", Number: 1}},
		"two lines of one head":  {{Text: "Feb 03, 2024 4:05:06 AM org.example.Shop place", Number: 1}, {Text: "SEVERE: no stock", Number: 2}},
		"an error in fields":     {{Text: `{"level":"error","msg":"failed","err":{"type":"Timeout","message":"late","stack":"Error: late\n    at place (/srv/shop.js:1:2)"}}`, Number: 1}},
		"lines apart":            {{Text: "2024-02-03 04:05:06 [a] ERROR failed", Number: 1}, {Text: "java.lang.Error: x", Number: 2}, {Text: "\tat a.B.c(B.java:1)", Number: 3}, {Text: "\tat a.B.d(B.java:2)", Number: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := recordsOf(t, lines, false), recordsOf(t, lines, true)
			if len(want) == 0 || fmt.Sprintf("%+v", want) != fmt.Sprintf("%+v", got) {
				t.Errorf("Add  %+v\nJoin %+v", want, got)
			}
		})
	}
}

// recordsOf reads lines by Add, or by Join.
func recordsOf(t *testing.T, lines []Line, join bool) (out []incident.Record) {
	t.Helper()
	j, err := NewJoiner(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !join {
		emit := func(r *incident.Record) { out = append(out, kept(r)) }
		for _, l := range lines {
			j.Add(l, emit)
		}
		j.Flush(emit)
		return out
	}
	f, err := NewFinisher(Config{})
	if err != nil {
		t.Fatal(err)
	}
	var places []*Joined
	place := func() *Joined {
		places = append(places, new(Joined))
		return places[len(places)-1]
	}
	for _, l := range lines {
		j.Join(l, place)
	}
	j.FlushJoined(place)
	for _, p := range places {
		out = append(out, kept(f.Record(p)))
	}
	return out
}
