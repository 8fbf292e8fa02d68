package repair

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
)

// Repository is `services[].repository` of agent.yaml: where a service's code is, and how a patch of it is proven.
type Repository struct {
	// Path is a git repository on this host, bare or with a work tree. It is only read.
	Path string `yaml:"path"`
	// Base is the branch that patches are for.
	Base string `yaml:"base"`
	// PathMap maps beginnings of the paths in stack traces to directories of the repository: {/app: .}.
	PathMap map[string]string `yaml:"path_map"`
	// Allow are globs of the files that a patch may touch; none is all. Deny are globs of those it may not, beside the
	// built-in ones (what is executed at build or collection, and what CI runs). No key takes a built-in one away.
	Allow []string `yaml:"allow"`
	Deny  []string `yaml:"deny"`
	// Prepare are the commands that fetch dependencies: on the base commit only, with network, in the sandbox. What they
	// leave in /cache, which is also the cache of the usual package managers, is there for Verify, read-only; what they write
	// elsewhere is gone. Verify are the commands that have to pass, without network. Each is an argument vector; no shell
	// is in between.
	Prepare [][]string `yaml:"prepare"`
	Verify  [][]string `yaml:"verify"`
}

// Validate says what is wrong with r.
func (r Repository) Validate() []incident.Problem {
	var ps []incident.Problem
	add := func(at, hint, format string, args ...any) {
		ps = append(ps, incident.Problemf(at, format, args...).WithHint("%s", hint))
	}
	switch {
	case r.Path == "":
		add("path", "the absolute path of a git repository on this host", "it is missing")
	case !filepath.IsAbs(r.Path):
		add("path", "a daemon has no directory of its own; write the path from / on", "%q is not an absolute path", r.Path)
	case incident.PrintableLine(r.Path) != r.Path:
		add("path", "", "%q holds control characters", r.Path)
	}
	if r.Base == "" {
		add("base", "the branch that patches are for, for instance main", "it is missing")
	} else if err := git.CheckBranch(r.Base); err != nil {
		add("base", "the branch's name alone, without refs/heads/ or origin/", "%v", err)
	}
	for _, from := range slices.Sorted(maps.Keys(r.PathMap)) {
		at := fmt.Sprintf("path_map[%q]", from)
		to := r.PathMap[from]
		if strings.Trim(from, "/.") == "" && from != "/" {
			add(at, "the beginning of the paths in stack traces, for instance /app", "%q is the beginning of every path or of none", from)
		}
		if to != "." && git.CheckPath(strings.TrimSuffix(path.Clean(to), "/")) != nil {
			add(at, `a directory of the repository, "." for its root`, "%q is not a directory within the repository", to)
		}
	}
	for key, patterns := range map[string][]string{"allow": r.Allow, "deny": r.Deny} {
		for i, p := range patterns {
			at := fmt.Sprintf("%s[%d]", key, i)
			switch {
			case p == "" || !doublestar.ValidatePattern(p):
				add(at, `every "[" needs a "]" and every "{" a "}"; ** crosses directories`, "%q is not a glob", p)
			case p[0] == '/' || strings.HasPrefix(p, "./") || slices.Contains(strings.Split(p, "/"), ".."):
				add(at, "patterns are for paths from the repository's root on, for instance src/**", "%q matches no path of a repository", p)
			}
		}
	}
	if len(r.Verify) == 0 {
		add("verify", `for instance [[go, test, ./...]]; a patch that nothing can prove is not proposed`, "there is no command")
	}
	for key, commands := range map[string][][]string{"prepare": r.Prepare, "verify": r.Verify} {
		for i, argv := range commands {
			at := fmt.Sprintf("%s[%d]", key, i)
			switch {
			case len(argv) == 0 || argv[0] == "":
				add(at, "each command is a list of a program and its arguments: [go, test, ./...]", "the command is empty")
			case slices.ContainsFunc(argv, func(a string) bool { return strings.IndexByte(a, 0) >= 0 }):
				add(at, "", "an argument holds a zero byte")
			case len(argv) == 1 && strings.Contains(argv[0], " "):
				add(at, "no shell reads it: write [go, test, ./...], or [sh, -c, \"...\"] where a shell is meant", "%q is not the name of a program", argv[0])
			}
		}
	}
	slices.SortStableFunc(ps, func(a, b incident.Problem) int { return strings.Compare(a.Path, b.Path) })
	return ps
}
