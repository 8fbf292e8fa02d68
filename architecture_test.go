// Package logwright_test keeps the rules of the house: who may import whom, what has to stay pure, and how things are named.
// It reads the sources themselves with go/parser, so that `go test` sees every change.
package logwright_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/logwright/logwright"

// anything marks the rooms that wire others together.
const anything = "*"

// rooms says for each room which others its code may import. A package belongs to the room whose name is the longest
// beginning of its path; a room listed in alone covers only the package of just that path. A package in no room is a
// violation: somebody has to decide where it belongs, here.
var (
	rooms = map[string][]string{
		"agent/incident": {},

		"collectors":               {"agent/incident", "collectors/events"},
		"collectors/collectortest": {"agent/incident", "collectors", "collectors/events"},
		"collectors/events":        {"agent/incident"},
		"collectors/file":          {"agent/incident", "collectors", "collectors/events"},
		"collectors/journal":       {"agent/incident", "collectors", "collectors/events"},
		"collectors/stdin":         {"agent/incident", "collectors", "collectors/events"},

		"agent/cluster":  {"agent/incident"},
		"agent/model":    {"agent/incident"},
		"prompts":        {"agent/incident"},
		"agent/diagnose": {"agent/incident", "agent/model", "prompts"},
		"agent/git":      {"agent/incident"},
		"agent/repair":   {"agent/incident", "agent/git", "agent/model", "agent/repair/sandbox", "prompts"},
		"agent/policy":   {"agent/incident"},
		"agent/github":   {"agent/incident", "agent/git", "agent/policy"},

		"agent/repair/sandbox": {"agent/incident"},

		"remediations": {"agent/incident", "agent/policy"},
		"agent/redact": {"agent/incident"},
		"agent/notify": {"agent/incident"},
		"agent/store":  {"agent/incident"},

		"agent":        {anything},
		"agent/config": {anything},
		"eval":         {anything},
		"demo":         {anything},
		"cmd":          {anything},
	}
	alone = []string{"agent", "collectors"}
	// pure rooms can be computed again from what was kept: nothing but their arguments goes into their results.
	pure = []string{"agent/cluster", "agent/policy", "collectors/events"}
)

// impure lists what pure rooms may not import, and of packages they may, what they may not use.
var (
	impureImports = []string{
		"net", "net/http", "net/rpc", "net/smtp", "net/textproto", "os", "os/exec", "os/signal", "os/user", "syscall", "plugin",
		"crypto/rand", "math/rand", "math/rand/v2", "io/ioutil", "log", "log/slog", "log/syslog", "golang.org/x/sys/unix",
	}
	impureUses = map[string][]string{
		"time":          {"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker", "LoadLocation", "Local"},
		"context":       {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause"},
		"path/filepath": {"Walk", "WalkDir", "Glob", "Abs", "EvalSymlinks"},
	}
)

// badNames say nothing about what is inside.
var badNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib", "tools", "types"}

const maxLines = 600

// tree is the sources of the module, read once.
type tree struct {
	fset     *token.FileSet
	packages map[string]*pkg // by path below the module's, "." for its root
	goMod    string
	deps     string // docs/dependencies.md
}

type pkg struct {
	name  string
	files map[string]*ast.File // without tests
	tests map[string]*ast.File
	lines map[string]int
}

func readTree(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), packages: make(map[string]*pkg)}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p == "." {
				return nil
			}
			_, other := fs.Stat(fsys, path.Join(p, "go.mod"))
			if name := d.Name(); name == "testdata" || name[0] == '.' || name[0] == '_' || other == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(t.fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(p)
		if t.packages[dir] == nil {
			t.packages[dir] = &pkg{files: make(map[string]*ast.File), tests: make(map[string]*ast.File), lines: make(map[string]int)}
		}
		if strings.HasSuffix(p, "_test.go") {
			t.packages[dir].tests[p] = f
			return nil
		}
		t.packages[dir].name = f.Name.Name
		t.packages[dir].files[p] = f
		t.packages[dir].lines[p] = bytes.Count(src, []byte("\n"))
		return nil
	})
	if err != nil {
		return nil, err
	}
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, err
	}
	deps, err := fs.ReadFile(fsys, "docs/dependencies.md")
	if err != nil {
		return nil, err
	}
	t.goMod, t.deps = string(mod), string(deps)
	return t, nil
}

// imports gives the imported paths of a file, with the name each goes by.
func imports(f *ast.File) map[string]string {
	out := make(map[string]string)
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			panic(err) // it was parsed
		}
		out[p] = path.Base(p)
		if spec.Name != nil {
			out[p] = spec.Name.Name
		}
	}
	return out
}

// inside gives the path below the module's, and whether p is in the module.
func inside(p string) (string, bool) {
	if p == module {
		return ".", true
	}
	return strings.CutPrefix(p, module+"/")
}

func roomOf(dir string) (string, bool) {
	for p := dir; p != "."; p = path.Dir(p) {
		if _, ok := rooms[p]; ok && (p == dir || !slices.Contains(alone, p)) {
			return p, true
		}
	}
	return "", false
}

// testSupport says whether a package is there for tests only, by its name: fakemodel, journaltest.
func testSupport(dir string) bool {
	name := path.Base(dir)
	return strings.HasPrefix(name, "fake") || strings.HasSuffix(name, "test")
}

// rules are the rules of the house; each gives what breaks it.
var rules = map[string]func(*tree) []string{
	"imports between rooms": importRule,
	"vocabulary":            vocabularyRule,
	"purity":                purityRule,
	"no init":               initRule,
	"package names":         nameRule,
	"package comments":      docRule,
	"dependencies":          dependencyRule,
	"file length":           lengthRule,
}

// importRule: stages don't know each other; only the wiring knows them all. What is there for tests stays out of the product.
func importRule(t *tree) []string {
	var bad []string
	for dir, p := range t.packages {
		if len(p.files) == 0 {
			continue
		}
		room, ok := roomOf(dir)
		if !ok {
			bad = append(bad, fmt.Sprintf("%s is in no room: say in architecture_test.go what it may import", dir))
			continue
		}
		for name, f := range p.files {
			for imp := range imports(f) {
				to, in := inside(imp)
				if !in {
					continue
				}
				if testSupport(to) && !testSupport(dir) {
					bad = append(bad, fmt.Sprintf("%s imports %s, which is for tests", name, to))
				}
				other, _ := roomOf(to)
				if other != room && !slices.Contains(rooms[room], other) && !slices.Contains(rooms[room], anything) {
					bad = append(bad, fmt.Sprintf("%s: %s may not import %s", name, room, to))
				}
				if other == "cmd" && room != "cmd" {
					bad = append(bad, fmt.Sprintf("%s imports the command %s", name, to))
				}
			}
		}
	}
	return bad
}

// vocabularyRule: what every stage imports brings nothing else with it.
func vocabularyRule(t *tree) []string {
	var bad []string
	for dir, p := range t.packages {
		if room, _ := roomOf(dir); room != "agent/incident" {
			continue
		}
		for name, f := range p.files {
			for imp := range imports(f) {
				if strings.Contains(strings.Split(imp, "/")[0], ".") {
					bad = append(bad, fmt.Sprintf("%s imports %s: agent/incident has the standard library only", name, imp))
				}
			}
		}
	}
	return bad
}

// purityRule: pure rooms, and what they import of this module, reach neither the network, processes, files nor a clock.
func purityRule(t *tree) []string {
	var bad []string
	seen := make(map[string]bool)
	var visit func(dir, why string)
	visit = func(dir, why string) {
		if seen[dir] || t.packages[dir] == nil {
			return
		}
		seen[dir] = true
		for name, f := range t.packages[dir].files {
			byName := make(map[string][]string)
			for imp, as := range imports(f) {
				if slices.Contains(impureImports, imp) || as == "." {
					bad = append(bad, fmt.Sprintf("%s imports %s as %s: %s is pure", name, imp, as, why))
				}
				if uses := impureUses[imp]; uses != nil {
					byName[as] = uses
				}
				if to, in := inside(imp); in {
					visit(to, why)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(byName[x.Name], sel.Sel.Name) {
					bad = append(bad, fmt.Sprintf("%s uses %s.%s: %s is pure", t.fset.Position(sel.Pos()), x.Name, sel.Sel.Name, why))
				}
				return true
			})
		}
	}
	for dir := range t.packages {
		if room, _ := roomOf(dir); slices.Contains(pure, room) && !testSupport(dir) {
			visit(dir, room)
		}
	}
	return bad
}

// initRule: what happens, happens because somebody called it.
func initRule(t *tree) []string {
	var bad []string
	for _, p := range t.packages {
		for name, f := range p.files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					bad = append(bad, name+" has an init function")
				}
			}
		}
	}
	return bad
}

func nameRule(t *tree) []string {
	var bad []string
	for dir, p := range t.packages {
		for _, name := range slices.Compact([]string{p.name, path.Base(dir)}) {
			if slices.Contains(badNames, name) {
				bad = append(bad, fmt.Sprintf("%s: a package named %s does not say what it is for", dir, name))
			}
		}
	}
	return bad
}

func docRule(t *tree) []string {
	var bad []string
	for dir, p := range t.packages {
		if len(p.files) == 0 {
			continue
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(p.files)), func(f *ast.File) bool {
			return f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != ""
		}) {
			bad = append(bad, dir+" has no package comment")
		}
	}
	return bad
}

var (
	requireLine = regexp.MustCompile(`(?m)^(?:require)?\s+([a-z0-9.-]+\.[a-z]+/\S+) v\S+(.*)$`)
	listedLine  = regexp.MustCompile("(?m)^[-|] *`([^`]+)`")
)

// dependencyRule: docs/dependencies.md has one line for each module that is imported, and for no other.
func dependencyRule(t *tree) []string {
	direct := make(map[string]string) // why
	var all []string
	for _, m := range requireLine.FindAllStringSubmatch(t.goMod, -1) {
		all = append(all, m[1])
		if !strings.Contains(m[2], "// indirect") {
			direct[m[1]] = "go.mod"
		}
	}
	// What is imported is direct whatever go.mod says of it.
	for _, p := range t.packages {
		for _, files := range []map[string]*ast.File{p.files, p.tests} {
			for name, f := range files {
				for imp := range imports(f) {
					best := ""
					for _, mod := range all {
						if (imp == mod || strings.HasPrefix(imp, mod+"/")) && len(mod) > len(best) {
							best = mod
						}
					}
					if best != "" && direct[best] == "" {
						direct[best] = name
					}
				}
			}
		}
	}
	var bad []string
	listed := make(map[string]bool)
	for _, m := range listedLine.FindAllStringSubmatch(t.deps, -1) {
		switch mod := m[1]; {
		case listed[mod]:
			bad = append(bad, "docs/dependencies.md has two lines for "+mod)
		case direct[mod] == "":
			bad = append(bad, "docs/dependencies.md has a line for "+mod+", which is no direct dependency")
		default:
			listed[mod] = true
		}
	}
	for mod, why := range direct {
		if !listed[mod] {
			bad = append(bad, fmt.Sprintf("docs/dependencies.md has no line for %s (%s)", mod, why))
		}
	}
	return bad
}

func lengthRule(t *tree) []string {
	var bad []string
	for _, p := range t.packages {
		for name, n := range p.lines {
			if n > maxLines {
				bad = append(bad, fmt.Sprintf("%s has %d lines, more than %d: look for the second subject", name, n, maxLines))
			}
		}
	}
	return bad
}

func TestArchitecture(t *testing.T) {
	house, err := readTree(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"agent/incident", "agent/cluster", "collectors/events"} {
		if house.packages[dir] == nil {
			t.Errorf("%s was not found: the rules would hold for nothing", dir)
		}
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			bad := rule(house)
			slices.Sort(bad)
			for _, b := range bad {
				t.Error(b)
			}
		})
	}
}

// TestArchitectureRulesFail plants one violation after the other in a small house that breaks no rule.
func TestArchitectureRulesFail(t *testing.T) {
	sound := map[string]string{
		"go.mod":                              "module " + module + "\n\nrequire (\n\texample.com/a/b v1.0.0\n\texample.com/c v1.2.0 // indirect\n)\n",
		"docs/dependencies.md":                "- `example.com/a/b`: for x\n",
		"agent/incident/i.go":                 "// Package incident is words.\npackage incident\n\nimport \"time\"\n\ntype T = time.Time\n",
		"agent/cluster/c.go":                  "// Package cluster is pure.\npackage cluster\n\nimport _ \"" + module + "/agent/incident\"\n",
		"agent/store/s.go":                    "// Package store keeps.\npackage store\n\nimport (\n\t_ \"example.com/a/b/c\"\n\t\"time\"\n)\n\nvar _ = time.Now\n",
		"agent/a.go":                          "// Package agent wires.\npackage agent\n\nimport (\n\t_ \"" + module + "/agent/cluster\"\n\t_ \"" + module + "/agent/store\"\n)\n",
		"collectors/events/e.go":              "// Package events is pure.\npackage events\n",
		"collectors/journal/journaltest/t.go": "// Package journaltest is for tests.\npackage journaltest\n",
		"cmd/logwright/main.go":               "// Logwright is the command.\npackage main\n\nimport _ \"" + module + "/agent\"\n",
		"agent/store/testdata/bad.go":         "package util\n\nfunc init() {}\n",
		"bench/go.mod":                        "module bench\n",
		"bench/b.go":                          "package util\n",
	}
	check := func(change map[string]string) map[string][]string {
		t.Helper()
		fsys := make(fstest.MapFS)
		for name, text := range sound {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		for name, text := range change {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		house, err := readTree(fsys)
		if err != nil {
			t.Fatal(err)
		}
		broken := make(map[string][]string)
		for name, rule := range rules {
			if bad := rule(house); len(bad) > 0 {
				broken[name] = bad
			}
		}
		return broken
	}
	if broken := check(nil); len(broken) > 0 {
		t.Fatalf("the sound house breaks rules: %v", broken)
	}
	cluster := func(body string) map[string]string {
		return map[string]string{"agent/cluster/x.go": "package cluster\n\n" + body}
	}
	planted := make(map[string]bool)
	use := func(imp string) string { return "import _ \"" + imp + "\"\n" }
	for _, c := range []struct {
		name, rule string
		change     map[string]string
	}{
		{"a stage imports a stage", "imports between rooms", map[string]string{"agent/store/x.go": "package store\n\n" + use(module+"/agent/cluster")}},
		{"a stage imports the wiring", "imports between rooms", map[string]string{"agent/store/x.go": "package store\n\n" + use(module+"/agent")}},
		{"events imports collectors", "imports between rooms", map[string]string{"collectors/events/x.go": "package events\n\n" + use(module+"/collectors/journal")}},
		{"a package in no room", "imports between rooms", map[string]string{"agent/new/n.go": "// Package new is new.\npackage new\n"}},
		{"somebody imports the command", "imports between rooms", map[string]string{"agent/x.go": "package agent\n\n" + use(module+"/cmd/logwright")}},
		{"the product imports what is for tests", "imports between rooms", map[string]string{"agent/x.go": "package agent\n\n" + use(module+"/collectors/journal/journaltest")}},
		{"the vocabulary imports a library", "vocabulary", map[string]string{"agent/incident/x.go": "package incident\n\n" + use("example.com/a/b")}},
		{"net", "purity", cluster(use("net"))},
		{"net/http", "purity", cluster(use("net/http"))},
		{"os/exec", "purity", cluster(use("os/exec"))},
		{"os", "purity", cluster(use("os"))},
		{"time.Now", "purity", cluster("import \"time\"\n\nvar _ = time.Now()\n")},
		{"time.Now as a value", "purity", cluster("import \"time\"\n\nvar _ = time.Now\n")},
		{"time under another name", "purity", cluster("import clock \"time\"\n\nvar _ = clock.After(1)\n")},
		{"time with a dot", "purity", cluster("import . \"time\"\n\nvar _ = Now()\n")},
		{"a deadline", "purity", cluster("import \"context\"\n\nvar _, _ = context.WithTimeout(nil, 1)\n")},
		{"events sleeps", "purity", map[string]string{"collectors/events/x.go": "package events\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"}},
		{"policy asks the time", "purity", map[string]string{"agent/policy/p.go": "// Package policy decides.\npackage policy\n\nimport \"time\"\n\nvar _ = time.Since\n"}},
		{"by way of the vocabulary", "purity", map[string]string{"agent/incident/x.go": "package incident\n\nimport \"time\"\n\nvar _ = time.Now\n"}},
		{"init", "no init", cluster("func init() {}\n")},
		{"a name that says nothing", "package names", map[string]string{"agent/store/util/u.go": "// Package util is.\npackage util\n"}},
		{"no package comment", "package comments", map[string]string{"agent/notify/n.go": "package notify\n"}},
		{"an import without a line", "dependencies", map[string]string{"agent/store/x.go": "package store\n\n" + use("example.com/c/d")}},
		{"a test's import without a line", "dependencies", map[string]string{"agent/store/x_test.go": "package store\n\n" + use("example.com/c")}},
		{"a requirement without a line", "dependencies", map[string]string{"docs/dependencies.md": "none\n"}},
		{"a line too many", "dependencies", map[string]string{"docs/dependencies.md": sound["docs/dependencies.md"] + "- `example.com/c`: for y\n"}},
		{"a long file", "file length", cluster(strings.Repeat("\n", maxLines))},
	} {
		planted[c.rule] = true
		t.Run(c.name, func(t *testing.T) {
			broken := check(c.change)
			if len(broken[c.rule]) != 1 {
				t.Errorf("the rule %q found %q", c.rule, broken[c.rule])
			}
			delete(broken, c.rule)
			if len(broken) > 0 {
				t.Errorf("other rules found %v", broken)
			}
		})
	}
	for name := range rules {
		if !planted[name] {
			t.Errorf("no violation of the rule %q is planted", name)
		}
	}
}
