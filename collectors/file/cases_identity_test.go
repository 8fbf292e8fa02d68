package file

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (b *bed) inode(name string) uint64 {
	b.t.Helper()
	fi, err := os.Stat(b.path(name))
	b.must(err)
	return fi.Sys().(*syscall.Stat_t).Ino
}

// reuse deletes a file and makes another of that name, and says whether it has the same inode: on a machine with much else
// to do another process may have taken it.
func (b *bed) reuse(name, text string) bool {
	b.t.Helper()
	was := b.inode(name)
	b.must(os.Remove(b.path(name)))
	b.append(name, text)
	return b.inode(name) == was
}

// Another file under the same name and the same inode is another file, however it compares with the old one's length.
func TestInodeReused(t *testing.T) {
	for name, then := range map[string]string{
		"shorter": "z\n", "same length": "x1\nx2\n", "longer": "y1\ny2\ny3\ny4\n", "equal beginning": header + "other\n",
	} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s down=%v", name, down), func(t *testing.T) {
				for range 50 {
					b := newBed(t, "*.log")
					b.cfg.MaxOpen = 1 // the descriptor of it is closed, or its inode could not be free
					b.append("app.log", header+"a\nb\n")
					b.wantText(header + "a\nb\n")
					b.append("zzz.log", "takes the descriptor\n")
					b.want("takes the descriptor")
					if down {
						b.kill()
					}
					same := b.reuse("app.log", then)
					b.wantText(then)
					b.kill()
					b.want()
					if same {
						return
					}
				}
				if os.Getenv("CI") == "true" {
					t.Fatal("the file system does not use inodes again")
				}
				t.Skip("the file system does not use inodes again")
			})
		}
	}
}

// The inode of one log is used again for another one.
func TestInodeReusedByAnotherLog(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\n")
	b.want("a")
	b.kill()
	was := b.inode("app.log")
	b.must(os.Remove(b.path("app.log")))
	b.append("worker.log", "w\n")
	if b.inode("worker.log") != was {
		t.Log("another inode: still a case")
	}
	b.append("app.log", "new\n")
	b.want("w", "new")
	b.settle()
	if l := b.lines; len(l) != 0 {
		t.Errorf("%+v", l)
	}
	b.append("worker.log", "more\n")
	b.settle()
	if l := b.lines; len(l) != 1 || l[0].service != "worker" {
		t.Errorf("%+v", l)
	}
}

// Twenty files that begin with the same KiB are twenty files, over rotation and restarts.
func TestManyEqualBeginnings(t *testing.T) {
	b := newBed(t, "*.log")
	const n = 20
	for i := range n {
		b.append(fmt.Sprintf("app%c.log", 'a'+i), header)
	}
	b.settle()
	if got := b.texts(); len(got) != n*len(lines(header)) {
		t.Fatalf("%d lines", len(got))
	}
	for round := range 6 {
		var want []string
		for i := range n {
			name := fmt.Sprintf("app%c.log", 'a'+i)
			l := fmt.Sprintf("%d of %s", round, name)
			b.append(name, l+"\n")
			want = append(want, l)
			if (i+round)%3 == 0 {
				b.rename(name, name+".1")
				b.append(name, header+"again\n")
				want = append(append(want, lines(header)...), "again")
			}
		}
		if round%2 == 1 {
			b.kill()
		}
		b.want(want...)
	}
	b.wantGaps(0)
}

// Two small files with the same content, of which only one goes on, and later the other.
// open-telemetry/opentelemetry-collector-contrib#20851
func TestEqualSmallFilesPart(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.append("one.log", "starting\n")
		b.append("two.log", "starting\n")
		b.want("starting", "starting")
		pause()
		b.append("one.log", "one\n")
		b.want("one")
		pause()
		b.append("two.log", "two\n")
		b.want("two")
		pause()
		b.rename("one.log", "one.log.1")
		b.append("one.log", "starting\n")
		b.append("two.log", "two again\n")
		b.want("starting", "two again")
		b.wantGaps(0)
	}, "*.log")
}

// Files around the size of the fingerprint, growing past it while they are read, and over restarts.
// open-telemetry/opentelemetry-collector-contrib#22936
func TestGrowsPastTheFingerprint(t *testing.T) {
	for _, size := range []int{1, blockLen - 1, blockLen, blockLen + 1, 2 * blockLen, sampleLen - 1, sampleLen + 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
				first := strings.Repeat("x", size-1)
				b.append("app.log", first+"\n")
				b.want(first)
				for i := range 5 {
					pause()
					l := fmt.Sprint(i, strings.Repeat("y", 300))
					b.append("app.log", l+"\n")
					b.want(l)
				}
				pause()
				b.rename("app.log", "app.log.1")
				b.append("app.log.1", "late\n")
				b.append("app.log", first+"\n")
				b.want("late", first)
				b.wantGaps(0)
			}, "*.log*")
		})
	}
}

// A file with two names is one file, and goes on under the other when one is removed.
func TestHardLinks(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.append("app.log", "a\n")
		b.must(os.Link(b.path("app.log"), b.path("copy.log")))
		b.want("a")
		pause()
		b.append("copy.log", "b\n")
		b.want("b")
		pause()
		b.must(os.Remove(b.path("app.log")))
		b.append("copy.log", "c\n")
		b.want("c")
		pause()
		b.append("app.log", "another\n")
		b.append("copy.log", "d\n")
		b.want("another", "d")
		b.wantGaps(0)
	}, "*.log")
}

// logrotate's way of keeping what was: a hard link beside the log, then a new file in its place.
func TestRotatedByHardLink(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.append("app.log", "a\n")
		b.want("a")
		pause()
		b.append("app.log", "b\n")
		b.must(os.Link(b.path("app.log"), b.path("app.log.1")))
		b.append("new", "c\n")
		b.rename("new", "app.log")
		b.want("b", "c")
		b.wantGaps(0)
	}, "*.log*")
}

// A backup program copies the log and puts it back: another inode, the same content.
func TestReplacedByACopy(t *testing.T) {
	upAndDown(t, func(_ *testing.T, b *bed, pause func()) {
		b.append("app.log", header+"a\n")
		b.wantText(header + "a\n")
		pause()
		b.copy("app.log", "tmp")
		b.append("tmp", "b\n")
		b.rename("tmp", "app.log")
		b.settle()
		b.clock.advance(2 * time.Minute)
		b.settle()
		got := strings.Join(b.texts(), "\n")
		if !strings.HasSuffix(got, "b") {
			t.Errorf("what was added is missing: %.200q", got)
		}
		if strings.Contains(got, "banner") {
			t.Errorf("what was read came again")
		}
	}, "*.log")
}

// Editors write a changed file in place of the old one. What stands before the offset is the same: only the new is read.
func TestLastLineRemoved(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "a\nb\nc\n")
	b.want("a", "b", "c")
	b.must(os.Truncate(b.path("app.log"), 4))
	b.settle()
	b.append("app.log", "d\n")
	b.settle()
	// It was cut, and what comes again is a matter of taste; it must be said and d must be there.
	got := b.texts()
	if len(got) == 0 || got[len(got)-1] != "d" {
		t.Errorf("%q", got)
	}
	b.wantGaps(1)
}
