package policy

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

var (
	worldSeed = flag.Uint64("world-seed", 0, "the one seed to run the property test with, as it was printed; 0 runs many")
	worlds    = flag.Int("worlds", 500, "how many random worlds the property test runs")
)

// TestNoSequenceGetsPastTheGate runs random sequences of everything that can happen around the gate against a store, a crowd and
// an executor that are as simple as can be, and holds each run of the executor against what must always be so. What must be
// so is written down here a second time, in other words than the gate's.
func TestNoSequenceGetsPastTheGate(t *testing.T) {
	var total tally
	for seed := range uint64(*worlds) {
		seed += 1000
		if *worldSeed != 0 {
			seed = *worldSeed
		}
		w := newWorld(seed)
		for range 120 {
			w.step()
		}
		for _, f := range w.faults {
			t.Errorf("%s\n  again with: go test ./agent/policy -run TestNoSequence -world-seed %d", f, seed)
		}
		total.add(w.tally)
		if t.Failed() || *worldSeed != 0 {
			break
		}
	}
	t.Logf("%+v", total)
	if *worldSeed == 0 && !t.Failed() {
		for name, n := range total.all() {
			if n < 50 {
				t.Errorf("only %d %s: this shows nothing", n, name)
			}
		}
	}
}

// tally counts what happened, so that a test in which nothing happens fails.
type tally struct{ runs, approvedRuns, undos, refusedByExecutor, asked, denied, simulated, lost, failedConditions int }

func (a *tally) add(b tally) {
	a.runs += b.runs
	a.approvedRuns += b.approvedRuns
	a.undos += b.undos
	a.refusedByExecutor += b.refusedByExecutor
	a.asked += b.asked
	a.denied += b.denied
	a.simulated += b.simulated
	a.lost += b.lost
	a.failedConditions += b.failedConditions
}

func (a *tally) all() map[string]int {
	return map[string]int{
		"runs": a.runs, "approved runs": a.approvedRuns, "undos": a.undos, "grants refused by the executor": a.refusedByExecutor,
		"questions": a.asked, "denials": a.denied, "simulations": a.simulated, "lost grants": a.lost, "failed conditions": a.failedConditions,
	}
}

// twin is a condition, and the same in Go; the second result says that it can't be computed.
type twin struct {
	when string
	is   func(*incident.Proposal) (yes, fails bool)
}

var twins = []twin{
	{`true`, func(*incident.Proposal) (bool, bool) { return true, false }},
	{`kind == "remediation"`, func(p *incident.Proposal) (bool, bool) { return p.Remedy != nil, false }},
	{`kind == "pull-request" && verified`, func(p *incident.Proposal) (bool, bool) { return p.Change != nil && p.Change.Verified, false }},
	{`service in ["a", "b"]`, func(p *incident.Proposal) (bool, bool) { return p.Service == "a" || p.Service == "b", false }},
	{`flagged`, func(p *incident.Proposal) (bool, bool) { return p.Facts.Flagged, false }},
	{`at_least("error")`, func(p *incident.Proposal) (bool, bool) { return p.Facts.Severity >= incident.SeverityError, false }},
	{`10 % events == 0`, func(p *incident.Proposal) (bool, bool) {
		return p.Facts.Events != 0 && 10%p.Facts.Events == 0, p.Facts.Events == 0
	}},
	{`args.unit == "u1"`, func(p *incident.Proposal) (bool, bool) {
		return p.Remedy != nil && p.Remedy.Args["unit"] == "u1", false
	}},
}

// pane is a window, and the same in Go.
type pane struct {
	text string
	open func(time.Time) bool
}

var panes = []pane{
	{"06:00-20:00", func(t time.Time) bool { return t.UTC().Hour() >= 6 && t.UTC().Hour() < 20 }},
	{"Sat,Sun 00:00-24:00", func(t time.Time) bool { return t.UTC().Weekday()%6 == 0 }},
	{"22:00-02:00 UTC", func(t time.Time) bool { return t.UTC().Hour() >= 22 || t.UTC().Hour() < 2 }},
}

// held is a grant that was decided and not used yet, with what the judge knows of it.
type held struct {
	g      Grant
	minted time.Time
	id     string
	digest string // of the proposal as the store has it
	undo   bool
	by     string
}

// world is a store, a clock, people, and a daemon that can die at any moment.
type world struct {
	r   *rand.Rand
	now time.Time

	conf    Config
	mode    string
	policy  *Policy
	stopped string

	proposals []incident.Proposal
	approvals map[string]*incident.Approval
	actions   map[string]*incident.Action // by proposal: the store's intents
	held      []held                      // in the daemon's memory
	ran, undo map[string]int              // the executor's own count
	next      int

	faults []string
	tally  tally
}

func newWorld(seed uint64) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 99)), now: noon, approvals: map[string]*incident.Approval{}, actions: map[string]*incident.Action{},
		ran: map[string]int{}, undo: map[string]int{},
	}
	w.reload()
	return w
}

func (w *world) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *world) chance(percent int) bool { return w.r.IntN(100) < percent }

func (w *world) step() {
	if w.chance(12) {
		w.stopped = ""
	}
	switch n := w.r.IntN(100); {
	case n < 22:
		w.propose()
	case n < 55:
		w.decide()
	case n < 75:
		w.execute()
	case n < 82:
		w.answer()
	case n < 88:
		w.jump()
	case n < 91:
		w.reload()
	case n < 93:
		w.crash()
	case n < 97:
		w.decideUndo()
	case n < 99:
		w.close()
	default:
		w.stopped = "by a test"
	}
}

// reload makes a random policy.
func (w *world) reload() {
	limit := func() Limit {
		pers := []string{PerService, PerCluster, PerAction, PerRule, PerAll}
		l := Limit{Per: pers[w.r.IntN(len(pers))]}
		if w.chance(70) {
			l.Count, l.Within = 1+w.r.IntN(4), time.Duration(1+w.r.IntN(12))*time.Hour
		}
		if l.Count == 0 || w.chance(30) {
			l.Cooldown = time.Duration(1+w.r.IntN(60)) * time.Minute
		}
		return l
	}
	w.mode = ModeEnforce
	if w.chance(6) {
		w.mode = ModeObserve
	}
	w.conf = config()
	w.conf.OpenPullRequests = w.r.IntN(4)
	ts := slices.Clone(twins[1:])
	w.r.Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
	ts = append(ts[:w.r.IntN(4)], twins[0])
	thens := []string{incident.DecisionAllow, incident.DecisionAllow, incident.DecisionAllow, incident.DecisionAsk, incident.DecisionAsk, incident.DecisionDeny}
	for i, c := range ts {
		r := Rule{Name: fmt.Sprintf("r%d", i), When: c.when, Then: thens[w.r.IntN(len(thens))]}
		if w.chance(6) {
			r.Mode = ModeObserve
		}
		if r.Then != incident.DecisionDeny {
			if w.chance(20) {
				r.Windows = []string{panes[w.r.IntN(len(panes))].text}
			}
			if w.chance(50) {
				r.Limit = limit()
			}
		}
		w.conf.Rules = append(w.conf.Rules, r)
	}
	for range w.r.IntN(3) {
		w.conf.Limits = append(w.conf.Limits, limit())
	}
	p, ps := New(w.conf, Options{Mode: w.mode})
	if len(ps) > 0 {
		panic(fmt.Sprint(ps))
	}
	w.policy = p
}

func (w *world) propose() {
	w.next++
	pr := incident.Proposal{
		ID: fmt.Sprintf("p-%d", w.next), Cluster: fmt.Sprintf("lw-%d", w.r.IntN(4)), Service: string(rune('a' + w.r.IntN(3))), At: w.now,
		Facts: incident.Facts{
			Severity: incident.Severity(w.r.IntN(7)), Flagged: w.chance(15), Events: int64(w.r.IntN(6)), Confidence: w.r.Float64(),
		},
	}
	pr.Incident = incident.MakeID(pr.Cluster, 1)
	switch {
	case w.chance(5):
		pr.Kind, pr.Change = incident.KindAdvice, &incident.Change{Commit: "c"}
	case w.chance(40):
		pr.Kind, pr.Change = incident.KindPullRequest, &incident.Change{Commit: "c", Verified: w.chance(70)}
	default:
		unit := fmt.Sprintf("u%d", w.r.IntN(2))
		pr.Kind = incident.KindRemediation
		pr.Remedy = &incident.Remedy{
			Name: []string{"restart", "reload"}[w.r.IntN(2)], Args: map[string]string{"unit": unit}, Run: []string{"run", unit},
			Reversible: w.chance(70), Undo: []string{"undo", unit}, Timeout: time.Minute,
		}
	}
	w.proposals = append(w.proposals, pr)
}

// one gives some proposal: often the last, seldom any.
func (w *world) one() *incident.Proposal {
	if len(w.proposals) == 0 {
		w.propose()
	}
	if w.chance(50) {
		return &w.proposals[len(w.proposals)-1]
	}
	return &w.proposals[w.r.IntN(len(w.proposals))]
}

func (w *world) history(id string) History {
	h := History{Stopped: w.stopped, Approval: w.approvals[id]}
	for _, k := range slices.Sorted(maps.Keys(w.actions)) {
		a := w.actions[k]
		if a.OpenPullRequest() || w.now.Sub(a.BegunAt) <= w.policy.Lookback() || k == id {
			h.Actions = append(h.Actions, *a)
		}
	}
	return h
}

// decide asks the gate, and writes the intent in the same breath.
func (w *world) decide() {
	pr := w.one()
	for range 3 { // what was begun is denied: once in a while is enough
		if w.actions[pr.ID] != nil {
			pr = w.one()
		}
	}
	h := w.history(pr.ID)
	given := pr.Clone()
	v := w.policy.Decide(w.now, given, h)
	if w.chance(30) { // the caller's value may become anything afterwards
		given.Service = "x"
		if given.Remedy != nil {
			given.Remedy.Run[0], given.Remedy.Args["unit"] = "rm", "/"
		}
	}
	d := v.Decision()
	switch {
	case d.Simulated:
		w.tally.simulated++
	case d.Outcome == incident.DecisionAsk:
		w.tally.asked++
	case d.Outcome == incident.DecisionDeny:
		w.tally.denied++
		if strings.Contains(d.Reasons[0], "can't be computed") {
			w.tally.failedConditions++
		}
	}
	g, ok := v.Grant()
	if !ok {
		return
	}
	w.judge(pr, g)
	if w.actions[pr.ID] != nil {
		w.fault("%s was granted and begun before", pr.ID)
	}
	w.actions[pr.ID] = &incident.Action{
		ID: g.Action(), Proposal: pr.ID, Cluster: pr.Cluster, Service: pr.Service, Kind: pr.Kind, Name: pr.Action(), Rule: g.Rule(),
		By: g.By(), BegunAt: w.now, Until: g.UndoUntil(),
	}
	w.held = append(w.held, held{g: g, minted: w.now, id: pr.ID, digest: pr.Digest(), by: g.By()})
}

// judge says a second time, without the gate, whether pr may be begun now.
func (w *world) judge(pr *incident.Proposal, g Grant) {
	if w.mode != ModeEnforce || w.stopped != "" || pr.Kind == incident.KindAdvice {
		w.fault("%s was granted in mode %s, stopped %q, kind %s", pr.ID, w.mode, w.stopped, pr.Kind)
	}
	var rule *Rule
	for i := range w.conf.Rules {
		k := slices.IndexFunc(twins, func(c twin) bool { return c.when == w.conf.Rules[i].When })
		yes, fails := twins[k].is(pr)
		if fails {
			w.fault("%s was granted although %s can't be computed", pr.ID, twins[k].when)
		}
		if yes {
			rule = &w.conf.Rules[i]
			break
		}
	}
	if rule == nil || rule.Then == incident.DecisionDeny || rule.Mode == ModeObserve || rule.Name != g.Rule() {
		w.fault("%s was granted by %q; the first rule is %+v", pr.ID, g.Rule(), rule)
		return
	}
	if len(rule.Windows) > 0 && !panes[slices.IndexFunc(panes, func(p pane) bool { return p.text == rule.Windows[0] })].open(w.now) {
		w.fault("%s was granted outside of %s, at %s", pr.ID, rule.Windows[0], stamp(w.now))
	}
	a := w.approvals[pr.ID]
	if a != nil && !a.Approved {
		w.fault("%s was granted and rejected", pr.ID)
	}
	if rule.Then == incident.DecisionAsk || pr.Facts.Flagged {
		if a == nil || !a.Approved || a.Digest != pr.Digest() || a.At.Before(pr.At) || w.now.Before(a.At) || w.now.After(a.Until) || g.By() == "" {
			w.fault("%s was granted by %+v with %+v", pr.ID, rule, a)
		}
	}
	for _, l := range append([]Limit{rule.Limit}, w.conf.Limits...) {
		n := 0
		var newest time.Time
		for _, b := range w.actions {
			if b.Outcome != nil && b.Outcome.Result == incident.ResultSkipped {
				continue
			}
			if map[string]bool{
				PerAll: true, PerService: b.Service == pr.Service, PerCluster: b.Cluster == pr.Cluster,
				PerAction: b.Kind == pr.Kind && b.Name == pr.Action(), PerRule: b.Rule == rule.Name,
			}[l.Per] {
				if b.BegunAt.Add(l.Within).After(w.now) {
					n++
				}
				if b.BegunAt.After(newest) {
					newest = b.BegunAt
				}
			}
		}
		if l.Count > 0 && n >= l.Count {
			w.fault("%s is number %d of limit %+v at %s", pr.ID, n+1, l, stamp(w.now))
		}
		if l.Cooldown > 0 && newest.Add(l.Cooldown).After(w.now) {
			w.fault("%s comes at %s, after one at %s: %+v", pr.ID, stamp(w.now), stamp(newest), l)
		}
	}
	if pr.Kind == incident.KindPullRequest {
		open := 0
		for _, b := range w.actions {
			if b.OpenPullRequest() {
				open++
				if b.Cluster == pr.Cluster {
					w.fault("%s is the second for %s", pr.ID, pr.Cluster)
				}
			}
		}
		if open >= w.conf.OpenPullRequests {
			w.fault("%s is pull request %d of %d", pr.ID, open+1, w.conf.OpenPullRequests)
		}
	}
}

// execute hands a grant to the executor, sometimes late.
func (w *world) execute() {
	if len(w.held) == 0 {
		return
	}
	i := w.r.IntN(len(w.held))
	h := w.held[i]
	w.held = slices.Delete(w.held, i, i+1)
	a := w.actions[h.id]
	result := []incident.Result{incident.ResultDone, incident.ResultDone, incident.ResultFailed, incident.ResultUnknown}[w.r.IntN(4)]
	if err := h.g.Check(w.now); err != nil {
		w.tally.refusedByExecutor++
		result = incident.ResultSkipped
	} else {
		if w.now.Before(h.minted) || w.now.After(h.minted.Add(GrantFor)) {
			w.fault("%s ran at %s, the grant is of %s", h.id, stamp(w.now), stamp(h.minted))
		}
		if pr := h.g.Proposal(); h.g.Action() != incident.ActionID(h.id) || pr.Digest() != h.digest || h.g.Undo() != h.undo {
			w.fault("%s ran, and it is not what was proposed: %+v", h.id, pr)
		}
		count := w.ran
		if h.undo {
			count = w.undo
			w.tally.undos++
		} else {
			w.tally.runs++
			if h.by != "" {
				w.tally.approvedRuns++
			}
		}
		if count[h.id]++; count[h.id] > 1 {
			w.fault("%s ran %d times (undo %v)", h.id, count[h.id], h.undo)
		}
	}
	if w.chance(10) {
		return // it died before the outcome was written
	}
	if h.undo {
		a.Undo = &incident.Outcome{Result: result}
		return
	}
	a.Outcome = &incident.Outcome{Result: result}
}

// crash loses what is in memory; what is left is looked at, never run again.
func (w *world) crash() {
	w.tally.lost += len(w.held)
	w.held = nil
	for _, k := range slices.Sorted(maps.Keys(w.actions)) {
		if a := w.actions[k]; a.Outcome == nil && w.chance(70) {
			switch {
			case w.ran[k] == 0 && w.chance(50):
				a.Outcome = &incident.Outcome{Result: incident.ResultSkipped}
			case w.ran[k] > 0 && w.chance(50):
				a.Outcome = &incident.Outcome{Result: incident.ResultDone}
			default:
				a.Outcome = &incident.Outcome{Result: incident.ResultUnknown}
			}
		}
	}
}

// answer lets somebody approve or reject: mostly right, sometimes something else than what is there.
func (w *world) answer() {
	pr := w.one()
	if a := w.approvals[pr.ID]; a != nil && !a.Approved {
		return
	}
	a := &incident.Approval{Proposal: pr.ID, Digest: pr.Digest(), Approved: w.chance(90), Who: "ana", At: w.now, Until: w.now.Add(time.Hour)}
	switch {
	case w.chance(8):
		seen := pr.Clone()
		seen.Title = "something harmless"
		a.Digest = seen.Digest()
	case w.chance(8):
		a.At, a.Until = pr.At.Add(-time.Minute), pr.At.Add(time.Hour)
	}
	w.approvals[pr.ID] = a
}

func (w *world) jump() {
	switch d := time.Duration(w.r.IntN(7200)) * time.Second; {
	case w.chance(45):
		w.now = w.now.Add(time.Duration(w.r.IntN(300)) * time.Second)
	case w.chance(45):
		w.now = w.now.Add(d)
	case w.chance(30):
		w.now = w.now.Add(40 * d)
	default:
		w.now = w.now.Add(-d)
	}
}

func (w *world) decideUndo() {
	pr := w.one()
	if begun := slices.Sorted(maps.Keys(w.actions)); len(begun) > 0 && w.chance(80) {
		id := begun[w.r.IntN(len(begun))]
		pr = &w.proposals[slices.IndexFunc(w.proposals, func(p incident.Proposal) bool { return p.ID == id })]
	}
	a := w.actions[pr.ID]
	if a == nil {
		return
	}
	g, ok := w.policy.DecideUndo(w.now, pr.Clone(), *a, w.stopped).Grant()
	if !ok {
		return
	}
	i := slices.IndexFunc(w.conf.Rules, func(r Rule) bool { return r.Name == a.Rule })
	if w.mode != ModeEnforce || w.stopped != "" || i < 0 || w.conf.Rules[i].Mode == ModeObserve || w.conf.Rules[i].Then == incident.DecisionDeny ||
		pr.Kind != incident.KindRemediation || !pr.Remedy.Reversible || w.now.After(a.Until) || !a.UndoneAt.IsZero() || w.ran[pr.ID] != 1 {
		w.fault("the undo of %s was granted: mode %s, stopped %q, ran %d times, %+v", pr.ID, w.mode, w.stopped, w.ran[pr.ID], a)
	}
	a.UndoneAt = w.now
	w.held = append(w.held, held{g: g, minted: w.now, id: pr.ID, digest: pr.Digest(), undo: true})
}

func (w *world) close() {
	for _, k := range slices.Sorted(maps.Keys(w.actions)) {
		if a := w.actions[k]; a.OpenPullRequest() && a.Outcome != nil && w.chance(40) {
			a.ClosedAt = w.now
		}
	}
}
