package repair

import (
	"errors"
	"fmt"
	"strings"

	"github.com/logwright/logwright/prompts"
)

// line is a line of a file: as it is, and as the model was shown it. The two differ where something was redacted or
// invisible; such a line can be kept or dropped by an edit, but not changed.
type line struct {
	text, shown string
	end         string // "\n", "\r\n", or "" for a last line without one
}

// source is a file that edits are made to.
type source struct {
	lines []line
	end   string // of most lines
}

// newSource reads a file. redact is applied to the whole of it, because what stands on one line can make a secret of the
// next; where that changes how many lines there are, what was redacted can't be told line by line, and whole is false.
func newSource(text string, redact func(string) string) (s *source, whole bool) {
	s = &source{end: "\n"}
	if strings.Count(text, "\r\n")*2 > strings.Count(text, "\n") {
		s.end = "\r\n"
	}
	for text != "" {
		l := line{text: text}
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			l.text, l.end, text = text[:i], "\n", text[i+1:]
			if strings.HasSuffix(l.text, "\r") {
				l.text, l.end = l.text[:i-1], "\r\n"
			}
		} else {
			text = ""
		}
		l.shown = l.text
		s.lines = append(s.lines, l)
	}
	shown := strings.Split(redact(s.text(0, len(s.lines))), "\n")
	whole = len(shown) == len(s.lines) || len(s.lines) == 0
	for i := range s.lines {
		if whole {
			s.lines[i].shown = shown[i]
		}
		s.lines[i].shown = prompts.ShownSource(s.lines[i].shown)
	}
	return s, whole
}

// text joins the lines from..to as the file has them, with "\n" between them.
func (s *source) text(from, to int) string {
	parts := make([]string, 0, to-from)
	for _, l := range s.lines[from:to] {
		parts = append(parts, l.text)
	}
	return strings.Join(parts, "\n")
}

// shownText joins the lines from..to as the model sees them.
func (s *source) shownText(from, to int) string {
	parts := make([]string, 0, to-from)
	for _, l := range s.lines[from:to] {
		parts = append(parts, l.shown)
	}
	return strings.Join(parts, "\n")
}

// String gives the file's bytes.
func (s *source) String() string {
	var b strings.Builder
	for _, l := range s.lines {
		b.WriteString(l.text)
		b.WriteString(l.end)
	}
	return b.String()
}

// maxSearch bounds SEARCH and REPLACE, in lines.
const maxSearch = 600

// mismatch says why an edit does not fit, and what of the file is nearest to it.
type mismatch struct {
	reason  string
	nearest string
}

func (m *mismatch) Error() string { return m.reason }

// replace makes one edit. It looks for search as it stands, then without trailing white space, then shifted as a whole, then by
// its first and last lines with nearly the same between them. What is found more than once is an error at each step: a
// guess would change the wrong place.
func (s *source) replace(search, with []string) error {
	search, with = trimBlank(search, with)
	if len(search) == 0 {
		return errors.New("SEARCH is empty, and the file exists: name the lines that change, or those beside which lines are added")
	}
	if len(search) > maxSearch || len(with) > maxSearch {
		return fmt.Errorf("the edit has more than %d lines", maxSearch)
	}
	for _, step := range []func([]string) []placed{s.exact, s.trimmed, s.shifted, s.anchored} {
		switch found := step(search); len(found) {
		case 0:
		case 1:
			return s.put(found[0], search, with)
		default:
			return fmt.Errorf("SEARCH stands %d times in the file (lines %d and %d): take more lines into it",
				len(found), found[0].at+1, found[1].at+1)
		}
	}
	return s.nearest(search)
}

// trimBlank takes empty lines off both ends of search, and as many off replace.
func trimBlank(search, with []string) (a, b []string) {
	blank := func(l []string, i int) bool { return strings.TrimSpace(l[i]) == "" }
	for len(search) > 1 && blank(search, 0) && len(with) > 0 && blank(with, 0) {
		search, with = search[1:], with[1:]
	}
	for len(search) > 1 && blank(search, len(search)-1) && len(with) > 0 && blank(with, len(with)-1) {
		search, with = search[:len(search)-1], with[:len(with)-1]
	}
	return search, with
}

// placed is where a search was found. add and cut are the indentation that the file has more and less.
type placed struct {
	at       int
	add, cut string
}

func (s *source) find(search []string, same func(file, search string) bool) []placed {
	var out []placed
	for at := 0; at+len(search) <= len(s.lines); at++ {
		ok := true
		for i, l := range search {
			if !same(s.lines[at+i].shown, l) {
				ok = false
				break
			}
		}
		if ok {
			out = append(out, placed{at: at})
		}
	}
	return out
}

func (s *source) exact(search []string) []placed {
	return s.find(search, func(a, b string) bool { return a == b })
}

func (s *source) trimmed(search []string) []placed {
	return s.find(search, func(a, b string) bool { return strings.TrimRight(a, " \t\r") == strings.TrimRight(b, " \t\r") })
}

// shifted finds search where all of it is indented by the same more, or less, in the file.
func (s *source) shifted(search []string) []placed {
	var out []placed
	for _, p := range s.find(search, func(a, b string) bool { return strings.TrimSpace(a) == strings.TrimSpace(b) }) {
		known := false
		for i, l := range search {
			if strings.TrimSpace(l) == "" {
				continue
			}
			inFile, inSearch := indent(s.lines[p.at+i].shown), indent(l)
			add, okAdd := strings.CutSuffix(inFile, inSearch)
			cut, okCut := strings.CutSuffix(inSearch, inFile)
			switch {
			case okAdd && !known:
				p.add = add
			case okCut && !known:
				p.cut = cut
			case okAdd && p.add == add && p.cut == "", okCut && p.cut == cut && p.add == "":
			default:
				p.at = -1
			}
			known = true
			if p.at < 0 {
				break
			}
		}
		if p.at >= 0 && known {
			out = append(out, p)
		}
	}
	return out
}

func indent(l string) string { return l[:len(l)-len(strings.TrimLeft(l, " \t"))] }

// Bounds of anchored: a search with fewer lines says too little to guess by.
const (
	minAnchored    = 4
	minLineLike    = 0.5
	minAnchorsLike = 0.85
)

// anchored finds search where its first and last lines are right and those between nearly so, line by line.
func (s *source) anchored(search []string) []placed {
	if len(search) < minAnchored {
		return nil
	}
	same := func(a, b string) bool { return strings.TrimRight(a, " \t\r") == strings.TrimRight(b, " \t\r") }
	var out []placed
	last := len(search) - 1
	for at := 0; at+len(search) <= len(s.lines); at++ {
		if strings.TrimSpace(search[0]) == "" || !same(s.lines[at].shown, search[0]) || !same(s.lines[at+last].shown, search[last]) {
			continue
		}
		sum, least := 0.0, 1.0
		for i, l := range search {
			like := similar(s.lines[at+i].shown, l)
			sum, least = sum+like, min(least, like)
		}
		if least >= minLineLike && sum/float64(len(search)) >= minAnchorsLike {
			out = append(out, placed{at: at})
		}
	}
	return out
}

// similar compares two lines by the pairs of neighbouring bytes that they share, from 0 to 1.
func similar(a, b string) float64 {
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if a == b {
		return 1
	}
	if len(a) < 2 || len(b) < 2 || len(a) > 2000 || len(b) > 2000 {
		return 0
	}
	pairs := make(map[[2]byte]int)
	for i := range len(a) - 1 {
		pairs[[2]byte{a[i], a[i+1]}]++
	}
	shared := 0
	for i := range len(b) - 1 {
		if p := [2]byte{b[i], b[i+1]}; pairs[p] > 0 {
			pairs[p]--
			shared++
		}
	}
	return 2 * float64(shared) / float64(len(a)+len(b)-2)
}

// put makes the edit at a place. A line of REPLACE that was shown otherwise than it is, and is given back as it was shown,
// stays as it is.
func (s *source) put(p placed, search, with []string) error {
	hidden := make(map[string]string)
	region := s.lines[p.at : p.at+len(search)]
	for _, l := range region {
		if l.shown == l.text {
			continue
		}
		if was, ok := hidden[l.shown]; ok && was != l.text {
			return &mismatch{reason: "two lines of SEARCH look the same after redaction: leave one of them out"}
		}
		hidden[l.shown] = l.text
	}
	lines := make([]line, 0, len(with))
	for _, text := range with {
		if strings.TrimSpace(text) != "" {
			text = p.add + strings.TrimPrefix(text, p.cut)
		}
		l := line{text: text, shown: text, end: s.end}
		if was, ok := hidden[text]; ok {
			l.text = was
		} else if hasMark(text) {
			return &mismatch{reason: "REPLACE holds a redaction mark in a line that is not one of SEARCH unchanged: what stood there is not known"}
		}
		lines = append(lines, l)
	}
	if n := len(lines); n > 0 && p.at+len(search) == len(s.lines) {
		lines[n-1].end = region[len(region)-1].end
	}
	rest := s.lines[p.at+len(search):]
	s.lines = append(append(append([]line(nil), s.lines[:p.at]...), lines...), rest...)
	return nil
}

// hasMark says that a text holds what redaction leaves.
func hasMark(text string) bool { return strings.Contains(text, "[REDACTED") }

// nearestLines is how much of a file is shown for a search that is not in it.
const nearestLines = 12

// nearest says that search is not there, and what is most like it.
func (s *source) nearest(search []string) error {
	want := make(map[string]int)
	for _, l := range search {
		if t := strings.TrimSpace(l); len(t) > 1 {
			want[t]++
		}
	}
	best, at := 0.0, -1
	for i := range s.lines {
		score := 0.0
		for j := i; j < min(len(s.lines), i+min(len(search), 60)); j++ {
			if t := strings.TrimSpace(s.lines[j].shown); want[t] > 0 {
				score++
			} else if j-i < nearestLines {
				score += similar(t, search[j-i]) / 2
			}
		}
		if score > best {
			best, at = score, i
		}
	}
	m := &mismatch{reason: "the lines of SEARCH are not in the file as it is"}
	for _, l := range search {
		if strings.TrimSpace(l) == "..." {
			m.reason = `SEARCH leaves lines out with "...": it has to hold every line`
		}
	}
	if at >= 0 {
		m.nearest = s.shownText(max(0, at-1), min(len(s.lines), at+min(len(search), nearestLines)+1))
	}
	return m
}
