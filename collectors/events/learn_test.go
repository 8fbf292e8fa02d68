package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

func pipeLine(i int, m string) string {
	return fmt.Sprintf("20240203-%s:%03d|Pump_%s|40001|%s", clock(i), i%1000, pick(i, "Main", "Aux"), m)
}

func nodeLine(i int, m string) string {
	return fmt.Sprintf("- 17070%05d 2024.02.03 X%02d-Y1 2024-02-03-03.11.22.%06d X%02d-Y1 EVT %s INFO %s", i, i%30, i, i%30, pick(i, "DISK", "NET"), m)
}

// A file whose format changes is read by what it is now, after some lines, and in the meantime no worse than without having
// learned anything.
func TestFormatChange(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, then func(i int, m string) string
	}{
		{"pipes to nodes", pipeLine, nodeLine},
		{"nodes to pipes", nodeLine, pipeLine},
		{"no header to pipes", func(_ int, m string) string { return m }, pipeLine},
		{"nodes to no header", nodeLine, func(_ int, m string) string { return m }},
		{"pipes to JSON", pipeLine, func(i int, m string) string { return fmt.Sprintf(`{"level":"info","msg":%q}`, m) }},
		{"pipes to syslog", pipeLine, func(i int, m string) string { return fmt.Sprintf("Feb  3 %s mars shopd[1]: %s", clock(i), m) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines, want []string
			for i := range 900 {
				m := sayings[(i*i+i/7)%len(sayings)](i)
				f := c.first
				if i >= 400 {
					f = c.then
				}
				lines, want = append(lines, f(i, m)), append(want, m)
			}
			late := 0
			for _, r := range joinAll(t, Config{}, lines) {
				i := int(r.FirstLine - 1)
				switch {
				case r.Message == want[i]:
				case i < 400:
					t.Fatalf("line %d: %q, want %q", i+1, r.Message, want[i])
				default:
					late = i
				}
			}
			if late > 440 && c.name != "nodes to no header" || late > 700 {
				t.Errorf("line %d is still read wrongly, the change was in line 400", late+1)
			}
		})
	}
}

// Whoever writes to a log can't hide an error of another writer by teaching a profile: what is an error without having learned
// anything is one with it, whatever was learned.
func TestProfileHidesNoError(t *testing.T) {
	victims := []string{
		"2024-02-03 04:05:06 ERROR cannot pay", "2024-02-03 04:05:06 INFO failed 7 140233001 fine", "2024-02-03 04:05:06 INFO panic 7 1402 x",
		"2024-02-03 04:05:06 PaymentException: cannot pay",
		"2024-02-03 04:05:06 [shop] FATAL no disk",
		"2024-02-03 04:05:06 com.shop.PayError: refused",
		"2024-02-03 04:05:06 error: cannot pay",
		"2024-02-03 04:05:06 failed: open x",
		"2024-02-03 04:05:06 [fatal error] no disk",
		"2024-02-03 04:05:06 fatal|x|y",
		"ERROR cannot pay", "panic: no", "x failed to open", "Error: no", "1707000000 ERROR no",
		"error - cannot pay", "2024-02-03 04:05:06 failure - cannot pay",
		"2024-02-03 04:05:06 Aborted (core dumped) INFO x", "- 1707000000 host failed 2024-02-03 04:05:06 x ERROR y",
	}
	var teachers []func(i int, m string) string
	for _, h := range headers {
		teachers = append(teachers, h.line)
	}
	for _, s := range []string{
		"2024-02-03 04:05:06 %s: fine %d", "2024-02-03 04:05:06 [%s x] fine %d", "2024-02-03 04:05:06 %s|a|fine %d", "2024-02-03 04:05:06 %s - fine %d",
		"2024-02-03 04:05:06 com.%s fine %d", "%s %d 2024-02-03 04:05:06 fine", "%s: fine %d", "2024-02-03 04:05:06 %s %d INFO fine", "2024-02-03 04:05:06 %s, fine %d",
		"2024-02-03 04:05:06 INFO %s 7 14023300%04d fine",
	} {
		teachers = append(teachers, func(i int, _ string) string {
			return fmt.Sprintf(s, pick(i, "error", "Failure", "shop.OpenError", "fine"), i)
		})
	}
	for k, teach := range teachers {
		for _, v := range victims {
			before := one(t, v).Severity
			var lines []string
			for i := range 150 {
				lines = append(lines, teach(i, "all is well"))
			}
			lines = append(lines, v)
			var got *incident.Record
			for _, r := range joinAll(t, Config{}, lines) {
				if r.FirstLine <= int64(len(lines)) && int64(len(lines)) <= r.LastLine {
					got = r
				}
			}
			if before >= fail && got.Severity < fail {
				t.Errorf("teacher %d (%q): %q is %v, was %v", k, lines[0], v, got.Severity, before)
			}
		}
	}
}

// What stands in front of a time stamp is header where the source was learned to have one there, but not if it speaks of an
// error or is all that the line says.
func TestPrefixHidesNoWords(t *testing.T) {
	for _, v := range []struct {
		line, says string
		least      incident.Severity
	}{
		{"connection refused 2024-02-03T04:05:06Z by peer", "connection refused", fail},
		{"connection refused 2024-02-03T04:05:06Z", "connection refused", fail},
		{"shop.PaymentException: refused 2024-02-03T04:05:06Z by peer", "PaymentException", fail},
		{"going down 2024-02-03T04:05:06Z", "going down", incident.SeverityUnset},
	} {
		var lines []string
		for i := range 150 {
			lines = append(lines, fmt.Sprintf("node-%d DISK 2024-02-03T04:05:06Z all is well with %d", 10+i%40, i))
		}
		got := joinAll(t, Config{}, append(lines, v.line))
		first, last := got[0], got[len(got)-1]
		if !strings.HasPrefix(first.Message, "all is well") {
			t.Fatalf("the first is %q: the prefix was not learned", first.Message)
		}
		if last.Severity < v.least || last.Message == "" || !strings.Contains(last.Raw, v.says) || v.least > 0 && !strings.Contains(last.Message, v.says) {
			t.Errorf("%q is read as %v %q", v.line, last.Severity, last.Message)
		}
	}
}

// What is held back is read when nothing more comes, when it is too much, and when it waited for too long.
func TestHeldBack(t *testing.T) {
	feed := func(j *Joiner, from, to int, size int) (out []*incident.Record) {
		for i := from; i < to; i++ {
			j.Add(Line{Text: pipeLine(i, strings.Repeat("word ", size)+"end"), Number: int64(i + 1)}, func(r *incident.Record) { out = append(out, r.Clone()) })
		}
		return out
	}
	newOne := func() *Joiner {
		j, err := NewJoiner(Config{Reference: reference})
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	t.Run("until enough is known", func(t *testing.T) {
		j := newOne()
		if out := feed(j, 0, maxSamples-1, 1); len(out) > 0 || !j.Pending() {
			t.Fatalf("%d events, pending %v", len(out), j.Pending())
		}
		if out := feed(j, maxSamples-1, maxSamples, 1); len(out) != maxSamples-1 || out[0].Message != "word end" {
			t.Fatalf("%d events", len(out))
		}
	})
	t.Run("until nothing more comes", func(t *testing.T) {
		j := newOne()
		feed(j, 0, 40, 1)
		var out []*incident.Record
		j.Flush(func(r *incident.Record) { out = append(out, r.Clone()) })
		if len(out) != 40 || out[3].Message != "word end" || j.Pending() {
			t.Fatalf("%d events, pending %v", len(out), j.Pending())
		}
	})
	t.Run("in bytes", func(t *testing.T) {
		j := newOne()
		most := 0
		for i := range 200 {
			feed(j, i, i+1, 1000)
			most = max(most, j.lr.bytes)
		}
		if most > maxHeldBytes+8<<10 {
			t.Errorf("%d bytes", most)
		}
	})
	t.Run("in time", func(t *testing.T) {
		j := newOne()
		feed(j, 0, 20, 1)
		j.SetReference(reference.Add(maxHeldTime))
		if out := feed(j, 20, 21, 1); len(out) != 20 {
			t.Errorf("%d events", len(out))
		}
	})
	t.Run("not at all", func(t *testing.T) {
		for _, s := range []string{
			"Feb  3 03:04:05 mars shopd[1]: x", `{"level":"info","msg":"x"}`, `level=info msg=x`, "I0203 03:04:05.000000       1 a.go:3] x",
			`10.0.0.1 - - [03/Feb/2024:03:04:05 +0000] "GET / HTTP/1.1" 200 1`, "[    1.000000] x",
		} {
			j := newOne()
			n := 0
			for i := range 3 {
				j.Add(Line{Text: s, Number: int64(i + 1)}, func(*incident.Record) { n++ })
			}
			if n != 2 {
				t.Errorf("%q: %d events", s, n)
			}
		}
	})
}

// What was learned is in the state: a restored Joiner reads the next line as this one would have.
func TestRestoredProfile(t *testing.T) {
	for _, h := range headers {
		var lines []string
		for i := range 230 {
			lines = append(lines, h.line(i, sayings[i%len(sayings)](i)))
		}
		checkEquivalence(t, Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1 << 16, MaxPending: 1 << 20}, lines)
	}
}

// A state of the first version, which had no profiles, is taken up.
func TestFirstState(t *testing.T) {
	j, err := NewJoiner(Config{Reference: reference})
	if err != nil {
		t.Fatal(err)
	}
	// one group without lane, not parked, with an event of one line
	w := stateWriter{b: []byte{1}}
	w.uint(1)
	w.uint(1)
	w.str("")
	w.flags(false, true, false)
	w.uint(0)
	w.event(&event{raw: "boom", body: "boom", logical: 1, pieces: []piece{{raw: "boom", num: 7, part: true}}, spans: []span{{7, 7}}, origin: origin{offset: 3}})
	if err := j.Restore(w.b); err != nil {
		t.Fatal(err)
	}
	var got []string
	j.Flush(func(r *incident.Record) { got = append(got, fmt.Sprint(r.FirstLine, r.Message)) })
	if !slices.Equal(got, []string{"7boom"}) {
		t.Errorf("%q", got)
	}
}

// FuzzLearn: whatever lines a profile is learned from, no line is lost, a restored Joiner goes on exactly, and no line that is an
// error by itself is less with a profile.
func FuzzLearn(f *testing.F) {
	for i, h := range headers {
		f.Add(h.line(1, "a b"), h.line(2, "c d 7"), h.line(3, "e"), "2024-02-03 03:04:05 ERROR x", uint16(i*13))
	}
	f.Add("a|b|c", " one", "2024-02-03 04:05:06 [x] y", "error: z", uint16(3))
	f.Fuzz(func(t *testing.T, a, b, c, odd string, seed uint16) {
		kinds := []string{a, b, c}
		for i := range kinds {
			kinds[i], _, _ = strings.Cut(kinds[i], "\n")
			kinds[i] = kinds[i][:min(len(kinds[i]), 500)]
		}
		odd, _, _ = strings.Cut(odd, "\n")
		odd = odd[:min(len(odd), 500)]
		var lines []string
		n := uint32(seed) + 1
		for range 2*maxSamples + 40 {
			n = n*1664525 + 1013904223
			if s := kinds[n>>16%3]; n>>24%16 != 0 {
				lines = append(lines, s)
			} else {
				lines = append(lines, odd)
			}
		}
		cfg := Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1 << 12, MaxPending: 1 << 18}
		whole := runJoiner(t, cfg, lines, 0)
		checkCover(t, len(lines), whole)
		for _, cut := range []int{37, 1 + int(seed%97)} {
			if d := cmp.Diff(whole, runJoiner(t, cfg, lines, cut)); d != "" {
				t.Fatalf("cut after every %d lines (-whole +cut):\n%s", cut, d)
			}
		}
	})
}

func TestBoundedLearner(t *testing.T) {
	j, err := NewJoiner(Config{Reference: reference})
	if err != nil {
		t.Fatal(err)
	}
	// a writer who changes the format again and again keeps the learner busy, and nothing more
	most := 0
	for i := range 5000 {
		s := pipeLine(i, "x")
		if i/60%2 == 0 {
			s = nodeLine(i, "y")
		}
		j.Add(Line{Text: s, Number: int64(i + 1), Time: time.Time{}}, func(*incident.Record) {})
		most = max(most, len(j.AppendState(nil)))
	}
	if most > 3*maxHeldBytes {
		t.Errorf("a state of %d bytes", most)
	}
}

// The memo and the cache of dates only save work: lines are read the same without them.
func TestMemo(t *testing.T) {
	var lines []string
	for i := range 200 {
		for _, h := range headers {
			lines = append(lines, h.line(i, sayings[i%len(sayings)](i)))
		}
		lines = append(lines, benchInputs[0].line(i), "2024-01-02 15:04:05,123 INFO [worker-1] com.example.shop.Cart:x y",
			"2024-01-02 15:04:05,123 INFO [worker-1]com.example.shop.Cart: y", "2024-01-02 15:04:05,123 INFO [worker-1] com.example.shop.Cart\ty",
			"2024-01-02 15:04:05,123 INFO [worker-1] com.example.shop.Cart - y", "2024-01-02 15:04:05 PM INFO [worker-1] com.example.shop.Cart - y")
	}
	for _, soft := range []int{-1, 0, 1, 2} {
		lines = append(lines, traceLines(t)...)
		r := reader{only: FormatAuto, ref: reference, memo: &headerMemo{maxSoft: soft}}
		for i, s := range lines {
			plain := reader{only: FormatAuto, ref: reference}
			var got, want head
			a, b := r.scanFixed(s, &got, scanOptions{maxSoft: soft}), plain.scanFixed(s, &want, scanOptions{maxSoft: soft})
			if d := cmp.Diff(want, got, cmp.AllowUnexported(head{})); d != "" || a != b {
				t.Fatalf("line %d, %d brackets: %q (-without +with):\n%s\n%v, %v", i, soft, s, d, b, a)
			}
			if r.memo.misses = min(r.memo.misses, memoTry/2); r.memo.hits == 0 && i > 5000 {
				t.Fatal("the memo is never used")
			}
		}
	}
}

func traceLines(t *testing.T) (out []string) {
	for _, s := range corpus(t) {
		out = append(out, splitLines(s)...)
	}
	return out
}

// FuzzMemo: no two lines make the memo or the cache of dates say anything else than the scanner does.
func FuzzMemo(f *testing.F) {
	for _, h := range headers {
		f.Add(h.line(1, "a b"), h.line(2, "[c] d 7"), 1)
	}
	f.Add("2024-01-02 15:04:05 [t] INFO a.b.C - x", "2024-01-02 15:04:05 [t] INFO a.b.C -- x", -1)
	f.Fuzz(func(t *testing.T, a, b string, soft int) {
		soft = max(min(soft, 9), -1)
		r := reader{only: FormatAuto, ref: reference, memo: &headerMemo{maxSoft: soft}}
		for i, s := range []string{a, a, b, b, a} {
			plain := reader{only: FormatAuto, ref: reference}
			var got, want head
			x, y := r.scanFixed(s, &got, scanOptions{maxSoft: soft}), plain.scanFixed(s, &want, scanOptions{maxSoft: soft})
			if d := cmp.Diff(want, got, cmp.AllowUnexported(head{})); d != "" || x != y {
				t.Fatalf("reading %d, %d brackets: %q (-without +with):\n%s\n%v, %v", i, soft, s, d, y, x)
			}
		}
	})
}
