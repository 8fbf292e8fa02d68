// Package config reads agent.yaml. It knows every key of the file, gives each a default, and reports everything that is
// wrong at once, each with its place in the file and what to do about it.
//
// The sections belong to the packages that use them: those own the Config struct (with `yaml` tags) and its Validate;
// this package maps YAML to the structs and the Problems of Validate back to file:line:column.
//
// Two rules make a configuration trustworthy. Nothing is ever ignored: a key that is not known, or not yet possible in
// this version, is an error. And a file with an error is refused as a whole: there is no falling back to defaults.
package config

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/notify"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/repair"
	"github.com/logwright/logwright/agent/repair/sandbox"
	"github.com/logwright/logwright/collectors/events"
	"github.com/logwright/logwright/collectors/file"
	"github.com/logwright/logwright/collectors/journal"
	"github.com/logwright/logwright/remediations"
)

// The modes.
const (
	// ModeObserve decides and records everything as "would have", and does nothing.
	ModeObserve = "observe"
	// ModeEnforce does what the policy allows.
	ModeEnforce = "enforce"
)

// Config is agent.yaml.
type Config struct {
	// Version is the version of the file's format: 1.
	Version int `yaml:"version"`
	// Mode is ModeObserve or ModeEnforce.
	Mode string `yaml:"mode"`
	// State is the directory of the store.
	State string `yaml:"state"`
	// KillSwitch is the file whose existence stops every action.
	KillSwitch string         `yaml:"kill_switch"`
	Sources    []Source       `yaml:"sources"`
	Services   []Service      `yaml:"services"`
	Triggers   Triggers       `yaml:"triggers"`
	Clustering cluster.Config `yaml:"clustering"`
	Model      model.Config   `yaml:"model"`
	Redact     redact.Config  `yaml:"redact"`
	// Sandbox is where patches are tried out, Policy what decides on every action, Remediations what may be run, and Forge
	// where pull requests go.
	Sandbox      sandbox.Config        `yaml:"sandbox"`
	Policy       policy.Config         `yaml:"policy"`
	Remediations []remediations.Config `yaml:"remediations"`
	Forge        github.Config         `yaml:"forge"`
	Notify       []notify.Config       `yaml:"notify"`
	Limits       Limits                `yaml:"limits"`
	Retention    Retention             `yaml:"retention"`

	// Warnings are what was found worth saying that is no error: a secret in a file that others can read, a rule that can
	// never decide anything.
	Warnings []Error `yaml:"-"`

	file    string
	at      map[string]place
	fromEnv map[string]envValue
}

// The kinds of sources.
const (
	KindFile    = "file"
	KindJournal = "journal"
)

// Source is one entry of `sources`. Exactly one of File and Journal is set: the one that Kind names. Their Name and MaxLine are
// filled in.
type Source struct {
	// Name is unique among the sources; cursors are kept under it.
	Name string `yaml:"name"`
	// Kind is KindFile or KindJournal.
	Kind    string          `yaml:"kind"`
	File    *file.Config    `yaml:"-"`
	Journal *journal.Config `yaml:"-"`
	// Events says how the source's lines are read; its keys belong to sources of kind file. Its limits are filled in.
	Events events.Config `yaml:"-"`
}

// Service says which log lines are about one service, where their unit or file's name does not say it.
type Service struct {
	Name  string `yaml:"name"`
	Match Match  `yaml:"match"`
	// Heartbeat is the longest the service may be silent before an incident is opened; 0 is for ever.
	Heartbeat time.Duration `yaml:"heartbeat"`
	// Repository is where the service's code is; nil is none, and then no patch is made.
	Repository *repair.Repository `yaml:"repository"`
}

// Match names the streams of a service. A line is the service's if any of the three matches.
type Match struct {
	// Units are systemd units; a name without a suffix means a .service; `*` and `?` are allowed.
	Units []string `yaml:"units"`
	// Files are globs of absolute paths; `**` crosses directories.
	Files []string `yaml:"files"`
	// Containers are names or ids as they stand in the paths of container logs (see ServiceOf).
	Containers []string `yaml:"containers"`
}

// Values of Triggers.Spike.
const (
	SpikeAuto = "auto"
	SpikeOff  = "off"
)

// Triggers says when an incident is opened and closed.
type Triggers struct {
	// Severity is the least an event must have to count as a problem.
	Severity incident.Severity `yaml:"severity"`
	// Spike is SpikeAuto (far more events than the cluster's own baseline) or SpikeOff.
	Spike string `yaml:"spike"`
	// Mix is SpikeAuto (far more of a service's lines than usual are warnings or worse) or SpikeOff.
	Mix string `yaml:"mix"`
	// HTTP says how many requests may be answered with 5xx.
	HTTP HTTPTrigger `yaml:"http"`
	// ResolveAfter is how long a cluster must be silent before its incident counts as resolved.
	ResolveAfter time.Duration `yaml:"resolve_after"`
}

// HTTPTrigger says from where on requests that are answered with 5xx open an incident: so many in five minutes that are at least
// such a part of the service's requests.
type HTTPTrigger struct {
	// Failures is 0 for never.
	Failures int     `yaml:"failures"`
	Percent  float64 `yaml:"percent"`
}

// Limits bound what Logwright itself may use, in bytes but for Clusters.
type Limits struct {
	// Memory bounds what is held of logs: pending lines, samples, clusters.
	Memory int64 `yaml:"memory" unit:"bytes"`
	// Store bounds the size of the store on disk.
	Store int64 `yaml:"store" unit:"bytes"`
	// Line and Event bound one line and one event; what is longer is cut and marked so.
	Line  int64 `yaml:"line" unit:"bytes"`
	Event int64 `yaml:"event" unit:"bytes"`
	// Clusters is how many clusters are kept; the least recently seen make room.
	Clusters int `yaml:"clusters"`
}

// Retention is how long things are kept.
type Retention struct {
	Incidents time.Duration `yaml:"incidents"`
	Prompts   time.Duration `yaml:"prompts"`
}

// Options is what reading needs from outside.
type Options struct {
	// Env looks up an environment variable for ${VAR}. Nil is os.LookupEnv.
	Env func(string) (string, bool)
	// Daemon says that the file is for `run`: it must name a source.
	Daemon bool
}

// Default is what the one-shot commands use where there is no file: no sources, no model, standard output.
func Default() *Config {
	return &Config{
		Version:    1,
		Mode:       ModeObserve,
		State:      "/var/lib/logwright",
		KillSwitch: "/run/logwright/stop",
		Triggers: Triggers{
			Severity: incident.SeverityError, Spike: SpikeAuto, Mix: SpikeAuto,
			HTTP: HTTPTrigger{Failures: 5, Percent: 1}, ResolveAfter: 24 * time.Hour,
		},
		Clustering: cluster.Config{MaxClusters: cluster.DefaultMaxClusters},
		Model:      model.DefaultConfig(),
		Redact:     redact.Config{PII: true},
		Sandbox:    sandbox.DefaultConfig(),
		Policy:     policy.DefaultConfig(),
		Forge:      github.DefaultConfig(),
		Limits:     Limits{Memory: 64 << 20, Store: 1 << 30, Line: 1 << 20, Event: 256 << 10, Clusters: cluster.DefaultMaxClusters},
		Retention:  Retention{Incidents: 90 * 24 * time.Hour, Prompts: 30 * 24 * time.Hour},
	}
}

// Load reads the file at path. The error is an *Errors, or wraps why the file could not be read.
func Load(path string, o Options) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("configuration: %s is a directory; name the file agent.yaml itself", path)
	}
	// One byte more than is taken, so that Parse sees that the file is too large.
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c, err := Parse(path, data, o)
	if err != nil {
		return nil, err
	}
	c.Warnings = append(c.Warnings, c.exposed(info.Mode())...)
	return c, nil
}

// Parse reads data as Load does; name stands for the file in errors.
func Parse(name string, data []byte, o Options) (*Config, error) {
	env := o.Env
	if env == nil {
		env = os.LookupEnv
	}
	d := newDecoder(name, env)
	root := parseYAML(data, func(at place, message, hint string) { d.bad(at, "", message, hint) })
	if len(d.errs) > 0 {
		return nil, d.failed()
	}
	if root == nil {
		d.bad(place{1, 1}, "", "the file is empty", "begin with version: 1 and sources; the agent.yaml that comes with Logwright explains every key")
		return nil, d.failed()
	}
	c := Default()
	c.file, c.at, c.fromEnv = name, d.at, d.fromEnv
	d.decode(root, c)
	if d.wrong[""] || d.steps >= maxSteps { // not even a mapping, or not read to its end
		return nil, d.failed()
	}
	c.resolve()
	d.check(c, root.get("version") != nil, o)
	if len(d.errs) > 0 {
		return nil, d.failed()
	}
	c.Warnings = c.idle()
	return c, nil
}

// resolve fills in what the sections of other packages take from elsewhere in the file.
func (c *Config) resolve() {
	c.Clustering.MaxClusters = c.Limits.Clusters
	for i := range c.Sources {
		s := &c.Sources[i]
		s.Events.MaxLine, s.Events.MaxEvent = int(c.Limits.Line), int(c.Limits.Event)
		if s.File != nil {
			s.File.Name, s.File.MaxLine = s.Name, int(c.Limits.Line)
			// A file that two sources include is the first one's: counted once, and by that one's settings.
			for _, before := range c.Sources[:i] {
				if before.File != nil {
					s.File.Elsewhere = append(s.File.Elsewhere, file.Config{Include: before.File.Include, Exclude: before.File.Exclude})
				}
			}
		}
		if s.Journal != nil {
			s.Journal.Name, s.Journal.MaxLine = s.Name, int(c.Limits.Line)
		}
	}
}

// Locate gives a Problem found later (a directory that can't be made, a source that can't be opened) its place in the
// file.
func (c *Config) Locate(p incident.Problem) Error {
	at := nearestPlace(c.at, p.Path)
	return Error{File: c.file, Line: at.line, Column: at.column, Path: p.Path, Message: p.Message, Hint: p.Hint}
}
