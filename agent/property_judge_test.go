package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

// fakeExecutor is how one daemon reaches the fake world.
type fakeExecutor struct {
	world *fakeWorld
	body  int
}

// Execute implements Executor.
func (e fakeExecutor) Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	f := e.world
	out := incident.Outcome{Result: incident.ResultSkipped, Detail: "dead", StartedAt: f.life.now(), EndedAt: f.life.now()}
	f.point(e.body, "begun")
	if !f.alive(e.body) {
		return out, nil
	}
	kind, long := f.begin(g)
	service := g.Proposal().Service
	f.enter(service, e.body)
	defer f.leave(service)
	if long > 0 {
		f.linger(ctx, g, long)
	}
	f.point(e.body, "done")
	out.EndedAt = f.life.now()
	out.Result, out.Detail = kind, "the world says "+string(kind)
	if kind == incident.ResultUnknown {
		return incident.Outcome{}, errors.New("nobody knows")
	}
	return out, nil
}

// enter and leave bound a call: there is one at a time for a service.
func (f *fakeWorld) enter(service string, body int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[service] == body {
		f.faults = append(f.faults, "two things are done for "+service+" at once")
	}
	if f.busy == nil {
		f.busy = map[string]int{}
	}
	f.busy[service] = body
}

func (f *fakeWorld) leave(service string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.busy, service)
}

// begin judges a call and notes it down. It gives what is to come of it, and how long that takes.
func (f *fakeWorld) begin(g policy.Grant) (incident.Result, time.Duration) {
	p, now := g.Proposal(), f.life.now()
	rec, err := f.life.d.st.Proposal(context.Background(), p.ID)
	f.mu.Lock()
	defer f.mu.Unlock()
	bad := func(format string, args ...any) {
		f.faults = append(f.faults, fmt.Sprintf("%s, undo %v: %s", p.ID, g.Undo(), fmt.Sprintf(format, args...)))
	}
	switch {
	case err != nil:
		bad("it is not in the store: %v", err)
		return incident.ResultFailed, 0
	case g.Check(now) != nil:
		bad("the grant is not alive: %v", g.Check(now))
	case rec.Digest != p.Digest():
		bad("it is not what the store has")
	case rec.Action == nil || rec.Action.ID != g.Action():
		bad("there is no intent")
	case !g.Undo() && rec.State != incident.ProposalActing:
		bad("its state is %s", rec.State)
	case g.Undo() && rec.Action.UndoneAt.IsZero():
		bad("there is no intent to undo")
	}
	if !f.stoppedAt.IsZero() {
		bad("the kill switch is on since %s", time.Since(f.stoppedAt))
	}
	f.judge(bad, g, &p, now)
	kind := []incident.Result{incident.ResultDone, incident.ResultDone, incident.ResultDone, incident.ResultFailed, incident.ResultSkipped, incident.ResultUnknown}[f.r.IntN(6)]
	if g.Undo() {
		kind = incident.ResultDone
		f.life.tally["undos"]++
	} else {
		f.life.tally["runs"]++
		if p.Kind == incident.KindPullRequest {
			f.life.tally["pull requests"]++
		}
		if g.By() != "" {
			f.life.tally["approved runs"]++
		}
	}
	if kind == incident.ResultUnknown {
		f.life.tally["unknown"]++
	}
	f.did = append(f.did, deed{p: p, rule: g.Rule(), at: now, undo: g.Undo(), skipped: kind == incident.ResultSkipped,
		closed: p.Kind != incident.KindPullRequest || kind == incident.ResultFailed})
	if f.calmed || f.r.IntN(2) == 0 {
		return kind, 0
	}
	return kind, time.Duration(f.r.IntN(60_000)) * time.Millisecond
}

// judge holds a call against the rules, the people and all that was done before.
func (f *fakeWorld) judge(bad func(string, ...any), g policy.Grant, p *incident.Proposal, now time.Time) {
	c := &f.life.config
	if c.mode != "enforce" {
		bad("the mode is %s", c.mode)
	}
	began := false
	for _, d := range f.did {
		if d.p.ID == p.ID {
			if d.undo == g.Undo() {
				bad("it was done before, at %s", d.at)
			}
			began = began || !d.undo && !d.skipped
		}
	}
	if g.Undo() {
		if !began {
			bad("what is undone was never done")
		}
		return
	}
	answer, answered := f.life.people[p.ID]
	if answered && !answer.Approved {
		bad("somebody said no")
	}
	rule := matching(c, p)
	if rule == nil || rule.Then == "deny" || rule.Mode == "observe" {
		bad("no rule lets it: %+v", rule)
		return
	}
	if rule.Name != g.Rule() {
		bad("it goes by rule %q and %q matches", g.Rule(), rule.Name)
	}
	if rule.Then == "ask" || p.Facts.Flagged {
		switch {
		case !answered || answer.Digest != p.Digest():
			bad("nobody said yes to it")
		case now.After(answer.Until) || answer.At.After(now):
			bad("the yes of %s to %s is no more at %s", answer.At, answer.Until, now)
		case g.By() != answer.Who:
			bad("%q is said to have approved it", g.By())
		}
	}
	for _, l := range append([]policy.Limit{rule.Limit}, c.limits...) {
		f.limit(bad, l, p, rule.Name, now)
	}
	if p.Kind != incident.KindPullRequest {
		return
	}
	open := 0
	for _, d := range f.did {
		if d.p.Kind == incident.KindPullRequest && !d.closed && !d.skipped {
			open++
			if d.p.Cluster == p.Cluster {
				bad("%s is open for the cluster", d.p.ID)
			}
		}
	}
	if open >= c.open {
		bad("%d pull requests are open already", open)
	}
}

// matching is the rule that decides.
func matching(c *rules, p *incident.Proposal) *policy.Rule {
	for i := range c.rules {
		yes := map[string]bool{
			"true": true, `kind == "remediation"`: p.Remedy != nil, `kind == "pull-request"`: p.Change != nil, `service == "app"`: p.Service == "app",
		}
		if yes[c.rules[i].When] {
			return &c.rules[i]
		}
	}
	return nil
}

// limit counts what was done, whatever the store says of it.
func (f *fakeWorld) limit(bad func(string, ...any), l policy.Limit, p *incident.Proposal, rule string, now time.Time) {
	used := 0
	for _, d := range f.did {
		same := map[string]bool{
			"service": d.p.Service == p.Service, "cluster": d.p.Cluster == p.Cluster, "action": d.p.Action() == p.Action(), "rule": d.rule == rule, "all": true,
		}
		if d.undo || d.skipped || !same[l.Per] {
			continue
		}
		ago := max(now.Sub(d.at), 0) // what is of the future is as good as just done
		if ago < l.Within {
			used++
		}
		if ago < l.Cooldown {
			bad("the last one, of %s, was %s ago: %+v", d.p.ID, ago, l)
		}
	}
	if l.Count > 0 && used >= l.Count {
		bad("%d were done before: %+v", used, l)
	}
}

// linger is an action that takes its time, and is interrupted by the kill switch.
func (f *fakeWorld) linger(ctx context.Context, g policy.Grant, long time.Duration) {
	end := time.NewTimer(long)
	defer end.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errStopped) {
				f.mu.Lock()
				f.life.tally["interrupted"]++
				f.mu.Unlock()
			}
			return
		case <-end.C:
			return
		case <-look.C:
			f.mu.Lock()
			if at := f.stoppedAt; !at.IsZero() && time.Since(at) > 3*time.Second && f.dead == "" {
				f.faults = append(f.faults, fmt.Sprintf("%s goes on %s after the kill switch was turned on", g.Action(), time.Since(at)))
				f.mu.Unlock()
				return
			}
			f.mu.Unlock()
		}
	}
}

// Reconcile implements Executor.
func (e fakeExecutor) Reconcile(_ context.Context, a incident.Action, p incident.Proposal) (incident.Outcome, error) {
	f := e.world
	f.mu.Lock()
	defer f.mu.Unlock()
	f.life.tally["reconciled"]++
	undo := !a.UndoneAt.IsZero() && a.Undo == nil
	out := incident.Outcome{Result: incident.ResultSkipped, Detail: "not begun", StartedAt: a.BegunAt, EndedAt: f.life.now()}
	for i := range f.did {
		if f.did[i].p.ID == p.ID && f.did[i].undo == undo {
			out.Result = incident.ResultDone
			// What was cut short may have come to its end all the same.
			f.did[i].skipped = false
		}
	}
	if f.r.IntN(5) == 0 {
		return out, errors.New("the world does not answer")
	}
	return out, nil
}

// compare holds what the store keeps against what was done.
func (f *fakeWorld) compare(kept map[string]*incident.Action, fault func(string, ...any)) {
	f.mu.Lock()
	did := append([]deed(nil), f.did...)
	f.mu.Unlock()
	runs, undos := map[string]bool{}, map[string]bool{}
	for _, d := range did {
		a := kept[d.p.ID]
		if a == nil {
			fault("%s was done, and there is no action of it", d.p.ID)
			continue
		}
		o := a.Outcome
		if runs[d.p.ID] = true; d.undo {
			undos[d.p.ID], o = true, a.Undo
		}
		switch {
		case o == nil:
			fault("%s was done (undo %v), and its outcome is lost", d.p.ID, d.undo)
		case d.skipped != (o.Result == incident.ResultSkipped) && o.Result != incident.ResultUnknown:
			fault("%s was done (undo %v, skipped %v), and the store says %s", d.p.ID, d.undo, d.skipped, o.Result)
		}
	}
	for id, a := range kept {
		if o := a.Outcome; o == nil {
			fault("%s has no outcome", a.ID)
		} else if !runs[id] && (o.Result == incident.ResultDone || o.Result == incident.ResultFailed) {
			fault("%s was never done, and the store says %s", a.ID, o.Result)
		}
		if a.Undo != nil && !undos[id] && a.Undo.Result == incident.ResultDone {
			fault("%s was never undone, and the store says that it was", a.ID)
		}
	}
}
