package events

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Config says how the lines of one stream are joined and read. The zero Config is sane: everything is found out.
type Config struct {
	// Format is FormatAuto (or ""), or the one format that the stream has; then no other reader is tried. Wrappers
	// (container, syslog) are taken off in any case where Format names the format of what they hold.
	Format string `yaml:"format"`
	// EventStart is a regular expression (RE2). Where it is set, exactly the lines it matches start an event, and nothing
	// else is considered. It is tried on the line as it stands and on the line without its container or syslog prefix.
	EventStart string `yaml:"event_start"`

	// MaxLine is the most bytes of a line that are looked at; the rest is cut off. 0 means 1 MiB.
	MaxLine int `yaml:"-"`
	// MaxEvent is the most bytes of text kept of one event: the first three quarters and the last one, since some
	// languages print what matters at the end. Its lines are still counted. 0 means 256 KiB.
	MaxEvent int `yaml:"-"`
	// MaxPending is the most bytes of text held over all unfinished events of the stream; beyond it the oldest is
	// finished as it is. 0 means 1 MiB.
	MaxPending int `yaml:"-"`

	// Explain has Record.Steps say how each event was read. It costs time and memory, and changes nothing else.
	Explain bool `yaml:"-"`

	// Location is what times without a zone are in, nil for UTC.
	Location *time.Location `yaml:"-"`
	// Reference is when the lines were read or written at the latest: times without a year are put into the twelve
	// months before it (a day of clock skew allowed). SetReference moves it. Where it is the zero Time and a line has
	// no Time of its own either, an event whose header has no year has no Time.
	Reference time.Time `yaml:"-"`
}

// The names of the formats, as they stand in Config.Format and Record.Format.
const (
	FormatAuto     = "auto"
	FormatJSON     = "json"     // an object a line, of any of the usual loggers
	FormatLogfmt   = "logfmt"   // key=value key="value"
	FormatSyslog   = "syslog"   // RFC 3164, RFC 5424, rsyslog's ISO form, journalctl's short form and its JSON
	FormatKlog     = "klog"     // glog and Kubernetes: E0102 15:04:05.000000 123 file.go:12] message
	FormatAccess   = "access"   // common and combined access logs
	FormatDocker   = "docker"   // Docker's json-file driver, where nothing was recognised inside
	FormatCRI      = "cri"      // containerd and CRI-O, where nothing was recognised inside
	FormatKernel   = "kernel"   // [12345.678901] message
	FormatPostgres = "postgres" // PostgreSQL's stderr format
	FormatRedis    = "redis"    // 1:M 02 Jan 2024 15:04:05.000 # message
	FormatText     = "text"     // any other text, with or without a header
)

var formats = []string{
	FormatAuto, FormatJSON, FormatLogfmt, FormatSyslog, FormatKlog, FormatAccess, FormatDocker, FormatCRI, FormatKernel,
	FormatPostgres, FormatRedis, FormatText,
}

const (
	defaultMaxLine    = 1 << 20
	defaultMaxEvent   = 256 << 10
	defaultMaxPending = 1 << 20
)

// Validate reports everything that is wrong with c.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	if c.Format != "" && !slices.Contains(formats, c.Format) {
		ps = append(ps, incident.Problemf("format", "unknown format %q", c.Format).
			WithHint("one of %s", strings.Join(formats, ", ")))
	}
	if c.EventStart != "" {
		if re, err := regexp.Compile(c.EventStart); err != nil {
			ps = append(ps, incident.Problemf("event_start", "%v", err).
				WithHint("write a regular expression in RE2 syntax that matches the first line of an event, such as '^\\d{4}-'"))
		} else if re.MatchString("") {
			ps = append(ps, incident.Problemf("event_start", "%q matches the empty line, so every line would start an event", c.EventStart).
				WithHint("anchor it to what only a first line has, such as '^\\d{4}-'"))
		}
	}
	for _, l := range []struct {
		name string
		n    int
	}{{"max_line", c.MaxLine}, {"max_event", c.MaxEvent}, {"max_pending", c.MaxPending}} {
		if l.n < 0 {
			ps = append(ps, incident.Problemf(l.name, "%d is negative", l.n))
		}
	}
	return ps
}

// normal gives c with the defaults filled in, and its EventStart compiled.
func (c Config) normal() (Config, *regexp.Regexp, error) {
	if ps := c.Validate(); len(ps) > 0 {
		return c, nil, fmt.Errorf("events: %s: %s", ps[0].Path, ps[0].Message)
	}
	if c.Format == "" {
		c.Format = FormatAuto
	}
	if c.MaxLine == 0 {
		c.MaxLine = defaultMaxLine
	}
	if c.MaxEvent == 0 {
		c.MaxEvent = defaultMaxEvent
	}
	if c.MaxPending == 0 {
		c.MaxPending = defaultMaxPending
	}
	var re *regexp.Regexp
	if c.EventStart != "" {
		re = regexp.MustCompile(c.EventStart) // Validate compiled it already
	}
	return c, re, nil
}
