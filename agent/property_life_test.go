package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/store"
)

var services = []string{"app", "web", "db"}

// life is a daemon that is started, stopped, killed and started again over one world.
type life struct {
	*house
	ctx    context.Context
	r      *rand.Rand
	offset atomic.Int64
	config rules
	people map[string]incident.Approval
	world  *fakeWorld
	tally  map[string]int
	notes  []string
	// bodies counts the daemons that were started; stateDir is where the one that lives keeps its state.
	bodies   int
	stateDir string
}

// rules are a configuration as the test knows it.
type rules struct {
	text        string
	mode        string
	rules       []policy.Rule
	limits      []policy.Limit
	open        int
	approvalFor time.Duration
}

func newLife(t *testing.T, seed uint64) *life {
	w := &life{
		house: newHouse(t, ""), ctx: context.Background(), r: rand.New(rand.NewPCG(seed, 5)), people: map[string]incident.Approval{}, tally: map[string]int{},
	}
	w.world = &fakeWorld{life: w, r: rand.New(rand.NewPCG(seed, 6))}
	w.stateDir = filepath.Join(w.dir, "state")
	w.configure()
	w.startDaemon()
	return w
}

func (w *life) now() time.Time { return time.Now().Add(time.Duration(w.offset.Load())) }

func (w *life) chance(percent int) bool { return w.r.IntN(100) < percent }

func (w *life) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.story())
	}
}

func (w *life) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf("%s (%s) ", time.Now().UTC().Format("15:04:05"), w.now().UTC().Format("15:04:05"))+fmt.Sprintf(format, args...))
}

func (w *life) story() string { return strings.Join(w.notes, "\n") }

func (w *life) fault(format string, args ...any) { w.world.fault(format, args...) }

func (w *life) faults() []string {
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	return slices.Clone(w.world.faults)
}

// configure makes random rules.
func (w *life) configure() {
	limit := func() policy.Limit {
		l := policy.Limit{Per: []string{"service", "cluster", "action", "rule", "all"}[w.r.IntN(5)]}
		if w.chance(60) {
			l.Count, l.Within = 1+w.r.IntN(3), time.Duration(1+w.r.IntN(60))*time.Minute
		}
		if l.Count == 0 || w.chance(40) {
			l.Cooldown = time.Duration(10+w.r.IntN(600)) * time.Second
		}
		return l
	}
	c := rules{mode: "enforce", open: 1 + w.r.IntN(3), approvalFor: time.Duration(1+w.r.IntN(20)) * time.Minute}
	if w.chance(10) {
		c.mode = "observe"
	}
	whens := []string{`kind == "remediation"`, `kind == "pull-request"`, `service == "app"`}
	w.r.Shuffle(len(whens), func(i, j int) { whens[i], whens[j] = whens[j], whens[i] })
	whens = append(whens[:w.r.IntN(3)], "true")
	for i, when := range whens {
		r := policy.Rule{Name: fmt.Sprintf("r%d", i), When: when, Then: []string{"allow", "allow", "allow", "ask", "ask", "deny"}[w.r.IntN(6)]}
		if w.chance(8) {
			r.Mode = "observe"
		}
		if r.Then != "deny" && w.chance(40) {
			r.Limit = limit()
		}
		c.rules = append(c.rules, r)
	}
	for range w.r.IntN(2) {
		c.limits = append(c.limits, limit())
	}
	var b strings.Builder
	write := func(l policy.Limit) string {
		s := "{per: " + l.Per
		if l.Count > 0 {
			s += fmt.Sprintf(", count: %d, within: %s", l.Count, l.Within)
		}
		if l.Cooldown > 0 {
			s += fmt.Sprintf(", cooldown: %s", l.Cooldown)
		}
		return s + "}"
	}
	fmt.Fprintf(&b, "mode: %s\nkill_switch: %s\npolicy:\n  open_pull_requests: %d\n  approval_for: %s\n  ask_for: %s\n  rules:\n",
		c.mode, w.switchFile(), c.open, c.approvalFor, time.Duration(1+w.r.IntN(120))*time.Minute)
	for _, r := range c.rules {
		fmt.Fprintf(&b, "  - {name: %s, when: '%s', then: %s", r.Name, r.When, r.Then)
		if r.Mode != "" {
			fmt.Fprintf(&b, ", mode: %s", r.Mode)
		}
		if r.Limit != (policy.Limit{}) {
			fmt.Fprintf(&b, ", limit: %s", write(r.Limit))
		}
		b.WriteString("}\n")
	}
	b.WriteString("  limits: [")
	for i, l := range c.limits {
		b.WriteString(strings.Repeat(", ", min(i, 1)) + write(l))
	}
	b.WriteString("]\nremediations:\n")
	for _, s := range services {
		fmt.Fprintf(&b, "- {name: mend-%s, description: mends it, risk: low, reversible: true, mends: {services: [%[1]s], categories: [unknown, dependency, network, "+
			"resource-exhaustion, data, code-bug, configuration]}, params: {who: {enum: [%[1]s], target: service}}, run: [/bin/true, '%d', '{who}'], undo: [/bin/true], "+
			"timeout: 90s, verify: {silence: %s}}\n", s, w.r.IntN(2), time.Duration(5+w.r.IntN(90))*time.Second)
	}
	b.WriteString("services:\n")
	for _, s := range services {
		fmt.Fprintf(&b, "- {name: %s, match: {files: [%s]}}\n", s, filepath.Join(w.dir, s+".log"))
	}
	c.text = b.String()
	w.config = c
	w.write2()
}

// write2 puts the configuration together with where its state is.
func (w *life) write2() {
	w.yaml = fmt.Sprintf("version: 1\nstate: %s\nsources:\n- {name: files, kind: file, include: [%s], start: beginning, watch: poll, poll_interval: 1s}\n%s",
		w.stateDir, filepath.Join(w.dir, "*.log"), w.config.text+"notify: [{name: out, kind: stdout}]\n")
}

func (w *life) switchFile() string { return filepath.Join(w.dir, "stop") }

// stopped says whether the kill switch is on.
func (w *life) stopped() bool {
	w.world.mu.Lock()
	defer w.world.mu.Unlock()
	return !w.world.stoppedAt.IsZero()
}

func (w *life) turnSwitch() {
	synctest.Wait()
	if w.stopped() {
		w.world.turn(time.Time{})
		w.must(Resume(w.ctx, w.d.st, w.switchFile(), "user:ann", "go on"))
		w.note("resumed")
		return
	}
	w.tally["stops"]++
	switch w.r.IntN(3) {
	case 0:
		w.must(os.WriteFile(w.switchFile(), nil, 0o600))
	case 1:
		w.must(w.d.st.Update(w.ctx, func(tx *store.Tx) error { return tx.SetStopped(true, "user:ann", "a test") }))
	default:
		w.must(StopAll(w.ctx, w.d.st, w.switchFile(), "user:ann", "a test"))
	}
	w.world.turn(time.Now())
	w.note("stopped")
}

// startDaemon starts a daemon whose executors are the fake world.
func (w *life) startDaemon() {
	w.t.Helper()
	w.bodies++
	body := w.bodies
	w.world.born(body)
	w.write2()
	load := func() (*config.Config, error) {
		return config.Parse("agent.yaml", []byte(w.yaml), config.Options{Daemon: true})
	}
	cfg, err := load()
	w.must(err)
	ctx, cancel := context.WithCancel(w.ctx)
	d, err := NewDaemon(ctx, cfg, Options{
		Stdout: w.out, Logger: slog.New(slog.NewTextHandler(w.log, nil)), Now: w.now, Load: load,
		Fault: func(point string) { w.world.point(body, point) },
	})
	w.must(err)
	d.tweak = func(a *acts) {
		e := fakeExecutor{w.world, body}
		a.executors = map[incident.ProposalKind]Executor{incident.KindRemediation: e, incident.KindPullRequest: e}
	}
	w.d = d
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	w.stop = func() {
		w.stop = nil
		cancel()
		if err := <-done; err != nil {
			w.fault("the daemon ended: %v", err)
		}
		w.must(d.Close())
	}
}

func (w *life) stopDaemon() {
	if w.stop != nil {
		w.stop()
	}
}

func (w *life) restart() {
	w.note("restart")
	w.tally["restarts"]++
	w.stopDaemon()
	if w.chance(30) {
		w.configure()
	}
	if w.chance(50) {
		advance(time.Duration(w.r.IntN(300)) * time.Second)
	}
	w.startDaemon()
}

// deaths are the points at which a daemon may die; two of them are the executor's.
var deaths = []string{"after-intent", "begun", "done", "after-execute", "after-outcome", "after-undo-intent", "after-undo"}

// armCrash has the daemon die at a point that it may come to.
func (w *life) armCrash() {
	at := deaths[w.r.IntN(len(deaths))]
	w.world.arm(at)
	w.note("to die at %s", at)
	w.fail()
}

// recover starts a daemon that died again, from what was on disk when it did.
func (w *life) recover() {
	dir := w.world.corpse()
	if dir == "" {
		return
	}
	w.tally["crashes"]++
	w.note("it is dead; it goes on from %s", filepath.Base(dir))
	w.stopDaemon()
	w.stateDir = dir
	w.startDaemon()
	advance(time.Second)
}

var errCopied = errors.New("copied")

// copyState copies the state as it is on disk now, in a moment in which nobody writes.
func copyState(ctx context.Context, st *store.Store, from, to string) error {
	err := st.Update(ctx, func(*store.Tx) error {
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		files, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !strings.HasPrefix(f.Name(), "logwright.db") || strings.HasSuffix(f.Name(), "-shm") {
				continue
			}
			b, err := os.ReadFile(filepath.Join(from, f.Name()))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, f.Name()), b, 0o600); err != nil {
				return err
			}
		}
		return errCopied
	})
	if errors.Is(err, errCopied) {
		return nil
	}
	return err
}

// fakeWorld is what is acted on. It outlives every daemon, counts, and judges.
type fakeWorld struct {
	life *life

	mu        sync.Mutex
	r         *rand.Rand
	did       []deed
	live      int            // the daemon that lives
	busy      map[string]int // by service, the daemon that does something for it
	armed     string
	dead      string // the state of a daemon that died, until it is started again
	stoppedAt time.Time
	calmed    bool
	faults    []string
}

// deed is one call of an executor.
type deed struct {
	p       incident.Proposal
	rule    string
	at      time.Time // by the clock that decisions go by
	undo    bool
	skipped bool
	closed  bool
}

func (f *fakeWorld) fault(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

func (f *fakeWorld) born(body int) {
	f.mu.Lock()
	f.live, f.dead, f.armed = body, "", ""
	f.mu.Unlock()
}
func (f *fakeWorld) arm(point string)    { f.mu.Lock(); f.armed = point; f.mu.Unlock() }
func (f *fakeWorld) calm()               { f.mu.Lock(); f.calmed, f.armed = true, ""; f.mu.Unlock() }
func (f *fakeWorld) turn(at time.Time)   { f.mu.Lock(); f.stoppedAt = at; f.mu.Unlock() }
func (f *fakeWorld) corpse() string      { f.mu.Lock(); defer f.mu.Unlock(); return f.dead }
func (f *fakeWorld) alive(body int) bool { f.mu.Lock(); defer f.mu.Unlock(); return f.live == body }

func (f *fakeWorld) close(proposal string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.did {
		if f.did[i].p.ID == proposal {
			f.did[i].closed = true
		}
	}
}

// point is where the daemon may die: its state stays as it is on disk, and whatever it does from then on does not happen.
func (f *fakeWorld) point(body int, name string) {
	if !slices.Contains(deaths, name) {
		return // the ingest has points within its transactions
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.live != body || f.armed != name {
		return
	}
	f.armed, f.live = "", 0
	dir := filepath.Join(f.life.dir, fmt.Sprintf("state-%d", body))
	if err := copyState(context.Background(), f.life.d.st, f.life.stateDir, dir); err != nil {
		f.faults = append(f.faults, fmt.Sprintf("the state could not be copied: %v", err))
		return
	}
	f.dead = dir
}
