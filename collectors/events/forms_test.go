package events

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// forms are pairs of headers of one program, before and after its logging was configured anew. Both have a time stamp that
// is read right by itself.
var forms = []struct {
	name string
	a, b func(i int, m string) string
}{
	{"a bracket more", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s,%03d - INFO  [%s:Pump@%d] - %s", clock(i), i%1000, pick(i, "main", "aux-3"), i%400, m)
	}, func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s,%03d [node:%d] - INFO  [%s:Pump@%d] - %s", clock(i), i%1000, i%3, pick(i, "main", "aux-3"), i%400, m)
	}},
	{"brackets to names", func(i int, m string) string {
		return fmt.Sprintf("[2024-02-03 %s +0000] [%d] [INFO] %s", clock(i), 100+i%7, m)
	}, func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s,%03d INFO pump.%s %d %s", clock(i), i%1000, pick(i, "main", "aux"), i%30, m)
	}},
	{"a cell more", func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s.%03d|INFO|%d|%s|%s", clock(i), i%1000, i%30, pick(i, "Main", "Aux"), m)
	}, func(i int, m string) string {
		return fmt.Sprintf("2024-02-03 %s.%03d|INFO|%d|%016x|%s|%s", clock(i), i%1000, i%30, i*7919, pick(i, "Main", "Aux"), m)
	}},
	{"a thread before the level", func(i int, m string) string {
		return fmt.Sprintf("1706965%03d.%03d info %s", i%1000, i%777, m)
	}, func(i int, m string) string {
		return fmt.Sprintf("1706965%03d%03d [%s] info %s", i%1000, i%777, pick(i, "main", "pool-1-thread-4"), m)
	}},
}

// Where the form of the header changes within a file, no line is read wrongly: neither the first of the new form nor
// those of the old one that come back.
func TestForms(t *testing.T) {
	for _, c := range forms {
		t.Run(c.name, func(t *testing.T) {
			var lines, want []string
			add := func(n int, form func(int, string) string) {
				for range n {
					i := len(lines)
					m := sayings[(i*i+i/7)%len(sayings)](i)
					lines, want = append(lines, form(i, m)), append(want, m)
				}
			}
			add(400, c.a)
			add(300, c.b)
			add(100, c.a)
			add(5, c.b)
			for range 50 { // two versions of it write at a time
				add(1, c.a)
				add(2, c.b)
			}
			wrong := 0
			for _, r := range joinAll(t, Config{}, lines) {
				i := r.FirstLine - 1
				if i >= 700 && want[i][0] == '[' {
					continue // a bracket may be of the one form or of a message in the other
				}
				if r.Message != want[i] {
					if wrong++; wrong < 4 {
						t.Errorf("line %d: %q, want %q", i+1, r.Message, want[i])
					}
				}
			}
			if wrong > 0 {
				t.Errorf("%d of %d lines are read wrongly", wrong, len(lines))
			}
		})
	}
}

// What is suspected, and the lines that are held back for it, are in the state.
func TestFormsRestored(t *testing.T) {
	for _, c := range forms {
		var lines []string
		for i := range 420 {
			form := c.a
			if i >= 150 && i < 300 || i%17 == 3 {
				form = c.b
			}
			lines = append(lines, form(i, sayings[(i*i+i/7)%len(sayings)](i)))
		}
		cfg := Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1 << 12, MaxPending: 1 << 18}
		whole := runJoiner(t, cfg, lines, 0)
		checkCover(t, len(lines), whole)
		for _, cut := range []int{1, 7, 31, 151} {
			if d := cmp.Diff(whole, runJoiner(t, cfg, lines, cut)); d != "" {
				t.Fatalf("%s, cut after every %d lines (-whole +cut):\n%s", c.name, cut, d)
			}
		}
	}
}

// Odd lines now and then hold back few others, and a suspicion ends when nothing more comes for a while.
func TestSuspicionEnds(t *testing.T) {
	j, err := NewJoiner(Config{Reference: reference})
	if err != nil {
		t.Fatal(err)
	}
	emitted, held := 0, 0
	emit := func(*incident.Record) { emitted++ }
	const n = 4000
	for i := range n {
		m := sayings[(i*i+i/7)%len(sayings)](i)
		if i > 200 && i%37 == 0 {
			m = []string{"[odd] x", "<odd> x", "{odd} x", "ODD x", "odd: x", "o.d.d x", "#odd"}[i%7]
		}
		j.Add(Line{Text: forms[0].a(i, m), Number: int64(i + 1)}, emit)
		if i > 200 {
			held += len(j.lr.held)
		}
	}
	if held > n/2 {
		t.Errorf("%d lines waited for another one, of %d", held, n)
	}
	j.Add(Line{Text: forms[0].b(n, "what is new"), Number: n + 1}, emit)
	if !j.Pending() {
		t.Error("nothing is pending")
	}
	if j.Flush(emit); emitted != n+1 || j.Pending() {
		t.Errorf("%d events of %d lines", emitted, n+1)
	}
}

// A logger's name may stand behind the message.
func TestTail(t *testing.T) {
	var lines, want, loggers []string
	for i := range 300 {
		m, l := sayings[(i*i+i/7)%len(sayings)](i), "pump.core."+pick(i, "Main", "Aux")
		if i%40 == 9 {
			m += " (of pump.core)"
		}
		lines, want, loggers = append(lines, fmt.Sprintf("[2024-02-03 %s,%03d] INFO %s (%s)", clock(i), i%1000, m, l)), append(want, m), append(loggers, l)
	}
	for _, r := range joinAll(t, Config{}, lines) {
		if i := r.FirstLine - 1; r.Message != want[i] || r.Logger != loggers[i] {
			t.Errorf("line %d: %q of %q, want %q of %q", i+1, r.Message, r.Logger, want[i], loggers[i])
		}
	}
	// some lines that end so are sentences
	for i := range lines {
		if i%3 == 0 {
			lines[i] = fmt.Sprintf("[2024-02-03 %s,%03d] INFO %s", clock(i), i%1000, want[i])
		} else {
			want[i] += " (" + loggers[i] + ")"
		}
	}
	for _, r := range joinAll(t, Config{}, lines) {
		if i := r.FirstLine - 1; r.Message != want[i] {
			t.Errorf("line %d: %q, want %q", i+1, r.Message, want[i])
		}
	}
}

// The time that syslog wrote is the line's; one within the message is of something else, unless it is the same second:
// then it is more exact, and knows the year.
func TestOuterTime(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"May 13 22:14:03 web haproxy[77]: 10.0.0.1:5000 [13/May/2024:08:53:55.258] front back/shop 0/0/1/2/3 503 212 - - ---- 1/1/0/0/0 0/0 \"GET /carts/7 HTTP/1.1\"", "2024-05-13T22:14:03Z"},
		{"May 13 22:14:03 web NetworkManager[77]: <info>  [1671202418.5156] device (br-lan): state change", "2024-05-13T22:14:03Z"},
		{"May 13 22:14:03 web shop[77]: 2024-05-13 22:14:03,258 INFO cart - paid", "2024-05-13T22:14:03.258Z"},
		{"May 13 22:14:03 web shop[77]: 2023-05-13 22:14:03,258 INFO cart - paid", "2023-05-13T22:14:03.258Z"},
		{"2024-05-13T22:14:03.123456+00:00 web shop[77]: 2024-01-01 01:02:03 INFO cart - paid", "2024-05-13T22:14:03.123456Z"},
	} {
		if r := one(t, c.line); !r.Time.Equal(utc(c.want)) {
			t.Errorf("%s: %v, want %s", c.line, r.Time, c.want)
		}
	}
}

// A structured line of klog says the same without its header.
func TestKlogBody(t *testing.T) {
	const body = `"Sync failed" err="stock is locked" basket="shop/7"`
	a, b := one(t, `E0102 15:04:05.123000       1 sync.go:31] `+body), one(t, body)
	if a.Message != "Sync failed: stock is locked" || b.Message != a.Message || b.ExceptionMessage != "stock is locked" || b.Severity != incident.SeverityError {
		t.Errorf("%q %q, %q, %v", a.Message, b.Message, b.ExceptionMessage, b.Severity)
	}
	for _, s := range []string{`"Sync" failed err=x`, `"Sync failed"`, `"Sync failed" badly`, `"Sync failed`} {
		if r := one(t, s); s != `"Sync failed"` && r.Message != s {
			t.Errorf("%q: %q", s, r.Message)
		}
	}
}
