package cluster

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A million templates that have nothing in common, of which some come again and again: memory stays below 25 MiB, every
// event is put somewhere, and what comes often is not driven out.
func TestMemoryBound(t *testing.T) {
	n := 1_000_000
	if testing.Short() || raceDetector {
		n = 100_000 // full all the same
	}
	for _, tc := range []struct {
		name string
		make func(*rand.Rand) string
	}{
		{"words", garbage},
		{"long", func(rnd *rand.Rand) string {
			return garbage(rnd) + garbage(rnd) + garbage(rnd) + garbage(rnd) + garbage(rnd)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(7, 9))
			before := heap()
			c, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			steady := incident.Record{Service: "api", Message: "disk is failing slowly"}
			id := c.Add(&steady).ID
			n := n
			if tc.name == "long" {
				n /= 10
			}
			taken := 0
			for i := range n {
				h := c.Add(&incident.Record{Service: "api", Message: tc.make(rnd)})
				if h.ID == "" || h.Ref.String() != h.ID {
					t.Fatalf("hit %+v", h)
				}
				if i%1000 == 0 {
					if h := c.Add(&steady); h.New || h.ID != id {
						t.Fatalf("after %d: the steady cluster was driven out: %+v", i, h)
					}
					taken += len(c.TakeChanges())
				}
			}
			used := int64(heap()) - int64(before)
			st := c.Stats()
			t.Logf("%d messages: heap %.1f MiB, estimate %.1f MiB, %+v, %d changes", n, float64(used)/(1<<20), float64(st.Bytes)/(1<<20), st, taken)
			if used > 25<<20 {
				t.Errorf("%.1f MiB on the heap, at most 25", float64(used)/(1<<20))
			}
			if ratio := float64(st.Bytes) / float64(used); ratio < 0.8 || ratio > 1.5 {
				t.Errorf("the estimate of memory is %.2f of the heap", ratio)
			}
			if st.Clusters > DefaultMaxClusters || n > 50_000 && (st.Evicted == 0 || st.Overflow == 0) {
				t.Errorf("%+v", st)
			}
			if st.Unsaved != 0 {
				t.Errorf("%d changes lost although they were taken", st.Unsaved)
			}
			runtime.KeepAlive(c)
		})
	}
}

func TestHugeMessages(t *testing.T) {
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{
		"", " ", "\x00", strings.Repeat("\x00", 1<<20), strings.Repeat("a", 10<<20), strings.Repeat("a ", 5<<20),
		strings.Repeat("1 ", 5<<20), strings.Repeat("a=1 ", 2<<20), strings.Repeat("a=", 2<<20), strings.Repeat("(", 1<<20),
		strings.Repeat("()", 1<<20), strings.Repeat(":", 1<<20), strings.Repeat("a:", 1<<20), strings.Repeat("..", 1<<20),
		strings.Repeat("\xff", 1<<20), strings.Repeat("é ", 1<<20), "a\x01b\x02c\x03d\x04e\x05f",
	} {
		r := incident.Record{Service: "s", Message: m}
		h := c.Add(&r)
		if h.ID == "" {
			t.Errorf("%.20q got no cluster", m)
		}
		if again := c.Add(&r); again.New || again.Ref != h.Ref {
			t.Errorf("%.20q: %+v, then %+v", m, h, again)
		}
		if tm := c.Template(h.ID); len(tm) > templateLimit+8 {
			t.Errorf("%.20q: template of %d bytes", m, len(tm))
		}
	}
	if b := c.Stats().Bytes; b > 1<<18 {
		t.Errorf("%d bytes held", b)
	}
}
