package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/collectortest"
	"github.com/logwright/logwright/collectors/events"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// got is one line with where it came from.
type got struct {
	events.Line
	stream, file, service string
}

// bed runs collectors over one directory, as a daemon that is killed and started again does.
type bed struct {
	t     *testing.T
	dir   string
	cfg   Config
	clock *clock
	log   *syncBuffer

	mu     sync.Mutex
	cursor collectors.Cursor
	lines  []got
	gaps   []incident.Gap
	ended  []string
	refuse int // batches still taken before emit refuses, -1 for no end

	stop  func() error
	wake  chan struct{}
	idle  chan struct{}
	done  chan struct{}
	alive bool
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newBed(t *testing.T, include ...string) *bed {
	b := &bed{
		t: t, dir: t.TempDir(), cursor: collectors.Cursor{}, log: &syncBuffer{}, refuse: -1,
		clock: &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	b.cfg = Config{Name: "files", Watch: WatchPoll, Start: StartBeginning, RotatedWait: time.Minute}
	for _, i := range include {
		b.cfg.Include = append(b.cfg.Include, filepath.Join(b.dir, i))
	}
	t.Cleanup(func() { b.kill() })
	return b
}

func (b *bed) take(batch collectors.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse == 0 {
		return errKilled
	}
	if b.refuse > 0 {
		b.refuse--
	}
	for _, l := range batch.Lines {
		b.lines = append(b.lines, got{l, batch.Stream, batch.File, batch.Service})
	}
	b.gaps = append(b.gaps, batch.Gaps...)
	if batch.Ended {
		b.ended = append(b.ended, batch.Stream)
	}
	if batch.Position != nil {
		b.cursor[batch.Stream] = slices.Clone(batch.Position)
	} else if batch.Ended {
		delete(b.cursor, batch.Stream)
	}
	return nil
}

var errKilled = fmt.Errorf("killed")

// start starts the daemon where it was left, without waiting.
func (b *bed) start() {
	b.t.Helper()
	b.wake, b.idle, b.done = make(chan struct{}), make(chan struct{}), make(chan struct{})
	wake, idle, done := b.wake, b.idle, b.done
	ctx, cancel := context.WithCancel(context.Background())
	c, err := New(b.cfg, Options{
		Logger: slog.New(slog.NewTextHandler(io.MultiWriter(b.log), nil)),
		Now:    b.clock.now, Wake: wake,
		Idle: func() {
			select {
			case idle <- struct{}{}:
			case <-ctx.Done():
			}
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	var result error
	go func() {
		defer close(done)
		result = c.Collect(ctx, maps.Clone(b.cursor), b.take)
	}()
	b.stop = func() error {
		cancel()
		<-done
		return result
	}
	b.alive = true
}

// settle waits until everything is read, starting the daemon where it doesn't run. It says whether it still runs.
func (b *bed) settle() bool {
	b.t.Helper()
	if b.alive {
		select {
		case b.wake <- struct{}{}:
		case <-b.done:
		}
	} else {
		b.start()
	}
	select {
	case <-b.idle:
		return true
	case <-b.done:
		if err := b.kill(); !errors.Is(err, errKilled) {
			b.t.Fatalf("Collect: %v", err)
		}
		return false
	}
}

// kill ends the daemon; what was not committed is lost.
func (b *bed) kill() error {
	if !b.alive {
		return nil
	}
	b.alive = false
	return b.stop()
}

func (b *bed) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bed) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	b.must(err)
	_, err = f.WriteString(text)
	b.must(err)
	b.must(f.Close())
}

func (b *bed) rename(from, to string) { b.t.Helper(); b.must(os.Rename(b.path(from), b.path(to))) }

func (b *bed) copy(from, to string) {
	b.t.Helper()
	data, err := os.ReadFile(b.path(from))
	b.must(err)
	b.must(os.WriteFile(b.path(to), data, 0o644))
}

func (b *bed) truncate(name string) { b.t.Helper(); b.must(os.Truncate(b.path(name), 0)) }

// texts gives the lines taken since the last call.
func (b *bed) texts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, l := range b.lines {
		out = append(out, l.Text)
	}
	b.lines = nil
	return out
}

// want settles and compares the lines that came since the last call, in any order between files.
func (b *bed) want(lines ...string) {
	b.t.Helper()
	if !b.settle() {
		b.t.Fatal("killed")
	}
	have := b.texts()
	slices.Sort(have)
	slices.Sort(lines)
	if !slices.Equal(have, lines) {
		b.t.Fatalf("lines %.300q, want %.300q\nlog: %s", have, lines, b.log)
	}
}

func (b *bed) wantGaps(n int) {
	b.t.Helper()
	if len(b.gaps) != n {
		b.t.Errorf("%d gaps, want %d: %+v", len(b.gaps), n, b.gaps)
	}
	b.gaps = nil
}

func TestConformance(t *testing.T) {
	for _, once := range []bool{true, false} {
		t.Run(fmt.Sprintf("once=%v", once), func(t *testing.T) {
			collectortest.Run(t, func(t *testing.T) collectortest.Source {
				b := newBed(t, "*.log")
				b.append("app.log", "")
				wake := make(chan struct{})
				return collectortest.Source{
					New: func(t *testing.T) collectors.Collector {
						cfg := b.cfg
						cfg.Once = once
						c, err := New(cfg, Options{Wake: wake})
						if err != nil {
							t.Fatal(err)
						}
						return c
					},
					Append: func(_ *testing.T, lines []string) { b.append("app.log", strings.Join(lines, "\n")+"\n") },
					Wake: func(ctx context.Context) {
						select {
						case wake <- struct{}{}:
						case <-ctx.Done():
						}
					},
					Ends: once, Resumable: true,
				}
			})
		})
	}
}

func TestRotation(t *testing.T) {
	for _, glob := range []string{"*.log", "*.log*"} {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("glob=%s,down=%v", glob, down), func(t *testing.T) {
				pause := func(b *bed) {
					if down {
						b.kill()
					}
				}
				t.Run("rename", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\nb\n")
					b.want("a", "b")
					for i := range 4 {
						pause(b)
						b.append("app.log", fmt.Sprintf("old %d\n", i))
						for n := 3; n > 0; n-- {
							if _, err := os.Stat(b.path(fmt.Sprintf("app.log.%d", n))); err == nil {
								b.rename(fmt.Sprintf("app.log.%d", n), fmt.Sprintf("app.log.%d", n+1))
							}
						}
						b.rename("app.log", "app.log.1")
						b.append("app.log.1", fmt.Sprintf("late %d\n", i))
						b.append("app.log", fmt.Sprintf("new %d\n", i))
						b.want(fmt.Sprintf("old %d", i), fmt.Sprintf("late %d", i), fmt.Sprintf("new %d", i))
						b.append("app.log.1", fmt.Sprintf("later %d\n", i))
						b.want(fmt.Sprintf("later %d", i))
						b.want()
					}
					b.wantGaps(0)
				})
				t.Run("copytruncate", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\nb\n")
					b.want("a", "b")
					for i := range 4 {
						pause(b)
						b.append("app.log", fmt.Sprintf("old %d\n", i))
						for n := 3; n > 0; n-- {
							if _, err := os.Stat(b.path(fmt.Sprintf("app.log.%d", n))); err == nil {
								b.rename(fmt.Sprintf("app.log.%d", n), fmt.Sprintf("app.log.%d", n+1))
							}
						}
						b.copy("app.log", "app.log.1")
						if i%2 == 1 && !down {
							b.want(fmt.Sprintf("old %d", i))
							b.truncate("app.log")
							b.append("app.log", fmt.Sprintf("new %d\n", i))
							b.want(fmt.Sprintf("new %d", i))
						} else {
							b.truncate("app.log")
							b.append("app.log", fmt.Sprintf("new %d\n", i))
							b.want(fmt.Sprintf("old %d", i), fmt.Sprintf("new %d", i))
						}
						b.want()
						b.wantGaps(1)
					}
				})
				t.Run("copytruncate after reading past the copy", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\nb\n")
					b.want("a", "b")
					b.copy("app.log", "app.log.1")
					b.append("app.log", "c\n")
					b.want("c")
					pause(b)
					b.truncate("app.log")
					b.append("app.log", "d\n")
					b.want("d")
					b.wantGaps(1)
					b.kill()
					b.want()
					b.append("app.log", "e\n")
					b.want("e")
					b.wantGaps(0)
				})
				t.Run("truncated and longer than before", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\nb\n")
					b.want("a", "b")
					pause(b)
					b.truncate("app.log")
					b.append("app.log", "c\nd\ne\nf\n")
					b.want("c", "d", "e", "f")
					b.wantGaps(1)
				})
				t.Run("several generations at once", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\n")
					b.want("a")
					pause(b)
					b.append("app.log", "b\n")
					b.rename("app.log", "app.log.1")
					b.append("app.log", "c\n")
					b.rename("app.log.1", "app.log.2")
					b.rename("app.log", "app.log.1")
					b.append("app.log", "d\n")
					b.want("b", "c", "d")
					b.wantGaps(0)
					b.kill()
					b.want()
				})
				t.Run("deleted and made again", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\nb\n")
					b.want("a", "b")
					pause(b)
					b.must(os.Remove(b.path("app.log")))
					b.append("app.log", "a\nc\n")
					b.want("a", "c")
				})
				t.Run("unfinished line", func(t *testing.T) {
					b := newBed(t, glob)
					b.append("app.log", "a\nbeg")
					b.want("a")
					pause(b)
					b.append("app.log", "in")
					b.want()
					pause(b)
					b.rename("app.log", "app.log.1")
					b.append("app.log", "c\n")
					b.want("c")
					b.append("app.log.1", "ning")
					b.want()
					b.clock.advance(2 * time.Minute)
					b.want("beginning")
					b.clock.advance(2 * time.Minute)
					b.want()
					b.kill()
					b.want()
				})
			})
		}
	}
}
