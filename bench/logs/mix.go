package logs

import (
	"fmt"
	"time"
)

// mixed appends an event of one of six services, as often as such services are found beside each other.
func (w *writer) mixed(b []byte) []byte {
	switch n := w.rand.IntN(100); {
	case n < 36:
		return w.access(b)
	case n < 56:
		return w.java(b)
	case n < 68:
		return w.python(b)
	case n < 83:
		return w.json(b)
	case n < 93:
		return w.syslog(b)
	}
	return w.logfmt(b)
}

var (
	paths = []string{
		"/", "/cart", "/checkout", "/api/v1/orders", "/api/v1/items", "/assets/app.js", "/assets/site.css", "/favicon.ico",
		"/healthz", "/login", "/search", "/api/v1/customers", "/robots.txt",
	}
	agents = []string{
		"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/125.0", "curl/8.5.0", "probe/1.2",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
	}
	users   = []string{"anna", "ben", "chidi", "dora", "emil", "fatma", "goran", "hana"}
	tables  = []string{"orders", "items", "customers", "payments", "shipments"}
	queues  = []string{"mail", "invoice", "thumbnail", "export"}
	regions = []string{"eu-west", "eu-north", "us-east"}
)

// access appends a line of a web server's access log.
func (w *writer) access(b []byte) []byte {
	status, method := 200, "GET"
	switch {
	case w.chance(4):
		status = 502
	case w.chance(30):
		status = 404
	case w.chance(80):
		status = 304
	}
	if w.chance(200) {
		method = "POST"
	}
	path := w.pick(paths)
	if w.chance(400) {
		path = fmt.Sprintf("%s/%d", path, w.rand.IntN(1e6))
	}
	return fmt.Appendf(b, "10.%d.%d.%d - - [%s] \"%s %s HTTP/1.1\" %d %d \"-\" \"%s\"\n", w.rand.IntN(4), w.rand.IntN(256),
		w.rand.IntN(256), w.tick().Format("02/Jan/2006:15:04:05 -0700"), method, path, status, w.rand.IntN(60000), w.pick(agents))
}

// java appends an event of a service that logs as Logback does, sometimes with a stack trace and its cause.
func (w *writer) java(b []byte) []byte {
	head := func(level, logger string) {
		b = fmt.Appendf(b, "%s %-5s [http-nio-8080-exec-%d] %s - ", w.tick().Format("2006-01-02 15:04:05.000"), level,
			1+w.rand.IntN(16), logger)
	}
	switch {
	case w.chance(3):
		head("ERROR", "shop.orders.OrderController")
		b = fmt.Appendf(b, "Order %d could not be placed\n", w.rand.IntN(1e7))
		b = append(b, "shop.orders.OrderException: placing failed\n"...)
		b = javaFrames(b, 18)
		b = fmt.Appendf(b, "Caused by: java.sql.SQLTransientConnectionException: pool-%d - Connection is not available, request timed out after %dms\n",
			1+w.rand.IntN(3), 30000+w.rand.IntN(9))
		b = javaFrames(b, 9)
		return append(b, "\t... 17 more\n"...)
	case w.chance(2):
		head("ERROR", "shop.cart.CartService")
		b = append(b, "Unexpected failure\njava.lang.NullPointerException: Cannot invoke \"shop.cart.Cart.total()\" because \"cart\" is null\n"...)
		return javaFrames(b, 24)
	case w.chance(20):
		head("WARN", "shop.db.Pool")
		return fmt.Appendf(b, "Slow query on table %s took %d ms\n", w.pick(tables), 500+w.rand.IntN(4000))
	case w.chance(200):
		head("DEBUG", "shop.cache.RegionCache")
		return fmt.Appendf(b, "evicted %d entries of region %s, %d bytes free\n", w.rand.IntN(500), w.pick(regions), w.rand.IntN(1e9))
	case w.chance(500):
		head("INFO", "shop.orders.OrderService")
		return fmt.Appendf(b, "Order %d of customer %d placed: %d items, total %d.%02d EUR\n", w.rand.IntN(1e7), w.rand.IntN(1e5),
			1+w.rand.IntN(9), w.rand.IntN(500), w.rand.IntN(100))
	}
	head("INFO", "shop.web.RequestLog")
	return fmt.Appendf(b, "handled %s in %d ms (session %08x)\n", w.pick(paths), w.rand.IntN(900), w.rand.Uint32())
}

var javaPlaces = []string{
	"shop.orders.OrderService.place(OrderService.java:%d)", "shop.orders.OrderController.post(OrderController.java:%d)",
	"shop.db.Pool.borrow(Pool.java:%d)", "org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:%d)",
	"org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:%d)",
	"org.springframework.security.web.FilterChainProxy.doFilter(FilterChainProxy.java:%d)",
	"java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:%d)",
}

func javaFrames(b []byte, n int) []byte {
	for i := range n {
		b = append(b, "\tat "...)
		b = fmt.Appendf(b, javaPlaces[i%len(javaPlaces)], 40+7*i)
		b = append(b, '\n')
	}
	return b
}

// python appends an event of a worker that uses Python's logging.
func (w *writer) python(b []byte) []byte {
	head := func(level, logger string) {
		b = fmt.Appendf(b, "%s,%03d - %s - %s - ", w.tick().Format(time.DateTime), w.rand.IntN(1000), logger, level)
	}
	switch {
	case w.chance(4):
		head("ERROR", "worker.jobs")
		b = fmt.Appendf(b, "job %d of queue %s failed\nTraceback (most recent call last):\n", w.rand.IntN(1e7), w.pick(queues))
		b = append(b, "  File \"/srv/worker/jobs.py\", line 88, in run\n    self.handle(job)\n"+
			"  File \"/srv/worker/handlers.py\", line 41, in handle\n    return self.send(job.payload[\"to\"])\n"...)
		return append(b, "KeyError: 'to'\n"...)
	case w.chance(15):
		head("WARNING", "worker.mail")
		return fmt.Appendf(b, "mail server busy, attempt %d, next try in %d seconds\n", 1+w.rand.IntN(5), 2+w.rand.IntN(60))
	case w.chance(500):
		head("INFO", "worker.jobs")
		return fmt.Appendf(b, "job %d of queue %s done in %d.%03ds\n", w.rand.IntN(1e7), w.pick(queues), w.rand.IntN(9), w.rand.IntN(1000))
	}
	head("INFO", "worker.jobs")
	return fmt.Appendf(b, "job %d of queue %s taken by worker-%d\n", w.rand.IntN(1e7), w.pick(queues), w.rand.IntN(8))
}

// json appends a line of a service that logs structured JSON.
func (w *writer) json(b []byte) []byte {
	at := w.tick().Format("2006-01-02T15:04:05.000000Z07:00")
	switch {
	case w.chance(6):
		return fmt.Appendf(b, `{"time":"%s","level":"ERROR","msg":"payment refused by provider","order":%d,"provider":"paymaster","code":"E%d","trace_id":"%016x%016x"}`+"\n",
			at, w.rand.IntN(1e7), 100+w.rand.IntN(20), w.rand.Uint64(), w.rand.Uint64())
	case w.chance(20):
		return fmt.Appendf(b, `{"time":"%s","level":"WARN","msg":"retrying","attempt":%d,"upstream":"http://10.0.%d.%d:8080/pay"}`+"\n",
			at, 1+w.rand.IntN(4), w.rand.IntN(9), w.rand.IntN(250))
	}
	return fmt.Appendf(b, `{"time":"%s","level":"INFO","msg":"request served","method":"GET","path":"%s","status":200,"duration_ms":%d,"bytes":%d,"user":"%s","trace_id":"%016x%016x"}`+"\n",
		at, w.pick(paths), w.rand.IntN(400), w.rand.IntN(90000), w.pick(users), w.rand.Uint64(), w.rand.Uint64())
}

// syslog appends a line of a host's system log.
func (w *writer) syslog(b []byte) []byte {
	b = fmt.Appendf(b, "%s web%d ", w.tick().Format(time.Stamp), 1+w.rand.IntN(3))
	switch {
	case w.chance(5):
		return fmt.Appendf(b, "kernel: [%d.%06d] EXT4-fs error (device sda%d): ext4_lookup:1785: inode #%d: comm php: deleted inode referenced: %d\n",
			w.rand.IntN(1e6), w.rand.IntN(1e6), 1+w.rand.IntN(3), w.rand.IntN(1e6), w.rand.IntN(1e6))
	case w.chance(200):
		return fmt.Appendf(b, "sshd[%d]: Failed password for invalid user %s from 192.0.2.%d port %d ssh2\n", 1000+w.rand.IntN(30000),
			w.pick(users), w.rand.IntN(250), 1024+w.rand.IntN(60000))
	case w.chance(400):
		return fmt.Appendf(b, "CRON[%d]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)\n", 1000+w.rand.IntN(30000))
	}
	return fmt.Appendf(b, "systemd[1]: session-%d.scope: Deactivated successfully.\n", w.rand.IntN(1e5))
}

// logfmt appends a line of a service that logs key=value pairs.
func (w *writer) logfmt(b []byte) []byte {
	at := w.tick().Format(time.RFC3339Nano)
	switch {
	case w.chance(6):
		return fmt.Appendf(b, "ts=%s level=error caller=sync.go:%d msg=\"sync failed\" tenant=%d err=\"dial tcp 10.0.%d.%d:9095: connect: connection refused\"\n",
			at, 210+w.rand.IntN(3), w.rand.IntN(50), w.rand.IntN(9), w.rand.IntN(250))
	case w.chance(30):
		return fmt.Appendf(b, "ts=%s level=warn caller=ring.go:77 msg=\"slow heartbeat\" member=ingester-%d took=%dms\n", at, w.rand.IntN(9), w.rand.IntN(3000))
	}
	return fmt.Appendf(b, "ts=%s level=info caller=push.go:%d msg=\"block uploaded\" tenant=%d series=%d size=%d\n", at, 100+w.rand.IntN(3),
		w.rand.IntN(50), w.rand.IntN(1e6), w.rand.IntN(1e9))
}
