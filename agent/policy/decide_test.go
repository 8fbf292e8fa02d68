package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// What the gate says, and why, in the words that people read.
func TestDecide(t *testing.T) {
	type step struct {
		name string
		// c and mode make the policy; nil rules are one that allows everything.
		c    Config
		mode string
		pr   incident.Proposal
		h    History
		now  time.Time
		want string // outcome, and whether there is a grant
	}
	rem, pull := remediation(), pullRequest()
	edit := func(pr incident.Proposal, f func(*incident.Proposal)) incident.Proposal {
		c := pr.Clone()
		f(&c)
		return c
	}
	answer := func(pr incident.Proposal, f func(*incident.Approval)) History {
		a := approve(pr)
		f(a)
		return History{Approval: a}
	}
	approved := History{Approval: approve(rem)}
	flagged := edit(rem, func(p *incident.Proposal) { p.Facts.Flagged = true })
	allow, ask, deny := config(always("allow")), config(always("ask")), config(always("deny"))
	limited := func(l Limit) Config {
		return config(Rule{Name: "r", When: "true", Then: "allow", Limit: l})
	}
	global := func(ls ...Limit) Config {
		c := config(always("allow"))
		c.Limits = ls
		return c
	}
	windows := func(then string, ws ...string) Config {
		return config(Rule{Name: "night", When: "true", Then: then, Windows: ws}, Rule{Name: "rest", When: `kind == "remediation"`, Then: "allow"})
	}
	// Later rules are not asked; unreachable ones are refused, so this one differs by its condition.
	windows2 := func(then string, ws ...string) Config {
		c := windows(then, ws...)
		c.Rules[0].When = `service != ""`
		return c
	}
	within := func(n int, ats ...time.Duration) History {
		var h History
		for i, at := range ats {
			a := other(rem, fmt.Sprint(i), noon.Add(-at), incident.ResultDone)
			h.Actions = append(h.Actions, a)
		}
		_ = n
		return h
	}
	hourly := Limit{Per: PerService, Count: 2, Within: time.Hour}
	slots := func(n int) Config {
		c := config(always("allow"))
		c.OpenPullRequests = n
		return c
	}
	pullAt := func(pr incident.Proposal, cluster string, f func(*incident.Action)) History {
		a := other(pr, "1", noon.Add(-60*24*time.Hour), incident.ResultDone)
		a.Cluster = cluster
		f(&a)
		return History{Actions: []incident.Action{a}}
	}
	keep := func(*incident.Action) {}

	var b strings.Builder
	for _, s := range []step{
		{name: "no rules", c: config(), pr: rem, want: "deny"},
		{name: "no rule matches", c: config(Rule{Name: "r", When: "verified", Then: "allow"}), pr: rem, want: "deny"},
		{name: "allowed", c: allow, pr: rem, want: "allow grant"},
		{name: "allowed pull request", c: allow, pr: pull, want: "allow grant"},
		{name: "denied", c: deny, pr: rem, want: "deny"},
		{name: "denied although approved", c: deny, pr: rem, h: approved, want: "deny"},
		{name: "the first rule decides", c: config(Rule{Name: "a", When: "reversible", Then: "deny"}, Rule{Name: "b", When: "true", Then: "allow"}), pr: rem, want: "deny"},
		{name: "a condition fails", c: config(Rule{Name: "a", When: "events % added == 0", Then: "deny"}, Rule{Name: "b", When: "true", Then: "allow"}), pr: rem, want: "deny"},
		{name: "a condition fails although approved", c: config(Rule{Name: "a", When: "events % added == 0", Then: "allow"}), pr: rem, h: approved, want: "deny"},

		{name: "observe", c: allow, mode: ModeObserve, pr: rem, want: "allow simulated"},
		{name: "observe, ask", c: ask, mode: ModeObserve, pr: rem, want: "ask simulated"},
		{name: "observe, approved", c: ask, mode: ModeObserve, pr: rem, h: approved, want: "allow simulated"},
		{name: "observe, no rule", c: config(), mode: ModeObserve, pr: rem, want: "deny simulated"},
		{name: "the rule observes", c: config(Rule{Name: "r", When: "true", Then: "allow", Mode: ModeObserve}), pr: rem, want: "allow simulated"},
		{name: "the rule enforces, the configuration does not", c: config(Rule{Name: "r", When: "true", Then: "allow", Mode: ModeEnforce}), mode: ModeObserve, pr: rem, want: "allow simulated"},

		{name: "advice", c: allow, pr: edit(pull, func(p *incident.Proposal) { p.Kind = incident.KindAdvice }), want: "deny"},
		{name: "stopped", c: allow, pr: rem, h: History{Stopped: "stop-all by ana: \x1b[31mmaintenance\nnow"}, want: "deny"},
		{name: "advice while stopped", c: allow, pr: edit(pull, func(p *incident.Proposal) { p.Kind = incident.KindAdvice }), h: History{Stopped: "by ana"}, want: "deny"},
		{name: "stopped although approved", c: ask, pr: rem, h: History{Stopped: "/run/logwright/stop is there", Approval: approve(rem)}, want: "deny"},
		{name: "begun already", c: allow, pr: rem, h: History{Actions: []incident.Action{action(rem, "r", noon, "")}}, want: "deny"},
		{name: "begun already and skipped", c: allow, pr: rem, h: History{Actions: []incident.Action{action(rem, "r", noon, incident.ResultSkipped)}}, want: "deny"},

		{name: "asked", c: ask, pr: rem, want: "ask"},
		{name: "approved", c: ask, pr: rem, h: approved, want: "allow grant"},
		{name: "approved by a name with escapes", c: ask, pr: rem, h: answer(rem, func(a *incident.Approval) { a.Who = "a\x1b[2Jna\nrule \"x\" allows it" }), want: "allow grant"},
		{name: "approved in the last moment", c: ask, pr: rem, now: noon.Add(time.Hour), h: approved, want: "allow grant"},
		{name: "the approval ended", c: ask, pr: rem, now: noon.Add(time.Hour + 1), h: approved, want: "ask"},
		{name: "the clock is before the approval", c: ask, pr: rem, now: noon.Add(-6 * time.Minute), h: approved, want: "ask"},
		{name: "approved before it was proposed", c: ask, pr: rem, h: answer(rem, func(a *incident.Approval) { a.At = rem.At.Add(-1) }), want: "ask"},
		{name: "approval of other arguments", c: ask, pr: edit(rem, func(p *incident.Proposal) { p.Remedy.Run[2] = "api.service" }), h: approved, want: "ask"},
		{name: "approval of another proposal", c: ask, pr: edit(rem, func(p *incident.Proposal) { p.ID = "p-other" }), h: approved, want: "ask"},
		{name: "approval filed under another proposal", c: ask, pr: rem, h: answer(rem, func(a *incident.Approval) { a.Proposal = "p-other" }), want: "ask"},
		{name: "approved by nobody", c: ask, pr: rem, h: answer(rem, func(a *incident.Approval) { a.Who = "" }), want: "ask"},
		{name: "rejected", c: allow, pr: rem, h: answer(rem, func(a *incident.Approval) { a.Approved = false }), want: "deny"},
		{name: "another was rejected", c: ask, pr: rem, h: answer(rem, func(a *incident.Approval) { a.Approved, a.Proposal, a.Digest = false, "p-other", "" }), want: "ask"},
		{name: "an empty approval", c: ask, pr: rem, h: History{Approval: &incident.Approval{}}, want: "ask"},

		{name: "flagged", c: allow, pr: flagged, want: "ask"},
		{name: "flagged, by a rule for what is flagged", c: config(Rule{Name: "r", When: "flagged", Then: "allow"}), pr: flagged, want: "ask"},
		{name: "flagged and approved", c: allow, pr: flagged, h: History{Approval: approve(flagged)}, want: "allow grant"},
		{name: "flagged, the approval is of before", c: allow, pr: flagged, h: approved, want: "ask"},

		{name: "in the window", c: windows2("allow", "Mon-Fri 09:00-17:00"), pr: rem, want: "allow grant"},
		{name: "outside of the window, and no rule after it is asked", c: windows2("allow", "Mon-Fri 22:00-06:00 Europe/Berlin", "Sat,Sun 00:00-24:00"), pr: rem, want: "deny"},
		{name: "outside of the window although approved", c: windows2("ask", "22:00-06:00"), pr: rem, h: approved, want: "deny"},

		{name: "within the limit", c: limited(hourly), pr: rem, h: within(1, 10*time.Minute, time.Hour), want: "allow grant"},
		{name: "the limit is used", c: limited(hourly), pr: rem, h: within(2, 10*time.Minute, 59*time.Minute, 3*time.Hour), want: "deny"},
		{name: "the limit is used although approved", c: config(Rule{Name: "r", When: "true", Then: "ask", Limit: hourly}), pr: rem,
			h: History{Actions: within(2, time.Minute, time.Minute).Actions, Approval: approve(rem)}, want: "deny"},
		{name: "more than the limit", c: limited(hourly), pr: rem, h: within(4, 4*time.Minute, 3*time.Minute, 2*time.Minute, time.Minute), want: "deny"},
		{name: "actions of the future count", c: limited(hourly), pr: rem, h: within(2, -48*time.Hour, -time.Second), want: "deny"},
		{name: "cooldown", c: limited(Limit{Per: PerService, Cooldown: time.Hour}), pr: rem, h: within(1, 59*time.Minute), want: "deny"},
		{name: "after the cooldown", c: limited(Limit{Per: PerService, Cooldown: time.Hour}), pr: rem, h: within(1, time.Hour), want: "allow grant"},
		{name: "cooldown after the clock went back", c: limited(Limit{Per: PerService, Cooldown: time.Hour}), pr: rem, h: within(1, -3*time.Hour), want: "deny"},
		{name: "a limit over all rules", c: global(Limit{Per: PerAll, Count: 1, Within: 24 * time.Hour}), pr: pull, h: within(1, time.Minute), want: "deny"},
		{name: "all that stands in the way is said", c: global(Limit{Per: PerAll, Count: 1, Within: 24 * time.Hour}, Limit{Per: PerAction, Cooldown: 90 * time.Second}), pr: rem, h: within(1, time.Minute), want: "deny"},

		{name: "no pull request is open", c: slots(1), pr: pull, want: "allow grant"},
		{name: "none may be opened", c: slots(0), pr: pull, want: "deny"},
		{name: "a remediation opens none", c: slots(0), pr: rem, want: "allow grant"},
		{name: "as many as may be are open", c: slots(1), pr: pull, h: pullAt(pull, "lw-c", keep), want: "deny"},
		{name: "one was closed", c: slots(1), pr: pull, h: pullAt(pull, "lw-c", func(a *incident.Action) { a.ClosedAt = noon }), want: "allow grant"},
		{name: "one may be open for all that is known", c: slots(1), pr: pull, h: pullAt(pull, "lw-c", func(a *incident.Action) { a.Outcome = nil }), want: "deny"},
		{name: "one failed", c: slots(1), pr: pull, h: pullAt(pull, "lw-c", func(a *incident.Action) { a.Outcome.Result = incident.ResultFailed }), want: "allow grant"},
		{name: "one for the cluster is open", c: slots(9), pr: pull, h: pullAt(pull, pull.Cluster, keep), want: "deny"},

		{name: "no id", c: allow, pr: edit(rem, func(p *incident.Proposal) { p.ID = "" }), want: "deny"},
		{name: "no kind", c: allow, pr: edit(rem, func(p *incident.Proposal) { p.Kind = "" }), want: "deny"},
		{name: "no command", c: allow, pr: edit(rem, func(p *incident.Proposal) { p.Remedy.Run = nil }), want: "deny"},
		{name: "no remedy", c: allow, pr: edit(rem, func(p *incident.Proposal) { p.Remedy = nil }), want: "deny"},
		{name: "no commit", c: allow, pr: edit(pull, func(p *incident.Proposal) { p.Change.Commit = "" }), want: "deny"},
	} {
		if s.mode == "" {
			s.mode = ModeEnforce
		}
		if s.now.IsZero() {
			s.now = noon
		}
		v := must(t, s.c, s.mode).Decide(s.now, s.pr, s.h)
		d := v.Decision()
		got := d.Outcome
		if d.Simulated {
			got += " simulated"
		}
		g, ok := v.Grant()
		if ok {
			got += " grant"
		}
		if ok != (g.Check(s.now) == nil) {
			t.Errorf("%s: there is a grant (%v) that says %v", s.name, ok, g.Check(s.now))
		}
		if got != s.want {
			t.Errorf("%s: %s, not %s: %q", s.name, got, s.want, d.Reasons)
		}
		if !d.At.Equal(s.now) || len(d.Reasons) == 0 {
			t.Errorf("%s: %+v", s.name, d)
		}
		if v.Temporary() {
			got += ", for now"
		}
		fmt.Fprintf(&b, "%s\n  %s by %q\n", s.name, got, d.Rule)
		for _, r := range d.Reasons {
			fmt.Fprintf(&b, "    %s\n", r)
		}
	}
	golden(t, "reasons.golden", b.String())
}

// Values that can't even be written down are denied, not a panic.
func TestDecideMalformed(t *testing.T) {
	p := must(t, config(always("allow")), ModeEnforce)
	for name, f := range map[string]func(*incident.Proposal){
		"not a number":    func(p *incident.Proposal) { p.Facts.Confidence = math.NaN() },
		"infinite":        func(p *incident.Proposal) { p.Facts.Confidence = math.Inf(1) },
		"a year too far":  func(p *incident.Proposal) { p.At = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a zone too far":  func(p *incident.Proposal) { p.At = p.At.In(time.FixedZone("x", 25*3600)) },
		"bytes in a run":  func(p *incident.Proposal) { p.Remedy.Run[2] = "worker\xff" },
		"bytes in an arg": func(p *incident.Proposal) { p.Remedy.Args["unit"] = "worker\xff" },
		"bytes in undo":   func(p *incident.Proposal) { p.Remedy.Undo[0] = "\xc3\x28" },
		"bytes in the id": func(p *incident.Proposal) { p.ID = "p-\xff" },
	} {
		pr := remediation()
		f(&pr)
		v := p.Decide(noon, pr, History{})
		if _, ok := v.Grant(); ok || v.Decision().Outcome != incident.DecisionDeny {
			t.Errorf("%s: %+v", name, v.Decision())
		}
		u := p.DecideUndo(noon, pr, action(pr, "r", noon, incident.ResultDone), "")
		if _, ok := u.Grant(); ok || u.Decision().Outcome != incident.DecisionDeny {
			t.Errorf("undo, %s: %+v", name, u.Decision())
		}
		if len(p.Trace(noon, pr, History{})) != 0 {
			t.Errorf("%s was traced", name)
		}
	}
	pr := pullRequest()
	pr.Change.Branch = "logwright/\xff"
	if d := p.Decide(noon, pr, History{}).Decision(); d.Outcome != incident.DecisionDeny {
		t.Errorf("%+v", d)
	}
	var nobody *Policy
	for _, p := range []*Policy{nobody, {}} {
		d := p.Decide(noon, remediation(), History{}).Decision()
		u := p.DecideUndo(noon, remediation(), incident.Action{}, "").Decision()
		if d.Outcome != incident.DecisionDeny || !d.Simulated || u.Outcome != incident.DecisionDeny || len(p.Trace(noon, remediation(), History{})) > 0 || p.Lookback() != 0 {
			t.Errorf("no policy: %+v %+v", d, u)
		}
	}
	if d := (Verdict{}).Decision(); d.Outcome != incident.DecisionDeny {
		t.Errorf("no verdict: %+v", d)
	}
}

// What counts together, and what does not.
func TestLimitScopes(t *testing.T) {
	rem := remediation()
	for _, c := range []struct {
		per  string
		edit func(*incident.Action)
		same bool
	}{
		{PerService, func(*incident.Action) {}, true},
		{PerService, func(a *incident.Action) { a.Service = "api" }, false},
		{PerService, func(a *incident.Action) { a.Cluster, a.Rule, a.Name = "x", "x", "x" }, true},
		{PerCluster, func(a *incident.Action) { a.Cluster = "lw-x" }, false},
		{PerCluster, func(a *incident.Action) { a.Service, a.Rule, a.Name = "x", "x", "x" }, true},
		{PerAction, func(a *incident.Action) { a.Name = "reload" }, false},
		{PerAction, func(a *incident.Action) { a.Kind = incident.KindPullRequest }, false},
		{PerAction, func(a *incident.Action) { a.Service, a.Rule, a.Cluster = "x", "x", "x" }, true},
		{PerRule, func(a *incident.Action) { a.Rule = "x" }, false},
		{PerRule, func(a *incident.Action) { a.Service, a.Name, a.Cluster = "x", "x", "x" }, true},
		{PerAll, func(a *incident.Action) { a.Service, a.Name, a.Cluster, a.Rule = "x", "x", "x", "x" }, true},
		{PerAll, func(a *incident.Action) { a.Outcome = nil }, true},
		{PerAll, func(a *incident.Action) { a.Outcome.Result = incident.ResultUnknown }, true},
		{PerAll, func(a *incident.Action) { a.Outcome.Result = incident.ResultFailed }, true},
		{PerAll, func(a *incident.Action) { a.Outcome.Result = incident.ResultSkipped }, false},
		{PerAll, func(a *incident.Action) { a.BegunAt = time.Time{} }, true},
		{PerAll, func(a *incident.Action) { a.UndoneAt = noon; a.Undo = &incident.Outcome{Result: incident.ResultDone} }, true},
	} {
		for _, l := range []Limit{{Per: c.per, Count: 1, Within: time.Hour}, {Per: c.per, Cooldown: time.Hour}} {
			for _, own := range []bool{true, false} {
				conf := config(always("allow"))
				if own {
					conf.Rules[0].Limit = l
				} else {
					conf.Limits = []Limit{l}
				}
				a := other(rem, "1", noon.Add(-time.Minute), incident.ResultDone)
				c.edit(&a)
				_, ok := must(t, conf, ModeEnforce).Decide(noon, rem, History{Actions: []incident.Action{a}}).Grant()
				if ok == c.same {
					t.Errorf("%+v with %+v: granted %v", l, a, ok)
				}
			}
		}
	}
}

// The time that a reason names for the next one is right: a moment before it is no, then it is yes.
func TestLimitIsFreeWhenItSays(t *testing.T) {
	rem := remediation()
	for _, l := range []Limit{
		{Per: PerService, Count: 1, Within: time.Hour}, {Per: PerService, Count: 3, Within: 90 * time.Minute},
		{Per: PerAll, Cooldown: 20 * time.Minute},
	} {
		c := config(always("allow"))
		c.Rules[0].Limit = l
		p := must(t, c, ModeEnforce)
		var h History
		for i, m := range []int{50, 3, 70, 10, 85} { // in no order
			h.Actions = append(h.Actions, other(rem, fmt.Sprint(i), noon.Add(-time.Duration(m)*time.Minute), incident.ResultDone))
		}
		ls := p.Trace(noon, rem, h)[0].Limits
		if len(ls) != 1 || ls[0].Free == nil {
			t.Fatalf("%+v", ls)
		}
		for d, want := range map[time.Duration]bool{-1: false, 0: true} {
			if _, ok := p.Decide(ls[0].Free.Add(d), rem, h).Grant(); ok != want {
				t.Errorf("%+v: free at %s, and %v there", l, ls[0].Free, ok)
			}
		}
	}
}

// A verdict can be computed again from what the audit keeps: the same arguments, through JSON, give the same verdict, and
// the inputs hold what the conditions saw.
func TestDecideAgain(t *testing.T) {
	c := DefaultConfig()
	c.Rules = []Rule{{Name: "small", When: `len(files) < 5 && args.x == "" && confidence > 0.5`, Then: "ask", Windows: []string{"Mon-Fri 09:00-17:00 Europe/Berlin"}, Limit: Limit{Per: PerRule, Count: 2, Within: time.Hour}}}
	p := must(t, c, ModeEnforce)
	pr := pullRequest()
	h := History{Actions: []incident.Action{other(pr, "1", noon.Add(-time.Minute), incident.ResultFailed)}, Approval: approve(pr)}
	first := p.Decide(noon, pr, h).Decision()

	var pr2 incident.Proposal
	var h2 History
	through(t, pr, &pr2)
	through(t, h, &h2)
	again := p.Decide(noon, pr2, h2).Decision()
	a, b := encode(t, first), encode(t, again)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
	golden(t, "decision.golden", a)
}

// Another policy of the same configuration, at the same time, decides the same, and asking changes nothing.
func TestDecideHasNoMemory(t *testing.T) {
	p, q := must(t, config(always("allow")), ModeEnforce), must(t, config(always("allow")), ModeEnforce)
	want := encode(t, q.Decide(noon, remediation(), History{}).Decision())
	for range 3 {
		if got := encode(t, p.Decide(noon, remediation(), History{}).Decision()); got != want {
			t.Errorf("%s", cmp.Diff(want, got))
		}
	}
}

func through(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
