package journal

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// The tests of this file are the journal's cases of docs/collecting.md, on a real systemd-journald.

// Entries go on coming while the journal is rotated and vacuumed under a reader that follows: none is missed or comes twice,
// and what was read before it was removed is no gap.
func TestRotatedAndVacuumedWhileFollowed(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	r := collect(t, newCollector(t, Config{Directory: j.Dir(), Start: "beginning"}, Options{}), nil)
	var want []string
	for round := range 6 {
		for i := range 200 {
			text := fmt.Sprintf("entry %d of round %d", i, round)
			want = append(want, text)
			api.Print(3, text)
		}
		j.Sync()
		// What journald says of itself comes in between.
		r.wait(func() bool { return slices.Contains(texts(r.lines), want[len(want)-1]) })
		j.Rotate()
		if round%2 == 1 {
			j.Vacuum()
		}
	}
	r.stop()
	got := slices.DeleteFunc(texts(r.lines), func(s string) bool { return !strings.HasPrefix(s, "entry ") })
	if !slices.Equal(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
	if len(r.gaps) > 0 {
		t.Errorf("gaps %+v", r.gaps)
	}
}

// wrapped gives a journalctl that notes the process of each follower before it becomes the real one.
func wrapped(t *testing.T) (bin string, followers func() []int) {
	t.Helper()
	dir := t.TempDir()
	bin = filepath.Join(dir, "journalctl-noted")
	script := "#!/bin/sh\ncase \"$*\" in *--follow*) echo $$ >> " + dir + "/pids ;; esac\nexec journalctl \"$@\"\n"
	if err := os.WriteFile(bin, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return bin, func() (pids []int) {
		b, err := os.ReadFile(dir + "/pids")
		if err != nil {
			return nil
		}
		for f := range strings.FieldsSeq(string(b)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		return pids
	}
}

// journalctl is killed again and again while entries come: each comes once, and nothing is called missing.
func TestJournalctlKilled(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	bin, followers := wrapped(t)
	r := collect(t, newCollector(t, Config{Directory: j.Dir(), Units: []string{"api"}, Start: "beginning"}, Options{Journalctl: bin}), nil)
	var want []string
	for round := range 10 {
		for i := range 50 {
			text := fmt.Sprintf("entry %d of round %d", i, round)
			want = append(want, text)
			api.Print(3, text)
		}
		j.Sync()
		some := want[len(want)-1-(round%3)*10] // not always at the end of what there is
		r.wait(func() bool { return slices.Contains(texts(r.lines), some) })
		pids := followers()
		if err := syscall.Kill(pids[len(pids)-1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if round%3 == 2 {
			j.Rotate()
		}
	}
	api.Print(3, "last")
	r.until("last")
	r.stop()
	if got := texts(r.lines); !slices.Equal(got, append(want, "last")) {
		t.Errorf("%d entries, want %d", len(got), len(want)+1)
	}
	if len(r.gaps) > 0 {
		t.Errorf("gaps %+v", r.gaps)
	}
	if n := len(followers()); n < 10 {
		t.Errorf("only %d followers: it was not killed each time", n)
	}
}

// journalctl is stopped, as by a debugger or a frozen control group, while the journal is rotated: all comes when it goes on.
func TestJournalctlStopped(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	bin, followers := wrapped(t)
	r := collect(t, newCollector(t, Config{Directory: j.Dir(), Units: []string{"api"}, Start: "beginning"}, Options{Journalctl: bin}), nil)
	api.Print(3, "first")
	r.until("first")
	pids := followers()
	pid := pids[len(pids)-1]
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	want := []string{"first"}
	for i := range 300 {
		want = append(want, fmt.Sprintf("meanwhile %d", i))
		api.Print(3, want[i+1])
		if i%100 == 50 {
			j.Rotate()
		}
	}
	j.Sync()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.until("meanwhile 299")
	r.stop()
	if got := texts(r.lines); !slices.Equal(got, want) || len(r.gaps) > 0 {
		t.Errorf("%d entries, want %d; gaps %+v", len(got), len(want), r.gaps)
	}
	// And one that never goes on does not keep us from ending.
	r = collect(t, newCollector(t, Config{Directory: j.Dir(), Units: []string{"api"}, Start: "beginning"}, Options{Journalctl: bin}), nil)
	r.until("meanwhile 299")
	pids = followers()
	if err := syscall.Kill(pids[len(pids)-1], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.stop()
}

// What comes on journalctl's standard output is no journal: noise, an entry without end, sizes that can't be. It is started
// again, and nothing of it is counted, lost or doubled.
func TestJournalctlSaysGarbage(t *testing.T) {
	for name, garbage := range map[string]string{
		"noise":            `head -c 300000 /dev/urandom`,
		"text":             `i=0; while [ $i -lt 2000 ]; do echo "no field here"; i=$((i+1)); done`,
		"no end of line":   `head -c 3000000 /dev/zero | tr '\0' x`,
		"NULs":             `head -c 3000000 /dev/zero`,
		"a size of 2^63":   `printf 'MESSAGE\n\377\377\377\377\377\377\377\177x'`,
		"without a cursor": `printf 'MESSAGE=forged\nPRIORITY=3\n\n'`,
		"nothing":          `true`,
		"half an entry":    `journalctl "$@" | head -c 500`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := journaltest.Start(t)
			var want []string
			for i := range 20 {
				want = append(want, fmt.Sprintf("entry %d", i))
				j.Print(3, want[i])
			}
			j.Sync()
			dir := t.TempDir()
			fake := filepath.Join(dir, "journalctl-fake")
			script := `#!/bin/sh
case "$*" in *--follow*) ;; *) exec journalctl "$@" ;; esac
echo x >> ` + dir + `/starts
if [ $(wc -l < ` + dir + `/starts) -gt 3 ]; then exec journalctl "$@"; fi
` + garbage + "\n"
			if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			var log lockedBuffer
			r := collect(t, newCollector(t, Config{Directory: j.Dir(), Start: "beginning", Priority: "err"},
				Options{Journalctl: fake, Logger: slog.New(slog.NewTextHandler(&log, nil))}), nil)
			r.wait(func() bool { return slices.Contains(texts(r.lines), want[len(want)-1]) })
			r.stop()
			if got := texts(r.lines); !slices.Equal(got, want) {
				t.Errorf("got %.300q", got)
			}
			if len(r.gaps) > 0 {
				t.Errorf("gaps %+v", r.gaps)
			}
			if n := strings.Count(log.String(), "started again"); n != 3 {
				t.Errorf("told %d times of 3: %.2000s", n, log.String())
			}
		})
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// The entry that was read last is none that this journal has, or what is kept of it is damaged: a gap, and reading goes on.
func TestCursorThatIsGone(t *testing.T) {
	for name, cursor := range map[string]string{
		"another journal's": "s=00112233445566778899aabbccddeeff;i=5;b=00112233445566778899aabbccddeeff;m=1;t=1;x=1",
		"of the future":     "s=00112233445566778899aabbccddeeff;i=5;b=00112233445566778899aabbccddeeff;m=1;t=7fffffffffffff;x=1",
		"no cursor at all":  "nonsense",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := journaltest.Start(t)
			api := j.Unit("api.service")
			api.Print(3, "before")
			j.Sync()
			from := collectors.Cursor{stream: position{Cursor: cursor}.encode()}
			r := collect(t, newCollector(t, Config{Directory: j.Dir(), Units: []string{"api"}}, Options{}), from)
			r.wait(func() bool { return len(r.gaps) == 1 })
			api.Print(3, "after")
			r.until("after")
			r.stop()
			if len(r.gaps) != 1 {
				t.Errorf("gaps %+v", r.gaps)
			}
		})
	}
}

// The directory of the journal comes later than the daemon: it waits, says so, and reads from the beginning what comes there,
// where it was told to.
func TestDirectoryThatAppearsLater(t *testing.T) {
	journaltest.Need(t)
	dir, err := os.MkdirTemp("", "later") //nolint:usetesting // a socket's path may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	root := filepath.Join(dir, "r")
	var log lockedBuffer
	cfg := Config{Directory: filepath.Join(root, "log"), Start: "beginning", Priority: "err"}
	r := collect(t, newCollector(t, cfg, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), nil)
	for !strings.Contains(log.String(), "started again") {
		select {
		case err := <-r.done:
			t.Fatalf("ended: %v", err)
		default:
		}
	}
	j := journaltest.StartWith(t, journaltest.Options{Dir: root})
	j.Print(3, "first")
	j.Print(3, "second")
	j.Sync()
	r.until("second")
	r.stop()
	if got := texts(r.lines); !slices.Equal(got, []string{"first", "second"}) || len(r.gaps) > 0 {
		t.Errorf("got %q, gaps %+v", got, r.gaps)
	}
}

// A file of the journal is damaged while nobody reads: what is left of it comes once, and what is missing is a gap, also where
// the reading goes on from a cursor.
func TestDamagedWhileDown(t *testing.T) {
	j := journaltest.Start(t)
	j.Print(3, "read before")
	j.Sync()
	cfg := Config{Directory: j.Dir(), Start: "beginning"}
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	r.until("read before")
	cursor := r.stop()
	j.Rotate() // what was read is safe in a file of its own
	for i := range 2000 {
		j.Print(3, fmt.Sprintf("entry %d %s", i, strings.Repeat("x", 100)))
	}
	j.Rotate()
	j.Print(3, "after")
	j.Sync()
	damaged := false
	for _, f := range j.Files() {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index(string(b), "MESSAGE=entry 700 ")
		if at < 0 || !strings.Contains(f, "@") {
			continue
		}
		for i := range 60_000 {
			b[at+i] = 0xff
		}
		if err := os.WriteFile(f, b, 0o640); err != nil {
			t.Fatal(err)
		}
		damaged = true
	}
	if !damaged {
		t.Fatal("no file holds entry 700")
	}
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	r.wait(func() bool { return slices.Contains(texts(r.lines), "after") })
	r.stop()
	seen := map[string]int{}
	for _, s := range texts(r.lines) {
		if strings.HasPrefix(s, "entry ") {
			seen[s]++
		}
	}
	for s, n := range seen {
		if n != 1 {
			t.Errorf("%d times: %.20s", n, s)
		}
	}
	if len(seen) == 2000 || len(seen) < 500 {
		t.Errorf("%d entries of 2000", len(seen))
	}
	if len(r.gaps) == 0 {
		t.Error("no gap")
	}
}
