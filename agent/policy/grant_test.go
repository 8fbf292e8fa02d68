package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

func granted(t *testing.T, pr incident.Proposal) Grant {
	t.Helper()
	g, ok := must(t, config(always("ask")), ModeEnforce).Decide(noon, pr, History{Approval: approve(pr)}).Grant()
	if !ok {
		t.Fatal("not granted")
	}
	return g
}

func TestGrant(t *testing.T) {
	pr := remediation()
	g := granted(t, pr)
	if g.Action() != pr.ActionID() || g.Rule() != "r" || g.By() != "ana" || g.Undo() {
		t.Errorf("%+v", g)
	}
	if !g.Until().Equal(noon.Add(GrantFor)) {
		t.Errorf("until %s", g.Until())
	}
	if want := noon.Add(GrantFor + 3*time.Minute + 10*time.Minute + UndoFor); !g.UndoUntil().Equal(want) {
		t.Errorf("undo until %s, not %s", g.UndoUntil(), want)
	}
	if diff := cmp.Diff(pr, g.Proposal()); diff != "" {
		t.Error(diff)
	}
	for at, want := range map[time.Duration]string{
		0: "", GrantFor: "", GrantFor + 1: "ended at", time.Hour: "ended at", -1: "went back", -time.Hour: "went back",
	} {
		err := g.Check(noon.Add(at))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s later: %v", at, err)
		}
	}
}

func TestZeroGrant(t *testing.T) {
	var g Grant
	for _, now := range []time.Time{{}, noon} {
		if g.Check(now) == nil {
			t.Errorf("good at %s", now)
		}
	}
	if g.Action() != "" || g.Proposal().ID != "" {
		t.Errorf("%+v", g)
	}
}

// Nothing of a Grant can be set from outside of the package, so nobody else can make one or change one.
func TestGrantIsSealed(t *testing.T) {
	for typ := range reflect.TypeFor[Grant]().Fields() {
		if typ.IsExported() {
			t.Errorf("%s is exported", typ.Name)
		}
	}
	for typ := range reflect.TypeFor[Verdict]().Fields() {
		if typ.IsExported() {
			t.Errorf("%s is exported", typ.Name)
		}
	}
	pointer := reflect.TypeFor[*Grant]()
	for m := range pointer.Methods() {
		if _, ok := reflect.TypeFor[Grant]().MethodByName(m.Name); !ok {
			t.Errorf("%s can change the grant", m.Name)
		}
	}
}

// What was decided is what is done, whatever becomes of the caller's values meanwhile.
func TestGrantHasItsOwnProposal(t *testing.T) {
	pr := remediation()
	want := pr.Clone()
	g := granted(t, pr)
	pr.Remedy.Run[2], pr.Remedy.Undo[0], pr.Remedy.Args["unit"], pr.Service = "sshd.service", "rm", "sshd.service", "x"
	pr.Remedy.Name = "rm"
	got := g.Proposal()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got.Remedy.Run[0], got.Remedy.Args["unit"] = "rm", "x"
	if diff := cmp.Diff(want, g.Proposal()); diff != "" {
		t.Error(diff)
	}
	if got, want := g.Proposal(), want; got.Digest() != want.Digest() {
		t.Error("another digest")
	}
}

// The monotonic clock stands still while a host sleeps: a grant ends by the clock on the wall.
func TestGrantDoesNotSleep(t *testing.T) {
	start := time.Now()
	pr := remediation()
	pr.At = start.Add(-time.Minute)
	g, ok := must(t, config(always("allow")), ModeEnforce).Decide(start, pr, History{}).Grant()
	if !ok || g.until != g.until.Round(0) || g.at != g.at.Round(0) { // == sees the monotonic reading, Equal does not
		t.Errorf("%v %s %s", ok, g.at, g.until)
	}
}

func TestUndo(t *testing.T) {
	rem := remediation()
	done := action(rem, "r", noon.Add(-time.Minute), incident.ResultDone)
	edit := func(f func(*incident.Action)) incident.Action {
		a := done
		f(&a)
		return a
	}
	p := must(t, config(always("allow")), ModeEnforce)
	for _, c := range []struct {
		name    string
		p       *Policy
		pr      incident.Proposal
		a       incident.Action
		stopped string
		now     time.Time
		want    string // "" is granted
	}{
		{name: "done", a: done},
		{name: "failed", a: edit(func(a *incident.Action) { a.Outcome = &incident.Outcome{Result: incident.ResultFailed} })},
		{name: "in the last moment", a: done, now: done.Until},
		{name: "an approved one", p: must(t, config(always("ask")), ModeEnforce), a: edit(func(a *incident.Action) { a.By = "ana" })},
		{name: "limits don't hold", a: done, p: must(t, func() Config {
			c := config(always("allow"))
			c.Limits = []Limit{{Per: PerAll, Count: 1, Within: time.Hour, Cooldown: time.Hour}}
			return c
		}(), ModeEnforce)},
		{name: "too late", a: done, now: done.Until.Add(1), want: "the time for it ended at 2026-03-04T13:59:00Z"},
		{name: "the clock went back", a: done, now: done.BegunAt.Add(-1), want: "it was begun at 2026-03-04T11:59:00Z, and the clock was put back since"},
		{name: "stopped", a: done, stopped: "by ana", want: "everything is stopped: by ana"},
		{name: "still running", a: edit(func(a *incident.Action) { a.Outcome = nil }), want: "nobody knows what came of it, so a person has to look"},
		{name: "unknown", a: edit(func(a *incident.Action) { a.Outcome = &incident.Outcome{Result: incident.ResultUnknown} }), want: "nobody knows what came of it, so a person has to look"},
		{name: "skipped", a: edit(func(a *incident.Action) { a.Outcome = &incident.Outcome{Result: incident.ResultSkipped} }), want: "it was not begun, so there is nothing to undo"},
		{name: "undone", a: edit(func(a *incident.Action) { a.UndoneAt = noon }), want: "it was undone already"},
		{name: "undone, by its outcome", a: edit(func(a *incident.Action) { a.Undo = &incident.Outcome{Result: incident.ResultFailed} }), want: "it was undone already"},
		{name: "of another proposal", a: edit(func(a *incident.Action) { a.ID = "a-x" }), want: "the action is not that of the proposal"},
		{name: "of another name", a: edit(func(a *incident.Action) { a.Name = "reload" }), want: "the action is not that of the proposal"},
		{name: "not reversible", a: done, pr: func() incident.Proposal { r := remediation(); r.Remedy.Reversible = false; return r }(), want: "restart can't be undone, says the catalogue"},
		{name: "no command for it", a: done, pr: func() incident.Proposal { r := remediation(); r.Remedy.Undo = nil; return r }(), want: "restart can't be undone, says the catalogue"},
		{name: "a pull request", a: action(pullRequest(), "r", noon, incident.ResultDone), pr: pullRequest(), want: "only a remediation can be undone"},
		{name: "the rule is gone", a: edit(func(a *incident.Action) { a.Rule = "gone" }), want: `the rule that allowed it ("gone") is gone`},
		{name: "no rule", a: edit(func(a *incident.Action) { a.Rule = "" }), want: `the rule that allowed it ("") is gone`},
		{name: "the rule denies", a: done, p: must(t, config(always("deny")), ModeEnforce), want: `rule "r", which allowed it, denies now`},
		{name: "observe", a: done, p: must(t, config(always("allow")), ModeObserve), want: "simulated"},
		{name: "the rule observes", a: done, p: must(t, config(Rule{Name: "r", When: "true", Then: "allow", Mode: ModeObserve}), ModeEnforce), want: "simulated"},
	} {
		if c.p == nil {
			c.p = p
		}
		if c.pr.ID == "" {
			c.pr = rem
		}
		if c.now.IsZero() {
			c.now = noon
		}
		v := c.p.DecideUndo(c.now, c.pr, c.a, c.stopped)
		d := v.Decision()
		g, ok := v.Grant()
		switch c.want {
		case "":
			if !ok || d.Outcome != incident.DecisionAllow || g.Check(c.now) != nil || !g.Undo() || !g.UndoUntil().IsZero() || g.Until().After(c.a.Until) || g.Rule() != "r" {
				t.Errorf("%s: %+v %+v", c.name, d, g)
			}
		case "simulated":
			if ok || !d.Simulated || d.Outcome != incident.DecisionAllow {
				t.Errorf("%s: %+v", c.name, d)
			}
		default:
			if ok || d.Outcome != incident.DecisionDeny || d.Reasons[0] != c.want {
				t.Errorf("%s: %+v", c.name, d)
			}
		}
	}
}

// A remediation that the catalogue gives absurd times gets a deadline all the same, and what can't be undone none.
func TestUndoDeadline(t *testing.T) {
	pr := remediation()
	pr.Remedy.Timeout, pr.Remedy.Silence = 1<<62, -1<<62
	if u := granted(t, pr).UndoUntil(); u.Before(noon) || u.After(noon.AddDate(0, 2, 0)) {
		t.Errorf("until %s", u)
	}
	pr = remediation()
	pr.Remedy.Reversible = false
	if u := granted(t, pr).UndoUntil(); !u.IsZero() {
		t.Errorf("until %s", u)
	}
	if u := granted(t, pullRequest()).UndoUntil(); !u.IsZero() {
		t.Errorf("until %s", u)
	}
}
