// Package agent wires the stages: collectors to joiner to clusterer to store, the store's open incidents to diagnosis, the
// outbox to people. It owns life and death of the daemon, and the one-shot commands that share its pipeline.
//
// The one straight way is ingest.take: a batch comes in, and cursor, pending lines, counts and opened incidents are
// committed together. Everything after it (diagnosing.go, telling.go, housekeeping.go) is a worker that looks at the
// store, does what is to be done, writes it, and sleeps until it is woken. None of them holds state that matters, so a
// process killed anywhere goes on where it was.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/diagnose"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/notify"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

// Options are what the daemon needs from outside. The zero Options are usable but for Stdout and Logger.
type Options struct {
	// Stdout is where notifiers of kind stdout write.
	Stdout io.Writer
	// Logger is the daemon's own log.
	Logger *slog.Logger
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// Load reads the configuration again on Reload. Nil refuses reloads.
	Load func() (*config.Config, error)
	// Ready is called when all collectors have been started, again after each reload. Nil does nothing.
	Ready func()
	// Client carries notifications, and Transport requests to a model; nil is the network.
	Client    *http.Client
	Transport http.RoundTripper
	// Fault is called at named points of the ingest; tests kill the process there.
	Fault func(point string)
}

// Daemon is `logwright run`.
type Daemon struct {
	o      Options
	cfg    *config.Config
	st     *store.Store
	reload chan chan error
	// pulses outlive a reload: they are nowhere else. So does crew: what is being done is finished.
	pulses *cluster.Pulses
	crew   *crew
	// reconciled says that what the process before left undone has been looked at. stopped is why the kill switch was last
	// seen on.
	reconciled atomic.Bool
	stopped    string
	// What is being done goes on over a reload, and wakes those who tell and decide then.
	telling waker
	acting  actingWakers
	// tweak lets tests change what a configuration made.
	tweak func(*acts)
}

// NewDaemon opens the store and takes its lock. Close it.
func NewDaemon(ctx context.Context, cfg *config.Config, o Options) (*Daemon, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := ownState(cfg.State); err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, cfg.State, store.Options{MaxBytes: cfg.Limits.Store, Now: o.Now, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	if err := st.Lock(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &Daemon{o: o, cfg: cfg, st: st, reload: make(chan chan error), pulses: cluster.NewPulses(maxPulses), crew: newCrew(),
		telling: newWaker(), acting: newActingWakers()}, nil
}

// ownState refuses to run as root on a directory that somebody else may change: its owner could put a link where a file is about
// to be opened. Commands that look once are another matter: people use sudo for them.
func ownState(dir string) error {
	fi, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return nil //nolint:nilerr // not there yet: it is made, and is ours
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		return fmt.Errorf("the state directory %s belongs to user %d, and the daemon runs as root: run it as that user, or give it a directory of root", dir, st.Uid)
	}
	return nil
}

// Close gives the store back.
func (d *Daemon) Close() error { return d.st.Close() }

// Reload reads the configuration again and goes over to it. Where anything about it is wrong, the error says so and
// everything goes on as it was.
func (d *Daemon) Reload(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case d.reload <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run works until ctx ends. What it returns then is nil.
func (d *Daemon) Run(ctx context.Context) error {
	parts, err := d.build(d.cfg)
	if err != nil {
		return err
	}
	if err := d.audit(ctx, "started"); err != nil {
		if ctx.Err() != nil {
			return nil // it was stopped before it began
		}
		if !errors.Is(err, store.ErrFull) {
			return err
		}
		// A disk that is full is no reason not to watch: what is read waits for room, and says so.
		d.o.Logger.Error("the start could not be audited", "err", err)
	}
	for {
		next, err := d.generation(ctx, parts)
		if err != nil {
			return err
		}
		if next == nil {
			d.crew.wait(lastActions, d.o.Logger)
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			return errors.Join(d.audit(stop, "stopped"), d.anchor(stop), d.st.Checkpoint(stop))
		}
		parts = next
	}
}

func (d *Daemon) audit(ctx context.Context, action string) error {
	return d.st.Update(ctx, func(tx *store.Tx) error {
		return tx.Audit(store.Entry{Actor: "logwright", Action: action, Subject: "daemon", Detail: map[string]any{
			"mode": d.cfg.Mode, "pid": os.Getpid(),
		}})
	})
}

// anchor writes the head of the audit chain to the daemon's own log, which journald keeps out of the reach of whoever can
// write the state directory.
func (d *Daemon) anchor(ctx context.Context) error {
	head, err := d.st.AuditAnchor(ctx)
	if err == nil {
		d.o.Logger.Info("audit head", "seq", head.Seq, "hash", fmt.Sprintf("%x", head.Hash))
	}
	return err
}

// parts is everything that a configuration makes and that can fail: built whole before anything is swapped.
type parts struct {
	cfg        *config.Config
	collectors []namedCollector
	diagnoser  *diagnose.Diagnoser
	notifiers  map[string]Notifier
	names      []string
	clustering cluster.Config
	pipeline   pipelineConfig
	beats      map[string]time.Duration
	acts       *acts
}

type namedCollector struct {
	name string
	collectors.Collector
}

// build makes the parts of cfg without touching what runs.
func (d *Daemon) build(cfg *config.Config) (*parts, error) {
	p := &parts{cfg: cfg, notifiers: map[string]Notifier{}, beats: map[string]time.Duration{}}
	redactor, err := redact.New(cfg.Redact)
	if err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	for _, s := range cfg.Sources {
		c, err := newCollector(s, d.o)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		p.collectors = append(p.collectors, namedCollector{s.Name, c})
	}
	m, err := model.New(cfg.Model, model.Options{
		Redact: redactor.Text, Ledger: ledger{d.st, cfg.Model.Budget}, Now: d.o.Now, Logger: d.o.Logger,
		Transport: d.o.Transport,
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if cfg.Model.Offline() {
		m = nil
	}
	p.diagnoser, err = diagnose.New(diagnose.Config{}, m, diagnose.Options{
		Redact: redactor.Text, Now: d.o.Now, Logger: d.o.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("diagnosis: %w", err)
	}
	for _, c := range cfg.Notify {
		n, err := notify.New(c, notify.Options{Redact: redactor.Text, Client: d.o.Client, Stdout: d.o.Stdout, Now: d.o.Now})
		if err != nil {
			return nil, err
		}
		p.notifiers[c.Name] = n
		p.names = append(p.names, c.Name)
	}
	for _, s := range cfg.Services {
		if s.Heartbeat > 0 {
			p.beats[s.Name] = s.Heartbeat
		}
	}
	if p.acts, err = d.buildActs(cfg, m, redactor.Text); err != nil {
		return nil, err
	}
	p.clustering = clusterConfig(cfg)
	if _, err := cluster.New(p.clustering); err != nil {
		return nil, fmt.Errorf("clustering: %w", err)
	}
	p.pipeline = pipelineConfig{
		threshold: cfg.Triggers.Severity,
		watch:     true,
		serviceOf: cfg.ServiceOf,
		joiner:    func(source string) events.Config { return joinerConfig(cfg, source) },
	}
	for _, s := range cfg.Sources {
		if _, err := events.NewJoiner(p.pipeline.joiner(s.Name)); err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
	}
	return p, nil
}

// generation runs one configuration until ctx ends (then the next is nil) or a reload gives another.
func (d *Daemon) generation(ctx context.Context, p *parts) (*parts, error) {
	debug.SetMemoryLimit(heapLimit(p.cfg, programStored))
	wakeDiagnosing, wakeTelling := newWaker(), d.telling
	g := &ingest{
		st: d.st, log: d.o.Logger, now: d.o.Now, threshold: p.cfg.Triggers.Severity, notifiers: p.names,
		spikes: p.cfg.Triggers.Spike != config.SpikeOff, mix: p.cfg.Triggers.Mix != config.SpikeOff, fault: d.o.Fault,
		traffic: cluster.NewTraffic(0, cluster.Requests{
			Failures: int64(p.cfg.Triggers.HTTP.Failures), Share: p.cfg.Triggers.HTTP.Percent / 100,
		}),
		beats: cluster.NewHeartbeats(p.beats, d.o.Now()), heard: map[string]time.Time{},
		crowd: newCrowd(p.cfg.Limits.Store), pulses: d.pulses,
	}
	for service := range p.beats {
		g.heard[service] = time.Time{}
	}
	g.wake = func() { wakeDiagnosing.wake(); wakeTelling.wake() }
	if err := restoreIngest(ctx, g, p.pipeline, p.clustering); err != nil {
		if ctx.Err() != nil {
			return nil, nil
		}
		return nil, err
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	failed := make(chan error, 1)
	start := func(name string, f func(context.Context) error) {
		running.Go(func() {
			if err := f(work); err != nil && work.Err() == nil {
				select {
				case failed <- fmt.Errorf("%s: %w", name, err):
				default: // one is enough to stop
				}
			}
		})
	}
	for _, c := range p.collectors {
		start("source "+c.name, func(ctx context.Context) error { return d.supervise(ctx, g, c, wakeTelling) })
	}
	w := d.acting
	dg := &diagnosing{
		st: d.st, log: d.o.Logger, now: d.o.Now, d: p.diagnoser, notifiers: p.names, model: !p.cfg.Model.Offline(),
		told: func() { wakeTelling.wake(); w.wake() }, notBefore: map[string]time.Time{}, tries: map[string]int{},
	}
	wakeModel := newWaker()
	start("diagnosis", func(ctx context.Context) error { return d.diagnoseOffline(ctx, dg, wakeDiagnosing, wakeModel) })
	start("model", func(ctx context.Context) error { return d.askModel(ctx, dg, wakeModel) })
	tl := &telling{st: d.st, log: d.o.Logger, now: d.o.Now, notifiers: p.notifiers}
	start("notifications", func(ctx context.Context) error { return d.tell(ctx, tl, wakeTelling) })
	hk := &housekeeping{
		st: d.st, log: d.o.Logger, now: d.o.Now, g: g, cfg: p.cfg, notifiers: p.names, told: func() { g.wake(); w.wake() },
		tidy: p.acts.runner.Prune,
	}
	start("housekeeping", func(ctx context.Context) error { return d.keepHouse(ctx, hk) })
	start("timekeeping", func(ctx context.Context) error { return d.keepTime(ctx, hk) })
	d.startActing(ctx, p, g, w, wakeTelling.wake, start)
	d.o.Logger.Info("running", "sources", len(p.collectors), "mode", p.cfg.Mode, "model", p.cfg.Model.Provider, "state", p.cfg.State)
	if d.o.Ready != nil {
		d.o.Ready()
	}
	for {
		select {
		case <-ctx.Done():
			stop()
			running.Wait()
			return nil, nil
		case err := <-failed:
			stop()
			running.Wait()
			return nil, err
		case done := <-d.reload:
			next, err := d.loadNext()
			if err != nil {
				done <- err
				d.o.Logger.Error("the new configuration was refused; everything goes on as it was", "err", err)
				continue
			}
			stop()
			running.Wait()
			d.cfg = next.cfg
			if err := d.st.SetMaxBytes(ctx, next.cfg.Limits.Store); err != nil && ctx.Err() == nil {
				d.o.Logger.Error("limits.store stays as it was", "err", err)
			}
			// A store that is full is no reason to end: the next generation waits for room as this one did.
			if err := d.audit(ctx, "reloaded"); err != nil && ctx.Err() == nil {
				d.o.Logger.Error("the reload could not be audited", "err", err)
			}
			done <- nil // not before nothing goes by the old rules any more
			return next, nil
		}
	}
}

// loadNext does all of a reload that can fail.
func (d *Daemon) loadNext() (*parts, error) {
	if d.o.Load == nil {
		return nil, errors.New("this daemon can't reload")
	}
	cfg, err := d.o.Load()
	if err != nil {
		return nil, err
	}
	if cfg.State != d.cfg.State {
		return nil, fmt.Errorf("state: %s can't be changed to %s by a reload; restart the daemon", d.cfg.State, cfg.State)
	}
	return d.build(cfg)
}

// supervise keeps one collector running.
func (d *Daemon) supervise(ctx context.Context, g *ingest, c namedCollector, tell waker) error {
	const most = time.Minute
	wait := time.Second
	for {
		started := d.o.Now()
		if wait > time.Second {
			g.lapse(c.name, started)
		}
		err := c.Collect(ctx, g.cursor(c.name), func(b collectors.Batch) error { return g.take(ctx, c.name, b) })
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end was asked for: what Collect says of it is no failure
		}
		g.mu.Lock()
		broken := g.broken
		g.mu.Unlock()
		if broken != nil {
			return broken
		}
		g.lapse(c.name, time.Time{})
		if d.o.Now().Sub(started) > most {
			wait = time.Second
		}
		text := fmt.Sprintf("Source %s stopped and is started again in %s: %v", c.name, wait, err)
		d.o.Logger.Error("a source stopped", "source", c.name, "err", err, "again_in", wait)
		if wait == time.Second { // said once, not with every attempt
			e := incident.Event{ID: newID(), Kind: incident.EventDegraded, At: d.o.Now(), Text: text}
			if err := d.st.Update(ctx, func(tx *store.Tx) error { return tx.Enqueue(e, g.notifiers...) }); err != nil {
				d.o.Logger.Error("and that could not be told", "err", err)
			}
			tell.wake()
		}
		if !sleep(ctx, wait) {
			return nil
		}
		wait = min(2*wait, most)
	}
}

// diagnoseOffline gives new incidents their first diagnosis whenever woken.
func (d *Daemon) diagnoseOffline(ctx context.Context, dg *diagnosing, w, model waker) error {
	for {
		if err := dg.offline(ctx); err != nil && ctx.Err() == nil {
			d.o.Logger.Error("diagnosing failed and is tried again", "err", err)
			if !sleep(ctx, 5*time.Second) {
				return nil
			}
			continue
		}
		model.wake()
		if !w.wait(ctx, time.Time{}, d.o.Now) {
			return nil
		}
	}
}

// askModel asks the model for one incident after the other, most important first.
func (d *Daemon) askModel(ctx context.Context, dg *diagnosing, w waker) error {
	for {
		asked, at, err := dg.ask(ctx)
		if err != nil && ctx.Err() == nil {
			d.o.Logger.Error("asking the model failed and is tried again", "err", err)
			at = d.o.Now().Add(modelWait)
		}
		if asked && err == nil {
			continue
		}
		if !w.wait(ctx, at, d.o.Now) {
			return nil
		}
	}
}

// lastRound is how long a daemon that is being stopped still tries to deliver what it knows.
const lastRound = 5 * time.Second

// tell delivers what is due, and once more when it is stopped.
func (d *Daemon) tell(ctx context.Context, t *telling, w waker) error {
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRound)
		defer cancel()
		if _, err := t.round(last); err != nil {
			d.o.Logger.Warn("not all was told before the stop; the next start goes on with it", "err", err)
		}
	}()
	for {
		if !sleep(ctx, gather) {
			return nil
		}
		at, err := t.round(ctx)
		if err != nil && ctx.Err() == nil {
			d.o.Logger.Error("the outbox could not be read and is looked at again", "err", err)
			at = d.o.Now().Add(deliverWait)
		}
		if !w.wait(ctx, at, d.o.Now) {
			return nil
		}
	}
}
