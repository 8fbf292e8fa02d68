package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// world is what the actions of the test do: each writes one line.
func world(dir string) string { return filepath.Join(dir, "world") }

func lines(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return strings.Fields(string(b)), err
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// playActs proposes, begins, does and ends one action after the other, as the daemon does: first it looks up what its
// predecessor left open. It says what it did only after the commit.
func playActs(ctx context.Context, s *Store, dir string) error {
	if err := s.Lock(ctx); err != nil {
		return err
	}
	open, err := s.OpenActions(ctx)
	if err != nil {
		return err
	}
	did, err := lines(world(dir))
	if err != nil {
		return err
	}
	for _, a := range open {
		r := incident.ResultFailed // not begun
		for _, id := range did {
			if id == a.ID {
				r = incident.ResultDone
			}
		}
		if err := endAct(ctx, s, &a, r); err != nil {
			return err
		}
	}
	all, err := s.Proposals(ctx, ProposalFilter{})
	if err != nil {
		return err
	}
	for _, r := range all { // kept by a predecessor that died before it began
		if r.State == incident.ProposalNew {
			if err := act(ctx, s, dir, r.Proposal); err != nil {
				return err
			}
		}
	}
	for n := len(all); ; n++ {
		p := remediation(n, "lw-a.1")
		if err := s.Update(ctx, func(tx *Tx) error { return tx.AddProposal(p) }); err != nil {
			return err
		}
		if err := act(ctx, s, dir, p); err != nil {
			return err
		}
	}
}

// perhapsDie dies at a point at which a kill from outside, which mostly falls into a wait for the disk, hardly ever comes.
func perhapsDie() {
	if rand.IntN(30) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

func act(ctx context.Context, s *Store, dir string, p incident.Proposal) error {
	a := actionOf(&p)
	err := s.UpdateDurable(ctx, func(tx *Tx) error {
		if err := tx.SetDecision(p.ID, decision(incident.DecisionAllow), incident.ProposalNew); err != nil {
			return err
		}
		return tx.BeginAction(a)
	})
	if err != nil {
		return err
	}
	fmt.Println("begun", a.ID)
	perhapsDie()
	if err := appendLine(world(dir), a.ID); err != nil {
		return err
	}
	perhapsDie()
	return endAct(ctx, s, &a, incident.ResultDone)
}

func endAct(ctx context.Context, s *Store, a *incident.Action, r incident.Result) error {
	to := incident.ProposalDone
	if r != incident.ResultDone {
		to = incident.ProposalFailed
	}
	err := s.Update(ctx, func(tx *Tx) error {
		if err := tx.EndAction(a.ID, incident.Outcome{Result: r}); err != nil {
			return err
		}
		perhapsDie()
		return tx.SetProposalState(a.Proposal, to, "logwright", "")
	})
	if err == nil {
		fmt.Println("ended", a.ID)
	}
	return err
}

// Whenever the process is killed, no action is done twice, none is done without its intent, and what was said to be begun or
// ended is.
func TestKillWithinActions(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, Options{})
	update(t, s, func(tx *Tx) error { return tx.OpenIncident(newIncident("lw-a.1")) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rounds := 40
	if testing.Short() || raceEnabled { // a child with the race detector takes seconds to start
		rounds = 5
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	begun, ended := map[string]bool{}, map[string]bool{}
	hear := func(line string) {
		what, id, whole := strings.Cut(line, " ")
		switch {
		case !whole || len(id) != 28: // cut off by the kill
		case what == "begun":
			begun[id] = true
		case what == "ended":
			ended[id] = true
		}
	}
	var open, done int
	for round := range rounds {
		cmd := child(t, "act", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		for n := rnd.IntN(40); n >= 0 && said.Scan(); n-- {
			hear(said.Text())
		}
		<-time.After(time.Duration(rnd.IntN(4000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for said.Scan() {
			hear(said.Text())
		}
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("round %d: the child ended by itself: %v", round, err)
		}
		o, d := checkActed(t, dir, begun, ended)
		open, done = open+o, done+d
	}
	t.Logf("%d begun, %d ended; killed within %d, %d of which were done", len(begun), len(ended), open, done)
	if len(ended) == 0 {
		t.Error("nothing was ever done")
	}
}

func checkActed(t *testing.T, dir string, begun, ended map[string]bool) (open, done int) {
	t.Helper()
	s := openAt(t, dir, Options{})
	defer s.Close()
	ctx := t.Context()
	did, err := lines(world(dir))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, id := range did {
		if times[id]++; times[id] > 1 {
			t.Errorf("%s was done %d times", id, times[id])
		}
	}
	all, err := s.Actions(ctx, ActionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]*incident.Action{}
	for i := range all {
		kept[all[i].ID] = &all[i]
	}
	for id := range times {
		if kept[id] == nil {
			t.Errorf("%s was done without an intent", id)
		}
	}
	for id := range begun {
		if kept[id] == nil {
			t.Errorf("the intent of %s is lost", id)
		}
	}
	for id := range ended {
		if kept[id] == nil || kept[id].Outcome == nil {
			t.Errorf("the outcome of %s is lost", id)
		}
	}
	for _, a := range all {
		r, err := s.Proposal(ctx, a.Proposal)
		if err != nil {
			t.Fatal(err)
		}
		if (a.Outcome == nil) != (r.State == incident.ProposalActing) {
			t.Errorf("%s is %s with the outcome %v", a.Proposal, r.State, a.Outcome)
		}
		if a.Outcome == nil {
			open, done = open+1, done+times[a.ID]
		} else if (a.Outcome.Result == incident.ResultDone) != (times[a.ID] == 1) {
			t.Errorf("%s was done %d times and is said to be %s", a.ID, times[a.ID], a.Outcome.Result)
		}
	}
	if open > 1 {
		t.Errorf("%d actions are open, one was done after the other", open)
	}
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	return open, done
}

// playAnswers answers every waiting proposal with a yes or a no, and says which answers were taken.
func playAnswers(ctx context.Context, s *Store, yes bool) error {
	rs, err := s.Proposals(ctx, ProposalFilter{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil { // until the word is given
		return err
	}
	for _, r := range rs {
		a := approval(&r.Proposal, yes)
		a.Who, a.Until = strconv.Itoa(os.Getpid()), time.Now().Add(time.Hour)
		err := s.Update(ctx, func(tx *Tx) error { return tx.Approve(a) })
		var nw *NotWaitingError
		switch {
		case err == nil:
			fmt.Println(r.Proposal.ID)
		case !errors.As(err, &nw) || nw.Approval == nil || nw.Approval.Who == a.Who:
			return err
		}
	}
	return s.Close()
}

// Two people answer at once: one of them is heard, and the other is told by whom it was answered.
func TestAnswersFromTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, Options{})
	const n = 60
	update(t, s, func(tx *Tx) error {
		err := tx.OpenIncident(newIncident("lw-a.1"))
		for i := range n {
			p := remediation(i, "lw-a.1")
			err = errors.Join(err, tx.AddProposal(p), tx.SetDecision(p.ID, decision(incident.DecisionAsk), incident.ProposalWaiting))
		}
		return err
	})
	type person struct {
		cmd *exec.Cmd
		in  io.WriteCloser
		out *bufio.Scanner
	}
	var people []person
	for _, role := range []string{"approve", "reject"} {
		cmd := child(t, role, dir)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		p := person{cmd, in, bufio.NewScanner(out)}
		if !p.out.Scan() || p.out.Text() != "ready" {
			t.Fatalf("%s: %q", role, p.out.Text())
		}
		people = append(people, p)
	}
	for _, p := range people {
		if err := p.in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	winner := map[string]string{}
	for i, p := range people {
		who, taken := strconv.Itoa(p.cmd.Process.Pid), 0
		for p.out.Scan() {
			id := p.out.Text()
			if winner[id] != "" {
				t.Errorf("%s was answered by %s and by %s", id, winner[id], who)
			}
			winner[id] = who
			taken++
		}
		if err := p.cmd.Wait(); err != nil {
			t.Error(err)
		}
		t.Logf("process %d was heard %d times", i, taken)
	}
	rs, err := s.Proposals(t.Context(), ProposalFilter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		a := r.Approval
		if a == nil || a.Who != winner[r.Proposal.ID] || a.Approved != (r.State == incident.ProposalApproved) || !a.Approved != (r.State == incident.ProposalRejected) {
			t.Errorf("%s is %s by %+v, and %s said that it was heard", r.Proposal.ID, r.State, a, winner[r.Proposal.ID])
		}
	}
	if len(winner) != n {
		t.Errorf("%d of %d were answered", len(winner), n)
	}
	if r, err := s.VerifyAudit(t.Context()); err != nil || !r.OK() || r.Entries != 3*n+1 {
		t.Errorf("%+v, %v", r, err)
	}
}
