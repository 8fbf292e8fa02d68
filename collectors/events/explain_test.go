package events

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// explained reads lines with Explain on.
func explained(t *testing.T, cfg Config, lines ...string) []incident.Record {
	t.Helper()
	cfg.Explain = true
	return read(t, cfg, lines)
}

func read(t *testing.T, cfg Config, lines []string) []incident.Record {
	t.Helper()
	cfg.Reference = reference
	j, err := NewJoiner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []incident.Record
	emit := func(r *incident.Record) {
		c := *r.Clone()
		c.Steps = slices.Clone(r.Steps)
		out = append(out, c)
	}
	for i, l := range lines {
		j.Add(Line{Text: l, Number: int64(i + 1), Offset: int64(i)}, emit)
	}
	j.Flush(emit)
	return out
}

func stepText(steps []incident.Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%s|%s|%s|%s|%s|%s\n", s.Stage, s.Result, s.Problem, s.Detail, s.Because, s.Change)
	}
	return b.String()
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    Config
		lines  []string
		event  int
		want   []string
		unlike []string
	}{
		{
			name: "syslog in docker", lines: []string{`{"log":"Jan  2 15:04:05 web1 sshd[42]: Failed password for root\n","stream":"stderr","time":"2026-01-02T15:04:06Z"}`},
			want: []string{`transport|done||taken off: docker, then syslog|it gave time 2024-01-02T15:04:05Z, host "web1", pid "42", logger "sshd"; the writer is told from others by "stderr"`},
		},
		{
			name: "a CRI line that never ends", lines: []string{"2026-01-02T15:04:05.000000000Z stderr P half of"},
			want: []string{"transport|failed|split line without its end|"},
		},
		{
			name: "docker-compose", lines: []string{"api_1  | 2026-01-02 15:04:05 INFO started"},
			want: []string{"taken off: docker-compose|", `header|done||time 2026-01-02T15:04:05Z, level info in "2026-01-02 15:04:05 INFO"`},
		},
		{
			name: "cut", cfg: Config{MaxLine: 30}, lines: []string{"2026-01-02 15:04:05 INFO something long"},
			want: []string{"transport|failed|truncated|bytes were cut off"},
		},
		{
			name: "broken JSON", lines: []string{`{"level":"error","msg":"half`},
			want: []string{"format|failed|broken JSON|text: text|it begins like JSON, but it has no end: byte 28|"},
		},
		{
			name: "broken JSON inside", lines: []string{`{"level":"error","msg":half way}`},
			want: []string{"format|failed|broken JSON|text: text|it begins like JSON, but it is none: byte "},
		},
		{
			name: "JSON", lines: []string{`{"time":"2026-01-02T15:04:05Z","level":"error","msg":"no","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`},
			want:   []string{"format|done||json: one JSON object", "severity|done||error|the level field", `trace id "4bf92f3577b34da6a3ce929d0e0e4736"`},
			unlike: []string{"broken JSON"},
		},
		{
			name: "words", lines: []string{"the backup failed"},
			want: []string{"header|failed|no time|none|no time stamp was found", `severity|guessed|severity by words only|error|no level; the word "failed" where it stands|`},
		},
		{
			name: "no words", lines: []string{"0 errors found"},
			want: []string{"severity|none||info|no level, and no word of trouble"},
		},
		{
			name: "a trace", lines: []string{
				"2026-01-02 15:04:05 ERROR request failed", "Traceback (most recent call last):", `  File "/srv/app/views.py", line 10, in show`, "    return items[key]", "KeyError: 'a'", "2026-01-02 15:04:06 INFO next",
			},
			want: []string{
				"joining|done||line 2 joined|a Python traceback right behind the line that announces it", "joining|done||lines 3-5 joined|a Python traceback goes on like this", "joining|done||line 6 begins another event|it has a header of its own",
				`stack|done||"KeyError", frames: 1, 1 of them the service's own|a Python traceback`,
			},
		},
		{
			name: "an unfinished trace", lines: []string{"Traceback (most recent call last):", `  File "/srv/app/views.py", line 10, in show`, "    return items[key]"},
			want: []string{"stack|failed|unfinished trace|", "joining|done||the event ends here|the input ended"},
		},
		{
			name: "loose", lines: []string{"2026-01-02 15:04:05 INFO settings:", "color is red", "2026-01-02 15:04:05 INFO next"},
			want: []string{"joining|guessed|loosely joined|line 2 joined|it has no header, and the event before it has a time stamp|to begin an event there: sources: [{..., event_start: '^(\\d{4}-|color)'}]"},
		},
		{
			name: "a pattern", cfg: Config{EventStart: "^BEGIN"}, lines: []string{"BEGIN a", "2026-01-02 15:04:05 INFO x", "BEGIN b"},
			want: []string{"joining|done||line 2 joined|event_start does not match it", "line 3 begins another event|event_start matches it"},
		},
		{
			name: "interleaved", lines: []string{
				`2026-01-02 15:04:05 ERROR [worker-1] request failed`, `2026-01-02 15:04:05 ERROR [worker-1] java.lang.IllegalStateException: no`,
				`2026-01-02 15:04:05 ERROR [worker-1] 	at com.shop.Cart.add(Cart.java:10)`, `2026-01-02 15:04:05 INFO [worker-2] all is well`,
				`2026-01-02 15:04:05 ERROR [worker-1] 	at com.shop.Api.post(Api.java:20)`,
			},
			event: 1,
			want:  []string{"line 3 joined|it repeats the header, and a", "line 5 joined|it repeats the header, and a", "goes on like this, behind lines of another thread or process"},
		},
		{
			name: "an access log's 5xx", lines: []string{`10.0.0.1 - - [02/Jan/2026:15:04:05 +0000] "GET / HTTP/1.1" 502 12`},
			want: []string{"format|done||access: an access log's line", "severity|done||error|HTTP status 502"},
		},
		{
			name: "a priority", lines: []string{"<11>Jan  2 15:04:05 web1 app[1]: something"},
			want: []string{"severity|done||error|the priority that syslog or the journal has for the line"},
		},
		{
			name: "a panic is fatal", lines: []string{"panic: no", "", "goroutine 1 [running]:", "main.main()", "	/srv/app/main.go:10 +0x1d"},
			want: []string{"a Go panic or goroutine dump is at least fatal", "severity|done||fatal|"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			recs := explained(t, c.cfg, c.lines...)
			if len(recs) <= c.event {
				t.Fatalf("%d events", len(recs))
			}
			got := stepText(recs[c.event].Steps)
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in\n%s", w, got)
				}
			}
			for _, w := range c.unlike {
				if strings.Contains(got, w) {
					t.Errorf("%q in\n%s", w, got)
				}
			}
		})
	}
}

// TestExplainLearned: what was learned of a source is told, with the line since which it is used, and a line that is not like it.
func TestExplainLearned(t *testing.T) {
	var lines []string
	for i := range maxSamples {
		lines = append(lines, fmt.Sprintf("2026-01-02 15:04:%02d node-%d INFO kernel: message %d", i%60, i%7, i))
	}
	lines = append(lines, "a line of another writer", "2026-01-02 15:05:01 node-1 INFO kernel: fine again")
	recs := explained(t, Config{}, lines...)
	first := stepText(recs[0].Steps)
	if !strings.Contains(first, "the source's header was learned, used since line 1: a time stamp") {
		t.Error(first)
	}
	last := stepText(recs[len(recs)-2].Steps)
	if !strings.Contains(last, "line "+strconv.Itoa(maxSamples+1)+" joined") || !strings.Contains(last, problemLoose) {
		t.Error(last)
	}
	alone := explained(t, Config{EventStart: "."}, lines...)
	if got := stepText(alone[len(alone)-2].Steps); !strings.Contains(got, "header|failed|"+problemNoHeader) || !strings.Contains(got, "event_start: '^\\d{4}") {
		t.Error(got)
	}
}

// parts that random logs are made of.
var parts = []string{
	"2026-01-02 15:04:05 ERROR request failed", "2026-01-02 15:04:05 INFO [worker-2] all is well", "2026-01-02 15:04:05 WARN [main] c.s.Cart - slow",
	"Traceback (most recent call last):", `  File "/srv/app/views.py", line 10, in show`, "KeyError: 'a'", "", "  indented", "plain words", "it failed badly",
	`{"level":"error","msg":"x","stack":"Error: x\n    at f (/srv/a.js:1:2)"}`, `{"level":"error","msg":`, "{", `  "a": 1`, "}",
	"Jan  2 15:04:05 web1 sshd[42]: Failed password", "<11>Jan  2 15:04:05 web1 app[1]: something", "panic: no", "goroutine 1 [running]:", "main.main()", "	/srv/app/main.go:10 +0x1d",
	`{"log":"2026-01-02 15:04:05 ERROR half ","stream":"stderr","time":"2026-01-02T15:04:06Z"}`, `{"log":"the rest\n","stream":"stderr","time":"2026-01-02T15:04:06Z"}`,
	"2026-01-02T15:04:05.000000000Z stdout P first ", "2026-01-02T15:04:05.000000000Z stdout F second", "api_1  | ERROR no", "level=warn msg=\"slow\" took=3s",
	"2026-01-02 15:04:05.000 UTC [12] ERROR:  no table", "2026-01-02 15:04:05.000 UTC [12] DETAIL:  none", "java.lang.IllegalStateException: no", "	at com.shop.Cart.add(Cart.java:10)",
	`10.0.0.1 - - [02/Jan/2026:15:04:05 +0000] "GET / HTTP/1.1" 502 12`, "\x1b[31mred\x1b[0m", "\x00\xff", "==12==ERROR: AddressSanitizer: heap-use-after-free", "SUMMARY: AddressSanitizer: x",
}

// TestExplainChangesNothing: with Explain on the same events come in the same order, and what the steps claim is what the
// events have.
func TestExplainChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 9))
	for round := range 400 {
		lines := make([]string, 1+r.IntN(200))
		some := 1 + r.IntN(len(parts))
		from := r.IntN(len(parts))
		for i := range lines {
			lines[i] = parts[(from+r.IntN(some))%len(parts)]
		}
		cfg := Config{}
		switch round % 8 {
		case 1:
			cfg.EventStart = `^\d`
		case 2:
			cfg.Format = formats[r.IntN(len(formats))]
		case 3:
			cfg.MaxEvent, cfg.MaxPending = 512, 1024
		}
		plain := read(t, cfg, lines)
		cfg.Explain = true
		told := read(t, cfg, lines)
		if len(plain) != len(told) {
			t.Fatalf("%d events, %d with Explain", len(plain), len(told))
		}
		for i := range told {
			steps := told[i].Steps
			claims(t, &told[i])
			told[i].Steps = nil
			if plain[i].Steps != nil || !reflect.DeepEqual(plain[i], told[i]) {
				t.Fatalf("event %d:\n%+v\nwith Explain\n%+v", i, plain[i], told[i])
			}
			if len(steps) > maxRuns+10 {
				t.Fatalf("%d steps", len(steps))
			}
		}
	}
}

// claims holds the steps of a record against its fields.
func claims(t *testing.T, r *incident.Record) {
	t.Helper()
	bad := func(what string) { t.Fatalf("%s:\n%+v\n%s", what, *r, stepText(r.Steps)) }
	order := []string{incident.StageTransport, incident.StageFormat, incident.StageHeader, incident.StageJoining, incident.StageSeverity, incident.StageStack}
	at, joined, more := 0, map[int64]bool{}, false
	stack := false
	for _, s := range r.Steps {
		k := slices.Index(order, s.Stage)
		if k < at {
			bad("the stages are not in order")
		}
		at = k
		if (s.Problem != "") != (s.Result == incident.StepGuessed || s.Result == incident.StepFailed) {
			bad("a problem and its result do not agree")
		}
		switch s.Stage {
		case incident.StageTransport:
			if r.Truncated != (s.Problem == problemTruncated) {
				bad("truncated")
			}
		case incident.StageFormat:
			if f, _, _ := strings.Cut(s.Detail, ":"); f != r.Format {
				bad("the format")
			}
		case incident.StageHeader:
			if s.Problem == problemNoTime && !r.Time.IsZero() {
				bad("the time")
			}
			for name, v := range map[string]string{"thread": r.Thread, "trace id": r.TraceID} {
				if strings.Contains(s.Detail, name+` "`) && !strings.Contains(s.Detail, fmt.Sprintf(`%s "%s"`, name, v)) {
					bad("the " + name)
				}
			}
		case incident.StageSeverity:
			if s.Detail != r.Severity.String() {
				bad("the severity")
			}
		case incident.StageStack:
			stack = true
			if want := fmt.Sprintf("frames: %d,", len(r.Frames)); len(r.Frames) > 0 && !strings.Contains(s.Detail, want) {
				bad("the frames")
			}
		case incident.StageJoining:
			if s.Because == "" && !strings.HasSuffix(s.Detail, " more joined") {
				bad("no reason")
			}
			more = more || strings.HasSuffix(s.Detail, " more joined")
			var a, b int64
			if n, _ := fmt.Sscanf(s.Detail, "lines %d-%d joined", &a, &b); n != 2 {
				if n, _ := fmt.Sscanf(s.Detail, "line %d joined", &a); n != 1 {
					continue
				}
				b = a
			}
			if !strings.HasSuffix(s.Detail, " joined") {
				continue
			}
			for ; a <= b; a++ {
				joined[a] = true
			}
		}
	}
	if stack != (len(r.Frames) > 0 || r.Exception != "") && !stack {
		bad("the stack is not told of")
	}
	lines := r.Lines
	if lines == nil {
		for n := r.FirstLine; n <= r.LastLine; n++ {
			lines = append(lines, n)
		}
	}
	for _, n := range lines[1:] {
		if !joined[n] && !more {
			bad(fmt.Sprintf("nothing is said of line %d", n))
		}
		delete(joined, n)
	}
	if len(joined) > 0 {
		bad(fmt.Sprintf("lines that are no part of it: %v", joined))
	}
}

// TestExplainReasons: each reason has words, whichever way it went.
func TestExplainReasons(t *testing.T) {
	for w := range reasons {
		if w.joined(langPython) == "" && w.ended() == "it does not belong to the event before" {
			t.Errorf("reason %d says nothing", w)
		}
	}
	for l := langGo; l < langEnd; l++ {
		if l.name() == langNone.name() {
			t.Errorf("trace %d has no name", l)
		}
	}
	for _, f := range formats[1:] {
		if formatName(f) == "" {
			t.Errorf("format %s says nothing", f)
		}
	}
	for o := range ops {
		if (step{op: o}).describe() == "a column" {
			t.Errorf("column %d says nothing", o)
		}
	}
}
