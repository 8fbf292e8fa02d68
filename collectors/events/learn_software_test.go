package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// sayings are messages as programs write them, with beginnings that could be taken for columns of a header.
var sayings = []func(i int) string{
	func(i int) string { return fmt.Sprintf("connection to 10.4.3.%d closed", i%250) },
	func(i int) string { return fmt.Sprintf("%d items moved to queue retry", i) },
	func(i int) string { return fmt.Sprintf("cannot open /var/lib/shop/%d.db: no such file", i) },
	func(i int) string { return fmt.Sprintf("Cache warmed - %d entries", i) },
	func(i int) string { return fmt.Sprintf("user alice%d signed in", i%17) },
	func(i int) string { return "state changed: idle to busy" },
	func(i int) string { return fmt.Sprintf("GET /cart/%d took %d ms", i, i%90) },
	func(i int) string { return fmt.Sprintf("[preload] done in %d ms", i%90) },
	func(i int) string { return fmt.Sprintf("Registered handler for com.shop.Order%d", i%5) },
	func(i int) string { return fmt.Sprintf("retry=%d pending=false", i%7) },
}

func clock(i int) string { return fmt.Sprintf("%02d:%02d:%02d", 3+i/3600, i/60%60, i%60) }

func pick(i int, of ...string) string { return of[(i*7+i/3)%len(of)] }

// headers are the beginnings of lines of many kinds of software, and what is to be read of them. Names, nodes and times
// are made up.
var headers = []struct {
	name string
	line func(i int, msg string) string
	want func(i int) incident.Record // its non-empty attributes are compared
}{
	{"syslog", func(i int, m string) string {
		return fmt.Sprintf("Feb  3 %s mars %s[%d]: %s", clock(i), pick(i, "crond", "shopd", "mailer"), 400+i%9, m)
	}, func(i int) incident.Record { return incident.Record{Host: "mars", PID: fmt.Sprint(400 + i%9)} }},
	{"syslog with a module in the tag", func(i int, m string) string {
		return fmt.Sprintf("Feb  3 %s mars login(pam_ldap)[%d]: %s", clock(i), 400+i%9, m)
	}, nil},
	{"syslog with a year, no host", func(i int, m string) string {
		return fmt.Sprintf("2024 Feb  3 %s %s[%d]: %s", clock(i), pick(i, "crond", "shopd"), 400+i%9, m)
	}, nil},
	{"macos", func(i int, m string) string {
		return fmt.Sprintf("Feb  3 %s Berthas-Air com.example.%s[%d]: %s", clock(i), pick(i, "sync", "index"), 90+i%5, m)
	}, nil},
	{"macos launchd", func(i int, m string) string {
		return fmt.Sprintf("Feb  3 %s Berthas-Air com.example.launchd[1] (com.example.helper[%d]): %s", clock(i), 90+i%5, m)
	}, nil},
	{"macos launchd with a level", func(i int, m string) string {
		return fmt.Sprintf("Feb  3 %s Berthas-Air com.example.launchd[1] (com.example.helper[%d]) <Notice>: %s", clock(i), 90+i%5, m)
	}, nil},
	{"cluster console", func(i int, m string) string {
		return fmt.Sprintf("%s 17070%05d 2024.02.03 rack%d Feb 3 %s rack%d/rack%d %s[%d]: %s", pick(i, "-", "-", "DISKERR"), i, i%40, clock(i), i%40, i%40, pick(i, "shopd", "ib.x"), i, m)
	}, nil},
	{"cluster console without pid", func(i int, m string) string {
		return fmt.Sprintf("- 17070%05d 2024.02.03 sadm%d Feb 3 %s sadm%d/sadm%d kernel: %s", i, i%4, clock(i), i%4, i%4, m)
	}, nil},
	{"service nodes", func(i int, m string) string {
		return fmt.Sprintf("- 17070%05d 2024.02.03 X%02d-Y1 2024-02-03-%s.%06d X%02d-Y1 EVT %s %s %s", i, i%30, strings.ReplaceAll(clock(i), ":", "."), i, i%30, pick(i, "DISK", "NET"), pick(i, "INFO", "FATAL", "WARNING"), m)
	}, func(i int) incident.Record {
		return incident.Record{Severity: map[string]incident.Severity{"INFO": info, "FATAL": fatal, "WARNING": warn}[pick(i, "INFO", "FATAL", "WARNING")]}
	}},
	{"states in front of an epoch", func(i int, m string) string {
		return fmt.Sprintf("%d %s %s 17070%05d 1 %s", 4000+i*7, pick(i, "host-1", "host-22", "switch-3"), pick(i, "unit.fan speed", "unit.psu state.lost", "job begin"), i, m)
	}, nil},
	{"openstack", func(i int, m string) string {
		return fmt.Sprintf("stock-api.log.1.2024-02-03_03:11:20 2024-02-03 %s.%03d %d %s stock.%s.server [req-%08x-2096-447d-96ea-a69216%06d %032x %032x - - -] %s",
			clock(i), i, 2000+i%3, pick(i, "INFO", "WARNING", "ERROR"), pick(i, "api", "wsgi"), i*7919, i, i*3, i*5, m)
	}, func(i int) incident.Record { return incident.Record{PID: fmt.Sprint(2000 + i%3)} }},
	{"openstack without the file", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s.%03d %d %s stock.%s.server [%s] %s", clock(i), i, 2000+i%3, pick(i, "INFO", "ERROR"), pick(i, "api", "wsgi"), pick(i, "-", "req-77aa8899-1111-2222-3333-444455556666 - - - - -"), m)
	}, nil},
	{"pipes", func(i int, m string) string {
		return fmt.Sprintf("20240203-%s:%03d|Pump_%s|4000%02d|%s", clock(i), i, pick(i, "Main", "Aux", "Valve"), i%4, m)
	}, nil},
	{"pipes with blanks and a level", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s.%03d | %s | pump.%s | %s", clock(i), i, pick(i, "INFO", "ERROR"), pick(i, "main", "aux"), m)
	}, nil},
	{"csv", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s,%s,pump-%s,%d,%s", clock(i), pick(i, "INFO", "ERROR"), pick(i, "main", "aux"), i%5, m)
	}, nil},
	{"tabs", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s.%03dZ\tmars\t%s\t%s", clock(i), i, pick(i, "main worker", "aux"), m)
	}, nil},
	{"kafka", func(i int, m string) string {
		return fmt.Sprintf("[2024-02-03 %s,%03d] %s %s", clock(i), i, pick(i, "INFO", "WARN", "ERROR"), m)
	}, nil},
	{"elasticsearch", func(i int, m string) string {
		return fmt.Sprintf("[2024-02-03T%s,%03d][%-5s][o.e.%-20s] [es-%d] %s", clock(i), i, pick(i, "INFO", "WARN"), pick(i, "n.Node", "c.Routing"), i%3, m)
	}, nil},
	{"cassandra", func(i int, m string) string {
		return fmt.Sprintf("%-5s [%s] 2024-02-03 %s,%03d Store.java:%d - %s", pick(i, "INFO", "WARN"), pick(i, "main", "Flush:1"), clock(i), i, 100+i%9, m)
	}, nil},
	{"consul", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s.%03dZ [%s]  agent%s: %s", clock(i), i, pick(i, "INFO", "WARN", "DEBUG"), pick(i, "", ".server", ".server.raft"), m)
	}, nil},
	{"vault", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s.%03dZ [%s]  core: %s", clock(i), i, pick(i, "INFO", "WARN", "DEBUG"), m)
	}, nil},
	{"windows servicing", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s, %-21s %s    %s", clock(i), pick(i, "Info", "Error"), pick(i, "CBS", "CSI"), m)
	}, nil},
	{"iis-like", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s 10.0.0.1 %s", clock(i), "GET /a/"+m)
	}, nil},
	{"tomcat", func(i int, m string) string {
		return fmt.Sprintf("03-Feb-2024 %s.%03d %s [%s] org.example.catalina.%s.log %s", clock(i), i, pick(i, "INFO", "SEVERE"), pick(i, "main", "exec-4"), pick(i, "Engine", "Context"), m)
	}, nil},
	{"jboss", func(i int, m string) string {
		return fmt.Sprintf("%s,%03d %-5s [org.example.%s] (%s) %s", clock(i), i, pick(i, "INFO", "ERROR"), pick(i, "as", "server.boot"), pick(i, "Controller Boot Thread", "pool-1-thread-3"), m)
	}, nil},
	{"journalctl short-iso", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s+0000 mars %s[%d]: %s", clock(i), pick(i, "shopd", "crond"), i%50, m)
	}, nil},
	{"journalctl short-unix", func(i int, m string) string {
		return fmt.Sprintf("17070%05d.123456 mars %s[%d]: %s", i, pick(i, "shopd", "crond"), i%50, m)
	}, nil},
	{"journalctl short-full", func(i int, m string) string {
		return fmt.Sprintf("Sat 2024-02-03 %s UTC mars %s[%d]: %s", clock(i), pick(i, "shopd", "crond"), i%50, m)
	}, nil},
	{"kubectl with time stamps", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s.%09dZ 2024-02-03 %s %s %s", clock(i), i, clock(i), pick(i, "INFO", "ERROR"), m)
	}, nil},
	{"kubectl with time stamps before klog", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s.%09dZ %s0203 %s.%06d       1 sync.go:%d] %s", clock(i), i, pick(i, "I", "W", "E"), clock(i), i, i%7, m)
	}, nil},
	{"kubectl with time stamps before JSON", func(i int, m string) string {
		return fmt.Sprintf(`2024-02-03T%s.%09dZ {"level":"%s","ts":17070%05d.5,"msg":%q}`, clock(i), i, pick(i, "info", "error"), i, m)
	}, nil},
	{"kubectl with time stamps before words", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03T%s.%09dZ %s", clock(i), i, m)
	}, nil},
	{"erlang pids", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s.%03d [%s] <0.%d.0> %s", clock(i), i, pick(i, "info", "error"), 200+i, m)
	}, nil},
	{"nest", func(i int, m string) string {
		return fmt.Sprintf("[Nest] %d  - 02/03/2024, %d:%02d:%02d AM     LOG [%s] %s", 70+i%2, 1+i%11, i%60, i%60, pick(i, "Loader", "Router"), m)
	}, nil},
	{"program before a dash", func(i int, m string) string {
		return fmt.Sprintf("[02.03 %s] %s%s - %s", clock(i), pick(i, "pay.exe", "stock.exe", "mailer.exe"), pick(i, "", " *64"), m)
	}, nil},
	{"hdfs-like", func(i int, m string) string {
		return fmt.Sprintf("240203 %s %d %s fs.Node$%s: %s", strings.ReplaceAll(clock(i), ":", ""), i%90, pick(i, "INFO", "WARN"), pick(i, "Receiver", "Sender"), m)
	}, nil},
	{"oslo with a level in front", func(i int, m string) string {
		return fmt.Sprintf("%s: 2024-02-03 %s %s", pick(i, "INFO", "ERROR"), clock(i), m)
	}, nil},
	{"uptime and level", func(i int, m string) string {
		return fmt.Sprintf("%s[%04d] %s", pick(i, "INFO", "WARN", "ERRO"), i, m)
	}, nil},
	{"key: value in front", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s %s: %s", clock(i), pick(i, "scheduler", "importer", "mailer"), m)
	}, nil},
	{"bracketed sequence", func(i int, m string) string {
		return fmt.Sprintf("[2024-02-03 %s] [%s] [%d] [%s] [seq %d] %s", clock(i), pick(i, "mars", "venus"), 10+i%3, pick(i, "io", "cpu"), i, m)
	}, nil},
	{"german date", func(i int, m string) string {
		return fmt.Sprintf("03.02.2024 %s.%03d %s %s", clock(i), i, pick(i, "INFO", "ERROR"), m)
	}, nil},
	{"epoch in ms", func(i int, m string) string {
		return fmt.Sprintf("17070%05d123 %s %s", i, pick(i, "INFO", "ERROR"), m)
	}, nil},
	{"epoch in us", func(i int, m string) string { return fmt.Sprintf("17070%05d123456 [w%d] %s", i, i%4, m) }, nil},
	{"module, process and thread", func(i int, m string) string {
		return fmt.Sprintf("%s 2024-02-03 %s,%03d %s %d %d %s", pick(i, "INFO", "WARNING"), clock(i), i, pick(i, "views", "tasks", "shop.cart"), 7+i%2, 140233000000000+i%5*1000, m)
	}, func(i int) incident.Record {
		return incident.Record{Logger: pick(i, "views", "tasks", "shop.cart"), PID: fmt.Sprint(7 + i%2), Thread: fmt.Sprint(140233000000000 + i%5*1000)}
	}},
	{"process and thread", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s,%03d INFO %d %d %s", clock(i), i, 4312+i%3, 4312+i%3, m)
	}, func(i int) incident.Record {
		return incident.Record{PID: fmt.Sprint(4312 + i%3), Thread: fmt.Sprint(4312 + i%3)}
	}},
	{"thread behind the logger", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s,%03d INFO com.example.%s [%s] %s", clock(i), i, pick(i, "Cart", "Stock"), pick(i, "main", "IPC handler 3 on 8020", "pool-1-thread-2"), m)
	}, func(i int) incident.Record {
		return incident.Record{Logger: "com.example." + pick(i, "Cart", "Stock"), Thread: pick(i, "main", "IPC handler 3 on 8020", "pool-1-thread-2")}
	}},
	{"no header", func(i int, m string) string { return m }, nil},
	{"no header, level words now and then", func(i int, m string) string {
		if i%13 == 5 {
			return "ERROR " + m
		}
		return m
	}, nil},
}

func TestHeadersOfSoftware(t *testing.T) {
	if len(headers) < 25 {
		t.Fatal("too few kinds of software")
	}
	for _, c := range headers {
		t.Run(c.name, func(t *testing.T) {
			var lines, want []string
			for i := range 300 {
				m := sayings[(i*i+i/7)%len(sayings)](i)
				lines = append(lines, c.line(i, m))
				switch c.name {
				case "iis-like", "no header, level words now and then":
					m = strings.TrimPrefix(lines[i], fmt.Sprintf("2024-02-03 %s ", clock(i)))
				}
				want = append(want, m)
			}
			wrong := 0
			for _, r := range joinAll(t, Config{}, lines) {
				i := int(r.FirstLine - 1)
				if r.FirstLine != r.LastLine {
					t.Fatalf("lines %d to %d are one event: %q", r.FirstLine, r.LastLine, r.Raw)
				}
				if r.Message != want[i] {
					if wrong++; wrong < 6 {
						t.Errorf("%q\ngot  %q\nwant %q", lines[i], r.Message, want[i])
					}
				}
				if c.want == nil {
					continue
				}
				w := c.want(i)
				for _, a := range []struct{ name, got, want string }{
					{"host", r.Host, w.Host}, {"pid", r.PID, w.PID}, {"thread", r.Thread, w.Thread}, {"logger", r.Logger, w.Logger}, {"trace id", r.TraceID, w.TraceID},
				} {
					if a.want != "" && a.got != a.want {
						t.Fatalf("%q: %s %q, want %q", lines[i], a.name, a.got, a.want)
					}
				}
				if w.Severity != unset && r.Severity != w.Severity {
					t.Fatalf("%q: %v, want %v", lines[i], r.Severity, w.Severity)
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d messages are wrong", wrong, len(want))
			}
		})
	}
}
