package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/logwright/logwright/bench/labelled"
)

// observed is what was read from a log: one object of `explain -o json`.
type observed struct {
	First    int        `json:"first_line"`
	Last     int        `json:"last_line"`
	Lines    []int      `json:"lines"` // where they are not contiguous
	Time     *time.Time `json:"time"`
	Message  string     `json:"message"`
	Cluster  string     `json:"cluster"`
	Template string     `json:"template"`
}

func (o *observed) lines() []int {
	if o.Lines != nil {
		return o.Lines
	}
	out := make([]int, 0, max(0, o.Last-o.First+1))
	for n := o.First; n <= o.Last; n++ {
		out = append(out, n)
	}
	return out
}

// accuracy compares two groupings of the same lines, as in "Guidelines for assessing the accuracy of log message template
// identification techniques" (ICSE 2022). ga is the share of lines whose predicted group has exactly the lines of their
// true group; fga is the F1 of the groups themselves, where a predicted group is right if it equals a true one. A line
// with no prediction ("") is a group of its own that is never right.
func accuracy(truth []int, predicted []string) (ga, fga float64) {
	type overlap struct {
		truth     int
		predicted string
	}
	trueSize, size, both, lost := make(map[int]int), make(map[string]int), make(map[overlap]int), 0
	for i, t := range truth {
		trueSize[t]++
		if predicted[i] == "" {
			lost++
			continue
		}
		size[predicted[i]]++
		both[overlap{t, predicted[i]}]++
	}
	lines, groups := 0, 0
	for o, n := range both {
		if n == trueSize[o.truth] && n == size[o.predicted] {
			lines += n
			groups++
		}
	}
	if len(truth) == 0 || groups == 0 {
		return 0, 0
	}
	precision, recall := float64(groups)/float64(len(size)+lost), float64(groups)/float64(len(trueSize))
	return float64(lines) / float64(len(truth)), 2 * precision * recall / (precision + recall)
}

// lenient is the share of lines whose predicted group is made of whole variants of one true group: a person may well
// tell "connection refused" from "timed out" where the program's source does not.
func lenient(truth []int, variant, predicted []string) float64 {
	type kind struct {
		truth   int
		variant string
	}
	type overlap struct {
		kind
		predicted string
	}
	whole, both, mixed, group := make(map[kind]int), make(map[overlap]int), make(map[string]bool), make(map[string]int)
	for i, t := range truth {
		k := kind{t, variant[i]}
		whole[k]++
		both[overlap{k, predicted[i]}]++
		if other, ok := group[predicted[i]]; ok && other != t || predicted[i] == "" {
			mixed[predicted[i]] = true
		}
		group[predicted[i]] = t
	}
	for o, n := range both {
		if n != whole[o.kind] {
			mixed[o.predicted] = true
		}
	}
	right := share{}
	for _, p := range predicted {
		right.add(!mixed[p])
	}
	return right.value()
}

// mistake is a set of true and predicted groups that overlap only each other, and are not one of each.
type mistake struct {
	lines     int
	truth     []part
	predicted []part
	example   int // a line, counted from 0
}

// part is one group of a mistake.
type part struct {
	text  string
	lines int
}

// mistakes gives all mistakes, those with the most lines first. The texts say how the groups are shown.
func mistakes(truth []int, predicted []string, trueText map[int]string, text map[string]string) []mistake {
	// The lines of a connected set of groups find each other over the groups they share.
	parent := make([]int, len(truth))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	firstTrue, first := make(map[int]int), make(map[string]int)
	for i := range truth {
		if j, ok := firstTrue[truth[i]]; ok {
			parent[find(i)] = find(j)
		} else {
			firstTrue[truth[i]] = i
		}
		if j, ok := first[predicted[i]]; ok {
			parent[find(i)] = find(j)
		} else {
			first[predicted[i]] = i
		}
	}
	type set struct {
		truth     map[int]int
		predicted map[string]int
		lines     int
	}
	sets := make(map[int]*set)
	for i := range truth {
		root := find(i)
		if sets[root] == nil {
			sets[root] = &set{truth: make(map[int]int), predicted: make(map[string]int)}
		}
		s := sets[root]
		s.truth[truth[i]]++
		s.predicted[predicted[i]]++
		s.lines++
	}
	var out []mistake
	for _, s := range sets {
		if len(s.truth) == 1 && len(s.predicted) == 1 {
			continue
		}
		m := mistake{lines: s.lines, truth: parts(s.truth, trueText), predicted: parts(s.predicted, text), example: len(truth)}
		// The smallest of the true groups shows best what went wrong.
		smallest, fewest := 0, len(truth)+1
		for t, n := range s.truth {
			if n < fewest || n == fewest && t < smallest {
				smallest, fewest = t, n
			}
		}
		m.example = firstTrue[smallest]
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(b.lines, a.lines), cmp.Compare(a.example, b.example))
	})
	return out
}

func parts[K comparable](sizes map[K]int, text map[K]string) []part {
	out := make([]part, 0, len(sizes))
	for k, n := range sizes {
		out = append(out, part{text: text[k], lines: n})
	}
	slices.SortFunc(out, func(a, b part) int { return cmp.Or(cmp.Compare(b.lines, a.lines), cmp.Compare(a.text, b.text)) })
	return out
}

// share is how many of all were right.
type share struct{ right, all int }

func (s *share) add(ok bool) {
	s.all++
	if ok {
		s.right++
	}
}

// headers is how well the headers and the extents of events were read.
type headers struct {
	times    share // of lines
	messages share // of events
	ranges   share // of events with several lines
	wrong    []wrong
}

// wrong is one wrongly read event.
type wrong struct {
	what, want, got string
	line            int // counted from 1
	template        int
}

// readHeaders compares events with what was read of their first lines. of gives for each line, counted from 0, what it
// was read as, or nil.
func readHeaders(events []labelled.Event, of []*observed) headers {
	var h headers
	for i := range events {
		e := &events[i]
		for n := e.First; n <= e.Last; n++ {
			ok := of[n-1] != nil && sameTime(e.Times, of[n-1].Time)
			h.times.add(ok)
			if !ok && n == e.First {
				h.wrong = append(h.wrong, wrong{"time", showTimes(e.Times), showTime(of[n-1]), n, e.Template})
			}
		}
		o, first := of[e.First-1], firstLine(e.Message)
		ok := o != nil && o.First == e.First && (o.Message == e.Message || o.Message == first)
		h.messages.add(ok)
		if !ok {
			got := "no event"
			if o != nil {
				got = firstLine(o.Message)
			}
			h.wrong = append(h.wrong, wrong{"message", first, got, e.First, e.Template})
		}
		if e.Last > e.First {
			ok := o != nil && o.Lines == nil && o.First == e.First && o.Last == e.Last
			h.ranges.add(ok)
			if !ok {
				h.wrong = append(h.wrong, wrong{"lines", showLines(e.First, e.Last), showRange(o), e.First, e.Template})
			}
		}
	}
	return h
}

// sameTime says whether got is one of the times that a header shows, or absent where it shows none.
func sameTime(want []labelled.Time, got *time.Time) bool {
	if got == nil {
		return len(want) == 0
	}
	const noYear = "01-02 15:04:05.000000"
	return slices.ContainsFunc(want, func(w labelled.Time) bool {
		return w.At.Equal(*got) || w.NoYear && w.At.UTC().Format(noYear) == got.UTC().Format(noYear)
	})
}
