package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// patterns are globs of what to read.
type patterns struct {
	include, exclude []string
	// elsewhere are the patterns of other sources, whose files are theirs.
	elsewhere []patterns
}

// match says whether path is to be read. A pattern that is the path itself matches, whatever characters it has.
func (p *patterns) match(path string) bool {
	return p.leads(path) && !p.others(path)
}

// leads is match without a look at other sources.
func (p *patterns) leads(path string) bool {
	in := func(ps []string) bool {
		for _, g := range ps {
			if g == path || doublestar.PathMatchUnvalidated(g, path) {
				return true
			}
		}
		return false
	}
	return in(p.include) && !in(p.exclude)
}

// others says whether another source reads path, or the log that path is an older file of: it follows its own into rotation.
func (p *patterns) others(path string) bool {
	if len(p.elsewhere) == 0 {
		return false
	}
	names := append(logsOf(path), path)
	for i := range p.elsewhere {
		if slices.ContainsFunc(names, p.elsewhere[i].leads) {
			return true
		}
	}
	return false
}

const maxPatterns = 64 << 10

// encode gives the position of the stream that keeps the patterns: whether a file is new, or was only not included
// before, can't be told without.
func (p *patterns) encode() []byte {
	s := "\x01" + strings.Join(p.include, "\x00") + "\x01" + strings.Join(p.exclude, "\x00")
	for i := range p.elsewhere {
		s += string(p.elsewhere[i].encode())
	}
	return []byte(s)
}

func decodePatterns(b []byte) (*patterns, bool) {
	parts := strings.Split(string(b), "\x01")
	if len(parts) < 3 || len(parts)%2 != 1 || parts[0] != "" || len(b) > maxPatterns {
		return nil, false
	}
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, "\x00")
	}
	p := &patterns{include: list(parts[1]), exclude: list(parts[2])}
	for i := 3; i < len(parts); i += 2 {
		p.elsewhere = append(p.elsewhere, patterns{include: list(parts[i]), exclude: list(parts[i+1])})
	}
	return p, true
}

// patterns gives those of the source.
func (c Config) patterns() patterns {
	p := patterns{include: c.Include, exclude: c.Exclude}
	for _, o := range c.Elsewhere {
		p.elsewhere = append(p.elsewhere, patterns{include: o.Include, exclude: o.Exclude})
	}
	return p
}

// find lists the regular files that the patterns lead to, in the order of the patterns and sorted within each. What
// can't be read is told once. missing has the patterns without wildcards that lead to nothing. r.matchable is set to the
// directories in which a new file could match.
func (r *run) find() (out []entry, missing []error) {
	seen := map[string]bool{}
	r.matchable = r.matchable[:0]
	pats := r.cfg.patterns()
	for _, pat := range r.cfg.Include {
		paths, literal := []string{pat}, true
		if _, err := os.Lstat(pat); err != nil && hasMeta(pat) {
			literal = false
			g := expand(pat)
			paths = g.out
			r.matchable = append(r.matchable, g.dirs...)
			if g.full {
				r.tell(pat, &refusal{path: pat, reason: "leads to too many directories or files, some are not looked at",
					hint: "make the pattern narrower, or several of it"})
				seen[pat] = true
			}
		}
		r.watchWay(pat)
		for _, path := range paths {
			if seen[path] || !pats.match(path) {
				continue
			}
			seen[path] = true
			fi, err := os.Stat(path)
			if err == nil && !fi.Mode().IsRegular() {
				if fi.IsDir() && !literal {
					continue
				}
				err = notRegular(unixMode(fi), path)
			}
			switch {
			case err == nil:
				out = append(out, entryOf(path, fi))
				continue
			case errors.Is(err, fs.ErrNotExist) && !literal:
			default:
				missing = append(missing, err)
				if !errors.Is(err, fs.ErrNotExist) {
					r.tell(path, err)
				}
			}
			if errors.Is(err, fs.ErrNotExist) && len(r.matchable) < maxDirs {
				r.matchable = append(r.matchable, linksOn(path)...) // where the target of a link will appear
			}
		}
	}
	for path := range r.told {
		if !seen[path] {
			delete(r.told, path)
		}
	}
	return out, missing
}

func hasMeta(p string) bool { return strings.ContainsAny(p, `*?[{\`) }

// watchWay adds to r.matchable what leads to the files of a pattern: the directory of its part without wildcards or, where
// that does not exist, its nearest ancestor, and where the links on the way are.
func (r *run) watchWay(pat string) {
	dir := filepath.Dir(pat)
	if hasMeta(pat) {
		dir, _ = doublestar.SplitPattern(pat)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
			break
		}
	}
	r.matchable = append(append(r.matchable, dir), linksOn(dir)...)
}

// linksOn gives the directories of the symbolic links that path leads through, and where it leads to nothing also the
// directory in which the next step is missing: changes there change what path is.
func linksOn(path string) (dirs []string) {
	if filepath.IsAbs(path) {
		path = filepath.Clean(path)
	}
	todo, at := split(path), "/"
	for links := 0; len(todo) > 0 && links <= maxSymlink; {
		name := todo[0]
		todo = todo[1:]
		here := filepath.Join(at, name)
		fi, err := os.Lstat(here)
		if err != nil {
			return append(dirs, at)
		}
		if fi.Mode()&os.ModeSymlink == 0 {
			at = here
			continue
		}
		links++
		dirs = append(dirs, at)
		target, err := os.Readlink(here)
		if err != nil {
			return dirs
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		todo = append(split(target), todo...)
	}
	return dirs
}

// maxTold bounds what is remembered of what was told.
const maxTold = 4096

// tell logs why a path isn't read, once for each reason.
func (r *run) tell(path string, err error) {
	said, again := r.told[path]
	if said == err.Error() {
		return
	}
	if !again && len(r.told) >= maxTold {
		return
	}
	r.told[path] = err.Error()
	var ref *refusal
	switch {
	case errors.As(err, &ref):
		r.log.Warn("not read", "file", path, "reason", ref.reason, "hint", ref.hint)
	case errors.Is(err, fs.ErrPermission):
		r.log.Warn("not read: permission denied", "file", path, "error", err,
			"hint", "add the daemon's user to the group of the file, adm on Debian")
	default:
		r.log.Warn("not read", "file", path, "error", err)
	}
}
