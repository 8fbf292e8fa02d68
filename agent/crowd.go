package agent

import (
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// crowd bounds how many incidents are open at once. Whoever can write to a log can write errors of which no two are alike,
// and each would open an incident; nobody reads ten thousand, the store would be full of what must not be dropped, and
// collecting would stand still. So there is a most, in step with limits.store, and one service may have half of it. Beyond
// it events are counted with their clusters as ever, people are told once, and a cluster's next event opens its incident
// when others were resolved or ignored. The zero crowd is unbounded.
type crowd struct {
	most int
	// open is what the running transaction knows, nil where it has not asked; tell are those it told of.
	open map[string]int
	tell map[string]time.Time
	// told is when people were last told, by service; "" is of all of them.
	told map[string]time.Time
}

const (
	// bytesPerIncident is what one incident may take of limits.store: its samples, messages and part of the audit.
	bytesPerIncident = 256 << 10
	mostOpen         = 16384
	crowdedAgain     = 24 * time.Hour
)

func newCrowd(storeBytes int64) crowd {
	return crowd{most: int(min(storeBytes/bytesPerIncident, mostOpen)), told: map[string]time.Time{}}
}

// begin is for the start of each transaction, committed for when it was kept.
func (c *crowd) begin() { c.open, c.tell = nil, nil }

func (c *crowd) committed() {
	for service, at := range c.tell {
		c.told[service] = at
	}
	c.begin()
}

// room says whether one more incident of a service may be opened, and counts it.
func (c *crowd) room(tx *store.Tx, service string) (bool, error) {
	if c.most == 0 {
		return true, nil
	}
	if c.open == nil {
		open, err := tx.Unfinished()
		if err != nil {
			return false, err
		}
		sum := 0
		for _, n := range open {
			sum += n
		}
		c.open, open[all] = open, sum
	}
	if c.open[all] >= c.most || c.open[service] >= c.most/2 {
		return false, nil
	}
	c.open[all]++
	c.open[service]++
	return true, nil
}

// all is no service's name.
const all = "\x00"

// crowded tells once that an incident was not opened.
func (g *ingest) crowded(tx *store.Tx, service string) error {
	c, now := &g.crowd, g.now()
	key, whose := service, "of "+service
	if c.open[all] >= c.most {
		key, whose = all, "in all"
	}
	if at, ok := c.told[key]; ok && now.Sub(at) < crowdedAgain {
		return nil
	}
	if _, ok := c.tell[key]; ok {
		return nil
	}
	if c.tell == nil {
		c.tell = map[string]time.Time{}
	}
	c.tell[key] = now
	n := c.open[key]
	g.log.Warn("too many incidents are open; more errors are counted and open none", "service", service, "open", n)
	text := fmt.Sprintf("%d incidents are open %s. New kinds of errors are counted and open no more incidents until some are resolved "+
		"or ignored; a higher limits.store allows more.", n, whose)
	return tx.Enqueue(incident.Event{ID: newID(), Kind: incident.EventDegraded, At: now, Text: text}, g.notifiers...)
}
