package main

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func made(t *testing.T, key string, n int64) []string {
	t.Helper()
	var b bytes.Buffer
	if err := writeLog(&b, key, n); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// TestInputsAreWhatTheySay: as many lines as asked for, the same every time, and each message is the end or the inside of the raw
// line at its place.
func TestInputsAreWhatTheySay(t *testing.T) {
	const n = 150_000 // more than one part
	contents, raws := made(t, "all-content", n), made(t, "all-raw", n)
	if len(contents) != n || len(raws) != n {
		t.Fatalf("%d and %d lines, wanted %d", len(contents), len(raws), n)
	}
	longer, same := 0, map[string]bool{}
	for i := range contents {
		if strings.Contains(raws[i], contents[i]) && len(raws[i]) > len(contents[i]) {
			longer++
		}
		same[contents[i]] = true
	}
	// Some kinds show their message quoted, and some have logs without headers.
	if longer < n*3/4 {
		t.Errorf("only %d of %d raw lines are a message with a header", longer, n)
	}
	if len(same) < n/3 || len(same) > n*99/100 {
		t.Errorf("%d of %d messages differ", len(same), n)
	}
	again := made(t, "all-content", n)
	for i := range again {
		if again[i] != contents[i] {
			t.Fatalf("line %d is %q, and then %q", i, contents[i], again[i])
		}
	}
	for _, s := range streams {
		one := made(t, s+"-content", 1000)
		if len(one) != 1000 {
			t.Errorf("%s: %d lines", s, len(one))
		}
	}
	if err := writeLog(io.Discard, "nobody-content", 1); err == nil {
		t.Error("a kind that is not there was written")
	}
}

// TestEveryPeerTakesEveryLine has each do its job on a small log.
func TestEveryPeerTakesEveryLine(t *testing.T) {
	o := &options{lines: 3000, mb: 1}
	dir := t.TempDir()
	for _, in := range inputs(o) {
		path := filepath.Join(dir, in.key)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriter(f)
		if err := errors.Join(writeLog(w, in.key, in.size), w.Flush(), f.Close()); err != nil {
			t.Fatal(err)
		}
		all, err := count(path, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range peers() {
			for _, kind := range p.reads {
				if kind != in.kind {
					continue
				}
				s, err := p.measured(path, all.Lines)
				if err != nil {
					t.Errorf("%s on %s: %v", p.key, in.key, err)
				}
				if s.Lines != all.Lines || s.Bytes != all.Bytes {
					t.Errorf("%s on %s took %d lines of %d, %d bytes of %d", p.key, in.key, s.Lines, all.Lines, s.Bytes, all.Bytes)
				}
				if s.Clusters == 0 && in.kind != tailed && !p.limit {
					t.Errorf("%s found no cluster in %s", p.key, in.key)
				}
			}
		}
	}
}

func TestReport(t *testing.T) {
	r := report{runs: 3, processors: 2, tables: []table{{
		input: input{"x", "a < b", raw, 4}, lines: 2_000_000, bytes: 100_000_000,
		rows: []row{
			{peer{name: "`loop`", limit: true}, spent{Lines: 2_000_000, Bytes: 100_000_000, CPU: time.Second / 10}},
			{peer{name: "**Logwright**", ours: true}, spent{Lines: 2_000_000, Bytes: 100_000_000, CPU: time.Second, Clusters: 7}},
			{peer{name: "another"}, spent{Lines: 100_000, Bytes: 5_000_000, CPU: time.Second, Clusters: 1234, peak: 64 << 20}},
		},
	}}}
	text := r.markdown()
	for _, want := range []string{
		"2,000,000 lines, 100 MB", "| `loop` | 20.00 | 1000 | 50 | 1.0 | – | – | 0 |",
		"| **Logwright** | 2.00 | 100 | 500 | 10.0 | – | 7 | 0 |", "| another | 0.10 | 5 | 10000 | 200.0 | 20.0× | 1,234 | 64 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	t2 := table{input: input{"y", "tail", tailed, 1}, lines: 4_000_000, rows: []row{
		{peer{name: "loop", limit: true}, spent{Lines: 4_000_000, CPU: time.Second, Wall: time.Second}},
		{peer{name: "**Logwright**", ours: true}, spent{Lines: 4_000_000, CPU: 2 * time.Second, Wall: time.Second}},
		{peer{name: "part"}, spent{Lines: 1_000_000, CPU: 3 * time.Second, Wall: 4 * time.Second}},
	}}
	if got, want := t2.markdown(), "| part | 12.00 | 16.00 | 0.33 | 12.0 | 6.0× | 0 |"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	r.tables = append(r.tables, t2)
	d := xml.NewDecoder(strings.NewReader(r.svg()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
	}
}

func TestMedianKeepsTheHighestPeak(t *testing.T) {
	m := median([]spent{{Wall: 3, CPU: 1, peak: 5}, {Wall: 1, CPU: 9, peak: 7}, {Wall: 2, CPU: 2, peak: 6}})
	if m.Wall != 2 || m.CPU != 2 || m.peak != 7 {
		t.Errorf("%+v", m)
	}
}
