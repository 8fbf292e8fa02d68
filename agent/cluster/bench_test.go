package cluster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// traffic makes n messages as services write them: some shapes often, most seldom, with ids, numbers, paths and names.
func traffic(n int) []incident.Record {
	rnd := rand.New(rand.NewPCG(1, 2))
	shapes := []func() string{
		func() string {
			return fmt.Sprintf("GET /api/v1/orders/%d 200 in %d ms", rnd.IntN(1e6), rnd.IntN(900))
		},
		func() string {
			return fmt.Sprintf("Accepted connection from 10.%d.%d.%d:%d", rnd.IntN(256), rnd.IntN(256), rnd.IntN(256), 1024+rnd.IntN(60000))
		},
		func() string {
			return fmt.Sprintf("job %016x finished: status=ok items=%d took=%.2fs", rnd.Uint64(), rnd.IntN(5000), rnd.Float64()*9)
		},
		func() string {
			return fmt.Sprintf("cache miss for key user:%d:profile, loading from replica db-%d", rnd.IntN(1e5), rnd.IntN(6))
		},
		func() string {
			return fmt.Sprintf("Writing block %d of size %d to /var/lib/store/seg-%04d.dat (checksum %08x)", rnd.IntN(1e9), rnd.IntN(1<<20), rnd.IntN(9999), rnd.Uint32())
		},
		func() string {
			return fmt.Sprintf("session opened for user u%05d by (uid=%d)", rnd.IntN(99999), rnd.IntN(3000))
		},
		func() string {
			return fmt.Sprintf("Heartbeat to coordinator sent, %d members alive, epoch %d", rnd.IntN(40), rnd.IntN(1e6))
		},
		func() string {
			return fmt.Sprintf("failed to refresh token for tenant %d: upstream returned %d, retrying in %ds", rnd.IntN(500), 500+rnd.IntN(4), rnd.IntN(30))
		},
	}
	words := strings.Fields("alpha beta gamma delta index commit rotate flush open close scan merge split load store fetch")
	for range 120 {
		a, b, c := words[rnd.IntN(len(words))], words[rnd.IntN(len(words))], words[rnd.IntN(len(words))]
		shapes = append(shapes, func() string { return fmt.Sprintf("%s of %s for %s done after %d rounds", a, b, c, rnd.IntN(99)) })
	}
	rs := make([]incident.Record, n)
	for i := range rs {
		k := rnd.IntN(8)
		if rnd.IntN(10) == 0 {
			k = rnd.IntN(len(shapes))
		}
		rs[i] = incident.Record{Service: "api", Message: shapes[k]()}
	}
	return rs
}

func bytesOf(rs []incident.Record) (n int64) {
	for i := range rs {
		n += int64(len(rs[i].Message))
	}
	return n / int64(len(rs))
}

// countSpaces finds the spaces of s one by one, as whoever splits it would.
func countSpaces(s string) (n int) {
	for {
		k := strings.IndexByte(s, ' ')
		if k < 0 {
			return n
		}
		n++
		s = s[k+1:]
	}
}

// BenchmarkSplit is the limit that BenchmarkAdd is to be compared with: it only finds the spaces of each message.
func BenchmarkSplit(b *testing.B) {
	rs := traffic(1 << 14)
	b.SetBytes(bytesOf(rs))
	n := 0
	for i := 0; b.Loop(); i++ {
		n += countSpaces(rs[i&(1<<14-1)].Message)
	}
	if n == 0 {
		b.Fatal("no spaces")
	}
}

func BenchmarkAdd(b *testing.B) {
	rs := traffic(1 << 14)
	c, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range rs {
		c.Add(&rs[i])
	}
	b.SetBytes(bytesOf(rs))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Add(&rs[i&(1<<14-1)])
	}
}

// BenchmarkScan is the scanner alone.
func BenchmarkScan(b *testing.B) {
	rs := traffic(1 << 14)
	b.SetBytes(bytesOf(rs))
	b.ReportAllocs()
	var sc scanner
	for i := 0; b.Loop(); i++ {
		m := rs[i&(1<<14-1)].Message
		sc.begin("api", "")
		sc.scan(m, 0, len(m))
		sc.end()
	}
}

// BenchmarkGarbage is the worst case: no message comes twice, the table is full.
func BenchmarkGarbage(b *testing.B) {
	c, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	b.ReportAllocs()
	for b.Loop() {
		c.Add(&incident.Record{Service: "api", Message: garbage(rnd)})
	}
}

func BenchmarkStack(b *testing.B) {
	r := incident.Record{Service: "api", Message: "panic: runtime error: index out of range [5] with length 3", Exception: "runtime.boundsError"}
	for i := range 20 {
		r.Frames = append(r.Frames, incident.Frame{File: fmt.Sprintf("/srv/api/handler%d.go", i), Line: i, Function: fmt.Sprintf("main.(*Server).handle.func%d", i), InApp: i%2 == 0})
	}
	c, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Add(&r)
	}
}

// garbage makes a message of 3 to 12 random words.
func garbage(rnd *rand.Rand) string {
	var b strings.Builder
	for range 3 + rnd.IntN(10) {
		for range 2 + rnd.IntN(9) {
			b.WriteByte(byte('a' + rnd.IntN(26)))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// BenchmarkStream is a log of one software, and of all of them mixed. Beside the lines per second it gives how many times
// longer that takes than finding the spaces of the same lines, measured in the same run.
func BenchmarkStream(b *testing.B) {
	var mixed []string
	for _, s := range streams {
		lines, _ := s.make(7, 2000)
		mixed = append(mixed, lines...)
		if s.name == "auth" || s.name == "kafka" {
			b.Run(s.name, func(b *testing.B) { benchmarkLines(b, lines) })
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	b.Run("mixed", func(b *testing.B) { benchmarkLines(b, mixed) })
}

func benchmarkLines(b *testing.B, lines []string) {
	rs := make([]incident.Record, len(lines))
	for i, l := range lines {
		rs[i] = incident.Record{Service: "api", Message: l}
	}
	c := mustNew(b, Config{})
	for i := range rs {
		c.Add(&rs[i])
	}
	b.SetBytes(bytesOf(rs))
	b.ReportAllocs()
	n, k := 0, 0
	for b.Loop() {
		c.Add(&rs[k])
		if k++; k == len(rs) {
			k = 0
		}
		n++
	}
	took := b.Elapsed()
	began, spaces := time.Now(), 0
	for i := range n {
		spaces += countSpaces(rs[i%len(rs)].Message)
	}
	split := time.Since(began)
	if spaces == 0 {
		b.Fatal("no spaces")
	}
	b.ReportMetric(float64(n)/took.Seconds()/1e6, "Mlines/s")
	b.ReportMetric(float64(took)/float64(split), "x-split")
}
