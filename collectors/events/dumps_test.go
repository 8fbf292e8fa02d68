package events

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// TestDumps has what runtimes, sanitizers and the kernel print at once: each is one event, whatever stands before its lines
// and whatever the service prints right before and behind it. want is the severity, the message's beginning, the exception
// with its text's beginning, and the most recent frame of the service's own with the number of all frames.
func TestDumps(t *testing.T) {
	for name, want := range dumps {
		b, err := os.ReadFile(filepath.Join("testdata", "dumps", name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		dump := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		for _, p := range prefixes {
			t.Run(name+"/"+p.name, func(t *testing.T) {
				var lines []string
				for _, s := range append(append([]string{"server ready"}, dump...), "server ready") {
					lines = append(lines, p.wrap(s)...)
				}
				out := joinAll(t, Config{}, lines)
				if len(out) != 3 || out[0].Message != "server ready" || out[2].Message != "server ready" {
					t.Fatalf("%d events, want 3:\n%s", len(out), summary(out))
				}
				r := out[1]
				if got := describe(r, want); got != want {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
				checkEquivalence(t, Config{Reference: reference, MaxLine: 1 << 20, MaxEvent: 1 << 18, MaxPending: 1 << 20}, lines)
			})
		}
	}
	files, err := filepath.Glob("testdata/dumps/*.log")
	if err != nil || len(files) != len(dumps) {
		t.Errorf("%d files, %d in the table (%v)", len(files), len(dumps), err)
	}
}

// describe gives what the tables say of an event, each text cut to the length that want has of it.
func describe(r *incident.Record, want string) string {
	cut := func(s string, i int) string {
		if parts := strings.Split(want, " | "); i < len(parts) && len(parts[i]) < len(s) {
			return s[:len(parts[i])]
		}
		return s
	}
	own := "-"
	for _, f := range r.Frames {
		if f.InApp {
			own = fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Function)
			break
		}
	}
	return strings.Join([]string{
		r.Severity.String(), cut(r.Message, 1), r.Exception, cut(r.ExceptionMessage, 3), own, fmt.Sprint(len(r.Frames)),
	}, " | ")
}

var dumps = map[string]string{
	"akka":             `error | akka.actor.ActorInitializationException: akka://shop/user/stock: exception during creation | java.util.NoSuchElementException | None.get | Stock.scala:21 shop.Stock.$anonfun$receive$1 | 2`,
	"anyhow":           `error | Error: cannot place order 7 | Error | No such file or directory (os error 2) | /srv/shop/src/stock.rs:14 shop::stock::read | 3`,
	"asan":             `error | AddressSanitizer: heap-use-after-free on address 0x602000000013 | AddressSanitizer | heap-use-after-free on address 0x602000000013 | /srv/app/c.cpp:12 main | 4`,
	"coroutine":        `error | Exception in thread "DefaultDispatcher-worker-1" java.lang.IllegalStateException: no stock | java.lang.IllegalStateException | no stock | Stock.kt:20 com.shop.StockKt.take | 1`,
	"cpp-terminate":    `fatal | terminate called after throwing an instance of 'std::out_of_range' | std::out_of_range | vector::_M_range_check: __n (which is 3) >= this->size() (which is 0) | - | 0`,
	"dart":             `error | FormatException: Invalid radix-10 number (at character 1) | FormatException | Invalid radix-10 number (at character 1) | package:shop/orders.dart:12 Orders.place | 3`,
	"dotnet-aggregate": `error | Unhandled exception. System.AggregateException: One or more errors occurred. (bad id) (no stock) | System.ArgumentException | bad id | /src/Shop/Orders.cs:31 Shop.Orders.<Check>d__3.MoveNext | 2`,
	"driver-cause":     `error | java.sql.SQLException: cannot get a connection | java.net.ConnectException | Connection refused | Orders.java:44 com.shop.Orders.load | 3`,
	"elixir":           `error | ** (RuntimeError) boom 1 | RuntimeError | boom 1 | e.exs:10 fn in :elixir_compiler_0.__FILE__/1 | 3`,
	"erlang-crash":     `error | exception error: an error occurred when evaluating an arithmetic expression | error | an error occurred when evaluating an arithmetic expression | s.erl:2 s:inner/1 | 1`,
	"erlang-error":     `error | badarith | badarith |  | - | 0`,
	"glibc":            "fatal | *** Error in `./shopd': double free or corruption (fasttop): 0x0000000001c4e010 *** |  | Error in `./shopd': double free or corruption (fasttop): 0x0000000001c4e010 | ./shopd:0 _ZN6Orders5placeEi | 4",
	"glog":             `fatal | *** Aborted at 1704207845 (unix time) try "date -d @1704207845" if you are using GNU date *** |  | Aborted at 1704207845 (unix time) try "date -d @1704207845" if you are using GNU date | :0 Orders::place | 3`,
	"go-overflow":      `fatal | runtime: goroutine stack exceeds 1000000000-byte limit | fatal error | stack overflow | /srv/api/main.go:6 main.rec | 13`,
	"go-race":          `error | DATA RACE | DATA RACE |  | /srv/api/main.go:26 main.main.func6 | 3`,
	"go-repanic":       `fatal | panic: runtime error: index out of range [3] with length 0 [recovered] | panic | runtime error: index out of range [3] with length 0 | /srv/api/main.go:14 main.main.func1 | 5`,
	"hs-err":           `fatal | A fatal error has been detected by the Java Runtime Environment: SIGSEGV (0xb) at pc=0x00007f1c2c0f3a28, pid=1, tid=7 | SIGSEGV | SIGSEGV (0xb) at pc=0x00007f1c2c0f3a28, pid=1, tid=7 | - | 0`,
	"innodb":           `info | INNODB MONITOR OUTPUT |  |  | - | 0`,
	"java-oom":         `error | Exception in thread "main" java.lang.OutOfMemoryError: Java heap space | java.lang.OutOfMemoryError | Java heap space | Shop.java:22 com.shop.Shop.main | 1`,
	"java-suppressed":  `error | Exception in thread "main" java.lang.RuntimeException: cannot place | java.lang.IllegalStateException | order 7 has no lines | Shop.java:6 com.shop.Shop$Orders.lambda$r$0 | 1`,
	"kernel-oom":       `error | shopd invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0 | oom-killer | shopd invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0 | - | 2`,
	"kernel-oops":      `error | BUG: unable to handle page fault for address: ffffc90000abcdef | BUG | unable to handle page fault for address: ffffc90000abcdef | - | 5`,
	"lsan":             `error | LeakSanitizer: detected memory leaks | LeakSanitizer | detected memory leaks | /srv/app/c.cpp:14 main | 3`,
	"lua":              `error | lua5.4: l.lua:1: attempt to index a nil value (field 'id') |  |  | l.lua:1 inner | 4`,
	"node-assert":      `error | AssertionError: Expected values to be strictly deep-equal: | AssertionError | Expected values to be strictly deep-equal: | /srv/app/n.js:21 Object.assert | 8`,
	"node-emitter":     `error | Error: boom | Error | boom | /srv/app/n.js:13 Object.emitter | 11`,
	"node-multi":       `error | Error: first | Error | first | /srv/app/n.js:20 Object.multi | 8`,
	"node-require":     `error | Error: Cannot find module './nope' | Error | Cannot find module './nope' | /srv/app/n.js:19 Object.mod | 10`,
	"perl":             `error | no id at t.pl line 2. |  | no id | t.pl:2  | 3`,
	"php-logged":       `error | OrderException: logged in /srv/app/x.php:10 | OrderException | logged | /srv/app/x.php:10  | 2`,
	"powershell":       `error | Get-Content : Cannot find path 'C:\shop\orders.csv' because it does not exist. | ObjectNotFound | (C:\shop\orders.csv:String) [Get-Content], ItemNotFoundException | C:\shop\Import.ps1:12  | 1`,
	"python-logging":   `error | --- Logging error --- | TypeError | %d format: a real number is required, not str | /srv/app/p.py:47 <module> | 5`,
	"python-remote":    `error | KeyError: 'id' | KeyError | 'id' | /srv/app/p.py:2 inner | 3`,
	"python-task":      `error | Task exception was never retrieved | ValueError | in task | /srv/app/p.py:14 task | 1`,
	"reactor":          `error | java.lang.IllegalStateException: no stock | java.lang.IllegalStateException | no stock | Stock.java:31 com.shop.Stock.take | 1`,
	"ruby-highlight":   "error | r.rb:9:in `block in <main>': undefined method `id' for nil:NilClass (NoMethodError) | NoMethodError | undefined method `id' for nil:NilClass | r.rb:9 block in <main> | 3",
	"rust-full":        `error | thread 'main' (3354) panicked at rs.rs:5:50: index out of bounds: the len is 1 but the index is 5 | panic | index out of bounds: the len is 1 but the index is 5 | /srv/app/rs.rs:5 rs::place::{{closure}}::h59e2e6665b0c4c9b | 28`,
	"swift":            `fatal | Fatal error: Index out of range: file Swift/ContiguousArrayBuffer.swift, line 600 | Fatal error | Index out of range: file Swift/ContiguousArrayBuffer.swift, line 600 | shopd:0 Orders.place(_:) | 4`,
	"systemd-coredump": `fatal | Process 812 (shopd) of user 998 dumped core. |  |  | shopd:0 place_order | 3`,
}

// A writer of the property test: how its lines look to the reader.
type writer struct {
	name string
	// line makes a line of the writer's of its text.
	line func(s string) Line
	// headed says that every line of the writer's has a header of the application's own, which names the thread.
	headed bool
}

func writers(n int) []writer {
	var ws []writer
	for i := range n {
		meta := &Meta{Writer: fmt.Sprintf("unit:%d", i), PID: fmt.Sprint(100 + i)}
		ws = append(ws,
			writer{fmt.Sprintf("syslog %d", i), func(s string) Line { return Line{Text: fmt.Sprintf("Jan  2 15:04:05 web1 api[%d]: %s", 200+i, s)} }, false},
			writer{fmt.Sprintf("compose %d", i), func(s string) Line { return Line{Text: fmt.Sprintf("worker-%d  | %s", i+1, s)} }, false},
			writer{fmt.Sprintf("pod %d", i), func(s string) Line { return Line{Text: fmt.Sprintf("[pod/api-%d/app] %s", i, s)} }, false},
			writer{fmt.Sprintf("journal %d", i), func(s string) Line { return Line{Text: s, Meta: meta} }, false},
			writer{fmt.Sprintf("thread %d", i), func(s string) Line {
				return Line{Text: fmt.Sprintf("2024-01-02 15:04:05,123 ERROR [worker-%d] com.example.App - %s", i, s)}
			}, true})
	}
	return append(ws,
		writer{"stderr", func(s string) Line { return Line{Text: "2024-01-02T15:04:05.123456789Z stderr F " + s} }, false},
		writer{"stdout", func(s string) Line { return Line{Text: "2024-01-02T15:04:05.123456789Z stdout F " + s} }, false})
}

// TestInterleaved lets writers that every line names print their events at once, line by line in any order, among other
// writers' single lines: the events that come out are those that went in, and a Joiner stopped and restored at any line
// gives the same.
func TestInterleaved(t *testing.T) {
	var traces, headed [][]string
	load := func(pattern string) {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			lines := splitLines(string(b))
			if len(lines) <= 100 { // the bound of an interrupted event is not what this is about
				traces = append(traces, lines)
			}
		}
	}
	load("testdata/traces/*.log")
	load("testdata/dumps/*.log")
	for _, c := range traceCases {
		if c.everyLine {
			headed = append(headed, readTrace(t, c.name))
		}
	}
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	for seed := range rounds {
		rnd := rand.New(rand.NewPCG(uint64(seed), 7))
		type queue struct {
			w    writer
			left []string
		}
		var queues []*queue
		var want []string
		for _, w := range writers(3) {
			q := &queue{w: w}
			for range 1 + rnd.IntN(2) {
				from := traces
				if w.headed {
					from = headed
				}
				ev := from[rnd.IntN(len(from))]
				var raw []string
				for _, s := range ev {
					raw = append(raw, w.line(s).Text)
				}
				want = append(want, w.name+"\n"+strings.Join(raw, "\n"))
				// A single line parts two events of one writer; a thread's own INFO line does, too.
				single := w.line("server ready").Text
				if w.headed {
					single = strings.Replace(single, " ERROR ", " INFO ", 1)
				}
				want = append(want, w.name+"\n"+single)
				q.left = append(append(q.left, ev...), "server ready")
			}
			queues = append(queues, q)
		}
		var lines []Line
		var by []string
		noise := 0
		for len(queues) > 0 {
			if rnd.IntN(4) == 0 {
				noise++
				text := fmt.Sprintf("Jan  2 15:04:05 web1 cron[%d]: job %d done", 9000+noise, noise)
				lines, by = append(lines, Line{Text: text}), append(by, "cron")
				want = append(want, "cron\n"+text)
				continue
			}
			k := rnd.IntN(len(queues))
			q := queues[k]
			l := q.w.line(q.left[0])
			if q.w.headed && q.left[0] == "server ready" {
				l.Text = strings.Replace(l.Text, " ERROR ", " INFO ", 1)
			}
			lines, by = append(lines, l), append(by, q.w.name)
			if q.left = q.left[1:]; len(q.left) == 0 {
				queues = slices.Delete(queues, k, k+1)
			}
		}
		for i := range lines {
			lines[i].Number, lines[i].Offset = int64(i+1), int64(i)
		}
		for _, cut := range []int{0, 1 + rnd.IntN(5)} {
			j, err := NewJoiner(Config{Reference: reference})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			emit := func(r *incident.Record) { got = append(got, by[r.FirstLine-1]+"\n"+strings.Clone(r.Raw)) }
			for i := range lines {
				j.Add(lines[i], emit)
				if cut > 0 && i%cut == 0 {
					state := j.AppendState(nil)
					if j, err = NewJoiner(Config{Reference: reference}); err != nil {
						t.Fatal(err)
					}
					if err := j.Restore(state); err != nil {
						t.Fatal(err)
					}
				}
			}
			j.Flush(emit)
			slices.Sort(got)
			slices.Sort(want)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d, cut %d (-went in +came out):\n%.6000s", seed, cut, d)
			}
		}
	}
}
