package events

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// What makes reading fast must not be seen in what is read: each short cut is held against the plain way here.

// plainBlank, plainClosing and plainFraction are blankFrom, closing and scanFraction without short cuts.
func plainBlank(s string, i int) int {
	if k := strings.IndexAny(s[i:], " \t"); k >= 0 {
		return i + k
	}
	return len(s)
}

func plainClosing(s string, end byte) int {
	if s == "" {
		return -1
	}
	return closingNested(s[:min(len(s), maxBracket)], end)
}

func plainFraction(s string, i int) (nsec, after int) {
	if c := at(s, i); c != '.' && c != ',' && c != ':' || !isDigit(at(s, i+1)) {
		return 0, i
	}
	scale := int(1e8)
	for i++; i < len(s) && isDigit(s[i]); i++ {
		nsec += int(s[i]-'0') * scale
		scale /= 10
	}
	return nsec, i
}

// plainUnescape is unescapeLines as it is said.
func plainUnescape(s string) string {
	for i := range len(s) {
		next := s[min(len(s), i+4):]
		if i > 0 && strings.HasPrefix(s[i:], "#012") && s[i-1] != ' ' && (isLetter(at(next, 0)) || hasAnyPrefix(next, "  ", "#01")) {
			return strings.NewReplacer("#012", "\n", "#011", "\t").Replace(strings.TrimSuffix(s, "#012"))
		}
	}
	return s
}

// FuzzShortCuts: the short cuts that look at a few bytes.
func FuzzShortCuts(f *testing.F) {
	for _, s := range []string{
		"", "[a] b", "[[a] b] c", "[]", "[ ] x", "]a[", "[\xc2\xa0] x", "[a" + strings.Repeat("b", maxBracket) + "]", "(a (b) c) d", "((", "abc=1 d=2\te=3 f", "12345678\t",
		".5", ",123", ".123456789", ".1234567891234", ":99 ", "a#012b", "a#012#011b#012", "GH#012 is closed", "#012#012a", "a ##012 b", "Information ERROR debug5 debug\x15 wArN",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, end := range []byte{']', ')', '>', at(s, 0)} {
			if got, want := closing(s, end), plainClosing(s, end); got != want {
				t.Errorf("closing %q by %q: %d, not %d", s, end, got, want)
			}
		}
		for i := range len(s) {
			if got, want := blankFrom(s, i), plainBlank(s, i); got != want {
				t.Errorf("blank in %q from %d: %d, not %d", s, i, got, want)
			}
		}
		var st stamp
		after := scanFraction(s, 0, &st)
		if nsec, want := plainFraction(s, 0); st.nsec != nsec || after != want {
			t.Errorf("fraction %q: %d up to %d, not %d up to %d", s, st.nsec, after, nsec, want)
		}
		if got, want := unescapeLines(s), plainUnescape(s); got != want {
			t.Errorf("lines of %q: %q, not %q", s, got, want)
		}
		if s != "" {
			var h head
			h.timed, h.leveled = true, true
			c := scanner{s: s, h: &h, rd: &reader{}, scanOptions: scanOptions{maxSoft: 0}, levelAt: -1}
			k := plainClosing(s, ']')
			if got, want := c.bracket(s, ']'), k >= 0 && strings.TrimSpace(s[1:k]) == ""; got != want {
				t.Errorf("bracket %q: %v, not %v", s, got, want)
			}
		}
		for _, w := range strings.Fields(s) {
			checkWord(t, w)
		}
	})
}

// checkWord holds the tables of words against the words themselves.
func checkWord(t *testing.T, w string) {
	t.Helper()
	var alarmed alarm
	for v, a := range alarms {
		if len(w) > 1 && fold(w, v) {
			alarmed = a
		}
	}
	if got, ok := alarmTable.find(w); got != alarmed || ok != (alarmed.part != partNone) {
		t.Errorf("alarm %q: %v, not %v", w, got, alarmed)
	}
	leveled := incident.SeverityUnset
	for i, v := range levelWords.words {
		if fold(w, v) {
			leveled = levelWords.values[i]
		}
	}
	if got, ok := levelWord(w); got != leveled || ok != (leveled != incident.SeverityUnset) {
		t.Errorf("level %q: %v, not %v", w, got, leveled)
	}
}

// FuzzStamps: a time stamp is read, and dated, as if none had been read before.
func FuzzStamps(f *testing.F) {
	for _, s := range []string{
		"2024-01-02 15:04:05.123 a", "2024-01-02T15:04:05,123Z", "2024-01-02 15:04:05.1234 a", "2024-01-02 3:04:05 a b c d", "2024-01-02 15:04:05 PM a", "2024-01-02 15:04:60.999+01:00",
		"2024-01-02 15:04:61.999 aa", "2024-01-02 24:04:05.123", "2024-01-02 1:504:05:123", "2024-01-02 15:04:0512 a", "2024-01-02 15-04-05 abcdef", "2024-01-02 15:\xfa4:05 abcdef",
		"Jan  2 15:04:05 web1 a", "Jan  3 15:04:05 web1 a", "Dec 31 23:59:60 web1 a", "Jan 12 15:04:05 Web", "Feb 30 15:04:05 web1", "Jan  2 15:04:05 2024 a", "Jan  2 25:04:05 web1",
		"02/Jan/2024:15:04:05 +0000] a", "02/Jan/2024:15:04:05 +0130] a", "02/Jan/2024:15:04:05 -0130] a", "02/Jan/2024:15:04:05.123 +0000]", "02/Jan/2024:15:04:05 +0000 ]", "02/Jan/2024 15:04:05 +0000]",
	} {
		f.Add(s, s, int64(0))
		f.Add("2024-01-02 15:04:05.123 a", s, int64(86400*200))
		f.Add("02/Jan/2024:15:04:05 +0000] a", s, int64(-86400*2))
		f.Add("Jan  2 15:04:05 web1 a", s, int64(-86400*3))
	}
	f.Fuzz(func(t *testing.T, first, s string, later int64) {
		for _, ref := range []time.Time{{}, reference, reference.Add(time.Duration(later%(86400*800)) * time.Second)} {
			r := reader{ref: ref}
			for _, s := range []string{first, s, first, s} {
				var a, b stamp
				n, want := r.stamp(s, &a), scanStamp(s, &b)
				if n != want || n > 0 && !r.resolve(&a).Equal(b.resolve(ref, nil)) {
					t.Fatalf("%q behind %q, read at %v: %d bytes, not %d: %+v, not %+v", s, first, ref, n, want, a, b)
				}
				when, ok := r.dates.webTime(s)
				if ok && (want != webTimeSize || s[want] != ']' || !when.Equal(b.resolve(ref, nil))) {
					t.Fatalf("%q behind %q is %v, not %v", s, first, when, b)
				}
				if want > 0 && at(s, want) == ']' {
					r.dates.keepWeb(s, want, &b)
				}
			}
		}
	})
}

func TestWordTables(t *testing.T) {
	for _, words := range [][]string{alarmTable.words, levelWords.words} {
		for _, w := range words {
			for _, v := range []string{w, strings.ToUpper(w), strings.ToUpper(w[:1]) + w[1:], w + "s", w[1:], "x" + w[1:], w[:len(w)-1] + "\x01"} {
				checkWord(t, v)
			}
		}
	}
	for _, w := range []string{"", "e", "@rror", "ERR\x8fR", "warn\x00", "debug\x11", "debug6", "inf\xef", strings.Repeat("error", 20)} {
		checkWord(t, w)
	}
}

// readFresh reads a line with a reader that knows of no other.
func readFresh(s string) head {
	r := reader{ref: reference}
	var h head
	w := r.unwrap(s, &h)
	r.read(w.body, &h)
	return h
}

// checkMemory: a reader that read other lines before gives what a new one gives.
func checkMemory(t *testing.T, lines []string) {
	t.Helper()
	r := reader{ref: reference, memo: &headerMemo{maxSoft: -1}, keys: &keyMemos{}}
	for _, s := range lines {
		var h head
		w := r.unwrap(s, &h)
		r.read(w.body, &h)
		if d := cmp.Diff(readFresh(s), h, cmp.AllowUnexported(head{})); d != "" {
			t.Fatalf("%q among\n%s\n(-alone +there):\n%s", s, strings.Join(lines, "\n"), d)
		}
	}
}

// FuzzReadMemory: what a reader remembers of some lines does not show in what it says of the next.
func FuzzReadMemory(f *testing.F) {
	for _, in := range benchInputs {
		f.Add(in.line(7) + "\n" + in.line(90))
	}
	for _, s := range []string{
		`{"time":"2024-01-02T15:04:05Z","level":"INFO","msg":"a"}` + "\n" + `{"time" :"2024-01-02T15:04:06Z", "level":"ERROR","msgs":"b","msg":"c"}`,
		`{"a":{"level":"error"},"level":"info"}` + "\n" + `{"a":"level","level": "error"}` + "\n" + `{"level":"warn","a":1}`,
		`{ "level": "info", "thread": {"name":"x"}}` + "\n" + `{ "level": "info",  "thread":{"name":"y"}}` + "\n" + `{ "lev\u0065l": "error"}`,
		"ts=2024-01-02T15:04:05Z level=info msg=a at=b\nts=2024-01-02T15:04:05Z level=error msg=\"b\" at=error\nlevel=info a msg=x msg\nts= level=x",
		"event=a level=info msg=b\nlevel=info event=a msg=b\nat=error method=GET path=/ status=500\nlevel=info at=b msg=c",
		`1.1.1.1 - - [02/Jan/2024:15:04:05 +0000] "GET / HTTP/1.1" 200 1` + "\n" + `1.1.1.1 - - [02/Jan/2024:15:04:06 +0100] "GET / HTTP/1.1" 200 1` + "\n" +
			`1.1.1.1 - - [02/Jan/2024:25:04:06 +0100] "GET / HTTP/1.1" 500 1` + "\n" + `1.1.1.1 - - [02/Jan/2024:15:04:60 +0100] "GET / HTTP/1.1" 500 1`,
		"2024-01-02 15:04:05.123 INFO  [http-nio-8080-exec-3] shop.Cart - a\n2024-01-02 15:04:05.123 INFO  [http-nio-8080-exec-4] shop.Cart - b\n2024-01-02 15:04:05.124 INFO  [http-nio-8080-exec-3] shop.Cart - c",
		"2024-01-02 15:04:05,123 - shop.jobs - INFO - job 1 taken by worker\n2024-01-02 15:04:05,124 - shop.jobs - INFO - job 2 taken by worker\n2024-01-02 15:04:05,124 - shop.jobs - INFO -- job 2 taken by worker",
		"2024-01-02 15:04:05 ERROR:  relation x does not exist here\n2024-01-02 15:04:05 ERROR: relation x does not exist here\n2024-01-02 15:04:05 Error while doing something else\n2024-01-02 15:04:05 Error  while doing something else",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		if len(lines) > 50 {
			return
		}
		checkMemory(t, append(lines, lines...))
	})
}

// TestReadMemory mixes lines of many kinds, some of them cut or changed in one byte.
func TestReadMemory(t *testing.T) {
	var all []string
	for _, in := range benchInputs {
		for i := range 20 {
			all = append(all, in.line(i*31))
		}
	}
	for _, s := range corpus(t) {
		lines := splitLines(s)
		all = append(all, lines[:min(len(lines), 60)]...)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var lines []string
		for range 30 {
			s := all[rng.IntN(len(all))]
			switch rng.IntN(4) {
			case 0:
				s = s[:rng.IntN(len(s)+1)]
			case 1:
				if b := []byte(s); len(b) > 0 {
					b[rng.IntN(len(b))] = `" []{}:=,.#1aE`[rng.IntN(15-1)]
					s = string(b)
				}
			}
			lines = append(lines, s, s)
		}
		checkMemory(t, lines)
	}
}
