package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// TestJoin checks which lines become one event: want lists "first-last severity message".
func TestJoin(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		in   string
		want []string
	}{
		{"plain lines stay single", Config{}, `
one
two

three: failed to open
panic attack averted
`, []string{"1-1 info one", "2-3 info two", "4-4 error three: failed to open", "5-5 fatal panic attack averted"}},
		{"indented continuation", Config{}, `
Configuration:
  host = a
  port = 1
done
`, []string{"1-3 info Configuration:", "4-4 info done"}},
		{"all lines indented", Config{}, "\n  one\n  two\n", []string{"1-1 info   one", "2-2 info   two"}},
		{"rest of a message with a time stamp", Config{}, `
2024-01-02 15:04:05 ERROR query failed:
SELECT *
FROM t

2024-01-02 15:04:06 INFO next
`, []string{"1-4 error query failed:", "5-5 info next"}},
		{"an error without header is not swallowed by an info", Config{}, `
2024-01-02 15:04:05 INFO started
Error: cannot open socket
`, []string{"1-1 info started", "2-2 error Error: cannot open socket"}},
		{"level without time swallows nothing", Config{}, `
INFO:     Started server process [1]
listening
`, []string{"1-1 info Started server process [1]", "2-2 info listening"}},
		{"postgres", Config{}, `
2024-01-02 15:04:05.123 UTC [77] app@shop ERROR:  duplicate key value violates unique constraint "u"
2024-01-02 15:04:05.123 UTC [77] app@shop DETAIL:  Key (id)=(7) already exists.
2024-01-02 15:04:05.123 UTC [77] app@shop STATEMENT:  INSERT INTO t
	VALUES (7)
2024-01-02 15:04:05.124 UTC [78] LOG:  checkpoint starting
2024-01-02 15:04:05.125 UTC [79] app@shop DETAIL:  of another process
`, []string{`1-4 error duplicate key value violates unique constraint "u"`, "5-5 info checkpoint starting", "6-6 info of another process"}},
		{"django", Config{}, `
Internal Server Error: /checkout
Traceback (most recent call last):
  File "/srv/a.py", line 3, in f
    g()
KeyError: 'id'
[02/Jan/2024 15:04:05] "POST /checkout HTTP/1.1" 500 145
`, []string{"1-5 error Internal Server Error: /checkout", `6-6 error "POST /checkout HTTP/1.1" 500`}},
		{"traceback after an info is its own", Config{}, `
2024-01-02 15:04:05 INFO started
Traceback (most recent call last):
  File "/srv/a.py", line 3, in f
    g()
KeyError: 'id'
`, []string{"1-1 info started", "2-5 error KeyError: 'id'"}},
		{"gunicorn", Config{}, `
[2024-01-02 15:04:05 +0000] [7] [ERROR] Error handling request /
Traceback (most recent call last):
  File "/srv/a.py", line 3, in f
    g()
KeyError: 'id'
[2024-01-02 15:04:05 +0000] [7] [INFO] Worker exiting (pid: 7)
`, []string{"1-5 error Error handling request /", "6-6 info Worker exiting (pid: 7)"}},
		{"java error line with its exception", Config{}, `
2024-01-02 15:04:05,123 ERROR [main] c.e.A - cannot start
java.lang.IllegalStateException: no
	at c.e.A.b(A.java:3)
Caused by: java.io.IOException: gone
	... 1 more
2024-01-02 15:04:05,124 INFO [main] c.e.A - next
`, []string{"1-5 error cannot start", "6-6 info next"}},
		{"java.util.logging", Config{}, `
Jan 02, 2024 3:04:05 PM com.example.A start
SEVERE: cannot start
java.io.IOException: gone
	at com.example.A.b(A.java:3)
Jan 02, 2024 3:04:06 PM com.example.A start
INFO: started
`, []string{"1-4 error cannot start", "5-6 info started"}},
		{"play", Config{}, `
[error] application - 

! @7f - Internal server error, for (GET) [/] ->
 
play.api.UnexpectedException: Unexpected exception[RuntimeException: x]
	at play.api.A.b(A.scala:3)
Caused by: java.lang.RuntimeException: x
	at controllers.Home.index(Home.scala:9)
`, []string{"1-8 error ! @7f - Internal server error, for (GET) [/] ->"}},
		{"dotnet console", Config{}, `
fail: Shop.Cart[13]
      cannot pay
      System.Exception: no
         at Shop.Cart.Pay() in /src/Cart.cs:line 3
info: Shop.Cart[0]
      ready
`, []string{"1-4 error cannot pay", "5-6 info ready"}},
		{"go http server", Config{}, `
2024/01/02 15:04:05 http: panic serving 10.0.0.1:5: boom
goroutine 33 [running]:
net/http.(*conn).serve.func1()
	/usr/local/go/src/net/http/server.go:1898 +0xb0
main.handle()
	/srv/api/main.go:7 +0x10

2024/01/02 15:04:06 next
`, []string{"1-7 error http: panic serving 10.0.0.1:5: boom", "8-8 info next"}},
		{"a panic ends a log line", Config{}, `
2024/01/02 15:04:05 ERROR cannot listen
panic: cannot listen

goroutine 1 [running]:
main.main()
	/srv/api/main.go:7 +0x10
`, []string{"1-1 error cannot listen", "2-6 fatal panic: cannot listen"}},
		{"laravel", Config{}, `
[2024-01-02 15:04:05] production.ERROR: no db {"exception":"[object] (PDOException(code: 2002): no db at /srv/a.php:12)
[stacktrace]
#0 /srv/a.php(12): PDO->__construct()
#1 {main}
"} 
[2024-01-02 15:04:06] production.INFO: next
`, []string{`1-5 error no db {"exception":"[object] (PDOException(code: 2002): no db at /srv/a.php:12)`, "6-6 info next"}},
		{"rails", Config{}, `
F, [2024-01-02T15:04:05.123000 #9] FATAL -- :   
NoMethodError (undefined method 'x' for nil):
  
app/controllers/a_controller.rb:5:in 'index'
I, [2024-01-02T15:04:06.123000 #9]  INFO -- : Started GET "/"
`, []string{"1-4 fatal NoMethodError (undefined method 'x' for nil):", `5-5 info Started GET "/"`}},
		{"pretty-printed object", Config{}, `
{
  "level": "error",
  "msg": "boom",
  "nested": {
    "a": [1, 2]
  }
}
{"level":"info","msg":"next"}
`, []string{"1-7 error boom", "8-8 info next"}},
		{"objects don't take in what follows", Config{}, `
{"level":"info","msg":"a"}
listening on 80
{"level":"info","msg":"b"}
`, []string{"1-1 info a", "2-2 info listening on 80", "3-3 info b"}},
		{"sqlalchemy", Config{}, `
Traceback (most recent call last):
  File "/srv/a.py", line 3, in f
    g()
sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) refused
[SQL: select 1]
(Background on this error at: https://sqlalche.me/e/20/e3q8)
next line
`, []string{"1-6 error sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) refused", "7-7 info next line"}},
		{"exception text of several lines", Config{}, `
Exception in thread "main" java.lang.RuntimeException: first
second
	at M.main(M.java:4)
Caused by: java.lang.IllegalStateException: no
more of it
	at M.a(M.java:2)
	... 1 more
next
`, []string{`1-7 error Exception in thread "main" java.lang.RuntimeException: first`, "8-8 info next"}},
		{"unhandled rejection", Config{}, `
node:internal/process/promises:389
      new UnhandledPromiseRejection(reason);
      ^

UnhandledPromiseRejection: rejected with the reason "#<Object>".
    at throwUnhandledRejectionsMode (node:internal/process/promises:389:7) {
  code: 'ERR_UNHANDLED_REJECTION'
}

Node.js v22.1.0
`, []string{`1-10 error UnhandledPromiseRejection: rejected with the reason "#<Object>".`}},
		{"asyncio", Config{}, `
2024-01-02 15:04:05,123 ERROR asyncio Task exception was never retrieved
future: <Task finished name='Task-2' coro=<h() done>>
Traceback (most recent call last):
  File "/srv/a.py", line 13, in h
    try: raise ValueError("in task")
ValueError: in task
2024-01-02 15:04:05,124 INFO shop next
`, []string{"1-6 error asyncio Task exception was never retrieved", "7-7 info shop next"}},
		{"event_start", Config{EventStart: `^(BEGIN|END)`}, `
stray
BEGIN 1
2024-01-02 15:04:05 ERROR inside
END
`, []string{"1-1 info stray", "2-3 info BEGIN 1", "4-4 info END"}},
		{"event_start behind a prefix", Config{EventStart: `^BEGIN`}, `
api_1  | BEGIN 1
api_1  | x
api_1  | BEGIN 2
`, []string{"1-2 info BEGIN 1", "3-3 info BEGIN 2"}},
		{"forced format", Config{Format: "json"}, `
ERROR not an object
{"level":"warn","msg":"x"}
`, []string{"1-1 error ERROR not an object", "2-2 warning x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range joinAll(t, c.cfg, splitLines(c.in)) {
				got = append(got, fmt.Sprintf("%d-%d %v %s", r.FirstLine, r.LastLine, r.Severity, r.Message))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestJournal checks what a collector's Meta does: writers, trusted fields, severities that mean nothing.
func TestJournal(t *testing.T) {
	api := &Meta{Writer: "api:1", Service: "api.service", PID: "1", Host: "web1", Trusted: map[string]string{"_TRANSPORT": "stdout"}}
	db := &Meta{Writer: "db:2", Service: "db.service", PID: "2"}
	j, err := NewJoiner(Config{})
	if err != nil {
		t.Fatal(err)
	}
	var out []*incident.Record
	emit := func(r *incident.Record) { out = append(out, r.Clone()) }
	for _, l := range []Line{
		{Text: "Traceback (most recent call last):", Meta: api, Severity: info},
		{Text: "checkpoint", Meta: db, Severity: info},
		{Text: `  File "/srv/a.py", line 3, in f`, Meta: api, Severity: info},
		{Text: "ValueError: bad", Meta: api, Severity: info},
		{Text: "panic: one entry\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/a.go:3 +0x1", Meta: db, Severity: info, Time: reference},
	} {
		j.Add(l, emit)
	}
	j.Flush(emit)
	if len(out) != 3 {
		t.Fatalf("%d events:\n%s", len(out), summary(out))
	}
	trace, last := out[1], out[2]
	if trace.Message != "ValueError: bad" {
		trace, last = last, trace
	}
	if trace.Severity != fail || trace.Service != "api.service" || trace.Host != "web1" || trace.PID != "1" || trace.Trusted["_TRANSPORT"] != "stdout" || len(trace.Frames) != 1 {
		t.Errorf("trace: %+v", trace)
	}
	if last.Severity != fatal || len(last.Frames) != 1 || !last.Time.Equal(reference) || last.Service != "db.service" {
		t.Errorf("entry of several lines: %+v", last)
	}
}

func TestBounds(t *testing.T) {
	t.Run("a large event keeps its beginning and its end", func(t *testing.T) {
		lines := []string{"Traceback (most recent call last):"}
		for i := range 5000 {
			lines = append(lines, fmt.Sprintf(`  File "/srv/a.py", line %d, in f`, i+1), "    f()")
		}
		lines = append(lines, "RecursionError: too deep", "next")
		out := joinAll(t, Config{MaxEvent: 64 << 10}, lines)
		if len(out) != 2 {
			t.Fatalf("%d events", len(out))
		}
		r := out[0]
		if !r.Truncated || len(r.Raw) > 64<<10 || r.Exception != "RecursionError" || r.LastLine != int64(len(lines)-1) {
			t.Errorf("truncated %v, %d bytes, %q, last line %d", r.Truncated, len(r.Raw), r.Exception, r.LastLine)
		}
		if len(r.Frames) != maxFrames || r.Frames[0].Line != 5000 {
			t.Errorf("%d frames, the most recent in line %d", len(r.Frames), r.Frames[0].Line)
		}
	})
	t.Run("a long line", func(t *testing.T) {
		out := joinAll(t, Config{MaxLine: 1000, MaxEvent: 500}, []string{strings.Repeat("x", 10<<20)})
		if r := out[0]; !r.Truncated || len(r.Raw) < 250 || len(r.Raw) > 500 || len(r.Message) > 500 {
			t.Errorf("truncated %v, %d bytes", r.Truncated, len(r.Raw))
		}
	})
	t.Run("deep JSON", func(t *testing.T) {
		r := one(t, `{"a":`+strings.Repeat(`[`, 100000)+strings.Repeat(`]`, 100000)+`,"error":`+strings.Repeat(`{"cause":`, 5000)+`1`+strings.Repeat(`}`, 5000)+`}`)
		if r.Format != FormatJSON { // what is too deep is stepped over, so that it hides nothing
			t.Errorf("format %s", r.Format)
		}
	})
	t.Run("pending is bounded over many writers", func(t *testing.T) {
		j, err := NewJoiner(Config{MaxPending: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		events, most, state := 0, 0, 0
		emit := func(*incident.Record) { events++ }
		for i := range 5000 {
			j.Add(Line{Text: fmt.Sprintf("Jan  2 15:04:05 web1 app[%d]: ERROR %s", i, strings.Repeat("y", 3000)), Number: int64(i + 1)}, emit)
			j.Add(Line{Text: fmt.Sprintf("2024-01-02T15:04:05.123456789Z stderr P %s", strings.Repeat("z", 100)), Number: int64(i + 1)}, emit)
			most, state = max(most, j.bytes), max(state, len(j.AppendState(nil)))
		}
		j.Flush(emit)
		if most > 64<<10 || state > 128<<10 {
			t.Errorf("%d bytes pending, state %d", most, state)
		}
		if events < 5000 {
			t.Errorf("%d events", events)
		}
	})
	t.Run("an interrupted event does not wait for ever", func(t *testing.T) {
		j, err := NewJoiner(Config{})
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		emit := func(r *incident.Record) {
			if r.PID == "7" {
				got++
			}
		}
		j.Add(Line{Text: "Jan  2 15:04:05 web1 app[7]: ERROR no"}, emit)
		for range maxAge + 1 {
			j.Add(Line{Text: "Jan  2 15:04:05 web1 app[8]: fine"}, emit)
		}
		if got != 1 {
			t.Errorf("%d events of the first writer", got)
		}
	})
}

func TestConfig(t *testing.T) {
	if ps := (Config{}).Validate(); len(ps) > 0 {
		t.Errorf("the zero Config: %v", ps)
	}
	ps := Config{Format: "xml", EventStart: "(", MaxLine: -1}.Validate()
	var got []string
	for _, p := range ps {
		got = append(got, p.Path)
	}
	if d := cmp.Diff([]string{"format", "event_start", "max_line"}, got); d != "" {
		t.Error(d)
	}
	if _, err := NewJoiner(Config{EventStart: ".*"}); err == nil {
		t.Error("an event_start that matches everything was taken")
	}
}
