package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// Numbers and brackets that messages begin with stay in them, though every line of the source has them.
func TestColumnsOfMessages(t *testing.T) {
	for _, c := range []struct {
		name string
		line func(i int) string
	}{
		{"measures", func(i int) string { return fmt.Sprintf("%s %d %d of 9000", pick(i, "cpu", "disk"), 12+i%3, 3400+i%4) }},
		{"requests", func(i int) string {
			return fmt.Sprintf("%s %d %d %s", pick(i, "GET", "POST"), 200+i%2, 1534, pick(i, "/cart", "/stock", "ok", "done"))
		}},
		{"a table", func(i int) string { return fmt.Sprintf("%s 120 3400 %d of all", pick(i, "in", "out"), i%50) }},
		{"small numbers", func(i int) string {
			return fmt.Sprintf("worker %d %d %s", i%3, i%4, pick(i, "started", "stopped", "idles"))
		}},
		{"counted bytes", func(i int) string {
			return fmt.Sprintf("sent %d %d %s", 3, i*i*7, pick(i, "bytes", "octets", "at once"))
		}},
		{"orders", func(i int) string {
			return fmt.Sprintf("order 17 %d %s", 20000+i*13, pick(i, "packed", "shipped", "paid"))
		}},
		{"a context of its own", func(i int) string {
			return pick(i, fmt.Sprintf("[Log part=%d, dir=/x] rolled", i%5), fmt.Sprintf("[Group %d]: joined by %d", i%3, i), fmt.Sprintf("[Fetcher replica=%d, leader=%d] ended", i%7, i%3), fmt.Sprintf("[Broker id=%d] is up", i%4))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			for i := range 200 {
				lines = append(lines, fmt.Sprintf("2024-02-03 %s INFO %s", clock(i), c.line(i)))
			}
			for i, r := range joinAll(t, Config{}, lines) {
				if r.Message != c.line(i) {
					t.Fatalf("%q of %q", r.Message, lines[i])
				}
			}
		})
	}
}

// formLine is a line of a file into which a logger with columns writes, seldom from some line on, another without a level, and a
// program that only prints.
func formLine(i int) (line, message string, formed bool) {
	m := sayings[(i*i+i/7)%len(sayings)](i)
	switch k := i % 7; {
	case k == 0 || i < 600 && (k == 2 || k == 3):
		return fmt.Sprintf("2024-02-03 %s,%03d %s %s 340 %d %s", clock(i), i, pick(i, "INFO", "WARNING"), pick(i, "views", "tasks"), 140233000000000+i%3*1000, m), m, true
	case k == 1 || k == 5:
		m = fmt.Sprintf(`"PUT /cart/%d HTTP/1.1" took %d`, i, i%90)
		if i%3 == 0 {
			m = fmt.Sprintf("views 340 140233000000000 times %d", i)
		}
		return fmt.Sprintf("[2024-02-03 %s,%03d] %s", clock(i), i, m), m, false
	}
	return fmt.Sprintf("%s %d has begun", pick(i, "worker", "loader"), i), "", false
}

// The columns of a logger are found though it is not alone in its file, and what others write is read as it was.
func TestForm(t *testing.T) {
	var lines []string
	for i := range 3000 {
		s, _, _ := formLine(i)
		lines = append(lines, s)
	}
	for _, r := range joinAll(t, Config{}, lines) {
		i := int(r.FirstLine - 1)
		_, want, formed := formLine(i)
		if got, _, _ := strings.Cut(r.Message, "\n"); want != "" && got != want {
			t.Fatalf("line %d: %q of %q", i+1, got, lines[i])
		}
		if formed && (r.Logger != pick(i, "views", "tasks") || r.PID != "340" || len(r.Thread) != 15) {
			t.Fatalf("line %d: logger %q, pid %q, thread %q", i+1, r.Logger, r.PID, r.Thread)
		}
	}
	cfg := Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1 << 16, MaxPending: 1 << 20}
	checkEquivalence(t, cfg, lines[:400])

	// A word of trouble is no module's name, and a level counts as without the form.
	for _, c := range []struct {
		line string
		want incident.Record
	}{
		{"2024-02-03 04:05:06,001 ERROR views 340 140233000000000 no stock", incident.Record{Severity: fail, Message: "no stock"}},
		{"2024-02-03 04:05:06,001 INFO failed 340 140233000000000 fine", incident.Record{Severity: info, Message: "failed 340 140233000000000 fine"}},
	} {
		got := joinAll(t, Config{}, append(lines[:200:200], c.line))
		if last := got[len(got)-1]; last.Severity != c.want.Severity || last.Message != c.want.Message {
			t.Errorf("%q is %v %q", c.line, last.Severity, last.Message)
		}
	}
}

// TestNumbersOfMessages: a word and two numbers that messages begin with are no module, process and thread, though there are few of
// each.
func TestNumbersOfMessages(t *testing.T) {
	of := func(i int, values ...string) string { return values[i*7%len(values)] }
	for name, line := range map[string]func(i int) string{
		"a status and a time": func(i int) string {
			return fmt.Sprintf("%s %s %d %s cart %d", of(i, "orders", "carts"), of(i/3, "200", "201", "404", "500"), 100+i%5*50, of(i/2, "served", "failed", "cached"), i%9)
		},
		"a place and a size": func(i int) string {
			return fmt.Sprintf("shelf %d %d %s box %d", i%4, 1000+i%3*500, of(i/2, "lost", "found", "moved"), i%9)
		},
		"a name of its own and two keys": func(i int) string { // no program has so many modules
			return fmt.Sprintf("%s %d %d %s again %d", strings.Repeat(string(rune('a'+i/2%26)), 2+i/52), 81+i%2, 140012345678901+i%7, of(i%2, "stored", "found"), i%9)
		},
		"a shelf, a box and a receipt": func(i int) string { // nor so many processes
			return fmt.Sprintf("%s %d %d %s again %d", of(i/3, "north", "south"), 4000+i/4, 140012345678901+i%7, of(i/2, "stored", "found", "lost"), i%9)
		},
		"two ports": func(i int) string {
			return fmt.Sprintf("port %s %s %s peer %d", of(i, "443", "80"), of(i/2, "500", "502"), of(i/3, "reset", "kept"), i%9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for i := range 300 {
				lines = append(lines, fmt.Sprintf("2024-02-03 04:%02d:%02d INFO %s", i/60, i%60, line(i)))
			}
			got := added(t, Config{}, lines)
			for i := range got {
				if want := line(i); got[i].Message != want || got[i].PID != "" {
					t.Fatalf("%q: message %q, pid %q", lines[i], got[i].Message, got[i].PID)
				}
			}
			if len(got) != len(lines) {
				t.Fatalf("%d events", len(got))
			}
		})
	}
}
