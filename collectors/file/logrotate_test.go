package file

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/collectors"
)

// TestLogrotate rotates with the real logrotate while a writer goes on and the collector is killed now and then.
func TestLogrotate(t *testing.T) {
	bin, err := exec.LookPath("logrotate")
	if err != nil {
		if _, serr := os.Stat("/usr/sbin/logrotate"); serr == nil {
			bin = "/usr/sbin/logrotate"
		} else if os.Getenv("CI") == "true" {
			t.Fatal("logrotate is not installed")
		} else {
			t.Skip("logrotate is not installed")
		}
	}
	for _, tc := range []struct {
		name, options string
		truncates     bool
	}{
		{"create", "create\nnocompress\n", false},
		{"create and compress", "create\ncompress\n", false},
		{"create and compress later", "create\ncompress\ndelaycompress\n", false},
		{"nocreate, xz", "nocreate\ncompress\ncompresscmd /usr/bin/xz\ncompressext .xz\n", false},
		{"copytruncate", "copytruncate\nnocompress\n", true},
		{"copytruncate and compress", "copytruncate\ncompress\n", true},
	} {
		for _, glob := range []string{"*.log", "*.log*"} {
			t.Run(tc.name+" "+glob, func(t *testing.T) {
				b := newBed(t, glob)
				conf, state := b.t.TempDir()+"/conf", b.t.TempDir()+"/state"
				b.must(os.WriteFile(conf, []byte(fmt.Sprintf("%s/app.log {\nsu root root\nrotate 100\nsize 1\n%s}\n", b.dir, tc.options)), 0o600))
				if os.Geteuid() != 0 {
					b.must(os.WriteFile(conf, []byte(fmt.Sprintf("%s/app.log {\nrotate 100\nsize 1\n%s}\n", b.dir, tc.options)), 0o600))
				}
				next := 0
				write := func(n int) {
					var s strings.Builder
					for range n {
						fmt.Fprintf(&s, "line %d\n", next)
						next++
					}
					b.append("app.log", s.String())
				}
				for i := range 12 {
					write(50)
					if i%3 != 2 {
						b.settle()
						write(10)
					}
					if i%4 == 1 {
						b.kill()
					}
					if out, err := exec.Command(bin, "-f", "-s", state, conf).CombinedOutput(); err != nil {
						t.Fatalf("logrotate: %v: %s", err, out)
					}
					write(5)
					if i%5 == 1 {
						b.kill()
					}
				}
				b.settle()
				b.clock.advance(2 * time.Minute)
				b.settle()
				seen := map[string]int{}
				for _, l := range b.texts() {
					seen[l]++
				}
				for i := range next {
					if n := seen[fmt.Sprintf("line %d", i)]; n != 1 {
						t.Errorf("line %d came %d times", i, n)
					}
				}
				if len(seen) != next {
					t.Errorf("%d different lines, want %d", len(seen), next)
				}
				if tc.truncates != (len(b.gaps) > 0) {
					t.Errorf("%d gaps", len(b.gaps))
				}
			})
		}
	}
}

// TestCopytruncateRace lets logrotate copy and truncate under a writer that never stops. What it loses no reader can know;
// but nothing may come twice, nothing that is in a file at the end may be missing, and there must be gaps.
func TestCopytruncateRace(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "")
	b.settle()
	f, err := os.OpenFile(b.path("app.log"), os.O_APPEND|os.O_WRONLY, 0)
	b.must(err)
	stop, stopped, began := make(chan struct{}), make(chan int), make(chan struct{})
	go func() {
		n := 0
		for ; ; n++ {
			if n == 100 {
				close(began)
			}
			select {
			case <-stop:
				stopped <- n
				return
			default:
				fmt.Fprintf(f, "line %08d %s\n", n, strings.Repeat("z", 100))
			}
		}
	}()
	<-began // or there is nothing to rotate
	for i := range 10 {
		b.settle()
		for n := i; n > 0; n-- {
			b.rename(fmt.Sprintf("app.log.%d", n), fmt.Sprintf("app.log.%d", n+1))
		}
		b.copy("app.log", "app.log.1")
		b.truncate("app.log")
	}
	close(stop)
	written := <-stopped
	b.must(f.Close())
	b.settle()
	b.clock.advance(2 * time.Minute)
	b.settle()
	seen := map[string]int{}
	for _, l := range b.lines {
		if !l.Truncated && len(l.Text) == 114 {
			seen[l.Text]++
		}
	}
	for l, n := range seen {
		if n > 1 {
			t.Errorf("%.20q came %d times", l, n)
		}
	}
	left := 0
	for i := range 11 {
		name := "app.log"
		if i > 0 {
			name = fmt.Sprintf("app.log.%d", i)
		}
		data, err := os.ReadFile(b.path(name))
		b.must(err)
		for l := range strings.Lines(string(data)) {
			if l = strings.TrimSuffix(l, "\n"); len(l) == 114 {
				left++
				if seen[l] != 1 {
					t.Errorf("%s: %.20q is there and came %d times", name, l, seen[l])
				}
			}
		}
	}
	if len(b.gaps) == 0 {
		t.Error("no gap")
	}
	t.Logf("%d written, %d survived, %d came, %d gaps", written, left, len(seen), len(b.gaps))
}

// TestInotify has no waker: inotify alone must tell of lines, of new files and directories, and of rotation.
func TestInotify(t *testing.T) {
	b := newBed(t, "**/*.log")
	b.cfg.Watch, b.cfg.PollInterval = WatchInotify, time.Hour
	came := make(chan string, 100)
	b.append("app.log", "a\n")
	c, err := New(b.cfg, Options{})
	b.must(err)
	done := make(chan error)
	ctx := t.Context()
	go func() {
		done <- c.Collect(ctx, nil, func(batch collectors.Batch) error {
			for _, l := range batch.Lines {
				came <- l.Text
			}
			return nil
		})
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-came:
			if got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%q did not come", want)
		}
	}
	expect("a")
	b.append("app.log", "b\n")
	expect("b")
	b.rename("app.log", "app.log.1")
	b.append("app.log", "c\n")
	expect("c")
	b.append("app.log.1", "late\n")
	expect("late")
	b.must(os.Mkdir(b.path("sub"), 0o755))
	b.append("sub/new.log", "d\n")
	expect("d")
	b.append("sub/new.log", "e\n")
	expect("e")
	b.truncate("app.log")
	b.append("app.log", "f\n")
	expect("f")
	select {
	case err := <-done:
		t.Fatalf("ended: %v", err)
	default:
	}
}
