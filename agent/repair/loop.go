package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/prompts"
)

// The purposes under which requests are kept and counted.
const (
	purposePatch = "patch"
	purposeAgain = "patch-again"
)

// retryLater is when to ask again after a failure that waiting alone does not mend.
const retryLater = time.Hour

// maxAnswerEcho bounds how much of an answer is sent back with what came of it, in bytes.
const maxAnswerEcho = 32 << 10

// Repair makes a patch for an incident, and proves it. Whatever stops it is in the Result; the error is only ever that ctx
// ended, and the Result is better not kept then.
func (r *Repairer) Repair(ctx context.Context, inc incident.Incident, repo Repository) (Result, error) {
	change := &incident.Change{
		Repository: repo.Path, Base: repo.Base, Branch: "logwright/" + inc.ID, Files: []string{}, Checks: []incident.Check{},
	}
	if r.model == nil {
		return stop(change, "no model is configured"), ctx.Err()
	}
	if r.sandbox == nil {
		why := "there is no sandbox to prove a patch in"
		if r.why != nil {
			why += ": " + r.why.Error()
		}
		return stop(change, why), ctx.Err()
	}
	if ps := repo.Validate(); len(ps) > 0 {
		return stop(change, "the repository's configuration is wrong: "+ps[0].Path+": "+ps[0].Message), ctx.Err()
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return stop(change, "it was interrupted"), ctx.Err()
	}
	res, err := r.repair(ctx, inc, repo, change)
	if ctx.Err() != nil {
		return stop(change, "it was interrupted"), ctx.Err()
	}
	var s stopped
	switch {
	case errors.As(err, &s):
		return stop(change, s.why), nil
	case err != nil:
		r.log.Warn("a patch could not be made", "incident", inc.ID, "error", err)
		res = stop(change, "Logwright could not do its part: "+incident.CutText(incident.PrintableLine(r.redact(err.Error())), 300))
		res.Retry, res.RetryAfter = true, retryLater
	}
	return res, nil
}

func stop(c *incident.Change, why string) Result {
	c.Stopped = why
	return Result{Change: c, Why: why}
}

// Prompt gives the exact text that would leave the host if a patch for inc were asked for, redacted. The error says why
// nothing would be asked.
func (r *Repairer) Prompt(ctx context.Context, inc incident.Incident, repo Repository) (string, error) {
	w, err := r.open(ctx, inc, repo)
	if err != nil {
		return "", err
	}
	q, err := w.ask(ctx, inc, r.cfg)
	if err != nil {
		return "", err
	}
	if q == nil {
		return "", stopped{noFrame}
	}
	return model.Render(model.Redacted(request(inc, q), r.redact)), nil
}

const noFrame = "no frame of the stack is in the repository"

// open fetches the base into the service's own store.
func (r *Repairer) open(ctx context.Context, inc incident.Incident, repo Repository) (*workbench, error) {
	store, err := git.Open(ctx, filepath.Join(r.dir, storeName(inc.Service)), git.Options{})
	if err != nil {
		return nil, err
	}
	base, err := store.Fetch(ctx, repo.Path, repo.Base)
	if err != nil {
		return nil, err
	}
	return newWorkbench(ctx, store, base, repo, r.redact)
}

// storeName gives a service's store a name that is a file's, and another for every service.
func storeName(service string) string {
	safe := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			return c
		}
		return '_'
	}, service)
	if safe != service || safe == "" || safe[0] == '.' || len(safe) > 60 {
		sum := sha256.Sum256([]byte(service))
		safe = "_" + safe[:min(len(safe), 40)] + "-" + hex.EncodeToString(sum[:6])
	}
	return safe + ".git"
}

func request(inc incident.Incident, q *question) model.Request {
	p := prompts.Patch(q.input)
	return model.Request{
		Purpose: purposePatch, Incident: inc.ID, Service: inc.Service, System: p.System,
		Messages: []model.Message{{Role: model.RoleUser, Text: p.User}},
	}
}

// attempt is what came of one answer.
type attempt struct {
	change *incident.Change
	rank   int
	// problems and notes go back to the model.
	problems []string
	notes    []prompts.PatchNote
}

// The ranks of attempts. What is better is kept.
const (
	rankNothing  = iota // no edits
	rankRefused         // edits that can't be made, or may not
	rankMade            // a commit that fails
	rankVerified        // the commands pass
	rankProven          // and a test fails without the fix
)

func (r *Repairer) repair(ctx context.Context, inc incident.Incident, repo Repository, change *incident.Change) (Result, error) {
	w, err := r.open(ctx, inc, repo)
	if err != nil {
		if ctx.Err() == nil {
			return Result{}, stopped{"the repository can't be read: " + incident.CutText(incident.PrintableLine(r.redact(err.Error())), 300)}
		}
		return Result{}, err
	}
	change.Store, change.BaseCommit = w.store.Dir(), w.base
	q, err := w.ask(ctx, inc, r.cfg)
	if err != nil {
		return Result{}, err
	}
	if q == nil {
		return Result{}, stopped{noFrame}
	}
	if len(q.input.Files) == 0 {
		return Result{}, stopped{"the files that the stack names can't be shown to a model: they are too large, no text, or hold secrets over several lines"}
	}
	sc, err := r.newScratch()
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if err := sc.remove(); err != nil {
			r.log.Warn("a directory could not be removed", "dir", sc.dir, "error", err)
		}
	}()
	p, err := r.newProver(ctx, w, sc)
	if err != nil {
		return Result{}, err
	}
	// The base first: where nothing can be proven, no token need be spent.
	err = p.prepare(ctx)
	change.Checks = append(change.Checks, p.checks...)
	if err != nil {
		return Result{}, err
	}
	return r.rounds(ctx, inc, w, p, q, change)
}

// rounds asks, proves, and asks again with what came of it.
func (r *Repairer) rounds(ctx context.Context, inc incident.Incident, w *workbench, p *prover, q *question, change *incident.Change) (Result, error) {
	req := request(inc, q)
	first := req.Messages[0]
	best := attempt{change: change}
	for round := 1; ; round++ {
		res, err := r.model.Complete(ctx, req)
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		if err != nil && (model.KindOf(err) != model.KindGarbage || res.Text == "") {
			return r.failed(inc, best, round-1, err), nil
		}
		a, err := r.try(ctx, inc, w, p, res.Text, change, round)
		if s := (stopped{}); errors.As(err, &s) && ctx.Err() == nil {
			return stop(a.change, s.why), nil // with the change, for people to look at
		}
		if err != nil {
			return Result{}, err
		}
		if a.rank > best.rank || best.rank == rankNothing {
			best = a
		}
		best.change.Rounds = round
		if a.rank == rankProven || len(a.problems) == 0 || round >= r.cfg.MaxRounds {
			return r.result(best, round), nil
		}
		r.log.Debug("a patch is asked for again", "incident", inc.ID, "round", round)
		again := prompts.PatchAgain(prompts.PatchAgainInput{Problems: a.problems, Notes: a.notes})
		echo := incident.CutText(res.Text, maxAnswerEcho)
		if strings.TrimSpace(echo) == "" {
			echo = "(nothing)" // some servers refuse an empty message
		}
		req.Purpose = purposeAgain
		req.Messages = []model.Message{first, {Role: model.RoleAssistant, Text: echo}, {Role: model.RoleUser, Text: again.User}}
	}
}

// result says what the best attempt proves.
func (r *Repairer) result(best attempt, rounds int) Result {
	c := best.change
	if best.rank >= rankVerified {
		why := "the verify commands pass with the change, and its test fails without the fix"
		if !c.Reproduced {
			why = "the verify commands pass with the change, but no test of it is shown to fail without the fix"
		}
		return Result{Change: c, Why: why}
	}
	if rounds > 1 || r.cfg.MaxRounds > 1 && rounds == r.cfg.MaxRounds {
		c.Stopped += fmt.Sprintf(" (after %d of %d rounds)", rounds, r.cfg.MaxRounds)
	}
	return Result{Change: c, Why: c.Stopped}
}

// try makes a change of one answer and proves it. The error is stopped or ctx's.
func (r *Repairer) try(ctx context.Context, inc incident.Incident, w *workbench, p *prover, text string, blank *incident.Change, round int) (attempt, error) {
	c := *blank
	c.Checks = slices.Clone(blank.Checks)
	c.Rounds = round
	a := attempt{change: &c}
	ans, err := parseAnswer(text)
	switch {
	case err != nil:
		c.Stopped = "the model's answer holds no edits that can be read"
		a.problems = []string{err.Error()}
		return a, nil //nolint:nilerr // the error is for the model, which is asked again
	case ans.refused:
		c.Stopped = "the model sees nothing to be patched in this code"
		c.Explanation = incident.Printable(r.redact(ans.noPatch))
		return a, nil // no problem: it is an answer
	}
	c.Explanation = incident.Printable(r.redact(ans.prose))
	m, ps := w.apply(ctx, ans.edits, r.cfg)
	if ctx.Err() != nil {
		return a, ctx.Err()
	}
	if len(ps) == 0 {
		if err := w.commit(ctx, &c, inc, m, r.now()); err != nil {
			return a, err
		}
		ps = w.check(&c, r.cfg)
	}
	if len(ps) > 0 {
		a.rank = rankRefused
		c.Stopped = ps[0].brief
		// Nothing that was refused is kept to be proposed or shown.
		c.Commit, c.Diff, c.Files, c.Tests, c.Added, c.Removed = "", "", []string{}, nil, 0, 0
		for _, p := range ps {
			a.problems = append(a.problems, p.text)
			if p.note != nil && len(a.notes) < 4 {
				a.notes = append(a.notes, *p.note)
			}
		}
		return a, nil
	}
	a.rank = rankMade
	if len(c.Tests) == len(c.Files) {
		c.Stopped = "the change touches tests only, which mends nothing"
		a.problems = []string{"the change touches tests only: the fix is missing"}
		return a, nil
	}
	exception := ""
	for _, s := range inc.Samples {
		exception += s.Record.Exception + " "
	}
	v, err := p.prove(ctx, w, fmt.Sprintf("round%d", round), &c, exception)
	if err != nil {
		return a, err
	}
	c.Verified, c.Reproduced, c.Checks = v.verified, v.reproduced, v.checks
	switch {
	case v.failed != nil:
		c.Stopped = "the verify commands fail with the patch"
		if v.failed.Reason != "" {
			c.Stopped += ": " + v.failed.Reason
		}
		a.problems = append(a.problems, fmt.Sprintf("with the whole patch this command fails (exit %d%s): %s",
			v.failed.Exit, reason(v.failed.Reason), strings.Join(v.failed.Argv, " ")))
		a.notes = append(a.notes, prompts.PatchNote{What: "the end of its output", Text: v.failed.Output})
	case v.doubt != "":
		c.Stopped = v.doubt
		a.problems = append(a.problems, v.doubt)
	case v.reproduced:
		a.rank = rankProven
	default:
		a.rank = rankVerified
	}
	if v.unproven != "" {
		a.problems = append(a.problems, v.unproven+". A regression test is needed that fails on the code as it is, because of the fault, using only what exists there")
		if n := len(v.checks); n > 0 && len(a.notes) == 0 {
			if i := slices.IndexFunc(v.checks, func(c incident.Check) bool { return c.Stage == incident.StageReproduce && !c.Passed() }); i >= 0 {
				a.notes = append(a.notes, prompts.PatchNote{What: "the end of the output of the tests without the fix", Text: v.checks[i].Output})
			}
		}
	}
	return a, nil
}

func reason(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

// commit makes the change in the store, before anything of it runs.
func (w *workbench) commit(ctx context.Context, c *incident.Change, inc incident.Incident, m *made, now time.Time) error {
	var changes []git.Change
	for _, p := range m.order {
		id, err := w.store.WriteBlob(ctx, []byte(m.files[p]))
		if err != nil {
			return err
		}
		mode := git.ModeFile
		if e, ok := w.byPath[p]; ok {
			if e.ID == id {
				continue
			}
			mode = e.Mode
		}
		changes = append(changes, git.Change{Path: p, Mode: mode, ID: id})
	}
	tree, err := w.store.WriteTree(ctx, w.base, changes)
	if err != nil {
		return err
	}
	if c.Commit, err = w.store.Commit(ctx, tree, w.base, message(inc), now); err != nil {
		return err
	}
	if c.Diff, err = w.store.Diff(ctx, w.base, c.Commit); err != nil {
		return err
	}
	stats, err := w.store.Stat(ctx, w.base, c.Commit)
	if err != nil {
		return err
	}
	c.Files = []string{}
	for _, s := range stats {
		c.Files = append(c.Files, s.Path)
		if isTest(s.Path) {
			c.Tests = append(c.Tests, s.Path)
		}
		c.Added, c.Removed = c.Added+max(0, s.Added), c.Removed+max(0, s.Removed)
	}
	slices.Sort(c.Files)
	slices.Sort(c.Tests)
	return nil
}

// maxSubject is how long a commit's subject is at most, in runes.
const maxSubject = 72

// message is made of our own words alone: an incident's title holds nothing of the log.
func message(inc incident.Incident) string {
	subject := []rune("Fix: " + incident.PrintableLine(inc.Title))
	if inc.Title == "" {
		subject = []rune("Fix " + inc.ID)
	}
	if len(subject) > maxSubject {
		subject = append(subject[:maxSubject-1], '…')
	}
	return string(subject) + "\n\nProposed by Logwright for incident " + inc.ID + ".\nA model wrote it; nobody has reviewed it yet.\n"
}

// maxDiff bounds a diff, in bytes: one line can have as many as a file.
const maxDiff = 256 << 10

// check looks at the change as it became.
func (w *workbench) check(c *incident.Change, limits Config) []problem {
	var ps []problem
	if n := c.Added + c.Removed; n > limits.MaxLines {
		ps = append(ps, problem{
			text: fmt.Sprintf("the change adds and removes %d lines, more than %d", n, limits.MaxLines), brief: briefLarge,
		})
	}
	if n := len(c.Diff); n > maxDiff {
		ps = append(ps, problem{text: fmt.Sprintf("the diff has %d bytes, more than %d", n, maxDiff), brief: briefLarge})
	}
	return append(ps, w.audit(c.Diff)...)
}

// failed is the result where the model did not answer: the best that there was, and whether to try again.
func (r *Repairer) failed(inc incident.Incident, best attempt, rounds int, err error) Result {
	if best.rank >= rankVerified {
		return r.result(best, rounds)
	}
	var e *model.Error
	var after time.Duration
	if errors.As(err, &e) {
		after = e.RetryAfter
	}
	c := best.change
	c.Rounds = rounds
	res := Result{Change: c, Retry: true, RetryAfter: after}
	why := ""
	switch model.KindOf(err) {
	case model.KindOffline:
		why, res.Retry = "no model is configured", false
	case model.KindUnavailable:
		why = "the model could not be reached"
	case model.KindRateLimited:
		why = "the model's server asked for patience"
	case model.KindBudget:
		why = "the budget for the model is spent"
	case model.KindAuth:
		why, res.RetryAfter = "the model's server refuses the key", max(after, retryLater)
	case model.KindBadRequest:
		why, res.RetryAfter = "the model's server can't make sense of the request", max(after, retryLater)
	case model.KindGarbage, model.KindTruncated:
		why, res.RetryAfter = "the model's answer was no answer", max(after, retryLater)
	case model.KindRefused:
		why, res.Retry = "the model would not answer", false
	case model.KindTooLong:
		why, res.Retry = "the prompt is longer than the model takes", false
	default:
		why = "asking the model failed"
	}
	if best.rank > rankNothing && c.Stopped != "" {
		why = c.Stopped + "; then " + why
	}
	c.Stopped, res.Why = why, why
	r.log.Warn("no patch was made: the model failed", "incident", inc.ID, "reason", why, "error", err)
	return res
}
