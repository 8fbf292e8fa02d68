package file

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/collectors"
)

// fullSize makes the tests of this file use the sizes that a day off leaves behind; by default they are much smaller.
var fullSize = os.Getenv("LOGWRIGHT_TEST_FULL") != ""

// backlog writes a log of about size bytes and gives the number of its lines.
func (b *bed) backlog(name string, size int) (n int) {
	b.t.Helper()
	f, err := os.Create(b.path(name))
	b.must(err)
	w := bufio.NewWriterSize(f, 1<<20)
	for written := 0; written < size; n++ {
		m, err := fmt.Fprintf(w, "backlog of %s line %09d %s\n", name, n, strings.Repeat("x", 80))
		b.must(err)
		written += m
	}
	b.must(w.Flush())
	b.must(f.Close())
	return n
}

// After a day off there is a gigabyte to catch up with, in one file or in several. A line that is written now to one of
// fifty other files waits for one batch of it, not for its end. Counted in batches, so that no clock has a say.
func TestBacklogDelaysLiveLinesByOneBatch(t *testing.T) {
	size := 32 << 20
	if fullSize {
		size = 1 << 30
	}
	for _, files := range []int{1, 10} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			b := newBed(t, "*.log")
			want := 0
			for i := range files {
				want += b.backlog(fmt.Sprintf("m-backlog%d.log", i), size/files)
			}
			const lives = 50
			live := func(i int) string { return fmt.Sprintf("%c-live%d.log", "am"[i%2]+byte(i%7), i) }
			for i := range lives {
				b.append(live(i), "")
			}
			wake := make(chan struct{}, 1)
			c, err := New(b.cfg, Options{Now: b.clock.now, Wake: wake})
			b.must(err)
			var (
				got, batches, next, worst int
				written                   = map[string]int{} // live line to the number of backlog batches when it was written
			)
			cancelled := fmt.Errorf("all came")
			err = c.Collect(t.Context(), nil, func(batch collectors.Batch) error {
				if len(batch.Lines) == 0 {
					return nil
				}
				if strings.Contains(batch.File, "backlog") {
					batches++
					got += len(batch.Lines)
					if n := len(batch.Lines); n > maxLines {
						t.Errorf("a batch of %d lines", n)
					}
				}
				for _, l := range batch.Lines {
					if at, ok := written[l.Text]; ok {
						worst = max(worst, batches-at)
						delete(written, l.Text)
					}
				}
				if got == want && len(written) == 0 {
					return cancelled
				}
				if strings.Contains(batch.File, "backlog") && got < want {
					// The service writes: somebody tells, as inotify does.
					text := fmt.Sprintf("live %d", next)
					written[text] = batches
					b.append(live(next%lives), text+"\n")
					next++
					select {
					case wake <- struct{}{}:
					default:
					}
				}
				return nil
			})
			if !errors.Is(err, cancelled) {
				t.Fatal(err)
			}
			if next < 50 {
				t.Fatalf("only %d live lines were written", next)
			}
			if worst > 1 {
				t.Errorf("a live line waited for %d batches of the backlog", worst)
			}
			t.Logf("%d live lines beside %d MiB in %d batches: the longest waited for %d batches", next, size>>20, batches, worst)
		})
	}
}

// The same by the kernel's word alone: while there is a backlog, inotify's word is taken before each batch.
func TestBacklogAndInotify(t *testing.T) {
	b := newBed(t, "*.log")
	b.cfg.Watch, b.cfg.PollInterval = WatchInotify, time.Hour
	want := b.backlog("backlog.log", 48<<20)
	b.append("live.log", "")
	c, err := New(b.cfg, Options{})
	b.must(err)
	got, wrote, came, backlogAt := 0, false, false, 0
	done := fmt.Errorf("done")
	noticed := make(chan struct{})
	err = c.Collect(t.Context(), nil, func(batch collectors.Batch) error {
		for _, l := range batch.Lines {
			if l.Text == "live" {
				came, backlogAt = true, got
			}
		}
		if strings.HasSuffix(batch.File, "backlog.log") {
			got += len(batch.Lines)
		}
		if !wrote && got > 0 {
			wrote = true
			b.append("live.log", "live\n")
			close(noticed)
		}
		if got == want && came {
			return done
		}
		return nil
	})
	<-noticed
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	if backlogAt >= want {
		t.Errorf("the live line came after all %d lines of the backlog", want)
	}
}

// Thousands of files, few descriptors: the kernel is asked how many there are, at every batch.
func TestThousandsOfFiles(t *testing.T) {
	const files, open = 5000, 64
	b := newBed(t, "**/*.log")
	b.cfg.MaxOpen = open
	name := func(i int) string { return fmt.Sprintf("d%d/%04d.log", i%40, i) }
	for i := range 40 {
		b.mkdir(fmt.Sprintf("d%d", i))
	}
	var want []string
	for i := range files {
		b.append(name(i), fmt.Sprintf("first %d\n", i))
		want = append(want, fmt.Sprintf("first %d", i))
	}
	check := func() {
		t.Helper()
		if n := openFiles(t, b.dir); n > open {
			t.Errorf("%d files are open, %d may be", n, open)
		}
	}
	b.want(want...)
	check()
	for round := range 4 {
		want = want[:0]
		if round == 2 {
			b.kill()
		}
		for i := range files {
			if (i+round)%3 != 0 {
				continue
			}
			b.append(name(i), fmt.Sprintf("old %d %d\n", round, i))
			want = append(want, fmt.Sprintf("old %d %d", round, i))
			if i%10 == 0 {
				b.rename(name(i), fmt.Sprint(name(i), ".", 9-round))
				b.append(name(i), fmt.Sprintf("new %d %d\n", round, i))
				want = append(want, fmt.Sprintf("new %d %d", round, i))
			}
		}
		b.want(want...)
		check()
	}
	b.wantGaps(0)
}

// More files than max_files: the first ones are read, it is said once, and there is room again when some are gone.
func TestTooManyFiles(t *testing.T) {
	b := newBed(t, "*.log")
	b.cfg.MaxFiles = 10
	for i := range 15 {
		b.append(fmt.Sprintf("%02d.log", i), fmt.Sprintf("%d\n", i))
	}
	b.settle()
	b.settle()
	if got := b.texts(); len(got) != 10 {
		t.Errorf("%d files were read: %q", len(got), got)
	}
	if n := b.count("more log files than max_files"); n != 1 {
		t.Errorf("told %d times: %s", n, b.log)
	}
	for i := range 6 {
		b.must(os.Remove(b.path(fmt.Sprintf("%02d.log", i))))
	}
	b.settle()
	b.clock.advance(2 * time.Minute)
	b.settle()
	b.clock.advance(2 * time.Minute)
	b.settle()
	b.settle()
	if got := b.texts(); len(got) != 5 {
		t.Errorf("%d of the others were read: %q", len(got), got)
	}
	// Files that come and go all day don't fill the memory.
	for i := range 100 {
		b.append("brief.log", fmt.Sprintf("brief %d\n", i))
		b.settle()
		b.must(os.Remove(b.path("brief.log")))
		b.settle()
		b.clock.advance(2 * time.Minute)
		b.settle()
		if n := len(b.cursor); n > b.cfg.MaxFiles+4 {
			t.Fatalf("%d positions are kept", n)
		}
	}
}

// A store that takes nothing stops the reading: nothing is read ahead, whatever is written meanwhile.
func TestBackpressure(t *testing.T) {
	b := newBed(t, "*.log")
	want := b.backlog("app.log", 8<<20)
	wake := make(chan struct{}, 1)
	c, err := New(b.cfg, Options{Now: b.clock.now, Wake: wake})
	b.must(err)
	inside, release := make(chan int), make(chan bool)
	done := make(chan error, 1)
	got := 0
	ended := fmt.Errorf("ended")
	go func() {
		done <- c.Collect(t.Context(), nil, func(batch collectors.Batch) error {
			if len(batch.Lines) == 0 {
				return nil
			}
			got += len(batch.Lines)
			inside <- got
			<-release
			if got == want {
				return ended
			}
			return nil
		})
	}()
	for calls := 0; ; calls++ {
		select {
		case at := <-inside:
			// It is blocked: the descriptor tells how far it reads, for it reads by offset and keeps one buffer.
			if at > (calls+1)*maxLines {
				t.Fatalf("%d lines in %d batches", at, calls+1)
			}
			wake <- struct{}{} // and more is asked of it
			select {
			case n := <-inside:
				t.Fatalf("another batch while one is not taken in: %d lines", n)
			default:
			}
			select { // nobody took the word that there is more: it waits
			case <-wake:
			default:
				t.Fatal("it goes on while its batch is not taken in")
			}
			release <- true
		case err := <-done:
			if !errors.Is(err, ended) {
				t.Fatal(err)
			}
			return
		}
	}
}
