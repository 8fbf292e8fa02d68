package main

import (
	"fmt"
	"runtime"
	"strings"
)

// report is what is said in the end.
type report struct {
	runs, processors int
	tables           []table
}

// table is how one input was read.
type table struct {
	input
	lines, bytes int64
	rows         []row
}

type row struct {
	peer
	spent
}

// perLine is the processor time for one line, in nanoseconds. Rows are compared by it: all of them keep one processor busy at most,
// nearly, so it is the time that would pass on a machine with nothing else to do, and it is steady on any other.
func (r *row) perLine() float64 {
	return float64(r.CPU.Nanoseconds()) / float64(max(r.Lines, 1))
}

// of gives the row of the loop that counts, and ours.
func (t *table) of(which func(*row) bool) *row {
	for i := range t.rows {
		if which(&t.rows[i]) {
			return &t.rows[i]
		}
	}
	return &row{}
}

func isLimit(r *row) bool { return r.limit }
func isOurs(r *row) bool  { return r.ours }

func (r *report) intro() string {
	return fmt.Sprintf("%s/%s, %d processors, %s; medians of %d runs in turns after one that does not count.",
		runtime.GOOS, runtime.GOARCH, r.processors, runtime.Version(), r.runs)
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# Peers\n\nWritten by `make bench-peers`; [performance.md](performance.md) says what is measured and how.\n\n")
	b.WriteString(r.intro() + "\n\n![lines a second](peers.svg)\n")
	for i := range r.tables {
		b.WriteString("\n" + r.tables[i].markdown())
	}
	return b.String()
}

func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s%s\n\n%s lines, %.0f MB", strings.ToUpper(t.name[:1]), t.name[1:], grouped(t.lines), float64(t.bytes)/1e6)
	if t.kind == tailed {
		b.WriteString(", all processors\n\n| | processor time for all, s | passed, s | M lines/s | times counting | Logwright is faster | peak, MiB |\n")
		b.WriteString("|---|---|---|---|---|---|---|\n")
	} else {
		b.WriteString(", one processor\n\n| | M lines/s | MB/s | ns a line | times counting | Logwright is faster | clusters | peak, MiB |\n")
		b.WriteString("|---|---|---|---|---|---|---|---|\n")
	}
	counting, ours := t.of(isLimit), t.of(isOurs)
	for i := range t.rows {
		r := &t.rows[i]
		per := r.perLine()
		faster := "–"
		if !r.ours && !r.limit {
			faster = fmt.Sprintf("%.1f×", per/ours.perLine())
		}
		slower := fmt.Sprintf("%.1f", per/counting.perLine())
		peak := float64(r.peak) / (1 << 20)
		if t.kind == tailed {
			whole := float64(t.lines) / float64(max(r.Lines, 1)) // of those that got a part only
			fmt.Fprintf(&b, "| %s | %.2f | %.2f | %s | %s | %s | %.0f |\n", r.name, whole*r.CPU.Seconds(), whole*r.Wall.Seconds(),
				millions(1e3/per), slower, faster, peak)
			continue
		}
		clusters := "–"
		if !r.limit {
			clusters = grouped(int64(r.Clusters))
		}
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f | %s | %s | %s | %.0f |\n", r.name, millions(1e3/per), float64(r.Bytes)/1e6/r.CPU.Seconds(),
			per, slower, faster, clusters, peak)
	}
	return b.String()
}

// millions writes a rate with three digits that say something.
func millions(m float64) string {
	if m < 0.1 {
		return fmt.Sprintf("%.3f", m)
	}
	return fmt.Sprintf("%.2f", m)
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
