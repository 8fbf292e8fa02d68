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
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify"
)

// ModeObserve is the only mode of this version: everything is watched and diagnosed, nothing is acted on.
const ModeObserve = "observe"

// Config is agent.yaml.
type Config struct {
	// Version is the version of the file's format: 1.
	Version int `yaml:"version"`
	// Mode is ModeObserve.
	Mode string `yaml:"mode"`
	// State is the directory of the store.
	State string `yaml:"state"`
	// KillSwitch is the file whose existence stops every action.
	KillSwitch string          `yaml:"kill_switch"`
	Sources    []Source        `yaml:"sources"`
	Services   []Service       `yaml:"services"`
	Triggers   Triggers        `yaml:"triggers"`
	Clustering Clustering      `yaml:"clustering"`
	Model      Model           `yaml:"model"`
	Redact     Redact          `yaml:"redact"`
	Notify     []notify.Config `yaml:"notify"`
	Limits     Limits          `yaml:"limits"`
	Retention  Retention       `yaml:"retention"`

	// Warnings are what Load found worth saying that is no error: a secret in a file that others can read.
	Warnings []Error `yaml:"-"`

	doc *document
}

// The kinds of sources.
const (
	KindFile    = "file"
	KindJournal = "journal"
)

// Source is one entry of `sources`. Exactly one of File and Journal is set: the one that Kind names.
type Source struct {
	// Name is unique among the sources; cursors are kept under it.
	Name string `yaml:"name"`
	// Kind is KindFile or KindJournal.
	Kind    string   `yaml:"kind"`
	File    *File    `yaml:"-"`
	Journal *Journal `yaml:"-"`
}

// Service says which log lines are about one service, where their unit or file's name does not say it.
type Service struct {
	Name  string `yaml:"name"`
	Match Match  `yaml:"match"`
	// Heartbeat is the longest the service may be silent before an incident is opened; 0 is for ever.
	Heartbeat time.Duration `yaml:"heartbeat"`
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
	// ResolveAfter is how long a cluster must be silent before its incident counts as resolved.
	ResolveAfter time.Duration `yaml:"resolve_after"`
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
		Triggers:   Triggers{Severity: incident.SeverityError, Spike: SpikeAuto, ResolveAfter: 24 * time.Hour},
		Model:      Model{Provider: "offline", Timeout: 60 * time.Second},
		Redact:     Redact{PII: true},
		Limits:     Limits{Memory: 64 << 20, Store: 1 << 30, Line: 1 << 20, Event: 256 << 10, Clusters: 16384},
		Retention:  Retention{Incidents: 90 * 24 * time.Hour, Prompts: 30 * 24 * time.Hour},
	}
}

// Load reads the file at path. The error is an *Errors, or one that wraps why the file could not be read.
func Load(path string, o Options) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data, o)
}

// Parse reads data as Load does; name stands for the file in errors.
func Parse(name string, data []byte, o Options) (*Config, error) {
	return nil, errors.New("reading agent.yaml is not written yet")
}

// ServiceOf gives the service of what is read from file (a path, "-" or "journal") and written by unit (a systemd unit from a
// trusted field, "" where there is none): the operator's match, else the unit without ".service", else the file's stem.
func (c *Config) ServiceOf(file, unit string) string {
	return ""
}
