// Package demo shows the whole loop on a small service that really runs and really breaks: `logwright demo`.
//
// What is real: the service and its processes, its traffic, its logs, its git repository; the daemon of `logwright run` with an
// agent.yaml as any operator's; the sandbox, the gate, the pull request of the local forge, the restart. What is not, unless a model is
// named: the model's answers, which are authored (authored.go) and say so wherever they show.
//
// The demo itself only looks. A step is ok where what it claims was seen in the store, in a file, in the repository or in a process,
// and not because the step before went well.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/store"
)

// Schema names the form of Report as JSON; it is docs/schemas/demo-1.json.
const Schema = "logwright/demo/1"

// keyVariable is the environment variable that a model's key is taken from.
const keyVariable = "LOGWRIGHT_API_KEY"

// silence is how long the stuck mailer's error has to stay away.
const silence = 12 * time.Second

// Options say where, and who answers.
type Options struct {
	// Dir is a directory that is not there or is empty; "" is a temporary one, which is removed when all went well.
	Dir string
	// Model is asked; the zero Endpoint means authored answers. Its key is not written to agent.yaml.
	Model model.Endpoint
	// Progress hears what is seen, as text for people. It is required.
	Progress io.Writer

	breakage breakage
}

// breakage is for tests: what does not go as it should.
type breakage struct {
	patch   string   // the authored patch
	restart []string // what the remediation runs
	observe bool     // the configuration observes
}

// Report is what a demo came to.
type Report struct {
	Schema string `json:"schema"`
	// OK says that every step is.
	OK bool `json:"ok"`
	// Source is who answered where a model is asked: the model's name, or "authored".
	Source string `json:"source"`
	// Dir is where everything lies; Kept says that it is still there.
	Dir  string `json:"dir"`
	Kept bool   `json:"kept"`
	// Seconds is how long it took, the building of the service included.
	Seconds float64 `json:"seconds"`
	Steps   []Step  `json:"steps"`
}

// Step is one thing that was to be seen.
type Step struct {
	Name string `json:"name"`
	// OK says that it was seen. Detail says what was, or what was instead.
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Run runs the demo. The error says why it could not be run at all, with a *NeedError where something is to be installed; what
// did not go as it should is in the Report.
func Run(ctx context.Context, o Options) (*Report, error) {
	begun := time.Now()
	if err := tools(); err != nil {
		return nil, err
	}
	p, temporary, err := newPlace(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &show{o: o, p: p, begun: begun, report: &Report{Schema: Schema, Source: o.source(), Dir: p.dir, Steps: []Step{}}}
	err = s.run(ctx)
	r := s.report
	r.Seconds = time.Since(begun).Round(100 * time.Millisecond).Seconds()
	r.OK = err == nil && len(r.Steps) > 0
	for _, step := range r.Steps {
		r.OK = r.OK && step.OK
	}
	r.Kept = !temporary
	if temporary {
		if len(r.Steps) > 0 && !r.OK && ctx.Err() == nil {
			r.Kept = true // for people to look at
		} else if rm := p.remove(); rm != nil && err == nil {
			err = rm
		}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (o Options) source() string {
	if o.Model.Name == "" {
		return authoredName
	}
	return o.Model.Name
}

// show is a demo that runs.
type show struct {
	o       Options
	p       place
	begun   time.Time
	cfg     *config.Config
	st      *store.Store
	service *service
	traffic *traffic
	daemon  *daemon
	report  *Report
}

// run prepares everything, watches, and leaves no process behind.
func (s *show) run(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	svc, err := startService(ctx, s.p)
	if err != nil {
		return fmt.Errorf("the service does not run: %w", err)
	}
	s.service = svc
	defer svc.stop()
	if s.daemon, err = startDaemon(ctx, s.p, s.cfg, s.transport()); err != nil {
		return err
	}
	defer func() { _ = s.daemon.stop() }()
	if s.st, err = store.Open(ctx, s.p.state(), store.Options{}); err != nil {
		return err
	}
	defer s.st.Close()
	s.traffic = startTraffic(ctx, svc)
	defer s.traffic.stop()
	s.watch(ctx)
	return ctx.Err()
}

// prepare makes all that is there before the service breaks.
func (s *show) prepare(ctx context.Context) error {
	var err error
	if s.cfg, err = s.p.configure(s.o); err != nil {
		return err
	}
	if err := walls(ctx, s.cfg.Sandbox, s.say, s.o.Progress); err != nil {
		return err
	}
	s.say("In %s: a git repository of a small shop with two faults, its service, its logs, an agent.yaml.", s.p.dir)
	if err := s.p.makeRepository(ctx); err != nil {
		return err
	}
	s.say("Building the shop (go build).")
	return s.p.build(ctx)
}

// transport carries what is asked of a model; nil is the network.
func (s *show) transport() http.RoundTripper {
	if s.o.Model.Name != "" {
		return nil
	}
	a := authored{patch: authoredPatch, stranger: s.strangersArgument()}
	if s.o.breakage.patch != "" {
		a.patch = s.o.breakage.patch
	}
	return a
}

// say tells people something.
func (s *show) say(format string, args ...any) {
	s.print("        ", fmt.Sprintf(format, args...))
}

func (s *show) print(head, text string) {
	text = incident.Printable(text)
	at := fmt.Sprintf("%5.1fs ", time.Since(s.begun).Seconds()) // as wide as the blanks below
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if n > 0 {
			at, head = "       ", "        "
		}
		fmt.Fprintf(s.o.Progress, "%s%s%s\n", at, head, line)
	}
}

// step looks at one thing, after those that it needs.
func (s *show) step(ctx context.Context, name string, needs []string, look func() (string, error)) {
	if ctx.Err() != nil {
		return
	}
	step := Step{Name: name}
	for _, n := range needs {
		for _, before := range s.report.Steps {
			if before.Name == n && !before.OK && step.Detail == "" {
				step.Detail = "not reached: " + n + " is not ok"
			}
		}
	}
	if step.Detail == "" {
		detail, err := look()
		step.OK = err == nil
		switch {
		case err == nil:
			step.Detail = detail
		case detail != "":
			step.Detail = err.Error() + ": " + detail
		default:
			step.Detail = err.Error()
		}
	}
	if ctx.Err() != nil {
		return // it was interrupted: that says nothing of the step
	}
	step.Detail = incident.PrintableLine(step.Detail)
	s.report.Steps = append(s.report.Steps, step)
	mark := "  ok    "
	if !step.OK {
		mark = "  FAILED"
	}
	s.print(mark, fmt.Sprintf("%2d %-13s %s", len(s.report.Steps), name, step.Detail))
	if !step.OK {
		s.say("The daemon's log is %s", s.p.daemonLog())
	}
}

// daemon is `logwright run` in this process.
type daemon struct {
	d      *agent.Daemon
	end    context.CancelFunc
	done   chan error
	log    *os.File
	told   *os.File
	ended  bool
	result error
}

func startDaemon(ctx context.Context, p place, cfg *config.Config, transport http.RoundTripper) (_ *daemon, err error) {
	d := &daemon{done: make(chan error, 1)}
	if d.log, err = os.Create(p.daemonLog()); err != nil {
		return nil, err
	}
	if d.told, err = os.Create(p.told()); err != nil {
		return nil, errors.Join(err, d.log.Close())
	}
	ready := make(chan struct{}, 1)
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	d.end = end
	d.d, err = agent.NewDaemon(work, cfg, agent.Options{
		Stdout: d.told, Logger: slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Transport: transport,
		Ready: func() { ready <- struct{}{} },
	})
	if err != nil {
		end()
		return nil, errors.Join(err, d.log.Close(), d.told.Close())
	}
	go func() { d.done <- d.d.Run(work) }()
	select {
	case <-ready:
		return d, nil
	case err := <-d.done:
		d.done <- err
		return nil, errors.Join(fmt.Errorf("the daemon: %w", errors.Join(err)), d.stop())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), d.stop())
	}
}

// stop ends the daemon in order, as SIGTERM does, and gives what it ended with.
func (d *daemon) stop() error {
	if !d.ended {
		d.ended = true
		d.end()
		d.result = errors.Join(<-d.done, d.d.Close(), d.log.Close(), d.told.Close())
	}
	return d.result
}
