package agent

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

// mixedLog is a log with all that crosses from the joiner to the clusterer: headers, structured lines, traces, interleaved
// writers, warnings with neighbours, and events as large as they may be.
func mixedLog(seed uint64, events int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	var b bytes.Buffer
	pending := map[int]int{} // frames to come, by writer
	for i := range events {
		at := fmt.Sprintf("2026-03-04 05:%02d:%02d.%03d", i/60%60, i%60, r.IntN(1000))
		switch r.IntN(9) {
		case 0:
			fmt.Fprintf(&b, "%s INFO [main] shop.Web - request %d served in %d ms\n", at, i, r.IntN(90))
		case 1:
			fmt.Fprintf(&b, `{"time":"2026-03-04T05:06:07Z","level":"warn","msg":"cache miss","key":"k%d"}`+"\n", r.IntN(1e6))
		case 2:
			fmt.Fprintf(&b, "%s ERROR [main] shop.Orders - order %d failed\njava.lang.IllegalStateException: no stock\n", at, i)
			for k := range 1 + r.IntN(20) {
				fmt.Fprintf(&b, "\tat shop.Orders.step%d(Orders.java:%d)\n", k, r.IntN(900))
			}
		case 3:
			w := r.IntN(4)
			fmt.Fprintf(&b, "Mar  4 05:06:07 host app[%d]: ERROR worker failed\nMar  4 05:06:07 host app[%d]: Traceback (most recent call last):\n", 100+w, 100+w)
			pending[w] = 1 + r.IntN(6)
		case 4:
			for w := range 4 {
				if pending[w] > 0 {
					pending[w]--
					fmt.Fprintf(&b, "Mar  4 05:06:07 host app[%d]:   File \"/srv/w%d.py\", line %d, in run\n", 100+w, w, r.IntN(99))
				}
			}
		case 5:
			fmt.Fprintf(&b, "%s WARN [pool-%d] shop.Db - slow query %s\n", at, r.IntN(9), strings.Repeat("x", r.IntN(3000)))
		case 6:
			fmt.Fprintf(&b, "level=error ts=2026-03-04T05:06:07Z msg=%q peer=10.0.0.%d\n", strings.Repeat("lost ", 1+r.IntN(3)), r.IntN(250))
		case 7:
			if r.IntN(40) == 0 {
				fmt.Fprintf(&b, "%s ERROR [main] shop.Dump - %s\n", at, strings.Repeat("dump of everything ", 20_000))
			}
		default:
			fmt.Fprintf(&b, "plain line %d of nobody\n", r.IntN(5))
		}
	}
	return b.Bytes()
}

func oneShotOf(t *testing.T, text []byte) *OneShot {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return &OneShot{Config: config.Default(), Files: []string{path}}
}

// seen is one event as it was observed.
type seen struct {
	Record incident.Record
	Ref    cluster.Ref
}

// TestHandoverChangesNothing reads a log with the joiner and the clusterer beside each other, and one after the other.
func TestHandoverChangesNothing(t *testing.T) {
	for seed := range uint64(4) {
		o := oneShotOf(t, mixedLog(seed, 6000))
		var beside, after []seen
		observe := func(to *[]seen) func(*incident.Record, cluster.Ref) {
			return func(r *incident.Record, ref cluster.Ref) { *to = append(*to, seen{*r.Clone(), ref}) }
		}
		p, err := o.pipeline(observe(&beside))
		if err != nil {
			t.Fatal(err)
		}
		got := step{bounds: boundsOf(o.Config)}
		totals, err := o.read(t.Context(), p, &got)
		if err != nil {
			t.Fatal(err)
		}

		q, err := o.pipeline(observe(&after))
		if err != nil {
			t.Fatal(err)
		}
		want := step{bounds: boundsOf(o.Config)}
		path := o.Files[0]
		c, err := o.collector(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := int64(0)
		if err := c.Collect(t.Context(), nil, func(b collectors.Batch) error {
			b.File = path
			lines += int64(len(b.Lines))
			return q.take(path, &b, &want)
		}); err != nil {
			t.Fatal(err)
		}

		if totals.Lines != lines || lines < 6000 {
			t.Errorf("%d lines, wanted %d", totals.Lines, lines)
		}
		if diff := cmp.Diff(after, beside); diff != "" {
			t.Fatalf("the events differ (-alone +beside):\n%.4000s", diff)
		}
		opaque := cmp.AllowUnexported(delta{})
		if diff := cmp.Diff(want.deltas, got.deltas, opaque); diff != "" {
			t.Errorf("the counts differ (-alone +beside):\n%.4000s", diff)
		}
		if want.held != got.held || want.rest != got.rest {
			t.Errorf("held %d and %+v, wanted %d and %+v", got.held, got.rest, want.held, want.rest)
		}
		if !hasNeighbours(got.deltas) {
			t.Error("no sample has lines before it: the log shows nothing")
		}
	}
}

func hasNeighbours(deltas []delta) bool {
	for i := range deltas {
		for k := range deltas[i].samples {
			if len(deltas[i].samples[k].Before) == contextLines {
				return true
			}
		}
	}
	return false
}

// TestHandoverIsBounded has the counting wait, and sees how far the joiner gets.
func TestHandoverIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ bytes, most int }{
		"large events": {handedBytes, 1 + handedAhead + 1},
		"small events": {10, (1 + handedAhead + 1) * handedEvents},
	} {
		t.Run(name, func(t *testing.T) {
			o := oneShotOf(t, nil)
			synctest.Test(t, func(t *testing.T) {
				p, err := o.pipeline(nil)
				if err != nil {
					t.Fatal(err)
				}
				block := make(chan struct{})
				counted := 0
				p.cfg.only = func(*incident.Record) {
					<-block
					counted++
				}
				h, err := startHandover(p, "made", &step{}, func([]events.Line) {})
				if err != nil {
					t.Fatal(err)
				}
				s, err := p.stream("made", &collectors.Batch{Stream: "1", File: "made.log"})
				if err != nil {
					t.Fatal(err)
				}
				put := 0
				over := make(chan struct{})
				go func() {
					defer close(over)
					place := func() *events.Joined {
						e := h.place(s, nil)
						put++
						return e
					}
					line := events.Line{Text: `{"msg":"` + strings.Repeat("x", c.bytes) + `"}`} // JSON: nothing to learn of it
					for range 2 * c.most {
						s.join.Join(line, place)
					}
					s.join.FlushJoined(place)
				}()
				synctest.Wait()
				if put == 0 || put > c.most {
					t.Errorf("%d events were taken while none was counted, wanted %d at most", put, c.most)
				}
				close(block)
				<-over
				h.stop()
				if counted != 2*c.most {
					t.Errorf("counted %d of %d", counted, 2*c.most)
				}
			})
		})
	}
}

var errEnough = errors.New("enough")

// TestExplainStopsWhenItsReaderDoes: an error of who takes the events ends the reading, and is what Explain returns.
func TestExplainStopsWhenItsReaderDoes(t *testing.T) {
	o := oneShotOf(t, mixedLog(9, 3000))
	n := 0
	err := o.Explain(t.Context(), func(Explained) error {
		if n++; n == 5 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || n != 5 {
		t.Errorf("%v after %d events", err, n)
	}
}

// TestHandoverLetsGo looks at what waits to be used again: it must hold on to nothing of what was read.
func TestHandoverLetsGo(t *testing.T) {
	o := oneShotOf(t, nil)
	p, err := o.pipeline(nil)
	if err != nil {
		t.Fatal(err)
	}
	var st step
	var given [][]events.Line
	h, err := startHandover(p, "app.log", &st, func(lines []events.Line) { given = append(given, lines) })
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Split(strings.TrimSuffix(string(mixedLog(1, 3000)), "\n"), "\n")
	lines, n := make([]events.Line, len(text)), 0
	for i := range text {
		lines[i] = events.Line{Text: text[i], Number: int64(i + 1)}
	}
	for len(lines) > 0 {
		b := collectors.Batch{Lines: lines[:min(700, len(lines))], File: "app.log", Stream: "s"}
		lines = lines[len(b.Lines):]
		if err := p.take("app.log", &b, &step{}); err != nil {
			t.Fatal(err)
		}
		h.done(b.Lines)
		n++
	}
	h.stop()
	if len(given) != n {
		t.Fatalf("%d batches of lines came back, wanted %d", len(given), n)
	}
	for _, b := range given {
		for i := range b {
			if b[i].Text != "" {
				t.Fatalf("a line that is not needed any more is held on to: %+v", b[i])
			}
		}
	}
	spare := 0
	for len(h.spare) > 0 {
		b := <-h.spare
		for i := range b[:cap(b)] {
			if b[:cap(b)][i] != (events.Joined{}) {
				t.Fatalf("an event that was counted is held on to: %+v", b[:cap(b)][i])
			}
		}
		spare += cap(b)
	}
	if spare == 0 || len(st.deltas) == 0 {
		t.Fatalf("%d places for events are left, %d clusters counted", spare, len(st.deltas))
	}
}
