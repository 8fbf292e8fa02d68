package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// all keeps every field whole up to max bytes.
type all struct {
	max    int
	fields []string
}

func (a *all) limit([]byte) int { return a.max }

func (a *all) field(name, value []byte, truncated bool) {
	s := string(name) + "=" + string(value)
	if truncated {
		s += "..."
	}
	a.fields = append(a.fields, s)
}

func bin(name, value string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
}

func TestExportReader(t *testing.T) {
	long := strings.Repeat("l", 600<<10)
	for _, c := range []struct {
		name, in string
		max      int
		want     [][]string
		err      error
	}{
		{"nothing", "", 10, nil, io.EOF},
		{"one", "A=1\nB=\n\n", 10, [][]string{{"A=1", "B="}}, io.EOF},
		{"two, and empty lines", "\nA=1\n\n\n\nB=2=3\n\n", 10, [][]string{{"A=1"}, {"B=2=3"}}, io.EOF},
		{"binary", bin("M", "a\n\nX=1\n") + "A=1\n\n", 10, [][]string{{"M=a\n\nX=1\n", "A=1"}}, io.EOF},
		{"binary, empty", bin("M", "") + "\n", 10, [][]string{{"M="}}, io.EOF},
		{"cut", bin("M", "0123456789ab") + "A=0123456789ab\n\n", 10, [][]string{{"M=0123456789...", "A=0123456789..."}}, io.EOF},
		{"skipped", bin("M", "0123456789ab") + "A=0123456789ab\n\nB=1\n\n", 0, [][]string{nil, nil}, io.EOF},
		{"longer than the buffer", "A=" + long + "\nB=1\n\n", 1 << 20, [][]string{{"A=" + long, "B=1"}}, io.EOF},
		{"longer than the buffer, cut", "A=" + long + "\nB=1\n\n", 3, [][]string{{"A=lll...", "B=1"}}, io.EOF},
		{"binary longer than the buffer", bin("A", long) + "B=1\n\n", 1 << 20, [][]string{{"A=" + long, "B=1"}}, io.EOF},
		{"binary longer than the buffer, cut", bin("A", long) + "B=1\n\n", 3, [][]string{{"A=lll...", "B=1"}}, io.EOF},
		{"ends in an entry", "A=1\n\nB=1\n", 10, [][]string{{"A=1"}}, io.ErrUnexpectedEOF},
		{"ends in a field", "A=1\n\nB", 10, [][]string{{"A=1"}}, io.ErrUnexpectedEOF},
		{"ends in a length", "M\n\x01\x00", 10, nil, io.ErrUnexpectedEOF},
		{"ends in a value", bin("M", "0123")[:12], 10, nil, io.ErrUnexpectedEOF},
		{"a length that is too long", "M\n\xff\xff\xff\xff\xff\xff\xff\x7f", 10, nil, errFormat},
		{"a length that is wrong", "M\n\x01\x00\x00\x00\x00\x00\x00\x00abc\n\n", 10, nil, errFormat},
		{"no name", "=1\n\n", 10, nil, errFormat},
		{"not the format", strings.Repeat("x", 1000) + "\n", 10, nil, errFormat},
	} {
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", c.name, slow), func(t *testing.T) {
				var in io.Reader = strings.NewReader(c.in)
				if slow {
					in = iotest.HalfReader(in)
				}
				x := newExportReader(in)
				var got [][]string
				var err error
				for {
					v := all{max: c.max}
					if err = x.next(&v); err != nil {
						break
					}
					got = append(got, v.fields)
				}
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if !slices.EqualFunc(got, c.want, slices.Equal) {
					t.Errorf("got %.200q, want %.200q", got, c.want)
				}
			})
		}
	}
}

// FuzzExport reads anything. What must hold: no panic, no more kept than asked for, trusted fields begin with one underscore
// and were sent as fields, and the lines of an entry are its message.
func FuzzExport(f *testing.F) {
	f.Add([]byte("__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1700000000000000\nPRIORITY=3\n_SYSTEMD_UNIT=a.service\nMESSAGE=x\n\n"))
	f.Add([]byte(bin("MESSAGE", "a\n_SYSTEMD_UNIT=b.service\n\n") + "_PID=1\nUNIT=c.service\n\n"))
	f.Add([]byte("M\n\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte("A=1\n\nB"))
	f.Fuzz(func(t *testing.T, in []byte) {
		x := newExportReader(bytes.NewReader(in))
		e := entry{maxMessage: 64}
		var ms metas
		fl := filter{priority: 7, units: []string{"*"}}
		for {
			e.reset()
			if err := x.next(&e); err != nil {
				return
			}
			if n := e.message.to - e.message.from; n > 64 {
				t.Fatalf("kept %d bytes of a message", n)
			}
			meta := ms.of(&e)
			for name, value := range meta.Trusted {
				if name[0] != '_' || strings.HasPrefix(name, "__") || len(value) > maxTrustedValue {
					t.Fatalf("trusted %q", name)
				}
				if !bytes.Contains(in, []byte(name+"="+value+"\n")) && !bytes.Contains(in, []byte(name+"\n")) {
					t.Fatalf("%q was not sent", name)
				}
			}
			fl.wants(&e)
			e.suppressed()
			lines := e.appendLines(nil, meta)
			for i, l := range lines {
				if strings.Contains(l.Text, "\n") || l.Continues != (i > 0) {
					t.Fatalf("line %d is %+v", i, l)
				}
			}
		}
	})
}

// BenchmarkExport reads what a real journald wrote, from memory: entries/s has to be far above what journalctl itself gives,
// which BenchmarkJournalctl measures on the same entries.
func BenchmarkExport(b *testing.B) {
	data, n, _ := benchExport(b)
	b.SetBytes(int64(len(data)))
	var ms metas
	e := entry{maxMessage: DefaultMaxLine}
	for b.Loop() {
		x := newExportReader(bytes.NewReader(data))
		for {
			e.reset()
			if err := x.next(&e); err != nil {
				break
			}
			_ = e.appendLines(nil, ms.of(&e))
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkJournalctl(b *testing.B) {
	data, n, j := benchExport(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		_ = j.Journalctl("--output=export")
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkCollect is the whole way: journalctl, parser and batches.
func BenchmarkCollect(b *testing.B) {
	data, n, j := benchExport(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		c, err := New(Config{Name: "journal", Directory: j.Dir(), Once: true, Priority: "debug"}, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Collect(b.Context(), nil, discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func benchExport(b *testing.B) (data []byte, entries int, j *journaltest.Journald) {
	j = journaltest.Start(b)
	unit := j.Unit("api.service")
	const n = 20000
	for i := range n {
		unit.Print(3, fmt.Sprintf("request %d to /v1/orders failed: connection refused", i))
	}
	j.Sync()
	j.Stop()
	return []byte(j.Journalctl("--output=export")), n, j
}
