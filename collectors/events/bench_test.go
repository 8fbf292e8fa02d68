package events

import (
	"fmt"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// The benchmarks read the same megabytes of lines as BenchmarkSplit, which only finds the line ends: that is the limit
// of what any reader can do on the machine.

var benchInputs = []struct {
	name string
	line func(i int) string
}{
	{"text", func(i int) string {
		return fmt.Sprintf("2024-01-02 15:%02d:%02d,%03d INFO [worker-%d] com.example.shop.Cart: added item %d to cart %x", i/60%60, i%60, i%1000, i%8, i, i*7919)
	}},
	{"syslog", func(i int) string {
		return fmt.Sprintf("Jan  2 15:%02d:%02d web1 sshd[%d]: Connection closed by 10.0.%d.%d port %d [preauth]", i/60%60, i%60, 1000+i/3, i%250, i%199, 1024+i%60000)
	}},
	{"json", func(i int) string {
		return fmt.Sprintf(`{"time":"2024-01-02T15:%02d:%02d.%03dZ","level":"INFO","msg":"request served","method":"GET","path":"/cart/%d","status":200,"duration_ms":%d}`, i/60%60, i%60, i%1000, i, i%300)
	}},
	{"access", func(i int) string {
		return fmt.Sprintf(`10.0.%d.%d - - [02/Jan/2024:15:%02d:%02d +0000] "GET /cart/%d HTTP/1.1" 200 %d "-" "Mozilla/5.0 (X11; Linux x86_64)"`, i%250, i%199, i/60%60, i%60, i, i%9000)
	}},
	{"plain", func(i int) string {
		return fmt.Sprintf("worker %d took job %d of queue default in %d ms", i%8, i, i%300)
	}},
}

func benchText(line func(int) string) (string, int) {
	var b strings.Builder
	const n = 20000
	for i := range n {
		b.WriteString(line(i))
		b.WriteByte('\n')
	}
	return b.String(), n
}

func eachLine(text string, f func(s string)) {
	for text != "" {
		k := strings.IndexByte(text, '\n')
		f(text[:k])
		text = text[k+1:]
	}
}

func BenchmarkJoin(b *testing.B) {
	for _, in := range benchInputs {
		text, n := benchText(in.line)
		b.Run(in.name, func(b *testing.B) {
			j, err := NewJoiner(Config{Reference: reference})
			if err != nil {
				b.Fatal(err)
			}
			events := 0
			emit := func(*incident.Record) { events++ }
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				num := int64(0)
				eachLine(text, func(s string) {
					num++
					j.Add(Line{Text: s, Number: num, Offset: num}, emit)
				})
				j.Flush(emit)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, in := range benchInputs {
		text, n := benchText(in.line)
		b.Run(in.name, func(b *testing.B) {
			sum := 0
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				eachLine(text, func(s string) { sum += len(s) })
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// BenchmarkState is what is written after every batch.
func BenchmarkState(b *testing.B) {
	j, err := NewJoiner(Config{Reference: reference})
	if err != nil {
		b.Fatal(err)
	}
	j.Add(Line{Text: benchInputs[0].line(1), Number: 1}, func(*incident.Record) {})
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = j.AppendState(dst[:0])
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}
