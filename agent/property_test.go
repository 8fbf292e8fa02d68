package agent

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

var (
	loopSeed = flag.Uint64("loop-seed", 0, "the one seed to run the property test with, as it was printed; 0 runs many")
	loops    = flag.Int("loops", 12, "how many random lives of a daemon the property test runs")
)

// TestNoLifeOfADaemonActsWithoutLeave lives random lives of a daemon: real store, real policy, real wiring, a clock that is set,
// people who answer, rules that change, a kill switch, stops and crashes. Only the world that is acted on is a fake, which
// counts; it holds each call against what must always be so, written down here a second time and in other words.
func TestNoLifeOfADaemonActsWithoutLeave(t *testing.T) {
	total := map[string]int{}
	for n := range uint64(*loops) {
		seed := n + 1
		if *loopSeed != 0 {
			seed = *loopSeed
		}
		var faults []string
		synctest.Test(t, func(t *testing.T) {
			w := newLife(t, seed)
			for range 45 {
				w.step()
				if len(w.faults()) > 0 {
					break
				}
			}
			w.end()
			faults = w.faults()
			for k, v := range w.tally {
				total[k] += v
			}
			if len(faults) > 0 {
				t.Logf("what happened:\n%s", w.story())
			}
		})
		for _, f := range faults {
			t.Errorf("%s\n  again with: go test ./agent -run TestNoLifeOfADaemon -loop-seed %d", f, seed)
		}
		if t.Failed() || *loopSeed != 0 {
			break
		}
	}
	t.Logf("%v", total)
	if *loopSeed != 0 || t.Failed() || *loops < 12 {
		return
	}
	for _, what := range []string{"runs", "approved runs", "pull requests", "undos", "unknown", "crashes", "reconciled", "restarts", "reloads",
		"rejections", "wrong digests", "late answers", "simulated", "denied", "stops", "interrupted"} {
		if total[what] == 0 {
			t.Errorf("%q never happened: this shows nothing of it", what)
		}
	}
}

// step does one random thing and lets time pass.
func (w *life) step() {
	switch n := w.r.IntN(100); {
	case n < 40:
		w.fail()
	case n < 49:
		w.proposePatch()
	case n < 64:
		w.answer()
	case n < 69:
		w.jump()
	case n < 75:
		w.reload()
	case n < 79:
		w.turnSwitch()
	case n < 84:
		w.restart()
	case n < 93:
		w.armCrash()
	case n < 96:
		w.closePull()
	default:
		advance(time.Duration(w.r.IntN(240)) * time.Second)
	}
	if w.stopped() && w.chance(40) {
		w.turnSwitch()
	}
	advance(time.Duration(1+w.r.IntN(9000)) * time.Millisecond)
	w.recover()
}

// fail writes errors of a service, and perhaps other lines of it.
func (w *life) fail() {
	service := services[w.r.IntN(len(services))]
	what := []string{"failed to settle order %d: ledger refused", "connection to cache %d was lost", "queue %d does not drain"}[w.r.IntN(3)]
	for i := range 1 + w.r.IntN(8) {
		w.write(service+".log", fmt.Sprintf("%s ERROR "+what, w.now().UTC().Format("2006-01-02 15:04:05"), i))
		advance(time.Duration(200+w.r.IntN(1500)) * time.Millisecond)
	}
	if w.chance(50) {
		w.write(service+".log", w.now().UTC().Format("2006-01-02 15:04:05")+" INFO alive")
	}
	w.note("errors of %s", service)
}

// proposePatch puts a patch into the store, as if a model had made it.
func (w *life) proposePatch() {
	all, err := w.d.st.Incidents(w.ctx, store.Filter{States: []incident.State{
		incident.StateDiagnosed, incident.StateProposed, incident.StateWaiting, incident.StateVerifying,
	}})
	w.must(err)
	if len(all) == 0 {
		return
	}
	inc := &all[w.r.IntN(len(all))]
	p := newProposal(w.now(), inc, incident.KindPullRequest, "mend it", "")
	p.Facts.Flagged = w.chance(20)
	p.Change = &incident.Change{Commit: "c0ffee", BaseCommit: "ba5e", Base: "main", Branch: "logwright/" + inc.ID, Verified: true, Rounds: 1}
	w.must(w.d.st.Update(w.ctx, func(tx *store.Tx) error {
		now, err := tx.Incident(inc.ID)
		if err != nil || !now.State.Unfinished() {
			return err
		}
		if err := tx.AddProposal(p); err != nil {
			return err
		}
		return restate(tx, inc.ID, "a test")
	}))
	w.note("patch %s", p.ID)
}

// answer has somebody say yes or no, rightly, with another digest, or to what waits for nobody.
func (w *life) answer() {
	all, err := w.d.st.Proposals(w.ctx, store.ProposalFilter{})
	w.must(err)
	if len(all) == 0 {
		return
	}
	rec := &all[w.r.IntN(len(all))]
	if first := &all[0]; w.chance(80) {
		rec = first // who waits comes first
	}
	digest, approve, wrong := rec.Digest, w.chance(75), w.chance(15)
	if wrong {
		digest = all[w.r.IntN(len(all))].Digest[:60] + "0000"
	}
	a := incident.Approval{
		Proposal: rec.Proposal.ID, Digest: digest, Approved: approve, Who: "user:ann", At: w.now(), Until: w.now().Add(w.config.approvalFor),
	}
	err = w.d.st.Update(w.ctx, func(tx *store.Tx) error {
		if err := tx.Approve(a); err != nil {
			return err
		}
		return restate(tx, rec.Proposal.Incident, "answered")
	})
	taken := err == nil
	switch {
	case wrong && taken:
		w.fault("an answer to something else was taken for %s", a.Proposal)
	case wrong:
		w.tally["wrong digests"]++
	case rec.State != incident.ProposalWaiting && taken:
		w.fault("an answer was taken for %s, which is %s", a.Proposal, rec.State)
	case !taken:
		w.tally["late answers"]++
	case approve:
		w.people[a.Proposal] = a
	default:
		w.tally["rejections"]++
		w.people[a.Proposal] = a
	}
	w.note("answer %v to %s (%s), wrong %v: taken %v", approve, a.Proposal, rec.State, wrong, taken)
	if w.chance(60) {
		w.d.acting.wake()
	}
}

func (w *life) jump() {
	by := time.Duration(1+w.r.IntN(7200)) * time.Second
	if w.chance(40) {
		by = -by
	}
	w.offset.Add(int64(by))
	w.note("the clock is set by %s", by)
}

func (w *life) reload() {
	before, yaml := w.config, w.yaml
	synctest.Wait() // nothing that was decided by the rules of before is yet to begin
	w.configure()
	if err := w.d.Reload(w.ctx); err != nil {
		w.fault("a configuration was refused: %v", err)
		w.config, w.yaml = before, yaml
	}
	w.tally["reloads"]++
	w.note("reload:\n%s", w.config.text)
}

func (w *life) closePull() {
	as, err := w.d.st.Actions(w.ctx, store.ActionFilter{Kind: incident.KindPullRequest})
	w.must(err)
	i := slices.IndexFunc(as, func(a incident.Action) bool { return a.OpenPullRequest() && a.Outcome != nil })
	if i < 0 {
		return
	}
	w.must(w.d.st.Update(w.ctx, func(tx *store.Tx) error { return tx.ClosePullRequest(as[i].ID, w.now(), w.chance(50)) }))
	w.world.close(as[i].Proposal)
	w.note("closed %s", as[i].ID)
}

// end lets everything come to rest, and holds what the store says against the world.
func (w *life) end() {
	w.world.calm()
	if w.stopped() {
		w.turnSwitch()
	}
	advance(3 * time.Minute)
	w.recover()
	advance(10 * time.Second)
	report, err := w.d.st.VerifyAudit(w.ctx)
	w.must(err)
	if !report.OK() {
		w.fault("the audit does not hold: %+v", report)
	}
	as, err := w.d.st.Actions(w.ctx, store.ActionFilter{})
	w.must(err)
	kept := map[string]*incident.Action{}
	for i := range as {
		kept[as[i].Proposal] = &as[i]
	}
	w.world.compare(kept, w.fault)
	all, err := w.d.st.Proposals(w.ctx, store.ProposalFilter{})
	w.must(err)
	states := map[string][]incident.ProposalState{}
	for i := range all {
		r := &all[i]
		states[r.Proposal.Incident] = append(states[r.Proposal.Incident], r.State)
		switch r.State {
		case incident.ProposalActing:
			w.fault("%s is acting at the end", r.Proposal.ID)
		case incident.ProposalVerifying, incident.ProposalDone, incident.ProposalUnknown:
			if r.Action == nil || r.Action.Outcome == nil {
				w.fault("%s is %s without an action that ended", r.Proposal.ID, r.State)
			}
		case incident.ProposalNew, incident.ProposalWaiting, incident.ProposalApproved, incident.ProposalDenied, incident.ProposalSimulated,
			incident.ProposalRejected, incident.ProposalExpired:
			if r.Action != nil {
				w.fault("%s is %s and has an action", r.Proposal.ID, r.State)
			}
		}
		switch r.State {
		case incident.ProposalSimulated:
			w.tally["simulated"]++
		case incident.ProposalDenied:
			w.tally["denied"]++
		}
	}
	incs, err := w.d.st.Incidents(w.ctx, store.Filter{States: incident.UnfinishedStates()})
	w.must(err)
	for i := range incs {
		if want := stateOf(incs[i].State, states[incs[i].ID]); want != incs[i].State {
			w.fault("%s is %s, its proposals say %s: %v", incs[i].ID, incs[i].State, want, states[incs[i].ID])
		}
	}
	w.stopDaemon()
}
