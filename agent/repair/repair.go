// Package repair makes patches: it finds the code that a stack trace names, asks a model for edits, makes a commit of them in an
// object store of its own, and proves it with the operator's commands in a sandbox.
package repair

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/repair/sandbox"
)

// How a patch comes about, and why so:
//
// A patch is hostile code until it is proven, and the model that wrote it may have read a stranger's log line. So the model
// gives edits as text and nothing else. They are made in memory, refused where they touch what runs before anybody looks
// (protected.go) or weaken a test (reward.go), and become a commit and a diff of our own object store BEFORE anything of
// them runs. Only then are they copied into the sandbox, from which nothing is read back but exit codes and capped output.
//
// What is claimed is what was seen: the operator's commands pass on the base, fail with the change's tests alone, and pass
// with the whole change. The first is the ground, the second says that the test tests the fault, the third that the fix mends
// it. A change that only touches tests proves nothing, whatever passes.

// Config bounds the loop. It has no section in agent.yaml. The zero value of each field means its default.
type Config struct {
	// MaxRounds is how often the model may be asked about one incident. Default 3. The agent lowers it to
	// model.budget.calls_per_incident.
	MaxRounds int `yaml:"-"`
	// MaxFileBytes is how much of one file a prompt shows, MaxSourceBytes how much of all. Defaults 24 KiB and 72 KiB.
	MaxFileBytes   int `yaml:"-"`
	MaxSourceBytes int `yaml:"-"`
	// MaxFiles is how many files a change may touch, MaxLines how many lines it may add and remove together. Defaults 8
	// and 400.
	MaxFiles int `yaml:"-"`
	MaxLines int `yaml:"-"`
}

// The defaults of Config.
const (
	DefaultMaxRounds      = 3
	DefaultMaxFileBytes   = 24 << 10
	DefaultMaxSourceBytes = 72 << 10
	DefaultMaxFiles       = 8
	DefaultMaxLines       = 400
)

// Validate says what is wrong with c.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	for _, f := range []struct {
		path            string
		value, from, to int
	}{
		{"max_rounds", c.MaxRounds, 1, 8},
		{"max_file_bytes", c.MaxFileBytes, 2 << 10, 1 << 20},
		{"max_source_bytes", c.MaxSourceBytes, 4 << 10, 4 << 20},
		{"max_files", c.MaxFiles, 1, 100},
		{"max_lines", c.MaxLines, 1, 10_000},
	} {
		if f.value != 0 && (f.value < f.from || f.value > f.to) {
			ps = append(ps, incident.Problemf(f.path, "%d is not between %d and %d", f.value, f.from, f.to))
		}
	}
	return ps
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		value *int
		def   int
	}{
		{&c.MaxRounds, DefaultMaxRounds}, {&c.MaxFileBytes, DefaultMaxFileBytes}, {&c.MaxSourceBytes, DefaultMaxSourceBytes},
		{&c.MaxFiles, DefaultMaxFiles}, {&c.MaxLines, DefaultMaxLines},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	return c
}

// Runner runs a command that nobody trusts. It is a *sandbox.Sandbox but in tests.
type Runner interface {
	Run(ctx context.Context, j sandbox.Job) (sandbox.Result, error)
}

// Options are what a Repairer needs of others.
type Options struct {
	// Model writes the patches; nil means that none are made.
	Model model.Model
	// Redact takes secrets out of a text. Required.
	Redact func(string) string
	// Sandbox proves them. Where it is nil, SandboxError says why there is none, and no model is asked.
	Sandbox      Runner
	SandboxError error
	// Dir is a directory of our own (state/repair), absolute: object stores, dependencies, and what is there during a run.
	Dir string
	// Now dates commits; nil means time.Now.
	Now func() time.Time
	// Logger takes what an operator should know of; nil means none. No text of a stranger is written to it.
	Logger *slog.Logger
}

// Repairer makes patches. It is safe for concurrent use; one patch is made at a time.
type Repairer struct {
	cfg     Config
	model   model.Model
	redact  func(string) string
	sandbox Runner
	why     error // why there is no sandbox
	dir     string
	now     func() time.Time
	log     *slog.Logger

	turn chan struct{} // holds one token

	mu     sync.Mutex
	passed map[string][]incident.Check // what passed on a base already, by key
}

// New makes a Repairer, and removes what a process that died has left in dir.
func New(cfg Config, o Options) (*Repairer, error) {
	switch {
	case o.Redact == nil:
		return nil, errors.New("repair: Options.Redact is missing: no source may leave unredacted")
	case !filepath.IsAbs(o.Dir):
		return nil, errors.New("repair: Options.Dir is not an absolute path")
	}
	if ps := cfg.Validate(); len(ps) > 0 {
		return nil, errors.New("repair: " + ps[0].Path + ": " + ps[0].Message)
	}
	r := &Repairer{
		cfg: cfg.withDefaults(), model: o.Model, redact: o.Redact, sandbox: o.Sandbox, why: o.SandboxError, dir: o.Dir, now: o.Now,
		log: o.Logger, turn: make(chan struct{}, 1), passed: make(map[string][]incident.Check),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	return r, r.sweep()
}

// Result is what came of one incident.
type Result struct {
	// Change is never nil. With Stopped "" it is a change that is proven: Verified, and Reproduced where a test of it failed
	// without the fix. Else it is an advice, as far as it went: with Commit "" nothing could be made of an answer, with
	// Rounds 0 the model was not even asked.
	Change *incident.Change
	// Why says in Logwright's own words, in one line, what was proven or where it stopped.
	Why string
	// Retry says that asking again later makes sense: not before RetryAfter, where that is not 0.
	Retry      bool
	RetryAfter time.Duration
}
