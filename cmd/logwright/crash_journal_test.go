package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// The same on a real systemd-journald, whose files are rotated while units write to it in every way there is: entries of one
// line, entries whose MESSAGE is a whole trace, traces printed to a service's standard output (an entry a line), and entries
// that claim to be of another unit. Each event is dated by its own header, as in crash_test.go, and the store says by
// cluster, and so by service, in which minute there was one.

const (
	journalEvents = 20_000
	journalKills  = 30
	// A burst is printed by a program, line by line.
	burstEvery, burstEvents = 600, 40
	forgeEvery              = 53
)

var journalUnits = [...]string{"api", "worker", "web"}

// unitOf gives the unit that event i is of; a burst is of one program.
func unitOf(i int) string {
	if i%burstEvery < burstEvents {
		i /= burstEvery
	}
	return journalUnits[i%len(journalUnits)]
}

func stampOf(i int) string {
	return crashStart.Add(time.Duration(i) * time.Minute).Format("2006-01-02 15:04:05")
}

// journalEntry gives event i as one entry of its unit. Whatever it says, the event is that unit's.
func journalEntry(i int) []journaltest.Field {
	var message bytes.Buffer
	writeEvent(&message, i)
	entry := []journaltest.Field{{Name: "PRIORITY", Value: "3"}}
	if i%forgeEvery != 0 {
		return append(entry, journaltest.Field{Name: "MESSAGE", Value: strings.TrimSuffix(message.String(), "\n")})
	}
	victim := journalUnits[(i/forgeEvery)%len(journalUnits)]
	switch (i / forgeEvery) % 3 {
	case 0:
		// The fields that look as if journald had set them, and the one that it lets nobody set.
		text := fmt.Sprintf("%s ERROR %s.service: Main process exited, order %d, code=exited, status=1/FAILURE", stampOf(i), victim, i)
		entry = append(entry, journaltest.Field{Name: "MESSAGE", Value: text})
	case 1:
		text := fmt.Sprintf(`{"time":"%sZ","level":"error","msg":"order %d refused","service":%q,"unit":"%s.service","_SYSTEMD_UNIT":"%s.service"}`,
			strings.Replace(stampOf(i), " ", "T", 1), i, victim, victim, victim)
		entry = append(entry, journaltest.Field{Name: "MESSAGE", Value: text})
	case 2:
		// Lines of one MESSAGE that look like entries of their own. If one were taken for an event, it would be dated after all others.
		late := stampOf(crashEvents + i)
		text := fmt.Sprintf("%s ERROR order %d refused\n%s ERROR %s.service: it was me\nJan 02 03:04:05 host %s[1]: %s ERROR forged",
			stampOf(i), i, late, victim, victim, late)
		entry = append(entry, journaltest.Field{Name: "MESSAGE", Value: text})
	}
	return append(entry,
		journaltest.Field{Name: "UNIT", Value: victim + ".service"},
		journaltest.Field{Name: "USER_UNIT", Value: victim + ".service"},
		journaltest.Field{Name: "OBJECT_SYSTEMD_UNIT", Value: victim + ".service"},
		journaltest.Field{Name: "_SYSTEMD_UNIT", Value: victim + ".service"},
		journaltest.Field{Name: "SYSLOG_IDENTIFIER", Value: victim},
	)
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
	defer st.Close() //nolint:errcheck // read only
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
	<-time.After(time.Duration(c.rng.IntN(1200)) * time.Millisecond)
	c.kill()
	c.kills++
	if at := c.taken(); at != c.position {
		c.position = at
		c.progressed++
	}
}

func (c *journalCrash) run() {
	c.t.Helper()
	for i := range 10 { // before Logwright came: none of its business
		c.journal.Unit("api.service").Print(3, stampOf(-1-i)+" ERROR old trouble")
	}
	c.journal.Sync()
	c.start()
	c.awaitProgress()
	c.position = c.taken()
	kills := map[int]bool{}
	for len(kills) < journalKills {
		kills[c.rng.IntN(journalEvents)] = true
	}
	for i := 0; i < journalEvents; i++ {
		switch {
		case i%burstEvery != 0:
			c.journal.Unit(unitOf(i) + ".service").Write(journalEntry(i)...)
		default:
			kills[i+burstEvents] = kills[i+burstEvents] || kills[i] || c.rng.IntN(3) == 0 && len(kills) < journalKills
			i = c.burst(i)
		}
		if kills[i] {
			c.moment()
			if c.rng.IntN(3) == 0 {
				c.journal.Rotate()
			}
			c.start()
		}
		if i%1999 == 0 {
			c.journal.Rotate()
		}
	}
	c.journal.Sync()
}

// burst prints the events from i on by a program, and gives the last one.
func (c *journalCrash) burst(i int) int {
	c.t.Helper()
	var lines bytes.Buffer
	for n := range burstEvents {
		writeEvent(&lines, i+n)
	}
	c.journal.Unit(unitOf(i)+".service").Run(unitOf(i), "cat", c.file("burst"+strconv.Itoa(i), lines.String()))
	return i + burstEvents - 1
}

// services gives the services of the clusters that event i was counted in.
func (c *journalCrash) services() map[int][]string {
	c.t.Helper()
	ctx := context.Background()
	st, err := store.Open(ctx, filepath.Join(c.dir, "state"), store.Options{ReadOnly: true})
	if err != nil {
		c.t.Fatal(err)
	}
	defer st.Close() //nolint:errcheck // read only
	of := map[string]string{}
	for m, err := range st.Clusters(ctx) {
		if err != nil {
			c.t.Fatal(err)
		}
		of[m.ID] = m.Service
	}
	out := map[int][]string{}
	for b, err := range st.Buckets(ctx, 0) {
		if err != nil {
			c.t.Fatal(err)
		}
		i := int(b.Minute.Minute - crashStart.Unix()/60)
		out[i] = append(out[i], of[b.Cluster])
	}
	gaps, err := st.Gaps(ctx, time.Time{}, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, g := range gaps {
		c.t.Errorf("a gap was recorded where nothing was missing: %+v", g)
	}
	return out
}

func TestKilledWhileTheJournalIsRotated(t *testing.T) {
	c := newJournalCrash(t)
	c.run()
	per, problems := c.settle(journalEvents)
	services := c.services()
	var lost, doubled, misled, alien []int
	for i := range journalEvents {
		switch n := per[i]; {
		case n == 0:
			lost = append(lost, i)
		case n > 1:
			doubled = append(doubled, i)
		case len(services[i]) != 1 || services[i][0] != unitOf(i):
			misled = append(misled, i)
		}
	}
	for i := range per {
		if i < 0 || i >= journalEvents {
			alien = append(alien, i)
		}
	}
	if len(lost)+len(doubled)+len(misled)+len(alien) > 0 {
		t.Errorf("lost %d (%v), doubled %d (%v), counted for another service %d (%v), never written as events %d (%v)", len(lost), clipInts(lost),
			len(doubled), clipInts(doubled), len(misled), clipInts(misled), len(alien), clipInts(alien))
	}
	if problems != journalEvents {
		t.Errorf("%d problem events were counted, %d were written", problems, journalEvents)
	}
	t.Logf("%d events, %d kills (%d of them after something was taken in), %d journal files: %d lost, %d doubled",
		journalEvents, c.kills, c.progressed, len(c.journal.Files()), len(lost), len(doubled))
}
