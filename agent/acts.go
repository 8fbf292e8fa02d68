package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/repair"
	"github.com/logwright/logwright/agent/repair/sandbox"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/remediations"
)

// acts is what a configuration makes of the second half: the gate, what may be run, where pull requests go.
type acts struct {
	policy    *policy.Policy
	catalogue *remediations.Catalogue
	runner    *remediations.Runner
	forge     *github.Forge    // nil where none is configured
	repairer  *repair.Repairer // nil where no patch can be made
	executors map[incident.ProposalKind]Executor
	// unable says why patches that are configured can't be made here, with the fix; "" where they can.
	unable string
}

// lastActions is how long a daemon that is being stopped waits for what it is doing. systemd kills after 90 seconds.
const lastActions = 75 * time.Second

// buildActs makes all of it that can fail.
func (d *Daemon) buildActs(cfg *config.Config, m model.Model, redact func(string) string) (*acts, error) {
	a := &acts{executors: map[incident.ProposalKind]Executor{}}
	var err error
	if a.policy, err = newPolicy(cfg); err != nil {
		return nil, err
	}
	if a.catalogue, err = newCatalogue(cfg, redact); err != nil {
		return nil, err
	}
	a.runner, err = remediations.NewRunner(remediations.Options{
		Redact: redact, Logger: d.o.Logger, Now: d.o.Now, Dir: filepath.Join(cfg.State, "actions"), Fault: d.o.Fault,
		Stopped: func() error { return stopError(d.st, cfg.KillSwitch) },
	})
	if err != nil {
		return nil, fmt.Errorf("remediations: %w", err)
	}
	a.executors[incident.KindRemediation] = remedyExecutor{a.runner, d.o.Now}
	if cfg.Forge.Kind != "" {
		a.forge, err = github.New(cfg.Forge, github.Options{
			Redact: redact, Transport: d.o.Transport, Now: d.o.Now, Logger: d.o.Logger, StateDir: cfg.State, Fault: d.o.Fault,
			Stopped: func() error { return stopError(d.st, cfg.KillSwitch) },
		})
		if err != nil {
			return nil, err
		}
		a.executors[incident.KindPullRequest] = forgeExecutor{a.forge, d.o.Now}
		a.executors[incident.KindComment] = commentExecutor{forgeExecutor{a.forge, d.o.Now}}
	}
	if m != nil && hasRepository(cfg) {
		if err := a.repair(d, cfg, m, redact); err != nil {
			return nil, err
		}
	}
	if d.tweak != nil {
		d.tweak(a)
	}
	return a, nil
}

// stopError says that the kill switch is on, right before something is run.
func stopError(st *store.Store, file string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	why, err := Stopped(ctx, st, file)
	if err != nil {
		return fmt.Errorf("it can't be seen whether the kill switch is on: %w", err)
	}
	if why != "" {
		return errors.New(why)
	}
	return nil
}

// repair makes what proves patches. Where no sandbox can be had nothing is proven and so no patch made; the rest goes on.
func (a *acts) repair(d *Daemon, cfg *config.Config, m model.Model, redact func(string) string) error {
	sb, err := sandbox.New(cfg.Sandbox, sandbox.Options{Redact: redact, Logger: d.o.Logger})
	if no, ok := errors.AsType[*sandbox.UnavailableError](err); ok {
		a.unable = no.Error()
		return nil
	}
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	a.repairer, err = repair.New(repair.Config{}, repair.Options{
		Model: m, Redact: redact, Sandbox: sb, Dir: filepath.Join(cfg.State, "repair"), Now: d.o.Now, Logger: d.o.Logger,
	})
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	return nil
}

// actingWakers wake who proposes and who decides.
type actingWakers struct {
	remedies, patches, gate waker
	// stirs counts the wakes, for who looks at the clock anyway.
	stirs *atomic.Int64
}

func newActingWakers() actingWakers {
	return actingWakers{newWaker(), newWaker(), newWaker(), new(atomic.Int64)}
}

func (w actingWakers) wake() {
	w.stirs.Add(1)
	w.remedies.wake()
	w.patches.wake()
	w.gate.wake()
}

// How often the gate is asked again (windows open, limits end), and how often the kill switch and what was done are looked at.
const (
	gateAgain = 5 * time.Second
	gateIdle  = 30 * time.Second // where nothing is proposed: who proposes wakes it
	lookAgain = time.Second
	// askSwitch is how often the store is asked about the kill switch where nothing is heard of a change; its file is looked at
	// with each look, and both with every decision.
	askSwitch = 15 * time.Second
)

// startActing starts the workers of the second half. ctx is the daemon's: what is begun goes on over a reload.
func (d *Daemon) startActing(
	ctx context.Context, p *parts, g *ingest, w actingWakers, told func(), start func(string, func(context.Context) error),
) {
	cfg, log := p.cfg, d.o.Logger
	confirm := func(pr *incident.Proposal, inc *incident.Incident) error {
		switch {
		case p.acts.executors[pr.Kind] == nil:
			return errors.New("nothing is configured any more that could do it")
		case pr.Remedy != nil:
			return p.acts.catalogue.Confirm(*pr.Remedy, tied(cfg, inc))
		}
		return nil
	}
	act := &acting{
		st: d.st, log: log, now: d.o.Now, notifiers: p.names, policy: p.acts.policy, asking: cfg.Policy.AskFor, killSwitch: cfg.KillSwitch,
		executors: p.acts.executors, confirm: confirm, expected: g.expected, told: told, fault: d.o.Fault, crew: d.crew,
	}
	pr := &proposing{
		st: d.st, log: log, now: d.o.Now, notifiers: p.names, cfg: cfg, d: p.diagnoser, catalogue: p.acts.catalogue, repairer: p.acts.repairer,
		unable: p.acts.unable, model: !cfg.Model.Offline(), wake: w.gate.wake, told: told,
	}
	// Two workers propose, and each has its own memory of when to try again.
	patches := *pr
	watch := &watching{
		st: d.st, log: log, now: d.o.Now, notifiers: p.names, told: func() { told(); w.wake() }, stirs: w.stirs,
		behind: func() bool { return g.behind(d.o.Now()) }, probe: p.acts.runner.Probe,
		undo: func(_ context.Context, id string) error {
			if !d.reconciled.Load() {
				return errBusy // what the process before began may still go on
			}
			return act.undo(ctx, id)
		},
	}
	act.again = func() { w.stirs.Add(1); w.gate.wake() }
	if p.acts.forge != nil {
		watch.status = p.acts.forge.Status
	}
	start("remediations", func(ctx context.Context) error { return d.propose(ctx, pr, considerRemedy, pr.remedy, w.remedies) })
	start("patches", func(ctx context.Context) error {
		return d.propose(ctx, &patches, considerPatch, patches.patch, w.patches)
	})
	start("the gate", func(work context.Context) error { return d.gate(ctx, work, act, w.gate) })
	hk := &housekeeping{now: d.o.Now, log: log}
	start("watching actions", func(ctx context.Context) error {
		return hk.run(ctx, job{"watching what was done", lookAgain, time.Time{}, watch.round})
	})
	sw := &switchWatch{st: d.st, file: cfg.KillSwitch, now: d.o.Now, notifiers: p.names, told: told, stop: d.crew.stop, was: &d.stopped,
		stirs: w.stirs, busy: d.crew.acting}
	start("the kill switch", func(ctx context.Context) error {
		return hk.run(ctx, job{"looking at the kill switch", lookAgain, time.Time{}, sw.look})
	})
	if p.acts.unable != "" {
		log.Error("patches are configured and can't be made", "why", p.acts.unable)
	}
}

// propose considers one incident after the other, most important first.
func (d *Daemon) propose(
	ctx context.Context, g *proposing, what string, do consider, w waker,
) error {
	for {
		did, at, err := g.round(ctx, what, do)
		if err != nil && ctx.Err() == nil {
			d.o.Logger.Error("proposing failed and is tried again", "what", what, "err", err)
			at = d.o.Now().Add(modelWait)
		}
		if did && err == nil {
			continue
		}
		if !w.wait(ctx, at, d.o.Now) {
			return nil
		}
	}
}

// gate decides and acts. It begins with what the process before left undone.
func (d *Daemon) gate(ctx, work context.Context, a *acting, w waker) error {
	for {
		err := d.reconcile(work, a)
		again := gateAgain
		if err == nil {
			var open int
			if open, err = a.round(ctx, work); err == nil && open == 0 {
				again = gateIdle
			}
		}
		if err != nil && work.Err() == nil {
			d.o.Logger.Error("deciding failed and is tried again", "err", err)
		}
		if !w.wait(work, d.o.Now().Add(again), d.o.Now) {
			return nil
		}
	}
}

func (d *Daemon) reconcile(ctx context.Context, a *acting) error {
	if d.reconciled.Load() {
		return nil
	}
	err := a.reconcile(ctx)
	d.reconciled.Store(err == nil)
	return err
}

// switchWatch sees the kill switch turned, tells, and interrupts what is being done.
type switchWatch struct {
	st        *store.Store
	file      string
	now       func() time.Time
	notifiers []string
	told      func()
	stop      func()
	// was is why everything was stopped when it was last looked at, "" where it was not. It outlives a reload, so that
	// nothing is told twice.
	was *string
	// asked is when the store was last asked, and record what it said.
	asked  time.Time
	record store.StopRecord
	// stirs tells of changes, stirred is how many there were; busy says that something is being done.
	stirs   *atomic.Int64
	stirred int64
	busy    func() bool
}

func (s *switchWatch) look(ctx context.Context) error {
	stirs := s.stirs.Load()
	if went := time.Now(); went.Sub(s.asked) >= askSwitch || stirs != s.stirred || s.busy() {
		var err error
		if s.record, err = s.st.Stopped(ctx); err != nil {
			return err
		}
		s.asked, s.stirred = went, stirs
	}
	why := stoppedBy(s.file, s.record)
	if why != "" {
		s.stop()
	}
	if (why == "") == (*s.was == "") {
		*s.was = why
		return nil
	}
	e := incident.Event{ID: newID(), Kind: incident.EventStopped, At: s.now(), Text: "Nothing is done any more: " + why + "."}
	if why == "" {
		e.Kind, e.Text = incident.EventResumed, "The kill switch is off: what the policy allows is done again."
	}
	if err := s.st.Update(ctx, func(tx *store.Tx) error { return tx.Enqueue(e, s.notifiers...) }); err != nil {
		return err
	}
	*s.was = why
	s.told()
	return nil
}
