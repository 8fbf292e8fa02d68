package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// Whatever is written as a condition is refused with a readable problem or computed, twice the same.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{
		`kind == "pull-request" && verified && !flagged`, `any(files, # startsWith "a") and at_least("error")`, `args["unit"] in ["a"]`,
		`1 % added == 0`, `files[0] == "x"`, `service matches "^a+$"`, `(((`, "verified ? true : confidence > 0.5", `now()`, `let a = 1; a`,
		`count(files, # != "") * 2 > -1`, `'\u202e' == kind`, `{}`, `[1][0] == 1`, `true | len()`, `if true {true} else {false}`, `..`, `#`,
	} {
		f.Add(s)
	}
	proposals := []incident.Proposal{remediation(), pullRequest(), {}}
	f.Fuzz(func(t *testing.T, s string) {
		c, ps := compile(s, closed([]string{"restart"}))
		if (c == nil) != (len(ps) > 0) {
			t.Fatalf("%v and %v", c, ps)
		}
		for _, p := range ps {
			if p.Path != "when" || p.Message == "" || !utf8.ValidString(p.Message) || p.Message != incident.PrintableLine(p.Message) {
				t.Fatalf("%+v", p)
			}
		}
		if c == nil {
			return
		}
		for i := range proposals {
			a, errA := c.holds(environment(values(&proposals[i])))
			b, errB := c.holds(environment(values(&proposals[i])))
			if a != b || (errA == nil) != (errB == nil) || errA != nil && a {
				t.Fatalf("%v %v, %v %v", a, errA, b, errB)
			}
			if c.always && !a {
				t.Fatal("it does not always hold")
			}
		}
	})
}

// Whatever a proposal, an action and an approval may be: no panic, and what is granted is what was proposed.
func FuzzDecide(f *testing.F) {
	for _, pr := range []incident.Proposal{remediation(), pullRequest(), {}} {
		b, err := json.Marshal(pr)
		if err != nil {
			f.Fatal(err)
		}
		a, err := json.Marshal(other(pr, "1", noon, incident.ResultDone))
		if err != nil {
			f.Fatal(err)
		}
		y, err := json.Marshal(approve(pr))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, a, y, int64(0))
	}
	c := DefaultConfig()
	c.Rules = []Rule{
		{Name: "a", When: `files[0] matches "^x" || 1 % events == 0`, Then: "allow"},
		{Name: "b", When: `episode > 1 && "unit=worker.service" in targets`, Then: "ask"},
		{Name: "c", When: "true", Then: "allow", Limit: Limit{Per: PerCluster, Count: 1, Within: time.Hour}},
	}
	p := must(f, c, ModeEnforce)
	f.Fuzz(func(t *testing.T, rawProposal, rawAction, rawApproval []byte, at int64) {
		var pr incident.Proposal
		var a incident.Action
		var y incident.Approval
		if json.Unmarshal(rawProposal, &pr) != nil || json.Unmarshal(rawAction, &a) != nil || json.Unmarshal(rawApproval, &y) != nil {
			return
		}
		now := noon.Add(time.Duration(at))
		h := History{Actions: []incident.Action{a}, Approval: &y}
		v := p.Decide(now, pr, h)
		d := v.Decision()
		if g, ok := v.Grant(); ok {
			if got := g.Proposal(); got.Digest() != pr.Digest() || d.Outcome != incident.DecisionAllow || g.Check(now) != nil || pr.Facts.Flagged && g.By() == "" {
				t.Fatalf("%+v: %+v", d, got)
			}
		}
		for _, r := range d.Reasons {
			if r != incident.PrintableLine(r) {
				t.Fatalf("%q", r)
			}
		}
		p.Trace(now, pr, h)
		p.DecideUndo(now, pr, a, "")
	})
}

// Whatever is written as a window is refused, or can be asked: it is open at the time that it says it opens next.
func FuzzWindow(f *testing.F) {
	for _, s := range []string{"Mon-Fri 09:00-17:00 Europe/Berlin", "22:00-06:00", "Sat,Sun 00:00-24:00 UTC", "x", "Mon 23:59-00:00", "\xff"} {
		f.Add(s, int64(0))
	}
	zone := func(name string) (*time.Location, error) {
		return time.FixedZone(name, (len(name)%27-13)*3600+len(name)%4*900), nil
	}
	f.Fuzz(func(t *testing.T, s string, at int64) {
		w, err := parseWindow(s, zone)
		if err != nil {
			if m := err.Error(); !utf8.ValidString(m) || strings.ContainsAny(m, "\x00\x1b\n") {
				t.Fatalf("%q", m)
			}
			return
		}
		now := noon.Add(time.Duration(at) * time.Second)
		if w.open(now) {
			return
		}
		next, ok := w.next(now)
		if !ok || !next.After(now) || !w.open(next) || w.open(next.Add(-time.Minute)) && next.Add(-time.Minute).After(now) {
			t.Fatalf("%s after %s: %s %v", s, now, next, ok)
		}
	})
}
