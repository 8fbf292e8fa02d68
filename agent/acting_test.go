package agent

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// workshop is a house with a service "app" whose remediation writes a line to a file, and a gate that says what `then` does.
type workshop struct {
	*house
	done, undone string
}

type shop struct {
	mode, then, rule string // of the rule, beside name and when
	limits           string
	remedy           string // more keys of the remediation
}

func newWorkshop(t *testing.T, s shop) *workshop {
	t.Helper()
	w := &workshop{house: newHouse(t, "")}
	w.done, w.undone = filepath.Join(w.dir, "done"), filepath.Join(w.dir, "undone")
	w.yaml += fmt.Sprintf(`mode: %s
kill_switch: %s/stop
services: [{name: app, match: {files: [%s]}}]
policy:
  rules: [{name: r, when: 'kind == "remediation"', then: %s%s}]
%sremediations:
- name: mend
  description: writes a line
  risk: low
  mends: {services: [app], categories: [unknown, dependency, network, resource-exhaustion, data, code-bug, configuration]}
  params: {who: {enum: [app], target: service}}
  run: [/usr/bin/tee, -a, %s, --, "{who}"]
  timeout: 10s
  verify: {silence: 2m}
%s
notify: [{name: out, kind: stdout, severity: error}]
`, s.mode, w.dir, filepath.Join(w.dir, "app.log"), s.then, s.rule, s.limits, w.done, s.remedy)
	// tee is given no input and so writes nothing, but it makes its files: one for each argument.
	w.yaml = strings.ReplaceAll(w.yaml, `/usr/bin/tee, -a, `+w.done+`, --, "{who}"`, `/usr/bin/env, -C, `+w.dir+`, mkdir, `+w.done+`, "{who}"`)
	return w
}

// fail writes n errors, one each second, and with alive another line of the service, too.
func (w *workshop) fail(n int) {
	for range n {
		w.write("app.log", errorLines(1)...)
		advance(time.Second)
	}
}

func (w *workshop) live(n int) {
	for i := range n {
		w.write("app.log", fmt.Sprintf("%s INFO order %d was settled", time.Now().UTC().Format("2006-01-02 15:04:05"), i))
		advance(time.Second)
	}
}

func (w *workshop) exists(path string) bool {
	w.t.Helper()
	_, err := os.Stat(path)
	return err == nil
}

func (w *workshop) proposal() *store.ProposalRecord {
	w.t.Helper()
	all, err := w.d.st.Proposals(context.Background(), store.ProposalFilter{})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(all) != 1 {
		notes, err := w.d.st.ConsideredNotes(context.Background(), w.only().ID)
		w.t.Fatalf("%d proposals, want 1; considered: %v (%v)", len(all), notes, err)
	}
	return &all[0]
}

func (w *workshop) wantState(p incident.ProposalState, i incident.State) *store.ProposalRecord {
	w.t.Helper()
	rec := w.proposal()
	if inc := w.only(); rec.State != p || inc.State != i {
		w.t.Fatalf("proposal %s, incident %s; want %s, %s\n%+v\n%+v", rec.State, inc.State, p, i, rec.Decision, rec.Action)
	}
	return rec
}

func (w *workshop) said(words ...string) {
	w.t.Helper()
	for _, word := range words {
		if !strings.Contains(w.out.String(), word) {
			w.t.Errorf("people were not told %q:\n%s", word, w.out.String())
		}
	}
}

func TestRemediationThatHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(t, shop{mode: "enforce", then: "ask"})
		w.start()
		w.fail(30)
		rec := w.wantState(incident.ProposalWaiting, incident.StateWaiting)
		if w.exists(w.done) {
			t.Fatal("it was run though a person was asked")
		}
		advance(10 * time.Second)
		w.said("logwright approve " + rec.Proposal.ID)

		if _, err := Respond(t.Context(), w.d.st, w.config(), Answer{Proposal: rec.Proposal.ID, Digest: "0000", Approve: true, Who: "user:eve"}); err == nil {
			t.Fatal("an approval of something else was taken")
		}
		if _, err := Respond(t.Context(), w.d.st, w.config(), Answer{Proposal: rec.Proposal.ID, Digest: rec.Digest, Approve: true, Who: "user:ann"}); err != nil {
			t.Fatal(err)
		}
		w.fail(8)
		if !w.exists(w.done) {
			t.Fatalf("it was not run after the approval: %+v", w.proposal().Decision)
		}
		w.wantState(incident.ProposalVerifying, incident.StateVerifying)
		w.live(30)
		advance(5 * time.Minute)
		rec = w.wantState(incident.ProposalDone, incident.StateResolved)
		v := rec.Action.Verification
		if v.Result != incident.VerifyVerified || v.Expected < leastExpected || v.Alive == "" || rec.Action.By != "user:ann" {
			t.Errorf("verification %+v by %q", v, rec.Action.By)
		}
		w.said("user:ann")
	})
}

func TestRemediationAfterwards(t *testing.T) {
	for _, tc := range []struct {
		name   string
		after  func(w *workshop)
		result string
		state  incident.ProposalState
		undone bool
	}{
		{"goes on failing", func(w *workshop) { w.fail(60) }, incident.VerifyFailed, incident.ProposalFailed, true},
		{"service silent too", func(*workshop) {}, incident.VerifyInconclusive, incident.ProposalDone, false},
		{"alive and silent", func(w *workshop) { w.live(20) }, incident.VerifyVerified, incident.ProposalDone, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorkshop(t, shop{mode: "enforce", then: "allow"})
				w.yaml = strings.Replace(w.yaml, "  risk: low\n", fmt.Sprintf("  risk: low\n  reversible: true\n  undo: [mkdir, %s]\n", w.undone), 1)
				// Nothing is done until the rate of the errors is known.
				stop := filepath.Join(w.dir, "stop")
				if err := os.WriteFile(stop, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				w.start()
				w.fail(30)
				if err := os.Remove(stop); err != nil {
					t.Fatal(err)
				}
				w.fail(5)
				advance(2 * time.Second)
				tc.after(w)
				advance(5 * time.Minute)
				rec := w.proposal()
				if rec.Action == nil || rec.Action.Verification == nil {
					t.Fatalf("nothing was done: %s %+v", rec.State, rec.Decision)
				}
				v := rec.Action.Verification
				if v.Result != tc.result || rec.State != tc.state || w.exists(w.undone) != tc.undone {
					t.Errorf("%s, %s, undone %v: %v", v.Result, rec.State, w.exists(w.undone), v.Reasons)
				}
			})
		})
	}
}

func TestObserveDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(t, shop{mode: "observe", then: "allow"})
		w.start()
		w.fail(30)
		advance(5 * time.Minute)
		rec := w.wantState(incident.ProposalSimulated, incident.StateProposed)
		if d := rec.Decision; d == nil || !d.Simulated || d.Outcome != incident.DecisionAllow {
			t.Errorf("decision %+v", d)
		}
		if w.exists(w.done) || rec.Action != nil {
			t.Error("it was done in mode observe")
		}
		if !w.only().Simulated {
			t.Error("the incident does not say that it is simulated")
		}
		w.said("simulated")
		if _, err := Respond(t.Context(), w.d.st, w.config(), Answer{Proposal: rec.Proposal.ID, Digest: rec.Digest, Approve: true, Who: "user:ann"}); err == nil {
			t.Error("an approval was taken in mode observe")
		}
	})
}

func TestKillSwitch(t *testing.T) {
	for _, tc := range []struct {
		name    string
		on, off func(w *workshop) error
	}{
		{"by its file", func(w *workshop) error { return os.WriteFile(filepath.Join(w.dir, "stop"), nil, 0o600) },
			func(w *workshop) error { return os.Remove(filepath.Join(w.dir, "stop")) }},
		{"by the command", func(w *workshop) error {
			return StopAll(context.Background(), w.d.st, filepath.Join(w.dir, "stop"), "user:ann", "a move")
		}, func(w *workshop) error {
			return Resume(context.Background(), w.d.st, filepath.Join(w.dir, "stop"), "user:ann", "done")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorkshop(t, shop{mode: "enforce", then: "allow"})
				w.start()
				if err := tc.on(w); err != nil {
					t.Fatal(err)
				}
				advance(5 * time.Second)
				w.fail(20)
				if w.exists(w.done) {
					t.Fatal("it was done while everything is stopped")
				}
				w.wantState(incident.ProposalNew, incident.StateProposed)
				w.said("kill switch")
				if err := tc.off(w); err != nil {
					t.Fatal(err)
				}
				w.fail(10)
				if !w.exists(w.done) {
					t.Fatalf("it was not done after the switch was turned off: %+v", w.proposal().Decision)
				}
			})
		})
	}
}

func TestWhoIsAimedAt(t *testing.T) {
	// The same words in a file that the operator did not name as the service's.
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(t, shop{mode: "enforce", then: "allow"})
		w.yaml = strings.Replace(w.yaml, filepath.Join(w.dir, "app.log")+"]}}]", filepath.Join(w.dir, "of-app", "app.log")+"]}}]", 1)
		w.start()
		w.fail(20)
		if all, err := w.d.st.Proposals(t.Context(), store.ProposalFilter{}); err != nil || len(all) > 0 || w.exists(w.done) {
			t.Fatalf("a stranger's app.log aimed a remediation at app: %v %v", all, err)
		}
	})
}

func TestNothingTwiceOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(t, shop{mode: "enforce", then: "allow"})
		w.start()
		w.fail(15)
		first := w.proposal().Proposal.ID
		for range 3 {
			w.stop()
			w.start()
			w.fail(5)
		}
		if id := w.proposal().Proposal.ID; id != first {
			t.Errorf("proposed anew after a restart: %s and %s", first, id)
		}
		as, err := w.d.st.Actions(t.Context(), store.ActionFilter{})
		if err != nil || len(as) != 1 || as[0].Outcome == nil || as[0].Outcome.Result != incident.ResultDone {
			t.Errorf("actions %+v (%v)", as, err)
		}
	})
}

func TestDecisionsHoldOverReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(t, shop{mode: "enforce", then: "ask"})
		w.start()
		w.fail(15)
		rec := w.wantState(incident.ProposalWaiting, incident.StateWaiting)
		// The catalogue says something else now: what was shown is not what would be done.
		w.yaml = strings.Replace(w.yaml, "mkdir, "+w.done, "mkdir, "+w.undone, 1)
		if err := w.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		advance(10 * time.Second)
		if got := w.proposal(); got.State != incident.ProposalExpired {
			t.Errorf("%s is %s after the catalogue changed", rec.Proposal.ID, got.State)
		}
		if w.exists(w.done) || w.exists(w.undone) {
			t.Error("something was done")
		}
		reasons, err := w.d.st.AuditEntries(t.Context(), 0, 0)
		if err != nil || !slices.ContainsFunc(reasons, func(e store.AuditEntry) bool {
			return e.Subject == rec.Proposal.ID && strings.Contains(string(e.Detail), "agent.yaml says something else")
		}) {
			t.Errorf("the audit does not say why (%v)", err)
		}
	})
}

func TestAProposalThatWasChangedIsNeverDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(t, shop{mode: "enforce", then: "allow"})
		stop := filepath.Join(w.dir, "stop")
		if err := os.WriteFile(stop, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.fail(10)
		id := w.proposal().Proposal.ID
		db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "state", "logwright.db")+"?_pragma=busy_timeout(5000)")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`UPDATE proposals SET body = replace(body, ?, ?)`, w.done, w.undone); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(stop); err != nil {
			t.Fatal(err)
		}
		w.fail(15)
		if w.exists(w.done) || w.exists(w.undone) {
			t.Error("it was done")
		}
		entries, err := w.d.st.AuditEntries(t.Context(), 0, 0)
		if err != nil || !slices.ContainsFunc(entries, func(e store.AuditEntry) bool {
			return e.Subject == id && strings.Contains(string(e.Detail), "changed in the database")
		}) {
			t.Errorf("the audit does not say so (%v)", err)
		}
	})
}
