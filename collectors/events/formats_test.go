package events

import (
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

const (
	unset = incident.SeverityUnset
	debug = incident.SeverityDebug
	info  = incident.SeverityInfo
	warn  = incident.SeverityWarning
	fail  = incident.SeverityError
	fatal = incident.SeverityFatal
)

// TestLines reads single lines of the formats that are about. The reference time is 2024-06-01.
func TestLines(t *testing.T) {
	const at = "2024-01-02T15:04:05Z"
	const milli = "2024-01-02T15:04:05.123Z"
	for _, c := range []struct {
		name, line, format, time string
		sev                      incident.Severity
		message                  string
		want                     incident.Record // its non-empty attributes are compared
	}{
		// structured
		{"slog json", `{"time":"2024-01-02T15:04:05.123Z","level":"ERROR","msg":"request failed","error":"dial tcp: refused","id":7}`, "json", milli, fail,
			"request failed: dial tcp: refused", incident.Record{ExceptionMessage: "dial tcp: refused"}},
		{"zap", `{"level":"error","ts":1704207845.123,"logger":"db","caller":"db/pool.go:42","msg":"query failed","stacktrace":"main.query\n\t/srv/api/db.go:12\nmain.main\n\t/srv/api/main.go:9"}`,
			"json", milli, fail, "query failed", incident.Record{Logger: "db"}},
		{"zerolog", `{"level":"warn","error":"timeout","time":1704207845,"message":"slow"}`, "json", at, warn, "slow: timeout", incident.Record{ExceptionMessage: "timeout"}},
		{"logrus json", `{"level":"fatal","msg":"no config","time":"2024-01-02T15:04:05Z"}`, "json", at, fatal, "no config", incident.Record{}},
		{"pino", `{"level":50,"time":1704207845123,"pid":12,"hostname":"web1","msg":"boom","err":{"type":"TypeError","message":"x is not a function","stack":"TypeError: x is not a function\n    at run (/srv/web/a.js:3:5)"}}`,
			"json", milli, fail, "boom", incident.Record{PID: "12", Host: "web1", Exception: "TypeError", ExceptionMessage: "x is not a function"}},
		{"bunyan", `{"name":"api","hostname":"web1","pid":3,"level":40,"msg":"late","time":"2024-01-02T15:04:05.123Z","v":0}`, "json", milli, warn, "late", incident.Record{Logger: "api"}},
		{"winston", `{"level":"error","message":"Unhandled","stack":"Error: Unhandled\n    at f (/srv/web/b.js:1:2)","timestamp":"2024-01-02 15:04:05"}`, "json", at, fail, "Unhandled",
			incident.Record{Exception: "Error"}},
		{"structlog", `{"event":"cannot save","level":"error","timestamp":"2024-01-02T15:04:05.123Z","exception":"Traceback (most recent call last):\n  File \"/srv/a.py\", line 3, in f\n    g()\nValueError: bad"}`,
			"json", milli, fail, "cannot save", incident.Record{Exception: "ValueError", ExceptionMessage: "bad"}},
		{"serilog compact", `{"@t":"2024-01-02T15:04:05.123Z","@mt":"Order {Id} failed","@l":"Error","@x":"System.Exception: no\n   at A.B() in /src/A.cs:line 3","Id":7}`,
			"json", milli, fail, "Order {Id} failed", incident.Record{Exception: "System.Exception"}},
		{"logstash-logback", `{"@timestamp":"2024-01-02T16:04:05.123+01:00","@version":"1","message":"failed","logger_name":"com.x.A","thread_name":"main","level":"ERROR","level_value":40000,"stack_trace":"java.io.IOException: gone\n\tat com.x.A.b(A.java:5)\n"}`,
			"json", milli, fail, "failed", incident.Record{Logger: "com.x.A", Thread: "main", Exception: "java.io.IOException"}},
		{"ecs", `{"@timestamp":"2024-01-02T15:04:05.123Z","log.level":"ERROR","message":"no","ecs.version":"1.2.0","error.type":"java.lang.Error","error.message":"x","process.thread.name":"t1","trace.id":"0af7651916cd43dd8448eb211c80319c"}`,
			"json", milli, fail, "no", incident.Record{Exception: "java.lang.Error", ExceptionMessage: "x", Thread: "t1", TraceID: "0af7651916cd43dd8448eb211c80319c"}},
		{"ecs nested", `{"@timestamp":"2024-01-02T15:04:05.123Z","log":{"level":"warn","logger":"a.B"},"message":"no","host":{"name":"web1"}}`, "json", milli, warn, "no",
			incident.Record{Logger: "a.B", Host: "web1"}},
		{"gcp", `{"severity":"CRITICAL","message":"down","timestamp":"2024-01-02T15:04:05.123Z","logging.googleapis.com/trace":"projects/p/traces/1"}`, "json", milli, fatal, "down", incident.Record{}},
		{"aws lambda", `{"timestamp":"2024-01-02T15:04:05.123Z","level":"ERROR","requestId":"79b4f56e-95b1-4643-9700-2807f4e68189","message":"bad","errorType":"KeyError","errorMessage":"'id'","stackTrace":["  File \"/var/task/app.py\", line 5, in handler\n    x[1]\n"]}`,
			"json", milli, fail, "bad", incident.Record{Exception: "KeyError", ExceptionMessage: "'id'", TraceID: "79b4f56e-95b1-4643-9700-2807f4e68189"}},
		{"mongodb", `{"t":{"$date":"2024-01-02T15:04:05.123+00:00"},"s":"E","c":"NETWORK","id":22943,"ctx":"conn1","msg":"cannot bind","attr":{"error":"x"}}`, "json", milli, fail, "cannot bind",
			incident.Record{Logger: "NETWORK", Thread: "conn1"}},
		{"log4j2", `{"instant":{"epochSecond":1704207845,"nanoOfSecond":123000000},"thread":"main","level":"ERROR","loggerName":"a.B","message":"no","thrown":{"message":"x","name":"java.lang.Error","extendedStackTrace":[{"class":"a.B","method":"c","file":"B.java","line":3}]}}`,
			"json", milli, fail, "no", incident.Record{Exception: "java.lang.Error", Logger: "a.B"}},
		{"gelf", `{"version":"1.1","host":"web1","short_message":"no","level":3,"timestamp":1704207845.123}`, "json", milli, fail, "no", incident.Record{Host: "web1"}},
		{"cee in syslog", `Jan  2 15:04:05 web1 app[1]: @cee: {"msg":"x","level":"error"}`, "json", at, fail, "x", incident.Record{Host: "web1", PID: "1"}},
		{"json without a level", `{"msg":"connection refused"}`, "json", "", fail, "connection refused", incident.Record{}},
		{"logfmt", `time="2024-01-02T15:04:05Z" level=error msg="no \"luck\"" error="dial: refused"`, "logfmt", at, fail, `no "luck": dial: refused`, incident.Record{ExceptionMessage: "dial: refused"}},
		{"go-kit", `ts=2024-01-02T15:04:05.123Z caller=main.go:12 level=warn msg=late err=nil`, "logfmt", milli, warn, "late", incident.Record{Logger: "main.go:12"}},
		{"heroku router", `at=error code=H12 desc="Request timeout" method=GET path="/" status=503`, "logfmt", "", fail, "Request timeout", incident.Record{}},

		// transports
		{"syslog", "Jan  2 15:04:05 web1 sshd[123]: Accepted publickey for root", "syslog", at, info, "Accepted publickey for root", incident.Record{Host: "web1", PID: "123", Logger: "sshd"}},
		{"syslog without pid", "Jan  2 15:04:05 web1 kernel: EXT4-fs error (device sda1): bad block", "syslog", at, fail, "EXT4-fs error (device sda1): bad block", incident.Record{Logger: "kernel"}},
		{"syslog PRI", "<11>Jan  2 15:04:05 web1 app: broken", "syslog", at, fail, "broken", incident.Record{}},
		{"syslog with a level inside", "<14>Jan  2 15:04:05 web1 app[2]: ERROR: broken", "syslog", at, fail, "broken", incident.Record{}},
		{"5424", `<165>1 2024-01-02T15:04:05.123Z web1 app 77 ID47 [x@1 a="b]\"]"] \o/`, "syslog", milli, info, `\o/`, incident.Record{PID: "77", Logger: "app"}},
		{"5424 without PRI", `1 2024-01-02T15:04:05.123Z web1 app - - - hello there`, "syslog", milli, info, "hello there", incident.Record{}},
		{"rsyslog with zone", "2024-01-02T16:04:05.123000+01:00 web1 app[7]: hello", "syslog", milli, info, "hello", incident.Record{}},
		{"year before", "Dec 30 15:04:05 web1 app[7]: hello", "syslog", "2023-12-30T15:04:05Z", info, "hello", incident.Record{}},
		{"docker", `{"log":"2024/01/02 15:04:05 ERROR x\n","stream":"stdout","time":"2024-01-02T15:04:09.1Z"}`, "docker", at, fail, "x", incident.Record{}},
		{"docker json inside", `{"log":"{\"level\":\"warn\",\"msg\":\"x\"}\n","stream":"stdout","time":"2024-01-02T15:04:05.123Z"}`, "json", milli, warn, "x", incident.Record{}},
		{"cri", `2024-01-02T15:04:05.123Z stdout F E0102 15:04:05.123000       1 a.go:3] no`, "klog", milli, fail, "no", incident.Record{PID: "1", Logger: "a.go:3"}},
		{"kubectl prefix", `[pod/api-1/web] ERROR no`, "text", "", fail, "no", incident.Record{}},

		// text
		{"klog", "W0102 15:04:05.123000    4242 reflector.go:533] list failed", "klog", milli, warn, "list failed", incident.Record{PID: "4242"}},
		{"python logging", "2024-01-02 15:04:05,123 - shop.cart - ERROR - cannot pay", "text", milli, fail, "cannot pay", incident.Record{Logger: "shop.cart"}},
		{"python basicConfig", "ERROR:shop.cart:cannot pay", "text", "", fail, "cannot pay", incident.Record{Logger: "shop.cart"}},
		{"django", "[02/Jan/2024 15:04:05] ERROR [django.request:241] Internal Server Error: /x", "text", at, fail, "Internal Server Error: /x", incident.Record{}},
		{"gunicorn", "[2024-01-02 15:04:05 +0000] [7] [ERROR] Exception in worker process", "text", at, fail, "Exception in worker process", incident.Record{PID: "7"}},
		{"celery", "[2024-01-02 15:04:05,123: ERROR/ForkPoolWorker-1] Task a.b raised unexpected", "text", milli, fail, "Task a.b raised unexpected", incident.Record{}},
		{"uvicorn", "INFO:     Application startup complete.", "text", "", info, "Application startup complete.", incident.Record{}},
		{"uvicorn access", `INFO:     127.0.0.1:5000 - "GET /x HTTP/1.1" 500 Internal Server Error`, "text", "", fail, `127.0.0.1:5000 - "GET /x HTTP/1.1" 500 Internal Server Error`, incident.Record{}},
		{"logback", "2024-01-02 15:04:05.123 [http-nio-8080-exec-1] ERROR c.e.shop.Cart - cannot pay", "text", milli, fail, "cannot pay",
			incident.Record{Thread: "http-nio-8080-exec-1", Logger: "c.e.shop.Cart"}},
		{"logback default", "15:04:05.123 [main] WARN  c.e.shop.Cart -- late", "text", "2024-05-31T15:04:05.123Z", warn, "late", incident.Record{Thread: "main"}},
		{"spring boot", "2024-01-02T15:04:05.123Z ERROR 1 --- [shop] [nio-8080-exec-1] o.a.c.c.C.[.[.[/].[dispatcherServlet]    : Servlet.service() failed", "text", milli, fail,
			"Servlet.service() failed", incident.Record{PID: "1", Thread: "nio-8080-exec-1", Logger: "o.a.c.c.C.[.[.[/].[dispatcherServlet]"}},
		{"play", "[error] p.a.h.DefaultHttpErrorHandler - oops", "text", "", fail, "oops", incident.Record{Logger: "p.a.h.DefaultHttpErrorHandler"}},
		{"go log", "2024/01/02 15:04:05 main.go:12: cannot listen", "text", at, fail, "cannot listen", incident.Record{Logger: "main.go:12"}},
		{"slog default", "2024/01/02 15:04:05 WARN late id=3", "text", at, warn, "late id=3", incident.Record{}},
		{"logrus text", "ERRO[0012] cannot listen", "text", "", fail, "cannot listen", incident.Record{}},
		{"zap console", "2024-01-02T15:04:05.123Z\tERROR\tdb/pool.go:42\tquery failed\t{\"id\": 1}", "text", milli, fail, "query failed\t{\"id\": 1}", incident.Record{Logger: "db/pool.go:42"}},
		{"env_logger", "[2024-01-02T15:04:05Z ERROR shop::db] no", "text", at, fail, "no", incident.Record{Logger: "shop::db"}},
		{"tracing", "2024-01-02T15:04:05.123Z ERROR shop::db: no", "text", milli, fail, "no", incident.Record{Logger: "shop::db"}},
		{"monolog", "[2024-01-02 15:04:05] production.ERROR: no", "text", at, fail, "no", incident.Record{Logger: "production"}},
		{"php", "[02-Jan-2024 15:04:05 UTC] PHP Warning:  Undefined variable $x in /a.php on line 3", "text", at, warn, "PHP Warning:  Undefined variable $x in /a.php on line 3", incident.Record{}},
		{"ruby logger", "E, [2024-01-02T15:04:05.123000 #99] ERROR -- : no", "text", milli, fail, "no", incident.Record{PID: "99"}},
		{"dotnet console", "fail: Shop.Cart[13] no", "text", "", fail, "no", incident.Record{Logger: "Shop.Cart"}},
		{"apache error", "[Tue Jan 02 15:04:05.123000 2024] [core:error] [pid 12:tid 34] [client 10.0.0.1:5] AH00037: no", "text", milli, fail, "AH00037: no", incident.Record{PID: "12"}},
		{"nginx error", `2024/01/02 15:04:05 [error] 31#32: *7 connect() failed (111: Connection refused) while connecting to upstream`, "text", at, fail,
			"connect() failed (111: Connection refused) while connecting to upstream", incident.Record{PID: "31"}},
		{"postgres", "2024-01-02 15:04:05.123 UTC [77] app@shop ERROR:  relation \"x\" does not exist", "postgres", milli, fail, `relation "x" does not exist`, incident.Record{PID: "77"}},
		{"mysql", "2024-01-02T15:04:05.123000Z 0 [ERROR] [MY-010119] [Server] Aborting", "text", milli, fail, "[MY-010119] [Server] Aborting", incident.Record{}},
		{"redis", "1:M 02 Jan 2024 15:04:05.123 # Memory overcommit must be enabled!", "redis", milli, warn, "Memory overcommit must be enabled!", incident.Record{PID: "1"}},
		{"kernel", "[12345.678901] Out of memory: Killed process 77 (java)", "kernel", "", fail, "Out of memory: Killed process 77 (java)", incident.Record{}},
		{"access", `10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET /x?a=1 HTTP/1.1" 502 157 "-" "curl"`, "access", at, fail, `"GET /x?a=1 HTTP/1.1" 502`, incident.Record{}},
		{"access 404", `::1 - bob [02/Jan/2024:16:04:05 +0100] "GET /error HTTP/1.1" 404 0`, "access", at, info, `"GET /error HTTP/1.1" 404`, incident.Record{}},
		{"epoch", "1704207845.123 ERROR no", "text", milli, fail, "no", incident.Record{}},
		{"android", "01-02 15:04:05.123  1702  2395 D WindowManager: x", "text", milli, debug, "x", incident.Record{PID: "1702", Thread: "2395", Logger: "WindowManager"}},
		{"name before the time", "update-alternatives 2024-01-02 15:04:05: link group editor", "text", at, info, "link group editor", incident.Record{Logger: "update-alternatives"}},
		{"columns", "2024-01-02 15:04:05.123 | ERROR | app.db:run:42 - no", "text", milli, fail, "no", incident.Record{}},
		{"coloured", "\x1b[31mERROR\x1b[0m no", "text", "", fail, "no", incident.Record{}},

		// words
		{"zero errors", "compilation finished: 0 errors", "text", "", unset, "compilation finished: 0 errors", incident.Record{}},
		{"error=nil", "done error=nil", "text", "", unset, "done error=nil", incident.Record{}},
		{"no error", "there was no error", "text", "", unset, "there was no error", incident.Record{}},
		{"identifier", "ErrorHandler started", "text", "", unset, "ErrorHandler started", incident.Record{}},
		{"path", "serving /var/log/error.log", "text", "", unset, "serving /var/log/error.log", incident.Record{}},
		{"errors: 0", "scan complete, errors: 0", "text", "", unset, "scan complete, errors: 0", incident.Record{}},
		{"failed to", "failed to open socket", "text", "", fail, "failed to open socket", incident.Record{}},
		{"segfault", "app[1]: segfault at 0 ip 0", "text", "", fatal, "app[1]: segfault at 0 ip 0", incident.Record{}},
		{"level beats words", "2024-01-02 15:04:05 INFO error page rendered", "text", at, info, "error page rendered", incident.Record{}},
		{"plain", "server ready", "text", "", unset, "server ready", incident.Record{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := one(t, c.line)
			if r.Format != c.format || r.Severity != c.sev && !(c.sev == info && r.Severity == unset) || r.Message != c.message {
				t.Errorf("got %s %v %q\nwant %s %v %q", r.Format, r.Severity, r.Message, c.format, c.sev, c.message)
			}
			var at time.Time
			if c.time != "" {
				at = utc(c.time)
			}
			if d := r.Time.Sub(at); d < -time.Microsecond || d > time.Microsecond {
				t.Errorf("time %v, want %v", r.Time, at)
			}
			for _, a := range []struct{ name, got, want string }{
				{"host", r.Host, c.want.Host}, {"pid", r.PID, c.want.PID}, {"thread", r.Thread, c.want.Thread}, {"logger", r.Logger, c.want.Logger},
				{"trace id", r.TraceID, c.want.TraceID}, {"exception", r.Exception, c.want.Exception}, {"exception message", r.ExceptionMessage, c.want.ExceptionMessage},
			} {
				if a.want != "" && a.got != a.want {
					t.Errorf("%s %q, want %q", a.name, a.got, a.want)
				}
			}
			if c.want.Exception != "" && c.name != "ecs" && len(r.Frames) == 0 {
				t.Error("no frames")
			}
		})
	}
}
