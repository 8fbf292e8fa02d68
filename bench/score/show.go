package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/logwright/logwright/bench/labelled"
)

// show writes the worst mistakes of a log: n of the clusters raw, n of the message-only ones, and n examples of each
// thing that was wrong about headers, of different templates.
func (r *result) show(out io.Writer, n int) {
	fmt.Fprintf(out, "\n## %s: raw GA %.3f, message GA %.3f, times %s, messages %s, line ranges %s\n", r.kind, r.rawGA, r.plainGA, &r.times, &r.messages, &r.ranges)
	showMistakes(out, "raw", r.raw, n, func(i int) string { return r.log.Lines[i] })
	showMistakes(out, "message only", r.plain, n, func(i int) string { return firstLine(r.log.Events[i].Message) })
	for _, what := range []string{"time", "message", "lines"} {
		total, seen := 0, make(map[int]bool)
		for _, w := range r.wrong {
			if w.what == what {
				total++
			}
		}
		for _, w := range r.wrong {
			if w.what != what || seen[w.template] || len(seen) == n {
				continue
			}
			if len(seen) == 0 {
				fmt.Fprintf(out, "\n%s wrong of %d events, such as\n", what, total)
			}
			seen[w.template] = true
			fmt.Fprintf(out, "  line %d: %s\n    true %s\n    read %s\n", w.line, clip(r.log.Lines[w.line-1]), clip(w.want), clip(w.got))
		}
	}
}

func showMistakes(out io.Writer, where string, all []mistake, n int, line func(int) string) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s: %d mistakes, the worst:\n", where, len(all))
	for _, m := range all[:min(n, len(all))] {
		kind := "mixed"
		switch {
		case len(m.truth) == 1:
			kind = "split"
		case len(m.predicted) == 1:
			kind = "merged"
		}
		fmt.Fprintf(out, "- %s, %d lines: %d true, %d found; line %d: %s\n", kind, m.lines, len(m.truth), len(m.predicted), m.example+1, clip(line(m.example)))
		showParts(out, "true ", m.truth)
		showParts(out, "found", m.predicted)
	}
}

func showParts(out io.Writer, name string, all []part) {
	const shown = 5
	for i, p := range all {
		if i == shown {
			fmt.Fprintf(out, "    %s        and %d more\n", name, len(all)-shown)
			return
		}
		fmt.Fprintf(out, "    %s %6d  %s\n", name, p.lines, clip(p.text))
	}
}

func clip(s string) string {
	const most = 220
	if s = strings.ReplaceAll(s, "\n", `\n`); len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + " ..."
	}
	return s
}

func showTimes(times []labelled.Time) string {
	if len(times) == 0 {
		return "none"
	}
	var out []string
	for _, t := range times {
		if t.NoYear {
			out = append(out, t.At.Format("01-02T15:04:05.999999"))
		} else {
			out = append(out, t.At.Format(time.RFC3339Nano))
		}
	}
	return strings.Join(out, " or ")
}

func showTime(o *observed) string {
	switch {
	case o == nil:
		return "no event"
	case o.Time == nil:
		return "none"
	}
	return o.Time.Format(time.RFC3339Nano)
}

func showLines(first, last int) string { return fmt.Sprintf("%d-%d", first, last) }

func showRange(o *observed) string {
	switch {
	case o == nil:
		return "no event"
	case o.Lines != nil:
		return fmt.Sprint(o.Lines)
	}
	return showLines(o.First, o.Last)
}
