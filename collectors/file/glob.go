package file

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Expanding a pattern is done here and not by the library that matches: who may write in a log directory may also make
// symbolic links there, and three links to their own directory are enough to have a walk that follows links go on until
// the end of days. So every directory is read once for a pattern, however many ways lead to it.

const (
	// maxVisited bounds the directories that are looked into for one pattern.
	maxVisited = 32 << 10
	// maxMatches bounds what one pattern leads to.
	maxMatches = 64 << 10
	// maxDirs bounds the directories that are watched for new files only.
	maxDirs = 8192
)

// glob is the expansion of one pattern.
type glob struct {
	base, rest string
	// segments are what the names below the base must match, level by level, where the pattern can be taken apart.
	segments []string
	// depth is how many levels of directories below the base can hold a match, -1 for no end.
	depth int

	visited map[visit]bool // what was looked into
	links   []place        // to directories, still to be looked into
	// out are the paths that match, dirs the directories in which one could appear.
	out, dirs []string
	full      bool // maxVisited or maxMatches was reached
}

// visit is a directory that was read. Where the pattern tells levels apart, so must this.
type visit struct {
	id    fileID
	level int
}

// place is a directory by its path below the base.
type place struct {
	below string
	level int
}

// path gives the whole path of what is below the base.
func (g *glob) path(below string) string {
	if g.base == "." {
		return below
	}
	return filepath.Join(g.base, below)
}

// expand gives the paths that pattern leads to, sorted. They need not be files.
func expand(pattern string) *glob {
	base, rest := doublestar.SplitPattern(pattern)
	g := &glob{rest: rest, base: base, depth: strings.Count(rest, "/"), visited: map[visit]bool{}}
	if strings.Contains(rest, "**") {
		g.depth = -1
	}
	g.segments = strings.Split(rest, "/")
	for i, s := range g.segments {
		if strings.Contains(s, "**") || strings.Count(s, "{") != strings.Count(s, "}") || strings.ContainsAny(s, `\[`) {
			g.segments = g.segments[:i]
			break
		}
	}
	// What is really there first: a link to it is only another name for it.
	g.walk(place{"", 0})
	for len(g.links) > 0 {
		next := g.links[0]
		g.links = g.links[1:]
		g.walk(next)
	}
	slices.Sort(g.out)
	g.out = slices.Compact(g.out)
	return g
}

// walk reads the directory at p and all below it; links to directories are left for later.
func (g *glob) walk(p place) {
	at := g.path(p.below)
	if at == "" {
		at = "."
	}
	fi, err := os.Stat(at)
	if err != nil || !fi.IsDir() {
		return
	}
	v := visit{id: idOf(fi), level: p.level}
	if g.depth < 0 {
		v.level = min(p.level, len(g.segments))
	}
	if g.visited[v] {
		return
	}
	if len(g.visited) >= maxVisited {
		g.full = true
		return
	}
	g.visited[v] = true
	g.dirs = append(g.dirs, at)
	d, err := os.Open(at)
	if err != nil {
		return // permission: nothing to be had
	}
	entries, _ := d.ReadDir(-1) // as many as can be had
	d.Close()
	for _, e := range entries {
		below := filepath.Join(p.below, e.Name())
		if doublestar.PathMatchUnvalidated(g.rest, below) {
			if len(g.out) >= maxMatches {
				g.full = true
				continue
			}
			g.out = append(g.out, g.path(below))
		}
		if g.depth >= 0 && p.level >= g.depth || !g.leads(e.Name(), p.level) {
			continue
		}
		switch next := (place{below, p.level + 1}); {
		case e.IsDir():
			g.walk(next)
		case e.Type()&os.ModeSymlink != 0:
			g.links = append(g.links, next)
		}
	}
}

// leads says whether a directory of this name, so many levels below the base, can hold a match.
func (g *glob) leads(name string, level int) bool {
	return level >= len(g.segments) || doublestar.MatchUnvalidated(g.segments[level], name)
}
