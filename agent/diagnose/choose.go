package diagnose

import (
	"slices"
	"strings"
)

// chosenLine is a line that goes into the prompt; at is the offset in it that has to be seen.
type chosenLine struct {
	line   evidenceLine
	at     int
	before bool
}

// chooseLines picks at most limit lines: of the sample that the finding is about more than half, of the others the rest, and
// of the lines before each a few. Within a sample, what is picked first is the line that matched, the culprit's, and those that name
// an exception; then the beginning and the end in equal parts, since Java says it first and Python last. The order stays
// that of the log.
func chooseLines(ev *evidence, f *finding, limit int) []chosenLine {
	if len(ev.samples) == 0 {
		return nil
	}
	first := 0
	if f != nil {
		first = f.sample
	} else if i := stackSample(ev); i >= 0 {
		first = i
	}
	order := []int{first}
	for i := range ev.samples {
		if i != first {
			order = append(order, i)
		}
	}
	var out []chosenLine
	seen := map[citedLine]bool{}
	for n, i := range order {
		left := limit - len(out)
		if left <= 0 {
			break
		}
		share := left
		if rest := len(order) - n - 1; rest > 0 {
			if n == 0 {
				share = max(1, left*3/5)
			} else {
				share = max(1, left/(rest+1))
			}
		}
		for _, c := range ev.samples[i].choose(f, i, share) {
			key := citedLine{c.line.source, c.line.number, c.line.text}
			if !seen[key] {
				seen[key] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// choose picks at most n lines of one sample, a quarter of them from before it.
func (s *sampleLines) choose(f *finding, index, n int) []chosenLine {
	nBefore := min(len(s.before), max(n/4, n-len(s.lines)))
	var out []chosenLine
	for _, l := range s.before[len(s.before)-nBefore:] {
		if strings.TrimSpace(l.text) != "" {
			out = append(out, chosenLine{line: l, before: true})
		}
	}
	n -= len(out)
	at := map[int]int{}
	if f != nil && f.sample == index {
		line := s.event.line(s.record.Raw, f.hit.start)
		at[s.at(line)] = s.column(f.hit.start)
	}
	if fr, ok := topFrame(s.record); ok {
		if i := culpritLine(s.lines, fr); i >= 0 {
			at[i] = max(at[i], 0)
		}
	}
	picked := map[int]bool{}
	pick := func(i int) {
		if len(picked) < n && strings.TrimSpace(s.lines[i].text) != "" {
			picked[i] = true
		}
	}
	for i := range s.lines {
		if _, must := at[i]; must {
			pick(i)
		}
	}
	for i, l := range s.lines {
		if namesCause(l.text) && len(picked) < n/2+1 {
			pick(i)
		}
	}
	for head, tail := 0, len(s.lines)-1; head <= tail && len(picked) < n; head, tail = head+1, tail-1 {
		pick(head)
		pick(tail)
	}
	var order []int
	for i := range picked {
		order = append(order, i)
	}
	slices.Sort(order)
	for _, i := range order {
		out = append(out, chosenLine{line: s.lines[i], at: at[i]})
	}
	return out
}

// namesCause says whether a line of a trace is likely to name its reason.
func namesCause(line string) bool {
	for _, word := range []string{"Caused by", "caused by", "panic:", "fatal error:", "Error:", "Exception:", "Error [", "raise "} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}
