package file

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

func TestStem(t *testing.T) {
	for path, want := range map[string]string{
		"/var/log/nginx/error.log":                                          "error",
		"/var/log/nginx/error.log.2.gz":                                     "error",
		"/var/log/nginx/error.log-20240131.xz":                              "error",
		"/var/log/syslog":                                                   "syslog",
		"/var/log/syslog.1":                                                 "syslog",
		"/var/log/app/app-2024-01-31.log":                                   "app",
		"/var/log/app/app.2024-01-31.3.log":                                 "app",
		"/var/log/app/app.1.log":                                            "app",
		"/var/log/caddy/x-2024-03-13T03-15-51.642.log.gz":                   "x",
		"/var/log/worker-1.log":                                             "worker-1",
		"/var/log/worker-1.log.3":                                           "worker-1",
		"/var/log/app.log.old":                                              "app",
		"/var/log/app.log~":                                                 "app",
		"/var/log/dpkg.log":                                                 "dpkg",
		"/var/log/postgresql/postgresql-15-main.log":                        "postgresql-15-main",
		"/var/log/pods/ns_pod_uid/api/0.log":                                "api",
		"/var/log/pods/ns_pod_uid/api/0.log.20230810-082034.gz":             "api",
		"/var/log/containers/p_ns_api-" + strings.Repeat("0a", 32) + ".log": "api",
		".log": ".log",
		"-":    "-",
		"":     ".",
	} {
		if got := Stem(path); got != want {
			t.Errorf("Stem(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestIsRotationOf(t *testing.T) {
	for _, tc := range []struct {
		name, base string
		want       bool
	}{
		{"app.log.1", "app.log", true},
		{"app.log.2.gz", "app.log", true},
		{"app.log.gz", "app.log", true},
		{"app.log-20240131", "app.log", true},
		{"app.log-20240131-1706659200.zst", "app.log", true},
		{"app.log.2024-01-31T10:00:00Z", "app.log", true},
		{"app.log.old", "app.log", true},
		{"app.log~", "app.log", true},
		{"app-20240131.log", "app.log", true},
		{"app-2024-03-13T03-15-51.642.log.gz", "app.log", true},
		{"app.1.log", "app.log", true},
		{"0.log.20230810-082034.gz", "0.log", true},
		{"syslog.1", "syslog", true},
		{"app.log", "app.log", false},
		{"app.log.lock", "app.log", false},
		{"app.log.tmp", "app.log", false},
		{"app2.log", "app.log", false},
		{"application.log.1", "app.log", false},
		{"worker-2.log", "worker-1.log", false},
		{"app-error.log", "app.log", false},
		{"x", "", false},
	} {
		if got := isRotationOf(tc.name, tc.base); got != tc.want {
			t.Errorf("isRotationOf(%q, %q) = %v", tc.name, tc.base, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  Config
		want []incident.Problem
	}{
		{"good", Config{Include: []string{"/var/log/**/*.log"}, Exclude: []string{"/var/log/{a,b}.log"}}, nil},
		{"nothing included", Config{}, []incident.Problem{{Path: "include", Message: "no files are included"}}},
		{"all at once", Config{
			Include: []string{"/a/[", "rel/*.log", ""}, Exclude: []string{"/x/{a"}, Start: "middle", Symlinks: "yes", Watch: "kqueue",
			PollInterval: 1, RotatedWait: -1, ForgetAfter: -1, MaxOpen: -1, MaxLine: 3,
		}, []incident.Problem{
			{Path: "include[0]", Message: `"/a/[" is not a glob`},
			{Path: "include[1]", Message: `"rel/*.log" is not an absolute path`},
			{Path: "include[2]", Message: "the pattern is empty"},
			{Path: "exclude[0]", Message: `"/x/{a" is not a glob`},
			{Path: "start", Message: `unknown value "middle"`},
			{Path: "symlinks", Message: `unknown value "yes"`},
			{Path: "watch", Message: `unknown value "kqueue"`},
			{Path: "poll_interval", Message: "1ns is too short"},
			{Path: "rotated_wait", Message: "-1ns is negative"},
			{Path: "forget_after", Message: "-1ns is negative"},
			{Path: "max_open", Message: "-1 is negative"},
			{Message: "a line limit of 3 bytes is too small"},
		}},
		{"once takes relative paths", Config{Include: []string{"app.log"}, Once: true}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.cfg.Validate()
			for i := range got {
				got[i].Hint = ""
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
			if _, err := New(tc.cfg, Options{}); (err == nil) != (tc.want == nil) {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func somePosition() position {
	return position{
		path: "/var/log/app.log.1", base: "/var/log/app.log", real: "/srv/app.log", offset: 1 << 40, line: -1, head: "first line\n",
		block: blockOf([]byte("x")), dev: 65024, ino: 1 << 60, mtime: -5, away: 1767323045, skip: true, told: true,
	}
}

func TestPosition(t *testing.T) {
	small := position{path: "/a", base: "/a", real: "/a"}
	for _, p := range []position{somePosition(), small} {
		got, err := decodePosition(p.encode())
		if err != nil || got != p {
			t.Errorf("%+v became %+v, %v", p, got, err)
		}
		b := p.encode()
		for i := range b {
			if _, err := decodePosition(b[:i]); err == nil {
				t.Errorf("took the first %d of %d bytes", i, len(b))
			}
		}
	}
}

func FuzzPosition(f *testing.F) {
	p := somePosition()
	f.Add(p.encode())
	f.Add([]byte{positionVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePosition(b)
		if err != nil {
			return
		}
		again, err := decodePosition(p.encode())
		if err != nil || again != p {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}

// readAll reads src in one go or, with pieces, as a file that grows.
func readAll(t *testing.T, src func(n int) io.ReaderAt, size, step, maxLine int) (lines []events.Line) {
	t.Helper()
	c := chunker{maxLine: maxLine}
	p := progress{position: position{block: blockOf(nil)}}
	for n := min(step, size); ; n = min(n+step, size) {
		for rounds := 0; ; rounds++ {
			if rounds > 100+size {
				t.Fatalf("no end at %+v", p)
			}
			out, err := c.read(src(n), &p, n == size)
			if err != nil || out == replaced {
				t.Fatalf("outcome %d, error %v at %+v", out, err, p)
			}
			for _, l := range c.lines {
				if l.Plain && strings.ContainsAny(l.Text, "\x1b\n") {
					t.Fatalf("%q is called plain", l.Text)
				}
				l.Plain = false // which is said as far as it is known
				lines = append(lines, l)
			}
			if out == atEnd {
				break
			}
		}
		if n == size {
			return lines
		}
	}
}

func FuzzChunker(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"), uint8(3))
	f.Add([]byte(strings.Repeat("x", 200)+"\n\xff\n"), uint8(7))
	f.Add([]byte("\xff\xfea\x00\n\x00b\x00\r\x00\n\x00\n"), uint8(1))
	f.Add([]byte("a\n\x00\x00\x00\x00b\n\x00\x00"), uint8(2))
	f.Add([]byte("a\nb\n\x1b[31mc\x1b[0m\nd"), uint8(4))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		if len(in) > 1 && encodingOf(in) != encodingOf(in[:1]) && step == 0 {
			step = 1 // half a byte order mark is none: a file that is looked at between its two bytes is read as bytes
		}
		whole := readAll(t, func(n int) io.ReaderAt { return bytes.NewReader(in[:n]) }, len(in), len(in)+1, 64)
		pieces := readAll(t, func(n int) io.ReaderAt { return bytes.NewReader(in[:n]) }, len(in), int(step)+2, 64)
		if d := cmp.Diff(whole, pieces); d != "" {
			t.Fatalf("reads differently while it grows:\n%s", d)
		}
		z := &inflated{r: io.NopCloser(iotest.HalfReader(bytes.NewReader(in)))}
		packed := readAll(t, func(int) io.ReaderAt { return z }, len(in), len(in)+1, 64)
		if d := cmp.Diff(whole, packed); d != "" {
			t.Fatalf("reads differently as a stream:\n%s", d)
		}
	})
}

// BenchmarkRead reads a file in Once mode, against a loop that only counts its lines, in the same run. The metric x-scan is
// how many times as long it takes.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "app.log")
	line := strings.Repeat("2026-01-02T03:04:05Z INFO request handled path=/api/orders status=200 duration=12ms ", 2)[:140] + "\n"
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 500_000)), 0o644); err != nil {
		b.Fatal(err)
	}
	scan := func() (n int) {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); n++ {
			_ = s.Text() == ""
		}
		return n
	}
	read := func() (n int) {
		c, err := New(Config{Include: []string{path}, Once: true}, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Collect(b.Context(), nil, func(batch collectors.Batch) error { n += len(batch.Lines); return nil }); err != nil {
			b.Fatal(err)
		}
		return n
	}
	if a, c := scan(), read(); a != c {
		b.Fatal(fmt.Sprint(a, " lines and ", c))
	}
	b.SetBytes(int64(500_000 * len(line)))
	var scans, reads time.Duration
	for b.Loop() {
		b.StopTimer()
		began := time.Now()
		scan()
		scans += time.Since(began)
		b.StartTimer()
		began = time.Now()
		read()
		reads += time.Since(began)
	}
	b.ReportMetric(float64(reads)/float64(scans), "x-scan")
}

// TestPlainEnds: that lines are plain is said of those that were looked at, and not of an unfinished one behind them.
func TestPlainEnds(t *testing.T) {
	in := []byte("a\nb\n\x1b[31mc")
	c := chunker{maxLine: 64}
	p := progress{position: position{block: blockOf(nil)}}
	if _, err := c.read(bytes.NewReader(in), &p, true); err != nil || len(c.lines) != 3 {
		t.Fatalf("%v, %v", c.lines, err)
	}
	if c.lines[2].Plain {
		t.Errorf("%q is called plain", c.lines[2].Text)
	}
	p = progress{position: position{block: blockOf(nil)}}
	if _, err := c.read(bytes.NewReader([]byte("a\nb\n")), &p, true); err != nil || len(c.lines) != 2 || !c.lines[0].Plain || !c.lines[1].Plain {
		t.Errorf("%+v, %v", c.lines, err)
	}
}
