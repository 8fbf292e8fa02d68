package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// The same on a real systemd-journald, whose files are rotated while units write to it in every way there is: entries of one
// line, entries whose MESSAGE is a whole trace, traces printed to a service's standard output (an entry a line), and entries
// that claim to be of another unit.
//
// The nth event of each unit is dated n minutes after a start by its own header, and the store counts by cluster, and so by
// service, and by minute. So the test sees each single event, and whom it was counted for. Minutes of the last days are the
// only ones that are kept, hence a count of its own for each unit.

const (
	journalMinutes = 1_200
	journalKills   = 30
	// A burst is printed by a program, line by line.
	burstEvery, burstEvents = 600, 40
	forgeEvery              = 53
)

var (
	journalUnits = [...]string{"api", "worker", "web", "cart", "mail", "search", "ledger", "stock", "login", "feed", "image", "batch"}
	journalStart = time.Now().Add(-(journalMinutes + 60) * time.Minute).Truncate(time.Minute).UTC()
)

// numbered is the nth event of a unit.
type numbered struct {
	unit string
	n    int
}

func (e numbered) stamp() string {
	return journalStart.Add(time.Duration(e.n) * time.Minute).Format("2006-01-02 15:04:05")
}

// text is the event as the service would print it: one line, or a trace of several.
func (e numbered) text() string {
	if e.n%traceEvery != 0 {
		return fmt.Sprintf("%s ERROR [worker-%d] failed to settle order %d: ledger refused", e.stamp(), e.n%7, e.n)
	}
	return fmt.Sprintf("%s ERROR [worker-%d] order %d crashed\n", e.stamp(), e.n%7, e.n) +
		"Traceback (most recent call last):\n" +
		"  File \"/srv/app/orders.py\", line 88, in settle\n    post(order)\n" +
		"  File \"/srv/app/ledger.py\", line 12, in post\n    raise KeyError(order.account)\n" +
		fmt.Sprintf("KeyError: 'acct-%d'", e.n)
}

// entry is the event as one entry of its unit. Whatever it says, the event is that unit's.
func (e numbered) entry() []journaltest.Field {
	field := func(name, value string) journaltest.Field { return journaltest.Field{Name: name, Value: value} }
	if e.n%forgeEvery != 0 {
		return []journaltest.Field{field("PRIORITY", "3"), field("MESSAGE", e.text())}
	}
	victim := journalUnits[0]
	if e.unit == victim {
		victim = journalUnits[1]
	}
	message := ""
	switch e.n / forgeEvery % 3 {
	case 0:
		message = fmt.Sprintf("%s ERROR %s.service: Main process exited, order %d, code=exited, status=1/FAILURE", e.stamp(), victim, e.n)
	case 1:
		message = fmt.Sprintf(`{"time":"%sZ","level":"error","msg":"order %d refused","service":%q,"unit":"%s.service","_SYSTEMD_UNIT":"%s.service"}`,
			strings.Replace(e.stamp(), " ", "T", 1), e.n, victim, victim, victim)
	case 2:
		// Lines of one MESSAGE that look like entries of their own. If one were taken for an event, it would be a second one of that minute.
		message = fmt.Sprintf("%s ERROR order %d refused\n%s ERROR %s.service: it was me\nJan 02 03:04:05 host %s[1]: %s ERROR forged",
			e.stamp(), e.n, e.stamp(), victim, victim, e.stamp())
	}
	return []journaltest.Field{
		field("PRIORITY", "3"), field("MESSAGE", message), field("SYSLOG_IDENTIFIER", victim), field("UNIT", victim+".service"),
		// Those that look as if journald had set them, and the one that it lets nobody set.
		field("USER_UNIT", victim+".service"), field("OBJECT_SYSTEMD_UNIT", victim+".service"), field("_SYSTEMD_UNIT", victim+".service"),
	}
}

// journalCrash is a crash on a journal.
type journalCrash struct {
	crash
	journal *journaltest.Journald
	// progressed counts the kills that came after something had been taken in since the one before.
	progressed int
	position   string
}

func newJournalCrash(t *testing.T) *journalCrash {
	t.Helper()
	j := journaltest.Start(t)
	c := &journalCrash{journal: j, crash: crash{
		t: t, dir: t.TempDir(), rng: rand.New(rand.NewPCG(11, uint64(time.Now().UnixNano()))),
	}}
	// Not from the beginning: where a journal that was never read begins is committed, and holds through kills.
	c.config = c.file("agent.yaml", fmt.Sprintf(`version: 1
state: %s
sources:
- {name: journal, kind: journal, directory: %s}
notify: []
`, filepath.Join(c.dir, "state"), j.Dir()))
	c.collectErrors()
	return c
}

// collectErrors keeps the daemon's own log, and shows its end where the test fails.
func (c *crash) collectErrors() {
	c.t.Helper()
	var err error
	if c.errors, err = os.Create(filepath.Join(c.dir, "daemon.log")); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		c.kill()
		_ = c.errors.Close()
		if c.t.Failed() {
			b, _ := os.ReadFile(c.errors.Name())
			c.t.Logf("the daemon's log ends:\n%s", b[max(0, len(b)-4000):])
		}
	})
}

// taken gives where the journal was left, "" before the first commit.
func (c *journalCrash) taken() string {
	c.t.Helper()
	st, err := store.Open(c.t.Context(), filepath.Join(c.dir, "state"), store.Options{ReadOnly: true})
	if err != nil {
		return ""
	}
	defer st.Close()
	streams, err := st.Streams(c.t.Context(), "journal")
	if err != nil || len(streams) == 0 {
		return ""
	}
	return string(streams[0].Position)
}

// awaitProgress waits until something was taken in that was not before.
func (c *journalCrash) awaitProgress() {
	c.t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.taken() == c.position {
		select {
		case <-deadline.C:
			c.t.Fatal("the daemon takes nothing in")
		case <-tick.C:
		}
	}
}

// moment kills the daemon at a random moment after what was written: often while it starts, and each third time surely after
// it has taken something in.
func (c *journalCrash) moment() {
	c.t.Helper()
	if c.kills%3 == 0 {
		c.awaitProgress()
	}
	<-time.After(time.Duration(c.rng.IntN(600)) * time.Millisecond)
	c.kill()
	c.kills++
	if at := c.taken(); at != c.position {
		c.position = at
		c.progressed++
	}
}

func (c *journalCrash) run() {
	c.t.Helper()
	for n := range 10 { // before Logwright came: none of its business
		c.unit("api").Print(3, numbered{"api", -1 - n}.text())
	}
	c.journal.Sync()
	c.start()
	c.awaitProgress()
	c.position = c.taken()
	total := journalMinutes * len(journalUnits)
	kills := map[int]bool{}
	for len(kills) < journalKills {
		kills[c.rng.IntN(total)] = true
	}
	next := map[string]int{}
	for i, turn := 0, 0; i < total; turn++ {
		unit := journalUnits[turn%len(journalUnits)]
		count := 1
		if turn%burstEvery == 0 {
			count = burstEvents
		}
		count = min(count, journalMinutes-next[unit])
		if count > 1 {
			c.burst(unit, next[unit], count)
		} else if count == 1 {
			c.unit(unit).Write(numbered{unit, next[unit]}.entry()...)
		}
		next[unit] += count
		due := 0
		for ; count > 0; count-- {
			if kills[i] {
				due++
			}
			i++
		}
		for ; due > 0; due-- {
			c.moment()
			if c.rng.IntN(3) == 0 {
				c.journal.Rotate()
			}
			c.start()
		}
		if turn%1999 == 0 {
			c.journal.Rotate()
		}
	}
	c.journal.Sync()
}

func (c *journalCrash) unit(name string) *journaltest.Unit { return c.journal.Unit(name + ".service") }

// burst has a program of the unit print its next events.
func (c *journalCrash) burst(unit string, from, count int) {
	c.t.Helper()
	var lines strings.Builder
	for n := range count {
		lines.WriteString(numbered{unit, from + n}.text() + "\n")
	}
	c.unit(unit).Run(unit, "cat", c.file("burst-"+unit+strconv.Itoa(from), lines.String()))
}

// counted gives how often each event was counted, all of them, and the gaps.
func (c *journalCrash) counted() (counts map[numbered]int64, problems int64, gaps []incident.Gap) {
	c.t.Helper()
	ctx := c.t.Context()
	st, err := store.Open(ctx, filepath.Join(c.dir, "state"), store.Options{ReadOnly: true})
	if err != nil {
		c.t.Fatal(err)
	}
	defer st.Close()
	service, seen := map[string]string{}, map[string]bool{}
	for m, err := range st.Clusters(ctx) {
		if err != nil {
			c.t.Fatal(err)
		}
		cl, err := st.Cluster(ctx, m.ID) // of an alias: the one it was merged into
		if err != nil {
			c.t.Fatal(err)
		}
		if service[cl.ID] = cl.Service; !seen[cl.ID] {
			seen[cl.ID] = true
			problems += cl.Problems
		}
	}
	counts = map[numbered]int64{}
	for b, err := range st.Buckets(ctx, 0) {
		if err != nil {
			c.t.Fatal(err)
		}
		counts[numbered{service[b.Cluster], int(b.Minute.Minute - journalStart.Unix()/60)}] += b.N
	}
	if gaps, err = st.Gaps(ctx, time.Time{}, 0); err != nil {
		c.t.Fatal(err)
	}
	return counts, problems, gaps
}

// settle waits until the daemon has counted everything and goes on counting nothing, or nothing has changed for a long time.
func (c *journalCrash) settle() {
	c.t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var last int64
	for same := 0; ; same++ {
		counts, problems, _ := c.counted()
		if problems != last {
			last, same = problems, 0
		}
		// An unfinished event is waited for long after a start; a double shows soon.
		if same > 90 || same > 10 && len(counts) >= journalMinutes*len(journalUnits) {
			return
		}
		<-tick.C
	}
}

func TestKilledWhileTheJournalIsRotated(t *testing.T) {
	c := newJournalCrash(t)
	c.run()
	c.settle()
	counts, problems, gaps := c.counted()
	var lost, doubled, alien []numbered
	for _, unit := range journalUnits {
		for n := range journalMinutes {
			switch e := (numbered{unit, n}); counts[e] {
			case 0:
				lost = append(lost, e)
			case 1:
			default:
				doubled = append(doubled, e)
			}
			delete(counts, numbered{unit, n})
		}
	}
	for e := range counts {
		alien = append(alien, e)
	}
	clip := func(list []numbered) []numbered { return list[:min(len(list), 10)] }
	if len(lost)+len(doubled)+len(alien) > 0 {
		t.Errorf("lost %d (%v), doubled %d (%v), never written or of another service %d (%v)", len(lost), clip(lost), len(doubled), clip(doubled),
			len(alien), clip(alien))
	}
	if want := int64(journalMinutes * len(journalUnits)); problems != want {
		t.Errorf("%d problem events were counted, %d were written", problems, want)
	}
	for _, g := range gaps {
		t.Errorf("a gap was recorded where nothing was missing: %+v", g)
	}
	t.Logf("%d events, %d kills (%d of them after something was taken in), %d journal files: %d lost, %d doubled",
		problems, c.kills, c.progressed, len(c.journal.Files()), len(lost), len(doubled))
}
