package file

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The tests of the files cases_*_test.go are the cases of docs/collecting.md, each with real files.

// header is a beginning longer than any fingerprint: what some loggers print into every new file.
var header = strings.Repeat("# a banner that every file begins with\n", 60)

// lines gives the lines of a text.
func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

// wantText is want for the lines of a text.
func (b *bed) wantText(text string) { b.t.Helper(); b.want(lines(text)...) }

// upAndDown runs a case with a collector that goes on, and with one that is down while things happen.
func upAndDown(t *testing.T, run func(t *testing.T, b *bed, pause func()), include ...string) {
	t.Helper()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("down=%v", down), func(t *testing.T) {
			b := newBed(t, include...)
			run(t, b, func() {
				if down {
					b.kill()
				}
			})
		})
	}
}

func (b *bed) need(tool string) {
	b.t.Helper()
	if _, err := exec.LookPath(tool); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		b.t.Fatalf("%s is not installed", tool)
	}
	b.t.Skipf("%s is not installed", tool)
}

func (b *bed) run(name string, args ...string) {
	b.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// Between renaming and the first write of the new file there is time, and somebody looks.
func TestRenamedWithAGap(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.append("app.log", "a\n")
		b.want("a")
		pause()
		b.append("app.log", "b\n")
		b.rename("app.log", "app.log.1")
		b.want("b")
		b.append("app.log.1", "late\n")
		b.want("late")
		pause()
		b.append("app.log", "c\n")
		b.want("c")
		b.wantGaps(0)
	}, "*.log")
}

// Three rotations, the older ones compressed, while nobody looked.
func TestRotatedAndCompressedWhileDown(t *testing.T) {
	for _, glob := range []string{"*.log", "*.log*"} {
		for tool, ext := range map[string]string{"gzip": ".gz", "xz": ".xz", "zstd": ".zst", "bzip2": ".bz2"} {
			t.Run(glob+" "+tool, func(t *testing.T) {
				b := newBed(t, glob)
				b.need(tool)
				b.append("app.log", "a\n")
				b.want("a")
				b.kill()
				for i := range 3 {
					b.append("app.log", fmt.Sprintf("b%d\n", i))
					for n := 2; n > 0; n-- {
						if _, err := os.Stat(b.path(fmt.Sprint("app.log.", n, ext))); err == nil {
							b.rename(fmt.Sprint("app.log.", n, ext), fmt.Sprint("app.log.", n+1, ext))
						}
					}
					b.rename("app.log", "app.log.1")
					args := []string{b.path("app.log.1")}
					if tool == "zstd" {
						args = append(args, "-q", "--rm")
					}
					b.run(tool, args...)
				}
				b.append("app.log", "c\n")
				b.want("b0", "b1", "b2", "c")
				b.wantGaps(0)
				b.kill()
				b.want()
			})
		}
	}
}

// The copy is not counted again, whatever the truncated file becomes: shorter, exactly as long, or longer than what was read.
func TestCopytruncateLengths(t *testing.T) {
	for name, then := range map[string]string{
		"shorter": "z\n", "same length": "x1\nx2\nx3\n", "longer": "y1\ny2\ny3\ny4\ny5\n", "longer than two blocks": strings.Repeat("y\n", 3000),
	} {
		for _, glob := range []string{"*.log", "*.log*"} {
			t.Run(name+" "+glob, func(t *testing.T) {
				upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
					b.append("app.log", "a1\na2\na3\n")
					b.want("a1", "a2", "a3")
					pause()
					b.copy("app.log", "app.log.1")
					b.truncate("app.log")
					b.append("app.log", then)
					b.wantText(then)
					b.wantGaps(1)
					b.kill()
					b.want()
				}, glob)
			})
		}
	}
}

// The same, with every file beginning with more equal bytes than a fingerprint has: what follows tells.
// open-telemetry/opentelemetry-collector-contrib#19765, #43693, #10481
func TestRotationWithEqualBeginnings(t *testing.T) {
	for _, how := range []string{"copytruncate", "rename", "delete"} {
		for name, then := range map[string]string{"shorter": "z\n", "same length": "x1\nx2\n", "longer": "y1\ny2\ny3\ny4\n"} {
			t.Run(how+" "+name, func(t *testing.T) {
				upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
					b.append("app.log", header+"a1\na2\n")
					b.wantText(header + "a1\na2\n")
					pause()
					switch how {
					case "copytruncate":
						b.copy("app.log", "app.log.1")
						b.truncate("app.log")
					case "rename":
						b.rename("app.log", "app.log.1")
					case "delete":
						b.must(os.Remove(b.path("app.log")))
					}
					b.append("app.log", header+then)
					b.wantText(header + then)
					b.kill()
					b.want()
				}, "*.log*")
			})
		}
	}
}

// Out of the pattern by copytruncate, with unread lines, and grown past the old offset before anybody looks.
// open-telemetry/opentelemetry-collector-contrib#27037
func TestCopytruncateOutOfThePatternAndGrown(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.append("app.log", "a1\na2\n")
		b.want("a1", "a2")
		pause()
		b.append("app.log", "b1\n")
		b.copy("app.log", "app.log.1")
		b.truncate("app.log")
		b.append("app.log", "c1\nc2\nc3\nc4\n")
		b.want("b1", "c1", "c2", "c3", "c4")
		b.want()
		b.wantGaps(1)
	}, "*.log")
}

// A logger that gives old files a time stamp in the middle of the name, within the pattern, compresses them later and
// removes the original while it is followed. crowdsecurity/crowdsec#2902
func TestTimestampedCompressedAndRemoved(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.need("gzip")
		b.append("gitea.log", "a\n")
		b.want("a")
		for i := range 3 {
			old := fmt.Sprintf("gitea-2024-03-1%dT03-15-51.642.log", i)
			pause()
			b.append("gitea.log", fmt.Sprintf("old %d\n", i))
			b.rename("gitea.log", old)
			b.append("gitea.log", fmt.Sprintf("new %d\n", i))
			b.want(fmt.Sprintf("old %d", i), fmt.Sprintf("new %d", i))
			pause()
			b.run("gzip", b.path(old))
			b.append("gitea.log", "more\n")
			b.want("more")
			b.clock.advance(2 * time.Minute)
			b.want()
			b.must(os.Remove(b.path(old + ".gz")))
			b.want()
		}
		b.wantGaps(0)
	}, "*.log")
}

// Compressed where it is matched as well: the content is known. open-telemetry/opentelemetry-collector-contrib#40523, #37772
func TestCompressedWithinThePattern(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.need("gzip")
		b.append("app.log", header)
		b.wantText(header)
		pause()
		b.append("app.log", "unread\n")
		b.rename("app.log", "app-20260102.log")
		b.run("gzip", b.path("app-20260102.log"))
		b.append("app.log", "new\n")
		b.want("unread", "new")
		b.clock.advance(2 * time.Minute)
		b.want()
		pause()
		b.want()
		b.wantGaps(0)
	}, "*.log*")
}

// Empty files are rotated along and read when something comes.
func TestEmptyFiles(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		for _, n := range []string{"a.log", "b.log", "c.log"} {
			b.append(n, "")
		}
		b.want()
		pause()
		b.rename("a.log", "a.log.1")
		b.append("a.log", "")
		b.want()
		b.append("a.log", "new\n")
		b.append("a.log.1", "late\n")
		b.append("b.log", "b\n")
		b.want("late", "new", "b")
		b.wantGaps(0)
	}, "*.log")
}

// Deleted while it is written and followed: what is written until the last writer closes it is read.
func TestDeletedWhileOpen(t *testing.T) {
	b := newBed(t, "*.log")
	f, err := os.Create(b.path("app.log"))
	b.must(err)
	write := func(s string) {
		_, err := f.WriteString(s)
		b.must(err)
	}
	write("a\n")
	b.want("a")
	write("b\n")
	b.must(os.Remove(b.path("app.log")))
	b.want("b")
	write("c\n")
	b.want("c")
	b.append("app.log", "new\n")
	write("d\nunfinished")
	b.want("d", "new")
	b.must(f.Close())
	b.clock.advance(2 * time.Minute)
	b.want("unfinished")
	b.clock.advance(2 * time.Minute)
	b.want()
	b.wantGaps(0)
	if n := openFiles(t, b.dir); n != 1 {
		t.Errorf("%d files open, want the new one only", n)
	}
}

// Unread lines of a file that was deleted while nobody looked are gone: a gap.
func TestDeletedWhileDown(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.kill()
	b.append("app.log", "never read\n")
	b.must(os.Remove(b.path("app.log")))
	b.want()
	b.clock.advance(2 * time.Minute)
	b.want()
	b.wantGaps(1)
}

// Whatever is rotated, the collector is still there when the name comes back a long time later.
func TestNameComesBack(t *testing.T) {
	b := newBed(t, "app.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.must(os.Remove(b.path("app.log")))
	for range 3 {
		b.clock.advance(25 * time.Hour)
		b.want()
	}
	b.append("app.log", "a\n")
	b.want("a")
	b.wantGaps(0)
}

// The files of one log are moved to another directory and among each other while they are followed.
func TestRenamedWithinAndIntoThePattern(t *testing.T) {
	b := newBed(t, "**/*.log")
	b.must(os.MkdirAll(b.path("one"), 0o755))
	b.must(os.MkdirAll(b.path("two"), 0o755))
	b.append("one/app.log", "a\n")
	b.append("outside", "o1\n")
	b.want("a")
	b.rename("one/app.log", "two/other.log")
	b.append("two/other.log", "b\n")
	b.want("b")
	b.kill()
	b.append("two/other.log", "c\n")
	b.rename("two/other.log", "one/third.log") // the pattern leads there and the inode is the same
	b.want("c")
	b.rename("outside", "one/inside.log")
	b.want("o1")
	b.rename("two", "three")
	b.append("three/d.log", "d\n")
	b.want("d")
	b.wantGaps(0)
}

// Five generations, rotated faster than anybody looks, with only one descriptor to be had.
// open-telemetry/opentelemetry-collector-contrib#39598
func TestOneDescriptor(t *testing.T) {
	b := newBed(t, "*.log")
	b.cfg.MaxOpen = 1
	var want []string
	for _, n := range []string{"a", "b", "c"} {
		b.append(n+".log", n+"\n")
		want = append(want, n)
	}
	b.want(want...)
	for i := range 5 {
		want = want[:0]
		for _, n := range []string{"a", "b", "c"} {
			b.append(n+".log", fmt.Sprintf("%s old %d\n", n, i))
			b.rename(n+".log", fmt.Sprintf("%s.log.%d", n, i))
			b.append(n+".log", fmt.Sprintf("%s new %d\n", n, i))
			want = append(want, fmt.Sprintf("%s old %d", n, i), fmt.Sprintf("%s new %d", n, i))
		}
		b.want(want...)
	}
	if n := openFiles(t, b.dir); n > 1 {
		t.Errorf("%d files open", n)
	}
	b.wantGaps(0)
}

// Of two sources whose patterns overlap each file is read by one, rotation included.
func TestOverlappingSources(t *testing.T) {
	first := newBed(t, "nginx/*.log")
	second := newBed(t)
	second.dir = first.dir
	second.cfg.Include = []string{first.path("**/*")}
	second.cfg.Elsewhere = []Config{first.cfg}
	first.must(os.Mkdir(first.path("nginx"), 0o755))
	first.append("nginx/access.log", "a\n")
	first.append("app.log", "b\n")
	first.want("a")
	second.want("b")
	first.append("nginx/access.log", "old\n")
	first.rename("nginx/access.log", "nginx/access.log.1")
	first.append("nginx/access.log", "new\n")
	first.append("nginx/other.txt", "t\n")
	first.want("old", "new")
	second.want("t")
	second.kill()
	first.append("nginx/access.log", "more\n")
	second.want()
	first.want("more")
	// The first source goes: what was its own is not new.
	first.kill()
	second.kill()
	second.cfg.Elsewhere, second.cfg.Start = nil, StartEnd
	second.want()
	first.append("nginx/access.log", "now the second's\n")
	second.want("now the second's")
}

// A clock that goes back neither loses nor doubles, and nothing waits for the time it was.
func TestClockGoesBack(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.clock.advance(-48 * time.Hour)
	b.append("app.log", "b\nunfinished")
	b.rename("app.log", "app.log.1")
	b.append("app.log", "c\n")
	b.want("b", "c")
	b.clock.advance(2 * time.Minute)
	b.want("unfinished")
	b.kill()
	b.clock.advance(-48 * time.Hour)
	b.append("app.log", "d\n")
	b.want("d")
	past := time.Now().Add(-24 * time.Hour)
	b.append("app.log", "e\n")
	b.must(os.Chtimes(b.path("app.log"), past, past))
	b.want("e")
	b.wantGaps(0)
}

// What is written byte by byte comes as whole lines, over restarts and with an end of line of two bytes.
func TestTornWrites(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		whole := "2026-01-02 ERROR the ledger refused order 12: überzogen\r\n2026-01-02 INFO ok\n"
		for i := range len(whole) - 1 {
			b.append("app.log", whole[i:i+1])
			b.settle()
			if i%17 == 0 {
				pause()
			}
		}
		b.append("app.log", "\n")
		b.want("2026-01-02 ERROR the ledger refused order 12: überzogen", "2026-01-02 INFO ok")
	}, "*.log")
}

// The whole tree below the source is replaced by another of the same names.
func TestDirectoryReplaced(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.must(os.MkdirAll(b.path("logs/x"), 0o755))
		b.append("logs/x/app.log", "a\n")
		b.want("a")
		pause()
		b.must(os.RemoveAll(b.path("logs")))
		b.want()
		b.must(os.MkdirAll(filepath.Join(b.dir, "logs/x"), 0o755))
		b.append("logs/x/app.log", "other\n")
		b.want("other")
	}, "logs/**/*.log")
}
