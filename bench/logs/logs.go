// Package logs writes the inputs of the benchmarks: logs of any size, the same bytes on every machine. All of their text
// is made up here.
package logs

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is what a log is like.
type Kind struct {
	// Name is what to call it by, About what is in it.
	Name, About string
	// next appends one event, of one or more lines.
	next func(w *writer, b []byte) []byte
}

// Mix is the log that speed is measured with; Hostile are those that memory is measured with.
var (
	Mix = Kind{"mix", "six services in one stream, about one line in a hundred a problem", (*writer).mixed}

	Hostile = []Kind{
		{"templates", "errors that all have words of their own", (*writer).template},
		{"long-lines", "error lines of 10 MB", (*writer).long},
		{"garbage", "random bytes behind a first page of text", (*writer).garbage},
		{"traces", "nothing but stack traces of 60 frames", (*writer).storm},
		{"large-traces", "stack traces of 200 KiB, none like another", (*writer).largeTrace},
		{"open-json", "JSON that never ends", (*writer).openJSON},
	}
)

// Kinds gives all of them.
func Kinds() []Kind { return append([]Kind{Mix}, Hostile...) }

// ByName finds a kind.
func ByName(name string) (Kind, error) {
	all := Kinds()
	if i := slices.IndexFunc(all, func(k Kind) bool { return k.Name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, k := range all {
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("no kind of log is called %q; there are %s", name, strings.Join(names, ", "))
}

// Write writes about size bytes of k to w: it ends with the event that reaches size.
func (k Kind) Write(w io.Writer, size int64) error {
	out := bufio.NewWriterSize(w, 256<<10)
	g := &writer{
		rand: rand.New(rand.NewPCG(2024, 7)),
		now:  time.Date(2024, time.May, 6, 7, 0, 0, 0, time.UTC),
	}
	var b []byte
	for done := int64(0); done < size; {
		b = k.next(g, b[:0])
		n, err := out.Write(b)
		if err != nil {
			return err
		}
		done += int64(n)
		g.n++
	}
	return out.Flush()
}

// writer holds what the next event depends on.
type writer struct {
	rand *rand.Rand
	now  time.Time
	n    int64
}

// tick lets some milliseconds pass and gives the time.
func (w *writer) tick() time.Time {
	w.now = w.now.Add(time.Duration(w.rand.IntN(20)) * time.Millisecond)
	return w.now
}

func (w *writer) pick(of []string) string { return of[w.rand.IntN(len(of))] }

// chance says yes n times in a thousand.
func (w *writer) chance(n int) bool { return w.rand.IntN(1000) < n }
