package events

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// sample is a piece of a log that is one event, as the software that is named writes it.
type sample struct {
	name, lines string
	time        string // "" for none
	sev         incident.Severity
	want        incident.Record // what is not empty is compared; HTTPStatus, Exception and TraceID in any case
	top         string          // "file:line function" of the most recent frame, "" for no frames
}

func checkSamples(t *testing.T, samples []sample) {
	for _, c := range samples {
		t.Run(c.name, func(t *testing.T) {
			out := joinAll(t, Config{}, strings.Split(c.lines, "\n"))
			if len(out) != 1 {
				for _, r := range out {
					t.Logf("%d-%d %s %v %q", r.FirstLine, r.LastLine, r.Format, r.Severity, r.Message)
				}
				t.Fatalf("%d events", len(out))
			}
			r := out[0]
			var at time.Time
			if c.time != "" {
				at = utc(c.time)
			}
			if d := r.Time.Sub(at); d < -time.Millisecond || d > time.Millisecond {
				t.Errorf("time %v, want %v", r.Time, at)
			}
			if r.Severity != c.sev {
				t.Errorf("severity %v, want %v", r.Severity, c.sev)
			}
			w := &c.want
			for _, a := range []struct {
				name, got, want string
				exact           bool
			}{
				{"format", r.Format, w.Format, false}, {"message", r.Message, w.Message, false}, {"host", r.Host, w.Host, false}, {"pid", r.PID, w.PID, false},
				{"thread", r.Thread, w.Thread, false}, {"logger", r.Logger, w.Logger, false}, {"trace id", r.TraceID, w.TraceID, true},
				{"exception", r.Exception, w.Exception, true}, {"exception message", r.ExceptionMessage, w.ExceptionMessage, false},
			} {
				if (a.exact || a.want != "") && a.got != a.want {
					t.Errorf("%s %q, want %q", a.name, a.got, a.want)
				}
			}
			if r.HTTPStatus != w.HTTPStatus {
				t.Errorf("status %d, want %d", r.HTTPStatus, w.HTTPStatus)
			}
			top := ""
			if len(r.Frames) > 0 {
				top = frameText(&r.Frames[0])
			}
			if top != c.top {
				t.Errorf("top frame %q, want %q", top, c.top)
			}
		})
	}
}

func frameText(f *incident.Frame) string {
	var b strings.Builder
	b.WriteString(f.File)
	b.WriteByte(':')
	b.WriteString(strconv.Itoa(f.Line))
	b.WriteByte(' ')
	b.WriteString(f.Function)
	return b.String()
}

const (
	sec5   = "2024-01-02T15:04:05Z"
	milli5 = "2024-01-02T15:04:05.123Z"
)

type rec = incident.Record

// TestStructured reads what structured loggers write.
func TestStructured(t *testing.T) {
	checkSamples(t, []sample{
		// Go
		{"zap production", `{"level":"error","ts":1704207845.1234567,"logger":"cart","caller":"shop/cart.go:42","msg":"cannot price basket","basket":17,"error":"price list is empty","errorVerbose":"price list is empty\nmain.price\n\t/srv/shop/price.go:12\nmain.main\n\t/srv/shop/main.go:9","stacktrace":"main.handle\n\t/srv/shop/cart.go:42\nmain.serve\n\t/srv/shop/serve.go:20\nmain.main\n\t/srv/shop/main.go:9"}`,
			milli5, fail, rec{Format: "json", Message: "cannot price basket: price list is empty", ExceptionMessage: "price list is empty", Logger: "cart"}, "/srv/shop/price.go:12 main.price"},
		{"zap without a name", `{"level":"dpanic","ts":1704207845.123,"caller":"shop/cart.go:42","msg":"basket is nil","stacktrace":"main.handle\n\t/srv/shop/cart.go:42"}`,
			milli5, fatal, rec{Logger: "shop/cart.go:42", Message: "basket is nil"}, "/srv/shop/cart.go:42 main.handle"},
		{"zap development", "2024-01-02T15:04:05.123Z\tERROR\tcart\tshop/cart.go:42\tcannot price basket\t{\"basket\": 17}\nmain.handle\n\t/srv/shop/cart.go:42\nmain.main\n\t/srv/shop/main.go:9",
			milli5, fail, rec{Format: "text"}, "/srv/shop/cart.go:42 main.handle"},
		{"zerolog", `{"level":"error","error":"no rows","stack":[{"func":"load","line":"20","source":"store.go"},{"func":"main","line":"9","source":"main.go"}],"time":"2024-01-02T15:04:05Z","caller":"/srv/shop/main.go:14","message":"cannot load"}`,
			sec5, fail, rec{Message: "cannot load: no rows", ExceptionMessage: "no rows", Logger: "/srv/shop/main.go:14"}, "store.go:20 load"},
		{"zerolog console", "\x1b[90m2024-01-02T15:04:05Z\x1b[0m \x1b[31mERR\x1b[0m \x1b[1mmain.go:14\x1b[0m\x1b[36m >\x1b[0m cannot load \x1b[36merror=\x1b[0m\x1b[31m\"no rows\"\x1b[0m", sec5, fail, rec{Logger: "main.go:14", Message: `cannot load error="no rows"`}, ""},
		{"zerolog console panic", `2024-01-02T15:04:05Z PNC basket is nil`, sec5, fatal, rec{Message: "basket is nil"}, ""},
		{"slog json", `{"time":"2024-01-02T15:04:05.123Z","level":"ERROR","source":{"function":"main.run","file":"/srv/shop/main.go","line":31},"msg":"cannot pay","err":"card declined","req":{"id":"r-17"}}`,
			milli5, fail, rec{Message: "cannot pay: card declined", ExceptionMessage: "card declined", Logger: "/srv/shop/main.go:31", TraceID: "r-17"}, ""},
		{"slog with an offset", `{"time":"2024-01-02T15:04:05.123Z","level":"WARN+2","msg":"late"}`, milli5, warn, rec{Message: "late"}, ""},
		{"slog text", `time=2024-01-02T15:04:05.123Z level=ERROR source=/srv/shop/main.go:31 msg="cannot pay" err="card declined"`, milli5, fail, rec{Format: "logfmt", Message: "cannot pay: card declined", ExceptionMessage: "card declined", Logger: "/srv/shop/main.go:31"}, ""},
		{"logrus json", `{"error":"card declined","file":"/srv/shop/main.go:31","func":"main.run","level":"error","msg":"cannot pay","time":"2024-01-02T15:04:05Z"}`, sec5, fail, rec{Message: "cannot pay: card declined", ExceptionMessage: "card declined"}, ""},
		{"logrus text", `time="2024-01-02T15:04:05Z" level=panic msg="basket is nil" basket=17`, sec5, fatal, rec{Format: "logfmt", Message: "basket is nil"}, ""},
		{"logrus terminal", "\x1b[31mERRO\x1b[0m[0012] cannot pay                                   \x1b[31mbasket\x1b[0m=17", "", fail, rec{Format: "text"}, ""},
		{"klog json", `{"ts":1704207845123.456,"caller":"app/sync.go:31","msg":"Sync failed","v":0,"err":"stock is locked"}`, milli5, fail, rec{Message: "Sync failed: stock is locked", ExceptionMessage: "stock is locked", Logger: "app/sync.go:31"}, ""},
		{"controller-runtime", `{"level":"error","ts":"2024-01-02T15:04:05Z","msg":"Reconciler error","controller":"basket","namespace":"shop","error":"stock is locked","stacktrace":"example.com/shop/ctrl.(*R).Reconcile\n\t/src/ctrl/r.go:88"}`,
			sec5, fail, rec{Message: "Reconciler error: stock is locked", ExceptionMessage: "stock is locked"}, "/src/ctrl/r.go:88 example.com/shop/ctrl.(*R).Reconcile"},

		// Node.js
		{"pino", `{"level":50,"time":1704207845123,"pid":77,"hostname":"web1","name":"shop","err":{"type":"StockError","message":"no stock","stack":"StockError: no stock\n    at take (/srv/shop/stock.js:7:11)\n    at pay (/srv/shop/pay.js:3:5)"},"msg":"cannot pay"}`,
			milli5, fail, rec{Message: "cannot pay", PID: "77", Host: "web1", Logger: "shop", Exception: "StockError", ExceptionMessage: "no stock"}, "/srv/shop/stock.js:7 take"},
		{"pino with a cause", `{"level":50,"time":1704207845123,"err":{"type":"Error","message":"pay: no stock","cause":{"type":"StockError","message":"no stock","stack":"StockError: no stock\n    at take (/srv/shop/stock.js:7:11)"},"stack":"Error: pay\n    at pay (/srv/shop/pay.js:3:5)\n    at run (/srv/shop/run.js:3:5)"},"msg":"cannot pay"}`,
			milli5, fail, rec{Message: "cannot pay", Exception: "StockError", ExceptionMessage: "no stock"}, "/srv/shop/stock.js:7 take"},
		{"pino-http", `{"level":50,"time":1704207845123,"pid":77,"hostname":"web1","req":{"id":"c0ffee","method":"GET","url":"/carts/7","headers":{"host":"shop"}},"res":{"statusCode":503,"headers":{}},"responseTime":3,"msg":"request completed"}`,
			milli5, fail, rec{Message: "request completed", TraceID: "c0ffee", HTTPStatus: 503}, ""},
		{"pino-http at info", `{"level":30,"time":1704207845123,"req":{"id":9,"method":"GET","url":"/carts/7"},"res":{"statusCode":500},"msg":"request completed"}`, milli5, fail, rec{TraceID: "9", HTTPStatus: 500}, ""},
		{"bunyan", `{"name":"shop","hostname":"web1","pid":77,"level":50,"err":{"message":"no stock","name":"StockError","stack":"StockError: no stock\n    at take (/srv/shop/stock.js:7:11)"},"msg":"no stock","time":"2024-01-02T15:04:05.123Z","src":{"file":"/srv/shop/stock.js","line":7,"func":"take"},"v":0}`,
			milli5, fail, rec{Message: "no stock", Logger: "shop", Exception: "StockError"}, "/srv/shop/stock.js:7 take"},
		{"winston", `{"level":"error","message":"cannot pay","service":"shop","stack":"Error: cannot pay\n    at pay (/srv/shop/pay.js:3:5)","timestamp":"2024-01-02T15:04:05.123Z"}`, milli5, fail, rec{Exception: "Error"}, "/srv/shop/pay.js:3 pay"},
		{"winston coloured", `{"level":"\u001b[31merror\u001b[39m","message":"cannot pay"}`, "", fail, rec{Message: "cannot pay"}, ""},
		{"winston simple", `error: cannot pay {"service":"shop"}`, "", fail, rec{Message: `cannot pay {"service":"shop"}`}, ""},

		// Python, Ruby
		{"structlog", `{"basket": 17, "event": "cannot pay", "logger": "shop.cart", "level": "error", "timestamp": "2024-01-02T15:04:05.123000Z", "exception": "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 3, in pay\n    take()\n  File \"/srv/shop/stock.py\", line 7, in take\n    raise StockError(\"none\")\nshop.StockError: none"}`,
			milli5, fail, rec{Message: "cannot pay", Logger: "shop.cart", Exception: "shop.StockError", ExceptionMessage: "none"}, "/srv/shop/stock.py:7 take"},
		{"structlog dict tracebacks", `{"event":"cannot pay","level":"error","timestamp":"2024-01-02T15:04:05.123Z","exception":[{"exc_type":"StockError","exc_value":"none","syntax_error":null,"is_cause":false,"frames":[{"filename":"/srv/shop/cart.py","lineno":3,"name":"pay"},{"filename":"/srv/shop/stock.py","lineno":7,"name":"take"}]}]}`,
			milli5, fail, rec{Message: "cannot pay", Exception: "StockError", ExceptionMessage: "none"}, "/srv/shop/stock.py:7 take"},
		{"structlog console", "\x1b[2m2024-01-02 15:04:05\x1b[0m [\x1b[31m\x1b[1merror    \x1b[0m] \x1b[1mcannot pay                    \x1b[0m \x1b[36mbasket\x1b[0m=\x1b[35m17\x1b[0m", sec5, fail, rec{Format: "text"}, ""},
		{"python-json-logger", `{"asctime": "2024-01-02 15:04:05,123", "levelname": "ERROR", "name": "shop.cart", "process": 77, "threadName": "MainThread", "message": "cannot pay", "exc_info": "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 3, in pay\n    take()\nKeyError: 'id'"}`,
			milli5, fail, rec{Message: "cannot pay", Logger: "shop.cart", PID: "77", Thread: "MainThread", Exception: "KeyError", ExceptionMessage: "'id'"}, "/srv/shop/cart.py:3 pay"},
		{"lograge json", `{"method":"GET","path":"/carts/7","format":"html","controller":"CartsController","action":"show","status":500,"error":"NoMethodError: undefined method 'id'","duration":12.3,"@timestamp":"2024-01-02T15:04:05.123Z"}`, milli5, fail, rec{HTTPStatus: 500}, ""},
		{"lograge", `method=GET path=/carts/7 format=html controller=CartsController action=show status=500 error='NoMethodError: undefined method id' duration=12.30 view=0.00 db=1.02`, "", fail, rec{Format: "logfmt", HTTPStatus: 500}, ""},
		{"lograge fine", `method=GET path=/carts/7 format=html controller=CartsController action=show status=200 duration=12.30 view=0.00 db=1.02`, "", info, rec{Format: "logfmt", HTTPStatus: 200}, ""},
		{"semantic logger", `{"host":"web1","application":"shop","environment":"production","timestamp":"2024-01-02T15:04:05.123Z","level":"error","level_index":4,"pid":77,"thread":"puma 001","name":"CartsController","message":"Cannot pay","exception":{"name":"NoMethodError","message":"undefined method","stack_trace":["app/models/cart.rb:7:in 'pay'","app/controllers/carts_controller.rb:3:in 'create'"]}}`,
			milli5, fail, rec{Host: "web1", PID: "77", Thread: "puma 001", Logger: "CartsController", Exception: "NoMethodError", ExceptionMessage: "undefined method"}, "app/models/cart.rb:7 pay"},

		// .NET
		{"serilog compact", `{"@t":"2024-01-02T15:04:05.1234567Z","@mt":"Order {Id} failed","@l":"Error","@x":"Shop.StockException: none\r\n   at Shop.Stock.Take(Int32 id) in /src/Stock.cs:line 12\r\n   at Shop.Cart.Pay()","@tr":"0af7651916cd43dd8448eb211c80319c","@sp":"b7ad6b7169203331","Id":7,"SourceContext":"Shop.Cart"}`,
			milli5, fail, rec{Message: "Order {Id} failed", Logger: "Shop.Cart", TraceID: "0af7651916cd43dd8448eb211c80319c", Exception: "Shop.StockException", ExceptionMessage: "none"}, "/src/Stock.cs:12 Shop.Stock.Take"},
		{"serilog rendered", `{"@t":"2024-01-02T15:04:05.123Z","@m":"Order 7 failed","@i":"a1b2","@l":"Fatal","Id":7}`, milli5, fatal, rec{Message: "Order 7 failed"}, ""},
		{"serilog json", `{"Timestamp":"2024-01-02T15:04:05.1230000+00:00","Level":"Error","MessageTemplate":"Order {Id} failed","RenderedMessage":"Order 7 failed","Exception":"Shop.StockException: none\r\n   at Shop.Stock.Take(Int32 id) in /src/Stock.cs:line 12","Properties":{"Id":7,"SourceContext":"Shop.Cart"}}`,
			milli5, fail, rec{Message: "Order 7 failed", Logger: "Shop.Cart", Exception: "Shop.StockException"}, "/src/Stock.cs:12 Shop.Stock.Take"},
		{".NET json console", `{"Timestamp":"2024-01-02T15:04:05.123Z ","EventId":13,"LogLevel":"Critical","Category":"Shop.Cart","Message":"Cannot pay","Exception":"Shop.StockException: none\n   at Shop.Stock.Take(Int32 id) in /src/Stock.cs:line 12","State":{"Message":"Cannot pay","{OriginalFormat}":"Cannot pay"}}`,
			milli5, fatal, rec{Message: "Cannot pay", Logger: "Shop.Cart", Exception: "Shop.StockException"}, "/src/Stock.cs:12 Shop.Stock.Take"},

		// Java
		{"logstash encoder", `{"@timestamp":"2024-01-02T16:04:05.123+01:00","@version":"1","message":"cannot pay","logger_name":"com.acme.Cart","thread_name":"http-nio-8080-exec-1","level":"ERROR","level_value":40000,"stack_trace":"java.lang.IllegalStateException: pay\n\tat com.acme.Cart.pay(Cart.java:5)\nCaused by: com.acme.StockException: none\n\tat com.acme.Stock.take(Stock.java:12)\n\t... 1 common frames omitted\n","traceId":"0af7651916cd43dd8448eb211c80319c"}`,
			milli5, fail, rec{Message: "cannot pay", Logger: "com.acme.Cart", Thread: "http-nio-8080-exec-1", TraceID: "0af7651916cd43dd8448eb211c80319c", Exception: "com.acme.StockException"}, "Stock.java:12 com.acme.Stock.take"},
		{"logback json", `{"sequenceNumber":0,"timestamp":1704207845123,"nanoseconds":123000000,"level":"ERROR","threadName":"main","loggerName":"com.acme.Cart","context":{"name":"default","birthdate":1704207800000,"properties":{}},"mdc": {},"message":"cannot pay","throwable":{"className":"java.lang.IllegalStateException","message":"pay","stepArray":[{"className":"com.acme.Cart","methodName":"pay","fileName":"Cart.java","lineNumber":5}],"cause":{"className":"com.acme.StockException","message":"none","stepArray":[{"className":"com.acme.Stock","methodName":"take","fileName":"Stock.java","lineNumber":12}]}}}`,
			milli5, fail, rec{Message: "cannot pay", Logger: "com.acme.Cart", Thread: "main", Exception: "com.acme.StockException", ExceptionMessage: "none"}, "Stock.java:12 com.acme.Stock.take"},
		{"log4j2 JsonLayout", `{"timeMillis":1704207845123,"thread":"main","level":"ERROR","loggerName":"com.acme.Cart","message":"cannot pay","thrown":{"commonElementCount":0,"localizedMessage":"none","message":"none","name":"com.acme.StockException","extendedStackTrace":[{"class":"com.acme.Stock","method":"take","file":"Stock.java","line":12,"exact":true,"location":"classes/","version":"?"}]},"endOfBatch":false,"loggerFqcn":"org.apache.logging.slf4j.Log4jLogger","threadId":1,"threadPriority":5}`,
			milli5, fail, rec{Logger: "com.acme.Cart", Thread: "main", Exception: "com.acme.StockException"}, "Stock.java:12 com.acme.Stock.take"},
		{"log4j2 template", `{"mdc":{},"exception":{"exception_class":"com.acme.StockException","exception_message":"none","stacktrace":"com.acme.StockException: none\n\tat com.acme.Stock.take(Stock.java:12)\n"},"@version":1,"source_host":"web1","message":"cannot pay","thread_name":"main","@timestamp":"2024-01-02T15:04:05.123Z","level":"ERROR","logger_name":"com.acme.Cart"}`,
			milli5, fail, rec{Exception: "com.acme.StockException"}, "Stock.java:12 com.acme.Stock.take"},
		{"gelf of Spring Boot", `{"version":"1.1","short_message":"cannot pay","timestamp":1704207845.123,"level":3,"_level_name":"ERROR","_process_pid":77,"_process_thread_name":"main","host":"shop","_log_logger":"com.acme.Cart","_error_type":"com.acme.StockException","_error_message":"none","_error_stack_trace":"com.acme.StockException: none\n\tat com.acme.Stock.take(Stock.java:12)\n","full_message":"cannot pay\n\ncom.acme.StockException: none"}`,
			milli5, fail, rec{Message: "cannot pay", PID: "77", Thread: "main", Logger: "com.acme.Cart", Exception: "com.acme.StockException"}, "Stock.java:12 com.acme.Stock.take"},

		// clouds
		{"ecs", `{"@timestamp":"2024-01-02T15:04:05.123Z","ecs":{"version":"8.11"},"log":{"level":"ERROR","logger":"com.acme.Cart","origin":{"file":{"name":"Cart.java","line":5},"function":"pay"}},"message":"cannot pay","process":{"pid":77,"thread":{"name":"main"}},"host":{"name":"web1"},"trace":{"id":"0af7651916cd43dd8448eb211c80319c"},"service":{"name":"shop"},"error":{"type":"com.acme.StockException","message":"none","stack_trace":"com.acme.StockException: none\n\tat com.acme.Stock.take(Stock.java:12)\n"}}`,
			milli5, fail, rec{Message: "cannot pay", Logger: "com.acme.Cart", PID: "77", Thread: "main", Host: "web1", TraceID: "0af7651916cd43dd8448eb211c80319c", Exception: "com.acme.StockException", ExceptionMessage: "none"}, "Stock.java:12 com.acme.Stock.take"},
		{"ecs request", `{"@timestamp":"2024-01-02T15:04:05.123Z","log.level":"info","message":"served","http":{"request":{"method":"GET"},"response":{"status_code":502}},"url":{"path":"/carts/7"}}`, milli5, fail, rec{Message: "served", HTTPStatus: 502}, ""},
		{"gcp entry", `{"insertId":"1x","jsonPayload":{"message":"cannot pay","logger":"shop.cart","stack_trace":"Error: none\n    at take (/srv/shop/stock.js:7:11)"},"resource":{"type":"k8s_container","labels":{"pod_name":"shop-77"}},"timestamp":"2024-01-02T15:04:05.123Z","severity":"ERROR","logName":"projects/p/logs/stderr","trace":"projects/p/traces/0af7651916cd43dd8448eb211c80319c"}`,
			milli5, fail, rec{Message: "cannot pay", Logger: "shop.cart", TraceID: "0af7651916cd43dd8448eb211c80319c", Exception: "Error"}, "/srv/shop/stock.js:7 take"},
		{"gcp request", `{"severity":"WARNING","timestamp":"2024-01-02T15:04:05.123Z","httpRequest":{"requestMethod":"GET","requestUrl":"https://shop/carts/7","status":503,"latency":"0.1s"},"message":"slow"}`, milli5, fail, rec{HTTPStatus: 503}, ""},
		{"gcp source", `{"severity":"ALERT","message":"no stock left at all","logging.googleapis.com/sourceLocation":{"file":"stock.go","line":"31","function":"main.take"},"time":"2024-01-02T15:04:05.123Z"}`, milli5, fatal, rec{Logger: "stock.go:31"}, ""},
		{"gcp text", `{"textPayload":"ready","severity":"DEFAULT","timestamp":"2024-01-02T15:04:05.123Z"}`, milli5, info, rec{Message: "ready"}, ""},
		{"lambda json", `{"timestamp":"2024-01-02T15:04:05.123Z","level":"ERROR","message":{"errorType":"TypeError","errorMessage":"no id","stackTrace":["TypeError: no id","    at handler (file:///var/task/index.mjs:3:11)"]},"requestId":"79b4f56e-95b1-4643-9700-2807f4e68189"}`,
			milli5, fail, rec{Message: "no id", TraceID: "79b4f56e-95b1-4643-9700-2807f4e68189", Exception: "TypeError", ExceptionMessage: "no id"}, "/var/task/index.mjs:3 handler"},
		{"lambda node", "2024-01-02T15:04:05.123Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tERROR\tcannot pay", milli5, fail, rec{Message: "cannot pay", TraceID: "79b4f56e-95b1-4643-9700-2807f4e68189"}, ""},
		{"lambda python", "[ERROR]\t2024-01-02T15:04:05.123Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tcannot pay", milli5, fail, rec{Message: "cannot pay", TraceID: "79b4f56e-95b1-4643-9700-2807f4e68189"}, ""},
		{"lambda time-out", "2024-01-02T15:04:05.123Z 79b4f56e-95b1-4643-9700-2807f4e68189 Task timed out after 3.00 seconds", milli5, fail, rec{Message: "Task timed out after 3.00 seconds", TraceID: "79b4f56e-95b1-4643-9700-2807f4e68189"}, ""},
		{"lambda invoke error", "2024-01-02T15:04:05.123Z\t79b4f56e-95b1-4643-9700-2807f4e68189\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"no id\",\"stack\":[\"TypeError: no id\",\"    at handler (/var/task/index.js:3:11)\"]}", milli5, fail,
			rec{Message: "no id", TraceID: "79b4f56e-95b1-4643-9700-2807f4e68189", Exception: "TypeError"}, "/var/task/index.js:3 handler"},
		{"powertools", `{"level":"ERROR","location":"handler:12","message":"cannot pay","timestamp":"2024-01-02 15:04:05,123+0000","service":"shop","xray_trace_id":"1-65941c05-0af7651916cd43dd8448eb21","exception_name":"KeyError","exception":"Traceback (most recent call last):\n  File \"/var/task/app.py\", line 12, in handler\n    x[\"id\"]\nKeyError: 'id'"}`,
			milli5, fail, rec{Message: "cannot pay", TraceID: "1-65941c05-0af7651916cd43dd8448eb21", Exception: "KeyError"}, "/var/task/app.py:12 handler"},

		// databases and servers
		{"mongodb", `{"t":{"$date":"2024-01-02T15:04:05.123+00:00"},"s":"W","c":"STORAGE","id":22120,"ctx":"initandlisten","msg":"Access control is not enabled"}`, milli5, warn, rec{Logger: "STORAGE", Thread: "initandlisten"}, ""},
		{"mongodb debug", `{"t":{"$date":"2024-01-02T15:04:05.123+00:00"},"s":"D2","c":"STORAGE","id":1,"ctx":"x","msg":"error path not taken"}`, milli5, debug, rec{Logger: "STORAGE"}, ""},
		{"postgres json", `{"timestamp":"2024-01-02 15:04:05.123 UTC","user":"shop","dbname":"shop","pid":77,"remote_host":"[local]","session_id":"65941c05.4d","line_num":3,"ps":"SELECT","session_start":"2024-01-02 15:00:00 UTC","vxid":"3/7","txid":0,"error_severity":"ERROR","state_code":"42P01","message":"relation \"x\" does not exist","statement":"SELECT * FROM x","cursor_position":15,"application_name":"psql","backend_type":"client backend","query_id":0}`,
			milli5, fail, rec{Message: `relation "x" does not exist`, PID: "77"}, ""},
		{"nginx json", `{"time_local":"02/Jan/2024:15:04:05 +0000","remote_addr":"10.0.0.1","request":"GET /carts/7 HTTP/1.1","status":"502","body_bytes_sent":"157","request_time":"0.003"}`, sec5, fail, rec{Message: "GET /carts/7 HTTP/1.1", HTTPStatus: 502}, ""},
		{"caddy", `{"level":"error","ts":1704207845.123,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"10.0.0.1","method":"GET","uri":"/carts/7"},"status":502,"size":0}`, milli5, fail, rec{Message: "handled request", Logger: "http.log.access.log0", HTTPStatus: 502}, ""},
		{"traefik", `{"DownstreamStatus":404,"RequestMethod":"GET","RequestPath":"/x","level":"info","msg":"","time":"2024-01-02T15:04:05Z"}`, sec5, info, rec{HTTPStatus: 404}, ""},
		{"echo", `{"time":"2024-01-02T15:04:05.123Z","id":"","remote_ip":"10.0.0.1","host":"shop","method":"GET","uri":"/carts/7","status":500,"error":"no stock","latency":123}`, milli5, fail, rec{HTTPStatus: 500}, ""},

		// what shippers wrap
		{"filebeat", `{"@timestamp":"2024-01-02T15:05:00.000Z","message":"2024-01-02 15:04:05.123 ERROR [main] com.acme.Cart - cannot pay","agent":{"type":"filebeat"}}`, milli5, fail, rec{Message: "cannot pay"}, ""},
		{"fluent bit", `{"log":"2024-01-02 15:04:05.123 ERROR cannot pay","stream":"stderr","kubernetes":{"pod_name":"shop-7"}}`, milli5, fail, rec{Message: "cannot pay"}, ""},
		{"fluent bit, parsed", `{"log":{"level":"error","message":"cannot pay"},"stream":"stderr"}`, "", fail, rec{Message: "cannot pay"}, ""},
		{"opentelemetry", `{"Timestamp":"2024-01-02T15:04:05.123Z","SeverityNumber":17,"Body":"cannot pay","TraceId":"0af7651916cd43dd8448eb211c80319c","Attributes":{"exception.type":"StockError","exception.stacktrace":"StockError: none\n    at take (/srv/shop/stock.js:7:11)"}}`,
			milli5, fail, rec{Message: "cannot pay", TraceID: "0af7651916cd43dd8448eb211c80319c", Exception: "StockError"}, "/srv/shop/stock.js:7 take"},
		{"an array of errors", `{"message":"cannot pay","errors":[{"message":"none","name":"StockError","stack":"StockError: none\n    at take (/srv/shop/stock.js:7:11)"}]}`, "", fail, rec{Message: "cannot pay", Exception: "StockError"}, "/srv/shop/stock.js:7 take"},

		// what a writer can do
		{"two levels", `{"level":"error","level":"info","severity":"debug","msg":"x"}`, "", fail, rec{Message: "x"}, ""},
		{"a level behind", `{"level":"info","msg":"x","severity":"CRITICAL"}`, "", fatal, rec{Message: "x"}, ""},
		{"the priority of a job is no level", `{"level":"info","msg":"queued","priority":1}`, "", info, rec{Message: "queued"}, ""},
		{"a status of something else", `{"level":"info","msg":"stock answered","status":503}`, "", info, rec{Message: "stock answered"}, ""},
		{"an error in a request that was answered well", `{"level":"error","msg":"ledger is inconsistent","method":"GET","path":"/carts/7","status":200}`, "", fail, rec{Message: "ledger is inconsistent"}, ""},
		{"an error in a request", `{"level":"error","msg":"cannot pay","err":"ledger is inconsistent","method":"GET","path":"/carts/7","status":500}`, "", fail, rec{Message: "cannot pay: ledger is inconsistent", ExceptionMessage: "ledger is inconsistent"}, ""},
		{"only an error flag", `{"error":true,"message":"cannot pay basket"}`, "", fail, rec{Message: "cannot pay basket"}, ""},
		{"no error", `{"msg":"saved","error":null,"err":"","exception":"none"}`, "", unset, rec{Message: "saved"}, ""},
	})
}
