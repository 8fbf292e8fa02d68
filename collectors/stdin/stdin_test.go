package stdin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/collectortest"
	"github.com/logwright/logwright/collectors/events"
)

func TestConformance(t *testing.T) {
	collectortest.Run(t, func(*testing.T) collectortest.Source {
		var buf bytes.Buffer
		return collectortest.Source{
			New: func(*testing.T) collectors.Collector { return New(&buf, Options{}) },
			Append: func(_ *testing.T, lines []string) {
				for _, l := range lines {
					buf.WriteString(l + "\n")
				}
			},
			Ends: true,
		}
	})
}

func collect(t *testing.T, r io.Reader, maxLine int) (lines []events.Line, ended bool, err error) {
	t.Helper()
	err = New(r, Options{MaxLine: maxLine}).Collect(t.Context(), nil, func(b collectors.Batch) error {
		if b.Stream != Stream || b.File != File || b.Service != Service || ended {
			t.Errorf("batch %+v after end %v", b, ended)
		}
		lines = append(lines, b.Lines...)
		ended = b.Ended
		return nil
	})
	return lines, ended, err
}

func TestLines(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     []events.Line
	}{
		{"nothing", "", nil},
		{"no newline at the end", "a\nb", []events.Line{{Text: "a", Number: 1}, {Text: "b", Number: 2, Offset: 2}}},
		{"CRLF and empty lines", "a\r\n\r\n\nb\r\n", []events.Line{
			{Text: "a", Number: 1}, {Number: 2, Offset: 3}, {Number: 3, Offset: 5}, {Text: "b", Number: 4, Offset: 6},
		}},
		{"invalid UTF-8", "\xff\xfe\n", []events.Line{{Text: "\xff\xfe", Number: 1}}},
		{"byte order mark", "\ufeffa\n", []events.Line{{Text: "a", Number: 1}}},
		{"a line that just fits", strings.Repeat("x", 64) + "\r\ny\n", []events.Line{
			{Text: strings.Repeat("x", 64), Number: 1}, {Text: "y", Number: 2, Offset: 66},
		}},
		{"a line too long", strings.Repeat("x", 65) + "\ny\n", []events.Line{
			{Text: strings.Repeat("x", 64), Number: 1, Truncated: true}, {Text: "y", Number: 2, Offset: 66},
		}},
		{"a line far too long, without end", strings.Repeat("x", 1000), []events.Line{
			{Text: strings.Repeat("x", 64), Number: 1, Truncated: true},
		}},
		{"not cut within a character", strings.Repeat("x", 63) + "äb\ny", []events.Line{
			{Text: strings.Repeat("x", 63), Number: 1, Truncated: true}, {Text: "y", Number: 2, Offset: 67},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole": strings.NewReader(tc.in), "bytes": iotest.OneByteReader(strings.NewReader(tc.in)),
				"data and EOF": iotest.DataErrReader(strings.NewReader(tc.in)),
			} {
				got, ended, err := collect(t, r, 64)
				if err != nil || !ended {
					t.Errorf("%s: ended %v, error %v", how, ended, err)
				}
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Errorf("%s: (-want +got)\n%s", how, d)
				}
			}
		})
	}
}

func TestReadError(t *testing.T) {
	boom := errors.New("input/output error")
	got, ended, err := collect(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(boom)), 64)
	if !errors.Is(err, boom) || !ended || len(got) != 2 {
		t.Errorf("%d lines, ended %v, error %v", len(got), ended, err)
	}
}

// A read that never returns must not keep the process.
func TestCancelWhileReading(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		io.WriteString(w, "a\n")
		cancel()
	}()
	if err := New(r, Options{}).Collect(ctx, nil, func(collectors.Batch) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"), uint8(3))
	f.Add([]byte(strings.Repeat("x", 200)+"\n\xff"), uint8(7))
	split := func(in []byte, step int) (lines []events.Line) {
		s := splitter{max: 64}
		for {
			n := min(step, len(in))
			piece, eof := in[:n], n == len(in)
			for more := true; more; {
				piece, more = s.split(piece, eof)
				lines = append(lines, s.lines...)
			}
			if eof {
				return lines
			}
			in = in[n:]
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		if d := cmp.Diff(split(in, len(in)+1), split(in, int(step)+1)); d != "" {
			t.Fatalf("split by the pieces:\n%s", d)
		}
	})
}
