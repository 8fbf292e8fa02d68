package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/logwright/logwright/collectors"
)

func TestStart(t *testing.T) {
	t.Run("end, with line numbers", func(t *testing.T) {
		b := newBed(t, "*.log")
		b.cfg.Start = StartEnd
		b.append("app.log", "a\nb\nunfinished")
		b.want()
		b.append("app.log", " rest\nc\n")
		b.append("new.log", "n\n")
		b.settle()
		if l := b.lines; len(l) != 2 || l[0].Text != "c" || l[0].Number != 4 || l[1].Text != "n" || l[1].Number != 1 {
			t.Fatalf("%+v", l)
		}
	})
	t.Run("a file that appeared while we were away is read from its beginning", func(t *testing.T) {
		b := newBed(t, "*.log")
		b.cfg.Start = StartEnd
		b.append("app.log", "a\n")
		b.want()
		b.kill()
		b.append("new.log", "n\n")
		b.append("app.log", "b\n")
		b.want("n", "b")
	})
	t.Run("but not one that was only not included", func(t *testing.T) {
		b := newBed(t, "*.log")
		b.cfg.Start = StartEnd
		b.append("app.log", "a\n")
		b.append("other.txt", "old\n")
		b.want()
		b.kill()
		b.cfg.Include = append(b.cfg.Include, b.path("*.txt"))
		b.want()
		b.append("other.txt", "new\n")
		b.want("new")
	})
	t.Run("excluded", func(t *testing.T) {
		b := newBed(t, "**/*.log")
		b.cfg.Exclude = []string{b.path("**/secret.log")}
		b.must(os.MkdirAll(b.path("x/y"), 0o755))
		b.append("x/y/app.log", "a\n")
		b.append("x/secret.log", "b\n")
		b.want("a")
	})
	t.Run("a name with glob characters", func(t *testing.T) {
		b := newBed(t, "app[1].log")
		b.append("app[1].log", "a\n")
		b.want("a")
	})
}

func TestVanishAndAppear(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.rename("app.log", "elsewhere")
	b.want()
	b.clock.advance(2 * time.Minute)
	b.want()
	b.rename("elsewhere", "app.log")
	b.append("app.log", "b\n")
	b.want("b")
	// A copy of it, as from a backup or another mount: another inode with the same content.
	b.copy("app.log", "copy")
	b.must(os.Remove(b.path("app.log")))
	b.clock.advance(2 * time.Minute)
	b.want()
	b.clock.advance(2 * time.Minute)
	b.want()
	b.rename("copy", "app.log")
	b.append("app.log", "c\n")
	b.want("c")
}

func TestForgets(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.must(os.Remove(b.path("app.log")))
	b.want()
	b.clock.advance(2 * time.Minute)
	b.want()
	if len(b.ended) != 1 || len(b.cursor) != 2 {
		t.Fatalf("ended %v, cursor of %d", b.ended, len(b.cursor))
	}
	b.clock.advance(25 * time.Hour)
	b.want()
	if len(b.ended) != 2 || len(b.cursor) != 1 {
		t.Fatalf("ended %v, cursor of %d after the grace period", b.ended, len(b.cursor))
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 100)
	var le, be bytes.Buffer
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune("grüße 🙂\r\nb\n"))...) {
		binary.Write(&le, binary.LittleEndian, u)
		binary.Write(&be, binary.BigEndian, u)
	}
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"CRLF", "a\r\n\r\nb\r\n", []string{"1@0 a", "2@3 ", "3@5 b"}},
		{"invalid UTF-8", "\xff\x00\xfe\n", []string{"1@0 \xff\x00\xfe"}},
		{"byte order mark", "\ufeffa\nb\n", []string{"1@0 a", "2@5 b"}},
		{"UTF-16 little endian", le.String(), []string{"1@2 grüße 🙂", "2@22 b"}},
		{"UTF-16 big endian", be.String(), []string{"1@2 grüße 🙂", "2@22 b"}},
		{"cut", long + "\nb\n", []string{"1@0+ " + long[:64], "2@101 b"}},
		{"just fits", long[:64] + "\r\nb\n", []string{"1@0 " + long[:64], "2@66 b"}},
		{"NUL bytes before a line", strings.Repeat("\x00", 5000) + "a\nb\n", []string{"1@5000 a", "2@5002 b"}},
		{"many empty lines", strings.Repeat("\n", 3), []string{"1@0 ", "2@1 ", "3@2 "}},
	} {
		for _, once := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,once=%v", tc.name, once), func(t *testing.T) {
				b := newBed(t, "app.log")
				b.cfg.MaxLine, b.cfg.Once = 64, once
				b.append("app.log", tc.in)
				if once {
					b.once()
				} else {
					b.settle()
				}
				var have []string
				for _, l := range b.lines {
					cut := ""
					if l.Truncated {
						cut = "+"
					}
					have = append(have, fmt.Sprintf("%d@%d%s %s", l.Number, l.Offset, cut, l.Text))
				}
				if !slices.Equal(have, tc.want) {
					t.Errorf("have %q, want %q", have, tc.want)
				}
			})
		}
	}
}

// once runs a collector in Once mode to its end.
func (b *bed) once() error {
	b.t.Helper()
	b.cfg.Once = true
	c, err := New(b.cfg, Options{Now: b.clock.now})
	b.must(err)
	return c.Collect(context.Background(), b.cursor, b.take)
}

func TestLongLine(t *testing.T) {
	b := newBed(t, "app.log")
	b.cfg.MaxLine = 1 << 20
	// Piece by piece, with kills: begun, past the read size, past the limit, far past it.
	for _, n := range []int{10, chunkLen, 1 << 20, 3 << 20} {
		b.append("app.log", strings.Repeat("y", n))
		b.settle()
		b.kill()
	}
	b.append("app.log", "\nnext\n")
	b.settle()
	if len(b.lines) != 2 || len(b.lines[0].Text) != 1<<20 || !b.lines[0].Truncated || b.lines[1].Text != "next" || b.lines[1].Number != 2 {
		t.Fatalf("%d lines, %+v", len(b.lines), b.lines[len(b.lines)-1])
	}
}

// A file of a terabyte, nearly all hole, with lines at both ends: what copytruncate makes of a log whose writer does not
// append. It must take no time and no memory.
func TestSparse(t *testing.T) {
	for _, once := range []bool{false, true} {
		b := newBed(t, "app.log")
		b.append("app.log", "first\n")
		f, err := os.OpenFile(b.path("app.log"), os.O_WRONLY, 0)
		b.must(err)
		if _, err := f.WriteAt([]byte("last\n"), 1<<40); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("the file system has no files of a terabyte")
			}
			t.Skip("the file system has no files of a terabyte")
		}
		b.must(f.Close())
		if once {
			b.must(b.once())
		} else {
			b.settle()
		}
		if len(b.lines) != 2 || b.lines[1].Text != "last" || b.lines[1].Offset != 1<<40 {
			t.Fatalf("once %v: %+v", once, b.lines)
		}
		b.kill()
	}
}

func TestNotRead(t *testing.T) {
	b := newBed(t, "*")
	b.append("app.log", "a\n")
	b.must(syscall.Mkfifo(b.path("fifo"), 0o644))
	l, err := net.Listen("unix", b.path("socket"))
	b.must(err)
	defer l.Close()
	b.must(os.Mkdir(b.path("dir"), 0o755))
	b.append("wtmp", strings.Repeat("\x02\x00\x00\x00~~\x00\x00", 100))
	b.append("prog", "\x7fELF\x02\x01")
	b.append("noise", strings.Repeat("\x01\x02\x03\xf0", 300))
	b.append("x.journal", "LPKSHHRH")
	b.append("old.log.gz", "")
	b.must(os.WriteFile(b.path("old.log.gz"), gz("old\n"), 0o644))
	b.want("a")
	b.want()
	b.want()
	for _, name := range []string{"fifo", "socket", "wtmp", "prog", "noise", "x.journal"} {
		if n := strings.Count(b.log.String(), "file="+b.path(name)+" "); n != 1 {
			t.Errorf("%s: told %d times, want once\n%s", name, n, b.log)
		}
	}
	if strings.Contains(b.log.String(), b.path("dir")) {
		t.Errorf("a directory that a pattern leads to is nothing to tell:\n%s", b.log)
	}
}

func gz(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Bytes()
}

func TestSymlinks(t *testing.T) {
	// As root, files of other users can be made; else only what root owns is another user's.
	root := os.Geteuid() == 0
	setup := func(t *testing.T, symlinks string) *bed {
		b := newBed(t, "link.log")
		b.cfg.Symlinks = symlinks
		b.must(os.Mkdir(b.path("target"), 0o755))
		b.append("target/app-1.log", "a\n")
		b.must(os.Symlink("target/app-1.log", b.path("link.log")))
		return b
	}
	t.Run("same owner", func(t *testing.T) { setup(t, SymlinksSameOwner).want("a") })
	t.Run("follow", func(t *testing.T) { setup(t, SymlinksFollow).want("a") })
	t.Run("never", func(t *testing.T) {
		b := setup(t, SymlinksNever)
		b.want()
		if !strings.Contains(b.log.String(), "is a symbolic link") {
			t.Error(b.log)
		}
	})
	t.Run("rotated behind the link", func(t *testing.T) {
		b := setup(t, SymlinksSameOwner)
		b.want("a")
		b.append("target/app-1.log", "b\n")
		b.rename("target/app-1.log", "target/app-1.log.20260102-030405")
		b.append("target/app-1.log", "c\n")
		b.want("b", "c")
		b.kill()
		b.append("target/app-1.log", "d\n")
		b.must(exec.Command("gzip", b.path("target/app-1.log")).Run())
		b.append("target/app-1.log", "e\n")
		b.want("d", "e")
		b.wantGaps(0)
	})
	t.Run("points elsewhere later", func(t *testing.T) {
		b := setup(t, SymlinksSameOwner)
		b.want("a")
		b.append("target/app-1.log", "b\n")
		b.append("target/app-2.log", "c\n")
		b.must(os.Remove(b.path("link.log")))
		b.must(os.Symlink("target/app-2.log", b.path("link.log")))
		b.want("b", "c")
	})
	for _, tc := range []struct {
		name  string
		setup func(b *bed)
	}{
		{"a service's link to a file of root", func(b *bed) {
			b.must(os.Lchown(b.path("link.log"), 12345, 12345))
		}},
		{"a service's link to a link", func(b *bed) {
			b.must(os.Remove(b.path("link.log")))
			b.must(os.Symlink("target/app-1.log", b.path("second")))
			b.must(os.Symlink("second", b.path("link.log")))
			b.must(os.Lchown(b.path("link.log"), 12345, 12345))
		}},
		{"a service's directory that is a link", func(b *bed) {
			b.must(os.Symlink("target", b.path("dir")))
			b.must(os.Lchown(b.path("dir"), 12345, 12345))
			b.cfg.Include = []string{b.path("dir/*.log")}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !root {
				if os.Getenv("CI") == "true" {
					t.Fatal("needs root, to make files of another user")
				}
				t.Skip("needs root, to make files of another user")
			}
			b := setup(t, SymlinksSameOwner)
			tc.setup(b)
			b.want()
			if !strings.Contains(b.log.String(), "belongs to user 12345, its target to user 0") {
				t.Errorf("not told why: %s", b.log)
			}
			b.cfg.Include = append(b.cfg.Include, b.path("*.log"))
			if err := b.once(); err == nil && len(b.lines) > 0 {
				t.Error("read at once")
			}
		})
	}
	t.Run("a link of root to a directory of a service", func(t *testing.T) {
		if !root {
			if os.Getenv("CI") == "true" {
				t.Fatal("needs root, to make files of another user")
			}
			t.Skip("needs root, to make files of another user")
		}
		b := setup(t, SymlinksSameOwner)
		b.must(os.Symlink("target", b.path("dir")))
		b.must(os.Chown(b.path("target"), 12345, 12345))
		b.must(os.Chown(b.path("target/app-1.log"), 12345, 12345))
		b.cfg.Include = []string{b.path("dir/*.log")}
		b.want("a")
	})
}

func TestCompressedCatchUp(t *testing.T) {
	for _, tool := range []string{"gzip", "xz", "zstd", "bzip2"} {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("%s is not installed", tool)
				}
				t.Skipf("%s is not installed", tool)
			}
			b := newBed(t, "*.log")
			var text strings.Builder
			for i := range 50_000 {
				fmt.Fprintf(&text, "line %d\n", i)
			}
			b.append("app.log", text.String())
			b.settle()
			b.texts()
			b.kill()
			b.append("app.log", "unread\nunfinished")
			b.rename("app.log", "app.log.1")
			args := []string{b.path("app.log.1")}
			if tool == "zstd" {
				args = append(args, "-q", "--rm")
			}
			if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b.append("app.log", "new\n")
			b.want("unread", "new")
			b.clock.advance(2 * time.Minute)
			b.want("unfinished")
			b.wantGaps(0)
			b.kill()
			b.want()

			// And as a file that is named: diagnose app.log.1.gz.
			names, _ := filepath.Glob(b.path("app.log.1.*"))
			b.cfg.Include, b.cursor = names, collectors.Cursor{}
			b.must(b.once())
			if l := b.lines; len(l) != 50_002 || l[50_001].Text != "unfinished" || l[50_001].Number != 50_002 || l[0].service != "app" {
				t.Errorf("%d lines", len(l))
			}
		})
	}
}

// A compressor that is still at work: the rest comes when it is done.
func TestHalfCompressed(t *testing.T) {
	b := newBed(t, "*.log")
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "line %d %x\n", i, i*i)
	}
	b.append("app.log", text.String())
	b.settle()
	b.texts()
	b.kill()
	rest := strings.Repeat("unread\n", 5)
	whole := gz(text.String() + rest)
	b.must(os.Remove(b.path("app.log")))
	b.must(os.WriteFile(b.path("app.log.1.gz"), whole[:len(whole)/2], 0o644))
	b.want()
	b.must(os.WriteFile(b.path("app.log.1.gz"), whole, 0o644))
	b.want(strings.Split(strings.TrimSpace(rest), "\n")...)
	b.wantGaps(0)
}

func TestManyFilesFewDescriptors(t *testing.T) {
	b := newBed(t, "**/*.log")
	b.cfg.MaxOpen = 8
	want := make([]string, 0, 300)
	for i := range 300 {
		b.append(fmt.Sprintf("%03d.log", i), fmt.Sprintf("a%d\n", i))
		want = append(want, fmt.Sprintf("a%d", i))
	}
	b.want(want...)
	if n := openFiles(t, b.dir); n > 8 {
		t.Errorf("%d files open, want 8 at most", n)
	}
	for round := range 3 {
		want = want[:0]
		for i := range 300 {
			b.append(fmt.Sprintf("%03d.log", i), fmt.Sprintf("b%d %d\n", round, i))
			want = append(want, fmt.Sprintf("b%d %d", round, i))
			b.rename(fmt.Sprintf("%03d.log", i), fmt.Sprintf("%03d.log.%d", i, 9-round))
		}
		b.want(want...)
	}
	b.wantGaps(0)
	if n := openFiles(t, b.dir); n > 8 {
		t.Errorf("%d files open, want 8 at most", n)
	}
}

func openFiles(t *testing.T, dir string) (n int) {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, dir) {
			n++
		}
	}
	return n
}

// A storm in one file must not keep the lines of another from coming.
func TestFair(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("a-storm.log", strings.Repeat("storm storm storm storm storm storm\n", 200_000))
	b.append("quiet.log", "quiet\n")
	b.settle()
	for i, l := range b.lines {
		if l.Text == "quiet" {
			if i > 3*maxLines {
				t.Errorf("came after %d lines of the storm", i)
			}
			return
		}
	}
	t.Error("never came")
}

func TestUnreadablePosition(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\n")
	b.cursor["f-1"] = []byte("nonsense")
	b.want("a")
	b.wantGaps(1)
	if _, ok := b.cursor["f-1"]; ok {
		t.Error("kept")
	}
}

// Of two files with the same content each goes on as itself.
func TestTwins(t *testing.T) {
	for _, down := range []bool{false, true} {
		b := newBed(t, "*/*.log")
		b.must(os.Mkdir(b.path("x"), 0o755))
		b.must(os.Mkdir(b.path("y"), 0o755))
		head := strings.Repeat("the same banner\n", 200)
		b.append("x/app.log", head)
		b.append("y/app.log", head)
		b.settle()
		if n := len(b.texts()); n != 400 {
			t.Fatalf("%d lines", n)
		}
		if down {
			b.kill()
		}
		b.append("x/app.log", "x\n")
		b.append("y/app.log", "y\n")
		b.want("x", "y")
		if down {
			b.kill()
		}
		b.rename("x/app.log", "x/app.log.1")
		b.append("x/app.log", head+"x2\n")
		b.settle()
		if l := b.texts(); len(l) != 201 || l[200] != "x2" {
			t.Fatalf("down %v: %d lines", down, len(l))
		}
		b.wantGaps(0)
	}
}
