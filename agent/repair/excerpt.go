package repair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/logwright/logwright/prompts"
)

// How much is shown around what.
const (
	aroundLine  = 45 // lines on each side of a line of the stack
	headLines   = 30 // imports
	testHead    = 40 // of a long test file
	testTail    = 60
	aroundDef   = 20 // lines from a definition on
	maxFiles    = 6  // of the stack
	maxTests    = 2  // for the first file
	maxTested   = 4  // files that tests are shown of
	maxDefs     = 8
	nearBonus   = 15
	maxSearched = 300 // files that definitions are looked for in
)

// excerpts gives the files of the places, their tests, and what they use, as far as the budget goes.
func (w *workbench) excerpts(ctx context.Context, places []place, cfg Config, q *question) ([]prompts.PatchFile, error) {
	left := cfg.MaxSourceBytes
	var files []prompts.PatchFile
	taken := make(map[string]bool)
	// show adds a file's marked lines; a file that fits is shown whole.
	show := func(p, why string, budget int, marks []span) error {
		if taken[p] || left < 200 {
			return nil
		}
		text, err := w.read(ctx, p)
		if err != nil {
			return ctx.Err() // one that can't be patched is not shown
		}
		taken[p] = true
		src, whole := newSource(text, w.redact)
		if !whole {
			q.hidden = append(q.hidden, p)
			return nil // which line of it is which can't be told
		}
		f := prompts.PatchFile{Path: p, Why: why, Lines: len(src.lines)}
		budget = min(budget, left)
		if all := src.shownText(0, len(src.lines)); len(all) <= budget && len(src.lines) > 0 {
			f.Parts = []prompts.PatchPart{{First: 1, Last: len(src.lines), Text: all}}
		} else {
			f.Parts = src.parts(marks, budget)
		}
		for _, part := range f.Parts {
			left -= len(part.Text)
		}
		if len(f.Parts) > 0 {
			files = append(files, f)
		}
		return nil
	}

	var order []string
	byFile := make(map[string][]place)
	for _, pl := range places {
		if byFile[pl.path] == nil {
			order = append(order, pl.path)
		}
		byFile[pl.path] = append(byFile[pl.path], pl)
	}
	order = order[:min(len(order), maxFiles)]
	for i, p := range order {
		var marks []span
		var why []string
		for _, pl := range byFile[p] {
			if pl.line > 0 {
				marks = append(marks, span{pl.line - aroundLine, pl.line + aroundLine})
			}
			if len(why) < 3 && pl.line > 0 {
				why = append(why, pl.why)
			}
		}
		marks = append(marks, span{1, headLines})
		budget := cfg.MaxFileBytes
		if i > 0 {
			budget /= 2
		}
		if err := show(p, strings.Join(why, ", "), budget, marks); err != nil {
			return nil, err
		}
	}
	// The tests of the place that is most likely to be mended, and the likeliest one of each of the next.
	for i, p := range order[:min(len(order), maxTested)] {
		tests, most := testsOf(p, w.paths), 1
		if i == 0 {
			most = maxTests
		}
		for _, t := range tests[:min(len(tests), most)] {
			text, err := w.read(ctx, t)
			if err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				continue
			}
			n := strings.Count(text, "\n")
			if err := show(t, "a test", cfg.MaxFileBytes/2, []span{{1, testHead}, {n - testTail, n + 1}}); err != nil {
				return nil, err
			}
		}
	}
	defs, err := w.definitions(ctx, places, order)
	if err != nil {
		return nil, err
	}
	for _, d := range defs {
		if err := show(d.path, fmt.Sprintf("%s is defined there", d.name), cfg.MaxFileBytes/4, []span{{d.line - 3, d.line + aroundDef}, {1, 10}}); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// span is lines from..to of a file, counted from 1, both included.
type span struct{ from, to int }

// parts gives the marked lines within a budget, the first marks first, as few pieces as possible.
func (s *source) parts(marks []span, budget int) []prompts.PatchPart {
	chosen := make([]bool, len(s.lines))
	for _, m := range marks {
		// From the middle outwards: what is near counts.
		mid := (m.from + m.to) / 2
		if m.from <= 1 {
			mid = 1
		}
		for d := 0; d <= max(m.to-mid, mid-m.from); d++ {
			for _, at := range []int{mid + d - 1, mid - d - 1} {
				if at < max(0, m.from-1) || at >= min(len(s.lines), m.to) || chosen[at] {
					continue
				}
				if n := len(s.lines[at].shown) + 1; n <= budget {
					chosen[at] = true
					budget -= n
				}
			}
		}
	}
	// A gap of a few lines costs less than a second heading.
	for i := 0; i < len(chosen); i++ {
		if chosen[i] || i == 0 || !chosen[i-1] {
			continue
		}
		j := i
		size := 0
		for j < len(chosen) && !chosen[j] {
			size += len(s.lines[j].shown) + 1
			j++
		}
		if j < len(chosen) && j-i <= 4 && size <= budget {
			budget -= size
			for k := i; k < j; k++ {
				chosen[k] = true
			}
		}
	}
	var out []prompts.PatchPart
	for i := 0; i < len(chosen); i++ {
		if !chosen[i] {
			continue
		}
		j := i
		for j < len(chosen) && chosen[j] {
			j++
		}
		out = append(out, prompts.PatchPart{First: i + 1, Last: j, Text: s.shownText(i, j)})
		i = j
	}
	return out
}

// definition is where a name is defined.
type definition struct {
	name, path string
	line       int
	score      int
}

var (
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]{2,}`)
	// Methods are indented in most languages; a variable that is, is somebody's own.
	defines = regexp.MustCompile(`^(?:\s*(?:export\s+|default\s+|public\s+|private\s+|protected\s+|static\s+|final\s+|async\s+|abstract\s+|pub(?:\([a-z]+\))?\s+|unsafe\s+)*` +
		`(?:func(?:\s+\([^)]*\))?|def|class|function\*?|fn|struct|enum|trait|interface|record|impl)|(?:export\s+)?(?:type|const|let|var|object|module))\s+([A-Za-z_][A-Za-z0-9_]*)`)
)

// definitions looks for what the lines around the first places use and other files of the language define.
func (w *workbench) definitions(ctx context.Context, places []place, order []string) ([]definition, error) {
	used := make(map[string]int)
	for _, pl := range places[:min(len(places), 6)] {
		text, err := w.read(ctx, pl.path)
		if err != nil {
			continue
		}
		lines := strings.Split(text, "\n")
		for i := max(0, pl.line-12); i < min(len(lines), pl.line+12); i++ {
			code, _, _ := strings.Cut(lines[i], "//") // words of comments are no names
			code, _, _ = strings.Cut(code, "# ")
			for _, name := range identifier.FindAllString(code, 50) {
				used[name] += 1 + max(0, 12-max(i+1-pl.line, pl.line-i-1))
			}
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var near []string
	for _, p := range w.paths {
		if isSource(p) && !isTest(p) && !slices.Contains(order, p) && sameLanguage(p, places[0].path) {
			near = append(near, p)
		}
	}
	home := strings.Split(path.Dir(places[0].path), "/")
	slices.SortStableFunc(near, func(a, b string) int {
		return cmp.Compare(sharedStart(strings.Split(path.Dir(b), "/"), home), sharedStart(strings.Split(path.Dir(a), "/"), home))
	})
	var found []definition
	total := 0
	for _, p := range near[:min(len(near), maxSearched)] {
		if total += int(w.byPath[p].Size); total > maxKept/4 {
			break
		}
		text, err := w.read(ctx, p)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, context.Canceled) {
				return nil, err
			}
			continue
		}
		n := 0
		for l := range strings.SplitSeq(text, "\n") {
			n++
			if m := defines.FindStringSubmatch(l); m != nil && used[m[1]] > 0 {
				found = append(found, definition{name: m[1], path: p, line: n, score: used[m[1]] + nearBonus*sharedStart(strings.Split(path.Dir(p), "/"), home)})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b definition) int { return b.score - a.score })
	var out []definition
	for _, d := range found {
		if len(out) < maxDefs && !slices.ContainsFunc(out, func(o definition) bool { return o.path == d.path }) {
			out = append(out, d)
		}
	}
	return out, nil
}
