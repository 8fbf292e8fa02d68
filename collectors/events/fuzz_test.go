package events

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// corpus is text to start from: every trace, and lines that the joiner treats in special ways.
func corpus(f testing.TB) []string {
	files, err := filepath.Glob("testdata/traces/*.log")
	if err != nil || len(files) == 0 {
		f.Fatal("no traces", err)
	}
	dumps, err := filepath.Glob("testdata/dumps/*.log")
	if err != nil || len(dumps) == 0 {
		f.Fatal("no dumps", err)
	}
	var out []string
	for _, name := range append(files, dumps...) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, string(b))
	}
	var mixed []string
	for i, s := range splitLines(out[0] + out[5]) {
		mixed = append(mixed,
			fmt.Sprintf("Jan  2 15:04:05 web1 app[%d]: %s", i%3, s),
			"2024-01-02T15:04:05.1Z stderr P "+s, "2024-01-02T15:04:05.1Z stdout F "+s, "2024-01-02T15:04:05.1Z stderr F end",
			fmt.Sprintf("2024-01-02 15:04:05,123 ERROR [t%d] a.B - %s", i%2, s))
	}
	return append(out, strings.Join(mixed, "\n"),
		"{\n  \"msg\": \"x\",\n  \"level\": \"error\"\n}\n", "{\"log\":\"a\",\"stream\":\"stderr\",\"time\":\"x\"}\n{\"log\":\"b\\n\",\"stream\":\"stderr\",\"time\":\"x\"}",
		`{"_PID":"1","MESSAGE":"a","__REALTIME_TIMESTAMP":"1"}`+"\n"+`{"_PID":"2","MESSAGE":[98,10,99],"__REALTIME_TIMESTAMP":"1"}`,
		"Jan 02, 2024 3:04:05 PM a.B c\nSEVERE: x\njava.lang.Error: y\n\tat a.B(C.java:1)", "level=error msg=\"\\\"", "\x00\xff\x1b[31m\n\n \n\t#011at x",
		"1:M 02 Jan 2024 15:04:05.000 # x\n[1.000000] y\n[ 12.123456] z", "2024-01-02 15:04:05 UTC [1] ERROR:  x\n2024-01-02 15:04:05 UTC [1] DETAIL:  y")
}

// run gives what a Joiner makes of lines. Where cut is a positive number, its state is written and taken up by a new
// Joiner after every cut lines.
func runJoiner(t *testing.T, cfg Config, lines []string, cut int) []*incident.Record {
	t.Helper()
	j, err := NewJoiner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []*incident.Record
	emit := func(r *incident.Record) { out = append(out, r.Clone()) }
	meta := []*Meta{nil, {Writer: "a", Service: "a.service", Trusted: map[string]string{"_TRANSPORT": "stdout", "_PID": "1"}}, {Writer: "b", Host: "h"}}
	for i, s := range lines {
		l := Line{Text: s, Number: int64(i + 1), Offset: int64(i) * 10}
		if len(s)%7 == 3 {
			l.Meta, l.Severity, l.Time = meta[1+len(s)%2], incident.SeverityInfo, reference
		}
		j.Add(l, emit)
		if cut > 0 && i%cut == 0 {
			state := j.AppendState(nil)
			if len(state) > 2*cfg.MaxPending+maxLanes*1024+len(s)+8192 {
				t.Fatalf("state of %d bytes", len(state))
			}
			if !j.Pending() && j.lr.pristine() && len(state) > 0 {
				t.Fatalf("%d bytes of state with nothing pending and nothing learned", len(state))
			}
			if j, err = NewJoiner(cfg); err != nil {
				t.Fatal(err)
			}
			if err := j.Restore(state); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			if again := j.AppendState(nil); !bytes.Equal(state, again) {
				t.Fatalf("line %d: the state of the restored joiner differs:\n%q\n%q", i+1, state, again)
			}
		}
	}
	j.Flush(emit)
	if j.Pending() || j.bytes != 0 || j.parked != 0 {
		t.Fatalf("after Flush: pending %v, %d bytes, %d parked", j.Pending(), j.bytes, j.parked)
	}
	return out
}

func checkEquivalence(t *testing.T, cfg Config, lines []string) {
	t.Helper()
	whole := runJoiner(t, cfg, lines, 0)
	checkCover(t, len(lines), whole)
	for _, r := range whole {
		if len(r.Raw) > cfg.MaxEvent || len(r.Message) > cfg.MaxEvent+64 || len(r.Frames) > maxFrames {
			t.Fatalf("record of %d bytes, message of %d, %d frames", len(r.Raw), len(r.Message), len(r.Frames))
		}
	}
	for _, cut := range []int{1, 3} {
		if d := cmp.Diff(whole, runJoiner(t, cfg, lines, cut)); d != "" {
			t.Fatalf("cut after every %d lines (-whole +cut):\n%s", cut, d)
		}
	}
}

// FuzzJoiner: no line is lost or doubled, nothing grows, and a Joiner that is stopped and restored after any line gives the
// same events.
func FuzzJoiner(f *testing.F) {
	for i, s := range corpus(f) {
		f.Add(s, uint16(i*37))
	}
	f.Fuzz(func(t *testing.T, text string, small uint16) {
		cfg := Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1<<10 + int(small), MaxPending: 2<<10 + int(small)}
		checkEquivalence(t, cfg, strings.Split(text, "\n"))
	})
}

// TestRestore cuts every part of the corpus, in every order of two, at every line.
func TestRestore(t *testing.T) {
	cfg := Config{Reference: reference, MaxLine: 1 << 20, MaxEvent: 1 << 18, MaxPending: 1 << 20}
	texts := corpus(t)
	for i := range texts {
		checkEquivalence(t, cfg, splitLines(texts[i]+"\n"+texts[(i*7+3)%len(texts)]))
	}
	long := Config{Reference: reference, MaxLine: 1 << 12, MaxEvent: 2 << 10, MaxPending: 8 << 10}
	checkEquivalence(t, long, splitLines(strings.Join(texts, "\n")))
}

// FuzzRestore: no state makes the Joiner panic or hold more than the state itself.
func FuzzRestore(f *testing.F) {
	for _, s := range corpus(f) {
		j, err := NewJoiner(Config{Reference: reference})
		if err != nil {
			f.Fatal(err)
		}
		for i, l := range splitLines(s) {
			j.Add(Line{Text: l, Number: int64(i + 1)}, func(*incident.Record) {})
		}
		f.Add(j.AppendState(nil))
	}
	f.Add([]byte{stateVersion, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, state []byte) {
		j, err := NewJoiner(Config{Reference: reference})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Restore(state); err != nil {
			if j.Pending() {
				t.Fatal("an error, and yet something pending")
			}
			return
		}
		if j.bytes > 64*len(state)+1024 {
			t.Fatalf("%d bytes out of a state of %d", j.bytes, len(state))
		}
		emit := func(*incident.Record) {}
		j.Add(Line{Text: "2024-01-02 15:04:05 ERROR [t1] next", Number: 1}, emit)
		j.Add(Line{Text: "\tat a.b(C.java:1)", Number: 2}, emit)
		j.AppendState(nil)
		j.Flush(emit)
	})
}

// FuzzRead: no reader panics, and what it gives is part of the line or of what was unescaped of it.
func FuzzRead(f *testing.F) {
	for _, in := range benchInputs {
		f.Add(in.line(7))
	}
	for _, s := range corpus(f) {
		for _, l := range splitLines(s) {
			f.Add(l)
		}
	}
	f.Add(`{"@t":"x","err":{"stack":[{"func":"a","line":"1"}],"cause":{"message":"\ud83d\ude00\u12"}}}`)
	f.Add(`time="2024 level=error msg=`)
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range formats {
			r := reader{only: format, ref: reference}
			var h head
			w := r.unwrap(s, &h)
			r.read(w.body, &h)
			if len(h.msg) > 4*len(s)+16 {
				t.Fatalf("message of %d bytes out of %d", len(h.msg), len(s))
			}
		}
	})
}
