package policy

import (
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
			a, errA := c.holds(values(&proposals[i]))
			b, errB := c.holds(values(&proposals[i]))
			if a != b || (errA == nil) != (errB == nil) || errA != nil && a {
				t.Fatalf("%v %v, %v %v", a, errA, b, errB)
			}
			if c.always && !a {
				t.Fatal("it does not always hold")
			}
		}
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
