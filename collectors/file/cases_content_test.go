package file

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/ulikunitz/xz"

	"github.com/logwright/logwright/collectors"
)

// The last line of a file that ends without a line end: held while the file may grow, a line once it was rotated and quiet,
// and once all of a file is wanted. open-telemetry/opentelemetry-collector-contrib#4849, #32170
func TestLastLineWithoutEnd(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\nhalf")
	b.want("a")
	for range 5 {
		b.clock.advance(time.Hour) // however long it takes
		b.want()
	}
	b.append("app.log", " and half")
	b.want()
	b.rename("app.log", "app.log.1")
	b.append("app.log", "b\n")
	b.want("b")
	b.clock.advance(30 * time.Second)
	b.want()
	b.append("app.log.1", "!") // not quiet yet
	b.want()
	b.clock.advance(45 * time.Second)
	b.want()
	b.clock.advance(45 * time.Second)
	b.want("half and half!")
	b.kill()
	b.cursor = collectors.Cursor{}
	b.cfg.Include = []string{b.path("app.log.1")}
	b.must(b.once())
	if got := b.texts(); len(got) != 2 || got[1] != "half and half!" {
		t.Errorf("%q", got)
	}
}

// A line of 10 MB is cut, marked, and is not held in memory; the next one is whole. So for one without end, in any encoding and
// compression. open-telemetry/opentelemetry-collector-contrib#35042, #36494
func TestLineOfTenMegabytes(t *testing.T) {
	const size = 10 << 20
	le := func(s string) string {
		var out bytes.Buffer
		out.Write([]byte{0xff, 0xfe})
		for _, u := range utf16.Encode([]rune(s)) {
			out.WriteByte(byte(u))
			out.WriteByte(byte(u >> 8))
		}
		return out.String()
	}
	text := strings.Repeat("0123456789abcdef", size/16)
	for name, in := range map[string]string{
		"plain": text + "\nnext\n", "UTF-16": le(text + "\nnext\n"), "gzip": string(gz(text + "\nnext\n")), "NULs within": text[:100] + strings.Repeat("\x00", size) + text + "\nnext\n",
	} {
		for _, once := range []bool{false, true} {
			if name == "gzip" && !once {
				continue // only where it carries on a log: TestCompressedWithinThePattern
			}
			t.Run(fmt.Sprintf("%s once=%v", name, once), func(t *testing.T) {
				b := newBed(t, "app.log")
				b.append("app.log", in)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if once {
					b.must(b.once())
				} else {
					b.settle()
				}
				runtime.ReadMemStats(&after)
				if grew := int64(after.HeapSys) - int64(before.HeapSys); grew > 48<<20 {
					t.Errorf("%d MiB more", grew>>20)
				}
				if len(b.lines) != 2 || !b.lines[0].Truncated || len(b.lines[0].Text) > DefaultMaxLine || len(b.lines[0].Text) < DefaultMaxLine/2 {
					t.Fatalf("%d lines, the first of %d bytes", len(b.lines), len(b.lines[0].Text))
				}
				if l := b.lines[1]; l.Text != "next" || l.Number != 2 || l.Truncated {
					t.Errorf("%+v", l)
				}
			})
		}
	}
}

// A buffer of the splitter is no limit for a line, nor what is there when it is looked at.
func TestLinesLongerThanAnyBuffer(t *testing.T) {
	b := newBed(t, "app.log")
	for _, n := range []int{16<<10 - 1, 16 << 10, 16<<10 + 1, 64 << 10, chunkLen - 1, chunkLen, chunkLen + 1, 3*chunkLen + 7} {
		l := strings.Repeat("z", n)
		b.append("app.log", l[:n/2])
		b.want()
		b.append("app.log", l[n/2:])
		b.want()
		b.append("app.log", "\n")
		b.want(l)
	}
}

// UTF-16 without a byte order mark can't be told from noise: it is not read, and told so.
func TestUTF16WithoutMark(t *testing.T) {
	b := newBed(t, "*.log")
	var text bytes.Buffer
	for _, u := range utf16.Encode([]rune(strings.Repeat("2026-01-02 ERROR no mark\r\n", 50))) {
		text.WriteByte(byte(u))
		text.WriteByte(byte(u >> 8))
	}
	b.append("win.log", text.String())
	b.append("app.log", "a\n")
	b.want("a")
	b.want()
	if n := b.count("UTF-16 without a byte order mark"); n != 1 {
		t.Errorf("told %d times: %s", n, b.log)
	}
	if err := b.once(); err == nil || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("at once: %v", err)
	}
}

// A hole before what is written next, which copytruncate leaves under a writer that does not append, is passed over at every
// restart; so are NULs within and at the end.
func TestHolesOfCopytruncate(t *testing.T) {
	upAndDown(t, func(t *testing.T, b *bed, pause func()) {
		f, err := os.Create(b.path("app.log"))
		b.must(err)
		defer f.Close()
		write := func(s string) { _, err := f.WriteString(s); b.must(err) }
		write("a\n" + strings.Repeat("x", 5000) + "\n")
		b.want("a", strings.Repeat("x", 5000))
		for i := range 3 {
			pause()
			b.copy("app.log", fmt.Sprint("app.log.", 9-i))
			b.truncate("app.log") // f goes on where it was
			write(fmt.Sprintf("after %d\n", i))
			b.want(fmt.Sprintf("after %d", i))
			b.wantGaps(1)
		}
	}, "*.log")
}

// A compressed file that ends too early is read as far as it goes, and what is missing is said.
func TestTruncatedCompressedFile(t *testing.T) {
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "line %d %x\n", i, i*i*7919)
	}
	for _, tool := range []string{"gzip", "xz", "zstd", "bzip2"} {
		t.Run(tool, func(t *testing.T) {
			b := newBed(t, "*.log")
			b.need(tool)
			b.append("app.log.1", text.String())
			args := []string{b.path("app.log.1")}
			if tool == "zstd" {
				args = append(args, "-q", "--rm")
			}
			if tool == "bzip2" {
				args = append(args, "-1") // several blocks
			}
			b.run(tool, args...)
			ext := map[string]string{"gzip": ".gz", "xz": ".xz", "zstd": ".zst", "bzip2": ".bz2"}[tool]
			fi, err := os.Stat(b.path("app.log.1" + ext))
			b.must(err)
			b.must(os.Truncate(b.path("app.log.1"+ext), fi.Size()*3/4))

			// Named by a person.
			b.cfg.Include = []string{b.path("app.log.1" + ext)}
			err = b.once()
			if err == nil || !strings.Contains(err.Error(), "read up to byte") {
				t.Errorf("error %v", err)
			}
			got := b.texts()
			if len(got) == 0 || len(got) >= 20_000 {
				t.Errorf("%d lines", len(got))
			}
			for i, l := range got[:max(0, len(got)-1)] {
				if want := fmt.Sprintf("line %d %x", i, i*i*7919); l != want {
					t.Fatalf("%q, want %q", l, want)
				}
			}
			b.wantGaps(1)
		})
	}
}

// The same where the daemon has to catch up by it: what is in it is missing and that is said once, after it has been the
// same for so long that no compressor can be at work.
func TestDamagedCompressedGeneration(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut":    func(b []byte) []byte { return b[:len(b)/2] },
		"header": func(b []byte) []byte { return b[:11] },
		"noise":  func(b []byte) []byte { return append(b[:10:10], bytes.Repeat([]byte{0xaa}, 500)...) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "*.log")
			b.append("app.log", "a\n")
			b.want("a")
			b.kill()
			b.append("app.log", strings.Repeat("unread\n", 2000))
			whole, err := os.ReadFile(b.path("app.log"))
			b.must(err)
			b.must(os.Remove(b.path("app.log")))
			b.must(os.WriteFile(b.path("app.log.1.gz"), damage(gz(string(whole))), 0o644))
			b.append("app.log", "b\n")
			for range 5 {
				b.settle()
				b.clock.advance(2 * time.Minute)
			}
			got := b.texts()
			if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), "b") {
				t.Errorf("%d lines", len(got))
			}
			if n := len(b.gaps); n < 1 || n > 2 {
				t.Errorf("%d gaps: %+v", n, b.gaps)
			}
			b.append("app.log", "c\n")
			b.want("c")
		})
	}
}

// A file of a hundred bytes that asks for a dictionary of four gigabytes is refused; so are endless blocks.
func TestXZAsksForTooMuch(t *testing.T) {
	var small bytes.Buffer
	w, err := xz.NewWriter(&small)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, "an innocent line")
	w.Close()
	file := small.Bytes()
	at := bytes.Index(file, []byte{0x21, 0x01}) // the filter of the first block
	if at < 0 {
		t.Fatal("no filter")
	}
	for _, code := range []byte{31, 39, 40, 41, 255} {
		b := newBed(t, "app.log.xz")
		bad := bytes.Clone(file)
		bad[at+2] = code
		b.must(os.WriteFile(b.path("app.log.xz"), bad, 0o644))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := b.once()
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "xz") {
			t.Errorf("code %d: %v", code, err)
		}
		if grew := after.TotalAlloc - before.TotalAlloc; grew > 64<<20 {
			t.Errorf("code %d: %d MiB were allocated", code, grew>>20)
		}
	}
	b := newBed(t, "app.log.xz")
	b.must(os.WriteFile(b.path("app.log.xz"), file, 0o644))
	b.must(b.once())
	if got := b.texts(); len(got) != 1 || got[0] != "an innocent line" {
		t.Errorf("%q", got)
	}
}

// All that xz makes passes the guard: several streams, padding, many blocks, every check.
func TestXZOfEveryKind(t *testing.T) {
	b := newBed(t)
	b.need("xz")
	var text strings.Builder
	for i := range 4_000 {
		fmt.Fprintf(&text, "line %d %x\n", i, i*i*7919)
	}
	for i, args := range [][]string{
		{"-0"}, {"-6"}, {"--block-size=5000"}, {"-C", "none"}, {"-C", "crc32"}, {"-C", "sha256"}, {"-T2", "--block-size=10000"}, {"--lzma2=dict=4KiB"},
	} {
		name := fmt.Sprintf("%d.log", i)
		b.append(name, text.String())
		b.run("xz", append(args, b.path(name))...)
		one, err := os.ReadFile(b.path(name + ".xz"))
		b.must(err)
		twice := append(append(bytes.Clone(one), make([]byte, 8)...), one...)
		b.must(os.WriteFile(b.path(name+".xz"), twice, 0o644))
		b.cfg.Include = []string{b.path(name + ".xz")}
		b.must(b.once())
		if got := strings.Join(b.texts(), "\n") + "\n"; got != text.String()+text.String() {
			t.Errorf("%v: %d bytes of %d", args, len(got), 2*text.Len())
		}
	}
}

// A file that is written while it is read to its end has an end: where it was when the reading began.
func TestGrowsWhileReadAtOnce(t *testing.T) {
	b := newBed(t, "app.log")
	b.cfg.Once = true
	b.append("app.log", strings.Repeat("line line line line line line line line line line\n", 20_000))
	c, err := New(b.cfg, Options{})
	b.must(err)
	n := 0
	b.must(c.Collect(t.Context(), nil, func(batch collectors.Batch) error {
		n += len(batch.Lines)
		b.append("app.log", strings.Repeat("more more more more more more more more more more\n", 20_000))
		if n > 200_000 {
			t.Fatal("it has no end")
		}
		return nil
	}))
	if n < 20_000 || n > 50_000 {
		t.Errorf("%d lines", n)
	}
}

// Carriage returns alone, byte order marks within, and NULs within a line are the line's own.
func TestOddBytes(t *testing.T) {
	b := newBed(t, "app.log")
	in := "a\rb\r\n\ufeffnot first\nc\x00d\n\x1b[31mred\x1b[0m\n\xff\xfe\xfa\n\u2028\n"
	b.append("app.log", in)
	b.want("a\rb", "\ufeffnot first", "c\x00d", "\x1b[31mred\x1b[0m", "\xff\xfe\xfa", "\u2028")
}

func FuzzXZGuard(f *testing.F) {
	var small bytes.Buffer
	w, err := xz.NewWriter(&small)
	if err != nil {
		f.Fatal(err)
	}
	fmt.Fprintln(w, strings.Repeat("an innocent line ", 50))
	w.Close()
	f.Add(small.Bytes())
	f.Add(append(bytes.Clone(small.Bytes()), small.Bytes()...))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		_, err := out.ReadFrom(newXZGuard(bytes.NewReader(in)))
		if !bytes.HasPrefix(in, out.Bytes()) {
			t.Fatal("it changes what it passes on")
		}
		if err == nil && out.Len() != len(in) {
			t.Fatalf("%d of %d bytes passed without an error", out.Len(), len(in))
		}
	})
}
