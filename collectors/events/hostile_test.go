package events

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// hostileLines are lines of about a megabyte that try to make reading slow or deep.
func hostileLines() map[string]string {
	const size = 1 << 20
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	keys := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	return map[string]string{
		"many keys":            `{` + keys(`"k%d":1,`) + `"msg":"x"}`,
		"many messages":        `{` + repeat(`"msg":"a\nb",`) + `"level":"error"}`,
		"many levels":          `{` + repeat(`"level":"info",`) + `"level":"error"}`,
		"many stacks":          `{` + keys(`"stack":"E: x\n at f (/a.js:%d:1)",`) + `"level":"error"}`,
		"many errors":          `{` + repeat(`"err":{"stack":["a","b"],"message":"m"},`) + `"level":"error"}`,
		"many frames":          `{"stack":[` + repeat(`{"file":"a.go","line":1},`) + `{}],"level":"error"}`,
		"a long stack":         `{"stack":[` + repeat(`"at f (a.js:1:1)",`) + `""],"level":"error"}`,
		"deep objects":         `{"a":` + repeat(`{"a":`) + `1` + strings.Repeat("}", size/5) + `,"level":"error"}`,
		"deep causes":          `{"err":` + repeat(`{"cause":`) + `1` + strings.Repeat("}", size/9) + `,"level":"error"}`,
		"deep arrays":          `{"err":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `,"level":"error"}`,
		"unclosed objects":     repeat(`{"a":`),
		"unclosed strings":     `{"a":"` + repeat(`\"`),
		"quotes":               `{` + repeat(`"`) + `}`,
		"escapes":              `{"level":"` + repeat(`\u001b[31m`) + `","msg":"` + repeat(`\\`) + `"}`,
		"logfmt":               `level=error ` + keys(`k%d=v `),
		"logfmt of quotes":     `level=error ` + repeat(`a="b\"c" `),
		"logfmt, unclosed":     `level=error ` + repeat(`a="b `),
		"logfmt, apostrophes":  `level=error ` + repeat(`a='b `),
		"logfmt of words":      `a=b ` + repeat(`word `),
		"klog":                 `E0102 15:04:05.123000       1 a.go:3] "` + repeat(`\"`),
		"klog fields":          `E0102 15:04:05.123000       1 a.go:3] "x" ` + repeat(`err="`),
		"access":               `10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "` + repeat(`\"`),
		"access, no end":       `[02/Jan/2024:15:04:05 +0000] "` + repeat(`GET / HTTP/1.1 `),
		"morgan":               `GET /` + repeat(`x`) + ` 500 1 - 2 ms`,
		"csv":                  `2024-01-02 15:04:05.123 UTC,"` + repeat(`""`),
		"csv commas":           `2024-01-02 15:04:05.123 UTC,` + repeat(`,`),
		"colours":              repeat("\x1b[31m"),
		"unclosed colours":     repeat("\x1b["),
		"priorities":           repeat("<3>"),
		"words":                repeat("error "),
		"words without blanks": repeat("error:"),
		"docker":               `{"log":"` + repeat(`\u001b`) + `\n","stream":"stdout","time":"x"}`,
	}
}

// TestHostileLines counts what reading structured lines of a megabyte takes, in bytes looked at: a few times their length,
// whatever is in them.
func TestHostileLines(t *testing.T) {
	for name, line := range hostileLines() {
		t.Run(name, func(t *testing.T) {
			r := reader{only: FormatAuto, ref: reference}
			var h head
			w := r.unwrap(line, &h)
			r.read(w.body, &h)
			if r.work > 6*len(line) {
				t.Errorf("%d steps for %d bytes", r.work, len(line))
			}
			if len(h.frames) > maxFrames || len(h.stack) > len(line) {
				t.Errorf("%d frames, %d bytes of stack", len(h.frames), len(h.stack))
			}
			if (line[0] == '{' && strings.HasSuffix(line, `"level":"error"}`) || strings.HasPrefix(line, "level=error")) && h.sev != incident.SeverityError {
				t.Errorf("severity %v: what else is in the line hides its level", h.sev)
			}
		})
	}
}

// TestHostileIsLinear reads hostile lines of one and of four times a length: allocations must not grow faster.
func TestHostileIsLinear(t *testing.T) {
	for name, line := range hostileLines() {
		if line[0] != '{' || !strings.HasSuffix(line, "}") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			count := func(n int) int {
				r := reader{only: FormatAuto, ref: reference}
				var h head
				r.read(line[:n/2]+line[len(line)-n/2:], &h) // perhaps no JSON any more, which must not cost more
				return r.work
			}
			if small, large := count(len(line)/4), count(len(line)); large > 6*max(small, len(line)) {
				t.Errorf("%s steps for a quarter, %s for all", strconv.Itoa(small), strconv.Itoa(large))
			}
		})
	}
}

// FuzzStructured reads anything as every structured format: no panic, steps in proportion to the length, and two reads agree.
func FuzzStructured(f *testing.F) {
	for _, s := range []string{
		`{"level":"error","err":{"type":"E","cause":[{"stack":["a"]}]},"source":{"file":"a","line":1},"message":{"errorType":"x"}}`,
		`method=GET path=/ status=500 error='x y' level=info`, `E0102 15:04:05.123000 1 a.go:3] "x" err="y"`, `GET / 500 1 - 2 ms`,
		`2024-01-02 15:04:05.123 UTC,"a","b",7,"c",d,3,"e",f,g,0,ERROR,42,"h ""i"""`, `[GIN] 2024/01/02 - 15:04:05 | 500 | 1ms | ::1 | GET "/"`,
		`1.2.3.4:5 [02/Jan/2024:15:04:05.123] a b 1/2 503 1 "GET / HTTP/1.1"`, `<3>[ 1.234567] x`, `kern  :err   : [    1.234567] x`,
		"[ERROR]\t2024-01-02T15:04:05.123Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tx", `2024-01-02 15:04:05 UTC:10.0.0.1(5):a@b:[7]:ERROR:  x`,
		`2024-01-02T15:04:05.123+0000 E NETWORK  [conn7] x`, `fail: A.B[3] x`, `the job failed with exit code 3, 0 errors`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.IndexByte(s, '\n') >= 0 {
			return
		}
		r := reader{only: FormatAuto, ref: reference}
		var a, b head
		r.read(s, &a)
		if r.work > 8*len(s)+64 {
			t.Errorf("%d steps for %d bytes", r.work, len(s))
		}
		r.read(s, &b)
		if a.msg != b.msg || a.sev != b.sev || a.status != b.status || a.format != b.format {
			t.Errorf("read twice: %+v, %+v", a, b)
		}
		if a.status < 0 || a.status > 999 || len(a.frames) > maxFrames {
			t.Errorf("status %d, %d frames", a.status, len(a.frames))
		}
		wordSeverity(s)
	})
}

// What nothing can be learned of is not studied for ever: samples stay few, and each try that brings nothing lets more lines pass
// before the next.
func TestLearningGivesUp(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"one blank": func(i int) string { return fmt.Sprintf(" foo bar %d baz", i) },
		"frames":    func(i int) string { return fmt.Sprintf("\tat shop.Cart.add%d(Cart.java:%d)", i, i) },
		"json":      func(i int) string { return fmt.Sprintf(`{"level":"info","msg":"took job %d"}`, i) },
	} {
		t.Run(name, func(t *testing.T) {
			j, err := NewJoiner(Config{Reference: reference})
			if err != nil {
				t.Fatal(err)
			}
			studied := 0
			const n = 20000
			for i := range n {
				j.Add(Line{Text: line(i), Number: int64(i + 1)}, func(*incident.Record) {})
				if j.lr.open {
					studied++
				}
				if len(j.lr.samples) > maxSamples {
					t.Fatalf("%d samples after %d lines", len(j.lr.samples), i+1)
				}
			}
			if studied > n/10 {
				t.Errorf("%d of %d lines were studied", studied, n)
			}
		})
	}
}

// A line that the container engine split into very many parts stays within the bounds of an event: one that is over them would
// be cut again with each further part.
func TestSplitLineIsBounded(t *testing.T) {
	const limit = 16 << 10
	j, err := NewJoiner(Config{MaxEvent: limit})
	if err != nil {
		t.Fatal(err)
	}
	add := func(s string) { j.Add(Line{Text: s}, func(*incident.Record) {}) }
	for i := range 200 {
		add(fmt.Sprintf("2024-02-03T04:05:06.000000001Z stdout P part %d %s", i, strings.Repeat("x", 40)))
	}
	add("2024-02-03T04:05:06.000000001Z stdout F the end")
	j.decide(output{record: func(*incident.Record) {}}) // it is held back
	if len(j.groups) != 1 || j.groups[0].ev == nil {
		t.Fatal("no event waits")
	}
	e := j.groups[0].ev
	if got := e.bytes; got > limit {
		t.Errorf("the event takes %d bytes, of %d", got, limit)
	}
	if !strings.HasSuffix(e.body, "the end") || len(e.body) < limit/2 {
		t.Errorf("the line has %d bytes", len(e.body))
	}
}
