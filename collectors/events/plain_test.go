package events

import "testing"

// TestPlain reads what servers, frameworks and databases write as text.
func TestPlain(t *testing.T) {
	const uuid = "79b4f56e-95b1-4643-9700-2807f4e68189"
	checkSamples(t, []sample{
		// access logs
		{"nginx combined", `10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET /carts/7 HTTP/1.1" 502 157 "-" "curl/8.5"`, sec5, fail, rec{Format: "access", Message: `"GET /carts/7 HTTP/1.1" 502`, HTTPStatus: 502}, ""},
		{"nginx with times", `10.0.0.1 - bob [02/Jan/2024:15:04:05 +0000] "POST /pay HTTP/2.0" 201 12 "https://shop/" "Mozilla/5.0" rt=0.123 uct="0.001" urt="0.122"`, sec5, info, rec{Format: "access", HTTPStatus: 201}, ""},
		{"apache with a host and a time", `shop.example.com:443 10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET /error?x=fatal HTTP/1.1" 404 157 "-" "curl/8.5" 8123`, sec5, info, rec{Format: "access", HTTPStatus: 404}, ""},
		{"gunicorn access", `10.0.0.1 - - [02/Jan/2024:15:04:05 +0000] "GET /carts/7 HTTP/1.1" 500 145 "-" "curl/8.5"`, sec5, fail, rec{HTTPStatus: 500}, ""},
		{"werkzeug", "127.0.0.1 - - [02/Jan/2024 15:04:05] \"\x1b[35m\x1b[1mGET /carts/7 HTTP/1.1\x1b[0m\" 500 -", sec5, fail, rec{Format: "access", HTTPStatus: 500}, ""},
		{"werkzeug through logging", `INFO:werkzeug:127.0.0.1 - - [02/Jan/2024 15:04:05] "GET /carts/7 HTTP/1.1" 500 -`, "", fail, rec{Logger: "werkzeug", HTTPStatus: 500}, ""},
		{"django runserver", `[02/Jan/2024 15:04:05] "GET /carts/7 HTTP/1.1" 500 145`, sec5, fail, rec{Format: "access", HTTPStatus: 500}, ""},
		{"uvicorn access", `INFO:     127.0.0.1:5000 - "GET /carts/7 HTTP/1.1" 500 Internal Server Error`, "", fail, rec{HTTPStatus: 500}, ""},
		{"uvicorn access fine", `INFO:     127.0.0.1:5000 - "GET /carts/7 HTTP/1.1" 200 OK`, "", info, rec{HTTPStatus: 200}, ""},
		{"morgan dev", "\x1b[0mGET /carts/7 \x1b[31m500\x1b[0m 3.214 ms - 145\x1b[0m", "", fail, rec{Format: "access", Message: "GET /carts/7 500", HTTPStatus: 500}, ""},
		{"morgan tiny", `GET /carts/error 404 145 - 3.214 ms`, "", info, rec{Format: "access", HTTPStatus: 404}, ""},
		{"morgan short", `::1 - GET /carts/7 HTTP/1.1 503 145 - 3.214 ms`, "", fail, rec{Format: "access", HTTPStatus: 503}, ""},
		{"morgan common", `::1 - - [02/Jan/2024:15:04:05 +0000] "GET /carts/7 HTTP/1.1" 500 145`, sec5, fail, rec{Format: "access", HTTPStatus: 500}, ""},
		{"envoy", `[2024-01-02T15:04:05.123Z] "GET /carts/7 HTTP/1.1" 503 UF 0 91 1 - "-" "curl/8.5" "` + uuid + `" "shop" "10.0.0.2:80"`, milli5, fail, rec{Format: "access", HTTPStatus: 503}, ""},
		{"gin", `[GIN] 2024/01/02 - 15:04:05 | 500 |    1.234567ms |        10.0.0.1 | GET      "/carts/7"`, sec5, fail, rec{Format: "access", Message: `GET "/carts/7" 500`, HTTPStatus: 500}, ""},
		{"chi", `2024/01/02 15:04:05 "GET http://shop/carts/7 HTTP/1.1" from 127.0.0.1:5000 - 500 12B in 1.2ms`, sec5, fail, rec{HTTPStatus: 500}, ""},
		{"haproxy", `Jan  2 15:04:05 web1 haproxy[77]: 10.0.0.1:5000 [02/Jan/2024:15:04:05.123] front back/shop1 0/0/1/2/3 503 212 - - ---- 1/1/0/0/0 0/0 "GET /carts/7 HTTP/1.1"`, milli5, fail, rec{Format: "access", PID: "77", HTTPStatus: 503}, ""},
		{"haproxy to stdout with a time", `2024-01-02T15:04:05.500+00:00 10.0.0.1:5000 [02/Jan/2024:15:04:05.123] front back/shop1 0/0/1/2/3 503 212 - - ---- 1/1/0/0/0 0/0 "GET /carts/7 HTTP/1.1"`, milli5, fail, rec{Format: "access", Message: `"GET /carts/7 HTTP/1.1" 503`, HTTPStatus: 503}, ""},
		{"haproxy with a time, IPv6 and fine", `2024-01-02 15:04:05 fd00::7:5000 [02/Jan/2024:15:04:05.123] front back/shop1 0/0/1/2/3 200 212 - - ---- 1/1/0/0/0 0/0 "GET /errors HTTP/1.1"`, milli5, info, rec{Format: "access", HTTPStatus: 200}, ""},
		{"no request", `GET ready for 500 new carts`, "", unset, rec{Message: "GET ready for 500 new carts"}, ""},

		// web servers
		{"nginx error", `2024/01/02 15:04:05 [error] 31#32: *7 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.0.1, server: shop, request: "GET /carts/7 HTTP/1.1", upstream: "http://10.0.0.2:80/carts/7", host: "shop"`,
			sec5, fail, rec{PID: "31"}, ""},
		{"nginx emerg", `2024/01/02 15:04:05 [emerg] 31#31: bind() to 0.0.0.0:80 failed (98: Address already in use)`, sec5, fatal, rec{PID: "31"}, ""},
		{"apache error", `[Tue Jan 02 15:04:05.123456 2024] [proxy:error] [pid 77:tid 1403] (111)Connection refused: AH00957: HTTP: attempt to connect to 10.0.0.2:80 (shop) failed`, milli5, fail, rec{PID: "77", Logger: "proxy"}, ""},
		{"apache 2.2", `[Tue Jan 02 15:04:05 2024] [error] [client 10.0.0.1] File does not exist: /var/www/x`, sec5, fail, rec{Message: "File does not exist: /var/www/x"}, ""},

		// Python
		{"gunicorn", "[2024-01-02 15:04:05 +0000] [77] [ERROR] Error handling request /carts/7\nTraceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 3, in pay\n    take()\nshop.StockError: none", sec5, fail, rec{PID: "77", Exception: "shop.StockError"}, "/srv/shop/cart.py:3 pay"},
		{"uvicorn", "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 3, in pay\n    take()\nKeyError: 'id'", "", fail, rec{Message: "Exception in ASGI application", Exception: "KeyError"}, "/srv/shop/cart.py:3 pay"},
		{"django.request", "Internal Server Error: /carts/7\nTraceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 3, in pay\n    take()\nKeyError: 'id'", "", fail, rec{Exception: "KeyError"}, "/srv/shop/cart.py:3 pay"},
		{"flask", "[2024-01-02 15:04:05,123] ERROR in app: Exception on /carts/7 [GET]\nTraceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 3, in pay\n    take()\nKeyError: 'id'", milli5, fail, rec{Exception: "KeyError"}, "/srv/shop/cart.py:3 pay"},

		// Java, Scala
		{"logback", "2024-01-02 15:04:05.123 [main] ERROR com.acme.Cart - cannot pay\ncom.acme.StockException: none\n\tat com.acme.Stock.take(Stock.java:12)", milli5, fail, rec{Thread: "main", Logger: "com.acme.Cart", Exception: "com.acme.StockException"}, "Stock.java:12 com.acme.Stock.take"},
		{"spring boot 2", "2024-01-02 15:04:05.123 ERROR 77 --- [nio-8080-exec-1] com.acme.Cart                            : cannot pay", milli5, fail, rec{PID: "77", Thread: "nio-8080-exec-1", Logger: "com.acme.Cart", Message: "cannot pay"}, ""},
		{"spring boot 3", "2024-01-02T15:04:05.123Z ERROR 77 --- [shop] [nio-8080-exec-1] [0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331] com.acme.Cart : cannot pay", milli5, fail, rec{PID: "77", Logger: "com.acme.Cart", Message: "cannot pay", TraceID: ""}, ""},
		{"play", "2024-01-02 15:04:05 ERROR p.api.http.DefaultHttpErrorHandler  \n\n! @7pq2 - Internal server error, for (GET) [/carts/7] ->\n \nplay.api.http.HttpErrorHandlerExceptions$$anon$1: Execution exception[[StockException: none]]\n\tat play.api.http.HttpErrorHandlerExceptions$.throwableToUsefulException(HttpErrorHandler.scala:99)\nCaused by: com.acme.StockException: none\n\tat com.acme.Stock.take(Stock.scala:12)",
			sec5, fail, rec{Exception: "com.acme.StockException"}, "Stock.scala:12 com.acme.Stock.take"},

		// Ruby, .NET
		{"rails", `I, [2024-01-02T15:04:05.123456 #77]  INFO -- : [` + uuid + `] Completed 500 Internal Server Error in 12ms (ActiveRecord: 1.0ms | Allocations: 99)`, milli5, fail, rec{PID: "77", TraceID: uuid, HTTPStatus: 500}, ""},
		{"rails fine", `I, [2024-01-02T15:04:05.123456 #77]  INFO -- : [` + uuid + `] Completed 200 OK in 12ms (Views: 3.0ms)`, milli5, info, rec{PID: "77", TraceID: uuid, HTTPStatus: 200}, ""},
		{".NET console", "fail: Shop.Cart[13]\n      Cannot pay\n      Shop.StockException: none\n         at Shop.Stock.Take(Int32 id) in /src/Stock.cs:line 12", "", fail, rec{Logger: "Shop.Cart", Message: "Cannot pay", Exception: "Shop.StockException"}, "/src/Stock.cs:12 Shop.Stock.Take"},
		{".NET single line", "crit: Shop.Cart[13] Cannot pay", "", fatal, rec{Logger: "Shop.Cart", Message: "Cannot pay"}, ""},
		{".NET systemd", "<3>Shop.Cart[13] Cannot pay", "", fail, rec{Message: "Shop.Cart[13] Cannot pay"}, ""},
		{"sd-daemon", "<7>reading error pages", "", debug, rec{Message: "reading error pages"}, ""},

		{"lograge in Rails' logger", `I, [2024-01-02T15:04:05.123456 #77]  INFO -- : [` + uuid + `] method=GET path=/carts/7 format=html controller=CartsController action=show status=500 duration=12.30`, milli5, fail, rec{TraceID: uuid, HTTPStatus: 500}, ""},
		{"zerolog console", "\x1b[90m3:04PM\x1b[0m \x1b[31mERR\x1b[0m main.go:14 > cannot pay", "2024-05-31T15:04:00Z", fail, rec{Logger: "main.go:14", Message: "cannot pay"}, ""},

		// klog
		{"klog structured", `E0102 15:04:05.123000       1 sync.go:31] "Sync failed" err="stock is locked" basket="shop/7"`, milli5, fail, rec{Format: "klog", Message: "Sync failed: stock is locked", ExceptionMessage: "stock is locked", Logger: "sync.go:31"}, ""},
		{"klog structured nil", `I0102 15:04:05.123000       1 sync.go:31] "Synced" err=<nil> basket="shop/7"`, milli5, info, rec{Format: "klog", Message: "Synced"}, ""},

		// databases
		{"postgres", "2024-01-02 15:04:05.123 UTC [77] ERROR:  relation \"x\" does not exist at character 15\n2024-01-02 15:04:05.123 UTC [77] HINT:  Make it.\n2024-01-02 15:04:05.123 UTC [77] STATEMENT:  SELECT *\n\tFROM x", milli5, fail, rec{Format: "postgres", PID: "77", Message: `relation "x" does not exist at character 15`}, ""},
		{"postgres on RDS", `2024-01-02 15:04:05 UTC:10.0.0.1(5000):shop@carts:[77]:ERROR:  relation "x" does not exist`, sec5, fail, rec{Message: `relation "x" does not exist`}, ""},
		{"postgres with user and database", `2024-01-02 15:04:05.123 UTC [77] shop@carts LOG:  connection authorized: user=shop`, milli5, info, rec{PID: "77"}, ""},
		{"postgres with a prefix of pairs", "2024-01-02 15:04:05.123 UTC [77]: [3-1] user=shop,db=carts,app=psql,client=10.0.0.1 ERROR:  relation \"x\" does not exist\n2024-01-02 15:04:05.123 UTC [77]: [4-1] user=shop,db=carts,app=psql,client=10.0.0.1 STATEMENT:  SELECT * FROM x",
			milli5, fail, rec{Format: "postgres", PID: "77", Message: `relation "x" does not exist`}, ""},
		{"postgres of old packages", "< 2024-01-02 15:04:05.123 UTC >ERROR:  relation \"x\" does not exist\n< 2024-01-02 15:04:05.123 UTC >STATEMENT:  SELECT * FROM x", milli5, fail, rec{Format: "postgres", Message: `relation "x" does not exist`}, ""},
		{"mysql slow log", "# Time: 2024-01-02T15:04:05.123456Z\n# User@Host: shop[shop] @ localhost []  Id:     7\n# Query_time: 3.100000  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 9\nSET timestamp=1704207845;\nSELECT * FROM carts WHERE id = 7;", milli5, info, rec{}, ""},
		{"postgres csv", `2024-01-02 15:04:05.123 UTC,"shop","carts",77,"10.0.0.1:5000",65941c05.4d,3,"SELECT",2024-01-02 15:00:00 UTC,3/7,0,ERROR,42P01,"relation ""x"" does not exist",,,,,,"SELECT * FROM x",15,,"psql","client backend",,0`, milli5, fail, rec{Format: "postgres", PID: "77", Message: `relation "x" does not exist`}, ""},
		{"mysql 5.7", "2024-01-02T15:04:05.123456Z 7 [ERROR] InnoDB: The page is damaged", milli5, fail, rec{Message: "InnoDB: The page is damaged"}, ""},
		{"mysql 8", "2024-01-02T15:04:05.123456Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.", milli5, warn, rec{}, ""},
		{"mariadb", "2024-01-02 15:04:05 0 [ERROR] mysqld: Can't lock aria control file", sec5, fail, rec{Message: "mysqld: Can't lock aria control file"}, ""},
		{"redis", "77:M 02 Jan 2024 15:04:05.123 # Can't save in background: fork: Cannot allocate memory", milli5, fail, rec{Format: "redis", PID: "77"}, ""},
		{"redis note", "77:M 02 Jan 2024 15:04:05.123 * Background saving terminated with success", milli5, info, rec{Format: "redis", PID: "77"}, ""},
		{"old mongodb", "2024-01-02T15:04:05.123+0000 E NETWORK  [conn7] listen(): bind() failed", milli5, fail, rec{Logger: "NETWORK", Thread: "conn7", Message: "listen(): bind() failed"}, ""},
		{"old mongodb info", "2024-01-02T15:04:05.123+0000 I COMMAND  [conn7] command carts.items error pages", milli5, info, rec{Logger: "COMMAND", Thread: "conn7"}, ""},

		// transports and the kernel
		{"cri", "2024-01-02T15:04:05.123456789Z stderr P 2024-01-02 15:04:05.123 ERROR can\n2024-01-02T15:04:05.123456789Z stderr F not pay", milli5, fail, rec{Message: "cannot pay"}, ""},
		{"docker", `{"log":"level=error msg=\"cannot pay\"\n","stream":"stderr","time":"2024-01-02T15:04:05.123456789Z"}`, milli5, fail, rec{Format: "logfmt", Message: "cannot pay"}, ""},
		{"dmesg", "[    1.234567] usb 1-1: new device", "", unset, rec{Format: "kernel", Message: "usb 1-1: new device"}, ""},
		{"dmesg with a level", "<3>[    1.234567] usb 1-1: device descriptor read/64, error -71", "", fail, rec{Format: "kernel", Message: "usb 1-1: device descriptor read/64, error -71"}, ""},
		{"dmesg -T", "[Tue Jan  2 15:04:05 2024] EXT4-fs error (device sda1): bad block", sec5, fail, rec{Message: "EXT4-fs error (device sda1): bad block"}, ""},
		{"dmesg -x", "kern  :err   : [    1.234567] usb 1-1: device not accepting address", "", fail, rec{Format: "kernel", Message: "usb 1-1: device not accepting address"}, ""},
		{"kernel by syslog", "Jan  2 15:04:05 web1 kernel: [  123.456789] Out of memory: Killed process 812 (java)", sec5, fail, rec{Format: "kernel", Message: "Out of memory: Killed process 812 (java)", Host: "web1"}, ""},
	})
}
