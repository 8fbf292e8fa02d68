package file

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/logwright/logwright/agent/incident"
)

// The values of Config.Start.
const (
	StartEnd       = "end"
	StartBeginning = "beginning"
)

// The values of Config.Symlinks.
const (
	SymlinksSameOwner = "same-owner"
	SymlinksFollow    = "follow"
	SymlinksNever     = "never"
)

// The values of Config.Watch.
const (
	WatchAuto    = "auto"
	WatchInotify = "inotify"
	WatchPoll    = "poll"
)

// Defaults for fields of Config that are left at zero.
const (
	DefaultPollInterval = 2 * time.Second
	DefaultMaxLine      = 1 << 20
	DefaultMaxOpen      = 512
	DefaultMaxFiles     = 16384
	DefaultRotatedWait  = time.Minute
	DefaultForgetAfter  = 24 * time.Hour
)

// Config is one source of kind file. Zero values mean the defaults.
type Config struct {
	// Name is the source's name; it goes into gaps and messages.
	Name string `yaml:"name"`
	// Include are glob patterns of absolute paths: "*" stays within one directory, "**" crosses them, "{a,b}" are
	// alternatives. A pattern that is the path of an existing file stands for that file, whatever characters it has.
	Include []string `yaml:"include"`
	// Exclude are patterns of paths to leave out though they are included.
	Exclude []string `yaml:"exclude"`
	// Start says where a file begins that was there before the source was first read: StartEnd (the default) or
	// StartBeginning. Files that appear later are read from their beginning. Once always begins at the beginning.
	Start string `yaml:"start"`
	// Symlinks says which symbolic links are followed: SymlinksSameOwner (the default) follows a link whose target has
	// the same owner as the link, and any link to a directory that root made; SymlinksFollow all; SymlinksNever none.
	Symlinks string `yaml:"symlinks"`
	// Watch says how changes are noticed: WatchAuto (the default) uses inotify where it works and polls elsewhere
	// (network mounts, watch limit reached), WatchInotify says so loudly where inotify can't be had, WatchPoll only polls.
	// Whatever is chosen, everything is looked at again every 15 poll intervals.
	Watch string `yaml:"watch"`
	// PollInterval is the time between two looks at files that can't be watched.
	PollInterval time.Duration `yaml:"poll_interval"`
	// MaxOpen is how many descriptors are held at most; the least recently used is closed and opened again when needed.
	MaxOpen int `yaml:"max_open"`
	// MaxFiles is how many files are followed at most, those that are gone and not forgotten included. Further ones are left
	// alone, which is told.
	MaxFiles int `yaml:"max_files"`
	// RotatedWait is how long a file that was rotated away or deleted must have been quiet before it counts as ended and
	// an unfinished last line is taken for a line. Services write to the old file for some time.
	RotatedWait time.Duration `yaml:"rotated_wait"`
	// ForgetAfter is how long the position of a file that is gone is kept, for the case that the file, or a compressed
	// copy of it, appears again.
	ForgetAfter time.Duration `yaml:"forget_after"`

	// Elsewhere are other sources whose files are left to them, so that a file that two sources include is read once. Of these
	// only Include and Exclude are looked at.
	Elsewhere []Config `yaml:"-"`
	// MaxLine is the length in bytes at which a line is cut (limits.line).
	MaxLine int `yaml:"-"`
	// Once reads every file to its end, compressed files too, and returns: for diagnose and explain.
	Once bool `yaml:"-"`
}

// WithDefaults gives c with the default in place of every zero value.
func (c Config) WithDefaults() Config {
	str := func(p *string, def string) {
		if *p == "" {
			*p = def
		}
	}
	dur := func(p *time.Duration, def time.Duration) {
		if *p == 0 {
			*p = def
		}
	}
	num := func(p *int, def int) {
		if *p == 0 {
			*p = def
		}
	}
	str(&c.Name, "file")
	str(&c.Start, StartEnd)
	str(&c.Symlinks, SymlinksSameOwner)
	str(&c.Watch, WatchAuto)
	dur(&c.PollInterval, DefaultPollInterval)
	dur(&c.RotatedWait, DefaultRotatedWait)
	dur(&c.ForgetAfter, DefaultForgetAfter)
	num(&c.MaxLine, DefaultMaxLine)
	num(&c.MaxOpen, DefaultMaxOpen)
	num(&c.MaxFiles, DefaultMaxFiles)
	return c
}

// Validate lists everything that is wrong with c.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	if len(c.Include) == 0 {
		ps = append(ps, incident.Problemf("include", "no files are included").
			WithHint("name at least one path or pattern, for instance /var/log/**/*.log"))
	}
	globs := func(key string, patterns []string) {
		for i, p := range patterns {
			at := fmt.Sprintf("%s[%d]", key, i)
			switch {
			case p == "":
				ps = append(ps, incident.Problemf(at, "the pattern is empty"))
			case strings.IndexByte(p, 0) >= 0:
				ps = append(ps, incident.Problemf(at, "%q holds a NUL byte, which no path does", p))
			case !doublestar.ValidatePathPattern(p):
				ps = append(ps, incident.Problemf(at, "%q is not a glob", p).
					WithHint(`every "[" needs a "]" and every "{" a "}"; put "\" before one that is meant as it stands`))
			case !c.Once && !filepath.IsAbs(p):
				ps = append(ps, incident.Problemf(at, "%q is not an absolute path", p).
					WithHint("a daemon has no directory of its own; write the path from / on"))
			}
		}
	}
	globs("include", c.Include)
	globs("exclude", c.Exclude)
	oneOf := func(key, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a || value == "" {
				return
			}
		}
		ps = append(ps, incident.Problemf(key, "unknown value %q", value).WithHint("one of %s", strings.Join(allowed, ", ")))
	}
	oneOf("start", c.Start, StartEnd, StartBeginning)
	oneOf("symlinks", c.Symlinks, SymlinksSameOwner, SymlinksFollow, SymlinksNever)
	oneOf("watch", c.Watch, WatchAuto, WatchInotify, WatchPoll)
	if c.PollInterval < 0 || c.PollInterval > 0 && c.PollInterval < 10*time.Millisecond {
		ps = append(ps, incident.Problemf("poll_interval", "%s is too short", c.PollInterval).WithHint("10ms or more; 2s is the default"))
	}
	if c.RotatedWait < 0 {
		ps = append(ps, incident.Problemf("rotated_wait", "%s is negative", c.RotatedWait))
	}
	if c.ForgetAfter < 0 {
		ps = append(ps, incident.Problemf("forget_after", "%s is negative", c.ForgetAfter))
	}
	if c.MaxOpen < 0 {
		ps = append(ps, incident.Problemf("max_open", "%d is negative", c.MaxOpen))
	}
	if c.MaxFiles < 0 {
		ps = append(ps, incident.Problemf("max_files", "%d is negative", c.MaxFiles))
	}
	if c.MaxLine < 0 || c.MaxLine > 0 && c.MaxLine < minMaxLine {
		ps = append(ps, incident.Problemf("", "a line limit of %d bytes is too small", c.MaxLine).WithHint("limits.line: %d or more", minMaxLine))
	}
	return ps
}

// minMaxLine keeps the arithmetic of the reader simple: a cut line always fits a read.
const minMaxLine = 64
