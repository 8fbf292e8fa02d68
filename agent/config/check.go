package config

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify"
)

// nameText is what names of sources, services and notifiers are made of: a service's name stands in incident titles, and those
// are shown everywhere as they are.
var nameText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@:-]{0,63}$`)

// check validates what was decoded and reports it in places of the file. Keys that have an error already are left alone.
func (d *decoder) check(c *Config, hasVersion bool, o Options) {
	d.problems("", c.basics(hasVersion))
	d.problems("", c.sources(o.Daemon))
	d.problems("", c.services())
	d.problems("", c.notifiers())
	d.problems("triggers", c.Triggers.validate())
	d.problems("limits", c.Limits.validate())
	d.problems("retention", c.Retention.validate())
	for _, p := range incident.Under("clustering", c.Clustering.Validate()) {
		if p.Path == "clustering.max_clusters" {
			p.Path, p.Hint = "limits.clusters", fmt.Sprintf("%d is the default", Default().Limits.Clusters)
		}
		d.problems("", []incident.Problem{p})
	}
	d.problems("model", c.Model.Validate())
	d.problems("redact", c.Redact.Validate())
	d.acting(c)
}

// problems reports what a section's Validate found.
func (d *decoder) problems(section string, ps []incident.Problem) {
	if section != "" {
		ps = incident.Under(section, ps)
	}
	for _, p := range ps {
		// What is said of a section as a whole rests on keys that could not be read.
		if d.known(p.Path) || d.broken(p.Path) {
			continue
		}
		d.add(nearestPlace(d.at, p.Path), p.Path, p.Message, p.Hint)
	}
}

// known says whether the key, or a section it lies in, has an error of its own already.
func (d *decoder) known(path string) bool {
	for p := path; p != ""; p = parent(p) {
		if d.wrong[p] {
			return true
		}
	}
	return false
}

// broken says whether anything within the section has an error.
func (d *decoder) broken(path string) bool {
	for p := range d.wrong {
		if rest, ok := strings.CutPrefix(p, path); ok && path != "" && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// nearestPlace gives where a key stands, or the nearest section around it that is there.
func nearestPlace(at map[string]place, path string) place {
	for p := path; p != ""; p = parent(p) {
		if pl, ok := at[p]; ok {
			return pl
		}
	}
	return place{1, 1}
}

// parent cuts the last step off a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func (c *Config) basics(hasVersion bool) []incident.Problem {
	var ps []incident.Problem
	switch {
	case !hasVersion:
		ps = append(ps, incident.Problemf("version", "the key is missing").WithHint("begin the file with version: 1"))
	case c.Version != 1:
		ps = append(ps, incident.Problemf("version", "%d is not a version that this Logwright reads", c.Version).WithHint("write version: 1"))
	}
	switch c.Mode {
	case ModeObserve, ModeEnforce:
	default:
		p := incident.Problemf("mode", "unknown mode %q", c.Mode).WithHint("write mode: observe or mode: enforce")
		if near := incident.Nearest(c.Mode, []string{ModeObserve, ModeEnforce}); near != "" {
			p = p.WithHint("write mode: %s", near)
		}
		ps = append(ps, p)
	}
	for _, f := range []struct{ key, path string }{{"state", c.State}, {"kill_switch", c.KillSwitch}} {
		if !filepath.IsAbs(f.path) {
			ps = append(ps, incident.Problemf(f.key, "%q is not an absolute path", f.path).
				WithHint("a daemon has no directory of its own; write the path from / on"))
		}
	}
	return ps
}

// names checks the names of a list's entries: there, well formed, and each only once.
func names(section string, list []string) []incident.Problem {
	var ps []incident.Problem
	first := map[string]int{}
	for i, n := range list {
		at := index(section, i) + ".name"
		j, twice := first[n]
		switch {
		case n == "":
			ps = append(ps, incident.Problemf(at, "the key is missing").WithHint("give the entry a name of its own"))
			continue
		case !nameText.MatchString(n):
			ps = append(ps, incident.Problemf(at, "%q is not a name", n).
				WithHint("letters, digits and . _ @ : - only, a letter or digit first, at most 64"))
		case twice:
			ps = append(ps, incident.Problemf(at, "%q is the name of %s already", n, index(section, j)).
				WithHint("give each entry a name of its own"))
		}
		if !twice {
			first[n] = i
		}
	}
	return ps
}

func (c *Config) sources(daemon bool) []incident.Problem {
	var ps []incident.Problem
	if daemon && len(c.Sources) == 0 {
		ps = append(ps, incident.Problemf("sources", "there is nothing to watch").
			WithHint("add a source: - {name: files, kind: file, include: [/var/log/**/*.log]}"))
	}
	var list []string
	for _, s := range c.Sources {
		list = append(list, s.Name)
	}
	ps = append(ps, names("sources", list)...)
	for i, s := range c.Sources {
		at := index("sources", i)
		switch s.Kind {
		case KindFile:
			ps = append(ps, incident.Under(at, s.File.Validate())...)
			ps = append(ps, incident.Under(at, s.Events.Validate())...)
		case KindJournal:
			ps = append(ps, incident.Under(at, s.Journal.Validate())...)
		case "":
			ps = append(ps, incident.Problemf(at+".kind", "the key is missing").WithHint("write kind: file or kind: journal"))
		default:
			p := incident.Problemf(at+".kind", "unknown kind %q", s.Kind).WithHint("write kind: file or kind: journal")
			if near := incident.Nearest(s.Kind, []string{KindFile, KindJournal}); near != "" {
				p = p.WithHint("write kind: %s", near)
			}
			ps = append(ps, p)
		}
	}
	return ps
}

func (c *Config) services() []incident.Problem {
	var list []string
	for _, s := range c.Services {
		list = append(list, s.Name)
	}
	ps := names("services", list)
	taken := map[[2]string]string{}
	claim := func(at, kind, what string) {
		key := [2]string{kind, what}
		if by, ok := taken[key]; ok {
			ps = append(ps, incident.Problemf(at, "%q belongs to %s already, and the first match holds", what, by).
				WithHint("remove it from one of them"))
			return
		}
		taken[key] = at[:strings.Index(at, ".")]
	}
	for i, s := range c.Services {
		at := index("services", i)
		for j, u := range s.Match.Units {
			p := index(at+".match.units", j)
			if _, err := path.Match(u, ""); err != nil || u == "" || strings.ContainsAny(u, "/ \t\n") {
				ps = append(ps, incident.Problemf(p, "%q is not a unit", u).WithHint("one looks like api.service or worker@*.service"))
				continue
			}
			claim(p, "unit", u)
		}
		for j, f := range s.Match.Files {
			p := index(at+".match.files", j)
			switch {
			case !filepath.IsAbs(f):
				ps = append(ps, incident.Problemf(p, "%q is not an absolute path", f).WithHint("write it from / on, such as /var/log/api/*.log"))
			case !doublestar.ValidatePattern(f):
				ps = append(ps, incident.Problemf(p, "%q is not a glob", f).
					WithHint(`every "[" needs a "]" and every "{" a "}"; put "\" before one that is meant as it stands`))
			default:
				claim(p, "file", f)
			}
		}
		for j, n := range s.Match.Containers {
			p := index(at+".match.containers", j)
			if n == "" || strings.ContainsAny(n, "/ \t\n") {
				ps = append(ps, incident.Problemf(p, "%q is not a container's name or id", n))
				continue
			}
			claim(p, "container", n)
		}
		if s.Heartbeat != 0 && s.Heartbeat < time.Second {
			ps = append(ps, incident.Problemf(at+".heartbeat", "%s is too short", s.Heartbeat).WithHint("1s is the least; leave the key out for none"))
		}
	}
	return ps
}

func (c *Config) notifiers() []incident.Problem {
	var list []string
	for _, n := range c.Notify {
		list = append(list, n.Name)
	}
	ps := names("notify", list)
	for i, n := range c.Notify {
		at := index("notify", i)
		for _, p := range incident.Under(at, n.Validate()) {
			switch p.Path {
			case at + ".name":
				continue // names said it
			case at + ".severity":
				if h := severityHint(n.Severity); h != "" {
					p.Hint = h
				}
			case at + ".kind":
				if near := incident.Nearest(n.Kind, notify.Kinds()); near != "" {
					p.Hint = "write kind: " + near
				}
			}
			ps = append(ps, p)
		}
	}
	return ps
}

func (t Triggers) validate() []incident.Problem {
	var ps []incident.Problem
	for _, k := range []struct{ key, value string }{{"spike", t.Spike}, {"mix", t.Mix}} {
		if k.value == SpikeAuto || k.value == SpikeOff {
			continue
		}
		p := incident.Problemf(k.key, "unknown value %q", k.value).WithHint("write auto or off")
		if near := incident.Nearest(k.value, []string{SpikeAuto, SpikeOff}); near != "" {
			p = p.WithHint("write %s: %s", k.key, near)
		}
		ps = append(ps, p)
	}
	if t.HTTP.Percent > 100 {
		ps = append(ps, incident.Problemf("http.percent", "%v is more than all requests", t.HTTP.Percent).WithHint("1 is one of a hundred"))
	}
	if t.ResolveAfter < time.Minute {
		ps = append(ps, incident.Problemf("resolve_after", "%s is too short", t.ResolveAfter).WithHint("1m is the least; 24h is the default"))
	}
	return ps
}

// The ranges of limits, in bytes. The least is what one source needs to work at all; the most keeps a slip of a unit from
// being taken for a plan.
const (
	leastMemory, mostMemory = 8 << 20, 64 << 30
	leastStore, mostStore   = 16 << 20, 16 << 40
	leastLine, mostLine     = 1 << 10, 64 << 20
	leastEvent, mostEvent   = 4 << 10, 64 << 20
)

func (l Limits) validate() []incident.Problem {
	var ps []incident.Problem
	def := Default().Limits
	for _, r := range []struct {
		key                   string
		value, least, most, d int64
	}{
		{"memory", l.Memory, leastMemory, mostMemory, def.Memory},
		{"store", l.Store, leastStore, mostStore, def.Store},
		{"line", l.Line, leastLine, mostLine, def.Line},
		{"event", l.Event, leastEvent, mostEvent, def.Event},
	} {
		if r.value < r.least || r.value > r.most {
			ps = append(ps, incident.Problemf(r.key, "%s is out of range (%s to %s)", formatSize(r.value), formatSize(r.least), formatSize(r.most)).
				WithHint("%s is the default", formatSize(r.d)))
		}
	}
	if len(ps) == 0 && (l.Line > l.Memory/4 || l.Event > l.Memory/4) {
		ps = append(ps, incident.Problemf("memory", "%s is too little for lines of %s and events of %s", formatSize(l.Memory), formatSize(l.Line), formatSize(l.Event)).
			WithHint("give at least four times the larger of both"))
	}
	return ps
}

func (r Retention) validate() []incident.Problem {
	var ps []incident.Problem
	for _, k := range []struct {
		key   string
		value time.Duration
	}{{"incidents", r.Incidents}, {"prompts", r.Prompts}} {
		if k.value < time.Hour {
			ps = append(ps, incident.Problemf(k.key, "%s is too short", formatDuration(k.value)).WithHint("1h is the least"))
		}
	}
	return ps
}

// DeadGlobs gives a warning for each pattern of sources and services that matches no file now. That is no error, since logs
// come and go, but the usual sign of a slip of the pen. It walks the file system: for doctor.
func (c *Config) DeadGlobs(fsys fs.FS) []Error {
	var out []Error
	try := func(section string, patterns []string) {
		for i, p := range patterns {
			if !matchesAny(fsys, p) {
				out = append(out, c.Locate(incident.Problemf(index(section, i), "%q matches no file now", p).
					WithHint("check the path, and that the user Logwright runs as may read its directories (group adm for /var/log)")))
			}
		}
	}
	for i, s := range c.Sources {
		if s.File != nil {
			try(index("sources", i)+".include", s.File.Include)
		}
	}
	for i, s := range c.Services {
		try(index("services", i)+".match.files", s.Match.Files)
	}
	slices.SortStableFunc(out, byPlace)
	return out
}

func matchesAny(fsys fs.FS, pattern string) bool {
	name := strings.TrimPrefix(filepath.Clean(pattern), "/")
	if info, err := fs.Stat(fsys, name); err == nil && !info.IsDir() {
		return true
	}
	found := false
	_ = doublestar.GlobWalk(fsys, name, func(string, fs.DirEntry) error {
		found = true
		return fs.SkipAll
	}, doublestar.WithFilesOnly())
	return found
}
