package repair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/repair/sandbox"
)

// The stages of a proof, and what each sees:
//
//	prepare    the base,                        network, /cache writable     once for each set of lock files
//	base       the base,                        no network, /cache writable  once for each base commit
//	reproduce  the base + the change's tests,   no network, /cache read-only
//	patched    the base + the whole change,     no network, /cache read-only
//
// The base is the operator's own code, so it may fill the cache (a compiler's, above all); nothing that a model wrote can.

const (
	cacheInside = "/cache"
	maxCaches   = 4  // of all services together are kept
	maxPassed   = 64 // results of bases
	// maxOutput is how much of a command's output is kept in a Check, in bytes.
	maxOutput = 8 << 10
)

// cacheEnv points the usual package managers to the cache.
var cacheEnv = map[string]string{
	"LOGWRIGHT_CACHE": cacheInside,
	"GOMODCACHE":      cacheInside + "/go/mod", "GOCACHE": cacheInside + "/go/build", "GOFLAGS": "-modcacherw", "GOTOOLCHAIN": "local",
	// go indexes packages whose files are older than two seconds into its cache, and fails where it can't write there. What
	// else it can't write it does without.
	"GODEBUG":          "goindex=0",
	"GOTELEMETRY":      "off",
	"npm_config_cache": cacheInside + "/npm", "npm_config_logs_dir": "/tmp/npm-logs", "npm_config_update_notifier": "false",
	"npm_config_fund": "false", "npm_config_audit": "false", "YARN_CACHE_FOLDER": cacheInside + "/yarn", "npm_config_store_dir": cacheInside + "/pnpm",
	"PIP_CACHE_DIR": cacheInside + "/pip", "PYTHONUSERBASE": cacheInside + "/python", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
	"UV_CACHE_DIR": cacheInside + "/uv", "POETRY_CACHE_DIR": cacheInside + "/poetry", "PYTHONDONTWRITEBYTECODE": "1",
	"CARGO_HOME": cacheInside + "/cargo", "GRADLE_USER_HOME": cacheInside + "/gradle", "MAVEN_ARGS": "-Dmaven.repo.local=" + cacheInside + "/maven",
	"BUNDLE_PATH": cacheInside + "/bundle", "GEM_SPEC_CACHE": cacheInside + "/gem-specs", "COMPOSER_HOME": cacheInside + "/composer",
	"NUGET_PACKAGES": cacheInside + "/nuget", "MIX_HOME": cacheInside + "/mix", "HEX_HOME": cacheInside + "/hex",
}

// prover runs the operator's commands for one repair.
type prover struct {
	r        *Repairer
	repo     Repository
	scratch  *scratch
	base     string // the base's files
	cache    string // on the host
	key      string // what the cache and the base's results are kept under
	warm     bool   // the cache is prepared
	checks   []incident.Check
	commitID string
}

// stopped is why a proof can't go on; its text is in our own words.
type stopped struct{ why string }

func (s stopped) Error() string { return s.why }

func (r *Repairer) newProver(ctx context.Context, w *workbench, sc *scratch) (*prover, error) {
	p := &prover{r: r, repo: w.repo, scratch: sc, commitID: w.base, key: cacheKey(w)}
	dir, err := sc.sub("base")
	if err != nil {
		return nil, err
	}
	p.base = dir
	if err := w.store.Export(ctx, w.base, dir); err != nil {
		return nil, err
	}
	p.cache = filepath.Join(r.dir, "cache", p.key)
	if _, err := os.Stat(p.cache); err == nil {
		p.warm = true
		now := r.now()
		return p, os.Chtimes(p.cache, now, now) // the oldest is dropped first
	}
	return p, nil
}

// cacheKey names the dependencies: the files that decide them, and the commands that fetch them.
func cacheKey(w *workbench) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n%q\n", w.repo.Path, w.repo.Prepare)
	for _, e := range w.entries {
		if lockFile(e.Path) {
			fmt.Fprintf(h, "%q %s\n", e.Path, e.ID)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// prepare fetches dependencies and shows that the base is sound. It does both only where that is not known already.
func (p *prover) prepare(ctx context.Context) error {
	if !p.warm {
		if err := p.fill(ctx); err != nil {
			return err
		}
	}
	key := fmt.Sprintf("%s %s %q", p.key, p.commitID, p.repo.Verify)
	if p.warm {
		p.r.mu.Lock()
		known, ok := p.r.passed[key]
		p.r.mu.Unlock()
		if ok {
			p.checks = append(p.checks, known...)
			return nil
		}
	}
	from := len(p.checks)
	ok, _, err := p.run(ctx, incident.StageBase, p.repo.Verify, []string{p.base}, true, false)
	if err != nil {
		return err
	}
	if !ok {
		return stopped{"the verify commands fail on the base already, so that they can't prove anything"}
	}
	p.warm = true
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if len(p.r.passed) >= maxPassed {
		clear(p.r.passed)
	}
	p.r.passed[key] = slices.Clone(p.checks[from:])
	return nil
}

// fill makes the cache. It takes its name only when every command has passed.
func (p *prover) fill(ctx context.Context) error {
	final := p.cache
	p.cache = filepath.Join(p.scratch.dir, "cache")
	if err := os.Mkdir(p.cache, 0o700); err != nil {
		return err
	}
	ok, _, err := p.run(ctx, incident.StagePrepare, p.repo.Prepare, []string{p.base}, true, true)
	if err != nil {
		return err
	}
	if !ok {
		return stopped{"the prepare commands fail on the base"}
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o700); err != nil {
		return err
	}
	if err := os.Rename(p.cache, final); err != nil {
		return err
	}
	p.cache = final
	return p.r.dropCaches(p.key)
}

// dropCaches keeps the caches that were used last.
func (r *Repairer) dropCaches(keep string) error {
	dir := filepath.Join(r.dir, "cache")
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type cache struct {
		name string
		used time.Time
	}
	var all []cache
	for _, n := range names {
		if fi, err := n.Info(); err == nil && n.Name() != keep {
			all = append(all, cache{n.Name(), fi.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b cache) int { return b.used.Compare(a.used) })
	for _, c := range all[min(len(all), maxCaches-1):] {
		err = errors.Join(err, removeAll(filepath.Join(dir, c.name)))
	}
	return err
}

// run runs commands until one fails. It says whether all passed, and gives the last check.
func (p *prover) run(ctx context.Context, stage string, commands [][]string, layers []string, writable, network bool) (bool, incident.Check, error) {
	var last incident.Check
	for _, argv := range commands {
		env := make(map[string]string, len(cacheEnv)+2)
		for k, v := range cacheEnv {
			env[k] = v
		}
		if !network {
			env["GOPROXY"], env["npm_config_offline"] = "off", "true"
		}
		res, err := p.r.sandbox.Run(ctx, sandbox.Job{
			Layers: layers, Argv: argv, Env: env, Network: network,
			Mounts: []sandbox.Mount{{Host: p.cache, Inside: cacheInside, Writable: writable}},
		})
		if ctx.Err() != nil {
			return false, last, ctx.Err()
		}
		if err != nil {
			p.r.log.Warn("the sandbox failed", "stage", stage, "error", err)
			return false, last, stopped{"the sandbox failed: " + incident.CutText(incident.PrintableLine(p.r.redact(err.Error())), 300)}
		}
		last = incident.Check{Stage: stage, Argv: argv, Exit: res.Exit, Reason: res.Reason, Output: p.r.ending(res.Output), Duration: res.Duration}
		p.checks = append(p.checks, last)
		if !last.Passed() {
			return false, last, nil
		}
	}
	return true, last, nil
}

// ending redacts an output and gives its end.
func (r *Repairer) ending(out string) string {
	out = r.redact(out)
	if len(out) <= maxOutput {
		return out
	}
	out = out[len(out)-maxOutput:]
	// Half a line at the beginning could be half a secret.
	if i := strings.IndexByte(out, '\n'); i >= 0 && i < maxOutput/2 {
		return "...\n" + out[i+1:]
	}
	i := strings.IndexAny(out, " \t")
	return "... " + out[i+1:]
}

// layer writes files of a commit that are in the list below a directory of their own.
func (p *prover) layer(ctx context.Context, w *workbench, name, commit string, paths []string) (string, error) {
	entries, err := w.store.Tree(ctx, commit)
	if err != nil {
		return "", err
	}
	dir, err := p.scratch.sub(name)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, e := range entries {
		if !slices.Contains(paths, e.Path) {
			continue
		}
		b, err := w.store.Blob(ctx, e.ID, maxEditedFile*2)
		if err != nil {
			return "", err
		}
		if err := root.MkdirAll(filepath.Dir(e.Path), 0o755); err != nil {
			return "", err
		}
		mode := os.FileMode(0o644)
		if e.Mode == git.ModeExecutable {
			mode = 0o755
		}
		if err := root.WriteFile(e.Path, b, mode); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// verdict is what a proof of one change said.
type verdict struct {
	verified, reproduced bool
	failed               *incident.Check // what failed of the whole change
	unproven             string          // why the tests prove nothing, in our own words
	doubt                string          // why the commands prove nothing although they pass
	checks               []incident.Check
}

// notBuilt knows outputs of tests that did not even build, load or get found: such a failure is none of the code under test.
var notBuilt = regexp.MustCompile(`\[(build|setup) failed\]|(?m)^(ImportError|ModuleNotFoundError|SyntaxError|IndentationError|TabError)\b|ImportError while (importing|loading)|` +
	`error(s)? during collection|ImportError: Failed to import test module|^E\s+(ImportError|ModuleNotFoundError|SyntaxError)|Cannot find module|SyntaxError: |COMPILATION ERROR|` +
	`could not compile|error TS\d+|error CS\d+|error\[E\d+\]|LoadError|cannot load such file|Test suite failed to run|no tests ran|unresolved reference`)

// prove runs a commit against the base. name is for its directories.
func (p *prover) prove(ctx context.Context, w *workbench, name string, change *incident.Change, exception string) (verdict, error) {
	var v verdict
	before := len(p.checks)
	defer func() { p.checks = p.checks[:before] }()
	if len(change.Tests) > 0 {
		tests, err := p.layer(ctx, w, name+"-tests", change.Commit, change.Tests)
		if err != nil {
			return v, err
		}
		ok, last, err := p.run(ctx, incident.StageReproduce, p.repo.Verify, []string{p.base, tests}, false, false)
		if err != nil {
			return v, err
		}
		switch {
		case ok:
			v.unproven = "the tests of the change pass without the fix too"
		case last.Reason != "" && !strings.HasPrefix(last.Reason, "signal"):
			v.unproven = "without the fix the tests of the change do not fail but end by: " + last.Reason
		case notBuilt.MatchString(p.unusual(last.Output)) && !aboutImports(exception):
			v.unproven = "without the fix the tests of the change do not build or load, so that they show nothing"
		default:
			v.reproduced = true
		}
	} else {
		v.unproven = "the change has no test"
	}
	all, err := p.layer(ctx, w, name+"-all", change.Commit, change.Files)
	if err != nil {
		return v, err
	}
	ok, last, err := p.run(ctx, incident.StagePatched, p.repo.Verify, []string{p.base, all}, false, false)
	if err != nil {
		return v, err
	}
	v.verified = ok
	v.checks = slices.Clone(p.checks)
	if !ok {
		v.failed, v.reproduced = &last, false
		return v, nil
	}
	if v.doubt, err = p.doubt(ctx, w, name, change, all); err != nil {
		return v, err
	}
	if v.doubt != "" {
		v.verified, v.reproduced = false, false
	}
	return v, nil
}

// unusual gives the lines of an output that the commands did not write on the base, where they passed: what a project always says
// (that a package has no tests, or which error a test expects) is no sign of anything.
func (p *prover) unusual(output string) string {
	usual := map[string]bool{}
	for _, c := range p.checks {
		if c.Stage == incident.StageBase {
			for line := range strings.Lines(c.Output) {
				usual[line] = true
			}
		}
	}
	var b strings.Builder
	for line := range strings.Lines(output) {
		if !usual[line] {
			b.WriteString(line)
		}
	}
	return b.String()
}

// aboutImports says that the incident itself is code that does not load.
func aboutImports(exception string) bool {
	for _, s := range []string{"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "LoadError", "NameError"} {
		if strings.Contains(exception, s) {
			return true
		}
	}
	return false
}
