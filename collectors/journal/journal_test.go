package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// reader collects in the background and keeps what a store would: lines, gaps, and the last committed position.
type reader struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	changed *sync.Cond
	lines   []events.Line
	gaps    []incident.Gap
	cursor  collectors.Cursor
	ended   bool
}

func collect(t *testing.T, c *Collector, from collectors.Cursor) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{t: t, cancel: cancel, done: make(chan error, 1), cursor: from}
	r.changed = sync.NewCond(&r.mu)
	go func() {
		err := c.Collect(ctx, from, r.take)
		r.mu.Lock()
		r.ended = true
		r.mu.Unlock()
		r.changed.Broadcast()
		r.done <- err
	}()
	t.Cleanup(cancel)
	return r
}

func (r *reader) take(b collectors.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, b.Lines...)
	r.gaps = append(r.gaps, b.Gaps...)
	r.cursor = collectors.Cursor{b.Stream: slices.Clone(b.Position)}
	r.changed.Broadcast()
	return nil
}

// wait returns when ok holds, or the collector ended. A test that never gets there is ended by go test's own limit.
func (r *reader) wait(ok func() bool) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		if r.ended {
			r.t.Fatalf("the collector ended with %d lines, %d gaps: %v", len(r.lines), len(r.gaps), <-r.done)
		}
		r.changed.Wait()
	}
}

// stop ends the collector and gives what was committed.
func (r *reader) stop() collectors.Cursor {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Fatal(err)
	}
	return r.cursor
}

func (r *reader) until(text string) {
	r.t.Helper()
	r.wait(func() bool { return len(r.lines) > 0 && r.lines[len(r.lines)-1].Text == text })
}

func texts(lines []events.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func newCollector(t *testing.T, cfg Config, opts Options) *Collector {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "journal"
	}
	if opts.RetryMin == 0 {
		opts.RetryMin = time.Millisecond
	}
	c, err := New(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// readAll reads a directory to its end.
func readAll(t *testing.T, cfg Config) *reader {
	t.Helper()
	cfg.Once, cfg.Start = true, "beginning"
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTrustedFieldsAreJournaldsOwn(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	api.Write(
		journaltest.Field{Name: "PRIORITY", Value: "3"},
		journaltest.Field{Name: "SYSLOG_IDENTIFIER", Value: "api"},
		journaltest.Field{Name: "_SYSTEMD_UNIT", Value: "sshd.service"},
		journaltest.Field{Name: "__CURSOR", Value: "s=forged"},
		journaltest.Field{Name: "_HOSTNAME", Value: "forged"},
		journaltest.Field{Name: "UNIT", Value: "sshd.service"},
		journaltest.Field{Name: "OBJECT_SYSTEMD_UNIT", Value: "sshd.service"},
		journaltest.Field{Name: "MESSAGE", Value: "first\n_SYSTEMD_UNIT=sshd.service\n\n__CURSOR=s=forged\r\n"},
	)
	j.Sync()
	r := readAll(t, Config{Directory: j.Dir(), Units: []string{"api"}})
	want := []string{"first", "_SYSTEMD_UNIT=sshd.service", "", "__CURSOR=s=forged"}
	if got := texts(r.lines); !slices.Equal(got, want) {
		t.Fatalf("lines %q, want %q", got, want)
	}
	for i, l := range r.lines {
		if l.Continues != (i > 0) {
			t.Errorf("line %d: Continues is %v", i, l.Continues)
		}
		if l.Meta != r.lines[0].Meta || l.Severity != incident.SeverityError || l.Time.IsZero() || l.Offset != -1 {
			t.Errorf("line %d is %+v", i, l)
		}
	}
	m := r.lines[0].Meta
	if m.Service != "api" || m.Identifier != "api" || m.Trusted["_SYSTEMD_UNIT"] != "api.service" || m.Host == "forged" || m.PID == "" {
		t.Errorf("meta is %+v", m)
	}
	for name := range m.Trusted {
		if !strings.HasPrefix(name, "_") || strings.HasPrefix(name, "__") || strings.HasPrefix(name, "_SOURCE") {
			t.Errorf("%s is among the trusted fields", name)
		}
	}
	// A unit that is only named in a field is not read as that unit's.
	if r := readAll(t, Config{Directory: j.Dir(), Units: []string{"sshd"}}); len(r.lines) > 0 {
		t.Errorf("read as sshd's: %q", texts(r.lines))
	}
}

func TestSelection(t *testing.T) {
	j := journaltest.Start(t)
	api, worker := j.Unit("api.service"), j.Unit("worker@1.service")
	say := func(u *journaltest.Unit, id, priority, message string) {
		fields := []journaltest.Field{{Name: "SYSLOG_IDENTIFIER", Value: id}, {Name: "MESSAGE", Value: message}}
		if priority != "" {
			fields = append(fields, journaltest.Field{Name: "PRIORITY", Value: priority})
		}
		u.Write(fields...)
	}
	say(api, "a", "3", "api error")
	say(api, "a", "6", "api info")
	say(api, "b", "7", "api debug")
	say(api, "b", "", "api no priority")
	say(worker, "w", "4", "worker warning")
	say(worker, "w", "5", "worker notice")
	j.Sync()
	all := []string{"api error", "api info", "api debug", "api no priority", "worker warning", "worker notice"}
	without := func(drop ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(drop, s) })
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"default", Config{}, without("api debug")},
		{"debug", Config{Priority: "debug"}, all},
		{"notice", Config{Priority: "notice"}, []string{"api error", "worker warning", "worker notice"}},
		{"err", Config{Priority: "err"}, []string{"api error"}},
		{"unit", Config{Units: []string{"api.service"}}, []string{"api error", "api info", "api no priority"}},
		{"two units", Config{Units: []string{"api", "worker@1"}, Priority: "warning"}, []string{"api error", "worker warning"}},
		{"glob", Config{Units: []string{"worker@*"}}, []string{"worker warning", "worker notice"}},
		{"glob and priority", Config{Units: []string{"*[1i].service"}, Priority: "warning"}, []string{"api error", "worker warning"}},
		{"identifier", Config{Identifiers: []string{"b"}, Priority: "debug"}, []string{"api debug", "api no priority"}},
		{"unit and identifier", Config{Units: []string{"api"}, Identifiers: []string{"a", "w"}}, []string{"api error", "api info"}},
		{"glob and identifier", Config{Units: []string{"*"}, Identifiers: []string{"a", "w"}}, []string{"api error", "api info", "worker warning", "worker notice"}},
		{"this boot", Config{Boot: "current", Units: []string{"api", "worker@1"}}, without("api debug")},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Directory = j.Dir()
			r := readAll(t, c.cfg)
			got := slices.DeleteFunc(texts(r.lines), func(s string) bool { return strings.Contains(s, "ournal") })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(r.gaps) > 0 {
				t.Errorf("gaps: %v", r.gaps)
			}
		})
	}
}

func TestFollowGoesOnWhereItWasCommitted(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	for i := range 500 {
		api.Print(3, fmt.Sprintf("before %d", i))
	}
	j.Sync()
	cfg := Config{Directory: j.Dir(), Units: []string{"api"}}

	// Never read before: from the end.
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	r.wait(func() bool { return r.cursor != nil })
	api.Print(3, "live 1")
	api.Print(3, "live 2")
	r.until("live 2")
	cursor := r.stop()
	if got := texts(r.lines); !slices.Equal(got, []string{"live 1", "live 2"}) {
		t.Fatalf("got %q", got)
	}

	// More than journalctl's ten lines while nobody reads, and a rotation.
	var want []string
	for i := range 300 {
		if i == 100 {
			j.Rotate()
		}
		want = append(want, fmt.Sprintf("meanwhile %d", i))
		api.Print(3, want[i])
	}
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	api.Print(3, "last")
	r.until("last")
	cursor = r.stop()
	if got := texts(r.lines); !slices.Equal(got, append(want, "last")) {
		t.Fatalf("got %d lines: %q", len(got), got)
	}

	// The entry that was read last does not match the selection any more: nothing else may be skipped for it.
	api.Write(journaltest.Field{Name: "SYSLOG_IDENTIFIER", Value: "other"}, journaltest.Field{Name: "MESSAGE", Value: "x1"})
	api.Write(journaltest.Field{Name: "SYSLOG_IDENTIFIER", Value: "other"}, journaltest.Field{Name: "MESSAGE", Value: "x2"})
	j.Sync()
	cfg.Identifiers = []string{"other"}
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	r.until("x2")
	r.stop()
	if got := texts(r.lines); !slices.Equal(got, []string{"x1", "x2"}) || len(r.gaps) > 0 {
		t.Fatalf("got %q, gaps %v", got, r.gaps)
	}
}

func TestFollowReadsWhatWasWrittenBeforeAReboot(t *testing.T) {
	j := journaltest.Start(t)
	j.Unit("api.service").Print(3, "one")
	j.Sync()
	cfg := Config{Directory: j.Dir(), Units: []string{"api"}, Start: "beginning"}
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	r.until("one")
	cursor := r.stop()
	j.Unit("api.service").Print(3, "two, before the reboot")
	j.Sync()
	j.Stop()

	j2 := journaltest.StartWith(t, journaltest.Options{Dir: j.Root(), BootID: "b0070000-0000-4000-8000-000000000002"})
	j2.Unit("api.service").Print(3, "three")
	j2.Sync()
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	r.until("three")
	r.stop()
	if got := texts(r.lines); !slices.Equal(got, []string{"two, before the reboot", "three"}) || len(r.gaps) > 0 {
		t.Errorf("got %q, gaps %v", got, r.gaps)
	}
	cfg.Boot = "current"
	if got := texts(readAll(t, cfg).lines); !slices.Equal(got, []string{"three"}) {
		t.Errorf("current boot: %q", got)
	}
}

func TestVacuumedEntriesAreAGap(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	api.Print(3, "read")
	j.Sync()
	cfg := Config{Directory: j.Dir(), Units: []string{"api"}, Start: "beginning"}
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	r.until("read")
	cursor := r.stop()

	j.Rotate()
	for i := range 7 {
		api.Print(3, fmt.Sprintf("lost %d", i))
	}
	j.Rotate()
	api.Print(3, "kept 1")
	api.Print(3, "kept 2")
	j.Sync()
	j.Vacuum()
	if s := j.Journalctl("--output=cat"); strings.Contains(s, "lost") {
		t.Fatalf("not vacuumed:\n%s", s)
	}
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	r.until("kept 2")
	after := r.stop()
	if got := texts(r.lines); !slices.Equal(got, []string{"kept 1", "kept 2"}) {
		t.Errorf("got %q: an entry that survived must not be missed", got)
	}
	// journald's own words about the rotations count too.
	var n int
	if len(r.gaps) == 1 {
		_, err := fmt.Sscanf(r.gaps[0].Reason, "%d journal entries were removed before they were read", &n)
		if err != nil {
			t.Error(err)
		}
	}
	if n < 7 || n > 10 || r.gaps[0].Source != "journal" {
		t.Errorf("gaps %+v", r.gaps)
	}
	// It is told once.
	r = collect(t, newCollector(t, cfg, Options{}), after)
	api.Print(3, "more")
	r.until("more")
	r.stop()
	if len(r.gaps) > 0 || len(r.lines) != 1 {
		t.Errorf("again: %v %q", r.gaps, texts(r.lines))
	}
}

func TestEntriesReadBeforeTheyWereVacuumedAreNoGap(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	api.Print(3, "read")
	j.Sync()
	cfg := Config{Directory: j.Dir(), Start: "beginning"}
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	r.until("read")
	cursor := r.stop()
	j.Rotate()
	api.Print(3, "new")
	j.Sync()
	j.Vacuum()
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	r.until("new")
	r.stop()
	if len(r.gaps) > 0 {
		t.Errorf("gaps %v", r.gaps)
	}
}

// Rotated journals are read whole, a damaged one as far as journalctl can; what it passes over is said.
func TestDamagedFileIsAGap(t *testing.T) {
	j := journaltest.Start(t)
	for i := range 3000 {
		j.Print(3, fmt.Sprintf("entry %d %s", i, strings.Repeat("x", 100)))
		if i == 999 || i == 1999 {
			j.Rotate()
		}
	}
	j.Sync()
	cfg := Config{Directory: j.Dir()}
	entries := func(r *reader) map[string]int {
		seen := make(map[string]int)
		for _, l := range r.lines {
			if strings.HasPrefix(l.Text, "entry ") {
				seen[l.Text]++
			}
		}
		return seen
	}
	whole := readAll(t, cfg)
	if n := len(entries(whole)); n != 3000 || len(whole.gaps) != 0 {
		t.Fatalf("before any damage: %d entries, gaps %v", n, whole.gaps)
	}

	var file string
	for _, f := range j.Files() {
		if strings.Contains(f, "-0000000000000001-") {
			file = f // the first one
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte("MESSAGE=entry 500 "))
	if at < 0 {
		t.Fatalf("%s does not hold entry 500", file)
	}
	for i := range 50_000 {
		b[at+i] = 0xff
	}
	if err := os.WriteFile(file, b, 0o640); err != nil {
		t.Fatal(err)
	}
	r := readAll(t, cfg)
	seen := entries(r)
	if len(seen) < 2000 || len(seen) == 3000 {
		t.Errorf("%d of 3000 entries were read", len(seen))
	}
	for text, n := range seen {
		if n != 1 {
			t.Errorf("%d times: %s", n, text)
		}
	}
	if len(r.gaps) == 0 {
		t.Errorf("%d of 3000 entries were read and no gap was recorded", len(seen))
	}
}

func TestWipedJournalIsAGap(t *testing.T) {
	j := journaltest.Start(t)
	j.Print(3, "old")
	j.Sync()
	cfg := Config{Directory: j.Dir(), Start: "beginning"}
	r := collect(t, newCollector(t, cfg, Options{}), nil)
	r.until("old")
	cursor := r.stop()
	j.Stop()
	for _, f := range j.Files() {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	// First with nothing there at all, then a new journal begins.
	r = collect(t, newCollector(t, cfg, Options{}), cursor)
	r.wait(func() bool { return len(r.gaps) == 1 })
	j2 := journaltest.StartWith(t, journaltest.Options{Dir: j.Root()})
	j2.Print(3, "new")
	r.until("new")
	r.stop()
	if len(r.gaps) != 1 {
		t.Errorf("gaps %v", r.gaps)
	}
}

func TestServiceOutputIsOneWriterOfItsOwn(t *testing.T) {
	j := journaltest.Start(t)
	j.Unit("api.service").Run("api", "sh", "-c", `echo "Traceback (most recent call last):"; echo "  File x"; echo "<3>bad"`)
	j.Unit("web.service").Run("web", "echo", "hello")
	j.Sync()
	r := readAll(t, Config{Directory: j.Dir(), Units: []string{"api", "web"}})
	if got := texts(r.lines); !slices.Equal(got, []string{"Traceback (most recent call last):", "  File x", "bad", "hello"}) {
		t.Fatalf("got %q", got)
	}
	if r.lines[0].Meta.Writer != r.lines[2].Meta.Writer || r.lines[0].Meta.Writer == r.lines[3].Meta.Writer {
		t.Errorf("writers %q", []string{r.lines[0].Meta.Writer, r.lines[2].Meta.Writer, r.lines[3].Meta.Writer})
	}
	if r.lines[0].Severity != incident.SeverityUnset || r.lines[2].Severity != incident.SeverityError {
		t.Errorf("severities %v, %v", r.lines[0].Severity, r.lines[2].Severity)
	}
	if r.lines[1].Continues || r.lines[0].Meta.Service != "api" || r.lines[0].Meta.Trusted["_TRANSPORT"] != "stdout" {
		t.Errorf("line is %+v %+v", r.lines[1], r.lines[0].Meta)
	}
}

func TestOwnEntriesAreDropped(t *testing.T) {
	j := journaltest.Start(t)
	j.Unit("logwright.service").Print(3, "ours")
	j.Unit("api.service").Print(3, "theirs")
	j.Print(3, "by process id")
	j.Sync()
	cfg := Config{Directory: j.Dir(), Units: []string{"*"}, Start: "beginning", Once: true, Name: "journal"}
	for _, c := range []struct {
		name string
		self Self
		now  time.Time
		want []string
	}{
		{"nothing", Self{}, time.Unix(0, 0), []string{"ours", "theirs", "by process id"}},
		{"unit", Self{Unit: "logwright.service"}, time.Unix(0, 0), []string{"theirs", "by process id"}},
		{"process", Self{PID: os.Getpid()}, time.Unix(0, 0), []string{"ours", "theirs"}},
		{"an earlier process of that id", Self{PID: os.Getpid()}, time.Now().Add(time.Hour), []string{"ours", "theirs", "by process id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg.Units = nil
			r := collect(t, newCollector(t, cfg, Options{Self: c.self, Now: func() time.Time { return c.now }}), nil)
			if err := <-r.done; err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(texts(r.lines), func(s string) bool { return strings.Contains(s, "ournal") })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestGiantFieldsAreBounded(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	api.Write(
		journaltest.Field{Name: "PRIORITY", Value: "3"},
		journaltest.Field{Name: "BLOB", Value: strings.Repeat("b", 20<<20)},
		journaltest.Field{Name: "MESSAGE", Value: strings.Repeat("m", 3<<20)},
	)
	api.Write(journaltest.Field{Name: "MESSAGE", Value: strings.Repeat("0123456\n", 1<<18)})
	api.Print(3, "after")
	j.Sync()
	r := readAll(t, Config{Directory: j.Dir(), Units: []string{"api"}, MaxLine: 1 << 16})
	if n := len(r.lines); n != 1+(1<<16)/8+1 {
		t.Fatalf("%d lines", n)
	}
	if l := r.lines[0]; len(l.Text) != 1<<16 || !l.Truncated {
		t.Errorf("first: %d bytes, truncated %v", len(l.Text), l.Truncated)
	}
	if l := r.lines[len(r.lines)-2]; !l.Truncated || !l.Continues {
		t.Errorf("last of the second: %+v", l)
	}
	if l := r.lines[len(r.lines)-1]; l.Text != "after" || l.Truncated || l.Continues {
		t.Errorf("last: %+v", l)
	}
}

func TestSuppressedMessagesAreAGap(t *testing.T) {
	j := journaltest.StartWith(t, journaltest.Options{Config: "RateLimitIntervalSec=1s\nRateLimitBurst=10\n"})
	api := j.Unit("api.service")
	for range 100 {
		api.Print(3, "x")
	}
	// journald tells once the interval is over and the unit writes again.
	r := collect(t, newCollector(t, Config{Directory: j.Dir(), Start: "beginning"}, Options{}), nil)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for told := false; !told; {
		<-tick.C
		api.Print(3, "y")
		r.mu.Lock()
		told = len(r.gaps) > 0
		r.mu.Unlock()
	}
	r.stop()
	if !strings.Contains(r.gaps[0].Reason, "by its rate limit") {
		t.Errorf("gaps %v", r.gaps)
	}
}

func TestRestartedWhenJournalctlDies(t *testing.T) {
	j := journaltest.Start(t)
	api := j.Unit("api.service")
	const n = 2000
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("line %d\nmore %d", i, i))
		api.Print(3, want[i])
	}
	j.Sync()
	// A journalctl that dies after some bytes, within an entry more often than not, and says why.
	dir := t.TempDir()
	fake := filepath.Join(dir, "journalctl-fake")
	script := `#!/bin/sh
case "$*" in *--follow*) ;; *) exec journalctl "$@" ;; esac
echo x >> ` + dir + `/starts
if [ $(wc -l < ` + dir + `/starts) -gt 12 ]; then exec journalctl "$@"; fi
echo "Failed to iterate through journal: Bad message" >&2
journalctl "$@" | head -c 70001
exit 1
`
	if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Directory: j.Dir(), Units: []string{"api"}, Start: "beginning"}
	r := collect(t, newCollector(t, cfg, Options{Journalctl: fake}), nil)
	r.wait(func() bool { return len(r.lines) >= 2*n })
	r.stop()
	if got := strings.Join(texts(r.lines), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("lines were lost or doubled: %d lines", len(r.lines))
	}
	if len(r.gaps) > 0 {
		t.Errorf("gaps %v", r.gaps)
	}
}

func TestEmitsErrorEndsCollect(t *testing.T) {
	j := journaltest.Start(t)
	j.Print(3, "x")
	j.Sync()
	c := newCollector(t, Config{Directory: j.Dir(), Start: "beginning"}, Options{})
	full := errors.New("store is full")
	if err := c.Collect(t.Context(), nil, func(collectors.Batch) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestNoChildIsLeftBehind(t *testing.T) {
	j := journaltest.Start(t)
	j.Print(3, "x")
	j.Sync()
	pids := filepath.Join(t.TempDir(), "pids")
	fake := filepath.Join(t.TempDir(), "journalctl-fake")
	// A wrapper with a child of its own: both are to go.
	script := "#!/bin/sh\njournalctl \"$@\" &\necho $! >> " + pids + "\nwait\n"
	if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := collect(t, newCollector(t, Config{Directory: j.Dir(), Start: "beginning"}, Options{Journalctl: fake}), nil)
	r.until("x")
	r.stop()
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for pid := range strings.FieldsSeq(string(b)) {
		for {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break // gone, or dead and waiting for a parent to notice
			}
		}
	}
}
