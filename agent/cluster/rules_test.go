package cluster

import (
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// Masks and pins take a bounded share of a message, whatever it holds, and cost nothing where there are none.
func TestRulesAreBounded(t *testing.T) {
	cfg := Config{Masks: []Mask{{Name: "tenant", Pattern: `t-[a-z]+`}, {Pattern: `(a|b)*c`}}, Pins: []string{"E1", "E2", "exit code 3"}}
	for _, msg := range []string{
		strings.Repeat("E1", 5000), strings.Repeat("t-x ", 5000), strings.Repeat("ab", 5000), strings.Repeat("exit code ", 3000),
		strings.Repeat("E1 t-x E2 ", 3000), strings.Repeat("\x02", 5000),
	} {
		c := mustNew(t, cfg)
		r := incident.Record{Service: "api", Message: msg}
		h := c.Add(&r)
		if again := c.Add(&r); again.New || again.Ref != h.Ref {
			t.Errorf("%.20q: %+v, then %+v", msg, h, again)
		}
		if got := len(c.rules.find(clip(msg))); got > rulesLimit {
			t.Errorf("%.20q: %d matches", msg, got)
		}
		check(t, c)
	}
	if raceDetector {
		return
	}
	c := mustNew(t, Config{})
	r := incident.Record{Service: "api", Message: "job 17 of t-alpha failed with E1 after 30 ms"}
	c.Add(&r)
	if n := testing.AllocsPerRun(100, func() { c.Add(&r) }); n != 0 {
		t.Errorf("%v allocations for an event that is known", n)
	}
}

// A mask is for a variable part that no rule knows, a pin for a number that is none: what the built-in rules would mask
// stays apart, in the cluster and in its template.
func TestPinsKeepNumbersApart(t *testing.T) {
	c := mustNew(t, Config{Masks: []Mask{{Name: "tenant", Pattern: `\b[a-z]+-corp\b`}}, Pins: []string{"code=1 ", "code=2 "}})
	one, two := add(c, "sync of acme-corp failed code=1 after 5 s"), add(c, "sync of initech-corp failed code=2 after 5 s")
	if one.ID == two.ID || add(c, "sync of hooli-corp failed code=1 after 9 s").ID != one.ID {
		t.Error("a pin did not keep two codes apart, or a mask two tenants")
	}
	if a, b := c.Template(one.ID), c.Template(two.ID); a != "sync of <tenant> failed code=1 after <*> s" || b != "sync of <tenant> failed code=2 after <*> s" {
		t.Errorf("%q and %q", a, b)
	}
	if h := add(c, "sync of acme-corp failed code=3 after 5 s"); h.ID == one.ID || h.ID == two.ID {
		t.Error("what is not pinned went to a pin")
	}
}

// A mask may take the whole rest of a message, however long and odd it is.
func TestMaskOfTheRest(t *testing.T) {
	c := mustNew(t, Config{Masks: []Mask{{Name: "trace", Pattern: `(?s)\bat [^ ]+\(.*`}}})
	h := add(c, "Error: Task not found at run(a.js) at main(b.js)")
	if g := add(c, "Error: Task not found at x(lib/q.js:17)\n  at y {z} (([\n"+strings.Repeat("at deep(er) ", 900)); g.ID != h.ID {
		t.Errorf("%q and %q", c.Template(h.ID), c.Template(g.ID))
	}
	if got := c.Template(h.ID); got != "Error: Task not found <trace>" {
		t.Errorf("template %q", got)
	}
}
