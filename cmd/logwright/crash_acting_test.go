package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/remediations"
)

// The tests of this file kill the real daemon with SIGKILL at each point of each thing that it does, start it again, and hold
// what it says came of it against the world: at most once, and no outcome lost.

// dieAt names the point at which the daemon in the test binary kills itself: "after-intent", or "before-start#2" for the second
// time that it comes there.
const dieAt = "LOGWRIGHT_TEST_DIE_AT"

// mortal is the daemon that dies at a point. Its last argument is the configuration.
func mortal(at string) int {
	cfg, err := config.Load(os.Args[len(os.Args)-1], config.Options{Daemon: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	point, nth, _ := strings.Cut(at, "#")
	left := new(atomic.Int64)
	left.Store(1)
	if n, err := strconv.Atoi(nth); err == nil {
		left.Store(int64(n))
	}
	ctx := context.Background()
	d, err := agent.NewDaemon(ctx, cfg, agent.Options{
		Stdout: os.Stdout, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Fault: func(p string) {
			if p == point && left.Add(-1) == 0 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		},
	})
	if err == nil {
		err = d.Run(ctx)
	}
	fmt.Fprintln(os.Stderr, err)
	return exitFailed
}

// mortality is one daemon that is killed once and started again.
type mortality struct {
	t           *testing.T
	dir, config string
	out, errs   *os.File
	daemon      *exec.Cmd
}

func newMortality(t *testing.T) *mortality {
	t.Helper()
	m := &mortality{t: t, dir: t.TempDir()}
	m.config = filepath.Join(m.dir, "agent.yaml")
	open := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(m.dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	m.out, m.errs = open("out"), open("err")
	t.Cleanup(func() {
		if m.daemon != nil {
			_ = m.daemon.Process.Signal(syscall.SIGTERM)
			if err := m.daemon.Wait(); err != nil {
				t.Errorf("the daemon ended with %v", err)
			}
		}
		_, _ = m.out.Close(), m.errs.Close()
		if t.Failed() {
			t.Logf("the daemon's log:\n%s\nwhat people were told:\n%s", m.read("err"), m.read("out"))
		}
	})
	return m
}

func (m *mortality) put(name, text string, mode os.FileMode) string {
	m.t.Helper()
	p := filepath.Join(m.dir, name)
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
	return p
}

// read gives a file, "" where there is none.
func (m *mortality) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(m.dir, name))
	return string(b)
}

// start starts the real command, or where a point is given the daemon that dies there.
func (m *mortality) start(point string) {
	m.t.Helper()
	m.daemon = exec.Command(os.Args[0], "run", "--config", m.config)
	m.daemon.Env = append(os.Environ(), beLogwright+"=1")
	if point != "" {
		m.daemon.Args = []string{os.Args[0], m.config}
		m.daemon.Env = append(os.Environ(), dieAt+"="+point)
	}
	m.daemon.Stdout, m.daemon.Stderr = m.out, m.errs
	if err := m.daemon.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// dies waits until the daemon killed itself.
func (m *mortality) dies() {
	m.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- m.daemon.Wait() }()
	most := time.NewTimer(90 * time.Second)
	defer most.Stop()
	select {
	case err := <-ended:
		ee, ok := errors.AsType[*exec.ExitError](err)
		if m.daemon = nil; !ok || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			m.t.Fatalf("the daemon did not die at its point: %v", err)
		}
	case <-most.C:
		_ = m.daemon.Process.Kill()
		<-ended
		m.daemon = nil
		m.t.Fatal("the daemon never came to its point")
	}
}

// await looks at the store until ok holds.
func (m *mortality) await(what string, ok func(*store.Store) bool) {
	m.t.Helper()
	most := time.NewTimer(90 * time.Second)
	defer most.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if st, err := store.Open(m.t.Context(), filepath.Join(m.dir, "state"), store.Options{ReadOnly: true}); err == nil {
			yes := ok(st)
			_ = st.Close()
			if yes {
				return
			}
		}
		select {
		case <-tick.C:
		case <-most.C:
			m.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// told waits until people were told something.
func (m *mortality) told(words ...string) {
	m.t.Helper()
	for _, w := range words {
		m.await("people being told "+w, func(*store.Store) bool { return strings.Contains(m.read("out"), w) })
	}
}

// ended waits for the outcome of the one action, or of its undo.
func (m *mortality) ended(undo bool) (a incident.Action, rec store.ProposalRecord, inc *incident.Incident) {
	m.t.Helper()
	m.await("an outcome", func(st *store.Store) bool {
		as, err := st.Actions(m.t.Context(), store.ActionFilter{})
		if err != nil || len(as) == 0 || as[0].Outcome == nil || undo && as[0].Undo == nil {
			return false
		}
		if len(as) != 1 {
			m.t.Fatalf("%d actions: %+v", len(as), as)
		}
		r, err := st.Proposal(m.t.Context(), as[0].Proposal)
		if err != nil {
			m.t.Fatal(err)
		}
		if inc, err = st.Incident(m.t.Context(), r.Proposal.Incident); err != nil {
			m.t.Fatal(err)
		}
		a, rec = as[0], *r
		report, err := st.VerifyAudit(m.t.Context())
		if err != nil || !report.OK() {
			m.t.Errorf("the audit does not hold: %+v (%v)", report, err)
		}
		return true
	})
	return a, rec, inc
}

// consistent holds the states of proposal and incident against an outcome.
func (m *mortality) consistent(a incident.Action, rec store.ProposalRecord, inc *incident.Incident) {
	m.t.Helper()
	want := map[incident.Result][]incident.ProposalState{
		incident.ResultDone:    {incident.ProposalVerifying, incident.ProposalDone, incident.ProposalFailed},
		incident.ResultFailed:  {incident.ProposalFailed},
		incident.ResultSkipped: {incident.ProposalFailed},
		incident.ResultUnknown: {incident.ProposalUnknown},
	}[a.Outcome.Result]
	ok := false
	for _, s := range want {
		ok = ok || s == rec.State
	}
	if !ok {
		m.t.Errorf("%s, and the proposal is %s", a.Outcome.Result, rec.State)
	}
	switch {
	case rec.State == incident.ProposalVerifying && inc.State != incident.StateVerifying,
		rec.State != incident.ProposalVerifying && inc.State != incident.StateDiagnosed && inc.State != incident.StateResolved:
		m.t.Errorf("the proposal is %s, and the incident %s", rec.State, inc.State)
	}
	headline := map[incident.Result]string{
		incident.ResultDone: "Done", incident.ResultFailed: "Failed", incident.ResultSkipped: "Failed", incident.ResultUnknown: "Begun, outcome unknown",
	}[a.Outcome.Result]
	if a.Outcome.Result == incident.ResultDone && a.Kind == incident.KindPullRequest {
		headline = "ull request"
	}
	m.told(headline)
}

func TestKilledWhileARemediationIsDone(t *testing.T) {
	undone := func(p string) string { return p + "#2" }
	type result = []incident.Result
	done, unknown, skipped := result{incident.ResultDone}, result{incident.ResultUnknown}, result{incident.ResultSkipped}
	points := remediations.FaultPoints()
	type death struct {
		at   string
		undo bool
		// of is what came of what was being done, as the daemon says, least and most how often it was done in truth.
		of          result
		least, most int
	}
	deaths := []death{{"after-intent", false, skipped, 0, 0}, {"after-execute", false, done, 1, 1}, {"after-outcome", false, done, 1, 1},
		{"after-undo-intent", true, skipped, 0, 0}, {"after-undo", true, done, 1, 1}, {undone("after-outcome"), true, done, 1, 1}}
	for i, p := range points {
		d := death{at: p, of: [][]incident.Result{skipped, unknown, unknown, unknown, done}[i], least: []int{0, 0, 1, 1, 1}[i], most: []int{0, 0, 1, 1, 1}[i]}
		deaths = append(deaths, d)
		d.at, d.undo = undone(p), true
		deaths = append(deaths, d)
	}
	for _, d := range deaths {
		t.Run(d.at, func(t *testing.T) {
			t.Parallel()
			m := newMortality(t)
			m.failing()
			m.start(d.at)
			m.dies()
			m.start("")
			a, rec, inc := m.ended(d.undo)
			o := a.Outcome
			word := "run app"
			if d.undo {
				o, word = a.Undo, "undo app"
				if o0 := a.Outcome.Result; o0 != incident.ResultDone || strings.Count(m.read("effects"), "run app") != 1 {
					t.Errorf("what was undone was %s:\n%s", o0, m.read("effects"))
				}
			}
			if len(d.of) != 1 || o.Result != d.of[0] || o.Detail == "" {
				t.Errorf("%s (%s), want %v", o.Result, o.Detail, d.of)
			}
			if n := strings.Count(m.read("effects"), word+"\n"); n < d.least && !m.comes(word, d.least) || n > d.most {
				t.Errorf("%q was done %d times", word, n)
			}
			if d.undo {
				m.told("Undo")
				return
			}
			m.consistent(a, rec, inc)
			m.counts(a, inc)
		})
	}
}

// comes waits for what a command that outlived the daemon does.
func (m *mortality) comes(word string, n int) bool {
	m.t.Helper()
	m.await(word, func(*store.Store) bool { return strings.Count(m.read("effects"), word+"\n") >= n })
	return true
}

// failing prepares a service that goes on failing, and a remediation that does not help.
func (m *mortality) failing() {
	m.t.Helper()
	effects := filepath.Join(m.dir, "effects")
	script := m.put("mend", fmt.Sprintf("#!/bin/sh\necho \"$@\" >> %s\n", effects), 0o700)
	log := filepath.Join(m.dir, "app.log")
	m.put("agent.yaml", fmt.Sprintf(`version: 1
mode: enforce
state: %s
kill_switch: %s
sources: [{name: files, kind: file, include: [%s], start: beginning}]
services: [{name: app, match: {files: [%[3]s]}}]
policy:
  rules: [{name: all, when: 'true', then: allow}]
  limits: [{per: service, count: 1, within: 24h}]
remediations:
- name: mend
  description: appends a line
  risk: low
  reversible: true
  mends: {services: [app], categories: [unknown, dependency, network, resource-exhaustion, data, code-bug, configuration]}
  params: {who: {enum: [app], target: service}}
  run: [%s, run, "{who}"]
  undo: [%[4]s, undo, "{who}"]
  timeout: 10s
  verify: {silence: 2s}
notify: [{name: out, kind: stdout}]
`, filepath.Join(m.dir, "state"), filepath.Join(m.dir, "stop"), log, script), 0o600)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return
		}
		defer f.Close()
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			_, _ = fmt.Fprintf(f, "%s ERROR failed to settle order %d: ledger refused\n", time.Now().UTC().Format("2006-01-02 15:04:05"), i)
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	m.t.Cleanup(func() { close(stop); <-ended })
}

// counts proposes the same by hand: the limit of one holds for what was begun, whatever became of it, and not for what was not.
func (m *mortality) counts(a incident.Action, inc *incident.Incident) {
	m.t.Helper()
	cfg, err := config.Load(m.config, config.Options{Daemon: true})
	if err != nil {
		m.t.Fatal(err)
	}
	st, err := store.Open(m.t.Context(), cfg.State, store.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	defer st.Close()
	before := strings.Count(m.read("effects"), "run app")
	rec, err := agent.ProposeRemedy(m.t.Context(), st, cfg, inc.ID, "mend", map[string]string{"who": "app"}, "user:ann", "a test")
	if err != nil {
		m.t.Fatal(err)
	}
	var now *store.ProposalRecord
	m.await("a decision", func(*store.Store) bool {
		now, err = st.Proposal(m.t.Context(), rec.Proposal.ID)
		return err == nil && now.Decision != nil && (now.Action == nil || now.Action.Outcome != nil)
	})
	runs := strings.Count(m.read("effects"), "run app") - before
	if begun := a.Outcome.Result != incident.ResultSkipped; begun != (now.Action == nil) || begun == (runs == 1) {
		m.t.Errorf("the first was %s; the second was decided %s (%v) and run %d times", a.Outcome.Result, now.Decision.Outcome, now.Decision.Reasons, runs)
	}
}
