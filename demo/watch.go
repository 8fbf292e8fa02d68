package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/store"
)

// How long each thing may take on a slow machine with a slow model. What goes well is seen much earlier.
const (
	soon      = time.Minute
	answering = 4 * time.Minute // a diagnosis by a model
	proving   = 8 * time.Minute // three rounds of a patch
)

// enough is how long the mailer has to be seen stuck before the restart is approved: the silence afterwards proves something only
// where the rate before is known.
const enough = 20 * time.Second

// watch sees the loop go round once.
func (s *show) watch(ctx context.Context) {
	var crash, stuck *incident.Incident
	var patch *store.ProposalRecord
	s.step(ctx, "service", nil, func() (string, error) {
		err := until(ctx, soon, func() (bool, error) { return s.traffic.answered.Load() >= 10, nil })
		return fmt.Sprintf("the shop answers at %s (pid %d), its mailer is pid %d", s.service.url, s.service.cmd.Process.Pid, s.service.mailer()), err
	})
	s.step(ctx, "incidents", []string{"service"}, func() (detail string, err error) {
		crash, stuck, detail, err = s.incidents(ctx)
		return detail, err
	})
	s.step(ctx, "diagnosis", []string{"incidents"}, func() (detail string, err error) {
		crash, stuck, detail, err = s.diagnoses(ctx, crash.ID, stuck.ID)
		return detail, err
	})
	s.step(ctx, "reproduction", []string{"diagnosis"}, func() (detail string, err error) {
		s.say("A patch is asked for, and proven in the sandbox. The first run there compiles what the tests need of Go's library.")
		patch, detail, err = s.reproduction(ctx, crash.ID)
		return detail, err
	})
	s.step(ctx, "patch", []string{"diagnosis"}, func() (string, error) { return s.patch(patch) })
	s.step(ctx, "green", []string{"diagnosis"}, func() (string, error) { return green(patch) })
	s.step(ctx, "pull-request", []string{"patch", "green"}, func() (string, error) { return s.pullRequest(ctx, patch) })
	s.step(ctx, "remediation", []string{"diagnosis"}, func() (string, error) { return s.remediation(ctx, stuck.ID) })
	s.step(ctx, "stranger", []string{"remediation"}, func() (string, error) { return s.stranger(ctx) })
	s.step(ctx, "silence", []string{"diagnosis"}, func() (string, error) { return s.silent(ctx, stuck.ID) })
	s.step(ctx, "audit", nil, func() (string, error) { return s.audit(ctx) })
}

// find gives the newest incident of a service whose template holds some words.
func (s *show) find(ctx context.Context, service, words string) (*incident.Incident, error) {
	all, err := s.st.Incidents(ctx, store.Filter{})
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Service == service && strings.Contains(all[i].Template, words) {
			return s.st.Incident(ctx, all[i].ID)
		}
	}
	return nil, nil
}

func (s *show) incidents(ctx context.Context) (crash, stuck *incident.Incident, detail string, err error) {
	err = until(ctx, soon, func() (bool, error) {
		var e1, e2 error
		if crash == nil {
			if crash, e1 = s.find(ctx, "shop", "panic"); crash != nil {
				s.say("The shop panics. shop.log: %s", crash.Samples[0].Record.Message)
			}
		}
		if stuck == nil {
			if stuck, e2 = s.find(ctx, "mailer", "is stuck"); stuck != nil {
				s.say("The mailer hangs. mailer.log: %s", stuck.Samples[0].Record.Message)
			}
		}
		return crash != nil && stuck != nil, errors.Join(e1, e2)
	})
	if err != nil {
		return crash, stuck, fmt.Sprintf("crash seen: %v, hung mailer seen: %v", crash != nil, stuck != nil), err
	}
	return crash, stuck, fmt.Sprintf("%s (the shop panics) and %s (the mailer hangs) are open", crash.ID, stuck.ID), nil
}

// diagnoses waits for what the model says, and looks each quote up in the log itself.
func (s *show) diagnoses(ctx context.Context, crashID, stuckID string) (crash, stuck *incident.Incident, detail string, err error) {
	var seen string
	err = until(ctx, answering, func() (bool, error) {
		var e1, e2 error
		crash, e1 = s.st.Incident(ctx, crashID)
		stuck, e2 = s.st.Incident(ctx, stuckID)
		if err := errors.Join(e1, e2); err != nil {
			return false, err
		}
		both := true
		for _, i := range []*incident.Incident{crash, stuck} {
			if i.Diagnosis == nil || i.Diagnosis.Source == incident.SourceOffline {
				both = false
				if i.Diagnosis != nil && i.Diagnosis.Degraded != "" {
					seen = "the model did not answer: " + i.Diagnosis.Degraded
				}
			}
		}
		return both, nil
	})
	if err != nil {
		return crash, stuck, seen, err
	}
	r, err := redact.New(s.cfg.Redact)
	if err != nil {
		return crash, stuck, "", err
	}
	quotes := 0
	for _, i := range []*incident.Incident{crash, stuck} {
		d := i.Diagnosis
		for _, e := range d.Evidence {
			line, err := s.logLine(e)
			if err != nil {
				return crash, stuck, "", err
			}
			if !strings.Contains(line, e.Quote) && !strings.Contains(r.Text(line), e.Quote) {
				return crash, stuck, "", fmt.Errorf("%s:%d is %q and does not hold the quote %q", e.Source, e.Line, line, e.Quote)
			}
			quotes++
		}
		if len(d.Evidence) == 0 {
			return crash, stuck, "", fmt.Errorf("the diagnosis of %s cites nothing", i.ID)
		}
		text := fmt.Sprintf("%s: %s (%s, %.0f%% sure, %s)", i.ID, d.Summary, d.Category, 100*d.Confidence, s.whose(d.Source))
		for _, e := range d.Evidence {
			text += fmt.Sprintf("\n    %s:%d  %s", filepath.Base(e.Source), e.Line, e.Quote)
		}
		s.say("%s", text)
	}
	return crash, stuck, fmt.Sprintf("2 causes with %d quotes, each found in the log at its line", quotes), nil
}

// whose says who a source is.
func (s *show) whose(source string) string {
	if source == authoredName {
		return "an authored answer"
	}
	return "by " + source
}

// logLine reads the line that an evidence cites.
func (s *show) logLine(e incident.Evidence) (string, error) {
	if filepath.Dir(e.Source) != s.p.logs() {
		return "", fmt.Errorf("%s is no log of the demo", e.Source)
	}
	b, err := os.ReadFile(e.Source)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(b), "\n")
	if e.Line < 1 || e.Line > int64(len(lines)) {
		return "", fmt.Errorf("%s has no line %d", e.Source, e.Line)
	}
	return lines[e.Line-1], nil
}

// proposed waits for a proposal of an incident, and says what was considered instead where none comes.
func (s *show) proposed(ctx context.Context, id string, most time.Duration, kinds ...incident.ProposalKind) (*store.ProposalRecord, string, error) {
	var found *store.ProposalRecord
	err := until(ctx, most, func() (bool, error) {
		all, err := s.st.Proposals(ctx, store.ProposalFilter{Incident: id})
		for i := range all {
			if slices.Contains(kinds, all[i].Proposal.Kind) {
				found = &all[i]
			}
		}
		return found != nil, err
	})
	if found != nil {
		return found, "", nil
	}
	notes, noteErr := s.st.ConsideredNotes(ctx, id)
	if noteErr != nil || len(notes) == 0 {
		return nil, "", err
	}
	return nil, fmt.Sprintf("considered: %v", notes), err
}

func (s *show) reproduction(ctx context.Context, id string) (*store.ProposalRecord, string, error) {
	rec, detail, err := s.proposed(ctx, id, proving, incident.KindPullRequest, incident.KindAdvice)
	if err != nil {
		return nil, detail, err
	}
	c := rec.Proposal.Change
	for _, k := range c.Checks {
		if k.Stage != incident.StageReproduce || k.Passed() {
			continue
		}
		said := ""
		for line := range strings.Lines(k.Output) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "--- FAIL") || strings.HasPrefix(line, "panic:") {
				said = cmp.Or(said, line)
			}
		}
		return rec, fmt.Sprintf("%s fails with the new test alone (exit %d, %s, %s)", strings.Join(k.Argv, " "), k.Exit,
			cmp.Or(said, "no test named"), k.Duration.Round(100*time.Millisecond)), nil
	}
	return rec, cmp.Or(c.Stopped, rec.Proposal.Why), errors.New("no test of the patch was seen to fail without the fix")
}

// shownDiff is how many lines of a diff are shown.
const shownDiff = 50

func (s *show) patch(rec *store.ProposalRecord) (string, error) {
	if rec == nil {
		return "", errors.New("no patch was proposed")
	}
	c := rec.Proposal.Change
	if c.Commit == "" || c.Diff == "" {
		return c.Stopped, errors.New("there is no commit")
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimRight(c.Diff, "\n"), "\n"), func(l string) bool { return strings.HasPrefix(l, "index ") })
	if more := len(lines) - shownDiff; more > 0 {
		lines = append(lines[:shownDiff], fmt.Sprintf("and %d more lines", more))
	}
	s.say("The patch:\n    %s", strings.Join(lines, "\n    "))
	return fmt.Sprintf("commit %.12s of %s: %s, +%d -%d (%s)", c.Commit, c.Base, strings.Join(c.Files, ", "), c.Added, c.Removed,
		s.whose(rec.Proposal.Facts.Source)), nil
}

func green(rec *store.ProposalRecord) (string, error) {
	if rec == nil {
		return "", errors.New("no patch was proposed")
	}
	c := rec.Proposal.Change
	for _, k := range c.Checks {
		if k.Stage == incident.StagePatched && k.Passed() && c.Verified && c.Reproduced && rec.Proposal.Kind == incident.KindPullRequest {
			return fmt.Sprintf("%s passes with the patch, in the sandbox (%s)", strings.Join(k.Argv, " "), k.Duration.Round(100*time.Millisecond)), nil
		}
	}
	return c.Stopped, errors.New("the patch is not proven")
}

// record waits until a proposal is as it should be, or ends otherwise.
func (s *show) record(ctx context.Context, id string, most time.Duration, ready func(*store.ProposalRecord) bool) (*store.ProposalRecord, string, error) {
	var rec *store.ProposalRecord
	err := until(ctx, most, func() (_ bool, err error) {
		if rec, err = s.st.Proposal(ctx, id); err != nil {
			return false, err
		}
		if ready(rec) {
			return true, nil
		}
		if rec.State.Final() {
			return false, fmt.Errorf("it ended as %s", rec.State)
		}
		return false, nil
	})
	if err == nil || rec == nil {
		return rec, "", err
	}
	detail := "it is " + string(rec.State)
	if d := rec.Decision; d != nil {
		detail += fmt.Sprintf("; the gate said %s: %s", d.Outcome, strings.Join(d.Reasons, "; "))
	}
	if a := rec.Action; a != nil && a.Outcome != nil {
		detail += fmt.Sprintf("; it was %s: %s", a.Outcome.Result, a.Outcome.Detail)
	}
	if a := rec.Action; a != nil && a.Verification != nil {
		detail += fmt.Sprintf("; %s: %s", a.Verification.Result, strings.Join(a.Verification.Reasons, "; "))
	}
	return rec, detail, err
}

func (s *show) remediation(ctx context.Context, id string) (string, error) {
	rec, detail, err := s.proposed(ctx, id, answering, incident.KindRemediation)
	if err != nil {
		return detail, err
	}
	rec, detail, err = s.record(ctx, rec.Proposal.ID, soon, func(r *store.ProposalRecord) bool { return r.State == incident.ProposalWaiting })
	if err != nil {
		return detail, err
	}
	p, asked := rec.Proposal, rec.Decision
	s.say("The gate asks a person before `%s` (rule %s). The mailer's rate is measured first, so that silence will mean something.", p.Title, asked.Rule)
	err = until(ctx, soon, func() (bool, error) {
		inc, err := s.st.Incident(ctx, id)
		return err == nil && inc.Events >= 20 && time.Since(inc.FirstSeen) > enough, err
	})
	if err != nil {
		return "the mailer's errors are too few", err
	}
	before := s.service.mailer()
	s.say("The demo answers in your place: logwright approve %s", p.ID)
	if _, err := agent.Respond(ctx, s.st, s.cfg, agent.Answer{
		Proposal: p.ID, Digest: rec.Digest, Approve: true, Who: "user:demo", Why: "the demo answers in place of a person",
	}); err != nil {
		return "", err
	}
	rec, detail, err = s.record(ctx, p.ID, soon, func(r *store.ProposalRecord) bool {
		return r.Action != nil && r.Action.Outcome != nil && r.Action.Outcome.Result == incident.ResultDone
	})
	if err != nil {
		return detail, err
	}
	after := s.service.mailer()
	detail = fmt.Sprintf("`%s`: %s by rule %s, approved by %s; the mailer was pid %d and is pid %d",
		strings.Join(p.Remedy.Run[1:], " "), rec.Decision.Outcome, rec.Action.Rule, rec.Action.By, before, after)
	if before == after || alive(before) || !alive(after) {
		return detail, errors.New("the mailer was not restarted")
	}
	return detail, nil
}

// alive says whether there is a process of that number.
func alive(pid int) bool { return pid > 1 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// silent waits for what the daemon makes of the time after the restart.
func (s *show) silent(ctx context.Context, id string) (string, error) {
	all, err := s.st.Proposals(ctx, store.ProposalFilter{Incident: id, Kind: incident.KindRemediation})
	if err != nil {
		return "", err
	}
	if len(all) == 0 || all[0].Action == nil {
		return "", errors.New("nothing was done")
	}
	s.say("Its log is watched: %s of silence where the error came twice a second.", silence)
	rec, detail, err := s.record(ctx, all[0].Proposal.ID, silence+2*time.Minute, func(r *store.ProposalRecord) bool {
		return r.Action != nil && r.Action.Verification != nil && r.Action.Verification.Result == incident.VerifyVerified
	})
	if err != nil {
		return detail, err
	}
	inc, err := s.st.Incident(ctx, id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("verified: %s; the incident is %s", strings.Join(rec.Action.Verification.Reasons, "; "), inc.State), nil
}

// audit ends the daemon and walks the chain that it leaves.
func (s *show) audit(ctx context.Context) (string, error) {
	s.traffic.stop()
	// The chain has to lead through what its head is now, too.
	head, err := s.st.AuditHead(ctx)
	if err != nil {
		return "", err
	}
	if err := s.daemon.stop(); err != nil {
		return "", fmt.Errorf("the daemon did not end well: %w", err)
	}
	r, err := s.st.VerifyAudit(ctx, head)
	if err != nil {
		return "", err
	}
	if !r.OK() || r.Entries == 0 {
		return r.Reason, fmt.Errorf("the chain breaks at entry %d", r.BrokenAt)
	}
	return fmt.Sprintf("all %d entries hold, the last hash is %x", r.Entries, r.Head.Hash[:6]), nil
}
