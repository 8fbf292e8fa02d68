package remediations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

// Options is what a Runner needs from outside. Dir and Redact have to be given.
type Options struct {
	// Dir is the directory of run files, below the state directory. It is made if it is not there.
	Dir string
	// Redact takes secrets out of a command's output, before anything is cut.
	Redact func(string) string
	// Logger is nil for none.
	Logger *slog.Logger
	// Now is the clock that grants are checked against. Nil is time.Now.
	Now func() time.Time
	// Env names the variables of the daemon's environment that commands get. Nil is PATH and LANG. PATH and LOGWRIGHT_ACTION,
	// the action's id, are always there.
	Env []string
	// LookupEnv reads the daemon's environment. Nil is os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Grace is how long a command that is to stop has from SIGTERM to SIGKILL. 0 is five seconds.
	Grace time.Duration
	// Stopped gives a reason why nothing may be run now (the kill switch is on), nil where there is none. It is asked right
	// before each command that a Grant is needed for. Nil never stops.
	Stopped func() error
	// Fault is called at the points of FaultPoints, for tests that kill the process there. Nil does nothing.
	Fault func(point string)
}

// FaultPoints lists the points at which Options.Fault is called, in the order of an execution.
func FaultPoints() []string {
	return []string{faultIntent, faultStart, faultStarted, faultExit, faultReturn}
}

const (
	faultIntent  = "before-intent-file" // no run file
	faultStart   = "before-start"       // a run file and no command
	faultStarted = "after-start"        // the command, and a run file that does not know it
	faultExit    = "after-exit"         // a command that ended, and a run file that does not say so
	faultReturn  = "before-return"      // all is written
)

var (
	// ErrNotBegun is wrapped by the errors of Execute where nothing was run.
	ErrNotBegun = errors.New("nothing was run")
	// ErrBegunBefore is wrapped where the action was begun before: Reconcile says what came of it.
	ErrBegunBefore = errors.New("the action was begun before")
	// ErrUnknown is wrapped where the command was started and nobody knows what came of it.
	ErrUnknown = errors.New("what came of it is not known")
)

// Runner runs bound remediations. Safe for concurrent use.
type Runner struct {
	dir     string
	redact  func(string) string
	logger  *slog.Logger
	now     func() time.Time
	env     []string
	lookup  func(string) (string, bool)
	grace   time.Duration
	stopped func() error
	fault   func(string)
}

var variableName = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_]*\z`)

// NewRunner makes a Runner and, if need be, its directory.
func NewRunner(o Options) (*Runner, error) {
	if o.Redact == nil {
		return nil, errors.New("remediations: a Runner needs Redact: what commands write may hold secrets")
	}
	for _, name := range o.Env {
		if !variableName.MatchString(name) {
			return nil, fmt.Errorf("remediations: %q is not the name of a variable", name)
		}
	}
	if err := prepareDir(o.Dir); err != nil {
		return nil, fmt.Errorf("remediations: %w", err)
	}
	r := &Runner{
		dir: o.Dir, redact: o.Redact, logger: o.Logger, now: o.Now, env: o.Env, lookup: o.LookupEnv, grace: o.Grace,
		stopped: o.Stopped, fault: o.Fault,
	}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.env == nil {
		r.env = []string{"PATH", "LANG"}
	}
	if r.lookup == nil {
		r.lookup = os.LookupEnv
	}
	if r.grace <= 0 {
		r.grace = 5 * time.Second
	}
	if r.stopped == nil {
		r.stopped = func() error { return nil }
	}
	if r.fault == nil {
		r.fault = func(string) {}
	}
	return r, nil
}

// Execute runs the remediation that g grants, or its undo: the operator's check first, and where that says yes the command. The
// Outcome can always be written down: done, failed (it was run, and did not end with status 0), skipped (nothing was run) or
// unknown. The error is nil for what is ordinary: done, failed, and a check that said no. Otherwise it says what is wrong, and
// wraps one of ErrNotBegun (the grant is over, there is no such program), ErrBegunBefore and ErrUnknown.
//
// A command that runs is not stopped because ctx ends: a restart that is half done is worse than one that takes its time. So
// Execute returns after the remediation's timeout, and twice the grace, at the latest; the daemon waits for it.
func (r *Runner) Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	out := incident.Outcome{StartedAt: r.now().UTC()}
	if err := r.may(ctx, g); err != nil {
		return r.skipped(out, err)
	}
	pr, id := g.Proposal(), g.Action()
	remedy := pr.Remedy
	switch {
	case !actionID.MatchString(id):
		return r.skipped(out, errors.New("the grant has no action's id"))
	case pr.Kind != incident.KindRemediation || remedy == nil || len(remedy.Run) == 0:
		return r.skipped(out, fmt.Errorf("the grant is for a proposal of kind %s without a command", pr.Kind))
	case remedy.Timeout < MinTimeout || remedy.Timeout > MaxTimeout:
		return r.skipped(out, fmt.Errorf("the timeout %s is not from %s to %s", remedy.Timeout, MinTimeout, MaxTimeout))
	case g.Undo() && len(remedy.Undo) == 0:
		return r.skipped(out, errors.New("the remediation has no undo"))
	}
	if _, err := r.load(id, g.Undo()); !errors.Is(err, fs.ErrNotExist) {
		return r.again(out, err)
	}
	marker := runName(id, g.Undo())
	argv := remedy.Run
	if g.Undo() {
		argv = remedy.Undo
	} else if len(remedy.Check) > 0 {
		if yes, o, err := r.precheck(ctx, out, spec{argv: remedy.Check, timeout: remedy.Timeout, marker: marker + ".check"}); !yes {
			return o, err
		}
	}
	return r.once(ctx, g, out, spec{argv: argv, timeout: remedy.Timeout, marker: marker})
}

// once runs the command, at most once for its run file.
func (r *Runner) once(ctx context.Context, g policy.Grant, out incident.Outcome, s spec) (incident.Outcome, error) {
	out.StartedAt = r.now().UTC()
	f := runFile{
		Version: runFileVersion, Action: g.Action(), Undo: g.Undo(), Phase: phaseStarting,
		Boot: bootID(), Timeout: s.timeout, StartedAt: out.StartedAt,
	}
	r.fault(faultIntent)
	if err := r.create(f); errors.Is(err, errRunFileExists) {
		return r.again(out, err)
	} else if err != nil {
		return r.skipped(out, fmt.Errorf("the run file could not be written: %w", err))
	}
	end := func(o incident.Outcome) incident.Outcome {
		o.EndedAt = r.now().UTC()
		f.Phase, f.Outcome = phaseEnded, &o
		if err := r.update(f); err != nil {
			r.logger.Warn("the end of a remediation could not be written to its run file", "action", f.Action, "error", err)
		}
		return o
	}
	// A check takes its time, and so may the disk. What was true before may not be true any more.
	if err := r.may(ctx, g); err != nil {
		out, err = r.skipped(out, err)
		return end(out), err
	}
	r.fault(faultStart)
	p, err := r.begin(s)
	if err != nil {
		out, err = r.skipped(out, err)
		return end(out), err
	}
	r.fault(faultStarted)
	f.Phase, f.PID, f.Start = phaseRunning, p.id.pid, p.id.start
	if err := r.update(f); err != nil {
		// What runs, runs. A crash now would leave "starting", which is read as unknown.
		r.logger.Warn("the start of a remediation could not be written to its run file", "action", f.Action, "error", err)
	}
	res := p.wait(context.WithoutCancel(ctx))
	out.Exit, out.Output, out.Detail = res.exit, res.output, "the command was run: "+res.words()
	out.Result = incident.ResultFailed
	switch {
	case res.alive:
		out.Result = incident.ResultUnknown
	case res.exit == 0 && res.why == "":
		out.Result = incident.ResultDone
	}
	r.fault(faultExit)
	out = end(out)
	r.fault(faultReturn)
	if out.Result == incident.ResultUnknown {
		return out, fmt.Errorf("%s: %w: %s", g.Action(), ErrUnknown, out.Detail)
	}
	return out, nil
}

// may says whether a command that needs the grant may be started now.
func (r *Runner) may(ctx context.Context, g policy.Grant) error {
	if err := g.Check(r.now()); err != nil {
		return err
	}
	if err := r.stopped(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("Logwright is stopping: %w", context.Cause(ctx))
	}
	return nil
}

// words makes an error fit for an outcome: it may name files of the operator's.
func (r *Runner) words(err error) string { return incident.PrintableLine(r.redact(err.Error())) }

// skipped is the outcome of what was not begun.
func (r *Runner) skipped(out incident.Outcome, err error) (incident.Outcome, error) {
	out.Result, out.Detail, out.EndedAt = incident.ResultSkipped, "nothing was run: "+r.words(err), r.now().UTC()
	return out, fmt.Errorf("%w: %w", ErrNotBegun, err)
}

// again refuses what was begun before.
func (r *Runner) again(out incident.Outcome, err error) (incident.Outcome, error) {
	if err == nil || errors.Is(err, errRunFileExists) {
		err = ErrBegunBefore
	} else {
		err = fmt.Errorf("%w, for all that can be known: %w", ErrBegunBefore, err)
	}
	out.Result, out.Detail, out.EndedAt = incident.ResultUnknown, "nothing was run now: "+r.words(err), r.now().UTC()
	return out, err
}

// precheck runs the operator's check. Where it does not say yes, the action ends with the outcome.
func (r *Runner) precheck(ctx context.Context, out incident.Outcome, s spec) (bool, incident.Outcome, error) {
	p, err := r.begin(s)
	if err != nil {
		out, err = r.skipped(out, fmt.Errorf("the check: %w", err))
		return false, out, err
	}
	// A check only looks, so it may be stopped with the daemon.
	res := p.wait(ctx)
	if res.exit == 0 && res.why == "" {
		return true, out, nil
	}
	out.Exit, out.Output = res.exit, res.output
	if res.why != "" {
		out, err = r.skipped(out, fmt.Errorf("the check gave no answer: %s", res.words()))
		return false, out, err
	}
	out.Result, out.Detail, out.EndedAt = incident.ResultSkipped, "nothing was run: the check said no: "+res.words(), r.now().UTC()
	return false, out, nil
}

// Probe asks the operator's probe whether the service is alive. It needs no Grant: a probe only looks. The error is that it
// could not be asked; detail says how it ended. ctx stops it.
func (r *Runner) Probe(ctx context.Context, m incident.Remedy) (alive bool, detail string, err error) {
	return r.look(ctx, "probe", m.Probe, m.Timeout)
}

// Check asks the operator's check whether the remediation makes sense now, without running it. As Probe otherwise.
func (r *Runner) Check(ctx context.Context, m incident.Remedy) (ok bool, detail string, err error) {
	return r.look(ctx, "check", m.Check, m.Timeout)
}

func (r *Runner) look(ctx context.Context, what string, argv []string, timeout time.Duration) (bool, string, error) {
	if len(argv) == 0 {
		return false, "", fmt.Errorf("the remediation has no %s", what)
	}
	if timeout < MinTimeout || timeout > MaxTimeout {
		return false, "", fmt.Errorf("the timeout %s is not from %s to %s", timeout, MinTimeout, MaxTimeout)
	}
	if err := ctx.Err(); err != nil {
		return false, "", err
	}
	p, err := r.begin(spec{argv: argv, timeout: timeout, marker: what + "-" + rand.Text()})
	if err != nil {
		return false, "", fmt.Errorf("the %s: %s", what, r.words(err))
	}
	res := p.wait(ctx)
	if err := ctx.Err(); err != nil && res.why != "" {
		return false, "", err
	}
	detail := "the " + what + ": " + res.words()
	return res.exit == 0 && res.why == "", detail, nil
}
