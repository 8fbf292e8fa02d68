package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/store"
)

// The tests of this file run the real daemon as a process of its own, kill it with SIGKILL at random while numbered
// error lines are written and rotated by the real logrotate, and then ask the store what was counted.
//
// Each event has a shop and a minute of its own: the shop is a word that is pinned, so that each has its clusters, and the
// store counts a cluster's problems by minute, for events of the last day. So the test sees for each single event whether it was
// counted once, twice or not at all; sums could hide one lost behind one doubled. Between two events stand lines that are no
// problem; of these the sum is compared.
//
// A writer writes at crashRate, whatever the daemon does, and the daemon is killed meanwhile. With LOGWRIGHT_TEST_FULL set it is
// two million lines and 50 kills (`make test-crash`), else a fifth of it.

const (
	// crashRate is how many lines are written a second.
	crashRate = 50_000
	// crashSeen events are written before the first kill and rotation: a log that is rotated away before the daemon ever saw
	// it is not its log.
	crashSeen = 20
	// traceEvery makes each nth event a stack trace of several lines, linesEach is how many lines an event has with those
	// between it and the next.
	traceEvery, linesEach = 10, 10
	// rotateEvery is how many events are written between two rotations.
	rotateEvery = 3_989
)

var crashEvents, crashKills = func() (int, int) {
	if os.Getenv("LOGWRIGHT_TEST_FULL") != "" {
		return 200_000, 50
	}
	return 40_000, 12
}()

// minutesEach is how many minutes each shop has: less than the day for which old events are counted.
const minutesEach = 1_200

// crashShops has a word for each minutesEach events.
var crashShops = func() (shops []string) {
	words := strings.Fields("ALFA BRAVO CHARLIE DELTA ECHO FOXTROT GOLF HOTEL INDIA JULIETT KILO LIMA MIKE NOVEMBER OSCAR PAPA " +
		"QUEBEC ROMEO SIERRA TANGO UNIFORM VICTOR WHISKEY")
	for _, a := range words {
		for _, b := range words {
			if shops = append(shops, a+b); len(shops)*minutesEach >= crashEvents {
				return shops
			}
		}
	}
	return shops
}()

var crashStart = time.Now().Add(-minutesEach * time.Minute).Truncate(time.Minute).UTC()

// writeEvent writes event i, and what is no problem around it.
func writeEvent(w *bytes.Buffer, i int) {
	shop := crashShops[i/minutesEach]
	stamp := crashStart.Add(time.Duration(i%minutesEach) * time.Minute).Format("2006-01-02 15:04:05")
	others := linesEach - 1
	if i%traceEvery != 0 {
		fmt.Fprintf(w, "%s ERROR [worker-%d] shop %s failed to settle order %d: ledger refused\n", stamp, i%7, shop, i)
	} else {
		fmt.Fprintf(w, "%s ERROR [worker-%d] shop %s crashed at order %d\n", stamp, i%7, shop, i)
		w.WriteString("Traceback (most recent call last):\n" +
			"  File \"/srv/app/orders.py\", line 88, in settle\n    post(order)\n" +
			"  File \"/srv/app/ledger.py\", line 12, in post\n    raise KeyError(order.account)\n")
		fmt.Fprintf(w, "KeyError: 'acct-%d'\n", i)
		others -= 6
	}
	for n := range others {
		fmt.Fprintf(w, "%s INFO [worker-%d] request %d served in %d ms\n", stamp, i%7, i*linesEach+n, n)
	}
}

// quietLines is how many of the lines of all events are events of their own, and no problem.
func quietLines() int { return crashEvents*(linesEach-1) - (crashEvents+traceEvery-1)/traceEvery*6 }

// crash is one run.
type crash struct {
	t            *testing.T
	dir, log     string
	config       string
	copytruncate bool
	rng          *rand.Rand

	daemon *exec.Cmd
	errors *os.File
	kills  int
	killer *rand.Rand // of the goroutine that kills
	pauses int
	// reopenAt is the event after which the service reopens its log; rotating is closed when logrotate has ended.
	reopenAt int
	rotating chan struct{}
}

func newCrash(t *testing.T, copytruncate bool) *crash {
	t.Helper()
	need(t, "logrotate")
	c := &crash{t: t, dir: t.TempDir(), copytruncate: copytruncate}
	seed := uint64(time.Now().UnixNano())
	c.rng, c.killer = rand.New(rand.NewPCG(7, seed)), rand.New(rand.NewPCG(8, seed))
	c.log = filepath.Join(c.dir, "logs", "app.log")
	if err := os.MkdirAll(filepath.Dir(c.log), 0o755); err != nil {
		t.Fatal(err)
	}
	how := "create 0644\n compress\n delaycompress"
	if copytruncate {
		how = "copytruncate\n nocompress"
	}
	c.file("rotate.conf", fmt.Sprintf("%s {\n rotate 1000\n size 1\n missingok\n %s\n}\n", c.log, how))
	c.config = c.file("agent.yaml", fmt.Sprintf(`version: 1
state: %s
sources:
- {name: files, kind: file, include: [%s], start: beginning}
clustering: {pins: [%s]}
notify: []
`, filepath.Join(c.dir, "state"), c.log, strings.Join(crashShops, ", ")))
	var err error
	if c.errors, err = os.Create(filepath.Join(c.dir, "daemon.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.kill()
		_ = c.errors.Close()
		if t.Failed() {
			b, _ := os.ReadFile(c.errors.Name())
			t.Logf("the daemon's log ends:\n%s", b[max(0, len(b)-4000):])
		}
	})
	return c
}

func (c *crash) file(name, text string) string {
	c.t.Helper()
	p := filepath.Join(c.dir, name)
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil { // logrotate wants to read it
		c.t.Fatal(err)
	}
	return p
}

// need fails the test where a program is missing, under CI, and skips it elsewhere.
func need(t *testing.T, program string) {
	t.Helper()
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin"
	t.Setenv("PATH", path)
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed; scripts/test-deps installs it", program)
	}
	t.Skipf("%s is not installed; make test installs it", program)
}

func (c *crash) start() {
	c.t.Helper()
	c.daemon = exec.Command(os.Args[0], "run", "--config", c.config)
	c.daemon.Env = append(os.Environ(), beLogwright+"=1")
	c.daemon.Stdout, c.daemon.Stderr = c.errors, c.errors
	if err := c.daemon.Start(); err != nil {
		c.t.Error(err)
	}
}

func (c *crash) kill() {
	if c.daemon == nil {
		return
	}
	_ = c.daemon.Process.Signal(syscall.SIGKILL)
	err := c.daemon.Wait()
	if ee, ok := errors.AsType[*exec.ExitError](err); ok && ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		c.t.Errorf("the daemon ended by itself: %v", err)
	}
	c.daemon = nil
}

func (c *crash) rotate() {
	c.t.Helper()
	cmd := exec.Command("logrotate", "-s", filepath.Join(c.dir, "rotate.state"), filepath.Join(c.dir, "rotate.conf"))
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Errorf("logrotate: %v\n%s", err, out)
	}
}

// run writes all events while the daemon lives and dies.
func (c *crash) run() {
	c.t.Helper()
	c.start()
	f := c.open()
	var buf bytes.Buffer
	for i := range crashSeen {
		writeEvent(&buf, i)
	}
	c.write(f, &buf)
	c.awaitFirst()
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		c.killAgainAndAgain(time.Duration(crashEvents*linesEach/crashRate) * time.Second)
	}()
	began := time.Now()
	pace := time.NewTimer(0)
	defer pace.Stop()
	for i := crashSeen; i < crashEvents; i++ {
		writeEvent(&buf, i)
		if buf.Len() > 8<<10 && c.rng.IntN(4) == 0 {
			c.write(f, &buf)
			<-pace.C
			pace.Reset(time.Until(began.Add(time.Duration(i) * linesEach * time.Second / crashRate)))
		}
		if i%rotateEvery == 0 || c.rng.IntN(20_000) == 0 {
			c.rotateNow(i)
		}
		if i == c.reopenAt {
			c.write(f, &buf)
			if err := f.Close(); err != nil {
				c.t.Fatal(err)
			}
			f = c.open()
		}
	}
	c.write(f, &buf)
	took := time.Since(began)
	c.await()
	if err := f.Close(); err != nil {
		c.t.Fatal(err)
	}
	<-killed
	c.t.Logf("%d lines in %.1f s: %.0f lines/s, %d kills meanwhile", crashEvents*linesEach, took.Seconds(),
		float64(crashEvents*linesEach)/took.Seconds(), c.kills)
}

// killAgainAndAgain kills the daemon at random moments of the time that the writing takes, and starts it again.
func (c *crash) killAgainAndAgain(during time.Duration) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for c.kills < crashKills {
		<-pause.C
		pause.Reset(time.Duration(c.killer.Int64N(int64(2 * during / time.Duration(crashKills)))))
		<-pause.C
		pause.Reset(0)
		c.kill()
		c.kills++
		c.start()
	}
}

// awaitFirst waits until the daemon has counted something.
func (c *crash) awaitFirst() {
	c.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		if per, _, _ := c.counted(); len(per) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			c.t.Fatal("the daemon counted nothing within a minute")
		}
	}
}

func (c *crash) open() *os.File {
	c.t.Helper()
	f, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644) // logrotate's create mode
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// write writes in pieces that don't end at line ends, as a service with a buffer does.
func (c *crash) write(f *os.File, buf *bytes.Buffer) {
	c.t.Helper()
	for buf.Len() > 0 {
		if _, err := f.Write(buf.Next(1 + c.rng.IntN(4096))); err != nil {
			c.t.Fatal(err)
		}
	}
}

// rotateNow rotates while the service goes on. By rename it reopens its log only some events later; by copytruncate
// it writes while logrotate copies and truncates, so that the lines in between are lost to everybody.
func (c *crash) rotateNow(i int) {
	c.t.Helper()
	if c.copytruncate {
		c.await()
		c.rotating = make(chan struct{})
		go func() {
			defer close(c.rotating)
			c.rotate()
		}()
		return
	}
	c.rotate()
	c.reopenAt = i + 1 + c.rng.IntN(50)
}

// await waits for a rotation that is under way.
func (c *crash) await() {
	if c.rotating != nil {
		<-c.rotating
		c.rotating = nil
	}
}

// counted gives how often each event was counted, how many problem events there were in all, and how many others.
func (c *crash) counted() (perEvent map[int]int64, problems, others int64) {
	c.t.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, filepath.Join(c.dir, "state"), store.Options{ReadOnly: true})
	if err != nil {
		return nil, 0, 0
	}
	defer st.Close()
	shops := map[string]int{} // by cluster
	for m, err := range st.Clusters(ctx) {
		if err != nil {
			c.t.Fatal(err)
		}
		if m.AliasOf != "" {
			continue
		}
		cl, err := st.Cluster(ctx, m.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		problems += cl.Problems
		others += cl.Events - cl.Problems
		shops[m.ID] = -1
		for n, shop := range crashShops {
			if strings.Contains(m.Template, "shop "+shop+" ") {
				shops[m.ID] = n
			}
		}
	}
	perEvent = map[int]int64{}
	first := crashStart.Unix() / 60
	for b, err := range st.Buckets(ctx, 0) {
		if err != nil {
			c.t.Fatal(err)
		}
		// A line that logrotate cut in two begins without a date, and so is dated by when it was read: after all that was
		// written. It is no event of ours, and must not be taken for the next shop's.
		if b.Minute.Minute-first >= minutesEach {
			continue
		}
		if shop, ok := shops[b.Cluster]; ok && shop >= 0 {
			perEvent[shop*minutesEach+int(b.Minute.Minute-first)] += b.N
		}
	}
	return perEvent, problems, others
}

// settle waits until the daemon has counted want events, or nothing has changed for a long time.
func (c *crash) settle(want int, wantOthers int64) (perEvent map[int]int64, problems, others int64) {
	c.t.Helper()
	deadline := time.NewTimer(5 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	last, before, since := -1, int64(-1), time.Now()
	for {
		per, problems, others := c.counted()
		if n := len(per); n != last || others != before {
			last, before, since = n, others, time.Now()
		}
		quiet := 45 * time.Second // an unfinished event is waited for after a start
		if last >= want && others >= wantOthers {
			quiet = 6 * time.Second // long enough for a double to show
		}
		if time.Since(since) > quiet {
			return per, problems, others
		}
		select {
		case <-deadline.C:
			return per, problems, others
		case <-tick.C:
		}
	}
}

// surviving gives the events whose first line is in the logs now, rotated ones included.
func (c *crash) surviving() map[int]bool {
	c.t.Helper()
	out := map[int]bool{}
	files, err := filepath.Glob(c.log + "*")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			c.t.Fatal(err)
		}
		var r io.Reader = f
		if strings.HasSuffix(name, ".gz") {
			if r, err = gzip.NewReader(f); err != nil {
				c.t.Fatal(err)
			}
		}
		s := bufio.NewScanner(r)
		s.Split(wholeLines) // the end of a copy may be half a line
		for s.Scan() {
			_, rest, ok := strings.Cut(s.Text(), " order ")
			if !ok || !strings.HasPrefix(s.Text(), "20") {
				continue
			}
			n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
			if i, err := strconv.Atoi(rest[:max(n, 0)]); err == nil {
				out[i] = true
			}
		}
		if err := s.Err(); err != nil {
			c.t.Fatal(err)
		}
		_ = f.Close()
	}
	return out
}

// wholeLines splits into lines with their ends, and leaves out a last one that has none.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

func TestKilledWhileRotatedByRename(t *testing.T) {
	c := newCrash(t, false)
	c.run()
	per, problems, others := c.settle(crashEvents, int64(quietLines()))
	var lost, doubled []int
	for i := range crashEvents {
		switch n := per[i]; {
		case n == 0:
			lost = append(lost, i)
		case n > 1:
			doubled = append(doubled, i)
		}
	}
	if len(lost) > 0 || len(doubled) > 0 {
		t.Errorf("lost %d (%v), doubled %d (%v)", len(lost), clipInts(lost), len(doubled), clipInts(doubled))
	}
	if problems != int64(crashEvents) {
		t.Errorf("%d problem events were counted, %d were written", problems, crashEvents)
	}
	if want := int64(quietLines()); others != want {
		t.Errorf("%d other events were counted, %d were written", others, want)
	}
	t.Logf("%d events, %d kills: %d lost, %d doubled", crashEvents, c.kills, len(lost), len(doubled))
}

func TestKilledWhileRotatedByCopytruncate(t *testing.T) {
	c := newCrash(t, true)
	c.run()
	surviving := c.surviving()
	per, problems, _ := c.settle(len(surviving), 0)
	var missed, doubled []int
	for i := range crashEvents {
		switch n := per[i]; {
		case n == 0 && surviving[i]:
			missed = append(missed, i)
		case n > 1:
			doubled = append(doubled, i)
		}
	}
	if len(missed) > 0 || len(doubled) > 0 {
		t.Errorf("missed %d that survive (%v), doubled %d (%v)", len(missed), clipInts(missed), len(doubled), clipInts(doubled))
	}
	st, err := store.Open(context.Background(), filepath.Join(c.dir, "state"), store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	gaps, err := st.Gaps(context.Background(), time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(gaps) == 0 {
		t.Error("files were truncated and no gap was recorded")
	}
	counted := 0
	for i := range crashEvents {
		counted += int(min(per[i], 1))
	}
	t.Logf("%d events written, %d survive, %d counted, %d kills: %d missed, %d doubled, %d gaps, %d problems beside them", crashEvents,
		len(surviving), counted, c.kills, len(missed), len(doubled), len(gaps), problems-int64(counted))
}

func clipInts(v []int) []int { return v[:min(len(v), 10)] }
