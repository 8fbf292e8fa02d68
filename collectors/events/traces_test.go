package events

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// traceCase is what has to come out of testdata/traces/<name>.log, whatever stands before its lines.
type traceCase struct {
	name, message, exception, text string
	severity                       incident.Severity
	frames                         int
	top                            incident.Frame // the most recent call
	app                            incident.Frame // the most recent call in the service's own code
	everyLine                      bool           // also printed with an application header on every line
	announced                      bool           // belongs to an error line right before it
}

var traceCases = []traceCase{
	{name: "go-panic", message: "panic: runtime error: index out of range [5] with length 3", exception: "panic",
		text: "runtime error: index out of range [5] with length 3", severity: incident.SeverityFatal, frames: 4, everyLine: true,
		top: incident.Frame{File: "/srv/api/server.go", Line: 42, Function: "main.(*Server).lookup", InApp: true}},
	{name: "go-recovered", message: "panic: first failure [recovered]", exception: "panic", text: "first failure", severity: incident.SeverityFatal,
		frames: 3, top: incident.Frame{File: "/srv/api/run.go", Line: 12, Function: "main.run.func1", InApp: true}},
	{name: "go-fatal", message: "fatal error: all goroutines are asleep - deadlock!", exception: "fatal error", text: "all goroutines are asleep - deadlock!",
		severity: incident.SeverityFatal, frames: 1, top: incident.Frame{File: "/srv/api/main.go", Line: 8, Function: "main.main", InApp: true}},
	{name: "go-segv", message: "panic: runtime error: invalid memory address or nil pointer dereference", exception: "panic",
		text: "runtime error: invalid memory address or nil pointer dereference", severity: incident.SeverityFatal, frames: 1,
		top: incident.Frame{File: "/srv/api/main.go", Line: 11, Function: "main.main", InApp: true}},
	{name: "python", message: "TypeError: cannot add None", exception: "TypeError", text: "cannot add None", severity: incident.SeverityError, frames: 3,
		top:       incident.Frame{File: "/usr/lib/python3/dist-packages/money/core.py", Line: 88, Function: "__radd__"},
		app:       incident.Frame{File: "/srv/shop/cart.py", Line: 12, Function: "total", InApp: true},
		everyLine: true, announced: true},
	{name: "python-chained", message: "shop.errors.StorageError: no database", exception: "psycopg2.OperationalError",
		text: `connection to server at "10.0.0.5", port 5432 failed: Connection refused`, severity: incident.SeverityError, frames: 1,
		top: incident.Frame{File: "/srv/shop/db.py", Line: 10, Function: "connect", InApp: true}, announced: true},
	{name: "python-syntax", message: "SyntaxError: invalid syntax", exception: "SyntaxError", text: "invalid syntax", severity: incident.SeverityError,
		frames: 1, top: incident.Frame{File: "/srv/shop/settings.py", Line: 7, InApp: true}},
	{name: "python-group", message: "ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)", exception: "ValueError", text: "bad row",
		severity: incident.SeverityError, frames: 1, announced: true,
		top: incident.Frame{File: "/srv/shop/tasks.py", Line: 9, Function: "first", InApp: true}},
	{name: "java", message: `Exception in thread "main" java.lang.IllegalStateException: cannot start`, exception: "java.net.ConnectException",
		text: "Connection refused", severity: incident.SeverityError, frames: 2, everyLine: true,
		top: incident.Frame{Function: "sun.nio.ch.Net.connect0"},
		app: incident.Frame{File: "Net.java", Line: 12, Function: "com.example.shop.Net.dial", InApp: true}},
	{name: "scala", message: "java.util.NoSuchElementException: key not found: 42", exception: "java.util.NoSuchElementException", text: "key not found: 42",
		severity: incident.SeverityError, frames: 3, everyLine: true, announced: true,
		top: incident.Frame{File: "Map.scala", Line: 289, Function: "scala.collection.MapOps.default"},
		app: incident.Frame{File: "Catalog.scala", Line: 17, Function: "shop.Catalog$.$anonfun$price$1", InApp: true}},
	{name: "node", message: "TypeError: Cannot read properties of undefined (reading 'id')", exception: "RangeError", text: "out of range",
		severity: incident.SeverityError, frames: 1, top: incident.Frame{File: "/srv/web/lib/check.js", Line: 3, Function: "check", InApp: true}},
	{name: "node-plain", message: "Error: connect ECONNREFUSED 127.0.0.1:5432", exception: "Error", text: "connect ECONNREFUSED 127.0.0.1:5432",
		severity: incident.SeverityError, frames: 2, announced: true, everyLine: true,
		top: incident.Frame{File: "node:net", Line: 1595, Function: "TCPConnectWrap.afterConnect"},
		app: incident.Frame{File: "/srv/web/db.js", Line: 22, Function: "Db.connect", InApp: true}},
	{name: "ruby", message: "/srv/shop/app.rb:10:in `total': undefined method `price' for nil:NilClass (NoMethodError)", exception: "NoMethodError",
		text: "undefined method `price' for nil:NilClass", severity: incident.SeverityError, frames: 4, everyLine: true, announced: true,
		top: incident.Frame{File: "/srv/shop/app.rb", Line: 10, Function: "total", InApp: true}},
	{name: "ruby-reversed", message: "NoMethodError: undefined method `price' for nil:NilClass", exception: "NoMethodError",
		text: "undefined method `price' for nil:NilClass", severity: incident.SeverityError, frames: 3, announced: true,
		top: incident.Frame{File: "/srv/shop/app.rb", Line: 10, Function: "total", InApp: true}},
	{name: "dotnet", message: "Unhandled exception. System.InvalidOperationException: Order failed", exception: "System.Net.Sockets.SocketException",
		text: "Connection refused", severity: incident.SeverityError, frames: 2, everyLine: true,
		top: incident.Frame{Function: "System.Net.Sockets.Socket.Connect"},
		app: incident.Frame{File: "/src/Shop/Db.cs", Line: 41, Function: "Shop.Db.Open", InApp: true}},
	{name: "rust", message: "thread 'main' panicked at src/main.rs:14:23: called `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
		exception: "panic", text: "called `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
		severity: incident.SeverityError, frames: 4,
		top: incident.Frame{File: "/rustc/07dca489ac2d933c78d3c5158e3f43beefeb02ce/library/std/src/panicking.rs", Line: 645, Function: "rust_begin_unwind"},
		app: incident.Frame{File: "./src/main.rs", Line: 14, Function: "shop::load", InApp: true}},
	{name: "rust-old", message: "thread 'worker-3' panicked at 'index out of bounds: the len is 3 but the index is 7', src/main.rs:9:5", exception: "panic",
		text: "index out of bounds: the len is 3 but the index is 7", severity: incident.SeverityError},
	{name: "php", message: "PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /srv/shop/db.php:12", exception: "PDOException",
		text: "SQLSTATE[HY000] [2002] Connection refused", severity: incident.SeverityError, frames: 4,
		top: incident.Frame{File: "/srv/shop/db.php", Line: 12, InApp: true}},
}

// prefixes put around a line what a transport puts there. A blank line stays a line of the transport.
var prefixes = []struct {
	name string
	wrap func(s string) []string
}{
	{"bare", func(s string) []string { return []string{s} }},
	{"docker", func(s string) []string {
		b, _ := json.Marshal(map[string]string{"x": s + "\n"})
		return []string{`{"log":` + string(b[5:len(b)-1]) + `,"stream":"stderr","time":"2024-01-02T15:04:05.123456789Z"}`}
	}},
	{"cri", func(s string) []string {
		const p = "2024-01-02T15:04:05.123456789Z stderr "
		if len(s) > 24 { // containerd splits at 16 KiB, which is the same
			return []string{p + "P " + s[:10], p + "P " + s[10:20], p + "F " + s[20:]}
		}
		return []string{p + "F " + s}
	}},
	{"compose v1", func(s string) []string { return []string{"api_1  | " + s} }},
	{"compose v2 coloured", func(s string) []string { return []string{"\x1b[36mapi-1  | \x1b[0m" + s} }},
	{"syslog 3164", func(s string) []string { return []string{"Jan  2 15:04:05 web1 api[123]: " + s} }},
	{"syslog 3164 with PRI and tabs escaped", func(s string) []string {
		return []string{"<30>Jan  2 15:04:05 web1 api[123]: " + strings.ReplaceAll(s, "\t", "#011")}
	}},
	{"rsyslog ISO", func(s string) []string { return []string{"2024-01-02T15:04:05.123456+00:00 web1 api[123]: " + s} }},
	{"syslog 5424", func(s string) []string {
		return []string{`<30>1 2024-01-02T15:04:05.123Z web1 api 123 - [x@1 a="]\""] ` + s}
	}},
	{"syslog 5424 of rsyslog, which keeps the blank behind the tag", func(s string) []string {
		return []string{`<30>1 2024-01-02T15:04:05.123456+00:00 web1 api 123 - -  ` + strings.ReplaceAll(s, "\t", "#011")}
	}},
	{"docker in syslog", func(s string) []string { return []string{"Jan  2 15:04:05 web1 docker/api[9]: " + s} }},
}

func readTrace(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "traces", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (c traceCase) check(t *testing.T, r *incident.Record, message string) {
	t.Helper()
	if message == "" {
		message = c.message
	}
	if r.Message != message || r.Exception != c.exception || r.ExceptionMessage != c.text {
		t.Errorf("got  %q\n     %q %q\nwant %q\n     %q %q", r.Message, r.Exception, r.ExceptionMessage, message, c.exception, c.text)
	}
	if r.Severity != c.severity {
		t.Errorf("severity %v, want %v", r.Severity, c.severity)
	}
	if len(r.Frames) != c.frames {
		t.Fatalf("%d frames, want %d: %+v", len(r.Frames), c.frames, r.Frames)
	}
	if c.frames == 0 {
		return
	}
	if d := cmp.Diff(c.top, r.Frames[0]); d != "" {
		t.Errorf("most recent frame (-want +got):\n%s", d)
	}
	if c.app.Function != "" {
		for _, f := range r.Frames {
			if f.InApp {
				if d := cmp.Diff(c.app, f); d != "" {
					t.Errorf("first frame in the app (-want +got):\n%s", d)
				}
				return
			}
		}
		t.Error("no frame in the app")
	}
}

func TestTraces(t *testing.T) {
	for _, c := range traceCases {
		trace := readTrace(t, c.name)
		for _, p := range prefixes {
			t.Run(c.name+"/"+p.name, func(t *testing.T) {
				var lines []string
				for _, s := range append(append([]string{"server ready"}, trace...), "server ready") {
					lines = append(lines, p.wrap(s)...)
				}
				out := joinAll(t, Config{}, lines)
				if len(out) != 3 {
					t.Fatalf("%d events, want 3:\n%s", len(out), summary(out))
				}
				if out[0].Message != "server ready" || out[2].Message != "server ready" {
					t.Errorf("neighbours: %q, %q", out[0].Message, out[2].Message)
				}
				c.check(t, out[1], "")
				if out[1].Raw != strings.Join(lines[out[1].FirstLine-1:out[1].LastLine], "\n") {
					t.Errorf("raw is not the lines as they stand:\n%s", out[1].Raw)
				}
			})
		}
		t.Run(c.name+"/interleaved", func(t *testing.T) {
			a, b := prefixes[5].wrap, func(s string) string { return "Jan  2 15:04:05 web1 worker[77]: " + s }
			var lines []string
			for _, s := range trace {
				lines = append(lines, a(s)[0], b(s))
			}
			out := joinAll(t, Config{}, lines)
			if len(out) != 2 {
				t.Fatalf("%d events, want 2:\n%s", len(out), summary(out))
			}
			c.check(t, out[0], "")
			c.check(t, out[1], "")
			if out[0].FirstLine != 1 || out[1].FirstLine != 2 || len(trace) > 1 && len(out[0].Lines) != len(trace) {
				t.Errorf("lines %d %v and %d %v", out[0].FirstLine, out[0].Lines, out[1].FirstLine, out[1].Lines)
			}
		})
		if c.everyLine {
			t.Run(c.name+"/application header on every line", func(t *testing.T) {
				const p = "2024-01-02 15:04:05,123 ERROR [worker-1] com.example.App - "
				var lines []string
				for _, s := range trace {
					lines = append(lines, p+s, "2024-01-02 15:04:05,124 INFO [worker-2] com.example.App - request served")
				}
				c.severity = incident.SeverityError
				out := joinAll(t, Config{}, lines)
				n := 0
				for _, r := range out {
					if r.Severity >= incident.SeverityError {
						n++
						c.check(t, r, "")
						if r.Thread != "worker-1" {
							t.Errorf("thread %q", r.Thread)
						}
					}
				}
				if n != 1 || len(out) != len(trace)+1 {
					t.Fatalf("%d errors of %d events:\n%s", n, len(out), summary(out))
				}
			})
		}
		if c.announced {
			t.Run(c.name+"/announced", func(t *testing.T) {
				lines := append([]string{"2024-01-02 15:04:05,123 ERROR app: request failed"}, trace...)
				lines = append(lines, "2024-01-02 15:04:06,000 INFO app: next")
				c.severity = incident.SeverityError
				out := joinAll(t, Config{}, lines)
				if len(out) != 2 {
					t.Fatalf("%d events, want 2:\n%s", len(out), summary(out))
				}
				c.check(t, out[0], "app: request failed")
			})
			t.Run(c.name+"/twice", func(t *testing.T) {
				out := joinAll(t, Config{}, append(append([]string{}, trace...), trace...))
				if len(out) != 2 {
					t.Fatalf("%d events, want 2:\n%s", len(out), summary(out))
				}
				c.check(t, out[1], "")
			})
		}
	}
}

func summary(rs []*incident.Record) string {
	var b strings.Builder
	for _, r := range rs {
		fmt.Fprintf(&b, "%d-%d %v %s %q\n", r.FirstLine, r.LastLine, r.Severity, r.Format, r.Raw)
	}
	return b.String()
}
